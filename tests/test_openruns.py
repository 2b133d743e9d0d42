"""Runs that are blocks or calls: their states, what is published in them, and how they are nested."""

import asyncio
import functools
import inspect
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from bare import impatient, locked
from processes import in_child

from artifact_store import (
    ArtifactStore,
    FlowRunFilter,
    InvalidQuery,
    StoreUnavailable,
    TaskRunFilter,
    WorkPoolFilter,
)

NOBODY = uuid.UUID("00000000-0000-7000-8000-00000000ffff")


def runs_of(artifact: Any) -> tuple[Any, Any]:
    return artifact.flow_run_id, artifact.task_run_id


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
        assert (during.state_type, during.state_name, during.end_time) == ("RUNNING", "Running", None)
        assert during.start_time <= during.created
    after = store.read_flow_run(run.id)
    assert (after.state_type, after.state_name, after.state_message) == ("COMPLETED", "Completed", None)
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
    with store.flow_run("etl") as run, store.task_run("load", tags=["t"], parameters={"n": 1}) as task:
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
    (lambda: ExceptionGroup("two", [ValueError("x")]), "FAILED", "ExceptionGroup: two (1 sub-exception)"),
    (lambda: SystemExit(3), "FAILED", "SystemExit: 3"),
    (lambda: SystemExit("no rows"), "FAILED", "SystemExit: no rows"),
    (lambda: SystemExit(0), "COMPLETED", None),
    (lambda: SystemExit(), "COMPLETED", None),
    (lambda: GeneratorExit(), "COMPLETED", None),
    (lambda: KeyboardInterrupt(), "CRASHED", "KeyboardInterrupt"),
    (lambda: asyncio.CancelledError(), "CRASHED", "CancelledError"),
]


@pytest.mark.parametrize(("failure", "state", "message"), FAILURES, ids=[f"{each[1]}-{each[2]}" for each in FAILURES])
@pytest.mark.parametrize("in_block", [False, True])
def test_how_it_is_left(
    store: ArtifactStore, failure: Callable[[], BaseException], state: str, message: str | None, in_block: bool
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
    assert (kept.state_type, kept.state_name, kept.state_message) == ("CANCELLED", "Nothing to do", "no new rows")
    with store.flow_run("etl") as run:
        store.set_flow_run_state(run.id, "PAUSED")
    assert store.read_flow_run(run.id).state_type == "COMPLETED"
    with pytest.raises(ZeroDivisionError), store.flow_run("etl") as run:
        print(1 / store.set_flow_run_state(run.id, "COMPLETED") - 1 / 0)
    assert store.read_flow_run(run.id).state_type == "FAILED"


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

    with ArtifactStore(impatient(url)) as store:
        with pytest.raises(ValueError, match="mine") as caught:
            body(store)
        held.close()
        run, task = the_flow_run(store), store.read_task_runs()[0]
        assert (run.state_type, task.state_type) == ("RUNNING", "RUNNING")
        for note, label in zip(caught.value.__notes__, (f"task run {task.id}", f"flow run {run.id}"), strict=True):
            assert note.startswith(f"The {label} could not be put into the state FAILED: ")
            assert "held the lock for 0.2 s" in note


def test_a_block_that_ends_well_tells_when_the_store_is_gone(url: str) -> None:
    with ArtifactStore(impatient(url)) as store, ExitStack() as held:
        with pytest.raises(StoreUnavailable, match="held the lock"), store.flow_run("etl"):
            held.enter_context(locked(url))
        with pytest.raises(StoreUnavailable, match="held the lock"), store.flow_run("etl"):
            pytest.fail("it cannot begin")
        held.close()
        assert the_flow_run(store).state_type == "RUNNING"
        assert runs_of(store.create_artifact()) == (None, None)


def test_a_run_that_was_deleted_meanwhile(store: ArtifactStore) -> None:
    with store.task_run("load") as task:
        store._engine.run(
            "DELETE FROM task_run WHERE id = " + ("?" if store._engine.dialect == "sqlite" else "%s"), [str(task.id)]
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
    children = store.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id={"any_": [outer.id]}))
    assert children == [run]
    assert store.read_task_runs(task_run_filter=TaskRunFilter(subflow_runs={"exists_": True})) == [stand_in]


def test_a_flow_run_in_a_task_run_has_that_as_its_parent(store: ArtifactStore) -> None:
    with store.flow_run("outer") as outer, store.task_run("task") as task, store.flow_run("inner") as inner:
        pass
    assert store.read_flow_run(inner.id).parent_task_run_id == task.id
    assert [each.id for each in store.read_task_runs()] == [task.id]
    assert [
        each.id for each in store.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id={"any_": [outer.id]}))
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


