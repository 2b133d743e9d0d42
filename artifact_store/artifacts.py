"""Statements over the artifact table: insert, read, list, count, update, delete."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from peewee import SQL, fn

from . import models, schemas
from .conditions import Condition, narrowed
from .models import ArtifactCollection
from .sorting import ArtifactCollectionSort, ArtifactSort, ordering
from .statements import Query, Statements, Values, slot

__all__ = [
    "ROWS",
    "count",
    "delete",
    "delete_many",
    "insert",
    "insert_many",
    "page",
    "read",
    "read_latest",
    "read_many",
    "read_version",
    "select_keys",
    "update",
]

_A = models.Artifact
ROWS = schemas.Rows(schemas.Artifact)
_COLUMNS = tuple(getattr(_A, name) for name in ROWS.names)

Row = Mapping[Any, Any]


def insert(db: Statements, row: Row) -> None:
    """Insert one artifact, given by column."""
    db.run("artifacts.insert", _insert, row)


def insert_many(db: Statements, rows: Sequence[Row]) -> None:
    """Insert many artifacts, given by column and in the order of `ROWS.names`."""
    if db.dialect.name == "postgresql":
        db.engine.copy("artifact", ROWS.names, [list(row.values()) for row in rows])
    else:
        db.run_many("artifacts.insert", _insert, rows)


def _insert() -> Query:
    return _A.insert({getattr(_A, name): slot(name) for name in ROWS.names})


def read(db: Statements, artifact_id: UUID) -> schemas.Artifact | None:
    """Return an artifact by id."""
    return _one(db, "artifacts.read", lambda: _A.select(*_COLUMNS).where(_A.id == slot("id")), {"id": str(artifact_id)})


def read_many(db: Statements, ids: Sequence[UUID]) -> list[schemas.Artifact]:
    """Return the artifacts that exist among some ids."""

    def build() -> Query:
        return _A.select(*_COLUMNS).where(db.dialect.among(_A.id, slot("ids")))

    return ROWS.values(db.rows("artifacts.read_many", build, {"ids": db.dialect.many(ids)}))


def read_latest(db: Statements, key: str) -> schemas.Artifact | None:
    """Return the latest artifact of a key, through the collection table."""
    return _one(db, "artifacts.latest", lambda: _latest().where(ArtifactCollection.key == slot("key")), {"key": key})


def read_version(db: Statements, key: str, version: int) -> schemas.Artifact | None:
    """Return one version of a key."""

    def build() -> Query:
        return _A.select(*_COLUMNS).where((_A.key == slot("key")) & (_A.version == slot("version")))

    return _one(db, "artifacts.version", build, {"key": key, "version": version})


def _one(db: Statements, key: str, build: Any, values: Values) -> schemas.Artifact | None:
    row = db.row(key, build, values)
    return None if row is None else ROWS.value(row)


def _latest(*columns: Query) -> Query:
    return _A.select(*(columns or _COLUMNS)).join(ArtifactCollection, on=(ArtifactCollection.latest_id == _A.id))


def page(
    db: Statements,
    sort: ArtifactSort | ArtifactCollectionSort,
    shape: Condition,
    values: Values,
    offset: int,
    limit: int | None,
) -> list[schemas.Artifact]:
    """Return a page of all artifacts, or of the latest of each key when the sort is that of the collection."""

    def build() -> Query:
        if isinstance(sort, ArtifactSort):
            query, order = _A.select(*_COLUMNS), ordering(sort, _A)
        else:
            query, order = _latest(), ordering(sort, ArtifactCollection)
        return narrowed(query, shape, db.dialect).order_by(*order).limit(slot("limit")).offset(slot("offset"))

    bounds = {"limit": db.dialect.unlimited if limit is None else limit, "offset": offset}
    return ROWS.values(db.rows(("artifacts.page", type(sort), sort, shape), build, {**values, **bounds}))


def count(db: Statements, latest: bool, shape: Condition, values: Values) -> int:
    """Return how many artifacts, or latest artifacts, satisfy a condition."""

    def build() -> Query:
        number = fn.COUNT(SQL("*"))
        if latest:
            return ArtifactCollection.select(number) if shape is None else narrowed(_latest(number), shape, db.dialect)
        return narrowed(_A.select(number), shape, db.dialect)

    row = db.row(("artifacts.count", latest, shape), build, values)
    assert row is not None
    return int(row[0])


def update(db: Statements, artifact_id: UUID, changes: Row) -> bool:
    """Change columns of an artifact; tell whether there is one."""
    names = tuple(changes)

    def build() -> Query:
        return _A.update({getattr(_A, name): slot(name) for name in names}).where(_A.id == slot("id"))

    return db.run(("artifacts.update", names), build, {**changes, "id": str(artifact_id)}) > 0


def delete(db: Statements, artifact_id: UUID) -> bool:
    """Delete an artifact; tell whether there was one."""
    return db.run("artifacts.delete", lambda: _A.delete().where(_A.id == slot("id")), {"id": str(artifact_id)}) > 0


def select_keys(db: Statements, shape: Condition, values: Values) -> list[tuple[UUID, str | None]]:
    """Return the id and the key of every artifact that satisfies a condition."""
    rows = db.rows(("artifacts.keys", shape), lambda: narrowed(_A.select(_A.id, _A.key), shape, db.dialect), values)
    return [(schemas.as_uuid(row[0]), row[1]) for row in rows]


def delete_many(db: Statements, ids: Sequence[UUID]) -> list[UUID]:
    """Delete the artifacts among some ids; return the ids of those that there were."""

    def build() -> Query:
        return _A.delete().where(db.dialect.among(_A.id, slot("ids"))).returning(_A.id)

    rows = db.rows("artifacts.delete_many", build, {"ids": db.dialect.many(ids)})
    return [schemas.as_uuid(row[0]) for row in rows]
