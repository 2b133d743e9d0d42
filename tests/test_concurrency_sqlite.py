"""Many processes at one SQLite file: nobody fails, nothing is lost, whoever is killed."""

import multiprocessing
import os
import random
import signal
import sqlite3
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from artifact_store import ArtifactSort, ArtifactStore, StoreUnavailable

WORKERS = 8
# Children start from a clean process, and quickly.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["pytest", "artifact_store"])


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db?timeout=60"


def _guarded(sender: Any, barrier: Any, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """In the child: wait for the others, work, and send what came of it."""
    try:
        barrier.wait()
        sender.send((True, work(*args)))
    except BaseException:
        sender.send((False, traceback.format_exc()))


def at_once(*jobs: tuple[Any, ...]) -> list[Any]:
    """Call each job (a function and its arguments) in a process of its own, all at once; return the results."""
    barrier, processes, receivers = PROCESSES.Barrier(len(jobs)), [], []
    for work, *args in jobs:
        receiver, sender = PROCESSES.Pipe(duplex=False)
        process = PROCESSES.Process(target=_guarded, args=(sender, barrier, work, tuple(args)), daemon=True)
        process.start()
        sender.close()
        processes.append(process)
        receivers.append(receiver)
    results = []
    for process, receiver in zip(processes, receivers, strict=True):
        with receiver:
            assert receiver.poll(100), "a worker hangs"
            done, result = receiver.recv()
        process.join(100)
        process.close()
        assert done, result
        results.append(result)
    return results


def healthy(url: str) -> ArtifactStore:
    """Open a store after checking the file and the invariants of the latest versions."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///").partition("?")[0])) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store = ArtifactStore(url)
    assert store.verify() == []
    return store


# Eight at once


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


def test_eight_processes_on_shared_keys_for_five_seconds(url: str) -> None:
    results = at_once(*[(publish, url, seed, 5.0) for seed in range(WORKERS)])
    calls: Counter[str] = sum((each[0] for each in results), Counter())
    made: Counter[str] = sum((each[1] for each in results), Counter())
    longest = max(each[2] for each in results)
    print(f"{calls.total() / 5:.0f} calls a second, longest wait {longest:.3f} s, {made.total()} artifacts, {calls}")
    assert longest < 30
    assert min(calls.values()) > 0
    with healthy(url) as store:
        versions: dict[str, list[int]] = {}
        for each in store.read_artifacts(sort=ArtifactSort.KEY_ASC):
            versions.setdefault(each.key, []).append(each.version)
        for n in range(4):
            assert versions[f"kept-{n}"] == list(range(1, made[f"kept-{n}"] + 1)), "a version is missing or double"


def delete_the_latest(url: str, key: str, times: int) -> int:
    """Delete what is latest, again and again."""
    deleted = 0
    with ArtifactStore(url) as store:
        for _ in range(times):
            latest = store.read_latest_artifact(key)
            deleted += latest is not None and store.delete_artifact(latest.id)
    return deleted


def create(url: str, key: str, times: int) -> list[int]:
    """Create versions of a key; return their numbers."""
    with ArtifactStore(url) as store:
        return [store.create_artifact(key=key).version for _ in range(times)]


def test_two_deletes_of_the_latest_against_creates(url: str) -> None:
    first, second, made = at_once(
        (delete_the_latest, url, "k", 200), (delete_the_latest, url, "k", 200), (create, url, "k", 300)
    )
    with healthy(url) as store:
        left = [each.version for each in store.read_artifacts() if each.key == "k"]
        assert len(left) == len(made) - first - second
        latest = store.read_latest_artifact("k")
        assert (latest.version if latest else None) == max(left, default=None)


def create_with_id(url: str, ids: list[UUID]) -> list[tuple[UUID, int]]:
    """Create artifacts with given ids."""
    with ArtifactStore(url) as store:
        made = [store.create_artifact(id=each, key="k", data=1) for each in ids]
    return [(each.id, each.version) for each in made]


def test_eight_processes_that_repeat_the_same_creates(url: str) -> None:
    ids = [UUID(int=n) for n in range(1, 41)]
    results = at_once(*[(create_with_id, url, ids) for _ in range(WORKERS)])
    assert all(each == results[0] for each in results)
    assert sorted(version for _, version in results[0]) == list(range(1, 41))
    with healthy(url) as store:
        assert store.count_artifacts() == 40


@pytest.mark.parametrize("attempt", range(5))
def test_eight_processes_open_the_same_new_file(tmp_path: Path, attempt: int) -> None:
    url = f"sqlite:///{tmp_path}/new/directory/store.db"
    results = at_once(*[(create, url, "k", 1) for _ in range(WORKERS)])
    assert sorted(version for (version,) in results) == list(range(1, WORKERS + 1))
    healthy(url).close()
    with closing(sqlite3.connect(tmp_path / "new/directory/store.db")) as connection:
        assert connection.execute("SELECT COUNT(*) FROM artifact_store_migration").fetchone() == (1,)


def test_versions_rise_in_the_order_of_commits(url: str) -> None:
    """A reader never sees a version before the versions below it."""
    stop, seen = threading.Event(), []

    def watch() -> None:
        while not stop.is_set():
            seen.append([each.version for each in reader.read_artifacts()])

    with ArtifactStore(url) as reader:
        thread = threading.Thread(target=watch)
        thread.start()
        try:
            at_once(*[(create, url, "k", 25) for _ in range(4)])
        finally:
            stop.set()
            thread.join()
    assert all(sorted(versions) == list(range(1, len(versions) + 1)) for versions in seen)
    healthy(url).close()


# Killed


def write_until_killed(url: str, log: str, name: str) -> None:
    """Create and delete; note each intent and each acknowledgement in a file."""
    with Path(log).open("w", encoding="ascii", buffering=1) as note, ArtifactStore(url) as store:
        mine: list[UUID] = []
        for number in range(1_000_000):
            if number % 3 == 2:
                victim = mine.pop(random.randrange(len(mine)))
                note.write(f"deleting {victim}\n")
                store.delete_artifact(victim)
                note.write(f"deleted {victim}\n")
            elif number % 3 == 1:
                pair = store.create_artifacts([{"key": f"pair-{name}"}, {"key": "shared", "data": [number]}])
                note.write("".join(f"created {each.id}\n" for each in pair))
                mine.append(pair[1].id)
            else:
                made = store.create_artifact(key="shared", data=number)
                note.write(f"created {made.id}\n")
                mine.append(made.id)


def killed(url: str, directory: Path, round_: int, writers: int) -> list[list[str]]:
    """Run some writers and kill them at random instants; return what each of them noted."""
    logs = [directory / f"{round_}-{writer}.log" for writer in range(writers)]
    processes = [
        PROCESSES.Process(target=write_until_killed, args=(url, str(log), f"{round_}-{writer}"), daemon=True)
        for writer, log in enumerate(logs)
    ]
    for process in processes:
        process.start()
    deadline = time.monotonic() + 30
    while not all(log.exists() and log.stat().st_size for log in logs) and time.monotonic() < deadline:
        time.sleep(0.01)
    for process in processes:
        time.sleep(random.uniform(0, 0.12))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "the writer ended before it was killed"
        process.close()
    return [log.read_text(encoding="ascii").splitlines() for log in logs]


def test_writers_killed_at_random_instants(url: str, tmp_path: Path) -> None:
    created: Counter[str] = Counter()
    deleted: set[str] = set()
    undecided: set[str] = set()
    for round_ in range(6):
        for lines in killed(url, tmp_path, round_, 2):
            events = [line.split() for line in lines]
            created.update(each[1] for each in events if each[0] == "created")
            done = {each[1] for each in events if each[0] == "deleted"}
            undecided |= {each[1] for each in events if each[0] == "deleting"} - done
            deleted |= done
        with healthy(url) as store:
            stored = Counter(str(each.id) for each in store.read_artifacts())
            assert set(stored.values()) == set(created.values()) == {1}
            assert created.keys() - deleted - undecided <= stored.keys(), "an acknowledged create is lost"
            assert not deleted & stored.keys(), "an acknowledged delete came back"
            # Of each killed writer at most one write was done and not acknowledged: a pair is two artifacts.
            assert len(stored.keys() - created.keys()) <= 2 * 2 * (round_ + 1)
            pairs = [each for each in store.read_artifacts() if each.key.startswith("pair-")]
            shared = store.count_artifacts() - len(pairs)
            assert shared > 0
            store.create_artifact(key=f"after-{round_}")
            created[str(store.read_latest_artifact(f"after-{round_}").id)] += 1
    assert len(created) > 6
    assert deleted


# Locked


def hold(url: str, taken: Any, release: Any) -> None:
    """Hold the write lock until told to release it."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///").partition("?")[0], isolation_level=None)) as connection:
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
    lambda store: store.delete_artifacts(),
    lambda store: store.repair(),
    lambda store: store.create_flow("f"),
    lambda store: store.atomic().__enter__(),
    lambda store: store.run(print),
]


