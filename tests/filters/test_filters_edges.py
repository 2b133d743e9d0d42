"""The edges of filters, row by row of the table in docs/how-to/filters.md."""

import itertools
import json
from typing import Any

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
from tests.helpers.filter_model import STATE, TABLE
from tests.helpers.filters import LOST, NOON, RELATED, Ask, each_kind, names, of_kind, operators

each_related = pytest.mark.parametrize("name", RELATED)


@each_kind
def test_any_of_nothing_matches_nothing(full: ArtifactStore, kind: Any) -> None:
    for label, make in operators(kind, "any_", "id_", "type_"):
        assert of_kind(full, make([])) == [], label
        assert of_kind(full, ~make([])) == of_kind(full, kind()), label


@each_kind
def test_what_names_nothing_does_not_constrain(full: ArtifactStore, kind: Any) -> None:
    everything = of_kind(full, kind())
    assert everything
    for label, make in operators(kind, "not_any_", "all_", "has_key_"):
        assert of_kind(full, make([])) == everything, label
    for label, make in operators(kind, "like_", "startswith_"):
        assert of_kind(full, make("")) == everything, label


def test_empty_entries_of_metadata_do_not_constrain(ask: Ask) -> None:
    ask.make("a", "b")
    for word in ("eq_", "ge_", "le_"):
        assert ask(metadata={word: {}}) == ["a", "b"]


@each_kind
def test_an_empty_field_does_not_constrain(full: ArtifactStore, kind: Any) -> None:
    everything = of_kind(full, kind())
    for field in TABLE[kind]:
        assert of_kind(full, kind(**{field: {}})) == everything
        assert of_kind(full, kind(**{field: {"operator": "or_"}})) == everything
        assert of_kind(full, kind(**{field: None})) == everything
    for part in STATE if "state" in TABLE[kind] else ():
        assert of_kind(full, kind(state={part: {}})) == everything


def test_an_empty_branch_under_or_is_ignored(ask: Ask) -> None:
    ask.make("a", "b")
    only = ask.kind(key={"any_": ["a"]})
    for empty in (
        ask.kind(),
        ask.kind(key={}),
        ask.kind(type={"not_any_": []}),
        ~ask.kind(),
        ask.kind(or_=[]),
    ):
        assert ask.keys(only | empty) == ask.keys(empty | only) == ["a"]
        assert ask(or_=[empty, only]) == ask(or_=[ask.kind(and_=[empty]), only]) == ["a"]
        assert ask(operator="or_", key={"any_": ["a"]}, or_=[empty]) == ["a"]
        assert ask.keys(empty | empty) == ask.keys(empty) == ["a", "b"]


def test_an_empty_field_under_or_is_ignored(ask: Ask) -> None:
    ask.make("a", "b")
    assert ask(operator="or_", key={"any_": ["a"]}, type={}, metadata={"has_key_": []}) == ["a"]
    assert ask(key={"operator": "or_", "any_": ["a"], "like_": ""}) == ["a"]
    assert ask(key={"operator": "or_", "like_": "", "startswith_": ""}) == ["a", "b"]


def test_no_members_do_not_constrain(ask: Ask) -> None:
    ask.make("a")
    assert ask(or_=[]) == ask(and_=[]) == ask(or_=[], and_=[], operator="or_") == ["a"]


@each_related
def test_a_related_filter_without_fields_asks_that_there_is_one(
    ask: Ask, full: ArtifactStore, name: str
) -> None:
    ask.make("lost", flow_run_id=LOST, task_run_id=LOST)
    assert ask.keys(**{name: RELATED[name]()}) == ["full", "outer"]
    assert ask.keys(**{name: ~RELATED[name]()}) == ["full", "outer"]
    assert ask.keys(**{name: RELATED[name](name={}) | RELATED[name]()}) == ["full", "outer"]
    assert ask.keys(**{name: None}) == ask.keys()


