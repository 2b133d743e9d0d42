"""Pending writes: the end of loops and runs that were left where no statement may run.

The garbage collector may end a loop or a generator in the middle of another statement, and a block may be rolled back.
What ends there is queued, and the next call of the store writes it.
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
_EXIT_LOCK_TIMEOUT = 1.0  # the same when there will be no other call
_PAUSE = 1.0  # seconds until what could not be written is tried again


class PendingWrites:
    """The writes of one store that wait for its next call.

    Attributes:
        writes: functions that each write one thing; any thread may append one at any time.
    """

    __slots__ = ("__weakref__", "_due", "_engine", "writes")

    def __init__(self, engine: Engine) -> None:
        """Start empty."""
        self.writes: deque[Callable[[], object]] = deque()
        self._engine = engine
        self._due = 0.0
        _ALL.add(self)

    def flush(self, last: bool = False) -> None:
        """Write them, unless no statement may run here either.

        They stay queued while the database is locked or cannot be reached.

        Args:
            last: whether this is the last call, at the end of the process.
        """
        if not self.writes or collecting() or self._engine.in_block():
            return
        if time.monotonic() < self._due and not last:
            return
        lock_timeout = _EXIT_LOCK_TIMEOUT if last else _LOCK_TIMEOUT
        left = deque[Callable[[], object]]()
        try:
            # Take all of them first: each write is a call of the store, and would flush the others.
            while self.writes:
                left.append(self.writes.popleft())
            while left and self._written(left[0], lock_timeout):
                left.popleft()
        except IndexError:  # another thread flushes them too
            pass
        finally:
            if left:
                self._due = time.monotonic() + _PAUSE
                self.writes.extendleft(reversed(left))

    def _written(self, write: Callable[[], object], lock_timeout: float) -> bool:
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
    """Leave the writes of the parent to it."""
    for pending_writes in list(_ALL):
        pending_writes.writes.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_after_fork_in_child)
