"""Transactions and blocks: the only module where transactions begin, commit, roll back and are retried.

A signal handler or the recursion limit may raise an exception between any two steps. So the state of a transaction is
read from its connection instead of being remembered, and `Transaction.abort` may be called at any step, and twice. It
needs no more stack than `begin`, so whatever could begin can also end. The order of the steps matters: each one leaves
the connection usable or discarded, its lock released, and its slot in the pool free.
"""

import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar, TypeVar

import peewee

from .. import errors
from .gc_guard import collecting
from .sessions import Session, Sessions

__all__ = ["Block", "Transaction", "TransactionEngine"]

T = TypeVar("T")


class TransactionEngine(ABC):
    """The steps of a transaction, which each engine implements, and functions that run in one.

    Attributes:
        label: what error messages call the database; never holds a password.
        timeout: seconds that a statement waits for a lock or a server before it gives up.
        sessions: the sessions of its threads.
        session: returns the session of this thread.
    """

    driver_errors: ClassVar[tuple[type[BaseException], ...]] = (peewee.PeeweeException,)
    longest_pause: ClassVar[float]
    joins_transactions: ClassVar[bool] = False
    """Whether blocks join a transaction that the caller has begun on the same connection."""
    label: str
    timeout: float
    sessions: Sessions
    session: Callable[[], Session]

    @abstractmethod
    def execute(self, sql: str) -> int:
        """Run one statement."""

    @abstractmethod
    def is_transient(self, error: BaseException) -> bool:
        """Return whether a failed statement may succeed when it is retried."""

    @abstractmethod
    def translate_error(self, error: BaseException) -> errors.ArtifactStoreError:
        """Return our error for a driver error; its message says what to do."""

    def atomic(self) -> "Block":
        """Return a block: a write transaction, or a savepoint inside one."""
        return Block(self)

    def in_block(self) -> bool:
        """Tell whether this thread is inside a block."""
        return self.session().transaction is not None

    def run_in_transaction(self, function: Callable[[], T]) -> T:
        """Call a function in a transaction; retry the whole of it after transient errors, until the deadline.

        Inside a block it is called once, because what came before it in the block cannot be repeated.
        """
        return self._in_transaction(function, repeatable=False)

    def run_idempotent(self, function: Callable[[], T]) -> T:
        """Like `run_in_transaction`, for a function that may be called again even after it was committed.

        Such functions recognize by ids what an earlier call has done.
        """
        return self._in_transaction(function, repeatable=True)

    def _in_transaction(self, function: Callable[[], T], repeatable: bool) -> T:
        session = self.session()
        if session.transaction is not None or (self.joins_transactions and self.in_block()):
            with Block(self):
                return function()
        deadline = time.monotonic() + self.timeout
        tries = 0
        while True:
            transaction = Transaction(self, session, deadline)
            try:
                transaction.begin()
                result = function()
                transaction.commit(repeatable)
                return result
            except errors.ArtifactStoreError as error:
                transaction.abort()
                if not error.transient or time.monotonic() >= deadline:
                    raise
            except BaseException:
                transaction.abort()
                raise
            tries += 1
            self.back_off(tries)

    def session_for_block(self) -> Session:
        """Return the session in which a block begins."""
        return self.sessions.for_block()

    def reset_after_interrupt(self) -> None:
        """Roll back what an interrupt, which may come between any two steps, has left open in this thread."""
        session = self.session()
        transaction = session.transaction
        if transaction is not None:
            transaction.abort()
        elif session.busy:
            self.recover(session)

    # The steps, which engines implement

    @abstractmethod
    def begin(self, transaction: "Transaction") -> None:
        """Begin a transaction in its session."""

    @abstractmethod
    def commit(self, transaction: "Transaction") -> None:
        """Commit a transaction."""

    def may_commit_again(self, transaction: "Transaction", error: BaseException) -> bool:
        """Tell whether a commit that failed left the transaction open and may succeed when it is tried again."""
        return False

    def was_committed(
        self, transaction: "Transaction", error: BaseException, repeatable: bool
    ) -> bool:
        """Return whether a commit took place although it raised an error.

        Raises:
            StoreUnavailable: the outcome cannot be known.
        """
        return False

    @abstractmethod
    def roll_back(self, transaction: "Transaction") -> None:
        """Roll back a transaction, and release what it holds."""

    @abstractmethod
    def discard(self, transaction: "Transaction") -> None:
        """Close the connection of a transaction, whatever its state, and release what it holds."""

    @abstractmethod
    def discard_elsewhere(self, transaction: "Transaction") -> None:
        """Discard a transaction of another thread or task."""

    @abstractmethod
    def release(self, transaction: "Transaction") -> None:
        """Release the connection and the lock of a transaction that has ended."""

    @abstractmethod
    def recover(self, session: Session) -> None:
        """Clean up a session after an interrupted statement.

        Raises:
            StoreUnavailable: the session is inside a block, which cannot go on.
        """

    def set_savepoint(self, transaction: "Transaction") -> str:
        """Set a savepoint inside a transaction and return its name."""
        transaction.savepoints += 1
        name = f"s{transaction.savepoints}"
        self.execute(f"SAVEPOINT {name}")
        return name

    def release_savepoint(self, transaction: "Transaction", name: str) -> None:
        """Keep what was done since a savepoint."""
        try:
            self.execute(f"RELEASE SAVEPOINT {name}")
        except errors.ArtifactStoreError:
            self.undo_savepoint(transaction, name)
            raise

    def undo_savepoint(self, transaction: "Transaction", name: str) -> None:
        """Roll back to a savepoint; if that fails, the transaction cannot be committed either."""
        try:
            self.execute(f"ROLLBACK TO SAVEPOINT {name}")
        except errors.ArtifactStoreError:
            return  # the first error says why
        self.execute(f"RELEASE SAVEPOINT {name}")

    def interrupted_error(self) -> errors.StoreUnavailable:
        """Return the error of a statement that follows an interrupted one in a block, or comes in the middle of one."""
        return errors.StoreUnavailable(
            f"{self.label}: a statement of this block was interrupted, or is still running: leave the block."
        )

    def undone_error(self) -> errors.StoreUnavailable:
        """Return the error of a block that was undone before its end."""
        return errors.StoreUnavailable(
            f"{self.label}: the database rolled this block back after an earlier error: leave the block."
        )

    def back_off(self, tries: int) -> None:
        """Sleep for a random time that grows with the number of tries."""
        time.sleep(random.uniform(0, min(self.longest_pause, 0.002 * 2 ** min(tries, 20))))


