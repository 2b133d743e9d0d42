"""Differences of values, tables and text: exact, and empty only between equal sides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifact_store import InvalidQuery
from artifact_store.differences.changes import MISSING, CellChange, RowChange, path_text
from artifact_store.differences.summary import summarize
from artifact_store.differences.tables import apply_table, compare_tables
from artifact_store.differences.texts import apply_lines, compare_lines
from artifact_store.differences.values import apply_values, compare_values
from artifact_store.jsonable.normalize import dump_json
from tests.differences import strategies


def check(before, after, changes, applied):
    """What must hold of every difference; the JSON text tells 1 from 1.0 and one order from another."""
    assert dump_json(applied) == dump_json(after)
    equal = dump_json(before) == dump_json(after)
    assert (not changes) == equal
    assert (not summarize(changes)) == equal


@given(strategies.values, strategies.values)
def test_values(before, after):
    changes = list(compare_values(before, after, ("data",)))
    check(before, after, changes, apply_values(before, changes))


@given(strategies.tables, strategies.tables)
def test_tables_by_position(before, after):
    changes = compare_tables(before, after)
    check(before, after, changes, apply_table(before, changes))


@given(strategies.tables, strategies.tables, st.randoms(), st.booleans())
def test_tables_by_key(before, after, random, shuffled):
    before = [{"id": number, **row} for number, row in enumerate(before)]
    after = [{"id": number, **row} for number, row in enumerate(after, 2)]
    random.shuffle(after)
    if shuffled:
        after = [dict(random.sample(list(row.items()), len(row))) for row in after]
    changes = compare_tables(before, after, ["id"])
    check(before, after, changes, apply_table(before, changes))


@given(strategies.texts, strategies.texts)
def test_texts(before, after):
    changes = compare_lines(before, after)
    check(before, after, changes, apply_lines(before, changes))


def sentences(before, after, key=()):
    return summarize(compare_tables(before, after, key), key)


TABLE = [{"id": 1, "total": 5}, {"id": 2, "total": 6}, {"id": 3, "total": 5}]


@pytest.mark.parametrize(
    ("after", "by_position", "by_key"),
    [
        (TABLE, (), ()),
        (
            [TABLE[0], {"id": 2, "total": 7}, TABLE[2]],
            ("`total` 6 → 7 (+1) in row 1",),
            ("`total` 6 → 7 (+1) in id=2",),
        ),
        ([TABLE[1], TABLE[0], TABLE[2]], ("rows in another order",), ("rows in another order",)),
        (
            [{"id": 1, "total": 6}, {"id": 2, "total": 5}, TABLE[2]],
            ("`total` 5 → 6 (+1) in row 0", "`total` 6 → 5 (-1) in row 1"),
            ("`total` 5 → 6 (+1) in id=1", "`total` 6 → 5 (-1) in id=2"),
        ),
        (
            [*TABLE, {"id": 4, "total": 9}],
            ("1 row added",),
            ("1 row added",),
        ),
        (TABLE[1:], ("1 row removed",), ("1 row removed",)),
        (
            [{"total": row["total"], "id": row["id"]} for row in TABLE],
            ("columns in another order",),
            ("columns in another order",),
        ),
        (
            [{**row, "unit": "kg"} for row in TABLE],
            ("column `unit` is new",),
            ("column `unit` is new",),
        ),
        (
            [{"id": row["id"]} for row in TABLE],
            ("column `total` is gone",),
            ("column `total` is gone",),
        ),
        (
            [{**row, "total": str(row["total"])} for row in TABLE],
            (
                "column `total` became text",
                '`total` 5 → "5" in row 0',
                '`total` 6 → "6" in row 1',
                '`total` 5 → "5" in row 2',
            ),
            (
                "column `total` became text",
                '`total` 5 → "5" in id=1',
                '`total` 6 → "6" in id=2',
                '`total` 5 → "5" in id=3',
            ),
        ),
        (
            [{**row, "total": float(row["total"])} for row in TABLE[:1]] + TABLE[1:],
            ("column `total` became number", "`total` 5 → 5.0 in row 0"),
            ("column `total` became number", "`total` 5 → 5.0 in id=1"),
        ),
    ],
)  # fmt: skip
def test_what_is_said_of_tables(after, by_position, by_key):
    assert sentences(TABLE, after) == by_position
    assert sentences(TABLE, after, ["id"]) == by_key


def city(number):
    return {"city": f"c{number}", "wind": number % 7, "gusts": [number % 3]}


@pytest.mark.parametrize("at", [0, 1, 500, 999, 1000])
def test_an_inserted_row_is_one_row_added_at_its_place(at):
    before = [city(number) for number in range(1000)]
    after = [*before[:at], city(7777), *before[at:]]
    changes = compare_tables(before, after)
    assert changes == [RowChange("added", None, at, row=city(7777))]
    assert summarize(changes) == ("1 row added",)
    assert compare_tables(after, before) == [RowChange("removed", at, None, row=city(7777))]


def test_inserted_and_changed_rows_are_told_apart():
    before = [city(number) for number in range(1000)]
    after = [dict(row) for row in before]
    after[300]["wind"] = 99
    after.insert(3, city(7777))
    after.insert(990, city(8888))
    changes = compare_tables(before, after)
    assert summarize(changes) == ("2 rows added", "`wind` 6 → 99 (+93) in row 301")
    assert apply_table(before, changes) == after


def test_rows_that_all_changed_stay_at_their_places():
    before = [{"kind": "ab"[number % 2], "wind": number % 3} for number in range(1200)]
    after = [
        {**row, "wind": row["wind"] + 100 * (number < 1100)} for number, row in enumerate(before)
    ]
    after[-1]["wind"] = 50
    assert summarize(compare_tables(before, after)) == ("`wind` changed in 1,101 rows",)


def test_a_row_that_moved_changes_no_cell():
    before = [city(number) for number in range(100)]
    after = [*before[:3], *before[4:60], before[3], *before[60:]]
    changes = compare_tables(before, after)
    assert summarize(changes) == ("rows in another order",)
    assert apply_table(before, changes) == after


@pytest.mark.parametrize(
    ("kept", "cells", "said"),
    [
        (["2026-01-01"], ("2026-01-02", "2026-01-03"), 1),
        (["2026-01-01"], ("2026-01-02", "soon"), 2),
        (["soon"], ("2026-01-02", "later"), 1),
        ([1], (2, 3), 1),
        ([1], (2, 3.0), 2),
        ([1, 1.0], (2, 3.0), 1),
        ([None], (2, None), 1),
        ([1], (2, "2"), 2),
    ],
)
def test_columns_of_another_type(kept, cells, said):
    before = [{"id": -1, "a": cells[0]}, *({"id": at, "a": cell} for at, cell in enumerate(kept))]
    after = [{"id": -1, "a": cells[1]}, *before[1:]]
    assert len(sentences(before, after)) == said
    assert len(sentences(before, after, ["id"])) == said


def test_rows_that_bring_another_type():
    assert sentences(TABLE, [*TABLE, {"id": 4, "total": 9.5}]) == (
        "column `total` became number",
        "1 row added",
    )
    assert sentences([*TABLE, {"id": 4, "total": None}], TABLE) == ("1 row removed",)


def test_columns_of_sparse_tables_are_told_as_cells():
    # By columns these would be 9 million places for cells, and 900 million of ten times as many rows.
    before = [{f"c{number}": number, "id": number} for number in range(3_000)]
    after = [{f"d{number}": number, "id": number} for number in range(3_000)]
    for key in [(), ("id",)]:
        changes = compare_tables(before, after, key)
        assert {type(change) for change in changes} == {RowChange}
        assert dump_json(apply_table(before, changes)) == dump_json(after)
        assert compare_tables(before, before[:], key) == []
    assert changes[0].cells == (CellChange("c0", 0, MISSING), CellChange("d0", MISSING, 0))


def test_many_cells_of_a_column_are_counted():
    before = [{"total": number} for number in range(10)]
    after = [{"total": number + 100} for number in range(10)]
    assert sentences(before, after) == ("`total` changed in 10 rows",)
    assert sentences(before[:3], after[:3])[2] == "`total` 2 → 102 (+100) in row 2"


def test_many_columns_are_counted():
    wide = [{f"c{number}": 1 for number in range(5)}]
    assert sentences(TABLE[:1], [TABLE[0] | wide[0]]) == ("5 columns are new: `c0`, `c1`, `c2`, …",)
    assert sentences([TABLE[0] | wide[0]], TABLE[:1]) == (
        "5 columns are gone: `c0`, `c1`, `c2`, …",
    )


def test_a_cell_that_a_row_does_not_have_is_not_null():
    changes = compare_tables([{"a": 1}, {"a": 2, "b": None}], [{"a": 1, "b": None}, {"a": 2}])
    cells = [change.cells for change in changes]
    assert cells == [(CellChange("b", MISSING, None),), (CellChange("b", None, MISSING),)]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (["nr"], "Invalid key column 'nr': expected one of 'id', 'total'."),
        (
            ["total"],
            "Rows 0 and 2 have the same key, total=5: add a column that tells them apart, "
            "or compare without a key.",
        ),
    ],
)
def test_keys_that_do_not_fit(key, message):
    with pytest.raises(InvalidQuery) as caught:
        compare_tables(TABLE, TABLE, key)
    assert str(caught.value) == message


def test_true_is_another_key_than_1():
    rows = [{"id": 1, "a": 0}, {"id": True, "a": 1}, {"id": [1], "a": 2}, {"id": {"b": 1}, "a": 3}]
    after = [{**row, "a": row["a"] + 1} for row in rows]
    changes = compare_tables(rows, after, ["id"])
    assert [change.key for change in changes] == [(1,), (True,), ([1],), ({"b": 1},)]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"acc": 0.93}, {"acc": 0.71}, ("`acc` 0.93 → 0.71 (-0.22)",)),
        (
            {"model": {"layers": [{"units": 3}, 4]}},
            {"model": {"layers": [{"units": 4}, 4]}},
            ("`model.layers[0].units` 3 → 4 (+1)",),
        ),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, ("keys of data in another order",)),
        ({"a": "x", "n": 1}, {"a": "y", "n": 2}, ("`n` 1 → 2 (+1)", '`a` "x" → "y"')),
        ({"a": None}, {}, ("`a` is gone, it was null",)),
        ({}, {"a": {"b": []}}, ('`a` is new: {"b": []}',)),
        (40, 60, ("40 → 60 (+20)",)),
        (1, 1.0, ("1 → 1.0",)),
        (0.0, -0.0, ("0.0 → -0.0",)),
        (True, 1, ("true → 1",)),
        (10**40, 10**40 + 1, (f"{10**40} → {10**40 + 1}",)),
        (10**400, 0.5, ("a larger number → 0.5",)),
        ([1, 2, 3], [1, 3], ("`data[1]` is gone, it was 2",)),
        ([1, 3], [1, 2, 3], ("`data[1]` is new: 2",)),
        ("a" * 100, "b", (f'"{"a" * 59}…" → "b"',)),
    ],
)
def test_what_is_said_of_values(before, after, said):
    assert summarize(list(compare_values(before, after, ("data",)))) == said


def test_of_many_changes_the_rest_is_counted():
    before = {f"n{number:02}": number for number in range(40)}
    after = {name: number + 1 for name, number in before.items()}
    said = summarize(list(compare_values(before, after, ("data",))))
    assert len(said) == 12
    assert said[0] == "`n00` 0 → 1 (+1)"
    assert said[-1] == "and 29 more changes"


def test_lines():
    changes = compare_lines("# Sales\n\nNorth leads.\n", "# Sales\n\nSouth leads.\nMore.\n")
    assert summarize(changes) == ("2 lines added, 1 line removed",)
    assert [(change.before, change.after, change.line) for change in changes] == [
        (2, None, "North leads."),
        (None, 2, "South leads."),
        (None, 3, "More."),
    ]


def test_paths_are_written_as_in_python():
    assert path_text(("data", "a", 0, 1, "b-c")) == "data.a[0][1].b-c"
    assert path_text(("metadata", "a b", "")) == 'metadata["a b"][""]'
