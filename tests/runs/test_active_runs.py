"""Runs that are blocks or calls: their states, what is published in them, and how they are nested."""

import asyncio
import itertools
import sys
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from artifact_store import (
    ArtifactStore,
    FlowRunFilter,
    InvalidQuery,
    StoreUnavailable,
    TaskRunFilter,
    WorkPoolFilter,
)
from artifact_store.context import CURRENT
from tests.helpers.bare import locked, with_short_timeout
from tests.helpers.runs import held, runs_of

NOBODY = uuid.UUID("00000000-0000-7000-8000-00000000ffff")


def the_flow_run(store: ArtifactStore) -> Any:
    (run,) = store.read_flow_runs()
    return run


# What a run says of itself


def test_a_block_is_a_run(store: ArtifactStore) -> None:
    with store.flow_run(
        "nightly-etl", deployment="prod", tags=["a", "b"], parameters={"day": 1}, flow_version="7"
    ) as run:
        during = store.read_flow_run(run.id)
        assert during == run.flow_run
        assert (during.state_type, during.state_name, during.end_time) == (
            "RUNNING",
            "Running",
            None,
        )
        assert during.start_time <= during.created
    after = store.read_flow_run(run.id)
    assert (after.state_type, after.state_name, after.state_message) == (
        "COMPLETED",
        "Completed",
        None,
    )
    assert after.start_time == during.start_time < after.end_time
    assert (after.tags, after.parameters, after.flow_version) == (("a", "b"), {"day": 1}, "7")
    assert after.name == run.name == f"nightly-etl-{after.start_time:%Y%m%dT%H%M%SZ}"
    assert store.read_flow(after.flow_id).name == "nightly-etl"
    assert store.read_deployment(after.deployment_id).name == "prod"
    assert repr(run) == f"<OpenFlowRun {run.name} {run.id}>"


def test_a_flow_and_its_deployment_are_found_again(store: ArtifactStore) -> None:
    pool = store.create_work_pool("pool")
    queue = store.create_work_queue("queue", pool.id)
    flow = store.create_flow("etl", tags=["kept"])
    deployment = store.create_deployment("prod", flow.id, work_queue_id=queue.id)
    for given in ("prod", deployment.id, str(deployment.id), deployment):
        with store.flow_run("etl", deployment=given, run_name="named"):
            pass
    runs = store.read_flow_runs(work_pool_filter=WorkPoolFilter(name={"any_": ["pool"]}))
    assert {(run.name, run.flow_id, run.deployment_id, run.work_queue_id) for run in runs} == {
        ("named", flow.id, deployment.id, queue.id)
    }
    assert len(runs) == 4
    assert store.read_flows() == [flow]


def test_a_task_run_belongs_to_the_flow_run(store: ArtifactStore) -> None:
    with (
        store.flow_run("etl") as run,
        store.task_run("load", tags=["t"], parameters={"n": 1}) as task,
    ):
        assert store.read_task_run(task.id) == task.task_run
        assert task.task_run.state_type == "RUNNING"
    after = store.read_task_run(task.id)
    assert (after.flow_run_id, after.name, after.task_key) == (run.id, "load", "load")
    assert (after.tags, after.parameters, after.state_type) == (("t",), {"n": 1}, "COMPLETED")
    assert after.end_time <= store.read_flow_run(run.id).end_time
    assert after.end_time is not None


def test_a_task_run_needs_no_flow_run(store: ArtifactStore) -> None:
    with store.task_run("load") as task:
        made = store.create_artifact()
    assert runs_of(made) == (None, task.id)
    assert store.read_task_run(task.id).flow_run_id is None


# How a block is left


class Unsayable(Exception):
    """An error whose text cannot be had."""

    def __str__(self) -> str:
        raise ValueError


