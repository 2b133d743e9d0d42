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

__all__ = ["GATE", "close_left", "forget_left", "leave"]

# A plain lock, because a signal handler cannot raise between two steps of its own `with`.
GATE = threading.RLock()
"""Held while a connection opens or closes, and around a fork; `close_left` is called after it was held."""

_LEFT: deque[Callable[[], object]] = deque()


def leave(close: Callable[[], object]) -> None:
    """Call a function that closes something, now or soon, without waiting: for finalizers."""
    _LEFT.append(close)
    close_left()


def close_left() -> None:
    """Close what finalizers have left, unless another thread holds the lock: it does so when it has let go."""
    # What is left after the last look here is closed by who has left it, because the lock is free by then.
    while _LEFT and GATE.acquire(blocking=False):
        try:
            with suppress(IndexError):
                while True:
                    close = _LEFT.popleft()
                    with suppress(Exception):  # there is nobody to tell
                        close()
        finally:
            GATE.release()


def forget_left() -> None:
    """Keep a forked child from closing what its parent still has to close."""
    for close in _LEFT:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(close))
    _LEFT.clear()
