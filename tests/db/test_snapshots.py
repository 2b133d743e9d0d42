"""Snapshots: every read inside sees one moment, writers do not wait, and writes inside are refused."""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import peewee
import pytest

from artifact_store import (
    ArtifactFilter,
    ArtifactSort,
    ArtifactStore,
    InvalidQuery,
    StoreUnavailable,
)
from artifact_store.db.read_only import WRITES
from tests.helpers.processes import at_once, healthy, in_child

PAIRS = 300


@pytest.fixture
def other(store_url: str) -> Iterator[ArtifactStore]:
    """Another store at the same address, with connections of its own."""
    with ArtifactStore(store_url) as opened:
        yield opened


def state(store: ArtifactStore) -> dict[str, object]:
    """Return what many kinds of reads see."""
    run_id = store.read_flow_runs()[0].id
    return {
        "get": store.get("k"),
        "latest": store.read_latest_artifact("k"),
        "list": store.read_artifacts(),
        "page": store.read_latest_artifacts(limit=5),
        "iterator": list(store.iter_artifacts(page_size=1)),
        "moving iterator": list(store.iter_artifacts(page_size=1, sort=ArtifactSort.UPDATED_DESC)),
        "counts": (store.count_artifacts(), store.count_latest_artifacts()),
        "keys": store.keys(),
        "history": store.read_history("k"),
        "series": store.read_series("k"),
        "surroundings": store.read_surroundings(store.get("k@1")),
        "run": store.read_flow_run(run_id),
        "runs": store.read_run_tree(),
        "info": store.info().artifacts,
        "verify": store.verify(),
    }


def test_every_read_sees_one_moment(store: ArtifactStore, other: ArtifactStore) -> None:
    with store.flow_run("etl") as run:
        first = store.create_artifact(key="k", data=1)
        store.create_artifact(key="k", data=2)
    with store.snapshot():
        before = state(store)
        other.create_artifact(key="k", data=3)
        other.create_artifact(key="new", data=1)
        other.update_artifact(first.id, description="changed")
        other.delete_artifacts(ArtifactFilter(version={"any_": [2]}))
        other.set_flow_run_state(run.id, "FAILED")
        assert state(store) == before
        assert other.get("k").data == 3
    after = state(store)
    assert [name for name in before if before[name] == after[name]] == ["verify"]
    assert store.get("k").data == 3


def test_the_moment_is_that_of_entering(store: ArtifactStore, other: ArtifactStore) -> None:
    with store.snapshot():
        other.create_artifact(key="k")
        assert store.read_artifacts() == []
    assert len(store.read_artifacts()) == 1


WRITING: dict[str, Callable[[ArtifactStore], object]] = {
    "create_artifact": lambda store: store.create_artifact(key="k"),
    "create_artifacts": lambda store: store.create_artifacts([{"key": "k"}]),
    "create_deployment": lambda store: store.create_deployment("d", store.read_flows()[0].id),
    "create_flow": lambda store: store.create_flow("f"),
    "create_flow_run": lambda store: store.create_flow_run(store.read_flows()[0].id),
    "create_image_artifact": lambda store: store.create_image_artifact("https://example.com/a.png"),
    "create_link_artifact": lambda store: store.create_link_artifact("https://example.com"),
    "create_markdown_artifact": lambda store: store.create_markdown_artifact("text", key="k"),
    "create_progress_artifact": lambda store: store.create_progress_artifact(1.0),
    "create_table_artifact": lambda store: store.create_table_artifact([{"a": 1}]),
    "create_task_run": lambda store: store.create_task_run(store.read_flow_runs()[0].id),
    "create_work_pool": lambda store: store.create_work_pool("p"),
    "create_work_queue": lambda store: store.create_work_queue("q", store.read_work_pools()[0].id),
    "delete_artifact": lambda store: store.delete_artifact(store.get("k").id),
    "delete_artifacts": lambda store: store.delete_artifacts(everything=True),
    "flow_run": lambda store: store.flow_run("f").__enter__(),
    "repair": lambda store: store.repair(),
    "set_flow_run_state": lambda store: store.set_flow_run_state(
        store.read_flow_runs()[0].id, "FAILED"
    ),
    "set_task_run_state": lambda store: store.set_task_run_state(
        store.read_task_runs()[0].id, "FAILED"
    ),
    "task_run": lambda store: store.task_run("t").__enter__(),
    "track": lambda store: list(store.track([1, 2], "loop")),
    "update_artifact": lambda store: store.update_artifact(store.get("k").id, data=2),
    "update_progress_artifact": lambda store: store.update_progress_artifact(
        store.get("p").id, 50.0
    ),
    "delete_alias": lambda store: store.delete_alias("k", "prod"),
    "use": lambda store: store.use("k", flow_run_id=store.read_flow_runs()[0].id),
    "undo_alias": lambda store: store.undo_alias("k", "prod"),
    "set_alias": lambda store: store.set_alias("k", "prod"),
    "atomic": lambda store: store.atomic().__enter__(),
    "run_in_transaction": lambda store: store.run_in_transaction(store.count_artifacts),
}


