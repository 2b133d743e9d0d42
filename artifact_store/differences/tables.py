"""Differences of tables: columns, rows and cells.

Rows are matched by the columns of a key. Without a key equal rows are matched first, then those between them by
position. The changes alone rebuild the newer table from the older one, with the order of its rows and columns.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import TypeAlias

from ..errors import InvalidQuery
from ..jsonable.normalize import dump_json
from ..tables.profile import type_of
from ..tables.rows import column_names
from ..wording import shown
from .changes import (
    MISSING,
    CellChange,
    ColumnChange,
    ColumnOrder,
    RowChange,
    RowOrder,
)
from .sequences import Pair, match
from .values import check_before, same

__all__ = ["TableChange", "apply_table", "compare_tables"]

Row: TypeAlias = dict[str, object]
Rows: TypeAlias = Sequence[Row]
TableChange: TypeAlias = ColumnChange | ColumnOrder | RowChange | RowOrder


def compare_tables(before: Rows, after: Rows, key: Sequence[str] = ()) -> list[TableChange]:
    """Return the changes from one table to another: of columns first, then of rows, then of their order.

    Args:
        before: the older rows.
        after: the newer rows.
        key: the columns that tell rows apart; without them rows are matched by position.

    Raises:
        InvalidQuery: a table has no such column, or two of its rows have the same key.

    Examples:
        >>> monday = [{"city": "Oslo", "wind": 5}, {"city": "Rome", "wind": 3}]
        >>> tuesday = [{"city": "Rome", "wind": 7}, {"city": "Bern", "wind": 1}]
        >>> for change in compare_tables(monday, tuesday, key=["city"]):
        ...     print(change.kind, change.key, change.cells)
        removed ('Oslo',) ()
        changed ('Rome',) (CellChange(column='wind', before=3, after=7),)
        added ('Bern',) ()
    """
    return Comparison(before, after, tuple(key)).changes()


class Comparison:
    """The comparison of two tables.

    Attributes:
        pairs: the numbers of the rows that were matched, in their order after.
        shared: the columns that both tables have.
        added: the columns that only the newer table has.
        removed: the columns that only the older table has.
        columns: all columns of the newer table, when those that were added do not simply follow the others.
    """

    def __init__(self, before: Rows, after: Rows, key: tuple[str, ...]) -> None:
        self.before = before
        self.after = after
        self.key = key
        old_columns = column_names(before)
        new_columns = column_names(after)
        old_names = set(old_columns)
        new_names = set(new_columns)

        kept = [column for column in old_columns if column in new_names]
        self.shared = set(kept)
        self.added = [column for column in new_columns if column not in old_names]
        self.removed = [column for column in old_columns if column not in new_names]

        # `apply_table` appends the columns that were added, unless it is told another order.
        self.columns = None if [*kept, *self.added] == new_columns else new_columns

        if key:
            old = by_key(before, old_columns, key)
            new = by_key(after, new_columns, key)
            self.pairs = [(old[cells], number) for cells, number in new.items() if cells in old]
        else:
            self.pairs = match_by_position(before, after)

    def changes(self) -> list[TableChange]:
        """Return the changes of columns, then of rows, then of the order of rows."""
        changed = self.changed_rows()
        others = [*self.removed_rows(), *self.added_rows()]

        # A column can only have another type where a cell changed, or where a row came or went.
        touched = self.shared
        if not others:
            touched = {cell.column for row in changed for cell in row.cells}

        rows = sorted([*changed, *others], key=position_of)
        changes: list[TableChange] = [*self.changed_columns(touched), *rows]
        order = [old for old, _ in self.pairs]
        if order != sorted(order):
            changes.append(RowOrder(tuple(order)))
        return changes

    def removed_rows(self) -> Iterator[RowChange]:
        """Yield the older rows that were not matched."""
        kept = {old for old, _ in self.pairs}
        for number, row in enumerate(self.before):
            if number not in kept:
                yield RowChange("removed", number, None, self.key_of(row), row=row)

    def added_rows(self) -> Iterator[RowChange]:
        """Yield the newer rows that were not matched."""
        kept = {new for _, new in self.pairs}
        for number, row in enumerate(self.after):
            if number not in kept:
                yield RowChange("added", None, number, self.key_of(row), row=row)

    def changed_columns(self, touched: set[str]) -> Iterator[ColumnChange | ColumnOrder]:
        """Yield the changes of columns; the type of one can differ only where cells or rows do."""
        for column in self.removed:
            yield ColumnChange("removed", column, column_type(self.before, column), None)
        for column in self.added:
            values = tuple(self.after[new].get(column, MISSING) for _, new in self.pairs)
            yield ColumnChange("added", column, None, column_type(self.after, column), values)
        for column in sorted(touched):
            old_type = column_type(self.before, column)
            new_type = column_type(self.after, column)
            # A column of nulls has no type that could change.
            if old_type != new_type and "empty" not in (old_type, new_type):
                yield ColumnChange("retyped", column, old_type, new_type)
        if self.columns is not None:
            yield ColumnOrder(tuple(self.columns))

    def changed_rows(self) -> list[RowChange]:
        """Return the rows that were matched and are not equal."""
        changes: list[RowChange] = []
        columns_differ = bool(self.added or self.removed or self.columns)
        for old_number, new_number in self.pairs:
            old = self.before[old_number]
            new = self.after[new_number]
            if not columns_differ and is_same_row(old, new):
                continue

            cells = self.compare_cells(old, new)
            # Cells may stand in an order of their own in a row; then the row says so itself.
            columns = None if self.predicted(old, new, cells) == [*new] else tuple(new)
            if cells or columns is not None:
                change = RowChange(
                    "changed", old_number, new_number, self.key_of(new), cells, columns=columns
                )
                changes.append(change)
        return changes

    def compare_cells(self, old: Row, new: Row) -> tuple[CellChange, ...]:
        """Return the changes of the cells of two rows in the columns that both tables have."""
        cells: list[CellChange] = []
        for column, value in old.items():
            if column in self.shared:
                other = new.get(column, MISSING)
                if other is not value and not same(value, other):
                    cells.append(CellChange(column, value, other))
        for column in new:
            if column not in old and column in self.shared:
                cells.append(CellChange(column, MISSING, new[column]))
        return tuple(cells)

    def predicted(self, old: Row, new: Row, cells: tuple[CellChange, ...]) -> list[str]:
        """Return the order of the columns of a row that `apply_table` gives it by itself."""
        if self.columns is not None:
            return [column for column in self.columns if column in new]
        columns = [column for column in old if column in new]
        columns += [cell.column for cell in cells if cell.before is MISSING]
        columns += [column for column in self.added if column in new]
        return columns

    def key_of(self, row: Row) -> tuple[object, ...]:
        """Return the cells of a row in the key columns."""
        return tuple(row.get(column) for column in self.key)


def match_by_position(before: Rows, after: Rows) -> list[tuple[int, int]]:
    """Match rows that are equal, wherever they stand, then those between them, one by one."""
    start, end = equal_ends(before, after)
    old_end = len(before) - end
    new_end = len(after) - end
    pairs = [*zip(range(start), range(start), strict=True)]
    pairs += zip(range(old_end, len(before)), range(new_end, len(after)), strict=True)

    old_texts = [*map(dump_json, before[start:old_end])]
    new_texts = [*map(dump_json, after[start:new_end])]
    in_order = match(old_texts, new_texts)
    moved = match_moved(old_texts, new_texts, in_order)
    pairs += ((start + old, start + new) for old, new in (*in_order, *moved))

    # What is left between two rows that are in order belongs together.
    old_moved = {old for old, _ in moved}
    new_moved = {new for _, new in moved}
    first = 0
    second = 0
    for old, new in [*in_order, (len(old_texts), len(new_texts))]:
        left = (start + number for number in range(first, old) if number not in old_moved)
        right = (start + number for number in range(second, new) if number not in new_moved)
        pairs += zip(left, right, strict=False)
        first = old + 1
        second = new + 1
    pairs.sort(key=itemgetter(1))
    return pairs


def equal_ends(before: Rows, after: Rows) -> tuple[int, int]:
    """Return how many rows are equal at the beginning and at the end; these need no JSON text."""
    start = 0
    for old, new in zip(before, after, strict=False):
        if not is_same_row(old, new):
            break
        start += 1
    shorter = min(len(before), len(after)) - start
    end = 0
    while end < shorter and is_same_row(before[-1 - end], after[-1 - end]):
        end += 1
    return start, end


def match_moved(
    before: Sequence[str], after: Sequence[str], in_order: Sequence[Pair]
) -> list[Pair]:
    """Match equal rows that stand in another order."""
    old_matched = {pair.before for pair in in_order}
    new_matched = {pair.after for pair in in_order}
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for number in range(len(before) - 1, -1, -1):
        if number not in old_matched:
            numbers[before[number]].append(number)

    moved: list[Pair] = []
    for number, text in enumerate(after):
        if number not in new_matched and numbers.get(text):
            moved.append(Pair(numbers[text].pop(), number))
    return moved


def by_key(rows: Rows, columns: Sequence[str], key: tuple[str, ...]) -> dict[object, int]:
    """Return the number of each row by its key."""
    for column in key:
        if rows and column not in columns:
            names = ", ".join(map(shown, columns[:20]))
            raise InvalidQuery(f"Invalid key column {shown(column)}: expected one of {names}.")

    cells = [hashable([row.get(column) for row in rows]) for column in key]
    keys: list[object] = [*zip(*cells, strict=True)]
    numbers = dict(zip(keys, range(len(rows)), strict=True))
    if len(numbers) < len(rows):
        repeated = next(number for number, cells in enumerate(keys) if numbers[cells] != number)
        values = ", ".join(f"{column}={shown(rows[repeated].get(column))}" for column in key)
        raise InvalidQuery(
            f"Rows {repeated} and {numbers[keys[repeated]]} have the same key, {values}: "
            "add a column that tells them apart, or compare without a key."
        )
    return numbers


def hashable(cells: list[object]) -> list[object]:
    """Return what stands for the cells of a key column: true is not 1 there, as in JSON."""
    if {bool, dict, list}.isdisjoint(map(type, cells)):
        return cells
    return [
        (type(cell), dump_json(cell)) if isinstance(cell, bool | dict | list) else cell
        for cell in cells
    ]


def is_same_row(old: Row, new: Row) -> bool:
    """Tell whether two rows are exactly equal; in most tables it takes three comparisons to know."""
    if old != new or [*old] != [*new]:
        return False
    kinds = [*map(type, old.values())]
    if kinds != [*map(type, new.values())]:
        return False
    if dict in kinds or list in kinds or (float in kinds and 0.0 in old.values()):
        # 0.0 equals -0.0, and what is nested may hold 1 and 1.0.
        return all(
            same(value, other)
            for value, other in zip(old.values(), new.values(), strict=True)
            if not value or isinstance(value, dict | list)
        )
    return True


def column_type(rows: Rows, column: str) -> str:
    return type_of([row[column] for row in rows if row.get(column) is not None])


def position_of(change: RowChange) -> tuple[int, int]:
    """Sort changed and added rows by their number after, and removed rows before what has their number."""
    if change.after is None:
        return change.before or 0, 0
    return change.after, 1


# --- Apply ---


def apply_table(rows: Rows, changes: Sequence[TableChange]) -> list[Row]:
    """Return the newer table that some changes make of the older one.

    Raises:
        Mismatch, KeyError, IndexError, StopIteration: the changes are those of another table.
    """
    changed: dict[int, RowChange] = {}
    removed: set[int] = set()
    added: dict[int, Row] = {}
    order: tuple[int, ...] | None = None
    columns = Columns()
    for change in changes:
        if isinstance(change, RowOrder):
            order = change.rows
        elif isinstance(change, RowChange):
            if change.before is None and change.after is not None:
                added[change.after] = change.row or {}
            elif change.before is not None and change.after is None:
                check_before(rows[change.before], change.row)
                removed.add(change.before)
            elif change.before is not None:
                changed[change.before] = change
        else:
            columns.add(change)

    numbers = order or [number for number in range(len(rows)) if number not in removed]
    kept = iter(
        columns.apply(rows[number], changed.get(number), position)
        for position, number in enumerate(numbers)
    )
    return [
        dict(added[number]) if number in added else next(kept)
        for number in range(len(numbers) + len(added))
    ]


class Columns:
    """The changes of the columns of a table, to be applied to one row after another."""

    def __init__(self) -> None:
        self.removed: list[str] = []
        self.added: dict[str, tuple[object, ...]] = {}
        self.order: tuple[str, ...] | None = None

    def add(self, change: ColumnChange | ColumnOrder) -> None:
        if isinstance(change, ColumnOrder):
            self.order = change.columns
        elif change.kind == "removed":
            self.removed.append(change.column)
        elif change.kind == "added":
            self.added[change.column] = change.values

    def apply(self, row: Mapping[str, object], change: RowChange | None, position: int) -> Row:
        """Return a row that was kept as it is after; `position` counts the rows that were kept."""
        applied = dict(row)
        for column in self.removed:
            applied.pop(column, None)
        for cell in change.cells if change is not None else ():
            check_before(applied.get(cell.column, MISSING), cell.before)
            if cell.after is MISSING:
                del applied[cell.column]
            else:
                applied[cell.column] = cell.after
        for column, values in self.added.items():
            if values[position] is not MISSING:
                applied[column] = values[position]

        order = self.order if change is None or change.columns is None else change.columns
        if order is None:
            return applied
        return {column: applied[column] for column in order if column in applied}
