"""One transaction path: whatever is raised at whatever step, the store is usable, and nothing is half-written."""

import asyncio
import gc
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from artifact_store import ArtifactStore, InvalidQuery, StoreUnavailable
from artifact_store.db.engine import FETCH_ALL
from tests.helpers.interrupts import TimeLimit, assert_unlocked, steps
from tests.helpers.proxy import Proxy

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
    assert_unlocked(store)
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
    assert_unlocked(store)
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
    assert_unlocked(store)
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
        created = store.run_in_transaction(
            lambda: tries.append(1) or store.create_artifact(key="rn", data=1)
        )
        assert proxy.lost == 1
        assert tries == [1]
        assert store.read_artifacts() == [created]

    def test_a_run_whose_commit_did_not_arrive(self, proxied: Any) -> None:
        proxy, store = proxied
        tries = []
        proxy.lose_message(b"COMMIT")
        created = store.run_in_transaction(
            lambda: tries.append(1) or store.create_artifact(key="rn", data=1)
        )
        assert proxy.lost == 1
        assert tries == [1, 1]
        assert store.read_artifacts() == [created]

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
