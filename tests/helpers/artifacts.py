"""What several tests of artifacts use."""

import uuid
from typing import Any

from artifact_store import (
    Artifact,
    ArtifactFilter,
    ArtifactSort,
    ArtifactStore,
)

ID = uuid.UUID("00000000-0000-7000-8000-00000000000a")
OTHER = uuid.UUID("00000000-0000-7000-8000-00000000000b")
FULL: dict[str, Any] = {
    "type": "table",
    "description": "# Sales",
    "data": [{"b": 1, "a": "ü"}],
    "metadata": {"team": "finance", "rows": 1},
    "flow_run_id": ID,
    "task_run_id": OTHER,
}


class Undo(Exception):
    """Raised in a block to undo it."""


def everything(store: ArtifactStore) -> list[Artifact]:
    return store.read_artifacts(sort=ArtifactSort.ID_DESC)


def versions(store: ArtifactStore, key: str = "k") -> list[int | None]:
    found = store.read_artifacts(
        artifact_filter=ArtifactFilter(key={"any_": [key]}), sort=ArtifactSort.KEY_ASC
    )
    return [each.version for each in found]


def publish_and_fail(store: ArtifactStore) -> None:
    with store.atomic():
        made = store.create_artifact(key="k")
        store.update_artifact(made.id, data=1)
        store.create_artifacts([{"key": "k"}, {}])
        store.create_flow("f")
        store.delete_artifact(made.id)
        assert store.read_latest_artifact("k").version == made.version + 1
        raise Undo


PROFILE = {
    "rows": 1,
    "columns": [{"name": "n", "type": "integer", "nulls": 0, "distinct": 1, "min": 7, "max": 7}],
}
