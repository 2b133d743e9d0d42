"""Changes an artifact in place: it keeps its version, and its key keeps its latest version."""

from collections.abc import Mapping
from functools import partial
from uuid import UUID

from ..clock import now
from ..db.columns import ARTIFACT_JSON
from ..db.dialects import encode_time
from ..db.rows import encode_fields
from ..db.statements import Statements
from ..errors import InvalidArtifact
from ..jsonable.normalize import dump_json
from ..schemas.artifacts import ArtifactUpdate, as_uuid, prepare_fields
from . import latest_update, queries

__all__ = ["update_artifact"]


def update_artifact(
    db: Statements,
    artifact_id: UUID | str,
    artifact: ArtifactUpdate | None,
    fields: Mapping[str, object],
) -> bool:
    """Change an artifact, by a value or by fields; see `ArtifactStore.update_artifact`."""
    target = as_uuid(artifact_id)
    row = changes(artifact, fields)
    native = db.dialect.binds_objects
    updated = now()
    row["updated"] = updated if native else encode_time(updated)
    row["id"] = target if native else str(target)
    db.pending_writes.flush()

    engine = db.engine
    if engine.one_statement and not engine.in_block():
        return latest_update.update_in_one_statement(db, row, outside_block=True)
    if engine.dialect.writes_in_with:
        return engine.run_idempotent(
            partial(latest_update.update_in_one_statement, db, row, outside_block=False)
        )
    return engine.run_idempotent(partial(latest_update.update_in_two_statements, db, row))


def changes(artifact: ArtifactUpdate | None, fields: Mapping[str, object]) -> queries.Row:
    """Return the new values, by column.

    Raises:
        InvalidArtifact: a value cannot be stored, or there are both a value and fields.
    """
    if artifact is None:
        row, texts = prepare_fields(ArtifactUpdate, fields)
        for name in ARTIFACT_JSON:
            value = row.get(name)
            if value is not None:
                row[name] = texts.get(name) or dump_json(value)
    else:
        if fields:
            raise InvalidArtifact(
                f"Give an ArtifactUpdate or keywords, not both: {', '.join(fields)}."
            )
        if not isinstance(artifact, ArtifactUpdate):
            raise InvalidArtifact(
                f"Expected an ArtifactUpdate, got {type(artifact).__name__}: pass one, or its fields as keywords."
            )
        row = encode_fields(artifact, artifact.model_fields_set)

    # A profile describes the data that it was stored with.
    if "data" in row:
        row.setdefault("profile", None)
    return row
