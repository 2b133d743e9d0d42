"""The contract of `artifact_store.jsonable.normalize`: what data and metadata say, and what they refuse."""

import collections
import datetime as dt
import itertools
import math
import pathlib
import subprocess
import sys
import types
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import uuid_utils
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AnyUrl,
    BaseModel,
    Field,
    PostgresDsn,
    RootModel,
    computed_field,
    field_serializer,
)
from pydantic_core import from_json

from artifact_store.errors import InvalidArtifact
from artifact_store.jsonable import normalize
from artifact_store.jsonable.normalize import (
    dump_json,
    normalize_data,
    normalize_metadata,
)
from tests.helpers.values import (
    Agreeable,
    AgreeableBytes,
    AgreeableDict,
    Code,
    Color,
    Endless,
    Level,
    Model,
    Pair,
    Pairs,
    Point,
    Text,
    Word,
    is_plain,
    moved,
    same,
)

UTC = dt.UTC
ID = uuid.UUID("12345678-1234-5678-1234-567812345678")


ALIKE = [
    "text", "\0", "𝄞", "", 0, 1, True, False, None, 1.0, 0.0, -0.0, 1e-320, 1e300, 1e16, 10**30, -(10**30), 2**63,
    10**4300 - 1, 1 - 10**4299, [], {}, [[]], {"": {}}, {"b": 1, "a": [True, 1, 1.0]}, {"a b": "[{" * 200},
]  # fmt: skip

SAID: list[tuple[Any, Any]] = [
    (float("nan"), None), ([math.inf, -math.inf], [None, None]),
    (dt.datetime(2024, 5, 1, 12, 30, tzinfo=UTC), "2024-05-01T12:30:00+00:00"), (dt.date(2024, 5, 1), "2024-05-01"),
    (dt.time(12, 30), "12:30:00"), (dt.timedelta(days=400, hours=2, microseconds=5), "P1Y35DT2H0.000005S"),
    (dt.timedelta(seconds=-1), "-PT1S"), (ID, str(ID)), (uuid_utils.UUID(str(ID)), str(ID)),
    (Decimal("1.50"), "1.50"), (Decimal("1E+3"), "1E+3"), (Decimal("NaN"), None), (Decimal("-Infinity"), None),
    (Color.RED, "red"), (Color.WHEN, "2024-05-01"), (Color.PAIR, [1, 2]), (Level.LOW, 1), (Word.A, "a"),
    (Code.OK, "TEXT"), (Text("ü"), "ü"), (Point(1, (2,)), {"x": 1, "y": [2]}), (Pair(1, 2), [1, 2]),
    (Model(b={1}, a=dt.date(2024, 5, 1), z=2), {"b": [1], "a": "2024-05-01", "z": 2}),
    (RootModel[tuple[int, ...]]((1, 2)), [1, 2]), (RootModel[dict[str, int]]({"a": 1}), {"a": 1}),
    ({3, 1, 2}, [1, 2, 3]), (frozenset({2.5, 1}), [1, 2.5]), ({"b", 1, None, ("a",)}, ["b", 1, ["a"], None]),
    ({frozenset({1, "x"}), frozenset({"x", 2})}, [["x", 1], ["x", 2]]), ({Color.RED, 1}, ["red", 1]),
    (b"\xfb\xff", "+/8="), (bytearray(b"hi"), "aGk="), (memoryview(b"h-i-")[::2], "aGk="),
    (AgreeableBytes(b"hi"), "aGk="),
    (pathlib.PurePosixPath("/a/b"), "/a/b"), (types.MappingProxyType({"a": 1}), {"a": 1}), (Pairs(("a", 1)), {"a": 1}),
    (collections.Counter("aab"), {"a": 2, "b": 1}), (collections.defaultdict(list, a=[1]), {"a": [1]}),
    (moved(), {"b": 2, "a": 1}), (AgreeableDict(a=1), {"said": 1}),
    ({1: "a", Level.LOW + 1: "b"}, {"1": "a", "2": "b"}),
    ({ID: 1, uuid_utils.UUID(int=1): 2}, {str(ID): 1, str(uuid.UUID(int=1)): 2}),
    ({dt.date(2024, 5, 1): 1, dt.datetime(2024, 5, 1): 2}, {"2024-05-01": 1, "2024-05-01T00:00:00": 2}),
    ({Color.RED: 1, Color.WHEN: 2, Level.LOW: 3, Text("k"): 4}, {"red": 1, "2024-05-01": 2, "1": 3, "k": 4}),
    ({np.int64(7): 1, np.str_("s"): 2, np.datetime64("2024-05-01T00:00:00.000000001"): 3,
      np.datetime64("2024-05-01"): 4, pd.Timestamp("2024-05-02"): 5},
     {"7": 1, "s": 2, "2024-05-01T00:00:00.000000001": 3, "2024-05-01": 4, "2024-05-02T00:00:00": 5}),
]  # fmt: skip

