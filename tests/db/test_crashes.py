"""Writers that are killed, connections that are ended, servers that crash: what was acknowledged is there, once."""

import os
import random
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import pytest

from artifact_store import ArtifactStore, StoreUnavailable
from tests.helpers.bare import bare
from tests.helpers.processes import (
    PROCESSES,
    AtOnce,
    assert_latest_is_right,
    at_once,
    healthy,
    numbered,
    versions,
    wait_for,
)
from tests.helpers.servers import Server

KILLS = 50
WRITERS = 4


# Killed


class Note:
    """What a writer intends and what it got acknowledged, written down at once: a kill does not reach the kernel."""

    def __init__(self, path: str) -> None:
        self.file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def __call__(self, *words: object) -> None:
        os.write(self.file, f"{' '.join(map(str, words))}\n".encode())


def write_until_killed(url: str, log: str) -> None:
    """Create, update and delete until killed; the data of an artifact is the number of the last write to it."""
    note, choose, mine = Note(log), random.Random(log), list[UUID]()
    with ArtifactStore(url) as store:
        for number in range(1_000_000):
            mark, action = (
                f"{log}:{number}",
                choose.choice(["create", "create", "pair", "update", "delete"]),
            )
            if action == "create" or not mine:
                made = [
                    store.create_artifact(
                        key=f"k{choose.randrange(4)}", data=number, description=mark
                    )
                ]
            elif action == "pair":
                pair = [
                    {"key": key, "data": number, "description": f"{mark}:{key}"}
                    for key in ("k0", "pairs")
                ]
                made = store.create_artifacts(pair)
            elif action == "update":
                changed = choose.choice(mine)
                note("updating", changed, number)
                assert store.update_artifact(changed, data=number)
                note("updated", changed, number)
                continue
            else:
                victim = mine.pop(choose.randrange(len(mine)))
                note("deleting", victim)
                assert store.delete_artifact(victim)
                note("deleted", victim)
                continue
            note("created", *[each.id for each in made])
            mine += [each.id for each in made]


class Writer:
    """A process that writes, and its log."""

    def __init__(self, url: str, directory: Path, number: int) -> None:
        self.log = directory / f"{number}.log"
        self.process = PROCESSES.Process(
            target=write_until_killed, args=(url, str(self.log)), daemon=True
        )
        self.process.start()

    def at_work(self) -> bool:
        assert self.process.is_alive(), "the writer ended before it was killed"
        return self.log.exists() and self.log.stat().st_size > 0

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        assert self.process.exitcode == -signal.SIGKILL, "the writer ended before it was killed"
        self.process.close()


class Noted(NamedTuple):
    """What all logs say: ids that were created and deleted, deletes without answer, and updates by id."""

    created: Counter[str]
    deleted: set[str]
    undecided: set[str]
    updated: dict[str, int]
    updating: dict[str, int]


def noted(logs: list[Path]) -> Noted:
    all_notes = Noted(Counter(), set(), set(), {}, {})
    for log in logs:
        for line in log.read_text(encoding="ascii").splitlines():
            word, first, *rest = line.split()
            if word == "created":
                all_notes.created.update([first, *rest])
            elif word in ("updating", "updated"):
                getattr(all_notes, word)[first] = int(rest[0])
            elif word == "deleting":
                all_notes.undecided.add(first)
            else:
                all_notes.deleted.add(first)
    all_notes.undecided.difference_update(all_notes.deleted)
    return all_notes


