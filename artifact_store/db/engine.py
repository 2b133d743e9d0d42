"""Engine base: statements, retries, errors and forks, shared by SQLite and PostgreSQL.

An `Engine` owns one Peewee database. A statement that does not go through it is not retried, raises errors of the
driver, and may use a connection that a forked child has inherited.
"""

import logging
import os
import random
import time
import weakref
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from operator import attrgetter, methodcaller
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar

import peewee

from .. import errors
from .blocks import Block
from .connection_lock import CONNECTION_LOCK, close_pending, forget_pending
from .dialects import Dialect
from .peewee_internals import renew_lock
from .server_info import ServerInfo
from .sessions import Sessions
from .transactions import Session, TransactionEngine

__all__ = [
    "FETCH_ALL",
    "FETCH_ONE",
    "HISTORY",
    "ROW_COUNT",
    "Block",
    "Cursor",
    "Engine",
    "Params",
    "ReplicaRefused",
    "Row",
    "ServerInfo",
    "TableMissing",
    "driver_error",
    "statements_are_logged",
]

T = TypeVar("T")
Row: TypeAlias = tuple[Any, ...]
"""One row, as the driver returns it."""

Params: TypeAlias = Sequence[object] | Mapping[Any, object]
"""The values of a statement, by position or by name."""


class Cursor(Protocol):
    """The methods of a driver's cursor that are used here."""

    @property
    def rowcount(self) -> int:
        """The number of rows that the statement changed."""
        ...

    def fetchone(self) -> Row | None:
        """Return the next row."""
        ...

    def fetchmany(self, size: int = ..., /) -> list[Row]:
        """Return the next rows."""
        ...

    def fetchall(self) -> list[Row]:
        """Return all the rows that are left."""
        ...


# These run in C, which takes less time than Python functions that do the same.
FETCH_ALL: Callable[[Cursor], list[Row]] = methodcaller("fetchall")
FETCH_ONE: Callable[[Cursor], Row | None] = methodcaller("fetchone")
ROW_COUNT: Callable[[Cursor], int] = attrgetter("rowcount")

_LOGGER = logging.getLogger("peewee")


def statements_are_logged() -> bool:
    """Return whether Peewee's log is in use.

    If it is not, and if Peewee has no query hooks either, engines call the driver directly, which saves a quarter of
    the time of a statement.
    """
    return _LOGGER.isEnabledFor(logging.DEBUG)


class TableMissing(errors.StoreUnavailable):
    """The database does not have the tables of a store."""


class ReplicaRefused(errors.StoreUnavailable):
    """The server at the address of a replica does not follow the primary."""