NUMPY: list[tuple[Any, Any]] = [
    (np.float32(0.5), 0.5), (np.float64("nan"), None), (np.float16("inf"), None), (np.int64(-3), -3),
    (np.uint64(2**64 - 1), 2**64 - 1), (np.bool_(True), True), (np.str_("a"), "a"), (np.bytes_(b"hi"), "aGk="),
    (np.datetime64("2024-05-01"), "2024-05-01"), (np.datetime64("2024-05-01T10:00:00", "s"), "2024-05-01T10:00:00"),
    (np.datetime64("2024-05-01T10:00:00.5", "ns"), "2024-05-01T10:00:00.500000"),
    (np.datetime64("2024-05-01T10:00:00", "ns"), "2024-05-01T10:00:00"),
    (np.datetime64("2024-05-01T10:00:00.123456789", "ns"), "2024-05-01T10:00:00.123456789"),
    (np.datetime64("1970-01-01T00:00:00.0000000001", "ps"), "1970-01-01T00:00:00.000000000100"),
    (np.datetime64("12024-05-01", "D"), "12024-05-01"), (np.datetime64("NaT", "D"), None),
    (np.timedelta64("NaT", "s"), None),
    (np.array("NaT", "M8[s]").view("M8")[()], None), (np.array("NaT", "m8[s]").view("m8")[()], None),  # without a unit
    (np.timedelta64(90, "m"), "PT1H30M"), (np.timedelta64(1_500_000_000, "ns"), "PT1.5S"),
    (np.timedelta64(-1_500_000_001, "ns"), "-PT1.500000001S"), (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    (np.array(5), 5), (np.array([1.5, math.nan]), [1.5, None]), (np.array(["a"]), ["a"]), (np.array([b"hi"]), ["aGk="]),
    (np.array([{1}, ID, None], dtype=object), [[1], str(ID), None]), (np.zeros((2, 0)), [[], []]),
    (np.array(["2024-05-01T00:00:00.000000001", "NaT"], dtype="M8[ns]"), ["2024-05-01T00:00:00.000000001", None]),
    (np.array("2024-05-01", dtype="M8[D]"), "2024-05-01"), (np.array([[1]], dtype="m8[s]"), [["PT1S"]]),
    (np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]), [{"a": 1, "b": 2.5}]), (np.void(b"hi"), "aGk="),
    (np.ma.masked_array([1, 2], [False, True]), [1, None]),
]  # fmt: skip