# Decorators


def test_each_call_is_a_run(store: ArtifactStore) -> None:
    @store.task_run
    def load(n: int, *, twice: bool = False) -> int:
        """Load."""
        store.create_artifact(key="n", data=n)
        return 2 * n if twice else n

    @store.flow_run("etl", tags=["prod"])
    def etl(*numbers: int) -> list[int]:
        return [load(n, twice=True) for n in numbers]

    assert (load.__name__, load.__doc__) == ("load", "Load.")
    assert str(inspect.signature(load)) == "(n: int, *, twice: bool = False) -> int"
    assert etl(1, 2) == [2, 4]
    assert etl(3) == [6]
    assert {(run.state_type, run.tags) for run in store.read_flow_runs()} == {("COMPLETED", ("prod",))}
    assert [flow.name for flow in store.read_flows()] == ["etl"]
    assert len({each.task_run_id for each in store.read_artifacts()}) == len(store.read_task_runs()) == 3
    assert len({each.flow_run_id for each in store.read_artifacts()}) == len(store.read_flow_runs()) == 2


def test_names_of_decorated_functions(store: ArtifactStore) -> None:
    @store.flow_run
    def nightly_etl() -> None:
        load_rows()
        tagged()

    @store.task_run()
    def load_rows() -> None: ...

    @store.task_run(tags=["t"])
    def tagged() -> None: ...

    nightly_etl()
    assert [each.name for each in store.read_flows()] == ["nightly-etl"]
    assert {each.name for each in store.read_task_runs()} == {"load_rows", "tagged"}


def test_a_decorated_function_may_call_itself_and_be_called_in_threads(store: ArtifactStore) -> None:
    @store.flow_run
    def down(n: int) -> int:
        return n and down(n - 1)

    assert down(2) == 0
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(down, [0] * 8)) == [0] * 8
    assert {run.state_type for run in store.read_flow_runs()} == {"COMPLETED"}
    assert len(store.read_flow_runs()) == 11
    assert len(store.read_task_runs()) == 2


def test_decorated_methods(store: ArtifactStore) -> None:
    class Job:
        @store.task_run
        def load(self, n: int) -> int:
            return n

        @staticmethod
        @store.task_run("still")
        def still(n: int) -> int:
            return n

    assert (Job().load(1), Job.still(2)) == (1, 2)
    assert {each.name for each in store.read_task_runs()} == {"load", "still"}


async def of_async() -> None: ...
def of_generator() -> Iterator[int]:
    yield 1


async def of_async_generator() -> Any:
    yield 1


class AsyncCall:
    async def __call__(self) -> None: ...


@pytest.mark.parametrize(
    "later", [of_async, of_generator, of_async_generator, functools.partial(of_async), AsyncCall()]
)
def test_what_works_later_is_refused(store: ArtifactStore, later: Any) -> None:
    with store.flow_run("etl") as run:
        for decorate in (store.flow_run, store.flow_run("etl"), store.task_run, store.task_run("load"), run.wrap):
            with pytest.raises(
                InvalidQuery, match=r"is an? (async function|async generator|generator), which .*with block"
            ):
                decorate(later)


def test_what_needs_a_name(store: ArtifactStore) -> None:
    for block, label in ((store.flow_run(), "flow run"), (store.task_run(tags=["x"]), "task run")):
        with pytest.raises(InvalidQuery, match=f"A {label} needs a name"), block:
            pytest.fail("it cannot begin")
    with pytest.raises(InvalidQuery, match="needs a name"):
        store.task_run(functools.partial(print))()
    store.task_run("load")(functools.partial(print))()
    assert [each.name for each in store.read_task_runs()] == ["load"]


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


# Threads, asyncio, processes


def test_threads_know_the_run_only_when_they_are_told(store: ArtifactStore) -> None:
    def publish(_: int = 0) -> Any:
        return runs_of(store.create_artifact())

    with store.flow_run("etl") as run, ThreadPoolExecutor(8) as threads:
        with store.task_run("load") as task:
            inside = run.wrap(publish)
            assert threads.submit(publish).result() == (None, None)
            assert set(threads.map(inside, range(64))) == {(run.id, task.id)}
        assert inside.__name__ == "publish"
        assert threads.submit(run.wrap(publish)).result() == (run.id, None)
        assert threads.submit(task.wrap(publish)).result() == (run.id, task.id)
        assert threads.submit(lambda: run.wrap(publish)()).result() == (run.id, None)

        def work() -> Any:
            with store.task_run("in a thread") as mine:
                return publish(), (run.id, mine.id)

        first, second = threads.submit(run.wrap(work)).result()
        assert first == second
    late = threading.Thread(target=inside)
    late.start()
    late.join()
    assert runs_of(store.read_artifacts(limit=1)[0]) == (run.id, task.id)


