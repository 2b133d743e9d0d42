"""What users pass as a table, and the rows that it becomes."""

import contextlib
import datetime
import io
from collections import namedtuple
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from artifact_store import InvalidArtifact, table_payload
from artifact_store.tables.csv import parse_csv

ROWS = [{"city": "Oslo", "wind": 3}, {"city": "Rome", "wind": 5}]
City = namedtuple("City", ["city", "wind"])


@dataclass
class Place:
    city: str
    wind: int


class Model(BaseModel):
    city: str
    wind: int


def rows_of(table, **options):
    return table_payload(table, profile=False, **options)["data"]


@pytest.mark.parametrize(
    "table",
    [
        ROWS,
        tuple(ROWS),
        {"city": ["Oslo", "Rome"], "wind": [3, 5]},
        {"city": ("Oslo", "Rome"), "wind": np.array([3, 5])},
        {"city": pd.Series(["Oslo", "Rome"]), "wind": pl.Series([3, 5])},
        [["city", "wind"], ["Oslo", 3], ["Rome", 5]],
        [("city", "wind"), ("Oslo", 3), ("Rome", 5)],
        [City("Oslo", 3), City("Rome", 5)],
        [Place("Oslo", 3), Place("Rome", 5)],
        [Model(city="Oslo", wind=3), Model(city="Rome", wind=5)],
        pd.DataFrame(ROWS),
        pd.DataFrame(ROWS).astype({"city": "category", "wind": "Int16"}),
        pd.DataFrame(ROWS).set_index("city"),
        pd.DataFrame({"city": ["x", "Oslo", "Rome"], "wind": [9, 3, 5]})[1:],
        pl.DataFrame(ROWS),
        io.StringIO("city,wind\nOslo,3\nRome,5\n"),
        io.BytesIO("\ufeffcity,wind\r\nOslo,3\r\n\r\nRome,5\r\n".encode()),
    ],
    ids=lambda table: type(table).__module__.partition(".")[0] + "." + type(table).__name__,
)
def test_each_form_of_a_table_is_the_same_rows(table):
    payload = table_payload(table)
    assert payload["type"] == "table"
    assert [list(row.items()) for row in payload["data"]] == [list(row.items()) for row in ROWS]
    assert payload["profile"] == table_payload(ROWS)["profile"]
    assert [column["name"] for column in payload["profile"]["columns"]] == ["city", "wind"]


def test_a_path_is_a_csv_file(tmp_path):
    path = tmp_path / "cities.csv"
    path.write_text("code,wind\n007,3\n010,\n", encoding="utf-8")
    wanted = [{"code": "007", "wind": 3}, {"code": "010", "wind": None}]
    assert rows_of(path) == rows_of(str(path)) == wanted
    with path.open(encoding="utf-8") as text, path.open("rb") as binary:
        assert rows_of(text) == rows_of(binary) == wanted


def test_rows_without_names_are_numbered_and_can_be_named():
    assert rows_of([[1, 2], [3, None]]) == [{"0": 1, "1": 2}, {"0": 3, "1": None}]
    assert rows_of([["a", None]]) == [{"0": "a", "1": None}], "a header is texts alone"
    assert rows_of([["a", "a"], ["b", " "]]) == [{"0": "a", "1": "a"}, {"0": "b", "1": " "}]
    assert rows_of([["", "b"]]) == [{"0": "", "1": "b"}]
    assert rows_of([[]]) == [{}]
    assert rows_of([["a", "b"]], columns=["x", "y"]) == [{"x": "a", "y": "b"}]
    assert rows_of(np.array([[1.5, 2], [3, np.nan]])) == [
        {"0": 1.5, "1": 2.0},
        {"0": 3.0, "1": None},
    ]
    assert rows_of([City("a", "b")], columns=["x", "y"]) == [{"x": "a", "y": "b"}]
    assert rows_of([City("a", "b"), City("c", "d")])[0] == {"city": "a", "wind": "b"}


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ([], []),
        ({}, []),
        (pd.DataFrame(), []),
        (pl.DataFrame(), []),
        ({"a": [], "b": []}, ["a", "b"]),
        ([["a", "b"]], ["a", "b"]),
        (pd.DataFrame({"a": [], 7: []}), ["a", "7"]),
        (pd.DataFrame({"a": []}, index=pd.Index([], name="day")), ["day", "a"]),
        (pl.DataFrame({"a": []}), ["a"]),
        (io.StringIO("a,b\n"), ["a", "b"]),
    ],
)
def test_a_table_without_rows_keeps_its_columns_in_the_profile(table, names):
    payload = table_payload(table)
    assert payload["data"] == []
    assert payload["profile"]["rows"] == 0
    assert [column["name"] for column in payload["profile"]["columns"]] == names