WHEN = pd.Timestamp("2024-05-01T00:00:00.000000001", tz="UTC")
MIXED = {"b": [1, pd.NA], "a": [WHEN, pd.NaT], 7: [math.nan, None]}
PANDAS = [
    (pd.DataFrame({"b": [1, 2], "a": ["x", None]}, index=[5, 6]), [{"b": 1, "a": "x"}, {"b": 2, "a": None}]),
    (pd.DataFrame(MIXED),
     [{"b": 1, "a": "2024-05-01T00:00:00.000000001+00:00", "7": None}, {"b": None, "a": None, "7": None}]),
    (pd.DataFrame(index=range(2)), [{}, {}]), (pd.DataFrame({"a": []}), []), (pd.DataFrame(), []),
    (pd.Series([1, None], dtype="Int64"), [1, None]), (pd.Series(["x"], dtype="category"), ["x"]),
    (pd.Series([1.5, math.inf]), [1.5, None]), (pd.Index(["a", "b"]), ["a", "b"]),
    (pd.date_range("2024-05-01", periods=1), ["2024-05-01T00:00:00"]),
    (pd.MultiIndex.from_tuples([("a", 1)]), [["a", 1]]), (pd.NaT, None), (pd.NA, None),
    (pd.Series([pd.Timedelta(1, "ns"), pd.NaT]), ["PT0.000000001S", None]), (pd.Timedelta(days=-1), "-P1D"),
]  # fmt: skip

BEFORE_1970 = -999_999_999
POLARS = [
    (pl.DataFrame({"b": [1, None], "a": ["x", "y"]}), [{"b": 1, "a": "x"}, {"b": None, "a": "y"}]),
    (pl.DataFrame(), []), (pl.DataFrame({"a": []}), []), (pl.Series([1.5, math.nan, None]), [1.5, None, None]),
    (pl.Series([Decimal("1.50")]), ["1.50"]), (pl.Series([b"hi"]), ["aGk="]), (pl.Series([[1], None]), [[1], None]),
    (pl.Series([[1, 2]], dtype=pl.Array(pl.Int8, 2)), [[1, 2]]), (pl.Series(["x"], dtype=pl.Categorical), ["x"]),
    (pl.Series([{"a": 1, "b": [1]}, None]), [{"a": 1, "b": [1]}, None]),
    (pl.Series([dt.datetime(2024, 5, 1)]), ["2024-05-01T00:00:00"]), (pl.Series([dt.date(2024, 5, 1)]), ["2024-05-01"]),
    (pl.Series([1, 1000, None, BEFORE_1970], dtype=pl.Datetime("ns")),
     ["1970-01-01T00:00:00.000000001", "1970-01-01T00:00:00.000001", None, "1969-12-31T23:59:59.000000001"]),
    (pl.Series([1], dtype=pl.Datetime("ns", "UTC")), ["1970-01-01T00:00:00.000000001+00:00"]),
    (pl.Series([dt.time(1, 2), None]), ["01:02:00", None]), (pl.Series([1]).cast(pl.Time), ["00:00:00.000000001"]),
    (pl.Series([1, None, 10**9], dtype=pl.Duration("ns")), ["PT0.000000001S", None, "PT1S"]),
    (pl.Series([dt.timedelta(hours=1)]), ["PT1H"]),
    (pl.Series([[{"t": 1}]], dtype=pl.List(pl.Struct({"t": pl.Datetime("ns")}))),
     [[{"t": "1970-01-01T00:00:00.000000001"}]]),
]  # fmt: skip


def generator() -> Iterator[int]:
    yield from itertools.count()


async def coroutine() -> None:
    """Never run."""


