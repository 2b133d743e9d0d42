"""Opens connections to PostgreSQL and sets them up, whatever the settings of the role, database or session are.

Text is UTF-8, whatever the encoding of the database. How long a statement waits for a lock is a start-up parameter.
If a pooler refuses or drops that parameter, each statement sets the timeout itself, in the same round trip.
"""

import ctypes
import math
import os
import re
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress

import peewee
import psycopg
from psycopg.abc import ConnDict
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo
from psycopg.rows import tuple_row

from ..errors import InvalidURL
from .peewee_internals import SessionDatabase
from .postgresql_connection import ANSWER_TIMEOUT, Connection
from .postgresql_cursor import ADAPTERS, Cursor
from .postgresql_errors import UNREACHABLE, ServerSilent, state_of
from .sessions import Sessions
from .url import PostgresAddress, did_you_mean

__all__ = ["Connector", "Database", "libpq_parameters"]

_MINIMUM_VERSION = 130000
_PARAMETER_REFUSED = re.compile("unsupported startup parameter")
_WAITING_STATES = ("idle", "idle in transaction", "idle in transaction (aborted)")
_STANDBY_LOCK_TIMEOUT = 1.0  # seconds


class Connector:
    """Opens the connections of one engine, and keeps what they have in common.

    Attributes:
        lock_timeout: how long one statement waits for a lock, as PostgreSQL writes it.
    """

    def __init__(
        self,
        address: PostgresAddress,
        parameters: ConnDict,
        *,
        timeout: float,
        check: Callable[[Connection], None] | None = None,
    ) -> None:
        """Take an address; nothing is connected yet.

        Args:
            address: the address.
            parameters: the parameters of its URL, as libpq has parsed them.
            timeout: seconds after which a server that does not answer is given up.
            check: only for a standby: called with each new connection, and refuses it by raising. A standby that is
                silent for `timeout` is given up even if it may be working, because the primary can answer too.
        """
        self._address = address
        self._url_parameters = parameters
        self._timeout = max(timeout, 1.0)
        self._check = check
        lock_timeout = address.timeout if check is None else min(timeout, _STANDBY_LOCK_TIMEOUT)
        self.lock_timeout = f"{max(math.ceil(lock_timeout * 1000), 1)}ms"
        self._connections: weakref.WeakSet[Connection] = weakref.WeakSet()
        # Whether a pooler keeps start-up parameters from the server.
        self._behind_pooler = False
        # Whether the process id that a connection reports is that of the process that serves it.
        self._knows_process = True

    def connect(self, conninfo: str) -> Connection:
        """Return a new connection, in autocommit.

        Raises:
            psycopg.Error: the server does not answer, or refuses.
        """
        connection = self._open_with_lock_timeout(conninfo)
        connection.check_silence = self._check_silence
        # The first check comes early enough to give up at the deadline.
        connection.silence_limit = self._timeout / 2 if self._check is None else self._timeout
        connection.siblings = self._connections
        self._connections.add(connection)

        if self._behind_pooler:
            connection.set_timeout_statement(self._timeout_statement())
        if self._check is not None:
            try:
                self._check(connection)
            except BaseException:
                connection.close()
                raise
            connection.is_standby = True
        return connection

    def find_problem(self, connection: Connection) -> str | None:
        """Return why the server cannot hold a store, if it cannot."""
        if connection.info.server_version < _MINIMUM_VERSION:
            return "the server is too old: PostgreSQL 13 or newer is needed."
        schema = self._address.schema
        search_path = self._detect_pooler(connection)
        if schema is not None and search_path.strip('"') != schema:
            return (
                f"a connection pooler does not pass on ?schema={schema}: leave it out, and run "
                f"ALTER ROLE … SET search_path = {schema} on the server."
            )
        return None

    def forget(self) -> None:
        """Forget the connections of the parent, in a forked child.

        Their sockets must not stay open here, or the server would not notice the end of the parent. They keep their
        file descriptors, in case something still refers to a connection. The connections are never freed, because
        that would give a warning.
        """
        nothing = os.open(os.devnull, os.O_RDWR)
        try:
            for connection in list(self._connections):
                with suppress(psycopg.Error):  # it is closed
                    os.dup2(nothing, connection.fileno(), inheritable=False)
                    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
        finally:
            os.close(nothing)
        self._connections = weakref.WeakSet()

    def _detect_pooler(self, connection: Connection) -> str:
        """Find out whether a pooler keeps start-up parameters from the server; return the search path there."""
        query = (
            "SELECT CAST(current_setting('lock_timeout') AS interval) = CAST(%s AS interval), "
            "pg_backend_pid(), current_setting('search_path')"
        )
        row = connection.execute(query, (self.lock_timeout,), prepare=False).fetchone()
        assert row is not None
        in_force, process, search_path = row
        if not in_force:
            self._behind_pooler = True
            connection.set_timeout_statement(self._timeout_statement())
        self._knows_process = process == connection.info.backend_pid
        return str(search_path)

    def _timeout_statement(self) -> str:
        # The timeout is a number of ours, so it needs no escaping.
        return f"SELECT set_config('lock_timeout', '{self.lock_timeout}', TRUE)"

    def _open_with_lock_timeout(self, conninfo: str) -> Connection:
        """Open a connection with the lock timeout as a start-up parameter, unless a pooler refuses that."""
        if not self._behind_pooler:
            try:
                return self._open(conninfo, {"lock_timeout": self.lock_timeout})
            except psycopg.OperationalError as error:
                if _PARAMETER_REFUSED.search(str(error)) is None:
                    raise
        connection = self._open(conninfo, {})
        self._behind_pooler = True
        return connection

    def _open(
        self, conninfo: str, settings: Mapping[str, str], **parameters: str | int
    ) -> Connection:
        return Connection.connect(
            conninfo,
            autocommit=True,
            context=ADAPTERS,
            row_factory=tuple_row,
            cursor_factory=Cursor,
            prepare_threshold=self._address.prepare_threshold,
            **{**self._parameters(settings), **parameters},
        )

    def _parameters(self, settings: Mapping[str, str]) -> ConnDict:
        """Return the parameters for libpq beside the URL, so that a dead network is noticed within the deadline."""
        in_url = self._url_parameters
        parameters: ConnDict = {"client_encoding": "UTF8"}
        timeout = max(math.ceil(self._address.timeout), 2)
        if "connect_timeout" not in in_url and "PGCONNECT_TIMEOUT" not in os.environ:
            parameters["connect_timeout"] = min(timeout, 10)
        if "tcp_user_timeout" not in in_url:
            parameters["tcp_user_timeout"] = timeout * 1000

        options = [str(in_url["options"]) if "options" in in_url else _default_options()]
        if self._address.schema is not None:
            # In quotes, because the server would fold capitals.
            options.append(f'-c search_path="{self._address.schema}"')
        options += [f"-c {name}={value}" for name, value in settings.items()]
        joined = " ".join(filter(None, options))
        if joined:
            parameters["options"] = joined
        return parameters

    def _check_silence(self, connection: Connection, server_waited: bool) -> bool:
        """Find out, on another connection, whether the server is working on what a silent connection waits for.

        Args:
            connection: the silent connection.
            server_waited: whether the server was waiting for us at the last check.

        Returns:
            Whether the server is waiting for us; its answer may be on its way.

        Raises:
            ServerSilent: the server does not answer, or its answer was lost.
        """
        if self._check is not None:
            raise ServerSilent
        working = self._is_working(connection)
        if server_waited and not working:
            raise ServerSilent
        return not working

    def _is_working(self, connection: Connection) -> bool:
        """Return whether the server works on a statement of a connection, or may do so.

        Raises:
            ServerSilent: the server does not answer.
        """
        info = connection.info
        try:
            # With several hosts in the URL, ask the one that the connection is connected to.
            with self._open(self._address.dsn, {}, host=info.host, port=info.port) as probe:
                probe.silence_limit = ANSWER_TIMEOUT
                query = "SELECT state FROM pg_stat_activity WHERE pid = %s"
                row = probe.execute(query, (info.backend_pid,), prepare=False).fetchone()
        except psycopg.Error as error:
            if isinstance(error, ServerSilent) or state_of(error) in UNREACHABLE:
                raise ServerSilent from error
            return True  # it answers, even if only that it has no free connection
        if not self._knows_process:
            return True
        return row is not None and row[0] not in _WAITING_STATES


