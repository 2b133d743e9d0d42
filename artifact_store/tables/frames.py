"""Rows as frames of pandas and polars, which are imported when they are first used.

The type of a column is that of its values, as in a profile. Integers stay exact beside nulls, and times that were
published as text come back as times in UTC. Categories, durations, the zone of a time and the width of a number have
no type in JSON: they were stored as text or numbers and stay so.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from uuid import UUID

from ..errors import ArtifactStoreError
from ..jsonable.normalize import dump_json
from .profile import ColumnType, known_profile, type_of, utc_time
from .rows import Row, column_names

if TYPE_CHECKING:
    import pandas
    import polars

__all__ = ["ARTIFACT", "artifact_rows", "column_names_of", "to_pandas", "to_polars"]

T = TypeVar("T")
Value = TypeVar("Value")

_FINE = re.compile(r"\.\d{6}(\d{1,3})")  # fractions of a microsecond
_EPOCH = utc_time("1970-01-01")
_DATE = len("2026-11-24")

ARTIFACT: Mapping[str, ColumnType] = {
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
"""The columns of a frame of artifacts."""


# --- Rows and columns ---


class Column(NamedTuple):
    """A column of a table: a value for each row, None where a row has none."""

    name: str
    type: ColumnType
    values: list[Any]


def artifact_rows(artifacts: Iterable[object]) -> list[Row]:
    """Return the rows of a frame of artifacts."""
    rows: list[Row] = []
    for artifact in artifacts:
        row = {name: _cell(getattr(artifact, name)) for name in ARTIFACT}
        rows.append(row)
    return rows


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return value


def column_names_of(rows: list[Row], profile: object) -> list[str]:
    """Return the names of the columns of a table; an empty one has those of its profile."""
    if rows:
        return column_names(rows)
    known = known_profile(profile)
    return [column["name"] for column in known["columns"]] if known else []


def columns_of(
    rows: Sequence[Row], names: Iterable[str], types: Mapping[str, ColumnType]
) -> Iterator[Column]:
    """Yield the columns of some rows; the type of a column that is not in `types` is found from its values."""
    for name in names:
        values = [row.get(name) for row in rows]
        column_type = types.get(name) or type_of(without_nulls(values))
        yield Column(name, column_type, values)


def without_nulls(values: Iterable[T | None]) -> list[T]:
    """Return the values that are not None."""
    return [value for value in values if value is not None]


def convert(change: Callable[[T], Value], values: Iterable[T | None]) -> list[Value | None]:
    """Return the values changed, with nulls left as they are."""
    return [None if value is None else change(value) for value in values]


def import_library(name: str) -> ModuleType:
    """Import pandas or polars.

    Raises:
        ArtifactStoreError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ArtifactStoreError(f"{name} is not installed: pip install {name}.") from error


# --- Values ---


def fit_int64(values: Iterable[int | None]) -> bool:
    """Tell whether integers fit into 64 bits."""
    return all(-(2**63) <= value < 2**63 for value in without_nulls(values))


def in_utc(text: str) -> datetime:
    """Return the time of a text in ISO 8601, in UTC."""
    return utc_time(text).astimezone(UTC)


def have_nanoseconds(times: Iterable[str | None]) -> bool:
    """Tell whether a time has more digits than the six of a microsecond."""
    return any(_FINE.search(text) for text in without_nulls(times))


def nanoseconds(text: str) -> int:
    """Return the nanoseconds from 1970 to a time, including the digits that Python's times drop."""
    microseconds = (utc_time(text) - _EPOCH) // timedelta(microseconds=1)
    fine = _FINE.search(text)
    digits = fine[1] if fine else ""
    return microseconds * 1000 + int(f"{digits:0<3}")


# --- pandas ---


def to_pandas(
    rows: Sequence[Row], names: Sequence[str], types: Mapping[str, ColumnType] | None = None
) -> "pandas.DataFrame":
    """Return rows as a pandas frame.

    Args:
        rows: objects by the names of the columns; a row without a column has null there.
        names: the columns, in order.
        types: the types of some columns, which are otherwise found from their values.

    Raises:
        ArtifactStoreError: pandas is not installed.
    """
    library = import_library("pandas")
    index = library.RangeIndex(len(rows))
    series = {
        column.name: pandas_series(library, index, column)
        for column in columns_of(rows, names, types or {})
    }
    frame: pandas.DataFrame = library.DataFrame(series, index=index, columns=list(names))
    return frame


def pandas_series(pandas: ModuleType, index: object, column: Column) -> object:
    """Return a column as a series; what no type of pandas can hold are objects."""
    # The exceptions are those of a number or a time that is out of range.
    with contextlib.suppress(ValueError, OverflowError):
        if column.type == "time":
            return pandas_times(pandas, index, column.values)
        return pandas.Series(column.values, index=index, dtype=pandas_type(column))
    return pandas.Series(column.values, index=index, dtype=object)


