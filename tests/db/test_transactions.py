"""One transaction path: whatever is raised at whatever step, the store is usable, and nothing is half-written."""

import asyncio
import gc
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from artifact_store import ArtifactStore, InvalidQuery, StoreUnavailable
from artifact_store.db import sqlite
from artifact_store.db.engine import FETCH_ALL
from tests.helpers.bare import bare
from tests.helpers.interrupts import TimeLimit, steps, unmeasured
from tests.helpers.processes import at_once
from tests.helpers.proxy import Proxy

ONE = UUID(int=1)


def impatient(url: str, seconds: float) -> str:
    return f"{url}{'&' if '?' in url else '?'}timeout={seconds}"


def free(store: ArtifactStore) -> None:
    """Another thread can write at once, so no lock and no turn was left."""
    with ThreadPoolExecutor(1) as other:
        other.submit(store.create_artifact, key="other").result(30)


# Exceptions at every step


def in_a_block(store: ArtifactStore) -> None:
    with store.atomic():
        store.create_artifact(key="k", data=1)
        with store.atomic():
            store.create_artifact(key="k", data=2)


def in_a_run(store: ArtifactStore) -> None:
    store.run_in_transaction(
        lambda: [store.create_artifact(key="k"), store.create_artifact(key="k")]
    )


def in_bulk(store: ArtifactStore) -> None:
    store.create_artifacts([{"key": "k"}, {"key": "k"}])


def changed(store: ArtifactStore) -> None:
    store.update_artifact(ONE, data=2)


def deleted(store: ArtifactStore) -> None:
    store.delete_artifact(ONE)


def read(store: ArtifactStore) -> None:
    store.read_latest_artifact("k")
    store.read_artifacts(limit=3)
    list(store.iter_artifacts())


WORK: list[tuple[Callable[[ArtifactStore], None], int]] = [
    (in_a_block, 2),
    (in_a_run, 2),
    (in_bulk, 2),
    (changed, 0),
    (deleted, 0),
    (read, 0),
]


@pytest.mark.parametrize(("work", "makes"), WORK, ids=[work.__name__ for work, _ in WORK])
@pytest.mark.parametrize("error", [TimeLimit, KeyboardInterrupt])
def test_an_exception_at_any_step(
    url: str,
    engine: str,
    work: Callable[[ArtifactStore], None],
    makes: int,
    error: type[BaseException],
) -> None:
    # In a process of its own, because psycopg complains of a connection that was interrupted while it opened.
    at_once((unmeasured, raise_at_any_step, url, work, makes, error))


def raise_at_any_step(
    url: str, work: Callable[[ArtifactStore], None], makes: int, error: type[BaseException]
) -> None:
    with ArtifactStore(impatient(url, 2)) as store, ThreadPoolExecutor(1) as other:
        kept = []  # an exception that is kept keeps what its frames refer to
        store.create_artifact(key="k")
        store.create_artifact(id=ONE, key="one")
        other.submit(store.create_artifact, key="other").result(30)
        work(store)
        total = steps(None, lambda: work(store), error)
        assert total > 30
        stride = max(total // 80, 1)
        for step in range(random.randint(1, stride), total, stride):
            count = store.count_artifacts()
            try:
                assert steps(step, lambda: work(store), error) < step, "nothing was raised"
            except error as caught:
                kept.append(caught)
            assert not store._engine.in_block(), step
            other.submit(store.create_artifact, key="other").result(30)
            bare(
                url,
                "UPDATE artifact_collection SET last_version = last_version WHERE key = 'other'",
            )
            left = store.count_artifacts() - count - 1
            assert left in (0, makes) or (work is deleted and left == -1), step
        assert len(kept) >= total // stride // 2
        assert store.verify() == []
        assert store.info().connections <= 20


# Exceptions of a timer, at any time


def test_a_timer_that_raises_while_threads_write(url: str) -> None:
    raised, written, lost = at_once((unmeasured, work_under_a_timer, url, 600))[0]
    assert raised > 100
    assert written > 0
    assert lost == 0


def work_under_a_timer(url: str, times: int) -> tuple[int, int, int]:
    """Create in a loop that a timer interrupts, while four threads write; return what came of it."""

    def limit(number: int, frame: Any) -> None:
        raise TimeLimit

    signal.signal(signal.SIGALRM, limit)
    written, stop = [], threading.Event()
    with ArtifactStore(impatient(url, 30)) as store:
        store.create_artifact(key="main")

        def write() -> None:
            while not stop.is_set():
                written.append(store.create_artifact(key="threads").id)

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        raised, acknowledged = 0, []
        for number in range(times):
            try:
                # Again and again, because Python swallows what is raised in a callback of its collector.
                signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0002, 0.0042), 0.5)
                while True:
                    if number % 2:
                        acknowledged.append(store.create_artifact(key="main").id)
                    else:
                        with store.atomic():
                            made = store.create_artifact(key="main").id
                        acknowledged.append(made)
            except (
                TimeLimit,
                StoreUnavailable,
            ):  # psycopg takes some of them for a failure of its own
                raised += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        stop.set()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        assert store.verify() == []
        stored = {artifact.id for artifact in store.iter_artifacts()}
        assert store.info().connections <= 20
        return raised, len(written), len({*written, *acknowledged} - stored)


