"""The limits of filters: depth, length, number of terms, ranges of numbers and times."""

import itertools
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import reduce
from operator import and_, or_
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from artifact_store import (
    ArtifactCollectionFilter,
    ArtifactFilter,
    ArtifactStore,
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    InvalidQuery,
    TaskRunFilter,
    WorkPoolFilter,
)
from tests.helpers.filter_model import TABLE
from tests.helpers.filters import (
    HOME,
    LOST,
    METHODS,
    NOON,
    RELATED,
    Ask,
    each_kind,
    each_method,
    names,
    of_kind,
    operators,
)


def leaf(kind: Any) -> Any:
    """A filter that every row of the full store satisfies, and whose SQL nests itself."""
    field = {WorkPoolFilter: "type"}.get(kind, "name" if "name" in TABLE[kind] else "key")
    if field == "key":
        return ~kind(
            metadata={"eq_": {"a": 1, "b": "x"}},
            key={"like_": "zz", "operator": "or_", "any_": ["y"]},
        )
    return ~kind(**{field: {"any_": ["y", "z"]}})


def shapes(kind: Any) -> dict[str, Callable[[Any, int], Any]]:
    """Ways to nest a filter one deeper, given the number of the level."""
    plain, word = leaf(kind), lambda level: "or_" if level % 2 else "and_"
    single = (
        {"type": {"any_": ["kubernetes"]}}
        if kind is WorkPoolFilter
        else {("name" if "name" in TABLE[kind] else "key"): {"like_": "e"}}
    )
    return {
        "and_ and or_ in turn": lambda inner, level: kind(**{word(level): [inner]}),
        "not_": lambda inner, level: kind(not_=inner),
        "first": lambda inner, level: kind(**{word(level): [inner, plain]}),
        "last": lambda inner, level: kind(**{word(level): [plain, inner]}),
        "middle of many": lambda inner, level: kind(
            **{word(level): [plain] * 2 + [inner] + [plain] * 2}
        ),
        "not_ beside fields": lambda inner, level: kind(not_=inner, **single),
        "fields with operator": lambda inner, level: kind(
            operator=word(level), and_=[inner], **single
        ),
        "and_, or_ and not_ at once": lambda inner, level: kind(
            operator=word(level), and_=[inner, plain], or_=[plain], not_=plain
        ),
        "two words at each level": lambda inner, level: kind(or_=[inner, plain], not_=plain),
        "not_ and or_ in turn": lambda inner, level: (
            kind(or_=[inner, plain]) if level % 2 else kind(not_=inner)
        ),
    }


SHAPES = [*shapes(ArtifactFilter)]


def nested(kind: Any, shape: str, depth: int = 100) -> Any:
    """A filter nested to a depth; `leaf` is itself two deep."""
    grow, found = shapes(kind)[shape], leaf(kind)
    for level in range(depth - 2):
        found = grow(found, level)
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_a_hundred_levels(full: ArtifactStore, shape: str) -> None:
    question = nested(ArtifactFilter, shape)
    text = question.model_dump_json()
    assert (
        ArtifactFilter.model_validate_json(text)
        == ArtifactFilter.model_validate(question.model_dump())
        == question
    )
    assert of_kind(full, ArtifactFilter.model_validate_json(text)) == of_kind(full, question)


@pytest.mark.parametrize("shape", SHAPES)
def test_ninety_nine_levels_and_their_negation(ask: Ask, full: ArtifactStore, shape: str) -> None:
    rest = nested(ask.kind, shape, 99)
    assert sorted(map(str, ask.keys(rest) + ask.keys(~rest))) == sorted(map(str, ask.keys()))


@each_kind
def test_a_hundred_levels_of_every_kind(full: ArtifactStore, kind: Any) -> None:
    for shape in ("middle of many", "fields with operator"):
        rest, everything = nested(kind, shape, 99), of_kind(full, kind())
        assert sorted(of_kind(full, rest) + of_kind(full, ~rest)) == everything


@pytest.mark.parametrize(
    "shape", ["and_ and or_ in turn", "middle of many", "two words at each level"]
)
@each_method
def test_a_hundred_levels_in_every_related_filter(
    full: ArtifactStore, method: str, shape: str
) -> None:
    """One filter after the other, and all of them at once, find what their conjunction finds."""
    deep = {name: nested(kind, shape) for name, kind in RELATED.items()}
    deep |= {name: nested(own, shape) for own, (home, name) in HOME.items() if home == method}
    found = [{*names(full, method, **{name: question})} for name, question in deep.items()]
    assert {*names(full, method, **deep)} <= set.intersection(*found)
    if shape == "and_ and or_ in turn":  # which every row of the full store satisfies
        assert names(full, method, **deep)