FAILURES: list[tuple[Callable[[], BaseException], str, str | None]] = [
    (lambda: ValueError("no rows"), "FAILED", "ValueError: no rows"),
    (lambda: RuntimeError(), "FAILED", "RuntimeError"),
    (lambda: RuntimeError("a\0b\ud800ü"), "FAILED", "RuntimeError: a\ufffdb?ü"),
    (Unsayable, "FAILED", "Unsayable"),
    (
        lambda: ExceptionGroup("two", [ValueError("x")]),
        "FAILED",
        "ExceptionGroup: two (1 sub-exception)",
    ),
    (lambda: SystemExit(3), "FAILED", "SystemExit: 3"),
    (lambda: SystemExit("no rows"), "FAILED", "SystemExit: no rows"),
    (lambda: SystemExit(0), "COMPLETED", None),
    (lambda: SystemExit(), "COMPLETED", None),
    (lambda: GeneratorExit(), "COMPLETED", None),
    (lambda: KeyboardInterrupt(), "CRASHED", "KeyboardInterrupt"),
    (lambda: asyncio.CancelledError(), "CRASHED", "CancelledError"),
]


@pytest.mark.parametrize(
    ("failure", "state", "message"), FAILURES, ids=[f"{each[1]}-{each[2]}" for each in FAILURES]
)
@pytest.mark.parametrize("in_block", [False, True])
def test_how_it_is_left(
    store: ArtifactStore,
    failure: Callable[[], BaseException],
    state: str,
    message: str | None,
    in_block: bool,
) -> None:
    raised = failure()

    def body() -> None:
        with store.flow_run("outer"), store.flow_run("inner"), store.task_run("task"):
            if not in_block:
                raise raised
            with store.atomic():
                store.create_artifact(key="undone")
                raise raised

    with pytest.raises(type(raised)) as caught:
        body()
    assert caught.value is raised
    assert not hasattr(raised, "__notes__")
    left = [*store.read_flow_runs(), *store.read_task_runs()]
    assert len(left) == 4
    assert {(run.state_type, run.state_name, run.state_message) for run in left} == {
        (state, state.capitalize(), message)
    }
    assert all(run.end_time for run in left)
    assert store.count_artifacts() == 0
    assert runs_of(store.create_artifact()) == (None, None)


def test_a_long_text_is_cut(store: ArtifactStore) -> None:
    with pytest.raises(ValueError, match="x"), store.flow_run("etl"):
        raise ValueError("x" * 100_000)
    message = the_flow_run(store).state_message
    assert message == "ValueError: " + "x" * 3987 + "…"
    assert len(message) == 4000


def test_a_state_that_the_body_sets_stays_when_it_ends_well(store: ArtifactStore) -> None:
    with store.flow_run("etl") as run:
        store.set_flow_run_state(run.id, "CANCELLED", "Nothing to do", message="no new rows")
    kept = store.read_flow_run(run.id)
    assert (kept.state_type, kept.state_name, kept.state_message) == (
        "CANCELLED",
        "Nothing to do",
        "no new rows",
    )
    with store.flow_run("etl") as run:
        store.set_flow_run_state(run.id, "PAUSED")
    assert store.read_flow_run(run.id).state_type == "COMPLETED"
    with pytest.raises(ZeroDivisionError), store.flow_run("etl") as run:
        print(1 / store.set_flow_run_state(run.id, "COMPLETED") - 1 / 0)
    assert store.read_flow_run(run.id).state_type == "FAILED"


def test_the_body_chooses_how_the_run_ends(store: ArtifactStore) -> None:
    with store.flow_run("outer"), store.flow_run("inner") as run:
        run.end_as("COMPLETED")
        run.end_as("FAILED", message="3 files are missing")
        assert store.read_flow_run(run.id).state_type == "RUNNING"
    ended = store.read_flow_run(run.id)
    assert (ended.state_type, ended.state_message) == ("FAILED", "3 files are missing")
    assert [each.state_type for each in store.read_task_runs()] == ["FAILED"]

    with pytest.raises(ValueError, match="x"), store.flow_run("etl") as run:
        raise ValueError(run.end_as("CANCELLED") or "x")
    assert store.read_flow_run(run.id).state_message == "ValueError: x"

    with pytest.raises(SystemExit), store.task_run("load") as task:
        sys.exit(task.end_as("CANCELLED"))
    assert store.read_task_run(task.id).state_type == "CANCELLED"
    with pytest.raises(InvalidQuery, match="Invalid state_type 'RUNNING': expected COMPLETED, "):
        task.end_as("RUNNING")


