"""Deletes artifacts. Their keys are locked first, and what is deleted is decided under the locks.

Every function runs inside a transaction.
"""

from typing import TYPE_CHECKING

from ..db.statements import Statements
from . import key_locks, latest, queries

if TYPE_CHECKING:
    from .pagination import ListingQuery

__all__ = ["delete", "delete_matching"]


def delete(db: Statements, artifact_id: str) -> bool:
    """Delete an artifact; return whether it existed."""
    while True:
        locked = key_locks.lock_key_of(db, artifact_id)
        if locked is None:
            return False
        key, latest_id = locked
        # While this waited for the lock, the artifact may have been deleted and created again under
        # another key.
        if queries.delete(db, artifact_id, key):
            if key is not None and latest_id == artifact_id:
                latest.repoint_latest(db, key)
            return True


def delete_matching(db: Statements, listing: "ListingQuery") -> int:
    """Delete what matches now and still does when its keys are locked; return the number."""
    from . import pagination  # deletes by id do not need it

    found = pagination.select_keys(db, listing)
    keys = sorted({key for _, key in found if key is not None})

    if db.dialect.locks_rows:  # SQLite has locked the whole database already
        key_locks.lock_keys(db, keys)
        without_key = [artifact_id for artifact_id, key in found if key is None]
        if without_key:
            queries.lock_without_key(db, without_key)
        before = set(found)
        found = [each for each in pagination.select_keys(db, listing) if each in before]

    deleted = queries.delete_many(db, [artifact_id for artifact_id, _ in found])
    latest.rebuild(db, keys)
    return len(deleted)
