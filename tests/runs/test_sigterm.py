"""A process that is told to stop, or killed, while runs are open: what becomes of them, and of the process."""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from artifact_store import ArtifactStore, StoreUnavailable
from artifact_store.runs.sigterm import WATCH, Terminated
from tests.helpers.bare import locked
from tests.helpers.interrupts import steps, unmeasured
from tests.helpers.processes import PROCESSES, at_once, healthy, wait_for
from tests.helpers.runs import held

STOPPED = ("CRASHED", "SIGTERM told the process to stop.")
HUNG_UP = ("CRASHED", "SIGHUP told the process to stop.")


class Child:
    """A process that opens runs, and touches a file when it is in them."""

    def __init__(self, url: str, directory: Path, work: Callable[..., Any]) -> None:
        self.mark = directory / f"{time.monotonic_ns()}.ready"
        self.process = PROCESSES.Process(
            target=unmeasured, args=(work, url, self.mark), daemon=True
        )
        self.process.start()
        wait_for(self.mark.exists)

    def end(self, number: int | None = signal.SIGTERM) -> int | None:
        """Send a signal, and return how the process ended."""
        if number is not None:
            os.kill(self.process.pid, number)
        self.process.join(60)
        code = self.process.exitcode
        self.process.kill()
        return code


def states(url: str) -> set[tuple[str | None, str | None]]:
    with ArtifactStore(url) as store:
        left = [*store.read_flow_runs(), *store.read_task_runs()]
        assert all((run.end_time is None) == (run.state_type == "RUNNING") for run in left)
        return {(run.state_type, run.state_message) for run in left}


def sleep_in_runs(url: str, mark: Path) -> None:
    store = ArtifactStore(url)
    with store.flow_run("outer"), store.flow_run("inner"), store.task_run("task"), store.atomic():
        store.create_artifact(key="undone")
        mark.touch()
        time.sleep(60)


def test_sigterm_ends_the_runs_and_the_process(url: str, tmp_path: Path) -> None:
    assert Child(url, tmp_path, sleep_in_runs).end() == -signal.SIGTERM
    assert states(url) == {STOPPED}
    with healthy(url) as store:
        assert len(store.read_flow_runs()) == len(store.read_task_runs()) == 2
        assert store.count_artifacts() == 0


def test_sighup_ends_the_runs_and_the_process(url: str, tmp_path: Path) -> None:
    assert Child(url, tmp_path, sleep_in_runs).end(signal.SIGHUP) == -signal.SIGHUP
    assert states(url) == {HUNG_UP}
    with healthy(url) as store:
        assert len(store.read_flow_runs()) == len(store.read_task_runs()) == 2
        assert store.count_artifacts() == 0


def fail_while_stopping(url: str, mark: Path) -> None:
    """Raise another error in place of the signal's, as a driver does that cannot end its statement."""
    with ArtifactStore(url).flow_run("stopped"):
        try:
            mark.touch()
            time.sleep(60)
        except Terminated:
            try:
                raise ConnectionError("lost")
            except ConnectionError as error:
                raise StoreUnavailable("The connection was lost.") from error


def test_an_error_that_follows_from_sigterm_is_not_why_the_run_ended(
    url: str, tmp_path: Path
) -> None:
    assert Child(url, tmp_path, fail_while_stopping).end() == -signal.SIGTERM
    assert states(url) == {STOPPED}


def ignore_sighup(url: str, mark: Path) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    os.kill(os.getpid(), signal.SIGHUP)
    with ArtifactStore(url).flow_run("kept"):
        os.kill(os.getpid(), signal.SIGHUP)
        mark.touch()
        time.sleep(60)


def test_sighup_that_is_ignored_stays_ignored_and_sigterm_still_ends_the_runs(
    url: str, tmp_path: Path
) -> None:
    assert Child(url, tmp_path, ignore_sighup).end() == -signal.SIGTERM
    assert states(url) == {STOPPED}


def close_the_outer_run_first(url: str, mark: Path) -> None:
    store = ArtifactStore(url)
    outer, inner = held(store.flow_run("outer")), held(store.flow_run("inner"))
    next(outer), next(inner)
    outer.close()
    try:
        mark.touch()
        time.sleep(60)
    except BaseException as error:
        with suppress(BaseException):
            inner.throw(error)
        raise


def test_a_run_that_outlives_the_one_around_it_is_still_watched(url: str, tmp_path: Path) -> None:
    assert Child(url, tmp_path, close_the_outer_run_first).end() == -signal.SIGTERM
    with ArtifactStore(url) as store:
        assert {run.name.split("-")[0]: run.state_type for run in store.read_flow_runs()} == {
            "outer": "COMPLETED",
            "inner": "CRASHED",
        }


