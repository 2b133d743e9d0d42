"""Which session belongs to which thread, or to which asyncio or Trio task inside a block or a snapshot.

Peewee keeps one state for each thread. Here a task that enters one gets a session of its own, so that statements
of the other tasks of its thread do not join the transaction.
"""

import sys
import threading
from typing import Protocol

from .transactions import Session

__all__ = ["Sessions", "current_task"]


class Closable(Protocol):
    """A connection that is no longer needed."""

    def close(self) -> None:
        """Close it."""


class _Local(threading.local):
    """The session of one thread, and those of its tasks that are inside a block."""

    def __init__(self) -> None:
        self.session = Session()
        self.tasks: dict[object, Session] = {}


class Sessions:
    """The sessions of one database."""

    def __init__(self) -> None:
        """Start empty; each thread gets a session when it first needs one."""
        self._local = _Local()

    def current(self) -> Session:
        """Return the session of this thread, or of this task if it is inside a block."""
        local = self._local
        if local.tasks:
            session = local.tasks.get(current_task())
            if session is not None:
                return session
        return local.session

    def for_block(self) -> Session:
        """Return the session in which a block begins; in a task, a new one for the task alone.

        The new session takes over the idle connection of the thread, so that no other one is opened.
        """
        local = self._local
        task = current_task()
        if task is None:
            return local.session

        ended = [task for task, session in local.tasks.items() if session.transaction is None]
        for each in ended:
            del local.tasks[each]

        session = Session()
        session.of_task = True
        thread = local.session
        if thread.transaction is None and not thread.busy and not thread.closed:
            session.set_connection(thread.detach())
        local.tasks[task] = session
        return session

    def end_block(self, session: Session) -> Closable | None:
        """Give the connection of a task back to its thread; return it if the thread has another one."""
        local = self._local
        if session is local.session:
            return None
        for task in [task for task, other in local.tasks.items() if other is session]:
            del local.tasks[task]
        connection: Closable | None = session.detach()
        if connection is None or not local.session.closed:
            return connection
        local.session.set_connection(connection)
        return None

    def others_may_write(self, session: Session) -> bool:
        """Return whether another task of this thread holds the write lock."""
        tasks = self._local.tasks
        if not tasks:
            return False
        others = (other.transaction for other in tasks.values() if other is not session)
        return any(each is not None and each.write_lock is not None for each in others)

    def forget(self) -> None:
        """Forget all sessions in a forked child, without closing a connection."""
        for session in (self._local.session, *self._local.tasks.values()):
            session.detach()
        self._local = _Local()


def current_task() -> object:
    """Return the asyncio or Trio task that runs in this thread; `None` outside one."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None:
        try:
            return asyncio.current_task()
        except RuntimeError:
            pass  # no event loop runs in this thread
    trio = sys.modules.get("trio")
    if trio is not None:
        try:
            return trio.lowlevel.current_task()
        except RuntimeError:
            pass
    return None
