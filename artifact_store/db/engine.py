"""Engine base: statements, transactions, retries and errors, and what every engine has in common.

An `Engine` owns one Peewee database. Everything the store executes passes through its few
methods, so that waiting for a lock, the translation of driver errors, savepoints and `fork`
are decided once; `sqlite` and `postgresql` say what is particular to each.
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
from typing import Any, ClassVar, TypeAlias, TypeVar

from .. import errors
from .connection_lock import CONNECTION_LOCK, close_pending, forget_pending
from .dialects import Dialect
from .peewee_internals import renew_lock
from .server_info import ServerInfo
from .sessions import Session, Sessions
from .transactions import Block, TransactionEngine

__all__ = [
    "FETCH_ALL",
    "FETCH_ONE",
    "HISTORY",
    "ROW_COUNT",
    "Block",
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
Row = tuple[Any, ...]
Params: TypeAlias = Sequence[Any] | Mapping[Any, Any]
"""The values of a statement, by place or by name."""

FETCH_ALL, FETCH_ONE, ROW_COUNT = methodcaller("fetchall"), methodcaller("fetchone"), attrgetter("rowcount")
"""What may be taken from a cursor: all rows, the first row, the number of rows that were changed."""

_LOGGER = logging.getLogger("peewee")


def statements_are_logged() -> bool:
    """Return whether the statements that Peewee logs go anywhere.

    If not, and if Peewee has no query hooks either, engines call the driver directly: that saves a quarter of the
    time of a statement.
    """
    return _LOGGER.isEnabledFor(logging.DEBUG)


class TableMissing(errors.StoreUnavailable):
    """The database does not have the tables of a store."""


class ReplicaRefused(errors.StoreUnavailable):
    """What answers at the address of a replica is no replica of the store."""


class Engine(TransactionEngine):
    """One store's database and the only door to it.

    Attributes:
        dialect: the SQL and the abilities of the database.
        database: the Peewee database.
        url: where the database is, without a password.
    """

    dialect: ClassVar[Dialect]
    one_statement = False
    """Whether a create or an update outside of a block is one statement, which is a transaction of its own."""
    read_only = False
    """Whether the address asks for a store that is only read."""
    in_memory = False
    """Whether the database is of this process alone, so that opening it anew makes it."""
    lock_timeout = ""
    """How long one statement waits for a lock, as the engine says it; empty where the engine's own loop waits."""

    def __init__(self, database: Any, label: str, url: str, timeout: float) -> None:
        """Take a Peewee database; nothing is connected before the first statement."""
        self.database: Any = database  # Peewee's own types leave out most of what is used here
        self.label, self.url, self.timeout = label, url, timeout
        self.sessions: Sessions = getattr(database, "sessions", None) or Sessions()
        self.session: Callable[[], Session] = self.sessions.current
        with CONNECTION_LOCK:
            _ENGINES.add(self)

    def __repr__(self) -> str:
        """Name the database, without a password."""
        return f"{type(self).__name__}({self.label!r})"

    @property
    def place(self) -> Hashable:
        """What engines of one database have in common, as far as their addresses tell."""
        return self

    # How long to wait

    @property
    def timeout(self) -> float:
        """Seconds that a statement waits for a lock or a server before it gives up."""
        seconds = _LOCK_TIMEOUT.get()
        return self._timeout if seconds is None else min(seconds, self._timeout)

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self._timeout = seconds

    def with_lock_timeout(self, function: Callable[[], T], seconds: float) -> T:
        """Call a function that runs statements, none of which waits for a lock longer than so many seconds."""
        token = _LOCK_TIMEOUT.set(seconds)
        try:
            return function()
        finally:
            _LOCK_TIMEOUT.reset(token)

    # Statements

    def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        """Run one statement and return all its rows."""
        rows: list[Row] = self.query(sql, params, FETCH_ALL)
        return rows

    def fetch_one(self, sql: str, params: Params = ()) -> Row | None:
        """Run one statement and return its first row."""
        row: Row | None = self.query(sql, params, FETCH_ONE)
        return row

    def execute(self, sql: str, params: Params = ()) -> int:
        """Run one statement and return the number of rows it changed."""
        count: int = self.query(sql, params, ROW_COUNT)
        return count

    def query(self, sql: str, params: Params, take: Callable[[Any], Any], varied: bool = False) -> Any:
        """Run one statement and return what `take` takes from its cursor.

        Args:
            sql: the statement.
            params: its parameters.
            take: one of `FETCH_ALL`, `FETCH_ONE` and `ROW_COUNT`, or a function that reads the cursor to its end.
            varied: the best plan depends on the parameters, so that none may be kept for all of them.
        """
        raise NotImplementedError

    def fetch_packed(self, sql: str, params: Params, size: int, pack: Callable[[list[Row]], bytes]) -> list[bytes]:
        """Run one statement and return its rows, packed by `pack`, so many at a time."""

        def take(cursor: Any) -> list[bytes]:
            return [pack(rows) for rows in iter(lambda: cursor.fetchmany(size), [])]

        packed: list[bytes] = self.query(sql, params, take)
        return packed

    def execute_all(self, statements: Sequence[tuple[str, Params]]) -> int:
        """Run statements one after the other, inside a block; return the number of rows that the last has changed."""
        changed = 0
        for sql, params in statements:
            changed = self.query(sql, params, ROW_COUNT)
        return changed

    def execute_many(self, sql: str, params: Iterable[Params]) -> None:
        """Run one statement for each set of parameters, inside a block."""
        self.with_connection(lambda connection: connection.cursor().executemany(sql, params))

    def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Load many rows, inside a block, where the engine has a statement for that."""
        raise NotImplementedError

    def with_connection(self, work: Callable[[Any], T]) -> T:
        """Do some work with the connection of the block that this thread is in."""
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

    # Retries and errors

    def retry(self, attempt: Callable[[], T], error: BaseException, deadline: float | None = None) -> T:
        """Call what has failed until it succeeds, fails for good, or the deadline has passed."""
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
        """Return the translated error, marked when the whole block may be tried again."""
        translated = self.to_store_error(error)
        translated.transient = self.is_transient(error)
        return translated

    def to_store_error(self, error: BaseException) -> errors.ArtifactStoreError:
        """Return the error of ours that says what a driver's error means and how to mend it."""
        raise NotImplementedError

    def find_undecodable(self, sql: str, params: Params) -> tuple[Mapping[str, Any], str] | None:
        """Return the first row of a query with text that cannot be decoded, and its column, where there is one."""
        return None

    def damaged_pages(self) -> list[str]:
        """Return what the engine finds wrong with the pages of its file, a sentence each."""
        return []

    # Life

    def check(self) -> None:
        """Refuse a database that could not serve a store.

        Raises:
            InvalidURL: the caller's own database has a setting that a store does not work with.
        """

    def missing(self) -> bool:
        """Tell whether the database is known not to exist yet."""
        return False

    def prepare(self) -> None:
        """Make what the tables need to be created in."""

    def migrating(self) -> AbstractContextManager[None]:
        """Return a block in which the tables may be changed by this process alone."""
        raise NotImplementedError

    def server_info(self) -> ServerInfo:
        """Return what the engine tells of itself."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the connections; the next statement opens a new one."""
        if self.in_block():
            raise errors.InvalidQuery("The store cannot be closed inside a block: leave the block first.")
        self.database.close()

    def before_fork(self) -> bool:
        """Let go of what a forked child must not inherit; tell whether there is nothing to wait for."""
        return True

    def after_fork(self) -> None:
        """Forget, in a forked child, the connections of the parent without closing them."""
        renew_lock(self.database)
        self.sessions.forget()


def driver_error(error: BaseException) -> BaseException:
    """Return the driver's own error inside Peewee's, which wraps it twice when it meets it while connecting."""
    while isinstance(inner := getattr(error, "orig", None), BaseException):
        error = inner
    return error


_LOCK_TIMEOUT: ContextVar[float | None] = ContextVar("artifact_store_lock_timeout", default=None)
"""How long the statements of this context wait for a lock, where that is less than the engine's time-out."""

HISTORY = "artifact_store_migration"
"""The table of the migrations that were applied."""

_ENGINES: weakref.WeakSet[Engine] = weakref.WeakSet()
_FORK_TIMEOUT = 10.0  # seconds that a fork waits for the blocks of other threads


def _prepared() -> bool:
    close_pending()
    ready = [engine.before_fork() for engine in list(_ENGINES)]
    return all(ready)


def _before_fork() -> None:
    """Wait a while for the blocks of other threads, then let every engine prepare."""
    deadline = time.monotonic() + _FORK_TIMEOUT
    CONNECTION_LOCK.acquire()
    while not _prepared() and time.monotonic() < deadline:
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
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
