"""What a notebook shows of a store: how much there is, counted up to a limit, and the newest artifacts."""

from collections.abc import Callable
from typing import NamedTuple

from peewee import SQL, Select, fn

from ..db.artifact_tables import Artifact as ArtifactTable
from ..db.artifact_tables import ArtifactCollection
from ..db.migrate import schema_version
from ..db.statements import Query, Statements, slot
from ..schemas.artifacts import Artifact
from . import queries

__all__ = ["Overview", "read_overview"]

_MOST_COUNTED = 10_000  # a count of millions of rows takes seconds
_MOST_SHOWN = 5


class Overview(NamedTuple):
    """What a store holds.

    Attributes:
        artifacts: how many artifacts there are, in words.
        keys: how many keys there are, in words.
        schema: the newest migration of its tables.
        newest: the newest artifacts, without data.
    """

    artifacts: str
    keys: str
    schema: str | None
    newest: list[Artifact]


def read_overview(db: Statements) -> Overview:
    """Return what a store holds, in a time that does not grow with it."""
    newest = db.fetch_all("overview.newest", newest_query, {"limit": _MOST_SHOWN})
    return Overview(
        artifacts=count_up_to(db, "overview.artifacts", artifacts_query),
        keys=count_up_to(db, "overview.keys", keys_query),
        schema=schema_version(db),
        newest=queries.ROWS.values(newest),
    )


def newest_query() -> Query:
    """Build the SELECT of the newest artifacts."""
    newest_first = ArtifactTable.id.desc()
    return (
        ArtifactTable.select(*queries.COLUMNS_WITHOUT_DATA)
        .order_by(newest_first)
        .limit(slot("limit"))
    )


def artifacts_query() -> Query:
    """Build the SELECT that counts artifacts, up to a limit."""
    some = ArtifactTable.select(ArtifactTable.id).limit(slot("limit")).alias("some")
    return Select([some], [fn.COUNT(SQL("*"))])


def keys_query() -> Query:
    """Build the SELECT that counts the keys that have artifacts, up to a limit."""
    has_artifacts = ArtifactCollection.latest_id.is_null(False)
    keys = ArtifactCollection.select(ArtifactCollection.key).where(has_artifacts)
    return Select([keys.limit(slot("limit")).alias("some")], [fn.COUNT(SQL("*"))])


def count_up_to(db: Statements, name: str, build: Callable[[], Query]) -> str:
    """Return a count in words; of more than the limit only that it is more."""
    row = db.fetch_one(name, build, {"limit": _MOST_COUNTED + 1})
    number = 0 if row is None else int(row[0])
    return f"more than {_MOST_COUNTED:,}" if number > _MOST_COUNTED else f"{number:,}"
