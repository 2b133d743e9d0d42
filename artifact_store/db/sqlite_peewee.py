"""A store in a Peewee SQLite database of the caller's, who may be in a transaction of their own."""

import threading
from collections.abc import Callable
from typing import Any

import peewee

from .. import errors
from .engine import Params
from .peewee_internals import open_transactions
from .sessions import Session, current_task
from .sqlite import SqliteEngine
from .transactions import Transaction

__all__ = ["PeeweeSqliteEngine"]


class PeeweeSqliteEngine(SqliteEngine):
    """SQLite through a Peewee database of the caller's: each statement and each transaction is Peewee's.

    Its connection is never closed behind the caller's back, since that may be the end of a database in memory.
    """

    joins_transactions = True

    def __init__(self, database: peewee.SqliteDatabase) -> None:
        """Take the database; nothing is connected yet."""
        super().__init__(database)
        self._local = threading.local()  # .task: the asyncio task that is inside of a block

    def in_block(self) -> bool:
        """Tell whether this thread is inside a block of the store's or of the caller's."""
        return bool(open_transactions(self.database))

    # Statements

    def _execute(self, session: Session, sql: str, params: Params, take: Callable[[Any], Any]) -> Any:
        self._refuse_other_tasks(session)
        cursor = self.database.execute_sql(sql, params)
        cursor.row_factory = None  # rows are tuples, whatever the caller's database makes of them
        return take(cursor)

    def with_connection(self, work: Callable[[Any], Any]) -> Any:
        """Do some work with the connection of the block that this thread is in."""
        self._refuse_other_tasks(self.session())
        return super().with_connection(lambda connection: work(self.database.connection()))

    def _refuse_other_tasks(self, session: Session) -> None:
        """Keep other tasks out of a block: on one connection their writes would be the block's."""
        task = getattr(self._local, "task", None)
        if session.transaction is not None and task is not None and task is not current_task():
            raise errors.StoreUnavailable(
                f"{self.label}: another asyncio task of this thread is inside a block: "
                "leave the block before you await."
            )

    def session_for_block(self) -> Session:
        """Return the session of this thread: there is one connection."""
        session = self.session()
        self._local.task = current_task()
        return session

    def recover(self, session: Session) -> None:
        """Go on after an interrupted statement, outside of a block."""
        if session.transaction is not None:
            super().recover(session)
        session.busy = session.must_roll_back = False

    # Transactions

    def begin(self, transaction: Transaction) -> None:
        """Begin with the write lock, or set a savepoint in the caller's transaction."""
        session, database = transaction.session, self.database
        session.transaction = transaction
        if open_transactions(database):
            transaction.outer = database.savepoint()
            transaction.outer.__enter__()
            return
        self._wait_for_write_lock(transaction)
        database.begin("IMMEDIATE")
        database.push_transaction(transaction)

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
        """Undo what is open."""
        session, database = transaction.session, self.database
        if session.transaction is transaction:
            if transaction.outer is not None:
                transaction.outer.rollback(begin=False)
            elif not database.is_closed() and database.connection().in_transaction:
                database.rollback()
        self.release(transaction)

    def discard(self, transaction: Transaction) -> None:
        """Let go of a transaction that could not be undone."""
        self.release(transaction)

    def discard_elsewhere(self, transaction: Transaction) -> None:
        """Let go of a transaction of another thread; its connection is the caller's to close."""
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
        self._release_write_lock(transaction)

    def set_savepoint(self, transaction: Transaction) -> str:
        """Set a savepoint, unless SQLite has rolled back by itself."""
        if not self.database.connection().in_transaction:
            raise self.undone_error()
        return super().set_savepoint(transaction)

    def after_fork(self) -> None:
        """Forget, in a forked child, the connection of the parent without closing it."""
        super().after_fork()
        self.database.dispose()
