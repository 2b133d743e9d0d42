"""The progress of a loop: what it tells, how often, and that it never stands in the way."""

import gc
import logging
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pandas as pd
import polars as pl
import pytest

from artifact_store import ArtifactStore, InvalidArtifact, InvalidQuery
from tests.helpers.bare import locked
from tests.helpers.processes import in_child


class Counting(ArtifactStore):
    """A store that counts its updates."""

    updates = 0

    def update_artifact(self, *args: Any, **fields: Any) -> bool:
        self.updates += 1
        return super().update_artifact(*args, **fields)


@pytest.fixture
def store(store_url: str) -> Iterator[Counting]:
    with Counting(store_url) as opened:
        yield opened


def read_progress(store: ArtifactStore, key: str = "load") -> Any:
    artifact = store.read_latest_artifact(key)
    assert artifact is not None
    assert artifact.type == "progress"
    # A busy machine may take half a second for any loop, and then the rate is known.
    metadata = {name: each for name, each in artifact.metadata.items() if name != "rate"}
    return artifact.data, metadata


def read_rate(store: ArtifactStore) -> Any:
    artifact = store.read_latest_artifact("load")
    assert artifact is not None
    return artifact.metadata.get("rate", "unknown")


def test_it_ends_at_100(store: Counting) -> None:
    assert list(store.track("abc", key="load", description="Loading")) == ["a", "b", "c"]
    artifact = store.read_latest_artifact("load")
    assert artifact is not None
    assert (artifact.version, artifact.description, artifact.type) == (1, "Loading", "progress")
    assert read_progress(store) == (100.0, {"done": 3, "total": 3})
    assert store.updates == 1


@pytest.mark.parametrize(
    ("make", "total", "metadata"),
    [
        (lambda: [], None, {"done": 0, "total": 0}),
        (lambda: iter([]), None, {"done": 0}),
        (lambda: iter("abc"), None, {"done": 3}),
        (lambda: iter("abc"), 3, {"done": 3, "total": 3}),
        (lambda: iter("abc"), 7, {"done": 3, "total": 7}),
        (lambda: "abc", 2, {"done": 3, "total": 2}),
        (lambda: "abc", 0, {"done": 3, "total": 0}),
        (lambda: range(5), None, {"done": 5, "total": 5}),
    ],
)
def test_lengths(
    store: Counting, make: Callable[[], Any], total: int | None, metadata: Any
) -> None:
    for _ in store.track(make(), key="load", total=total):
        pass
    assert read_progress(store) == (100.0, metadata)


class Unmeasurable:
    """Something whose length cannot be had."""

    def __init__(self, error: type[Exception]) -> None:
        self.error = error

    def __len__(self) -> int:
        raise self.error("not now")

    def __iter__(self) -> Iterator[int]:
        return iter((1, 2))


@pytest.mark.parametrize("error", [TypeError, NotImplementedError, OSError])
def test_a_length_that_cannot_be_had_leaves_the_total_open(
    store: Counting, error: type[Exception]
) -> None:
    assert list(store.track(Unmeasurable(error), key="load")) == [1, 2]
    assert read_progress(store) == (100.0, {"done": 2})
    assert list(store.track(Unmeasurable(error), key="load", total=4)) == [1, 2]
    assert read_progress(store) == (100.0, {"done": 2, "total": 4})


FRAME = {"a": [1, 2, 3, 4, 5], "b": [1, 2, 3, 4, 5]}


@pytest.mark.parametrize(
    "items", [pd.DataFrame(FRAME), pl.DataFrame(FRAME)], ids=["pandas", "polars"]
)
def test_a_frame_counts_its_columns(store: Counting, items: Any) -> None:
    for _ in store.track(items, key="load"):
        assert read_progress(store)[1]["total"] == 2
    assert read_progress(store) == (100.0, {"done": 2, "total": 2})
    assert len(list(store.track(items["a"], key="load"))) == 5
    assert read_progress(store) == (100.0, {"done": 5, "total": 5})
    assert len(list(store.track(items.to_numpy(), key="load"))) == 5
    assert read_progress(store) == (100.0, {"done": 5, "total": 5})


