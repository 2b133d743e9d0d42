"""Processes of a test's own, and what must hold of a database after them, whatever they did and however they ended."""

import multiprocessing
import os
import sqlite3
import time
import traceback
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from typing import Any

from artifact_store import ArtifactStore
from tests.helpers.bare import bare

WORKERS = 8
# Children start from a clean process, and quickly.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["pytest", "artifact_store", "artifact_store.db.postgresql"])


# Starting and waiting


def _guarded(sender: Any, barrier: Any, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """In the child: wait for the others, work, and send what came of it."""
    try:
        barrier.wait(100)
        sender.send((True, work(*args)))
    except BaseException:
        sender.send((False, traceback.format_exc()))
        for each in args:
            if hasattr(each, "abort"):  # a barrier: the others need not wait for this one
                each.abort()


class AtOnce:
    """Jobs, each a function and its arguments, in processes of their own that begin at the same instant."""

    def __init__(self, *jobs: tuple[Any, ...]) -> None:
        # A barrier that the children have not taken over yet is kept alive here.
        self.jobs, self.barrier = jobs, PROCESSES.Barrier(len(jobs))
        self.processes, self.receivers = [], []
        for work, *args in jobs:
            receiver, sender = PROCESSES.Pipe(duplex=False)
            process = PROCESSES.Process(
                target=_guarded, args=(sender, self.barrier, work, tuple(args)), daemon=True
            )
            process.start()
            sender.close()
            self.processes.append(process)
            self.receivers.append(receiver)

    def working(self) -> bool:
        """Tell whether one still works."""
        return any(process.is_alive() for process in self.processes)

    def results(self) -> list[Any]:
        """Wait for all; return what each returned, or fail with the errors of all."""
        answers = []
        for receiver in self.receivers:
            with receiver:
                try:
                    answers.append(
                        receiver.recv() if receiver.poll(100) else (False, "a worker hangs")
                    )
                except EOFError:
                    answers.append((False, "a worker died"))
        for process in self.processes:
            process.join(10)
            process.kill()
            process.join()
            process.close()
        failures = [result for done, result in answers if not done]
        assert not failures, "\n".join(failures)
        return [result for _, result in answers]


def barriers(*parties: int) -> list[Any]:
    """Return barriers that jobs may take as arguments."""
    return [PROCESSES.Barrier(each) for each in parties]


def at_once(*jobs: tuple[Any, ...]) -> list[Any]:
    """Call each job in a process of its own, all at once; return the results."""
    return AtOnce(*jobs).results()


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


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.005)


# What must hold


def versions(url: str) -> dict[str, list[int]]:
    """The versions of each key, as the bare driver finds them."""
    found: dict[str, list[int]] = defaultdict(list)
    for key, version in bare(
        url, "SELECT key, version FROM artifact WHERE key IS NOT NULL ORDER BY key, version"
    ):
        found[key].append(version)
    return dict(found)


def numbered(keys: list[str], last: int) -> dict[str, list[int]]:
    """Versions without a gap, as `versions` returns them."""
    return {key: list(range(1, last + 1)) for key in sorted(keys)}


def assert_latest_is_right(url: str, store: ArtifactStore) -> None:
    """Hold what the store takes for the latest against the greatest version that the bare driver finds."""
    all_versions = "SELECT key, id, version FROM artifact WHERE key IS NOT NULL ORDER BY version"
    greatest = {key: (str(id_), version) for key, id_, version in bare(url, all_versions)}
    pointers = bare(
        url, "SELECT key, latest_id, latest_version, last_version FROM artifact_collection"
    )
    right = {
        key: (str(id_), version)
        for key, id_, version, _ in pointers
        if (id_, version) != (None, None)
    }
    assert right == greatest
    assert all(version is None or version <= last for *_, version, last in pointers)
    assert {
        each.key: (str(each.id), each.version) for each in store.read_latest_artifacts()
    } == greatest
    assert store.verify() == []


def healthy(url: str) -> ArtifactStore:
    """Open a store after checking the file, where there is one, and the invariants of the latest versions."""
    if url.startswith("sqlite"):
        with closing(
            sqlite3.connect(url.removeprefix("sqlite:///").partition("?")[0])
        ) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store = ArtifactStore(url)
    assert store.verify() == []
    return store


# Jobs


def create(url: str, key: str, times: int) -> list[int]:
    """Create versions of a key; return their numbers."""
    with ArtifactStore(url) as store:
        return [store.create_artifact(key=key).version for _ in range(times)]
