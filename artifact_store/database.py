"""The door to a database: statements, blocks, patience, and what every engine has in common.

An `Engine` owns one Peewee database. Everything the store executes passes through its few
methods, so that waiting for a lock, the translation of driver errors, savepoints and `fork`
are decided once; `sqlite` and `postgresql` say what is particular to each.
"""

import logging
import os
import random
import sys
import threading
import time
import weakref
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from contextvars import ContextVar
from functools import partial
from operator import attrgetter, methodcaller
from types import TracebackType
from typing import Any, ClassVar, TypeAlias, TypeVar

import peewee

from . import errors
from .facts import Facts
from .gate import GATE, close_left, forget_left

__all__ = [
    "ALL",
    "COUNT",
    "FIRST",
    "HISTORY",
    "NOTHING",
    "Block",
    "Engine",
    "Facts",
    "Held",
    "Params",
    "ReplicaRefused",
    "Row",
    "TableMissing",
    "driver_error",
    "logged",
]

T = TypeVar("T")
Row = tuple[Any, ...]
Params: TypeAlias = Sequence[Any] | Mapping[Any, Any]
"""The values of a statement, by place or by name."""

ALL, FIRST, COUNT = methodcaller("fetchall"), methodcaller("fetchone"), attrgetter("rowcount")
"""What may be taken from a cursor: all rows, the first row, the number of rows that were changed."""

_LOGGER = logging.getLogger("peewee")
_DEBUG = logging.DEBUG
_LEVELS: dict[int, bool] = getattr(_LOGGER, "_cache", {})  # what `isEnabledFor` has found; emptied when a level changes


def logged() -> bool:
    """Tell whether somebody reads the statements that Peewee logs.

    Where nobody does, and no hook of Peewee's is set, the driver is called directly: what Peewee does around a
    statement costs a quarter of it.
    """
    return _LEVELS.get(_DEBUG, True) and _LOGGER.isEnabledFor(_DEBUG)


class TableMissing(errors.StoreUnavailable):
    """The database does not have the tables of a store."""


class ReplicaRefused(errors.StoreUnavailable):
    """What answers at the address of a replica is no replica of the store."""