def assert_kept(url: str, notes: Noted, killed: int) -> None:
    """Hold the database against what the logs say."""
    rows = bare(url, "SELECT id, description, data FROM artifact")
    stored = {str(id_): int(data) for id_, _, data in rows}
    assert set(notes.created.values()) == {1}
    assert set(Counter(mark for _, mark, _ in rows).values()) == {1}, (
        "a create was carried out twice"
    )
    assert notes.created.keys() - notes.deleted - notes.undecided <= stored.keys(), (
        "an acknowledged create is lost"
    )
    assert not notes.deleted & stored.keys(), "an acknowledged delete came back"
    # Of each killed writer at most one write was done and not acknowledged: a pair is two artifacts.
    assert len(stored.keys() - notes.created.keys()) <= 2 * killed
    pairs = Counter(mark.rpartition(":")[0] for _, mark, _ in rows if mark.count(":") == 2)
    halves = [mark for mark, count in pairs.items() if count == 1]
    assert len(halves) <= len(notes.deleted | notes.undecided), "half of a pair is there"
    for id_ in notes.updating.keys() & stored.keys():
        assert notes.updated.get(id_, 0) <= stored[id_] <= notes.updating[id_], (
            "an acknowledged update is lost"
        )


def gone(url: str) -> bool:
    """Tell whether the server has noticed the end of every killed client of ours."""
    name = url.partition("application_name=")[2]
    query = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'"
    return not name or bare(url, query) == [(0,)]


def kill_at_random(url: str, directory: Path, store: ArtifactStore) -> list[Path]:
    """Let writers work, kill one after the other at random instants, replace it; at the end kill all at once."""
    writers = [Writer(url, directory, number) for number in range(WRITERS)]
    logs = [writer.log for writer in writers]
    for number in range(WRITERS, KILLS):
        time.sleep(random.uniform(0, 0.15))
        victim = writers.pop(random.randrange(WRITERS))
        wait_for(victim.at_work)
        victim.kill()
        assert store.verify() == []
        writers.append(Writer(url, directory, number))
        logs.append(writers[-1].log)
    for writer in writers:
        wait_for(writer.at_work)
    store.close()
    for writer in writers:
        writer.kill()
    return logs


def test_writers_killed_at_random_instants(url: str, engine: str, tmp_path: Path) -> None:
    named = f"{url}&application_name=killed_{os.getpid()}" if engine == "postgresql" else url
    with ArtifactStore(url) as store:
        begun = time.monotonic()
        logs = kill_at_random(named, tmp_path, store)
        wait_for(lambda: gone(named), 10)
    notes = noted(logs)
    with healthy(url) as store:
        assert_kept(url, notes, KILLS)
        assert_latest_is_right(url, store)
        last = store.create_artifact(key="k0")
        assert store.read_latest_artifact("k0") == last
    assert min(len(notes.created), len(notes.deleted), len(notes.updated)) > KILLS
    print(
        f"\n{engine}: {KILLS} kills in {time.monotonic() - begun:.1f} s; acknowledged: {len(notes.created)} creates, "
        f"{len(notes.deleted)} deletes, {len(notes.updated)} artifacts updated; {len(notes.undecided)} deletes cut off"
    )


