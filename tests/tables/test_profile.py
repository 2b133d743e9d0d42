"""Profiles of tables: what they say of each kind of column, how small they stay, and what is told of a change."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifact_store import InvalidArtifact
from artifact_store.tables.profile import changes, known_profile, profile_table, utc_time
from artifact_store.tables.rows import column_names, rows_of

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | FLOATS
    | TEXT
    | st.datetimes().map(datetime.isoformat)
)
CELLS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)
COLUMNS = st.sampled_from(["a", "b", "wind", "größe", ""])
ROWS = st.lists(st.dictionaries(COLUMNS, CELLS), max_size=30)
TYPES = {"integer", "number", "text", "boolean", "time", "mixed", "empty", "json"}


def of_column(*values: Any) -> dict[str, Any]:
    (column,) = profile_table([{"x": value} for value in values])["columns"]
    return {name: said for name, said in column.items() if name != "name"}


def said(
    kind: str, nulls: int, distinct: int | None, least: Any = None, greatest: Any = None
) -> dict[str, Any]:
    return {"type": kind, "nulls": nulls, "distinct": distinct, "min": least, "max": greatest}


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([3, 1, None, 3], said("integer", 1, 2, 1, 3)),
        ([3, 1.5], said("number", 0, 2, 1.5, 3)),
        (["b", "a", "a"], said("text", 0, 2, "a", "b")),
        ([True, False, None], said("boolean", 1, 2)),
        ([None, None], said("empty", 2, 0)),
        ([{"a": 1}, {"a": 1}, [2]], said("json", 0, 2)),
        ([1, "a", True, 1.0], said("mixed", 0, 4)),
        ([1, {}], said("mixed", 0, 2)),
        (["2026-11-24", "2026-02-01"], said("time", 0, 2, "2026-02-01", "2026-11-24")),
        (
            ["2026-11-24T10:00:00+02:00", "2026-11-24T08:30:00Z", None],
            said("time", 1, 2, "2026-11-24T10:00:00+02:00", "2026-11-24T08:30:00Z"),
        ),
        (["2026-02-30"], said("text", 0, 1, "2026-02-30", "2026-02-30")),
        (["2026-11-24", "soon"], said("text", 0, 2, "2026-11-24", "soon")),
        (["20261124"], said("text", 0, 1, "20261124", "20261124")),
        (["x" * 500], said("text", 0, 1, "x" * 80, "x" * 80)),
        ([10**30], said("integer", 0, 1, 1e30, 1e30)),
        ([10**400, 1], said("integer", 0, 2, 1, None)),
    ],
)
def test_what_is_said_of_a_column(values: list[Any], wanted: dict[str, Any]) -> None:
    assert of_column(*values) == wanted


def test_distinct_values_are_counted_up_to_a_thousand() -> None:
    assert of_column(*range(1000))["distinct"] == 1000
    assert of_column(*range(1001))["distinct"] is None


def test_columns_come_in_the_order_of_their_first_appearance() -> None:
    profile = profile_table([{"b": 1}, {"a": 2, "b": 3}], columns=["z"])
    assert [column["name"] for column in profile["columns"]] == ["z", "b", "a"]
    assert [column["nulls"] for column in profile["columns"]] == [2, 0, 1]


def test_an_empty_table_keeps_the_columns_that_it_is_given() -> None:
    profile = profile_table([], columns=["a", "b"])
    assert profile == {
        "rows": 0,
        "columns": [{"name": name, **said("empty", 0, 0)} for name in ("a", "b")],
    }


def test_of_many_columns_the_first_200_are_described() -> None:
    profile = profile_table([{f"c{n}": "é" * 1000 for n in range(1000)}])
    assert len(profile["columns"]) == 200
    assert profile["columns_left_out"] == 800
    assert len(json.dumps(profile, ensure_ascii=False).encode()) < 100_000


@given(ROWS)
@settings(deadline=None)
def test_a_profile_is_small_plain_and_true(rows: list[dict[str, Any]]) -> None:
    profile = profile_table(rows)
    text = json.dumps(profile, allow_nan=False)
    assert json.loads(text) == profile == known_profile(json.loads(text))
    assert len(text) < 60 + 1500 * len(profile["columns"])
    assert profile["rows"] == len(rows)
    assert [column["name"] for column in profile["columns"]] == column_names(rows)
    for column in profile["columns"]:
        values = [row[column["name"]] for row in rows if row.get(column["name"]) is not None]
        assert column["type"] in TYPES
        assert column["nulls"] == len(rows) - len(values)
        assert (column["distinct"] or 0) <= len(values)
        assert bool(column["distinct"]) == bool(values)
        assert (column["type"] == "empty") == (not values)
        if column["type"] in ("integer", "number"):
            assert all(
                column["min"] <= value <= column["max"] for value in values if abs(value) < 2**53
            )
        if column["type"] == "time":
            assert utc_time(column["min"]) == min(map(utc_time, values))
    assert changes(profile, profile) == []


@given(ROWS, ROWS)
@settings(max_examples=50, deadline=None)
def test_what_changed_is_told_shortly(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    told = changes(profile_table(before), profile_table(after))
    assert len(told) <= 12
    assert all("\n" not in sentence and len(sentence) < 160 for sentence in told)
    grown = len(after) - len(before)
    assert [each for each in told if each.startswith("rows")] == (
        [f"rows {grown:+,}"] if grown else []
    )


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ([{"a": 1}], [{"a": 1}] * 13, ["rows +12"]),
        ([{"a": 1}] * 2000, [{"a": 1}], ["rows -1,999"]),
        ([{"wind": 3}], [{"wind": "calm"}], ["column `wind` became text"]),
        ([{"a": 1, "x": 2}], [{"a": 1, "gust": 2}], ["column `x` is gone", "column `gust` is new"]),
        ([{"a": 1, "b": 1}], [{"b": 1, "a": 1}], ["columns in another order"]),
        ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": None}], ["column `a` nulls 0 → 1"]),
        (
            [{"a": 1}] * 3 + [{"a": None}],
            [{"a": 1}] + [{"a": None}] * 3,
            ["column `a` nulls 1 → 3"],
        ),
        ([{"a": 1}, {"a": 9}], [{"a": 1}, {"a": 12}], []),
        (
            [{"a": 1}, {"a": 9}],
            [{"a": -1000}, {"a": 12345}],
            ["column `a` min 1 → -1,000", "column `a` max 9 → 12,345"],
        ),
        ([{"a": 0.5}], [{"a": 1.25}], ["column `a` max 0.5 → 1.25"]),
        ([{"a": 1}], [{"a": 10**400}], []),
        ([], [], []),
        ([{"a": None}], [{"a": 1}], ["column `a` became integer"]),
    ],
)
def test_what_is_told_of_a_change(before: list[Any], after: list[Any], wanted: list[str]) -> None:
    assert changes(profile_table(before), profile_table(after)) == wanted


def test_many_changes_are_cut() -> None:
    told = changes(
        profile_table([{f"old{n}": 1 for n in range(20)}]),
        profile_table([{f"new{n}": 1 for n in range(20)}]),
    )
    assert len(told) == 12
    assert told[-1] == "and 29 more changes"


def test_columns_that_a_profile_leaves_out_are_not_called_gone() -> None:
    wide = profile_table([{f"c{n}": 1 for n in range(300)}])
    wider = profile_table([{"first": 1, **{f"c{n}": 1 for n in range(310)}}])
    assert changes(wide, wider) == ["columns +11"]


@pytest.mark.parametrize(
    "known",
    [None, {}, {"rows": 1}, {"rows": True, "columns": []}, {"rows": 1, "columns": [{}]}, [1]],
)
def test_what_is_no_profile_is_not_compared(known: Any) -> None:
    assert known_profile(known) is None
    assert changes(known, profile_table([])) == changes(profile_table([]), known) == []


def test_rows_of_each_form() -> None:
    rows = [{"a": 1, "b": "x"}, {"a": None, "b": "y"}]
    assert rows_of(rows) is rows
    assert rows_of(json.dumps(rows)) == rows_of({"a": [1, None], "b": ["x", "y"]}) == rows
    assert rows_of([[1, "x"], [2, None]]) == [{"0": 1, "1": "x"}, {"0": 2, "1": None}]
    assert rows_of([["a", "b"], [1, "x"], [None, "y"]]) == [
        {"a": 1, "b": "x"},
        {"a": None, "b": "y"},
    ]
    assert rows_of([["a", "a"], [1, 2]]) == [{"0": "a", "1": "a"}, {"0": 1, "1": 2}]
    assert rows_of([]) == rows_of({}) == rows_of("[]") == []


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (
            [[1, "x"], [2]],
            r"The data\[1\] has 1 cell and the table has 2 columns: make them equal\.",
        ),
        (
            [["a", "b"], [1, "x", 5]],
            r"The data\[1\] has 3 cells and the table has 2 columns: make them equal\.",
        ),
        ('[["a", "a"], [1]]', r"The data\[1\] has 1 cell"),
        (
            {"a": [1, 2], "b": []},
            r"The data: column 'b' has 0 cells and 'a' has 2: make them equal\.",
        ),
    ],
)
def test_rows_and_columns_that_differ_in_length(data: Any, sentence: str) -> None:
    with pytest.raises(InvalidArtifact, match=f"^{sentence}"):
        rows_of(data)


@pytest.mark.parametrize(
    "data",
    [None, 12, True, "plain", '"text"', "{", [1, 2], [[1], {}], {"a": 1}, {"a": [1], "b": 2}],
)
def test_what_is_no_table(data: Any) -> None:
    with pytest.raises(
        InvalidArtifact, match=r"^The data is .*, not a table: a table is a list of objects"
    ):
        rows_of(data)
    with pytest.raises(InvalidArtifact):
        profile_table(data)


def test_times_without_a_zone_are_in_utc() -> None:
    assert utc_time("2026-11-24") == datetime(2026, 11, 24, tzinfo=UTC)
    assert utc_time("2026-11-24T10:00+02:00") == datetime(2026, 11, 24, 8, tzinfo=UTC)
    assert math.isclose(utc_time("2026-11-24 10:00:00.123456789").microsecond, 123456)