class Engine:
    """One store's database and the only door to it.

    Attributes:
        dialect: `"sqlite"` or `"postgresql"`.
        database: the Peewee database.
        label: what error messages call the database; never holds a password.
        url: where the database is, without a password.
        timeout: seconds that a statement waits for a lock or a server before it gives up.
    """

    dialect: ClassVar[str]
    driver_errors: ClassVar[tuple[type[BaseException], ...]] = (peewee.PeeweeException,)
    longest_pause: ClassVar[float]
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
        with GATE:
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
        patience = _PATIENCE.get()
        return self._timeout if patience is None else min(patience, self._timeout)

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self._timeout = seconds

    def soon(self, function: Callable[[], T], patience: float) -> T:
        """Call a function that runs statements, none of which waits for a lock longer than so many seconds."""
        token = _PATIENCE.set(patience)
        try:
            return function()
        finally:
            _PATIENCE.reset(token)

    # Statements

    def rows(self, sql: str, params: Params = ()) -> list[Row]:
        """Run one statement and return all its rows."""
        rows: list[Row] = self.taken(sql, params, ALL)
        return rows

    def row(self, sql: str, params: Params = ()) -> Row | None:
        """Run one statement and return its first row."""
        row: Row | None = self.taken(sql, params, FIRST)
        return row

    def run(self, sql: str, params: Params = ()) -> int:
        """Run one statement and return the number of rows it changed."""
        count: int = self.taken(sql, params, COUNT)
        return count

    def taken(self, sql: str, params: Params, take: Callable[[Any], Any], varied: bool = False) -> Any:
        """Run one statement and return what `take` takes from its cursor.

        Args:
            sql: the statement.
            params: its parameters.
            take: one of `ALL`, `FIRST` and `COUNT`.
            varied: the best plan depends on the parameters, so that none may be kept for all of them.
        """
        return self.patiently(partial(self._attempt, sql, params, take))

    def _attempt(self, sql: str, params: Params, take: Callable[[Any], Any]) -> Any:
        return take(self.executed(sql, params))

    def executed(self, sql: str, params: Params) -> Any:
        """Run one statement and return its cursor, which gives rows as tuples."""
        return self.database.execute_sql(sql, params)

    def packed(self, sql: str, params: Params, size: int, pack: Callable[[list[Row]], bytes]) -> list[bytes]:
        """Run one statement and return its rows, packed by `pack`, so many at a time."""

        def attempt() -> list[bytes]:
            cursor = self.executed(sql, params)
            return [pack(rows) for rows in iter(lambda: cursor.fetchmany(size), [])]

        return self.patiently(attempt)

    def run_all(self, statements: Sequence[tuple[str, Params]]) -> int:
        """Run statements one after the other, inside a block; return the number of rows that the last has changed."""
        changed = 0
        for sql, params in statements:
            changed = self.taken(sql, params, COUNT)
        return changed

    def run_many(self, sql: str, params: Iterable[Params]) -> None:
        """Run one statement for each set of parameters, inside a block."""
        try:
            with self.held():
                self.database.cursor().executemany(sql, params)
        except self.driver_errors as error:
            raise self.refusal(error) from error

    def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Load many rows, inside a block, where the engine has a statement for that."""
        raise NotImplementedError

    # Transactions

    def atomic(self) -> "Block":
        """Return a block: a write transaction, or a savepoint inside one."""
        return Block(self)

    def in_block(self) -> bool:
        """Tell whether this thread is inside a block."""
        return bool(self.database._state.transactions)

    def held(self) -> AbstractContextManager[Any]:
        """Return what is held while this thread's connection works."""
        return NOTHING

    def starting(self) -> AbstractContextManager[Any]:
        """Wait for what an outermost transaction needs before it begins; return it, known to Peewee."""
        return Held(self, self.database.transaction())

    def ended(self) -> None:
        """Let go of what the outermost transaction held."""

    def abandon(self) -> None:
        """Undo what an interrupt, which may come between any two steps, has left of a block of this thread."""
        database = self.database
        while database.transaction_depth():
            database.pop_transaction()
        with suppress(*self.driver_errors):
            database.rollback()
        self.ended()

    def retrying(self, function: Callable[[], T]) -> T:
        """Call a function in a block; the whole of it again when what failed may pass, until the deadline.

        Inside a block it is called once: what comes before it in the block cannot be called again.
        """
        block = self.atomic()
        try:
            with block:
                return function()
        except errors.ArtifactStoreError as error:
            if not error.passing or block.deadline is None:
                raise
            failure, deadline = error, block.deadline
        tries = 0
        while failure.passing and time.monotonic() < deadline:
            tries += 1
            self.pause(tries)
            try:
                with self.atomic():
                    return function()
            except errors.ArtifactStoreError as error:
                failure = error
        raise failure

    def changing(self, function: Callable[[], T]) -> T:
        """Do as `retrying`, for a function of the store's own, which does little more than to run statements."""
        return self.retrying(function)

    def pause(self, tries: int) -> None:
        """Sleep for a random time that grows with the number of tries."""
        time.sleep(random.uniform(0, min(self.longest_pause, 0.002 * 2 ** min(tries, 20))))

    def undone(self) -> bool:
        """Tell whether the database has rolled back the transaction that this thread believes to be in."""
        return False

    # Waiting and errors

    def patiently(self, attempt: Callable[[], T]) -> T:
        """Call `attempt` until it succeeds, fails for good, or the deadline has passed."""
        try:
            with self.held():
                return attempt()
        except self.driver_errors as error:
            return self.again(attempt, error)

    def again(self, attempt: Callable[[], T], error: BaseException, deadline: float | None = None) -> T:
        """Call what has failed until it succeeds, fails for good, or the deadline has passed."""
        tries = 0
        if deadline is None:
            deadline = time.monotonic() + self.timeout
        while self.passing(error) and time.monotonic() < deadline:
            tries += 1
            self.pause(tries)
            try:
                with self.held():
                    return attempt()
            except self.driver_errors as caught:
                error = caught
        raise self.refusal(error) from error

    def refusal(self, error: BaseException) -> errors.ArtifactStoreError:
        """Return the translated error, marked when the whole block may be tried again."""
        translated = self.translated(error)
        translated.passing = self.passing(error)
        return translated

    def passing(self, error: BaseException) -> bool:
        """Tell whether what failed may succeed when it is tried again."""
        raise NotImplementedError

    def translated(self, error: BaseException) -> errors.ArtifactStoreError:
        """Return the error of ours that says what a driver's error means and how to mend it."""
        raise NotImplementedError

    def misread(self, sql: str, params: Params) -> tuple[Mapping[str, Any], str] | None:
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

    def facts(self) -> Facts:
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
        self.database._lock = threading.Lock()  # another thread of the parent may have held it
        self.database.dispose()