def test_a_run_inside_a_block_is_undone_with_it(store: ArtifactStore) -> None:
    for failure in (KeyboardInterrupt, ValueError):
        with pytest.raises(failure), store.atomic(), store.flow_run("etl"):
            raise failure(store.create_artifact(key="k"))
    assert store.read_flow_runs() == []
    with store.atomic(), store.flow_run("etl"):
        store.create_artifact(key="k")
    assert the_flow_run(store).state_type == "COMPLETED"
    assert store.read_latest_artifact("k").version == 1


def test_the_error_of_the_body_is_not_lost_with_the_store(url: str) -> None:
    held = ExitStack()

    def body(store: ArtifactStore) -> None:
        with store.flow_run("etl"), store.task_run("load"):
            held.enter_context(locked(url))
            raise ValueError("mine")

    with ArtifactStore(with_short_timeout(url)) as store:
        with pytest.raises(ValueError, match="mine") as caught:
            body(store)
        held.close()
        run, task = the_flow_run(store), store.read_task_runs()[0]
        assert (run.state_type, task.state_type) == ("RUNNING", "RUNNING")
        for note, label in zip(
            caught.value.__notes__, (f"task run {task.id}", f"flow run {run.id}"), strict=True
        ):
            assert note.startswith(f"The {label} could not be put into the state FAILED: ")
            assert "held the lock for 0.2 s" in note


def test_a_block_that_ends_well_tells_when_the_store_is_gone(url: str) -> None:
    with ArtifactStore(with_short_timeout(url)) as store, ExitStack() as held:
        with pytest.raises(StoreUnavailable, match="held the lock"), store.flow_run("etl"):
            held.enter_context(locked(url))
        with pytest.raises(StoreUnavailable, match="held the lock"), store.flow_run("etl"):
            pytest.fail("it cannot begin")
        held.close()
        assert the_flow_run(store).state_type == "RUNNING"
        assert runs_of(store.create_artifact()) == (None, None)


def test_a_run_that_was_deleted_meanwhile(store: ArtifactStore) -> None:
    with store.task_run("load") as task:
        store._engine.execute(
            "DELETE FROM task_run WHERE id = "
            + ("?" if store._engine.dialect.name == "sqlite" else "%s"),
            [str(task.id)],
        )
    assert store.read_task_runs() == []


# Nesting


def test_a_flow_run_in_a_flow_run_has_it_as_its_parent(store: ArtifactStore) -> None:
    with store.flow_run("outer") as outer:
        with store.flow_run("inner", run_name="first") as inner:
            made = store.create_artifact()
        between = store.create_artifact()
    (stand_in,) = store.read_task_runs()
    run = store.read_flow_run(inner.id)
    assert run.parent_task_run_id == stand_in.id
    assert (stand_in.flow_run_id, stand_in.name, stand_in.task_key) == (outer.id, "inner", "inner")
    assert (stand_in.state_type, stand_in.start_time) == ("COMPLETED", run.start_time)
    assert stand_in.end_time is not None
    assert (runs_of(made), runs_of(between)) == ((inner.id, None), (outer.id, None))
    children = store.read_flow_runs(
        flow_run_filter=FlowRunFilter(parent_flow_run_id={"any_": [outer.id]})
    )
    assert children == [run]
    assert store.read_task_runs(task_run_filter=TaskRunFilter(subflow_runs={"exists_": True})) == [
        stand_in
    ]


def test_a_flow_run_in_a_task_run_has_that_as_its_parent(store: ArtifactStore) -> None:
    with (
        store.flow_run("outer") as outer,
        store.task_run("task") as task,
        store.flow_run("inner") as inner,
    ):
        pass
    assert store.read_flow_run(inner.id).parent_task_run_id == task.id
    assert [each.id for each in store.read_task_runs()] == [task.id]
    assert [
        each.id
        for each in store.read_flow_runs(
            flow_run_filter=FlowRunFilter(parent_flow_run_id={"any_": [outer.id]})
        )
    ] == [inner.id]
    with store.task_run("alone") as alone, store.flow_run("inner") as inner:
        pass
    assert store.read_flow_run(inner.id).parent_task_run_id == alone.id


