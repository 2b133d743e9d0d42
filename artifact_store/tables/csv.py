"""The parser of CSV: text in, rows of plain JSON out.

Columns of numbers become numbers, and everything else stays text. Files that are not CSV, or are cut off, are refused
with the line or the remedy.
"""

import csv
import io
import math
import os
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from pydantic_core import from_json

from ..errors import InvalidArtifact
from ..wording import count_text, shown
from .files import decode_text, unreadable
from .rows import Row, Table

__all__ = ["parse_csv", "read_csv"]

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,4299})", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)?(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_SEP_LINE = re.compile(r"sep=([^\r\n])\r?(?:\n|$)", re.IGNORECASE)
_MARKUP = re.compile(r"<(?:!doctype|html|\?xml|(?:svg|table)\b)", re.IGNORECASE)
_LIKE_JSON = re.compile(r'\[\s*[\[{"]|\{\s*(?:"|\w+\s*:)')
_DELIMITERS = (",", "\t", ";", "|")
_SAMPLE = 200  # lines
_HEAD = 1000  # characters
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


def read_csv(source: object, delimiter: str | None = None) -> Table:
    """Return the table of a CSV file.

    Args:
        source: the path of the file, or a file that is open for reading, text or binary.
        delimiter: the character between cells; by default the one that fits.

    Raises:
        InvalidArtifact: it cannot be read, is neither UTF-8 nor UTF-16 with its byte order mark, or is not a table;
            the message names the file and the line.
    """
    read = getattr(source, "read", None)
    if read is not None:
        name = str(getattr(source, "name", "The CSV file"))
        content = read()
    else:
        assert isinstance(source, str | os.PathLike)
        name = os.fspath(source)
        content = _read_file(name)
    if not isinstance(content, str):
        _check_is_text(content, name)
        content = decode_text(content, name)
    return parse_csv(content, name, delimiter)


