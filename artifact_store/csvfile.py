"""Reads a table from CSV: text in, rows of plain JSON out."""

import csv
import io
import math
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .errors import InvalidArtifact

__all__ = ["Table", "parse_csv", "read_csv"]

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,4299})", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)?(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)


class Table(NamedTuple):
    """A table: the names of its columns, and its rows as objects; an empty table has columns too."""

    columns: list[str]
    rows: list[dict[str, Any]]


def read_csv(source: Any) -> Table:
    """Return the table of a CSV file.

    Args:
        source: the path of the file, or a file that is open for reading, text or binary.

    Raises:
        InvalidArtifact: it cannot be read, is not UTF-8, or is no table; the sentence names the file and the line.
    """
    if hasattr(source, "read"):
        name, content = str(getattr(source, "name", "The CSV file")), source.read()
    else:
        name = os.fspath(source)
        try:
            content = Path(name).read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            reason = getattr(error, "strerror", None) or error
            raise InvalidArtifact(
                f"table: {name!r:.120} cannot be read ({reason}): give the path of a CSV file."
            ) from error
    return parse_csv(content if isinstance(content, str) else _decoded(content, name), name)


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"byte 0x{content[error.start]:02x} at {error.start}"
        raise InvalidArtifact(f"{name} is not UTF-8 text ({where}): convert it first.") from error


def parse_csv(text: str, name: str) -> Table:
    r"""Return the table of a CSV text, in the order of its columns; its first line names them.

    A column becomes numbers where every cell of it is a number; codes such as `00123` stay text, and so do
    integers among fractions that no float holds exactly. Empty cells are null, blank lines are left out.

    Args:
        text: the CSV.
        name: what messages call it.

    Raises:
        InvalidArtifact: it is no table; the sentence names the line.

    Examples:
        >>> parse_csv("code,count,share\n007,3,0.5\n010,,2\n", "a.csv").rows
        [{'code': '007', 'count': 3, 'share': 0.5}, {'code': '010', 'count': None, 'share': 2.0}]
    """
    lines = _lines(text, name)
    header = next(lines, (1, []))[1]
    problem = _header_problem(header)
    if problem:
        raise InvalidArtifact(f"{name}: line 1 {problem}.")
    rows = []
    for line, row in lines:
        if len(row) != len(header):
            raise InvalidArtifact(
                f"{name}: line {line} has {len(row)} cells and the header has {len(header)}: make them equal."
            )
        rows.append(row)
    columns = [_typed(column) for column in zip(*rows, strict=True)]
    return Table(header, [dict(zip(header, row, strict=True)) for row in zip(*columns, strict=True)])


def _lines(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with the number of its last line."""
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise InvalidArtifact(f"{name}: line {reader.line_num} is not CSV: {error}.") from None


def _header_problem(header: list[str]) -> str | None:
    if not header:
        return "is missing: a table begins with the names of its columns"
    for number, name in enumerate(header, 1):
        if not name.strip():
            return f"has no name for column {number}"
        if name in header[: number - 1]:
            return f"names {name!r} twice"
    return None


def _typed(cells: tuple[str, ...]) -> list[Any]:
    filled = [cell.strip() for cell in cells if cell]
    parse: Callable[[str], Any] = str
    if all(map(_INTEGER.fullmatch, filled)):
        parse = int
    elif all(map(_is_number, filled)):
        parse = float
    return [parse(cell) if cell else None for cell in cells]


def _is_number(text: str) -> bool:
    found = _NUMBER.fullmatch(text)
    if found is None or not any(map(str.isdigit, text.lower().partition("e")[0])) or not math.isfinite(float(text)):
        return False
    return _INTEGER.fullmatch(text) is None or int(float(text)) == int(text)
