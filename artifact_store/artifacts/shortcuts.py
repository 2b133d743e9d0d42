"""The methods of a store that publish one kind of artifact in one line, under the names that Prefect's users know."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict, Unpack
from uuid import UUID

from .. import payloads
from ..base import StoreBase
from ..errors import InvalidQuery
from ..schemas.artifacts import Artifact, Scalar, as_uuid
from ..wording import shown

if TYPE_CHECKING:
    from ..schemas.artifacts import ArtifactChanges

__all__ = ["Origin", "ShortcutMethods"]

Metadata = Mapping[str, Scalar] | None


class Origin(TypedDict, total=False):
    """What else every artifact may be given: the runs that made it, and an id of yours."""

    flow_run_id: UUID | str | None
    task_run_id: UUID | str | None
    id: UUID | str | None


class ShortcutMethods(StoreBase):
    """The methods of a store that publish one type of artifact in one line."""

    def create_link_artifact(
        self,
        link: str,
        link_text: str | None = None,
        key: str | None = None,
        description: str | None = None,
        metadata: Metadata = None,
        **origin: Unpack[Origin],
    ) -> Artifact:
        """Publish a link, stored as `{"link": …, "link_text": …}`.

        Args:
            link: the URL. Any text is stored; pages link to `http`, `https`, `mailto` and relative URLs alone.
            link_text: what to show for it, otherwise the URL itself.
            key: what the versions of the same thing share; without one the artifact stands alone.
            description: text for people, usually Markdown.
            metadata: JSON scalars by name.
            origin: `flow_run_id`, `task_run_id` and `id`, as in `create_artifact`.

        Returns:
            The artifact as it is stored.

        Raises:
            InvalidArtifact: a value cannot be stored; the sentence names it.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.create_link_artifact("https://example.com/d/7", "Sales today", key="dashboard").data
            {'link': 'https://example.com/d/7', 'link_text': 'Sales today'}
        """
        payload = payloads.builders.link_payload(link, link_text)
        return self.create_artifact(
            key=key, description=description, metadata=metadata, **payload, **origin
        )

    def create_markdown_artifact(
        self,
        markdown: str,
        key: str | None = None,
        description: str | None = None,
        metadata: Metadata = None,
        **origin: Unpack[Origin],
    ) -> Artifact:
        """Publish a Markdown text.

        Args:
            markdown: the text itself; of a file, `path.read_text()`.
            key: what the versions of the same thing share; without one the artifact stands alone.
            description: text for people, usually Markdown.
            metadata: JSON scalars by name.
            origin: `flow_run_id`, `task_run_id` and `id`, as in `create_artifact`.

        Returns:
            The artifact as it is stored.

        Raises:
            InvalidArtifact: it is not text, or another value cannot be stored.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.create_markdown_artifact("# All *well*", key="report")
            <Artifact report@1 markdown ...>
        """
        payload = payloads.builders.markdown_payload(markdown)
        return self.create_artifact(
            key=key, description=description, metadata=metadata, **payload, **origin
        )

    def create_table_artifact(
        self,
        table: Any,
        key: str | None = None,
        description: str | None = None,
        metadata: Metadata = None,
        *,
        columns: Sequence[str] | None = None,
        profile: bool = True,
        delimiter: str | None = None,
        **origin: Unpack[Origin],
    ) -> Artifact:
        """Publish a table, stored as a list of row objects with the profile of its columns.

        Args:
            table: a list of dicts, a dict of columns, a list of lists, a pandas or polars frame, or the path of a CSV
                file; `table_payload` says how each becomes rows.
            key: what the versions of the same thing share; without one the artifact stands alone.
            description: text for people, usually Markdown.
            metadata: JSON scalars by name.
            columns: the names of the columns of a list of lists, whose rows are all data then. Otherwise its first
                row names them when its cells are texts that differ.
            profile: whether the profile (type, nulls, distinct values, least and greatest of each column) is
                computed and stored.
            delimiter: the character between the cells of a CSV file; without it, the one of `,`, tab, `;` and `|` that
                fits.
            origin: `flow_run_id`, `task_run_id` and `id`, as in `create_artifact`.

        Returns:
            The artifact as it is stored.

        Raises:
            InvalidArtifact: it is not a table, its rows or columns differ in length, or a cell cannot become JSON.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> sales = store.create_table_artifact({"region": ["north", "south"], "total": [12, 9]}, key="sales")
            >>> sales.data
            [{'region': 'north', 'total': 12}, {'region': 'south', 'total': 9}]
            >>> sales.profile["columns"][1]["max"]
            12
        """
        payload = payloads.builders.table_payload(
            table, columns=columns, profile=profile, delimiter=delimiter
        )
        return self.create_artifact(
            key=key, description=description, metadata=metadata, **payload, **origin
        )

    def create_progress_artifact(
        self,
        progress: float,
        key: str | None = None,
        description: str | None = None,
        metadata: Metadata = None,
        **origin: Unpack[Origin],
    ) -> Artifact:
        """Publish how far a job is; `update_progress_artifact` keeps it up to date in place.

        Args:
            progress: percent, from 0 to 100; beyond them it is clamped, with a warning.
            key: what the versions of the same thing share; without one the artifact stands alone.
            description: text for people, usually Markdown.
            metadata: JSON scalars by name.
            origin: `flow_run_id`, `task_run_id` and `id`, as in `create_artifact`.

        Returns:
            The artifact as it is stored.

        Raises:
            InvalidArtifact: the progress is NaN or no number, or another value cannot be stored.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> loading = store.create_progress_artifact(0, key="load")
            >>> store.update_progress_artifact(loading, 50).data
            50
        """
        payload = payloads.builders.progress_payload(progress)
        return self.create_artifact(
            key=key, description=description, metadata=metadata, **payload, **origin
        )

    def update_progress_artifact(
        self,
        artifact_id: UUID | str | Artifact,
        progress: float,
        description: str | None = None,
        metadata: Metadata = None,
    ) -> Artifact | None:
        """Update how far a job is, in place: the artifact keeps its version.

        Args:
            artifact_id: the progress artifact, or its id.
            progress: percent, from 0 to 100; beyond them it is clamped, with a warning.
            description: a new description; without one it stays as it is.
            metadata: new metadata, in the place of all that there was; without it, it stays as it is.

        Returns:
            The artifact as it is stored now, `None` when there is none.

        Raises:
            InvalidArtifact: the progress is NaN or no number, or another value cannot be stored.
            InvalidQuery: it is not an id, or that of an artifact of another type; nothing is changed.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> loading = store.create_progress_artifact(0, key="load")
            >>> store.update_progress_artifact(loading.id, 80, "almost there").data
            80
        """
        target = artifact_id.id if isinstance(artifact_id, Artifact) else as_uuid(artifact_id)
        changes: ArtifactChanges = {"data": payloads.builders.progress_payload(progress)["data"]}
        if description is not None:
            changes["description"] = description
        if metadata is not None:
            changes["metadata"] = metadata
        return self._engine.run_in_transaction(partial(_update_progress, self, target, changes))

    def create_image_artifact(
        self,
        image: Any = None,
        key: str | None = None,
        description: str | None = None,
        metadata: Metadata = None,
        *,
        alt: str | None = None,
        image_url: str | None = None,
        **origin: Unpack[Origin],
    ) -> Artifact:
        """Publish an image, stored as `{"image": URL}`: its own URL, or a `data:` URI that holds the image itself.

        Args:
            image: a URL; or what is kept inside the store, up to 5 MiB: the path of a PNG, JPEG, GIF or WebP file,
                its bytes, an open binary file, a matplotlib figure or axes, or a PIL image. A text without a scheme
                such as `https:` is a path. An SVG file is refused, since it may hold scripts.
            key: what the versions of the same thing share; without one the artifact stands alone.
            description: text for people, usually Markdown.
            metadata: JSON scalars by name.
            alt: what the image shows, in words, for those who do not see it.
            image_url: a URL, relative ones too, in the place of `image`: the name that Prefect gives to it.
            origin: `flow_run_id`, `task_run_id` and `id`, as in `create_artifact`.

        Returns:
            The artifact as it is stored.

        Raises:
            InvalidArtifact: it is not an image, cannot be read, or is too large; or another value cannot be stored.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.create_image_artifact("https://example.com/plot.png", key="plot").data
            {'image': 'https://example.com/plot.png'}
        """
        payload = payloads.builders.image_payload(image, alt=alt, image_url=image_url)
        return self.create_artifact(
            key=key, description=description, metadata=metadata, **payload, **origin
        )


def _update_progress(
    store: StoreBase, artifact_id: UUID, changes: "ArtifactChanges"
) -> Artifact | None:
    """Update a progress artifact and return it; an artifact of another type is left as it is."""
    # The update comes first: it locks the artifact, so that its type cannot change any more.
    if not store.update_artifact(artifact_id, **changes):
        return None
    changed = store.read_artifact(artifact_id)
    if changed is not None and changed.type != "progress":
        name = str(changed.id) if changed.key is None else f"{changed.key}@{changed.version}"
        raise InvalidQuery(
            f"{name} is not a progress artifact (its type is {shown(changed.type)}): "
            "pass the id of a progress artifact, or change this one with update_artifact."
        )
    return changed
