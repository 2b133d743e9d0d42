"""Changes an artifact in place: it keeps its version, and its key keeps its latest version."""

from collections.abc import Mapping
from functools import partial
from uuid import UUID

from ..clock import now
from ..db.columns import ARTIFACT_JSON
from ..db.dialects import encode_time
from ..db.rows import encode_fields
from ..db.statements import Statements
from ..errors import InvalidArtifact
from ..jsonable.normalize import dump_json
from ..schemas.artifacts import ArtifactUpdate, prepare_fields
from . import key_locks, latest_update, queries, references

__all__ = ["update_artifact"]

_PROTECTED = frozenset({"data", "type"})
"""The columns that do not change while an alias names the artifact, or an open run has pinned it."""


def update_artifact(
    db: Statements,
    ref: object,
    artifact: ArtifactUpdate | None,
    fields: Mapping[str, object],
    force: bool,
) -> bool:
    """Change an artifact, by a value or by fields; see `ArtifactStore.update_artifact`."""
    row = changes(artifact, fields)
    native = db.dialect.binds_objects
    updated = now()
    row["updated"] = updated if native else encode_time(updated)
    unprotected = not force and not _PROTECTED.isdisjoint(row)
    db.pending_writes.flush()

    def update_id(artifact_id: UUID) -> bool:
        row["id"] = artifact_id if native else str(artifact_id)
        return update(db, artifact_id, row, unprotected)

    return references.find(db, ref, update_id) is True


def update(db: Statements, artifact_id: UUID, row: queries.Row, unprotected: bool) -> bool:
    """Change columns of an artifact; return whether it exists.

    Args:
        db: the statements of a store.
        artifact_id: the id.
        row: the new values by column, and the `id`.
        unprotected: whether it is an error if the artifact is protected.
    """
    engine = db.engine
    if engine.one_statement and not engine.in_block():
        if latest_update.update_in_one_statement(db, row, True, unprotected):
            return True
        if not unprotected:
            return False
        # It may not exist, or its key may have aliases or pins, which only a transaction can tell.
    return engine.run_idempotent(partial(update_in_transaction, db, artifact_id, row, unprotected))


def update_in_transaction(
    db: Statements, artifact_id: UUID, row: queries.Row, unprotected: bool
) -> bool:
    """Change columns of an artifact, inside a transaction; return whether it exists.

    Raises:
        ArtifactProtected: it is protected, and must not be.
    """
    if not db.dialect.writes_in_with:
        if latest_update.update_in_two_statements(db, row, unprotected):
            return True
        if not unprotected or check_unprotected(db, artifact_id) is None:
            return False
        # A run that has ended had pinned it.
        return latest_update.update_in_two_statements(db, row, False)

    while not latest_update.update_in_one_statement(db, row, False, unprotected):
        if not unprotected:
            return False
        locked = check_unprotected(db, artifact_id)
        if locked is None:
            return False
        # While this waited for the lock, the artifact may have been deleted and created again under
        # another key, which was not checked.
        if locked.key is not None and queries.has_key(db, artifact_id, locked.key):
            return latest_update.update_in_one_statement(db, row, False, False)
    return True


def check_unprotected(db: Statements, artifact_id: UUID) -> key_locks.LockedKey | None:
    """Lock the key of an artifact, check that it is not protected there, and return what is locked.

    Returns:
        The row of the key; `None` if the artifact does not exist.

    Raises:
        ArtifactProtected: an alias names it, or an open run has pinned it.
    """
    from . import protection  # most keys have nothing that is protected

    locked = key_locks.lock_key_of(db, str(artifact_id))
    if locked is not None and locked.key is not None:
        protection.release(db, [artifact_id], [locked.key], force=False, flow_run_id=None)
    return locked


def changes(artifact: ArtifactUpdate | None, fields: Mapping[str, object]) -> queries.Row:
    """Return the new values, by column.

    Raises:
        InvalidArtifact: a value cannot be stored, or there are both a value and fields.
    """
    if artifact is None:
        row, texts = prepare_fields(ArtifactUpdate, fields)
        for name in ARTIFACT_JSON:
            value = row.get(name)
            if value is not None:
                row[name] = texts.get(name) or dump_json(value)
    else:
        if fields:
            raise InvalidArtifact(
                f"Give an ArtifactUpdate or keywords, not both: {', '.join(fields)}."
            )
        if not isinstance(artifact, ArtifactUpdate):
            raise InvalidArtifact(
                f"Expected an ArtifactUpdate, got {type(artifact).__name__}: pass one, or its fields as keywords."
            )
        row = encode_fields(artifact, artifact.model_fields_set)

    # A profile describes the data that it was stored with.
    if "data" in row:
        row.setdefault("profile", None)
    return row
