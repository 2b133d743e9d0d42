"""The edges of filters, row by row of the contract's table, and what a filter is as a value: JSON, limits, errors."""

import enum
import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import reduce
from operator import and_, or_
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from artifact_store import (
    ArtifactCollectionFilter,
    ArtifactCollectionSort,
    ArtifactFilter,
    ArtifactSort,
    ArtifactStore,
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    InvalidQuery,
    RunSort,
    TaskRunFilter,
    WorkPoolFilter,
)
from tests.helpers.filter_model import STATE, TABLE

KINDS = [*TABLE]
# The listing of each kind's own rows, and the parameter that takes the filter.
HOME: dict[Any, tuple[str, str]] = {
    ArtifactFilter: ("read_artifacts", "artifact_filter"),
    ArtifactCollectionFilter: ("read_latest_artifacts", "artifact_filter"),
    FlowRunFilter: ("read_flow_runs", "flow_run_filter"),
    TaskRunFilter: ("read_task_runs", "task_run_filter"),
    DeploymentFilter: ("read_deployments", "deployment_filter"),
    FlowFilter: ("read_flows", "flow_filter"),
    WorkPoolFilter: ("read_work_pools", "work_pool_filter"),
}
RELATED = {HOME[kind][1]: kind for kind in KINDS if "artifact" not in HOME[kind][1]}
METHODS = [*dict.fromkeys(method for method, _ in HOME.values()), "read_work_queues"]
LOST = UUID("00000000-0000-4000-8000-000000000000")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
each_method = pytest.mark.parametrize("method", METHODS)
each_related = pytest.mark.parametrize("name", RELATED)


class Ask:
    """Asks for artifacts, all of them or the latest of each key, and answers with their keys in order."""

    def __init__(self, store: ArtifactStore, latest: bool) -> None:
        self.store, self.latest = store, latest
        self.kind: Any = ArtifactCollectionFilter if latest else ArtifactFilter
        self.id = "latest_id" if latest else "id"
        self.sorts: Any = ArtifactCollectionSort if latest else ArtifactSort

    def make(self, *keys: str, **fields: Any) -> Any:
        """Create an artifact under each key and return the last one."""
        return [self.store.create_artifact(key=key, **fields) for key in keys][-1]

    def keys(self, question: Any = None, **related: Any) -> list[str]:
        """Return the keys of what matches; the count must be the same."""
        word = "latest_artifacts" if self.latest else "artifacts"
        found = getattr(self.store, f"read_{word}")(artifact_filter=question, sort=self.sorts.KEY_ASC, **related)
        assert getattr(self.store, f"count_{word}")(artifact_filter=question, **related) == len(found)
        return [each.key for each in found]

    def __call__(self, **fields: Any) -> list[str]:
        """Ask for fields of the artifact."""
        return self.keys(self.kind(**fields))


@pytest.fixture(params=["all", "latest"])
def ask(store: ArtifactStore, request: pytest.FixtureRequest) -> Ask:
    """Both ways to ask for artifacts."""
    return Ask(store, request.param == "latest")


@pytest.fixture
def full(store: ArtifactStore) -> ArtifactStore:
    """A store with one row of each kind, related to each other and with every field set, and some without."""
    pool = store.create_work_pool("pool", type="kubernetes")
    queue = store.create_work_queue("queue", pool.id)
    flow = store.create_flow("flow", tags=["prod"])
    deployment = store.create_deployment("deployment", flow.id, tags=["prod"], work_queue_id=queue.id)
    times: Any = dict.fromkeys(("expected_start_time", "start_time", "end_time"), NOON)
    state: Any = {"state_type": "COMPLETED", "state_name": "Completed", "tags": ["prod"], **times}
    outer = store.create_flow_run(flow.id, name="outer", deployment_id=deployment.id, work_queue_id=queue.id, **state)
    task = store.create_task_run(outer.id, name="task", **state)
    run = store.create_flow_run(
        flow.id, name="run", deployment_id=deployment.id, work_queue_id=queue.id, parent_task_run_id=task.id,
        flow_version="v1", idempotency_key="once", next_scheduled_start_time=NOON,
        created_by={"id": str(LOST), "type": "SCHEDULE"}, **state,
    )  # fmt: skip
    store.create_task_run(run.id, name="inner", **state)
    for key, made_by in (("full", run.id), ("outer", outer.id)):
        store.create_artifact(
            key=key, type="table", metadata={"team": "finance"}, flow_run_id=made_by, task_run_id=task.id
        )
    store.create_artifact(key="bare")
    store.create_artifact()
    return store


def names(store: ArtifactStore, method: str, **arguments: Any) -> list[Any]:
    """Return what people call the rows of a listing."""
    return sorted(
        str(getattr(row, "key", None) or getattr(row, "name", None)) for row in getattr(store, method)(**arguments)
    )


def of_kind(store: ArtifactStore, question: Any) -> list[Any]:
    """Return the names of the rows of a filter's own kind that satisfy it."""
    method, parameter = HOME[type(question)]
    return names(store, method, **{parameter: question})


