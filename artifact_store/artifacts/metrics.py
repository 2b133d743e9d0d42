"""The numbers of the versions of a key: what they are called, and the statements that read them.

A number has a name: `data` when the data of a version is a number, `data.x` for a number in an
object, `metadata.x`, and `rows` for the number of rows of a table. To find the names, only small
columns are read: metadata, profiles, and data of up to 16 KB. A number that is requested by its
name is read even if its data is large, a few versions at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from peewee import JOIN, SQL, Case, fn
from pydantic_core import from_json

from ..db.artifact_tables import Artifact, ArtifactCollection
from ..db.damage import Parsing
from ..db.statements import Expression, Query, Statements, slot
from ..errors import InvalidArtifact, InvalidQuery
from ..jsonable.encoders import MAX_INT64
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

WINDOW = 50
"""The number of versions that are read to find the names of the numbers of a key."""

_SMALL = 16_384  # characters of data that are read to find names
_LONGEST_NUMBER = 400  # characters; no float has more digits before its point
_WITHOUT_NUMBERS = ("markdown", "image", "link")


class Version(NamedTuple):
    """The numbers of one version, by name."""

    version: int
    created: datetime
    numbers: dict[str, float]


# --- Names and values ---


def full_name(field: object) -> str:
    """Return the full name of a number; a name without a prefix is that of a number in metadata.

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


def as_number(value: object) -> float | None:
    """Return a number as a float; `None` for anything else, and if it is too large for a float."""
    # A bool is an int too, and not a number of anything.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def numbers_in(value: object, prefix: str) -> Iterator[tuple[str, float]]:
    """Yield the names and values of the numbers in an object."""
    if not isinstance(value, dict):
        return
    for name, member in value.items():
        number = as_number(member)
        if number is not None:
            yield f"{prefix}.{name}", number


def row_count(profile: object, data: object) -> float | None:
    """Return the number of rows of a table, from its profile if there is one."""
    if isinstance(profile, dict) and "rows" in profile:
        return as_number(profile["rows"])
    try:
        return float(len(rows_of(data)))
    except InvalidArtifact:
        return None


def parse_json(text: str | None) -> object:
    """Return the value of a JSON column; `None` for NULL."""
    return None if text is None else from_json(text)


def parse_time(value: datetime | str) -> datetime:
    """Return the time in a column, which is text on SQLite."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


# --- All small numbers of the newest versions ---


def small_columns(db: Statements) -> tuple[Expression, ...]:
    """Return the columns that `parse_version` reads, with NULL in the place of large data."""
    # A table that has a profile is not read at all.
    is_read = (
        Artifact.profile.is_null()
        & fn.COALESCE(Artifact.type, "").not_in(_WITHOUT_NUMBERS)
        & db.dialect.is_at_most(Artifact.data, _SMALL)
    )
    small_data = Case(None, ((is_read, Artifact.data),))
    return (
        Artifact.version,
        Artifact.created,
        Artifact.type,
        Artifact.metadata,
        Artifact.profile,
        small_data,
    )


def parse_version(
    version: int,
    created: datetime | str,
    kind: str | None,
    metadata: str | None,
    profile: str | None,
    data: str | None,
) -> Version:
    """Return the numbers of a version, from the columns of `small_columns`."""
    numbers = dict(numbers_in(parse_json(metadata), "metadata"))
    value = parse_json(data)
    number = as_number(value)
    if number is not None:
        numbers["data"] = number

    if kind == "table" or profile is not None:
        rows = row_count(parse_json(profile), value)
        if rows is not None:
            numbers["rows"] = rows
    else:
        numbers.update(numbers_in(value, "data"))
    return Version(version, parse_time(created), numbers)


def newest(db: Statements, key: str, limit: int) -> list[Version]:
    """Return the newest versions of a key, oldest first."""

    def build() -> Query:
        return (
            Artifact.select(*small_columns(db))
            .where(Artifact.key == slot("key"))
            .order_by(Artifact.version.desc())
            .limit(slot("limit"))
        )

    rows = db.fetch_all("metrics.newest", build, {"key": key, "limit": limit})
    with Parsing(f"A version of {key}"):
        return [parse_version(*row) for row in reversed(rows)]


def newest_of_keys(db: Statements, keys: Sequence[str], limit: int) -> dict[str, list[Version]]:
    """Return the newest versions of each of many keys, oldest first, with one statement."""
    values = {
        "keys": db.dialect.bind_list(keys),
        "limit": limit,
        "skipped": limit - 1,
    }
    build = limit_each_key_query if db.dialect.has_lateral_joins else first_of_each_key_query
    rows = db.fetch_all("metrics.newest_of_keys", partial(build, db), values)

    found: dict[str, list[Version]] = {}
    with Parsing("A version of the keys"):
        for key, *columns in rows:
            found.setdefault(key, []).append(parse_version(*columns))
        return {key: sorted(versions) for key, versions in found.items()}


def limit_each_key_query(db: Statements) -> Query:
    """Build a statement with a limit for each key, which PostgreSQL applies before it joins."""
    columns = [column.alias(f"column_{n}") for n, column in enumerate(small_columns(db))]
    newest = (
        Artifact.select(*columns)
        .where(Artifact.key == ArtifactCollection.key)
        .order_by(Artifact.version.desc())
        .limit(slot("limit"))
        .alias("newest")
    )
    selected = [getattr(newest.c, f"column_{n}") for n in range(len(columns))]
    is_wanted = db.dialect.is_in(ArtifactCollection.key, slot("keys"))
    return (
        ArtifactCollection.select(ArtifactCollection.key, *selected)
        .join(newest, JOIN.LATERAL, on=SQL("TRUE"))
        .where(is_wanted)
    )


def first_of_each_key_query(db: Statements) -> Query:
    """Build a statement that finds the first version to read of each key.

    SQLite has no limit for each key.
    """
    older = Artifact.alias("older")
    first = (
        older.select(older.version)
        .where(older.key == ArtifactCollection.key)
        .order_by(older.version.desc())
        .limit(1)
        .offset(slot("skipped"))
    )
    has_key = Artifact.key == ArtifactCollection.key
    is_read = Artifact.version >= fn.COALESCE(first, SQL("1"))
    is_wanted = db.dialect.is_in(ArtifactCollection.key, slot("keys"))
    return (
        ArtifactCollection.select(ArtifactCollection.key, *small_columns(db))
        .join(Artifact, on=(has_key & is_read))
        .where(is_wanted)
    )


def best_first(versions: Iterable[Version]) -> list[str]:
    """Return the names of the numbers of some versions, the most informative first.

    A number that varies comes before one that is always the same, and one that more versions have
    before one that fewer have. Among equals the data itself comes before metadata, members of the
    data and the number of rows.

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
        is_constant = len(set(values[name])) == 1
        return is_constant, -len(values[name]), kinds.index(kind)

    return sorted(values, key=rank)


