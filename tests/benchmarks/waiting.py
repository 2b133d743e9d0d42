"""How long a version takes to reach a watcher in another process, and what an idle watcher costs."""

import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from artifact_store import ArtifactStore

from .measure import Line
from .places import Places

__all__ = ["measured"]

_KEYS = [f"watched-{number:04}" for number in range(1_000)]
_PROCESSES = multiprocessing.get_context("forkserver")
_IDLE_SECONDS = 20
_WAYS: tuple[tuple[str, list[str] | None], ...] = (("1,000 keys", _KEYS), ("all keys", None))
_PACES = (("busy", 0.02, 300, 0.1), ("idle", 3.3, 6, 1.2))  # seconds between, versions, target


def _watch(url: str, keys: list[str] | None, sender: Any) -> None:
    """Send when each version arrives."""
    with ArtifactStore(url) as store:
        news = store.watch(keys)
        sender.send("ready")
        for artifact in news:
            sender.send((artifact.ref, time.monotonic()))


def _idle(url: str, keys: list[str] | None, sender: Any) -> None:
    """Send which part of a core a watcher takes to which nothing comes."""
    with ArtifactStore(url) as store:
        news = store.watch(keys)
        sender.send("ready")
        _seconds_to_last(news, 2.0)  # the pauses grow
        before, began = _processor_time(), time.monotonic()
        _seconds_to_last(news, _IDLE_SECONDS)
        sender.send((_processor_time() - before) / (time.monotonic() - began))


class _Over(Exception):
    """The time is over."""


def _seconds_to_last(news: Iterator[Any], seconds: float) -> None:
    """Wait for versions for some seconds."""
    import signal

    def end(*_: object) -> None:
        raise _Over

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        next(news)
    except _Over:
        return
    raise AssertionError("nothing was published")


def _processor_time() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextmanager
def _process(work: Callable[..., None], url: str, keys: list[str] | None) -> Iterator[Any]:
    """Run a watcher in a process, and yield what receives from it, once it is ready."""
    receiver, sender = _PROCESSES.Pipe(duplex=False)
    process = _PROCESSES.Process(target=work, args=(url, keys, sender), daemon=True)
    process.start()
    assert receiver.recv() == "ready"
    try:
        yield receiver
    finally:
        process.kill()
        process.join()


def _delays(url: str, keys: list[str] | None, pause: float, count: int) -> list[float]:
    """Return the seconds from the end of each create to its arrival."""
    delays = []
    with ArtifactStore(url) as store, _process(_watch, url, keys) as receiver:
        for number in range(count):
            time.sleep(pause)
            made = store.create_artifact(key=_KEYS[number % len(_KEYS)], data=number)
            committed = time.monotonic()
            ref, arrived = receiver.recv()
            assert ref == made.ref
            delays.append(max(arrived - committed, 0.0))
    return sorted(delays)


def measured(places: Places, engine: str, wanted: Callable[[str], bool]) -> Iterator[Line]:
    """Measure waiting in a store of a thousand keys."""
    if not wanted("from commit to delivery") and not wanted("idle watcher"):
        return
    url = places.new(engine)
    with ArtifactStore(url) as store:
        store.create_artifacts({"key": key} for key in _KEYS)

    for name, keys in _WAYS:
        for pace, pause, count, target in _PACES:
            delays = _delays(url, keys, pause, count)
            line = Line("waiting", f"from commit to delivery, {pace}, {name}", engine, 0, target)
            late = delays[int(len(delays) * 0.99) - 1] if count > 100 else delays[-1]
            yield line._replace(
                value=late, unit="s", low=delays[0], high=delays[-1], ours=median(delays)
            )
        with _process(_idle, url, keys) as receiver:
            percent = 100 * receiver.recv()
        yield Line("waiting", f"core of an idle watcher, {name}", engine, percent, 1, "%")
    places.remove(url)