def pandas_times(pandas: ModuleType, index: object, texts: list[str | None]) -> object:
    """Return texts in ISO 8601 as times in UTC."""
    if have_nanoseconds(texts):
        times = pandas.to_datetime(texts, format="ISO8601", utc=True)
        return pandas.Series(times, index=index)
    return pandas.Series(convert(in_utc, texts), index=index, dtype="datetime64[us, UTC]")


def pandas_type(column: Column) -> str | type | None:
    """Return the type that pandas gives to a column, or None for the one that it chooses itself."""
    has_nulls = None in column.values
    if column.type == "integer" and fit_int64(column.values):
        return "Int64" if has_nulls else "int64"
    if column.type == "boolean":
        return "boolean" if has_nulls else "bool"
    if column.type == "number":
        return "float64"
    if column.type == "text":
        return None  # the type for text depends on the version of pandas
    return object


# --- polars ---


def to_polars(
    rows: Sequence[Row], names: Sequence[str], types: Mapping[str, ColumnType] | None = None
) -> "polars.DataFrame":
    """Return rows as a polars frame.

    Args:
        rows: objects by the names of the columns; a row without a column has null there.
        names: the columns, in order.
        types: the types of some columns, which are otherwise found from their values.

    Raises:
        ArtifactStoreError: polars is not installed.
    """
    library = import_library("polars")
    series = {
        column.name: polars_series(library, column)
        for column in columns_of(rows, names, types or {})
    }
    frame: polars.DataFrame = library.DataFrame(series)
    return frame


def polars_series(polars: ModuleType, column: Column) -> object:
    """Return a column as a series; what polars has no type for is JSON text."""
    with contextlib.suppress(ValueError, OverflowError, TypeError, polars.exceptions.PolarsError):
        if column.type == "time":
            return polars_times(polars, column)
        series = polars_values(polars, column)
        if series is not None:
            return series
    # Times that polars cannot hold are text already.
    texts = column.values if column.type == "time" else convert(dump_json, column.values)
    return polars.Series(column.name, texts, dtype=polars.String)


def polars_values(polars: ModuleType, column: Column) -> object | None:
    """Return a column with the type that holds its values as they are, or None when there is none."""
    if column.type == "mixed":
        return None
    dtype = polars_type(polars, column.type, column.values)
    if dtype is None:
        return None
    values = convert(float, column.values) if column.type == "number" else column.values
    series: object = polars.Series(column.name, values, dtype=dtype)
    return series


def polars_times(polars: ModuleType, column: Column) -> object:
    """Return texts in ISO 8601 as dates, or as times in UTC."""
    texts: list[str | None] = column.values
    if texts and all(text is None or len(text) == _DATE for text in texts):
        dates = convert(date.fromisoformat, texts)
        return polars.Series(column.name, dates, dtype=polars.Date)
    if have_nanoseconds(texts):
        counts = polars.Series(column.name, convert(nanoseconds, texts), dtype=polars.Int64)
        return counts.cast(polars.Datetime("ns", "UTC"))
    times = convert(in_utc, texts)
    return polars.Series(column.name, times, dtype=polars.Datetime("us", "UTC"))


_POLARS_TYPES: Mapping[ColumnType, str] = {
    "number": "Float64",
    "text": "String",
    "time": "String",
    "boolean": "Boolean",
    "empty": "Null",
}


def polars_type(polars: ModuleType, kind: ColumnType, values: Sequence[Any]) -> object | None:
    """Return the type that holds all values as they are, or None when there is none."""
    if kind == "integer":
        return polars.Int64 if fit_int64(values) else None
    if kind == "json":
        return polars_nested_type(polars, without_nulls(values))
    return getattr(polars, _POLARS_TYPES[kind]) if kind in _POLARS_TYPES else None


def polars_nested_type(polars: ModuleType, present: list[Any]) -> object | None:
    """Return the type of lists, or of objects that all have the same names in the same order."""
    if all(isinstance(value, list) for value in present):
        items = [item for value in present for item in value]
        inner = polars_inner_type(polars, items)
        return None if inner is None else polars.List(inner)

    names = present[0].keys() if isinstance(present[0], dict) else ()
    if not names or any(not isinstance(value, dict) or value.keys() != names for value in present):
        return None
    fields = {}
    for name in names:
        fields[name] = polars_inner_type(polars, [value[name] for value in present])
    return None if None in fields.values() else polars.Struct(fields)


def polars_inner_type(polars: ModuleType, values: list[Any]) -> object | None:
    """Return the type of the values inside of lists or objects, or None when there is none."""
    present = without_nulls(values)
    kind = type_of(present)
    # An integer beside a float may be too large to be one.
    if kind == "number" and any(float(value) != value for value in present):
        return None
    return polars_type(polars, kind, values)
