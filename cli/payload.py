"""Turns what the payload options name into an artifact's type and data."""

import csv
import io
import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click

__all__ = ["Payload", "parse_json", "parse_scalar", "parse_table", "read_payload", "read_text"]

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,4299})", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)?(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)


class Payload(NamedTuple):
    """What an artifact holds; a type of `None` leaves the type open."""

    type: str | None
    data: Any


def read_text(source: str) -> str:
    """Return the UTF-8 text of a file, or of standard input when the source is `-`."""
    content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"byte 0x{content[error.start]:02x} at {error.start}"
        raise click.ClickException(f"{_named(source)} is not UTF-8 text ({where}): convert it first.") from None


def parse_json(source: str, option: str) -> Any:
    """Return the value of JSON that was given as text, as `@FILE`, or as `-`."""
    text = read_text(source.removeprefix("@")) if source == "-" or source.startswith("@") else source
    try:
        return _loads(text)
    except (ValueError, RecursionError) as error:
        reason = "it nests too deep" if isinstance(error, RecursionError) else error
        raise click.UsageError(f"{option} is not JSON: {reason}.") from None


def parse_scalar(text: str) -> Any:
    """Return the JSON scalar that a text is, else the text.

    Examples:
        >>> parse_scalar("3"), parse_scalar('"3"'), parse_scalar("three"), parse_scalar("007")
        (3, '3', 'three', '007')
    """
    try:
        value = _loads(text)
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, dict | list) else value


def _loads(text: str) -> Any:
    return json.loads(text, parse_constant=_no_constant, parse_float=_float, object_pairs_hook=_object)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is beyond the numbers that JSON readers know")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"an object has {next(name for name in names if names.count(name) > 1)!r} twice")
    return result


def parse_table(text: str, name: str) -> list[dict[str, Any]]:
    r"""Return the rows of a CSV text, as objects in the order of its columns.

    A column becomes numbers where every cell of it is a number; codes such as `00123` stay text, and so do
    integers among fractions that no float holds exactly.
    Empty cells are null.

    Examples:
        >>> parse_table("code,count,share\n007,3,0.5\n010,,2\n", "a.csv")
        [{'code': '007', 'count': 3, 'share': 0.5}, {'code': '010', 'count': None, 'share': 2.0}]
    """
    lines = _lines(text, name)
    header = next(lines, (1, []))[1]
    problem = _header_problem(header)
    if problem:
        raise click.ClickException(f"{name}: line 1 {problem}.")
    rows = []
    for line, row in lines:
        if len(row) != len(header):
            raise click.ClickException(
                f"{name}: line {line} has {len(row)} cells and the header has {len(header)}: make them equal."
            )
        rows.append(row)
    columns = [_typed(column) for column in zip(*rows, strict=True)]
    return [dict(zip(header, row, strict=True)) for row in zip(*columns, strict=True)]


def _lines(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with the number of its last line."""
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise click.ClickException(f"{name}: line {reader.line_num} is not CSV: {error}.") from None


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


def _named(source: str) -> str:
    return "Standard input" if source == "-" else source


def _line(source: str) -> str:
    """Return a short argument, or the line on standard input."""
    return read_text(source).strip() if source == "-" else source


def _table(source: str) -> Any:
    return parse_table(read_text(source), _named(source))


def _url_under(name: str) -> Callable[[str], Any]:
    def read(source: str) -> Any:
        url = _line(source)
        if not url:
            raise click.UsageError(f"--{name} is empty: give a URL.")
        return {name: url}

    return read


def _progress(source: str) -> Any:
    text = _line(source)
    value = float(text) if _is_number(text) else math.nan
    if not 0 <= value <= 100:
        raise click.UsageError(f"--progress takes a number from 0 to 100, not {text!r}.")
    return int(text) if _INTEGER.fullmatch(text) else value


_READERS: dict[str, Callable[[str], Any]] = {
    "table": _table,
    "markdown": read_text,
    "link": _url_under("link"),
    "image": _url_under("image"),
    "progress": _progress,
    "data": lambda source: parse_json(source, "--data"),
}


def read_payload(options: Mapping[str, Any]) -> Payload | None:
    """Return the one payload that the options name, `None` when they name none."""
    given = [name for name in _READERS if options[name] is not None]
    if len(given) > 1:
        raise click.UsageError(f"Give one payload, not {len(given)}: --{' and --'.join(given)}.")
    if options["link_text"] is not None and given != ["link"]:
        raise click.UsageError("--link-text belongs to --link.")
    if not given:
        return None
    (name,) = given
    data = _READERS[name](options[name])
    if options["link_text"] is not None:
        data["link_text"] = options["link_text"]
    return Payload(None if name == "data" else name, data)
