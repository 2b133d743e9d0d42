"""Runs in threads, asyncio tasks and other processes: which of them know a run, and who ends it."""

import asyncio
import os
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from artifact_store import ArtifactStore, FlowRunFilter
from tests.helpers.processes import in_child
from tests.helpers.runs import runs_of

NOBODY = uuid.UUID("00000000-0000-7000-8000-00000000ffff")


# Threads


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


# asyncio


def test_blocks_in_asyncio_tasks_are_apart(store: ArtifactStore) -> None:
    async def job(n: int) -> bool:
        with store.flow_run(f"job-{n}") as run:
            await asyncio.sleep(0.01)
            return runs_of(store.create_artifact()) == (run.id, None)

    async def jobs() -> list[bool]:
        return await asyncio.gather(*map(job, range(4)))

    assert all(asyncio.run(jobs()))


def test_a_task_that_outlives_the_run_is_in_it_no_more(store: ArtifactStore) -> None:
    async def outer() -> list[Any]:
        over = asyncio.Event()

        async def publish() -> list[Any]:
            seen = [runs_of(store.create_artifact())]
            await over.wait()
            with store.task_run("late") as late:
                seen.append((runs_of(store.create_artifact()), late.id))
            return [*seen, runs_of(store.create_artifact())]

        with store.flow_run("outer") as run:
            with store.flow_run("inner") as inner:
                task = asyncio.create_task(publish())
                await asyncio.sleep(0)
            over.set()
            found = await task
        after = asyncio.create_task(asyncio.to_thread(lambda: runs_of(store.create_artifact())))
        return [run.id, inner.id, *found, await after]

    run, inner, first, (late, late_id), last, after = asyncio.run(outer())
    assert first == (inner, None)
    assert (late, last) == ((run, late_id), (run, None))
    assert after == (None, None)


def test_a_block_that_is_left_in_another_task_is_over_in_the_first_one(
    store: ArtifactStore,
) -> None:
    async def work() -> list[Any]:
        block = store.flow_run("etl")

        async def enter() -> Any:
            run = block.__enter__()
            left = asyncio.create_task(leave())
            await left
            return runs_of(store.create_artifact()), run.id

        async def leave() -> None:
            block.__exit__(None, None, None)

        return [*await asyncio.create_task(enter()), runs_of(store.create_artifact())]

    seen, run_id, after = asyncio.run(work())
    assert seen == after == (None, None)
    assert store.read_flow_run(run_id).state_type == "COMPLETED"


# Processes


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
    subprocess.run(
        [sys.executable, "-c", CHILD, url], env={**os.environ, **environment}, check=True
    )


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
