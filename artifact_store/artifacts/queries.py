"""Statements about single artifacts, by id or key: insert, read, lock and delete.

A statement that writes runs after the key of its artifact was locked by `latest`, which also keeps
the pointer right.
"""

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, TypeAlias
from uuid import UUID

from peewee import SQL

from ..db.artifact_tables import Artifact, ArtifactAlias, ArtifactCollection
from ..db.damage import Parsing
from ..db.dialects import encode_time
from ..db.rows import Rows
from ..db.statements import Expression, Query, Statements, slot
from ..schemas import artifacts as schemas

__all__ = [
    "COLUMNS",
    "COLUMNS_WITHOUT_DATA",
    "ROWS",
    "Row",
    "delete",
    "delete_many",
    "exists",
    "has_key",
    "insert",
    "insert_many",
    "lock_without_key",
    "read",
    "read_aliased",
    "read_latest",
    "read_latest_as_of",
    "read_many",
    "read_version",
    "read_versions",
]

ROWS = Rows(schemas.Artifact)

Columns: TypeAlias = Sequence[Expression]

COLUMNS: Columns = tuple(getattr(Artifact, name) for name in ROWS.names)
"""The columns of an artifact, in the order in which `ROWS` takes them."""

COLUMNS_WITHOUT_DATA: Columns = tuple(
    SQL("NULL").alias(name) if name in ("data", "profile") else getattr(Artifact, name)
    for name in ROWS.names
)
"""The same with NULL in the place of data and profile, which may be large."""

Row = dict[str, Any]
"""A row of the artifact table, by column."""


# --- Insert ---


def insert(db: Statements, row: Row) -> None:
    """Insert one artifact."""
    db.execute("artifacts.insert", insert_query, row)


def insert_many(db: Statements, rows: Sequence[Row]) -> None:
    """Insert many artifacts."""
    if db.dialect.copies_rows:
        values = map(itemgetter(*ROWS.names), rows)
        db.engine.copy("artifact", ROWS.names, values)
    else:
        db.execute_many("artifacts.insert", insert_query, rows)


def insert_query() -> Query:
    """Build the statement that inserts an artifact."""
    values = {getattr(Artifact, name): slot(name) for name in ROWS.names}
    return Artifact.insert(values)


# --- Read ---


def read(db: Statements, artifact_id: UUID) -> schemas.Artifact | None:
    """Return an artifact by id."""
    row = db.fetch_one("artifacts.read", read_query, {"id": str(artifact_id)})
    return None if row is None else ROWS.value(row)


def read_query() -> Query:
    """Build the statement that reads an artifact by id."""
    has_id = Artifact.id == slot("id")
    return Artifact.select(*COLUMNS).where(has_id)


def exists(db: Statements, artifact_id: object) -> bool:
    """Return whether there is an artifact with this id."""

    def build() -> Query:
        return Artifact.select(SQL("1")).where(Artifact.id == slot("id"))

    return db.fetch_one("artifacts.exists", build, {"id": str(artifact_id)}) is not None


def has_key(db: Statements, artifact_id: UUID, key: str) -> bool:
    """Return whether there is an artifact with this id and this key."""

    def build() -> Query:
        has_id = Artifact.id == slot("id")
        return Artifact.select(SQL("1")).where(has_id, Artifact.key == slot("key"))

    values = {"id": str(artifact_id), "key": key}
    return db.fetch_one("artifacts.has_key", build, values) is not None


def read_latest(db: Statements, key: str) -> schemas.Artifact | None:
    """Return the latest artifact of a key."""
    row = db.fetch_one("artifacts.read_latest", read_latest_query, {"key": key})
    return None if row is None else ROWS.value(row)


def read_latest_query(columns: Columns = COLUMNS) -> Query:
    """Build the statement that reads the artifact to which the row of a key points."""
    return (
        Artifact.select(*columns)
        .join(ArtifactCollection, on=(ArtifactCollection.latest_id == Artifact.id))
        .where(ArtifactCollection.key == slot("key"))
    )


def read_latest_as_of(db: Statements, key: str, as_of: datetime) -> schemas.Artifact | None:
    """Return the artifact that was the latest of a key, of those that are still there."""

    def build() -> Query:
        has_key = Artifact.key == slot("key")
        was_there = Artifact.created <= slot("as_of")
        newest_first = Artifact.version.desc()
        return Artifact.select(*COLUMNS).where(has_key, was_there).order_by(newest_first).limit(1)

    values = {"key": key, "as_of": encode_time(as_of)}
    row = db.fetch_one("artifacts.read_latest_as_of", build, values)
    return None if row is None else ROWS.value(row)


