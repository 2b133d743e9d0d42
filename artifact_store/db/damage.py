"""Errors for rows that cannot be read; each names its row."""

from collections.abc import Mapping
from types import TracebackType

from ..errors import StoreDamaged

__all__ = ["Parsing", "damaged", "row_name", "unreadable_row"]

_LONGEST_NAME = 80

_PARSE_ERRORS = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


class Parsing:
    """A block that parses rows of the database, and raises `StoreDamaged` if it cannot."""

    __slots__ = ("_subject",)

    def __init__(self, subject: str) -> None:
        """Take what is parsed, as the subject of a sentence."""
        self._subject = subject

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Raise `StoreDamaged` for an error of parsing."""
        if isinstance(error, TypeError | AttributeError):
            raise damaged(self._subject, "a value is of the wrong type") from error
        if isinstance(error, _PARSE_ERRORS):
            raise damaged(self._subject, str(error)) from error


def damaged(subject: str, reason: str) -> StoreDamaged:
    """Return the error that says what cannot be read and why."""
    return StoreDamaged(
        f"{subject} cannot be read ({reason.rstrip('.')}): run verify, and restore the database from a copy."
    )


def unreadable_row(kind: str, row: Mapping[str, object], column: str, reason: str) -> StoreDamaged:
    """Return the error of one row, with its name and the column that cannot be read."""
    name = row_name(row)
    error = StoreDamaged(
        f"The {kind} {name or 'without an id'} is damaged: its {column} cannot be read ({reason.rstrip('.')}): "
        f"restore the database from a copy, or update or delete the {kind}."
    )
    error.name = name
    return error


def row_name(row: Mapping[str, object]) -> str:
    """Return how messages name a row: `key@version`, or else its id, key or name, or nothing."""
    key = row.get("key")
    version = row.get("version")
    if isinstance(key, str) and key and isinstance(version, int):
        return printable_name(f"{key}@{version}")

    for column in ("id", "key", "name"):
        if row.get(column):
            return printable_name(str(row[column]))
    return ""


def printable_name(name: str) -> str:
    """Return a name short and without control characters; in a damaged file it may be any text."""
    plain = name.encode("utf-8", "replace").decode()
    if plain.isprintable() and len(plain) <= _LONGEST_NAME:
        return plain
    return f"{plain!r:.{_LONGEST_NAME}}"