def test_a_wal_that_a_killed_writer_left(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    ArtifactStore(url).close()
    writers = [Writer(url, tmp_path, number) for number in range(2)]
    wait_for(lambda: all(writer.at_work() for writer in writers))
    time.sleep(0.2)
    for writer in writers:
        writer.kill()
    wal = tmp_path / "store.db-wal"
    assert wal.stat().st_size > 0
    # A copy without the index of the WAL, as a backup or another machine would have it.
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("store.db", "store.db-wal"):
        shutil.copy(tmp_path / name, copy)
    notes = noted([writer.log for writer in writers])
    for place in (tmp_path, copy):
        found = f"sqlite:///{place}/store.db"
        with healthy(found) as store:
            assert_kept(found, notes, 2)
            assert_latest_is_right(found, store)
            assert store.create_artifact(key="after").version == 1
        assert not (place / "store.db-wal").exists(), "the last to close folds it in"


# Connections that are ended


@contextmanager
def saboteur(address: str, schema: str) -> Iterator[list[int]]:
    """End three random connections of a schema's users every 20 ms; yields the list of what was ended."""
    stop, ended = threading.Event(), list[int]()
    victims = (
        "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE application_name = %s "
        "ORDER BY random() LIMIT 3) AS victims"
    )

    def sabotage() -> None:
        with psycopg.connect(address, autocommit=True) as server:
            while not stop.wait(0.02):
                ended.extend(int(done) for (done,) in server.execute(victims, (schema,)).fetchall())

    thread = threading.Thread(target=sabotage)
    thread.start()
    try:
        yield ended
    finally:
        stop.set()
        thread.join()


def create_numbered(url: str, worker: int, times: int) -> tuple[int, float]:
    """Create artifacts that say who made them; return how many, and the longest wait."""
    longest = 0.0
    with ArtifactStore(url) as store:
        for number in range(times):
            begun = time.monotonic()
            made = store.create_artifact(key=f"k{number % 10}", description=f"{worker}:{number}")
            longest = max(longest, time.monotonic() - begun)
            assert made.description == f"{worker}:{number}"
    return times, longest


def test_eight_processes_create_while_connections_are_ended(postgres: str) -> None:
    name = f"sabotaged_{os.getpid()}"
    url = f"{postgres}&schema={name}"
    ArtifactStore(url).close()
    begun = time.monotonic()
    with saboteur(postgres, name) as ended:
        results = at_once(
            *[(create_numbered, f"{url}&application_name={name}", each, 500) for each in range(8)]
        )
    seconds, longest = time.monotonic() - begun, max(wait for _, wait in results)
    print(
        f"\n{len(ended)} connections ended, 4,000 creates in {seconds:.1f} s, longest wait {longest:.3f} s"
    )
    assert len(ended) > 20
    assert versions(url) == numbered([f"k{n}" for n in range(10)], 400)
    marks = Counter(mark for (mark,) in bare(url, "SELECT description FROM artifact"))
    assert marks == Counter(f"{worker}:{number}" for worker in range(8) for number in range(500))
    with healthy(url) as store:
        assert_latest_is_right(url, store)


def test_writers_whose_connections_are_ended(postgres: str, tmp_path: Path) -> None:
    """An update or a delete whose answer was lost is not reported as one that found nothing."""
    name = f"interrupted_{os.getpid()}"
    url = f"{postgres}&schema={name}"
    ArtifactStore(url).close()
    with saboteur(postgres, name) as ended:
        writers = [
            Writer(f"{url}&application_name={name}", tmp_path, number) for number in range(WRITERS)
        ]
        for _ in range(20):
            time.sleep(0.15)
            assert all(writer.process.is_alive() for writer in writers), "a writer saw an error"
    for writer in writers:
        writer.kill()
    wait_for(lambda: gone(f"{url}&application_name={name}"), 10)
    notes = noted([writer.log for writer in writers])
    with healthy(url) as store:
        assert_kept(url, notes, WRITERS)
        assert_latest_is_right(url, store)
    assert len(ended) > 100
    print(
        f"\n{len(ended)} connections ended; acknowledged: {len(notes.created)} creates, {len(notes.deleted)} deletes"
    )


# A server that crashes


@pytest.fixture(scope="module")
def crashing() -> Iterator[Server]:
    """A server that loses nothing when it crashes; each test leaves it running."""
    with Server() as server:
        with server.connect() as connection:
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
            assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
        yield server


def create_until(url: str, log: str, stop: Any) -> float:
    """Create artifacts until told to stop, noting each that is acknowledged; return the longest wait."""
    note, longest = Note(log), 0.0
    with ArtifactStore(url) as store:
        for number in range(1_000_000):
            if stop.is_set():
                return longest
            begun = time.monotonic()
            made = store.create_artifact(key=f"k{number % 5}", description=f"{log}:{number}")
            note(made.id, made.key, made.version)
            longest = max(longest, time.monotonic() - begun)
    return longest


def test_workers_ride_through_crashes_of_the_server(crashing: Server, tmp_path: Path) -> None:
    url, stop = f"{crashing.url}&schema=ridden", PROCESSES.Event()
    ArtifactStore(url).close()
    logs = [tmp_path / f"{number}.log" for number in range(4)]
    workers = AtOnce(*[(create_until, url, str(log), stop) for log in logs])
    sizes = [0]
    try:
        for _ in range(3):
            wait_for(
                lambda: (
                    sum(log.exists() and log.stat().st_size for log in logs) > sizes[-1] + 20_000
                )
            )
            crashing.stop("immediate")
            sizes.append(sum(log.stat().st_size for log in logs))
            time.sleep(random.uniform(0, 0.5))
            crashing.start()
        wait_for(lambda: sum(log.stat().st_size for log in logs) > sizes[-1] + 20_000)
    finally:
        stop.set()
    longest = max(workers.results())
    acknowledged = [line for log in logs for line in log.read_text(encoding="ascii").splitlines()]
    rows = bare(url, "SELECT id, key, version, description FROM artifact")
    print(
        f"\n3 crashes, {len(acknowledged)} creates acknowledged, {len(rows)} stored, longest wait {longest:.3f} s"
    )
    assert sorted(acknowledged) == sorted(f"{id_} {key} {version}" for id_, key, version, _ in rows)
    assert len({mark for *_, mark in rows}) == len(rows)
    with healthy(url) as store:
        assert_latest_is_right(url, store)
        assert all(found == list(range(1, len(found) + 1)) for found in versions(url).values())


CALLS: list[Callable[[ArtifactStore], object]] = [
    lambda store: store.create_artifact(key="k"),
    lambda store: store.create_artifacts([{"key": "k"}, {}]),
    lambda store: store.read_latest_artifact("k"),
    lambda store: store.read_artifacts(),
    lambda store: store.update_artifact(UUID(int=1), data=2),
    lambda store: store.delete_artifact(UUID(int=1)),
    lambda store: store.run_in_transaction(store.create_artifact, key="k"),
    lambda store: store.atomic().__enter__(),
    lambda store: store.verify(),
    lambda store: store.info(),
]


def refused(store: ArtifactStore, call: Callable[[ArtifactStore], object]) -> None:
    """Call a store whose server is down."""
    with pytest.raises(StoreUnavailable, match="no server listens there: check the host") as caught:
        call(store)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is not None
    assert not store._engine.in_block()


def test_a_server_that_stays_down(crashing: Server) -> None:
    url = f"{crashing.url}&schema=down&timeout=2"
    store = ArtifactStore(url)
    store.create_artifact(id=UUID(int=1), key="k", data=1)
    crashing.stop("immediate")
    retried: set[int] = set()
    back_off = store._engine.back_off

    def counted(tries: int) -> None:
        retried.add(threading.get_ident())
        back_off(tries)

    store._engine.back_off = counted  # type: ignore[method-assign]
    try:
        begun = time.monotonic()
        with ThreadPoolExecutor(len(CALLS)) as threads:
            list(threads.map(partial(refused, store), CALLS))
        print(
            f"the deadline is two seconds; the last call gave up after {time.monotonic() - begun:.1f} s"
        )
        assert len(retried) == len(CALLS), "a call did not wait for the server to come back"
    finally:
        crashing.start()
    assert store.create_artifact(key="k").version == 2
    assert store.update_artifact(UUID(int=1), data=2)
    assert_latest_is_right(url, store)
    assert store._engine.server_info().connections == 1
    store.close()


def test_a_server_that_comes_back_within_the_deadline() -> None:
    with Server(tcp=True) as server, ArtifactStore(f"{server.tcp_url}&schema=back") as store:
        store.create_artifact(key="k")
        server.stop("immediate")
        starter = threading.Timer(0.7, server.start)
        starter.start()
        assert store.create_artifact(key="k").version == 2
        starter.join()
        assert store.verify() == []
