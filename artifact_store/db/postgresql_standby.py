"""Checks that a replica follows the primary of a store, so that it holds the same data, perhaps a moment late."""

from collections.abc import Callable
from typing import NamedTuple

from .engine import Row
from .postgresql_connection import Connection
from .postgresql_errors import PROMOTED, NotReplica

__all__ = ["Identity", "check_standby", "read_identity"]

_TABLES = (
    "SELECT oid, CAST(to_regclass('artifact') AS oid), has_function_privilege('pg_control_system()', 'EXECUTE') "
    "FROM pg_database WHERE datname = current_database()"
)
_SAME_SCHEMA = "give both addresses the same ?schema=."


class Identity(NamedTuple):
    """What a standby has in common with its primary, bit by bit.

    Attributes:
        cluster: the system identifier; `None` if this user may not read it.
        database: the oid of the database.
        table: the oid of the table of artifacts in the search path; `None` if there is none.
    """

    cluster: int | None
    database: int
    table: int | None


def read_identity(fetch_one: Callable[[str], Row | None]) -> Identity:
    """Return the identity of a server; `fetch_one` runs a statement and returns its first row."""
    row = fetch_one(_TABLES)
    assert row is not None
    database, table, may_read_cluster = row
    cluster = None
    if may_read_cluster:
        system = fetch_one("SELECT system_identifier FROM pg_control_system()")
        cluster = None if system is None else system[0]
    return Identity(cluster, database, table)


def check_standby(connection: Connection, primary: Callable[[bool], Identity]) -> None:
    """Refuse a server that does not follow the primary.

    Args:
        connection: a new connection to the server.
        primary: returns the identity of the primary: the remembered one, or with `True` the current one.

    Raises:
        NotReplica: the server does not follow it, or not yet.
    """

    def fetch_one(query: str) -> Row | None:
        return connection.execute(query, (), prepare=False).fetchone()

    if fetch_one("SELECT pg_is_in_recovery()") != (True,):
        raise NotReplica(PROMOTED)
    standby = read_identity(fetch_one)
    problem = _difference(standby, primary(False))
    if problem is not None:
        problem = _difference(standby, primary(True))
    if problem is not None:
        raise NotReplica(problem)


def _difference(standby: Identity, primary: Identity) -> str | None:
    """Return how a standby differs from its primary, if it does."""
    clusters_known = standby.cluster is not None and primary.cluster is not None
    if clusters_known and standby.cluster != primary.cluster:
        return "the server at replica_url follows another primary: give the address of a standby of the primary."
    if standby.database != primary.database:
        return (
            "replica_url names another database than the address of the store: name the same one."
        )
    if standby.table is None:
        return (
            f"the tables of the store are not there yet, or are in another schema: {_SAME_SCHEMA}"
        )
    if standby.table != primary.table:
        return f"replica_url leads to the tables of another schema: {_SAME_SCHEMA}"
    return None