def test_rows_may_differ_in_their_names():
    assert rows_of([{"a": 1}, {"b": 2, "a": None}]) == [{"a": 1}, {"b": 2, "a": None}]


def test_cells_are_what_json_says_of_them():
    noon = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)
    cells = {
        "nan": float("nan"),
        "list": [1, {"x": None}],
        "at": noon,
        "sum": Decimal("9.90"),
        "none": pd.NA,
    }
    assert rows_of([cells]) == [
        {
            "nan": None,
            "list": [1, {"x": None}],
            "at": "2026-11-24T12:00:00+00:00",
            "sum": "9.90",
            "none": None,
        }
    ]


def test_an_index_that_says_something_becomes_columns():
    frame = pd.DataFrame(
        {"region": ["north", "north", "south"], "year": [1, 2, 1], "total": [4, 5, 6]}
    )
    assert rows_of(frame.groupby("region").sum(numeric_only=True)[["total"]]) == [
        {"region": "north", "total": 9},
        {"region": "south", "total": 6},
    ]
    two = frame.groupby(["region", "year"]).sum()
    assert rows_of(two)[1] == {"region": "north", "year": 2, "total": 5}
    assert rows_of(frame[["total"]].describe())[0] == {"index": "count", "total": 3.0}
    days = pd.DataFrame({"x": [1]}, index=pd.DatetimeIndex(["2026-11-24"]))
    assert rows_of(days) == [{"index": "2026-11-24T00:00:00", "x": 1}]
    assert rows_of(frame.sort_values("total", ascending=False)[["total"]]) == [
        {"total": 6},
        {"total": 5},
        {"total": 4},
    ]


def test_a_series_is_a_table():
    counted = pd.Series(["a", "b", "a"], name="letter").value_counts()
    assert rows_of(counted) == [{"letter": "a", "count": 2}, {"letter": "b", "count": 1}]
    assert rows_of(pl.Series("x", [1, 2])) == [{"x": 1}, {"x": 2}]


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (
            12,
            "table is an int: pass a list of objects, a list of lists, a dict of columns, a frame",
        ),
        (None, "table is a NoneType: pass"),
        (b"a,b\n", "table is a str: pass"),
        ([1, 2], r"table\[0\] is an int, not a dict"),
        ([{"a": 1}, [2]], r"table\[1\] is a list, not a dict"),
        ([[1], {"a": 2}], r"table\[1\] is a dict, not a list"),
        ({"a": [1, 2], "b": [3]}, "table: column 'b' has 1 cell and 'a' has 2: make them equal."),
        ({"a": 1}, "table: column 'a' is an int: pass a list of its cells."),
        ({"a": "text"}, "table: column 'a' is a str"),
        ({"a": {"0": 1}}, "table: column 'a' is a dict"),
        (
            [["a", "b"], [1]],
            r"table\[1\] has 1 cell and the table has 2 columns: make them equal.",
        ),
        ([[1, 2], [1, 2, 3]], r"table\[1\] has 3 cells"),
        ([{"a": 1, 1.5: 2}], r"table\[0\] has a key of type float"),
        (
            [{"a": open}],
            r"table\[0\].a is a builtin_function_or_method, which JSON cannot represent",
        ),
        (["\ud800"], r"table\[0\] holds a lone surrogate"),
        ((row for row in ROWS), "table is a generator"),
        (
            pd.DataFrame([[1, 2]], columns=["a", "a"]),
            "table has two keys that both become 'a': rename one.",
        ),
        (
            pd.DataFrame({"a": [1]}, index=pd.Index([1], name="a")),
            "cannot insert a, already exists: rename the index",
        ),
        (pd.DataFrame({("a", "b"): [1]}), "table has a key of type tuple"),
        (pl.LazyFrame({"a": [1]}), r"table is a polars LazyFrame.*call .collect\(\)"),
        (
            "nowhere.csv",
            r"table: 'nowhere.csv' cannot be read \(No such file or directory\): give the path of a CSV",
        ),
        (Path("/"), "table: '/' cannot be read"),
        ("a\0b", r"table: 'a\\x00b' cannot be read"),
        ("city,wind\nOslo,3\n", "cannot be read"),
        (io.BytesIO(b"caf\xe9"), "The CSV file is not UTF-8 text .byte 0xe9 at 3"),
        (io.StringIO("a,a\n1,2"), "The CSV file: line 1 names 'a' twice"),
    ],
)
def test_what_is_no_table_is_one_sentence(table, sentence):
    with pytest.raises(InvalidArtifact, match=sentence):
        table_payload(table)