# The end of the stack


def test_a_block_near_the_recursion_limit(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where the write lock of the process could not be released, the next writer waits so long before it tries anyway.
    monkeypatch.setattr(sqlite, "_LONGEST_QUEUE", 0.01)
    with ArtifactStore(impatient(url, 2)) as store:
        store.create_artifact(key="k")

        def work() -> None:
            with store.atomic():
                store.create_artifact(key="k")

        def deeper(frames: int, call: Callable[[], None]) -> None:
            if frames:
                deeper(frames - 1, call)
            else:
                call()

        depth = len(inspect_stack())
        outcomes = set()
        for call in (
            work,
            lambda: store.create_artifact(key="k"),
            lambda: store.run_in_transaction(work),
        ):
            for left in range(1, 120):
                try:
                    deeper(sys.getrecursionlimit() - depth - left, call)
                    outcomes.add("done")
                except RecursionError:
                    outcomes.add("refused")
                assert not store._engine.in_block(), left
                bare(
                    url,
                    "UPDATE artifact_collection SET last_version = last_version WHERE key = 'k'",
                )
        assert outcomes == {"done", "refused"}
        assert store.verify() == []
        free(store)


def inspect_stack() -> list[Any]:
    frames, frame = [], sys._getframe()
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames


# Entered twice


def test_a_block_is_not_entered_while_it_is_entered(store: ArtifactStore) -> None:
    block = store.atomic()
    with block:
        store.create_artifact(key="k")
        with pytest.raises(InvalidQuery, match="already been entered"), block:
            pass
        with (
            ThreadPoolExecutor(1) as other,
            pytest.raises(InvalidQuery, match="already been entered"),
        ):
            other.submit(block.__enter__).result(30)
    assert not store._engine.in_block()
    with block:
        store.create_artifact(key="k")
    with pytest.raises(StoreUnavailable):
        block.__exit__(None, None, None)
    free(store)
    assert store.read_latest_artifact("k").version == 2  # type: ignore[union-attr]


def test_an_interrupt_of_a_connection_that_is_borrowed_keeps_no_place(
    store: ArtifactStore, engine: str
) -> None:
    if engine == "sqlite":
        return  # which has no pool
    with ArtifactStore(
        f"{store._engine.address.dsn}&schema={store._engine.address.schema}&pool_size=2"
    ) as small:  # type: ignore[attr-defined]
        kept = []
        for step in range(1, 40):
            try:
                steps(step, small.count_artifacts, TimeLimit)
            except TimeLimit as error:
                kept.append(error)
        assert len(kept) > 10
        assert small.count_artifacts() == 0


# Threads and tasks


def test_a_block_that_is_left_in_another_thread(store: ArtifactStore) -> None:
    block = store.atomic()
    block.__enter__()
    store.create_artifact(key="undone")
    with (
        ThreadPoolExecutor(1) as other,
        pytest.raises(InvalidQuery, match="left in another thread"),
    ):
        other.submit(block.__exit__, None, None, None).result(30)
    assert not store._engine.in_block()
    assert store.count_artifacts() == 0
    free(store)
    assert store.create_artifact(key="k").version == 1


def test_a_task_does_not_write_into_the_block_of_another(store: ArtifactStore, engine: str) -> None:
    async def block(entered: asyncio.Event, done: asyncio.Event) -> None:
        with suppress(ZeroDivisionError), store.atomic():
            store.create_artifact(key="block")
            entered.set()
            await done.wait()
            raise ZeroDivisionError

    async def main() -> None:
        entered, done = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(block(entered, done))
        await entered.wait()
        assert store.count_artifacts() == 0, "nothing of the block is seen by others"
        if engine == "postgresql":
            assert store.create_artifact(key="task").version == 1
        else:
            with pytest.raises(
                StoreUnavailable, match="another asyncio task of this thread is inside a block"
            ):
                store.create_artifact(key="task")
        done.set()
        await task
        if engine == "sqlite":
            store.create_artifact(key="task")

    asyncio.run(main())
    assert [artifact.key for artifact in store.read_artifacts()] == ["task"]


def test_two_tasks_in_blocks_of_their_own(store: ArtifactStore, engine: str) -> None:
    if engine == "sqlite":
        return  # one block at a time can write there, as the test above shows

    async def publish(key: str, others: asyncio.Barrier) -> None:
        with store.atomic():
            store.create_artifact(key=key)
            await others.wait()
            store.create_artifact(key=key)
            await others.wait()

    async def main() -> None:
        others = asyncio.Barrier(2)
        await asyncio.gather(publish("a", others), publish("b", others))

    asyncio.run(main())
    assert sorted(
        artifact.ref if hasattr(artifact, "ref") else f"{artifact.key}@{artifact.version}"
        for artifact in store.read_artifacts()
    ) == ["a@1", "a@2", "b@1", "b@2"]


def test_a_block_that_a_task_leaves_for_another(store: ArtifactStore) -> None:
    async def main() -> None:
        block = store.atomic()

        async def enter() -> None:
            block.__enter__()
            store.create_artifact(key="undone")

        await asyncio.create_task(enter())
        with pytest.raises(InvalidQuery, match="left in another asyncio task"):
            block.__exit__(None, None, None)

    asyncio.run(main())
    assert store.count_artifacts() == 0
    assert store.create_artifact(key="k").version == 1


# The garbage collector


def test_a_statement_that_comes_in_the_middle_of_one_of_a_block_is_refused(
    store: ArtifactStore,
) -> None:
    """As the collector runs it, from a finalizer."""
    caught: list[BaseException] = []

    def take(cursor: Any) -> Any:
        try:
            store.count_artifacts()
        except StoreUnavailable as error:
            caught.append(error)
        return FETCH_ALL(cursor)

    with store.atomic():
        store.create_artifact(key="k")
        assert store._engine.query("SELECT 1", (), take) == [(1,)]
        store.create_artifact(key="k")
    assert "a statement of this block was interrupted, or is still running" in str(caught[0])
    assert store.count_artifacts() == 2


def test_a_statement_that_comes_in_the_middle_of_another_one(store: ArtifactStore) -> None:
    store.create_artifact(key="k")

    counts = []

    def take(cursor: Any) -> Any:
        if not counts:
            counts.append(store.count_artifacts())
        return FETCH_ALL(cursor)

    assert store._engine.query("SELECT 1", (), take) == [(1,)]
    assert counts == [1]
    assert store.create_artifact(key="k").version == 2


def test_a_block_that_the_collector_leaves_in_the_middle_of_a_statement(
    store: ArtifactStore,
) -> None:
    def generate() -> Any:
        with store.atomic():
            store.create_artifact(key="undone")
            yield

    def take(cursor: Any) -> Any:
        rows = FETCH_ALL(cursor)
        generator.close()
        return rows

    generator = generate()
    next(generator)
    store._engine.query("SELECT 1", (), take)
    with pytest.raises(StoreUnavailable):
        store.create_artifact(key="k")
    assert store.count_artifacts() == 0
    free(store)
    assert store.create_artifact(key="k").version == 1


def test_a_loop_that_is_left_by_an_error_does_not_hang(store: ArtifactStore) -> None:
    kept: list[BaseException] = []
    for _ in range(60):
        try:
            for number in store.track(range(5), key="p"):
                1 // (number - 2)
        except ZeroDivisionError as error:
            error.itself = error  # type: ignore[attr-defined]
            kept.append(error)
        if len(kept) > 3:
            kept.clear()
        with store.atomic():
            for _ in range(4):
                store.create_artifact(key="k")
        gc.collect()
    assert store.read_latest_artifact("k").version == 240  # type: ignore[union-attr]


# Lost answers


@pytest.fixture
def proxied(postgres: str, request: pytest.FixtureRequest) -> Any:
    schema = f"tx_{time.monotonic_ns()}"
    url = f"{postgres}&schema={schema}"
    ArtifactStore(url).close()
    with Proxy(url) as proxy, ArtifactStore(f"{proxy.url}&timeout=20") as store:
        yield proxy, store
        assert store.verify() == []


class TestLostAnswers:
    def test_a_run_whose_commit_was_carried_out(self, proxied: Any) -> None:
        proxy, store = proxied
        tries = []
        proxy.lose_answer(b"COMMIT")
        made = store.run_in_transaction(
            lambda: tries.append(1) or store.create_artifact(key="rn", data=1)
        )
        assert proxy.lost == 1
        assert tries == [1]
        assert store.read_artifacts() == [made]

    def test_a_run_whose_commit_did_not_arrive(self, proxied: Any) -> None:
        proxy, store = proxied
        tries = []
        proxy.lose_message(b"COMMIT")
        made = store.run_in_transaction(
            lambda: tries.append(1) or store.create_artifact(key="rn", data=1)
        )
        assert proxy.lost == 1
        assert tries == [1, 1]
        assert store.read_artifacts() == [made]

    def test_a_block_whose_commit_was_carried_out(self, proxied: Any) -> None:
        proxy, store = proxied
        proxy.lose_answer(b"COMMIT")
        with store.atomic():
            store.create_artifact(key="k")
        assert proxy.lost == 1
        assert store.count_artifacts() == 1

    def test_a_block_whose_commit_did_not_arrive(self, proxied: Any) -> None:
        proxy, store = proxied
        proxy.lose_message(b"COMMIT")
        with pytest.raises(StoreUnavailable) as caught, store.atomic():
            store.create_artifact(key="k")
        assert "may have been committed" not in str(caught.value)
        assert store.count_artifacts() == 0

    def test_a_block_of_which_nobody_can_tell(self, postgres: str) -> None:
        url = f"{postgres}&schema=tx_{time.monotonic_ns()}"
        ArtifactStore(url).close()
        with Proxy(url) as proxy, ArtifactStore(f"{proxy.url}&timeout=1") as store:
            proxy.lose_answer(b"COMMIT", then=proxy.hang)
            with (
                pytest.raises(StoreUnavailable, match="the block may have been committed"),
                store.atomic(),
            ):
                store.create_artifact(key="k")
            proxy.resume()
        with ArtifactStore(url) as again:
            assert again.count_artifacts() == 1


def test_a_failed_statement_is_not_committed_over(store: ArtifactStore, engine: str) -> None:
    """PostgreSQL answers COMMIT with a rollback when a statement of the transaction has failed."""

    def work() -> None:
        with store.atomic():
            store.create_artifact(key="k")
            with suppress(StoreUnavailable):
                store._engine.execute("SELECT nonsense")

    if engine == "sqlite":  # where a failed statement is undone alone
        work()
        assert store.count_artifacts() == 1
    else:
        with pytest.raises(StoreUnavailable, match="rolled this block back"):
            work()
        assert store.count_artifacts() == 0