def test_every_writing_method_is_tried() -> None:
    assert set(WRITING) == {*WRITES, "atomic", "run_in_transaction"}


def test_writes_are_refused_and_nothing_is_written(store: ArtifactStore) -> None:
    store.create_work_pool("pool")
    with store.flow_run("f"), store.task_run("t"):
        store.create_artifact(key="k", data=1)
        store.create_progress_artifact(1.0, key="p")
    before = (state(store), store.read_flows(), store.read_work_pools(), store.read_task_runs())
    with store.snapshot():
        for name, write in WRITING.items():
            expected = f"^{name} writes, but store.snapshot\\(\\) only reads: leave the snapshot"
            with pytest.raises(InvalidQuery, match=expected):
                write(store)
            assert store.get("k").version == 1, "the snapshot goes on"
    assert (
        state(store), store.read_flows(), store.read_work_pools(), store.read_task_runs()
    ) == before  # fmt: skip
    assert store.create_artifact(key="k").version == 2


def test_snapshots_nest(store: ArtifactStore, other: ArtifactStore) -> None:
    with store.snapshot():
        with store.snapshot():
            other.create_artifact(key="k")
            assert store.count_artifacts() == 0
        with suppress(ZeroDivisionError), store.snapshot():
            raise ZeroDivisionError
        assert store.count_artifacts() == 0
        with pytest.raises(InvalidQuery, match="leave the snapshot first"):
            store.create_artifact(key="k")
    assert store.count_artifacts() == 1
    snapshot = store.snapshot()
    for _ in range(2):
        with snapshot, pytest.raises(InvalidQuery, match=r"call store.snapshot\(\) for each"):
            snapshot.__enter__()


def test_a_snapshot_does_not_begin_inside_a_block(store: ArtifactStore) -> None:
    with store.atomic():
        store.create_artifact(key="k")
        with pytest.raises(InvalidQuery, match="A snapshot cannot begin inside a block"):
            store.snapshot().__enter__()
        store.create_artifact(key="k")
    with pytest.raises(InvalidQuery, match="cannot begin inside a block"):
        store.run_in_transaction(lambda: store.snapshot().__enter__())
    assert [each.version for each in store.read_artifacts()] == [2, 1]


def test_a_store_is_not_closed_inside(store: ArtifactStore) -> None:
    with (
        store.snapshot(),
        pytest.raises(InvalidQuery, match="inside a snapshot: leave the snapshot first"),
    ):
        store.close()
    assert store.count_artifacts() == 0


# Iterators


@pytest.mark.parametrize("sort", [ArtifactSort.ID_DESC, ArtifactSort.UPDATED_DESC])
@pytest.mark.parametrize("page_size", [1, 200])
def test_an_iterator_ends_with_its_snapshot(
    store: ArtifactStore, sort: ArtifactSort, page_size: int
) -> None:
    store.create_artifacts({"key": "k", "data": n} for n in range(4))
    with store.snapshot():
        begun = store.iter_artifacts(sort=sort, page_size=page_size)
        not_begun = store.iter_latest_artifacts()
        assert next(begun).version == 4
    with pytest.raises(InvalidQuery, match="read it to its end inside the snapshot"):
        next(begun)
    with store.snapshot(), pytest.raises(InvalidQuery, match="in a snapshot that has ended"):
        next(not_begun)
    outside = store.iter_artifacts(sort=sort, page_size=page_size)
    assert next(outside).version == 4
    with store.snapshot():
        assert [each.version for each in outside] == [3, 2, 1]


# Threads, tasks and forks


