"""The SQLite engine: one file, shared by many processes.

Write transactions begin with BEGIN IMMEDIATE: a deferred one that has already read fails at once
when another process writes, whatever the timeout. A snapshot is a deferred one that only reads.
SQLite's own busy handler is unfair with many writers, so it is switched off, and a writer retries
after random pauses until the deadline.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import ClassVar, TypeVar
from urllib.parse import quote

import peewee

from .. import errors
from ..db import sqlite_errors
from .dialects import SQLITE, Dialect
from .engine import HISTORY, Cursor, Engine, Params, Row, ServerInfo, statements_are_logged
from .gc_guard import collecting
from .sqlite_connection import Connection, Database
from .sqlite_damage import first_undecodable, page_problems
from .sqlite_file import create_file, file_exists
from .transactions import Session, Transaction
from .url import SqliteAddress

__all__ = ["TAKE_SNAPSHOT", "SqliteEngine"]

T = TypeVar("T")

_MINIMUM = (3, 35, 0)  # RETURNING
_LONGEST_QUEUE = 1.0  # seconds
TAKE_SNAPSHOT = "SELECT NULL FROM sqlite_master LIMIT 1"
"""Reads the file, so that a transaction sees it from then on as it is now."""


class SqliteEngine(Engine):
    """A SQLite database: a file, memory, or a Peewee database that the caller opened."""

    dialect: ClassVar[Dialect] = SQLITE
    # In a damaged file, even a column name or an error message may not be decodable.
    driver_errors: ClassVar[tuple[type[BaseException], ...]] = (
        peewee.PeeweeException,
        sqlite3.Error,
        UnicodeDecodeError,
    )
    longest_pause: ClassVar[float] = 0.002

    def __init__(self, address: SqliteAddress | peewee.SqliteDatabase) -> None:
        """Prepare the engine. A database in memory is created now, a file with its tables."""
        if sqlite3.sqlite_version_info < _MINIMUM:
            raise errors.StoreUnavailable(
                f"SQLite {sqlite3.sqlite_version} is too old: 3.35 or newer is needed."
            )

        if isinstance(address, SqliteAddress):
            self.address: SqliteAddress | None = address
            self.path = address.path
            self.read_only = address.read_only
            super().__init__(Database(address), address.label, _url(address.label), address.timeout)
        else:
            name = str(address.database)
            self.address = None
            self.path = None if name == ":memory:" else Path(name)
            super().__init__(address, name, _url(name), 30.0)

        self._owned = self.address is not None
        self._file = self.database.file if self._owned else None
        self.in_memory = self._owned and self.path is None
        self.write_lock = threading.Lock()
        # A reader must not block writers.
        self._begin_statement = "BEGIN" if self.read_only else "BEGIN IMMEDIATE"
        self._fork_reason = ""
        self._token = object()  # not the engine itself, which an unfinished run would keep alive

    @property
    def place(self) -> Hashable:
        """The path of the file; a database in memory is shared with no other engine."""
        return self._token if self.path is None else self.path.resolve()

    # Statements

    def query(
        self, sql: str, params: Params, fetch: Callable[[Cursor], T], custom_plan: bool = False
    ) -> T:
        """Run one statement and return what `fetch` returns for its cursor."""
        session = self.session()
        if session.busy:
            self.recover(session)

        session.busy = True
        try:
            connection = session.conn
            if (
                connection is None
                or connection.closed
                or self.database.query_hooks
                or statements_are_logged()
            ):
                result = self.run_statement(session, sql, params, fetch)
            else:
                with connection.lock:
                    result = fetch(connection.execute(sql, params))
        except self.driver_errors as error:
            session.busy = session.must_roll_back
            return self.retry(partial(self._run_again, sql, params, fetch), error)
        session.busy = session.must_roll_back
        return result

    def run_statement(
        self, session: Session, sql: str, params: Params, fetch: Callable[[Cursor], T]
    ) -> T:
        """Run one statement on the connection of a session, which is opened if needed."""
        connection = session.conn
        if connection is None or (connection.closed and session.transaction is None):
            connection = self.database.connection()
        with connection.lock:
            if self.database.query_hooks or statements_are_logged():
                result = fetch(self.database.execute_sql(sql, params))
            else:
                result = fetch(connection.execute(sql, params))
        return result

    def _run_again(self, sql: str, params: Params, fetch: Callable[[Cursor], T]) -> T:
        """Run a failed statement once more."""
        session = self.session()
        session.busy = True
        try:
            return self.run_statement(session, sql, params, fetch)
        finally:
            session.busy = session.must_roll_back

    def execute_all(self, statements: Sequence[tuple[str, Params]]) -> int:
        """Run statements in order, inside a block; return how many rows the last one changed."""
        session = self.session()
        connection = session.conn
        if (
            session.busy
            or connection is None
            or connection.closed
            or self.database.query_hooks
            or statements_are_logged()
        ):
            return super().execute_all(statements)

        session.busy = True
        changed = 0
        try:
            with connection.lock:
                for sql, params in statements:
                    changed = connection.execute(sql, params).rowcount
        except self.driver_errors as error:
            session.busy = session.must_roll_back
            return self.retry(partial(super().execute_all, statements), error)
        session.busy = session.must_roll_back
        return changed

    def recover(self, session: Session) -> None:
        """Close a connection whose last statement was interrupted: it may keep an old snapshot."""
        transaction = session.transaction
        if transaction is None:
            self._close_connection(session)
            return
        if session.must_roll_back:
            transaction.abort()
        raise self.interrupted_error()

    # Transactions

    def begin(self, transaction: Transaction) -> None:
        """Begin with the write lock of the file, as a transaction that has read cannot wait for it.

        A snapshot takes no lock, and reads at once: a deferred transaction sees the moment of its
        first read. In memory, where the connections of threads share their pages, it needs the
        write lock too.
        """
        session = transaction.session
        needs_lock = self.in_memory or not transaction.reads_only
        if needs_lock:
            self._queue_for_write_lock(transaction)

        connection = self._idle_connection(session)
        session.transaction = transaction
        session.transactions.append(transaction)

        try:
            with connection.lock:
                connection.execute(self._begin_statement if needs_lock else "BEGIN")
                if transaction.reads_only:
                    connection.execute(TAKE_SNAPSHOT).fetchall()
            if self._file is not None:
                self._file.check()
        except errors.StoreUnavailable:
            connection.close()
            raise
        except sqlite3.OperationalError as error:
            timed_out = time.monotonic() >= transaction.deadline
            no_lock = needs_lock and transaction.write_lock is None
            if no_lock and timed_out and self.is_transient(error):
                raise sqlite_errors.write_lock_timeout(self.label, self.timeout) from error
            raise

        if needs_lock and transaction.write_lock is None:
            # This thread may write, so no other thread can really hold the lock: replace it.
            new_lock = threading.Lock()
            new_lock.acquire()
            transaction.write_lock = self.write_lock = new_lock

    def _queue_for_write_lock(self, transaction: Transaction) -> None:
        """Wait until no other thread of this process writes.

        If all of them retried BEGIN, they would slow each other down. After a second a thread tries
        anyway, because an interrupt may have left that lock held.
        """
        if self.sessions.others_may_write(transaction.session):
            raise errors.StoreUnavailable(
                f"{self.label}: another asyncio task of this thread is inside a block, and SQLite has one writer: "
                "leave the block before you await."
            )
        lock = self.write_lock
        if lock.acquire(blocking=False):
            transaction.write_lock = lock
        else:
            self.wait_for_write_lock(transaction)

    def _idle_connection(self, session: Session) -> Connection:
        """Return the connection of a session, or a new one if a statement may be open on it."""
        connection: Connection | None = session.conn
        if (
            connection is not None
            and not connection.closed
            and not session.busy
            and not connection.lock.locked()
            and not connection.in_transaction
        ):
            return connection
        self._close_connection(session)
        opened: Connection = self.database.connection()
        return opened

    def wait_for_write_lock(self, transaction: Transaction) -> None:
        """Wait a while for the write lock of this process."""
        lock = self.write_lock
        remaining = max(transaction.deadline - time.monotonic(), 0)
        if lock.acquire(timeout=min(remaining, _LONGEST_QUEUE)):
            transaction.write_lock = lock

    def release_write_lock(self, transaction: Transaction) -> None:
        """Release the write lock of this process, if a transaction holds it."""
        lock = transaction.write_lock
        transaction.write_lock = None
        if lock is not None:
            lock.release()

    def _close_connection(self, session: Session) -> None:
        """Close the connection of a session, unless the collector interrupted its statement."""
        connection = session.detach()
        if connection is not None and not collecting():
            connection.close()

    def commit(self, transaction: Transaction) -> None:
        """Commit."""
        connection = transaction.session.conn
        if connection is None:
            raise self.undone_error()
        with connection.lock:
            connection.execute("COMMIT")

    def may_commit_again(self, transaction: Transaction, error: BaseException) -> bool:
        """Return whether only readers block the commit, as they do without WAL."""
        connection = transaction.session.conn
        in_time = time.monotonic() < transaction.deadline
        return (
            in_time
            and self.is_transient(error)
            and connection is not None
            and not connection.closed
            and connection.in_transaction
        )

    def roll_back(self, transaction: Transaction) -> None:
        """Roll back, and release the connection and the write lock."""
        session = transaction.session
        connection = session.conn
        if session.transaction is transaction and connection is not None and not connection.closed:
            if session.busy or connection.lock.locked():
                # After a writing statement that was not read to its end, nothing can be committed.
                connection.close()
            elif connection.in_transaction:
                with connection.lock:
                    connection.rollback()
        self.release(transaction)

    def discard(self, transaction: Transaction) -> None:
        """Close the connection of a transaction, and release the write lock."""
        session = transaction.session
        connection = session.conn
        if session.transaction in (None, transaction) and connection is not None:
            connection.close()
        self.release(transaction)

    def discard_elsewhere(self, transaction: Transaction) -> None:
        """Close the connection of a transaction of another thread, once its statement has ended."""
        connection = transaction.session.detach()
        if connection is not None:
            self.database.close_one(connection, 1.0)
        self.release_write_lock(transaction)

    def release(self, transaction: Transaction) -> None:
        """Let the next thread of this process begin."""
        session = transaction.session
        if session.transaction is transaction:
            session.transaction = None
            session.transactions.clear()
            if session.conn is not None and session.conn.closed:
                session.detach()

        if session.transaction is None:
            session.busy = session.must_roll_back = False
            if session.of_task:
                unused = self.sessions.end_block(session)
                if unused is not None:
                    unused.close()
        self.release_write_lock(transaction)

    def set_savepoint(self, transaction: Transaction) -> str:
        """Set a savepoint, unless SQLite has rolled back, as it does when the disk is full."""
        connection = transaction.session.conn
        if connection is not None and not connection.closed and not connection.in_transaction:
            raise self.undone_error()
        return super().set_savepoint(transaction)

    # Retries and errors

    def retry(
        self, attempt: Callable[[], T], error: BaseException, deadline: float | None = None
    ) -> T:
        """Retry, unless `close` has closed the connection and so ended the transaction."""
        session = self.session()
        if session.transaction is not None and session.conn is not None and session.conn.closed:
            raise self.translate_error(error) from error
        return super().retry(attempt, error, deadline)

    def is_transient(self, error: BaseException) -> bool:
        """Return whether a lock is held, or another thread has closed the connection."""
        if "closed database" in str(error):
            return True
        return sqlite_errors.is_busy(error)

    def to_store_error(self, error: BaseException) -> errors.ArtifactStoreError:
        """Return our error for an error of SQLite; its message says what to do."""
        if "closed database" in str(error) and self.current_snapshot() is not None:
            return self.ended_snapshot_error()
        return sqlite_errors.translate_error(error, self.label, self.timeout, self.path)

    def find_undecodable(self, sql: str, params: Params) -> tuple[Mapping[str, object], str] | None:
        """Return the first row of a query with text that is not UTF-8, and its column."""
        if self.path is None or not sql.startswith("SELECT"):
            return None
        return first_undecodable(self.path, sql, params)

    def damaged_pages(self) -> list[str]:
        """Return what `PRAGMA quick_check` finds wrong with the file."""
        self.check_file()
        try:
            rows = self.fetch_all("PRAGMA quick_check")
        except errors.StoreDamaged as error:
            return [str(error)]
        return page_problems(rows)

    # Opening, closing and forking

    def check(self) -> None:
        """Refuse a database of the caller with a setting that changes the results of statements."""
        if self._owned:
            return
        folds, text = self.fetch_one("SELECT 'a' LIKE 'A', 'text'") or (1, "text")
        if folds != 1:
            raise errors.InvalidURL(
                f"{self.label}: the database has the pragma case_sensitive_like, but a store compares without case: "
                "switch it off."
            )
        if text != "text":
            raise errors.InvalidURL(
                f"{self.label}: the database has a text_factory, but a store needs text: leave it out."
            )

    def check_file(self) -> None:
        """Make sure that the file is still where it was opened."""
        if self._file is not None:
            self.database.connection()
            self._file.check()

    def missing(self) -> bool:
        """Return whether the database file does not exist yet."""
        if not self._owned or self.path is None:
            return False
        return not file_exists(self.path, self.label)

    def prepare(self) -> None:
        """Create the database file."""
        if self._owned and self.path is not None:
            create_file(self.path, self.label)

    def use_wal(self) -> None:
        """Switch the file to WAL, in which readers and a writer do not wait for each other."""
        if self._owned and self.path is not None:
            self.pragma("journal_mode = wal")

    @contextmanager
    def migrating(self) -> Iterator[None]:
        """Hold the write lock, with foreign keys switched off, so that a table can be replaced."""
        names = [name for (name,) in self.fetch_all("SELECT name FROM sqlite_master")]
        is_store = not names or HISTORY in names
        if is_store:
            self.use_wal()

        connection = self.database.connection()
        row_factory = connection.row_factory
        connection.row_factory = None  # Peewee's migrations read tuples
        self.pragma("foreign_keys = off")
        try:
            with self.atomic():
                yield
        finally:
            self.pragma("foreign_keys = on")
            connection.row_factory = row_factory

        # A database with other tables stays as it is until our tables are known to fit in.
        if not is_store:
            self.use_wal()

    def pragma(self, statement: str) -> Row | None:
        """Run a PRAGMA outside a block."""
        return self.fetch_one(f"PRAGMA {statement}")

    def server_info(self) -> ServerInfo:
        """Return the version, the size of the file, the connections and the journal mode."""
        self.check_file()
        journal = self.pragma("journal_mode")
        size = self.path.stat().st_size if self.path is not None and self.path.exists() else None
        return ServerInfo(
            f"SQLite {sqlite3.sqlite_version}",
            size,
            len(getattr(self.database, "opened", ())),
            journal=None if journal is None else str(journal[0]),
        )

    def close(self) -> None:
        """Close the connections of every thread.

        The next statement opens a new one, unless the database was in memory.
        """
        super().close()
        if self._owned:
            self.database.close_all(self.timeout)
            if self._file is not None:
                self._file.forget()
            self.database.close_memory()

    def before_fork(self) -> bool:
        """Close the connections before a fork; return whether the fork may go ahead.

        SQLite keeps its file locks in a table of the process. A child that inherits the table
        believes that it holds locks which it does not hold: its commits can be lost when the parent
        closes the file.
        """
        if not self._owned:
            return True
        if self.in_memory:
            self._fork_reason = "A store in memory cannot be used after a fork: use a file."
            return True

        if self.database.close_all(0.001, in_transactions=False):
            self._fork_reason = ""
            return True
        self._fork_reason = (
            f"{self.label}: the process was forked inside a block or a snapshot: "
            "fork before or after it."
        )
        return self.in_block()

    def after_fork(self) -> None:
        """Forget the connections of the parent: closing one could remove files that it uses."""
        self.write_lock = threading.Lock()  # another thread of the parent may have held it
        if self._owned:
            self.database.forget()
            self.database.closed_reason = self.database.closed_reason or self._fork_reason
        super().after_fork()


def _url(name: str) -> str:
    return f"sqlite:///{quote(name, safe='/:')}"
