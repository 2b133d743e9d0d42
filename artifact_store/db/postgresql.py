"""The PostgreSQL engine, for PostgreSQL and databases that speak its protocol.

A connection is borrowed from the pool for one statement or one block, and then returned. `postgresql_connection` opens
connections and sets them up. Session settings are never changed afterwards: a transaction pooler may stand between the
store and the server, and would give them to others.
"""

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from typing import Any, ClassVar, TypeVar

import peewee

from .. import errors
from .dialects import POSTGRES, Dialect
from .engine import (
    Cursor,
    Engine,
    Params,
    ReplicaRefused,
    ServerInfo,
    TableMissing,
    driver_error,
    statements_are_logged,
)
from .peewee_internals import SessionDatabase, note_server_version
from .postgresql_pool import Pool, PoolExhausted
from .sessions import Session, Sessions
from .transactions import Transaction
from .url import PostgresAddress

try:
    import psycopg
    from psycopg.pq import TransactionStatus

    from .postgresql_connection import Connection, Connector, parameters_of
    from .postgresql_errors import (
        PASSING,
        REMEDIES,
        NotReplica,
        ServerSilent,
        TooLarge,
        Unreadable,
        is_long_for_index,
        state_of,
    )
    from .postgresql_standby import Identity, check_standby, identity
except ImportError as missing:  # the extra is not installed
    raise errors.StoreUnavailable(
        "PostgreSQL needs the psycopg driver: pip install 'artifact-store[postgres]'."
    ) from missing

__all__ = ["PostgresEngine"]

T = TypeVar("T")

_MINIMUM = 130000
_MIGRATION_LOCK = 0x61727469666163  # "artifac"
_READ_ONLY = "25006"
_CONNECTION_STATES = ("08", "57P0", "40003", "25P03")
_NUMBER = "SELECT pg_current_xact_id()::text, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
_OUTCOME = "SELECT pg_xact_status(%s::xid8), substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
_KEYS = {
    "artifact_pkey": "UNIQUE constraint failed: artifact.id",
    "artifact_key_version": "UNIQUE constraint failed: artifact.key, artifact.version",
}


class _Adapter(peewee.Psycopg3Adapter):
    """Lets Peewee connect through our `Connector`."""

    def connect(self, db: "_Database", **params: Any) -> Connection:
        return db.connector.connect(db.database)


