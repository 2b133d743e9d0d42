"""Creates artifacts: each is prepared once, then its version is allocated and its row inserted.

Keywords, an `ArtifactCreate` and a mapping all become a `Prepared`, which returns the row to insert
and afterwards the artifact. A create may be repeated after a lost connection: it is recognized by
its id and its time.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import PydanticSerializationError, from_json

from ..base import Writer
from ..clock import new_id, now
from ..context import Origin
from ..db.columns import ARTIFACT_JSON
from ..db.dialects import encode_time
from ..db.rows import NO_TEXTS, collector_paused, construct, stored_alike
from ..db.statements import Statements
from ..errors import ArtifactConflict, IntegrityViolation, InvalidArtifact
from ..jsonable.normalize import dump_json
from ..schemas.artifacts import Artifact, ArtifactCreate, is_key, prepare_fields
from . import latest, queries

__all__ = ["Prepared", "create_artifact", "create_artifacts", "prepare"]

_RUN_IDS = ("flow_run_id", "task_run_id")
_NO_FIELDS = dict.fromkeys(ArtifactCreate.model_fields)


class Prepared(NamedTuple):
    """An artifact that was validated and can be inserted.

    It has plain fields, because creating an `ArtifactCreate` from keywords takes as long as a
    statement.

    Attributes:
        fields: all fields of an `ArtifactCreate`.
        set_fields: the names of those that the caller has set.
        texts: the JSON texts that are known already, by field. `None` when the caller holds the
            same data, as that of an `ArtifactCreate`, and may have changed it since.
    """

    fields: Mapping[str, Any]
    set_fields: Collection[str]
    texts: Mapping[str, str] | None

    def row(
        self,
        artifact_id: UUID,
        created: datetime | str,
        native: bool,
        version: int | None = None,
    ) -> queries.Row:
        """Return the row to insert, in the order of `queries.ROWS.names`.

        Args:
            artifact_id: its id.
            created: its time, as the engine takes it.
            native: whether the driver takes UUIDs; otherwise they are bound as text.
            version: its version, if it is known already.

        Raises:
            InvalidArtifact: a value cannot be stored.
        """
        fields = self.fields
        key = fields["key"]
        flow_run_id = fields["flow_run_id"]
        task_run_id = fields["task_run_id"]
        texts = self.texts
        if texts is None:
            texts = NO_TEXTS
            # `model_copy` validates nothing.
            if key is not None and not is_key(key):
                raise InvalidArtifact(
                    f"Invalid key {key!r:.300}: make a new ArtifactCreate instead of a changed copy."
                )

        row = {
            "id": artifact_id if native else str(artifact_id),
            "key": key,
            "version": version,
            "type": fields["type"],
            "description": fields["description"],
            "data": None,
            "metadata": None,
            "flow_run_id": flow_run_id if native else flow_run_id and str(flow_run_id),
            "task_run_id": task_run_id if native else task_run_id and str(task_run_id),
            "created": created,
            "updated": created,
            "profile": None,
        }
        try:
            for name in ARTIFACT_JSON:
                value = fields[name]
                if value is not None:
                    row[name] = texts.get(name) or dump_json(value)
        except PydanticSerializationError:  # it was changed after it was validated
            validated = prepare(ArtifactCreate(**fields), {})
            return validated.row(artifact_id, created, native, version)
        return row

    def artifact(self, artifact_id: UUID, created: datetime, row: queries.Row) -> Artifact:
        """Return the artifact of a row that was inserted; the row becomes its fields."""
        fields = self.fields
        row["id"] = artifact_id
        row["flow_run_id"] = fields["flow_run_id"]
        row["task_run_id"] = fields["task_run_id"]
        row["created"] = created
        row["updated"] = created

        is_shared = self.texts is None
        for name in ARTIFACT_JSON:
            text = row[name]
            if text is not None:
                # Data that the caller still holds is parsed anew, so that changing it does not
                # change the artifact.
                row[name] = from_json(text) if is_shared else fields[name]
        return construct(Artifact, row)

    def check_same(self, other: Mapping[str, object], artifact_id: UUID) -> None:
        """Check that an artifact with the same id has the same content, so that this is a repeat.

        Run ids that the caller has not set are not compared, so that a job that runs twice
        publishes once.

        Raises:
            ArtifactConflict: a field is different.
        """
        for name in _NO_FIELDS:
            if name == "id" or (name in _RUN_IDS and name not in self.set_fields):
                continue
            if not stored_alike(name, self.fields[name], other[name]):
                raise ArtifactConflict(
                    f"The id {artifact_id} is taken by an artifact with different content ({name}): "
                    "leave out the id or update that artifact."
                )


# --- Prepare ---


def prepare(
    artifact: ArtifactCreate | None,
    fields: Mapping[str, object],
    origin: Origin | None = None,
) -> Prepared:
    """Return the artifact that a value or its fields describe, ready to be inserted.

    Args:
        artifact: the value, or `None`.
        fields: the fields, if there is no value.
        origin: the current runs, whose ids are filled in where the caller has not set them.

    Raises:
        InvalidArtifact: a value cannot be stored, or there are both a value and fields.
    """
    if artifact is None:
        valid, texts = prepare_fields(ArtifactCreate, fields)
        prepared = Prepared({**_NO_FIELDS, **valid}, fields, texts)
    else:
        if fields:
            raise InvalidArtifact(
                f"Give an ArtifactCreate or keywords, not both: {', '.join(fields)}."
            )
        if not isinstance(artifact, ArtifactCreate):
            raise InvalidArtifact(
                f"Expected an ArtifactCreate, got {type(artifact).__name__}: pass one, or its fields as keywords."
            )
        prepared = Prepared(artifact.__dict__, artifact.model_fields_set, None)

    return prepared if origin is None else fill_in_run_ids(prepared, origin)


def prepare_one(item: object, origin: Origin | None) -> Prepared:
    """Return the artifact that a value or a mapping of its fields describes.

    Raises:
        InvalidArtifact: it is neither, or a value cannot be stored.
    """
    if isinstance(item, ArtifactCreate):
        return prepare(item, {}, origin)
    if isinstance(item, Mapping):
        return prepare(None, {**item}, origin)
    raise InvalidArtifact(
        f"Expected an ArtifactCreate, got {type(item).__name__}: pass one, or a mapping of its fields."
    )


def fill_in_run_ids(prepared: Prepared, origin: Origin) -> Prepared:
    """Set the run ids that the caller has not set to those of the current runs."""
    missing = [name for name in _RUN_IDS if name not in prepared.set_fields]
    if not missing:
        return prepared
    # A task run is filled in only beside its own flow run.
    if missing == ["task_run_id"] and prepared.fields["flow_run_id"] != origin.flow_run_id:
        return prepared
    run_ids = {name: getattr(origin, name) for name in missing}
    return prepared._replace(fields={**prepared.fields, **run_ids})


# --- Create one ---


def create_artifact(
    writer: Writer,
    artifact: ArtifactCreate | None,
    fields: Mapping[str, object],
) -> Artifact:
    """Create one artifact from a value or fields; see `ArtifactStore.create_artifact`."""
    prepared = prepare(artifact, fields, writer.origin())
    db = writer.db
    engine = db.engine
    chosen_id: UUID | None = prepared.fields["id"]
    artifact_id = chosen_id or new_id()
    created = now()
    insert = partial(insert_one, db, prepared, artifact_id, created)
    while True:
        try:
            if engine.one_statement and not engine.in_block():
                return insert()
            return engine.run_idempotent(insert)
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
) -> list[Artifact]:
    """Create many artifacts in one transaction; see `ArtifactStore.create_artifacts`."""
    items = list(many)
    origin = writer.origin()
    bulk = BulkCreate(writer.db, [prepare_one(item, origin) for item in items], now())
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


class BulkCreate:
    """A create of many artifacts in one transaction, which may be tried several times.

    What a try has created is recognized by its id and time, even if it was updated since: when the
    answer to a COMMIT was lost, the next try returns it.
    """

    def __init__(self, db: Statements, many: Sequence[Prepared], created: datetime) -> None:
        """Give an id to each artifact that has none."""
        self._db = db
        self._created_at = created
        self._many = [(each.fields["id"] or new_id(), each) for each in many]
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
            created = insert_many(self._db, self._many, self._created_at)
            self._created = {each.id: each for each in created}
            return created

        known = {each.id: each for each in queries.read_many(self._db, ids)}
        if any(self.is_own(each) for each in known.values()):
            # The last try was committed. What is missing was deleted since, and is not created
            # again.
            known = {**self._created, **known}

        created = insert_many(self._db, self.new_artifacts(known), self._created_at)
        if created:
            self._created = {each.id: each for each in created}
        known.update((each.id, each) for each in created)
        return [known[artifact_id] for artifact_id, _ in self._many]

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
