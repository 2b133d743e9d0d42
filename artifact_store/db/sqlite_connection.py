"""The connections of a SQLite database: one for each thread, which any thread may close."""

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

    Python crashes when a connection is closed while a statement runs on it, so every statement
    holds the connection's lock.

    Attributes:
        lock: held while a statement runs.
        opened: the open connections of its database; this one removes itself when it is closed.
        finalizer: closes it when its thread has ended.
        closed: whether `close` was called.
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
    """A connection to a file that nobody can change. If somebody does, it closes itself.

    The engine then runs the statement again on a new connection, as it does when another thread has
    closed the connection.

    Attributes:
        file: the file.
        signature: the signature of the file before it was opened; `None` while it is being opened.
    """

    file: Path
    signature: Signature = None

    def _close_if_changed(self) -> None:
        if self.signature is not None and signature(self.file) != self.signature:
            self.close()

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Run a statement, unless the file has changed."""
        self._close_if_changed()
        return super().execute(sql, parameters)

    def cursor(self, *args: Any, **options: Any) -> Any:
        """Return a cursor, unless the file has changed."""
        self._close_if_changed()
        return super().cursor(*args, **options)


class _Guard:
    """Lives as long as a thread and its database; its finalizer closes a connection."""

    __slots__ = ("__weakref__",)


class Database(SessionDatabase, peewee.SqliteDatabase):
    """A Peewee database at an address of ours, which knows the connections of every thread.

    Only its engine may refer to it, so that its connections are closed when a store is dropped
    without being closed.

    Attributes:
        opened: the open connections.
        sessions: the sessions of all threads.
        threads: for each thread, its connections with a guard for each.
        closed_reason: why no connection can be opened any more; empty while one can.
        memory_connection: keeps a database in memory alive while no thread is connected to it;
            `None` for a file.
        file: the file; `None` for a database in memory.
    """

    def __init__(self, address: SqliteAddress) -> None:
        self.address = address
        self.opened: set[Connection] = set()
        self.sessions = Sessions()
        self.threads = threading.local()
        self.closed_reason = ""
        self.memory_connection: sqlite3.Connection | None = None
        self.file: DataFile | None = None
        name = address.label
        if address.path is not None:
            self.file = DataFile(address.path, address.label)
        else:
            name = f"file:artifact-store-{uuid.uuid4()}?mode=memory&cache=shared"

        super().__init__(
            name,
            pragmas={"foreign_keys": 1, "synchronous": address.synchronous},
            timeout=0,  # the engine retries by itself
            factory=Connection,
            check_same_thread=False,
            uri=True,
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
            connection = self._open()
            connection.lock = threading.Lock()
            connection.opened = self.opened
            self.opened.add(connection)

            # The connection itself would only be freed by the garbage collector.
            guard = _Guard()
            connection.finalizer = weakref.finalize(
                guard, close_for_ended_thread, self.opened, connection, os.getpid()
            )
            # A finalizer at the end of the process would not wait for a running statement.
            connection.finalizer.atexit = False

            guards = getattr(self.threads, "guards", [])
            still_open = [each for each in guards if not each[0].closed]
            self.threads.guards = [*still_open, (connection, guard)]
        close_pending()
        return connection

    def _open(self) -> Connection:
        """Open the file, as it must be opened now, or the database in memory."""
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
                restore_wal(connection)
        except BaseException:
            connection.close()
            raise

        if isinstance(connection, FixedConnection):
            connection.file = self.address.path
            connection.signature = opening.immutable
        return connection

    def close_memory(self) -> None:
        """Free a database in memory, after its connections were closed."""
        if self.memory_connection is not None:
            self.closed_reason = "The store was in memory and was closed, so its contents are gone: open a new store."
            self.memory_connection.close()

    def forget(self) -> None:
        """Leak the connections of the parent, in a forked child.

        Closing one could remove files that the parent uses.
        """
        inherited: list[sqlite3.Connection] = [*self.opened]
        if self.memory_connection is not None:
            inherited.append(self.memory_connection)
        for connection in inherited:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
        self.opened.clear()

    def connection(self) -> Connection:
        """Return the connection of this thread, which is opened if there is none."""
        session = self.sessions.current()
        if session.conn is None or session.conn.closed:
            session.reset()
            self.connect()
        connection: Connection | None = session.conn
        assert connection is not None
        return connection

    def close_all(self, timeout: float, in_transactions: bool = True) -> bool:
        """Close the connections of every thread, each when its statement has ended.

        Args:
            timeout: seconds to wait for each statement; if one takes longer, its connection stays
                open.
            in_transactions: whether to close connections while one of them is in a transaction;
                otherwise, none is closed then.

        Returns:
            Whether all are closed.
        """
        connections = list(self.opened)
        if not in_transactions and any(connection.in_transaction for connection in connections):
            return False
        closed = [self.close_one(connection, timeout) for connection in connections]
        return all(closed)

    def close_one(self, connection: Connection, timeout: float) -> bool:
        """Close a connection when its statement has ended; return whether it is closed."""
        if not connection.lock.acquire(timeout=timeout):
            return False
        try:
            connection.close()
        finally:
            connection.lock.release()
        return True


def restore_wal(connection: sqlite3.Connection) -> None:
    """Switch a store to WAL again if another tool has changed its journal mode."""
    with suppress(sqlite3.Error):  # the first statement of the caller reports what is wrong
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode == "wal":
            return
        history = "SELECT 1 FROM sqlite_master WHERE name = ?"
        is_store = connection.execute(history, (HISTORY,)).fetchone() is not None
        if is_store:
            connection.execute("PRAGMA journal_mode = wal")


_DATABASES: weakref.WeakSet[Database] = weakref.WeakSet()


def close_for_ended_thread(opened: set[Connection], connection: Connection, process: int) -> None:
    """Close the connection of a thread that has ended, or of a database that was dropped.

    A forked child leaves the connections of its parent open.
    """
    opened.discard(connection)
    if process == os.getpid():
        close_later(lambda: close_idle(connection))


def close_idle(connection: Connection) -> None:
    """Close a connection, unless a statement is running on it; then Python closes it afterwards."""
    if connection.lock.acquire(blocking=False):
        try:
            connection.close()
        finally:
            connection.lock.release()


def close_databases() -> None:
    """Close, at the end of the process, the stores that the program has not closed."""
    for database in list(_DATABASES):
        database.close_all(1.0)


atexit.register(close_databases)
