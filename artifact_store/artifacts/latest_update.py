"""Updates of an artifact, which also note the time in the row of its key.

The row of the key is written before the artifact, as `latest` explains.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

import peewee
from peewee import SQL, Case, NodeList, fn

from ..db.artifact_tables import Artifact, ArtifactAlias, ArtifactCollection, ArtifactInput
from ..db.dialects import encode_time
from ..db.statements import Build, Query, Statements, Values, slot
from . import queries
from .key_locks import lock_timeout_condition

__all__ = ["touch", "update_in_one_statement", "update_in_two_statements"]


def update_in_two_statements(db: Statements, changes: Values, unprotected: bool) -> bool:
    """Change columns of an artifact, on SQLite; return whether it was changed.

    If it is the latest of its key, the time is written to the collection row.

    Args:
        db: the statements of a store.
        changes: the new values by column, and the `id`.
        unprotected: whether an artifact with an alias or a pin is left as it is. Then the caller must
            change it after all, or roll the transaction back, because the time was written.
    """
    names = tuple(changes)
    touch = ("latest.touch", touch_query)
    key = ("latest.update", names, unprotected)
    update = (key, partial(update_of_unnamed_query if unprotected else update_query, names))
    return db.execute_all((touch, update), changes) > 0


def touch_query() -> Query:
    """Build the statement that notes the time of an update; SQLite has locked the database."""
    touch = ArtifactCollection.update({ArtifactCollection.updated: slot("updated")})
    return touch.where(ArtifactCollection.latest_id == slot("id"))


def update_query(names: Sequence[str]) -> peewee.ModelUpdate:
    """Build the statement that changes some columns of one artifact."""
    changes = {getattr(Artifact, name): slot(name) for name in names if name != "id"}
    return Artifact.update(changes).where(Artifact.id == slot("id"))


def update_of_unnamed_query(names: Sequence[str]) -> peewee.ModelUpdate:
    """Build the statement that changes some columns of an artifact without an alias or a pin."""
    has_alias = ArtifactAlias.select(SQL("1")).where(
        ArtifactAlias.key == Artifact.key,
        ArtifactAlias.version == Artifact.version,
    )
    has_pin = ArtifactInput.select(SQL("1")).where(
        ArtifactInput.artifact_id == Artifact.id, ArtifactInput.held
    )
    return update_query(names).where(~fn.EXISTS(has_alias), ~fn.EXISTS(has_pin))


def update_in_one_statement(
    db: Statements, changes: Values, outside_block: bool, unprotected: bool
) -> bool:
    """Change columns of an artifact, where rows are locked; return whether it was changed.

    Between two statements the artifact may be deleted and created again under another key, which is
    not locked. One statement changes what it has seen, or nothing.

    Args:
        db: the statements of a store.
        changes: the new values by column, and the `id`.
        outside_block: whether it runs outside a block, so that the statement itself limits how long
            it waits for a lock.
        unprotected: whether an artifact of a key that has aliases or pins is left as it is. The row of the
            key says so under its lock; those of the snapshot may be older.
    """
    names = tuple(changes)
    key = ("latest.update_in_one_statement", names, outside_block, unprotected)
    build = partial(update_in_one_statement_query, db, names, outside_block, unprotected)
    while not db.execute(key, build, changes):
        if unprotected:
            return False
        # What was deleted while this waited for the lock may have been created again at the same
        # moment.
        if not queries.exists(db, changes["id"]):
            return False
    return True


def update_in_one_statement_query(
    db: Statements, names: Sequence[str], outside_block: bool, unprotected: bool
) -> Query:
    """Build the statement of `update_in_one_statement`."""
    # A version is never allocated twice: if it is equal, the latest artifact is the one that this
    # statement has seen.
    is_latest = ArtifactCollection.latest_version == Artifact.version
    time = Case(None, ((is_latest, slot("updated")),), ArtifactCollection.updated)
    of_artifact = (Artifact.id == slot("id")) & (ArtifactCollection.key == Artifact.key)
    touch = (
        ArtifactCollection.update({ArtifactCollection.updated: time})
        .from_(Artifact)
        .where(of_artifact)
        .returning(ArtifactCollection.key)
    )

    # The number of rows in "touched" is needed first, so the row of the key is locked before that
    # of the artifact.
    touched = peewee.Table("touched")
    count = touched.select(fn.COUNT(SQL("*")))
    if unprotected:
        touch = touch.where(ArtifactCollection.holds == 0)
        condition = peewee.Expression(count, peewee.OP.GT, 0) | Artifact.key.is_null()
    else:
        condition = peewee.Expression(count, peewee.OP.GTE, 0)
    update = update_query(names).where(condition)
    if outside_block:
        # An artifact without a key has no row of a key, so both statements set the timeout.
        touch = touch.where(lock_timeout_condition(db))
        update = update.where(lock_timeout_condition(db))
    return NodeList(
        (
            SQL('WITH "touched" AS ('),
            touch,
            SQL(")"),
            update,
        )
    )


def touch(db: Statements, ids: Sequence[UUID], updated: datetime) -> None:
    """Note a time as that of the last update of some latest artifacts, whose keys are locked.

    Args:
        db: the statements of a store.
        ids: the ids of the artifacts.
        updated: the time.
    """
    if not ids:
        return
    values = {"ids": db.dialect.bind_list(ids), "updated": encode_time(updated)}
    touch_rows = partial(touch_rows_query, db)
    touch_artifacts = partial(touch_artifacts_query, db)
    if db.dialect.writes_in_with:
        build = partial(touch_all_query, touch_rows, touch_artifacts)
        db.execute("latest.touch_all", build, values)
    else:
        builders = (("latest.touch_rows", touch_rows), ("latest.touch_artifacts", touch_artifacts))
        db.execute_all(builders, values)


def touch_rows_query(db: Statements) -> Query:
    """Build the statement that notes a time in the rows of some latest artifacts."""
    touch = ArtifactCollection.update({ArtifactCollection.updated: slot("updated")})
    return touch.where(db.dialect.is_in(ArtifactCollection.latest_id, slot("ids")))


def touch_artifacts_query(db: Statements) -> Query:
    """Build the statement that notes a time in some artifacts."""
    touch = Artifact.update({Artifact.updated: slot("updated")})
    return touch.where(db.dialect.is_in(Artifact.id, slot("ids")))


def touch_all_query(touch_rows: Build, touch_artifacts: Build) -> Query:
    """Build one statement of both."""
    return NodeList(
        (
            SQL('WITH "touched" AS ('),
            touch_rows(),
            SQL(")"),
            touch_artifacts(),
        )
    )
