"""The progress of a loop: an artifact that is updated in place, and costs the loop little.

A loop may end anywhere: even in the middle of a statement, when the garbage collector frees a
traceback that refers to it. So `track` returns an iterator of its own, which writes when the next
item is requested or when it is closed. When it is freed it writes if a statement may run, and
otherwise leaves the last update to the next call of the store.
"""

import logging
import math
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from ..base import StoreBase
from ..db.gc_guard import collecting, interrupting
from ..db.statements import Statements
from ..errors import ArtifactStoreError, InvalidQuery
from ..rendering.bars import check_show, find_display
from ..schemas.artifacts import ArtifactCreate
from ..wording import shown

if TYPE_CHECKING:
    from ..rendering.bar import Bar

__all__ = ["track"]

T = TypeVar("T")

_LOG = logging.getLogger("artifact_store")
_INTERVAL = 0.5  # seconds between two updates
_SHARE = 10  # between two updates passes at least this many times the duration of an update
_MARKS = 60  # updates, at least half a minute: how far back the rate of a running loop reaches
_LOCK_TIMEOUT = _INTERVAL / _SHARE  # seconds that an update waits for a lock
_LAST_LOCK_TIMEOUT = 1.0  # the same for the last update of a loop that was completed


class Meter:
    """Writes the progress of a loop; when that fails it logs a warning once.

    Attributes:
        done: the number of items that are done.
        total: the number of items, if it is known.
        rate: items per second: lately while the loop runs, of all of it once it was completed.
        ended: whether the loop was completed.
    """

    def __init__(
        self,
        store: StoreBase,
        db: Statements,
        artifact_id: UUID,
        total: int | None,
        bar: "Bar | None",
    ) -> None:
        """Take the store, its statements, the artifact, the number of items if known, and a bar."""
        self.done = 0
        self.total = total
        self.rate: float | None = None
        self.ended = False
        self._store = store
        self._db = db
        self._artifact_id = artifact_id
        self._began = time.monotonic()
        self._marks = deque([(self._began, 0)], maxlen=_MARKS)
        self._process_id = os.getpid()
        self._began_in_block = db.engine.in_block()
        self._failed = False
        self._bar = bar
        self._next_write = self._began + _INTERVAL
        self._next_drawing = math.inf if bar is None else self._began

    def update(self) -> float:
        """Write the progress and draw it, each when it is time to; return when the next of them is."""
        now = time.monotonic()
        if now >= self._next_write:
            self._next_write = self.write()
        if now >= self._next_drawing:
            self._next_drawing = now + self._draw()
        return min(self._next_write, self._next_drawing)

    def write(self) -> float:
        """Write the progress, if that is possible now; return the time of the next update."""
        began = time.monotonic()
        self.rate = rate_since(self._marks[0], (began, self.done))
        self._marks.append((began, self.done))
        # Inside a block no other connection would see it yet.
        if not self._db.engine.in_block():
            self._try_to_write(_LOCK_TIMEOUT)
        now = time.monotonic()
        return now + max(_INTERVAL, _SHARE * (now - began))

    def end(self, later: bool) -> None:
        """Write and draw the progress at the end of the loop.

        Args:
            later: whether nothing may be written now, so that the next call of the store has to do
                it.
        """
        took = None
        # A loop that was left may end long afterwards, when its traceback is freed.
        if self.ended:
            now = time.monotonic()
            took = now - self._began
            self.rate = rate_since((self._began, 0), (now, self.done))
        bar = self._bar if os.getpid() == self._process_id else None
        if bar is not None:
            bar.end(self._percent(), self.done, self.rate, took)
        try:
            self._write_last(later)
        finally:
            # The collector may have interrupted a drawing.
            if bar is not None and later:
                self._db.pending_writes.writes.append(bar.tidy)
            elif bar is not None:
                bar.tidy()

    def _write_last(self, later: bool) -> None:
        # A block that was opened inside the loop may be rolled back, and the update with it.
        in_other_block = self._db.engine.in_block() and not self._began_in_block
        if later or in_other_block:
            self._db.pending_writes.writes.append(self._write)
        else:
            self._try_to_write(_LAST_LOCK_TIMEOUT if self.ended else _LOCK_TIMEOUT)

    def _try_to_write(self, lock_timeout: float) -> None:
        # A child that is forked in the loop has a copy of it.
        if os.getpid() != self._process_id:
            return
        try:
            self._db.engine.with_lock_timeout(self._write, lock_timeout)
        except ArtifactStoreError as error:
            if not self._failed:
                _LOG.warning(
                    "The progress %s is not kept up to date: %s", self._artifact_id, str(error)
                )
            self._failed = True
            drop_tracebacks(error)

    def _draw(self) -> float:
        if self._bar is None or os.getpid() != self._process_id:
            return math.inf
        return self._bar.draw(self._percent(), self.done, self.rate)

    def _write(self) -> None:
        if os.getpid() == self._process_id:
            metadata = counts(self.done, self.total, self.rate)
            self._store.update_artifact(self._artifact_id, data=self._percent(), metadata=metadata)

    def _percent(self) -> float:
        if self.ended:
            return 100.0
        if not self.total:
            return 0.0
        # Rounded down, because 100 is the end.
        percent = math.floor(1000 * self.done / self.total) / 10
        return min(percent, 99.9)


