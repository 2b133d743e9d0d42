"""Which version of a key is the latest: the only writer of the collection table.

There are two ways to know, kept apart here. The *collection table* holds one row for each
key: the id, the version and the times of its latest artifact, and the counter of its
versions; everything reads it. The *computed query* finds the greatest version of each key
straight from the artifact table. `verify` holds the first against the second, `rebuild`
makes the first from the second.

The row of a key is its lock. It is made with the first version and stays when the last artifact
of the key is deleted: the key is *empty* then, its pointer is NULL, and its counter goes on from where
it was. A row that disappeared would let a writer that has waited for it go on without a lock.

Every function that writes runs inside a block that the store has begun, or is one statement. It
writes to the row of the key before an artifact is touched, and decides from what it reads
afterwards. A row lock alone would not do: at REPEATABLE READ a transaction that waited for it would go on
with what it saw before. A row that was written meanwhile ends it, and it is tried again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import peewee
from peewee import SQL, Case, NodeList, fn

from ..db.artifact_tables import Artifact, ArtifactCollection
from ..db.damage import Reading, damaged
from ..db.dialects import encode_time
from ..db.statements import Query, Statements, slot
from ..schemas.store import Inconsistency

__all__ = [
    "allocate_and_insert",
    "allocate_version",
    "allocate_versions",
    "lock_key_of",
    "lock_keys",
    "lock_table",
    "rebuild",
    "repoint_latest",
    "update_in_one_statement",
    "update_in_two_statements",
    "verify",
]

_C = ArtifactCollection


def allocate_version(db: Statements, row: Mapping[Any, Any]) -> int:
    """Allocate the next version of a key, point to the artifact that will have it, given by column, and return it."""
    found = db.fetch_one("latest.allocate_version", _allocate_one, row)
    assert found is not None
    version = found[0]
    if type(version) is not int:  # on SQLite a damaged file may hold anything
        raise damaged(f"The counter of {row['key']}", f"it is a {type(version).__name__}")
    return version


_POINTER = (_C.key, _C.latest_id, _C.latest_version, _C.last_version, _C.created, _C.updated)


def _allocate_one() -> Query:
    return _risen(_C.insert(dict(zip(_POINTER, _first_pointer(), strict=True)))).returning(
        _C.last_version
    )


def _first_pointer() -> tuple[Any, ...]:
    """Return the values of the row of a new key."""
    return slot("key"), slot("id"), SQL("1"), SQL("1"), slot("created"), slot("created")


def _risen(insert: peewee.ModelInsert) -> peewee.ModelInsert:
    """Let an insert of pointers raise the counters that are there by as much as the new rows count."""
    risen = _C.last_version + peewee.EXCLUDED.last_version
    return insert.on_conflict(
        conflict_target=[_C.key],
        preserve=[_C.latest_id, _C.created, _C.updated],
        update={_C.latest_version: risen, _C.last_version: risen},
    )


def allocate_and_insert(db: Statements, row: Mapping[Any, Any]) -> int:
    """Do `allocate_version` and insert the artifact in one statement, where the engine can; return the version."""
    found = db.fetch_one("latest.allocate_and_insert", lambda: _allocate_and_insert(db), row)
    assert found is not None
    return int(found[0])


def _allocate_and_insert(db: Statements) -> Query:
    names = [name for name in Artifact._meta.fields if name != "version"]
    pointed = peewee.Table("pointed")
    first = peewee.Select(columns=_first_pointer()).where(_says_timeout(db))
    advance = _risen(_C.insert_from(first, list(_POINTER))).returning(_C.last_version)
    # A new artifact has not been updated; the fewer values, the sooner they are bound.
    values = [slot("created" if name == "updated" else name) for name in names]
    source = pointed.select(*values, pointed.c.last_version)
    columns = [*(getattr(Artifact, name) for name in names), Artifact.version]
    insert = Artifact.insert_from(source, columns).returning(Artifact.version)
    # Peewee's CTEs are queries that read, so the words around the two writes are ours.
    return NodeList((SQL('WITH "pointed" AS ('), advance, SQL(")"), insert))


def allocate_versions(
    db: Statements, many: Sequence[tuple[str, UUID, int]], created: datetime
) -> dict[str, int]:
    """Allocate versions of sorted keys, given with their last artifact and how many; return the last versions."""
    if not many:
        return {}
    keys, ids, counts = zip(*many, strict=True)
    values = db.dialect.bind_counts(keys, [str(each) for each in ids], counts) | {
        "created": encode_time(created)
    }

    def build() -> Query:
        given = [peewee.Entity("given", name) for name in ("key", "id", "count", "count")]
        columns = [*given, slot("created"), slot("created")]
        source = peewee.Select([db.dialect.counts_table(slot)], columns).where(SQL("1 = 1"))
        return _risen(_C.insert_from(source, list(_POINTER))).returning(_C.key, _C.last_version)

    rows = db.fetch_all("latest.allocate_versions", build, values)
    with Reading("The counter of a key"):
        return {row[0]: int(row[1]) for row in rows}


def update_in_two_statements(db: Statements, row: Mapping[Any, Any]) -> bool:
    """Change columns of an artifact, given with its id, on SQLite; tell whether there is one.

    The time is noted in the row of its key when it is the latest.
    """
    names = tuple(row)
    wanted = (("latest.touch", _touch_latest), (("latest.update", names), partial(_update, names)))
    return db.execute_all(wanted, row) > 0


def update_in_one_statement(db: Statements, row: Mapping[Any, Any], alone: bool) -> bool:
    """Do `update_in_two_statements` in one statement, where rows are locked.

    Two statements would look at two moments: in between, an artifact may be deleted and made again under
    another key, which is not locked. One statement changes what it has seen, or nothing.

    Args:
        db: the statements of a store.
        row: what to change, by column, with the id.
        alone: it is not inside a block, so the statement says itself how long it waits.
    """
    names = tuple(row)
    key = ("latest.update_in_one_statement", names, alone)
    while not db.execute(key, lambda: _update_in_one_statement(db, names, alone), row):
        # What was deleted while this waited for the lock may have been made again in the same moment.
        if db.fetch_one("latest.exists", _exists, row) is None:
            return False
    return True


def _exists() -> Query:
    return Artifact.select(SQL("1")).where(Artifact.id == slot("id"))


def _update(names: tuple[str, ...]) -> peewee.ModelUpdate:
    changes = {getattr(Artifact, name): slot(name) for name in names if name != "id"}
    return Artifact.update(changes).where(Artifact.id == slot("id"))


def _update_in_one_statement(db: Statements, names: tuple[str, ...], alone: bool) -> Query:
    touched = peewee.Table("touched")
    # A version is never given out twice: where it is equal, the artifact is the one that this statement has seen.
    noted = Case(None, ((_C.latest_version == Artifact.version, slot("updated")),), _C.updated)
    of_artifact = (Artifact.id == slot("id")) & (_C.key == Artifact.key)
    touch = _C.update({_C.updated: noted}).from_(Artifact).where(of_artifact).returning(_C.key)
    # The row of the key is locked before the artifact's, because its number is asked for first.
    update = _update(names).where(touched.select(fn.COUNT(SQL("*"))) >= 0)
    if alone:
        # An artifact without key has no row of a key, in front of which the time-out would be said.
        touch, update = touch.where(_says_timeout(db)), update.where(_says_timeout(db))
    return NodeList((SQL('WITH "touched" AS ('), touch, SQL(")"), update))


def _says_timeout(db: Statements) -> Query:
    """Return a condition that always holds, and says how long a statement outside of a block may wait for a lock."""
    words = (
        SQL("'lock_timeout'"),
        SQL(f"'{db.engine.lock_timeout}'"),
        SQL("TRUE"),
    )  # a number of ours, not a value
    return fn.set_config(*words).is_null(False)


def _touch_latest() -> Query:
    """Note the time alone: SQLite has locked the whole database already."""
    return _C.update({_C.updated: slot("updated")}).where(_C.latest_id == slot("id"))


def lock_key_of(db: Statements, artifact_id: str) -> tuple[str | None, str | None] | None:
    """Lock the key of an artifact.

    Returns:
        The key and the id of its latest artifact, as they are under the lock; `None` when there is no such artifact.
    """
    build = _locked if db.dialect.locks_rows else _key_and_latest
    row = db.fetch_one("latest.lock_key_of", build, {"id": artifact_id})
    return None if row is None else (row[0], row[1] and str(row[1]))


def _key_and_latest() -> Query:
    """Read alone: SQLite has locked the whole database already."""
    query = Artifact.select(Artifact.key, _C.latest_id).join(
        _C, peewee.JOIN.LEFT_OUTER, on=(_C.key == Artifact.key)
    )
    return query.where(Artifact.id == slot("id"))


def _locked() -> Query:
    found, row = peewee.Table("found"), peewee.Table("locked")
    find = Artifact.select(Artifact.key).where(Artifact.id == slot("id"))
    write = _C.update({_C.last_version: _C.last_version}).where(_C.key == found.select(found.c.key))
    result = found.select(found.c.key, row.c.latest_id).join(
        row, peewee.JOIN.LEFT_OUTER, on=SQL("TRUE")
    )
    named = (
        SQL('WITH "found" AS ('),
        find,
        SQL('), "locked" AS ('),
        write.returning(_C.latest_id),
        SQL(")"),
    )
    return NodeList((*named, result))


def lock_keys(db: Statements, keys: Sequence[str]) -> None:
    """Lock some keys in sorted order, so that writers of several keys never wait for each other in a ring.

    What locks them must write to their rows, as `rebuild` does.
    """

    def build() -> Query:
        query = _C.select(_C.key).where(db.dialect.is_in(_C.key, slot("keys"))).order_by(_C.key)
        return query.for_update()

    if db.dialect.locks_rows:
        db.fetch_all("latest.lock", build, {"keys": db.dialect.bind_list(keys)})


def lock_table(db: Statements) -> None:
    """Keep every other writer out until the block ends."""
    if db.dialect.locks_rows:
        db.execute(
            "latest.lock_table",
            lambda: SQL('LOCK TABLE "artifact_collection" IN EXCLUSIVE MODE'),
            {},
        )


def repoint_latest(db: Statements, key: str) -> None:
    """Point a locked key whose latest artifact was deleted to the next greatest version, or to none."""
    if not db.execute("latest.point", _point, {"key": key}):
        db.execute("latest.empty", lambda: _emptied().where(_C.key == slot("key")), {"key": key})


def _emptied() -> peewee.ModelUpdate:
    return _C.update({_C.latest_id: None, _C.latest_version: None})


def _point() -> Query:
    columns = (Artifact.id, Artifact.version, Artifact.created, Artifact.updated)
    of_key = Artifact.select(*columns).where(Artifact.key == slot("key"))
    greatest = of_key.order_by(Artifact.version.desc()).limit(1).alias("greatest")
    places = (_C.latest_id, _C.latest_version, _C.created, _C.updated)
    found = (greatest.c.id, greatest.c.version, greatest.c.created, greatest.c.updated)
    update = _C.update(dict(zip(places, found, strict=True)))
    return update.from_(greatest).where(_C.key == slot("key"))


def rebuild(db: Statements, keys: Sequence[str]) -> None:
    """Make the rows of some locked keys anew from the computed query; counters never fall."""
    values = {"keys": db.dialect.bind_list(keys)}
    db.execute(
        "latest.rebuild", lambda: _rebuild(db, db.dialect.is_in(Artifact.key, slot("keys"))), values
    )

    def sweep() -> Query:
        counted = Case(
            None, ((db.dialect.is_invalid_counter(_C.last_version), 1),), _C.last_version
        )
        emptied = _C.update({_C.latest_id: None, _C.latest_version: None, _C.last_version: counted})
        return emptied.where(
            db.dialect.is_in(_C.key, slot("keys")), ~fn.EXISTS(_artifacts_of_row())
        )

    db.execute("latest.sweep", sweep, values)


def _rebuild(db: Statements, among: Query) -> Query:
    greatest = computed(among)
    columns = (
        greatest.c.key,
        Artifact.id,
        greatest.c.version,
        greatest.c.version,
        Artifact.created,
        Artifact.updated,
    )
    source = _joined(Artifact.select(*columns), greatest).where(SQL("1 = 1"))
    counted = peewee.EXCLUDED.last_version
    low = (_C.last_version < counted) | db.dialect.is_invalid_counter(_C.last_version)
    return _C.insert_from(
        source, [_C.key, _C.latest_id, _C.latest_version, _C.last_version, _C.created, _C.updated]
    ).on_conflict(
        conflict_target=[_C.key],
        preserve=[_C.latest_id, _C.latest_version, _C.created, _C.updated],
        update={_C.last_version: Case(None, ((low, counted),), _C.last_version)},
    )


def computed(where: Query | None = None) -> peewee.Select:
    """Return the computed query: the greatest version of each key, from the artifact table alone."""
    query = Artifact.select(Artifact.key, fn.MAX(Artifact.version).alias("version"))
    return (
        query.where(Artifact.key.is_null(False) if where is None else where)
        .group_by(Artifact.key)
        .alias("greatest")
    )


def _joined(query: peewee.Select, greatest: peewee.Select) -> peewee.Select:
    matches = (Artifact.key == greatest.c.key) & (Artifact.version == greatest.c.version)
    return query.join(greatest, on=matches)


def _artifacts_of_row() -> Query:
    return Artifact.select(SQL("1")).where(Artifact.key == _C.key)


def verify(db: Statements) -> list[Inconsistency]:
    """Return every difference between the collection table and the computed query."""
    rows = db.fetch_all("latest.differences", _differences, {})
    with Reading("The version of a key"):
        found = [each for row in rows for each in _wrong_with(_text(row[0]), *row[1:])]

    def pointing() -> Query:
        points = _C.latest_id.is_null(False) | _C.latest_version.is_null(False)
        return _C.select(_C.key).where(points, ~fn.EXISTS(_artifacts_of_row()))

    for (key,) in db.fetch_all("latest.pointing", pointing, {}):
        key = _text(key)
        found.append(
            Inconsistency(
                "dangling",
                key,
                f"The collection row of {key} points to an artifact, and it has none.",
            )
        )
    known = {each.key for each in found if each.kind == "low-counter"}

    def uncounted() -> Query:
        return _C.select(_C.key).where(db.dialect.is_invalid_counter(_C.last_version))

    for (key,) in db.fetch_all("latest.uncounted", uncounted, {}):
        if _text(key) not in known:
            found.append(
                Inconsistency(
                    "low-counter", key, f"The counter of {key} is not a whole number from 1."
                )
            )
    return sorted(found)


def _text(key: object) -> str:
    """Return a key; a damaged SQLite file may hold anything in its place."""
    if isinstance(key, str):
        return key
    raise damaged("A key of the collection table", f"it is a {type(key).__name__}")


def _differences() -> Query:
    greatest, pointed = computed(), Artifact.alias("pointed")
    own = (greatest.c.key, greatest.c.version)
    row = (_C.key, _C.latest_id, _C.latest_version, _C.last_version)
    right = fn.COALESCE(_C.latest_id == Artifact.id, SQL("FALSE"))
    times = (_C.created == Artifact.created) & (_C.updated == Artifact.updated)
    return (
        _joined(Artifact.select(*own, *row, right, pointed.version, times), greatest)
        .join(_C, peewee.JOIN.LEFT_OUTER, on=(_C.key == greatest.c.key))
        .join(
            pointed,
            peewee.JOIN.LEFT_OUTER,
            on=((pointed.id == _C.latest_id) & (pointed.key == _C.key)),
        )
        .where(
            _C.key.is_null()
            | ~right
            | _C.latest_version.is_null()
            | (_C.latest_version != greatest.c.version)
            | (_C.last_version < greatest.c.version)
            | ~times
        )
    )


def _wrong_with(
    key: str,
    version: int,
    row: str | None,
    latest_id: object,
    latest: int | None,
    last: int,
    right: bool,
    pointed: int | None,
    times: bool,
) -> list[Inconsistency]:
    """Name what is wrong with the collection row of one key."""
    if row is None:
        return [
            Inconsistency(
                "missing",
                key,
                f"{key} has {version} as its greatest version and no collection row.",
            )
        ]
    found = []
    if latest_id is None and latest is None:
        found.append(
            (
                "empty",
                f"the collection row of {key} says that it is empty, the greatest version is {version}.",
            )
        )
    else:
        if not right and pointed is None:
            found.append(
                ("dangling", f"the collection row of {key} points to no artifact of that key.")
            )
        elif not right:
            found.append(
                (
                    "stale",
                    f"the collection row of {key} points to version {pointed}, the greatest is {version}.",
                )
            )
        if latest != version:
            said = "no version" if latest is None else f"version {latest}"
            found.append(
                (
                    "wrong-version",
                    f"the collection row of {key} says {said}, the greatest is {version}.",
                )
            )
    if last < version:
        found.append(
            (
                "low-counter",
                f"the counter of {key} is {last}, below its greatest version {version}.",
            )
        )
    if right and not times:
        found.append(
            (
                "wrong-times",
                f"the collection row of {key} has other times than its latest artifact.",
            )
        )
    return [Inconsistency(kind, key, message[0].upper() + message[1:]) for kind, message in found]
