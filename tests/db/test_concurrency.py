"""Many processes, threads and forks at one database of each engine: nobody fails, nothing is lost, latest is right."""

import multiprocessing
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from artifact_store import ArtifactFilter, ArtifactSort, ArtifactStore, clock
from tests.helpers.bare import bare
from tests.helpers.processes import (
    WORKERS,
    AtOnce,
    assert_latest_is_right,
    at_once,
    barriers,
    create,
    healthy,
    in_child,
    numbered,
    versions,
    wait_for,
)

KEYS = [f"k{number:02}" for number in range(60)]
ROUNDS = 20


def quick(url: str) -> str:
    """The address of a store that need not survive a power cut."""
    return f"{url}?synchronous=normal" if url.startswith("sqlite") else url


# Creates


def create_timed(url: str, keys: list[str], times: int, seed: int) -> tuple[float, float, float]:
    """Create each of the keys equally often, in an order of its own; return begin, end and the longest wait."""
    order = (keys * times)[:times]
    random.Random(seed).shuffle(order)
    longest = 0.0
    with ArtifactStore(url) as store:
        begun = before = time.monotonic()
        for number, key in enumerate(order):
            store.create_artifact(key=key, type="progress", data=[seed, number])
            now = time.monotonic()
            longest, before = max(longest, now - before), now
    return begun, before, longest


