"""The locks of keys: the row of a key in the collection table is its lock.

A lock is taken by a write to the row, as `latest` explains. SQLite has already locked the whole
database when a transaction begins to write.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID

import peewee
from peewee import SQL, NodeList, fn

from ..db.artifact_tables import Artifact, ArtifactCollection
from ..db.damage import Parsing
from ..db.dialects import encode_time
from ..db.statements import Query, Statements, slot
from ..schemas.artifacts import as_uuid

__all__ = [
    "KeyState",
    "LockedKey",
    "add_holds",
    "lock_and_read",
    "lock_key",
    "lock_key_of",
    "lock_keys",
    "lock_table",
    "lock_timeout_condition",
    "read_latest_version",
    "set_holds",
]


class KeyState(NamedTuple):
    """What the row of a key holds.

    Attributes:
        latest_id: the id of the latest artifact; `None` if the key has none.
        latest_version: its version; `None` if the key has none.
        last_version: the version counter, 0 if the key never had a version.
    """

    latest_id: UUID | None = None
    latest_version: int | None = None
    last_version: int = 0


_STATE = [
    ArtifactCollection.key,
    ArtifactCollection.latest_id,
    ArtifactCollection.latest_version,
    ArtifactCollection.last_version,
]


class LockedKey(NamedTuple):
    """The row of the key of an artifact, read under the lock.

    Attributes:
        key: the key; `None` for an artifact without one, which has no row.
        latest_id: the id of the latest artifact of the key.
        holds: how many aliases and held inputs the key has; `None` without a key.
    """

    key: str | None
    latest_id: str | None
    holds: int | None


def lock_key(db: Statements, key: str) -> int | None:
    """Lock a key; return its latest version, or `None` if it has none."""
    # SQLite has already locked the whole database.
    build = lock_one_query if db.dialect.locks_rows else read_one_query
    row = db.fetch_one("latest.lock_key", build, {"key": key})
    return None if row is None else row[0]


def read_one_query() -> Query:
    """Build the statement that reads the latest version of a key; it locks nothing."""
    has_key = ArtifactCollection.key == slot("key")
    return ArtifactCollection.select(ArtifactCollection.latest_version).where(has_key)


def lock_one_query() -> Query:
    """Build the statement of `lock_key` that locks, by a write to the row of the key."""
    unchanged = {ArtifactCollection.last_version: ArtifactCollection.last_version}
    update = ArtifactCollection.update(unchanged).where(ArtifactCollection.key == slot("key"))
    return update.returning(ArtifactCollection.latest_version)


def add_holds(db: Statements, key: str, count: int) -> None:
    """Change the number of aliases and held inputs of a locked key, by a positive or negative number."""

    def build() -> Query:
        holds = ArtifactCollection.holds + slot("count")
        update = ArtifactCollection.update({ArtifactCollection.holds: holds})
        return update.where(ArtifactCollection.key == slot("key"))

    db.execute("latest.add_holds", build, {"key": key, "count": count})


def set_holds(db: Statements, key: str, count: int) -> None:
    """Correct the number of aliases and held inputs of a locked key."""

    def build() -> Query:
        update = ArtifactCollection.update({ArtifactCollection.holds: slot("count")})
        return update.where(ArtifactCollection.key == slot("key"))

    db.execute("latest.set_holds", build, {"key": key, "count": count})


def lock_key_of(db: Statements, artifact_id: str) -> LockedKey | None:
    """Lock the key of an artifact; return `None` if there is no such artifact."""
    build = lock_key_query if db.dialect.locks_rows else read_key_query
    row = db.fetch_one("latest.lock_key_of", build, {"id": artifact_id})
    if row is None:
        return None
    key, latest_id, holds = row
    return LockedKey(key, None if latest_id is None else str(latest_id), holds)


def read_key_query() -> Query:
    """Build the statement of `lock_key_of` for SQLite, which has already locked the database."""
    has_key = ArtifactCollection.key == Artifact.key
    return (
        Artifact.select(Artifact.key, ArtifactCollection.latest_id, ArtifactCollection.holds)
        .join(ArtifactCollection, peewee.JOIN.LEFT_OUTER, on=has_key)
        .where(Artifact.id == slot("id"))
    )


def lock_key_query() -> Query:
    """Build the statement of `lock_key_of` that locks, by a write to the row of the key."""
    found = peewee.Table("found")
    locked = peewee.Table("locked")
    find = Artifact.select(Artifact.key).where(Artifact.id == slot("id"))
    unchanged = {ArtifactCollection.last_version: ArtifactCollection.last_version}
    lock = (
        ArtifactCollection.update(unchanged)
        .where(ArtifactCollection.key == found.select(found.c.key))
        .returning(ArtifactCollection.latest_id, ArtifactCollection.holds)
    )
    result = found.select(found.c.key, locked.c.latest_id, locked.c.holds)
    result = result.join(locked, peewee.JOIN.LEFT_OUTER, on=SQL("TRUE"))
    return NodeList(
        (
            SQL('WITH "found" AS ('),
            find,
            SQL('), "locked" AS ('),
            lock,
            SQL(")"),
            result,
        )
    )


def lock_keys(db: Statements, keys: Sequence[str]) -> None:
    """Lock some keys in sorted order, so that writers of several keys do not wait for each other.

    The caller must write to their rows, as `rebuild` does.
    """

    def build() -> Query:
        is_locked = db.dialect.is_in(ArtifactCollection.key, slot("keys"))
        return (
            ArtifactCollection.select(ArtifactCollection.key)
            .where(is_locked)
            .order_by(ArtifactCollection.key)
            .for_update()
        )

    if db.dialect.locks_rows:
        db.fetch_all("latest.lock", build, {"keys": db.dialect.bind_list(keys)})


def lock_and_read(db: Statements, keys: Sequence[str], now: datetime) -> dict[str, KeyState]:
    """Lock some keys, in sorted order, and return what their rows hold under the lock.

    Where rows are locked, a key without a row gets one, with the counter 0: otherwise another
    writer could create its first version.

    Args:
        db: the statements of a store.
        keys: the keys, sorted.
        now: the time of new rows, which is replaced when the key gets its first version.
    """
    values = {"keys": db.dialect.bind_list(keys), "now": encode_time(now)}
    build = lock_and_read_query if db.dialect.locks_rows else partial(read_states_query, db)
    rows = db.fetch_all("latest.lock_and_read", build, values)
    states = dict.fromkeys(keys, KeyState())
    with Parsing("The row of a key"):
        for key, latest_id, latest_version, last_version in rows:
            known_id = None if latest_id is None else as_uuid(latest_id)
            states[key] = KeyState(known_id, latest_version, last_version)
    return states


def read_states_query(db: Statements) -> Query:
    """Build the statement of `lock_and_read` for SQLite, which has already locked the database."""
    is_wanted = db.dialect.is_in(ArtifactCollection.key, slot("keys"))
    return ArtifactCollection.select(*_STATE).where(is_wanted)


def lock_and_read_query() -> Query:
    """Build the statement of `lock_and_read` that locks, by a write to the row of each key."""
    keys = NodeList((SQL("unnest(CAST("), slot("keys"), SQL('AS text[])) AS "wanted" (key)')))
    nothing = SQL("NULL")
    now = slot("now")
    source = peewee.Select(
        [keys],
        [peewee.Entity("wanted", "key"), nothing, nothing, SQL("0"), now, now],
    )
    insert = ArtifactCollection.insert_from(
        source, [*_STATE, ArtifactCollection.created, ArtifactCollection.updated]
    )
    insert = insert.on_conflict(
        conflict_target=[ArtifactCollection.key],
        update={ArtifactCollection.last_version: ArtifactCollection.last_version},
    )
    return insert.returning(*_STATE)


def read_latest_version(db: Statements, key: str) -> int | None:
    """Return the latest version of a key; `None` if it has none."""
    row = db.fetch_one("latest.version", read_one_query, {"key": key})
    return None if row is None else row[0]


def lock_table(db: Statements) -> None:
    """Keep every other writer out until the block ends."""

    def build() -> Query:
        return SQL('LOCK TABLE "artifact_collection" IN EXCLUSIVE MODE')

    if db.dialect.locks_rows:
        db.execute("latest.lock_table", build, {})


def lock_timeout_condition(db: Statements) -> Query:
    """Return a condition that is always true, and limits how long a statement waits for a lock."""
    # The timeout is a number of ours, so it needs no slot.
    timeout = SQL(f"'{db.engine.lock_timeout}'")
    return fn.set_config(SQL("'lock_timeout'"), timeout, SQL("TRUE")).is_null(False)