def test_it_is_used_as_a_generator(store: Counting) -> None:
    items = store.track("abc", key="load")
    assert isinstance(items, Generator)
    assert (iter(items) is items, items.send(None), next(items)) == (True, "a", "b")
    with pytest.raises(KeyError, match="mine"):
        items.throw(KeyError("mine"))
    assert read_progress(store) == (33.3, {"done": 1, "total": 3})
    assert [next(items, "over"), list(items), items.close()] == ["over", [], None]
    assert store.updates == 1


def test_each_loop_is_a_version(store: Counting) -> None:
    for _ in range(2):
        for _ in store.track([1], key="load"):
            assert read_progress(store) == (0.0, {"done": 0, "total": 1})
    assert [each.version for each in store.read_artifacts()] == [2, 1]
    list(store.track([1]))
    assert store.read_artifacts(limit=1)[0].key is None


def test_nothing_is_made_before_the_first_item_is_asked_for(store: Counting) -> None:
    store.track([1], key="load").close()
    assert store.count_artifacts() == 0


def test_where_the_loop_is_left(store: Counting) -> None:
    for item in store.track(range(3), key="load"):
        if item == 1:
            break
    assert read_progress(store) == (33.3, {"done": 1, "total": 3})
    with pytest.raises(ZeroDivisionError):
        [1 // (3 - item) for item in store.track(range(4), key="load")]
    assert read_progress(store) == (75.0, {"done": 3, "total": 4})
    with closing(store.track(range(2000), key="load", total=2)) as items:
        for _ in range(1500):
            next(items)
    assert read_progress(store) == (99.9, {"done": 1499, "total": 2})

    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(store.track(failing(), key="load"))
    assert read_progress(store) == (0.0, {"done": 1})
    items = store.track("abc", key="load")
    next(items), next(items)
    del items
    gc.collect()
    assert read_progress(store) == (33.3, {"done": 1, "total": 3})


class Clock:
    """The clock of `track`, which stands still until a test moves it."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr("artifact_store.artifacts.progress.time", stopped)
    return stopped


def test_it_is_updated_at_most_twice_a_second(store: Counting, clock: Clock) -> None:
    seen = []
    for _ in store.track(range(17), key="load"):
        seen.append(read_progress(store)[1]["done"])
        clock.now += 0.125
    assert seen == [0] * 4 + [4] * 4 + [8] * 4 + [12] * 4 + [16]
    assert store.updates == 5, "the last was written behind the loop"
    assert store.count_artifacts() == 1


def test_the_rate_is_that_of_lately_and_at_the_end_of_all(store: Counting, clock: Clock) -> None:
    seen = []
    for n in store.track(range(120), key="load"):
        seen.append(read_rate(store))
        clock.now += 0.25 if n < 20 else 0.5
    assert seen[:3] == ["unknown", "unknown", 4.0]
    assert seen[20] == 4.0
    assert 2.0 < seen[50] < 4.0
    assert seen[100] == 2.0, "how quick it was at first does not count any more"
    assert read_rate(store) == 2.182, "120 items took 55 s"


@pytest.mark.parametrize("items", [0, 1, 3])
def test_a_loop_of_less_than_half_a_second_has_no_rate(
    store: Counting, clock: Clock, items: int
) -> None:
    for _ in store.track(range(items), key="load"):
        clock.now += 0.1
    assert read_rate(store) == "unknown"


def test_a_loop_that_was_left_keeps_the_rate_that_it_had(store: Counting, clock: Clock) -> None:
    items = store.track(range(100), key="load")
    for _ in range(10):
        next(items)
        clock.now += 0.25
    clock.now += 600  # as if a traceback kept it for so long
    items.close()
    assert read_rate(store) == 4.0
    assert read_progress(store) == (9.0, {"done": 9, "total": 100})


def test_a_loop_that_stands_still_has_no_rate(store: Counting, clock: Clock) -> None:
    for _ in store.track(range(3), key="load"):
        clock.now += 60
        break
    assert read_rate(store) == "unknown"


def test_items_of_a_quick_loop_write_nothing(store: Counting, clock: Clock) -> None:
    began = time.perf_counter()
    for _ in store.track(range(100_000), key="load"):
        pass
    print(f"an item costs {(time.perf_counter() - began) * 10:.2f} µs")
    assert store.updates == 1, "the last was written behind the loop"


def test_a_locked_database_does_not_hold_the_loop(
    store: Counting, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert store._engine.timeout == 30
    with ExitStack() as locks, caplog.at_level(logging.WARNING, "artifact_store"):
        for n in store.track(range(10**9), key="load"):
            if n == 0:
                locks.enter_context(locked(url, "artifact_collection"))
            if store.updates == 3:
                break
        assert store.updates == 4
        locks.close()
        (warning,) = caplog.records
        assert "is not kept up to date" in warning.getMessage()
        assert "held the lock for 0.05 s" in warning.getMessage()
        assert read_progress(store) == (0.0, {"done": 0, "total": 10**9})
        list(store.track("ab", key="load"))
        assert read_progress(store) == (100.0, {"done": 2, "total": 2})
    assert store._engine.timeout == 30


def test_the_end_of_a_loop_waits_a_moment_for_a_lock(store: Counting, url: str) -> None:
    with ExitStack() as locks:
        for n in store.track("ab", key="load"):
            if n == "b":
                locks.enter_context(locked(url, "artifact_collection"))
                threading.Timer(0.2, locks.close).start()
    assert read_progress(store) == (100.0, {"done": 2, "total": 2})


def test_slow_updates_are_rarer(url: str, clock: Clock) -> None:
    class Slow(Counting):
        def update_artifact(self, *args: Any, **fields: Any) -> bool:
            clock.now += 0.2
            return super().update_artifact(*args, **fields)

    with Slow(url) as slow:
        for _ in slow.track(range(10**9), key="load"):
            clock.now += 0.1
            if clock.now > 2.4:  # 0.5 s until the first, 0.2 s for it, 2 s of rest
                break
        assert slow.updates == 2


def test_inside_a_block_only_the_end_is_written(store: Counting) -> None:
    with store.atomic():
        for n in store.track(range(10**9), key="load"):
            if n == 0:
                began = time.monotonic()
            if time.monotonic() > began + 0.7:
                break
    assert store.updates == 1
    with store.atomic():
        list(store.track("ab", key="load"))
    assert read_progress(store) == (100.0, {"done": 2, "total": 2})
    assert store.run_in_transaction(lambda: list(store.track("ab", key="run"))) == ["a", "b"]
    assert read_progress(store, "run") == (100.0, {"done": 2, "total": 2})


def test_an_artifact_that_was_deleted_does_not_stop_the_loop(store: Counting) -> None:
    for _ in store.track([1, 2], key="load"):
        store.delete_artifacts(everything=True)
    assert store.count_artifacts() == 0


def test_a_forked_child_leaves_it_alone(store: Counting) -> None:
    items = store.track(range(4), key="load")
    next(items)

    def leave() -> str:
        items.close()
        return str(os.getpid() and store.updates)

    assert in_child(leave) == "0"
    assert read_progress(store) == (0.0, {"done": 0, "total": 4})
    items.close()


def test_it_belongs_to_the_run(store: Counting) -> None:
    with store.flow_run("etl") as run:
        list(store.track("ab", key="load"))
    artifact = store.read_latest_artifact("load")
    assert artifact is not None
    assert artifact.flow_run_id == run.id


@pytest.mark.parametrize("total", [-1, 1.5, True, "3"])
def test_a_total_is_a_number(store: Counting, total: Any) -> None:
    with pytest.raises(InvalidQuery, match="total must be an int >= 0, or None, got"):
        store.track([1], total=total)


def test_bad_arguments_are_refused_at_once(store: Counting) -> None:
    with pytest.raises(InvalidArtifact, match="Invalid key 'no key': use 1 to 255"):
        store.track([1], key="no key")
    with pytest.raises(InvalidQuery, match="Cannot iterate over int"):
        store.track(7)  # type: ignore[arg-type]
    assert store.count_artifacts() == 0
