"""What goes in as a frame comes back as one: columns, order, types, nulls; and lists of artifacts as frames."""

import datetime as dt
import json
import sys
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given, settings
from pandas.testing import assert_frame_equal
from test_profile import ROWS

from artifact_store import Artifact, ArtifactStore, ArtifactStoreError, InvalidArtifact
from artifact_store.tables.frames import to_pandas, to_polars
from artifact_store.tables.profile import profile_table
from artifact_store.tables.rows import column_names

DAY = dt.datetime(2026, 11, 24, 8, 30, tzinfo=dt.UTC)
FRAME = {
    "zone": ["north", None, "größe"],
    "count": [1, 2, 3],
    "few": [1, None, 3],
    "share": [0.1, None, 1e300],
    "open": [True, False, True],
    "maybe": [True, None, False],
    "at": [DAY, None, DAY + dt.timedelta(microseconds=1)],
    "a": [[1, 2], None, []],
}


def stored(store: ArtifactStore, data: Any, **fields: Any) -> Artifact:
    made = store.create_artifact(type="table", data=data, **fields)
    read = store.read_artifact(made.id)
    assert read is not None
    assert read == made
    return read


def test_a_pandas_frame_comes_back(store: ArtifactStore) -> None:
    frame = pd.DataFrame(FRAME).astype(
        {"few": "Int64", "maybe": "boolean", "at": "datetime64[us, UTC]"}
    )
    back = stored(store, frame).to_pandas()
    assert_frame_equal(back, frame)
    assert back.dtypes.astype(str).drop("zone").to_dict() == {
        "count": "int64",
        "few": "Int64",
        "share": "float64",
        "open": "bool",
        "maybe": "boolean",
        "at": "datetime64[us, UTC]",
        "a": "object",
    }


def test_a_polars_frame_comes_back(store: ArtifactStore) -> None:
    frame = pl.DataFrame(
        {
            **FRAME,
            "day": [dt.date(2026, 11, 24), None, dt.date(1, 1, 1)],
            "point": [{"x": 1, "y": [0.5]}] * 3,
        },
        schema_overrides={"at": pl.Datetime("us", "UTC")},
    )
    back = stored(store, frame).to_polars()
    assert back.schema == frame.schema
    assert back.equals(frame)


def test_times_finer_than_microseconds_come_back(store: ArtifactStore) -> None:
    frame = pd.DataFrame(
        {
            "at": pd.to_datetime(
                ["2026-11-24T08:30:00.123456789Z", None, "1950-01-01T00:00:00.000000001Z"]
            )
        }
    )
    artifact = stored(store, frame)
    assert_frame_equal(artifact.to_pandas(), frame)
    assert artifact.to_polars().schema == {"at": pl.Datetime("ns", "UTC")}
    assert artifact.to_polars()["at"].dt.epoch("ns").to_list() == [
        1795509000123456789,
        None,
        -631151999999999999,
    ]


def test_an_empty_table_keeps_its_columns_by_its_profile(store: ArtifactStore) -> None:
    artifact = stored(
        store, pd.DataFrame({"b": [], "a": []}), profile=profile_table([], columns=["b", "a"])
    )
    assert list(artifact.to_pandas().columns) == artifact.to_polars().columns == ["b", "a"]
    assert artifact.to_pandas().shape == artifact.to_polars().shape == (0, 2)
    assert stored(store, []).to_pandas().shape == stored(store, []).to_polars().shape == (0, 0)


def test_columns_come_in_the_order_of_their_first_appearance(store: ArtifactStore) -> None:
    artifact = stored(store, [{"b": 1}, {"a": 2, "b": 3}])
    assert artifact.to_pandas().columns.tolist() == artifact.to_polars().columns == ["b", "a"]
    assert artifact.to_polars().rows() == [(1, None), (3, 2)]


@pytest.mark.parametrize(
    "data",
    [
        [{"city": "Oslo", "wind": 3}, {"city": "Rome", "wind": 5}],
        {"city": ["Oslo", "Rome"], "wind": [3, 5]},
        '[{"city": "Oslo", "wind": 3}, {"city": "Rome", "wind": 5}]',
        '{"city": ["Oslo", "Rome"], "wind": [3, 5]}',
    ],
)
def test_each_form_of_a_table_comes_back(store: ArtifactStore, data: Any) -> None:
    artifact = stored(store, data)
    assert artifact.rows() == [{"city": "Oslo", "wind": 3}, {"city": "Rome", "wind": 5}]
    assert artifact.to_pandas().to_dict("list") == artifact.to_polars().to_dict(as_series=False)


