"""The bars of loops, what each display has in common, and how bars are written as plain lines."""

from __future__ import annotations

import atexit
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakSet

from ..durations import took_text
from .pace import Pace, end_after, pace_facts
from .text import escape_controls

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Bar", "Display", "LineDisplay"]

_SHARE = 20  # between two drawings passes at least this many times the duration of a drawing
_NEVER = 3600.0  # seconds; a display that failed is not tried again
_EXIT_TIMEOUT = 1.0  # seconds that the end of the process waits for a thread that draws


class Bar:
    """The progress of one loop as a display shows it.

    Only the thread of the loop changes it. Any thread may draw it: each change replaces one
    attribute, so this needs no lock.

    Attributes:
        name: what the loop does, on one line.
        pace: how far it is.
        took: how long it took; `None` unless it was completed.
        ended: whether it has ended, completed or not.
        is_first: whether no other was shown when it began. Then it stays when it has ended; one
            inside another goes, since it may be one of thousands.
        next_line: when it is written as a line again.
        lines: how many times it was written as a line.
    """

    def __init__(self, display: Display, name: str, total: int | None, is_first: bool) -> None:
        """Take where it is drawn, and the number of items if it is known."""
        self.name = escape_controls(name)
        self.pace = Pace(0, 0, total)
        self.took: timedelta | None = None
        self.ended = False
        self.is_first = is_first
        self.next_line = 0.0
        self.lines = 0
        self._display = display

    def draw(self, percent: float, done: int, rate: float | None) -> float:
        """Show how far the loop is; return after how many seconds to do so again."""
        left = None
        if rate and self.pace.total is not None:
            left = (self.pace.total - done) / rate
        end = end_after(datetime.now(UTC), left)
        self.pace = self.pace._replace(percent=percent, done=done, rate=rate, end=end)
        return self._display.draw()

    def end(self, percent: float, done: int, rate: float | None, took: float | None) -> None:
        """Take what is known of the loop at its end; `tidy` then shows it."""
        self.pace = self.pace._replace(percent=percent, done=done, rate=rate, end=None)
        self.took = None if took is None else timedelta(seconds=took)
        self.ended = True

    def tidy(self) -> None:
        """Show that the loop has ended."""
        self._display.tidy()

    def percent_text(self) -> str:
        """Return how much is done; empty while the number of items is not known."""
        if self.pace.total is None and self.took is None:
            return ""
        # 99.96 is not yet 100.
        percent = self.pace.percent
        return f"{percent if percent >= 100 else int(percent):3.0f} %"

    def words(self) -> str:
        """Return what else is known of the loop."""
        now = datetime.now(UTC)
        facts = pace_facts(self.pace, now, now)
        if self.took is not None:
            facts.append(f"took {took_text(self.took)}")
        return ", ".join(facts)

    def line(self) -> str:
        """Return all of it as one line."""
        facts = ", ".join(part for part in (self.percent_text().strip(), self.words()) if part)
        return f"{self.name}: {facts}" if self.name else facts


class Display:
    """Draws the bars of all loops that run now in one place.

    It has no thread: it is drawn when an item of a loop is requested. A thread would not live in a
    forked child, and could hold a lock while the process forks. An error of the terminal ends the
    display, not the loop.

    Attributes:
        interval: how many seconds pass between two drawings.
        is_broken: whether it has failed, or belongs to the parent of this process.
    """

    interval = 0.1

    def __init__(self) -> None:
        """Start without a bar."""
        self.bars: tuple[Bar, ...] = ()
        self.is_broken = False
        self._lock = threading.RLock()
        self._next_drawing = 0.0
        _ALL.add(self)

    @property
    def is_used(self) -> bool:
        """Whether it has bars."""
        return bool(self.bars)

    @property
    def is_drawn(self) -> bool:
        """Whether it is on the screen now."""
        return False

    def begin(self, name: str, total: int | None) -> Bar:
        """Return a new bar, below those that are shown."""
        with self._lock:
            self._drop_ended()
            bar = Bar(self, name, total, is_first=not self.bars)
            self.bars = (*self.bars, bar)
        return bar

    def draw(self) -> float:
        """Draw the bars if it is time to; return after how many seconds to do so again."""
        if self.is_broken:
            return _NEVER
        if not self._lock.acquire(blocking=False):  # another thread draws
            return self.interval
        try:
            now = time.monotonic()
            if now < self._next_drawing:
                return self._next_drawing - now
            self._drop_ended()
            was_drawn = self.is_drawn
            self._try(self.paint)
            took = time.monotonic() - now
            # The first drawing imports what it needs.
            pause = max(self.interval, _SHARE * took) if was_drawn else self.interval
            self._next_drawing = now + took + pause
            return pause
        finally:
            self._lock.release()

    def tidy(self) -> None:
        """Remove the bars of loops that have ended; without any that run, end the drawing."""
        with self._lock:
            self._drop_ended()
            if all(bar.ended for bar in self.bars):
                self._try(self.finish)
                self.bars = ()

    def pause(self, *result: object) -> None:
        """Give the terminal back until a loop goes on.

        After an error nobody may ever go on with a loop, and its traceback keeps the loop alive.
        """
        if not self._lock.acquire(timeout=_EXIT_TIMEOUT):
            return
        try:
            if not self.is_broken:
                self._try(self.finish)
            self._next_drawing = 0.0
        finally:
            self._lock.release()

    def abandon(self) -> None:
        """Leave the screen to the parent of this process, whose display this is a copy of."""
        self._lock = threading.RLock()  # the other may be held by a thread that is not here
        self.is_broken = True
        self.bars = ()

    def paint(self) -> None:
        """Draw the bars as they are now."""

    def finish(self) -> None:
        """Draw the bars for the last time, and give the terminal back."""

    def give_back(self) -> None:
        """Undo what was changed for the drawing, after an error too."""

    def _drop_ended(self) -> None:
        self.bars = tuple(bar for bar in self.bars if bar.is_first or not bar.ended)

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception:
            self.is_broken = True
            self.give_back()


class LineDisplay(Display):
    """Writes lines to standard error: of each loop one in ten seconds, and one at its end."""

    interval = 10.0

    def begin(self, name: str, total: int | None) -> Bar:
        """Return a new bar."""
        bar = super().begin(name, total)
        bar.next_line = time.monotonic() + self.interval
        return bar

    def paint(self) -> None:
        """Write a line for each loop that had none for a while."""
        now = time.monotonic()
        for bar in self.bars:
            if now >= bar.next_line:
                bar.next_line = now + self.interval
                write_line(bar)

    def _drop_ended(self) -> None:
        for bar in self.bars:
            # One inside another that was quick is not worth a line.
            if bar.ended and (bar.is_first or bar.lines):
                self._try(partial(write_line, bar))
        self.bars = tuple(bar for bar in self.bars if not bar.ended)


def write_line(bar: Bar) -> None:
    """Write a bar as a line."""
    bar.lines += 1
    if sys.stderr is not None:
        sys.stderr.write(f"{bar.line()}\n")
        sys.stderr.flush()


_ALL: WeakSet[Display] = WeakSet()


@atexit.register
def _at_exit() -> None:
    for display in list(_ALL):
        display.pause()
