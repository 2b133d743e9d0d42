"""What an artifact's `data` and `metadata` say as JSON, or the path of what JSON cannot say.

Jobs hand over dates, models, arrays and frames; the database keeps JSON text. Here the first become
the second: nothing is truncated or guessed, so a value reads back the same on every engine.

Plain JSON, the commonest value, is proven by loops in C. Anything else is walked by one loop with a
stack of its own, which knows the path of what it holds and cannot exhaust Python's. A table says how
each type becomes simpler, a step at a time, until only JSON is left; NumPy, pandas and polars are in
it by name and never imported.

Examples:
    >>> import datetime, decimal
    >>> normalize_data({"day": datetime.date(2024, 5, 1), "total": decimal.Decimal("9.90"), "seen": {3, 1}})
    {'day': '2024-05-01', 'total': '9.90', 'seen': [1, 3]}
"""

import contextlib
import json
import math
import pickle
import re
import warnings
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from numbers import Real
from typing import Any, NoReturn

from pydantic_core import from_json, to_json

from ..callers import outside
from ..errors import ArtifactDataWarning, InvalidArtifact
from ..wording import with_article
from .encoders import (
    JSON,
    LONGEST_PATH,
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_INT64,
    TOO_DEEP,
    TWICE,
    NotSerializableError,
    Unordered,
    names_of,
    searchable,
    step_of,
    type_name,
)

__all__ = ["check_text", "dump_json", "normalize_data", "normalize_metadata", "normalize_with_text"]

_Scalar = str | int | float | bool | None


def normalize_data(value: object, path: str = "data") -> Any:
    """Return the plain JSON value that `value` says.

    Args:
        value: Anything that JSON can say, and what jobs hand over: dates, UUIDs, decimals, enums,
            dataclasses, pydantic models, sets, bytes, arrays, frames.
        path: The name that errors give to the value.

    Returns:
        Dicts with string keys, lists, strings, ints, finite floats, booleans and None, none of
        which shares a container with `value`.

    Raises:
        InvalidArtifact: If a part of it cannot become JSON; the message begins with its path.

    Warns:
        ArtifactDataWarning: A part of it means something else as JSON: NaN and the infinities, which become null, and
            bytes, which become base64.

    Examples:
        >>> normalize_data({"rows": [(1, None)], 7: {"hi"}})
        {'rows': [[1, None]], '7': ['hi']}
        >>> normalize_data({"rows": [1, {"x": 2j}]})
        Traceback (most recent call last):
            ...
        artifact_store.errors.InvalidArtifact: data.rows[1].x is a complex, which JSON cannot represent: \
turn it into text, numbers, a list or a dict first.
    """
    return normalize_with_text(value, path)[0]


def normalize_with_text(
    value: object, path: str = "data", *, table: bool = False
) -> tuple[Any, bytes | None]:
    """Do `normalize_data`; return its JSON text beside it, when it is known already.

    Of a table, rows and columns that carry names of their own (series, named tuples) keep them.

    Examples:
        >>> normalize_with_text([1, "a"]), normalize_with_text((1, "a"))
        (([1, 'a'], b'[1,"a"]'), ([1, 'a'], None))
    """
    try:
        return _proven(value)
    except _UNPROVEN:  # what is not proven is walked, and the walk says why
        return _walk(_named_parts(value, path) if table else value, path), None


def _named_parts(value: object, path: str) -> Any:
    from .named_rows import (
        with_names,
    )  # most tables are plain JSON, and need no look at what they are made of

    try:
        return with_names(value)
    except NotSerializableError as error:
        raise InvalidArtifact(f"{path} {error}") from error.__cause__


def normalize_metadata(value: object, path: str = "metadata") -> dict[str, _Scalar]:
    """Return `value` as a flat object of JSON scalars.

    Args:
        value: A mapping of strings to strings, 64-bit integers, floats, booleans or None. What data holds as a
            scalar, such as a date, a UUID, an enum or a NumPy number, is what data makes of it.
        path: The name that errors give to the value.

    Returns:
        A new dict in the same order; NaN and the infinities are None in it, with an `ArtifactDataWarning`.

    Raises:
        InvalidArtifact: If a key or a value is anything else; the message begins with its path.

    Examples:
        >>> normalize_metadata({"team": "finance", "rows": 3, "loss": None})
        {'team': 'finance', 'rows': 3, 'loss': None}
    """
    if type(value) is not dict and not isinstance(value, Mapping):
        raise InvalidArtifact(
            f"{path} is {with_article(type_name(value))}: pass a dict of names and scalars."
        )
    flat: dict[str, _Scalar] = {}
    trail: list[int | str] = []
    changed: set[str] = set()
    try:
        for key, item in value.items():
            if (
                type(key) is str
                and key.isascii()
                and "\0" not in key
                and _is_simple(item)
                and key not in flat
            ):
                flat[key] = item
                continue
            trail.clear()
            if not isinstance(key, str):
                raise NotSerializableError(
                    f"has a key of type {type_name(key)}: its keys are strings; make it one first."
                )
            if (name := searchable(str.__str__(key))) in flat:
                raise NotSerializableError(TWICE.format(name[:LONGEST_PATH]))
            trail.append(name)
            flat[name] = _scalar(item)
            changed.add(_change(item, flat[name]))
    except NotSerializableError as error:
        raise InvalidArtifact(f"{_located(path, trail)} {error}") from error.__cause__
    _warn(changed, path)
    return flat