class _Adapter(peewee.Psycopg3Adapter):
    """Lets Peewee connect through our `Connector`."""

    def connect(self, db: "Database", **params: object) -> Connection:
        return db.connector.connect(db.database)


class Database(SessionDatabase, peewee.PostgresqlDatabase):
    """A Peewee database whose connections are opened by our `Connector`."""

    psycopg3_adapter = _Adapter

    def __init__(self, address: PostgresAddress, connector: Connector) -> None:
        self.sessions = Sessions()
        self.connector = connector
        super().__init__(address.dsn, prefer_psycopg3=True)


def _default_options() -> str:
    """Return the options of the environment, which libpq ignores when it is given others."""
    for default in Conninfo.get_defaults():
        if default.keyword == b"options":
            return (default.val or b"").decode()
    return ""


def libpq_parameters(dsn: str) -> ConnDict:
    """Return the parameters of a URL as libpq parses them.

    Raises:
        InvalidURL: libpq does not know one of them. Its own message is not repeated: it may quote a password.
    """
    with suppress(psycopg.Error):
        return conninfo_to_dict(dsn)
    known = [option.keyword.decode() for option in Conninfo.get_defaults()]
    for parameter in dsn.partition("?")[2].split("&"):
        name = parameter.partition("=")[0]
        suggestion = None if name in known else did_you_mean(name, known)
        if suggestion is not None:
            raise InvalidURL(f"Unknown parameter in the PostgreSQL URL: {suggestion}")
    raise InvalidURL(
        "The PostgreSQL URL has a parameter that libpq does not know: check its spelling, and percent-encode the "
        "password ('?' is %3F, '&' is %26)."
    )
