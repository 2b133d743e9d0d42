"""Creates artifacts: the versions are allocated by `latest`, the rows inserted by `artifacts`.

Every function here runs inside a block that the store has begun, or is one statement.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import PydanticSerializationError, from_json

from ..artifacts import latest, queries
from ..clock import new_id
from ..context import Origin
from ..db.dialects import encode_time
from ..db.rows import NO_TEXTS, bound, collecting_later, same, trusted
from ..db.statements import Statements
from ..errors import ArtifactConflict, IntegrityViolation, InvalidArtifact
from ..jsonable.normalize import dump_json
from ..schemas.artifacts import Artifact, ArtifactCreate, ArtifactUpdate, is_key, spelled

__all__ = ["Bulk", "Draft", "changes", "create", "damaged", "drafted", "repeat", "stamped", "unseen"]

_JSON = ("data", "metadata", "profile")
_RUN_IDS = ("flow_run_id", "task_run_id")
_NOTHING = dict.fromkeys(ArtifactCreate.model_fields)


class Draft(NamedTuple):
    """What is to be created; to make an `ArtifactCreate` of keywords takes as long as a statement.

    Attributes:
        fields: those of an `ArtifactCreate`, all of them.
        named: the names of those that its creator has set.
        texts: the JSON of its fields, as far as it is known, when nobody else holds what they hold.
    """

    fields: Mapping[str, Any]
    named: Collection[str]
    texts: Mapping[str, str] | None


def drafted(given: ArtifactCreate | None, fields: Mapping[str, Any]) -> Draft:
    """Return what is to be created, given as a value or as its fields."""
    if given is not None:
        return Draft(given.__dict__, given.model_fields_set, None)
    known, texts = spelled(ArtifactCreate, fields)
    return Draft({**_NOTHING, **known}, fields, texts)


def stamped(draft: Draft, origin: Origin) -> Draft:
    """Return what is to be created with the ids of the current runs where its creator has set none.

    A task run is filled in beside its own flow run alone.
    """
    missing = [name for name in _RUN_IDS if name not in draft.named]
    if not missing or (missing == ["task_run_id"] and draft.fields["flow_run_id"] != origin.flow_run_id):
        return draft
    return draft._replace(fields={**draft.fields, **{name: getattr(origin, name) for name in missing}})


def create(db: Statements, artifact_id: UUID, draft: Draft, time: datetime) -> Artifact:
    """Create one artifact under an id, at a time by which a later try knows it again."""
    native = db.dialect.binds_objects
    row = _row(artifact_id, draft, time if native else encode_time(time), native)
    if row["key"] is None:
        queries.insert(db, row)
    elif db.dialect.writes_in_with:
        row["version"] = latest.allocate_and_insert(db, row)
    else:
        row["version"] = latest.allocate_version(db, row)
        queries.insert(db, row)
    return _made(artifact_id, draft, time, row)


def _made(artifact_id: UUID, draft: Draft, time: datetime, row: dict[Any, Any]) -> Artifact:
    """Return what was created, with data that nobody else holds; its row becomes its fields."""
    fields, own = draft.fields, draft.texts is not None
    row["id"], row["flow_run_id"], row["task_run_id"] = artifact_id, fields["flow_run_id"], fields["task_run_id"]
    row["created"] = row["updated"] = time
    for name in _JSON:
        if row[name] is not None:
            row[name] = fields[name] if own else from_json(row[name])
    return trusted(Artifact, row)


class Bulk:
    """A create of many artifacts in one block, which may be tried several times.

    What a try has made is known again by its id and time, whatever was done to it since: when the answer to
    a commit was lost, the next try returns it.
    """

    def __init__(self, db: Statements, drafts: Sequence[Draft], time: datetime) -> None:
        """Give an id to what has none."""
        self._db, self._time = db, time
        self._given = [(draft.fields["id"] or new_id(), draft) for draft in drafts]
        self._perhaps_known = [draft.fields["id"] for draft in drafts if draft.fields["id"] is not None]
        self._made: dict[UUID, Artifact] = {}

    def __call__(self) -> list[Artifact]:
        """Create the artifacts and return them in order; equal content under a given id is returned as it is stored.

        Raises:
            ArtifactConflict: an id is taken by an artifact with other content.
        """
        ids, self._perhaps_known = self._perhaps_known, [artifact_id for artifact_id, _ in self._given]
        if not ids:
            made = _create_fresh(self._db, self._given, self._time)
            self._made = {each.id: each for each in made}
            return made
        known = {each.id: each for each in queries.read_many(self._db, ids)}
        if any(self._is_own(each) for each in known.values()):
            # The last try was committed. What is missing was deleted since, and is not made again.
            known = {**self._made, **known}
        fresh: dict[UUID, Draft] = {}
        for artifact_id, draft in self._given:
            if artifact_id in known:
                if not self._is_own(known[artifact_id]):
                    repeat(draft, known[artifact_id].__dict__)
            elif fresh.setdefault(artifact_id, draft) is not draft:
                repeat(draft, fresh[artifact_id].fields)
        made = _create_fresh(self._db, list(fresh.items()), self._time)
        self._made = {each.id: each for each in made} or self._made
        known.update((each.id, each) for each in made)
        return [known[artifact_id] for artifact_id, _ in self._given]

    def _is_own(self, stored: Artifact) -> bool:
        """Tell whether an earlier try has made what is stored."""
        return stored.id in self._made and stored.created == self._time


def _create_fresh(db: Statements, fresh: Sequence[tuple[UUID, Draft]], time: datetime) -> list[Artifact]:
    """Create artifacts whose ids are not taken: all keys are locked in sorted order, then all rows inserted."""
    places: dict[str, list[int]] = {}
    for place, (_, draft) in enumerate(fresh):
        if (key := draft.fields["key"]) is not None:
            places.setdefault(key, []).append(place)
    pointers = [(key, fresh[of_key[-1]][0], len(of_key)) for key, of_key in sorted(places.items())]
    last_versions = latest.allocate_versions(db, pointers, time)
    versions: list[int | None] = [None] * len(fresh)
    for key, of_key in places.items():
        for version, place in enumerate(of_key, last_versions[key] - len(of_key) + 1):
            versions[place] = version
    with collecting_later():
        created, native = encode_time(time), db.dialect.binds_objects
        rows = [
            _row(each, draft, created, native, version) for (each, draft), version in zip(fresh, versions, strict=True)
        ]
    queries.insert_many(db, rows)
    with collecting_later():
        return [_made(each, draft, time, row) for (each, draft), row in zip(fresh, rows, strict=True)]


def _row(artifact_id: UUID, draft: Draft, created: Any, native: bool, version: int | None = None) -> dict[Any, Any]:
    """Return the row of a new artifact, by column and in the order of `queries.ROWS.names`.

    Its time is given as it is bound, its ids are bound as they are where they are `native`.
    """
    fields, texts = draft.fields, draft.texts
    key, flow_run_id, task_run_id = fields["key"], fields["flow_run_id"], fields["task_run_id"]
    if texts is None:  # then it may be a copy of a value, which may hold what was never checked
        texts = NO_TEXTS
        if key is not None and not is_key(key):
            raise InvalidArtifact(f"{key!r:.300} is no key: make the ArtifactCreate anew instead of a copy.")
    try:
        data, metadata, profile = [
            None if (value := fields[name]) is None else texts.get(name) or dump_json(value) for name in _JSON
        ]
    except PydanticSerializationError:  # it was changed after it was checked
        return _row(artifact_id, drafted(ArtifactCreate(**fields), {}), created, native, version)
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


def changes(given: ArtifactUpdate | None, fields: Mapping[str, Any]) -> dict[Any, Any]:
    """Return what an update changes, by column: what is set in a value, or some fields."""
    if given is not None:
        row = bound(given, given.model_fields_set)
    else:
        row, texts = spelled(ArtifactUpdate, fields)
        for name in _JSON:
            if row.get(name) is not None:
                row[name] = texts.get(name) or dump_json(row[name])
    if "data" in row:
        row.setdefault("profile", None)
    return row


def repeat(draft: Draft, stored: Mapping[str, Any]) -> None:
    """Hold a create against what is stored under its id; it is a repeat of it, or an error.

    Run ids that its creator has not set are not compared, so that a job that is run twice publishes once.

    Raises:
        ArtifactConflict: it says something else.
    """
    for name in _NOTHING:
        if name == "id" or (name in _RUN_IDS and name not in draft.named):
            continue
        if not same(name, draft.fields[name], stored[name]):
            raise ArtifactConflict(
                f"The id {stored['id']} is taken by an artifact with another {name}: leave out the id or update it."
            )


def unseen() -> IntegrityViolation:
    """Say that an id is taken by an artifact that the transaction does not see; one that begins anew will."""
    failure = IntegrityViolation(
        "The id is taken by an artifact that was created after this transaction began: "
        "do the whole block again, as store.run_in_transaction does."
    )
    failure.transient = True
    return failure


def damaged(error: IntegrityViolation) -> IntegrityViolation:
    """Say what to do when a version is taken that the counter gave out."""
    if "artifact.version" not in str(error):
        return error
    return IntegrityViolation("The counter of a key is below its versions: mend the store with repair().")
