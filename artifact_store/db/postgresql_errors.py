"""The errors of PostgreSQL by SQLSTATE: which are transient, and what the user can do."""

import re

import psycopg

from .. import errors
from .engine import ReplicaRefused, TableMissing, driver_error

__all__ = [
    "CONFLICT",
    "LOCKED",
    "PROMOTED",
    "READ_ONLY",
    "READ_ONLY_BY_DEFAULT",
    "REPLAY_CONFLICT",
    "SNAPSHOT_LOST",
    "STALE_PLAN",
    "TRANSIENT",
    "UNREACHABLE",
    "NotReplica",
    "ServerSilent",
    "TooLarge",
    "Unreadable",
    "is_stale_plan",
    "state_of",
    "store_error",
]

READ_ONLY = "25006"
LOCKED = "55P03"
_STARTING = "57P03"
_LOST = "08006"
_DEADLOCK = "40P01"
CONFLICT = "40001"

# Words of ours, where the server gives no SQLSTATE, or not the whole reason.
STALE_PLAN = "stale plan"
READ_ONLY_BY_DEFAULT = "read only by default"
SNAPSHOT_LOST = "snapshot lost"
REPLAY_CONFLICT = "replay conflict"
_NO_HOST = "no host"
_NO_SERVER = "no server"
_NO_ANSWER = "no answer"
_POOLER = "pooler"
UNREACHABLE = (_NO_HOST, _NO_SERVER, _NO_ANSWER)

