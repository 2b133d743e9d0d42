"""The methods of a store that create, read, update and delete artifacts."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Unpack
from uuid import UUID

from .. import artifacts, filters
from ..base import StoreBase
from ..schemas.artifacts import (
    Artifact,
    ArtifactChanges,
    ArtifactCreate,
    ArtifactFields,
    ArtifactList,
    ArtifactUpdate,
    as_uuid,
    is_key,
)
from ..schemas.sorting import ArtifactSort
from .listing import check_constrained, listing_query

__all__ = ["ArtifactMethods"]


class ArtifactMethods(StoreBase):
    """The methods of a store for single artifacts, and for many that are written at once."""

    def create_artifact(
        self, artifact: ArtifactCreate | None = None, **fields: Unpack[ArtifactFields]
    ) -> Artifact:
        """Create an artifact; under a key it becomes the next version and the latest.

        Args:
            artifact: the artifact; or give its fields as keywords.
            fields: `key`, `type`, `description`, `data`, `metadata`, `profile`, `flow_run_id`, `task_run_id`, `id`.
                The run ids are those of the current run unless they are given; `None` leaves them empty. In `data`,
                dates, UUIDs, paths, decimals and enums become text, sets and arrays lists, frames lists of rows.
                NaN and the infinities become null and bytes become base64 text, with an `ArtifactDataWarning`; NaN
                in a pandas frame is a missing value, so it becomes null without one.

        Returns:
            The artifact as it is stored. When an artifact with the given id and the same content
            is there already, that one.

        Raises:
            InvalidArtifact: a value cannot be stored; the message names the path to it.
            ArtifactConflict: the given id is taken by an artifact with other content.
            StoreUnavailable: the database cannot be written.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> artifact = store.create_artifact(key="sales", data={"north": 12}, metadata={"team": "finance"})
            >>> artifact.version, artifact.data
            (1, {'north': 12})
        """
        return artifacts.create.create_artifact(self._writer, artifact, fields)

    def create_artifacts(self, many: Iterable[ArtifactCreate | Mapping[str, Any]]) -> ArtifactList:
        """Create many artifacts in one transaction and return them in order.

        Artifacts whose ids are known, with the same content, are returned as they are stored;
        the rest is created.

        Args:
            many: `ArtifactCreate` values, or mappings of their fields.

        Returns:
            The artifacts as they are stored, in the order in which they were given.

        Raises:
            InvalidArtifact: a value cannot be stored; nothing is created.
            ArtifactConflict: an id is taken by an artifact with other content; nothing is created.
            StoreUnavailable: the database cannot be written.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> created = store.create_artifacts({"key": "log", "data": n} for n in range(3))
            >>> [artifact.version for artifact in created]
            [1, 2, 3]
        """
        return ArtifactList(artifacts.create.create_artifacts(self._writer, many))

    def read_artifact(self, artifact_id: UUID | str) -> Artifact | None:
        """Return an artifact by id.

        Args:
            artifact_id: the id, as a UUID or its text.

        Returns:
            The artifact, `None` when there is none.

        Raises:
            InvalidQuery: it is not an id.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> artifact = store.create_artifact(data="ready")
            >>> store.read_artifact(artifact.id) == artifact
            True
        """
        return artifacts.queries.read(self._db, as_uuid(artifact_id))

    def read_latest_artifact(self, key: str | Artifact) -> Artifact | None:
        """Return the latest artifact of a key.

        Args:
            key: the key, or an artifact of it.

        Returns:
            The artifact, `None` when the key has none.

        Raises:
            InvalidQuery: it is not a key; for a reference to one version, the message says how to read that.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> created = store.create_artifacts({"key": "log", "data": n} for n in range(3))
            >>> store.read_latest_artifact("log").version
            3
        """
        return artifacts.queries.read_latest(
            self._db, key if is_key(key) else artifacts.references.key_of(key)
        )

    def read_artifact_ref(self, ref: str | UUID | Artifact) -> Artifact | None:
        """Return the artifact that a reference names.

        Args:
            ref: `key` or `key@latest` (its latest version), `key@3` (that version), an id, or an artifact, which is
                read anew.

        Returns:
            The artifact, `None` when there is none.

        Raises:
            InvalidQuery: it is not a reference.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> first = store.create_artifact(key="weather", data=12)
            >>> second = store.create_artifact(key="weather", data=15)
            >>> store.read_artifact_ref("weather@1") == store.read_artifact_ref(first.id) == first
            True
        """
        return artifacts.references.read(self._db, ref)

    def update_artifact(
        self,
        artifact_id: UUID | str,
        artifact: ArtifactUpdate | None = None,
        **fields: Unpack[ArtifactChanges],
    ) -> bool:
        """Change an artifact in place; it keeps its version, and its key keeps its latest version.

        Args:
            artifact_id: the artifact's id.
            artifact: what to change; fields that are not set stay. Or give them as keywords.
            fields: `type`, `description`, `data`, `metadata`, `profile`.

        Returns:
            Whether there is such an artifact.

        Raises:
            InvalidArtifact: a value cannot be stored; nothing is changed.
            StoreUnavailable: the database cannot be written.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> artifact = store.create_artifact(key="sales", data={"north": 12})
            >>> store.update_artifact(artifact.id, description="checked")
            True
            >>> store.read_latest_artifact("sales").description
            'checked'
        """
        return artifacts.update.update_artifact(self._db, artifact_id, artifact, fields)

    def delete_artifact(self, artifact_id: UUID | str) -> bool:
        """Delete an artifact; when it was the latest of its key, the next greatest version becomes the latest.

        A version number is never given out again, even when all versions of the key are gone.

        Args:
            artifact_id: the artifact's id.

        Returns:
            Whether there was such an artifact.

        Raises:
            InvalidQuery: it is not an id.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.delete_artifact(store.create_artifact(key="log", data="first").id)
            True
            >>> store.read_latest_artifact("log") is None
            True
            >>> store.create_artifact(key="log", data="second").version
            2
        """
        target = str(as_uuid(artifact_id))
        self._db.pending_writes.flush()
        return self._engine.run_idempotent(partial(artifacts.delete.delete, self._db, target))

    def delete_artifacts(
        self,
        artifact_filter: "filters.definitions.ArtifactFilter | None" = None,
        *,
        everything: bool = False,
        **filters: "Unpack[filters.definitions.RunFilters]",
    ) -> int:
        """Delete all artifacts that match, in one transaction.

        Args:
            artifact_filter: what must hold of the artifact.
            everything: whether filters that leave out no artifact, or none at all, may delete the whole store.
            filters: the other five filters of `read_artifacts`, as keywords.

        Returns:
            How many were deleted: all of them, however many there are.

        Raises:
            InvalidQuery: the filters leave out no artifact, as `ArtifactFilter(key={"startswith_": ""})`, and
                `everything` is off. Nothing is deleted.

        Examples:
            >>> from artifact_store import ArtifactFilter, ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> created = store.create_artifacts({"key": "log", "data": n} for n in range(300))
            >>> store.delete_artifacts(ArtifactFilter(key={"any_": ["log"]}))
            300
        """
        query = listing_query(
            self._db, ArtifactSort.ID_DESC, {"artifact_filter": artifact_filter, **filters}
        )
        check_constrained(query, everything)
        self._db.pending_writes.flush()
        return self._engine.run_idempotent(
            partial(artifacts.delete.delete_matching, self._db, query)
        )
