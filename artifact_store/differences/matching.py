"""Which rows of two tables belong together: by the columns of a key, or by position.

Without a key, rows that are equal are matched first, wherever they stand, then those between them one by one.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import compress, count, islice
from operator import ne
from typing import NamedTuple

from pydantic_core import to_json

from ..errors import InvalidQuery
from ..jsonable.normalize import dump_json
from ..wording import shown
from .equality import Row, Rows, Side, taken, unequal_rows
from .sequences import Span, gaps, match

__all__ = ["Matched", "match_by_key", "match_by_position"]

_MANY = 8  # rows, of which more than one changed at its place: then rows may have moved


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
        old_number = dict(zip(old_keys, old_numbers, strict=True))
        partners = [*map(old_number.get, new_keys)]
        old_numbers = [partner for partner in partners if partner is not None]
        new_numbers = [number for number, partner in enumerate(partners) if partner is not None]

    unequal = [*unequal_rows(before, after, old_numbers, new_numbers)]
    return Matched(old_numbers, new_numbers, unequal)


def keys_of(table: Side, key: tuple[str, ...]) -> list[object]:
    """Return what stands for the key of each row."""
    for column in key:
        if table.rows and column not in table.columns:
            names = ", ".join(map(shown, table.columns[:20]))
            raise InvalidQuery(f"Invalid key column {shown(column)}: expected one of {names}.")

    columns: list[list[object]] = []
    for column in key:
        cells = [row.get(column) for row in table.rows]
        columns.append(hashable(cells))
    if len(columns) == 1:
        return columns[0]
    return [*zip(*columns, strict=True)]


def check_unique(rows: Rows, key: tuple[str, ...], keys: list[object]) -> None:
    """Refuse rows of which two have the same key."""
    if len(set(keys)) == len(keys):
        return

    last_number = {cells: number for number, cells in enumerate(keys)}
    for number, cells in enumerate(keys):
        other = last_number[cells]
        if other != number:
            values = ", ".join(f"{column}={shown(rows[number].get(column))}" for column in key)
            raise InvalidQuery(
                f"Rows {number} and {other} have the same key, {values}: "
                "add a column that tells them apart, or compare without a key."
            )


def hashable(cells: list[object]) -> list[object]:
    """Return what stands for the cells of a key column: true is not 1 there, as in JSON."""
    if {bool, dict, list}.isdisjoint(map(type, cells)):
        return cells
    return [*map(hashable_cell, cells)]


def hashable_cell(cell: object) -> object:
    if isinstance(cell, bool | dict | list):
        return type(cell), dump_json(cell)
    return cell


def match_by_position(before: Side, after: Side) -> Matched:
    """Match rows that are equal, wherever they stand, then those between them, one by one."""
    # No row equals one that has other columns.
    regular = before.is_regular and after.is_regular
    if regular and before.columns != after.columns:
        numbers = range(min(len(before.rows), len(after.rows)))
        return Matched(numbers, numbers, [*unequal_rows(before, after, numbers, numbers)])

    middle = between_equal_ends(before, after)
    matched = match_in_place(before, after, middle)
    if matched is None:
        matched = match_moving_rows(before, after, middle)

    start = middle.before.start
    old_end = middle.before.stop
    new_end = middle.after.stop
    return Matched(
        [*range(start), *matched.before, *range(old_end, len(before.rows))],
        [*range(start), *matched.after, *range(new_end, len(after.rows))],
        [start + position for position in matched.unequal],
    )


def between_equal_ends(before: Side, after: Side) -> Span:
    """Return the rows between those that are equal at the beginning and those that are at the end."""
    old_end = len(before.rows)
    new_end = len(after.rows)
    shorter = min(old_end, new_end)
    numbers = range(shorter)
    start = next(unequal_rows(before, after, numbers, numbers), shorter)

    most = shorter - start
    old_numbers = range(old_end)[::-1][:most]
    new_numbers = range(new_end)[::-1][:most]
    equal = next(unequal_rows(before, after, old_numbers, new_numbers), most)
    return Span(range(start, old_end - equal), range(start, new_end - equal))


def match_in_place(before: Side, after: Side, middle: Span) -> Matched | None:
    """Match the rows of a span one by one; return `None` where some seem to have moved.

    Mostly rows that changed are few and new to the table, and then the others are best matched where they stand. This
    takes a fraction of the time of finding moved rows.
    """
    shorter = min(len(middle.before), len(middle.after))
    old_numbers = middle.before[:shorter]
    new_numbers = middle.after[:shorter]
    many = shorter // _MANY + 1
    unequal = [*islice(unequal_rows(before, after, old_numbers, new_numbers), many)]
    if len(unequal) == many:
        return None

    changed_numbers = [new_numbers[position] for position in unequal]
    changed = taken(after.rows, changed_numbers)
    added = rows_of(after, middle.after[shorter:])
    if are_new([*changed, *added], rows_of(before, middle.before)):
        return Matched(old_numbers, new_numbers, unequal)
    return None


def rows_of(table: Side, numbers: range) -> Rows:
    return table.rows[numbers.start : numbers.stop]


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


def match_moving_rows(before: Side, after: Side, middle: Span) -> Matched:
    """Match the rows of a span of which some may stand elsewhere."""
    # Equal rows have the same number, so that each row is read once.
    numbers: dict[bytes, int] = {}
    old = distinct_numbers(rows_of(before, middle.before), numbers)
    known = len(numbers)
    new = distinct_numbers(rows_of(after, middle.after), numbers)

    unequal = [*compress(count(), map(ne, old, new))]
    others = [new[position] for position in unequal]
    others += new[len(old) :]
    if min(others, default=known) >= known:
        shorter = min(len(old), len(new))
        return Matched(middle.before[:shorter], middle.after[:shorter], unequal)

    return Partners(old, new).matched(middle)


def distinct_numbers(rows: Rows, numbers: dict[bytes, int]) -> list[int]:
    """Return a number for each row, the same for equal rows; `numbers` has those that are known."""
    return [numbers.setdefault(to_json(row), len(numbers)) for row in rows]


class Partners:
    """The older row of each newer one, of rows that are given as numbers.

    Attributes:
        found: for each newer row the place of the older one, `None` where it has none.
        changed: the places of newer rows that are not equal to the older one.
    """

    def __init__(self, old: Sequence[int], new: Sequence[int]) -> None:
        self.old = old
        self.new = new
        self.found: list[int | None] = [None] * len(new)
        self.changed: set[int] = set()

        runs = match(old, new)
        for run in runs:
            older = range(run.before, run.before + run.length)
            self.found[run.after : run.after + run.length] = older

        spans = [*gaps(runs, Span.of(old, new))]
        moved = self.match_moved(spans)
        for span in spans:
            self.match_between(span, moved)

    def matched(self, span: Span) -> Matched:
        """Return the pairs, given the span that the rows are of."""
        old_numbers: list[int] = []
        new_numbers: list[int] = []
        unequal: list[int] = []
        for place, partner in enumerate(self.found):
            if partner is None:
                continue
            if place in self.changed:
                unequal.append(len(new_numbers))
            old_numbers.append(span.before[partner])
            new_numbers.append(span.after[place])
        return Matched(old_numbers, new_numbers, unequal)

    def match_moved(self, spans: Sequence[Span]) -> set[int]:
        """Match equal rows that stand in another order; return the places of the older ones."""
        places: defaultdict[int, list[int]] = defaultdict(list)
        for span in reversed(spans):
            for place in reversed(span.before):
                places[self.old[place]].append(place)

        moved: set[int] = set()
        for span in spans:
            for place in span.after:
                equal = places.get(self.new[place])
                if equal:
                    partner = equal.pop()
                    self.found[place] = partner
                    moved.add(partner)
        return moved

    def match_between(self, span: Span, moved: set[int]) -> None:
        """Match what is left between two rows that are in order, one by one."""
        older = [place for place in span.before if place not in moved]
        newer = [place for place in span.after if self.found[place] is None]
        for old, new in zip(older, newer, strict=False):
            self.found[new] = old
            self.changed.add(new)
