"""Connections to PostgreSQL: what each of them asks for and waits for, whatever the settings of the session are.

Text is UTF-8, whatever the encoding of the database. How long a statement waits for a lock is a start-up parameter; a
pooler that refuses or drops it is found out, and then each statement says it for itself, in the same round trip. A
server that is silent for long is asked, on a connection of its own, whether it still works on the statement.
"""

import ctypes
import math
import os
import re
import selectors
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from ..errors import InvalidURL
from .postgresql_cursor import ADAPTERS, Cursor
from .postgresql_errors import PROMOTED, UNREACHABLE, NotReplica, ServerSilent, state_of
from .url import PostgresAddress, did_you_mean

__all__ = ["Connection", "Connector", "parameters_of"]

T = TypeVar("T")

_REFUSED = re.compile("unsupported startup parameter")
_WAITING = ("idle", "idle in transaction", "idle in transaction (aborted)")
_LOCK_OF_STANDBY = 1.0  # seconds
_INTERVAL = 0.1  # seconds
_WAITS_UNSEEN = tuple(map(int, psycopg.__version__.split(".")[:2])) < (3, 3)
"""Whether psycopg waits for a socket without telling, now and then, that nothing has come."""
_ON_ITS_WAY = 1.0  # seconds within which an answer arrives that the server has sent


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that notices when the server is silent for long.

    Attributes:
        timeout_statement: a statement that says how long the next one waits for a lock; empty where the session knows.
        stale: whether a table was changed after this connection has prepared statements.
        needs_check: whether one of the two is to be seen to before a statement.
        silence_limit: seconds of silence after which `look` is called.
        is_standby: whether it is refused once its server tells that it was promoted, as PostgreSQL 14 and newer do.
        siblings: the connections of the same engine.
        place: its place in the pool.
        age: how often the pool had been closed when it was opened.
        look: takes the connection, and whether the server was found to wait for us the last time; tells whether
            it does. What it raises ends the connection.
    """

    place: Any = None
    age = 0
    timeout_statement = ""
    stale = False
    needs_check = False
    is_standby = False
    siblings: "weakref.WeakSet[Connection] | None" = None
    silence_limit = math.inf
    look: "Callable[[Connection, bool], bool] | None" = None

    # Say nothing of a connection that was lost to an interrupt, or to a fork: libpq closes its socket. `bool` does
    # nothing and is written in C, because an interrupt that comes inside of a finalizer in Python is lost.
    __del__ = staticmethod(bool)  # type: ignore[assignment]

    def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:
        """Wait for the server as psycopg does, and look after it when it is silent."""
        return super().wait(self._watched(gen), *args, **kwargs)

    def bound(self, timeout_statement: str) -> None:
        """Let each statement outside of a transaction say first how long it waits for a lock."""
        self.timeout_statement = timeout_statement
        self.needs_check = bool(timeout_statement)

    def tables_changed(self) -> None:
        """Let this connection, and the others of its session, prepare all statements anew."""
        for connection in list(self.siblings or (self,)):
            connection.stale = connection.needs_check = True

    def prepare_anew(self) -> None:
        """Forget what is prepared, here and on the server, as psycopg does when it rolls a transaction back."""
        psycopg.Cursor(self).execute("BEGIN", prepare=False)
        self.rollback()
        self.stale = False
        self.needs_check = bool(self.timeout_statement)

    def _watched(self, gen: PQGen[T]) -> PQGen[T]:
        silent_since = None
        idle = False
        try:
            wanted = next(gen)
            while True:
                if _WAITS_UNSEEN:
                    self._await(wanted)
                ready = yield wanted
                if ready:
                    silent_since = None
                elif silent_since is None:
                    silent_since = time.monotonic()
                elif time.monotonic() - silent_since > (
                    _ON_ITS_WAY if idle else self.silence_limit
                ):
                    idle = self._looked(idle)
                    silent_since = None
                wanted = gen.send(ready)
        except StopIteration as done:
            if self.is_standby and self.pgconn.parameter_status(b"in_hot_standby") == b"off":
                self.pgconn.finish()
                raise NotReplica(PROMOTED) from None
            result: T = done.value
            return result

    def _await(self, wanted: int) -> None:
        """Wait until the socket is ready, for a psycopg that would say nothing until then."""
        silent_since = time.monotonic()
        idle = False
        with selectors.DefaultSelector() as selector:
            selector.register(self.pgconn.socket, wanted)
            while not selector.select(_INTERVAL):
                if time.monotonic() - silent_since > (_ON_ITS_WAY if idle else self.silence_limit):
                    idle = self._looked(idle)
                    silent_since = time.monotonic()

    def _looked(self, idle: bool) -> bool:
        try:
            if self.look is None:
                raise ServerSilent
            return self.look(self, idle)
        except BaseException:
            # What may still come on it would answer the next statement.
            self.pgconn.finish()
            raise


class Connector:
    """Makes the connections of one engine, and what they have in common.

    Attributes:
        lock_timeout: how long one statement waits for a lock, as the server says it.
    """

    def __init__(
        self,
        address: PostgresAddress,
        known: Mapping[str, Any],
        *,
        timeout: float,
        greet: Callable[[Connection], None] | None = None,
    ) -> None:
        """Take an address; nothing is connected yet.

        Args:
            address: the address.
            known: the parameters of its URL, as libpq has understood them.
            timeout: seconds after which a server that does not answer is left.
            greet: called with each new connection to a standby; what it raises refuses the connection. A standby that
                is silent so long is left even if it may be working, because the primary can answer too.
        """
        self._address, self._known = address, known
        self._timeout = max(timeout, 1.0)
        self._greet = greet
        lock_timeout = address.timeout if greet is None else min(timeout, _LOCK_OF_STANDBY)
        self.lock_timeout = f"{max(math.ceil(lock_timeout * 1000), 1)}ms"
        self._connections: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._pooled = False  # a pooler keeps start-up parameters from the server
        self._names_process = (
            True  # the process that the server names is the one that serves the connection
        )

    def connect(self, conninfo: str) -> Connection:
        """Return a new connection, in autocommit.

        Raises:
            psycopg.Error: the server does not answer, or refuses.
        """
        connection = self._connected(conninfo)
        connection.look = self._look
        # The server is looked at early enough to be left at the deadline.
        connection.silence_limit = self._timeout / 2 if self._greet is None else self._timeout
        connection.siblings = self._connections
        self._connections.add(connection)
        if self._pooled:
            connection.bound(self._timeout_statement())
        if self._greet is not None:
            try:
                self._greet(connection)
            except BaseException:
                connection.close()
                raise
            connection.is_standby = True
        return connection

    def learn(self, connection: Connection) -> str:
        """Find out whether a pooler keeps start-up parameters from the server; return the search path there."""
        query = (
            "SELECT CAST(current_setting('lock_timeout') AS interval) = CAST(%s AS interval), "
            "pg_backend_pid(), current_setting('search_path')"
        )
        row = connection.execute(query, (self.lock_timeout,), prepare=False).fetchone()
        assert row is not None
        in_force, process, path = row
        if not in_force:
            self._pooled = True
            connection.bound(self._timeout_statement())
        self._names_process = process == connection.info.backend_pid
        return str(path)

    def forget(self) -> None:
        """Let go of the connections of the parent, in a forked child.

        The server must see the parent's end, so their sockets do not stay open here. They keep their numbers, in
        case something still holds a connection, and the connections are never freed, which would be a warning.
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

    def _timeout_statement(self) -> str:
        return f"SELECT set_config('lock_timeout', '{self.lock_timeout}', TRUE)"  # a number of ours, not a value

    def _connected(self, conninfo: str) -> Connection:
        if not self._pooled:
            try:
                return self._attempt(conninfo, {"lock_timeout": self.lock_timeout})
            except psycopg.OperationalError as error:
                if _REFUSED.search(str(error)) is None:
                    raise
        connection = self._attempt(conninfo, {})
        self._pooled = True
        return connection

    def _attempt(self, conninfo: str, settings: Mapping[str, str], **more: Any) -> Connection:
        return Connection.connect(
            conninfo,
            autocommit=True,
            context=ADAPTERS,
            cursor_factory=Cursor,
            prepare_threshold=self._address.prepare_threshold,
            **{**self._parameters(settings), **more},
        )

    def _parameters(self, settings: Mapping[str, str]) -> dict[str, Any]:
        """Return what libpq takes beside the URL; a dead network is noticed within the deadline."""
        known = self._known
        parameters: dict[str, Any] = {"client_encoding": "UTF8"}
        timeout = max(math.ceil(self._address.timeout), 2)
        if "connect_timeout" not in known and "PGCONNECT_TIMEOUT" not in os.environ:
            parameters["connect_timeout"] = min(timeout, 10)
        if "tcp_user_timeout" not in known:
            parameters["tcp_user_timeout"] = timeout * 1000
        options = [str(known["options"]) if "options" in known else _options_around()]
        if self._address.schema is not None:
            # In quotes, because the server would fold capitals.
            options.append(f'-c search_path="{self._address.schema}"')
        options += [f"-c {name}={value}" for name, value in settings.items()]
        joined = " ".join(filter(None, options))
        return {**parameters, "options": joined} if joined else parameters

    def _look(self, connection: Connection, idle: bool) -> bool:
        """Ask on a connection of its own whether the server still works on what a silent connection waits for.

        Args:
            connection: the silent one.
            idle: whether the server was found to wait for us the last time.

        Returns:
            Whether the server waits for us; its answer may be on its way.

        Raises:
            ServerSilent: the server does not answer, or its answer was lost on the way.
        """
        if self._greet is not None:
            raise ServerSilent
        working = self._works(connection)
        if idle and not working:
            raise ServerSilent
        return not working

    def _works(self, connection: Connection) -> bool:
        """Tell whether the server works on something for a connection, or may do so.

        Raises:
            ServerSilent: the server does not answer.
        """
        place = connection.info
        try:
            # Of several hosts, the one that it is connected to.
            with self._attempt(self._address.dsn, {}, host=place.host, port=place.port) as probe:
                probe.silence_limit = _ON_ITS_WAY
                query = "SELECT state FROM pg_stat_activity WHERE pid = %s"
                row = probe.execute(query, (place.backend_pid,), prepare=False).fetchone()
        except psycopg.Error as error:
            if isinstance(error, ServerSilent) or state_of(error) in UNREACHABLE:
                raise ServerSilent from error
            return True  # it answers, if only that it has no connection left
        if not self._names_process:
            return True
        return row is not None and row[0] not in _WAITING


def _options_around() -> str:
    """Return the options of the environment, which libpq leaves out when it is given others."""
    given = next((each.val for each in Conninfo.get_defaults() if each.keyword == b"options"), None)
    return (given or b"").decode()


def parameters_of(dsn: str) -> dict[str, Any]:
    """Return the parameters of a URL as libpq reads them; what libpq says of others may quote a password."""
    with suppress(psycopg.Error):
        return dict(conninfo_to_dict(dsn))
    known = {option.keyword.decode(): None for option in Conninfo.get_defaults()}
    given = [part.partition("=")[0] for part in dsn.partition("?")[2].split("&")]
    near = next(
        (found for name in given if name not in known and (found := did_you_mean(name, known))),
        None,
    )
    raise InvalidURL(
        f"Unknown parameter in the PostgreSQL URL: {near}"
        if near
        else "The PostgreSQL URL has a parameter that libpq does not know: check its spelling, and percent-encode the "
        "password ('?' is %3F, '&' is %26)."
    )
