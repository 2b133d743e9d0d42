"""The contract of runs: flows, deployments, flow runs, task runs, work pools and queues."""

import datetime as dt
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from artifact_store import (
    ArtifactConflict,
    ArtifactFilter,
    ArtifactStore,
    FlowFilter,
    FlowRunFilter,
    IntegrityViolation,
    InvalidQuery,
    RunSort,
    TaskRunFilter,
    WorkPoolFilter,
)

ID = uuid.UUID("00000000-0000-7000-8000-00000000000a")
NOBODY = uuid.UUID("00000000-0000-7000-8000-00000000ffff")
WHEN = dt.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=dt.UTC)
ELSEWHERE = dt.timezone(dt.timedelta(hours=5, minutes=30))
STATES = [
    "SCHEDULED",
    "PENDING",
    "RUNNING",
    "COMPLETED",
    "FAILED",
    "CANCELLED",
    "CRASHED",
    "PAUSED",
    "CANCELLING",
]


@dataclass
class Family:
    """A store with one of each, that all belong together."""

    store: ArtifactStore

    def __post_init__(self) -> None:
        self.flow = self.store.create_flow("etl")
        self.work_pool = self.store.create_work_pool("pool")
        self.work_queue = self.store.create_work_queue("queue", self.work_pool.id)
        self.deployment = self.store.create_deployment(
            "nightly", self.flow.id, work_queue_id=self.work_queue.id
        )
        self.flow_run = self.store.create_flow_run(
            self.flow.id, deployment_id=self.deployment.id, work_queue_id=self.work_queue.id
        )
        self.task_run = self.store.create_task_run(self.flow_run.id)

    def create(self, kind: str, name: str = "new", **fields: Any) -> Any:
        """Create one of a kind in this family."""
        method = getattr(self.store, f"create_{kind}")
        if kind == "flow_run":
            return method(self.flow.id, name=name, **fields)
        if kind == "task_run":
            return method(self.flow_run.id, name=name, **fields)
        parents = {"deployment": [self.flow.id], "work_queue": [self.work_pool.id]}
        return method(name, *parents.get(kind, []), **fields)


KINDS = ["flow", "deployment", "flow_run", "task_run", "work_pool", "work_queue"]
NAMED = ["flow", "deployment", "work_pool", "work_queue"]
EXTRA: dict[str, dict[str, Any]] = {
    "flow": {"tags": ("a", "ü")},
    "deployment": {"tags": ("a",), "paused": True},
    "flow_run": {
        "tags": ("b", "a"),
        "flow_version": "1",
        "idempotency_key": "once",
        "state_type": "PENDING",
        "state_name": "Waiting",
        "expected_start_time": WHEN,
        "next_scheduled_start_time": WHEN,
        "start_time": WHEN,
        "end_time": WHEN,
        "created_by": {"id": str(ID), "type": "SCHEDULE"},
        "parent_task_run_id": NOBODY,
        "state_message": "for a slot",
        "parameters": {"day": "2026-01-02", "retries": [1, {"b": None, "a": 1e300}]},
    },
    "task_run": {
        "tags": ("a",),
        "task_key": "load",
        "state_type": "RUNNING",
        "state_name": "Running",
        "expected_start_time": WHEN,
        "start_time": WHEN,
        "end_time": WHEN,
        "state_message": "ü",
        "parameters": {},
    },
    "work_pool": {"type": "kubernetes"},
    "work_queue": {},
}


@pytest.fixture
def family(store: ArtifactStore) -> Family:
    return Family(store)


def read(store: ArtifactStore, kind: str, each: Any) -> Any:
    return getattr(store, f"read_{kind}")(each)


