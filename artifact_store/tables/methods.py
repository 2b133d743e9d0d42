"""The methods of artifacts and of lists of artifacts that return their content as rows and frames."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from .. import tables
from ..errors import InvalidArtifact
from ..wording import name_of_artifact

if TYPE_CHECKING:
    import pandas
    import polars

__all__ = ["ListFrames", "TableFrames"]


class TableFrames:
    """The methods of an artifact that return its table."""

    # The fields of the artifact; only declared, since they would become fields of this class too.
    if TYPE_CHECKING:
        id: UUID
        key: str | None
        version: int | None
        type: str | None
        data: Any
        profile: dict[str, Any] | None

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of a table, in whichever form it was stored.

        Returns:
            One dict for each row, of values by the names of their columns.

        Raises:
            InvalidArtifact: it is not a table, its rows or columns differ in length, or it was read without its data.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.create_artifact(key="wind", type="table", data={"city": ["Oslo", "Rome"], "wind": [3, 5]}).rows()
            [{'city': 'Oslo', 'wind': 3}, {'city': 'Rome', 'wind': 5}]
        """
        name = name_of_artifact(self.id, self.key, self.version)
        if self.data is None:
            raise InvalidArtifact(f"{name} has no rows: it has no data, or was read without it.")
        if isinstance(self.data, str) and self.type != "table":
            raise InvalidArtifact(
                f"{name} is text, not a table: its type is {self.type or 'not set'}."
            )
        return tables.rows.rows_of(self.data, name)

    def to_pandas(self) -> "pandas.DataFrame":
        """Return a table as a pandas frame, with its columns in order.

        Integers beside nulls are `Int64`, booleans beside nulls `boolean`, and texts in ISO 8601 are times in
        UTC where a whole column consists of them. An empty table has the columns of its profile.

        Returns:
            A frame with a `RangeIndex`.

        Raises:
            InvalidArtifact: it is not a table, or was read without its data.
            ArtifactStoreError: pandas is not installed.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> rows = [{"day": "2026-11-24", "wind": 3}, {"day": "2026-11-25", "wind": None}]
            >>> store.create_artifact(key="wind", type="table", data=rows).to_pandas().dtypes.astype(str).to_dict()
            {'day': 'datetime64[us, UTC]', 'wind': 'Int64'}
        """
        rows = self.rows()
        return tables.frames.to_pandas(rows, tables.frames.column_names_of(rows, self.profile))

    def to_polars(self) -> "polars.DataFrame":
        """Return a table as a polars frame, with its columns in order.

        Texts in ISO 8601 are dates, or times in UTC, where a whole column consists of them; lists and objects of
        one shape are lists and structs. A column that polars has no type for is JSON text. An empty table has
        the columns of its profile.

        Returns:
            A frame with a row for each row of the table.

        Raises:
            InvalidArtifact: it is not a table, or was read without its data.
            ArtifactStoreError: polars is not installed.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> rows = [{"day": "2026-11-24", "wind": 3}, {"day": "2026-11-25", "wind": None}]
            >>> store.create_artifact(key="wind", type="table", data=rows).to_polars().dtypes
            [Date, Int64]
        """
        rows = self.rows()
        return tables.frames.to_polars(rows, tables.frames.column_names_of(rows, self.profile))


class ListFrames:
    """The methods of a list of artifacts that return it as a frame."""

    def to_pandas(self: Iterable[object]) -> "pandas.DataFrame":
        """Return the artifacts as a pandas frame.

        Returns:
            A row for each artifact, with the columns `id`, `key`, `version`, `type`, `description`, `metadata`,
            `flow_run_id`, `task_run_id`, `created`, `updated` and `data`; metadata and data are Python objects, ids
            are text.

        Raises:
            ArtifactStoreError: pandas is not installed.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> made = store.create_artifacts({"key": "loss", "data": 1 / n} for n in range(1, 4))
            >>> store.read_artifacts().to_pandas()[["key", "version", "data"]].values.tolist()
            [['loss', 3, 0.3333333333333333], ['loss', 2, 0.5], ['loss', 1, 1.0]]
        """
        columns = tables.frames.ARTIFACT
        return tables.frames.to_pandas(tables.frames.artifact_rows(self), [*columns], columns)

    def to_polars(self: Iterable[object]) -> "polars.DataFrame":
        """Return the artifacts as a polars frame.

        Returns:
            A row for each artifact, with the columns of `to_pandas`; metadata and data are JSON text.

        Raises:
            ArtifactStoreError: polars is not installed.
        """
        columns = tables.frames.ARTIFACT
        return tables.frames.to_polars(tables.frames.artifact_rows(self), [*columns], columns)
