"""What the data of a table says as rows, in each form in which tables are stored.

The store keeps a table as a list of objects, one for each row. Prefect, and whoever writes data as it
comes, also keeps a JSON text of it, an object of columns, or a list of lists.
"""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from pydantic_core import from_json

from .errors import InvalidArtifact

__all__ = ["Row", "column_names", "rows_of"]

Row = dict[str, Any]


def rows_of(data: object) -> list[Row]:
    """Return the rows that the data of a table says.

    Args:
        data: a list of objects; a list of lists, whose columns are named `0`, `1`, … as pandas names them; an
            object of lists, whose shorter columns end in nulls; or one of these as JSON text.

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
        artifact_store.errors.InvalidArtifact: The data is no table but a int: a table is a list of objects, \
a list of lists, or an object of lists.
    """
    if isinstance(data, str):
        try:
            data = from_json(data)
        except ValueError:
            raise _no_table("text that is no JSON") from None
    if isinstance(data, Mapping):
        return _from_columns(data)
    if not isinstance(data, list):
        raise _no_table(f"a {type(data).__name__}")
    if all(isinstance(row, dict) for row in data):
        return data
    if all(isinstance(row, list) for row in data):
        return [{str(place): value for place, value in enumerate(row)} for row in data]
    raise _no_table("a list of something else")


def _from_columns(columns: Mapping[str, Any]) -> list[Row]:
    if not all(isinstance(values, list) for values in columns.values()):
        raise _no_table("an object of something else")
    return [dict(zip(columns, row, strict=True)) for row in zip_longest(*columns.values())]


def _no_table(found: str) -> InvalidArtifact:
    wanted = "a table is a list of objects, a list of lists, or an object of lists"
    return InvalidArtifact(f"The data is no table but {found}: {wanted}.")


def column_names(rows: Sequence[Row], first: Sequence[str] = ()) -> list[str]:
    """Return the names of the columns of some rows, in the order of their first appearance, behind those in `first`.

    Examples:
        >>> column_names([{"city": "Oslo"}, {"wind": 3, "city": "Rome"}])
        ['city', 'wind']
    """
    names = dict.fromkeys(first)
    for row in rows:
        names.update(row)
    return list(names)