@pytest.mark.parametrize("keys", [1, 50])
def test_eight_processes_create(url: str, keys: int) -> None:
    names = [f"k{number}" for number in range(keys)]
    ArtifactStore(url).close()
    results = at_once(*[(create_timed, url, names, 500, seed) for seed in range(WORKERS)])
    begun, ended, longest = (
        each(times) for each, times in zip((min, max, max), zip(*results, strict=True), strict=True)
    )
    rate = WORKERS * 500 / (ended - begun)
    print(
        f"\n{url.partition(':')[0]}, {keys} keys: {rate:.0f} creates a second, longest wait {longest:.3f} s"
    )
    assert versions(url) == numbered(names, WORKERS * 500 // keys)
    with healthy(url) as store:
        assert_latest_is_right(url, store)
        assert store.count_artifacts() == WORKERS * 500


def create_with_id(url: str, ids: list[UUID]) -> list[tuple[UUID, int | None]]:
    """Create artifacts with given ids."""
    with ArtifactStore(url) as store:
        made = [store.create_artifact(id=each, key="k", data=1) for each in ids]
    return [(each.id, each.version) for each in made]


def test_eight_processes_that_repeat_the_same_creates(url: str) -> None:
    ids = [UUID(int=n) for n in range(1, 41)]
    results = at_once(*[(create_with_id, url, ids) for _ in range(WORKERS)])
    assert all(each == results[0] for each in results)
    assert versions(url) == numbered(["k"], 40)
    with healthy(url) as store:
        assert store.count_artifacts() == 40


def test_versions_rise_in_the_order_of_commits(url: str) -> None:
    """A reader never sees a version before the versions below it."""
    with ArtifactStore(url) as reader:
        writers, lengths = AtOnce(*[(create, url, "k", 50) for _ in range(4)]), set()
        while writers.working():
            seen = sorted(each.version or 0 for each in reader.read_artifacts())
            assert seen == list(range(1, len(seen) + 1))
            lengths.add(len(seen))
        assert sorted(chain.from_iterable(writers.results())) == list(range(1, 201))
    assert len(lengths) > 2, "the reader saw nothing of it"
    healthy(url).close()


# Rounds of a race, with a referee


def refereed(url: str, whole: Any, rounds: int) -> int:
    """Prepare each round of a race and judge it; return how many artifacts the last round left."""
    store = ArtifactStore(url)
    with store:
        for number in range(rounds):
            if (
                number % 3 == 2
            ):  # one version of each key is left, so that deletes empty keys and creates fill them again
                store.delete_artifacts(ArtifactFilter(key={"any_": KEYS}))
                store.create_artifacts({"key": key} for key in KEYS)
            else:
                store.create_artifacts({"key": key} for key in KEYS * 3)
            whole.wait(100)
            whole.wait(100)
            assert_latest_is_right(url.partition("?sync")[0], store)
        return store.count_artifacts()


def delete_latest(url: str, whole: Any, each: Any, rounds: int, second: bool) -> int:
    """Delete the latest of each key while another deletes and a third creates; return how many were deleted."""
    deleted = 0
    with ArtifactStore(url) as store:
        for number in range(rounds):
            whole.wait(100)
            for key in KEYS:
                target = store.read_latest_artifact(key)
                if (
                    number % 3 == 0 and target is not None and target.version and second
                ):  # what is latest next
                    target = store.read_artifact_ref(f"{key}@{target.version - 1}")
                each.wait(100)
                if number % 3:  # what is latest now, which another may delete meanwhile
                    target = store.read_latest_artifact(key)
                deleted += target is not None and store.delete_artifact(target.id)
                each.wait(100)
            whole.wait(100)
    return deleted


def create_each(url: str, whole: Any, each: Any, rounds: int) -> int:
    """Create a version of each key while two others delete."""
    with ArtifactStore(url) as store:
        for number in range(rounds):
            whole.wait(100)
            for key in KEYS:
                each.wait(100)
                store.create_artifact(key=key, data=number)
                each.wait(100)
            whole.wait(100)
    return rounds * len(KEYS)


def test_two_deletes_of_the_latest_against_one_create(url: str) -> None:
    ArtifactStore(url).close()
    whole, each = barriers(4, 3)
    begun = time.monotonic()
    left, first, second, made = at_once(
        (refereed, quick(url), whole, ROUNDS),
        (delete_latest, quick(url), whole, each, ROUNDS, False),
        (delete_latest, quick(url), whole, each, ROUNDS, True),
        (create_each, quick(url), whole, each, ROUNDS),
    )
    seconds = time.monotonic() - begun
    print(
        f"\n{made} races of two deletes and a create, {first + second} deletes won, {left} left, {seconds:.1f} s"
    )
    assert made == ROUNDS * len(KEYS)
    assert min(first, second) > made / 4
    healthy(url).close()


def write_on_all(url: str, whole: Any, rounds: int, seed: int) -> Counter[str]:
    """Create, update and delete on all keys, in an order of its own."""
    choose, done = random.Random(seed), Counter[str]()
    with ArtifactStore(url) as store:
        for _ in range(rounds):
            whole.wait(100)
            for key in choose.sample(KEYS, len(KEYS)):
                action = choose.choice(["create", "update", "delete"])
                latest = None if action == "create" else store.read_latest_artifact(key)
                if latest is None:
                    store.create_artifact(key=key, data=seed)
                elif action == "update":
                    store.update_artifact(latest.id, data=[seed])
                else:
                    store.delete_artifact(latest.id)
                done[action] += 1
            whole.wait(100)
    return done


def test_eight_writers_on_sixty_keys(url: str) -> None:
    ArtifactStore(url).close()
    (whole,) = barriers(WORKERS + 1)
    begun = time.monotonic()
    _, *done = at_once(
        (refereed, quick(url), whole, ROUNDS),
        *[(write_on_all, quick(url), whole, ROUNDS, seed) for seed in range(WORKERS)],
    )
    total = sum(done, Counter[str]())
    print(f"\n{total.total() / (time.monotonic() - begun):.0f} writes a second, {dict(total)}")
    assert total.total() == ROUNDS * WORKERS * len(KEYS)
    healthy(url).close()


# Everything at once


def publish(url: str, seed: int, seconds: float) -> tuple[Counter[str], Counter[str], float]:
    """Create, update and delete for some seconds; return how often, the versions of each key, the longest wait."""
    choose, calls, made, longest = random.Random(seed), Counter[str](), Counter[str](), 0.0
    end = time.monotonic() + seconds
    with ArtifactStore(url) as store:
        while (started := time.monotonic()) < end:
            action = choose.choice(["create", "create", "bulk", "block", "update", "delete"])
            key = f"{choose.choice(['kept', 'fleeting'])}-{choose.randrange(4)}"
            many = [{"key": each} for each in (key, "kept-0", "fleeting-1", key)]
            if action == "create":
                created = [store.create_artifact(key=key, data=seed)]
            elif action == "bulk":
                created = store.create_artifacts(many)
            elif action == "block":
                with store.atomic():
                    created = [store.create_artifact(**each) for each in sorted(many, key=str)]
            else:
                created, latest = [], store.read_latest_artifact(f"fleeting-{choose.randrange(4)}")
                if latest is not None and action == "update":
                    store.update_artifact(latest.id, data=[seed])
                elif latest is not None:
                    store.delete_artifact(latest.id)
            calls[action] += 1
            made.update(each.key for each in created)
            longest = max(longest, time.monotonic() - started)
    return calls, made, longest


def test_eight_processes_on_shared_keys_for_three_seconds(url: str) -> None:
    results = at_once(*[(publish, url, seed, 3.0) for seed in range(WORKERS)])
    calls: Counter[str] = sum((each[0] for each in results), Counter())
    made: Counter[str] = sum((each[1] for each in results), Counter())
    longest = max(each[2] for each in results)
    print(
        f"\n{calls.total() / 3:.0f} calls a second, longest wait {longest:.3f} s, {made.total()} artifacts, {calls}"
    )
    assert min(calls.values()) > 0
    with healthy(url) as store:
        assert_latest_is_right(url, store)
        kept: dict[str, list[int]] = {}
        for each in store.read_artifacts(sort=ArtifactSort.KEY_ASC):
            kept.setdefault(each.key, []).append(each.version)
        for n in range(4):
            assert kept.get(f"kept-{n}", []) == list(range(1, made[f"kept-{n}"] + 1)), (
                "a version is missing or double"
            )


# Clocks


class Shifted(datetime):
    """A clock that is wrong by hours."""

    wrong = timedelta()

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime.now(tz) + cls.wrong


def shifted_id() -> UUID:
    """Return an id that tells the wrong time: its first 48 bits are milliseconds."""
    return UUID(int=int(Shifted.now().timestamp() * 1000) << 80 | uuid7().int & (1 << 80) - 1)


def publish_by_another_clock(url: str, seed: int, times: int) -> list[float]:
    """Create, update and delete by a clock that is wrong by hours, ids included; return by how many."""
    choose = random.Random(seed)
    Shifted.wrong = timedelta(hours=choose.uniform(-48, 48))
    clock.datetime = Shifted  # type: ignore[attr-defined]
    clock.uuid7 = shifted_id  # type: ignore[attr-defined]
    hours = []
    with ArtifactStore(url) as store:
        for number in range(times):
            key = f"k{choose.randrange(5)}"
            made = store.create_artifact(key=key, data=[seed, number])
            hours.append((made.created.timestamp() - time.time()) / 3600)
            older = store.read_artifact_ref(
                f"{key}@{max((made.version or 0) - choose.randrange(3), 0)}"
            )
            if older is not None and choose.random() < 0.5:
                store.update_artifact(older.id, description="by another clock")
            elif older is not None and choose.random() < 0.7:
                store.delete_artifact(older.id)
    return hours


def test_clocks_that_differ_by_hours(url: str) -> None:
    ArtifactStore(url).close()
    results = at_once(
        *[(publish_by_another_clock, quick(url), seed, 60) for seed in range(WORKERS)]
    )
    # Otherwise it may happen that the latest clock has written last.
    slowest = min(range(WORKERS), key=lambda seed: results[seed][-1])
    results += at_once((publish_by_another_clock, quick(url), slowest, 20))
    wrong = [hours for each in results for hours in each]
    assert max(wrong) - min(wrong) > 24, "the clocks did not differ"
    assert all(max(each) - min(each) < 1 for each in results)
    with healthy(url) as store:
        assert_latest_is_right(url, store)
        latest, others = store.read_latest_artifacts(), store.read_artifacts()
        newest = {
            key: max(each.created for each in others if each.key == key)
            for key in {e.key for e in others}
        }
        assert any(each.created < newest[each.key] for each in latest), (
            "no clock contradicted the versions"
        )


# Threads


def backends(url: str, name: str) -> int:
    """How many backends of a PostgreSQL server serve an application."""
    return int(
        bare(url, f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'")[0][0]
    )


def descriptors(path: str) -> int:
    """How many descriptors this process holds on a database file and its companions."""
    links = (each for each in Path("/proc/self/fd").iterdir() if each.is_symlink())
    return sum(str(each.resolve()).startswith(path) for each in links)


def work_in_a_thread(store: ArtifactStore, number: int) -> int:
    """Do a bit of everything; return how many connections there were."""
    most = 0
    for turn in range(10):
        made = store.create_artifact(key=f"k{number % 7}", data=[number, turn])
        with store.atomic():
            store.update_artifact(made.id, description="twice")
            store.create_artifact(key=f"own-{number}")
        assert store.read_artifact(made.id) is not None
        most = max(most, store._engine.server_info().connections)
    return most


def test_thirty_two_threads_share_a_store(url: str, engine: str) -> None:
    name = f"threads_{os.getpid()}"
    options = (
        f"&application_name={name}&pool_size=8" if engine == "postgresql" else "?synchronous=normal"
    )
    store = ArtifactStore(f"{url}{options}")
    with ThreadPoolExecutor(32) as threads:
        most = max(threads.map(lambda number: work_in_a_thread(store, number), range(32)))
    info = store.info()
    assert info.artifacts == 640
    assert store.verify() == []
    if engine == "postgresql":
        assert most <= info.pool_size == 8
        assert backends(url, name) <= 8
        store.close()
        wait_for(lambda: backends(url, name) == 0, 10)
    else:
        path = url.removeprefix("sqlite:///")
        assert most <= 33
        assert info.connections == 1, "threads that ended have left connections"
        store.close()
        assert len(store._engine.database.opened) == descriptors(path) == 0
    print(f"\n{engine}: at most {most} connections for 32 threads")


# Forks

SHARED: list[ArtifactStore] = []


def create_in_a_pool(number: int) -> int | None:
    return SHARED[0].create_artifact(key="k", data=number).version


@contextmanager
def shared(store: ArtifactStore) -> Iterator[None]:
    """Let forked children find a store."""
    SHARED.append(store)
    try:
        yield
    finally:
        SHARED.clear()


def test_a_pool_of_forked_processes(store: ArtifactStore, url: str) -> None:
    assert store.create_artifact(key="k").version == 1
    fork = multiprocessing.get_context("fork")
    with shared(store), fork.Pool(4) as pool:
        in_children = pool.map_async(create_in_a_pool, range(100), chunksize=1)
        here = [store.create_artifact(key="k").version for _ in range(50)]
        made = [1, *here, *in_children.get(60)]
        pool.close()
        pool.join()
    assert sorted(made) == list(range(1, 152))
    assert versions(url) == numbered(["k"], 151)
    assert_latest_is_right(url, store)


def test_a_server_that_forks_before_it_serves(store: ArtifactStore, url: str) -> None:
    """Four children work with the store that was made before they were forked, and the parent works on."""
    assert store.create_artifact(key="k").version == 1
    serve = lambda: ",".join(str(store.create_artifact(key="k").version) for _ in range(25))  # noqa: E731
    with ThreadPoolExecutor(4) as parents:
        children = [parents.submit(in_child, serve) for _ in range(4)]
        here = [store.create_artifact(key="k").version for _ in range(25)]
    made = [int(version) for child in children for version in child.result().split(",")]
    assert sorted([1, *here, *made]) == list(range(1, 127))
    assert versions(url) == numbered(["k"], 126)
    assert_latest_is_right(url, store)


def test_children_are_forked_while_threads_work(store: ArtifactStore, url: str) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            store.create_artifact(key="threads")

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(10):
            assert in_child(lambda: str(store.create_artifact(key="children").version)) == str(
                number + 1
            )
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert_latest_is_right(url, store)
    assert versions(url)["children"] == list(range(1, 11))
