"""Statements over single artifacts, named by their ids or keys: insert, read, update, delete."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any
from uuid import UUID

from peewee import SQL

from ..db import artifact_tables
from ..db.artifact_tables import ArtifactCollection
from ..db.damage import Reading
from ..db.rows import Rows
from ..db.statements import Query, Statements, Values, slot
from ..schemas import artifacts as schemas

__all__ = [
    "COLUMNS",
    "COLUMNS_WITHOUT_DATA",
    "ROWS",
    "Row",
    "delete",
    "delete_many",
    "insert",
    "insert_many",
    "lock_without_key",
    "read",
    "read_latest",
    "read_many",
    "read_version",
    "read_versions",
]

_A = artifact_tables.Artifact
ROWS = Rows(schemas.Artifact)
COLUMNS = tuple(getattr(_A, name) for name in ROWS.names)

COLUMNS_WITHOUT_DATA = tuple(
    SQL("NULL").alias(name) if name in ("data", "profile") else getattr(_A, name)
    for name in ROWS.names
)
"""The columns of an artifact, with NULL in the place of data and profile, which may be large."""

Row = dict[str, Any]
"""A row of the artifact table, by column."""


def insert(db: Statements, row: Row) -> None:
    """Insert one artifact, given by column."""
    db.execute("artifacts.insert", _insert, row)


def insert_many(db: Statements, rows: Sequence[Row]) -> None:
    """Insert many artifacts, given by column."""
    if db.dialect.copies_rows:
        db.engine.copy("artifact", ROWS.names, map(itemgetter(*ROWS.names), rows))
    else:
        db.execute_many("artifacts.insert", _insert, rows)


def _insert() -> Query:
    return _A.insert({getattr(_A, name): slot(name) for name in ROWS.names})


def read(db: Statements, artifact_id: UUID) -> schemas.Artifact | None:
    """Return an artifact by id."""
    return _one(
        db,
        "artifacts.read",
        lambda: _A.select(*COLUMNS).where(_A.id == slot("id")),
        {"id": str(artifact_id)},
    )


def read_many(db: Statements, ids: Sequence[UUID]) -> list[schemas.Artifact]:
    """Return the artifacts that exist among some ids."""

    def build() -> Query:
        return _A.select(*COLUMNS).where(db.dialect.is_in(_A.id, slot("ids")))

    return ROWS.values(
        db.fetch_all("artifacts.read_many", build, {"ids": db.dialect.bind_list(ids)})
    )


def read_latest(db: Statements, key: str) -> schemas.Artifact | None:
    """Return the latest artifact of a key, through the collection table."""

    def build() -> Query:
        pointed = _A.select(*COLUMNS).join(
            ArtifactCollection, on=(ArtifactCollection.latest_id == _A.id)
        )
        return pointed.where(ArtifactCollection.key == slot("key"))

    return _one(db, "artifacts.latest", build, {"key": key})


def read_version(db: Statements, key: str, version: int) -> schemas.Artifact | None:
    """Return one version of a key."""

    def build() -> Query:
        return _A.select(*COLUMNS).where((_A.key == slot("key")) & (_A.version == slot("version")))

    return _one(db, "artifacts.version", build, {"key": key, "version": version})


def read_versions(db: Statements, key: str, limit: int | None) -> list[schemas.Artifact]:
    """Return the newest versions of a key, newest first, without data and profile."""

    def build() -> Query:
        versions = _A.select(*COLUMNS_WITHOUT_DATA).where(_A.key == slot("key"))
        return versions.order_by(_A.version.desc()).limit(slot("limit"))

    limit = db.dialect.unlimited if limit is None else limit
    return ROWS.values(db.fetch_all("artifacts.versions", build, {"key": key, "limit": limit}))


def _one(db: Statements, key: str, build: Any, values: Values) -> schemas.Artifact | None:
    row = db.fetch_one(key, build, values)
    return None if row is None else ROWS.value(row)


def delete(db: Statements, artifact_id: str, key: str | None) -> bool:
    """Delete an artifact that has this key, or none; tell whether there was one."""
    if key is None:
        return (
            db.execute("artifacts.delete_without_key", _delete_without_key, {"id": artifact_id}) > 0
        )
    return db.execute("artifacts.delete", _delete_of_key, {"id": artifact_id, "key": key}) > 0


def _delete_without_key() -> Query:
    return _A.delete().where((_A.id == slot("id")) & _A.key.is_null())


def _delete_of_key() -> Query:
    return _A.delete().where((_A.id == slot("id")) & (_A.key == slot("key")))


def delete_many(db: Statements, ids: Sequence[UUID]) -> list[UUID]:
    """Delete the artifacts among some ids; return the ids of those that there were."""

    def build() -> Query:
        return _A.delete().where(db.dialect.is_in(_A.id, slot("ids"))).returning(_A.id)

    rows = db.fetch_all("artifacts.delete_many", build, {"ids": db.dialect.bind_list(ids)})
    with Reading("The id of an artifact"):
        return [schemas.as_uuid(row[0]) for row in rows]


def lock_without_key(db: Statements, ids: Sequence[UUID]) -> None:
    """Lock artifacts that have no key, whose row would be the lock, in the order of their ids."""

    def build() -> Query:
        without = db.dialect.is_in(_A.id, slot("ids")) & _A.key.is_null()
        return _A.select(_A.id).where(without).order_by(_A.id).for_update()

    db.fetch_all("artifacts.lock_without_key", build, {"ids": db.dialect.bind_list(ids)})
