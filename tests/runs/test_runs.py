"""The contract of runs: flows, deployments, flow runs, task runs, work pools and queues."""

import datetime as dt
import uuid
from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from artifact_store import (
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
from tests.helpers.family import EXTRA, ID, KINDS, NOBODY, WHEN, Family, listing, read

ELSEWHERE = dt.timezone(dt.timedelta(hours=5, minutes=30))


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
    assert read(family.store, kind, "nonsense/nonsense") is None
    with pytest.raises(InvalidQuery, match=r"^Invalid [a-z ]+ 7: expected an id or "):
        read(family.store, kind, 7)


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


def test_who_created_a_run_is_named_by_its_field(store: ArtifactStore) -> None:
    with pytest.raises(InvalidQuery, match=r"created_by\.a is a list"):
        store.create_flow_run(store.create_flow("f").id, created_by={"a": []})  # type: ignore[dict-item]


def test_a_creators_id_is_a_uuid_however_it_is_written(store: ArtifactStore) -> None:
    creator = uuid.UUID("abcdef00-0000-7000-8000-000000000001")
    run = store.create_flow_run(store.create_flow("f").id, created_by={"id": str(creator).upper()})
    assert store.read_flow_runs(flow_run_filter=FlowRunFilter(created_by={"id_": [creator]})) == [
        run
    ]