def test_runs_in_threads_are_apart(store: ArtifactStore) -> None:
    barrier = threading.Barrier(4)

    def job(n: int) -> bool:
        with store.flow_run(f"job-{n}") as run:
            barrier.wait(30)
            return runs_of(store.create_artifact()) == (run.id, None)

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(job, range(4)))
    assert {run.parent_task_run_id for run in store.read_flow_runs()} == {None}


def test_blocks_in_asyncio_tasks_are_apart(store: ArtifactStore) -> None:
    async def job(n: int) -> bool:
        with store.flow_run(f"job-{n}") as run:
            await asyncio.sleep(0.01)
            return runs_of(store.create_artifact()) == (run.id, None)

    async def jobs() -> list[bool]:
        return await asyncio.gather(*map(job, range(4)))

    assert all(asyncio.run(jobs()))


def test_a_forked_child_publishes_in_the_run_and_leaves_its_state_alone(url: str) -> None:
    store = ArtifactStore(url)
    try:
        with store.flow_run("etl") as run:
            assert in_child(lambda: str(runs_of(store.create_artifact()))) == str((run.id, None))
            inner = store.flow_run("inner")

            def leave() -> str:
                inner.__exit__(ValueError, ValueError("the child's"), None)
                return str(runs_of(store.create_artifact()))

            with inner as opened:
                assert in_child(leave) == str((run.id, None))
                assert store.read_flow_run(opened.id).state_type == "RUNNING"
        assert {each.state_type for each in store.read_flow_runs()} == {"COMPLETED"}
    finally:
        store.close()


CHILD = """
import sys
from artifact_store import ArtifactStore
with ArtifactStore(sys.argv[1]) as store:
    store.create_artifact(key="bare")
    with store.flow_run("child"), store.task_run("task"):
        store.create_artifact(key="nested")
    with store.task_run("of-the-parent"):
        store.create_artifact(key="task")
"""


def start(url: str, environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-c", CHILD, url], env={**os.environ, **environment}, check=True)


@pytest.mark.parametrize("in_task", [False, True])
def test_a_child_process_belongs_to_the_run_whose_environment_it_has(
    store: ArtifactStore, url: str, in_task: bool
) -> None:
    with store.flow_run("parent") as run, store.task_run("step") as task:
        start(url, task.environment() if in_task else run.environment())
    bare, nested, of_task = (store.read_latest_artifact(key) for key in ("bare", "nested", "task"))
    assert runs_of(bare) == (run.id, task.id if in_task else None)
    child = store.read_flow_run(nested.flow_run_id)
    assert store.read_flow(child.flow_id).name == "child"
    children = FlowRunFilter(parent_flow_run_id={"any_": [run.id]})
    assert store.read_flow_runs(flow_run_filter=children) == [child]
    assert (child.parent_task_run_id == task.id) is in_task
    assert of_task.flow_run_id == run.id
    assert store.read_task_run(of_task.task_run_id).flow_run_id == run.id


def test_a_child_process_of_a_run_in_another_system(store: ArtifactStore, url: str) -> None:
    start(url, {"ARTIFACT_STORE_FLOW_RUN_ID": str(NOBODY)})
    bare, nested, of_task = (store.read_latest_artifact(key) for key in ("bare", "nested", "task"))
    assert bare.flow_run_id == of_task.flow_run_id == NOBODY
    assert store.read_flow_run(nested.flow_run_id).parent_task_run_id is None
    assert store.read_task_run(of_task.task_run_id).flow_run_id is None


def test_the_environment_of_a_run(store: ArtifactStore) -> None:
    flow, task = "ARTIFACT_STORE_FLOW_RUN_ID", "ARTIFACT_STORE_TASK_RUN_ID"
    with store.flow_run("etl") as run, store.task_run("load") as load:
        assert run.environment() == {flow: str(run.id), task: ""}
        assert load.environment() == {flow: str(run.id), task: str(load.id)}
    with store.task_run("alone") as alone:
        assert alone.environment() == {flow: "", task: str(alone.id)}
