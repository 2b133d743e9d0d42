"""Transactions: the only module where transactions begin, commit, roll back and are retried.

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
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol, TypeVar

import peewee

from .. import errors
from .peewee_internals import ConnectionState

__all__ = ["Savepoint", "Session", "Transaction", "TransactionEngine"]

T = TypeVar("T")


class Session(ConnectionState):
    """The connection of one thread or task, and the transaction that is open on it.

    It replaces the state that Peewee keeps for each thread, and has its attributes `conn`, `closed`, `transactions`,
    and so on, because Peewee runs the migrations. `sessions` says which thread or task has which session.

    Attributes:
        transaction: the open transaction; `None` outside one.
        busy: a statement is running. If it is still set at the next statement, the last one was interrupted.
        must_roll_back: the garbage collector closed the block while a statement was running; roll it back next.
        of_task: it belongs to a task, not to its thread.
    """

    def __init__(self) -> None:
        """Start without a connection."""
        super().__init__()
        self.transaction: Transaction | None = None
        self.busy = False
        self.must_roll_back = False
        self.of_task = False

    def detach(self) -> Any:
        """Return the driver's connection, and forget it and its transaction."""
        connection = self.conn
        self.transaction = None
        self.busy = self.must_roll_back = False
        self.reset()
        return connection


class TransactionEngine(ABC):
    """The steps of a transaction, which each engine implements, and functions that run in one.

    Attributes:
        label: what error messages call the database; it contains no password.
        session: returns the session of this thread.
    """

    driver_errors: ClassVar[tuple[type[BaseException], ...]] = (peewee.PeeweeException,)
    longest_pause: ClassVar[float]
    joins_transactions: ClassVar[bool] = False
    """Whether blocks join a transaction that the caller has begun on the same connection."""
    label: str
    session: Callable[[], Session]

    @property
    @abstractmethod
    def timeout(self) -> float:
        """Seconds that a statement waits for a lock or a server before it gives up."""

    @abstractmethod
    def execute(self, sql: str) -> int:
        """Run one statement."""

    @abstractmethod
    def is_transient(self, error: BaseException) -> bool:
        """Return whether a failed statement may succeed when it is retried."""

    @abstractmethod
    def translate_error(self, error: BaseException) -> errors.ArtifactStoreError:
        """Return our error for a driver error; its message says what to do."""

    @abstractmethod
    def atomic(self) -> AbstractContextManager[None]:
        """Return a block: a write transaction, or a savepoint inside one."""

    def in_block(self) -> bool:
        """Return whether this thread is inside a block or a snapshot."""
        return self.session().transaction is not None

    def current_snapshot(self) -> "Transaction | None":
        """Return the transaction of the snapshot that this thread is inside."""
        transaction = self.session().transaction
        return transaction if transaction is not None and transaction.reads_only else None

    def refuse_in_snapshot(self, method: str) -> None:
        """Refuse a method of the store that writes, inside a snapshot.

        Raises:
            InvalidQuery: says which method it is, and what to do.
        """
        if self.current_snapshot() is not None:
            raise errors.InvalidQuery(
                f"{method} writes, but store.snapshot() only reads: leave the snapshot first."
            )

    def run_in_transaction(self, function: Callable[[], T]) -> T:
        """Call a function in a transaction; retry the whole of it after transient errors, until the deadline.

        Inside a block it is called once, because what came before it in the block cannot be repeated.
        """
        return self._run_with_retries(function, repeatable=False)

    def run_idempotent(self, function: Callable[[], T]) -> T:
        """Like `run_in_transaction`, for a function that may be called again even after it was committed.

        Such functions recognize by ids what an earlier call has done.
        """
        return self._run_with_retries(function, repeatable=True)

    def _run_with_retries(self, function: Callable[[], T], repeatable: bool) -> T:
        session = self.session()
        if session.transaction is not None or (self.joins_transactions and self.in_block()):
            with self.atomic():
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

    @abstractmethod
    def session_for_block(self) -> Session:
        """Return the session in which a block begins."""

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
        """Return whether a commit that failed left the transaction open and may succeed when it is retried."""
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
        """Return the error of a statement in a block whose last statement was interrupted or is still running."""
        name = "block" if self.current_snapshot() is None else "snapshot"
        return errors.StoreUnavailable(
            f"{self.label}: a statement of this {name} was interrupted, or is still running: leave the {name}."
        )

    def undone_error(self) -> errors.StoreUnavailable:
        """Return the error of a block that was undone before its end."""
        return errors.StoreUnavailable(
            f"{self.label}: the database rolled this block back after an earlier error: leave the block."
        )

    def ended_snapshot_error(self) -> errors.StoreUnavailable:
        """Return the error of a snapshot that ended before its `with` did."""
        return errors.StoreUnavailable(
            f"{self.label}: an interrupt, a fork or a lost connection has ended the snapshot: read again in a new one."
        )

    def back_off(self, tries: int) -> None:
        """Sleep for a random time that grows with the number of tries."""
        time.sleep(random.uniform(0, min(self.longest_pause, 0.002 * 2 ** min(tries, 20))))


