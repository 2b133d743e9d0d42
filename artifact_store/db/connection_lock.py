"""The lock that is held while connections open and close, and a queue for finalizers, which must not wait for it.

The garbage collector calls finalizers at any time, even in the middle of a statement for which the holder of the lock
is waiting. A finalizer that waited for the lock would then be a deadlock. So it queues what it has to close. If the
lock is free, that is closed at once; otherwise the thread that holds the lock closes it after releasing the lock.
"""

import ctypes
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

__all__ = ["CONNECTION_LOCK", "close_later", "close_pending", "forget_pending"]

# Reentrant, because a finalizer may run in the thread that holds it. It is written in C, so that a signal handler
# cannot raise between two steps of its `with`.
CONNECTION_LOCK = threading.RLock()
"""Held while a connection opens or closes, and around a fork. Call `close_pending` after releasing it."""

_PENDING: deque[Callable[[], object]] = deque()


def close_later(close: Callable[[], object]) -> None:
    """Call a function that closes something, now or soon, without waiting. For finalizers."""
    _PENDING.append(close)
    close_pending()


def close_pending() -> None:
    """Close what finalizers have queued, unless another thread holds the lock: then that thread does it."""
    # If something is queued after the last check, the thread that queued it closes it, because the lock is free then.
    while _PENDING and CONNECTION_LOCK.acquire(blocking=False):
        try:
            with suppress(IndexError):
                while True:
                    close = _PENDING.popleft()
                    with suppress(Exception):  # there is no caller who could handle it
                        close()
        finally:
            CONNECTION_LOCK.release()


def forget_pending() -> None:
    """Empty the queue in a forked child, without closing what the parent still has to close."""
    for close in _PENDING:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(close))
    _PENDING.clear()
