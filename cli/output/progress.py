"""Progress on standard error, on a terminal, of what takes longer than half a second."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from .screen import console, is_plain

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["with_progress", "working"]

T = TypeVar("T")

DELAY = 0.5  # seconds; what is quicker shows nothing


@contextmanager
def working(words: str) -> Iterator[None]:
    """Show how long something takes that has no total.

    Args:
        words: what is done, such as "Checking every key".
    """
    with _display(words, None):
        yield


def with_progress(items: Iterable[T], total: int, words: str) -> Iterator[T]:
    """Yield items, and show how many of them are done, out of a total."""
    with _display(words, total) as bar:
        for done, item in enumerate(items, 1):
            yield item
            bar.done = done


class _Bar:
    """A bar, or a clock where there is no total, that appears after half a second."""

    def __init__(self, words: str, total: int | None) -> None:
        self.done = 0
        self._words, self._total = words, total
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _show(self) -> None:
        if self._ended.wait(DELAY):
            return
        with self._progress() as progress:
            task = progress.add_task(self._words, total=self._total)
            while not self._ended.wait(0.1):
                progress.update(task, completed=self.done)

    def _progress(self) -> Progress:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        columns = [TextColumn("{task.description}", markup=False), BarColumn()]
        if self._total is not None:
            columns.append(MofNCompleteColumn())
        columns.append(TimeElapsedColumn())
        return Progress(
            *columns,
            console=console(stderr=True),
            transient=True,
            redirect_stdout=False,
        )


@contextmanager
def _display(words: str, total: int | None) -> Iterator[_Bar]:
    bar = _Bar(words, total)
    shown = sys.stderr.isatty() and not is_plain()
    if shown:
        bar.start()
    try:
        yield bar
    finally:
        bar.end()
