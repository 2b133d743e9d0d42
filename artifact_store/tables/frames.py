"""Rows as frames of pandas and polars, which are imported when one is asked for.

The type of a column is that of its values, as a profile tells it: integers stay exact beside nulls, and
times that were published as text come back as times in UTC. What JSON has no word for (categories,
durations, the zone of a time, the width of a number) came into the store as text or numbers and stays so.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ..errors import ArtifactStoreError
from ..jsonable.normalize import dump_json
from .profile import ColumnType, known_profile, type_of, utc_time
from .rows import Row, column_names

if TYPE_CHECKING:
    import pandas
    import polars

__all__ = ["ARTIFACT", "listed", "names_of", "to_pandas", "to_polars"]

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


def listed(artifacts: Iterable[Any]) -> list[Row]:
    """Return the rows of a frame of artifacts."""
    return [{name: _cell(getattr(artifact, name)) for name in ARTIFACT} for artifact in artifacts]


def names_of(rows: list[Row], profile: object) -> list[str]:
    """Return the names of the columns of a table; an empty one has those of its profile."""
    known = None if rows else known_profile(profile)
    return column_names(rows, [column["name"] for column in known["columns"]] if known else [])


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
        name: _pandas_series(pd, index, kind, values)
        for name, kind, values in _columns(rows, names, types or {})
    }
    made: pandas.DataFrame = pd.DataFrame(columns, index=index, columns=list(names))
    return made


def to_polars(
    rows: Sequence[Row], names: Sequence[str], types: Mapping[str, ColumnType] | None = None
) -> "polars.DataFrame":
    """Return rows as a polars frame; takes what `to_pandas` does."""
    pl = _imported("polars")
    made: polars.DataFrame = pl.DataFrame(
        {
            name: _polars_series(pl, name, kind, values)
            for name, kind, values in _columns(rows, names, types or {})
        }
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
        yield (
            name,
            types.get(name) or type_of([value for value in values if value is not None]),
            values,
        )


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
                return pandas.Series(
                    pandas.to_datetime(values, format="ISO8601", utc=True), index=index
                )
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
            return polars.Series(
                name, _each(float, values) if kind == "number" else values, dtype=dtype
            )
    return polars.Series(
        name, values if kind == "time" else _each(dump_json, values), dtype=polars.String
    )


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
    return (utc_time(text) - _EPOCH) // timedelta(microseconds=1) * 1000 + int(
        f"{fine[1] if fine else '':0<3}"
    )


def _polars_type(polars: Any, kind: ColumnType, values: Sequence[Any]) -> Any:
    """Return the type that holds all values as they are, `None` when there is none."""
    if kind == "integer":
        return polars.Int64 if _fits(values) else None
    if kind != "json":
        simple = {
            "number": "Float64",
            "text": "String",
            "time": "String",
            "boolean": "Boolean",
            "empty": "Null",
        }
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
