"""The connections of a SQLite database, one for each thread, and how other threads close them."""

import atexit
import ctypes
import os
import sqlite3
import threading
import uuid
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import peewee

from .. import errors
from .connection_lock import CONNECTION_LOCK, close_later, close_pending
from .engine import HISTORY
from .peewee_internals import SessionDatabase
from .sessions import Sessions
from .sqlite_file import DataFile
from .sqlite_opening import Signature, opening_of, signature
from .url import SqliteAddress

__all__ = ["Connection", "Database"]


class Connection(sqlite3.Connection):
    """A connection that other threads may close between two statements.

    To close a connection under a running statement is a crash, so a statement runs under the connection's lock.

    Attributes:
        lock: held while a statement runs.
        opened: the connections of its database, of which it is one while it is open.
        finalizer: closes it when its thread has ended.
        closed: `close` was called.
    """

    lock: threading.Lock
    opened: "set[Connection] | None" = None
    finalizer: "weakref.finalize[..., _Guard] | None" = None
    closed = False

    def close(self) -> None:
        """Close; no statement may be running."""
        self.closed = True
        super().close()
        if self.opened is not None:
            self.opened.discard(self)
        if self.finalizer is not None:
            self.finalizer.detach()


class FixedConnection(Connection):
    """A connection to a file that nobody can change; when somebody has changed it, it closes itself.

    The engine then opens another one and asks again, as it does when another thread has closed the connection.

    Attributes:
        file: the file.
        signature: what the file looked like before it was opened; `None` while it is being opened.
    """

    file: Path
    signature: Signature = None

    def _look(self) -> None:
        if self.signature is not None and signature(self.file) != self.signature:
            self.close()

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Run a statement, unless the file has changed."""
        self._look()
        return super().execute(sql, parameters)

    def cursor(self, *args: Any, **options: Any) -> Any:
        """Return a cursor, unless the file has changed."""
        self._look()
        return super().cursor(*args, **options)


class _Guard:
    """What a thread holds for as long as it lives, and as the database lives."""

    __slots__ = ("__weakref__",)


class Database(SessionDatabase, peewee.SqliteDatabase):
    """Peewee's SQLite database at an address of ours, which knows the connections of every thread.

    Nothing outside of it may hold it: it is freed, and its connections are closed, with the store that was dropped.

    Attributes:
        opened: the open connections.
        sessions: what each thread uses.
        threads: holds, for each thread, its connections with a guard for each.
        closed_reason: why no connection can be opened any more; empty while it can.
        memory_connection: what keeps a database in memory while no thread is connected to it; `None` for a file.
        file: the file; `None` for a database in memory.
    """

    def __init__(self, address: SqliteAddress) -> None:
        self.opened: set[Connection] = set()
        self.sessions = Sessions()
        self.threads = threading.local()
        self.closed_reason = ""
        self.memory_connection: sqlite3.Connection | None = None
        pragmas = {"foreign_keys": 1, "synchronous": address.synchronous}
        self.address = address
        self.file = None if address.path is None else DataFile(address.path, address.label)
        name = (
            f"file:artifact-store-{uuid.uuid4()}?mode=memory&cache=shared"
            if address.path is None
            else address.label
        )
        super().__init__(
            name, pragmas=pragmas, timeout=0, factory=Connection, check_same_thread=False, uri=True
        )
        if address.path is None:
            self.memory_connection = sqlite3.connect(name, uri=True, check_same_thread=False)
            weakref.finalize(self, close_later, self.memory_connection.close)
        _DATABASES.add(self)

    # Locks are taken in this order: Peewee's own, CONNECTION_LOCK, a connection's.

    def open_connection(self) -> Connection:
        """Open a connection that closes when its thread ends."""
        with CONNECTION_LOCK:
            if self.closed_reason:
                raise errors.StoreUnavailable(self.closed_reason)
            connection = self._opened()
            connection.lock = threading.Lock()
            connection.opened = self.opened
            self.opened.add(connection)
            # It dies with the thread, or with the database. The connection alone would wait for the garbage collector.
            guard = _Guard()
            open_here = [
                each for each in self.threads.__dict__.get("guards", ()) if not each[0].closed
            ]
            self.threads.guards = [*open_here, (connection, guard)]
            # At the end of the process a thread may be running a statement, which a finalizer does not wait for.
            connection.finalizer = weakref.finalize(
                guard, _close_for_ended_thread, self.opened, connection, os.getpid()
            )
            connection.finalizer.atexit = False
        close_pending()
        return connection

    def _opened(self) -> Connection:
        """Open the file as it must be opened now, or the database in memory."""
        if self.file is None or self.address.path is None:
            connection: Connection = super().open_connection()
            return connection
        before = self.file.before_open()
        opening = opening_of(self.address.path, self.address.read_only)
        self.database = opening.uri
        self.connect_params["factory"] = FixedConnection if opening.immutable else Connection
        connection = super().open_connection()
        try:
            self.file.after_open(before)
            if opening.query_only:
                connection.execute("PRAGMA query_only = 1")
            elif opening.writable:
                _keep_wal(connection)
        except BaseException:
            connection.close()
            raise
        if isinstance(connection, FixedConnection):
            connection.file = self.address.path
            connection.signature = opening.immutable
        return connection

    def close_memory(self) -> None:
        """Let go of a database in memory, whose connections are closed."""
        if self.memory_connection is not None:
            self.closed_reason = "The store was in memory and was closed, so its contents are gone: open a new store."
            self.memory_connection.close()

    def forget(self) -> None:
        """Keep a forked child from ever closing its parent's connections: that could remove files in use."""
        for connection in [
            *self.opened,
            *([self.memory_connection] if self.memory_connection else []),
        ]:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
        self.opened.clear()

    def connection(self) -> Connection:
        """Return this thread's connection, opened when there is none."""
        session = self.sessions.current()
        if session.conn is None or session.conn.closed:
            session.reset()
            self.connect()
        connection: Connection = session.conn
        return connection

    def close_all(self, timeout: float, in_transactions: bool = True) -> bool:
        """Close the connections of every thread when their statements have ended.

        Args:
            timeout: seconds to wait for the statements of each; one that goes on longer keeps its connection.
            in_transactions: without it, nothing is closed while one is in a transaction.

        Returns:
            Whether all are closed.
        """
        connections = list(self.opened)
        if not in_transactions and any(connection.in_transaction for connection in connections):
            return False
        closed = [self.close_one(connection, timeout) for connection in connections]
        return all(closed)

    def close_one(self, connection: Connection, timeout: float) -> bool:
        """Close a connection of any thread, when its statement has ended; tell whether it is closed."""
        if not connection.lock.acquire(timeout=timeout):
            return False
        try:
            connection.close()
        finally:
            connection.lock.release()
        return True