def test_what_was_current_is_current_again(store: ArtifactStore) -> None:
    seen = []
    with store.flow_run("a") as a:
        with store.task_run("b") as b:
            with store.task_run("c") as c:
                seen.append(runs_of(store.create_artifact()))
            seen.append(runs_of(store.create_artifact()))
        seen += [runs_of(each) for each in store.create_artifacts([{}, {"flow_run_id": None}])]
    seen.append(runs_of(store.create_artifact()))
    assert seen == [(a.id, c.id), (a.id, b.id), (a.id, None), (None, None), (None, None)]
    assert store.read_task_run(c.id).flow_run_id == a.id


def test_stores_of_other_databases_are_not_nested(store: ArtifactStore, url: str) -> None:
    with ArtifactStore("sqlite:///:memory:") as other, ArtifactStore(url) as same:
        with store.flow_run("x") as mine, other.flow_run("y") as its, same.task_run("t") as task:
            assert [runs_of(each.create_artifact()) for each in (store, other, same)] == [
                (mine.id, task.id),
                (its.id, None),
                (mine.id, task.id),
            ]
        assert other.read_flow_run(its.id).parent_task_run_id is None
        assert other.read_task_runs() == []


# Runs that end in another order than that of a stack


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))], ids=str)
@pytest.mark.parametrize(
    "kinds", ["flow flow flow", "flow task flow", "flow task task", "task flow task"]
)
def test_an_ended_run_is_never_current(
    store: ArtifactStore, kinds: str, order: tuple[int, ...]
) -> None:
    generators = [
        held(getattr(store, f"{kind}_run")(f"{kind}-{n}")) for n, kind in enumerate(kinds.split())
    ]
    runs = [next(generator) for generator in generators]
    left = list(range(3))
    for n in order:
        generators[n].close()
        left.remove(n)
        made = store.create_artifact()
        open_ids = {runs[each].id for each in left}
        assert {*runs_of(made)} - {None} <= open_ids
        if left:
            assert runs[left[-1]].id in runs_of(made)
        with store.task_run("next") as task:
            assert {*runs_of(store.create_artifact())} - {None} <= {*open_ids, task.id}
    assert runs_of(store.create_artifact()) == (None, None)
    assert {run.state_type for run in [*store.read_flow_runs(), *store.read_task_runs()]} == {
        "COMPLETED"
    }


def test_a_chain_of_runs_that_overlap_is_not_kept(store: ArtifactStore) -> None:
    before = held(store.task_run("first"))
    next(before)
    for _ in range(20):
        after = held(store.task_run("next"))
        next(after)
        before.close()
        before = after
    origin, length = CURRENT.get(), 0
    while origin is not None:
        origin, length = origin.outer, length + 1
    assert length <= 3
    before.close()


# What is refused


BAD: list[Callable[[ArtifactStore], Any]] = [
    lambda store: store.flow_run(7),  # type: ignore[call-overload]
    lambda store: store.flow_run("etl", tags="abc"),
    lambda store: store.flow_run("etl", parameters={"f": open}),
    lambda store: store.flow_run("etl", parameters=[1]),  # type: ignore[call-overload]
    lambda store: store.flow_run("etl", deployment=NOBODY),
    lambda store: store.flow_run("etl", deployment=7),  # type: ignore[call-overload]
    lambda store: store.flow_run("a\0"),
    lambda store: store.task_run("load", tags=[1]),  # type: ignore[list-item]
]


@pytest.mark.parametrize("block", BAD)
def test_bad_arguments_are_refused_and_leave_nothing(
    store: ArtifactStore, block: Callable[[ArtifactStore], Any]
) -> None:
    with pytest.raises(InvalidQuery) as caught, block(store):
        pytest.fail("it cannot begin")
    assert "\n" not in str(caught.value)
    assert [store.read_flows(), store.read_flow_runs(), store.read_task_runs()] == [[], [], []]
    assert runs_of(store.create_artifact()) == (None, None)


def test_a_block_is_open_once_at_a_time(store: ArtifactStore) -> None:
    block = store.flow_run("etl")
    with block, pytest.raises(InvalidQuery, match="open already"), block:
        pytest.fail("it cannot begin")
    with block:
        pass
    assert [run.state_type for run in store.read_flow_runs()] == ["COMPLETED"] * 2