def test_ctrl_c_ends_the_runs(url: str, tmp_path: Path) -> None:
    assert Child(url, tmp_path, sleep_in_runs).end(signal.SIGINT) == 1
    assert states(url) == {("CRASHED", "KeyboardInterrupt")}


def test_sigkill_leaves_them_running_and_the_store_healthy(url: str, tmp_path: Path) -> None:
    assert Child(url, tmp_path, sleep_in_runs).end(signal.SIGKILL) == -signal.SIGKILL
    assert states(url) == {("RUNNING", None)}
    with healthy(url) as store, store.flow_run("next"):
        assert store.create_artifact(key="undone").version == 1


def publish_in_a_run(url: str, mark: Path) -> None:
    store = ArtifactStore(url)
    with store.flow_run("busy"):
        mark.touch()
        while True:
            store.create_artifact(key="k")
            with store.atomic(), store.task_run("load"):
                store.create_artifacts({"key": key} for key in "kab")


def test_sigterm_at_any_time_of_a_busy_process(url: str, tmp_path: Path) -> None:
    for _ in range(8):
        child = Child(url, tmp_path, publish_in_a_run)
        time.sleep(random.uniform(0, 0.1))
        assert child.end() == -signal.SIGTERM
    with healthy(url) as store:
        assert {run.state_type for run in store.read_flow_runs()} == {"CRASHED"}
        assert len(store.read_flow_runs()) == 8
        assert {run.state_type for run in store.read_task_runs()} <= {"COMPLETED"}


def begin_runs(url: str, mark: Path) -> None:
    store = ArtifactStore(url)
    mark.touch()
    with store.flow_run("all"):
        while True:
            with store.flow_run("short"):
                pass


def test_sigterm_while_runs_begin_and_end(url: str, tmp_path: Path) -> None:
    for _ in range(16):
        child = Child(url, tmp_path, begin_runs)
        time.sleep(random.uniform(0, 0.1))
        assert child.end() == -signal.SIGTERM
    with healthy(url) as store:
        left = [*store.read_flow_runs(), *store.read_task_runs()]
        assert {run.state_type for run in left} <= {"CRASHED", "COMPLETED"}
        assert all(run.end_time for run in left)


def test_sigterm_while_a_statement_waits(url: str, tmp_path: Path) -> None:
    child = Child(url, tmp_path, publish_in_a_run)
    with locked(url, "artifact_collection"):
        time.sleep(0.3)
        os.kill(child.process.pid, signal.SIGTERM)
        if url.startswith("postgres"):  # the run's own table is free
            assert child.end(None) == -signal.SIGTERM
    assert child.end(None) == -signal.SIGTERM
    assert STOPPED in states(url)
    assert "RUNNING" not in {state for state, _ in states(url)}


# Handlers of the program's own


def leave_politely(url: str, mark: Path) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sleep_in_runs(url, mark)


def set_a_flag(url: str, mark: Path) -> None:
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    with ArtifactStore(url).flow_run("graceful"):
        mark.touch()
        wait_for(lambda: told)
    assert signal.getsignal(signal.SIGTERM)(0, None) is None  # type: ignore[operator, misc, arg-type]
    sys.exit(len(told))


def ignore(url: str, mark: Path) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with ArtifactStore(url).flow_run("stubborn"):
        mark.touch()
        time.sleep(0.5)


def swallow(url: str, mark: Path) -> None:
    with ArtifactStore(url).flow_run("deaf"):
        try:
            mark.touch()
            time.sleep(60)
        except BaseException:
            mark.unlink()


HANDLERS = [
    (leave_politely, 0, STOPPED),
    (set_a_flag, 2, ("COMPLETED", None)),
    (ignore, 0, ("COMPLETED", None)),
    (swallow, -signal.SIGTERM, ("COMPLETED", None)),
]


@pytest.mark.parametrize(
    ("work", "code", "left"), HANDLERS, ids=[each[0].__name__ for each in HANDLERS]
)
def test_what_the_program_does_itself(
    url: str, tmp_path: Path, work: Any, code: int, left: Any
) -> None:
    assert Child(url, tmp_path, work).end() == code
    assert states(url) == {left}


# Where runs are not watched


def run_in_a_thread(url: str, mark: Path) -> None:
    worker = threading.Thread(target=sleep_in_runs, args=(url, mark))
    worker.start()
    worker.join()


def test_a_run_in_a_thread_is_not_watched(url: str, tmp_path: Path) -> None:
    assert Child(url, tmp_path, run_in_a_thread).end() == -signal.SIGTERM
    assert states(url) == {("RUNNING", None)}


