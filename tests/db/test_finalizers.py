"""What the garbage collector ends, in the middle of a statement too: it runs none, and nothing is lost for good."""

import gc
import subprocess
import sys
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from importlib import import_module
from types import FrameType
from typing import Any

import pytest

from artifact_store import ArtifactFilter, ArtifactStore
from artifact_store.db import gc_guard
from tests.helpers.bare import bare, locked
from tests.helpers.processes import at_once, wait_for

# Loops and runs that are left, and then kept by themselves alone


def in_a_circle(thing: Any) -> None:
    """Keep something alive until the garbage collector comes."""
    circle: list[Any] = [thing]
    circle.append(circle)


def kept_error(loop: Callable[[], None]) -> None:
    """Keep the error that a loop was left by, whose traceback keeps the loop."""
    try:
        loop()
    except ZeroDivisionError as error:
        in_a_circle(error)


def loop_left_by_an_error(store: ArtifactStore) -> None:
    def loop() -> None:
        items = store.track(range(3), key="load")  # which the frame holds, and the traceback that
        for item in items:
            print(1 // (1 - item))

    kept_error(loop)


def loop_in_a_generator(store: ArtifactStore) -> None:
    def items() -> Iterator[int]:
        with closing(store.track(range(3), key="load")) as tracked:
            yield from tracked

    generator = items()
    next(generator), next(generator)
    in_a_circle(generator)


def loop_of_a_generator(store: ArtifactStore) -> None:
    def items() -> Iterator[int]:
        for item in store.track(range(3), key="load"):
            yield 2 * item

    generator = items()
    next(generator), next(generator)
    in_a_circle(generator)


def held(block: Any) -> Generator[None, None, None]:
    with block:
        yield


def flow_run_in_a_generator(store: ArtifactStore) -> None:
    in_a_generator(store.flow_run("held"))


def task_run_in_a_generator(store: ArtifactStore) -> None:
    in_a_generator(store.task_run("held"))


def in_a_generator(block: Any) -> None:
    generator = held(block)
    next(generator)
    in_a_circle(generator)


# What came of them, as another program sees it


def progress(url: str) -> Any:
    ((data,),) = bare(
        url, "SELECT data FROM artifact WHERE type = 'progress' ORDER BY version DESC LIMIT 1"
    )
    return float(data)


def state_of(table: str) -> Callable[[str], Any]:
    def state(url: str) -> Any:
        ((found,),) = bare(
            url, f"SELECT state_type FROM {table} ORDER BY created DESC, id DESC LIMIT 1"
        )
        return found

    return state


LEFT: dict[str, tuple[Callable[[ArtifactStore], None], Callable[[str], Any], Any, Any]] = {
    "an error": (loop_left_by_an_error, progress, 0.0, 33.3),
    "closing": (loop_in_a_generator, progress, 0.0, 33.3),
    "a generator": (loop_of_a_generator, progress, 0.0, 33.3),
    "a flow run": (flow_run_in_a_generator, state_of("flow_run"), "RUNNING", "COMPLETED"),
    "a task run": (task_run_in_a_generator, state_of("task_run"), "RUNNING", "COMPLETED"),
}
every_kind = pytest.mark.parametrize("kind", LEFT)


@contextmanager
def collecting_by_hand() -> Iterator[None]:
    """Let the garbage collector look at what is new alone, and when it is told to."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


@every_kind
def test_the_collector_writes_nothing_and_the_next_call_does(
    store: ArtifactStore, url: str, kind: str
) -> None:
    leave, look, before, after = LEFT[kind]
    calls: list[Callable[[], Any]] = [
        lambda: store.read_latest_artifact("any"),
        lambda: store.read_artifacts(),
        lambda: store.create_artifact(key="any"),
        lambda: store.create_artifacts([{"key": "any"}]),
        lambda: store.count_artifacts(),
        lambda: store.update_artifact(uuid.uuid4(), data=1),
        lambda: store.delete_artifact(uuid.uuid4()),
        lambda: store.delete_artifacts(ArtifactFilter(key={"any_": ["nothing"]})),
        lambda: store.set_task_run_state(uuid.uuid4(), "RUNNING"),
        lambda: store.create_work_pool("pool"),
        lambda: next(held(store.flow_run("next"))),
    ]
    for call in calls[:-1] if look is not progress else calls:
        with collecting_by_hand():
            leave(store)
            assert look(url) == before
            gc.collect()
            assert look(url) == before
            call()
        assert look(url) == after
    made = store.create_artifact(key="any")
    assert (made.flow_run_id, made.task_run_id) == (None, None)


@every_kind
def test_inside_a_block_nothing_is_written(store: ArtifactStore, url: str, kind: str) -> None:
    leave, look, before, after = LEFT[kind]
    with collecting_by_hand():
        leave(store)
        with suppress(KeyError), store.atomic():
            store.create_artifact(key="undone")
            gc.collect()
            store.read_artifacts()
            store.create_artifact(key="undone")
            raise KeyError
        assert look(url) == before
        assert store.read_latest_artifact("undone") is None
    assert look(url) == after


@every_kind
def test_closing_the_store_writes_what_is_left(url: str, kind: str) -> None:
    leave, look, before, after = LEFT[kind]
    with collecting_by_hand(), ArtifactStore(url) as store:
        leave(store)
        gc.collect()
        assert look(url) == before
    assert look(url) == after


@every_kind
def test_while_the_database_is_locked_it_is_kept(store: ArtifactStore, url: str, kind: str) -> None:
    leave, look, before, after = LEFT[kind]
    with collecting_by_hand():
        leave(store)
        gc.collect()
        with locked(
            url,
            {progress: "artifact_collection"}.get(look, kind.removeprefix("a ").replace(" ", "_")),
        ):
            store.read_latest_artifact("any")
        assert look(url) == before

        def written() -> bool:
            store.read_latest_artifact("any")
            return bool(look(url) == after)

        wait_for(written)


PROGRAM = """
import gc, sys
sys.path[:0] = [".", "tests/db"]
import test_finalizers
from artifact_store import ArtifactStore
store = ArtifactStore(sys.argv[1])
gc.disable()
test_finalizers.LEFT[sys.argv[2]][0](store)
gc.collect()
"""


@every_kind
def test_the_end_of_the_program_writes_what_is_left(url: str, kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, url, kind], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    _, look, _, after = LEFT[kind]
    assert look(url) == after


def test_a_generator_that_is_closed_in_a_block_that_is_undone(
    store: ArtifactStore, url: str
) -> None:
    generator = held(store.flow_run("held"))
    next(generator)
    with suppress(KeyError), store.atomic():
        store.create_artifact(key="undone")
        generator.close()
        assert store.create_artifact(key="undone").flow_run_id is None
        raise KeyError
    assert store.count_artifacts() == 0
    assert state_of("flow_run")(url) == "COMPLETED"
    with store.atomic():
        kept = store.create_artifact(key="kept")
        generator = held(store.flow_run("held"))
        next(generator)
        generator.close()
    assert store.read_artifact(kept.id) == kept
    assert state_of("flow_run")(url) == "COMPLETED"


# In the middle of a statement


def collected_at(step: int | None, work: Callable[[], object]) -> int:
    """Do some work, and collect garbage at one call of a function below the store; return how many there were."""
    passed = 0

    def watch(frame: FrameType, event: str, argument: object) -> None:
        nonlocal passed
        module = frame.f_globals.get("__name__", "")
        if event in ("call", "c_call") and module.startswith(
            ("artifact_store.", "peewee", "playhouse", "psycopg")
        ):
            passed += 1
            if passed == step:
                gc.collect()

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(before)
    return passed


@every_kind
def test_in_the_middle_of_a_block(url: str, kind: str) -> None:
    at_once(
        (collect_at_any_step, url, kind)
    )  # in a process of its own, because what goes wrong here hangs


def collect_at_any_step(url: str, kind: str) -> None:
    leave, look, before, after = LEFT[kind]
    with ArtifactStore(url) as store:

        def work() -> None:
            with store.atomic():
                for _ in range(3):
                    store.create_artifact(key="k")

        work()
        total = collected_at(None, work)
        for step in range(1, total, max(total // 50, 1)):
            with collecting_by_hand():
                leave(store)
                made = store.read_latest_artifact("k")
                collected_at(step, work)
                gc.collect()
                assert look(url) == before, step
                assert made is not None
                latest = store.read_latest_artifact("k")
                assert latest is not None
                assert latest.version == made.version + 3, step
            assert look(url) == after, step
        assert store.verify() == []


def test_the_modules_that_call_code_of_the_user_are_there() -> None:
    for name in gc_guard._RUN_USER_CODE:
        import_module(name)