# Leaves whose own SQL nests, under listings that are far from the table of the leaf.
HEAVY = [
    FlowRunFilter(parent_flow_run_id={"any_": [LOST, UUID(int=1)]}),
    FlowRunFilter(work_queue_name={"any_": ["x", "y"]}),
    FlowRunFilter(created_by={"type_": ["x", "y"]}),
    TaskRunFilter(tags={"all_": ["x", "y"]}),
    TaskRunFilter(subflow_runs={"exists_": True}),
    DeploymentFilter(flow_or_deployment_name={"like_": "x"}),
    DeploymentFilter(work_queue_name={"any_": ["x", "y"]}),
    FlowFilter(tags={"any_": ["x", "y"]}),
    FlowFilter(deployment={"is_null_": False}),
    WorkPoolFilter(name={"any_": ["x", "y"]}),
]


@pytest.mark.parametrize("heavy", HEAVY, ids=lambda each: each.model_dump_json()[1:30])
def test_a_hundred_levels_over_a_heavy_leaf(full: ArtifactStore, heavy: Any) -> None:
    kind = type(heavy)
    question = ~heavy
    for level in range(98):
        members = [~heavy, question, ~heavy]
        question = kind(or_=members) if level % 2 else kind(and_=members)
    for method in METHODS:
        name = HOME[kind][1]
        assert names(full, method, **{name: question}) == names(full, method, **{name: ~heavy})


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [ArtifactFilter, FlowRunFilter, WorkPoolFilter])
def test_a_hundred_and_one_levels_are_refused(kind: Any, shape: str) -> None:
    deepest = nested(kind, shape)
    plain: dict[str, Any] = {"not_": deepest.model_dump()}
    refused: list[Callable[[], Any]] = [
        lambda: shapes(kind)[shape](deepest, 0),
        lambda: ~deepest,
        lambda: kind(and_=[deepest]),
        lambda: kind(or_=[kind(), deepest]),
        lambda: kind() & deepest if deepest.and_ is None else deepest | kind(),
        lambda: kind.model_validate(plain),
        lambda: kind.model_validate_json(json.dumps(plain, default=str)),
    ]
    for refuse in refused:
        with pytest.raises(ValidationError, match="at most 100 deep") as caught:
            refuse()
        assert len(str(caught.value)) < 5000


@pytest.mark.parametrize("depth", [200, 5_000, 100_000])
def test_absurd_depths_are_a_validation_error(depth: int) -> None:
    text = '{"not_":' * depth + "{}" + "}" * depth
    with pytest.raises(ValidationError):
        FlowFilter.model_validate_json(text)
    plain: dict[str, Any] = {}
    for _ in range(min(depth, 5_000)):
        plain = {"not_": plain}
    with pytest.raises(ValidationError):
        FlowFilter.model_validate(plain)


def test_a_pattern_of_a_thousand_characters(ask: Ask) -> None:
    ask.make("a" * 255)
    for word, letter in itertools.product(("like_", "startswith_"), "a%_🙂"):
        found = ["a" * 255] if (word, letter) == ("like_", "%") else []
        assert ask(key={word: letter * 1000}) == found
        with pytest.raises(ValidationError, match="1000"):
            ask(key={word: letter * 1001})


@pytest.mark.parametrize("kind", [FlowFilter, DeploymentFilter, FlowRunFilter, TaskRunFilter])
def test_patterns_of_names_have_the_same_limit(store: ArtifactStore, kind: Any) -> None:
    for label, make in operators(kind, "like_"):
        assert of_kind(store, make("%_" * 500)) == [], label
        with pytest.raises(ValidationError, match="1000"):
            make("x" * 1001)


def test_a_pattern_that_backtracks_is_quick(store: ArtifactStore) -> None:
    store.create_flow("a" * 50_000)
    assert of_kind(store, FlowFilter(name={"like_": "%a" * 499 + "b"})) == []


@each_method
def test_pages_are_whole_numbers_of_64_bits(store: ArtifactStore, method: str) -> None:
    for name, number in itertools.product(
        ("offset", "limit"), (-1, 2**63, -(2**63), 10**30, 1.5, "1")
    ):
        with pytest.raises(InvalidQuery, match=name):
            getattr(store, method)(**{name: number})


