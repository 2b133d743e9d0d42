"""Uses the database of a store through the bare driver, as another program would."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    import psycopg


def bare(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements in one transaction; return the rows of the last, with ids and times as text."""
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path)) as connection, connection:
            rows: list[tuple[Any, ...]] = []
            for statement in statements:
                rows = connection.execute(statement).fetchall()
            return rows

    with _connect_postgres(url) as server:
        rows = []
        for statement in statements:
            cursor = server.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
        return rows


def _connect_postgres(url: str) -> "psycopg.Connection[tuple[Any, ...]]":
    import psycopg

    parameters = dict(parse_qsl(urlsplit(url).query))
    options = f"-c search_path={parameters['schema']} -c timezone=UTC"
    host = parameters["host"]
    return psycopg.connect(host=host, user="postgres", dbname="postgres", options=options)


@contextmanager
def locked(url: str, rows_of: str | None = None) -> Iterator[None]:
    """Hold a lock so that nobody can write: on PostgreSQL on the rows of one table, or on whole tables."""
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, check_same_thread=False)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
        return

    with _connect_postgres(url) as server:
        if rows_of is not None:
            server.execute(f"SELECT 1 FROM {rows_of} FOR UPDATE")
        else:
            tables = "artifact, artifact_collection, flow_run, task_run"
            server.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
        yield


def with_timeout(url: str, seconds: float) -> str:
    """Return the address of the same database with a timeout in seconds."""
    return f"{url}{'&' if '?' in url else '?'}timeout={seconds}"


def with_short_timeout(url: str) -> str:
    """Return the address of the same database with a timeout of 0.2 s."""
    return with_timeout(url, 0.2)
