"""Rows of inputs, as runs write them."""

from datetime import datetime
from uuid import UUID

from artifact_store import Artifact, ArtifactStore
from artifact_store.clock import now
from artifact_store.db.artifact_tables import ArtifactInput
from artifact_store.db.dialects import encode_value
from artifact_store.db.statements import slot


def add_input(
    store: ArtifactStore,
    artifact: Artifact,
    ref: str | None = None,
    *,
    flow_run: UUID | None = None,
    task_run: UUID | None = None,
    used: datetime | None = None,
) -> None:
    """Record that a run used an artifact."""
    row: dict[str, object] = {
        "run_id": flow_run or task_run,
        "ref": ref or artifact.ref,
        "flow_run_id": flow_run,
        "task_run_id": task_run,
        "artifact_id": artifact.id,
        "key": artifact.key,
        "version": artifact.version,
        "source_run_id": artifact.flow_run_id or artifact.task_run_id,
        "source_created": artifact.created,
        "held": False,
        "used": used or now(),
    }
    columns = {getattr(ArtifactInput, name): slot(name) for name in row}
    values = {name: encode_value(value) for name, value in row.items()}
    store._db.execute("tests.add_input", lambda: ArtifactInput.insert(columns), values)