@pytest.mark.parametrize(
    "table", [ROWS, {"a": [1]}, pd.DataFrame(ROWS), pl.DataFrame(ROWS), io.StringIO("a\n1\n")]
)
def test_columns_are_those_of_lists(table):
    with pytest.raises(InvalidArtifact, match="this table has names already"):
        table_payload(table, columns=["a"])


@pytest.mark.parametrize("table", [ROWS, [[1, 2]], pd.DataFrame(ROWS), pl.DataFrame(ROWS)])
def test_a_delimiter_is_that_of_a_csv_file(table):
    with pytest.raises(
        InvalidArtifact, match=r"^delimiter belongs to a CSV file, and the table is a "
    ):
        table_payload(table, delimiter=";")
    assert rows_of(io.StringIO("a:b\n1:2\n"), delimiter=":") == [{"a": 1, "b": 2}]


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (["a"], r"table\[0\] has 2 cells and the table has 1 column"),
        (["a", "a"], "two columns are named 'a': rename one."),
        (["a", " "], "column 2 is named ' ': give it a text as its name."),
        (["a", 1], "column 2 is named 1: give it a text as its name."),
    ],
)
def test_columns_that_name_nothing(columns, sentence):
    with pytest.raises(InvalidArtifact, match=sentence):
        table_payload([[1, 2]], columns=columns)


def test_a_column_may_have_any_name():
    frame = pd.DataFrame({"read": [1], "columns": [2], "index": [3], "savefig": [4]})
    assert (
        rows_of(frame) == rows_of(pl.DataFrame(frame.to_dict("list"))) == frame.to_dict("records")
    )


@given(
    st.one_of(
        st.lists(st.dictionaries(st.text(max_size=3), st.integers(), max_size=3), max_size=3),
        st.lists(
            st.lists(st.one_of(st.text(max_size=2), st.none(), st.floats()), max_size=3), max_size=3
        ),
        st.dictionaries(st.text(max_size=3), st.lists(st.booleans(), max_size=2), max_size=3),
    )
)
def test_any_table_is_rows_or_a_sentence(table):
    with contextlib.suppress(InvalidArtifact):
        payload = table_payload(table)
        assert all(isinstance(row, dict) for row in payload["data"])
        assert payload["profile"]["rows"] == len(payload["data"])


def test_what_is_handed_over_is_not_changed():
    cells = [1]
    table = [{"a": cells}]
    table_payload(table)["data"][0]["a"].append(2)
    assert table == [{"a": [1]}]


def test_a_field_of_any_length_is_read():
    assert parse_csv(f"x\n{'a' * 200_000}\n", "a.csv").rows == [{"x": "a" * 200_000}]
