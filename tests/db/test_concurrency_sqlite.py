"""Many processes with one SQLite file: locks, creation and forks."""

import multiprocessing
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from artifact_store import ArtifactStore, StoreUnavailable
from artifact_store.db import migrate
from tests.helpers.processes import PROCESSES, WORKERS, at_once, create, healthy, in_child, wait_for


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db?timeout=60"


@pytest.mark.parametrize("attempt", range(5))
def test_eight_processes_open_the_same_new_file(tmp_path: Path, attempt: int) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    results = at_once(*[(create, url, "k", 1) for _ in range(WORKERS)])
    assert sorted(version for (version,) in results) == list(range(1, WORKERS + 1))
    healthy(url).close()
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        applied = connection.execute(
            "SELECT name FROM artifact_store_migration ORDER BY name"
        ).fetchall()
    assert [name for (name,) in applied] == list(migrate.known_versions())


# Locks


def hold(url: str, taken: Any, release: Any) -> None:
    """Hold the write lock until the event is set."""
    with closing(
        sqlite3.connect(url.removeprefix("sqlite:///").partition("?")[0], isolation_level=None)
    ) as connection:
        connection.execute("BEGIN IMMEDIATE")
        taken.set()
        release.wait(60)
        connection.execute("ROLLBACK")


@contextmanager
def locked_by_another_process(url: str) -> Iterator[Any]:
    """Have another process hold the write lock; yields the event that releases it."""
    taken, release = PROCESSES.Event(), PROCESSES.Event()
    process = PROCESSES.Process(target=hold, args=(url, taken, release), daemon=True)
    process.start()
    try:
        assert taken.wait(60)
        yield release
    finally:
        release.set()
        process.join(60)
        process.close()


WRITES: list[Callable[[ArtifactStore], object]] = [
    lambda store: store.create_artifact(key="k"),
    lambda store: store.create_artifacts([{"key": "k"}, {}]),
    lambda store: store.update_artifact(UUID(int=1), data=2),
    lambda store: store.delete_artifact(UUID(int=1)),
    lambda store: store.delete_artifacts(everything=True),
    lambda store: store.repair(),
    lambda store: store.create_flow("f"),
    lambda store: store.atomic().__enter__(),
    lambda store: store.run_in_transaction(print),
]


def test_a_lock_held_past_the_deadline_is_one_sentence(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db?timeout=0.3"
    with ArtifactStore(url) as store:
        first = store.create_artifact(id=UUID(int=1), key="k", data=1)
        tries: list[int] = []
        back_off = store._engine.back_off
        store._engine.back_off = lambda number: back_off(tries.append(number) or number)  # type: ignore[func-returns-value]
        with locked_by_another_process(url):
            for write in WRITES:
                tries.clear()
                with pytest.raises(
                    StoreUnavailable, match=r"another writer held the lock for 0\.3 s"
                ) as caught:
                    write(store)
                assert tries == [*range(1, len(tries) + 1)]
                assert tries, "it did not wait for the lock"
                assert "\n" not in str(caught.value)
                assert caught.value.__cause__ is not None
            assert store.read_latest_artifact("k") == first, "reading needs no lock"
            assert store.count_artifacts() == 1
        assert store.create_artifact(key="k").version == 2
        assert store.verify() == []


def test_a_writer_waits_for_the_lock(url: str) -> None:
    with ArtifactStore(url) as store:
        with locked_by_another_process(url) as release:
            threading.Timer(0.2, release.set).start()
            assert store.create_artifact(key="k").version == 1
        assert store.verify() == []


def test_opening_a_current_store_takes_no_lock(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db?timeout=0"
    ArtifactStore(url).close()
    with locked_by_another_process(url), ArtifactStore(url) as store:
        assert store.read_artifacts() == []


# Forks


def test_a_store_made_before_a_fork_works_on_both_sides(url: str) -> None:
    with ArtifactStore(url) as store:
        assert store.create_artifact(key="k").version == 1
        assert in_child(lambda: str(store.create_artifact(key="k").version)) == "2"
        assert store.create_artifact(key="k").version == 3

        def grandchild() -> str:
            return f"{store.create_artifact(key='k').version} {in_child(lambda: str(store.read_latest_artifact('k')))}"

        assert in_child(grandchild).startswith("4 <Artifact k@4 ")
        assert store.read_latest_artifact("k").version == 4
        assert store.verify() == []
    healthy(url).close()


def test_a_child_keeps_its_commits_when_the_parent_closes(url: str) -> None:
    """A child inherits the locks of SQLite, so no connection may be open across a fork."""
    store = ArtifactStore(url)
    store.create_artifact(key="k")
    process = multiprocessing.get_context("fork").Process(
        target=child_of_closing_parent, args=(store, url)
    )
    process.start()
    wait_for(lambda: store.read_latest_artifact("k").version == 2)
    store.close()
    Path(f"{url.removeprefix('sqlite:///').partition('?')[0]}.closed").touch()
    process.join(60)
    process.close()
    with healthy(url) as again:
        assert again.read_latest_artifact("k").version == 12


def child_of_closing_parent(store: ArtifactStore, url: str) -> None:
    store.create_artifact(key="k")
    wait_for(Path(f"{url.removeprefix('sqlite:///').partition('?')[0]}.closed").exists)
    for _ in range(10):
        store.create_artifact(key="k")


def test_a_fork_inside_a_block_leaves_the_block_to_the_parent(url: str) -> None:
    with ArtifactStore(url) as store:
        with store.atomic():
            store.create_artifact(key="k")
            answer = in_child(lambda: str(store.count_artifacts()))
            assert answer.endswith(
                "the process was forked inside a block or a snapshot: fork before or after it."
            )
        assert in_child(lambda: str(store.create_artifact(key="k").version)) == "2"
    healthy(url).close()


def test_a_store_is_closed_while_threads_read_and_write(url: str) -> None:
    with ArtifactStore(url) as store:
        store.create_artifacts({"key": "k", "data": list(range(50))} for _ in range(200))
        stop, errors = threading.Event(), []

        def work() -> None:
            while not stop.is_set():
                try:
                    store.create_artifact(key="threads")
                    store.read_artifacts(limit=200)
                except StoreUnavailable as error:  # closed inside the block of a create
                    errors.append(str(error))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(150):
            time.sleep(0.003)
            store.close()
        stop.set()
        for thread in threads:
            thread.join()
        assert all("closed" in error for error in errors), errors
    healthy(url).close()


def test_a_change_is_made_again_when_the_store_is_closed_meanwhile(url: str) -> None:
    with ArtifactStore(url) as store:
        inside, closed, tries = threading.Event(), threading.Event(), []

        def change() -> UUID:
            tries.append(store.create_artifact(key="k").version)
            inside.set()
            assert closed.wait(30)
            return store.create_artifact(key="k").id

        with ThreadPoolExecutor() as pool:
            created = pool.submit(store.run_in_transaction, change)
            assert inside.wait(30)
            store.close()
            closed.set()
            assert store.read_artifact(created.result(30)).version == 2
        assert tries == [1, 1]
        assert store.count_artifacts() == 2
    healthy(url).close()


def test_a_store_in_memory_does_not_cross_a_fork() -> None:
    with ArtifactStore("sqlite:///:memory:") as store:
        store.create_artifact(key="k")
        answer = in_child(lambda: str(store.read_latest_artifact("k")))
        assert (
            answer == "StoreUnavailable: A store in memory cannot be used after a fork: use a file."
        )
        assert in_child(lambda: str(ArtifactStore("sqlite:///:memory:").count_artifacts())) == "0"
        assert store.read_latest_artifact("k").version == 1
