"""Which rows are exactly equal: the JSON text decides, whatever the types and the order of the cells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifact_store.differences.equality import Side, unequal_rows
from artifact_store.jsonable.normalize import dump_json
from tests.differences import strategies

cells = strategies.scalars | st.lists(strategies.scalars, max_size=2)
regular_rows = st.lists(st.builds(lambda a, b: {"a": a, "b": b}, cells, cells), max_size=6)


def unequal(before, after):
    numbers = range(min(len(before), len(after)))
    return list(unequal_rows(Side.of(before), Side.of(after), numbers, numbers))


def by_json_text(before, after):
    pairs = zip(before, after, strict=False)
    return [number for number, (old, new) in enumerate(pairs) if dump_json(old) != dump_json(new)]


@given(regular_rows, regular_rows)
def test_regular_rows(before, after):
    assert Side.of(before).is_regular
    assert unequal(before, after) == by_json_text(before, after)


@given(st.lists(st.tuples(strategies.scalars, strategies.scalars), max_size=6))
def test_cells_that_are_equal_for_python(pairs):
    before = [{"a": old, "b": [old]} for old, _ in pairs]
    after = [{"a": new, "b": [new]} for _, new in pairs]
    assert unequal(before, after) == by_json_text(before, after)


@given(strategies.tables, strategies.tables)
def test_any_rows(before, after):
    if Side.of(before).is_regular and Side.of(after).is_regular:
        return  # they may have other columns, which do not count then
    assert unequal(before, after) == by_json_text(before, after)


@pytest.mark.parametrize(
    ("rows", "columns", "is_regular"),
    [
        ([], [], True),
        ([{}, {}], [], True),
        ([{"a": 1, "b": 2}, {"a": 3, "b": 4}], ["a", "b"], True),
        ([{"a": 1, "b": 2}, {"b": 4, "a": 3}], ["a", "b"], False),
        ([{"a": 1, "b": 2}, {"a": 3}], ["a", "b"], False),
        ([{"a": 1}, {"a": 3, "b": 4}], ["a", "b"], False),
        # One after the other these are the names of three regular rows.
        ([{"a": 1, "b": 2}, {"a": 3}, {"b": 4, "a": 5}, {"b": 6}], ["a", "b"], False),
    ],
)
def test_sides(rows, columns, is_regular):
    side = Side.of(rows)
    assert (side.columns, side.is_regular) == (columns, is_regular)


def test_rows_far_apart_are_found():
    before = [{"id": number, "a": number * 0.5} for number in range(3000)]
    after = [dict(row) for row in before]
    changed = [0, 255, 256, 257, 1023, 2999]
    for number in changed:
        after[number]["a"] = -1.0
    assert unequal(before, after) == changed

    backwards = range(3000)[::-1]
    found = unequal_rows(Side.of(before), Side.of(after), backwards, backwards)
    assert [2999 - position for position in found] == changed[::-1]


def test_columns_that_only_one_side_has_do_not_count():
    assert unequal([{"a": 1, "b": 2}], [{"a": 1, "c": 3}]) == []
