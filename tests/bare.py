"""The bare driver, as another program would use it on the database of a store."""

import sqlite3
from contextlib import closing
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
    with psycopg.connect(host=parameters["host"], user="postgres", dbname="postgres", options=options) as server:
        for statement in statements:
            cursor = server.execute(statement)
        return cursor.fetchall() if cursor.description else []
