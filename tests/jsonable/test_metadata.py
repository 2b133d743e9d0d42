"""The scalars that metadata takes, and the texts that every engine can search."""

import datetime as dt
import enum
import math
import types
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifact_store.errors import InvalidArtifact
from artifact_store.jsonable.normalize import (
    check_text,
    normalize_data,
    normalize_metadata,
)
from tests.helpers.values import (
    Agreeable,
    Code,
    Color,
    Level,
    Pairs,
    Text,
    Word,
    same,
)


def test_metadata_holds_scalars_in_order() -> None:
    given = {
        "b": "ü",
        "a": 2**63 - 1,
        "c": -(2**63),
        "d": 1.5,
        "e": True,
        "f": None,
        "g": math.nan,
        "h": -math.inf,
    }
    said = {**given, "g": None, "h": None}
    found = normalize_metadata(types.MappingProxyType(given))
    assert same(found, said)
    assert found is not given


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.float32(0.5), 0.5), (np.float64("nan"), None), (np.int8(1), 1), (np.bool_(False), False),
        (np.str_("a"), "a"),
        (Level.LOW, 1), (Word.A, "a"), (Code.OK, "TEXT"), (Text("t"), "t"),
    ],
)  # fmt: skip
def test_metadata_takes_scalars_of_other_types(value: Any, said: Any) -> None:
    assert same(normalize_metadata({Text("k"): value}), {"k": said})


@pytest.mark.parametrize(
    "value",
    [dt.date(2024, 5, 1), dt.datetime(2024, 5, 1, tzinfo=dt.UTC), Decimal("1.50"), Color.RED, b"x", np.bytes_(b"x"),
     np.datetime64(1, "ns"), np.timedelta64(1, "ns"), uuid.UUID(int=7), pd.NA],
    ids=repr,
)  # fmt: skip
def test_metadata_takes_as_a_scalar_what_data_does(value: Any) -> None:
    said = normalize_data(value)
    assert isinstance(said, str | int | None)
    assert same(normalize_metadata({"a": value}), {"a": said})


class Odd(int, enum.Enum):
    """An int whose value is none."""

    ODD = 1

    def __new__(cls, number: int) -> "Odd":
        """Hold a list."""
        member = int.__new__(cls, number)
        member._value_ = [number]
        return member


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "metadata is a NoneType: "), ([("a", 1)], "metadata is a list: "),
        ({1: 1}, "metadata has a key of type int: "),
        ({"a": 1, "b c": [1]}, 'metadata["b c"] is a list: '), ({"a": {}}, "metadata.a is a dict: "),
        ({"a": 2**63}, "metadata.a is an integer beyond 64 bits: "),
        ({"a": -(2**63) - 1}, "metadata.a is an integer beyond"),
        ({"a": np.uint64(2**63)}, "metadata.a is an integer beyond"),
        ({"a": 10**5000}, "metadata.a is an integer of more than"),
        ({"a": "x\0"}, "metadata.a holds U+0000 at index 1: "), ({"\0": 1}, "metadata holds U+0000"),
        ({"a": "\ud800"}, "metadata.a holds a lone surrogate"), ({"\ud800": 1}, "metadata holds a lone surrogate"),
        ({"ok": 1, "\0": 1}, "metadata holds U+0000"), (Pairs(("a", 1),
        ("a", 2)), "metadata has two keys that both become 'a'"),
        ({"a": Odd.ODD}, f"metadata.a is a {__name__}.Odd: "),
        ({"a": np.complex64(1)}, "metadata.a is a complex"),
        ({"a": np.zeros(1)}, "metadata.a is a numpy.ndarray: "),
        ({"a": Agreeable()}, f"metadata.a is a {Agreeable.__module__}.Agreeable, which JSON cannot represent"),
    ],
    ids=lambda _: "",
)  # fmt: skip
def test_what_metadata_refuses(value: Any, message: str) -> None:
    with pytest.raises(InvalidArtifact) as caught:
        normalize_metadata(value)
    assert str(caught.value).startswith(message)
    with pytest.raises(InvalidArtifact, match=r"^artifact\.metadata"):
        normalize_metadata(value, "artifact.metadata")


@given(st.text())
def test_text_is_checked(value: str) -> None:
    if "\0" in value:
        with pytest.raises(
            InvalidArtifact, match=r"^type holds U\+0000 at index \d+: remove it\.$"
        ):
            check_text(value, "type")
    else:
        assert check_text(value, "type") is value


def test_text_has_no_lone_surrogates() -> None:
    with pytest.raises(
        InvalidArtifact, match=r"^key holds a lone surrogate \(U\+DC80\) at index 1: "
    ):
        check_text("a\udc80", "key")
