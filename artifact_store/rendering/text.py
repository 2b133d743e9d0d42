"""Text, numbers and times as they are shown: short, and without control characters that a terminal obeys."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..wording import count_text

if TYPE_CHECKING:
    from ..tables.profile import ColumnProfile

__all__ = [
    "PROFILE_HEADINGS",
    "age",
    "cell_text",
    "count_text",
    "cut",
    "data_url_text",
    "escape_controls",
    "is_numeric",
    "json_text",
    "missing",
    "moment_text",
    "number_text",
    "plain_number",
    "profile_cells",
    "short_number",
    "size_text",
]

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL, C1
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # direction, invisible, line ends
    "\ud800-\udfff\ufff9-\ufffb\U000e0000-\U000e007f]"  # surrogates, annotations, tags
)
_LETTERS = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}


def escape_controls(text: str, keep: str = "", *, as_json: bool = False) -> str:
    r"""Show control, escape, direction and invisible characters instead of sending them to a terminal.

    Args:
        text: text of a store or a user.
        keep: characters that are left as they are, such as a line end; none by default.
        as_json: whether the text is JSON. Then they become JSON escapes, which do not change its value.

    Returns:
        The text, with such characters as escapes.

    Examples:
        >>> print(escape_controls("a\x1b[31mred\n\u202egnp.exe"))
        a\x1b[31mred\n\u202egnp.exe
    """
    escape = escape_for_json if as_json else escape_for_terminal

    def replacement(found: re.Match[str]) -> str:
        character = found[0]
        return character if character in keep else escape(character)

    return _UNSAFE.sub(replacement, text)


def escape_for_terminal(character: str) -> str:
    """Return the escape of a character, as Python writes it."""
    code = ord(character)
    if code < 0x100:
        return _LETTERS.get(character, f"\\x{code:02x}")
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"


def escape_for_json(character: str) -> str:
    """Return the escape of a character, as it stands in a JSON string."""
    return json.dumps(character)[1:-1]


def cut(text: str, limit: int) -> tuple[str, list[str]]:
    """Return the beginning of a text, up to a line end where there is one near, and what is left out.

    Examples:
        >>> cut("one two three", 8), cut("short", 8)
        (('one two ', ['5 of 13 characters']), ('short', []))
    """
    if len(text) <= limit:
        return text, []
    end = text.rfind("\n", limit // 2, limit)
    if end < 0:
        end = limit
    shown = text[:end]
    return shown, missing(len(shown), len(text), "character")


def json_text(value: object, limit: int) -> tuple[str, bool]:
    r"""Return indented JSON of a value, no more than so many characters of it, and whether it is whole.

    It is written piece by piece, so a large value costs no more than what is shown.

    Examples:
        >>> json_text([1, 2], 100)
        ('[\n  1,\n  2\n]', True)
        >>> json_text(list(range(10_000)), 9)
        ('[\n  0,\n  ', False)
    """
    encoder = json.JSONEncoder(ensure_ascii=False, indent=2, default=str)
    text = encode_beginning(encoder, value, limit)
    return text[:limit], len(text) <= limit


def encode_beginning(encoder: json.JSONEncoder, value: object, limit: int) -> str:
    """Return the JSON of a value, of a longer one little more than so many characters."""
    if isinstance(value, str):
        value = value[: limit + 1]  # before it is escaped, which makes it no shorter
    pieces = list[str]()
    length = 0
    for piece in encoder.iterencode(value):
        pieces.append(piece[: limit + 1])
        length += len(piece)
        if length > limit:
            break
    return "".join(pieces)


def cell_text(value: object, limit: int = 200) -> str:
    """Return a value as the text of a cell of a table.

    Args:
        value: the value.
        limit: the number of characters after which the text is cut, with an ellipsis.

    Returns:
        A text as it is, `None` as an empty text, booleans, lists and objects as JSON in one line.

    Examples:
        >>> cell_text(None), cell_text(True), cell_text(1e-7), cell_text([1, {"a": 2}]), cell_text("abc", 2)
        ('', 'true', '1e-07', '[1, {"a": 2}]', 'ab…')
    """
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool | float):
        text = json.dumps(value)
    elif isinstance(value, dict | list | tuple):
        encoder = json.JSONEncoder(ensure_ascii=False, default=str)
        text = encode_beginning(encoder, value, limit)
    else:
        text = str(value)
    return text if len(text) <= limit else f"{text[:limit]}…"


def size_text(size: int) -> str:
    """Return a number of bytes in the unit that says enough.

    Args:
        size: the number of bytes.

    Returns:
        A number and a unit: bytes below 10,000, KiB below 10 MiB, otherwise MiB.

    Examples:
        >>> size_text(68), size_text(20 * 1024), size_text(20 * 1024**2)
        ('68 bytes', '20 KiB', '20 MiB')
    """
    if size < 10_000:
        return f"{size:,} bytes"
    if size < 10 * 1024**2:
        return f"{size / 1024:,.0f} KiB"
    return f"{size / 1024**2:,.0f} MiB"


def is_numeric(rows: Sequence[Mapping[str, object]], name: str) -> bool:
    """Tell whether a column holds numbers, and nulls besides."""
    types = {type(row.get(name)) for row in rows}
    types.discard(type(None))
    return bool(types) and types <= {int, float}


def data_url_text(url: str) -> str:
    """Return the type and the size of what a `data:` URL contains.

    Examples:
        >>> data_url_text("data:image/png;base64,iVBORw0=")
        'image/png, 5 bytes'
    """
    header, _, content = url[5:].partition(",")
    media_type = header.partition(";")[0][:80] or "image"
    size = len(content.rstrip("=")) * 3 // 4  # four characters of base64 are three bytes
    return f"{media_type}, {size_text(size)}"


def missing(shown: int, total: int, noun: str) -> list[str]:
    """Return what is left out where not all of something is shown, in words; nothing where all is.

    Examples:
        >>> missing(100, 1461, "row"), missing(3, 3, "column")
        (['1,361 of 1,461 rows'], [])
    """
    if shown >= total:
        return []
    return [f"{total - shown:,} of {count_text(total, noun)}"]


PROFILE_HEADINGS = ("column", "type", "nulls", "distinct", "min", "max")


def profile_cells(column: "ColumnProfile") -> list[str | int]:
    """Return what a profile shows of one column, below `PROFILE_HEADINGS`.

    Examples:
        >>> profile_cells({"name": "id", "type": "integer", "nulls": 0, "distinct": None, "min": 1, "max": 5000})
        ['id', 'integer', 0, '> 1,000', '1', '5000']
    """
    distinct = column["distinct"]
    return [
        cell_text(column["name"]),
        cell_text(column["type"]),
        column["nulls"],
        "> 1,000" if distinct is None else distinct,
        cell_text(column["min"]),
        cell_text(column["max"]),
    ]


def moment_text(moment: datetime) -> str:
    """Return a time as text, to the second.

    Examples:
        >>> moment_text(datetime(2026, 11, 24, 8, 30, 5, 123, tzinfo=UTC))
        '2026-11-24 08:30:05 UTC'
    """
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def age(moment: datetime, now: datetime | None = None) -> str:
    """Return how long ago a time was, in the largest unit that says enough.

    Args:
        moment: the time, with a time zone.
        now: the time that it is compared with; the present by default.

    Returns:
        A number and a unit, such as `3 h`; a moment in the future is `0 s`.

    Examples:
        >>> age(datetime(2026, 11, 24, 8, tzinfo=UTC), datetime(2026, 11, 24, 11, tzinfo=UTC))
        '3 h'
    """
    if not isinstance(moment, datetime):
        raise TypeError(f"age takes a datetime, not {type(moment).__name__}.")
    if now is None:
        now = datetime.now(UTC)
    seconds = int((now - moment).total_seconds())
    if seconds < 60:
        return f"{max(seconds, 0)} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 2 * 86_400:
        return f"{seconds // 3600} h"
    return f"{seconds // 86_400} days"


def number_text(value: float) -> str:
    """Return a number as a label of a plot: short, and no more exact than it is.

    Examples:
        >>> number_text(1461.0), number_text(0.125), number_text(1234567.891), number_text(float("nan"))
        ('1,461', '0.125', '1,234,568', '–')
    """
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    if size >= 1e15 or 0 < size < 1e-4:
        return f"{value:.3g}"
    if value.is_integer() or size >= 1e5:
        return f"{value:,.0f}"
    if size < 1000:
        return f"{value:,.4g}"
    return f"{value:,.1f}"


def plain_number(value: float) -> int | float:
    """Return a number as an int where it has no fraction.

    Args:
        value: a number, such as one of a `Point`.

    Returns:
        The same number.

    Examples:
        >>> plain_number(12.0), plain_number(0.5), plain_number(1e300)
        (12, 0.5, 1e+300)
    """
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def short_number(value: float) -> str:
    """Return a number in few characters, where there is little room: of millions and more, the first digits.

    Examples:
        >>> short_number(81_799.4), short_number(1_234_567.0), short_number(-5e9), short_number(0.0498)
        ('81,799', '1.23M', '-5G', '0.0498')
    """
    size = abs(value)
    for unit, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if unit <= size < 1e15:
            return f"{value / unit:.3g}{letter}"
    if 1000 <= size < 1e6:
        return f"{value:,.0f}"
    return number_text(value)
