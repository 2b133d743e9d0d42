"""Finds what is damaged in a SQLite file: text that is not UTF-8, and pages that do not fit together."""

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
    """Run a query again, and return its first row with text that is not UTF-8, by column, and that column.

    Bytes that are not UTF-8 are surrogates in the row, so that the row can be shown.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with suppress(sqlite3.Error, UnicodeError), closing(sqlite3.connect(uri, uri=True)) as reader:
        reader.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
        cursor = reader.execute(sql, params)
        names = [column[0] for column in cursor.description]
        for values in cursor:
            for name, value in zip(names, values, strict=True):
                if isinstance(value, str) and not _is_utf8(value):
                    return dict(zip(names, values, strict=True)), name
    return None


def _is_utf8(text: str) -> bool:
    return text.encode("utf-8", "replace").decode() == text


def page_problems(rows: Iterable[Row]) -> list[str]:
    """Return the problems that the rows of `PRAGMA quick_check` name, without its headings."""
    problems = []
    for row in rows:
        for line in str(row[0]).splitlines():
            if line != "ok" and not line.startswith("***"):
                problems.append(line)
    return problems
