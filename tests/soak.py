"""Puts mixed load on a store, and checks that memory and connections do not grow and nothing is inconsistent.

Run it from the root of the project; pytest does not collect it:

    python -m tests.soak --minutes 10 --engine both
"""

import argparse
import os
import random
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from artifact_store import (
    ArtifactCollectionFilter,
    ArtifactCollectionSort,
    ArtifactFilter,
    ArtifactSort,
    ArtifactStore,
)
from tests.helpers.servers import Server

PROCESSES = get_context("forkserver")
PER_ENGINE, THREADS = 2, 3
KEYS = [f"soak/{name}" for name in "abcdefghijkl"]
TANGLED = [
    f"tangled/{name}" for name in "abcdefghijkl"
]  # of blocks that deadlock; others keep off them
KEPT = 40  # versions of a key that are left when old ones are deleted
WARM_UP = 0.2  # of the time; caches fill
GROWTH, SLACK = 1.10, 8.0  # memory may grow by 10 % and 8 MB


# The load


def create(store: ArtifactStore, choose: random.Random) -> None:
    key = choose.choice(KEYS)
    made = store.create_artifact(
        key=key,
        type=choose.choice(["table", "markdown"]),
        data=[{"n": n} for n in range(30)],
        metadata={"n": 1},
    )
    assert made.version is not None
    if made.version % KEPT == 0:
        prune(store, key, made.version)


def create_loose(store: ArtifactStore, choose: random.Random) -> None:
    """Create one without key, and delete it."""
    assert store.delete_artifact(store.create_artifact(type="result", data=choose.random()).id)


def prune(store: ArtifactStore, key: str, version: int) -> None:
    """Delete what is old, so that the database stays as large as it is."""
    store.delete_artifacts(ArtifactFilter(key={"any_": [key]}, version={"le_": version - KEPT}))


def create_in_bulk(store: ArtifactStore, choose: random.Random) -> None:
    made = store.create_artifacts({"key": key, "data": [1, 2]} for key in choose.sample(KEYS, 5))
    for each in made:
        if (each.version or 0) % KEPT == 0:
            prune(store, str(each.key), each.version or 0)


def create_in_a_block(store: ArtifactStore, choose: random.Random) -> None:
    """Create under some keys, in sorted order, so that blocks do not deadlock."""
    with store.atomic():
        for key in sorted(choose.sample(KEYS, 3)):
            store.create_artifact(key=key, data={"block": True})


def run(store: ArtifactStore, choose: random.Random) -> None:
    """Create under some keys in any order; a deadlock is tried again."""
    keys = choose.sample(TANGLED, 2)
    for made in store.run_in_transaction(lambda: [store.create_artifact(key=key) for key in keys]):
        if (made.version or 0) % KEPT == 0:
            prune(store, str(made.key), made.version or 0)


def update(store: ArtifactStore, choose: random.Random) -> None:
    latest = store.read_latest_artifact(choose.choice(KEYS))
    if latest is not None:
        store.update_artifact(latest.id, description="changed", metadata={"by": "soak"})


def delete(store: ArtifactStore, choose: random.Random) -> None:
    latest = store.read_latest_artifact(choose.choice(KEYS))
    if latest is not None:
        store.delete_artifact(latest.id)


def list_all(store: ArtifactStore, choose: random.Random) -> None:
    wanted = ArtifactFilter(type={"any_": ["table"]}) | ArtifactFilter(
        key={"like_": choose.choice("abc")}
    )
    page = store.read_artifacts(
        limit=50, artifact_filter=wanted, sort=choose.choice(list(ArtifactSort))
    )
    store.read_artifacts(
        limit=50, artifact_filter=wanted, sort=ArtifactSort.ID_DESC, include_data=False
    )
    assert len(page) <= 50


def list_latest(store: ArtifactStore, choose: random.Random) -> None:
    wanted = ArtifactCollectionFilter(key={"startswith_": "soak/"}, metadata={"eq_": {"n": 1}})
    sort = choose.choice(list(ArtifactCollectionSort))
    assert len(store.read_latest_artifacts(artifact_filter=wanted, sort=sort)) <= len(KEYS)


def count(store: ArtifactStore, choose: random.Random) -> None:
    assert store.count_artifacts(ArtifactFilter(key={"any_": [choose.choice(KEYS)]})) >= 0


ACTIONS: list[Callable[[ArtifactStore, random.Random], None]] = [
    *[create] * 4, create_loose, create_in_bulk, create_in_a_block, run,
    *[update] * 2, delete, list_all, list_latest, count,
]  # fmt: skip


def work(store: ArtifactStore, seed: int, stop: Any, done: Any, failures: list[str]) -> None:
    """Run one action after the other until the event is set."""
    choose = random.Random(seed)
    while not stop.is_set() and not failures:
        number = choose.randrange(len(ACTIONS))
        try:
            ACTIONS[number](store, choose)
        except Exception:
            failures.append(traceback.format_exc())
        with done.get_lock():
            done[number] += 1


