"""A PostgreSQL connection that notices when the server is silent for too long.

A connection to a server that has crashed, or behind a broken network, would wait for ever. So after some seconds of
silence the connection asks whether the server is still working on the statement, and ends if it is not.
"""

import math
import selectors
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg.abc import Params, PQGen

from .engine import Row
from .postgresql_errors import PROMOTED, NotReplica, ServerSilent

__all__ = ["ANSWER_TIMEOUT", "Connection"]

T = TypeVar("T")

ANSWER_TIMEOUT = 1.0
"""Seconds within which an answer arrives that the server has sent."""

_INTERVAL = 0.1  # seconds
_WAITS_UNSEEN = tuple(map(int, psycopg.__version__.split(".")[:2])) < (3, 3)
"""Whether psycopg waits for a socket without reporting, now and then, that nothing has arrived."""


class Connection(psycopg.Connection[Row]):
    """A connection that notices when the server is silent for too long.

    Attributes:
        timeout_statement: sets how long the next statement waits for a lock; empty if the session has that setting.
        stale: whether a table was changed after this connection prepared statements.
        needs_check: whether `timeout_statement` or `stale` has to be looked at before a statement.
        silence_limit: seconds of silence after which `check_silence` is called.
        is_standby: whether to close the connection when the server reports that it was promoted, as PostgreSQL 14 and
            newer do.
        siblings: the connections of the same engine.
        slot: its slot in the pool.
        generation: how often the pool had been closed when the connection was opened.
        check_silence: called with the connection, and with whether the server was waiting for us at the last check;
            returns whether it is waiting for us now. If it raises, the connection is closed.
    """

    slot: object = None
    generation = 0
    timeout_statement = ""
    stale = False
    needs_check = False
    is_standby = False
    siblings: "weakref.WeakSet[Connection] | None" = None
    silence_limit = math.inf
    check_silence: "Callable[[Connection, bool], bool] | None" = None

    # No warning about a connection that was lost to an interrupt or a fork: libpq closes its socket. `bool` does
    # nothing and is written in C, because an interrupt inside a finalizer that is written in Python is lost.
    __del__ = staticmethod(bool)  # type: ignore[assignment]

    if TYPE_CHECKING:
        # psycopg accepts only literal strings; the statements here are built by Peewee.
        def execute(
            self,
            query: Any,
            params: Params | None = None,
            *,
            prepare: bool | None = None,
            binary: bool = False,
        ) -> psycopg.Cursor[Row]:
            """Run one statement."""
            ...

    @property
    def server_name(self) -> str:
        """The user, the server and the database, without a password."""
        info = self.info
        return f"{info.user}@{info.host}:{info.port}/{info.dbname}"

    def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:
        """Wait for the server as psycopg does, and check on it when it is silent."""
        return super().wait(self._watch(gen), *args, **kwargs)

    def set_timeout_statement(self, statement: str) -> None:
        """Run `statement` before each statement outside a transaction, in the same round trip."""
        self.timeout_statement = statement
        self.needs_check = bool(statement)

    def tables_changed(self) -> None:
        """Make this connection, and the others of its engine, prepare all statements again."""
        for connection in list(self.siblings or (self,)):
            connection.stale = True
            connection.needs_check = True

    def prepare_anew(self) -> None:
        """Forget the prepared statements, here and on the server, as psycopg does when it rolls back."""
        psycopg.Cursor(self).execute("BEGIN", prepare=False)
        self.rollback()
        self.stale = False
        self.needs_check = bool(self.timeout_statement)

    def _watch(self, gen: PQGen[T]) -> PQGen[T]:
        """Pass on what psycopg waits for, and count the seconds in which nothing arrives."""
        silent_since: float | None = None
        server_waits = False
        try:
            wanted = next(gen)
            while True:
                if _WAITS_UNSEEN:
                    self._wait_for_socket(wanted)
                ready = yield wanted
                if ready:
                    silent_since = None
                elif silent_since is None:
                    silent_since = time.monotonic()
                elif time.monotonic() - silent_since > self._allowed_silence(server_waits):
                    server_waits = self._check_silence(server_waits)
                    silent_since = None
                wanted = gen.send(ready)
        except StopIteration as done:
            if self.is_standby and self.pgconn.parameter_status(b"in_hot_standby") == b"off":
                self.pgconn.finish()
                raise NotReplica(PROMOTED) from None
            result: T = done.value
            return result

    def _wait_for_socket(self, wanted: int) -> None:
        """Wait until the socket is ready, because an old psycopg reports nothing until then."""
        silent_since = time.monotonic()
        server_waits = False
        with selectors.DefaultSelector() as selector:
            selector.register(self.pgconn.socket, wanted)
            while not selector.select(_INTERVAL):
                if time.monotonic() - silent_since > self._allowed_silence(server_waits):
                    server_waits = self._check_silence(server_waits)
                    silent_since = time.monotonic()

    def _allowed_silence(self, server_waits: bool) -> float:
        """Return the seconds of silence until the next check; an answer that was sent arrives soon."""
        return ANSWER_TIMEOUT if server_waits else self.silence_limit

    def _check_silence(self, server_waits: bool) -> bool:
        try:
            if self.check_silence is None:
                raise ServerSilent
            return self.check_silence(self, server_waits)
        except BaseException:
            # A late answer to this statement would be taken for the answer to the next one.
            self.pgconn.finish()
            raise
