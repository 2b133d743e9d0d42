"""The store, behind the same few methods as the hand-written sides."""

from typing import Any
from uuid import UUID

from artifact_store import (
    Artifact,
    ArtifactCollectionFilter,
    ArtifactCreate,
    ArtifactFilter,
    ArtifactStore,
)

__all__ = ["StoreSide"]

Fields = dict[str, Any]


class StoreSide:
    """One store, called as a program would call it: filters are made for each call."""

    def __init__(self, url: str) -> None:
        """Open the store."""
        self.store = ArtifactStore(url)

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def prepared(self, many: list[Fields]) -> list[ArtifactCreate]:
        """Return what `create_value` and `bulk` take."""
        return [ArtifactCreate(**fields) for fields in many]

    def create(self, fields: Fields) -> Artifact:
        """Create an artifact from keywords, which are validated first."""
        return self.store.create_artifact(**fields)

    def create_value(self, value: ArtifactCreate) -> Artifact:
        """Create an artifact from a value that was validated before."""
        return self.store.create_artifact(value)

    def read(self, artifact_id: UUID) -> Artifact | None:
        """Read an artifact by id."""
        return self.store.read_artifact(artifact_id)

    def read_latest(self, key: str) -> Artifact | None:
        """Read the latest artifact of a key."""
        return self.store.read_latest_artifact(key)

    def latest_ids(self, keys: list[str]) -> list[UUID]:
        """Return the ids of the latest artifacts of some keys."""
        return [
            found.id for found in map(self.store.read_latest_artifact, keys) if found is not None
        ]

    def list_all(self, limit: int) -> list[Artifact]:
        """Return the newest artifacts."""
        return self.store.read_artifacts(limit=limit)

    def list_latest(self, limit: int) -> list[Artifact]:
        """Return the newest of the latest artifacts."""
        return self.store.read_latest_artifacts(limit=limit)

    def list_filtered(self, kind: str) -> list[Artifact]:
        """Return the newest artifacts of a type."""
        return self.store.read_artifacts(
            limit=100, artifact_filter=ArtifactFilter(type={"any_": [kind]})
        )

    def list_latest_filtered(self, kind: str) -> list[Artifact]:
        """Return the newest of the latest artifacts that have a type."""
        wanted = ArtifactCollectionFilter(type={"any_": [kind]})
        return self.store.read_latest_artifacts(limit=100, artifact_filter=wanted)

    def count(self, _: object) -> int:
        """Return the number of artifacts."""
        return self.store.count_artifacts()

    def count_filtered(self, kind: str) -> int:
        """Return the number of artifacts of a type."""
        return self.store.count_artifacts(artifact_filter=ArtifactFilter(type={"any_": [kind]}))

    def update(self, change: tuple[UUID, Fields]) -> bool:
        """Change the data and the description of an artifact."""
        artifact_id, fields = change
        return self.store.update_artifact(artifact_id, **fields)

    def delete(self, artifact_id: UUID) -> bool:
        """Delete an artifact."""
        return self.store.delete_artifact(artifact_id)

    def bulk(self, values: list[ArtifactCreate]) -> list[Artifact]:
        """Create many artifacts in one block."""
        return self.store.create_artifacts(values)

    def iterate(self, _: object) -> int:
        """Pass all artifacts, newest first; return their number."""
        return sum(1 for _ in self.store.iter_artifacts())
