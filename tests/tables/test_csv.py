"""Tables from CSV: what a column becomes, and what is no table."""

import contextlib
import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifact_store import InvalidArtifact
from artifact_store.tables.csv import parse_csv, read_csv


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


@given(
    st.lists(st.lists(st.text('ab",\n\r 0123.-eé', max_size=5), min_size=2, max_size=2), max_size=5)
)
def test_parsing_a_table_never_fails_but_with_a_sentence(rows):
    text = "x,y\n" + "\n".join(",".join(row) for row in rows)
    with contextlib.suppress(InvalidArtifact):
        assert all(list(row) == ["x", "y"] for row in parsed(text))


def test_integers_of_a_table_are_exact():
    rows = parsed("id,share\n1234567890123456789,0.5\n-98765432109876543210,1\n")
    assert rows == [
        {"id": 1234567890123456789, "share": 0.5},
        {"id": -98765432109876543210, "share": 1.0},
    ]
    text = parsed("x\n1234567890123456789\n0.5\n")
    assert text == [{"x": "1234567890123456789"}, {"x": "0.5"}], "a float would change the integer"
    assert parsed(f"x\n{'a' * 200_000}\n") == [{"x": "a" * 200_000}]


ROWS = [
    {"city": "Oslo; north", "wind": 3, "note": 'a "b", c'},
    {"city": "Rome | south", "wind": 5, "note": "d\te"},
]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_the_delimiter_is_found(delimiter, quoting, encoding, ending):
    target = io.StringIO(newline="")
    writer = csv.DictWriter(
        target, list(ROWS[0]), delimiter=delimiter, quoting=quoting, lineterminator=ending
    )
    writer.writeheader()
    writer.writerows(ROWS)
    assert read_csv(io.BytesIO(target.getvalue().encode(encoding))).rows == ROWS
    assert parse_csv(target.getvalue(), "a.csv", delimiter).rows == ROWS


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a;b\n1,5;2,5\n", [{"a": "1,5", "b": "2,5"}]),
        ("name, long;b\nx;1\n", [{"name, long": "x", "b": 1}]),
        ("id,tags\n1,a;b\n2,c;d\n", [{"id": 1, "tags": "a;b"}, {"id": 2, "tags": "c;d"}]),
        ("a,b;c\n1,2;3\n", [{"a": 1, "b;c": "2;3"}]),
        ("note\nhello; there\nbye, you\n", None),
        ('note\nhello; there\n"bye, you"\n', [{"note": "hello; there"}, {"note": "bye, you"}]),
        ("sep=;\r\na;b\r\n1;2\r\n", [{"a": 1, "b": 2}]),
        ("a;b\n\n1;2", [{"a": 1, "b": 2}]),
        ("a\tb\n1\t\n", [{"a": 1, "b": None}]),
    ],
)
def test_a_delimiter_stands_in_the_header_and_gives_lines_of_one_length(text, rows):
    if rows is None:
        with pytest.raises(
            InvalidArtifact, match="line 3 has 2 cells and the header has 1: make them equal"
        ):
            parsed(text)
    else:
        assert parsed(text) == rows


def test_a_delimiter_that_is_given_is_taken():
    assert parse_csv("a:b\n1:2\n", "a.csv", ":").rows == [{"a": 1, "b": 2}]
    assert parse_csv("a;b,c\n1;2,3\n", "a.csv", ",").rows == [{"a;b": "1;2", "c": 3}]
    with pytest.raises(
        InvalidArtifact,
        match=r"^a\.csv: line 2 has 3 cells and the header has 2 \(between ';'\): make",
    ):
        parsed("a;b\n1;2;3\n")
    for wrong in ("", ",,", '"', "\n", 3):
        with pytest.raises(
            InvalidArtifact, match=r"^delimiter is .*: pass the one character between cells"
        ):
            parse_csv("a,b\n", "a.csv", wrong)


@pytest.mark.parametrize(
    ("frame", "names"),
    [
        (pd.DataFrame({"a": [1], "b": ["x"]}), ["index", "a", "b"]),
        (pd.DataFrame({"index": [1]}), ["level_0", "index"]),
        (
            pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([("x", 2)])),
            ["level_0", "level_1", "a"],
        ),
        (pd.DataFrame({"a": [1]}, index=pd.Index(["x"], name="city")), ["city", "a"]),
    ],
)
def test_the_index_of_a_frame_has_the_names_that_pandas_gives_it(frame, names):
    table = parse_csv(frame.to_csv(), "a.csv")
    assert table.columns == names == list(frame.reset_index().columns)
    assert table.rows == frame.reset_index().to_dict("records")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b'[{"a": 1}, {"a": 2}]',
            r"is JSON, not CSV: pass its value as data of type table \(--data @FILE --type table\)",
        ),
        (b'\xef\xbb\xbf\n {"a": [1],\n "b": [2]}', "is JSON, not CSV"),
        (b'{"a": 1}\n{"a": 2}\n', "is JSON lines, not CSV: make one list of them"),
        (b'{"a": 1, "b": "x"}\n{"a": 2', "is JSON lines, not CSV"),
        (b'[{"a":1},]', "looks like JSON that is cut off or malformed, not CSV: mend it first"),
        (b'{"a":1}{"a":2}', "looks like JSON that is cut off"),
        (b"{a: 1}", "looks like JSON that is cut off"),
        (b"<!DOCTYPE html><table>", "is HTML or XML, not CSV"),
        (b"<svg width='1'></svg>", "is HTML or XML, not CSV"),
        (b"PK\x03\x04\x14\x00", "is a spreadsheet or a zip file, not CSV: save it as CSV first"),
        (b"PAR1\x15\x04", "is a Parquet file, not CSV"),
        (b"\x1f\x8b\x08", "is compressed with gzip, not CSV"),
        ("a,b\n1,2\n".encode("utf-16-le"), r"holds U\+0000 at 1, so it is not CSV"),
        (b"\xff\xfea", r"is not UTF-16 text \(byte 0x61 at 2\): convert it first"),
        (b"caf\xe9,b", r"is not UTF-8 text \(byte 0xe9 at 3\): convert it first"),
        (b"", "line 1 is missing: a table begins with the names of its columns"),
        (b"\xef\xbb\xbf", "line 1 is missing"),
        (b"a,,b\n1,2,3\n", "line 1 has no name for column 2"),
        (b",\n1,2\n", "line 1 has no name for column 1"),
        (b"sep=;\na;a\n", "line 2 names 'a' twice"),
        (b"sep=;\na;b\n1\n", "line 3 has 1 cell"),
    ],
)
def test_what_is_no_csv_is_one_sentence(content, sentence):
    with pytest.raises(InvalidArtifact, match=rf"^The CSV file:? {sentence}"):
        read_csv(io.BytesIO(content))


def test_a_header_that_looks_like_json_is_a_header():
    assert parsed("[a],{b}\n1,2\n") == [{"[a]": 1, "{b}": 2}]