FORMS = [
    [" ", "x"],
    ["", "x"],
    ["x", "x"],
    ["x", "y"],
    ["x", None],
    [1, 2],
    ["x"],
    ["x", "y", "z"],
    [],
]


@pytest.mark.parametrize("first", FORMS, ids=repr)
@pytest.mark.parametrize("rest", [[], [["a", "b"]], [["a"]], [["a", "b"], []]], ids=repr)
def test_a_list_of_lists_is_published_and_read_by_one_rule(
    store: ArtifactStore, first: Any, rest: Any
) -> None:
    data = [first, *rest]
    stored_as_it_comes = store.create_artifact(type="table", data=data)
    assert stored_as_it_comes.data == data
    try:
        published = store.create_table_artifact(data).rows()
    except InvalidArtifact as error:
        sentence = str(error).removeprefix("table")
        with pytest.raises(InvalidArtifact) as caught:
            stored_as_it_comes.rows()
        assert str(caught.value).removeprefix(str(stored_as_it_comes.id)) == sentence
        assert "make them equal" in sentence
    else:
        assert stored_as_it_comes.rows() == published


def test_a_column_of_another_length_is_refused_when_it_is_read_too(store: ArtifactStore) -> None:
    artifact = store.create_artifact(
        key="wind", type="table", data={"city": ["Oslo", "Rome"], "wind": [3]}
    )
    with pytest.raises(
        InvalidArtifact,
        match=r"^wind@1: column 'wind' has 1 cell and 'city' has 2: make them equal",
    ):
        artifact.rows()


@pytest.mark.parametrize("publish", ["create_table_artifact", "create_artifact", "update_artifact"])
def test_a_list_of_series_keeps_its_names(store: ArtifactStore, publish: str) -> None:
    def rows(data: Any) -> list[dict[str, Any]]:
        if publish == "create_table_artifact":
            return store.create_table_artifact(data).rows()
        if publish == "create_artifact":
            return store.create_artifact(type="table", data=data).rows()
        made = store.create_artifact(type="table", data=[])
        assert store.update_artifact(made.id, type="table", data=data)
        return (store.read_artifact(made.id) or made).rows()

    frame = pd.DataFrame({"city": ["Oslo", "Rome"], "zone": ["north", "south"]})
    wanted = [{"city": "Oslo", "zone": "north"}, {"city": "Rome", "zone": "south"}]
    assert rows([row for _, row in frame.iterrows()]) == wanted
    assert rows([frame.iloc[1], frame.iloc[0]]) == wanted[::-1]
    assert rows(list(frame.itertuples(index=False, name="City"))) == wanted
    assert rows(pl.DataFrame(frame.to_dict("list")).get_columns()) == wanted
    assert rows([row for _, row in frame.set_index("city").iterrows()]) == [
        {"index": "Oslo", "zone": "north"},
        {"index": "Rome", "zone": "south"},
    ], "the label of a row is kept"
    assert rows([pd.Series({"a": 1}), pd.Series({"b": "x", "a": None})]) == [
        {"a": 1},
        {"b": "x", "a": None},
    ]
    assert rows([pl.Series([1, 2]), pl.Series(["x", None])]) == [
        {"0": 1, "1": "x"},
        {"0": 2, "1": None},
    ]
    assert rows([pd.Series({"index": 1}, name="x")]) == [{"level_0": "x", "index": 1}]


def test_a_list_of_series_with_one_name_twice_is_refused(store: ArtifactStore) -> None:
    twice = [pd.Series([1, 2], index=["a", "a"])]
    with pytest.raises(
        InvalidArtifact, match=r"^data has two keys that both become 'a': rename one"
    ):
        store.create_artifact(type="table", data=twice)
    with pytest.raises(
        InvalidArtifact, match=r"^table has two keys that both become 'a': rename one"
    ):
        store.create_table_artifact(twice)
    with pytest.raises(InvalidArtifact, match="two keys that both become 'x'"):
        store.create_table_artifact([pl.Series("x", [1]), pl.Series("x", [2])])


