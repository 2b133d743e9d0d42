"""Lists whose members carry names: series of pandas and polars, and named tuples, as rows or columns by name."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .encoders import names_of, pandas_cells

if TYPE_CHECKING:
    from .protocols import PandasSeries, PolarsSeries

__all__ = ["with_names"]

Row = dict[str, object]


def with_names(table: object) -> object:
    """Return a list of series or named tuples as rows or columns by name, and anything else as it is.

    Args:
        table: a list of pandas series, each of which is a row whose index names the columns; a list of polars
            series, each of which is a column; or a list of named tuples of one kind, each of which is a row.
            pandas and polars themselves take such lists in the same way.

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
    libraries = {library_of_series(kind) for kind in kinds}
    if libraries == {"pandas"}:
        return pandas_rows(table)
    if libraries == {"polars"}:
        return polars_columns(table)

    fields = getattr(kinds.pop(), "_fields", None)
    if kinds or not isinstance(fields, tuple):
        return table
    return [dict(zip(fields, row, strict=True)) for row in table]


def library_of_series(kind: type) -> str | None:
    """Return `pandas` or `polars` for a class of series, or a subclass of it."""
    for base in kind.__mro__:
        library = base.__module__.partition(".")[0]
        if base.__name__ == "Series" and library in ("pandas", "polars"):
            return library
    return None


def pandas_rows(table: "Sequence[PandasSeries]") -> list[Row]:
    """Return rows that are series; the names of the rows become a first column, unless they are row numbers."""
    rows: list[Row] = []
    for series in table:
        names = names_of(series.index)
        rows.append(dict(zip(names, pandas_cells(series), strict=True)))
    if all(series.name is None or is_row_number(series.name) for series in table):
        return rows

    # `reset_index` of pandas chooses the same name.
    label = "level_0" if any("index" in row for row in rows) else "index"
    return [{label: series.name, **row} for series, row in zip(table, rows, strict=True)]


def is_row_number(label: object) -> bool:
    """Tell whether a label is an integer, of Python or of NumPy."""
    return hasattr(label, "__index__") and not isinstance(label, bool)


def polars_columns(table: "Sequence[PolarsSeries]") -> dict[str, "PolarsSeries"]:
    """Return columns that are series, by their names, or by their numbers when none has a name."""
    labels = [series.name for series in table]
    if not any(labels):
        labels = [str(index) for index in range(len(table))]
    return dict(zip(names_of(labels), table, strict=True))
