"""The SQLite engine: one file, shared by many processes.

Write transactions begin with BEGIN IMMEDIATE: a deferred one that has already read fails at once when another process
writes, whatever the timeout. SQLite's own busy handler is unfair with many writers, so it is switched off, and a
writer retries after random pauses until the deadline.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

import peewee

from .. import errors
from ..db import sqlite_errors
from ..paths import mode_of
from .dialects import SQLITE, Dialect
from .engine import HISTORY, Cursor, Engine, Params, Row, ServerInfo, statements_are_logged
from .gc_guard import collecting
from .sessions import Session
from .sqlite_connection import Database
from .sqlite_file import TOO_MANY_FILES, too_many_files
from .transactions import Transaction
from .url import SqliteAddress, default_path

__all__ = ["SqliteEngine"]

T = TypeVar("T")

_MINIMUM = (3, 35, 0)  # RETURNING
_LONGEST_QUEUE = 1.0  # seconds


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
        """Prepare the engine; a database in memory is made now, a file when the tables are."""
        if sqlite3.sqlite_version_info < _MINIMUM:
            raise errors.StoreUnavailable(
                f"SQLite {sqlite3.sqlite_version} is too old: 3.35 or newer is needed."
            )
        self.address = address if isinstance(address, SqliteAddress) else None
        self.read_only = self.address is not None and self.address.read_only
        self._beginning = (
            "BEGIN" if self.read_only else "BEGIN IMMEDIATE"
        )  # a reader must not block writers
        if isinstance(address, SqliteAddress):
            self.path = address.path
            super().__init__(Database(address), address.label, _url(address.label), address.timeout)
        else:
            name = str(address.database)
            self.path = None if name == ":memory:" else Path(name)
            super().__init__(address, name, _url(name), 30.0)
        self.write_lock = threading.Lock()
        self._owned = isinstance(address, SqliteAddress)
        self._file = self.database.file if self._owned else None
        self.in_memory = self._owned and self.path is None
        self._fork_reason = ""
        self._token = object()  # not the engine itself, which an unfinished run would keep alive

    @property
    def place(self) -> Hashable:
        """The path of the file; a database in memory is shared with no other engine."""
        return self._token if self.path is None else self.path.resolve()

    # Statements

    def query(
        self, sql: str, params: Params, take: Callable[[Cursor], T], varied: bool = False
    ) -> T:
        """Run one statement and return what `take` takes from its cursor."""
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
                result = self._execute(session, sql, params, take)
            else:
                with connection.lock:
                    result = take(connection.execute(sql, params))
        except self.driver_errors as error:
            session.busy = session.must_roll_back
            return self.retry(partial(self._attempt, sql, params, take), error)
        session.busy = session.must_roll_back
        return result

    def _execute(
        self, session: Session, sql: str, params: Params, take: Callable[[Cursor], T]
    ) -> T:
        connection = session.conn
        if connection is None or (connection.closed and session.transaction is None):
            connection = self.database.connection()
        with connection.lock:
            if self.database.query_hooks or statements_are_logged():
                result = take(self.database.execute_sql(sql, params))
            else:
                result = take(connection.execute(sql, params))
        return result

    def _attempt(self, sql: str, params: Params, take: Callable[[Cursor], T]) -> T:
        """Run a failed statement once more."""
        session = self.session()
        session.busy = True
        try:
            return self._execute(session, sql, params, take)
        finally:
            session.busy = session.must_roll_back

    def execute_all(self, statements: Sequence[tuple[str, Params]]) -> int:
        """Run statements one after the other, inside a block; return the number of rows that the last has changed."""
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
        """Close a connection whose last statement was interrupted: its rows may keep an old snapshot alive."""
        transaction = session.transaction
        if transaction is None:
            self._close_connection(session)
            return
        if session.must_roll_back:
            transaction.abort()
        raise self.interrupted_error()

    # Transactions

    def begin(self, transaction: Transaction) -> None:
        """Begin with the write lock of the file; a transaction that has read first could not wait for it.

        The threads of this process first wait for a lock in memory: if all of them retried BEGIN, they would slow each
        other down. After a second a thread tries anyway, because an interrupt may have left that lock held.
        """
        session = transaction.session
        if self.sessions.others_in_transaction(session):
            raise errors.StoreUnavailable(
                f"{self.label}: another asyncio task of this thread is inside a block, and SQLite has one writer: "
                "leave the block before you await."
            )
        turn = self.write_lock
        if turn.acquire(blocking=False):
            transaction.write_lock = turn
        else:
            self._wait_for_write_lock(transaction)
        connection = session.conn
        if (
            connection is None
            or connection.closed
            or session.busy
            or connection.lock.locked()
            or connection.in_transaction
        ):
            self._close_connection(session)  # an interrupted statement may still be open on it
            connection = self.database.connection()
        session.transaction = transaction
        session.transactions.append(transaction)
        try:
            with connection.lock:
                connection.execute(self._beginning)
            if (file := self._file) is not None:
                file.check()
        except errors.StoreUnavailable:
            connection.close()
            raise
        except sqlite3.OperationalError as error:
            if (
                transaction.write_lock is None
                and self.is_transient(error)
                and time.monotonic() >= transaction.deadline
            ):
                raise sqlite_errors.write_lock_timeout(self.label, self.timeout) from error
            raise
        if transaction.write_lock is None:
            self._replace_write_lock(transaction)

    def _wait_for_write_lock(self, transaction: Transaction) -> None:
        """Wait a while for the write lock of this process."""
        turn = self.write_lock
        wait = min(max(transaction.deadline - time.monotonic(), 0), _LONGEST_QUEUE)
        if turn.acquire(timeout=wait):
            transaction.write_lock = turn

    def _close_connection(self, session: Session) -> None:
        """Close the connection of a session, unless the garbage collector is running inside its statement."""
        left = session.detach()
        if left is not None and not collecting():
            left.close()

    def _replace_write_lock(self, transaction: Transaction) -> None:
        """Replace the write lock of this process: as this thread may write, no other thread can really hold it."""
        turn = threading.Lock()
        turn.acquire()
        transaction.write_lock = self.write_lock = turn

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
        self._release_write_lock(transaction)

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
            if session.of_task and (left := self.sessions.end_block(session)) is not None:
                left.close()
        self._release_write_lock(transaction)

    def _release_write_lock(self, transaction: Transaction) -> None:
        turn = transaction.write_lock
        transaction.write_lock = None
        if turn is not None:
            turn.release()

    def set_savepoint(self, transaction: Transaction) -> str:
        """Set a savepoint, unless SQLite has rolled back by itself, as it does when the disk is full."""
        connection = transaction.session.conn
        if connection is not None and not connection.closed and not connection.in_transaction:
            raise self.undone_error()
        return super().set_savepoint(transaction)

    def retry(
        self, attempt: Callable[[], T], error: BaseException, deadline: float | None = None
    ) -> T:
        """Retry, unless `close` has closed the connection of a transaction, which is lost with it."""
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
        return sqlite_errors.translated(error, self.label, self.timeout, self.path)

    def pragma(self, statement: str) -> Row | None:
        """Run a PRAGMA outside a block."""
        return self.fetch_one(f"PRAGMA {statement}")

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

    def prepare(self) -> None:
        """Create the database file, readable by its owner alone.

        Directories are created for the default store only: anywhere else, a missing one is a mistake in the address.
        """
        if not self._owned or self.path is None:
            return
        try:
            if not self.path.parent.exists() and self.path == _default_path():
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            pass
        except FileNotFoundError as error:
            raise errors.StoreUnavailable(
                f"{self.label}: the directory {self.path.parent} does not exist: create it, or choose another path."
            ) from error
        except OSError as error:
            remedy = (
                f"cannot be created ({error.strerror}): choose a directory that you may write to."
            )
            if too_many_files():
                remedy = TOO_MANY_FILES
            raise errors.StoreUnavailable(f"{self.label}: {remedy}") from error

    def use_wal(self) -> None:
        """Switch the file to WAL, in which readers and a writer do not wait for each other."""
        if self._owned and self.path is not None:
            self.pragma("journal_mode = wal")

    @contextmanager
    def migrating(self) -> Iterator[None]:
        """Hold the write lock; foreign keys are off meanwhile, so that a table may be made anew."""
        names = [name for (name,) in self.fetch_all("SELECT name FROM sqlite_master")]
        ours = not names or HISTORY in names
        if ours:
            self.use_wal()
        connection = self.database.connection()
        factory, connection.row_factory = (
            connection.row_factory,
            None,
        )  # Peewee's migrations read tuples
        self.pragma("foreign_keys = off")
        try:
            with self.atomic():
                yield
        finally:
            self.pragma("foreign_keys = on")
            connection.row_factory = factory
        if (
            not ours
        ):  # a database with other tables is not changed before it is known that ours fit in
            self.use_wal()

    def missing(self) -> bool:
        """Tell whether the database file does not exist yet."""
        if not self._owned or self.path is None:
            return False
        try:
            return not mode_of(self.path)
        except OSError as error:
            raise errors.StoreUnavailable(
                f"{self.label}: cannot be opened ({error.strerror}): check the address and the rights of its directory."
            ) from error

    def server_info(self) -> ServerInfo:
        """Return SQLite's version, the size of the file, the number of connections and the journal mode."""
        self.check_file()
        journal = self.pragma("journal_mode")
        size = self.path.stat().st_size if self.path is not None and self.path.exists() else None
        return ServerInfo(
            f"SQLite {sqlite3.sqlite_version}",
            size,
            len(getattr(self.database, "opened", ())),
            journal=None if journal is None else str(journal[0]),
        )

    def find_undecodable(self, sql: str, params: Params) -> tuple[Mapping[str, Any], str] | None:
        """Return the first row of a query with text that is not UTF-8, and its column; bytes are kept as surrogates."""
        if self.path is None or not sql.startswith("SELECT"):
            return None
        place = f"{self.path.absolute().as_uri()}?mode=ro"
        with (
            suppress(sqlite3.Error, UnicodeError),
            closing(sqlite3.connect(place, uri=True)) as connection,
        ):
            connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
            cursor = connection.execute(sql, params)
            names = [column[0] for column in cursor.description]
            for row in cursor:
                for name, value in zip(names, row, strict=True):
                    if (
                        isinstance(value, str)
                        and value.encode("utf-8", "replace").decode() != value
                    ):
                        return dict(zip(names, row, strict=True)), name
        return None

    def damaged_pages(self) -> list[str]:
        """Return what `PRAGMA quick_check` finds wrong with the file, which must be where it was opened."""
        self.check_file()
        try:
            found = [str(row[0]) for row in self.fetch_all("PRAGMA quick_check")]
        except errors.StoreDamaged as error:
            return [str(error)]
        lines = [line for text in found for line in text.splitlines()]
        return [line for line in lines if line != "ok" and not line.startswith("***")]

    def check_file(self) -> None:
        """Make sure that the file is still where it was opened."""
        if self._file is not None:
            self.database.connection()
            self._file.check()

    def close(self) -> None:
        """Close the connections of every thread; the next statement opens a new one, unless it was in memory."""
        super().close()
        if self._owned:
            self.database.close_all(self.timeout)
            if self._file is not None:
                self._file.forget()
            self.database.close_memory()

    def before_fork(self) -> bool:
        """Close the connections, which a forked child must not inherit; tell whether there is nothing to wait for.

        SQLite keeps its file locks in a table of the process. A child that inherits the table believes
        that it holds locks which it does not hold: its commits can be lost when the parent closes the file.
        """
        if not self._owned:
            return True
        if self.in_memory:
            self._fork_reason = "A store in memory cannot be used after a fork: use a file."
            return True
        released: bool = self.database.close_all(0.001, in_transactions=False)
        inside = f"{self.label}: the process was forked inside a block: fork before or after it."
        self._fork_reason = "" if released else inside
        return released or self.in_block()

    def after_fork(self) -> None:
        """Forget the parent's connections for good: closing one could remove files that the parent uses."""
        self.write_lock = threading.Lock()  # another thread of the parent may have held it
        if self._owned:
            self.database.forget()
            self.database.closed_reason = self.database.closed_reason or self._fork_reason
        super().after_fork()


def _default_path() -> Path | None:
    try:
        return default_path()
    except errors.InvalidURL:
        return None


def _url(name: str) -> str:
    return f"sqlite:///{quote(name, safe='/:')}"
