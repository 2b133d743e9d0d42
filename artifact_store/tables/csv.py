"""The parser of CSV: text in, rows of plain JSON out."""

import csv
import io
import math
import os
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_core import from_json

from ..errors import InvalidArtifact
from ..wording import shown

__all__ = ["Table", "parse_csv", "read_csv"]

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,4299})", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)?(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_SEP_LINE = re.compile(r"sep=([^\r\n])\r?(?:\n|$)", re.IGNORECASE)
_DELIMITERS = (",", "\t", ";", "|")
_SAMPLE = 200  # lines
_HEAD = 1000  # characters
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_OTHER_FILES = (
    (b"PK\x03\x04", "a spreadsheet or a zip file"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF"),
    (b"SQLite format 3", "a SQLite database"),
)

# The longest cell that is read, for the whole process: 128 KiB by default.
csv.field_size_limit(2**31 - 1)


class Table(NamedTuple):
    """A table: the names of its columns, and its rows as objects; an empty table has columns too."""

    columns: list[str]
    rows: list[dict[str, Any]]


def read_csv(source: Any, delimiter: str | None = None) -> Table:
    """Return the table of a CSV file.

    Args:
        source: the path of the file, or a file that is open for reading, text or binary.
        delimiter: the character between cells; without it, the one that fits.

    Raises:
        InvalidArtifact: it cannot be read, is neither UTF-8 nor UTF-16 with its mark, or is not a table; the sentence
            names the file and the line.
    """
    if hasattr(source, "read"):
        name = str(getattr(source, "name", "The CSV file"))
        content = source.read()
    else:
        name = os.fspath(source)
        try:
            content = Path(name).read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            reason = getattr(error, "strerror", None) or error
            raise InvalidArtifact(
                f"table: {name!r:.120} cannot be read ({reason}): give the path of a CSV file."
            ) from error
    return parse_csv(
        content if isinstance(content, str) else _decoded(content, name), name, delimiter
    )


def _decoded(content: bytes, name: str) -> str:
    for first, kind in _OTHER_FILES:
        if content.startswith(first):
            raise InvalidArtifact(f"{name} is {kind}, not CSV: save it as CSV first.")
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        where = f"byte 0x{content[error.start]:02x} at {error.start}"
        wanted = "UTF-16" if encoding == "utf-16" else "UTF-8"
        raise InvalidArtifact(
            f"{name} is not {wanted} text ({where}): convert it first."
        ) from error


def parse_csv(text: str, name: str, delimiter: str | None = None) -> Table:
    r"""Return the table of a CSV text, in the order of its columns; its first line names them.

    A column becomes numbers where every cell of it is a number; codes such as `00123` stay text, and so do
    integers among fractions that no float holds exactly. Empty cells are null, blank lines are left out. A first
    column without a name, such as pandas writes for the index of a frame, is called `index`.

    Args:
        text: the CSV.
        name: what messages call it.
        delimiter: the character between cells; without it, that of `,`, tab, `;` and `|` which gives all lines
            the same number of cells, and the most of them. A first line such as `sep=;`, for spreadsheets, tells it.

    Raises:
        InvalidArtifact: it is not a table; the sentence names the line.

    Examples:
        >>> parse_csv("code,count,share\n007,3,0.5\n010,,2\n", "a.csv").rows
        [{'code': '007', 'count': 3, 'share': 0.5}, {'code': '010', 'count': None, 'share': 2.0}]
        >>> parse_csv(";city;wind\n0;Oslo;3\n", "a.csv").rows
        [{'index': 0, 'city': 'Oslo', 'wind': 3}]
    """
    if delimiter is not None:
        _check_delimiter(delimiter)
    _check_is_text_of_cells(text, name)
    text = text.removeprefix("\ufeff")
    sep_line = _SEP_LINE.match(text)
    skipped = 1 if sep_line else 0
    if sep_line:
        delimiter = delimiter or sep_line[1]
        text = text[sep_line.end() :]
    delimiter = delimiter or _delimiter(text)

    lines = _lines(text, name, delimiter, skipped)
    header = _named_index(next(lines, (1, []))[1])
    problem = _header_problem(header)
    if problem:
        raise InvalidArtifact(f"{name}: line {1 + skipped} {problem}.")
    rows = []
    for line, row in lines:
        if len(row) != len(header):
            cells = f"has {len(row)} cells and the header has {len(header)}"
            between = "" if delimiter == "," else f" (between {_spoken(delimiter)})"
            raise InvalidArtifact(f"{name}: line {line} {cells}{between}: make them equal.")
        rows.append(row)
    columns = [_typed(column) for column in zip(*rows, strict=True)]
    return Table(
        header, [dict(zip(header, row, strict=True)) for row in zip(*columns, strict=True)]
    )


# --- What is not CSV ---


def _check_is_text_of_cells(text: str, name: str) -> None:
    """Refuse what would be read as CSV and is something else.

    Raises:
        InvalidArtifact: it is JSON, HTML or binary; the sentence says what to do with it.
    """
    if (place := text.find("\0")) >= 0:
        raise InvalidArtifact(
            f"{name} holds U+0000 at {place}, so it is not CSV: save it as UTF-8 text first."
        )
    start = text[:_HEAD].lstrip("\ufeff \t\r\n")
    if re.match(r"<(?:!doctype|html|\?xml|(?:svg|table)\b)", start, re.IGNORECASE):
        raise InvalidArtifact(f"{name} is HTML or XML, not CSV: save its table as CSV first.")
    if start[:1] not in ("[", "{"):
        return
    # What begins as JSON does, and is cut off or malformed, would be one odd header.
    if re.match(r'\[\s*[\[{"]|\{\s*(?:"|\w+\s*:)', start) and not _is_json(text.lstrip("\ufeff")):
        lines = [line for line in text.lstrip("\ufeff").split("\n") if line.strip()]
        if not _is_json(lines[0]):
            raise InvalidArtifact(
                f"{name} looks like JSON that is cut off or malformed, not CSV: mend it first."
            )
    if _is_json(text.lstrip("\ufeff")):
        raise InvalidArtifact(
            f"{name} is JSON, not CSV: pass its value as data of type table (--data @FILE --type table)."
        )
    lines = text.lstrip("\ufeff").split("\n")
    if _is_json(next(filter(str.strip, lines))):
        raise InvalidArtifact(
            f"{name} is JSON lines, not CSV: make one list of them (jq -s . FILE), and pass it as data of type table."
        )


def _is_json(text: str) -> bool:
    try:
        return isinstance(from_json(text, allow_inf_nan=True), dict | list)
    except ValueError:
        return False


# --- The delimiter ---


def _check_delimiter(delimiter: object) -> None:
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n\0\ufeff':
        raise InvalidArtifact(
            f"delimiter is {shown(delimiter)}: pass the one character between cells, such as ';'."
        )


def _delimiter(text: str) -> str:
    """Return the delimiter that fits a text best.

    It stands in the header. Of those that do, the best gives the first lines as many cells each as the header has, and
    the most of them; where none does, the error is told of the one with the most names. `csv.Sniffer` guesses from
    how often characters come, so it is misled by the texts in cells.
    """
    counts = {each: _cells(text, each) for each in _DELIMITERS}
    in_header = {each: cells for each, cells in counts.items() if cells and cells[0] > 1}
    alike = {each: cells for each, cells in in_header.items() if len(set(cells)) == 1}
    fitting = alike or in_header or {",": [1]}
    return max(fitting, key=lambda each: fitting[each][0])  # of equals the first


def _cells(text: str, delimiter: str) -> list[int]:
    """Return how many cells the first lines have, nothing where they cannot be split so."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    counts: list[int] = []
    try:
        for row in islice(reader, _SAMPLE):
            if row:
                counts.append(len(row))
    except csv.Error:
        return []
    return counts


def _spoken(delimiter: str) -> str:
    return {"\t": "tabs", " ": "blanks"}.get(delimiter, f"{delimiter!r}")


# --- Lines and names ---


def _lines(text: str, name: str, delimiter: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with the number of its last line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num + skipped, row
    except csv.Error as error:
        raise InvalidArtifact(
            f"{name}: line {reader.line_num + skipped} is not CSV: {error}."
        ) from None


def _named_index(header: list[str]) -> list[str]:
    """Give the first columns without names the names that pandas gives to the index of a frame."""
    unnamed = next((place for place, name in enumerate(header) if name.strip()), 0)
    names = (
        ["index"]
        if unnamed == 1 and "index" not in header
        else [f"level_{place}" for place in range(unnamed)]
    )
    return names + header[unnamed:]


def _header_problem(header: list[str]) -> str | None:
    if not header:
        return "is missing: a table begins with the names of its columns"
    seen: set[str] = set()
    for number, name in enumerate(header, 1):
        if not name.strip():
            return f"has no name for column {number}"
        if name in seen:
            return f"names {name!r:.80} twice"
        seen.add(name)
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
    if (
        found is None
        or not any(map(str.isdigit, text.lower().partition("e")[0]))
        or not math.isfinite(float(text))
    ):
        return False
    return _INTEGER.fullmatch(text) is None or int(float(text)) == int(text)
