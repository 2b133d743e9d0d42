"""Pending writes: what has to be written about loops and runs that ended where no statement may run.

The garbage collector may end a loop or a generator in the middle of another statement, or inside a block that may be
rolled back. The write is queued then, and the next call of the store performs it.
"""

import atexit
import logging
import os
import time
from collections import deque
from collections.abc import Callable
from weakref import WeakSet

from ..errors import ArtifactStoreError, StoreUnavailable
from .engine import Engine
from .gc_guard import collecting

__all__ = ["PendingWrites"]

_LOG = logging.getLogger("artifact_store")
_LOCK_TIMEOUT = 0.05  # seconds that the next call waits for a lock
_EXIT_LOCK_TIMEOUT = 1.0  # the same at the end of the process
_PAUSE = 1.0  # seconds until a write that failed is retried


class PendingWrites:
    """The queue of writes that the next call of a store performs.

    Attributes:
        writes: functions that write one thing each; any thread may append one at any time.
    """

    __slots__ = ("__weakref__", "_engine", "_retry_at", "writes")

    def __init__(self, engine: Engine) -> None:
        """Start empty."""
        self.writes: deque[Callable[[], object]] = deque()
        self._engine = engine
        self._retry_at = 0.0
        _ALL.add(self)

    def flush(self, last: bool = False) -> None:
        """Perform the writes, unless no statement may run here either.

        They stay queued while the database is locked or cannot be reached.

        Args:
            last: whether the process is about to end.
        """
        if not self.writes or collecting() or self._engine.in_block():
            return
        if time.monotonic() < self._retry_at and not last:
            return
        lock_timeout = _EXIT_LOCK_TIMEOUT if last else _LOCK_TIMEOUT
        remaining = deque[Callable[[], object]]()
        try:
            # Empty the queue first: each write is a call of the store, and would flush the others.
            while self.writes:
                remaining.append(self.writes.popleft())
            while remaining and self._perform(remaining[0], lock_timeout):
                remaining.popleft()
        except IndexError:  # another thread is flushing them too
            pass
        finally:
            if remaining:
                self._retry_at = time.monotonic() + _PAUSE
                self.writes.extendleft(reversed(remaining))

    def _perform(self, write: Callable[[], object], lock_timeout: float) -> bool:
        """Perform a write; return whether it can leave the queue."""
        try:
            self._engine.with_lock_timeout(write, lock_timeout)
        except StoreUnavailable:
            return False
        except ArtifactStoreError as error:
            _LOG.warning("A pending write of a loop or a run was refused: %s", error)
        return True


_ALL: WeakSet[PendingWrites] = WeakSet()


@atexit.register
def _at_exit() -> None:
    for pending_writes in list(_ALL):
        pending_writes.flush(last=True)


def _after_fork_in_child() -> None:
    """Leave the writes of the parent to the parent."""
    for pending_writes in list(_ALL):
        pending_writes.writes.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_after_fork_in_child)
