"""The methods of a store that publish one type of artifact, named as in `prefect.artifacts`."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypedDict, Unpack
from uuid import UUID

from .. import artifacts, payloads
from ..base import StoreBase
from ..errors import InvalidQuery
from ..schemas.artifacts import Artifact, Scalar
from ..wording import shown

if TYPE_CHECKING:
    from ..schemas.artifacts import ArtifactChanges

__all__ = ["Options", "ShortcutMethods"]

Metadata = Mapping[str, Scalar] | None


class Options(TypedDict, total=False):
    """What `create_artifact` takes beside the content: runs, an id, and conditions."""

    flow_run_id: UUID | str | None
    task_run_id: UUID | str | None
    id: UUID | str | None
    expect_version: int | None
    skip_unchanged: bool


class ShortcutMethods(StoreBase):
    """The methods of a store that publish one type of artifact in one line."""

    def create_link_artifact(
        self,
        link: str,
        link_text: str | None = None,
        key: str | None = None,
        description: str | None = None,
        metadata: Metadata = None,
        **options: Unpack[Options],
    ) -> Artifact:
        """Publish a link, stored as `{"link": …, "link_text": …}`.

        Args:
            link: the URL. Any text is stored; only `http`, `https`, `mailto` and relative URLs are
                shown as links.
            link_text: the text of the link; by default the URL.
            key: the name that versions share; `None`, the default, is an artifact without versions.
            description: text for people, usually Markdown; `None` by default.
            metadata: JSON scalars by name; `None` by default.
            options: `flow_run_id`, `task_run_id`, `id`, `expect_version` and `skip_unchanged`, as
                in `create_artifact`.

        Returns:
            The artifact as it is stored.

        Raises:
            InvalidArtifact: a value cannot be stored; the message names it.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.create_link_artifact("https://example.com/d/7", "Sales today", key="dashboard").data
            {'link': 'https://example.com/d/7', 'link_text': 'Sales today'}
        """
        payload = payloads.builders.link_payload(link, link_text)
        return self.create_artifact(
            key=key, description=description, metadata=metadata, **payload, **options
        )

    def create_markdown_artifact(
        self,
        markdown: str,
        key: str | None = None,
        description: str | None = None,
        metadata: Metadata = None,
        **options: Unpack[Options],
    ) -> Artifact:
        """Publish a Markdown text.

        Args:
            markdown: the text; for a file, `path.read_text()`.
            key: the name that versions share; `None`, the default, is an artifact without versions.
            description: text for people, usually Markdown; `None` by default.
            metadata: JSON scalars by name; `None` by default.
            options: `flow_run_id`, `task_run_id`, `id`, `expect_version` and `skip_unchanged`, as
                in `create_artifact`.

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
            key=key, description=description, metadata=metadata, **payload, **options
        )

    def create_table_artifact(
        self,
        table: object,
        key: str | None = None,
        description: str | None = None,
        metadata: Metadata = None,
        *,
        columns: Sequence[str] | None = None,
        profile: bool = True,
        delimiter: str | None = None,
        **options: Unpack[Options],
    ) -> Artifact:
        """Publish a table, stored as a list of row objects with the profile of its columns.

        Args:
            table: a list of dicts, a dict of columns, a list of lists, a pandas or polars frame, or
                the path of a CSV file; see `table_payload` for how each becomes rows.
            key: the name that versions share; `None`, the default, is an artifact without versions.
            description: text for people, usually Markdown; `None` by default.
            metadata: JSON scalars by name; `None` by default.
            columns: the column names of a list of lists, all of whose rows are data then. By
                default its first row has them, if its cells are distinct texts.
            profile: whether the profile (type, nulls, distinct values, minimum and maximum of each
                column) is computed and stored; `True` by default.
            delimiter: the character between the cells of a CSV file; by default `,`, tab, `;` or
                `|`, whichever fits.
            options: `flow_run_id`, `task_run_id`, `id`, `expect_version` and `skip_unchanged`, as
                in `create_artifact`.

        Returns:
            The artifact as it is stored.

        Raises:
            InvalidArtifact: it is not a table, its rows or columns differ in length, or a cell
                cannot become JSON.

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
            key=key, description=description, metadata=metadata, **payload, **options
        )

    def create_progress_artifact(
        self,
        progress: float,
        key: str | None = None,
        description: str | None = None,
        metadata: Metadata = None,
        **options: Unpack[Options],
    ) -> Artifact:
        """Publish the progress of a job; `update_progress_artifact` updates it in place.

        Args:
            progress: percent, from 0 to 100; other numbers are clamped, with a warning.
            key: the name that versions share; `None`, the default, is an artifact without versions.
            description: text for people, usually Markdown; `None` by default.
            metadata: JSON scalars by name; `None` by default.
            options: `flow_run_id`, `task_run_id`, `id`, `expect_version` and `skip_unchanged`, as
                in `create_artifact`.

        Returns:
            The artifact as it is stored.

        Raises:
            InvalidArtifact: the progress is NaN or not a number, or another value cannot be stored.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> loading = store.create_progress_artifact(0, key="load")
            >>> store.update_progress_artifact(loading, 50).data
            50
        """
        payload = payloads.builders.progress_payload(progress)
        return self.create_artifact(
            key=key, description=description, metadata=metadata, **payload, **options
        )

    def update_progress_artifact(
        self,
        artifact_id: UUID | str | Artifact,
        progress: float,
        description: str | None = None,
        metadata: Metadata = None,
    ) -> Artifact | None:
        """Update the progress of a job in place: the artifact keeps its version.

        Args:
            artifact_id: the progress artifact, its id, or another reference to it.
            progress: percent, from 0 to 100; other numbers are clamped, with a warning.
            description: a new description; `None`, the default, keeps the old one.
            metadata: new metadata, which replaces all of the old; `None`, the default, keeps it.

        Returns:
            The artifact as it is stored now; `None` if it does not exist.

        Raises:
            InvalidArtifact: the progress is NaN or not a number, or another value cannot be stored.
            InvalidQuery: it is not a reference, or the artifact has another type; nothing is changed.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> loading = store.create_progress_artifact(0, key="load")
            >>> store.update_progress_artifact(loading.id, 80, "almost there").data
            80
        """
        changes: ArtifactChanges = {"data": payloads.builders.progress_payload(progress)["data"]}
        if description is not None:
            changes["description"] = description
        if metadata is not None:
            changes["metadata"] = metadata
        update = partial(update_progress, self, changes)
        return self._engine.run_in_transaction(
            partial(artifacts.references.find, self._db, artifact_id, update)
        )

    def create_image_artifact(
        self,
        image: object = None,
        key: str | None = None,
        description: str | None = None,
        metadata: Metadata = None,
        *,
        alt: str | None = None,
        image_url: str | None = None,
        **options: Unpack[Options],
    ) -> Artifact:
        """Publish an image, stored as `{"image": URL}`, where the URL may be a `data:` URI.

        Args:
            image: a URL, or an image of up to 5 MiB that is stored itself: the path of a PNG, JPEG,
                GIF or WebP file, its bytes, an open binary file, a matplotlib figure or axes, or a
                PIL image. A text without a scheme such as `https:` is a path. An SVG file is
                refused, because it may contain scripts.
            key: the name that versions share; `None`, the default, is an artifact without versions.
            description: text for people, usually Markdown; `None` by default.
            metadata: JSON scalars by name; `None` by default.
            alt: a text for people who do not see the image; `None` by default.
            image_url: a URL, which may be relative, instead of `image`; the name of this parameter
                in Prefect.
            options: `flow_run_id`, `task_run_id`, `id`, `expect_version` and `skip_unchanged`, as
                in `create_artifact`.

        Returns:
            The artifact as it is stored.

        Raises:
            InvalidArtifact: it is not an image, cannot be read, or is too large; or another value
                cannot be stored.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.create_image_artifact("https://example.com/plot.png", key="plot").data
            {'image': 'https://example.com/plot.png'}
        """
        payload = payloads.builders.image_payload(image, alt=alt, image_url=image_url)
        return self.create_artifact(
            key=key, description=description, metadata=metadata, **payload, **options
        )


def update_progress(
    store: StoreBase,
    changes: "ArtifactChanges",
    artifact_id: UUID,
) -> Artifact | None:
    """Update a progress artifact and return it, inside a transaction.

    Raises:
        InvalidQuery: the artifact has another type.
    """
    # The update comes first, because it locks the artifact: its type cannot change any more.
    if not store.update_artifact(artifact_id, **changes):
        return None
    changed = store.read_artifact(artifact_id)
    if changed is not None and changed.type != "progress":
        raise InvalidQuery(
            f"{changed.ref} is not a progress artifact (its type is {shown(changed.type)}): "
            "pass the id of a progress artifact, or change this one with update_artifact."
        )
    return changed