def points_of(versions: Iterable[Version], field: str | None) -> list[Point]:
    """Return the points of one number in versions that have been read."""
    found = []
    for version in versions:
        if field in version.numbers:
            found.append(Point(version.version, version.created, version.numbers[field]))
    return found


# --- One number, by name ---


class NumberSource(NamedTuple):
    """How one number is read.

    Attributes:
        columns: the columns to select.
        parse: returns the number in the texts of these columns.
        page_size: the number of versions that are read with one statement.
    """

    columns: tuple[Query, ...]
    parse: Callable[..., float | None]
    page_size: int


def source_of(db: Statements, field: str) -> NumberSource:
    """Return how the number with this full name is read."""
    if field == "rows":
        is_uncounted = Artifact.profile.is_null() & (Artifact.type == "table")
        data = Case(None, ((is_uncounted, Artifact.data),))
        return NumberSource((Artifact.profile, data), parse_row_count, page_size=50)
    if field == "data":
        is_short = db.dialect.is_at_most(Artifact.data, _LONGEST_NUMBER)
        data = Case(None, ((is_short, Artifact.data),))
        return NumberSource((data,), parse_number, page_size=1000)

    column, _, name = field.partition(".")
    parse = partial(parse_member, name)
    if column == "data":
        return NumberSource((Artifact.data,), parse, page_size=20)
    return NumberSource((Artifact.metadata,), parse, page_size=1000)


def parse_row_count(profile: str | None, data: str | None) -> float | None:
    """Return the number of rows of a table."""
    return row_count(parse_json(profile), parse_json(data))


def parse_number(text: str | None) -> float | None:
    """Return the number that a JSON text consists of."""
    return as_number(parse_json(text))


def parse_member(name: str, text: str | None) -> float | None:
    """Return a number in the object that a JSON text consists of."""
    value = parse_json(text)
    return as_number(value.get(name)) if isinstance(value, dict) else None


def points(db: Statements, key: str, field: str, limit: int | None) -> list[Point]:
    """Return the newest points of one number of a key, oldest first."""
    source = source_of(db, field)
    kind = field if field in ("rows", "data") else field.partition(".")[0] + "."

    def build() -> Query:
        return (
            Artifact.select(Artifact.version, Artifact.created, *source.columns)
            .where(Artifact.key == slot("key"), Artifact.version < slot("before"))
            .order_by(Artifact.version.desc())
            .limit(slot("page_size"))
        )

    page_size = source.page_size
    if limit is not None:
        page_size = min(page_size, max(limit, 20))  # a few versions may lack the number

    found: list[Point] = []
    before = MAX_INT64
    while limit is None or len(found) < limit:
        values = {"key": key, "before": before, "page_size": page_size}
        rows = db.fetch_all(("metrics.points", kind), build, values)
        with Parsing(f"A version of {key}"):
            for version, created, *texts in rows:
                number = source.parse(*texts)
                if number is not None:
                    found.append(Point(version, parse_time(created), number))
        if len(rows) < page_size:
            break
        before = rows[-1][0]
    return found[:limit][::-1]
