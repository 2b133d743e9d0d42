"""The connection pool of a PostgreSQL store: threads borrow a connection for one statement or one transaction.

A connection that is lost between two steps, because a signal handler raised there, must not use up the pool. So the
pool holds strong references to idle connections only. Python closes a connection that nothing refers to, and then its
slot is free.
"""

import queue
import threading
import time
import weakref
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

__all__ = ["Pool", "PoolExhausted"]

_LONGEST_WAIT = 0.05  # seconds until a waiting thread looks again whether a slot is free


class PooledConnection(Protocol):
    """What the pool needs of a connection.

    Attributes:
        slot: its slot in the pool; `None` once it was discarded.
        generation: how often the pool had been closed when the connection was opened.
    """

    slot: object
    generation: int

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        ...

    def close(self) -> None:
        """Close it."""


C = TypeVar("C", bound=PooledConnection)


class PoolExhausted(Exception):
    """Every connection was in use until the deadline."""


class _Slot:
    """One slot of the pool. Only its connection, or the thread that opens one, refers to it."""

    __slots__ = ("__weakref__",)


class Pool(Generic[C]):
    """At most `size` connections at a time, opened when they are first needed.

    Attributes:
        size: the largest number of connections.
    """

    def __init__(self, connect: Callable[[], C], size: int) -> None:
        """Create an empty pool.

        Args:
            connect: returns a new psycopg connection.
            size: the largest number of connections.
        """
        self.size = size
        self._connect = connect
        # A queue written in C: a signal handler cannot interrupt it halfway, and the garbage collector may put into it.
        self._idle: queue.SimpleQueue[C] = queue.SimpleQueue()
        self._slots: weakref.WeakSet[_Slot] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._generation = 0  # how often it was closed

    def __len__(self) -> int:
        """Return the number of connections that are open or being opened."""
        return len(self._slots)

    def acquire(self, timeout: float) -> C:
        """Return a connection with no transaction open.

        Args:
            timeout: seconds to wait for one when all are in use.

        Raises:
            PoolExhausted: all were in use until the timeout.
        """
        try:
            while True:
                connection = self._idle.get_nowait()
                if self._is_open(connection):
                    return connection
        except queue.Empty:
            return self._open_or_wait(time.monotonic() + timeout)

    def release(self, connection: C, usable: bool) -> None:
        """Return a connection; it is closed if it is not usable, or if the pool was closed in the meantime."""
        if usable and connection.generation == self._generation:
            self._idle.put(connection)
        else:
            self.discard(connection)

    def discard(self, connection: C) -> None:
        """Close a connection, whatever its state."""
        connection.slot = None
        connection.close()

    def close(self) -> None:
        """Close idle connections now, and those in use when they are returned."""
        self._generation += 1
        while True:
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                return
            self.discard(connection)

    def _open_or_wait(self, deadline: float) -> C:
        while True:
            slot = self._free_slot()
            if slot is not None:
                try:
                    connection = self._connect()
                    connection.slot = slot
                    connection.generation = self._generation
                except BaseException:
                    self._slots.discard(slot)  # the traceback of the error may keep it for long
                    raise
                return connection

            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise PoolExhausted
            try:
                connection = self._idle.get(timeout=min(remaining, _LONGEST_WAIT))
            except queue.Empty:
                continue
            if self._is_open(connection):
                return connection

    def _is_open(self, connection: C) -> bool:
        """Return whether a connection is open; if an interrupt comes here, its traceback must not keep the slot."""
        try:
            return not connection.closed
        except BaseException:
            self.discard(connection)
            raise

    def _free_slot(self) -> _Slot | None:
        with self._lock:
            if len(self._slots) >= self.size:
                return None
            slot = _Slot()
            self._slots.add(slot)
            return slot
