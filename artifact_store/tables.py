"""What the data of a table says as rows, in each form in which tables are handed over and stored.

The store keeps a table as a list of objects, one for each row. Prefect, and others who write data as it
comes, also keep a JSON text of it, an object of columns, or a list of lists. Here is the one rule for each form:
what is published as a table, and what is read back as one, is read by it.
"""

import contextlib
from collections.abc import Sequence
from itertools import chain
from typing import Any

from pydantic_core import from_json

from .csvfile import Table
from .errors import InvalidArtifact
from .simplify import named, names_of, pandas_cells
from .wording import shown

__all__ = ["Row", "column_names", "from_columns", "from_lists", "rows_of", "with_names"]

Row = dict[str, Any]

_WANTED = "a table is a list of objects, a list of lists, or an object of lists"


def rows_of(data: object, name: str = "The data") -> list[Row]:
    """Return the rows that the data of a table says.

    Args:
        data: a list of objects; a list of lists, as `from_lists` takes it; an object of lists, as `from_columns`
            takes it; or one of these as JSON text.
        name: what errors call the table.

    Returns:
        The rows; data that is a list of objects already is returned itself, not as a copy.

    Raises:
        InvalidArtifact: it is no table; the sentence says what it is, or which row or column has another length.

    Examples:
        >>> rows_of({"city": ["Oslo", "Rome"], "wind": [3, 5]})
        [{'city': 'Oslo', 'wind': 3}, {'city': 'Rome', 'wind': 5}]
        >>> rows_of('[["Oslo", 3], ["Rome", 5]]')
        [{'0': 'Oslo', '1': 3}, {'0': 'Rome', '1': 5}]
        >>> rows_of(12)
        Traceback (most recent call last):
        ...
        artifact_store.errors.InvalidArtifact: The data is no table but a number: a table is a list of objects, \
a list of lists, or an object of lists.
    """
    plain = data
    if isinstance(data, str):
        with contextlib.suppress(ValueError):  # other text is no table
            plain = from_json(data)

    if isinstance(plain, dict) and all(isinstance(values, list) for values in plain.values()):
        return from_columns(plain, name).rows
    if isinstance(plain, list) and all(isinstance(row, dict) for row in plain):
        return plain
    if isinstance(plain, list) and all(isinstance(row, list) for row in plain):
        return from_lists(plain, None, name).rows
    raise InvalidArtifact(f"{name} is no table but {_called(data)}: {_WANTED}.")


def _called(data: object) -> str:
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "text", type(None): "null"}
    kinds |= {dict: "an object of something else", list: "a list of something else"}
    return kinds.get(type(data), f"a {type(data).__name__}")


# --- One rule for each form ---


def from_columns(plain: dict[str, Any], name: str) -> Table:
    """Return the table of an object of columns: lists of cells by name, all of one length.

    Raises:
        InvalidArtifact: a column is no list, or has another length.
    """
    first = next(iter(plain), "")
    for column, cells in plain.items():
        if not isinstance(cells, list):
            raise InvalidArtifact(f"{name}: column {shown(column)} is a {named(cells)}: pass a list of its cells.")
        if len(cells) != len(plain[first]):
            lengths = f"has {len(cells)} cells and {shown(first)} has {len(plain[first])}"
            raise InvalidArtifact(f"{name}: column {shown(column)} {lengths}: make them equal.")
    return Table(list(plain), [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)])


def from_lists(plain: list[list[Any]], columns: Sequence[str] | None, name: str) -> Table:
    """Return the table of a list of lists: its rows, all of one length.

    The first row names the columns when its cells are texts that differ, none of them blank. Otherwise they are
    named `0`, `1`, …, unless `columns` names them.

    Raises:
        InvalidArtifact: a row has another length.
    """
    rows = plain
    if columns is not None:
        names = list(columns)
    elif rows and _is_header(rows[0]):
        names = rows[0]
        rows = rows[1:]
    else:
        names = [str(place) for place in range(len(rows[0]) if rows else 0)]

    for place, row in enumerate(rows, len(plain) - len(rows)):
        if len(row) != len(names):
            lengths = f"has {len(row)} cells and the table has {len(names)} columns"
            raise InvalidArtifact(f"{name}[{place}] {lengths}: make them equal.")
    return Table(names, [dict(zip(names, row, strict=True)) for row in rows])


def _is_header(row: list[Any]) -> bool:
    """Tell whether a row is names: texts that differ, none of them blank."""
    return bool(row) and all(isinstance(cell, str) and cell.strip() for cell in row) and len(set(row)) == len(row)


# --- Rows and columns that carry their names ---


def with_names(table: object) -> Any:
    """Return a list of what carries names of its own as rows or columns by name, and anything else as it is.

    Args:
        table: a list of pandas series, each of which is a row whose index names the columns; a list of polars series,
            each of which is a column; or a list of named tuples of one kind, each of which is a row. That is how
            pandas and polars themselves take such a list.

    Raises:
        UnsayableError: two columns have one name, or a name cannot become text.

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
    rows = [dict(zip(names_of(series.index), pandas_cells(series), strict=True)) for series in table]
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


def column_names(rows: Sequence[Row], first: Sequence[str] = ()) -> list[str]:
    """Return the names of the columns of some rows, in the order of their first appearance, behind those in `first`.

    Examples:
        >>> column_names([{"city": "Oslo"}, {"wind": 3, "city": "Rome"}])
        ['city', 'wind']
    """
    return list(dict.fromkeys(chain(first, chain.from_iterable(rows))))
