"""Stores that are dropped or closed free their files, connections and memory."""

import gc
import os
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from artifact_store import ArtifactStore, StoreUnavailable
from artifact_store.db.connection_lock import CONNECTION_LOCK, close_pending

DESCRIPTORS = Path("/proc/self/fd")
needs_proc = pytest.mark.skipif(not DESCRIPTORS.exists(), reason="it looks into /proc")


def held(place: Path) -> list[str]:
    """Return the files below a directory that this process has open."""
    found = []
    for each in DESCRIPTORS.iterdir():
        with suppress(OSError):
            found.append(str(each.readlink()))
    return sorted(name for name in found if name.startswith(str(place)))


def use(store: ArtifactStore) -> None:
    """Use a store from this thread and from others, so that each opens a connection."""
    created = store.create_artifact(key="k", data=[1, 2])
    with store.flow_run("nightly") as run, ThreadPoolExecutor(2) as threads:
        list(threads.map(run.wrap(store.read_latest_artifact), ["k"] * 4))
    with suppress(ZeroDivisionError), store.atomic():
        store.update_artifact(created.id, data=[1 / 0])
    next(store.iter_artifacts(page_size=1))
    assert store.verify() == []


@needs_proc
def test_a_dropped_store_closes_its_files(tmp_path: Path) -> None:
    """Otherwise the process would run out of file descriptors."""

    def work(number: int) -> None:
        store = ArtifactStore(tmp_path / f"{number}.db")
        use(store)

    for number in range(5):
        work(number)
    gc.collect()
    assert held(tmp_path) == []
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        f"{number}.db" for number in range(5)
    ]


@needs_proc
def test_many_dropped_stores_hold_few_files(tmp_path: Path) -> None:
    ArtifactStore(tmp_path / "store.db").create_artifact(key="k")
    for _ in range(600):
        assert ArtifactStore(tmp_path / "store.db").read_latest_artifact("k") is not None
    gc.collect()
    assert held(tmp_path) == []


@pytest.mark.parametrize("name", ["store.db", ":memory:"])
def test_nothing_holds_what_belonged_to_a_dropped_store(tmp_path: Path, name: str) -> None:
    store = ArtifactStore(
        f"sqlite:///{tmp_path}/store.db" if name == "store.db" else "sqlite:///:memory:"
    )
    use(store)
    parts = [
        weakref.ref(each) for each in (store, store._engine, store._engine.database, store._db)
    ]
    del store
    gc.collect()
    assert [part() for part in parts] == [None] * 4


MEMORY = """
import gc, sys
from pathlib import Path
from artifact_store import ArtifactStore

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

def work(size):
    store = ArtifactStore("sqlite:///:memory:")
    store.create_artifact(key="k", data="x" * (size * 2**20))
    return store

kept = []
number, size = int(sys.argv[1]), int(sys.argv[2])
work(size).close()
before = resident()
for _ in range(number):
    store = work(size)
    if sys.argv[3] == "closed":
        store.close()
        kept.append(store)
    del store
    gc.collect()
print(resident() - before)
"""


@needs_proc
@pytest.mark.parametrize(("number", "size", "how"), [(12, 8, "dropped"), (6, 20, "closed")])
def test_a_store_in_memory_frees_its_memory(number: int, size: int, how: str) -> None:
    """A closed store frees its memory even if the program still refers to it."""
    # glibc may keep freed memory for later; with a fixed threshold it returns large blocks at once.
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(number), str(size), how],
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "131072"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) < 2 * size, done.stderr


def test_a_store_in_memory_ends_when_it_is_closed() -> None:
    store = ArtifactStore("sqlite:///:memory:")
    store.create_artifact(key="k")
    with store.flow_run("nightly"):
        pass
    store.close()
    store.close()
    with pytest.raises(
        StoreUnavailable,
        match=r"in memory and was closed, so its contents are gone: open a new store\.$",
    ):
        store.read_latest_artifact("k")
    with pytest.raises(StoreUnavailable, match="was closed"):
        store.create_artifact(key="k")


@needs_proc
def test_the_garbage_collector_never_waits_for_a_lock(tmp_path: Path) -> None:
    """It may interrupt a statement whose end the thread with the lock is waiting for."""
    opened, locked, collected = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        store = ArtifactStore(tmp_path / "store.db")
        store.create_artifact(key="k")
        opened.set()
        assert locked.wait(30)
        del store
        gc.collect()
        collected.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert opened.wait(30)
    with CONNECTION_LOCK:
        locked.set()
        assert collected.wait(30)
        assert held(tmp_path) != [], "who holds the lock may not lose a connection"
    close_pending()
    assert held(tmp_path) == []
    thread.join()


def test_threads_that_end_while_others_open_connections_leave_nothing(tmp_path: Path) -> None:
    with ArtifactStore(tmp_path / "store.db") as store:
        store.create_artifact(key="k")

        def work(_: int) -> None:
            thread = threading.Thread(target=store.read_latest_artifact, args=("k",))
            thread.start()
            thread.join()

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(work, range(200)))
        assert store.info().connections == 1


def test_a_dropped_store_does_not_disturb_a_forked_child(tmp_path: Path) -> None:
    """If the child closed the connections of its parent, it would release the parent's locks."""
    store = ArtifactStore(tmp_path / "store.db")
    store.create_artifact(key="k")
    dropped = ArtifactStore(tmp_path / "store.db")
    dropped.create_artifact(key="k")
    gc.disable()
    try:
        del dropped
        child = os.fork()
    finally:
        gc.enable()
    if child == 0:
        gc.collect()
        os._exit(0 if store.create_artifact(key="k").version == 3 else 1)
    gc.collect()
    assert os.waitpid(child, 0)[1] == 0
    assert store.create_artifact(key="k").version == 4
    assert store.verify() == []
    store.close()


def test_what_is_open_at_the_end_of_the_program_is_closed(tmp_path: Path) -> None:
    code = (
        "import sys; from artifact_store import ArtifactStore\n"
        "store = ArtifactStore(sys.argv[1]); store.create_artifact(key='k')\n"
        "memory = ArtifactStore('sqlite:///:memory:')"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code, f"sqlite:///{tmp_path}/store.db"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert [each.name for each in tmp_path.iterdir()] == ["store.db"]