class Transaction:
    """One transaction of a session.

    Attributes:
        engine: the database.
        session: where it is open.
        thread: the thread that has begun it.
        deadline: when it gives up waiting for a lock, as `time.monotonic` tells it.
        write_lock: the lock that the writers of this process share, while it is held.
        outer: the savepoint in a transaction of the caller, if it began inside one.
        number: the id of the transaction on the server, by which its outcome can be looked up.
        savepoints: how many were set so far; it makes their names.
    """

    __slots__ = (
        "deadline",
        "engine",
        "number",
        "outer",
        "savepoints",
        "session",
        "thread",
        "write_lock",
    )

    def __init__(self, engine: "TransactionEngine", session: Session, deadline: float) -> None:
        """Take a session without a transaction."""
        self.engine = engine
        self.session = session
        self.deadline = deadline
        self.thread = threading.get_ident()
        self.write_lock: Any = None
        self.outer: Any = None
        self.number: Any = None
        self.savepoints = 0

    def begin(self) -> None:
        """Begin; wait for locks until the deadline.

        Raises:
            StoreUnavailable: another writer kept the lock, or the database cannot be reached.
        """
        tries = 0
        while True:
            try:
                self.engine.begin(self)
                return
            except self.engine.driver_errors as error:
                self.abort()
                if not self.engine.is_transient(error) or time.monotonic() >= self.deadline:
                    raise self.engine.translate_error(error) from error
            except BaseException:
                self.abort()
                raise
            tries += 1
            self.engine.back_off(tries)

    def commit(self, repeatable: bool = False) -> None:
        """Commit; find out the outcome when the answer was lost.

        Args:
            repeatable: the work may be repeated when the outcome cannot be known.

        Raises:
            StoreUnavailable: it was not committed, and is undone; or nobody can tell.
        """
        session = self.session
        if session.busy:
            raise self.engine.interrupted_error()
        tries = 0
        while True:
            try:
                self.engine.commit(self)
                break
            except self.engine.driver_errors as error:
                if tries == 0:
                    self.deadline = (
                        time.monotonic() + self.engine.timeout
                    )  # the block may have taken longer
                if self.engine.may_commit_again(self, error):
                    tries += 1
                    self.engine.back_off(tries)
                    continue
                # This transaction's connection is let go before another one is used to ask.
                self.abort()
                if self.engine.was_committed(self, error, repeatable):
                    return
                raise self.engine.translate_error(error) from error
        self.engine.release(self)

    def abort(self) -> None:
        """Roll back, and release the connection and the lock, at whatever step the transaction is."""
        try:
            self.engine.roll_back(self)
        except self.engine.driver_errors:
            self.engine.discard(self)  # a connection that cannot roll back is unusable
        except BaseException:
            self.engine.discard(self)
            raise

    def usable_here(self) -> bool:
        """Return whether it belongs to this thread and this task."""
        return self.thread == threading.get_ident() and self.engine.session() is self.session


