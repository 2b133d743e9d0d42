"""Creates artifacts under conditions: an expected version, or content that is not that of the latest.

An expected version is judged by the statement that raises the counter. To skip what is unchanged,
the key is locked first and its latest artifact compared under the lock. The data is compared by a
digest on a server, so no payload is sent back.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from ..db.artifact_tables import Artifact as ArtifactTable
from ..db.dialects import encode_time
from ..db.statements import Query, Statements, slot
from ..schemas.artifacts import Artifact
from ..unset import UNSET
from . import create, key_locks, latest, latest_update, queries
from .conditions import Condition, check_key, conflict_of, judge
from .prepared import Prepared

__all__ = ["insert_many_if", "insert_one_if"]

_CONTENT = ("type", "description", "metadata", "data")
_BATCH = 100  # artifacts that are compared at once: SQLite reads their data

_NO_CONDITION = Condition()
_NO_ID = UUID(int=0)

Content = tuple[Any, ...]
"""What is compared: the values of `_CONTENT`, those of JSON fields as texts."""


# --- One artifact ---


def insert_one_if(
    db: Statements,
    prepared: Prepared,
    artifact_id: UUID,
    created: datetime,
    condition: Condition,
) -> Artifact:
    """Create one artifact if its conditions hold, and return it, or the latest one if it is equal.

    To skip what is unchanged it must run inside a transaction.

    Raises:
        InvalidArtifact: it has no key.
        VersionConflict: the latest version is not the expected one.
    """
    key = check_key(prepared.fields["key"])
    if not condition.skip_unchanged:
        return insert_expected(db, prepared, artifact_id, created, condition)

    if prepared.fields["id"] is not None:
        stored = queries.read(db, artifact_id)
        if stored is not None:
            if stored.created != created:
                prepared.check_same(stored.__dict__, artifact_id)
            return stored
    state = key_locks.lock_and_read(db, [key], created)[key]
    judge(key, state.latest_version, condition.expected)
    if state.latest_id is not None:
        unchanged = find_unchanged(db, {state.latest_id: prepared}, created)
        if unchanged:
            latest_update.touch(db, [state.latest_id], created)
            return unchanged[state.latest_id]
    return create.insert_one(db, prepared, artifact_id, created)


def insert_expected(
    db: Statements,
    prepared: Prepared,
    artifact_id: UUID,
    created: datetime,
    condition: Condition,
) -> Artifact:
    """Create one artifact if the latest version of its key is the expected one."""
    expected = condition.expected
    assert expected is not UNSET
    native = db.dialect.binds_objects
    row = prepared.row(artifact_id, created if native else encode_time(created), native)
    key = row["key"]
    one_statement = db.dialect.writes_in_with
    allocate = latest.allocate_and_insert_if if one_statement else latest.allocate_version_if
    while True:
        row["version"] = version = allocate(db, row, expected)
        if version is not None:
            break
        latest_version = key_locks.read_latest_version(db, key)
        # If the expected version has become the latest in between, it is tried again.
        if latest_version != expected:
            raise conflict_of(key, latest_version, expected)
    if not one_statement:
        queries.insert(db, row)
    return prepared.artifact(artifact_id, created, row)


# --- Many artifacts ---


def insert_many_if(
    db: Statements,
    new: Sequence[tuple[UUID, Prepared]],
    conditions: Mapping[UUID, Condition],
    created: datetime,
) -> list[Artifact]:
    """Create artifacts whose ids are free, if the conditions hold that some of them have.

    Returns:
        Each artifact that was created, or in its place the latest one of its key, if it is equal.

    Raises:
        InvalidArtifact: one with a condition has no key.
        VersionConflict: a version is not the expected one; nothing may be committed.
    """
    for artifact_id, prepared in new:
        if artifact_id in conditions:
            check_key(prepared.fields["key"])
    keys = {prepared.fields["key"] for _, prepared in new} - {None}
    states = key_locks.lock_and_read(db, sorted(keys), created)

    bulk = ConditionalBulk(states, conditions)
    for batch in batches(bulk.compared(new)):
        bulk.unchanged.update(find_unchanged(db, batch, created))
    for artifact_id, prepared in new:
        bulk.decide(artifact_id, prepared)

    latest_update.touch(db, sorted(bulk.touched), created)
    known = {each: bulk.unchanged[each] for each in bulk.touched}
    if bulk.created:
        known.update((each.id, each) for each in create.insert_many(db, bulk.created, created))
    return [known[bulk.results[artifact_id]] for artifact_id, _ in new]


class ConditionalBulk:
    """Decides in order which artifacts of a bulk are created, as if each was created alone.

    Attributes:
        unchanged: the stored artifacts that are equal to what they were compared with, by id.
        created: the artifacts to create.
        results: the id of what is returned for each artifact: its own, or that of an equal one.
        touched: the ids of stored artifacts that are returned.
    """

    def __init__(
        self, states: Mapping[str, key_locks.KeyState], conditions: Mapping[UUID, Condition]
    ) -> None:
        """Take the state of each key, and the conditions of the artifacts that have some."""
        self._states = dict(states)
        self._conditions = conditions
        self._contents: dict[str, Content] = {}
        self.unchanged: dict[UUID, Artifact] = {}
        self.created: list[tuple[UUID, Prepared]] = []
        self.results: dict[UUID, UUID] = {}
        self.touched: set[UUID] = set()

    def compared(self, new: Sequence[tuple[UUID, Prepared]]) -> Iterator[tuple[UUID, Prepared]]:
        """Yield the ids of the stored artifacts to compare, each with what may be equal to it.

        Only the first artifact of a key is compared with what is stored. A later one is compared
        with the one before it.
        """
        seen = set()
        for artifact_id, prepared in new:
            key = prepared.fields["key"]
            if key is None or key in seen:
                continue
            seen.add(key)
            latest_id = self._states[key].latest_id
            if latest_id is not None and self.condition(artifact_id).skip_unchanged:
                yield latest_id, prepared

    def condition(self, artifact_id: UUID) -> Condition:
        """Return the conditions of an artifact."""
        return self._conditions.get(artifact_id, _NO_CONDITION)

    def decide(self, artifact_id: UUID, prepared: Prepared) -> None:
        """Decide whether an artifact is created.

        Raises:
            VersionConflict: the latest version of its key is not the expected one.
        """
        key = prepared.fields["key"]
        self.results[artifact_id] = artifact_id
        if key is not None:
            state = self._states[key]
            condition = self.condition(artifact_id)
            judge(key, state.latest_version, condition.expected)
            is_equal = self.is_equal_to_latest(key, prepared)
            if is_equal and condition.skip_unchanged and state.latest_id is not None:
                self.results[artifact_id] = state.latest_id
                if state.latest_id in self.unchanged:
                    self.touched.add(state.latest_id)
                return
            version = state.last_version + 1
            self._states[key] = key_locks.KeyState(artifact_id, version, version)
        self.created.append((artifact_id, prepared))

    def is_equal_to_latest(self, key: str, prepared: Prepared) -> bool:
        """Return whether an artifact has the content of the latest one, and remember its content."""
        previous = self._contents.get(key)
        content = self._contents[key] = content_of(prepared)
        if previous is None:
            return self._states[key].latest_id in self.unchanged
        return content == previous


def batches(pairs: Iterator[tuple[UUID, Prepared]]) -> Iterator[dict[UUID, Prepared]]:
    """Yield pairs in dicts of a limited size."""
    while batch := dict(islice(pairs, _BATCH)):
        yield batch


# --- Compare ---


def find_unchanged(
    db: Statements, wanted: Mapping[UUID, Prepared], updated: datetime
) -> dict[UUID, Artifact]:
    """Return the stored artifacts that have the content of others, as they are after they are touched.

    Args:
        db: the statements of a store.
        wanted: by the id of a stored artifact, what it is compared with.
        updated: the time at which they are touched.
    """

    def build() -> Query:
        columns = [
            db.dialect.digest(ArtifactTable.data)
            if name == "data"
            else getattr(ArtifactTable, name)
            for name in queries.ROWS.names
        ]
        is_wanted = db.dialect.is_in(ArtifactTable.id, slot("ids"))
        return ArtifactTable.select(*columns).where(is_wanted)

    values = {"ids": db.dialect.bind_list(list(wanted))}
    unchanged: dict[UUID, Artifact] = {}
    for row in db.fetch_all("artifacts.compare", build, values):
        fields = dict(zip(queries.ROWS.names, row, strict=True))
        stored_content = tuple(fields[name] for name in _CONTENT)
        fields["data"] = None
        stored = queries.ROWS.value(fields.values())
        prepared = wanted[stored.id]
        *others, text = content_of(prepared)
        if stored_content == (*others, db.dialect.digest_of(text)):
            changes = {"data": prepared.data(text), "updated": updated}
            unchanged[stored.id] = stored.model_copy(update=changes)
    return unchanged


def content_of(prepared: Prepared) -> Content:
    """Return the content of an artifact that is compared."""
    row = prepared.row(_NO_ID, "", native=False)
    return tuple(row[name] for name in _CONTENT)
