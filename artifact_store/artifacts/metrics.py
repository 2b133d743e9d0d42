"""The numbers that the versions of a key carry: where they are found, and the statements that read them.

A version's numbers have names: `data` when its data is a number, `data.x` for a number in an object,
`metadata.x`, and `rows` of a table. To know which there are, only small things are read: metadata, the profile
of a table, and data of up to 16 KB. What is asked by name is read whatever its size, a few versions at a time.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from peewee import JOIN, SQL, Case, fn
from pydantic_core import from_json

from ..db.artifact_tables import Artifact, ArtifactCollection
from ..db.damage import Reading
from ..db.statements import Expression, Query, Statements, slot
from ..errors import InvalidArtifact, InvalidQuery
from ..rendering.context import Point
from ..tables.rows import rows_of
from ..wording import shown

__all__ = [
    "WINDOW",
    "Version",
    "best_first",
    "full_name",
    "newest",
    "newest_of_keys",
    "points",
    "points_of",
]

WINDOW = 50  # versions that are looked at to know which numbers there are

_A, _C = Artifact, ArtifactCollection
_SMALL = 16_384  # characters of data that are read without being asked for
_LONGEST_NUMBER = 400  # digits; no float has more before its point
_WITHOUT_NUMBERS = ("markdown", "image", "link")


class Version(NamedTuple):
    """The numbers of one version, by name."""

    version: int
    created: datetime
    numbers: dict[str, float]


def _time(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _number(value: Any) -> float | None:
    """Return a number as a float, `None` for anything else and for what no float can hold."""
    with contextlib.suppress(OverflowError):
        return float(value) if type(value) in (int, float) else None
    return None


def _members(prefix: str, value: Any) -> Iterator[tuple[str, float]]:
    for name, member in value.items() if isinstance(value, dict) else ():
        number = _number(member)
        if number is not None:
            yield f"{prefix}.{name}", number


def _row_count(profile: Any, data: Any) -> float | None:
    if isinstance(profile, dict) and "rows" in profile:
        return _number(profile["rows"])
    with contextlib.suppress(InvalidArtifact):
        return float(len(rows_of(data)))
    return None


def _json(text: str | None) -> Any:
    return None if text is None else from_json(text)


def full_name(field: object) -> str:
    """Return the full name of a number; a name without a prefix stands for a number in the metadata.

    Raises:
        InvalidQuery: it is not a name.

    Examples:
        >>> full_name("rows"), full_name("loss")
        ('rows', 'metadata.loss')
    """
    if not isinstance(field, str) or not field:
        raise InvalidQuery(
            f"Invalid field {shown(field)}: expected the name of a number, such as data, rows or metadata.loss."
        )
    if field in ("data", "rows") or field.startswith(("data.", "metadata.")):
        return field
    return f"metadata.{field}"


# --- Of one key, and of many ---


def _glance(db: Statements) -> tuple[Expression, ...]:
    """Return the columns that tell which numbers a version has, without what is large."""
    kind = fn.COALESCE(_A.type, "")
    # A table that has a profile is not read at all.
    worth_reading = (
        _A.profile.is_null()
        & kind.not_in(_WITHOUT_NUMBERS)
        & db.dialect.is_at_most(_A.data, _SMALL)
    )
    return (
        _A.version,
        _A.created,
        _A.type,
        _A.metadata,
        _A.profile,
        Case(None, ((worth_reading, _A.data),)),
    )


def _version(row: Sequence[Any]) -> Version:
    version, created, kind, metadata, profile, text = row
    data = _json(text)
    numbers = dict(_members("metadata", _json(metadata)))
    if (number := _number(data)) is not None:
        numbers["data"] = number
    if kind == "table" or profile is not None:
        if (rows := _row_count(_json(profile), data)) is not None:
            numbers["rows"] = rows
    else:
        numbers.update(_members("data", data))
    return Version(version, _time(created), numbers)


def newest(db: Statements, key: str, limit: int) -> list[Version]:
    """Return the newest versions of a key, oldest first."""

    def build() -> Query:
        of_key = _A.select(*_glance(db)).where(_A.key == slot("key"))
        return of_key.order_by(_A.version.desc()).limit(slot("limit"))

    rows = db.fetch_all("figures.newest", build, {"key": key, "limit": limit})
    with Reading(f"A version of {key}"):
        return [_version(row) for row in reversed(rows)]


def newest_of_keys(db: Statements, keys: Sequence[str], limit: int) -> dict[str, list[Version]]:
    """Return the newest versions of each of many keys, oldest first, by one statement."""
    values = {"keys": db.dialect.bind_list(keys), "limit": limit, "skipped": limit - 1}
    build = _each_key_by_limit if db.dialect.has_lateral_joins else _each_key_from_first
    found: dict[str, list[Version]] = {}
    rows = db.fetch_all("figures.newest_of_keys", lambda: build(db), values)
    with Reading("A version of the keys"):
        for key, *row in rows:
            found.setdefault(key, []).append(_version(row))
        return {key: sorted(versions) for key, versions in found.items()}


def _each_key_by_limit(db: Statements) -> Query:
    """Read so many of each key; PostgreSQL may not join with all artifacts, because it limits before it joins."""
    glance = [column.alias(f"column_{place}") for place, column in enumerate(_glance(db))]
    newest = (
        _A.select(*glance)
        .where(_A.key == _C.key)
        .order_by(_A.version.desc())
        .limit(slot("limit"))
        .alias("newest")
    )
    columns = [getattr(newest.c, f"column_{place}") for place in range(len(glance))]
    query = _C.select(_C.key, *columns).join(newest, JOIN.LATERAL, on=SQL("TRUE"))
    return query.where(db.dialect.is_in(_C.key, slot("keys")))


def _each_key_from_first(db: Statements) -> Query:
    """Find the first version of each key that is wanted, and read from there; SQLite cannot limit each key."""
    older = _A.alias("older")
    first = older.select(older.version).where(older.key == _C.key).order_by(older.version.desc())
    from_first = _A.version >= fn.COALESCE(first.limit(1).offset(slot("skipped")), SQL("1"))
    query = _C.select(_C.key, *_glance(db)).join(_A, on=((_A.key == _C.key) & from_first))
    return query.where(db.dialect.is_in(_C.key, slot("keys")))


def best_first(versions: Iterable[Version]) -> list[str]:
    """Return the names of the numbers of some versions, the most telling first.

    A number that varies comes before one that is always the same, one that more versions have before a rarer one,
    and then the data itself before metadata, members of the data and the number of rows.

    Examples:
        >>> time = datetime(2026, 11, 24)
        >>> best_first(Version(n, time, {"rows": 3 + n, "metadata.loss": 1 / n, "metadata.seed": 7}) for n in (1, 2))
        ['metadata.loss', 'rows', 'metadata.seed']
    """
    values: dict[str, list[float]] = {}
    for version in versions:
        for name, number in version.numbers.items():
            values.setdefault(name, []).append(number)
    kinds = ("data", "metadata", "data.", "rows")

    def rank(name: str) -> tuple[bool, int, int]:
        kind = "data." if name.startswith("data.") else name.partition(".")[0]
        return len(set(values[name])) == 1, -len(values[name]), kinds.index(kind)

    return sorted(values, key=rank)


def points_of(versions: Iterable[Version], field: str | None) -> list[Point]:
    """Return the points of one number in versions that were read."""
    return [
        Point(each.version, each.created, each.numbers[field])
        for each in versions
        if field in each.numbers
    ]


# --- One number, by name ---


class _Source(NamedTuple):
    """How one number is read.

    Attributes:
        columns: what is read of each version.
        number: finds the number in that.
        page: how many versions are read at a time.
    """

    columns: tuple[Query, ...]
    number: Callable[..., float | None]
    page: int


def _source(db: Statements, field: str) -> _Source:
    where, _, name = field.partition(".")
    if field == "rows":
        uncounted = _A.profile.is_null() & (_A.type == "table")
        columns = _A.profile, Case(None, ((uncounted, _A.data),))
        return _Source(columns, lambda profile, data: _row_count(_json(profile), _json(data)), 50)
    if field == "data":
        return _Source(
            (Case(None, ((db.dialect.is_at_most(_A.data, _LONGEST_NUMBER), _A.data),)),),
            lambda data: _number(_json(data)),
            1000,
        )
    column, page = (_A.data, 20) if where == "data" else (_A.metadata, 1000)

    def member(text: str | None) -> float | None:
        value = _json(text)
        return _number(value.get(name)) if isinstance(value, dict) else None

    return _Source((column,), member, page)


def points(db: Statements, key: str, field: str, limit: int | None) -> list[Point]:
    """Return the newest points of one number of a key, oldest first."""
    source = _source(db, field)
    kind = field if field in ("rows", "data") else field.partition(".")[0] + "."

    def build() -> Query:
        query = _A.select(_A.version, _A.created, *source.columns)
        query = query.where((_A.key == slot("key")) & (_A.version < slot("before")))
        return query.order_by(_A.version.desc()).limit(slot("page"))

    size = source.page if limit is None else min(source.page, max(limit, 20))
    found: list[Point] = []
    before = 2**63 - 1
    while limit is None or len(found) < limit:
        rows = db.fetch_all(
            ("figures.points", kind), build, {"key": key, "before": before, "page": size}
        )
        with Reading(f"A version of {key}"):
            for version, created, *columns in rows:
                number = source.number(*columns)
                if number is not None:
                    found.append(Point(version, _time(created), number))
        if len(rows) < size:
            break
        before = rows[-1][0]
    return found[:limit][::-1]