class Block:
    """A `with` block: a transaction, or a savepoint inside one.

    It may be entered again after it was left, but not while it is entered.
    """

    __slots__ = ("_engine", "_entered", "_savepoint", "_transaction")

    def __init__(self, engine: "TransactionEngine") -> None:
        """Remember the engine; the transaction begins with the `with`."""
        self._engine = engine
        self._entered = threading.Lock()
        self._transaction: Transaction | None = None
        self._savepoint: str | None = None

    def __enter__(self) -> None:
        """Begin; wait for the write lock until the deadline.

        Raises:
            InvalidQuery: the block has already been entered.
            StoreUnavailable: the write lock could not be acquired.
        """
        engine = self._engine
        if not self._entered.acquire(blocking=False):
            raise errors.InvalidQuery(
                "This block has already been entered: call store.atomic() for each block."
            )
        self._savepoint = None
        new: Transaction | None = None
        try:
            outer = engine.session().transaction
            if outer is not None:
                self._savepoint = engine.set_savepoint(outer)
            else:
                new = Transaction(
                    engine, engine.session_for_block(), time.monotonic() + engine.timeout
                )
                new.begin()
            self._transaction = outer or new
        except BaseException:
            self._entered.release()
            if new is not None:
                new.abort()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit, or roll back when the block raised."""
        transaction = self._transaction
        self._transaction = None
        if transaction is None:
            if kind is None:
                raise self._engine.undone_error()
            return
        session = transaction.session
        try:
            self._entered.release()
            if session.transaction is not transaction:
                # It has ended already: in another thread, after an interrupt, or this process was forked inside of it.
                if kind is None:
                    raise self._engine.undone_error()
            elif session.busy and kind is GeneratorExit:
                # The collector closes a generator while a statement of this thread runs: no other one may run now.
                session.must_roll_back = True
            elif not transaction.usable_here():
                self._leave_elsewhere(transaction)
            elif kind is GeneratorExit and collecting():
                self._engine.discard(
                    transaction
                )  # without a statement, which could come in the middle of another one
            elif self._savepoint is not None:
                self._leave_savepoint(transaction, self._savepoint, kind)
            elif kind is None:
                transaction.commit()
            else:
                transaction.abort()
        except BaseException:
            if self._savepoint is None:
                transaction.abort()
            raise

    def _leave_savepoint(
        self, transaction: Transaction, savepoint: str, kind: type[BaseException] | None
    ) -> None:
        if kind is None:
            self._engine.release_savepoint(transaction, savepoint)
        elif (
            not transaction.session.busy
        ):  # otherwise a statement was interrupted, and the transaction is undone
            self._engine.undo_savepoint(transaction, savepoint)

    def _leave_elsewhere(self, transaction: Transaction) -> None:
        """Release everything, and say what was wrong."""
        where = "thread" if transaction.thread != threading.get_ident() else "asyncio task"
        self._engine.discard_elsewhere(transaction)
        raise errors.InvalidQuery(
            f"The block was left in another {where} than it was entered in, so its writes were rolled back: "
            f"enter and leave a block in the same {where}."
        )