def test_a_run_without_deployment_or_queue_has_none_that_matches(ask: Ask) -> None:
    run = ask.store.create_flow_run(ask.store.create_flow("flow").id)
    ask.make("a", flow_run_id=run.id)
    assert ask.keys(flow_run_filter=FlowRunFilter()) == ask.keys(flow_filter=FlowFilter()) == ["a"]
    assert (
        ask.keys(deployment_filter=DeploymentFilter())
        == ask.keys(work_pool_filter=WorkPoolFilter())
        == []
    )


def test_any_and_not_any_both_hold(ask: Ask) -> None:
    made = {name: ask.make(name, type=name) for name in "abc"}
    assert ask(type={"any_": ["a", "b"], "not_any_": ["b"]}) == ["a"]
    ids = {"any_": [made["a"].id, made["b"].id], "not_any_": [made["b"].id]}
    assert ask(**{ask.id: ids}) == ["a"]
    assert ask(**{ask.id: ids | {"operator": "or_"}}) == ["a", "b", "c"]


@pytest.mark.parametrize("part", STATE)
def test_any_and_not_any_both_hold_in_state(store: ArtifactStore, part: str) -> None:
    flow = store.create_flow("flow")
    for state in ("RUNNING", "FAILED", "PAUSED"):
        run = store.create_flow_run(flow.id, name=state, **{f"state_{part}": state})  # type: ignore[misc]
        store.create_task_run(run.id, name=state, **{f"state_{part}": state})  # type: ignore[misc]
    for kind in (FlowRunFilter, TaskRunFilter):
        both = {"any_": ["RUNNING", "FAILED"], "not_any_": ["FAILED"]}
        assert of_kind(store, kind(state={part: both})) == ["RUNNING"]
        assert (
            of_kind(store, kind(state={part: {"any_": ["RUNNING"], "not_any_": ["RUNNING"]}})) == []
        )
        either = {"any_": ["FAILED"], "not_any_": ["FAILED", "RUNNING"], "operator": "or_"}
        assert of_kind(store, kind(state={part: either})) == ["FAILED", "PAUSED"]


def test_not_any_keeps_null(ask: Ask) -> None:
    ask.make("null")
    ask.make("table", type="table")
    ask.make("link", type="link")
    assert (
        ask(type={"not_any_": ["table"]})
        == ask(type={"not_any_": ["table", "x"]})
        == ["link", "null"]
    )
    assert ask.keys(~ask.kind(type={"any_": ["table"]})) == ["link", "null"]
    assert ask.keys(~ask.kind(type={"not_any_": ["table"]})) == ["table"]


def test_not_any_keeps_null_of_runs(store: ArtifactStore) -> None:
    flow = store.create_flow("flow")
    run = store.create_flow_run(flow.id, name="bare")
    store.create_task_run(run.id, name="bare")
    store.create_flow_run(
        flow.id, name="full", idempotency_key="x", state_type="FAILED", state_name="x"
    )
    for question in (
        {"idempotency_key": {"not_any_": ["x"]}},
        {"state": {"name": {"not_any_": ["x"]}}},
    ):
        assert of_kind(store, FlowRunFilter(**question)) == ["bare"]  # type: ignore[arg-type]
    assert of_kind(store, TaskRunFilter(state={"type": {"not_any_": ["FAILED"]}})) == ["bare"]
    assert of_kind(store, FlowRunFilter(state={"type": {"not_any_": ["FAILED", "PAUSED"]}})) == [
        "bare"
    ]


