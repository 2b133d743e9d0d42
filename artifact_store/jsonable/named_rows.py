"""Rows and columns that carry their names: series of pandas and polars, and named tuples."""

from collections.abc import Sequence
from typing import Any

from .encoders import names_of, pandas_cells

__all__ = ["with_names"]

Row = dict[str, Any]


def with_names(table: object) -> Any:
    """Return a list of what carries names of its own as rows or columns by name, and anything else as it is.

    Args:
        table: a list of pandas series, each of which is a row whose index names the columns; a list of polars series,
            each of which is a column; or a list of named tuples of one kind, each of which is a row. That is how
            pandas and polars themselves take such a list.

    Raises:
        NotSerializableError: two columns have one name, or a name cannot become text.

    Examples:
        >>> from collections import namedtuple
        >>> City = namedtuple("City", "city wind")
        >>> with_names([City("Oslo", 3)]), with_names([["Oslo", 3]])
        ([{'city': 'Oslo', 'wind': 3}], [['Oslo', 3]])
    """
    if not isinstance(table, list | tuple) or not table:
        return table
    kinds = set(map(type, table))
    found = {_series_of(kind) for kind in kinds}
    if found == {"pandas"}:
        return _pandas_rows(table)
    if found == {"polars"}:
        return _polars_columns(table)
    fields = getattr(next(iter(kinds)), "_fields", None)
    if len(kinds) > 1 or not isinstance(fields, tuple):
        return table
    return [dict(zip(fields, row, strict=True)) for row in table]


def _series_of(kind: type) -> str:
    """Return the library of a series, nothing for any other type."""
    if kind.__name__ == "Series" and kind.__module__.partition(".")[0] in ("pandas", "polars"):
        return kind.__module__.partition(".")[0]
    return _series_of(kind.__base__) if kind.__base__ is not None else ""


def _pandas_rows(table: Sequence[Any]) -> list[Row]:
    """Return rows that are series; their own names come first where they say something, as an index does."""
    rows = [
        dict(zip(names_of(series.index), pandas_cells(series), strict=True)) for series in table
    ]
    if all(series.name is None or _is_number(series.name) for series in table):
        return rows
    label = "index" if all("index" not in row for row in rows) else "level_0"
    return [{label: series.name, **row} for series, row in zip(table, rows, strict=True)]


def _is_number(label: object) -> bool:
    """Tell whether a label is an integer, one of NumPy's too: the number of a row, which says nothing."""
    return hasattr(label, "__index__") and not isinstance(label, bool)


def _polars_columns(table: Sequence[Any]) -> dict[str, Any]:
    unnamed = not any(series.name for series in table)
    names = names_of([str(place) if unnamed else series.name for place, series in enumerate(table)])
    return dict(zip(names, table, strict=True))
