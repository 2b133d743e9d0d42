"""The methods of a store that create, read, update and delete artifacts."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Unpack
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
    is_key,
)
from ..schemas.sorting import ArtifactSort, check_moment
from ..unset import UNSET, Unset
from .listing import check_constrained, listing_query

__all__ = ["ArtifactMethods"]


class ArtifactMethods(StoreBase):
    """The methods of a store for single artifacts, and for many that are written at once."""

    def create_artifact(
        self,
        artifact: ArtifactCreate | None = None,
        *,
        expect_version: int | Unset | None = UNSET,
        skip_unchanged: bool = False,
        **fields: Unpack[ArtifactFields],
    ) -> Artifact:
        """Create an artifact. With a key it becomes the next version, and the latest.

        Args:
            artifact: the artifact; or pass its fields as keywords.
            expect_version: the version that must be the latest of the key now; `None` if the key
                must have none. By default any version may be. If another version is the latest,
                nothing is written.
            skip_unchanged: whether no version is made when `type`, `description`, `data` and
                `metadata` are those of the latest one, as JSON text: 1 is not 1.0, and order
                counts. Then the time `updated` of the latest artifact becomes now, and it is
                returned. `False` by default.
            fields: `key`, `type`, `description`, `data`, `metadata`, `profile`, `flow_run_id`,
                `task_run_id`, `id`. The run ids are by default those of the current run; `None`
                leaves them empty. In `data`, dates, UUIDs, paths, decimals and enums become text,
                sets and arrays become lists, and frames lists of rows. NaN and infinity become null
                and bytes become base64 text, with an `ArtifactDataWarning`; NaN in a pandas frame
                is a missing value, so it becomes null without a warning.

        Returns:
            The artifact as it is stored. If one with the same id and the same content exists
            already, that one.

        Raises:
            InvalidArtifact: a value cannot be stored; the message has the path to it.
            ArtifactConflict: the id is taken by an artifact with other content.
            VersionConflict: the latest version of the key is not `expect_version`.
            StoreUnavailable: the database cannot be written.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> artifact = store.create_artifact(key="sales", data={"north": 12}, metadata={"team": "finance"})
            >>> artifact.version, artifact.data
            (1, {'north': 12})
            >>> store.create_artifact(key="sales", data={"north": 15}, expect_version=1).version
            2
        """
        if expect_version is UNSET and skip_unchanged is False:
            return artifacts.create.create_artifact(self._writer, artifact, fields)
        condition = artifacts.conditions.condition_of(expect_version, skip_unchanged)
        return artifacts.create.create_artifact(self._writer, artifact, fields, condition)

    def create_artifacts(
        self,
        many: Iterable[ArtifactCreate | Mapping[str, object]],
        *,
        skip_unchanged: bool = False,
    ) -> ArtifactList:
        """Create many artifacts in one transaction and return them in order.

        An artifact whose id exists already, with the same content, is returned as it is stored.

        Args:
            many: `ArtifactCreate` values, or mappings of their fields. A mapping may also have
                `expect_version` and `skip_unchanged`, as in `create_artifact`. If there are several
                versions of a key, the first one's conditions are about the version before this
                call, and those of each other about the one before it.
            skip_unchanged: the `skip_unchanged` of every artifact that does not have its own;
                `False` by default.

        Returns:
            The artifacts as they are stored, in the order of `many`.

        Raises:
            InvalidArtifact: a value cannot be stored; nothing is created.
            ArtifactConflict: an id is taken by an artifact with other content; nothing is created.
            VersionConflict: the latest version of a key is not the expected one; nothing is
                created.
            StoreUnavailable: the database cannot be written.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> created = store.create_artifacts({"key": "log", "data": n} for n in range(3))
            >>> [artifact.version for artifact in created]
            [1, 2, 3]
        """
        created = artifacts.create.create_artifacts(self._writer, many, skip_unchanged)
        return ArtifactList(created)

    def read_artifact(self, artifact_id: UUID | str | Artifact) -> Artifact | None:
        """Return an artifact by id or by another reference.

        Args:
            artifact_id: the id, as a UUID or its text; or a reference, as `read_artifact_ref` takes
                it.

        Returns:
            The artifact; `None` if it does not exist.

        Raises:
            InvalidQuery: it is not a reference.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> artifact = store.create_artifact(data="ready")
            >>> store.read_artifact(artifact.id) == artifact
            True
        """
        if isinstance(artifact_id, UUID):
            return artifacts.queries.read(self._db, artifact_id)
        return artifacts.references.read(self._db, artifact_id)

    def read_latest_artifact(
        self, key: str | Artifact, *, as_of: datetime | None = None
    ) -> Artifact | None:
        """Return the latest artifact of a key.

        Args:
            key: the key, or an artifact of it.
            as_of: a time, with a time zone: returns what was the latest then, of the artifacts that
                are still there. If it was updated since, it is returned as it is now. `None`, the
                default, is now.

        Returns:
            The artifact; `None` if the key has none.

        Raises:
            InvalidQuery: it is not a key, or `as_of` is not a time with a time zone. For a
                reference to one version the message says how to read that.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> created = [store.create_artifact(key="log", data=n) for n in range(3)]
            >>> store.read_latest_artifact("log").version
            3
            >>> store.read_latest_artifact("log", as_of=created[1].created).version
            2
        """
        if not is_key(key):
            key = artifacts.references.key_of(key)
        if as_of is not None:
            moment = check_moment(as_of)
            return artifacts.queries.read_latest_as_of(self._db, key, moment)
        return artifacts.queries.read_latest(self._db, key)

    def read_artifact_ref(self, ref: str | UUID | Artifact) -> Artifact | None:
        """Return the artifact that a reference names.

        Args:
            ref: `key` or `key@latest` (its latest version), `key@3` (that version), `key@prod`
                (the version that the alias names), an id, or an artifact, which is read again.

        Returns:
            The artifact; `None` if it does not exist.

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
        artifact_id: UUID | str | Artifact,
        artifact: ArtifactUpdate | None = None,
        *,
        force: bool = False,
        **fields: Unpack[ArtifactChanges],
    ) -> bool:
        """Change an artifact in place; its version and the latest version of its key stay the same.

        Args:
            artifact_id: the artifact, its id, or another reference to it.
            artifact: the changes; fields that are not set stay as they are. Or pass the fields as
                keywords.
            force: whether `data` and `type` of an artifact that an alias names may be changed;
                `False` by default.
            fields: `type`, `description`, `data`, `metadata`, `profile`.

        Returns:
            Whether the artifact exists.

        Raises:
            InvalidArtifact: a value cannot be stored; nothing is changed.
            InvalidQuery: it is not a reference.
            ArtifactProtected: an alias names the artifact, and `force` is off; nothing is changed.
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
        return artifacts.update.update_artifact(self._db, artifact_id, artifact, fields, force)

    def delete_artifact(self, artifact_id: UUID | str | Artifact, *, force: bool = False) -> bool:
        """Delete an artifact.

        If it was the latest of its key, the greatest version that is left becomes the latest. A
        version number is never used again, even if all versions of the key are deleted.

        Args:
            artifact_id: the artifact, its id, or another reference to it.
            force: whether an artifact that an alias names may be deleted, and the alias with it;
                `False` by default.

        Returns:
            Whether the artifact existed.

        Raises:
            InvalidQuery: it is not a reference.
            ArtifactProtected: an alias names the artifact, and `force` is off.

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
        return artifacts.delete.delete_artifact(self._writer, artifact_id, force)

    def delete_artifacts(
        self,
        artifact_filter: "filters.definitions.ArtifactFilter | None" = None,
        *,
        everything: bool = False,
        force: bool = False,
        **filters: "Unpack[filters.definitions.RunFilters]",
    ) -> int:
        """Delete all artifacts that match, in one transaction.

        Args:
            artifact_filter: a filter of the artifact; `None`, the default, does not constrain.
            everything: whether filters that match every artifact, or no filters, may delete all
                artifacts of the store; `False` by default.
            force: whether artifacts that an alias names are deleted too, and their aliases with
                them; `False` by default.
            filters: the other five filters of `read_artifacts`, as keywords.

        Returns:
            The number of deleted artifacts.

        Raises:
            InvalidQuery: the filters match every artifact, as `ArtifactFilter(key={"startswith_":
                ""})` does, and `everything` is `False`. Nothing is deleted.
            ArtifactProtected: an alias names one of the artifacts, and `force` is off. Nothing is
                deleted; the message says which aliases they are.

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
        return artifacts.delete.delete_artifacts(self._writer, query, force)
