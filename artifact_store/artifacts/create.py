"""Creates artifacts: each is prepared once, then its version is allocated and its row inserted.

A create may be repeated after a lost connection: it is recognized by its id and its time.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from .. import artifacts
from ..base import Writer
from ..clock import new_id, now
from ..db.dialects import encode_time
from ..db.rows import collector_paused
from ..db.statements import Statements
from ..errors import IntegrityViolation, VersionConflict
from ..schemas.artifacts import Artifact, ArtifactCreate
from . import latest, queries
from .prepared import Prepared, prepare, prepare_one

if TYPE_CHECKING:
    from .conditions import Condition

__all__ = ["create_artifact", "create_artifacts", "insert_many", "insert_one"]


# --- Create one ---


def create_artifact(
    writer: Writer,
    artifact: ArtifactCreate | None,
    fields: Mapping[str, object],
    condition: "Condition | None" = None,
) -> Artifact:
    """Create one artifact from a value or fields; see `ArtifactStore.create_artifact`."""
    prepared = prepare(artifact, fields, writer.origin())
    db = writer.db
    engine = db.engine
    chosen_id: UUID | None = prepared.fields["id"]
    artifact_id = chosen_id or new_id()
    created = now()
    insert = partial(insert_one, db, prepared, artifact_id, created)
    one_statement = engine.one_statement
    if condition is not None:
        insert_if = artifacts.create_if.insert_one_if
        insert = partial(insert_if, db, prepared, artifact_id, created, condition)
        one_statement = one_statement and not condition.skip_unchanged
    while True:
        try:
            if one_statement and not engine.in_block():
                return insert()
            return engine.run_idempotent(insert)
        except VersionConflict:
            # The first try may have created what is now the latest version.
            stored = queries.read(db, artifact_id)
            if stored is None:
                raise
        except IntegrityViolation as error:
            if "artifact.id" not in str(error):
                raise explain(error) from error
            stored = queries.read(db, artifact_id)
            if stored is None and engine.in_block():
                raise taken_by_unseen() from error

        # If it was deleted in between, the create starts again.
        if stored is not None:
            # A first try whose answer was lost has the same time, and may have been updated since.
            if chosen_id is not None and stored.created != created:
                prepared.check_same(stored.__dict__, artifact_id)
            return stored


def insert_one(
    db: Statements,
    prepared: Prepared,
    artifact_id: UUID,
    created: datetime,
) -> Artifact:
    """Allocate the version of an artifact, insert its row, and return the artifact."""
    native = db.dialect.binds_objects
    row = prepared.row(artifact_id, created if native else encode_time(created), native)
    if row["key"] is None:
        queries.insert(db, row)
    elif db.dialect.writes_in_with:
        row["version"] = latest.allocate_and_insert(db, row)
    else:
        row["version"] = latest.allocate_version(db, row)
        queries.insert(db, row)
    return prepared.artifact(artifact_id, created, row)


# --- Create many ---


def create_artifacts(
    writer: Writer,
    many: Iterable[ArtifactCreate | Mapping[str, object]],
    skip_unchanged: bool = False,
) -> list[Artifact]:
    """Create many artifacts in one transaction; see `ArtifactStore.create_artifacts`."""
    items: list[object] = list(many)
    conditions: list[Condition | None] = []
    if skip_unchanged is not False or any(has_condition(item) for item in items):
        items, conditions = artifacts.conditions.split(items, skip_unchanged)
    origin = writer.origin()
    prepared = [prepare_one(item, origin) for item in items]
    bulk = BulkCreate(writer.db, prepared, now(), conditions)
    engine = writer.db.engine
    tries = 0
    while items:
        tries += 1
        try:
            return engine.run_idempotent(bulk)
        except IntegrityViolation as error:
            if "artifact.id" not in str(error):
                raise explain(error) from error
            # Another writer has just created one of the ids. The next try finds it, unless this
            # transaction cannot.
            if tries > 1 and engine.in_block():
                raise taken_by_unseen() from error
    return []


def has_condition(item: object) -> bool:
    """Return whether an item of a bulk is a mapping with a condition beside its fields."""
    if isinstance(item, ArtifactCreate) or not isinstance(item, Mapping):
        return False
    return "expect_version" in item or "skip_unchanged" in item


class BulkCreate:
    """A create of many artifacts in one transaction, which may be tried several times.

    What a try has created is recognized by its id and time, even if it was updated since: when the
    answer to a COMMIT was lost, the next try returns it.
    """

    def __init__(
        self,
        db: Statements,
        many: Sequence[Prepared],
        created: datetime,
        conditions: Sequence["Condition | None"],
    ) -> None:
        """Give an id to each artifact that has none.

        Args:
            db: the statements of a store.
            many: the artifacts.
            created: their time.
            conditions: those of each artifact; empty if none has one.
        """
        self._db = db
        self._created_at = created
        self._many = [(each.fields["id"] or new_id(), each) for each in many]
        self._conditions: dict[UUID, Condition] = {}
        for (artifact_id, _), condition in zip(self._many, conditions, strict=False):
            if condition is not None:
                self._conditions.setdefault(artifact_id, condition)
        self._ids_to_read = [each.fields["id"] for each in many if each.fields["id"] is not None]
        self._created: dict[UUID, Artifact] = {}

    def __call__(self) -> list[Artifact]:
        """Create the artifacts that do not exist yet, and return all of them in order.

        Raises:
            ArtifactConflict: an id is taken by an artifact with other content.
        """
        ids = self._ids_to_read
        # A second try reads all ids, because the first one may have created them.
        self._ids_to_read = [artifact_id for artifact_id, _ in self._many]
        if not ids:
            self._created = self.insert(self._many)
            return list(self._created.values())

        known = {each.id: each for each in queries.read_many(self._db, ids)}
        if any(self.is_own(each) for each in known.values()):
            # The last try was committed. What is missing was deleted since, and is not created
            # again.
            known = {**self._created, **known}

        created = self.insert(self.new_artifacts(known))
        if created:
            self._created = created
        known.update(created)
        return [known[artifact_id] for artifact_id, _ in self._many]

    def insert(self, new: Sequence[tuple[UUID, Prepared]]) -> dict[UUID, Artifact]:
        """Create artifacts; return by their ids what is returned for each.

        Raises:
            VersionConflict: the latest version of a key is not the expected one.
        """
        if self._conditions and new:
            insert_if = artifacts.create_if.insert_many_if
            created = insert_if(self._db, new, self._conditions, self._created_at)
        else:
            created = insert_many(self._db, new, self._created_at)
        ids = [artifact_id for artifact_id, _ in new]
        return dict(zip(ids, created, strict=True))

    def new_artifacts(self, known: Mapping[UUID, Artifact]) -> list[tuple[UUID, Prepared]]:
        """Return the artifacts that do not exist yet, each once.

        Raises:
            ArtifactConflict: an id is taken by an artifact with other content, or there are two
                with it and different content.
        """
        new: dict[UUID, Prepared] = {}
        for artifact_id, prepared in self._many:
            stored = known.get(artifact_id)
            if stored is None:
                first = new.setdefault(artifact_id, prepared)
                if first is not prepared:
                    prepared.check_same(first.fields, artifact_id)
            elif not self.is_own(stored):
                prepared.check_same(stored.__dict__, artifact_id)
        return list(new.items())

    def is_own(self, stored: Artifact) -> bool:
        """Return whether an earlier try has created this artifact."""
        return stored.id in self._created and stored.created == self._created_at


def insert_many(
    db: Statements,
    new: Sequence[tuple[UUID, Prepared]],
    created: datetime,
) -> list[Artifact]:
    """Create artifacts whose ids are free: lock all keys in sorted order, then insert all rows."""
    versions = allocate_versions(db, new, created)
    with collector_paused():
        native = db.dialect.binds_objects
        bound_time = encode_time(created)
        rows = [
            prepared.row(artifact_id, bound_time, native, version)
            for (artifact_id, prepared), version in zip(new, versions, strict=True)
        ]
    queries.insert_many(db, rows)
    with collector_paused():
        return [
            prepared.artifact(artifact_id, created, row)
            for (artifact_id, prepared), row in zip(new, rows, strict=True)
        ]


def allocate_versions(
    db: Statements,
    new: Sequence[tuple[UUID, Prepared]],
    created: datetime,
) -> list[int | None]:
    """Allocate the version of each artifact; `None` for those without a key."""
    positions: dict[str, list[int]] = {}
    for position, (_, prepared) in enumerate(new):
        key = prepared.fields["key"]
        if key is not None:
            positions.setdefault(key, []).append(position)

    pointers = []
    for key, of_key in sorted(positions.items()):
        last_id, _ = new[of_key[-1]]
        pointers.append((key, last_id, len(of_key)))
    last_versions = latest.allocate_versions(db, pointers, created)

    versions: list[int | None] = [None] * len(new)
    for key, of_key in positions.items():
        first = last_versions[key] - len(of_key) + 1
        for number, position in enumerate(of_key):
            versions[position] = first + number
    return versions


# --- Errors ---


def taken_by_unseen() -> IntegrityViolation:
    """Return the error for an id that is taken, as only a new transaction can see."""
    error = IntegrityViolation(
        "The id is taken by an artifact that was created after this transaction began: "
        "run the whole block again, as store.run_in_transaction does."
    )
    error.transient = True
    return error


def explain(error: IntegrityViolation) -> IntegrityViolation:
    """Return the error to raise, with what to do if a counter has allocated a taken version."""
    if "artifact.version" not in str(error):
        return error
    return IntegrityViolation(
        "The counter of a key is below its versions: correct it with repair()."
    )
