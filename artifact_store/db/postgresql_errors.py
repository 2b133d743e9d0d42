"""The errors of PostgreSQL by SQLSTATE: which are transient, and what the user can do."""

import re
from typing import Any

import psycopg

from .engine import driver_error

__all__ = [
    "LOCKED",
    "PASSING",
    "PROMOTED",
    "REMEDIES",
    "STALE_PLAN",
    "UNREACHABLE",
    "NotReplica",
    "ServerSilent",
    "TooLarge",
    "Unreadable",
    "is_long_for_index",
    "is_stale_plan",
    "state_of",
]

STALE_PLAN = "stale plan"
UNREACHABLE = ("no host", "no server", "no answer")
LOCKED = "55P03"
_STARTING = "57P03"
_LOST = "08006"
_DEADLOCK = "40P01"
_CONFLICT = "40001"
_INDEX_LIMITS = ("index_form_tuple", "index_form_tuple_context", "_bt_check_third_page")

PASSING = {
    _CONFLICT,
    "40003",  # it is not known whether the statement was carried out
    _DEADLOCK,
    "25P03",  # the transaction was idle for longer than the server allows, which then closes the connection
    "53300",  # too many connections
    "57P01",  # the connection was terminated by an administrator
    "57P02",  # the server crashed
    "57P05",  # the connection was idle for longer than the server allows
    _STARTING,
    STALE_PLAN,
}
"""The SQLSTATEs of transient failures, which may succeed when retried."""


class ServerSilent(psycopg.OperationalError):
    """The server did not answer until the deadline, and is not working on an answer."""


class NotReplica(psycopg.OperationalError):
    """A server does not follow the primary, so it must not answer reads for it."""


PROMOTED = (
    "the server at replica_url accepts writes: it is not a standby, or was promoted: "
    "give the address of a standby of the primary."
)
"""The message about a server that does not follow any other."""


class TooLarge(psycopg.DataError):
    """A row is larger than PostgreSQL can store."""


class Unreadable(psycopg.DataError):
    """The database holds a value that Python cannot represent.

    Attributes:
        column: the name of its column.
        row: what tells its row from others.
    """

    def __init__(self, column: str, row: str) -> None:
        """Take where the value is."""
        super().__init__(f"{column} of {row}")
        self.column, self.row = column, row


def is_stale_plan(error: psycopg.Error) -> bool:
    """Tell whether a statement failed because a table was changed after it was prepared."""
    # The message is in the language of the server.
    return error.sqlstate == "0A000" and error.diag.source_function == "RevalidateCachedQuery"


def is_long_for_index(error: BaseException) -> bool:
    """Tell whether a value does not fit into a row of an index."""
    diagnosis = getattr(error, "diag", None)
    return getattr(diagnosis, "source_function", None) in _INDEX_LIMITS


REMEDIES = {
    "28P01": "the password is wrong: check it in the URL, in $PGPASSWORD or in ~/.pgpass.",
    "28000": "the server rejected this user: check the user's name and pg_hba.conf.",
    "3D000": "the database does not exist: make it with createdb.",
    "3F000": "the schema does not exist: create it, or name another with ?schema=.",
    "42501": "this user lacks a privilege: grant the rights on the database's schema and tables.",
    "25006": "the server is read-only: name the primary in the URL.",
    "read only by default": "transactions are read only by default for this user or database: switch "
    "default_transaction_read_only off, or open the store with read_only=True.",
    "25P03": "the server ended a transaction that was idle for too long: keep blocks short, or raise "
    "idle_in_transaction_session_timeout.",
    "25P04": "the server ended a transaction that took too long: keep blocks short, or raise transaction_timeout.",
    "53100": "the server's disk is full: free some space and try again; nothing was written.",
    "53300": "the server has no free connection: lower ?pool_size= or raise max_connections.",
    "57014": "the server cancelled the statement: raise statement_timeout, or read fewer rows at once.",
    _DEADLOCK: "two transactions waited for each other (a deadlock), and the server rolled this one back: "
    "use store.run_in_transaction, which tries the whole block again.",
    _CONFLICT: "another transaction changed the same rows, and this one was rolled back: "
    "use store.run_in_transaction, which tries the whole block again.",
    LOCKED: "another writer held the lock for {timeout:g} s: try again, or wait longer with ?timeout=.",
    STALE_PLAN: "a table was changed during the transaction, which was rolled back: "
    "use store.run_in_transaction, which tries the whole block again.",
    _STARTING: "the server is starting up or shutting down: try again.",
    "no host": "the host is unknown: check its name in the URL.",
    "no server": "no server listens there: check the host and the port in the URL, and that the server runs.",
    "no answer": "the server does not answer: check the host, the port and the network in between.",
    **dict.fromkeys(
        ("26000", "42P05"),
        "a connection pooler breaks prepared statements: add ?prepare_threshold=none.",
    ),
    "pooler": "a connection pooler refuses the startup parameter options: leave out ?schema= and options=, or let it "
    "pass with ignore_startup_parameters.",
}
"""The message for each SQLSTATE or word of ours: the cause, and what to do."""

# While connecting, libpq reports errors as text only, without an SQLSTATE.
_WORDS = (
    (re.compile("password authentication failed|no password supplied"), "28P01"),
    (
        re.compile(
            'role ".*" does not exist|pg_hba.conf|authentication failed|not permitted to log in'
        ),
        "28000",
    ),
    (re.compile('database ".*" does not exist'), "3D000"),
    (re.compile("starting up|shutting down|not yet accepting connections"), _STARTING),
    (re.compile("too many clients|connection slots|too many connections"), "53300"),
    (re.compile("unsupported startup parameter"), "pooler"),
    (
        # The second half is what psycopg 3.2.2 hands on from getaddrinfo.
        re.compile(
            "could not translate host name|failed to resolve host|Name or service not known|name resolution"
        ),
        "no host",
    ),
    (re.compile("refused|No such file"), "no server"),
    (re.compile("timeout expired|timed out"), "no answer"),
    (re.compile("idle-in-transaction timeout"), "25P03"),  # psycopg 3.2 loses the state
    (re.compile("server closed the connection|[Cc]onnection reset|terminating connection"), _LOST),
)


def state_of(error: BaseException) -> str | None:
    """Return the SQLSTATE of an error, or a word of ours where the server gave none."""
    inner: Any = driver_error(error)
    if isinstance(inner, ServerSilent):
        return "no answer"
    if isinstance(inner, psycopg.Error) and is_stale_plan(inner):
        return STALE_PLAN
    state: str | None = getattr(inner, "sqlstate", None)
    if state is None and isinstance(inner, psycopg.OperationalError):
        return next((state for words, state in _WORDS if words.search(str(inner))), None)
    return state
