"""The rows of a table, from each form in which tables are published and stored.

The store keeps a table as a list of objects, one for each row. Prefect, and programs that write data as they have it,
also keep an object of columns, a list of lists, or the JSON text of a table. There is one rule for each form, by which
tables are published and read back.
"""

import contextlib
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from pydantic_core import from_json

from ..errors import InvalidArtifact
from ..jsonable.encoders import type_name
from ..wording import count_text, shown, with_article

__all__ = ["Row", "Table", "column_names", "from_columns", "from_lists", "rows_of"]

Row = dict[str, Any]
"""The plain JSON values of one row, by the names of their columns."""

_FORMS = "a table is a list of objects, a list of lists, or an object of lists"


class Table(NamedTuple):
    """A table: the names of its columns, and its rows as objects; an empty table has columns too."""

    columns: list[str]
    rows: list[Row]


def rows_of(data: object, name: str = "The data") -> list[Row]:
    """Return the rows of a table from its data.

    Args:
        data: a list of objects; a list of lists, as `from_lists` takes it; an object of lists, as `from_columns`
            takes it; or one of these as JSON text.
        name: what errors call the table.

    Returns:
        The rows; data that is a list of objects already is returned itself, not as a copy.

    Raises:
        InvalidArtifact: it is not a table; the message says what it is, or which row or column has another length.

    Examples:
        >>> rows_of({"city": ["Oslo", "Rome"], "wind": [3, 5]})
        [{'city': 'Oslo', 'wind': 3}, {'city': 'Rome', 'wind': 5}]
        >>> rows_of('[["Oslo", 3], ["Rome", 5]]')
        [{'0': 'Oslo', '1': 3}, {'0': 'Rome', '1': 5}]
        >>> rows_of(12)
        Traceback (most recent call last):
        ...
        artifact_store.errors.InvalidArtifact: The data is a number, not a table: a table is a list of objects, \
a list of lists, or an object of lists.
    """
    plain = data
    if isinstance(data, str):
        with contextlib.suppress(ValueError):  # other text is not a table
            plain = from_json(data)

    if isinstance(plain, dict) and all(isinstance(cells, list) for cells in plain.values()):
        return from_columns(plain, name).rows
    if isinstance(plain, list):
        if all(isinstance(row, dict) for row in plain):
            return plain
        if all(isinstance(row, list) for row in plain):
            return from_lists(plain, None, name).rows
    raise InvalidArtifact(f"{name} is {_described(data)}, not a table: {_FORMS}.")


def _described(data: object) -> str:
    kinds = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "text",
        type(None): "null",
        dict: "an object of something else",
        list: "a list of something else",
    }
    return kinds.get(type(data), with_article(type(data).__name__))


# --- One rule for each form ---


def from_columns(columns: dict[str, object], name: str) -> Table:
    """Return the table of an object of columns: lists of cells by name, all of one length.

    Raises:
        InvalidArtifact: a column is not a list, or has another length.
    """
    first = next(iter(columns), "")
    lists: dict[str, list[object]] = {}
    for column, cells in columns.items():
        if not isinstance(cells, list):
            kind = with_article(type_name(cells))
            raise InvalidArtifact(
                f"{name}: column {shown(column)} is {kind}: pass a list of its cells."
            )
        lists[column] = cells
        if len(cells) != len(lists[first]):
            count = count_text(len(cells), "cell")
            lengths = f"has {count} and {shown(first)} has {len(lists[first])}"
            raise InvalidArtifact(f"{name}: column {shown(column)} {lengths}: make them equal.")
    return _table(list(lists), zip(*lists.values(), strict=True))


def from_lists(lists: list[list[object]], columns: Sequence[str] | None, name: str) -> Table:
    """Return the table of a list of lists: its rows, all of one length.

    Args:
        lists: the rows. The first one names the columns when its cells are texts that differ, none of them blank;
            otherwise the columns are named `0`, `1`, and so on.
        columns: the names of the columns, when all of the lists are rows of data.
        name: what errors call the table.

    Raises:
        InvalidArtifact: a row has another length.
    """
    rows = lists
    if columns is not None:
        names = list(columns)
    elif lists and _is_header(lists[0]):
        names = [str(cell) for cell in lists[0]]
        rows = lists[1:]
    else:
        width = len(lists[0]) if lists else 0
        names = [str(index) for index in range(width)]

    for index, row in enumerate(rows, len(lists) - len(rows)):
        if len(row) != len(names):
            expected = count_text(len(names), "column")
            lengths = f"has {count_text(len(row), 'cell')} and the table has {expected}"
            raise InvalidArtifact(f"{name}[{index}] {lengths}: make them equal.")
    return _table(names, rows)


def _table(names: list[str], records: Iterable[Sequence[object]]) -> Table:
    return Table(names, [dict(zip(names, cells, strict=True)) for cells in records])


def _is_header(row: list[object]) -> bool:
    """Tell whether a row is names: texts that differ, none of them blank."""
    names = [cell for cell in row if isinstance(cell, str) and cell.strip()]
    return bool(row) and len(names) == len(row) == len(set(names))


def column_names(rows: Iterable[Row], first: Iterable[str] = ()) -> list[str]:
    """Return the names of the columns of rows in the order in which they first occur, after those in `first`.

    Examples:
        >>> column_names([{"city": "Oslo"}, {"wind": 3, "city": "Rome"}])
        ['city', 'wind']
    """
    names = chain(first, chain.from_iterable(rows))
    return list(dict.fromkeys(names))