@each_kind
def test_null_satisfies_no_operator_but_not_any(store: ArtifactStore, kind: Any) -> None:
    """A row without a value is found by the negation of every other operator."""
    flow = store.create_flow("bare")
    store.create_deployment("bare", flow.id)
    store.create_flow_run(flow.id, name="bare")
    store.create_task_run(name="bare")
    store.create_artifact(key="bare")
    nullable = {
        "type",
        "flow_run_id",
        "task_run_id",
        "metadata",
        "deployment_id",
        "work_queue_name",
        "flow_version",
        "start_time",
        "end_time",
        "expected_start_time",
        "next_scheduled_start_time",
        "parent_flow_run_id",
        "parent_task_run_id",
        "idempotency_key",
        "created_by",
    } & {*TABLE[kind]}
    texts = {"flow_version", "idempotency_key", "work_queue_name", "type"}
    for field in nullable if kind is not WorkPoolFilter else ():
        for word in {*TABLE[kind][field]} - {"not_any_", "is_null_"}:
            operand: Any = (
                ["x"]
                if field in texts or word == "type_"
                else NOON
                if field.endswith("_time")
                else [LOST]
            )
            operand = (
                {"x": 1}
                if field == "metadata" and word != "has_key_"
                else ["x"]
                if word == "has_key_"
                else operand
            )
            question = kind(**{field: {word: operand}})
            assert (of_kind(store, question), of_kind(store, ~question)) == ([], ["bare"]), (
                field,
                word,
            )


def test_like(ask: Ask) -> None:
    keys = ["SALES-1", "other", "sales-1", "sales_2", "x-sales"]
    ask.make(*keys)
    for pattern, found in [
        ("sales", ["SALES-1", "sales-1", "sales_2", "x-sales"]),
        ("SaLeS-", ["SALES-1", "sales-1"]),
        ("sales_", ["SALES-1", "sales-1", "sales_2"]),
        ("%", keys),
        ("_______", ["SALES-1", "sales-1", "sales_2", "x-sales"]),
        ("________", []),
        ("s%1", ["SALES-1", "sales-1"]),
        ("s_l_s%_", ["SALES-1", "sales-1", "sales_2"]),
        ("%%a%%-%%", ["SALES-1", "sales-1"]),
        ("sales\\_", []),
        ("[s]ales", []),
        ("*", []),
    ]:
        assert ask(key={"like_": pattern}) == found, pattern
        assert ask.keys(~ask.kind(key={"like_": pattern})) == sorted({*keys} - {*found}), pattern


def test_like_folds_ascii_only_and_has_no_escape(store: ArtifactStore) -> None:
    texts = [
        "STRASSE",
        "strasse",
        "straße",
        "ärger",
        "Ärger",
        "kelvin",
        "\u212aelvin",
        "İstanbul",
        "istanbul",
    ]
    for text in [*texts, "back\\slash", "a🙂b", "a\nb"]:
        store.create_flow(text)
        store.create_task_run(name=text)
    for pattern, found in [
        ("STRASSE", ["STRASSE", "strasse"]),
        ("straße", ["straße"]),
        ("ä", ["ärger"]),
        ("Ä", ["Ärger"]),
        ("KE", ["kelvin"]),
        ("ke", ["kelvin"]),
        ("\u212a", ["\u212aelvin"]),
        ("İ", ["İstanbul"]),
        ("IST", ["istanbul"]),
        ("\\", ["back\\slash"]),
        ("back\\%", ["back\\slash"]),
        ("\\s", ["back\\slash"]),
        ("k_s", ["back\\slash"]),
        ("_🙂_", ["a🙂b"]),
        ("A_B", ["a\nb", "a🙂b", "istanbul", "İstanbul"]),
    ]:
        assert of_kind(store, FlowFilter(name={"like_": pattern})) == sorted(found), pattern
        assert of_kind(store, TaskRunFilter(name={"like_": pattern})) == sorted(found), pattern


def test_startswith_is_literal_and_case_sensitive(ask: Ask) -> None:
    ask.make("sales", "sales-1", "sales.x", "sales_2", "salet", "Sales-1", "z")
    for prefix, found in [
        ("sales", ["sales", "sales-1", "sales.x", "sales_2"]),
        ("sales_", ["sales_2"]),
        ("sales%", []),
        ("Sales", ["Sales-1"]),
        ("s", ["sales", "sales-1", "sales.x", "sales_2", "salet"]),
        ("sales-1", ["sales-1"]),
        ("sales-12", []),
        ("z", ["z"]),
        ("\U0010ffff", []),
        ("s\U0010ffff", []),
        ("\ud7ff", []),
    ]:
        assert ask(key={"startswith_": prefix}) == found, prefix


