"""The kinds of change that a difference is made of.

Rows, lines and elements of lists are numbered from 0, as Python does. A number in `before` counts in the older
side, a number in `after` in the newer one.
"""

from enum import Enum
from typing import Literal, NamedTuple, TypeAlias

__all__ = [
    "MISSING",
    "CellChange",
    "Change",
    "ColumnChange",
    "ColumnOrder",
    "LineChange",
    "Mismatch",
    "Missing",
    "Path",
    "RowChange",
    "RowOrder",
    "ValueChange",
    "path_text",
]


class Mismatch(Exception):
    """A change does not fit the value that it is applied to."""


Path: TypeAlias = tuple[str | int, ...]


class Missing(Enum):
    """What stands in a change where one side has nothing, which is not the same as null."""

    MISSING = "missing"

    def __repr__(self) -> str:
        """Return the name that `artifact_store` exports."""
        return self.name

    __str__ = __repr__


MISSING = Missing.MISSING


class ValueChange(NamedTuple):
    """A change of one value in JSON.

    Attributes:
        kind: `added`, `removed`, `changed`, or `reordered` (an object whose keys stand in another order).
        path: where the value is: `("data", "layers", 2, "units")`. Elements of lists are counted in the newer side,
            and one that was removed in the older side.
        before: the value before, `MISSING` when it was added; the keys in order when they were reordered.
        after: the value after, `MISSING` when it was removed; the keys in order when they were reordered.
    """

    kind: Literal["added", "removed", "changed", "reordered"]
    path: Path
    before: object
    after: object


class LineChange(NamedTuple):
    """A line of text that was added or removed.

    Attributes:
        kind: `added` or `removed`.
        before: its number before, `None` when it was added.
        after: its number after, `None` when it was removed.
        line: the line, without its line break.
    """

    kind: Literal["added", "removed"]
    before: int | None
    after: int | None
    line: str


class ColumnChange(NamedTuple):
    """A column of a table that was added, removed, or holds values of another type.

    Attributes:
        kind: `added`, `removed` or `retyped`.
        column: its name.
        before: the type of its values before, as in the profile of a table; `None` when it was added.
        after: the type of its values after; `None` when it was removed.
        values: the cells of a column that was added, in the rows that were there before; `MISSING` in a row that has
            no such cell.
    """

    kind: Literal["added", "removed", "retyped"]
    column: str
    before: str | None
    after: str | None
    values: tuple[object, ...] = ()


class ColumnOrder(NamedTuple):
    """The columns of a table stand in another order.

    Attributes:
        columns: the names of all columns in their order after.
    """

    columns: tuple[str, ...]


class CellChange(NamedTuple):
    """A change of one cell.

    Attributes:
        column: the name of its column.
        before: the value before, `MISSING` when the row had no such cell.
        after: the value after, `MISSING` when the row has no such cell.
    """

    column: str
    before: object
    after: object


class RowChange(NamedTuple):
    """A row of a table that was added, removed or changed.

    Attributes:
        kind: `added`, `removed` or `changed`.
        before: its number before, `None` when it was added.
        after: its number after, `None` when it was removed.
        key: its cells in the columns by which rows were matched; empty when they were matched by position.
        cells: what changed in it, but for columns that were added or removed as a whole.
        row: the whole row when it was added or removed.
        columns: the names of its columns in order, where the order of the table does not say it.
    """

    kind: Literal["added", "removed", "changed"]
    before: int | None
    after: int | None
    key: tuple[object, ...] = ()
    cells: tuple[CellChange, ...] = ()
    row: dict[str, object] | None = None
    columns: tuple[str, ...] | None = None


class RowOrder(NamedTuple):
    """The rows that are on both sides stand in another order.

    Attributes:
        rows: their numbers before, in their order after.
    """

    rows: tuple[int, ...]


Change: TypeAlias = ValueChange | LineChange | ColumnChange | ColumnOrder | RowChange | RowOrder


def path_text(path: Path) -> str:
    """Return a path as people write it.

    Examples:
        >>> path_text(("data", "layers", 2, "units")), path_text(("data", "a.b"))
        ('data.layers[2].units', 'data["a.b"]')
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.replace("-", "_").isidentifier():
            text += f".{part}"
        else:
            text += f'["{part}"]'
    return text.removeprefix(".")
