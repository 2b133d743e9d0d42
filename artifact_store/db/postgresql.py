"""The PostgreSQL engine, for PostgreSQL and databases that speak its protocol.

A connection is borrowed from the pool for one statement or one block, and then returned. `postgresql_connector` opens
connections and sets them up. Session settings are never changed afterwards: there may be a transaction pooler between
the store and the server, which would pass them on to other clients.
"""

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from typing import ClassVar, TypeVar

import peewee

from .. import errors
from .dialects import POSTGRES, Dialect
from .engine import Cursor, Engine, Params, ServerInfo, driver_error, statements_are_logged
from .peewee_internals import note_server_version
from .postgresql_pool import Pool, PoolExhausted
from .transactions import Session, Transaction
from .url import PostgresAddress

try:
    import psycopg
    from psycopg.pq import TransactionStatus

    from .postgresql_connection import Connection
    from .postgresql_connector import Connector, Database, libpq_parameters
    from .postgresql_errors import (
        CONFLICT,
        READ_ONLY,
        READ_ONLY_BY_DEFAULT,
        REPLAY_CONFLICT,
        SNAPSHOT_LOST,
        TRANSIENT,
        UNREACHABLE,
        NotReplica,
        ServerSilent,
        state_of,
        store_error,
    )
    from .postgresql_standby import Identity, check_standby, read_identity
except ImportError as missing:  # the extra is not installed
    raise errors.StoreUnavailable(
        "PostgreSQL needs the psycopg driver: pip install 'artifact-store[postgres]'."
    ) from missing

__all__ = ["PostgresEngine"]

T = TypeVar("T")

_MIGRATION_LOCK = 0x61727469666163  # "artifac"
_CONNECTION_STATES = ("08", "57P0", "40003", "25P03")
_TIMELINE = "substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
_TRANSACTION_ID = f"SELECT pg_current_xact_id()::text, {_TIMELINE}"
_OUTCOME = f"SELECT pg_xact_status(%s::xid8), {_TIMELINE}"