REFUSED = [
    (object(), "data is an object, which JSON cannot represent"), (len, "data is a builtin_function_or_method"),
    (generator(), "data is a generator"), (1j, "data is a complex"), (sys.stdout, "data is a "),
    (Point, "data is a type"),
    (range(3), "data is a range"), (..., "data is an ellipsis"),
    (Agreeable(), f"data is a {Agreeable.__module__}.Agreeable"),
    (np.longdouble(1), "data is a numpy.longdouble"), (np.complex128(1), "data is a complex"),
    (np.timedelta64(1, "M"), "data is a timedelta64[M] that no timedelta holds"),
    (pl.DataFrame({"a": [1]}).lazy(), "call .collect()"),
    (pd.DataFrame([[1, 2]], columns=["a", "a"]), "both become 'a'"),
    (pd.DataFrame([[1, 2]], columns=[1, "1"]), "both become '1'"),
    (pd.DataFrame([[1]], columns=[1.5]), "key of type float"),
    (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), "key of type tuple"),
    (pd.DataFrame({"a": [1, 2j]}), "data[0].a is a complex"),
    ({True: 1}, "data has a key of type bool"), ({1.5: 1}, "key of type float"), ({None: 1}, "key of type NoneType"),
    ({(1, 2): 1}, "key of type tuple"), ({b"a": 1}, "key of type bytes"),
    ({np.bool_(True): 1}, "key of type numpy.bool"),
    ({np.timedelta64(1, "ns"): 1}, "key of type numpy.timedelta64"), ({pd.NaT: 1}, "data has a key of type pandas."),
    ({np.datetime64("NaT", "D"): 1}, "key of type numpy.datetime64"),
    ({Color.PAIR: 1}, f"key of type {Color.__module__}.Color"),
    ({Endless.A: 1}, f"key of type {Endless.__module__}.Endless"), (Endless.A, "data nests deeper"),
    ({1: 1, "1": 2}, "data has two keys that both become '1'"), (Pairs(("a", 1),
    ("a", 2)), "data has the same key twice"),
    ("\ud800", "data holds a lone surrogate (U+D800) at index 0"), (["\udfff"], "data[0] holds a lone surrogate"),
    ({"\ud83d\ude00": 1}, "data holds a lone surrogate"), (10**4300, "data is an integer of more than 4,300 digits"),
    ({"a": -(10**4299)}, "data.a is an integer of more"), ({10**4300: 1}, "data is an integer of more"),
    ({"rows": [0, 0, 0, {"x": 1j}]}, "data.rows[3].x is a complex"), ({"a b": 1j}, 'data["a b"] is a complex'),
    ({"0": {"é": [(1j,)]}}, 'data["0"].é[0][0] is a complex'), (Point({"z": object()}), "data.x.z is an object"),
    ([next], "data[0] is a builtin"), ({"k": {1: {2, 1j}}}, 'data.k["1"]['),
]  # fmt: skip


@pytest.mark.parametrize(
    "value", ALIKE, ids=lambda value: repr(value)[:30] if type(value) is not int else None
)
def test_plain_json_is_itself(value: Any) -> None:
    assert same(normalize_data(value), value)
    assert same(normalize_data((value,)), [value])
    assert same(from_json(dump_json(value)), value)


@pytest.mark.parametrize(("value", "said"), SAID + NUMPY + PANDAS + POLARS, ids=lambda _: "")
def test_what_jobs_hand_over(value: Any, said: Any) -> None:
    found = normalize_data(value)
    assert same(found, said), found
    assert same(normalize_data({"in": [value]}), {"in": [said]})
    assert same(normalize_data(found), found)


@pytest.mark.parametrize(("value", "message"), REFUSED, ids=lambda _: "")
def test_what_json_cannot_say(value: Any, message: str) -> None:
    with pytest.raises(InvalidArtifact) as caught:
        normalize_data(value)
    assert message in str(caught.value)
    assert str(caught.value).startswith("data")
    with pytest.raises(InvalidArtifact, match=r"^here\.deep"):
        normalize_data({"deep": value}, "here")


def test_nothing_is_shared_with_the_input() -> None:
    inner = [1]
    for value in ([inner, inner], (inner, inner)):
        found = normalize_data(value)
        found[0].append(2)
        inner.append(3)
        assert found[1] == [1]
        inner.pop()


def test_a_generator_is_not_consumed() -> None:
    items = iter([1, 2, 3])
    endless = generator()
    for value in (items, endless, [endless]):
        with pytest.raises(InvalidArtifact):
            normalize_data(value)
    assert list(items) == [1, 2, 3]
    assert next(endless) == 0


def test_the_cause_is_chained() -> None:
    class Broken(BaseModel):
        @computed_field  # type: ignore[prop-decorator]
        @property
        def age(self) -> int:
            raise AttributeError("no birthday")

    with pytest.raises(
        InvalidArtifact, match=r"data\[0\] cannot be read, its own code raised AttributeError"
    ) as caught:
        normalize_data([Broken()])
    assert isinstance(caught.value.__cause__, AttributeError)