TRANSIENT = {
    CONFLICT,
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
"""The SQLSTATEs of failures that may pass when the statement or the transaction is retried."""


class ServerSilent(psycopg.OperationalError):
    """The server did not answer before the deadline, and is not working on an answer."""


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
        row: the id and the key of its row, as far as they can be read.
    """

    def __init__(self, column: str, row: str) -> None:
        """Take the position of the value."""
        super().__init__(f"{column} of {row}")
        self.column = column
        self.row = row


def is_stale_plan(error: psycopg.Error) -> bool:
    """Return whether a statement failed because a table was changed after it was prepared."""
    # The message is in the language of the server.
    return error.sqlstate == "0A000" and error.diag.source_function == "RevalidateCachedQuery"


_REMEDIES = {
    "28P01": "the password is wrong: check it in the URL, in $PGPASSWORD or in ~/.pgpass.",
    "28000": "the server rejected this user: check the user's name and pg_hba.conf.",
    "3D000": "the database does not exist: make it with createdb.",
    "3F000": "the schema does not exist: create it, or name another with ?schema=.",
    "42501": "this user lacks a privilege: grant the rights on the database's schema and tables.",
    READ_ONLY: "the server is read-only: name the primary in the URL.",
    READ_ONLY_BY_DEFAULT: "transactions are read only by default for this user or database: switch "
    "default_transaction_read_only off, or open the store with read_only=True.",
    "25P03": "the server ended a transaction that was idle for too long: keep blocks short, or raise "
    "idle_in_transaction_session_timeout.",
    "25P04": "the server ended a transaction that took too long: keep blocks short, or raise transaction_timeout.",
    "53100": "the server's disk is full: free some space and try again; nothing was written.",
    "53300": "the server has no free connection: lower ?pool_size= or raise max_connections.",
    "57014": "the server cancelled the statement: raise statement_timeout, or read fewer rows at once.",
    _DEADLOCK: "two transactions waited for each other (a deadlock), and the server rolled this one back: "
    "use store.run_in_transaction, which tries the whole block again.",
    CONFLICT: "another transaction changed the same rows, and this one was rolled back: "
    "use store.run_in_transaction, which tries the whole block again.",
    LOCKED: "another writer held the lock for {timeout:g} s: try again, or wait longer with ?timeout=.",
    SNAPSHOT_LOST: "the snapshot has ended ({text}): read again in a new one.",
    REPLAY_CONFLICT: "the snapshot has ended, because the standby had to replay a change of what it reads: read again "
    "in a new one, keep it short, or switch hot_standby_feedback on.",
    STALE_PLAN: "a table was changed during the transaction, which was rolled back: "
    "use store.run_in_transaction, which tries the whole block again.",
    _STARTING: "the server is starting up or shutting down: try again.",
    _NO_HOST: "the host is unknown: check its name in the URL.",
    _NO_SERVER: "no server listens there: check the host and the port in the URL, and that the server runs.",
    _NO_ANSWER: "the server does not answer: check the host, the port and the network in between.",
    **dict.fromkeys(
        ("26000", "42P05"),
        "a connection pooler breaks prepared statements: add ?prepare_threshold=none.",
    ),
    _POOLER: "a connection pooler refuses the startup parameter options: leave out ?schema= and options=, or let it "
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
    (re.compile("unsupported startup parameter"), _POOLER),
    (
        # The second half is what psycopg 3.2.2 hands on from getaddrinfo.
        re.compile(
            "could not translate host name|failed to resolve host|Name or service not known|name resolution"
        ),
        _NO_HOST,
    ),
    (re.compile("refused|No such file"), _NO_SERVER),
    (re.compile("timeout expired|timed out"), _NO_ANSWER),
    (re.compile("idle-in-transaction timeout"), "25P03"),  # psycopg 3.2 loses the state
    (re.compile("server closed the connection|[Cc]onnection reset|terminating connection"), _LOST),
)


def state_of(error: BaseException) -> str | None:
    """Return the SQLSTATE of an error, or a word of ours if the server gave none."""
    cause = driver_error(error)
    if isinstance(cause, ServerSilent):
        return _NO_ANSWER
    if not isinstance(cause, psycopg.Error):
        return None
    if is_stale_plan(cause):
        return STALE_PLAN
    if cause.sqlstate is None and isinstance(cause, psycopg.OperationalError):
        text = str(cause)
        return next((state for words, state in _WORDS if words.search(text)), None)
    return cause.sqlstate


_KEYS = {
    "artifact_pkey": "UNIQUE constraint failed: artifact.id",
    "artifact_key_version": "UNIQUE constraint failed: artifact.key, artifact.version",
}
"""What SQLite says about each unique constraint; PostgreSQL says it in the language of the server."""

# The functions of the server that refuse a value which does not fit into a row of an index.
_INDEX_LIMITS = ("index_form_tuple", "index_form_tuple_context", "_bt_check_third_page")

_DAMAGED = (errors.StoreDamaged, "{label}: the database is damaged ({text}): restore a copy.")
_TOO_COMPLEX = (
    errors.InvalidQuery,
    "The filter is too large for PostgreSQL ({text}): split it into several queries.",
)
_ERRORS: dict[str | None, tuple[type[errors.ArtifactStoreError], str]] = {
    "XX001": _DAMAGED,  # the server cannot read a page
    "XX002": _DAMAGED,  # or an index
    "22021": (
        errors.StoreDamaged,
        "{label}: another program has written text that is not UTF-8 into the database ({text}): correct it with SQL.",
    ),
    "22P05": (
        errors.UnsupportedCharacter,
        "{label}: the encoding of the database cannot hold a character ({text}): create the database with "
        "ENCODING 'UTF8'.",
    ),
    "42P01": (
        TableMissing,
        "{label}: the tables of the store are gone ({text}): open the store again.",
    ),
    **dict.fromkeys(("54000", "54001", "54011", "54023"), _TOO_COMPLEX),
}
"""The error and the message for each SQLSTATE that does not mean that the database is unavailable."""


def store_error(
    error: BaseException, state: str | None, *, label: str, timeout: float, password: str
) -> errors.ArtifactStoreError:
    """Return our error for an error of the server; its message says what to do.

    Args:
        error: Peewee's error, or the driver's.
        state: its SQLSTATE, or a word of ours.
        label: what messages call the database.
        timeout: seconds that the store waits for a lock.
        password: is replaced wherever the server's message repeats it.
    """
    cause = driver_error(error)
    text = " ".join(str(cause).split()).rstrip(".")
    if password:
        text = text.replace(password, "***")

    known = _error_without_state(cause, label, text)
    if known is not None:
        return known
    if state is not None and state.startswith("23"):
        constraint = cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None
        reason = _KEYS.get(constraint or "", text)
        return errors.IntegrityViolation(f"The database refused the row: {reason}.")
    if state in _ERRORS:
        kind, message = _ERRORS[state]
        return kind(message.format(label=label, text=text))
    remedy = _REMEDIES.get(state or "", "PostgreSQL says: {text}.")
    return errors.StoreUnavailable(f"{label}: {remedy.format(timeout=timeout, text=text)}")


def _error_without_state(
    cause: BaseException, label: str, text: str
) -> errors.ArtifactStoreError | None:
    """Return our error for one that its class or its origin tells better than its SQLSTATE."""
    if isinstance(cause, NotReplica):
        return ReplicaRefused(f"{label}: {cause}")
    if isinstance(cause, TooLarge):
        return errors.InvalidArtifact(
            "The artifact is larger than PostgreSQL can store (1 GB): keep it in a file, and publish a link to it."
        )
    if isinstance(cause, Unreadable):
        where = f" of the row with {cause.row}" if cause.row else ""
        return errors.StoreDamaged(
            f"{label}: another program has written a value that Python cannot read into {cause.column}{where} (text "
            "that is not UTF-8, or a time that is infinite or not in the years 1 to 9999): correct it with SQL."
        )
    if isinstance(cause, psycopg.Error) and cause.diag.source_function in _INDEX_LIMITS:
        return errors.InvalidArtifact(f"A value is too long for an index: shorten it ({text}).")
    return None