def test_a_lock_held_past_the_deadline_is_one_sentence(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db?timeout=0.3"
    with ArtifactStore(url) as store:
        first = store.create_artifact(id=UUID(int=1), key="k", data=1)
        with locked_by_another_process(url):
            for write in WRITES:
                started = time.monotonic()
                with pytest.raises(StoreUnavailable, match=r"another writer held the lock for 0\.3 s") as caught:
                    write(store)
                assert 0.25 < time.monotonic() - started < 10
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


# Forked


def in_child(work: Callable[[], str]) -> str:
    """Fork; return what `work` returned in the child, or its error."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = work()
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(writer, answer.encode()[:4000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as answers:
        answer = answers.read()
    assert os.waitpid(child, 0)[1] == 0
    return answer


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
    """SQLite's table of locks crosses a fork: what was open before it must not be open in the child."""
    store = ArtifactStore(url)
    store.create_artifact(key="k")
    process = multiprocessing.get_context("fork").Process(target=child_of_closing_parent, args=(store, url))
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


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_fork_inside_a_block_leaves_the_block_to_the_parent(url: str) -> None:
    with ArtifactStore(url) as store:
        with store.atomic():
            store.create_artifact(key="k")
            answer = in_child(lambda: str(store.count_artifacts()))
            assert answer.endswith("the process was forked inside a block: fork before or after it.")
        assert in_child(lambda: str(store.create_artifact(key="k").version)) == "2"
    healthy(url).close()


def test_a_fork_while_threads_write(url: str) -> None:
    with ArtifactStore(url) as store:
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                store.create_artifact(key="threads")

        threads = [threading.Thread(target=write) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for number in range(10):
                assert in_child(lambda: str(store.create_artifact(key="children").version)) == str(number + 1)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert store.verify() == []
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


def test_a_store_in_memory_does_not_cross_a_fork() -> None:
    with ArtifactStore("sqlite:///:memory:") as store:
        store.create_artifact(key="k")
        answer = in_child(lambda: str(store.read_latest_artifact("k")))
        assert answer == "StoreUnavailable: A store in memory does not cross a fork: use a file."
        assert in_child(lambda: str(ArtifactStore("sqlite:///:memory:").count_artifacts())) == "0"
        assert store.read_latest_artifact("k").version == 1