class _Database(SessionDatabase, peewee.PostgresqlDatabase):
    """A Peewee database whose connections come from our pool."""

    psycopg3_adapter = _Adapter
    connector: Connector

    def __init__(self, address: PostgresAddress) -> None:
        self.sessions = Sessions()
        super().__init__(address.dsn, prefer_psycopg3=True)


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
            primary: what the server at the address follows, when it is a standby.
        """
        known = parameters_of(address.dsn)
        database = _Database(address)
        if primary is None:
            self.connector = Connector(address, known, timeout=address.timeout)
        else:
            greet = partial(check_standby, primary=primary.identity)
            self.connector = Connector(address, known, timeout=primary.timeout, greet=greet)
        database.connector = self.connector
        self._identity: Identity | None = None
        self.lock_timeout = self.connector.lock_timeout
        level = f" ISOLATION LEVEL {address.isolation_level}" if address.isolation_level else ""
        access = " READ ONLY" if address.read_only else ""
        # One text is one round trip. The number of the transaction tells later whether it was committed, and the
        # timeline whether it is still that transaction: after a failover another one may have the number.
        number = "" if address.read_only else f"; {_NUMBER}"
        self._beginning = (
            f"BEGIN{level}{access}; SET LOCAL lock_timeout = '{self.lock_timeout}'{number}"
        )
        super().__init__(database, address.label, address.url, address.timeout)
        self.address = address
        self.read_only = address.read_only
        self.pool = Pool(self._connect, address.pool_size)
        self.one_statement = address.isolation_level is None and not address.read_only
        self._password = str(known.get("password") or "")
        self._place = sha256(f"{address.dsn} {address.schema}".encode()).hexdigest()
        self._reached = self._checked = False

    @property
    def place(self) -> Hashable:
        """The address and the schema, as a digest: it is a part of what a run shows of itself."""
        return self._place

    def identity(self, anew: bool = False) -> Identity:
        """Return what the standbys of this server have in common with it; from memory unless it is asked `anew`."""
        if self._identity is None or anew:
            self._identity = identity(self.fetch_one)
        return self._identity

    # Connections

    def _connect(self) -> Connection:
        """Open a connection for the pool; check the server when it is reached for the first time."""
        connection: Connection = self.database.open_connection()
        if self._checked:
            return connection
        self._reached = True  # somebody answered, so what fails from now on may pass
        problem = self._find_problem(connection)
        if problem is not None:
            connection.close()
            raise errors.StoreUnavailable(f"{self.label}: {problem}")
        note_server_version(self.database, connection)
        self._checked = True
        return connection

    def _take(self) -> Connection:
        """Borrow a connection from the pool.

        Raises:
            StoreUnavailable: every connection was in use until the deadline, or the server is too old.
        """
        try:
            return self.pool.take(self.timeout)
        except PoolExhausted as error:
            raise errors.StoreUnavailable(
                f"{self.label}: all {self.address.pool_size} connections of the pool were in use for "
                f"{self.timeout:g} s: leave blocks sooner, or raise ?pool_size=."
            ) from error

    def _give_back(self, connection: Connection) -> None:
        """Give a connection back; one that is not idle was interrupted, or lost its server, and is closed."""
        try:
            self.pool.give_back(
                connection, connection.pgconn.transaction_status == TransactionStatus.IDLE
            )
        except BaseException:
            self.pool.discard(connection)
            raise

    def _find_problem(self, connection: Connection) -> str | None:
        """Say why the server cannot hold a store, if it cannot."""
        if connection.info.server_version < _MINIMUM:
            return "the server is too old: PostgreSQL 13 or newer is needed."
        schema = self.address.schema
        found = self.connector.learn(connection)
        if schema is not None and found.strip('"') != schema:
            return (
                f"a connection pooler does not pass on ?schema={schema}: leave it out, and run "
                f"ALTER ROLE … SET search_path = {schema} on the server."
            )
        return None

    def with_lock_timeout(self, function: Callable[[], T], seconds: float) -> T:
        """Call a function that runs statements, none of which waits for a lock longer than so many seconds."""
        if self.in_block():  # for the rest of which the limit would hold
            return function()

        def limited() -> T:
            self.execute(
                f"SET LOCAL lock_timeout = '{max(round(seconds * 1000), 1)}ms'"
            )  # a number of ours
            return function()

        return super().with_lock_timeout(partial(self.run_in_transaction, limited), seconds)

    # Statements

    def query(
        self, sql: str, params: Params, take: Callable[[Cursor], T], varied: bool = False
    ) -> T:
        """Run one statement and return what `take` takes from its cursor.

        Outside of a block a connection leaves the pool for the statement alone, and does not become this thread's.
        """
        session = self.session()
        # The server keeps one plan for a prepared statement, which may be several times as slow as one for its values.
        prepare = False if varied else None
        if session.transaction is not None:
            return self.with_connection(
                lambda connection: take(self._execute(connection, sql, params, prepare))
            )
        try:
            connection = self._take()
            try:
                return take(self._execute(connection, sql, params, prepare))
            finally:
                self._give_back(connection)
        except self.driver_errors as error:
            return self.retry(partial(self._attempt, sql, params, take, prepare), error)

    def _attempt(
        self, sql: str, params: Params, take: Callable[[Cursor], T], prepare: bool | None
    ) -> T:
        """Run a failed statement once more."""
        connection = self._take()
        try:
            return take(self._execute(connection, sql, params, prepare))
        finally:
            self._give_back(connection)

    def _execute(
        self, connection: Connection, sql: str, params: Params, prepare: bool | None
    ) -> Cursor:
        """Run one statement; through Peewee where somebody listens to its hooks or reads its log."""
        if self.database.query_hooks or statements_are_logged():
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
        return connection.execute(sql, params, prepare=prepare)

    def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Load many rows, inside a block."""
        names = ", ".join(f'"{name}"' for name in columns)

        def load(connection: Connection) -> None:
            with connection.cursor().copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
                for row in rows:
                    copy.write_row(row)

        self.with_connection(load)

    def recover(self, session: Session) -> None:
        """Refuse another statement in a block, of which a statement was interrupted or is still running."""
        if session.transaction is not None:
            if session.must_roll_back:
                session.transaction.abort()
            raise self.interrupted_error()
        session.busy = False

    # Transactions

    def begin(self, transaction: Transaction) -> None:
        """Begin in one round trip, which also returns the id of the transaction."""
        session = transaction.session
        if session.conn is not None:  # an interrupt left it
            self.pool.discard(session.detach())
        session.set_connection(self._take())
        session.transaction = transaction
        session.transactions.append(transaction)
        session.busy = True
        # Several statements in one text cannot be prepared.
        cursor = session.conn.execute(self._beginning, prepare=False)
        while cursor.nextset():
            pass
        if not self.read_only:  # what only reads has no outcome to ask for
            transaction.number = cursor.fetchone()
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
        """Ask the server what became of a transaction whose connection was lost while it was committed."""
        state = state_of(error)
        if transaction.number is None or not (
            state is None or state.startswith(_CONNECTION_STATES)
        ):
            return False
        number, timeline = transaction.number
        try:
            found = self._outcome(number, timeline, transaction.deadline)
        except errors.ArtifactStoreError:
            found = None
        if found is None and not repeatable:
            raise errors.StoreUnavailable(
                f"{self.label}: the connection was lost during COMMIT and the server cannot be asked for the outcome: "
                "the block may have been committed."
            ) from error
        return found is True

    def _outcome(self, number: str, timeline: str, deadline: float) -> bool | None:
        """Tell whether a transaction was committed; `None` when that cannot be known."""
        tries = 0
        while True:
            row = self.fetch_one(_OUTCOME, (number,))
            if row is None or row[1] != timeline:
                return None
            if row[0] in ("committed", "aborted"):
                return bool(row[0] == "committed")
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
        """Close the connection of another thread's transaction, when its statement has ended."""
        connection = transaction.session.detach()
        if connection is not None and connection.lock.acquire(timeout=1.0):
            try:
                self.pool.discard(connection)
            finally:
                connection.lock.release()

    def release(self, transaction: Transaction) -> None:
        """Give the connection of a transaction back to the pool."""
        session = transaction.session
        if session.transaction is transaction:
            connection = session.conn
            session.detach()
            self._give_back(connection)
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
        """Return whether the failure is a matter of timing, or of a lost connection."""
        state, inner = state_of(error), driver_error(error)
        if isinstance(inner, ServerSilent | NotReplica):
            return False  # the one was waited for until the deadline, the other stays what it is
        if state == _READ_ONLY:
            return not self.address.read_only and self._may_become_writable()
        if state is not None and not state.startswith("no "):
            return state in PASSING or state.startswith("08")
        # Without a state there was no answer. A server that never answered is a wrong address.
        return (
            isinstance(inner, psycopg.OperationalError | psycopg.InterfaceError) and self._reached
        )

    def to_store_error(self, error: BaseException) -> errors.ArtifactStoreError:
        """Return our error for an error of the server; its message says what to do."""
        first = driver_error(error)
        state, text = state_of(error), " ".join(str(first).split())
        if self._password:
            text = text.replace(self._password, "***")
        if isinstance(first, NotReplica):
            return ReplicaRefused(f"{self.label}: {first}")
        if isinstance(first, TooLarge):
            return errors.InvalidArtifact(
                "The artifact is larger than PostgreSQL can store (1 GB): " + _ELSEWHERE
            )
        if isinstance(first, Unreadable):
            return errors.StoreDamaged(f"{self.label}: {_unreadable(first)}")
        if state in ("XX001", "XX002"):  # a page, or an index, that the server cannot read
            return errors.StoreDamaged(
                f"{self.label}: the database is damaged ({text.rstrip('.')}): restore a copy."
            )
        if state == "22021":
            return errors.StoreDamaged(
                f"{self.label}: another program has written text that is not UTF-8 into the database ({text}): "
                "correct it with SQL."
            )
        if state == "22P05":
            return errors.UnsupportedCharacter(
                f"{self.label}: the encoding of the database cannot hold a character ({text}): "
                "create the database with ENCODING 'UTF8'."
            )
        if state is not None and state.startswith("23"):
            name = getattr(getattr(first, "diag", None), "constraint_name", None) or ""
            return errors.IntegrityViolation(
                f"The database refused the row: {_KEYS.get(name, text)}."
            )
        if is_long_for_index(first):
            return errors.InvalidArtifact(f"A value is too long for an index: shorten it ({text}).")
        if state in ("54000", "54001", "54011", "54023"):
            return errors.InvalidQuery(
                f"The filter is too large for PostgreSQL ({text}): split it into several queries."
            )
        if state == "42P01":
            return TableMissing(
                f"{self.label}: the tables of the store are gone ({text}): open the store again."
            )
        if state == _READ_ONLY and self.address.read_only:
            return errors.StoreReadOnly(
                f"{self.label}: the store is open for reading only: open it without mode=ro."
            )
        if state == _READ_ONLY and not self._may_become_writable():
            state = "read only by default"
        remedy = REMEDIES.get(state or "", "").format(timeout=self.timeout)
        return errors.StoreUnavailable(
            f"{self.label}: {remedy or f'PostgreSQL says: {text.rstrip(chr(46))}.'}"
        )

    def _may_become_writable(self) -> bool:
        """Tell whether a server that refuses to write may write soon, as in a failover.

        One that is read only by default, for this role, this database or all, stays so until somebody changes that.
        """
        try:
            with self.connector.connect(self.address.dsn) as connection:
                found = connection.execute(
                    "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')"
                )
                recovering, read_only = found.fetchone() or (True, "on")
        except psycopg.Error:
            return True
        return bool(recovering) or read_only == "off"

    # Life

    @contextmanager
    def migrating(self) -> Iterator[None]:
        """Hold a lock that every opener of this database asks for, and make the schema that the address names."""
        with self.atomic():
            self.fetch_one("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
            schema = self.address.schema
            # To make a schema, even IF NOT EXISTS, needs more rights than to use one that somebody has made.
            if (
                schema is not None
                and self.fetch_one("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,))
                is None
            ):
                self.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
            yield

    def server_info(self) -> ServerInfo:
        """Return the server's version and place, the size of the database and the state of the pool."""
        found = self.fetch_one("SELECT pg_database_size(current_database())")
        size = None if found is None else int(found[0])
        reached = self._server_name()
        version = self.database.server_version
        engine = f"PostgreSQL {version // 10000}.{version % 10000}"
        return ServerInfo(engine, size, len(self.pool), reached, self.address.pool_size)

    def _server_name(self) -> str:
        connection = self._take()
        try:
            info = connection.info
            return f"{info.user}@{info.host}:{info.port}/{info.dbname}"
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Close every connection of the pool; one that is in use is closed when it is given back."""
        if self.in_block():
            super().close()  # which refuses
        self.pool.close()

    def after_fork(self) -> None:
        """Forget the parent's connections, in a child, without a word to the server."""
        self.connector.forget()
        self.pool = Pool(self._connect, self.address.pool_size)
        super().after_fork()


_ELSEWHERE = "keep it in a file, and publish a link to it."


def _unreadable(error: Unreadable) -> str:
    where = f" of the row with {error.row}" if error.row else ""
    return (
        f"another program has written a value that Python cannot read into {error.column}{where} "
        "(text that is not UTF-8, or a time that is infinite or not in the years 1 to 9999): correct it with SQL."
    )