def test_other_threads_see_their_own_state(store: ArtifactStore) -> None:
    with ThreadPoolExecutor(1) as thread, store.snapshot():
        created = thread.submit(store.create_artifact, key="k").result(30)
        assert thread.submit(store.get, "k").result(30) == created
        assert store.read_latest_artifact("k") is None


def test_tasks_have_snapshots_of_their_own(store: ArtifactStore) -> None:
    async def look(begun: asyncio.Event, written: asyncio.Event) -> list[int]:
        seen = []
        with store.snapshot():
            begun.set()
            seen.append(store.count_artifacts())
            await written.wait()
            seen.append(store.count_artifacts())
        return [*seen, store.count_artifacts()]

    async def main() -> list[list[int]]:
        events = [(asyncio.Event(), asyncio.Event()) for _ in range(2)]
        looks = []
        for begun, written in events:
            looks.append(asyncio.create_task(look(begun, written)))
            await begun.wait()
            with store.atomic():
                store.create_artifact(key="k")
        for _, written in events:
            written.set()
        return await asyncio.gather(*looks)

    assert asyncio.run(main()) == [[0, 0, 2], [1, 1, 2]]


def test_a_task_that_is_cancelled_inside(store: ArtifactStore) -> None:
    async def main() -> None:
        async def sleep() -> None:
            with store.snapshot():
                store.count_artifacts()
                await asyncio.sleep(60)

        task = asyncio.create_task(sleep())
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert store.create_artifact(key="k").version == 1

    asyncio.run(main())
    assert not store._engine.in_block()


def test_a_snapshot_that_is_left_in_another_thread(store: ArtifactStore) -> None:
    snapshot = store.snapshot()
    snapshot.__enter__()
    with (
        ThreadPoolExecutor(1) as thread,
        pytest.raises(InvalidQuery, match="The snapshot was left in another thread than it was"),
    ):
        thread.submit(snapshot.__exit__, None, None, None).result(30)
    assert store.create_artifact(key="k").version == 1


def test_a_generator_that_is_collected_inside(store: ArtifactStore) -> None:
    def look() -> Iterator[int]:
        with store.snapshot():
            yield store.count_artifacts()

    class Cycle:
        def __init__(self) -> None:
            self.itself, self.looking = self, look()
            next(self.looking)

    Cycle()
    gc.collect()
    assert store.create_artifact(key="k").version == 1
    looking = look()
    assert next(looking) == 1
    looking.close()
    assert store.create_artifact(key="k").version == 2


def test_a_fork_inside(store: ArtifactStore, engine: str) -> None:
    def child() -> str:
        return f"{store.create_artifact(key='k').version}"

    with store.snapshot():
        answer = in_child(child)
        assert store.count_artifacts() == 0
    expected = "forked inside a block or a snapshot" if engine == "sqlite" else "1"
    assert expected in answer
    published = store.count_artifacts()
    assert in_child(child) == f"{published + 1}"


def test_pending_writes_wait_until_the_end(store: ArtifactStore) -> None:
    written = []
    with store.snapshot():
        store._db.pending_writes.writes.append(lambda: written.append(store.create_flow("f")))
        assert store.read_flows() == written == []
    assert store.count_artifacts() == 0
    assert store.read_flows() == written


def test_an_interrupt_inside(store: ArtifactStore) -> None:
    with suppress(KeyboardInterrupt), store.snapshot():
        raise KeyboardInterrupt
    assert store.create_artifact(key="k").version == 1
    with pytest.raises(StoreUnavailable, match="has ended the snapshot"), store.snapshot():
        store._engine.reset_after_interrupt()
    assert store.create_artifact(key="k").version == 2


# Databases


@pytest.mark.parametrize("level", ["read committed", "repeatable read", "serializable"])
def test_isolation_levels_and_a_pool_of_one(postgres: str, level: str) -> None:
    url = f"{postgres}&schema=levels&pool_size=1&isolation_level={level.replace(' ', '%20')}"
    with ArtifactStore(url) as store, ArtifactStore(url) as other:
        before = store.count_artifacts()
        with store.snapshot():
            other.create_artifact(key="k")
            assert store.count_artifacts() == store.info().artifacts == before
        assert store.count_artifacts() == before + 1
        assert store.create_artifact(key="k").version == before + 2