@each_method
def test_the_greatest_page(full: ArtifactStore, method: str) -> None:
    everything = getattr(full, method)()
    assert everything
    assert getattr(full, method)(limit=2**63 - 1) == everything
    assert (
        getattr(full, method)(offset=2**63 - 1)
        == getattr(full, method)(offset=2**63 - 1, limit=2**63 - 1)
        == []
    )


def test_versions_have_64_bits(ask: Ask) -> None:
    ask.make("a")
    for word, number in itertools.product(("any_", "ge_", "le_"), (2**63, -(2**63) - 1, 10**30)):
        plain = {"version": {word: [number] if word == "any_" else number}}
        with pytest.raises(ValidationError):
            ask.kind(**plain)
        with pytest.raises(ValidationError):
            ask.kind.model_validate_json(json.dumps(plain))
    assert ask(version={"ge_": -(2**63), "le_": 2**63 - 1}) == ["a"]
    assert ask(version={"any_": [2**63 - 1, -(2**63)]}) == []


@pytest.mark.parametrize(
    "value", [2**63, float("nan"), float("inf"), [1], {"x": 1}, "\0", "\ud800", object()]
)
def test_metadata_is_compared_with_what_metadata_can_say(value: Any) -> None:
    for word in ("eq_", "ge_", "le_"):
        with pytest.raises(ValidationError):
            ArtifactFilter(metadata={word: {"x": value}})


@pytest.mark.parametrize("value", [True, False, None])
def test_booleans_and_null_have_no_order(value: Any) -> None:
    for word in ("ge_", "le_"):
        with pytest.raises(ValidationError, match="no order"):
            ArtifactFilter(metadata={word: {"x": value}})


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "a\udfff"])
@each_kind
def test_text_that_no_database_holds_is_refused(kind: Any, text: str) -> None:
    for _, make in operators(kind, "any_", "not_any_", "all_", "type_", "has_key_"):
        with pytest.raises(ValidationError):
            make([text])
    for _, make in operators(kind, "like_", "startswith_"):
        with pytest.raises(ValidationError):
            make(text)


@each_kind
def test_a_time_without_time_zone_is_refused(kind: Any) -> None:
    for label, make in operators(kind, "before_", "after_"):
        for time in (datetime(2026, 3, 1), "2026-03-01T12:00:00", "2026-03-01"):
            with pytest.raises(ValidationError, match="has no time zone: add one"):
                make(time)
        assert make("2026-03-01T12:00:00Z") == make("2026-03-01T13:00:00+01:00") == make(NOON), (
            label
        )


def test_a_time_out_of_range_is_refused() -> None:
    early = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    with pytest.raises(ValidationError, match="outside of the years 1 to 9999"):
        ArtifactFilter(created={"before_": early})


@each_kind
def test_a_thousand_terms(full: ArtifactStore, kind: Any) -> None:
    field = {ArtifactFilter: "key", ArtifactCollectionFilter: "key"}.get(kind, "name")
    parts = [kind(**{field: {"any_": [f"none-{number}"]}}) for number in range(999)]
    everything = of_kind(full, kind())
    last = next(each for each in everything if each != "None")
    parts.insert(500, kind(**{field: {"any_": [last]}}))
    either = reduce(or_, parts)
    assert len(either.or_) == 1000
    assert of_kind(full, either) == [last]
    both = reduce(and_, (~part for part in parts))
    assert len(both.and_) == 1000
    assert (
        sorted([*of_kind(full, both), last])
        == sorted([*of_kind(full, ~either), last])
        == everything
    )
    if kind is ArtifactFilter:
        assert kind.model_validate_json(either.model_dump_json()) == either


def test_a_thousand_terms_of_several_fields_in_related_filters(full: ArtifactStore) -> None:
    runs = [
        FlowRunFilter(
            operator="or_",
            name={"like_": f"none{n}"},
            tags={"any_": [f"none{n}"]},
            work_queue_name={"any_": [f"x{n}"]},
        )
        for n in range(1000)
    ]
    found = reduce(or_, [*runs, FlowRunFilter(name={"any_": ["run"]})])
    assert names(full, "read_artifacts", flow_run_filter=found) == ["full"]
    assert names(
        full, "read_work_pools", flow_run_filter=found, work_pool_filter=WorkPoolFilter()
    ) == ["pool"]
