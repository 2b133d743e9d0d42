"""The connections of a SQLite database, one for each thread, and how they are closed under the eyes of the others."""

import atexit
import ctypes
import os
import sqlite3
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import peewee

from . import errors
from .address import SqliteAddress
from .database import HISTORY
from .datafile import DataFile
from .gate import GATE, close_left, leave
from .opening import Signature, opening_of, signature

__all__ = ["Connection", "Database", "Running", "Transaction"]


class Connection(sqlite3.Connection):
    """A connection of one thread, which others may close.

    To close a connection under a running statement is a crash. Locks would prevent it, but to take one for every
    statement costs as much as a small statement, so two notes do: its thread notes that it runs something and then
    looks whether somebody closes it; who closes it notes that and then looks whether something runs. One of the two
    sees the other, because Python's own lock puts the notes and looks of all threads into one order.

    Attributes:
        thread: the thread that runs its statements.
        running: how many statements are about to run or run, one inside another.
        closing: the thread that holds `GATE` and closes it, or decides whether to; 0 for none.
    """

    thread: int
    running = 0
    closing = 0

    def stand_by(self) -> None:
        """Let whoever closes connections finish, before a statement runs that is noted already.

        Inside of what is noted too they wait for this thread, and have not begun.
        """
        while self.running == 1 and self.closing not in (0, threading.get_ident()):
            self.running -= 1
            try:
                with GATE:
                    pass
                close_left()
            finally:
                self.running += 1


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


class Running:
    """Held while statements of a connection run."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.running += 1
        try:
            if self._connection.closing:
                self._connection.stand_by()
        except BaseException:
            self._connection.running -= 1
            raise

    def __exit__(self, *raised: object) -> None:
        self._connection.running -= 1


@contextmanager
def _standing(connections: Sequence[Connection]) -> Iterator[None]:
    """Keep connections of any threads from running anything, once their statements have ended; holds `GATE`."""
    with GATE:
        try:
            for connection in connections:
                connection.closing = threading.get_ident()
            for connection in connections:
                while connection.running and connection.thread != threading.get_ident():
                    time.sleep(0.0002)
            yield
        finally:
            for connection in connections:
                connection.closing = 0
    close_left()


class _Guard:
    """What a thread holds for as long as it lives, and as the database lives."""

    __slots__ = ("__weakref__",)


class Database(peewee.SqliteDatabase):
    """Peewee's SQLite database at an address of ours, which knows the connections of every thread.

    Nothing outside of it may hold it: it is freed, and its connections are closed, with the store that was dropped.

    Attributes:
        opened: the open connections.
        threads: holds a guard for each thread that has a connection.
        orphaned: why no connection can be opened any more; empty while it can.
        keeper: what keeps a database in memory while no thread is connected to it; `None` for a file.
        file: the file; `None` for a database in memory.
    """

    def __init__(self, address: SqliteAddress) -> None:
        self.opened: set[Connection] = set()
        self.threads = threading.local()
        self.orphaned = ""
        self.keeper: sqlite3.Connection | None = None
        self.again: Callable[[Callable[[], None], BaseException], None]
        self._state: Any
        pragmas = {"foreign_keys": 1, "synchronous": address.synchronous}
        self.address = address
        self.file = None if address.path is None else DataFile(address.path, address.label)
        name = f"file:artifact-store-{uuid.uuid4()}?mode=memory&cache=shared" if address.path is None else address.label
        super().__init__(name, pragmas=pragmas, timeout=0, factory=Connection, check_same_thread=False, uri=True)
        if address.path is None:
            self.keeper = sqlite3.connect(name, uri=True, check_same_thread=False)
            weakref.finalize(self, leave, self.keeper.close)
        _DATABASES.add(self)

    # Locks are taken in this order: Peewee's own, GATE.

    def _connect(self) -> Connection:
        with GATE:
            if self.orphaned:
                raise errors.StoreUnavailable(self.orphaned)
            connection = self._opened()
            connection.thread = threading.get_ident()
            self.opened.add(connection)
            # It dies with the thread, or with the database. The connection alone would wait for the garbage collector.
            self.threads.guard = guard = _Guard()
            # At the end of the process a thread may be running a statement, which a finalizer does not wait for.
            weakref.finalize(guard, _abandon, self.opened, connection, os.getpid()).atexit = False
        close_left()
        return connection

    def _opened(self) -> Connection:
        """Open the file as it must be opened now, or the database in memory."""
        if self.file is None or self.address.path is None:
            connection: Connection = super()._connect()  # type: ignore[misc]
            return connection
        looked = self.file.look()
        opening = opening_of(self.address.path, self.address.read_only)
        self.database = opening.uri
        self.connect_params["factory"] = FixedConnection if opening.immutable else Connection
        connection = super()._connect()  # type: ignore[misc]
        try:
            self.file.opened(looked)
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

    def _close(self, connection: Connection) -> None:
        with _standing([connection]):
            self.opened.discard(connection)
            connection.close()

    def close_all(self, in_blocks: bool = True) -> bool:
        """Close the connections of every thread when their statements have ended; maybe not if one is in a block."""
        with GATE:
            connections = list(self.opened)
            with _standing(connections):
                if not in_blocks and any(connection.in_transaction for connection in connections):
                    return False
                for connection in connections:
                    self.opened.discard(connection)
                    connection.close()
        close_left()
        return True

    def check_file(self, connection: Connection) -> None:
        """Make sure, in a transaction that will write, that the file is still where it was opened; else disconnect.

        Raises:
            StoreUnavailable: the file was deleted, moved or replaced.
        """
        if self.file is not None:
            try:
                self.file.check()
            except errors.StoreUnavailable:
                self.opened.discard(connection)
                connection.close()
                raise

    def give_up_memory(self) -> None:
        """Let go of a database in memory, whose connections are closed."""
        if self.keeper is not None:
            self.orphaned = "The store was in memory and is closed, so what it held is gone: open a new store."
            self.keeper.close()

    def forget(self) -> None:
        """Keep a forked child from ever closing its parent's connections: that could remove files in use."""
        for connection in [*self.opened, *([self.keeper] if self.keeper else [])]:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
        self.opened.clear()

    def connection(self) -> Connection:
        """Return this thread's connection, opened when there is none."""
        connection: Connection = self._state.conn or super().connection()  # type: ignore[no-untyped-call]
        return connection

    def commit_again(self, error: sqlite3.Error) -> None:
        """Try a commit again: where WAL is not to be had, as on some file systems, it waits for readers."""
        self.again(self.commit, error)