def test_what_no_frame_has_a_type_for(store: ArtifactStore) -> None:
    columns = {
        "mixed": [1, "a", None],
        "huge": [2**64, 1, None],
        "nested": [{"a": 1}, {"b": [1]}, None],
        "no": [None] * 3,
    }
    artifact = stored(store, columns)
    back = artifact.to_pandas()
    assert back.astype(object).to_dict("list") == columns
    assert set(back.dtypes) == {np.dtype(object)}
    assert artifact.to_polars().schema == {
        "mixed": pl.String,
        "huge": pl.String,
        "nested": pl.String,
        "no": pl.Null,
    }
    assert artifact.to_polars()["nested"].to_list() == ['{"a":1}', '{"b":[1]}', None]


@given(ROWS)
@example([{"a": [2**53 + 1, 0.0]}])
@example([{"a": {"b": 2**53 + 1}}, {"a": {"b": 0.5}}])
@settings(max_examples=50, deadline=None)
def test_no_rows_break_a_frame(rows: list[dict[str, Any]]) -> None:
    names = column_names(rows)
    pandas, polars = to_pandas(rows, names), to_polars(rows, names)
    assert list(pandas.columns) == polars.columns == names
    assert len(pandas) == len(rows)
    for column in profile_table(rows)["columns"]:
        name, values = column["name"], [row.get(column["name"]) for row in rows]
        assert pandas[name].isna().sum() == polars[name].null_count() == column["nulls"]
        if column["type"] in ("text", "boolean"):
            assert polars[name].to_list() == values
            assert [None if pd.isna(value) else value for value in pandas[name]] == values
        elif column["type"] == "integer" and polars[name].dtype == pl.Int64:
            assert (
                polars[name].to_list()
                == [None if pd.isna(value) else int(value) for value in pandas[name]]
                == values
            )
        elif column["type"] == "mixed":
            assert [None if text is None else json.loads(text) for text in polars[name]] == values
        elif column["type"] == "json" and polars[name].dtype != pl.String:
            assert polars[name].to_list() == values


def test_what_is_no_table_says_so(store: ArtifactStore) -> None:
    note = store.create_artifact(key="note", type="markdown", data="[]")
    untyped = store.create_artifact(data="text")
    number = store.create_artifact(key="load", type="progress", data=12)
    empty = store.create_artifact(key="empty", type="table")
    for artifact, message in [
        (note, "note@1 is text, not a table: its type is markdown."),
        (untyped, f"{untyped.id} is text, not a table: its type is not set."),
        (
            number,
            "load@1 is a number, not a table: a table is a list of objects, a list of lists, or an object of lists.",
        ),
        (empty, "empty@1 has no rows: it has no data, or was read without it."),
    ]:
        for method in (artifact.rows, artifact.to_pandas, artifact.to_polars):
            with pytest.raises(InvalidArtifact) as caught:
                method()
            assert str(caught.value) == message


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with ArtifactStore("sqlite:///:memory:") as store:
        table = store.create_artifact(type="table", data=[{"a": 1}])
        listed = store.read_artifacts()
    for value in (table, listed):
        with pytest.raises(
            ArtifactStoreError, match=rf"^{library} is not installed: pip install {library}\.$"
        ):
            getattr(value, f"to_{library}")()


def test_a_list_becomes_a_frame_of_artifacts(store: ArtifactStore) -> None:
    run = store.create_flow_run(store.create_flow("etl").id)
    first = store.create_artifact(key="loss", data=0.5, metadata={"epoch": 1}, flow_run_id=run.id)
    second = store.create_artifact(type="markdown", description="Done", data={"a": [1]})
    listed = store.read_artifacts()
    names = "id key version type description metadata flow_run_id task_run_id created updated data".split()
    pandas, polars = listed.to_pandas(), listed.to_polars()
    assert list(pandas.columns) == polars.columns == names
    assert pandas["id"].tolist() == polars["id"].to_list() == [str(second.id), str(first.id)]
    assert pandas["data"].tolist() == [{"a": [1]}, 0.5]
    assert polars["data"].to_list() == ['{"a":[1]}', "0.5"]
    assert polars["metadata"].to_list() == [None, '{"epoch":1}']
    assert (
        pandas["created"].tolist() == polars["created"].to_list() == [second.created, first.created]
    )
    assert polars["flow_run_id"].to_list() == [None, str(run.id)]
    assert pandas["version"].dtype == "Int64"


def test_lists_have_the_same_types_whatever_they_hold(store: ArtifactStore) -> None:
    nothing = store.read_artifacts().to_polars()
    store.create_artifact(data=1)
    nameless = store.read_artifacts().to_polars()
    store.create_artifact(key="a", type="t", data="x", metadata={"b": 1})
    assert nothing.schema == nameless.schema == store.read_latest_artifacts().to_polars().schema
    assert pl.concat([nothing, nameless]).height == 1