class Engine(TransactionEngine):
    """One database: runs statements in transactions, retries them, and translates errors.

    Every statement of a store goes through `query` or `with_connection`.

    Attributes:
        dialect: the SQL and the abilities of the database.
        database: the Peewee database.
        url: the address of the database, without a password.
        sessions: the sessions of its threads.
    """

    dialect: ClassVar[Dialect]
    database: Any  # Peewee's types leave out most of what is used here
    one_statement = False
    """Whether a create or an update outside a block is a single statement, without BEGIN and COMMIT."""
    read_only = False
    """Whether the store was opened for reading only."""
    in_memory = False
    """Whether the database is in memory, so that opening it creates it."""
    lock_timeout = ""
    """The lock timeout as PostgreSQL writes it, such as `30000ms`; empty where `retry` does the waiting."""

    def __init__(self, database: peewee.Database, label: str, url: str, timeout: float) -> None:
        """Take a Peewee database; nothing is connected before the first statement."""
        self.database = database
        self.label = label
        self.url = url
        self._timeout = timeout
        self.sessions: Sessions = getattr(database, "sessions", None) or Sessions()
        self.session: Callable[[], Session] = self.sessions.current
        with CONNECTION_LOCK:
            _ENGINES.add(self)

    def __repr__(self) -> str:
        """Show the database, without a password."""
        return f"{type(self).__name__}({self.label!r})"

    @property
    def place(self) -> Hashable:
        """A value that engines of the same database share, as far as their addresses show."""
        return self

    # Blocks

    def atomic(self, first: Callable[[], object] | None = None) -> Block:
        """Return a block: a write transaction, or a savepoint inside one.

        Args:
            first: called at the start of the block; if it raises, the block is not entered.
        """
        return Block(self, first)

    def snapshot(self) -> Block:
        """Return a snapshot: a block that only reads, all of it at one moment."""
        return Block(self, reads_only=True)

    # Timeouts

    @property
    def timeout(self) -> float:
        """Seconds that a statement waits for a lock or a server before it gives up."""
        seconds = _LOCK_TIMEOUT.get()
        return self._timeout if seconds is None else min(seconds, self._timeout)

    def with_lock_timeout(self, function: Callable[[], T], seconds: float) -> T:
        """Call a function whose statements wait at most `seconds` for a lock."""
        token = _LOCK_TIMEOUT.set(seconds)
        try:
            return function()
        finally:
            _LOCK_TIMEOUT.reset(token)

    # Statements

    def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        """Run one statement and return all its rows."""
        return self.query(sql, params, FETCH_ALL)

    def fetch_one(self, sql: str, params: Params = ()) -> Row | None:
        """Run one statement and return its first row."""
        return self.query(sql, params, FETCH_ONE)

    def execute(self, sql: str, params: Params = ()) -> int:
        """Run one statement and return the number of rows it changed."""
        return self.query(sql, params, ROW_COUNT)

    def query(
        self, sql: str, params: Params, fetch: Callable[[Cursor], T], custom_plan: bool = False
    ) -> T:
        """Run one statement and return what `fetch` returns for its cursor.

        Args:
            sql: the statement.
            params: its parameters.
            fetch: one of `FETCH_ALL`, `FETCH_ONE` and `ROW_COUNT`, or a function that reads the cursor to its end.
            custom_plan: the best plan depends on the parameters, so the server must not reuse a generic one.
        """
        raise NotImplementedError

    def fetch_packed(
        self, sql: str, params: Params, size: int, pack: Callable[[list[Row]], bytes]
    ) -> list[bytes]:
        """Run one statement and return its rows in batches of `size`, each serialized by `pack`."""

        def fetch_batches(cursor: Cursor) -> list[bytes]:
            return [pack(rows) for rows in iter(lambda: cursor.fetchmany(size), [])]

        return self.query(sql, params, fetch_batches)

    def execute_all(self, statements: Sequence[tuple[str, Params]]) -> int:
        """Run statements one after the other, inside a block; return the number of rows that the last one changed."""
        changed = 0
        for sql, params in statements:
            changed = self.query(sql, params, ROW_COUNT)
        return changed

    def execute_many(self, sql: str, params: Iterable[Params]) -> None:
        """Run one statement for each set of parameters, inside a block."""
        self.with_connection(lambda connection: connection.cursor().executemany(sql, params))

    def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Load many rows with COPY, inside a block. Only where `dialect.copies_rows`."""
        raise NotImplementedError

    def with_connection(self, work: Callable[[Any], T]) -> T:
        """Call a function with the connection of the current block, and translate the driver's errors."""
        session = self.session()
        if session.busy:
            self.recover(session)
        session.busy = True
        try:
            result = work(session.conn)
        except self.driver_errors as error:
            session.busy = session.must_roll_back
            raise self.translate_error(error) from error
        session.busy = session.must_roll_back
        return result

    def session_for_block(self) -> Session:
        """Return the session in which a block begins."""
        return self.sessions.for_block()

    # Retries and errors

    def retry(
        self, attempt: Callable[[], T], error: BaseException, deadline: float | None = None
    ) -> T:
        """Call a failed attempt again until it succeeds, fails permanently, or the deadline has passed."""
        tries = 0
        if deadline is None:
            deadline = time.monotonic() + self.timeout
        while self.is_transient(error) and time.monotonic() < deadline:
            tries += 1
            self.back_off(tries)
            try:
                return attempt()
            except self.driver_errors as caught:
                error = caught
        raise self.translate_error(error) from error

    def translate_error(self, error: BaseException) -> errors.ArtifactStoreError:
        """Return our error for a driver error, marked as transient when the whole block may be retried."""
        translated = self.to_store_error(error)
        translated.transient = self.is_transient(error)
        return translated

    def to_store_error(self, error: BaseException) -> errors.ArtifactStoreError:
        """Return our error for a driver error; its message says what to do."""
        raise NotImplementedError

    def find_undecodable(self, sql: str, params: Params) -> tuple[Mapping[str, object], str] | None:
        """Find the first row and column of a query whose text is not UTF-8, if there is one."""
        return None

    def damaged_pages(self) -> list[str]:
        """Check the pages of the file; return one message per problem."""
        return []

    # Opening, closing and forking

    def check(self) -> None:
        """Check that the database can hold a store.

        Raises:
            InvalidURL: the caller's own database has a setting that a store does not work with.
        """

    def missing(self) -> bool:
        """Return whether the database is known not to exist yet."""
        return False

    def prepare(self) -> None:
        """Create the file that will hold the tables, if the engine needs one."""

    def migrating(self) -> AbstractContextManager[None]:
        """Return a context manager in which only this process can change the tables."""
        raise NotImplementedError

    def server_info(self) -> ServerInfo:
        """Return the version, size and connections of the database."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the connections; the next statement opens a new one."""
        if self.in_block():
            name = "block" if self.current_snapshot() is None else "snapshot"
            raise errors.InvalidQuery(
                f"The store cannot be closed inside a {name}: leave the {name} first."
            )
        self.database.close()

    def before_fork(self) -> bool:
        """Close what a forked child must not inherit; return whether the fork may go ahead."""
        return True

    def after_fork(self) -> None:
        """Forget, in a forked child, the connections of the parent without closing them."""
        renew_lock(self.database)
        self.sessions.forget()


def driver_error(error: BaseException) -> BaseException:
    """Return the driver's error inside Peewee's, which wraps an error twice if it happens while connecting."""
    while isinstance(inner := getattr(error, "orig", None), BaseException):
        error = inner
    return error


_LOCK_TIMEOUT: ContextVar[float | None] = ContextVar("artifact_store_lock_timeout", default=None)
"""Seconds that statements of this context wait for a lock, if that is less than the timeout of the engine."""

HISTORY = "artifact_store_migration"
"""The table of the migrations that were applied."""

_ENGINES: weakref.WeakSet[Engine] = weakref.WeakSet()
_FORK_TIMEOUT = 10.0  # seconds that a fork waits for the blocks of other threads


def _close_for_fork() -> bool:
    """Let every engine close what a child must not inherit; return whether all could."""
    close_pending()
    ready = [engine.before_fork() for engine in list(_ENGINES)]
    return all(ready)


def _before_fork() -> None:
    """Wait a while for the blocks of other threads, and close what a child must not inherit."""
    deadline = time.monotonic() + _FORK_TIMEOUT
    CONNECTION_LOCK.acquire()
    while not _close_for_fork() and time.monotonic() < deadline:
        CONNECTION_LOCK.release()
        time.sleep(random.uniform(0, 0.002))
        CONNECTION_LOCK.acquire()


def _after_fork_in_parent() -> None:
    CONNECTION_LOCK.release()
    close_pending()


def _after_fork_in_child() -> None:
    forget_pending()
    for engine in list(_ENGINES):
        engine.after_fork()
    CONNECTION_LOCK.release()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