def test_cached_properties_are_no_fields() -> None:
    model = Model(b=1, a=dt.date(2024, 5, 1))
    assert model.cached == 1
    assert normalize_data(model) == {"b": 1, "a": "2024-05-01"}


def test_sets_that_do_not_sort_have_one_order() -> None:
    members = [frozenset({name, number}) for name in "ab" for number in range(4)] + [
        "z",
        1.5,
        None,
        math.nan,
    ]
    orders = {
        dump_json(normalize_data(set(order)))
        for order in (members, members[::-1], members[5:] + members[:5])
    }
    assert len(orders) == 1


def test_no_library_is_imported() -> None:
    code = "import sys, artifact_store.jsonable.normalize; print({'numpy', 'pandas', 'polars'} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
        == "set()\n"
    )


PLAIN_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
PLAIN = st.recursive(
    PLAIN_SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
SCALARS = st.one_of(
    PLAIN_SCALARS, st.floats(), st.binary(), st.decimals(allow_nan=False), st.uuids()
)
RICH = st.recursive(
    SCALARS
    | st.decimals()
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.timedeltas()
    | st.sampled_from(Color),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.dates() | st.uuids(), inner)
        | st.tuples(inner, inner)
        | st.builds(Point, inner, inner)
        | st.sets(SCALARS)
    ),
)


@given(PLAIN)
def test_the_proof_and_the_walk_agree(value: Any) -> None:
    assert same(normalize_data(value), value)
    assert same(normalize.walk(value, "data"), value)


@given(RICH)
def test_what_is_said_reads_back_the_same(value: Any) -> None:
    found = normalize_data(value)
    assert same(from_json(dump_json(found)), found)
    assert same(normalize_data(found), found)


@given(st.timedeltas())
def test_durations_are_pydantics(value: dt.timedelta) -> None:
    assert normalize_data(value) == from_json(dump_json(value))


@given(
    st.lists(
        st.sampled_from(
            [1, True, 1.0, 0, False, -0.0, 0.0, "1", Level.LOW, np.int64(1), np.float64(1)]
        )
    )
)
def test_equal_values_keep_their_types(value: list[Any]) -> None:
    said = [item if is_plain(item) else 1.0 if isinstance(item, float) else 1 for item in value]
    assert same(normalize_data(value), said)
    assert same(
        list(normalize_metadata({str(place): item for place, item in enumerate(value)}).values()),
        said,
    )


def test_json_text_is_compact_and_readable() -> None:
    assert dump_json({"a": [1, 1.5, "ü𝄞\0"]}) == '{"a":[1,1.5,"ü𝄞\\u0000"]}'
    assert dump_json([1.0, float("nan"), float("inf")]) == "[1.0,null,null]"


def test_nested_frozensets_take_no_longer_than_lists() -> None:
    value: Any = 1
    for _ in range(100):
        value = frozenset([value])
    plain = normalize_data({"deep": value})["deep"]
    for _ in range(100):
        (plain,) = plain
    assert plain == 1


def test_a_model_says_what_it_publishes() -> None:
    class Login(BaseModel):
        name: str
        password: str = Field(exclude=True)
        home: AnyUrl = AnyUrl("https://example.org/me")
        database: PostgresDsn = PostgresDsn("postgresql://h/d")
        seen: set[int] = {3, 1}

        @computed_field  # type: ignore[prop-decorator]
        @property
        def initial(self) -> str:
            return self.name[0]

        @field_serializer("name")
        def upper(self, name: str) -> str:
            return name.upper()

    said = normalize_data([Login(name="ada", password="secret")])
    assert said == [
        {
            "name": "ADA",
            "home": "https://example.org/me",
            "database": "postgresql://h/d",
            "seen": [1, 3],
            "initial": "a",
        }
    ]
