"""What the data of a table says as rows, in each form in which tables are stored.

The store keeps a table as a list of objects, one for each row. Prefect, and whoever writes data as it
comes, also keeps a JSON text of it, an object of columns, or a list of lists.
"""

import contextlib
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

from pydantic_core import from_json

from .errors import InvalidArtifact

__all__ = ["Row", "column_names", "rows_of"]

Row = dict[str, Any]


def rows_of(data: object, name: str = "The data") -> list[Row]:
    """Return the rows that the data of a table says.

    Args:
        data: a list of objects; a list of lists, whose first row names the columns where it is of different texts
            and which are named `0`, `1`, … otherwise; an object of lists, whose shorter columns end in nulls; or
            one of these as JSON text.
        name: what errors call the table.

    Returns:
        The rows; data that is a list of objects already is returned itself, not as a copy.

    Raises:
        InvalidArtifact: it is no table; the sentence says what it is.

    Examples:
        >>> rows_of({"city": ["Oslo", "Rome"], "wind": [3]})
        [{'city': 'Oslo', 'wind': 3}, {'city': 'Rome', 'wind': None}]
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
        return [dict(zip(plain, row, strict=True)) for row in zip_longest(*plain.values())]
    if isinstance(plain, list) and all(isinstance(row, dict) for row in plain):
        return plain
    if isinstance(plain, list) and all(isinstance(row, list) for row in plain):
        return _from_lists(plain)
    wanted = "a table is a list of objects, a list of lists, or an object of lists"
    raise InvalidArtifact(f"{name} is no table but {_called(data)}: {wanted}.")


def _from_lists(lists: list[list[Any]]) -> list[Row]:
    head = lists[0] if lists else []
    longest = max(map(len, lists), default=0)
    named = all(isinstance(name, str) and name for name in head) and len(set(head)) == len(head) == longest > 0
    names = head if named else [str(place) for place in range(longest)]
    return [dict(zip(names, row, strict=False)) for row in lists[named:]]


def _called(data: object) -> str:
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "text", type(None): "null"}
    kinds |= {dict: "an object of something else", list: "a list of something else"}
    return kinds.get(type(data), f"a {type(data).__name__}")


def column_names(rows: Sequence[Row], first: Sequence[str] = ()) -> list[str]:
    """Return the names of the columns of some rows, in the order of their first appearance, behind those in `first`.

    Examples:
        >>> column_names([{"city": "Oslo"}, {"wind": 3, "city": "Rome"}])
        ['city', 'wind']
    """
    return list(dict.fromkeys(chain(first, chain.from_iterable(rows))))
