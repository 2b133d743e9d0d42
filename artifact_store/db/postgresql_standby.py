"""Checks that a replica follows the primary of a store, so that it holds the same data, if a moment old."""

from collections.abc import Callable
from typing import Any, NamedTuple

import psycopg

from .postgresql_errors import PROMOTED, NotReplica

__all__ = ["Identity", "check_standby", "identity"]

Ask = Callable[[str], tuple[Any, ...] | None]


class Identity(NamedTuple):
    """What a standby has in common with its primary, bit by bit.

    Attributes:
        cluster: the system identifier; `None` where this user may not ask for it.
        database: the number of the database.
        table: the number of the table of artifacts that the search path leads to; `None` where there is none.
    """

    cluster: int | None
    database: int
    table: int | None


def identity(ask: Ask) -> Identity:
    """Return the identity of a server; `ask` runs a statement and returns its first row."""
    row = ask(
        "SELECT oid, CAST(to_regclass('artifact') AS oid), has_function_privilege('pg_control_system()', 'EXECUTE') "
        "FROM pg_database WHERE datname = current_database()"
    )
    assert row is not None
    database, table, may_ask = row
    found = ask("SELECT system_identifier FROM pg_control_system()") if may_ask else None
    return Identity(None if found is None else found[0], database, table)


def check_standby(connection: psycopg.Connection[Any], primary: Callable[[bool], Identity]) -> None:
    """Refuse a server that does not follow the primary.

    Args:
        connection: a new connection to the server.
        primary: returns the identity of the primary; from memory, or anew when it is given `True`.

    Raises:
        NotReplica: the server does not follow it, or not yet.
    """

    def ask(query: str) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = connection.execute(query, (), prepare=False).fetchone()
        return row

    if ask("SELECT pg_is_in_recovery()") != (True,):
        raise NotReplica(PROMOTED)
    own = identity(ask)
    problem = _difference(own, primary(False)) and _difference(own, primary(True))
    if problem is not None:
        raise NotReplica(problem)


def _difference(own: Identity, primary: Identity) -> str | None:
    """Say how a standby differs from what the primary would have for one."""
    if None not in (own.cluster, primary.cluster) and own.cluster != primary.cluster:
        return "the server at replica_url follows another primary: give the address of a standby of the primary."
    if own.database != primary.database:
        return (
            "replica_url names another database than the address of the store: name the same one."
        )
    if own.table is None:
        return "the tables of the store are not there yet, or are in another schema: give both addresses one ?schema=."
    if own.table != primary.table:
        return (
            "replica_url leads to the tables of another schema: give both addresses one ?schema=."
        )
    return None
