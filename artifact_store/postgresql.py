"""PostgreSQL, and what speaks its protocol: many machines, one database.

A connection is borrowed from Peewee's pool for one statement, or for one block, and goes back.
How connections are made, and what they have in common, is said by `pgsession`; nothing of a
session is changed afterwards, so a transaction pooler may stand in between.
"""

import heapq
import threading
import time
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from hashlib import sha256
from typing import Any, ClassVar, TypeVar

import peewee
from playhouse.pool import MaxConnectionsExceeded, PoolConnection, PooledPostgresqlDatabase

from . import errors
from .address import PostgresAddress, did_you_mean
from .database import NOTHING, Engine, Facts, Params, ReplicaRefused, TableMissing, driver_error, logged

try:
    import psycopg
    from psycopg.pq import TransactionStatus

    from .pgerrors import PASSING, REMEDIES, NotReplica, ServerSilent, TooLarge, Unreadable, is_long_for_index, state_of
    from .pgsession import Connection, Session
    from .pgstandby import Identity, check_standby, identity
except ImportError as missing:  # the extra is not installed
    raise errors.StoreUnavailable(
        "PostgreSQL needs the psycopg driver: pip install 'artifact-store[postgres]'."
    ) from missing

__all__ = ["PostgresEngine"]

T = TypeVar("T")

_MINIMUM = 130000
_MIGRATION_LOCK = 0x61727469666163  # "artifac"
_READ_ONLY = "25006"
_KEYS = {
    "artifact_pkey": "UNIQUE constraint failed: artifact.id",
    "artifact_key_version": "UNIQUE constraint failed: artifact.key, artifact.version",
}


class _Adapter(peewee.Psycopg3Adapter):
    """Lets Peewee connect as the session says."""

    def connect(self, db: "_Database", **params: Any) -> Connection:
        return db.session.connect(db.database)


class _Database(PooledPostgresqlDatabase):  # type: ignore[misc]
    """Peewee's pool, which believes a connection open until a statement on it fails.

    Attributes:
        session: makes the connections.
        beginning: begins a transaction that waits for a lock only until the deadline, in one round trip.
    """

    psycopg3_adapter = _Adapter
    session: Session
    beginning = "BEGIN"

    def _is_closed(self, connection: Any) -> bool:
        return bool(connection.closed)

    def lend(self) -> Any:
        """Take a connection out of the pool for one statement; `None` when none is idle."""
        with self._pool_lock:
            if not self._connections:
                return None
            since, _, connection = heapq.heappop(self._connections)
            self._in_use[id(connection)] = PoolConnection(since, connection, time.time())
            return connection

    def take_back(self, connection: Any) -> None:
        """Put a connection back that was lent."""
        with self._pool_lock:
            if connection.pgconn.transaction_status != TransactionStatus.IDLE:
                self._close(connection)
            elif (lent := self._in_use.pop(id(connection), None)) is not None:  # not closed meanwhile with the store
                self._heap_counter += 1
                heapq.heappush(self._connections, (lent.timestamp, self._heap_counter, connection))
                self._pool_available.notify()

    def begin(self, isolation_level: object = None) -> None:
        # Two statements in one text cannot be prepared.
        self.cursor().execute(self.beginning, prepare=False)


class _Loan:
    """A connection of the pool for as long as one statement, or the block that it begins."""

    __slots__ = ("_engine",)

    def __init__(self, engine: "PostgresEngine") -> None:
        self._engine = engine

    def __enter__(self) -> None:
        self._engine.borrow()

    def __exit__(self, *raised: object) -> None:
        if not self._engine.in_block():
            self._engine.database.close()


