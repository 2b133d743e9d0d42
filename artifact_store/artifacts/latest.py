"""The latest version of each key, and the counter from which versions are allocated.

Only this module, `latest_update` and `key_locks` write the collection table. There are two ways to
know the latest version, and both are here. The *collection table* has one row for each key: the id,
the version and the times of its latest artifact, and the version counter. Everything reads it. The
*computed query* finds the greatest version of each key in the artifact table. `latest_check`
compares the first with the second, and `rebuild` creates the first from the second.

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
from .key_locks import lock_timeout_condition

__all__ = [
    "allocate_and_insert",
    "allocate_and_insert_if",
    "allocate_version",
    "allocate_version_if",
    "allocate_versions",
    "artifacts_of_row",
    "greatest_versions",
    "is_greatest",
    "rebuild",
    "repoint_latest",
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
    return check_counter(row[0], artifact)


def check_counter(version: object, artifact: Values) -> int:
    """Return a version that was allocated.

    Raises:
        StoreDamaged: it is not a number; a damaged SQLite file may hold anything.
    """
    if type(version) is not int:
        raise damaged(f"The counter of {artifact['key']}", f"it is a {type(version).__name__}")
    return version


def allocate_version_query() -> Query:
    """Build the statement of `allocate_version`."""
    insert = raise_counters(insert_first_row())
    return insert.returning(ArtifactCollection.last_version)


def insert_first_row() -> peewee.ModelInsert:
    """Return the insert of the row of a new key."""
    first = dict(zip(_ROW, first_row(), strict=True))
    return ArtifactCollection.insert(first)


def first_row() -> tuple[Query, ...]:
    """Return the values of the row of a new key, in the order of its columns."""
    one = SQL("1")
    created = slot("created")
    return slot("key"), slot("id"), one, one, created, created


def raise_counters(insert: peewee.ModelInsert, where: Query | None = None) -> peewee.ModelInsert:
    """Let an insert of rows add their counters to those that are already there.

    Args:
        insert: the insert.
        where: which rows that are already there may be changed; by default all.
    """
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
        where=where,
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
    return with_insert(raise_counters(insert_first_row_in_time(db)))


def insert_first_row_in_time(db: Statements) -> peewee.ModelInsert:
    """Return the insert of the row of a new key, which limits how long it waits for a lock."""
    first = peewee.Select(columns=first_row()).where(lock_timeout_condition(db))
    return ArtifactCollection.insert_from(first, _ROW)


def with_insert(allocate: peewee.ModelInsert | peewee.ModelUpdate) -> Query:
    """Return one statement that allocates a version and inserts the artifact that gets it."""
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


def allocate_version_if(db: Statements, artifact: Values, expected: int | None) -> int | None:
    """Allocate a version, as `allocate_version` does, if the latest version is the expected one.

    A writer that has waited for the row of the key judges what is there then.

    Args:
        db: the statements of a store.
        artifact: the artifact's `id`, `key` and `created`; other columns are ignored.
        expected: the latest version; `None` if the key must have none.

    Returns:
        The version; `None` if the latest version is another one, and then nothing is changed.
    """
    if expected is None:
        row = db.fetch_one("latest.allocate_first", allocate_first_query, artifact)
    else:
        values = {**artifact, "expected": expected}
        row = db.fetch_one("latest.allocate_after", allocate_after_query, values)
    return None if row is None else check_counter(row[0], artifact)


def allocate_first_query() -> Query:
    """Build the statement that allocates a version of a key that has none."""
    insert = raise_counters(insert_first_row(), ArtifactCollection.latest_version.is_null())
    return insert.returning(ArtifactCollection.last_version)


def allocate_after_query() -> Query:
    """Build the statement that allocates the version after an expected one."""
    return raise_counter_after().returning(ArtifactCollection.last_version)


def raise_counter_after() -> peewee.ModelUpdate:
    """Return the update that raises the counter of a key whose latest version is expected."""
    raised = ArtifactCollection.last_version + 1
    update = ArtifactCollection.update(
        {
            ArtifactCollection.latest_id: slot("id"),
            ArtifactCollection.latest_version: raised,
            ArtifactCollection.last_version: raised,
            ArtifactCollection.created: slot("created"),
            ArtifactCollection.updated: slot("created"),
        }
    )
    is_expected = ArtifactCollection.latest_version == slot("expected")
    return update.where(ArtifactCollection.key == slot("key"), is_expected)


def allocate_and_insert_if(db: Statements, artifact: Values, expected: int | None) -> int | None:
    """Do in one statement what `allocate_version_if` and the insert do, if the version is expected.

    Only where `dialect.writes_in_with`; the arguments and the result are those of
    `allocate_version_if`.
    """
    if expected is None:
        build = partial(allocate_first_and_insert_query, db)
        row = db.fetch_one("latest.allocate_first_and_insert", build, artifact)
    else:
        outside_block = not db.engine.in_block()
        build = partial(allocate_after_and_insert_query, db, outside_block)
        values = {**artifact, "expected": expected}
        row = db.fetch_one(("latest.allocate_after_and_insert", outside_block), build, values)
    return None if row is None else int(row[0])


def allocate_first_and_insert_query(db: Statements) -> Query:
    """Build the statement that creates the first version of a key that has none."""
    is_empty = ArtifactCollection.latest_version.is_null()
    return with_insert(raise_counters(insert_first_row_in_time(db), is_empty))


def allocate_after_and_insert_query(db: Statements, outside_block: bool) -> Query:
    """Build the statement that creates the version after an expected one.

    Args:
        db: the statements of a store.
        outside_block: whether the statement itself limits how long it waits for a lock.
    """
    update = raise_counter_after()
    if outside_block:
        update = update.where(lock_timeout_condition(db))
    return with_insert(update)


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