def check_text(value: str, path: str) -> str:
    r"""Return `value` if every engine can store and search it as text.

    Args:
        value: The text.
        path: The name that errors give to it.

    Returns:
        The text itself.

    Raises:
        InvalidArtifact: If it holds U+0000 or a lone surrogate.

    Examples:
        >>> check_text("a\0b", "description")
        Traceback (most recent call last):
            ...
        artifact_store.errors.InvalidArtifact: description holds U+0000 at index 1: remove it.
    """
    try:
        return searchable(value)
    except NotSerializableError as error:
        raise InvalidArtifact(f"{path} {error}") from error.__cause__


def dump_json(value: object) -> str:
    """Return the compact JSON text of a value that is already normalised.

    Examples:
        >>> dump_json({"a": [1, None, "ü"]})
        '{"a":[1,null,"ü"]}'
    """
    return to_json(value, inf_nan_mode="null").decode()


# --- Plain JSON, proven without a walk ---


def _refuses(depth: int) -> bool:
    with contextlib.suppress(ValueError):
        from_json("[" * depth + "]" * depth)
        return False
    return True


@cache
def _wrapping() -> int:
    """Return in how many lists a text of MAX_DEPTH + 1 levels meets the parser's own limit.

    The parser counts levels itself, for its own safety (202 is too many when this is written, but that is
    its affair, so it is asked). It lets an empty innermost container go one deeper, so other texts of exactly
    MAX_DEPTH are left to the walk.
    """
    return bisect_left(range(10_000), True, key=_refuses) - (MAX_DEPTH + 1)


class _Nowhere:
    """Forgets what is written to it."""

    write = staticmethod(len)


_NOWHERE = _Nowhere()


class _Exact(pickle.Pickler):
    """Accepts built-in values, and refuses everything else without running any of its code."""

    def reducer_override(self, value: object) -> NoReturn:
        raise TypeError(type(value))