class Transaction:
    """An outermost transaction of a store's own database: Peewee's, without what only others need."""

    __slots__ = ("_database", "_state")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._state: Any = database._state

    def __enter__(self) -> None:
        connection = self._state.conn or self._database.connection()
        with Running(connection):
            connection.execute("BEGIN IMMEDIATE")
            self._database.check_file(connection)
        self._state.transactions.append(self)

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        connection = self._state.conn or self._database.connection()
        with Running(connection):
            self._state.transactions.pop()
            if kind is not None:
                self._database.rollback()
                return
            try:
                try:
                    connection.execute("COMMIT")
                except sqlite3.Error as error:
                    self._database.commit_again(error)
            except Exception:
                self._database.rollback()
                raise


def _keep_wal(connection: sqlite3.Connection) -> None:
    """Set a store to WAL again when another tool has changed that; where it cannot be had, `info` tells so."""
    with suppress(sqlite3.Error):  # the first statement tells what is wrong
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            ours = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (HISTORY,)).fetchone()
            if ours is not None:
                connection.execute("PRAGMA journal_mode = wal")


_DATABASES: weakref.WeakSet[Database] = weakref.WeakSet()


def _abandon(opened: set[Connection], connection: Connection, process: int) -> None:
    """Close the connection of a thread that has ended, or of a database that was dropped.

    A child that was forked leaves the connections of its parent alone.
    """
    opened.discard(connection)
    if process == os.getpid():
        leave(connection.close)


def _close_databases() -> None:
    """Close what is open at the end of the process, as the user of a store may forget to."""
    for database in list(_DATABASES):
        database.close_all()


atexit.register(_close_databases)
