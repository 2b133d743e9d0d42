"""Finds what is damaged in a SQLite file: text that is not UTF-8, and inconsistent pages."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from .engine import Params, Row

__all__ = ["first_undecodable", "page_problems"]


def first_undecodable(
    path: Path, sql: str, params: Params
) -> tuple[Mapping[str, object], str] | None:
    """Return the first row of a query with text that is not UTF-8, and the column of that text.

    The query runs again, on a connection that decodes any bytes. Bytes that are not UTF-8 are
    surrogates in the row, so that the row can be shown.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with suppress(sqlite3.Error, UnicodeError), closing(sqlite3.connect(uri, uri=True)) as reader:
        reader.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
        cursor = reader.execute(sql, params)
        names = [column[0] for column in cursor.description]

        for row in cursor:
            for name, value in zip(names, row, strict=True):
                if has_surrogates(value):
                    return dict(zip(names, row, strict=True)), name
    return None


def has_surrogates(value: object) -> bool:
    """Return whether a value is text that was decoded from bytes which are not UTF-8."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return True
    return False


def page_problems(rows: Iterable[Row]) -> list[str]:
    """Return the problems that the rows of `PRAGMA quick_check` name, without its headings."""
    problems = []
    for row in rows:
        for line in str(row[0]).splitlines():
            if line != "ok" and not line.startswith("***"):
                problems.append(line)
    return problems
