"""Values and functions that several tests of artifacts use."""

import uuid
from collections.abc import Callable
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
    """Raised in a block to roll it back."""


def everything(store: ArtifactStore) -> list[Artifact]:
    """Return every artifact of a store, newest first."""
    return store.read_artifacts(sort=ArtifactSort.ID_DESC)


def versions(store: ArtifactStore, key: str = "k") -> list[int | None]:
    """Return the versions of a key."""
    of_key = ArtifactFilter(key={"any_": [key]})
    artifacts = store.read_artifacts(artifact_filter=of_key, sort=ArtifactSort.KEY_ASC)
    return [artifact.version for artifact in artifacts]


def publish_and_fail(store: ArtifactStore) -> None:
    """Write with every kind of statement in a block that is then rolled back."""
    with store.atomic():
        created = store.create_artifact(key="k")
        store.update_artifact(created.id, data=1)
        store.create_artifacts([{"key": "k"}, {}])
        store.create_flow("f")
        store.delete_artifact(created.id)
        assert store.read_latest_artifact("k").version == created.version + 1
        raise Undo


PROFILE = {
    "rows": 1,
    "columns": [{"name": "n", "type": "integer", "nulls": 0, "distinct": 1, "min": 7, "max": 7}],
}


def statements(store: ArtifactStore, call: Callable[[], object]) -> list[str]:
    """Return the statements of a call."""
    said: list[str] = []
    engine = store._engine
    taken = engine.query

    def heard(sql: str, *others: Any) -> Any:
        said.append(sql)
        return taken(sql, *others)

    engine.query = heard  # type: ignore[method-assign]
    try:
        call()
    finally:
        del engine.query  # type: ignore[method-assign]
    return said