class Savepoint(Protocol):
    """A savepoint of Peewee."""

    def __enter__(self) -> object:
        """Set it."""

    def commit(self, begin: bool = ...) -> None:
        """Release it."""

    def rollback(self, begin: bool = ...) -> None:
        """Roll back to it."""


class Transaction:
    """One transaction of a session.

    Attributes:
        engine: the database.
        session: where it is open.
        thread: the thread that began it.
        deadline: the `time.monotonic()` at which it gives up waiting for a lock.
        reads_only: it is that of a snapshot.
        write_lock: the lock that the writers of this process share, while this transaction holds it.
        outer: the savepoint in a transaction of the caller, if it began inside one.
        server_id: its id on the server and the server's timeline, with which its outcome can be looked up.
        savepoints: how many were set so far, which makes their names unique.
    """

    __slots__ = (
        "deadline",
        "engine",
        "outer",
        "reads_only",
        "savepoints",
        "server_id",
        "session",
        "thread",
        "write_lock",
    )

    def __init__(
        self,
        engine: "TransactionEngine",
        session: Session,
        deadline: float,
        reads_only: bool = False,
    ) -> None:
        """Take a session without a transaction."""
        self.engine = engine
        self.session = session
        self.deadline = deadline
        self.reads_only = reads_only
        self.thread = threading.get_ident()
        self.write_lock: threading.Lock | None = None
        self.outer: Savepoint | None = None
        self.server_id: tuple[str, str] | None = None
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
        """Commit; find out the outcome if the server's answer was lost.

        Args:
            repeatable: the work may be repeated if the outcome cannot be known.

        Raises:
            StoreUnavailable: it was rolled back, or its outcome cannot be known.
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
                if tries == 0:  # the block itself may have taken longer than the timeout
                    self.deadline = time.monotonic() + self.engine.timeout
                if self.engine.may_commit_again(self, error):
                    tries += 1
                    self.engine.back_off(tries)
                    continue
                # Give this connection up before another one is used to ask for the outcome.
                self.abort()
                if self.engine.was_committed(self, error, repeatable):
                    return
                raise self.engine.translate_error(error) from error
        self.engine.release(self)

    def abort(self) -> None:
        """Roll back, and release the connection and the lock, whatever step the transaction has reached."""
        try:
            self.engine.roll_back(self)
        except self.engine.driver_errors:
            # A connection that cannot roll back is unusable.
            self.engine.discard(self)
        except BaseException:
            self.engine.discard(self)
            raise

    def usable_here(self) -> bool:
        """Return whether it belongs to this thread and this task."""
        return self.thread == threading.get_ident() and self.engine.session() is self.session