class PostgresEngine(Engine):
    """A PostgreSQL database, or one that speaks its protocol."""

    dialect: ClassVar[Dialect] = POSTGRES
    driver_errors: ClassVar[tuple[type[BaseException], ...]] = (
        peewee.PeeweeException,
        psycopg.Error,
    )
    longest_pause: ClassVar[float] = 0.25

    def __init__(self, address: PostgresAddress, primary: "PostgresEngine | None" = None) -> None:
        """Prepare the pool; nothing is connected yet.

        Args:
            address: the address.
            primary: the primary that the server at the address follows, if it is a standby.
        """
        parameters = libpq_parameters(address.dsn)
        if primary is None:
            self.connector = Connector(address, parameters, timeout=address.timeout)
        else:
            check = partial(check_standby, primary=primary.identity)
            self.connector = Connector(address, parameters, timeout=primary.timeout, check=check)
        database = Database(address, self.connector)
        super().__init__(database, address.label, address.url, address.timeout)
        self.address = address
        self.read_only = address.read_only
        self.lock_timeout = self.connector.lock_timeout
        self.one_statement = address.isolation_level is None and not address.read_only
        self.pool = Pool(self._connect, address.pool_size)
        self._begin_statements = self._statements_of_begin()
        self._snapshot_statements = self._statements_of_snapshot()
        self._password = str(parameters.get("password") or "")
        # A digest, because it is a part of what a run shows of itself.
        self._place = sha256(f"{address.dsn} {address.schema}".encode()).hexdigest()
        self._identity: Identity | None = None
        self._has_answered = False
        self._is_checked = False

    def _statements_of_begin(self) -> str:
        """Return the statements that begin a transaction, as one text, which is one round trip."""
        level = self.address.isolation_level
        begin = f"BEGIN ISOLATION LEVEL {level}" if level else "BEGIN"
        lock_timeout = f"SET LOCAL lock_timeout = '{self.lock_timeout}'"
        if self.read_only:
            return f"{begin} READ ONLY; {lock_timeout}"
        # The id of the transaction tells later whether it was committed, and the timeline whether the id still means
        # that transaction: after a failover it may be the id of another one.
        return f"{begin}; {lock_timeout}; {_TRANSACTION_ID}"

    def _statements_of_snapshot(self) -> str:
        """Return the statements that begin a snapshot: its moment is that of its first query."""
        lock_timeout = f"SET LOCAL lock_timeout = '{self.lock_timeout}'"
        return f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {lock_timeout}; SELECT 1"

    @property
    def place(self) -> Hashable:
        """A digest of the address and the schema."""
        return self._place

    def identity(self, refresh: bool = False) -> Identity:
        """Return what the standbys of this server have in common with it; remembered unless `refresh`."""
        if self._identity is None or refresh:
            self._identity = read_identity(self.fetch_one)
        return self._identity

    # Connections

    def _connect(self) -> Connection:
        """Open a connection for the pool; check the server the first time it is reached."""
        connection: Connection = self.database.open_connection()
        if self._is_checked:
            return connection
        self._has_answered = True  # so a connection that fails later may be retried
        problem = self.connector.find_problem(connection)
        if problem is not None:
            connection.close()
            raise errors.StoreUnavailable(f"{self.label}: {problem}")
        note_server_version(self.database, connection)
        self._is_checked = True
        return connection

    def _acquire(self) -> Connection:
        """Borrow a connection from the pool.

        Raises:
            StoreUnavailable: every connection was in use until the deadline, or the server is too old.
        """
        try:
            return self.pool.acquire(self.timeout)
        except PoolExhausted as error:
            raise errors.StoreUnavailable(
                f"{self.label}: all {self.address.pool_size} connections of the pool were in use for "
                f"{self.timeout:g} s: leave blocks sooner, or raise ?pool_size=."
            ) from error

    def _return(self, connection: Connection) -> None:
        """Return a connection to the pool; one that is not idle was interrupted or lost, and is closed."""
        try:
            is_idle = connection.pgconn.transaction_status == TransactionStatus.IDLE
            self.pool.release(connection, usable=is_idle)
        except BaseException:
            self.pool.discard(connection)
            raise

    # Statements

    def with_lock_timeout(self, function: Callable[[], T], seconds: float) -> T:
        """Call a function whose statements wait at most `seconds` for a lock."""
        if self.in_block():  # the timeout would hold for the rest of the block
            return function()
        milliseconds = max(round(seconds * 1000), 1)

        def set_timeout_and_call() -> T:
            self.execute(f"SET LOCAL lock_timeout = '{milliseconds}ms'")
            return function()

        return super().with_lock_timeout(
            partial(self.run_in_transaction, set_timeout_and_call), seconds
        )

    def query(
        self, sql: str, params: Params, fetch: Callable[[Cursor], T], custom_plan: bool = False
    ) -> T:
        """Run one statement and return what `fetch` returns for its cursor.

        Outside a block a connection is borrowed for the statement alone, without becoming this thread's connection.
        """
        session = self.session()
        # The server keeps one plan for a prepared statement, which may be several times slower than one for its values.
        prepare = False if custom_plan else None
        if session.transaction is not None:
            return self.with_connection(
                lambda connection: fetch(self._execute(connection, sql, params, prepare))
            )
        try:
            return self._query_once(sql, params, fetch, prepare)
        except self.driver_errors as error:
            return self.retry(partial(self._query_once, sql, params, fetch, prepare), error)

    def _query_once(
        self, sql: str, params: Params, fetch: Callable[[Cursor], T], prepare: bool | None
    ) -> T:
        connection = self._acquire()
        try:
            return fetch(self._execute(connection, sql, params, prepare))
        finally:
            self._return(connection)

    def _execute(
        self, connection: Connection, sql: str, params: Params, prepare: bool | None
    ) -> Cursor:
        """Run one statement; through Peewee if its hooks or its log are in use."""
        if not (self.database.query_hooks or statements_are_logged()):
            return connection.execute(sql, params, prepare=prepare)
        session = self.session()
        cursor: Cursor
        if session.transaction is not None:
            cursor = self.database.execute_sql(sql, params)
            return cursor
        session.set_connection(connection)
        try:
            cursor = self.database.execute_sql(sql, params)
            return cursor
        finally:
            session.reset()

    def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Load many rows, inside a block."""
        names = ", ".join(f'"{name}"' for name in columns)
        statement = f'COPY "{table}" ({names}) FROM STDIN'

        def load(connection: Connection) -> None:
            with connection.cursor().copy(statement.encode()) as copy:
                for row in rows:
                    copy.write_row(row)

        self.with_connection(load)

    def recover(self, session: Session) -> None:
        """Refuse another statement in a block in which a statement was interrupted or is still running."""
        if session.transaction is not None:
            if session.must_roll_back:
                session.transaction.abort()
            raise self.interrupted_error()
        session.busy = False

    # Transactions

    def begin(self, transaction: Transaction) -> None:
        """Begin in one round trip, which also returns the id of the transaction."""
        session = transaction.session
        interrupted = session.conn
        if interrupted is not None:
            self.pool.discard(session.detach())
        session.set_connection(self._acquire())
        session.transaction = transaction
        session.transactions.append(transaction)
        session.busy = True
        # Several statements in one text cannot be prepared.
        snapshot = transaction.reads_only
        statements = self._snapshot_statements if snapshot else self._begin_statements
        cursor = session.conn.execute(statements, prepare=False)
        while cursor.nextset():
            pass
        if not (snapshot or self.read_only):  # otherwise there is no outcome to ask for
            transaction.server_id = cursor.fetchone()
        session.busy = False

    def commit(self, transaction: Transaction) -> None:
        """Commit; a transaction in which a statement failed is undone by the server instead."""
        session = transaction.session
        session.busy = True
        cursor = session.conn.execute("COMMIT")
        session.busy = False
        if cursor.statusmessage == "ROLLBACK":
            raise self.undone_error()

    def was_committed(
        self, transaction: Transaction, error: BaseException, repeatable: bool
    ) -> bool:
        """Ask the server what became of a transaction whose connection was lost during its commit."""
        state = state_of(error)
        connection_lost = state is None or state.startswith(_CONNECTION_STATES)
        if transaction.server_id is None or not connection_lost:
            return False
        transaction_id, timeline = transaction.server_id
        try:
            committed = self._outcome(transaction_id, timeline, transaction.deadline)
        except errors.ArtifactStoreError:
            committed = None
        if committed is None and not repeatable:
            raise errors.StoreUnavailable(
                f"{self.label}: the connection was lost during COMMIT and the server cannot be asked for the outcome: "
                "the block may have been committed."
            ) from error
        return committed is True

    def _outcome(self, transaction_id: str, timeline: str, deadline: float) -> bool | None:
        """Return whether a transaction was committed; `None` if that cannot be known."""
        tries = 0
        while True:
            row = self.fetch_one(_OUTCOME, (transaction_id,))
            if row is None or row[1] != timeline:
                return None
            status = row[0]
            if status in ("committed", "aborted"):
                return bool(status == "committed")
            # The server has not noticed yet that the connection is gone.
            if time.monotonic() >= deadline:
                return None
            tries += 1
            self.back_off(tries)

    def roll_back(self, transaction: Transaction) -> None:
        """Roll back; a connection whose statement was interrupted is closed instead."""
        session = transaction.session
        connection = session.conn
        if session.transaction is not transaction or connection is None:
            self.sessions.end_block(session)
            return
        if session.busy or connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
            self.discard(transaction)
            return
        if connection.pgconn.transaction_status != TransactionStatus.IDLE:
            session.busy = True
            connection.execute("ROLLBACK")
        self.release(transaction)

    def discard(self, transaction: Transaction) -> None:
        """Close the connection of a transaction."""
        session = transaction.session
        if session.transaction not in (None, transaction):
            return
        connection = session.detach()
        if connection is not None:
            self.pool.discard(connection)
        self.sessions.end_block(session)

    def discard_elsewhere(self, transaction: Transaction) -> None:
        """Close the connection of a transaction of another thread, once its statement has ended."""
        connection = transaction.session.detach()
        if connection is not None and connection.lock.acquire(timeout=1.0):
            try:
                self.pool.discard(connection)
            finally:
                connection.lock.release()

    def release(self, transaction: Transaction) -> None:
        """Return the connection of a transaction to the pool."""
        session = transaction.session
        if session.transaction is transaction:
            connection = session.conn
            session.detach()
            self._return(connection)
        self.sessions.end_block(session)

    def retry(
        self, attempt: Callable[[], T], error: BaseException, deadline: float | None = None
    ) -> T:
        """Retry, except inside a block, which the server has rolled back."""
        if self.in_block():
            raise self.translate_error(error) from error
        return super().retry(attempt, error, deadline)

    # Errors

    def is_transient(self, error: BaseException) -> bool:
        """Return whether a failed statement may succeed when it is retried."""
        state = state_of(error)
        cause = driver_error(error)
        # A silent server was already waited for until the deadline, and what is not a replica does not become one.
        if isinstance(cause, ServerSilent | NotReplica):
            return False
        if state == READ_ONLY:
            return not self.address.read_only and self._may_become_writable()
        if state is not None and state not in UNREACHABLE:
            return state in TRANSIENT or state.startswith("08")
        # There was no answer. If there has never been one, the address is wrong.
        return self._has_answered and isinstance(
            cause, psycopg.OperationalError | psycopg.InterfaceError
        )

    def to_store_error(self, error: BaseException) -> errors.ArtifactStoreError:
        """Return our error for an error of the server; its message says what to do."""
        state = state_of(error)
        if self.current_snapshot() is not None and self.is_transient(error):
            state = REPLAY_CONFLICT if state == CONFLICT else SNAPSHOT_LOST
        if state == READ_ONLY:
            if self.address.read_only:
                return errors.StoreReadOnly(
                    f"{self.label}: the store is open for reading only: open it without mode=ro."
                )
            if not self._may_become_writable():
                state = READ_ONLY_BY_DEFAULT
        return store_error(
            error, state, label=self.label, timeout=self.timeout, password=self._password
        )

    def _may_become_writable(self) -> bool:
        """Return whether a server that refuses to write may accept writes soon, as after a failover.

        A role, a database or a server that is read only by default stays so until somebody changes that.
        """
        query = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')"
        try:
            with self.connector.connect(self.address.dsn) as connection:
                row = connection.execute(query).fetchone()
        except psycopg.Error:
            return True
        in_recovery, read_only = row or (True, "on")
        return bool(in_recovery) or read_only == "off"

    # Migrations, information, closing

    @contextmanager
    def migrating(self) -> Iterator[None]:
        """Hold the lock that only one opener of this database can have, and create the schema of the address."""
        with self.atomic():
            self.fetch_one("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
            self._create_schema()
            yield

    def _create_schema(self) -> None:
        schema = self.address.schema
        if schema is None:
            return
        # CREATE SCHEMA IF NOT EXISTS needs the right to create one even if the schema exists.
        exists = self.fetch_one("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,))
        if exists is None:
            self.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')

    def server_info(self) -> ServerInfo:
        """Return the version and address of the server, the size of the database and the state of the pool."""
        row = self.fetch_one("SELECT pg_database_size(current_database())")
        size = None if row is None else int(row[0])
        server = self._server_name()
        version = self.database.server_version
        engine = f"PostgreSQL {version // 10000}.{version % 10000}"
        return ServerInfo(engine, size, len(self.pool), server, self.address.pool_size)

    def _server_name(self) -> str:
        session = self.session()
        if session.transaction is not None:  # there may be no other connection in the pool
            return str(session.conn.server_name)
        connection = self._acquire()
        try:
            return connection.server_name
        finally:
            self._return(connection)

    def close(self) -> None:
        """Close every connection of the pool; one that is in use is closed when it is returned."""
        if self.in_block():
            super().close()  # raises
        self.pool.close()

    def after_fork(self) -> None:
        """Forget the connections of the parent, in a forked child, without a message to the server."""
        self.connector.forget()
        self.pool = Pool(self._connect, self.address.pool_size)
        super().after_fork()
