"""Deletes artifacts. Their keys are locked first, and what is deleted is decided under the locks."""

from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from ..base import Writer
from . import key_locks, latest, queries, references

if TYPE_CHECKING:
    from .pagination import ListingQuery

__all__ = ["delete_artifact", "delete_artifacts"]


def delete_artifact(writer: Writer, ref: object, force: bool) -> bool:
    """Delete the artifact of a reference; see `ArtifactStore.delete_artifact`."""
    engine = writer.db.engine
    flow_run_id = flow_run_of(writer)

    def delete_id(artifact_id: UUID) -> bool:
        return engine.run_idempotent(partial(delete, writer, artifact_id, force, flow_run_id))

    return references.find(writer.db, ref, delete_id) is True


def delete_artifacts(writer: Writer, listing: "ListingQuery", force: bool) -> int:
    """Delete what matches; see `ArtifactStore.delete_artifacts`."""
    flow_run_id = flow_run_of(writer)
    return writer.db.engine.run_idempotent(
        partial(delete_matching, writer, listing, force, flow_run_id)
    )


def flow_run_of(writer: Writer) -> UUID | None:
    """Return the id of the current flow run, for the history of aliases; write what is pending."""
    origin = writer.origin()
    return None if origin is None else origin.flow_run_id


def delete(writer: Writer, artifact_id: UUID, force: bool, flow_run_id: UUID | None) -> bool:
    """Delete an artifact, inside a transaction; return whether it existed."""
    db = writer.db
    text = str(artifact_id)
    while True:
        locked = key_locks.lock_key_of(db, text)
        if locked is None:
            return False
        if locked.key is not None and locked.holds:
            from . import protection  # most keys have nothing that is protected

            protection.release(db, [artifact_id], [locked.key], force, flow_run_id)
        # While this waited for the lock, the artifact may have been deleted and created again under
        # another key.
        if queries.delete(db, text, locked.key):
            if locked.key is not None and locked.latest_id == text:
                latest.repoint_latest(db, locked.key)
            return True


def delete_matching(
    writer: Writer, listing: "ListingQuery", force: bool, flow_run_id: UUID | None
) -> int:
    """Delete what matches now and still does when its keys are locked, inside a transaction.

    Returns:
        The number of deleted artifacts.
    """
    from . import pagination  # deletes by id do not need it

    db = writer.db
    found = pagination.select_keys(db, listing)
    keys = sorted({each.key for each in found if each.key is not None})

    if db.dialect.locks_rows:  # SQLite has locked the whole database already
        key_locks.lock_keys(db, keys)
        without_key = [each.id for each in found if each.key is None]
        if without_key:
            queries.lock_without_key(db, without_key)
        before = {(each.id, each.key) for each in found}
        found = [
            each for each in pagination.select_keys(db, listing) if (each.id, each.key) in before
        ]

    ids = [each.id for each in found]
    if any(each.holds for each in found):
        from . import protection  # most keys have nothing that is protected

        protection.release(db, ids, {*keys}, force, flow_run_id)
    deleted = queries.delete_many(db, ids)
    latest.rebuild(db, keys)
    return len(deleted)
