"""Deletes artifacts: their keys are locked first, and what goes is decided under the locks.

Every function here runs inside a block that the store has begun.
"""

from typing import TYPE_CHECKING

from ..db.statements import Statements
from . import latest, queries

if TYPE_CHECKING:
    from .pagination import ListingQuery

__all__ = ["delete", "delete_matching"]


def delete(db: Statements, artifact_id: str) -> bool:
    """Delete an artifact; tell whether there was one."""
    while (found := latest.lock_key_of(db, artifact_id)) is not None:
        key, latest_id = found
        # While this waited for the lock, it may have been deleted, and made again under another key.
        if queries.delete(db, artifact_id, key):
            if key is not None and latest_id == artifact_id:
                latest.repoint_latest(db, key)
            return True
    return False


def delete_matching(db: Statements, listing: "ListingQuery") -> int:
    """Delete what matches when this begins and still does when the keys are locked; return how many."""
    from . import pagination  # a delete by id needs no filters

    found = pagination.select_keys(db, listing)
    keys = sorted({key for _, key in found if key is not None})
    if db.dialect.locks_rows:  # SQLite has locked the whole database already
        latest.lock_keys(db, keys)
        without_key = [artifact_id for artifact_id, key in found if key is None]
        if without_key:
            queries.lock_without_key(db, without_key)
        seen = {*found}
        found = [each for each in pagination.select_keys(db, listing) if each in seen]
    deleted = queries.delete_many(db, [artifact_id for artifact_id, _ in found])
    latest.rebuild(db, keys)
    return len(deleted)