class Held:
    """A transaction or savepoint of Peewee's, with the connection held while it begins and while it ends."""

    __slots__ = ("_atomic", "_engine")

    def __init__(self, engine: Engine, atomic: Any) -> None:
        """Take what Peewee has made."""
        self._engine, self._atomic = engine, atomic

    def __enter__(self) -> None:
        """Begin."""
        with self._engine.held():
            self._atomic.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit, or undo when it was left by an error."""
        with self._engine.held():
            self._atomic.__exit__(kind, error, trace)


class Block:
    """One atomic block of an engine; nested blocks are savepoints.

    Attributes:
        deadline: when an outermost block gives up waiting for a lock, as `time.monotonic` tells it; `None` for others.
    """

    __slots__ = ("_atomic", "_engine", "deadline")

    def __init__(self, engine: Engine) -> None:
        """Remember the engine; the transaction begins with the `with`."""
        self._engine = engine
        self._atomic: Any = None
        self.deadline: float | None = None

    def __enter__(self) -> None:
        """Begin; wait for the write lock until the deadline."""
        engine = self._engine
        if engine.in_block():
            if engine.undone():
                raise errors.StoreUnavailable(
                    f"{engine.label}: the database has undone this block after an earlier error: leave the block."
                )
            self._atomic = Held(engine, engine.database.atomic())
        else:
            deadline = time.monotonic() + engine.timeout
            self._atomic = engine.starting()
            self.deadline = deadline
        try:
            self._atomic.__enter__()
        except engine.driver_errors as error:
            self._begin_again(error)
        except BaseException as error:
            self._let_go(error)
            raise

    def _begin_again(self, error: BaseException) -> None:
        try:
            self._engine.again(self._atomic.__enter__, error, self.deadline)
        except BaseException as failure:
            self._let_go(failure)
            raise

    def _let_go(self, error: BaseException | None) -> None:
        """Let others begin, when what an outermost block has begun is undone or done."""
        if self.deadline is None:
            return
        if error is None or isinstance(error, Exception):
            self._engine.ended()
        else:
            self._engine.abandon()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit, or undo everything when the block raised."""
        engine, handled = self._engine, sys.exception()
        try:
            self._atomic.__exit__(kind, error, trace)
        except engine.driver_errors as failure:
            if kind is None:
                raise engine.refusal(_first_cause(failure, engine.driver_errors, handled)) from failure
            # The database has rolled back already (a full disk does that); the first error tells why.
        except BaseException as interrupt:
            error = interrupt
            raise
        finally:
            self._let_go(error)


def driver_error(error: BaseException) -> BaseException:
    """Return the driver's own error inside Peewee's, which wraps it twice when it meets it while connecting."""
    while isinstance(inner := getattr(error, "orig", None), BaseException):
        error = inner
    return error


def _first_cause(
    error: BaseException, kinds: tuple[type[BaseException], ...], handled: BaseException | None
) -> BaseException:
    """Return the first driver error after `handled`: a failed COMMIT, not the ROLLBACK that could not follow it."""
    while isinstance(error.__context__, kinds) and error.__context__ is not handled:
        error = error.__context__
    return error


NOTHING = nullcontext()
_PATIENCE: ContextVar[float | None] = ContextVar("artifact_store_patience", default=None)
"""How long the statements of this context wait for a lock, where that is less than the engine's time-out."""

HISTORY = "artifact_store_migration"
"""The table of the migrations that were applied."""

_ENGINES: weakref.WeakSet[Engine] = weakref.WeakSet()
_FORK_PATIENCE = 10.0  # seconds that a fork waits for the blocks of other threads


def _prepared() -> bool:
    close_left()
    ready = [engine.before_fork() for engine in list(_ENGINES)]
    return all(ready)


def _before_fork() -> None:
    """Wait a while for the blocks of other threads, then let every engine prepare."""
    deadline = time.monotonic() + _FORK_PATIENCE
    GATE.acquire()
    while not _prepared() and time.monotonic() < deadline:
        GATE.release()
        time.sleep(random.uniform(0, 0.002))
        GATE.acquire()


def _after_fork_in_parent() -> None:
    GATE.release()
    close_left()


def _after_fork_in_child() -> None:
    forget_left()
    for engine in list(_ENGINES):
        engine.after_fork()
    GATE.release()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