def load(url: str, seed: int, stop: Any, done: Any) -> None:
    """One process: some threads that share a store."""
    failures = list[str]()
    with ArtifactStore(url) as store:
        threads = [
            threading.Thread(target=work, args=(store, seed * 100 + number, stop, done, failures))
            for number in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failures:
        raise SystemExit("\n".join(failures))


# What is measured


class Sample(NamedTuple):
    """What one engine's processes take at an instant: megabytes, connections, megabytes on disk, actions so far."""

    time: float
    memory: float
    connections: int
    size: float
    actions: int


def resident(pid: int) -> float:
    """Megabytes that a process holds in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Place:
    """A database of one engine and the processes that work on it."""

    def __init__(self, engine: str, url: str) -> None:
        self.engine, self.url = engine, url
        self.stop, self.done = PROCESSES.Event(), PROCESSES.Array("q", len(ACTIONS))
        self.samples: list[Sample] = []
        ArtifactStore(url).close()
        self.watched = ArtifactStore(
            f"{url}&application_name=watching" if engine == "postgresql" else url
        )
        self.processes = [
            PROCESSES.Process(target=load, args=(url, seed, self.stop, self.done))
            for seed in range(PER_ENGINE)
        ]
        for process in self.processes:
            process.start()

    def connections(self) -> int:
        """Count the open connections of the processes from the outside."""
        if self.engine == "postgresql":
            own = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'soaking'"
            return int(self.watched._engine.fetch_one(own)[0])  # type: ignore[index]
        path = self.url.removeprefix("sqlite:///")
        places = [
            each for process in self.processes for each in Path(f"/proc/{process.pid}/fd").iterdir()
        ]
        return sum(os.path.realpath(each) == path for each in places)

    def sample(self, begun: float) -> Sample:
        assert all(process.is_alive() for process in self.processes), (
            f"{self.engine}: a process has failed, see above"
        )
        memory = sum(resident(process.pid or 0) for process in self.processes)
        size = (self.watched._engine.server_info().size or 0) / 1e6
        taken = Sample(time.monotonic() - begun, memory, self.connections(), size, sum(self.done))
        self.samples.append(taken)
        return taken

    def end(self) -> None:
        """Stop the processes; each must have ended well."""
        self.stop.set()
        for process in self.processes:
            process.join(60)
            assert process.exitcode == 0, (
                f"{self.engine}: a process ended with {process.exitcode}, see above"
            )

    def judge(self) -> None:
        """Hold the second half of the samples against the first, after the warm-up; look for inconsistencies."""
        assert self.watched.verify() == []
        self.watched.close()
        warm = [each for each in self.samples if each.time > WARM_UP * self.samples[-1].time]
        first, second = warm[: len(warm) // 2], warm[len(warm) // 2 :]
        memory = [median(each.memory for each in half) for half in (first, second)]
        connections = [median(each.connections for each in half) for half in (first, second)]
        size = [median(each.size for each in half) for half in (first, second)]
        print(
            f"{self.engine:<11} {sum(self.done):>9} actions {sum(self.done) / self.samples[-1].time:>7.0f} a second   "
            f"memory {memory[0]:.1f} -> {memory[1]:.1f} MB   connections {connections[0]:g} -> {connections[1]:g}   "
            f"size {size[0]:.1f} -> {size[1]:.1f} MB   no inconsistency"
        )
        assert min(self.done) > 0, "an action was never done"
        assert memory[1] <= memory[0] * GROWTH + SLACK, "memory grows"
        assert connections[1] <= connections[0], "connections leak"
        assert max(each.connections for each in second) <= PER_ENGINE * (THREADS + 1)


@contextmanager
def places(engine: str) -> Iterator[list[Place]]:
    """Start a server where one is needed, and the load on each engine that was asked for."""
    with ExitStack() as stack:
        urls = {}
        if engine != "postgresql":
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="soak"))
            urls["sqlite"] = f"sqlite:///{os.path.realpath(directory)}/store.db"
        if engine != "sqlite":
            server = stack.enter_context(
                Server(settings={"deadlock_timeout": "100ms", "autovacuum_naptime": "5s"})
            )
            urls["postgresql"] = f"{server.url}&application_name=soaking"
        started = [Place(name, url) for name, url in urls.items()]
        try:
            yield started
        finally:
            for place in started:
                place.stop.set()
            for process in (each for place in started for each in place.processes):
                process.join(60)


def main() -> None:
    """Soak, sample, and judge."""
    parser = argparse.ArgumentParser(
        description="Mixed load on both engines; fails unless all stays flat."
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--engine", choices=["sqlite", "postgresql", "both"], default="both")
    given = parser.parse_args()
    seconds, begun = given.minutes * 60, time.monotonic()
    every = min(5.0, seconds / 40)
    with places(given.engine) as started:
        print("   second engine      memory MB  connections   size MB    actions")
        printed = 0.0
        while (now := time.monotonic() - begun) < seconds:
            samples = [(place, place.sample(begun)) for place in started]
            if now >= printed:
                printed += seconds / 20
                for place, (at, memory, connections, size, actions) in samples:
                    print(
                        f"{at:>9.0f} {place.engine:<11} {memory:>9.1f} {connections:>12} {size:>9.1f} {actions:>10}"
                    )
            time.sleep(every)
        for place in started:
            place.end()
        for place in started:
            place.judge()


if __name__ == "__main__":
    main()