def forked(work: Callable[[], object]) -> int:
    """Fork, work in the child and stop it; return the child's id."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)
    return child


def assert_stopped(child: int) -> None:
    os.kill(child, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM


def stop_forked_children(url: str, mark: Path) -> None:
    store, ready = ArtifactStore(url), mark.with_suffix(".child")

    def run() -> None:
        with store.flow_run("child"):
            ready.touch()
            time.sleep(60)

    with store.flow_run("parent"):
        for _ in range(50):
            assert_stopped(forked(lambda: time.sleep(60)))
        child = forked(run)
        wait_for(ready.exists)
        assert_stopped(child)
    mark.touch()


def test_a_forked_child_that_is_stopped_leaves_the_run_of_its_parent_alone(
    url: str, tmp_path: Path
) -> None:
    assert Child(url, tmp_path, stop_forked_children).end(None) == 0
    with ArtifactStore(url) as store:
        assert {run.name.split("-")[0]: run.state_type for run in store.read_flow_runs()} == {
            "parent": "COMPLETED",
            "child": "CRASHED",
        }


# The handler


@contextmanager
def handling(handler: Any) -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_handler_is_there_while_a_run_is_open(store: ArtifactStore) -> None:
    told: list[int] = []

    def mine(number: int, frame: FrameType | None) -> None:
        told.append(number)

    with handling(mine):
        with store.flow_run("outer"):
            with store.task_run("inner"):
                assert signal.getsignal(signal.SIGTERM) == WATCH._handle
            assert signal.getsignal(signal.SIGTERM) == WATCH._handle
            signal.raise_signal(signal.SIGTERM)
            assert told == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) is mine
        with store.flow_run("another handler meanwhile"), handling(signal.SIG_DFL):
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        with store.flow_run("and kept"):
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    assert len(told) == 1


def test_a_signal_that_comes_while_a_state_is_written_waits(store: ArtifactStore) -> None:
    told: list[int] = []
    with handling(lambda number, frame: told.append(number)):
        run = WATCH.open()
        assert run is not None
        signal.raise_signal(signal.SIGTERM)
        assert told == []
        WATCH.release()
        assert told == [signal.SIGTERM]
        WATCH.hold()
        signal.raise_signal(signal.SIGTERM)
        assert len(told) == 1
        WATCH.close(run)
        assert len(told) == 2
    with handling(signal.SIG_DFL):
        outer, inner = WATCH.open(), WATCH.open()
        assert outer is not None
        assert inner is not None
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Terminated):
            WATCH.release()
        WATCH.close(outer)
        assert signal.getsignal(signal.SIGTERM) == WATCH._handle
        WATCH.received = 0  # otherwise it would be the end of this process
        WATCH.close(inner)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_run_that_an_interrupt_keeps_from_closing_is_watched_no_more_when_it_is_gone(
    store: ArtifactStore,
) -> None:
    with handling(signal.SIG_DFL):
        outer, inner = WATCH.open(), WATCH.open()
        assert outer is not None
        del inner
        WATCH.close(outer)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        lost = WATCH.open()
        WATCH.release()
        del lost
        with store.flow_run("next"):
            assert signal.getsignal(signal.SIGTERM) == WATCH._handle
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


# Interrupts, at every step


def test_an_interrupt_at_any_step_of_a_block_ends_the_run(url: str, engine: str) -> None:
    # In a process of its own, because psycopg complains of a connection that was interrupted while it opened.
    at_once((unmeasured, interrupt_at_any_step, url, engine))


def interrupt_at_any_step(url: str, engine: str) -> None:
    with ArtifactStore(url + ("?timeout=1" if engine == "sqlite" else "&timeout=1")) as store:

        def work() -> None:
            with store.atomic():
                store.create_artifact(key="k", data=1)
                with store.atomic():
                    store.create_artifact(data=2)

        def run(interrupt_at: int | None) -> int:
            with store.flow_run("etl"):
                return steps(interrupt_at, work)

        work()
        total = run(None)
        assert total > 250
        created = store.count_artifacts()
        stride = max(total // 200, 1)
        for step in range(random.randint(1, stride), total, stride):
            with pytest.raises(KeyboardInterrupt):
                run(step)
            latest = store.read_flow_runs(limit=1)[0]
            assert (latest.state_type, latest.state_message) == ("CRASHED", "KeyboardInterrupt"), (
                step
            )
            assert store.count_artifacts() in (created, created + 2), step
            created = store.count_artifacts()
        assert store.verify() == []
