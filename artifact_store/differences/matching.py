"""Which rows of two tables belong together: by the columns of a key, or by position.

Without a key, rows that are equal are matched first, wherever they stand, then those between them one by one.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from pydantic_core import to_json

from ..errors import InvalidQuery
from ..jsonable.normalize import dump_json
from ..wording import shown
from .equality import Row, Rows, Side, unequal_rows
from .sequences import Pair, match

__all__ = ["Matched", "match_by_key", "match_by_position"]


class Matched(NamedTuple):
    """The rows of two tables that belong together.

    Attributes:
        before: the numbers of the older rows.
        after: the numbers of the newer rows, in ascending order.
        unequal: which of these pairs are not equal in the columns that both tables have.
    """

    before: Sequence[int]
    after: Sequence[int]
    unequal: Sequence[int]


def match_by_key(before: Side, after: Side, key: tuple[str, ...]) -> Matched:
    """Match rows that have the same cells in the columns of a key.

    Raises:
        InvalidQuery: a table has no such column, or two of its rows have the same key.
    """
    old_keys = keys_of(before, key)
    new_keys = keys_of(after, key)
    old_numbers: Sequence[int] = range(len(old_keys))
    new_numbers: Sequence[int] = range(len(new_keys))

    check_unique(before.rows, key, old_keys)
    if new_keys != old_keys:
        check_unique(after.rows, key, new_keys)
        number_of = dict(zip(old_keys, old_numbers, strict=True))
        found = [*map(number_of.get, new_keys)]
        old_numbers = [number for number in found if number is not None]
        new_numbers = [number for number, other in enumerate(found) if other is not None]

    unequal = [*unequal_rows(before, after, old_numbers, new_numbers)]
    return Matched(old_numbers, new_numbers, unequal)


def keys_of(table: Side, key: tuple[str, ...]) -> list[object]:
    """Return what stands for the key of each row."""
    for column in key:
        if table.rows and column not in table.columns:
            names = ", ".join(map(shown, table.columns[:20]))
            raise InvalidQuery(f"Invalid key column {shown(column)}: expected one of {names}.")

    columns = [hashable([row.get(column) for row in table.rows]) for column in key]
    if len(columns) == 1:
        return columns[0]
    return [*zip(*columns, strict=True)]


def check_unique(rows: Rows, key: tuple[str, ...], keys: list[object]) -> None:
    """Refuse rows of which two have the same key."""
    if len(set(keys)) == len(keys):
        return
    last = {cells: number for number, cells in enumerate(keys)}
    repeated = next(number for number, cells in enumerate(keys) if last[cells] != number)
    values = ", ".join(f"{column}={shown(rows[repeated].get(column))}" for column in key)
    raise InvalidQuery(
        f"Rows {repeated} and {last[keys[repeated]]} have the same key, {values}: "
        "add a column that tells them apart, or compare without a key."
    )


def hashable(cells: list[object]) -> list[object]:
    """Return what stands for the cells of a key column: true is not 1 there, as in JSON."""
    if {bool, dict, list}.isdisjoint(map(type, cells)):
        return cells
    return [
        (type(cell), dump_json(cell)) if isinstance(cell, bool | dict | list) else cell
        for cell in cells
    ]


def match_by_position(before: Side, after: Side) -> Matched:
    """Match rows that are equal, wherever they stand, then those between them, one by one."""
    shorter = min(len(before.rows), len(after.rows))
    numbers = range(shorter)
    unequal = [*unequal_rows(before, after, numbers, numbers)]

    # No row equals one that has other columns.
    regular = before.is_regular and after.is_regular
    if regular and before.columns != after.columns:
        return Matched(numbers, numbers, unequal)

    # Mostly rows that changed are new to the table, and then the others are best matched where they stand. This takes
    # a tenth of the time of finding moved rows.
    changed = [after.rows[number] for number in unequal]
    if are_new([*changed, *after.rows[shorter:]], before.rows):
        return Matched(numbers, numbers, unequal)

    start = unequal[0] if unequal else shorter
    pairs = match_moving_rows(before, after, start)
    old_numbers = [pair[0] for pair in pairs]
    new_numbers = [pair[1] for pair in pairs]
    unequal = [*unequal_rows(before, after, old_numbers, new_numbers)]
    return Matched(old_numbers, new_numbers, unequal)


def are_new(rows: Rows, others: Rows) -> bool:
    """Tell whether none of some rows occurs among others; rows with equal cells may count as such."""
    try:
        cells = set(map(cells_of, rows))
        return cells.isdisjoint(map(cells_of, others))
    except TypeError:  # cells that are lists or objects are not hashable
        texts = set(map(dump_json, rows))
        return texts.isdisjoint(map(dump_json, others))


def cells_of(row: Row) -> tuple[object, ...]:
    return tuple(row.values())


def match_moving_rows(before: Side, after: Side, start: int) -> list[tuple[int, int]]:
    """Match rows of which some stand elsewhere; those before `start` are equal on both sides."""
    old_end, new_end = equal_ends(before, after, start)
    numbers: dict[bytes, int] = {}
    old = distinct_numbers(before.rows[start:old_end], numbers)
    new = distinct_numbers(after.rows[start:new_end], numbers)

    in_order = match(old, new)
    moved = match_moved(old, new, in_order)
    pairs = [*in_order, *moved]
    pairs += match_between(Pair(len(old), len(new)), in_order, moved)

    # Of each newer row the number of the older one.
    partners: list[int | None] = [None] * len(after.rows)
    partners[:start] = range(start)
    partners[new_end:] = range(old_end, len(before.rows))
    for pair in pairs:
        partners[start + pair.after] = start + pair.before
    return [(old, new) for new, old in enumerate(partners) if old is not None]


def equal_ends(before: Side, after: Side, start: int) -> tuple[int, int]:
    """Return the numbers of the rows on both sides that begin what is equal at the end."""
    old_end = len(before.rows)
    new_end = len(after.rows)
    most = min(old_end, new_end) - start
    old_numbers = range(old_end)[::-1][:most]
    new_numbers = range(new_end)[::-1][:most]
    equal = next(unequal_rows(before, after, old_numbers, new_numbers), most)
    return old_end - equal, new_end - equal


def distinct_numbers(rows: Rows, numbers: dict[bytes, int]) -> list[int]:
    """Return a number for each row, the same for equal rows; `numbers` has those that are known."""
    return [numbers.setdefault(to_json(row), len(numbers)) for row in rows]


def match_moved(
    before: Sequence[int], after: Sequence[int], in_order: Sequence[Pair]
) -> list[Pair]:
    """Match equal rows that stand in another order."""
    old_matched = {pair.before for pair in in_order}
    new_matched = {pair.after for pair in in_order}
    places: defaultdict[int, list[int]] = defaultdict(list)
    for place in range(len(before) - 1, -1, -1):
        if place not in old_matched:
            places[before[place]].append(place)

    moved: list[Pair] = []
    for place, number in enumerate(after):
        if place not in new_matched and places.get(number):
            moved.append(Pair(places[number].pop(), place))
    return moved


def match_between(ends: Pair, in_order: Sequence[Pair], moved: Sequence[Pair]) -> list[Pair]:
    """Match what is left between two rows that are in order, one by one."""
    old_moved = {pair.before for pair in moved}
    new_moved = {pair.after for pair in moved}
    pairs: list[Pair] = []
    first = 0
    second = 0
    for end in [*in_order, ends]:
        old = [number for number in range(first, end.before) if number not in old_moved]
        new = [number for number in range(second, end.after) if number not in new_moved]
        pairs += map(Pair, old, new)
        first = end.before + 1
        second = end.after + 1
    return pairs