def test_a_lost_connection_is_not_retried(store: ArtifactStore, server: Any, engine: str) -> None:
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE state = 'idle in transaction' AND query LIKE '%artifact%'"
    )
    snapshot = store.snapshot()
    snapshot.__enter__()
    store.count_artifacts()
    if engine == "postgresql":
        server.execute(kill)
    else:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(store.close).result(30)
    with pytest.raises(StoreUnavailable, match="read again in a new one") as caught:
        store.count_artifacts()
    snapshot.__exit__(type(caught.value), caught.value, None)
    with store.snapshot():
        assert store.count_artifacts() == 0
    assert store.create_artifact(key="k").version == 1


def test_a_store_that_is_only_read(store: ArtifactStore, store_url: str) -> None:
    with ArtifactStore(store_url, read_only=True) as reading:
        with reading.snapshot():
            store.create_artifact(key="k")
            assert reading.count_artifacts() == 0
        assert reading.count_artifacts() == 1


def test_a_store_in_memory_has_no_writer_beside_a_snapshot() -> None:
    with ArtifactStore("sqlite:///:memory:") as store, ThreadPoolExecutor(2) as threads:
        store.create_artifact(key="k")
        with store.snapshot():
            writing = threads.submit(store.create_artifact, key="k")
            assert threads.submit(store.count_artifacts).result(30) == 1
            with pytest.raises(InvalidQuery, match="leave the snapshot first"):
                store.create_artifact(key="k")
            time.sleep(0.05)
            assert not writing.done()
            assert store.get("k").version == 1
        assert writing.result(30).version == 2
        assert store.get("k").version == 2


def test_a_peewee_database_of_the_caller(tmp_path: Path) -> None:
    class Note(peewee.Model):
        text = peewee.TextField()

        class Meta:
            database = peewee.SqliteDatabase(tmp_path / "own.db", pragmas={"journal_mode": "wal"})

    database = Note._meta.database
    database.create_tables([Note])
    with ArtifactStore(database) as store, ThreadPoolExecutor(1) as thread:
        store.create_artifact(key="k")
        with store.snapshot():
            assert thread.submit(store.create_artifact, key="k").result(30).version == 2
            assert store.get("k").version == 1
        assert store.get("k").version == 2
        with database.atomic():
            with store.snapshot():
                Note.create(text="kept")
                assert store.get("k").version == 2
                with pytest.raises(InvalidQuery, match="leave the snapshot first"):
                    store.create_artifact(key="k")
            store.create_artifact(key="k")
        assert Note.select().count() == 1
        assert store.get("k").version == 3
        thread.submit(database.close).result(30)


# Pairs that are published together


def publish_pairs(url: str, writer: int, times: int) -> float:
    """Publish two keys together, again and again; return the longest wait."""
    longest = 0.0
    with ArtifactStore(url) as store:
        for number in range(times):
            begun = time.monotonic()
            store.run_in_transaction(publish_pair, store, writer * times + number)
            longest = max(longest, time.monotonic() - begun)
    return longest


def publish_pair(store: ArtifactStore, number: int) -> None:
    store.create_artifact(key="left", data=number)
    store.create_artifact(key="right", data=number)


def read_pairs(url: str, last: int) -> list[int]:
    """Read both keys in snapshots until the last version is there; return how many snapshots, and torn pairs."""
    snapshots = torn = version = 0
    with ArtifactStore(url) as store:
        while version < last:
            with store.snapshot():
                left = store.read_latest_artifact("left")
                found = store.read_latest_artifacts()
                right = store.read_latest_artifact("right")
                listed = {each.key: (each.version, each.data) for each in found}
            pair = {each.key: (each.version, each.data) for each in (left, right) if each}
            snapshots += 1
            if len({*pair.values(), *listed.values()}) > 1 or len(pair) % 2 or pair != listed:
                torn += 1
            version = 0 if left is None else left.version or 0
    return [snapshots, torn]


def test_no_pair_is_torn(store_url: str) -> None:
    jobs: list[tuple[Any, ...]] = [(publish_pairs, store_url, writer, PAIRS) for writer in (0, 1)]
    jobs += [(read_pairs, store_url, 2 * PAIRS)] * 2
    *waits, first, second = at_once(*jobs)
    assert len(waits) == 2
    assert first[1] == second[1] == 0, "a snapshot has seen half of a pair"
    assert first[0] + second[0] > 20
    with healthy(store_url) as store:
        assert store.count_artifacts() == 4 * PAIRS
