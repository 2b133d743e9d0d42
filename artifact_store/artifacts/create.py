"""Creates artifacts: each is prepared once, then its version is allocated and its row inserted.

Keywords, an `ArtifactCreate` and a mapping all become a `Prepared`, which gives the row to insert and, afterwards,
the artifact to return. A create may run again after a lost connection: it is known again by its id and its time.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import PydanticSerializationError, from_json

from ..artifacts import latest, queries
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

__all__ = ["Prepared", "create_artifact", "create_artifacts", "prepare"]

_RUN_IDS = ("flow_run_id", "task_run_id")
_NO_FIELDS = dict.fromkeys(ArtifactCreate.model_fields)


class Prepared(NamedTuple):
    """An artifact that is checked and ready to be inserted.

    A named tuple of plain fields: to make an `ArtifactCreate` of keywords takes as long as a statement.

    Attributes:
        fields: all fields of an `ArtifactCreate`.
        given: the names of those that the caller has set.
        texts: the JSON texts that are known already, by field; `None` when the caller holds the same data, as
            that of an `ArtifactCreate`, and may have changed it.
    """

    fields: Mapping[str, Any]
    given: Collection[str]
    texts: Mapping[str, str] | None

    def row(
        self, artifact_id: UUID, created: datetime | str, native: bool, version: int | None = None
    ) -> queries.Row:
        """Return the row to insert, in the order of `queries.ROWS.names`.

        Args:
            artifact_id: its id.
            created: its time, as the engine takes it.
            native: whether the driver takes UUIDs; otherwise they are bound as text.
            version: its version, where it is known already.
        """
        fields = self.fields
        key, flow_run_id, task_run_id = fields["key"], fields["flow_run_id"], fields["task_run_id"]
        texts = self.texts
        if texts is None:
            texts = NO_TEXTS
            # `model_copy` checks nothing.
            if key is not None and not is_key(key):
                raise InvalidArtifact(
                    f"Invalid key {key!r:.300}: make a new ArtifactCreate instead of a changed copy."
                )
        try:
            data, metadata, profile = [
                None if (value := fields[name]) is None else texts.get(name) or dump_json(value)
                for name in ARTIFACT_JSON
            ]
        except PydanticSerializationError:  # it was changed after it was checked
            return prepare(ArtifactCreate(**fields), {}).row(artifact_id, created, native, version)
        return {
            "id": artifact_id if native else str(artifact_id),
            "key": key,
            "version": version,
            "type": fields["type"],
            "description": fields["description"],
            "data": data,
            "metadata": metadata,
            "flow_run_id": flow_run_id if native else flow_run_id and str(flow_run_id),
            "task_run_id": task_run_id if native else task_run_id and str(task_run_id),
            "created": created,
            "updated": created,
            "profile": profile,
        }

    def artifact(self, artifact_id: UUID, created: datetime, row: queries.Row) -> Artifact:
        """Return the artifact that a row was inserted for; the row becomes its fields."""
        fields, unshared = self.fields, self.texts is not None
        row["id"] = artifact_id
        row["flow_run_id"] = fields["flow_run_id"]
        row["task_run_id"] = fields["task_run_id"]
        row["created"] = row["updated"] = created
        for name in ARTIFACT_JSON:
            if row[name] is not None:
                # Data that the caller still holds is parsed anew, so that no later change of it shows.
                row[name] = fields[name] if unshared else from_json(row[name])
        return construct(Artifact, row)

    def check_same(self, other: Mapping[str, Any], artifact_id: UUID) -> None:
        """Check that what has the same id has the same content, so that this create is a repeat of it.

        Run ids that the caller has not set are not compared, so that a job that runs twice publishes once.

        Raises:
            ArtifactConflict: a field differs.
        """
        for name in _NO_FIELDS:
            if name == "id" or (name in _RUN_IDS and name not in self.given):
                continue
            if not stored_alike(name, self.fields[name], other[name]):
                raise ArtifactConflict(
                    f"The id {artifact_id} is taken by an artifact with another {name}: "
                    "leave out the id or update that artifact."
                )


def prepare(
    artifact: ArtifactCreate | None, fields: Mapping[str, Any], origin: Origin | None = None
) -> Prepared:
    """Return an artifact to create, given as a value or as its fields.

    Args:
        artifact: the value, or `None`.
        fields: the fields, where no value is given.
        origin: the current runs, whose ids are filled in where the caller has set none.

    Raises:
        InvalidArtifact: a value cannot be stored, or both a value and fields are given.
    """
    if artifact is None:
        known, texts = prepare_fields(ArtifactCreate, fields)
        prepared = Prepared({**_NO_FIELDS, **known}, fields, texts)
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

    return prepared if origin is None else _with_run_ids(prepared, origin)


def _with_run_ids(prepared: Prepared, origin: Origin) -> Prepared:
    """Fill in the ids of the current runs; a task run is filled in beside its own flow run alone."""
    fields = prepared.fields
    missing = [name for name in _RUN_IDS if name not in prepared.given]
    if not missing or (missing == ["task_run_id"] and fields["flow_run_id"] != origin.flow_run_id):
        return prepared
    return prepared._replace(fields={**fields, **{name: getattr(origin, name) for name in missing}})


def create_artifact(
    writer: Writer, artifact: ArtifactCreate | None, fields: Mapping[str, Any]
) -> Artifact:
    """Create one artifact, given as a value or as its fields; see `ArtifactStore.create_artifact`."""
    prepared = prepare(artifact, fields, writer.origin())
    db = writer.db
    engine = db.engine
    given_id: UUID | None = prepared.fields["id"]
    artifact_id = given_id or new_id()
    created = now()
    insert = partial(_insert, db, prepared, artifact_id, created)
    while True:
        try:
            if engine.one_statement and not engine.in_block():
                return insert()
            return engine.run_idempotent(insert)
        except IntegrityViolation as error:
            if "artifact.id" not in str(error):
                raise _remedied(error) from error
            stored = queries.read(db, artifact_id)
            if stored is None and engine.in_block():
                raise _invisible() from error

        # Where it was deleted in between, this create begins anew.
        if stored is not None:
            # A first try whose answer was lost has the same time, and may have been updated since.
            if given_id is not None and stored.created != created:
                prepared.check_same(stored.__dict__, artifact_id)
            return stored


def _insert(db: Statements, prepared: Prepared, artifact_id: UUID, created: datetime) -> Artifact:
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


def create_artifacts(
    writer: Writer, many: Iterable[ArtifactCreate | Mapping[str, Any]]
) -> list[Artifact]:
    """Create many artifacts in one transaction; see `ArtifactStore.create_artifacts`."""
    many = list(many)
    origin = writer.origin()
    bulk = _Bulk(writer.db, [_prepare_one(each, origin) for each in many], now())
    engine = writer.db.engine
    tries = 0
    while many:
        tries += 1
        try:
            return engine.run_idempotent(bulk)
        except IntegrityViolation as error:
            if "artifact.id" not in str(error):
                raise _remedied(error) from error
            # Another writer has just created one of the ids. The next try finds it, unless this transaction cannot.
            if tries > 1 and engine.in_block():
                raise _invisible() from error
    return []


def _prepare_one(each: object, origin: Origin | None) -> Prepared:
    if isinstance(each, ArtifactCreate):
        return prepare(each, {}, origin)
    if isinstance(each, Mapping):
        return prepare(None, {**each}, origin)
    raise InvalidArtifact(
        f"Expected an ArtifactCreate, got {type(each).__name__}: pass one, or a mapping of its fields."
    )


class _Bulk:
    """A create of many artifacts in one transaction, which may be tried several times.

    What a try has created is known again by its id and time, whatever happened to it since: when the answer to
    a commit was lost, the next try returns it.
    """

    def __init__(self, db: Statements, many: Sequence[Prepared], created: datetime) -> None:
        """Give an id to each artifact that has none."""
        self._db = db
        self._created_at = created
        self._many = [(each.fields["id"] or new_id(), each) for each in many]
        self._ids_to_read = [each.fields["id"] for each in many if each.fields["id"] is not None]
        self._created: dict[UUID, Artifact] = {}

    def __call__(self) -> list[Artifact]:
        """Create the artifacts and return them in order; equal content under a given id is returned as it is stored.

        Raises:
            ArtifactConflict: an id is taken by an artifact with other content.
        """
        ids = self._ids_to_read
        self._ids_to_read = [
            artifact_id for artifact_id, _ in self._many
        ]  # a second try has to look at all
        if not ids:
            created = _insert_many(self._db, self._many, self._created_at)
            self._created = {each.id: each for each in created}
            return created

        known = {each.id: each for each in queries.read_many(self._db, ids)}
        if any(self._is_own(each) for each in known.values()):
            # The last try was committed. What is missing was deleted since, and is not created again.
            known = {**self._created, **known}
        fresh: dict[UUID, Prepared] = {}
        for artifact_id, prepared in self._many:
            if artifact_id in known:
                if not self._is_own(known[artifact_id]):
                    prepared.check_same(known[artifact_id].__dict__, artifact_id)
            elif fresh.setdefault(artifact_id, prepared) is not prepared:
                prepared.check_same(fresh[artifact_id].fields, artifact_id)

        created = _insert_many(self._db, list(fresh.items()), self._created_at)
        self._created = {each.id: each for each in created} or self._created
        known.update((each.id, each) for each in created)
        return [known[artifact_id] for artifact_id, _ in self._many]

    def _is_own(self, stored: Artifact) -> bool:
        """Tell whether an earlier try has created what is stored."""
        return stored.id in self._created and stored.created == self._created_at


def _insert_many(
    db: Statements, fresh: Sequence[tuple[UUID, Prepared]], time: datetime
) -> list[Artifact]:
    """Create artifacts whose ids are free: all keys are locked in sorted order, then all rows inserted."""
    positions: dict[str, list[int]] = {}
    for position, (_, prepared) in enumerate(fresh):
        if (key := prepared.fields["key"]) is not None:
            positions.setdefault(key, []).append(position)

    pointers = [
        (key, fresh[of_key[-1]][0], len(of_key)) for key, of_key in sorted(positions.items())
    ]
    last_versions = latest.allocate_versions(db, pointers, time)
    versions: list[int | None] = [None] * len(fresh)
    for key, of_key in positions.items():
        for version, position in enumerate(of_key, last_versions[key] - len(of_key) + 1):
            versions[position] = version

    with collector_paused():
        native = db.dialect.binds_objects
        created = encode_time(time)
        rows = [
            prepared.row(artifact_id, created, native, version)
            for (artifact_id, prepared), version in zip(fresh, versions, strict=True)
        ]
    queries.insert_many(db, rows)
    with collector_paused():
        return [
            prepared.artifact(artifact_id, time, row)
            for (artifact_id, prepared), row in zip(fresh, rows, strict=True)
        ]


def _invisible() -> IntegrityViolation:
    """Return the error for an id that is taken by an artifact which only a new transaction can see."""
    failure = IntegrityViolation(
        "The id is taken by an artifact that was created after this transaction began: "
        "do the whole block again, as store.run_in_transaction does."
    )
    failure.transient = True
    return failure


def _remedied(error: IntegrityViolation) -> IntegrityViolation:
    """Return the error with its remedy, where the counter of a key gave out a version that is taken."""
    if "artifact.version" not in str(error):
        return error
    return IntegrityViolation(
        "The counter of a key is below its versions: mend the store with repair()."
    )
