"""The bare driver, as another program would use it on the database of a store."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit


def bare(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements in one transaction; return the rows of the last, with ids and times as text."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            for statement in statements:
                rows = connection.execute(statement).fetchall()
            return rows
    import psycopg

    parameters = dict(parse_qsl(urlsplit(url).query))
    options = f"-c search_path={parameters['schema']} -c timezone=UTC"
    with psycopg.connect(
        host=parameters["host"], user="postgres", dbname="postgres", options=options
    ) as server:
        for statement in statements:
            cursor = server.execute(statement)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def locked(url: str, rows_of: str | None = None) -> Iterator[None]:
    """Hold a lock that keeps everybody from writing; on PostgreSQL of the rows of a table, or of whole tables."""
    if url.startswith("sqlite"):
        with closing(
            sqlite3.connect(url.removeprefix("sqlite:///"), check_same_thread=False)
        ) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
        return
    import psycopg

    parameters = dict(parse_qsl(urlsplit(url).query))
    options = f"-c search_path={parameters['schema']}"
    with psycopg.connect(
        host=parameters["host"], user="postgres", dbname="postgres", options=options
    ) as server:
        if rows_of is not None:
            server.execute(f"SELECT 1 FROM {rows_of} FOR UPDATE")
        else:
            server.execute(
                "LOCK TABLE artifact, artifact_collection, flow_run, task_run IN ACCESS EXCLUSIVE MODE"
            )
        yield


def impatient(url: str) -> str:
    """Return an address of the same database that waits for no more than 0.2 s."""
    return f"{url}{'&' if '?' in url else '?'}timeout=0.2"