class PostgresEngine(Engine):
    """A PostgreSQL database, or one that speaks its protocol."""

    dialect: ClassVar[str] = "postgresql"
    driver_errors: ClassVar[tuple[type[BaseException], ...]] = (peewee.PeeweeException, psycopg.Error)
    longest_pause: ClassVar[float] = 0.25

    def __init__(self, address: PostgresAddress, primary: "PostgresEngine | None" = None) -> None:
        """Prepare the pool; nothing is connected yet.

        Args:
            address: the address.
            primary: what the server at the address follows, when it is a standby.
        """
        known = _understood(address.dsn)
        database = _Database(
            address.dsn,
            max_connections=address.pool_size,
            timeout=address.timeout or 0.001,
            prefer_psycopg3=True,
        )
        if primary is None:
            self.session = Session(address, known, patience=address.timeout)
        else:
            greet = partial(check_standby, primary=primary.identity)
            self.session = Session(address, known, patience=primary.timeout, greet=greet)
        database.session = self.session
        self._identity: Identity | None = None
        self.lock_timeout = self.session.lock_timeout
        level = f" ISOLATION LEVEL {address.isolation_level}" if address.isolation_level else ""
        access = " READ ONLY" if address.read_only else ""
        database.beginning = f"BEGIN{level}{access}; SET LOCAL lock_timeout = '{self.lock_timeout}'"
        super().__init__(database, address.label, address.url, address.timeout)
        self.address = address
        self.read_only = address.read_only
        self.one_statement = address.isolation_level is None and not address.read_only
        self._password = str(known.get("password") or "")
        self._place = sha256(f"{address.dsn} {address.schema}".encode()).hexdigest()
        self._reached = self._checked = False
        weakref.finalize(self, database.close_idle)

    @property
    def place(self) -> Hashable:
        """The address and the schema, as a digest: it is a part of what a run shows of itself."""
        return self._place

    def identity(self, anew: bool = False) -> Identity:
        """Return what the standbys of this server have in common with it; from memory unless it is asked `anew`."""
        if self._identity is None or anew:
            self._identity = identity(self.row)
        return self._identity

    # Borrowing

    def again(self, attempt: Callable[[], T], error: BaseException, deadline: float | None = None) -> T:
        """Call what has failed again; inside a block nothing can be, because the block is undone."""
        if self.in_block():
            raise self.refusal(error) from error
        return super().again(attempt, error, deadline)

    def held(self) -> AbstractContextManager[Any]:
        """Return a connection on loan; inside a block it is the block's."""
        return NOTHING if self.in_block() else _Loan(self)

    def borrow(self) -> None:
        """Take a connection from the pool.

        Raises:
            StoreUnavailable: every connection was in use until the deadline, or the server is too old.
        """
        try:
            self.database.connect(reuse_if_open=True)
        except MaxConnectionsExceeded as error:
            raise errors.StoreUnavailable(
                f"{self.label}: all {self.address.pool_size} connections of the pool were in use for "
                f"{self.timeout:g} s: leave blocks sooner, or raise ?pool_size=."
            ) from error
        if not self._checked:
            self._reached = True  # somebody answered, so what fails from now on may pass
            try:
                problem = self._unusable()
                if problem is not None:
                    raise errors.StoreUnavailable(f"{self.label}: {problem}")
            except BaseException:
                self.database.close()
                raise
            self._checked = True

    def _unusable(self) -> str | None:
        """Say why what was reached for the first time cannot serve a store."""
        if self.database.server_version < _MINIMUM:
            return "the server is too old: PostgreSQL 13 or newer is needed."
        schema = self.address.schema
        found = self.session.learn(self.database.connection())
        if schema is not None and found.strip('"') != schema:
            return (
                f"a pooler keeps ?schema={schema} from the server: leave it out, and say "
                f"ALTER ROLE … SET search_path = {schema} on the server."
            )
        return None

    def ended(self) -> None:
        """Give the connection of a block back to the pool."""
        self.database.close()

    def soon(self, function: Callable[[], T], patience: float) -> T:
        """Call a function that runs statements, none of which waits for a lock longer than so many seconds."""
        if self.in_block():  # for the rest of which the limit would hold
            return function()

        def limited() -> T:
            self.run(f"SET LOCAL lock_timeout = '{max(round(patience * 1000), 1)}ms'")  # a number of ours
            return function()

        return super().soon(partial(self.retrying, limited), patience)

    # Statements

    def taken(self, sql: str, params: Params, take: Callable[[Any], Any], varied: bool = False) -> Any:
        """Run one statement and return what `take` takes from its cursor.

        Outside of a block a connection leaves the pool for the statement alone, and does not become this thread's.
        """
        database = self.database
        if not self._checked or database.query_hooks or logged():
            return super().taken(sql, params, take)
        # The server keeps one plan for a prepared statement, which may be several times as slow as one for its values.
        prepare = False if varied else None
        try:
            if database._state.transactions:
                return take(database._state.conn.execute(sql, params, prepare=prepare))
            connection = database.lend()
            if connection is not None:
                try:
                    return take(connection.execute(sql, params, prepare=prepare))
                finally:
                    database.take_back(connection)
        except self.driver_errors as error:
            return self.again(partial(self._attempt, sql, params, take), error)
        return super().taken(sql, params, take)

    def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Load many rows, inside a block."""
        names = ", ".join(f'"{name}"' for name in columns)
        try:
            with self.database.cursor().copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
                for row in rows:
                    copy.write_row(row)
        except self.driver_errors as error:
            raise self.refusal(error) from error

    # Errors

    def passing(self, error: BaseException) -> bool:
        """Tell whether the failure is one of timing, or of a connection that was lost."""
        state, inner = state_of(error), driver_error(error)
        if isinstance(inner, ServerSilent | NotReplica):
            return False  # the one was waited for until the deadline, the other stays what it is
        if state == _READ_ONLY:
            return not self.address.read_only and self._may_become_writable()
        if state is not None and not state.startswith("no "):
            return state in PASSING or state.startswith("08")
        # Without a state there was no answer. A server that never answered is a wrong address.
        return isinstance(inner, psycopg.OperationalError | psycopg.InterfaceError) and self._reached

    def translated(self, error: BaseException) -> errors.ArtifactStoreError:
        """Return the error of ours that says what the server's error means and how to mend it."""
        first = driver_error(error)
        state, text = state_of(error), " ".join(str(first).split())
        if self._password:
            text = text.replace(self._password, "***")
        if isinstance(first, NotReplica):
            return ReplicaRefused(f"{self.label}: {first}")
        if isinstance(first, TooLarge):
            return errors.InvalidArtifact("The artifact is larger than PostgreSQL can store (1 GB): " + _ELSEWHERE)
        if isinstance(first, Unreadable):
            return errors.StoreDamaged(f"{self.label}: {_unreadable(first)}")
        if state == "22021":
            return errors.StoreDamaged(
                f"{self.label}: another program has written text that is not UTF-8 into the database ({text}): "
                "set it right with SQL."
            )
        if state == "22P05":
            return errors.UnsupportedCharacter(
                f"{self.label}: the encoding of the database cannot hold a character ({text}): "
                "create the database with ENCODING 'UTF8'."
            )
        if state is not None and state.startswith("23"):
            name = getattr(getattr(first, "diag", None), "constraint_name", None) or ""
            return errors.IntegrityViolation(f"The database refused the row: {_KEYS.get(name, text)}.")
        if is_long_for_index(first):
            return errors.InvalidArtifact(f"A value is too long for an index: shorten it ({text}).")
        if state in ("54000", "54001", "54011", "54023"):
            return errors.InvalidQuery(f"The filter is too large for PostgreSQL ({text}): ask in several queries.")
        if state == "42P01":
            return TableMissing(f"{self.label}: the tables of the store are gone ({text}): open the store again.")
        if state == _READ_ONLY and self.address.read_only:
            return errors.StoreReadOnly(f"{self.label}: the store is open for reading only: open it without mode=ro.")
        if state == _READ_ONLY and not self._may_become_writable():
            state = "read only by default"
        remedy = REMEDIES.get(state or "", "").format(timeout=self.timeout)
        return errors.StoreUnavailable(f"{self.label}: {remedy or f'PostgreSQL says: {text.rstrip(chr(46))}.'}")

    def _may_become_writable(self) -> bool:
        """Tell whether a server that refuses to write may write soon, as in a failover.

        One that is read only by default, for this role, this database or all, stays so until somebody changes that.
        """
        try:
            with self.session.connect(self.address.dsn) as connection:
                found = connection.execute("SELECT pg_is_in_recovery(), current_setting('transaction_read_only')")
                recovering, read_only = found.fetchone() or (True, "on")
        except psycopg.Error:
            return True
        return bool(recovering) or read_only == "off"

    # Life

    @contextmanager
    def migrating(self) -> Iterator[None]:
        """Hold a lock that every opener of this database asks for, and make the schema that the address names."""
        with self.atomic():
            self.row("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
            schema = self.address.schema
            # To make a schema, even IF NOT EXISTS, needs more rights than to use one that somebody has made.
            if schema is not None and self.row("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)) is None:
                self.run(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
            yield

    def facts(self) -> Facts:
        """Return the server's version and place, the size of the database and the state of the pool."""

        def attempt() -> tuple[int, str]:
            size: int = self.database.execute_sql("SELECT pg_database_size(current_database())").fetchone()[0]
            reached = self.database.connection().info
            return size, f"{reached.user}@{reached.host}:{reached.port}/{reached.dbname}"

        size, server = self.patiently(attempt)
        version = self.database.server_version
        connections = len(self.database._in_use) + len(self.database._connections)
        engine = f"PostgreSQL {version // 10000}.{version % 10000}"
        return Facts(engine, size, connections, server, self.address.pool_size)

    def close(self) -> None:
        """Close every connection of the pool."""
        super().close()
        self.database.close_all()

    def after_fork(self) -> None:
        """Forget the parent's connections, in a child, without a word to the server."""
        self.session.forget()
        self.database._pool_lock = threading.RLock()  # another thread of the parent may have held it
        self.database._pool_available = threading.Condition(self.database._pool_lock)
        super().after_fork()


_ELSEWHERE = "keep it in a file, and publish a link to it."


def _understood(dsn: str) -> dict[str, Any]:
    """Return the parameters of a URL as libpq reads them; what libpq says of others may quote a password."""
    with suppress(psycopg.Error):
        return dict(psycopg.conninfo.conninfo_to_dict(dsn))
    known = {option.keyword.decode(): None for option in psycopg.pq.Conninfo.get_defaults()}
    given = [part.partition("=")[0] for part in dsn.partition("?")[2].split("&")]
    near = next((found for name in given if name not in known and (found := did_you_mean(name, known))), None)
    raise errors.InvalidURL(
        f"Unknown parameter in the PostgreSQL URL: {near}"
        if near
        else "The PostgreSQL URL has a parameter that libpq does not know: check its spelling, and percent-encode the "
        "password ('?' is %3F, '&' is %26)."
    )


def _unreadable(error: Unreadable) -> str:
    where = f" of the row with {error.row}" if error.row else ""
    return (
        f"another program has written a value that Python cannot read into {error.column}{where} "
        "(text that is not UTF-8, or a time that is infinite or not in the years 1 to 9999): set it right with SQL."
    )