def _keep_wal(connection: sqlite3.Connection) -> None:
    """Set a store to WAL again when another tool has changed that; where it cannot be had, `info` tells so."""
    with suppress(sqlite3.Error):  # the first statement tells what is wrong
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            ours = connection.execute(
                "SELECT 1 FROM sqlite_master WHERE name = ?", (HISTORY,)
            ).fetchone()
            if ours is not None:
                connection.execute("PRAGMA journal_mode = wal")


_DATABASES: weakref.WeakSet[Database] = weakref.WeakSet()


def _close_for_ended_thread(opened: set[Connection], connection: Connection, process: int) -> None:
    """Close the connection of a thread that has ended, or of a database that was dropped.

    A child that was forked leaves the connections of its parent alone.
    """
    opened.discard(connection)
    if process == os.getpid():
        close_later(lambda: _close_idle(connection))


def _close_idle(connection: Connection) -> None:
    """Close a connection; Python closes one whose statement is still running when it has ended."""
    if connection.lock.acquire(blocking=False):
        try:
            connection.close()
        finally:
            connection.lock.release()


def _close_databases() -> None:
    """Close what is open at the end of the process, as the user of a store may forget to."""
    for database in list(_DATABASES):
        database.close_all(1.0)


atexit.register(_close_databases)