_IDLE: list[_Exact] = []  # to make one takes as long as to prove a small value
_TOO_LOW = re.compile(rb"-[0-9]{%d}" % MAX_DIGITS)
_UNPROVEN = (
    ArithmeticError,
    AttributeError,
    LookupError,
    pickle.PickleError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""How the proof fails. Other errors are not its own: a signal handler may raise in the middle of it."""

_SMALL = 10_000  # bytes of JSON; after more, what a pickler remembers would be slow to clear


def _proven(value: Any) -> tuple[Any, bytes | None]:
    """Return plain JSON as a copy of its own, with its text; fail, with whatever error, for anything else.

    What `to_json` writes is a claim, because it also writes tuples, models and keys that are numbers.
    That the text read back equals the value proves it, if the comparison can be believed: `_Exact`
    takes built-in types only, so comparing runs nobody's `__eq__`. It comes first because it refuses
    generators without consuming them. (`marshal` would do too, but takes twice as long for every level of
    nested frozensets.)
    """
    exact = _IDLE.pop() if _IDLE else _Exact(_NOWHERE, pickle.HIGHEST_PROTOCOL)
    exact.dump(value)
    text = to_json(value)
    if len(text) < _SMALL:
        exact.clear_memo()
        _IDLE.append(exact)
    if len(text) > MAX_DIGITS and _TOO_LOW.search(text):
        raise ValueError(
            "an integer that pydantic could not read before 2.14.4, or a text of digits: the walk knows"
        )
    # A level takes two brackets.
    if len(text) <= 2 * MAX_DEPTH or text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        back = from_json(text, allow_inf_nan=False)
    else:
        back = from_json(b"[" * _wrapping() + text + b"]" * _wrapping(), allow_inf_nan=False)
        for _ in range(_wrapping()):
            back = back[0]
    if value != back:
        raise ValueError("not plain JSON")
    return back, text


# --- Everything else, walked ---


def _walk(value: object, path: str) -> Any:
    top: list[Any] = [None]
    stack: list[tuple[Any, Iterable[tuple[Any, Any]]]] = [(top, iter([(0, value)]))]
    trail: list[int | str] = [0]
    unordered: list[list[Any]] = []
    changed: set[str] = set()
    try:
        while stack:
            made, children = stack[-1]
            for slot, child in children:
                trail[-1] = slot
                plain = _plain(child)
                if not isinstance(plain, (dict, list)):
                    made[slot] = plain
                    if plain is not child:
                        changed.add(_change(child, plain))
                    continue
                if len(stack) > MAX_DEPTH:
                    raise NotSerializableError(TOO_DEEP)
                made[slot], inside = _opened(plain)
                if type(plain) is Unordered:
                    unordered.append(made[slot])
                stack.append((made[slot], inside))
                trail.append(0)
                break
            else:
                stack.pop()
                trail.pop()
    except NotSerializableError as error:
        raise InvalidArtifact(f"{_located(path, trail[1:])} {error}") from error.__cause__
    except (
        Exception
    ) as error:  # the value's own code: a property, an iterator, a container changed meanwhile
        problem = f"cannot be read, its own code raised {type(error).__name__}: pass its plain values instead."
        raise InvalidArtifact(f"{_located(path, trail[1:])} {problem}") from error
    for members in reversed(
        unordered
    ):  # the innermost first: their order is part of the outer text
        members.sort(key=dump_json)
    _warn(changed, path)
    return top[0]


def _change(value: object, plain: object) -> str:
    """Return what has become of a scalar that means something else now, nothing where it means the same."""
    if plain is None:
        # NaT and NA of pandas and NumPy are missing values, which null says.
        return _NOT_FINITE if isinstance(value, Real | Decimal) else ""
    return _BYTES if isinstance(value, bytes | bytearray | memoryview) else ""


_NOT_FINITE = "holds NaN or an infinity, which is stored as null: pass None to say so, or its text to keep it."
_BYTES = "holds bytes, which are stored as base64 text: decode them if they are text."


def _warn(changed: set[str], path: str) -> None:
    """Warn of what has become something else; Python shows the same sentence once for each line that calls."""
    for sentence in sorted(changed - {""}):
        warnings.warn(f"{path} {sentence}", ArtifactDataWarning, stacklevel=outside())


def _opened(plain: Any) -> tuple[Any, Iterable[tuple[Any, Any]]]:
    if type(plain) is dict:
        names = names_of(plain)
        return dict.fromkeys(names), zip(names, plain.values(), strict=True)
    return [None] * len(plain), enumerate(plain)


def _plain(value: Any) -> Any:
    """Return a JSON scalar, or a dict or list whose contents are still to be walked."""
    if finish := JSON.get(type(value)):
        return finish(value)
    for _ in range(MAX_DEPTH):  # an enum may hold a dataclass, but nothing becomes simpler for ever
        kind: type = type(value)
        value = step_of(kind)(value)
        if finish := JSON.get(type(value)):
            return finish(value)
    raise NotSerializableError(TOO_DEEP)


# --- Metadata ---


def _is_simple(value: Any) -> bool:
    """Tell at once of the commonest scalars of metadata that nothing is to be done about them."""
    kind = type(value)
    if kind is str:
        text: str = value
        return text.isascii() and "\0" not in text
    if kind is int:
        return -MAX_INT64 - 1 <= int(value) <= MAX_INT64
    return math.isfinite(value) if kind is float else kind is bool or value is None


def _scalar(value: Any) -> _Scalar:
    """Return a value of metadata: of what data may hold, all that is a scalar in JSON, such as a date as text."""
    plain = _plain(value)
    if isinstance(plain, str):
        return searchable(plain)
    if isinstance(plain, int) and not -MAX_INT64 - 1 <= plain <= MAX_INT64:
        raise NotSerializableError(
            "is an integer beyond 64 bits: pass it as text, or put it into data."
        )
    if plain is None or isinstance(plain, (int, float)):
        return plain
    rule = "metadata is flat, of strings, numbers, booleans and null; put the rest into data."
    raise NotSerializableError(f"is {with_article(type_name(value))}: {rule}")


# --- Words for messages ---


def _located(path: str, trail: list[int | str]) -> str:
    """Return the path of a part; a long one loses its middle."""
    text = path
    for slot in trail:
        text += (
            f".{slot}" if str(slot).isidentifier() else f"[{json.dumps(slot, ensure_ascii=False)}]"
        )
    half = LONGEST_PATH // 2
    return text if len(text) <= LONGEST_PATH else f"{text[:half]}…{text[-half:]}"