def listing(store: ArtifactStore, kind: str, **arguments: Any) -> list[Any]:
    return list(getattr(store, f"read_{kind}s")(**arguments))


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_comes_back(family: Family, kind: str) -> None:
    made = family.create(kind, id=ID, **EXTRA[kind])
    assert (made.id, made.name) == (ID, "new")
    assert {name: getattr(made, name) for name in EXTRA[kind]} == EXTRA[kind]
    assert made.created == made.updated
    for each in (ID, str(ID), ID.hex):
        assert read(family.store, kind, each) == made
    assert made in listing(family.store, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_missing_is_none(family: Family, kind: str) -> None:
    assert read(family.store, kind, NOBODY) is None
    with pytest.raises(InvalidQuery, match=r"^Invalid id .*: expected a UUID"):
        read(family.store, kind, "nonsense")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_given(family: Family, kind: str) -> None:
    made = getattr(family, kind)
    assert made.id.version == 7
    assert made.created.tzinfo == made.updated.tzinfo == dt.UTC
    assert getattr(made, "tags", ()) == ()
    assert read(family.store, kind, made.id) == made
    if kind in ("flow_run", "task_run"):
        assert made.name == str(made.id)
        assert (made.state_type, made.state_name, made.start_time, made.end_time) == (
            None,
            None,
            None,
            None,
        )
    if kind == "task_run":
        assert made.task_key == made.name
    if kind == "work_pool":
        assert made.type == "process"


def test_a_task_run_needs_no_flow_run(store: ArtifactStore) -> None:
    made = store.create_task_run(name="alone")
    assert (made.flow_run_id, made.task_key) == (None, "alone")
    assert store.read_task_run(made.id) == made


@pytest.mark.parametrize("kind", KINDS)
def test_the_caller_may_set_the_times(family: Family, kind: str) -> None:
    if kind in ("flow_run", "task_run"):
        made = family.create(kind, start_time=WHEN.astimezone(ELSEWHERE))
        assert read(family.store, kind, made.id).start_time == WHEN
        assert (
            made.start_time.tzinfo == read(family.store, kind, made.id).start_time.tzinfo == dt.UTC
        )
        with pytest.raises(InvalidQuery, match=r"end_time.*has no time zone"):
            family.create(kind, end_time=dt.datetime(2026, 1, 1))


# Taken names, ids and keys


@pytest.mark.parametrize("kind", NAMED)
def test_a_taken_name_returns_what_has_it(family: Family, kind: str) -> None:
    first = family.create(kind, **EXTRA[kind])
    before = listing(family.store, kind)
    assert family.create(kind) == first
    other = (
        {"type": "docker"}
        if kind == "work_pool"
        else {"tags": ["x"]}
        if kind != "work_queue"
        else {}
    )
    assert family.create(kind, **other) == first
    assert listing(family.store, kind) == before


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("in_block", [False, True])
def test_a_taken_name_and_an_id_of_its_own_conflict(
    family: Family, kind: str, in_block: bool
) -> None:
    first = family.create(kind)
    with family.store.atomic() if in_block else nullcontext():
        with pytest.raises(
            ArtifactConflict, match=f"with the name 'new' exists under another id, {first.id}: "
        ):
            family.create(kind, id=ID)
        assert read(family.store, kind, ID) is None
        assert family.create(kind, id=first.id) == first
        second = family.create(kind, "free", id=ID)
    assert family.create(kind, "free", id=str(ID)) == second
    assert read(family.store, kind, ID) == second


def test_a_taken_idempotency_key_and_an_id_of_its_own_conflict(family: Family) -> None:
    first = family.store.create_flow_run(family.flow.id, idempotency_key="once")
    said = rf"flow run with the idempotency_key 'once' exists under another id, {first.id}"
    for name in ({}, {"name": "named"}):
        with pytest.raises(ArtifactConflict, match=said):
            family.store.create_flow_run(family.flow.id, id=ID, idempotency_key="once", **name)
        assert family.store.create_flow_run(family.flow.id, idempotency_key="once", **name) == first
    assert (
        family.store.create_flow_run(family.flow.id, id=first.id, idempotency_key="once") == first
    )
    assert read(family.store, "flow_run", ID) is None


@pytest.mark.parametrize("kind", ["deployment", "work_queue"])
def test_names_are_unique_within_the_parent(family: Family, kind: str) -> None:
    first = family.create(kind)
    parent = (
        family.store.create_flow("other")
        if kind == "deployment"
        else family.store.create_work_pool("other")
    )
    second = getattr(family.store, f"create_{kind}")("new", parent.id)
    assert second.id != first.id
    assert second.name == first.name


@pytest.mark.parametrize("kind", ["flow_run", "task_run"])
def test_runs_may_share_a_name(family: Family, kind: str) -> None:
    assert family.create(kind).id != family.create(kind).id


def test_an_idempotency_key_returns_the_first_run_of_the_flow(family: Family) -> None:
    first = family.create("flow_run", idempotency_key="once", tags=["a"])
    assert family.create("flow_run", "another", idempotency_key="once") == first
    other = family.store.create_flow("other")
    assert family.store.create_flow_run(other.id, idempotency_key="once").id != first.id
    assert family.create("flow_run", idempotency_key="twice").id != first.id


@pytest.mark.parametrize("kind", KINDS)
def test_a_repeat_of_an_id_returns_what_is_stored(family: Family, kind: str) -> None:
    first = family.create(kind, id=ID, **EXTRA[kind])
    assert family.create(kind, id=str(ID), **EXTRA[kind]) == first
    assert len(listing(family.store, kind)) == 2


OTHER = {
    "tags": ["x"],
    "parameters": {"other": 1},
    "paused": False,
    "created_by": None,
    "state_type": "CRASHED",
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_id_with_other_content_conflicts(family: Family, kind: str) -> None:
    first = family.create(kind, id=ID, **EXTRA[kind])
    before = listing(family.store, kind)
    with pytest.raises(ArtifactConflict, match=f"{ID} exists with another name"):
        family.create(kind, "other", id=ID, **EXTRA[kind])
    for name in EXTRA[kind]:
        changed = {**EXTRA[kind], name: OTHER.get(name, "x")}
        if name.endswith("_time"):
            changed[name] = WHEN + dt.timedelta(microseconds=1)
        elif name.endswith("_id"):
            changed[name] = ID
        if name != "idempotency_key":
            with pytest.raises(ArtifactConflict, match=f"another {name}"):
                family.create(kind, id=ID, **changed)
    assert listing(family.store, kind) == before
    assert read(family.store, kind, ID) == first


def test_a_conflict_does_not_spoil_a_block(family: Family) -> None:
    family.create("flow", id=ID)
    with family.store.atomic():
        with pytest.raises(ArtifactConflict):
            family.create("flow", "other", id=ID)
        with pytest.raises(IntegrityViolation):
            family.store.create_deployment("d", NOBODY)
        family.create("flow", "third")
    assert [each.name for each in family.store.read_flows()] == ["third", "etl", "new"]


def test_threads_that_create_the_same_flow_get_the_same(store: ArtifactStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert len({each.id for each in threads.map(store.create_flow, ["etl"] * 64)}) == 1
    assert len(store.read_flows()) == 1


# Parents that do not exist


ORPHANS: list[tuple[str, Callable[[Family], object]]] = [
    ("deployment", lambda family: family.store.create_deployment("d", NOBODY)),
    ("deployment", lambda family: family.create("deployment", work_queue_id=NOBODY)),
    ("flow run", lambda family: family.store.create_flow_run(NOBODY)),
    ("flow run", lambda family: family.create("flow_run", deployment_id=NOBODY)),
    ("flow run", lambda family: family.create("flow_run", work_queue_id=NOBODY)),
    ("task run", lambda family: family.store.create_task_run(NOBODY)),
    ("work queue", lambda family: family.store.create_work_queue("q", NOBODY)),
]


@pytest.mark.parametrize(("label", "call"), ORPHANS)
def test_a_parent_must_exist(family: Family, label: str, call: Callable[[Family], object]) -> None:
    before = [listing(family.store, kind) for kind in KINDS]
    said = rf"^The {label} refers to something that does not exist: .*_id"
    with pytest.raises(IntegrityViolation, match=said) as caught:
        call(family)
    assert str(caught.value).endswith(".")
    assert caught.value.__cause__ is not None
    assert [listing(family.store, kind) for kind in KINDS] == before


def test_runs_of_another_system_may_be_named(family: Family) -> None:
    made = family.store.create_artifact(key="k", flow_run_id=NOBODY, task_run_id=NOBODY)
    assert family.store.read_artifacts(
        artifact_filter=ArtifactFilter(flow_run_id={"any_": [NOBODY]})
    ) == [made]
    assert family.create("flow_run", parent_task_run_id=NOBODY).parent_task_run_id == NOBODY


BAD: list[Callable[[Family], object]] = [
    lambda family: family.create("flow", 7),
    lambda family: family.create("flow", "a\0"),
    lambda family: family.create("flow", "\ud800"),
    lambda family: family.create("flow", None),
    lambda family: family.create("flow", id="nonsense"),
    lambda family: family.create("flow", tags="abc"),
    lambda family: family.create("flow", tags=[1]),
    lambda family: family.create("flow_run", nonsense=1),
    lambda family: family.create("flow_run", created_by={"id": [1]}),
    lambda family: family.create("flow_run", start_time="yesterday"),
    lambda family: family.store.create_flow_run(None),
    lambda family: family.store.create_deployment("d", "nonsense"),
]


@pytest.mark.parametrize("call", BAD)
def test_bad_values_are_refused(family: Family, call: Callable[[Family], object]) -> None:
    before = [listing(family.store, kind) for kind in KINDS]
    with pytest.raises((InvalidQuery, ValueError)) as caught:
        call(family)
    assert type(caught.value).__module__ == "artifact_store.errors"
    assert "\n" not in str(caught.value)
    assert [listing(family.store, kind) for kind in KINDS] == before


# States


@pytest.mark.parametrize("kind", ["flow_run", "task_run"])
@pytest.mark.parametrize("state", STATES)
def test_a_state_keeps_the_times(family: Family, kind: str, state: Any) -> None:
    before, set_state = getattr(family, kind), getattr(family.store, f"set_{kind}_state")
    started = dt.datetime.now(dt.UTC)
    assert set_state(str(before.id), state) is True
    after = read(family.store, kind, before.id)
    assert (after.state_type, after.state_name) == (state, state.capitalize())
    assert started <= after.updated <= dt.datetime.now(dt.UTC)
    assert after.updated > before.updated
    assert after.created == before.created
    assert after.start_time == (after.updated if state == "RUNNING" else None)
    assert after.end_time == (
        after.updated if state in ("COMPLETED", "FAILED", "CANCELLED", "CRASHED") else None
    )
    times = {
        name: getattr(after, name)
        for name in ("start_time", "end_time", "updated", "state_type", "state_name")
    }
    assert after == before.model_copy(update=times)


@pytest.mark.parametrize("kind", ["flow_run", "task_run"])
def test_the_life_of_a_run(family: Family, kind: str) -> None:
    run, set_state = getattr(family, kind), getattr(family.store, f"set_{kind}_state")

    def times() -> tuple[Any, Any]:
        each = read(family.store, kind, run.id)
        return each.start_time, each.end_time

    set_state(run.id, "RUNNING")
    start, end = times()
    assert end is None
    set_state(run.id, "FAILED", "Out of memory", message="killed at 8 GB")
    failed = read(family.store, kind, run.id)
    assert (failed.state_name, failed.state_message) == ("Out of memory", "killed at 8 GB")
    assert times()[0] == start < times()[1]
    set_state(run.id, "RUNNING", "Retrying")
    assert read(family.store, kind, run.id).state_message is None, "a message belongs to its state"
    assert times() == (start, None), "a retry keeps the first start"
    set_state(run.id, "COMPLETED")
    assert times()[0] == start < times()[1]


@pytest.mark.parametrize("kind", ["flow_run", "task_run"])
def test_states_of_nobody_and_no_states(family: Family, kind: str) -> None:
    run, set_state = getattr(family, kind), getattr(family.store, f"set_{kind}_state")
    assert set_state(NOBODY, "RUNNING") is False
    for bad in ("running", "", "DONE", None, 7):
        with pytest.raises(InvalidQuery, match=r"COMPLETED|state_type: .* is not text"):
            set_state(run.id, bad)
    with pytest.raises(InvalidQuery):
        set_state("nonsense", "RUNNING")
    assert read(family.store, kind, run.id) == run


# Lists


@pytest.mark.parametrize("kind", KINDS)
def test_sorts_and_pages(family: Family, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    times = [WHEN, WHEN + dt.timedelta(days=1)]
    for n in range(12):
        monkeypatch.setattr("artifact_store.runs.queries.now", lambda n=n: times[n % 2])
        name = f"{'bA-'[n % 3]}{n // 6 if kind in ('flow_run', 'task_run') else n}"
        family.create(kind, name, id=uuid.UUID(int=(n * 7919) % 10007 + 1))
    everything = listing(family.store, kind)
    ranks: dict[str, Callable[[Any], Any]] = {
        "ID": lambda each: each.id.bytes,
        "CREATED": lambda each: (each.created, each.id.bytes),
        "UPDATED": lambda each: (each.updated, each.id.bytes),
        "NAME": lambda each: (each.name, each.id.bytes),
    }
    assert len(everything) == 13
    for sort in RunSort:
        name, _, direction = sort.partition("_")
        expected = sorted(everything, key=ranks[name], reverse=direction == "DESC")
        assert (
            listing(family.store, kind, sort=sort)
            == listing(family.store, kind, sort=sort.value)
            == expected
        )
        pages = [
            listing(family.store, kind, offset=start, limit=5, sort=sort)
            for start in range(0, 15, 5)
        ]
        assert list(chain(*pages)) == expected


FILTERS: list[Any] = [
    ("flow_filter", FlowFilter(name={"any_": ["etl"]}), FlowFilter(name={"any_": ["other"]})),
    (
        "work_pool_filter",
        WorkPoolFilter(name={"any_": ["pool"]}),
        WorkPoolFilter(name={"any_": ["other"]}),
    ),
    ("flow_run_filter", FlowRunFilter(), FlowRunFilter(id={"any_": [NOBODY]})),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "right", "wrong"), FILTERS)
def test_lists_take_the_filters(
    family: Family, kind: str, name: str, right: Any, wrong: Any
) -> None:
    if kind != name.removesuffix("_filter"):
        family.store.create_flow("other")
        family.store.create_work_pool("other")
    assert listing(family.store, kind, **{name: right}) == [getattr(family, kind)]
    assert getattr(family, kind) not in listing(family.store, kind, **{name: wrong})


def test_a_filter_of_the_wrong_kind(family: Family) -> None:
    with pytest.raises(InvalidQuery, match="flow_filter takes a FlowFilter"):
        family.store.read_flows(flow_filter=TaskRunFilter())


def test_values_are_frozen(family: Family) -> None:
    for kind in KINDS:
        value: BaseModel = getattr(family, kind)
        with pytest.raises(ValidationError):
            value.name = "other"
        assert hash(value.model_dump_json())


@pytest.mark.parametrize("name", ["a\ud800", "a\0", 5])
def test_a_state_name_is_text(store: ArtifactStore, name: Any) -> None:
    run = store.create_flow_run(store.create_flow("f").id)
    task = store.create_task_run(run.id)
    for change in (store.set_flow_run_state, store.set_task_run_state):
        with pytest.raises(InvalidQuery, match="state_name"):
            change(run.id, "FAILED", name)
    assert store.read_flow_run(run.id) == run
    assert store.read_task_run(task.id) == task


@pytest.mark.parametrize("kind", ["flow_run", "task_run"])
def test_parameters_are_what_data_may_be(family: Family, kind: str) -> None:
    made = family.create(kind, parameters={"day": WHEN.date(), "ratio": float("nan"), "of": (1, 2)})
    assert made.parameters == {"day": "2026-01-02", "ratio": None, "of": [1, 2]}
    assert list(made.parameters) == ["day", "ratio", "of"]
    assert read(family.store, kind, made.id) == made
    with pytest.raises(
        InvalidQuery, match=r"^parameters is a list: pass a dict of names and values, or None\.$"
    ):
        family.create(kind, parameters=[1])
    with pytest.raises(InvalidQuery, match=r"^parameters\.f is a builtin_function_or_method"):
        family.create(kind, parameters={"f": open})


def test_a_state_type_is_one_of_nine(store: ArtifactStore) -> None:
    flow = store.create_flow("f")
    says = "'NOPE' is not a state type: use one of SCHEDULED, PENDING, RUNNING"
    with pytest.raises(InvalidQuery, match=says):
        store.create_flow_run(flow.id, state_type="NOPE")  # type: ignore[typeddict-item]
    with pytest.raises(InvalidQuery, match=says):
        store.create_task_run(state_type="NOPE")  # type: ignore[typeddict-item]
    with pytest.raises(InvalidQuery, match=says):
        store.set_flow_run_state(flow.id, "NOPE")  # type: ignore[arg-type]
    assert store.read_flow_runs() == store.read_task_runs() == []


def test_who_created_a_run_is_named_by_its_field(store: ArtifactStore) -> None:
    with pytest.raises(InvalidQuery, match=r"created_by\.a is a list"):
        store.create_flow_run(store.create_flow("f").id, created_by={"a": []})  # type: ignore[dict-item]


def test_a_creators_id_is_a_uuid_however_it_is_written(store: ArtifactStore) -> None:
    creator = uuid.UUID("abcdef00-0000-7000-8000-000000000001")
    run = store.create_flow_run(store.create_flow("f").id, created_by={"id": str(creator).upper()})
    assert store.read_flow_runs(flow_run_filter=FlowRunFilter(created_by={"id_": [creator]})) == [
        run
    ]