def operators(kind: Any, *words: str) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Each field that takes one of some operators, and a function that makes a filter of its operand."""
    for field, taken in TABLE[kind].items():
        for word in taken:
            if word in words:
                yield f"{field}.{word}", lambda operand, field=field, word=word: kind(**{field: {word: operand}})
        if field == "state":
            for part, word in itertools.product(STATE, words):
                if word in STATE[part]:
                    yield f"{part}.{word}", lambda operand, part=part, word=word: kind(state={part: {word: operand}})


# The table, row by row


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
    for empty in (ask.kind(), ask.kind(key={}), ask.kind(type={"not_any_": []}), ~ask.kind(), ask.kind(or_=[])):
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
def test_a_related_filter_without_fields_asks_that_there_is_one(ask: Ask, full: ArtifactStore, name: str) -> None:
    ask.make("lost", flow_run_id=LOST, task_run_id=LOST)
    assert ask.keys(**{name: RELATED[name]()}) == ["full", "outer"]
    assert ask.keys(**{name: ~RELATED[name]()}) == ["full", "outer"]
    assert ask.keys(**{name: RELATED[name](name={}) | RELATED[name]()}) == ["full", "outer"]
    assert ask.keys(**{name: None}) == ask.keys()


def test_a_run_without_deployment_or_queue_has_none_that_matches(ask: Ask) -> None:
    run = ask.store.create_flow_run(ask.store.create_flow("flow").id)
    ask.make("a", flow_run_id=run.id)
    assert ask.keys(flow_run_filter=FlowRunFilter()) == ask.keys(flow_filter=FlowFilter()) == ["a"]
    assert ask.keys(deployment_filter=DeploymentFilter()) == ask.keys(work_pool_filter=WorkPoolFilter()) == []


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
        assert of_kind(store, kind(state={part: {"any_": ["RUNNING"], "not_any_": ["RUNNING"]}})) == []
        either = {"any_": ["FAILED"], "not_any_": ["FAILED", "RUNNING"], "operator": "or_"}
        assert of_kind(store, kind(state={part: either})) == ["FAILED", "PAUSED"]


def test_not_any_keeps_null(ask: Ask) -> None:
    ask.make("null")
    ask.make("table", type="table")
    ask.make("link", type="link")
    assert ask(type={"not_any_": ["table"]}) == ask(type={"not_any_": ["table", "x"]}) == ["link", "null"]
    assert ask.keys(~ask.kind(type={"any_": ["table"]})) == ["link", "null"]
    assert ask.keys(~ask.kind(type={"not_any_": ["table"]})) == ["table"]


def test_not_any_keeps_null_of_runs(store: ArtifactStore) -> None:
    flow = store.create_flow("flow")
    run = store.create_flow_run(flow.id, name="bare")
    store.create_task_run(run.id, name="bare")
    store.create_flow_run(flow.id, name="full", idempotency_key="x", state_type="FAILED", state_name="x")
    for question in ({"idempotency_key": {"not_any_": ["x"]}}, {"state": {"name": {"not_any_": ["x"]}}}):
        assert of_kind(store, FlowRunFilter(**question)) == ["bare"]  # type: ignore[arg-type]
    assert of_kind(store, TaskRunFilter(state={"type": {"not_any_": ["FAILED"]}})) == ["bare"]
    assert of_kind(store, FlowRunFilter(state={"type": {"not_any_": ["FAILED", "PAUSED"]}})) == ["bare"]


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
            operand: Any = ["x"] if field in texts or word == "type_" else NOON if field.endswith("_time") else [LOST]
            operand = (
                {"x": 1} if field == "metadata" and word != "has_key_" else ["x"] if word == "has_key_" else operand
            )
            question = kind(**{field: {word: operand}})
            assert (of_kind(store, question), of_kind(store, ~question)) == ([], ["bare"]), (field, word)


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
    texts = ["STRASSE", "strasse", "straße", "ärger", "Ärger", "kelvin", "\u212aelvin", "İstanbul", "istanbul"]
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
    assert ask.keys(~ask.kind(operator="or_", key={"any_": ["a"]}, type={"any_": ["y"]})) == ["b", "c"]
    assert ask.keys(~ask.kind(key={"any_": ["a"], "like_": "b", "operator": "or_"})) == ["c"]


def test_times_of_the_collection_are_those_of_the_latest_artifact(store: ArtifactStore) -> None:
    one = store.create_artifact(key="a")
    other = store.create_artifact(key="b")
    two = store.create_artifact(key="a")
    assert store.update_artifact(one.id, description="late")  # no latest version
    late = store.read_artifact(one.id)
    assert late is not None

    def found(**fields: Any) -> list[Any]:
        return store.read_latest_artifacts(artifact_filter=ArtifactCollectionFilter(**fields))

    assert found(updated={"after_": late.updated}) == []
    assert found(created={"before_": other.created}) == [other]
    assert found(created={"after_": two.created, "before_": two.created}) == [two]
    for sort in ("CREATED_DESC", "UPDATED_DESC"):
        assert store.read_latest_artifacts(sort=ArtifactCollectionSort(sort)) == [two, other]
    store.delete_artifact(two.id)
    assert found(updated={"after_": late.updated}) == [late]
    assert found(created={"before_": one.created}) == [late]
    assert store.read_latest_artifacts(sort=ArtifactCollectionSort.CREATED_DESC) == [other, late]
    assert store.read_latest_artifacts(sort=ArtifactCollectionSort.UPDATED_DESC) == [late, other]


def test_any_with_one_value_with_many_and_with_one_twice(ask: Ask) -> None:
    made = {name: ask.make(name, type=name) for name in "abc"}
    for field, operand in (("key", str), ("type", str), (ask.id, lambda name: made[name].id)):
        assert ask(**{field: {"any_": [operand("b")]}}) == ask(**{field: {"any_": [operand("b")] * 2}}) == ["b"]
        assert ask(**{field: {"any_": [operand("c"), operand("a")]}}) == ["a", "c"]


def many(label: str) -> list[Any]:
    """40,000 operands for a field, none of which any row has."""
    if label == "version.any_":
        return [*range(10**6, 10**6 + 40_000)]
    if ("id" in label.split(".")[0].split("_") and label != "idempotency_key.any_") or label.endswith("id_"):
        return [UUID(int=number) for number in range(1, 40_001)]
    return [f"none-{number} 🙂" for number in range(40_000)]


@each_kind
def test_forty_thousand_operands(full: ArtifactStore, kind: Any) -> None:
    everything = of_kind(full, kind())
    for label, make in operators(kind, "any_", "not_any_", "all_", "id_", "type_"):
        of_states = kind in (FlowRunFilter, TaskRunFilter) and label.startswith("type.")
        operands = ["CANCELLING"] * 40_000 if of_states else many(label)
        assert of_kind(full, make(operands)) == (everything if label.endswith("not_any_") else []), label


def test_forty_thousand_operands_and_the_one(ask: Ask, full: ArtifactStore) -> None:
    artifact = full.read_latest_artifact("full")
    assert artifact is not None
    assert ask(**{ask.id: {"any_": [*many("id"), artifact.id]}}) == ["full"]
    assert (
        ask(key={"any_": [*many("key"), "full"]})
        == ask(flow_run_id={"any_": [artifact.flow_run_id, *many("id")]})
        == ["full"]
    )
    assert ask(type={"any_": [*many("type"), "table"]}) == ["full", "outer"]
    assert "table" not in {
        each.type
        for each in full.read_artifacts(artifact_filter=ArtifactFilter(type={"not_any_": [*many("type"), "table"]}))
    }
    runs = FlowRunFilter(id={"any_": [*many("id"), artifact.flow_run_id]}, tags={"any_": [*many("tags"), "prod"]})
    pools = WorkPoolFilter(name={"any_": [*many("name"), "pool"]})
    assert ask.keys(flow_run_filter=runs, work_pool_filter=pools) == ["full"]


def test_before_and_after_are_inclusive(ask: Ask) -> None:
    artifact = ask.make("a")
    for field in ("created", "updated"):
        time = getattr(artifact, field)
        assert ask(**{field: {"before_": time, "after_": time}}) == ["a"]
        assert ask(**{field: {"before_": time - TICK}}) == ask(**{field: {"after_": time + TICK}}) == []
        far = time.astimezone(timezone(timedelta(hours=-11)))
        assert ask(**{field: {"before_": far, "after_": far}}) == ["a"]


@pytest.mark.parametrize("field", ["expected_start_time", "start_time", "end_time", "next_scheduled_start_time"])
def test_before_and_after_are_inclusive_for_runs(store: ArtifactStore, field: str) -> None:
    """A whole second, and one with microseconds, are not mixed up."""
    flow = store.create_flow("flow")
    for name, time in (("noon", NOON), ("tick", NOON + TICK), ("old", datetime(1, 1, 2, tzinfo=UTC))):
        store.create_flow_run(flow.id, name=name, **{field: time})  # type: ignore[misc]
    assert of_kind(store, FlowRunFilter(**{field: {"before_": NOON}})) == ["noon", "old"]  # type: ignore[arg-type]
    assert of_kind(store, FlowRunFilter(**{field: {"after_": NOON}})) == ["noon", "tick"]  # type: ignore[arg-type]
    exact = {"after_": NOON + TICK, "before_": NOON + TICK}
    assert of_kind(store, FlowRunFilter(**{field: exact})) == ["tick"]  # type: ignore[arg-type]


def test_start_time_falls_back_to_the_expected_one(store: ArtifactStore) -> None:
    flow = store.create_flow("flow")
    store.create_flow_run(flow.id, name="waiting", expected_start_time=NOON)
    store.create_flow_run(flow.id, name="late", expected_start_time=NOON, start_time=NOON + TICK)
    store.create_flow_run(flow.id, name="never")
    store.create_task_run(name="waiting", expected_start_time=NOON)
    assert of_kind(store, FlowRunFilter(start_time={"before_": NOON})) == ["waiting"]
    assert of_kind(store, FlowRunFilter(start_time={"after_": NOON})) == ["late", "waiting"]
    assert of_kind(store, FlowRunFilter(start_time={"is_null_": True})) == ["never", "waiting"]
    assert of_kind(store, FlowRunFilter(start_time={"is_null_": False})) == ["late"]
    assert of_kind(store, TaskRunFilter(start_time={"before_": NOON})) == []


@pytest.mark.parametrize(
    ("kind", "wrong", "message"),
    [
        (ArtifactFilter, {"kei": {}}, "ArtifactFilter does not know 'kei'; did you mean 'key'?"),
        (ArtifactFilter, {"latest_ids": {}}, "did you mean"),
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
def test_an_unknown_name_is_answered_with_the_nearest_valid_one(kind: Any, wrong: Any, message: str) -> None:
    for parse in (
        lambda: kind(**wrong),
        lambda: kind.model_validate(wrong),
        lambda: kind.model_validate_json(json.dumps(wrong)),
    ):
        with pytest.raises(ValidationError) as caught:
            parse()
        assert message in str(caught.value)


@each_kind
def test_a_far_off_name_is_answered_with_a_valid_one(kind: Any) -> None:
    for wrong in ("", "xyzzy", "🙂", "_"):
        with pytest.raises(ValidationError, match=r"did you mean '\w+'\?"):
            kind(**{wrong: {}})


# Limits


def leaf(kind: Any) -> Any:
    """A filter that every row of the full store satisfies, and whose SQL nests itself."""
    field = {WorkPoolFilter: "type"}.get(kind, "name" if "name" in TABLE[kind] else "key")
    if field == "key":
        return ~kind(metadata={"eq_": {"a": 1, "b": "x"}}, key={"like_": "zz", "operator": "or_", "any_": ["y"]})
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
        "middle of many": lambda inner, level: kind(**{word(level): [plain] * 2 + [inner] + [plain] * 2}),
        "not_ beside fields": lambda inner, level: kind(not_=inner, **single),
        "fields with operator": lambda inner, level: kind(operator=word(level), and_=[inner], **single),
        "and_, or_ and not_ at once": lambda inner, level: kind(
            operator=word(level), and_=[inner, plain], or_=[plain], not_=plain
        ),
        "two words at each level": lambda inner, level: kind(or_=[inner, plain], not_=plain),
        "not_ and or_ in turn": lambda inner, level: kind(or_=[inner, plain]) if level % 2 else kind(not_=inner),
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
    assert ArtifactFilter.model_validate_json(text) == ArtifactFilter.model_validate(question.model_dump()) == question
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


@pytest.mark.parametrize("shape", ["and_ and or_ in turn", "middle of many", "two words at each level"])
@each_method
def test_a_hundred_levels_in_every_related_filter(full: ArtifactStore, method: str, shape: str) -> None:
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
    for name, number in itertools.product(("offset", "limit"), (-1, 2**63, -(2**63), 10**30, 1.5, "1")):
        with pytest.raises(InvalidQuery, match=name):
            getattr(store, method)(**{name: number})


@each_method
def test_the_greatest_page(full: ArtifactStore, method: str) -> None:
    everything = getattr(full, method)()
    assert everything
    assert getattr(full, method)(limit=2**63 - 1) == everything
    assert getattr(full, method)(offset=2**63 - 1) == getattr(full, method)(offset=2**63 - 1, limit=2**63 - 1) == []


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


@pytest.mark.parametrize("value", [2**63, float("nan"), float("inf"), [1], {"x": 1}, "\0", "\ud800", object()])
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
        assert make("2026-03-01T12:00:00Z") == make("2026-03-01T13:00:00+01:00") == make(NOON), label


def test_a_time_out_of_range_is_refused() -> None:
    early = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    with pytest.raises(ValidationError, match="outside of the years 1 to 9999"):
        ArtifactFilter(created={"before_": early})


# Filters as values


@each_kind
def test_chains_stay_flat(kind: Any) -> None:
    a, b, c, d = (
        kind(id={"any_": [UUID(int=n)]})
        if kind is not ArtifactCollectionFilter
        else kind(latest_id={"any_": [UUID(int=n)]})
        for n in range(4)
    )
    assert (a | b | c).or_ == (a | (b | c)).or_ == (a, b, c)
    assert (a & b & c).and_ == (a & (b & c)).and_ == (a, b, c)
    assert ((a | b) | (c | d)).or_ == (a, b, c, d)
    assert ((a | b) & c).and_ == (a | b, c)
    assert (~a | b).or_ == (kind(not_=a), b)
    assert a | b == kind(or_=[a, b])
    mixed = kind(or_=[a, b], and_=[c])
    assert (mixed | d).or_ == (mixed, d)
    other = kind(operator="or_", and_=[a, b])
    assert (other & c).and_ == (other, c)


@pytest.mark.parametrize("word", [and_, or_], ids=["&", "|"])
def test_filters_of_different_kinds_do_not_combine(word: Any) -> None:
    for one, other in itertools.permutations(KINDS, 2):
        with pytest.raises(TypeError):
            word(one(), other())
    for other in (None, {}, True, "x"):
        with pytest.raises(TypeError):
            word(FlowFilter(), other)
        with pytest.raises(TypeError):
            word(other, FlowFilter())


def test_filters_of_another_kind_are_no_members() -> None:
    for one, other in itertools.permutations(KINDS, 2):
        for fields in ({"and_": [other()]}, {"or_": [other()]}, {"not_": other()}):
            with pytest.raises(ValidationError):
                one(**fields)


@each_method
def test_a_filter_of_the_wrong_kind_is_refused(store: ArtifactStore, method: str) -> None:
    own = {kind: name for kind, (home, name) in HOME.items() if home == method}
    takes = {name: kind for kind, name in own.items()} | RELATED
    for name, kind in takes.items():
        for wrong in (*(other() for other in KINDS if other is not kind), {}, {"name": {}}, "x", []):
            with pytest.raises(InvalidQuery, match=name):
                getattr(store, method)(**{name: wrong})


@pytest.mark.parametrize("word", ["read", "count"])
def test_the_two_kinds_of_artifact_filter_are_not_interchangeable(store: ArtifactStore, word: str) -> None:
    with pytest.raises(InvalidQuery, match="ArtifactCollectionFilter"):
        getattr(store, f"{word}_latest_artifacts")(artifact_filter=ArtifactFilter())
    with pytest.raises(InvalidQuery, match="ArtifactFilter"):
        getattr(store, f"{word}_artifacts")(artifact_filter=ArtifactCollectionFilter())


def test_the_same_filter_deletes(full: ArtifactStore) -> None:
    assert full.delete_artifacts(work_pool_filter=WorkPoolFilter(name={"any_": ["other"]})) == 0
    assert (
        full.delete_artifacts(ArtifactFilter(key={"like_": "fu"}), flow_filter=FlowFilter(name={"any_": ["flow"]})) == 1
    )
    assert names(full, "read_artifacts") == ["None", "bare", "outer"]
    with pytest.raises(InvalidQuery):
        full.delete_artifacts(ArtifactCollectionFilter())  # type: ignore[arg-type]


@pytest.mark.parametrize("method", [each for each in METHODS if "artifacts" not in each])
def test_a_filter_that_a_listing_does_not_take_is_refused(full: ArtifactStore, method: str) -> None:
    """What would be ignored in silence is an error."""
    for name in ("artifact_filter", "flow_filte", "work_queue_filter", "work_queue"):
        with pytest.raises((InvalidQuery, TypeError), match=name):
            getattr(full, method)(**{name: ArtifactFilter(key={"any_": ["none"]})})


@each_method
def test_an_unknown_order_is_refused(store: ArtifactStore, method: str) -> None:
    for wrong in ("NAME", "", "id_desc", "ID_ASC", None, 1):
        with pytest.raises(InvalidQuery, match="ID_DESC"):
            getattr(store, method)(sort=wrong)
    if "artifacts" not in method:
        assert getattr(store, method)(sort=RunSort.NAME_ASC) == []


@each_kind
def test_filters_are_frozen(kind: Any) -> None:
    question = kind(operator="or_", or_=[kind()])
    for name in ("operator", "or_", *TABLE[kind]):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(question, name, None)
    criterion = getattr(kind(**{next(iter(TABLE[kind])): {}}), next(iter(TABLE[kind])))
    with pytest.raises(ValidationError, match="frozen"):
        criterion.operator = "or_"


def test_operands_are_copied() -> None:
    """A list or a dict that the caller changes later does not change the filter."""
    keys, entries = ["a"], {"x": 1}
    question = ArtifactFilter(key={"any_": keys}, metadata={"eq_": entries})
    before = question.model_dump_json()
    keys.append("b")
    entries["y"] = 2
    assert question.model_dump_json() == before


@pytest.mark.parametrize("wrong", [None, "xor", "AND", "and", True])
@each_kind
def test_operator_is_and_or_or(kind: Any, wrong: Any) -> None:
    with pytest.raises(ValidationError):
        kind(operator=wrong)
    with pytest.raises(ValidationError):
        kind(**{next(iter(TABLE[kind])): {"operator": wrong}})


def test_or_inside_a_field(ask: Ask) -> None:
    ask.make("a", "b", "sales")
    assert ask(key={"operator": "or_", "any_": ["a"], "startswith_": "sa"}) == ["a", "sales"]
    assert ask(key={"operator": "and_", "any_": ["a"], "startswith_": "sa"}) == []
    assert ask(version={"operator": "or_", "ge_": 5, "le_": 1}) == ["a", "b", "sales"]


def test_or_inside_a_state(store: ArtifactStore) -> None:
    flow = store.create_flow("flow")
    for name, kind, text in (("x", "FAILED", "Failed"), ("y", "COMPLETED", "Cached"), ("z", "COMPLETED", "Completed")):
        store.create_flow_run(flow.id, name=name, state_type=kind, state_name=text)  # type: ignore[arg-type]
    state = {"type": {"any_": ["FAILED"]}, "name": {"any_": ["Cached"]}}
    assert of_kind(store, FlowRunFilter(state=state)) == []
    assert of_kind(store, FlowRunFilter(state=state | {"operator": "or_"})) == ["x", "y"]
    assert of_kind(store, ~FlowRunFilter(state=state | {"operator": "or_"})) == ["z"]
    assert of_kind(store, FlowRunFilter(operator="or_", state=state, name={"any_": ["z"]})) == ["z"]


ID = "018f3f3e-9f5a-7b3c-8d2e-0123456789ab"
REST = [
    (
        ArtifactFilter,
        {
            "operator": "and_",
            "id": None,
            "key": {"any_": None, "like_": "my-artifact-%", "exists_": None},
            "flow_run_id": None,
            "task_run_id": None,
            "type": {"any_": ["table", "markdown"], "not_any_": None},
        },
    ),
    (
        ArtifactFilter,
        {"operator": "or_", "id": {"any_": [ID]}, "flow_run_id": {"any_": [ID]}, "task_run_id": {"any_": [ID]}},
    ),
    (
        ArtifactCollectionFilter,
        {
            "operator": "and_",
            "latest_id": {"any_": [ID]},
            "key": {"any_": ["a"], "like_": None, "exists_": True},
            "type": {"any_": None, "not_any_": ["result"]},
        },
    ),
    (
        FlowFilter,
        {
            "operator": "and_",
            "id": {"any_": [ID], "not_any_": None},
            "deployment": {"operator": "and_", "is_null_": False},
            "name": {"any_": ["flow"], "like_": "fl"},
            "tags": {"operator": "and_", "all_": ["prod"], "any_": None, "is_null_": None},
        },
    ),
    (
        FlowRunFilter,
        {
            "operator": "and_",
            "id": {"any_": [ID], "not_any_": [ID]},
            "name": {"any_": None, "like_": "marvin"},
            "tags": {"operator": "or_", "all_": ["a"], "is_null_": True},
            "deployment_id": {"operator": "and_", "any_": [ID], "is_null_": None},
            "work_queue_name": {"operator": "or_", "any_": ["default"], "is_null_": True},
            "state": {
                "operator": "and_",
                "type": {"any_": ["SCHEDULED", "RUNNING"], "not_any_": None},
                "name": {"any_": ["Late"], "not_any_": None},
            },
            "flow_version": {"any_": ["1"]},
            "start_time": {"before_": "2024-01-01T00:00:00+00:00", "after_": None, "is_null_": None},
            "end_time": {"before_": None, "after_": None, "is_null_": True},
            "expected_start_time": {"before_": "2024-01-01T00:00:00Z", "after_": "2019-08-24T14:15:22.123456Z"},
            "next_scheduled_start_time": {"before_": None, "after_": "2019-08-24T14:15:22Z"},
            "parent_flow_run_id": {"operator": "and_", "any_": [ID]},
            "parent_task_run_id": {"operator": "and_", "any_": [ID], "is_null_": False},
            "idempotency_key": {"any_": ["k"], "not_any_": ["l"]},
            "created_by": {"id_": [ID], "type_": ["AUTOMATION"], "is_null_": False},
        },
    ),
    (
        TaskRunFilter,
        {
            "operator": "and_",
            "id": {"any_": [ID]},
            "name": {"any_": ["task"], "like_": None},
            "tags": {"operator": "and_", "all_": ["t"], "is_null_": None},
            "state": {"operator": "and_", "type": {"any_": ["COMPLETED"], "not_any_": None}, "name": None},
            "subflow_runs": {"exists_": True},
            "start_time": {"before_": None, "after_": "2019-08-24T14:15:22Z", "is_null_": None},
            "expected_start_time": {"before_": "2019-08-24T14:15:22Z", "after_": None},
            "end_time": None,
            "flow_run_id": {"operator": "and_", "any_": [ID], "is_null_": False},
        },
    ),
    (
        DeploymentFilter,
        {
            "operator": "and_",
            "id": {"any_": [ID], "not_any_": None},
            "name": {"any_": ["d"], "like_": None},
            "flow_or_deployment_name": {"like_": "marvin"},
            "paused": {"eq_": True},
            "tags": {"operator": "and_", "all_": ["t"], "any_": ["u"], "is_null_": None},
            "work_queue_name": {"any_": ["default"]},
        },
    ),
    (
        WorkPoolFilter,
        {"operator": "and_", "id": {"any_": [ID]}, "name": {"any_": ["pool"]}, "type": {"any_": ["kubernetes"]}},
    ),
]


def stripped(value: Any) -> Any:
    """JSON without what says nothing: null, and the operator that is the default."""
    if not isinstance(value, dict):
        return value
    return {
        name: stripped(each)
        for name, each in value.items()
        if each is not None and (name, each) != ("operator", "and_")
    }


@pytest.mark.parametrize(("kind", "plain"), REST, ids=lambda each: getattr(each, "__name__", ""))
def test_the_json_of_the_incumbent(full: ArtifactStore, kind: Any, plain: dict[str, Any]) -> None:
    """It is read as it is, written back without what says nothing, and answered."""
    question = kind.model_validate_json(json.dumps(plain))
    assert question == kind.model_validate(plain) == kind(**plain)
    written = json.loads(question.model_dump_json())

    def moments(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: moments(each) for name, each in value.items()}
        try:
            return datetime.fromisoformat(value)
        except (TypeError, ValueError):
            return value

    assert moments(written) == moments(stripped(plain))
    assert of_kind(full, question) == []


@each_kind
def test_an_empty_filter_is_empty_json(kind: Any) -> None:
    assert kind().model_dump_json() == "{}"
    assert kind.model_validate_json("{}") == kind() == kind.model_validate({})
    assert (kind() | kind()).model_dump_json() == '{"or_":[{},{}]}'
    for wrong in ("[]", "null", '"x"', "1", "{", ""):
        with pytest.raises(ValidationError):
            kind.model_validate_json(wrong)


@pytest.mark.parametrize("value", [1, 1.0, True, "1", None, -0.0, 1e300, 0.1 + 0.2, 2**63 - 1, 5e-324, '🙂\u2028"'])
def test_json_keeps_the_type_of_metadata(value: Any) -> None:
    question = ArtifactFilter(metadata={"eq_": {"x": value}})
    copy = ArtifactFilter.model_validate_json(question.model_dump_json())
    assert copy.metadata is not None
    assert copy.metadata.eq_ is not None
    assert repr(copy.metadata.eq_["x"]) == repr(value)


# Metadata, told apart by type and by name


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
        assert ask(metadata={"eq_": {"x": asked}}) == ask(metadata={"eq_": {"x": asked, "y": "other"}}) == found
        assert ask.keys(~ask.kind(metadata={"eq_": {"x": asked}})) == sorted({*values, "none", "other"} - {*found})


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
    assert ask(metadata={"ge_": {"x": "\ue000"}}) == ["astral", "bmp"]  # by code point, not by UTF-16
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
    assert ask(metadata={"eq_": {"x": value}}) == ask(metadata={"eq_": {"x": made.metadata["x"]}}) == ["a"]
    assert ask(metadata={"ge_": {"x": value}, "le_": {"x": value}}) == ["a"]
    copy = ask.kind.model_validate_json(ask.kind(metadata={"eq_": {"x": value}}).model_dump_json())
    assert ask.keys(copy) == ["a"]


def test_a_state_is_named_in_any_case(full: ArtifactStore) -> None:
    for kind in (FlowRunFilter, TaskRunFilter):
        for word in ("completed", "Completed", "COMPLETED", "cOmPlEtEd"):
            question = kind(state={"type": {"any_": [word]}})
            assert question == kind(state={"type": {"any_": ["COMPLETED"]}})
            assert of_kind(full, question) == of_kind(full, kind())
            assert of_kind(full, kind(state={"type": {"not_any_": [word]}})) == []
    assert full.count_artifacts(flow_run_filter=FlowRunFilter(state={"type": {"any_": ["completed"]}})) == 2


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("faild", "FAILED"), ("complete", "COMPLETED"), ("canceled", "CANCELLED"), ("done", ""), ("", ""), ("ﬀ", "")],
)
def test_an_unknown_state_is_refused_with_the_nearest(wrong: str, near: str) -> None:
    for kind, word in itertools.product((FlowRunFilter, TaskRunFilter), ("any_", "not_any_")):
        with pytest.raises(InvalidQuery) as caught:
            kind(state={"type": {word: ["COMPLETED", wrong]}})
        assert f"state.type.{word}.1: {wrong!r} is no state type: use one of SCHEDULED," in str(caught.value)
        assert f"did you mean '{near}" in str(caught.value)
    assert FlowRunFilter(state={"name": {"any_": [wrong]}}).state is not None  # a name is any text


def test_names_of_metadata_are_literal(ask: Ask) -> None:
    for number, name in enumerate(WEIRD):
        ask.make(f"k{number}", metadata={name: number, "other": name})
    for number, name in enumerate(WEIRD):
        own = [f"k{number}"]
        assert ask(metadata={"has_key_": [name, "other"]}) == ask(metadata={"eq_": {name: number}}) == own
        assert ask(metadata={"ge_": {name: number}, "le_": {name: number}}) == own
        assert ask(metadata={"eq_": {"other": name}}) == own


# Text is text

PAYLOADS = [
    "'; DROP TABLE artifact; --",
    '" OR 1=1 --',
    "1) OR (1=1",
    "' OR ''='",
    "\\'",
    "$1",
    ":x",
    "{}",
    "{0}",
    "\\",
    "'",
    '"',
    "--",
    "/*",
]


@each_kind
def test_sql_in_text_is_text(full: ArtifactStore, kind: Any) -> None:
    everything = of_kind(full, kind())
    lists, patterns = ("any_", "not_any_", "all_", "type_", "has_key_"), ("like_", "startswith_")
    for (label, make), payload in itertools.product([*operators(kind, *lists, *patterns)], PAYLOADS):
        wanted = everything if label.endswith("not_any_") else []
        of_state = label.startswith("type.") and "state" in TABLE[kind]
        if of_state or "id" in label.split(".")[0].split("_") or label == "version.any_":
            with pytest.raises(ValidationError):
                make([payload])
        elif label.endswith(patterns):
            assert of_kind(full, make(payload)) == wanted, label
        else:
            assert of_kind(full, make([payload])) == of_kind(full, make([payload, "x"])) == wanted, label


def test_sql_in_stored_text_is_found(store: ArtifactStore) -> None:
    stored = [*PAYLOADS, "%s", "?", "%(x)s", "%"]
    for number, text in enumerate(stored):
        flow = store.create_flow(text, tags=[text])
        store.create_flow_run(flow.id, name=text, tags=[text], flow_version=text, created_by={"type": text})
        store.create_artifact(key=f"k{number}", type=text, metadata={text: text})
    for number, text in enumerate(stored):
        assert of_kind(store, FlowFilter(name={"any_": [text]}, tags={"all_": [text]})) == [text]
        assert of_kind(store, FlowFilter(tags={"any_": [text, "x"]})) == [text]
        one = FlowRunFilter(flow_version={"any_": [text]}, created_by={"type_": [text]}, tags={"any_": [text]})
        assert of_kind(store, one) == [text]
        assert of_kind(store, ArtifactFilter(type={"any_": [text]})) == [f"k{number}"]
        found = {"eq_": {text: text}, "ge_": {text: text}, "has_key_": text}
        assert of_kind(store, ArtifactFilter(metadata=found)) == [f"k{number}"]


# Size


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
    assert sorted([*of_kind(full, both), last]) == sorted([*of_kind(full, ~either), last]) == everything
    if kind is ArtifactFilter:
        assert kind.model_validate_json(either.model_dump_json()) == either


def test_a_thousand_terms_of_several_fields_in_related_filters(full: ArtifactStore) -> None:
    runs = [
        FlowRunFilter(
            operator="or_", name={"like_": f"none{n}"}, tags={"any_": [f"none{n}"]}, work_queue_name={"any_": [f"x{n}"]}
        )
        for n in range(1000)
    ]
    found = reduce(or_, [*runs, FlowRunFilter(name={"any_": ["run"]})])
    assert names(full, "read_artifacts", flow_run_filter=found) == ["full"]
    assert names(full, "read_work_pools", flow_run_filter=found, work_pool_filter=WorkPoolFilter()) == ["pool"]


# The same flow run


def test_related_filters_hold_of_the_same_flow_run(ask: Ask) -> None:
    store = ask.store
    flows = [store.create_flow(name) for name in "ab"]
    queues = [store.create_work_queue("q", store.create_work_pool(name).id) for name in "ab"]
    deployments = [store.create_deployment(name, flow.id) for name, flow in zip("ab", flows, strict=True)]
    for flow, deployment, queue in itertools.product(range(2), repeat=3):
        key = "ab"[flow] + "ab"[deployment] + "ab"[queue]
        run = store.create_flow_run(
            flows[flow].id, name=key, deployment_id=deployments[deployment].id, work_queue_id=queues[queue].id
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
        assert names(store, "read_flow_runs", **asked) == names(store, "read_task_runs", **asked) == [key]
        other = ~FlowRunFilter(name={"any_": [key]})
        assert ask.keys(**asked, flow_run_filter=other) == []  # type: ignore[arg-type]


def test_listing_with_and_without_key(ask: Ask) -> None:
    """Where the incumbent crashes: one artifact without a key among the versions."""
    ask.store.create_artifact()
    ask.make("a", "a")
    assert len(ask.store.read_artifacts(artifact_filter=ArtifactFilter(key={"exists_": False}))) == 1
    assert ask(key={"exists_": True}) == (["a"] if ask.latest else ["a", "a"])
    assert ask.keys() == (["a"] if ask.latest else ["a", "a", None])


def test_thousands_of_metadata_names(store: ArtifactStore) -> None:
    names = {f"n{number}": number for number in range(3000)}
    made = store.create_artifact(key="k", metadata=names)
    assert store.read_artifacts(artifact_filter=ArtifactFilter(metadata={"has_key_": [*names]})) == [made]
    assert store.read_artifacts(artifact_filter=ArtifactFilter(metadata={"eq_": names, "ge_": names})) == [made]
    assert store.count_artifacts(ArtifactFilter(metadata={"has_key_": [*names, "other"]})) == 0
