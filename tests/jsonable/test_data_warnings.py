"""A value that is stored as something else is told of, once for each line, and keys are made of any text."""

import math
import subprocess
import sys
import warnings
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifact_store import (
    ArtifactCreate,
    ArtifactDataWarning,
    ArtifactStore,
    InvalidArtifact,
    as_key,
    create_table_artifact,
    set_default_store,
    table_payload,
)
from artifact_store.schemas.artifacts import is_key

NULL = "data holds NaN or an infinity, which is stored as null: pass None to say so, or its text to keep it."
BASE64 = "data holds bytes, which are stored as base64 text: decode them if they are text."


@dataclass
class Loss:
    value: float


def told(caught: list[warnings.WarningMessage]) -> list[str]:
    assert all(
        each.category is ArtifactDataWarning and each.filename == __file__ for each in caught
    )
    return [str(each.message) for each in caught]


@pytest.mark.parametrize(
    ("data", "stored", "sentences"),
    [
        (math.nan, None, [NULL]),
        ({"a": [1, {"b": -math.inf}]}, {"a": [1, {"b": None}]}, [NULL]),
        ([math.nan] * 3, [None] * 3, [NULL]),
        (Decimal("NaN"), None, [NULL]),
        (np.float32("inf"), None, [NULL]),
        (np.array([1.5, math.nan]), [1.5, None], [NULL]),
        (pl.DataFrame({"a": [math.nan, None]}), [{"a": None}] * 2, [NULL]),
        (pd.DataFrame({"a": [math.inf, math.nan]}), [{"a": None}] * 2, [NULL]),
        (Loss(math.nan), {"value": None}, [NULL]),
        (b"hi", "aGk=", [BASE64]),
        ([bytearray(b"hi"), memoryview(b"hi"), np.bytes_(b"hi")], ["aGk="] * 3, [BASE64]),
        ({"a": math.nan, "b": b"hi"}, {"a": None, "b": "aGk="}, [NULL, BASE64]),
        # What says the same in JSON is not told of.
        (None, None, []),
        ([1, 2.5, "text", None, True], [1, 2.5, "text", None, True], []),
        ((1, {2}, Path("a/b"), Decimal("9.90")), [1, [2], "a/b", "9.90"], []),
        ([pd.NA, pd.NaT, np.datetime64("NaT", "s")], [None] * 3, []),
        (
            pd.DataFrame({"a": [1.5, math.nan], "b": ["x", None]}),
            [{"a": 1.5, "b": "x"}, {"a": None, "b": None}],
            [],
        ),
        (pd.Series([1.5, math.nan]), [1.5, None], []),
        ([pd.Series({"a": 1.5, "b": math.nan})], [[1.5, None]], []),
    ],
)
def test_a_value_that_becomes_something_else_is_told_of(
    data: Any, stored: Any, sentences: list[str]
) -> None:
    with (
        ArtifactStore("sqlite:///:memory:") as store,
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        made = store.create_artifact(data=data)
        assert (made.data, told(caught)) == (stored, sentences)
        caught.clear()
        assert store.update_artifact(made.id, data=data)
        assert told(caught) == sentences
        caught.clear()
        assert store.create_artifacts([ArtifactCreate(data=data)])[0].data == stored
        assert told(caught) == sentences


def test_a_table_and_metadata_are_told_of_by_their_names() -> None:
    with (
        ArtifactStore("sqlite:///:memory:") as store,
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        before = set_default_store(store)
        try:
            assert create_table_artifact([{"a": math.inf}]).data == [{"a": None}]
        finally:
            set_default_store(before)
        table_payload(pd.DataFrame({"a": [math.nan]}))
        assert store.create_artifact(metadata={"loss": math.nan, "n": None}).metadata == {
            "loss": None,
            "n": None,
        }
        assert told(caught) == [NULL.replace("data", "table"), NULL.replace("data", "metadata")]


def test_bytes_in_metadata_are_told_of() -> None:
    with (
        ArtifactStore("sqlite:///:memory:") as store,
        pytest.warns(ArtifactDataWarning, match="metadata holds bytes"),
    ):
        assert store.create_artifact(metadata={"d": b"x"}).metadata == {"d": "eA=="}


def test_each_line_is_told_of_once() -> None:
    script = """
import artifact_store, math
with artifact_store.ArtifactStore("sqlite:///:memory:") as store:
    for number in range(50):
        store.create_artifact(data={"step": number, f"loss {number}": math.nan})
    store.create_artifact(data=[math.nan])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert [line.partition(": ")[0] for line in done.stderr.splitlines()] == [
        "<string>:5",
        "<string>:6",
    ]
    assert NULL in done.stderr


def test_a_warning_may_be_made_an_error_and_then_nothing_is_stored() -> None:
    with ArtifactStore("sqlite:///:memory:") as store, warnings.catch_warnings():
        warnings.simplefilter("error", ArtifactDataWarning)
        with pytest.raises(ArtifactDataWarning, match="data holds NaN"):
            store.create_artifact(data=math.nan)
        assert store.count_artifacts() == 0


# Keys


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("sales/2026-11", "sales/2026-11"),
        ("amber otter", "amber-otter"),
        ("rep/amber  otter!", "rep/amber-otter"),
        ("  .hidden/ ", "hidden"),
        ("Café", "Cafe"),
        ("a@3:b", "a-3-b"),
        ("a\n", "a"),
        ("ﬁne", "fine"),
    ],
)
def test_the_key_of_a_text(text: str, key: str) -> None:
    assert as_key(text) == key


@given(st.text(st.characters(), max_size=300))  # lone surrogates too
def test_any_text_becomes_a_key_that_stays_as_it_is(text: str) -> None:
    key = as_key(text)
    assert is_key(key)
    assert as_key(key) == key == as_key(text)


def test_texts_that_a_key_cannot_show_stay_apart() -> None:
    texts = ["日本 2026", "中国 2026", "日本", "", "—", "a" * 300, "a" * 301, "é" * 300]
    assert len({as_key(text) for text in texts}) == len(texts)
    assert all(is_key(as_key(text)) for text in texts)


def test_what_is_no_text_has_no_key() -> None:
    with pytest.raises(InvalidArtifact, match="as_key takes text, not an int"):
        as_key(3)  # type: ignore[arg-type]


def test_the_error_of_a_key_offers_one() -> None:
    with ArtifactStore("sqlite:///:memory:") as store:
        with pytest.raises(
            InvalidArtifact,
            match=r"^Invalid key 'rep/amber otter': .*; as_key\(text\) makes 'rep/amber-otter'",
        ):
            store.create_artifact(key="rep/amber otter", data=1)
        assert store.create_artifact(key=as_key("rep/amber otter")).key == "rep/amber-otter"
