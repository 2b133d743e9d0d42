"""Plain JSON values, recognised and copied without a loop in Python.

`pydantic_core.to_json` writes more than plain JSON: tuples, models, keys that are numbers. So its text is read back
and compared with the value. If both are equal the value is plain JSON, what was read is a copy, and the text can be
stored as it is.

The comparison can be trusted only if it runs no `__eq__` of the value. A pickler that accepts built-in types alone
makes sure of that. It comes first, because it refuses a generator without consuming it. (`marshal` would do too, but
takes twice as long for every level of nested frozensets.)
"""

import contextlib
import pickle
import re
from bisect import bisect_left
from functools import cache
from typing import NoReturn

from pydantic_core import from_json, to_json

from .encoders import MAX_DEPTH, MAX_DIGITS

__all__ = ["NOT_PLAIN", "copy_plain"]

NOT_PLAIN = (
    ArithmeticError,
    AttributeError,
    LookupError,
    pickle.PickleError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What `copy_plain` raises for other values. A signal handler may raise anything else in the middle of it."""

_SMALL = 10_000  # bytes of JSON; the memo of a larger value would take long to clear
_LONG_NEGATIVE = re.compile(rb"-[0-9]{%d}" % MAX_DIGITS)


class _NoFile:
    """A file that forgets what is written to it."""

    write = staticmethod(len)


class _BuiltinsOnly(pickle.Pickler):
    """Accepts built-in values, and refuses everything else without running any of its code."""

    def reducer_override(self, value: object) -> NoReturn:
        raise TypeError(type(value))


_NO_FILE = _NoFile()
_IDLE: list[_BuiltinsOnly] = []  # making one takes as long as checking a small value


def copy_plain(value: object) -> tuple[object, bytes]:
    """Return a copy of a plain JSON value, and its text.

    Raises:
        NOT_PLAIN: the value is not plain JSON, or this cannot tell.
    """
    pickler = _IDLE.pop() if _IDLE else _BuiltinsOnly(_NO_FILE, pickle.HIGHEST_PROTOCOL)
    pickler.dump(value)
    text = to_json(value)
    if len(text) < _SMALL:
        pickler.clear_memo()
        _IDLE.append(pickler)

    if len(text) > MAX_DIGITS and _LONG_NEGATIVE.search(text):
        raise ValueError("a text of digits, or an integer that pydantic before 2.14.4 cannot read")
    # Each level takes two brackets.
    if len(text) <= 2 * MAX_DEPTH or text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        copy = from_json(text, allow_inf_nan=False)
    else:
        copy = read_within_depth(text)
    if value != copy:
        raise ValueError("not plain JSON")
    return copy, text


def read_within_depth(text: bytes) -> object:
    """Return the value of a JSON text that nests up to MAX_DEPTH levels.

    Raises:
        ValueError: it nests deeper.
    """
    lists = spare_levels()
    value = from_json(b"[" * lists + text + b"]" * lists, allow_inf_nan=False)
    for _ in range(lists):
        value = value[0]
    inner: object = value
    return inner


@cache
def spare_levels() -> int:
    """Return in how many lists a text of MAX_DEPTH + 1 levels exceeds the limit of the parser.

    The parser has a limit of its own, which differs between versions (202 levels are too many when this is written), so
    it is measured. An empty innermost container may be one level deeper; such texts are left to the walk.
    """
    return bisect_left(range(10_000), True, key=exceeds_parser) - (MAX_DEPTH + 1)


def exceeds_parser(depth: int) -> bool:
    """Tell whether the parser refuses so many nested lists."""
    with contextlib.suppress(ValueError):
        from_json("[" * depth + "]" * depth)
        return False
    return True
