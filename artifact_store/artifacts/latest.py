"""The latest version of each key: the only module that writes the collection table.

There are two ways to know the latest version, and both are here. The *collection table* has one row
for each key: the id, the version and the times of its latest artifact, and the version counter.
Everything reads it. The *computed query* finds the greatest version of each key in the artifact
table. `latest_check` compares the first with the second, and `rebuild` creates the first from the
second.

The row of a key is its lock. It is created with the first version and stays when the last artifact
of the key is deleted: then the key is *empty*, its pointer is NULL, and its counter stays. If the
row were deleted, a writer that has waited for it would continue without a lock.

Every function that writes runs inside a transaction, or is one statement. It writes to the row of
the key before it touches an artifact, and decides from what it reads afterwards. `SELECT ... FOR
UPDATE` would not do: at REPEATABLE READ a transaction that has waited for a row lock continues with
its old snapshot. A row that was written in the meantime makes it fail, and it is tried again.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

import peewee
from peewee import SQL, Case, NodeList, fn

from ..db.artifact_tables import Artifact, ArtifactCollection
from ..db.damage import Parsing, damaged
from ..db.dialects import encode_time
from ..db.statements import Query, Statements, Values, slot

__all__ = [
    "allocate_and_insert",
    "allocate_version",
    "allocate_versions",
    "artifacts_of_row",
    "greatest_versions",
    "is_greatest",
    "lock_key_of",
    "lock_keys",
    "lock_table",
    "rebuild",
    "repoint_latest",
    "update_in_one_statement",
    "update_in_two_statements",
]


_ROW = [
    ArtifactCollection.key,
    ArtifactCollection.latest_id,
    ArtifactCollection.latest_version,
    ArtifactCollection.last_version,
    ArtifactCollection.created,
    ArtifactCollection.updated,
]


# --- Allocate versions ---


def allocate_version(db: Statements, artifact: Values) -> int:
    """Raise the counter of a key, point to the artifact that gets the version, and return it.

    Args:
        db: the statements of a store.
        artifact: the artifact's `id`, `key` and `created`; other columns are ignored.
    """
    row = db.fetch_one("latest.allocate_version", allocate_version_query, artifact)
    assert row is not None
    version = row[0]
    if type(version) is not int:  # a damaged SQLite file may hold anything
        raise damaged(f"The counter of {artifact['key']}", f"it is a {type(version).__name__}")
    return version


def allocate_version_query() -> Query:
    """Build the statement of `allocate_version`."""
    first = dict(zip(_ROW, first_row(), strict=True))
    insert = raise_counters(ArtifactCollection.insert(first))
    return insert.returning(ArtifactCollection.last_version)


def first_row() -> tuple[Query, ...]:
    """Return the values of the row of a new key, in the order of its columns."""
    one = SQL("1")
    created = slot("created")
    return slot("key"), slot("id"), one, one, created, created


def raise_counters(insert: peewee.ModelInsert) -> peewee.ModelInsert:
    """Let an insert of rows add their counters to those that are already there."""
    raised = ArtifactCollection.last_version + peewee.EXCLUDED.last_version
    return insert.on_conflict(
        conflict_target=[ArtifactCollection.key],
        preserve=[
            ArtifactCollection.latest_id,
            ArtifactCollection.created,
            ArtifactCollection.updated,
        ],
        update={
            ArtifactCollection.latest_version: raised,
            ArtifactCollection.last_version: raised,
        },
    )


def allocate_and_insert(db: Statements, artifact: Values) -> int:
    """Allocate a version and insert the artifact in one statement, where `dialect.writes_in_with`.

    Args:
        db: the statements of a store.
        artifact: the row of the artifact, without its version.
    """
    build = partial(allocate_and_insert_query, db)
    row = db.fetch_one("latest.allocate_and_insert", build, artifact)
    assert row is not None
    return int(row[0])


def allocate_and_insert_query(db: Statements) -> Query:
    """Build the statement of `allocate_and_insert`."""
    first = peewee.Select(columns=first_row()).where(lock_timeout_condition(db))
    allocate = raise_counters(ArtifactCollection.insert_from(first, _ROW))
    allocate = allocate.returning(ArtifactCollection.last_version)

    names = [name for name in Artifact._meta.fields if name != "version"]
    # A new artifact has not been updated, so both times are one value: the fewer values, the sooner
    # they are bound.
    values = [slot("created" if name == "updated" else name) for name in names]
    columns = [getattr(Artifact, name) for name in names]
    allocated = peewee.Table("allocated")
    source = allocated.select(*values, allocated.c.last_version)
    insert = Artifact.insert_from(source, [*columns, Artifact.version]).returning(Artifact.version)

    # A CTE of Peewee can only be a query that reads.
    return NodeList(
        (
            SQL('WITH "allocated" AS ('),
            allocate,
            SQL(")"),
            insert,
        )
    )


def allocate_versions(
    db: Statements,
    pointers: Sequence[tuple[str, UUID, int]],
    created: datetime,
) -> dict[str, int]:
    """Allocate several versions of several keys.

    Args:
        db: the statements of a store.
        pointers: for each key its last new artifact and the number of new versions; sorted by key,
            so that two writers never wait for each other.
        created: the time of the artifacts.

    Returns:
        The last version of each key.
    """
    if not pointers:
        return {}

    keys = [key for key, _, _ in pointers]
    ids = [str(artifact_id) for _, artifact_id, _ in pointers]
    counts = [count for _, _, count in pointers]
    values = {**db.dialect.bind_counts(keys, ids, counts), "created": encode_time(created)}
    rows = db.fetch_all("latest.allocate_versions", partial(allocate_versions_query, db), values)
    with Parsing("The counter of a key"):
        return {row[0]: int(row[1]) for row in rows}


def allocate_versions_query(db: Statements) -> Query:
    """Build the statement of `allocate_versions`."""
    columns = [peewee.Entity("counts", name) for name in ("key", "id", "count", "count")]
    times = [slot("created"), slot("created")]
    # Without a condition SQLite would read ON CONFLICT as the ON of a join.
    source = peewee.Select([db.dialect.counts_table(slot)], columns + times).where(SQL("1 = 1"))
    insert = raise_counters(ArtifactCollection.insert_from(source, _ROW))
    return insert.returning(ArtifactCollection.key, ArtifactCollection.last_version)


# --- Update ---


def update_in_two_statements(db: Statements, changes: Values) -> bool:
    """Change columns of an artifact, on SQLite; return whether it exists.

    If it is the latest of its key, the time is written to the collection row.

    Args:
        db: the statements of a store.
        changes: the new values by column, and the `id`.
    """
    names = tuple(changes)
    touch = ("latest.touch", touch_query)
    update = (("latest.update", names), partial(update_query, names))
    return db.execute_all((touch, update), changes) > 0


def touch_query() -> Query:
    """Build the statement that notes the time of an update; SQLite has locked the database."""
    touch = ArtifactCollection.update({ArtifactCollection.updated: slot("updated")})
    return touch.where(ArtifactCollection.latest_id == slot("id"))


def update_query(names: Sequence[str]) -> peewee.ModelUpdate:
    """Build the statement that changes some columns of one artifact."""
    changes = {getattr(Artifact, name): slot(name) for name in names if name != "id"}
    return Artifact.update(changes).where(Artifact.id == slot("id"))


def update_in_one_statement(db: Statements, changes: Values, outside_block: bool) -> bool:
    """Change columns of an artifact, where rows are locked; return whether it exists.

    Between two statements the artifact may be deleted and created again under another key, which is
    not locked. One statement changes what it has seen, or nothing.

    Args:
        db: the statements of a store.
        changes: the new values by column, and the `id`.
        outside_block: whether it runs outside a block, so that the statement itself limits how long
            it waits for a lock.
    """
    names = tuple(changes)
    key = ("latest.update_in_one_statement", names, outside_block)
    build = partial(update_in_one_statement_query, db, names, outside_block)
    while not db.execute(key, build, changes):
        # What was deleted while this waited for the lock may have been created again at the same
        # moment.
        if db.fetch_one("latest.exists", exists_query, changes) is None:
            return False
    return True


def update_in_one_statement_query(
    db: Statements, names: Sequence[str], outside_block: bool
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
    is_touched = peewee.Expression(touched.select(fn.COUNT(SQL("*"))), peewee.OP.GTE, 0)
    update = update_query(names).where(is_touched)
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


def exists_query() -> Query:
    """Build the statement that finds whether an artifact exists."""
    return Artifact.select(SQL("1")).where(Artifact.id == slot("id"))


def lock_timeout_condition(db: Statements) -> Query:
    """Return a condition that is always true, and limits how long a statement waits for a lock."""
    # The timeout is a number of ours, so it needs no slot.
    timeout = SQL(f"'{db.engine.lock_timeout}'")
    return fn.set_config(SQL("'lock_timeout'"), timeout, SQL("TRUE")).is_null(False)


# --- Lock ---


def lock_key_of(db: Statements, artifact_id: str) -> tuple[str | None, str | None] | None:
    """Lock the key of an artifact.

    Returns:
        The key and the id of its latest artifact, read under the lock; `None` if there is no such
        artifact.
    """
    build = lock_key_query if db.dialect.locks_rows else read_key_query
    row = db.fetch_one("latest.lock_key_of", build, {"id": artifact_id})
    if row is None:
        return None
    key, latest_id = row
    return key, None if latest_id is None else str(latest_id)


def read_key_query() -> Query:
    """Build the statement of `lock_key_of` for SQLite, which has already locked the database."""
    has_key = ArtifactCollection.key == Artifact.key
    return (
        Artifact.select(Artifact.key, ArtifactCollection.latest_id)
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
        .returning(ArtifactCollection.latest_id)
    )
    result = found.select(found.c.key, locked.c.latest_id)
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


def lock_table(db: Statements) -> None:
    """Keep every other writer out until the block ends."""

    def build() -> Query:
        return SQL('LOCK TABLE "artifact_collection" IN EXCLUSIVE MODE')

    if db.dialect.locks_rows:
        db.execute("latest.lock_table", build, {})


# --- Repoint and rebuild ---


def repoint_latest(db: Statements, key: str) -> None:
    """Point a locked key to the greatest version that is left, or to none, after a delete."""
    if not db.execute("latest.point", repoint_query, {"key": key}):
        db.execute("latest.empty", empty_query, {"key": key})


def repoint_query() -> Query:
    """Build the statement that points a key to its greatest version, if there is one."""
    greatest = (
        Artifact.select(Artifact.id, Artifact.version, Artifact.created, Artifact.updated)
        .where(Artifact.key == slot("key"))
        .order_by(Artifact.version.desc())
        .limit(1)
        .alias("greatest")
    )
    update = ArtifactCollection.update(
        {
            ArtifactCollection.latest_id: greatest.c.id,
            ArtifactCollection.latest_version: greatest.c.version,
            ArtifactCollection.created: greatest.c.created,
            ArtifactCollection.updated: greatest.c.updated,
        }
    )
    return update.from_(greatest).where(ArtifactCollection.key == slot("key"))


def empty_query() -> Query:
    """Build the statement that empties a key."""
    update = ArtifactCollection.update(
        {
            ArtifactCollection.latest_id: None,
            ArtifactCollection.latest_version: None,
        }
    )
    return update.where(ArtifactCollection.key == slot("key"))


def rebuild(db: Statements, keys: Sequence[str]) -> None:
    """Compute the rows of some locked keys again; counters are never lowered."""
    values = {"keys": db.dialect.bind_list(keys)}
    db.execute("latest.rebuild", partial(rebuild_query, db), values)
    db.execute("latest.sweep", partial(sweep_query, db), values)


def rebuild_query(db: Statements) -> Query:
    """Build the statement that writes the rows of the keys that have artifacts."""
    greatest = greatest_versions(db.dialect.is_in(Artifact.key, slot("keys")))
    source = Artifact.select(
        greatest.c.key,
        Artifact.id,
        greatest.c.version,
        greatest.c.version,
        Artifact.created,
        Artifact.updated,
    )
    source = source.join(greatest, on=is_greatest(greatest)).where(SQL("1 = 1"))

    counter = peewee.EXCLUDED.last_version
    is_lower = ArtifactCollection.last_version < counter
    is_invalid = db.dialect.is_invalid_counter(ArtifactCollection.last_version)
    greater = Case(None, ((is_lower | is_invalid, counter),), ArtifactCollection.last_version)
    return ArtifactCollection.insert_from(source, _ROW).on_conflict(
        conflict_target=[ArtifactCollection.key],
        preserve=[
            ArtifactCollection.latest_id,
            ArtifactCollection.latest_version,
            ArtifactCollection.created,
            ArtifactCollection.updated,
        ],
        update={ArtifactCollection.last_version: greater},
    )


def sweep_query(db: Statements) -> Query:
    """Build the statement that empties the keys without artifacts, and corrects their counters."""
    is_invalid = db.dialect.is_invalid_counter(ArtifactCollection.last_version)
    counter = Case(None, ((is_invalid, 1),), ArtifactCollection.last_version)
    update = ArtifactCollection.update(
        {
            ArtifactCollection.latest_id: None,
            ArtifactCollection.latest_version: None,
            ArtifactCollection.last_version: counter,
        }
    )
    is_wanted = db.dialect.is_in(ArtifactCollection.key, slot("keys"))
    return update.where(is_wanted, ~fn.EXISTS(artifacts_of_row()))


# --- The computed query ---


def greatest_versions(where: Query | None = None) -> peewee.Select:
    """Return the computed query: the greatest version of each key in the artifact table.

    Args:
        where: which artifacts are considered; by default all that have a key.
    """
    query = Artifact.select(Artifact.key, fn.MAX(Artifact.version).alias("version"))
    query = query.where(Artifact.key.is_null(False) if where is None else where)
    return query.group_by(Artifact.key).alias("greatest")


def is_greatest(greatest: peewee.Select) -> Query:
    """Return the condition that joins the artifact of each version of `greatest_versions`."""
    condition: Query = (Artifact.key == greatest.c.key) & (Artifact.version == greatest.c.version)
    return condition


def artifacts_of_row() -> Query:
    """Return a subquery of the artifacts of a collection row."""
    return Artifact.select(SQL("1")).where(Artifact.key == ArtifactCollection.key)
