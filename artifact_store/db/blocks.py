"""Blocks and snapshots: what a `with` statement begins, and how it ends."""

import threading
import time
from collections.abc import Callable
from types import TracebackType

from .. import callers, errors
from .gc_guard import collecting
from .read_only import WRITES
from .transactions import Transaction, TransactionEngine

__all__ = ["Block"]

_BLOCKS = frozenset({"run", "run_in_transaction"})
"""The methods of a store that open a block, beside `atomic`."""


class Block:
    """A `with` block: a transaction, or a savepoint inside one. A snapshot is a block that only reads.

    It may be entered again after it was left, but not while it is entered.
    """

    __slots__ = ("_engine", "_entered", "_first", "_reads_only", "_savepoint", "_transaction")

    def __init__(
        self,
        engine: TransactionEngine,
        first: Callable[[], object] | None = None,
        reads_only: bool = False,
    ) -> None:
        """Take the engine, and what is called first; the transaction begins with the `with`."""
        self._engine = engine
        self._first = first
        self._reads_only = reads_only
        self._entered = threading.Lock()
        self._transaction: Transaction | None = None
        self._savepoint: str | None = None

    def __enter__(self) -> None:
        """Begin; wait for the write lock until the deadline, unless it only reads.

        Raises:
            InvalidQuery: the block has already been entered; or it is a block inside a snapshot, or a snapshot inside a
                block.
            StoreUnavailable: the write lock could not be acquired, or the database cannot be reached.
            ArtifactStoreError: what is called first has raised it.
        """
        engine = self._engine
        if not self._entered.acquire(blocking=False):
            name, method = ("snapshot", "snapshot") if self._reads_only else ("block", "atomic")
            raise errors.InvalidQuery(
                f"This {name} has already been entered: call store.{method}() for each {name}."
            )
        self._savepoint = None
        outer: Transaction | None = None
        try:
            outer = engine.session().transaction
            if outer is None:
                self._begin()
            else:
                self._check_nesting(outer)
                self._savepoint = engine.set_savepoint(outer)
                if self._first is not None:
                    self._first()
                self._transaction = outer
        except BaseException as error:
            begun = self._transaction if outer is None else None
            self._transaction = None
            self._entered.release()
            if begun is not None:
                begun.abort()
            elif self._savepoint is not None and engine.session().transaction is outer:
                assert outer is not None
                self._leave_savepoint(outer, self._savepoint, type(error))
            raise

    def _begin(self) -> None:
        """Begin a transaction, and call what is called first.

        If that raises a transient error, it begins again, until the deadline: nothing of the block has run.
        """
        engine = self._engine
        deadline = time.monotonic() + engine.timeout
        tries = 0
        while True:
            session = engine.session_for_block()
            self._transaction = Transaction(engine, session, deadline, self._reads_only)
            self._transaction.begin()
            if self._first is None:
                return
            try:
                self._first()
                return
            except errors.ArtifactStoreError as error:
                self._transaction.abort()
                if not error.transient or time.monotonic() >= deadline:
                    raise
            tries += 1
            engine.back_off(tries)

    def _check_nesting(self, outer: Transaction) -> None:
        """Refuse a block inside a snapshot, and a snapshot inside a block."""
        if outer.reads_only and not self._reads_only:
            method = callers.outermost(WRITES | _BLOCKS) or "atomic"
            self._engine.refuse_in_snapshot(method)
        if self._reads_only and not outer.reads_only:
            # At READ COMMITTED each statement of a block sees another moment.
            raise errors.InvalidQuery(
                "A snapshot cannot begin inside a block: enter store.snapshot() before the block, or after it."
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit, or roll back when the block raised or only reads."""
        transaction = self._transaction
        self._transaction = None
        if transaction is None:
            if kind is None:
                raise self._undone_error()
            return
        session = transaction.session
        try:
            self._entered.release()
            if session.transaction is not transaction:
                # It has already ended: in another thread, after an interrupt, or by a fork inside the block.
                if kind is None:
                    raise self._undone_error()
            elif session.busy and kind is GeneratorExit:
                # The garbage collector closes a generator while a statement of this thread is running.
                session.must_roll_back = True
            elif not transaction.usable_here():
                self._leave_elsewhere(transaction)
            elif kind is GeneratorExit and collecting():
                # A rollback could come in the middle of a statement of another block.
                self._engine.discard(transaction)
            elif self._savepoint is not None:
                self._leave_savepoint(transaction, self._savepoint, kind)
            elif kind is None and not self._reads_only:
                transaction.commit()
            else:
                transaction.abort()
        except BaseException:
            if self._savepoint is None:
                transaction.abort()
            raise

    def _undone_error(self) -> errors.StoreUnavailable:
        if self._reads_only:
            return self._engine.ended_snapshot_error()
        return self._engine.undone_error()

    def _leave_savepoint(
        self, transaction: Transaction, savepoint: str, kind: type[BaseException] | None
    ) -> None:
        if kind is None:
            self._engine.release_savepoint(transaction, savepoint)
        elif not transaction.session.busy:
            self._engine.undo_savepoint(transaction, savepoint)
        # Otherwise a statement was interrupted, and the whole transaction will be rolled back.

    def _leave_elsewhere(self, transaction: Transaction) -> None:
        """Release what the transaction holds.

        Raises:
            InvalidQuery: says that the block was left in the wrong thread or task.
        """
        where = "thread" if transaction.thread != threading.get_ident() else "asyncio task"
        self._engine.discard_elsewhere(transaction)
        name = "snapshot" if self._reads_only else "block"
        undone = "" if self._reads_only else ", so its writes were rolled back"
        raise errors.InvalidQuery(
            f"The {name} was left in another {where} than it was entered in{undone}: "
            f"enter and leave a {name} in the same {where}."
        )
