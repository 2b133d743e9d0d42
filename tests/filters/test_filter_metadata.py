"""Metadata is compared within its JSON type, by literal names."""

import enum
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from artifact_store import (
    ArtifactFilter,
    ArtifactStore,
)
from tests.helpers.filters import (
    NOON,
    Ask,
)


def test_metadata_is_compared_within_its_json_type(ask: Ask) -> None:
    values = {
        "int": 1,
        "float": 1.0,
        "true": True,
        "false": False,
        "text": "1",
        "word": "true",
        "null": None,
        "zero": 0,
    }
    for key, value in values.items():
        ask.make(key, metadata={"x": value, "y": "other"})
    ask.make("none")
    ask.make("other", metadata={"y": 1})
    assert ask(metadata={"has_key_": "x"}) == sorted(values)
    for asked, found in [
        (1, ["float", "int"]), (1.0, ["float", "int"]), (True, ["true"]), (False, ["false"]), ("1", ["text"]),
        ("true", ["word"]), (None, ["null"]), (0, ["zero"]), (-0.0, ["zero"]), ("", []), (2, []),
    ]:  # fmt: skip
        assert (
            ask(metadata={"eq_": {"x": asked}})
            == ask(metadata={"eq_": {"x": asked, "y": "other"}})
            == found
        )
        assert ask.keys(~ask.kind(metadata={"eq_": {"x": asked}})) == sorted(
            {*values, "none", "other"} - {*found}
        )


def test_metadata_has_an_order_of_numbers_and_one_of_text(ask: Ask) -> None:
    for key, value in {
        "n9": 9,
        "n10": 10.5,
        "t9": "9",
        "t10": "10",
        "astral": "🙂",
        "bmp": "\ue000",
        "true": True,
        "null": None,
    }.items():
        ask.make(key, metadata={"x": value})
    assert ask(metadata={"ge_": {"x": 10}}) == ["n10"]
    assert ask(metadata={"le_": {"x": 10}}) == ["n9"]
    assert ask(metadata={"ge_": {"x": 9}, "le_": {"x": 10.5}}) == ["n10", "n9"]
    assert ask(metadata={"le_": {"x": "9"}}) == ["t10", "t9"]
    assert ask(metadata={"ge_": {"x": "\ue000"}}) == [
        "astral",
        "bmp",
    ]  # by code point, not by UTF-16
    assert ask(metadata={"ge_": {"x": 0}, "le_": {"x": "z"}}) == []


WEIRD = [
    "",
    ".",
    "a.b",
    'a"b',
    "a\\b",
    "a'b",
    "$",
    "$.x",
    "[0]",
    "x[0]",
    "ключ",
    "🙂",
    "\n",
    "\u2028",
    " x",
    "x",
    "X",
    "%s",
    "?",
    "{}",
    "é",
    "e\u0301",
]


class Level(enum.Enum):
    """What a program may hold instead of the text that it stores."""

    HIGH = "high"


MISTYPED: list[Any] = [
    date(2026, 3, 1),
    NOON,
    Decimal("1.50"),
    Level.HIGH,
    UUID(int=7),
    b"x",
    Path("reports/a.csv"),
]


@pytest.mark.parametrize("value", MISTYPED, ids=repr)
def test_metadata_is_found_by_what_was_handed_over(ask: Ask, value: Any) -> None:
    """A date, an enum and the like are stored in metadata as in data, and are compared as they are stored."""
    made = ask.make("a", metadata={"x": value})
    ask.make("b", metadata={"x": "zzz"})
    assert isinstance(made.metadata["x"], str)
    assert (
        ask(metadata={"eq_": {"x": value}})
        == ask(metadata={"eq_": {"x": made.metadata["x"]}})
        == ["a"]
    )
    assert ask(metadata={"ge_": {"x": value}, "le_": {"x": value}}) == ["a"]
    copy = ask.kind.model_validate_json(ask.kind(metadata={"eq_": {"x": value}}).model_dump_json())
    assert ask.keys(copy) == ["a"]


def test_names_of_metadata_are_literal(ask: Ask) -> None:
    for number, name in enumerate(WEIRD):
        ask.make(f"k{number}", metadata={name: number, "other": name})
    for number, name in enumerate(WEIRD):
        own = [f"k{number}"]
        assert (
            ask(metadata={"has_key_": [name, "other"]})
            == ask(metadata={"eq_": {name: number}})
            == own
        )
        assert ask(metadata={"ge_": {name: number}, "le_": {name: number}}) == own
        assert ask(metadata={"eq_": {"other": name}}) == own


def test_more_than_a_thousand_metadata_names(store: ArtifactStore) -> None:
    """SQLite allows an expression a depth of 1,000."""
    names = {f"n{number}": number for number in range(1100)}
    made = store.create_artifact(key="k", metadata=names)
    assert store.read_artifacts(
        artifact_filter=ArtifactFilter(metadata={"has_key_": [*names]})
    ) == [made]
    assert store.read_artifacts(
        artifact_filter=ArtifactFilter(metadata={"eq_": names, "ge_": names})
    ) == [made]
    assert store.count_artifacts(ArtifactFilter(metadata={"has_key_": [*names, "other"]})) == 0
