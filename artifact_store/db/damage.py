"""Errors for rows that cannot be read; each names its row."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from ..errors import StoreDamaged

__all__ = ["Reading", "damaged", "name_of", "unreadable"]

_LONGEST_NAME = 80


class Reading:
    """A block in which what the database holds becomes values: what cannot be parsed is one `StoreDamaged`."""

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        """Take what is read, as the subject of a sentence."""
        self._what = what

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Raise `StoreDamaged` for whatever parsing raises."""
        if isinstance(
            error,
            ValueError
            | TypeError
            | LookupError
            | AttributeError
            | ArithmeticError
            | RecursionError,
        ):
            why = (
                "a value is of the wrong type"
                if isinstance(error, TypeError | AttributeError)
                else str(error)
            )
            raise damaged(self._what, why) from error


def damaged(what: str, why: str) -> StoreDamaged:
    """Return the error that says what cannot be read and why."""
    return StoreDamaged(
        f"{what} cannot be read ({why.rstrip('.')}): run verify, and restore the database from a copy."
    )


def unreadable(kind: str, row: Mapping[str, Any], field: str, why: str) -> StoreDamaged:
    """Return the error of one row, with its name and the field that cannot be read."""
    name = name_of(row)
    error = StoreDamaged(
        f"The {kind} {name or 'without an id'} is damaged: its {field} cannot be read ({why.rstrip('.')}): "
        f"restore the database from a copy, or update or delete the {kind}."
    )
    error.name = name
    return error


def name_of(row: Mapping[str, Any]) -> str:
    """Return what a row is called: `key@version`, else its id, else its name; empty where nothing is known."""
    key, version = row.get("key"), row.get("version")
    if isinstance(key, str) and key and isinstance(version, int):
        return _shown(f"{key}@{version}")
    return next((_shown(str(row[name])) for name in ("id", "key", "name") if row.get(name)), "")


def _shown(name: str) -> str:
    """Return a name that may be anything, as short text without control characters."""
    plain = name.encode("utf-8", "replace").decode()
    return (
        plain
        if plain.isprintable() and len(plain) <= _LONGEST_NAME
        else f"{plain!r:.{_LONGEST_NAME}}"
    )
