"""Everything private to Peewee that this package uses, in one module.

Peewee may change these names in any release. `tests/db/test_internals.py` then says which one is
gone: adapt this module, and nothing else.
"""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import peewee

__all__ = [
    "ConnectionState",
    "SessionDatabase",
    "ctes_of",
    "note_server_version",
    "open_transactions",
    "renew_lock",
]

ConnectionState = peewee._ConnectionState
"""The state of one thread in Peewee: `conn`, `closed`, `transactions`, ..."""


class _HasCurrent(Protocol):
    def current(self) -> ConnectionState: ...


if TYPE_CHECKING:

    class _Database(peewee.Database):
        def _connect(self) -> Any: ...

else:
    _Database = object


class SessionDatabase(_Database):
    """Mixin for a Peewee database that keeps its state in sessions and opens connections itself.

    Attributes:
        sessions: holds the state of each thread. Set it before Peewee's `__init__`.
    """

    sessions: _HasCurrent

    @property
    def _state(self) -> ConnectionState:
        """Return the session of this thread, which Peewee uses as its state."""
        return self.sessions.current()

    @_state.setter
    def _state(self, state: object) -> None:
        """Ignore the state that Peewee's `__init__` makes."""

    def open_connection(self) -> Any:  # a connection of any driver
        """Open a new driver connection, without making it the connection of this thread."""
        return super()._connect()

    def _connect(self) -> object:
        """Open a connection for Peewee."""
        return self.open_connection()


def open_transactions(database: peewee.Database) -> list[object]:
    """Return the list of transactions open in this thread, which Peewee uses and may be cleared."""
    transactions: list[object] = database._state.transactions  # type: ignore[attr-defined]
    return transactions


def renew_lock(database: peewee.Database) -> None:
    """Replace the lock of a database in a forked child; a thread of the parent may have held it."""
    database._lock = threading.Lock()  # type: ignore[attr-defined]


def note_server_version(database: peewee.PostgresqlDatabase, connection: object) -> None:
    """Let Peewee read the version of the server, as it does when it connects by itself."""
    database._set_server_version(connection)  # type: ignore[attr-defined]


def ctes_of(query: peewee.Query) -> Sequence[peewee.CTE]:
    """Return the common table expressions of a query."""
    return query._cte_list or ()  # type: ignore[attr-defined]
