"""Creates artifacts: the versions are allocated by `latest`, the rows inserted by `artifacts`.

Every function here runs inside a block that the store has begun, or is one statement.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic_core import PydanticSerializationError

from . import artifacts, latest
from .clock import now
from .errors import ArtifactConflict, IntegrityViolation, InvalidArtifact
from .operators import encode_time
from .schemas import Artifact, ArtifactCreate, bound, is_key, same
from .statements import Statements

__all__ = ["create", "create_many", "damaged", "repeated"]

S = TypeVar("S", Artifact, ArtifactCreate)


def create(db: Statements, artifact_id: UUID, given: ArtifactCreate) -> Artifact:
    """Create one artifact under an id."""
    time = now()
    row = _row(artifact_id, given, time)
    if given.key is None:
        artifacts.insert(db, row)
    elif db.dialect.name == "postgresql":
        row["version"] = latest.advance_and_insert(db, row)
    else:
        row["version"] = latest.advance(db, given.key, artifact_id, time)
        artifacts.insert(db, row)
    return artifacts.ROWS.value(row.values())


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
    known = {each.id: each for each in artifacts.read_many(db, perhaps_known)} if perhaps_known else {}
    fresh: dict[UUID, ArtifactCreate] = {}
    for artifact_id, each in given:
        if artifact_id in known:
            repeated(each, known[artifact_id])
        elif fresh.setdefault(artifact_id, each) is not each:
            repeated(each, fresh[artifact_id])
    known.update(_create_fresh(db, fresh))
    return [known[artifact_id] for artifact_id, _ in given]


def _create_fresh(db: Statements, fresh: Mapping[UUID, ArtifactCreate]) -> dict[UUID, Artifact]:
    """Create artifacts whose ids are not taken: all keys are locked in sorted order, then all rows inserted."""
    time = now()
    ids_of_key: dict[str, list[UUID]] = {}
    for artifact_id, given in fresh.items():
        if given.key is not None:
            ids_of_key.setdefault(given.key, []).append(artifact_id)
    last_versions = latest.advance_many(db, [(key, ids[-1], len(ids)) for key, ids in sorted(ids_of_key.items())], time)
    versions: dict[UUID, int] = {}
    for key, ids in ids_of_key.items():
        last = last_versions[key]
        versions.update(zip(ids, range(last - len(ids) + 1, last + 1), strict=True))
    rows = [_row(each, given, time, versions.get(each)) for each, given in fresh.items()]
    artifacts.insert_many(db, rows)
    return dict(zip(fresh, artifacts.ROWS.values(row.values() for row in rows), strict=True))


def _row(artifact_id: UUID, given: ArtifactCreate, time: datetime, version: int | None = None) -> dict[Any, Any]:
    """Return the row of a new artifact, by column and in the order of the columns."""
    try:
        row = bound(given, ArtifactCreate.model_fields)
    except PydanticSerializationError:  # its data was changed after it was checked
        row = bound(ArtifactCreate(**dict(given)), ArtifactCreate.model_fields)
    if given.key is not None and not is_key(given.key):  # a copy of a model may hold what was never checked
        raise InvalidArtifact(f"{given.key!r:.300} is no key: make the ArtifactCreate anew instead of a copy.")
    text = encode_time(time)
    row |= {"id": str(artifact_id), "version": version, "created": text, "updated": text}
    return {name: row[name] for name in artifacts.ROWS.names}


def repeated(given: ArtifactCreate, stored: S) -> S:
    """Return what is stored under the id of a create, when the create says the same.

    Raises:
        ArtifactConflict: it says something else.
    """
    for name in ArtifactCreate.model_fields:
        if name != "id" and not same(name, getattr(given, name), getattr(stored, name)):
            raise ArtifactConflict(
                f"The id {stored.id} is taken by an artifact with another {name}: leave out the id or update it."
            )
    return stored


def damaged(error: IntegrityViolation) -> IntegrityViolation:
    """Say what to do when a version is taken that the counter gave out."""
    if "artifact.version" not in str(error):
        return error
    return IntegrityViolation("The counter of a key is below its versions: mend the store with repair().")
