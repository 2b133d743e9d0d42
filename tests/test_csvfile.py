"""Tables from CSV: what a column becomes, and what is no table."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifact_store import InvalidArtifact
from artifact_store.csvfile import parse_csv


def parsed(text):
    return parse_csv(text, "a.csv").rows


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "-2"], [1, -2]),
        (["1", "2.5"], [1.0, 2.5]),
        (["1", ""], [1, None]),
        (["", ""], [None, None]),
        (["1", "x"], ["1", "x"]),
        (["1", "01"], ["1", "01"]),
        (["1", "nan"], ["1", "nan"]),
        (["1", "inf"], ["1", "inf"]),
        (["1", "1e999"], ["1", "1e999"]),
        (["1", "-"], ["1", "-"]),
        (["1", "."], ["1", "."]),
        (["1", "e5"], ["1", "e5"]),
        (["1", "1_0"], ["1", "1_0"]),
        (["1", "+1"], ["1", "+1"]),
        (["1", "١"], ["1", "١"]),
        (["1", "1" * 18], [1, int("1" * 18)]),
        ([" ", "1"], [" ", "1"]),
    ],
)
def test_a_column_is_numbers_where_every_cell_is(cells, values):
    rows = parsed("n,end\n" + "".join(f'"{cell}",.\n' for cell in cells))
    assert [row["n"] for row in rows] == values
    assert [type(row["n"]) for row in rows] == [type(value) for value in values]


@given(st.lists(st.lists(st.text('ab",\n\r 0123.-eé', max_size=5), min_size=2, max_size=2), max_size=5))
def test_parsing_a_table_never_fails_but_with_a_sentence(rows):
    text = "x,y\n" + "\n".join(",".join(row) for row in rows)
    with contextlib.suppress(InvalidArtifact):
        assert all(list(row) == ["x", "y"] for row in parsed(text))


def test_integers_of_a_table_are_exact():
    rows = parsed("id,share\n1234567890123456789,0.5\n-98765432109876543210,1\n")
    assert rows == [{"id": 1234567890123456789, "share": 0.5}, {"id": -98765432109876543210, "share": 1.0}]
    text = parsed("x\n1234567890123456789\n0.5\n")
    assert text == [{"x": "1234567890123456789"}, {"x": "0.5"}], "a float would change the integer"
    assert parsed(f"x\n{'a' * 200_000}\n") == [{"x": "a" * 200_000}]
