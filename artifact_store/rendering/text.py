"""Text, numbers and times as they are shown: short, and without control characters that a terminal would execute."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

__all__ = [
    "age",
    "cell_text",
    "counted",
    "cut",
    "escape_controls",
    "json_text",
    "missing",
    "moment_text",
    "number_text",
    "profiled",
    "short_number",
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
    escape = _json_escape if as_json else _escape
    return _UNSAFE.sub(lambda found: found[0] if found[0] in keep else escape(found[0]), text)


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return _LETTERS.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(character: str) -> str:
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
    shown = text[: limit if end < 0 else end]
    return shown, missing(len(shown), len(text), "character")


def json_text(value: Any, limit: int) -> tuple[str, bool]:
    r"""Return indented JSON of a value, no more than so many characters of it, and whether all of it is there.

    It is written piece by piece, so a large value costs no more than what is shown.

    Examples:
        >>> json_text([1, 2], 100)
        ('[\n  1,\n  2\n]', True)
        >>> json_text(list(range(10_000)), 9)
        ('[\n  0,\n  ', False)
    """
    text = _beginning(json.JSONEncoder(ensure_ascii=False, indent=2, default=str), value, limit)
    return text[:limit], len(text) <= limit


def _beginning(encoder: json.JSONEncoder, value: Any, limit: int) -> str:
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


def cell_text(value: Any, limit: int = 200) -> str:
    """Return what a cell of a table shows of a value, in one text that is cut behind so many characters.

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
        text = _beginning(json.JSONEncoder(ensure_ascii=False, default=str), value, limit)
    else:
        text = str(value)
    return text if len(text) <= limit else f"{text[:limit]}…"


def counted(number: int, noun: str) -> str:
    """Return a number of things in words.

    Examples:
        >>> counted(1, "row"), counted(1461, "row")
        ('1 row', '1,461 rows')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def missing(shown: int, total: int, noun: str) -> list[str]:
    """Return what is left out where not all of something is shown, in words; nothing where all is.

    Examples:
        >>> missing(100, 1461, "row"), missing(3, 3, "column")
        (['1,361 of 1,461 rows'], [])
    """
    return [f"{total - shown:,} of {counted(total, noun)}"] if shown < total else []


def profiled(column: Mapping[str, Any]) -> list[Any]:
    """Return what a profile shows of one column: its name, type, nulls, distinct values and range.

    Examples:
        >>> profiled({"name": "id", "type": "integer", "nulls": 0, "distinct": None, "min": 1, "max": 5000})
        ['id', 'integer', 0, '> 1,000', '1', '5000']
    """
    distinct = "> 1,000" if column["distinct"] is None else column["distinct"]
    return [
        cell_text(column["name"]),
        cell_text(column["type"]),
        column["nulls"],
        distinct,
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
    seconds = int(((now or datetime.now(UTC)) - moment).total_seconds())
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{max(seconds, 0) // size} {unit}"
    return f"{seconds // 86_400} days"


def number_text(value: float) -> str:
    """Return a number as a label of a plot: short, and no more exact than it is.

    Examples:
        >>> number_text(1461.0), number_text(0.125), number_text(1234567.891), number_text(float("nan"))
        ('1,461', '0.125', '1,234,568', '–')
    """
    if not math.isfinite(value):
        return "–"
    if abs(value) >= 1e15 or (value and abs(value) < 1e-4):
        return f"{value:.3g}"
    if value == int(value) or abs(value) >= 1e5:
        return f"{value:,.0f}"
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"


def short_number(value: float) -> str:
    """Return a number in few characters, where there is little room: of millions and more, the first digits.

    Examples:
        >>> short_number(81_799.4), short_number(1_234_567.0), short_number(-5e9), short_number(0.0498)
        ('81,799', '1.23M', '-5G', '0.0498')
    """
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if size <= abs(value) < 1e15:
            return f"{value / size:.3g}{letter}"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else number_text(value)
