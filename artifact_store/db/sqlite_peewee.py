"""A store in a Peewee `SqliteDatabase` of the caller, who may have a transaction open in it.

Its connection belongs to the caller. Closing it could destroy a database in memory.
"""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import peewee

from .. import errors
from .engine import Cursor, Params
from .peewee_internals import open_transactions
from .sessions import current_task
from .sqlite import TAKE_SNAPSHOT, SqliteEngine
from .transactions import Session, Transaction

__all__ = ["PeeweeSqliteEngine"]

T = TypeVar("T")


class PeeweeSqliteEngine(SqliteEngine):
    """Runs each statement and each transaction through the Peewee database of the caller.

    The connection is never closed here.
    """

    joins_transactions = True

    def __init__(self, database: peewee.SqliteDatabase) -> None:
        """Take the database; nothing is connected yet."""
        super().__init__(database)
        # Its attribute `task` is the asyncio task of this thread that is inside a block.
        self._local = threading.local()

    def in_block(self) -> bool:
        """Return whether this thread is inside a block, or inside a transaction of the caller."""
        return bool(open_transactions(self.database))

    # Statements

    def run_statement(
        self, session: Session, sql: str, params: Params, fetch: Callable[[Cursor], T]
    ) -> T:
        """Run one statement on the connection of the caller."""
        self._refuse_other_tasks(session)
        cursor = self.database.execute_sql(sql, params)
        cursor.row_factory = None  # tuples, whatever row factory the caller has set
        return fetch(cursor)

    def with_connection(self, work: Callable[[Any], T]) -> T:
        """Call a function with the connection of the current block."""
        self._refuse_other_tasks(self.session())
        return super().with_connection(lambda connection: work(self.database.connection()))

    def _refuse_other_tasks(self, session: Session) -> None:
        """Refuse a statement of another task: on the same connection it would join the block."""
        task = getattr(self._local, "task", None)
        if session.transaction is not None and task is not None and task is not current_task():
            raise errors.StoreUnavailable(
                f"{self.label}: another asyncio task of this thread is inside a block or a snapshot: "
                "leave it before you await."
            )

    def session_for_block(self) -> Session:
        """Return the session of this thread; there is only one connection."""
        session = self.session()
        self._local.task = current_task()
        return session

    def recover(self, session: Session) -> None:
        """Continue after an interrupted statement, outside a block."""
        if session.transaction is not None:
            super().recover(session)
        session.busy = session.must_roll_back = False

    # Transactions

    def begin(self, transaction: Transaction) -> None:
        """Begin with the write lock, or set a savepoint in the transaction of the caller.

        A snapshot needs no lock, and reads at once.
        """
        session = transaction.session
        database = self.database
        session.transaction = transaction
        if open_transactions(database):
            savepoint = database.savepoint()
            transaction.outer = savepoint
            savepoint.__enter__()
        elif transaction.reads_only:
            database.begin("DEFERRED")
            database.push_transaction(transaction)
        else:
            self.wait_for_write_lock(transaction)
            database.begin("IMMEDIATE")
            database.push_transaction(transaction)
        if transaction.reads_only:
            database.execute_sql(TAKE_SNAPSHOT).fetchall()

    def commit(self, transaction: Transaction) -> None:
        """Commit, or release the savepoint."""
        if transaction.outer is not None:
            transaction.outer.commit(begin=False)
        else:
            self.database.commit()

    def may_commit_again(self, transaction: Transaction, error: BaseException) -> bool:
        """Leave a failed commit to the caller."""
        return False

    def roll_back(self, transaction: Transaction) -> None:
        """Roll back."""
        session = transaction.session
        database = self.database
        if session.transaction is transaction:
            if transaction.outer is not None and transaction.reads_only:
                transaction.outer.commit(begin=False)  # the caller may have written
            elif transaction.outer is not None:
                transaction.outer.rollback(begin=False)
            elif not database.is_closed() and database.connection().in_transaction:
                database.rollback()
        self.release(transaction)

    def discard(self, transaction: Transaction) -> None:
        """Release a transaction that could not be rolled back."""
        self.release(transaction)

    def discard_elsewhere(self, transaction: Transaction) -> None:
        """Release a transaction of another thread; only the caller closes its connection."""
        self.release(transaction)

    def release(self, transaction: Transaction) -> None:
        """Let the next thread of this process begin."""
        session = transaction.session
        if session.transaction is transaction:
            session.transaction = None
            session.busy = session.must_roll_back = False
            self._local.task = None
            if transaction.outer is None:
                open_transactions(self.database).clear()
        self.release_write_lock(transaction)

    def set_savepoint(self, transaction: Transaction) -> str:
        """Set a savepoint, unless SQLite has rolled back by itself."""
        if not self.database.connection().in_transaction:
            raise self.undone_error()
        return super().set_savepoint(transaction)

    def after_fork(self) -> None:
        """Forget, in a forked child, the connection of the parent without closing it."""
        super().after_fork()
        self.database.dispose()
