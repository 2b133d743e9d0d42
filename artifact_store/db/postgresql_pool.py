"""The connection pool of a PostgreSQL store: threads borrow a connection for one statement or one transaction.

A connection that is lost between two steps, because a signal handler raised there, must not use up the pool. So the
pool holds strong references to idle connections only: Python closes one that nothing refers to, and its place is free.
"""

import queue
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

__all__ = ["Pool", "PoolExhausted"]

_LONGEST_WAIT = 0.05  # seconds until a waiting thread looks again whether a place is free


class PooledConnection(Protocol):
    """What the pool needs of a connection.

    Attributes:
        place: its place in the pool; `None` once it was discarded.
        age: how often the pool had been closed when the connection was opened.
    """

    place: Any
    age: int

    @property
    def closed(self) -> bool:
        """Whether it is closed."""

    def close(self) -> None:
        """Close it."""


C = TypeVar("C", bound=PooledConnection)


class PoolExhausted(Exception):
    """Every connection was in use until the deadline."""


class _Place:
    """One place of the pool, referenced by a connection, or by the thread that opens one."""

    __slots__ = ("__weakref__",)


class Pool(Generic[C]):
    """At most `size` connections at a time, opened when they are first needed.

    Attributes:
        size: the most connections.
    """

    def __init__(self, connect: Callable[[], C], size: int) -> None:
        """Create an empty pool.

        Args:
            connect: returns a new psycopg connection.
            size: the most connections.
        """
        self.size = size
        self._connect = connect
        # A queue written in C: a signal handler cannot interrupt it halfway, and the collector may put into it.
        self._idle: queue.SimpleQueue[C] = queue.SimpleQueue()
        self._places: weakref.WeakSet[_Place] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._age = 0  # how often it was closed

    def __len__(self) -> int:
        """Return the number of connections that are open or being opened."""
        return len(self._places)

    def take(self, timeout: float) -> C:
        """Return a connection with no transaction open.

        Args:
            timeout: seconds to wait for one when all are in use.

        Raises:
            PoolExhausted: all were in use for so long.
        """
        try:
            while True:
                connection = self._idle.get_nowait()
                if self._is_open(connection):
                    return connection
        except queue.Empty:
            return self._open_or_wait(time.monotonic() + timeout)

    def _open_or_wait(self, deadline: float) -> C:
        while True:
            place = self._free_place()
            if place is not None:
                try:
                    connection = self._connect()
                    connection.place = place
                    connection.age = self._age
                except BaseException:
                    self._places.discard(place)  # the traceback of the error may keep it for long
                    raise
                return connection
            left = deadline - time.monotonic()
            if left <= 0:
                raise PoolExhausted
            try:
                connection = self._idle.get(timeout=min(left, _LONGEST_WAIT))
            except queue.Empty:
                continue
            if self._is_open(connection):
                return connection

    def _is_open(self, connection: C) -> bool:
        """Tell whether a connection is open; when an interrupt comes here, its traceback must not keep the place."""
        try:
            return not connection.closed
        except BaseException:
            self.discard(connection)
            raise

    def _free_place(self) -> _Place | None:
        with self._lock:
            if len(self._places) >= self.size:
                return None
            place = _Place()
            self._places.add(place)
            return place

    def give_back(self, connection: C, usable: bool) -> None:
        """Take back a connection; it is closed when it is not usable, or the pool was closed meanwhile."""
        if usable and connection.age == self._age:
            self._idle.put(connection)
        else:
            self.discard(connection)

    def discard(self, connection: C) -> None:
        """Close a connection, whatever its state."""
        connection.place = None
        connection.close()

    def close(self) -> None:
        """Close idle connections now, and those in use when they are given back."""
        self._age += 1
        while True:
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                return
            self.discard(connection)