def test_a_large_table_is_quick(store: ArtifactStore) -> None:
    frame = pl.DataFrame({f"c{n}": range(1000) for n in range(60)})
    assert stored(store, frame).to_polars().equals(frame)


def test_a_frame_that_is_published_in_one_line_comes_back(store: ArtifactStore) -> None:
    frame = pd.DataFrame(FRAME).astype(
        {"few": "Int64", "maybe": "boolean", "at": "datetime64[us, UTC]"}
    )
    assert_frame_equal(store.create_table_artifact(frame, key="t").to_pandas(), frame)
    assert_frame_equal(
        store.create_table_artifact(frame, key="t", profile=False).to_pandas(), frame
    )
    empty = store.create_table_artifact(frame[:0], key="t")
    assert empty.data == []
    assert list(empty.to_pandas().columns) == empty.to_polars().columns == list(FRAME)
    assert store.read_surroundings(empty).changes[-1] == "3 rows removed"
    totals = store.create_table_artifact(
        pl.DataFrame(FRAME).group_by("open", maintain_order=True).len()
    )
    assert totals.to_polars().equals(pl.DataFrame({"open": [True, False], "len": [2, 1]}))


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        (pd.DataFrame(index=["a", "b"]), [{"index": "a"}, {"index": "b"}]),
        (
            pd.DataFrame({"p": pd.period_range("2026-01", periods=2, freq="M")}),
            [{"p": "2026-01"}, {"p": "2026-02"}],
        ),
        (pd.DataFrame({"p": pd.cut([1, 5], [0, 3, 6])}), [{"p": "(0, 3]"}, {"p": "(3, 6]"}]),
        (
            pd.DataFrame([[1]], columns=pd.period_range("2026-01", periods=1, freq="M")),
            [{"2026-01": 1}],
        ),
        (pd.DataFrame({"c": pd.Categorical([1, None])}), [{"c": 1}, {"c": None}]),
        (pd.DataFrame({"f": pd.array([1.5, None], dtype="Float64")}), [{"f": 1.5}, {"f": None}]),
        (pd.DataFrame({"d": [Decimal("1.10"), None]}), [{"d": "1.10"}, {"d": None}]),
        (pd.DataFrame({"d": pd.arrays.SparseArray([0, 1])}), [{"d": 0}, {"d": 1}]),
        (
            pd.DataFrame(
                {"x": [1]}, index=pd.MultiIndex.from_tuples([("a", 1)], names=["k", None])
            ),
            [{"k": "a", "level_1": 1, "x": 1}],
        ),
        (
            pd.DataFrame(
                {"a": [1]}, index=pd.DatetimeIndex(["2026-01-01"], tz="Europe/Oslo", name="t")
            ),
            [{"t": "2026-01-01T00:00:00+01:00", "a": 1}],
        ),
        (pl.DataFrame({"a": [2**64 - 1]}, schema={"a": pl.UInt64}), [{"a": 2**64 - 1}]),
        (pl.DataFrame({"a": [{"b": [{"c": 1}]}]}), [{"a": {"b": [{"c": 1}]}}]),
        (pl.Series([1, 2]), [{"0": 1}, {"0": 2}]),
        (pd.Series([1, 2]), [{"0": 1}, {"0": 2}]),
        (np.array([(1, "a")], dtype=[("x", int), ("y", "U1")]), [{"x": 1, "y": "a"}]),
        (np.ma.array([[1, 2]], mask=[[0, 1]]), [{"0": 1, "1": None}]),
    ],
    ids=repr,
)
def test_odd_frames_are_the_rows_that_one_expects(
    store: ArtifactStore, table: Any, rows: Any
) -> None:
    made = store.create_table_artifact(table)
    assert made.rows() == rows
    assert list(made.to_pandas().columns) == made.to_polars().columns == list(rows[0])


def test_series_of_other_rows_are_no_columns_of_one_table(store: ArtifactStore) -> None:
    one, other = pd.Series([1, 2]), pd.Series([3, 4, 5])[1:]
    with pytest.raises(
        InvalidArtifact,
        match=r"^table: columns 'a' and 'b' are series with different indexes: make a",
    ):
        store.create_table_artifact({"a": one, "x": [0, 0], "b": other})
    aligned = store.create_table_artifact({"a": one, "b": other.reset_index(drop=True)})
    assert aligned.rows() == [{"a": 1, "b": 4}, {"a": 2, "b": 5}]