def _read_file(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise unreadable(f"table: {name!r:.120}", error, "give the path of a CSV file") from error


def parse_csv(text: str, name: str, delimiter: str | None = None) -> Table:
    r"""Return the table of a CSV text, in the order of its columns; its first line names them.

    A column becomes numbers where every cell of it is a number. Codes such as `00123` stay text, and so do columns of
    fractions with an integer that no float holds exactly. Empty cells are null, and blank lines are left out. A first
    column without a name, as pandas writes the index of a frame, is called `index`.

    Args:
        text: the CSV.
        name: what messages call it.
        delimiter: the character between cells; by default the one of `,`, tab, `;` and `|` that gives all lines the
            same number of cells, and the most of them. A first line such as `sep=;`, for spreadsheets, names it too.

    Raises:
        InvalidArtifact: it is not a table; the message names the line.

    Examples:
        >>> parse_csv("code,count,share\n007,3,0.5\n010,,2\n", "a.csv").rows
        [{'code': '007', 'count': 3, 'share': 0.5}, {'code': '010', 'count': None, 'share': 2.0}]
        >>> parse_csv(";city;wind\n0;Oslo;3\n", "a.csv").rows
        [{'index': 0, 'city': 'Oslo', 'wind': 3}]
    """
    if delimiter is not None:
        _check_delimiter(delimiter)
    _check_is_csv(text, name)

    text = text.removeprefix("\ufeff")
    skipped_lines = 0
    sep_line = _SEP_LINE.match(text)
    if sep_line:
        delimiter = delimiter or sep_line[1]
        text = text[sep_line.end() :]
        skipped_lines = 1
    delimiter = delimiter or fitting_delimiter(text)

    lines = _lines(text, name, delimiter, skipped_lines)
    _, first_cells = next(lines, (1, []))
    header = with_index_names(first_cells)
    problem = _header_problem(header)
    if problem:
        raise InvalidArtifact(f"{name}: line {1 + skipped_lines} {problem}.")

    records: list[list[str]] = []
    for number, cells in lines:
        if len(cells) != len(header):
            lengths = f"has {count_text(len(cells), 'cell')} and the header has {len(header)}"
            between = "" if delimiter == "," else f" (between {_plural(delimiter)})"
            raise InvalidArtifact(f"{name}: line {number} {lengths}{between}: make them equal.")
        records.append(cells)
    return _table(header, records)


def _table(header: list[str], records: list[list[str]]) -> Table:
    columns = [parse_column(cells) for cells in zip(*records, strict=True)]
    rows: list[Row] = [dict(zip(header, row, strict=True)) for row in zip(*columns, strict=True)]
    return Table(header, rows)


# --- What is not CSV ---


def _check_is_text(content: bytes, name: str) -> None:
    for signature, kind in _OTHER_FILES:
        if content.startswith(signature):
            raise InvalidArtifact(f"{name} is {kind}, not CSV: save it as CSV first.")


def _check_is_csv(text: str, name: str) -> None:
    """Refuse JSON, HTML and binary, which could be read as CSV with one odd column.

    Raises:
        InvalidArtifact: it is one of them; the message says what to do with it.
    """
    nul = text.find("\0")
    if nul >= 0:
        problem = f"{name} holds U+0000 at {nul}, so it is not CSV"
        raise InvalidArtifact(f"{problem}: save it as UTF-8 text first.")

    start = text[:_HEAD].lstrip("\ufeff \t\r\n")
    if _MARKUP.match(start):
        raise InvalidArtifact(f"{name} is HTML or XML, not CSV: save its table as CSV first.")
    if not start.startswith(("[", "{")):
        return

    text = text.lstrip("\ufeff")
    if is_json(text):
        remedy = "pass its value as data of type table (--data @FILE --type table)"
        raise InvalidArtifact(f"{name} is JSON, not CSV: {remedy}.")
    first_line = next(line for line in text.split("\n") if line.strip())
    if is_json(first_line):
        remedy = "make one list of them (jq -s . FILE), and pass it as data of type table"
        raise InvalidArtifact(f"{name} is JSON lines, not CSV: {remedy}.")
    if _LIKE_JSON.match(start):
        problem = f"{name} looks like JSON that is cut off or malformed, not CSV"
        raise InvalidArtifact(f"{problem}: mend it first.")


def is_json(text: str) -> bool:
    """Tell whether a text is a JSON object or list."""
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


def fitting_delimiter(text: str) -> str:
    """Return the delimiter that fits a text best.

    The header has it. If several are there, those come first which give the first lines as many cells as the header,
    and of these the one that gives the most cells. `csv.Sniffer` goes by how often characters occur, so the texts in
    cells mislead it.
    """
    counts = {delimiter: _cells_per_line(text, delimiter) for delimiter in _DELIMITERS}
    in_header = {each: cells for each, cells in counts.items() if cells and cells[0] > 1}
    even = {each: cells for each, cells in in_header.items() if len(set(cells)) == 1}
    # Where no delimiter gives all lines the same length, the error about that names the one with the most columns.
    fitting = even or in_header or {",": [1]}
    return max(fitting, key=lambda each: fitting[each][0])  # the first of those that are equal


def _cells_per_line(text: str, delimiter: str) -> list[int]:
    """Return how many cells the first lines have, or nothing when they cannot be split by this delimiter."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return [len(cells) for cells in islice(reader, _SAMPLE) if cells]
    except csv.Error:
        return []


def _plural(delimiter: str) -> str:
    return {"\t": "tabs", " ": "blanks"}.get(delimiter, repr(delimiter))


# --- Lines and names ---


def _lines(
    text: str, name: str, delimiter: str, skipped_lines: int
) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of the rows that are not blank, each with the number of its last line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num + skipped_lines, cells
    except csv.Error as error:
        number = reader.line_num + skipped_lines
        raise InvalidArtifact(f"{name}: line {number} is not CSV: {error}.") from None


def with_index_names(header: list[str]) -> list[str]:
    """Return the header with names for its first columns, if they have none: those that pandas gives to an index."""
    unnamed = 0
    for index, name in enumerate(header):
        if name.strip():
            unnamed = index
            break
    if unnamed == 1 and "index" not in header:
        return ["index", *header[1:]]
    return [f"level_{index}" for index in range(unnamed)] + header[unnamed:]


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


# --- Columns ---


def parse_column(cells: tuple[str, ...]) -> list[str | int | float | None]:
    """Return the cells of a column as numbers when all of them are numbers, and as text otherwise."""
    filled = [cell.strip() for cell in cells if cell]
    parse: Callable[[str], str | int | float] = str
    if all(map(_INTEGER.fullmatch, filled)):
        parse = int
    elif all(map(is_number, filled)):
        parse = float
    return [parse(cell) if cell else None for cell in cells]


def is_number(text: str) -> bool:
    """Tell whether a text is a number that a float holds, an integer exactly."""
    mantissa = text.lower().partition("e")[0]
    has_digits = any(map(str.isdigit, mantissa))
    if not has_digits or _NUMBER.fullmatch(text) is None:
        return False
    number = float(text)
    if not math.isfinite(number):
        return False
    return _INTEGER.fullmatch(text) is None or int(number) == int(text)
