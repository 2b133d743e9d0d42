"""Values that nest deep or contain themselves."""

import functools
import sys
from typing import Any

import numpy as np
import pytest

from artifact_store.errors import InvalidArtifact
from artifact_store.jsonable.normalize import (
    dump_json,
    normalize_data,
)
from artifact_store.jsonable.plain_json import copy_plain
from tests.helpers.values import (
    Point,
    nested,
)


@pytest.mark.parametrize("kind", ["list", "tuple", "dict", "object"])
@pytest.mark.parametrize("inner", [None, 1])
def test_a_hundred_and_fifty_levels_and_no_more(kind: str, inner: Any) -> None:
    def wrap(value: Any) -> Any:
        return {"list": [value], "tuple": (value,), "dict": {"k": value}, "object": Point(value)}[
            kind
        ]

    last = inner if inner is not None else []
    value = functools.reduce(
        lambda value, _: wrap(value), range(150 if inner is not None else 149), last
    )
    assert dump_json(normalize_data(value)).count("1" if inner else "[]") == 1
    with pytest.raises(
        InvalidArtifact, match="nests deeper than 150 levels, or contains itself: "
    ) as caught:
        normalize_data(wrap(value))
    assert len(str(caught.value)) < 250
    assert "…" in str(caught.value)


def test_the_fast_proof_counts_levels_too() -> None:
    crowd: list[Any] = [[] for _ in range(200)]
    assert copy_plain([*crowd, nested(149)])[0] == [*crowd, nested(149)]
    assert copy_plain([*crowd, nested(148, 1)])[0] == [*crowd, nested(148, 1)]
    for inner in (None, 1, {}):
        with pytest.raises(ValueError, match="recursion"):
            copy_plain([*crowd, nested(151 if inner is None else 150, inner)])


def circles() -> list[Any]:
    flat: list[Any] = []
    flat += [flat, flat, flat]
    named: dict[str, Any] = {}
    named["self"] = {"again": named}
    point = Point(1)
    point.x = (point,)
    array = np.empty(1, dtype=object)
    array[0] = array
    scalar = np.empty((), dtype=object)
    scalar[()] = scalar
    return [flat, named, point, array, scalar]


def deepest(call: Any) -> Any:
    """Call near the end of Python's stack, where little more than the call itself still fits."""
    frames = sys.getrecursionlimit() - 60
    frame = sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        frames -= 1

    def descend(left: int) -> Any:
        return descend(left - 1) if left else call()

    return descend(frames)


@pytest.mark.parametrize("place", range(5))
def test_circles_end_in_the_same_error(place: int) -> None:
    value = circles()[place]
    with pytest.raises(InvalidArtifact, match="nests deeper than 150 levels, or contains itself"):
        normalize_data(value)
    with pytest.raises(InvalidArtifact, match="nests deeper than 150 levels, or contains itself"):
        deepest(lambda: normalize_data([value]))


def test_a_deep_value_fits_where_the_stack_is_short() -> None:
    value = nested(149, (1,))
    assert deepest(lambda: normalize_data(value)) == nested(150, 1)
