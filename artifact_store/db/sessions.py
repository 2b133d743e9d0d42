"""Sessions: the connection and the open transaction of one thread, or of one asyncio task inside a block.

Peewee keeps such a state for each thread. A `Session` replaces it, so that a block belongs to the task that entered
it, and so that an interrupted statement is noticed at the next one.
"""

import sys
import threading
from typing import Any

from .peewee_internals import ConnectionState

__all__ = ["Session", "Sessions", "current_task"]


class Session(ConnectionState):
    """A connection, and the transaction that is open on it.

    The names of Peewee's state are kept, because Peewee runs the migrations: `conn`, `closed`, `transactions`, ….

    Attributes:
        transaction: the open transaction; `None` outside of one.
        busy: a statement is running. When it is still set at the next statement, the last one was interrupted.
        must_roll_back: the garbage collector closed the block while a statement was running; roll it back next.
        of_task: it belongs to a task, not to its thread.
    """

    def __init__(self) -> None:
        """Start without a connection."""
        super().__init__()
        self.transaction: Any = None  # a Transaction, which is made of sessions
        self.busy = False
        self.must_roll_back = False
        self.of_task = False

    def detach(self) -> Any:
        """Return the connection, and forget it and its transaction."""
        connection = self.conn
        self.transaction = None
        self.busy = self.must_roll_back = False
        self.reset()
        return connection


class _Local(threading.local):
    """The sessions of one thread: its own, and those of its tasks that are inside a block."""

    def __init__(self) -> None:
        self.session = Session()
        self.tasks: dict[Any, Session] = {}


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
        for ended in [each for each, other in local.tasks.items() if other.transaction is None]:
            del local.tasks[ended]
        session = Session()
        session.of_task = True
        if (
            local.session.transaction is None
            and not local.session.busy
            and not local.session.closed
        ):
            session.set_connection(local.session.detach())
        local.tasks[task] = session
        return session

    def end_block(self, session: Session) -> Any:
        """Return the connection of a task to its thread, or to the caller if the thread has another one."""
        local = self._local
        if session is local.session:
            return None
        for task in [task for task, other in local.tasks.items() if other is session]:
            del local.tasks[task]
        connection = session.detach()
        if connection is None or not local.session.closed:
            return connection
        local.session.set_connection(connection)
        return None

    def others_in_transaction(self, session: Session) -> bool:
        """Tell whether another task of this thread is in a transaction."""
        tasks = self._local.tasks
        return bool(tasks) and any(
            other is not session and other.transaction is not None for other in tasks.values()
        )

    def forget(self) -> None:
        """Forget all sessions in a forked child, without closing a connection."""
        for session in (self._local.session, *self._local.tasks.values()):
            session.detach()
        self._local = _Local()


def current_task() -> Any:
    """Return the asyncio or Trio task that runs in this thread; `None` outside of one."""
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