def test_the_negation_of_what_does_not_constrain_does_not_constrain(ask: Ask) -> None:
    ask.make("a", "b")
    empty = ask.kind()
    for question in (
        ~empty,
        ~~empty,
        ~ask.kind(key={}),
        ~ask.kind(or_=[empty]),
        ~(empty & empty),
        ~ask.kind(type={"not_any_": []}),
    ):
        assert ask.keys(question) == ["a", "b"]
        assert ask.keys(~(ask.kind(key={"any_": ["a"]}) | question)) == ["b"]
        assert ask.keys(ask.kind(key={"any_": ["a"]}) & question) == ["a"]


def test_negation_of_and_and_or(ask: Ask) -> None:
    ask.make("a", "b", "c", type="x")
    a, b = ask.kind(key={"any_": ["a"]}), ask.kind(key={"any_": ["b"]})
    assert ask.keys(~(a | b)) == ["c"]
    assert ask.keys(~(a & b)) == ["a", "b", "c"]
    assert ask.keys(~~a) == ["a"]
    assert ask.keys(~ask.kind(key={"any_": ["a"]}, type={"any_": ["y"]})) == ["a", "b", "c"]
    assert ask.keys(~ask.kind(operator="or_", key={"any_": ["a"]}, type={"any_": ["y"]})) == [
        "b",
        "c",
    ]
    assert ask.keys(~ask.kind(key={"any_": ["a"], "like_": "b", "operator": "or_"})) == ["c"]


