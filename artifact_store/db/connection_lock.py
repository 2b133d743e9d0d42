"""The lock under which connections are opened and closed, and which the garbage collector never waits for.

A finalizer may not wait for a lock. The garbage collector calls finalizers at any time, also in the middle of a
statement, and who holds the lock may be waiting for that statement. So a finalizer leaves what it has to close:
it is closed at once where the lock is free, else by the thread that holds the lock, when it has let go.
"""

import ctypes
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

__all__ = ["CONNECTION_LOCK", "close_later", "close_pending", "forget_pending"]

# A plain lock, because a signal handler cannot raise between two steps of its own `with`.
CONNECTION_LOCK = threading.RLock()
"""Held while a connection opens or closes, and around a fork; `close_pending` is called after it was held."""

_PENDING: deque[Callable[[], object]] = deque()


def close_later(close: Callable[[], object]) -> None:
    """Call a function that closes something, now or soon, without waiting: for finalizers."""
    _PENDING.append(close)
    close_pending()


def close_pending() -> None:
    """Close what finalizers have left, unless another thread holds the lock: it does so when it has let go."""
    # What is left after the last look here is closed by who has left it, because the lock is free by then.
    while _PENDING and CONNECTION_LOCK.acquire(blocking=False):
        try:
            with suppress(IndexError):
                while True:
                    close = _PENDING.popleft()
                    with suppress(Exception):  # there is nobody to tell
                        close()
        finally:
            CONNECTION_LOCK.release()


def forget_pending() -> None:
    """Keep a forked child from closing what its parent still has to close."""
    for close in _PENDING:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(close))
    _PENDING.clear()
