"""Progress of a loop, as an artifact that is kept up to date in place and costs the loop next to nothing.

A loop may be left in any place: by the garbage collector in the middle of a statement too, when it frees a traceback
that holds the loop. So `track` gives an iterator of its own, which writes when it is asked for an item or closed. When
it is freed, it writes where a statement may run, and elsewhere leaves the rest to the next call of the store.
"""

import logging
import math
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, TypeVar
from uuid import UUID

from ..base import StoreBase
from ..db.gc_guard import collecting, interrupting
from ..db.statements import Statements
from ..errors import ArtifactStoreError, InvalidQuery
from ..schemas.artifacts import ArtifactCreate
from ..wording import shown

__all__ = ["track"]

T = TypeVar("T")

_LOG = logging.getLogger("artifact_store")
_INTERVAL = 0.5  # seconds between two updates
_SHARE = 10  # where updates are slow, the loop works this many times as long as they take
_LOCK_TIMEOUT = _INTERVAL / _SHARE  # seconds that an update waits for a lock
_LAST_LOCK_TIMEOUT = 1.0  # the same for the last update of a loop that came to its end


class _Meter:
    """Writes how far a loop is; where that fails, it says so once and the loop goes on.

    Attributes:
        done: how many items are done.
        ended: the loop has come to its end.
    """

    def __init__(
        self, store: StoreBase, db: Statements, artifact_id: UUID, total: int | None
    ) -> None:
        self.done = 0
        self.ended = False
        self._store = store
        self._db = db
        self._artifact_id = artifact_id
        self._total = total
        self._process = os.getpid()
        self._inside = db.engine.in_block()
        self._failed = False

    def write(self) -> float:
        """Write how far the loop is, if that can be done now; return the time of the next update."""
        began = time.monotonic()
        if not self._db.engine.in_block():  # no other connection would see it yet
            self._try(_LOCK_TIMEOUT)
        now = time.monotonic()
        return now + max(_INTERVAL, _SHARE * (now - began))

    def leave(self, held: bool) -> None:
        """Write how far the loop has come.

        Args:
            held: nothing may be written now, so that the next call of the store has to do it.
        """
        blocked = (
            self._db.engine.in_block() and not self._inside
        )  # with the block it could be undone
        if held or blocked:
            self._db.pending_writes.writes.append(self._write)
        else:
            self._try(_LAST_LOCK_TIMEOUT if self.ended else _LOCK_TIMEOUT)

    def _try(self, lock_timeout: float) -> None:
        if os.getpid() != self._process:  # a child that is forked in the loop has a copy of it
            return
        try:
            self._db.engine.with_lock_timeout(self._write, lock_timeout)
        except ArtifactStoreError as error:
            if not self._failed:
                _LOG.warning(
                    "The progress %s is not kept up to date: %s", self._artifact_id, str(error)
                )
            self._failed = True
            _let_go(error)

    def _write(self) -> None:
        if os.getpid() == self._process:
            metadata = counts(self.done, self._total)
            self._store.update_artifact(self._artifact_id, data=self._percent(), metadata=metadata)

    def _percent(self) -> float:
        if self.ended:
            return 100.0
        # Rounded down, because 100 is the end.
        return min(math.floor(1000 * self.done / self._total) / 10, 99.9) if self._total else 0.0


class _Tracked(Generator[T, None, None]):
    """The items of a loop, one after the other."""

    __slots__ = ("_begin", "_due", "_items", "_meter", "_over")

    def __init__(self, items: Iterator[T], begin: Callable[[], _Meter]) -> None:
        self._items = items
        self._begin = begin
        self._meter: _Meter | None = None
        self._due = 0.0
        self._over = False

    def __next__(self) -> T:
        """Return the next item; the one before it is done."""
        if self._over:
            raise StopIteration
        if self._meter is None:
            self._meter = self._begin()
            self._due = time.monotonic() + _INTERVAL
        else:
            self._meter.done += 1
            if time.monotonic() >= self._due:
                self._due = self._meter.write()
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
        """Leave the loop by an error."""
        self.close()
        return super().throw(*error)

    def close(self) -> None:
        """Leave the loop."""
        self._leave(collecting())

    def _leave(self, held: bool) -> None:
        if self._over:
            return
        self._over = True
        self._items = iter(())
        if self._meter is not None:
            self._meter.leave(held)

    def __del__(self) -> None:
        """Leave the loop, as a generator does."""
        self._leave(interrupting())


def _let_go(error: BaseException | None) -> None:
    """Drop the tracebacks of an error: their frames lead to the loop, which would not be freed when it is left."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def counts(done: int, total: int | None) -> dict[str, int]:
    """Return the metadata of a progress."""
    return {"done": done} if total is None else {"done": done, "total": total}


def track(
    store: StoreBase,
    db: Statements,
    items: Iterable[T],
    key: str | None,
    description: str | None,
    total: int | None,
) -> Generator[T, None, None]:
    """Yield items and keep a progress artifact up to date; see `ArtifactStore.track`."""
    if total is None:
        total = _length(items)
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

    def begin() -> _Meter:
        return _Meter(store, db, store.create_artifact(artifact).id, total)

    return _Tracked(iterator, begin)


def _length(items: object) -> int | None:
    """Return how many items a loop over something gets, where that can be known before."""
    try:
        # A loop over a frame goes over its columns, and its length is that of its rows.
        counted = items.columns if hasattr(items, "shape") and hasattr(items, "columns") else items
        return len(counted)  # type: ignore[arg-type]
    except Exception:  # it has no length, or it is code of the user's
        return None