@pytest.mark.parametrize(
    ("kind", "wrong", "message"),
    [
        (ArtifactFilter, {"kei": {}}, "ArtifactFilter has no field 'kei'; did you mean 'key'?"),
        (ArtifactFilter, {"latest_ids": {}}, "no field 'latest_ids'; use one of 'and_', 'or_', "),
        (ArtifactFilter, {"alias": {"foo_": []}}, "no operator 'foo_'; use one of 'any_'"),
        (ArtifactCollectionFilter, {"latestid": {}}, "did you mean 'latest_id'?"),
        (ArtifactFilter, {"key": {"like": "x"}}, "did you mean 'like_'?"),
        (ArtifactFilter, {"key": {"startswith": "x"}}, "did you mean 'startswith_'?"),
        (ArtifactFilter, {"type": {"any": ["x"]}}, "did you mean 'any_'?"),
        (ArtifactFilter, {"type": {"not_any": ["x"]}}, "did you mean 'not_any_'?"),
        (ArtifactFilter, {"metadata": {"has_keys_": "x"}}, "did you mean 'has_key_'?"),
        (FlowRunFilter, {"state": {"types": {}}}, "did you mean 'type'?"),
        (FlowRunFilter, {"state": {"type": {"anyy_": []}}}, "did you mean 'any_'?"),
        (FlowRunFilter, {"start_times": {}}, "did you mean 'start_time'?"),
        (TaskRunFilter, {"tags": {"al_": []}}, "did you mean 'all_'?"),
        (TaskRunFilter, {"subflow_run": {}}, "did you mean 'subflow_runs'?"),
        (DeploymentFilter, {"pausd": {}}, "did you mean 'paused'?"),
        (FlowFilter, {"and": []}, "did you mean 'and_'?"),
        (FlowFilter, {"operators": "or_"}, "did you mean 'operator'?"),
        (WorkPoolFilter, {"nam": {}}, "did you mean 'name'?"),
        (WorkPoolFilter, {"not_": {"or_": [{"tipe": {}}]}}, "did you mean 'type'?"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_valid_one(
    kind: Any, wrong: Any, message: str
) -> None:
    for parse in (
        lambda: kind(**wrong),
        lambda: kind.model_validate(wrong),
        lambda: kind.model_validate_json(json.dumps(wrong)),
    ):
        with pytest.raises(ValidationError) as caught:
            parse()
        assert message in str(caught.value)


@each_kind
def test_a_far_off_name_is_answered_with_all_valid_ones(kind: Any) -> None:
    for wrong in ("", "xyzzy", "🙂", "_"):
        with pytest.raises(ValidationError, match=r"use one of '\w+', '\w+'"):
            kind(**{wrong: {}})


def test_a_state_is_named_in_any_case(full: ArtifactStore) -> None:
    for kind in (FlowRunFilter, TaskRunFilter):
        for word in ("completed", "Completed", "COMPLETED", "cOmPlEtEd"):
            question = kind(state={"type": {"any_": [word]}})
            assert question == kind(state={"type": {"any_": ["COMPLETED"]}})
            assert of_kind(full, question) == of_kind(full, kind())
            assert of_kind(full, kind(state={"type": {"not_any_": [word]}})) == []
    assert (
        full.count_artifacts(flow_run_filter=FlowRunFilter(state={"type": {"any_": ["completed"]}}))
        == 2
    )


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("faild", "FAILED"),
        ("complete", "COMPLETED"),
        ("canceled", "CANCELLED"),
        ("done", ""),
        ("", ""),
        ("ﬀ", ""),
    ],
)
def test_an_unknown_state_is_refused_with_the_nearest(wrong: str, near: str) -> None:
    for kind, word in itertools.product((FlowRunFilter, TaskRunFilter), ("any_", "not_any_")):
        with pytest.raises(InvalidQuery) as caught:
            kind(state={"type": {word: ["COMPLETED", wrong]}})
        assert f"state.type.{word}.1: {wrong!r} is not a state type: use one of SCHEDULED," in str(
            caught.value
        )
        assert f"did you mean '{near}" in str(caught.value)
    assert FlowRunFilter(state={"name": {"any_": [wrong]}}).state is not None  # a name is any text


def test_related_filters_hold_of_the_same_flow_run(ask: Ask) -> None:
    store = ask.store
    flows = [store.create_flow(name) for name in "ab"]
    queues = [store.create_work_queue("q", store.create_work_pool(name).id) for name in "ab"]
    deployments = [
        store.create_deployment(name, flow.id) for name, flow in zip("ab", flows, strict=True)
    ]
    for flow, deployment, queue in itertools.product(range(2), repeat=3):
        key = "ab"[flow] + "ab"[deployment] + "ab"[queue]
        run = store.create_flow_run(
            flows[flow].id,
            name=key,
            deployment_id=deployments[deployment].id,
            work_queue_id=queues[queue].id,
        )
        ask.make(key, flow_run_id=run.id)
        store.create_task_run(run.id, name=key)
    for one, two, three in itertools.product("ab", repeat=3):
        asked = {
            "flow_filter": FlowFilter(name={"any_": [one]}),
            "deployment_filter": DeploymentFilter(name={"any_": [two]}),
            "work_pool_filter": WorkPoolFilter(name={"any_": [three]}),
        }
        key = one + two + three
        assert ask.keys(**asked) == [key]  # type: ignore[arg-type]
        assert (
            names(store, "read_flow_runs", **asked)
            == names(store, "read_task_runs", **asked)
            == [key]
        )
        other = ~FlowRunFilter(name={"any_": [key]})
        assert ask.keys(**asked, flow_run_filter=other) == []  # type: ignore[arg-type]


def test_listing_with_and_without_key(ask: Ask) -> None:
    """Prefect crashes: one artifact without a key among the versions."""
    ask.store.create_artifact()
    ask.make("a", "a")
    assert (
        len(ask.store.read_artifacts(artifact_filter=ArtifactFilter(key={"exists_": False}))) == 1
    )
    assert ask(key={"exists_": True}) == (["a"] if ask.latest else ["a", "a"])
    assert ask.keys() == (["a"] if ask.latest else ["a", "a", None])
