"""Runs functions in processes of a test, and checks the invariants of a database afterwards."""

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
    """In the child: wait for the others, call a function, and send its result or its error."""
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
        """Tell whether any of them is still running."""
        return any(process.is_alive() for process in self.processes)

    def results(self) -> list[Any]:
        """Wait for all; return what each returned, or fail with the errors of all of them."""
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
    """Wait until a condition is true; fail after some seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition is still false"
        time.sleep(0.005)


# Invariants


def versions(url: str) -> dict[str, list[int]]:
    """Return the versions of each key, read by the bare driver."""
    query = "SELECT key, version FROM artifact WHERE key IS NOT NULL ORDER BY key, version"
    versions_of: dict[str, list[int]] = defaultdict(list)
    for key, version in bare(url, query):
        versions_of[key].append(version)
    return dict(versions_of)


def numbered(keys: list[str], last: int) -> dict[str, list[int]]:
    """Return versions without a gap, as `versions` returns them."""
    return {key: list(range(1, last + 1)) for key in sorted(keys)}


def assert_latest_is_right(url: str, store: ArtifactStore) -> None:
    """Compare the latest artifacts of a store with the greatest versions that the bare driver reads."""
    all_versions = "SELECT key, id, version FROM artifact WHERE key IS NOT NULL ORDER BY version"
    greatest = {key: (str(id_), version) for key, id_, version in bare(url, all_versions)}

    pointers = "SELECT key, latest_id, latest_version, last_version FROM artifact_collection"
    pointed = {}
    for key, id_, version, counter in bare(url, pointers):
        if (id_, version) != (None, None):
            pointed[key] = (str(id_), version)
        assert version is None or version <= counter
    assert pointed == greatest

    latest = store.read_latest_artifacts()
    assert {each.key: (str(each.id), each.version) for each in latest} == greatest
    assert store.verify() == []


def healthy(url: str) -> ArtifactStore:
    """Check the file, if there is one, and open the store, in which `verify` must find nothing."""
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///").partition("?")[0]
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store = ArtifactStore(url)
    assert store.verify() == []
    return store


# Functions to run in processes


def create(url: str, key: str, times: int) -> list[int]:
    """Create versions of a key; return their numbers."""
    with ArtifactStore(url) as store:
        return [store.create_artifact(key=key).version for _ in range(times)]
