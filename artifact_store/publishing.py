"""Creates artifacts: the versions are allocated by `latest`, the rows inserted by `artifacts`.

Every function here runs inside a block that the store has begun, or is one statement.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic_core import PydanticSerializationError, from_json

from . import artifacts, latest
from .clock import now
from .context import Origin
from .dialects import encode_time
from .errors import ArtifactConflict, IntegrityViolation, InvalidArtifact
from .jsonvalues import dump_json
from .rows import NO_TEXTS, collecting_later, same, trusted
from .schemas import Artifact, ArtifactCreate, is_key
from .statements import Statements

__all__ = ["create", "create_many", "damaged", "repeated", "stamped"]

S = TypeVar("S", Artifact, ArtifactCreate)


_JSON = ("data", "metadata", "profile")
_RUN_IDS = ("flow_run_id", "task_run_id")


def stamped(given: ArtifactCreate, origin: Origin) -> ArtifactCreate:
    """Return what is to be created with the ids of the current runs where its creator has set none.

    A task run is filled in beside its own flow run alone. `model_fields_set` still tells what the creator has set.
    """
    missing = [name for name in _RUN_IDS if name not in given.model_fields_set]
    if not missing or (missing == ["task_run_id"] and given.flow_run_id != origin.flow_run_id):
        return given
    made = given.model_copy()
    made.__dict__.update({name: getattr(origin, name) for name in missing})
    return made


def create(db: Statements, artifact_id: UUID, given: ArtifactCreate, texts: Mapping[str, str] | None) -> Artifact:
    """Create one artifact under an id.

    Args:
        db: the statements of a store.
        artifact_id: its id.
        given: what to create.
        texts: the JSON of its fields, as far as it is known, when nobody else holds what is given.
    """
    time = now()
    row = _row(artifact_id, given, encode_time(time), texts)
    if given.key is None:
        artifacts.insert(db, row)
    elif db.dialect.name == "postgresql":
        row["version"] = latest.advance_and_insert(db, row)
    else:
        row["version"] = latest.advance(db, row)
        artifacts.insert(db, row)
    return _made(artifact_id, given, time, row, texts is not None)


def _made(artifact_id: UUID, given: ArtifactCreate, time: datetime, row: dict[Any, Any], own: bool) -> Artifact:
    """Return what was created, with data that nobody else holds; its row becomes its fields."""
    row["id"], row["flow_run_id"], row["task_run_id"] = artifact_id, given.flow_run_id, given.task_run_id
    row["created"] = row["updated"] = time
    for name in _JSON:
        if row[name] is not None:
            row[name] = given.__dict__[name] if own else from_json(row[name])
    return trusted(Artifact, row)


def create_many(
    db: Statements, given: Sequence[tuple[UUID, ArtifactCreate]], perhaps_known: Sequence[UUID]
) -> list[Artifact]:
    """Create many artifacts under their ids and return them in order.

    Args:
        db: the statements of a store.
        given: ids and what to create under them.
        perhaps_known: the ids under which something may be stored already; equal content is returned as it is.

    Raises:
        ArtifactConflict: an id is taken by an artifact with other content.
    """
    if not perhaps_known:
        return _create_fresh(db, given)
    known = {each.id: each for each in artifacts.read_many(db, perhaps_known)}
    fresh: dict[UUID, ArtifactCreate] = {}
    for artifact_id, each in given:
        if artifact_id in known:
            repeated(each, known[artifact_id])
        elif fresh.setdefault(artifact_id, each) is not each:
            repeated(each, fresh[artifact_id])
    known.update(zip(fresh, _create_fresh(db, list(fresh.items())), strict=True))
    return [known[artifact_id] for artifact_id, _ in given]


def _create_fresh(db: Statements, fresh: Sequence[tuple[UUID, ArtifactCreate]]) -> list[Artifact]:
    """Create artifacts whose ids are not taken: all keys are locked in sorted order, then all rows inserted."""
    time = now()
    places: dict[str, list[int]] = {}
    for place, (_, given) in enumerate(fresh):
        if given.key is not None:
            places.setdefault(given.key, []).append(place)
    pointers = [(key, fresh[of_key[-1]][0], len(of_key)) for key, of_key in sorted(places.items())]
    last_versions = latest.advance_many(db, pointers, time)
    versions: list[int | None] = [None] * len(fresh)
    for key, of_key in places.items():
        for version, place in enumerate(of_key, last_versions[key] - len(of_key) + 1):
            versions[place] = version
    text = encode_time(time)
    with collecting_later():
        rows = [_row(each, given, text, None, version) for (each, given), version in zip(fresh, versions, strict=True)]
    artifacts.insert_many(db, rows)
    with collecting_later():
        return [_made(each, given, time, row, False) for (each, given), row in zip(fresh, rows, strict=True)]


def _row(
    artifact_id: UUID, given: ArtifactCreate, time: str, texts: Mapping[str, str] | None, version: int | None = None
) -> dict[Any, Any]:
    """Return the row of a new artifact, by column and in the order of `artifacts.ROWS.names`."""
    fields = given.__dict__  # what pydantic calls a field is an item of it, and quicker to reach
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
        return _row(artifact_id, ArtifactCreate(**fields), time, None, version)
    return {
        "id": str(artifact_id),
        "key": key,
        "version": version,
        "type": fields["type"],
        "description": fields["description"],
        "data": data,
        "metadata": metadata,
        "flow_run_id": flow_run_id and str(flow_run_id),
        "task_run_id": task_run_id and str(task_run_id),
        "created": time,
        "updated": time,
        "profile": profile,
    }


def repeated(given: ArtifactCreate, stored: S) -> S:
    """Return what is stored under the id of a create, when the create says the same.

    Run ids that its creator has not set are not compared, so that a job that is run twice publishes once.

    Raises:
        ArtifactConflict: it says something else.
    """
    for name in ArtifactCreate.model_fields:
        if name == "id" or (name in _RUN_IDS and name not in given.model_fields_set):
            continue
        if not same(name, getattr(given, name), getattr(stored, name)):
            raise ArtifactConflict(
                f"The id {stored.id} is taken by an artifact with another {name}: leave out the id or update it."
            )
    return stored


def damaged(error: IntegrityViolation) -> IntegrityViolation:
    """Say what to do when a version is taken that the counter gave out."""
    if "artifact.version" not in str(error):
        return error
    return IntegrityViolation("The counter of a key is below its versions: mend the store with repair().")