def read_version(db: Statements, key: str, version: int) -> schemas.Artifact | None:
    """Return one version of a key."""
    values = {"key": key, "version": version}
    row = db.fetch_one("artifacts.read_version", read_version_query, values)
    return None if row is None else ROWS.value(row)


def read_version_query(columns: Columns = COLUMNS) -> Query:
    """Build the statement that reads one version of a key."""
    has_key = Artifact.key == slot("key")
    has_version = Artifact.version == slot("version")
    return Artifact.select(*columns).where(has_key, has_version)


def read_aliased(db: Statements, key: str, name: str) -> schemas.Artifact | None:
    """Return the version of a key that an alias names."""
    row = db.fetch_one("artifacts.read_aliased", read_aliased_query, {"key": key, "name": name})
    return None if row is None else ROWS.value(row)


def read_aliased_query(columns: Columns = COLUMNS) -> Query:
    """Build the statement that reads the version that an alias names."""
    is_named = (ArtifactAlias.key == Artifact.key) & (ArtifactAlias.version == Artifact.version)
    has_key = ArtifactAlias.key == slot("key")
    has_name = ArtifactAlias.name == slot("name")
    query = Artifact.select(*columns).join(ArtifactAlias, on=is_named)
    return query.where(has_key, has_name)


def read_versions(db: Statements, key: str, limit: int | None) -> list[schemas.Artifact]:
    """Return the newest versions of a key, newest first, without data and profile."""

    def build() -> Query:
        return (
            Artifact.select(*COLUMNS_WITHOUT_DATA)
            .where(Artifact.key == slot("key"))
            .order_by(Artifact.version.desc())
            .limit(slot("limit"))
        )

    values = {"key": key, "limit": db.dialect.unlimited if limit is None else limit}
    rows = db.fetch_all("artifacts.read_versions", build, values)
    return ROWS.values(rows)


def read_many(db: Statements, ids: Sequence[UUID]) -> list[schemas.Artifact]:
    """Return the artifacts among some ids that exist."""

    def build() -> Query:
        is_wanted = db.dialect.is_in(Artifact.id, slot("ids"))
        return Artifact.select(*COLUMNS).where(is_wanted)

    values = {"ids": db.dialect.bind_list(ids)}
    rows = db.fetch_all("artifacts.read_many", build, values)
    return ROWS.values(rows)


# --- Delete ---


def delete(db: Statements, artifact_id: str, key: str | None) -> bool:
    """Delete an artifact if it has this key, or none; return whether it was deleted."""
    if key is None:
        values = {"id": artifact_id}
        deleted = db.execute("artifacts.delete_without_key", delete_without_key_query, values)
    else:
        values = {"id": artifact_id, "key": key}
        deleted = db.execute("artifacts.delete_of_key", delete_of_key_query, values)
    return deleted > 0


def delete_without_key_query() -> Query:
    """Build the statement that deletes an artifact without a key."""
    has_id = Artifact.id == slot("id")
    return Artifact.delete().where(has_id, Artifact.key.is_null())


def delete_of_key_query() -> Query:
    """Build the statement that deletes an artifact of a key."""
    has_id = Artifact.id == slot("id")
    has_key = Artifact.key == slot("key")
    return Artifact.delete().where(has_id, has_key)


def delete_many(db: Statements, ids: Sequence[UUID]) -> list[UUID]:
    """Delete the artifacts among some ids that exist; return their ids."""

    def build() -> Query:
        is_deleted = db.dialect.is_in(Artifact.id, slot("ids"))
        return Artifact.delete().where(is_deleted).returning(Artifact.id)

    values = {"ids": db.dialect.bind_list(ids)}
    rows = db.fetch_all("artifacts.delete_many", build, values)
    with Parsing("The id of an artifact"):
        return [schemas.as_uuid(row[0]) for row in rows]


def lock_without_key(db: Statements, ids: Sequence[UUID]) -> None:
    """Lock the artifacts among some ids that have no key, in the order of their ids.

    An artifact with a key is locked by the row of its key.
    """

    def build() -> Query:
        is_wanted = db.dialect.is_in(Artifact.id, slot("ids"))
        query = Artifact.select(Artifact.id).where(is_wanted, Artifact.key.is_null())
        return query.order_by(Artifact.id).for_update()

    values = {"ids": db.dialect.bind_list(ids)}
    db.fetch_all("artifacts.lock_without_key", build, values)