class TrackedItems(Generator[T, None, None]):
    """The items of a loop, which updates a progress artifact."""

    __slots__ = ("_begin", "_closed", "_items", "_meter", "_next_update")

    def __init__(self, items: Iterator[T], begin: Callable[[], Meter]) -> None:
        """Take the items, and a function that creates the artifact with the first of them."""
        self._items = items
        self._begin = begin
        self._meter: Meter | None = None
        self._next_update = 0.0
        self._closed = False

    def __next__(self) -> T:
        """Return the next item, and count the one before it as done."""
        if self._closed:
            raise StopIteration
        if self._meter is None:
            self._meter = self._begin()
            self._next_update = self._meter.update()
        else:
            self._meter.done += 1
            if time.monotonic() >= self._next_update:
                self._next_update = self._meter.update()
        try:
            return next(self._items)
        except BaseException as error:
            self._meter.ended = isinstance(error, StopIteration)
            self.close()
            raise

    def send(self, value: None) -> T:
        """Return the next item."""
        return next(self)

    def throw(self, *error: Any) -> T:
        """End the loop with an error."""
        self.close()
        return super().throw(*error)  # pyright: ignore[reportAbstractUsage] # it has a body

    def close(self) -> None:
        """End the loop."""
        self._close(later=collecting())

    def _close(self, later: bool) -> None:
        if self._closed:
            return
        self._closed = True
        self._items = iter(())
        if self._meter is not None:
            self._meter.end(later)

    def __del__(self) -> None:
        """End the loop, as a generator does when it is freed."""
        self._close(later=interrupting())


def drop_tracebacks(error: BaseException | None) -> None:
    """Remove the tracebacks of an error: their frames refer to the loop and keep it alive."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def counts(done: int, total: int | None, rate: float | None = None) -> dict[str, int | float]:
    """Return the metadata of a progress artifact, with what is known."""
    metadata: dict[str, int | float] = {"done": done}
    if total is not None:
        metadata["total"] = total
    if rate is not None:
        metadata["rate"] = rate
    return metadata


def rate_since(first: tuple[float, int], last: tuple[float, int]) -> float | None:
    """Return items per second between two times, each with what was done; `None` if it is unknown."""
    elapsed = last[0] - first[0]
    items = last[1] - first[1]
    if elapsed < _INTERVAL or not items:
        return None
    return float(f"{items / elapsed:.4g}")


def track(
    store: StoreBase,
    db: Statements,
    items: Iterable[T],
    key: str | None,
    description: str | None,
    total: int | None,
    show: bool | None,
) -> Generator[T, None, None]:
    """Yield items and keep a progress artifact up to date; see `ArtifactStore.track`."""
    check_show(show)
    if total is None:
        total = length_of(items)
    elif type(total) is not int or total < 0:
        raise InvalidQuery(f"total must be an int >= 0, or None, got {shown(total)}.")
    artifact = ArtifactCreate(
        key=key, type="progress", description=description, data=0.0, metadata=counts(0, total)
    )
    try:
        iterator = iter(items)
    except TypeError:
        raise InvalidQuery(
            f"Cannot iterate over {type(items).__name__}: pass a list or a generator."
        ) from None

    def begin() -> Meter:
        db.engine.refuse_in_snapshot("track")
        display = find_display(show)
        artifact_id = store.create_artifact(artifact).id
        bar = None if display is None else display.begin(name_of(artifact), total)
        return Meter(store, db, artifact_id, total, bar)

    return TrackedItems(iterator, begin)


def name_of(artifact: ArtifactCreate) -> str:
    """Return what a loop is called: the first line of its description, or its key."""
    from ..rendering.markdown import first_line

    return first_line(artifact.description or "") or artifact.key or ""


def length_of(items: object) -> int | None:
    """Return the number of items of an iterable, if it is known before the loop."""
    try:
        # A loop over a frame is over its columns, but its length is the number of its rows.
        counted = getattr(items, "columns", items) if hasattr(items, "shape") else items
        return len(counted)  # type: ignore[arg-type]
    except Exception:  # it has no length, or its `__len__` raises
        return None
