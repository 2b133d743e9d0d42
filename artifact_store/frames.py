"""Rows as frames of pandas and polars, which are imported when one is asked for.

The type of a column is that of its values, as a profile tells it: integers stay exact beside nulls, and
times that were published as text come back as times in UTC. What JSON has no word for (categories,
durations, the zone of a time, the width of a number) came into the store as text or numbers and stays so.
"""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any
from uuid import UUID

from .errors import ArtifactStoreError, InvalidArtifact
from .jsonvalues import dump_json
from .profile import ColumnType, known_profile, type_of, utc_time
from .tables import Row, column_names, rows_of

if TYPE_CHECKING:
    import pandas
    import polars

__all__ = ["ListFrames", "TableFrames", "to_pandas", "to_polars"]

_FINE = re.compile(r"\.\d{6}(\d{1,3})")  # fractions of a microsecond
_EPOCH = utc_time("1970-01-01")
_DATE = len("2026-11-24")


class TableFrames:
    """The methods of an artifact that give a table back."""

    if TYPE_CHECKING:  # the fields of the artifact, which would otherwise become fields of this class
        id: UUID
        key: str | None
        version: int | None
        type: str | None
        data: Any
        profile: dict[str, Any] | None

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of a table, objects by the names of the columns, in whichever form it was stored.

        Raises:
            InvalidArtifact: it is no table, or was read without its data.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.create_artifact(key="wind", type="table", data={"city": ["Oslo", "Rome"], "wind": [3, 5]}).rows()
            [{'city': 'Oslo', 'wind': 3}, {'city': 'Rome', 'wind': 5}]
        """
        name = str(self.id) if self.key is None else f"{self.key}@{self.version}"
        if self.data is None:
            raise InvalidArtifact(f"{name} has no rows: it has no data, or was read without it.")
        if isinstance(self.data, str) and self.type != "table":
            raise InvalidArtifact(f"{name} is no table but text: its type is {self.type or 'not set'}.")
        return rows_of(self.data, name)

    def to_pandas(self) -> "pandas.DataFrame":
        """Return a table as a pandas frame, with its columns in order.

        Integers beside nulls are `Int64`, booleans beside nulls `boolean`, and texts in ISO 8601 are times in
        UTC where a whole column consists of them. An empty table has the columns of its profile.

        Raises:
            InvalidArtifact: it is no table, or was read without its data.
            ArtifactStoreError: pandas is not installed.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> rows = [{"day": "2026-11-24", "wind": 3}, {"day": "2026-11-25", "wind": None}]
            >>> store.create_artifact(key="wind", type="table", data=rows).to_pandas().dtypes.astype(str).to_dict()
            {'day': 'datetime64[us, UTC]', 'wind': 'Int64'}
        """
        rows = self.rows()
        return to_pandas(rows, self._names(rows))

    def to_polars(self) -> "polars.DataFrame":
        """Return a table as a polars frame, with its columns in order.

        Texts in ISO 8601 are dates, or times in UTC, where a whole column consists of them; lists and objects of
        one shape are lists and structs. A column that polars has no type for is JSON text. An empty table has
        the columns of its profile.

        Raises:
            InvalidArtifact: it is no table, or was read without its data.
            ArtifactStoreError: polars is not installed.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> rows = [{"day": "2026-11-24", "wind": 3}, {"day": "2026-11-25", "wind": None}]
            >>> store.create_artifact(key="wind", type="table", data=rows).to_polars().dtypes
            [Date, Int64]
        """
        rows = self.rows()
        return to_polars(rows, self._names(rows))

    def _names(self, rows: list[Row]) -> list[str]:
        profile = None if rows else known_profile(self.profile)
        return column_names(rows, [column["name"] for column in profile["columns"]] if profile else [])


class ListFrames:
    """The methods of a list of artifacts that give it back as a frame."""

    def to_pandas(self) -> "pandas.DataFrame":
        """Return a pandas frame with a row for each artifact.

        Its columns are `id`, `key`, `version`, `type`, `description`, `metadata`, `flow_run_id`, `task_run_id`,
        `created`, `updated` and `data`; metadata and data are Python objects, ids are text.

        Raises:
            ArtifactStoreError: pandas is not installed.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> made = store.create_artifacts({"key": "loss", "data": 1 / n} for n in range(1, 4))
            >>> store.read_artifacts().to_pandas()[["key", "version", "data"]].values.tolist()
            [['loss', 3, 0.3333333333333333], ['loss', 2, 0.5], ['loss', 1, 1.0]]
        """
        return to_pandas(self._rows(), list(_ARTIFACT), _ARTIFACT)

    def to_polars(self) -> "polars.DataFrame":
        """Return a polars frame with the columns of `to_pandas`; metadata and data are JSON text.

        Raises:
            ArtifactStoreError: polars is not installed.
        """
        return to_polars(self._rows(), list(_ARTIFACT), _ARTIFACT)

    def _rows(self) -> list[Row]:
        artifacts: Any = self
        return [{name: _cell(getattr(artifact, name)) for name in _ARTIFACT} for artifact in artifacts]


_ARTIFACT: Mapping[str, ColumnType] = {
    "id": "text",
    "key": "text",
    "version": "integer",
    "type": "text",
    "description": "text",
    "metadata": "mixed",
    "flow_run_id": "text",
    "task_run_id": "text",
    "created": "time",
    "updated": "time",
    "data": "mixed",
}


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def to_pandas(
    rows: Sequence[Row], names: Sequence[str], types: Mapping[str, ColumnType] | None = None
) -> "pandas.DataFrame":
    """Return rows as a pandas frame.

    Args:
        rows: objects by the name of the column; what a row does not have is null.
        names: the columns, in order.
        types: the types of columns whose values are not to be asked for theirs.

    Raises:
        ArtifactStoreError: pandas is not installed.
    """
    pd = _imported("pandas")
    index = pd.RangeIndex(len(rows))
    columns = {
        name: _pandas_series(pd, index, kind, values) for name, kind, values in _columns(rows, names, types or {})
    }
    made: pandas.DataFrame = pd.DataFrame(columns, index=index, columns=list(names))
    return made


def to_polars(
    rows: Sequence[Row], names: Sequence[str], types: Mapping[str, ColumnType] | None = None
) -> "polars.DataFrame":
    """Return rows as a polars frame; takes what `to_pandas` does."""
    pl = _imported("polars")
    made: polars.DataFrame = pl.DataFrame(
        {name: _polars_series(pl, name, kind, values) for name, kind, values in _columns(rows, names, types or {})}
    )
    return made


def _imported(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as missing:
        raise ArtifactStoreError(f"{name} is not installed: pip install {name}.") from missing


def _columns(
    rows: Sequence[Row], names: Sequence[str], types: Mapping[str, ColumnType]
) -> Iterator[tuple[str, ColumnType, list[Any]]]:
    for name in names:
        values = [row.get(name) for row in rows]
        yield name, types.get(name) or type_of([value for value in values if value is not None]), values


def _each(change: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
    """Change all values but nulls."""
    return [None if value is None else change(value) for value in values]


def _fits(values: Sequence[int | None]) -> bool:
    return all(value is None or -(2**63) <= value < 2**63 for value in values)


def _in_utc(text: str) -> datetime:
    return utc_time(text).astimezone(UTC)


def _is_fine(times: Sequence[str | None]) -> bool:
    return any(text is not None and _FINE.search(text) for text in times)


# --- pandas ---


def _pandas_series(pandas: Any, index: Any, kind: ColumnType, values: list[Any]) -> Any:
    nulls = None in values
    dtype: Any = object
    if kind == "integer" and _fits(values):
        dtype = "Int64" if nulls else "int64"
    elif kind == "boolean":
        dtype = "boolean" if nulls else "bool"
    elif kind == "number":
        dtype = "float64"
    elif kind == "text":
        dtype = None  # pandas' own for text, which depends on its version
    with contextlib.suppress(ValueError, OverflowError):  # a number or a time out of range
        if kind == "time":
            if _is_fine(values):
                return pandas.Series(pandas.to_datetime(values, format="ISO8601", utc=True), index=index)
            return pandas.Series(_each(_in_utc, values), index=index, dtype="datetime64[us, UTC]")
        return pandas.Series(values, index=index, dtype=dtype)
    return pandas.Series(values, index=index, dtype=object)


# --- polars ---


def _polars_series(polars: Any, name: str, kind: ColumnType, values: list[Any]) -> Any:
    """Return a column; what polars has no type for is JSON text."""
    with contextlib.suppress(ValueError, OverflowError, TypeError, polars.exceptions.PolarsError):
        if kind == "time":
            return _polars_times(polars, name, values)
        dtype = None if kind == "mixed" else _polars_type(polars, kind, values)
        if dtype is not None:
            return polars.Series(name, _each(float, values) if kind == "number" else values, dtype=dtype)
    return polars.Series(name, values if kind == "time" else _each(dump_json, values), dtype=polars.String)


def _polars_times(polars: Any, name: str, values: list[str | None]) -> Any:
    if values and all(text is None or len(text) == _DATE for text in values):
        return polars.Series(name, _each(date.fromisoformat, values), dtype=polars.Date)
    if _is_fine(values):
        counts = polars.Series(name, _each(_nanoseconds, values), dtype=polars.Int64)
        return counts.cast(polars.Datetime("ns", "UTC"))
    return polars.Series(name, _each(_in_utc, values), dtype=polars.Datetime("us", "UTC"))


def _nanoseconds(text: str) -> int:
    """Return the nanoseconds from 1970 to a time, whose digits beyond the microsecond Python would drop."""
    fine = _FINE.search(text)
    return (utc_time(text) - _EPOCH) // timedelta(microseconds=1) * 1000 + int(f"{fine[1] if fine else '':0<3}")


def _polars_type(polars: Any, kind: ColumnType, values: Sequence[Any]) -> Any:
    """Return the type that holds all values as they are, `None` when there is none."""
    if kind == "integer":
        return polars.Int64 if _fits(values) else None
    if kind != "json":
        simple = {"number": "Float64", "text": "String", "time": "String", "boolean": "Boolean", "empty": "Null"}
        return getattr(polars, simple[kind]) if kind in simple else None
    present = [value for value in values if value is not None]
    if all(isinstance(value, list) for value in present):
        inner = _inner_type(polars, [item for value in present for item in value])
        return None if inner is None else polars.List(inner)
    names = present[0].keys() if isinstance(present[0], dict) else ()
    if not names or any(not isinstance(value, dict) or value.keys() != names for value in present):
        return None
    fields = {name: _inner_type(polars, [value[name] for value in present]) for name in names}
    return None if None in fields.values() else polars.Struct(fields)


def _inner_type(polars: Any, values: list[Any]) -> Any:
    return _polars_type(polars, type_of([value for value in values if value is not None]), values)
