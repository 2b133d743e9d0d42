"""Exceptions at any step: of a signal handler, of a timer, and of the end of the stack. The store stays usable."""

import random
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from artifact_store import ArtifactStore, StoreUnavailable
from artifact_store.db import sqlite
from tests.helpers.bare import bare, with_timeout
from tests.helpers.interrupts import TimeLimit, assert_unlocked, steps, unmeasured
from tests.helpers.processes import at_once

ONE = UUID(int=1)


# Exceptions at every step


def in_a_block(store: ArtifactStore) -> None:
    with store.atomic():
        store.create_artifact(key="k", data=1)
        with store.atomic():
            store.create_artifact(key="k", data=2)


def in_a_run(store: ArtifactStore) -> None:
    store.run_in_transaction(
        lambda: [store.create_artifact(key="k"), store.create_artifact(key="k")]
    )


def in_bulk(store: ArtifactStore) -> None:
    store.create_artifacts([{"key": "k"}, {"key": "k"}])


def changed(store: ArtifactStore) -> None:
    store.update_artifact(ONE, data=2)


def deleted(store: ArtifactStore) -> None:
    store.delete_artifact(ONE)


def read(store: ArtifactStore) -> None:
    store.read_latest_artifact("k")
    store.read_artifacts(limit=3)
    list(store.iter_artifacts())


WORK: list[tuple[Callable[[ArtifactStore], None], int]] = [
    (in_a_block, 2),
    (in_a_run, 2),
    (in_bulk, 2),
    (changed, 0),
    (deleted, 0),
    (read, 0),
]


@pytest.mark.parametrize(("work", "makes"), WORK, ids=[work.__name__ for work, _ in WORK])
@pytest.mark.parametrize("error", [TimeLimit, KeyboardInterrupt])
def test_an_exception_at_any_step(
    url: str,
    engine: str,
    work: Callable[[ArtifactStore], None],
    makes: int,
    error: type[BaseException],
) -> None:
    # In a process of its own, because psycopg complains of a connection that was interrupted while it opened.
    at_once((unmeasured, raise_at_any_step, url, work, makes, error))


def raise_at_any_step(
    url: str, work: Callable[[ArtifactStore], None], makes: int, error: type[BaseException]
) -> None:
    with ArtifactStore(with_timeout(url, 2)) as store, ThreadPoolExecutor(1) as other:
        kept = []  # an exception that is kept keeps what its frames refer to
        store.create_artifact(key="k")
        store.create_artifact(id=ONE, key="one")
        other.submit(store.create_artifact, key="other").result(30)
        work(store)
        total = steps(None, lambda: work(store), error)
        assert total > 30
        stride = max(total // 80, 1)
        for step in range(random.randint(1, stride), total, stride):
            count = store.count_artifacts()
            try:
                assert steps(step, lambda: work(store), error) < step, "nothing was raised"
            except error as caught:
                kept.append(caught)
            assert not store._engine.in_block(), step
            other.submit(store.create_artifact, key="other").result(30)
            bare(
                url,
                "UPDATE artifact_collection SET last_version = last_version WHERE key = 'other'",
            )
            left = store.count_artifacts() - count - 1
            assert left in (0, makes) or (work is deleted and left == -1), step
        assert len(kept) >= total // stride // 2
        assert store.verify() == []
        assert store.info().connections <= 20


# Exceptions of a timer, at any time


def test_a_timer_that_raises_while_threads_write(url: str) -> None:
    raised, written, lost = at_once((unmeasured, work_under_a_timer, url, 600))[0]
    assert raised > 100
    assert written > 0
    assert lost == 0


def work_under_a_timer(url: str, times: int) -> tuple[int, int, int]:
    """Create in a loop that a timer interrupts, while four threads write; return what came of it."""

    def limit(number: int, frame: Any) -> None:
        raise TimeLimit

    signal.signal(signal.SIGALRM, limit)
    written, stop = [], threading.Event()
    with ArtifactStore(with_timeout(url, 30)) as store:
        store.create_artifact(key="main")

        def write() -> None:
            while not stop.is_set():
                written.append(store.create_artifact(key="threads").id)

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        raised, acknowledged = 0, []
        for number in range(times):
            try:
                # Again and again, because Python swallows what is raised in a callback of its collector.
                signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0002, 0.0042), 0.5)
                while True:
                    if number % 2:
                        acknowledged.append(store.create_artifact(key="main").id)
                    else:
                        with store.atomic():
                            made = store.create_artifact(key="main").id
                        acknowledged.append(made)
            except (
                TimeLimit,
                StoreUnavailable,
            ):  # psycopg takes some of them for a failure of its own
                raised += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        stop.set()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        assert store.verify() == []
        stored = {artifact.id for artifact in store.iter_artifacts()}
        assert store.info().connections <= 20
        return raised, len(written), len({*written, *acknowledged} - stored)


# The end of the stack


def test_a_block_near_the_recursion_limit(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where the write lock of the process could not be released, the next writer waits so long before it tries anyway.
    monkeypatch.setattr(sqlite, "_LONGEST_QUEUE", 0.01)
    with ArtifactStore(with_timeout(url, 2)) as store:
        store.create_artifact(key="k")

        def work() -> None:
            with store.atomic():
                store.create_artifact(key="k")

        def deeper(frames: int, call: Callable[[], None]) -> None:
            if frames:
                deeper(frames - 1, call)
            else:
                call()

        depth = len(inspect_stack())
        outcomes = set()
        for call in (
            work,
            lambda: store.create_artifact(key="k"),
            lambda: store.run_in_transaction(work),
        ):
            for left in range(1, 120):
                try:
                    deeper(sys.getrecursionlimit() - depth - left, call)
                    outcomes.add("done")
                except RecursionError:
                    outcomes.add("refused")
                assert not store._engine.in_block(), left
                bare(
                    url,
                    "UPDATE artifact_collection SET last_version = last_version WHERE key = 'k'",
                )
        assert outcomes == {"done", "refused"}
        assert store.verify() == []
        assert_unlocked(store)


def inspect_stack() -> list[Any]:
    frames, frame = [], sys._getframe()
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames
