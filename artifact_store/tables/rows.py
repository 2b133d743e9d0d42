"""The rows of a table, from each form in which tables are published and stored.

The store keeps a table as a list of objects, one for each row. Prefect, and others who write data as it
comes, also keep a JSON text of it, an object of columns, or a list of lists. Here is the one rule for each form:
what is published as a table, and what is read back as one, is read by it.
"""

import contextlib
from collections.abc import Sequence
from itertools import chain
from typing import Any

from pydantic_core import from_json

from ..errors import InvalidArtifact
from ..jsonable.encoders import type_name
from ..wording import shown, with_article
from .csv import Table

__all__ = ["Row", "column_names", "from_columns", "from_lists", "rows_of"]

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
        InvalidArtifact: it is not a table; the sentence says what it is, or which row or column has another length.

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

    if isinstance(plain, dict) and all(isinstance(values, list) for values in plain.values()):
        return from_columns(plain, name).rows
    if isinstance(plain, list) and all(isinstance(row, dict) for row in plain):
        return plain
    if isinstance(plain, list) and all(isinstance(row, list) for row in plain):
        return from_lists(plain, None, name).rows
    raise InvalidArtifact(f"{name} is {_described(data)}, not a table: {_WANTED}.")


def _described(data: object) -> str:
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "text", type(None): "null"}
    kinds |= {dict: "an object of something else", list: "a list of something else"}
    return kinds.get(type(data), with_article(type(data).__name__))


# --- One rule for each form ---


def from_columns(plain: dict[str, Any], name: str) -> Table:
    """Return the table of an object of columns: lists of cells by name, all of one length.

    Raises:
        InvalidArtifact: a column is not a list, or has another length.
    """
    first = next(iter(plain), "")
    for column, cells in plain.items():
        if not isinstance(cells, list):
            raise InvalidArtifact(
                f"{name}: column {shown(column)} is {with_article(type_name(cells))}: pass a list of its cells."
            )
        if len(cells) != len(plain[first]):
            lengths = f"has {len(cells)} cells and {shown(first)} has {len(plain[first])}"
            raise InvalidArtifact(f"{name}: column {shown(column)} {lengths}: make them equal.")
    return Table(
        list(plain),
        [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)],
    )


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
    return (
        bool(row)
        and all(isinstance(cell, str) and cell.strip() for cell in row)
        and len(set(row)) == len(row)
    )


def column_names(rows: Sequence[Row], first: Sequence[str] = ()) -> list[str]:
    """Return the names of the columns of some rows, in the order of their first appearance, behind those in `first`.

    Examples:
        >>> column_names([{"city": "Oslo"}, {"wind": 3, "city": "Rome"}])
        ['city', 'wind']
    """
    return list(dict.fromkeys(chain(first, chain.from_iterable(rows))))
