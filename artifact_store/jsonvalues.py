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
from base64 import b64encode
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from operator import attrgetter, lt, methodcaller
from pathlib import PurePath
from typing import Any, NoReturn
from uuid import UUID

from pydantic import BaseModel, RootModel
from pydantic_core import from_json, to_json

from .errors import InvalidArtifact

__all__ = ["check_text", "dump_json", "normalize_data", "normalize_metadata"]

MAX_DEPTH = 150
MAX_DIGITS = 4300
_TOO_LONG = 10**MAX_DIGITS
LONGEST_PATH = 120

_Scalar = str | int | float | bool | None
_Table = Mapping[type | str, Callable[[Any], Any]]


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
        InvalidArtifact: If a part of it cannot be said in JSON; the message begins with its path.

    Examples:
        >>> normalize_data({"rows": [(1, float("nan"))], 7: b"hi"})
        {'rows': [[1, None]], '7': 'aGk='}
        >>> normalize_data({"rows": [1, {"x": 2j}]})
        Traceback (most recent call last):
            ...
        artifact_store.errors.InvalidArtifact: data.rows[1].x is a complex, which JSON cannot say: \
turn it into text, numbers, a list or a dict first.
    """
    try:
        return _proven(value)
    except Exception:  # what is not proven is walked, and the walk says why
        return _walk(value, path)


def normalize_metadata(value: object, path: str = "metadata") -> dict[str, _Scalar]:
    """Return `value` as a flat object of JSON scalars.

    Args:
        value: A mapping of strings to strings, 64-bit integers, floats, booleans or None; NumPy's
            scalars are taken for Python's.
        path: The name that errors give to the value.

    Returns:
        A new dict in the same order; NaN and the infinities are None in it.

    Raises:
        InvalidArtifact: If a key or a value is anything else; the message begins with its path.

    Examples:
        >>> normalize_metadata({"team": "finance", "rows": 3, "loss": float("inf")})
        {'team': 'finance', 'rows': 3, 'loss': None}
    """
    if not isinstance(value, Mapping):
        raise InvalidArtifact(f"{path} is a {_named(value)}: pass a dict of names and scalars.")
    flat: dict[str, _Scalar] = {}
    trail: list[int | str] = []
    try:
        for key, item in value.items():
            if type(key) is str and _is_simple(key) and _is_simple(item) and key not in flat:
                flat[key] = item
                continue
            trail.clear()
            if not isinstance(key, str):
                raise _UnsayableError(f"has a key of type {_named(key)}: its keys are strings; make it one first.")
            if (name := _searchable(str.__str__(key))) in flat:
                raise _UnsayableError(_TWICE.format(name[:LONGEST_PATH]))
            trail.append(name)
            flat[name] = _scalar(item)
    except _UnsayableError as error:
        raise InvalidArtifact(f"{_located(path, trail)} {error}") from error.__cause__
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
        return _searchable(value)
    except _UnsayableError as error:
        raise InvalidArtifact(f"{path} {error}") from error.__cause__


def dump_json(value: object) -> str:
    """Return the compact JSON text of a value that is already normalised.

    Examples:
        >>> dump_json({"a": [1, None, "ü"]})
        '{"a":[1,null,"ü"]}'
    """
    return to_json(value, inf_nan_mode="null").decode()


class _UnsayableError(Exception):
    """What is wrong with a value, and the remedy; whoever knows its path puts that in front."""


_TOO_DEEP = f"nests deeper than {MAX_DEPTH} levels, or contains itself: flatten it or store its parts separately."
_TWICE = "has two keys that both become {!r}: rename one."

# --- Plain JSON, proven without a walk ---


def _refuses(depth: int) -> bool:
    with contextlib.suppress(ValueError):
        from_json("[" * depth + "]" * depth)
        return False
    return True


# The parser counts levels itself, for its own safety (202 is too many when this is written, but that is its
# affair, so it is asked). Wrapped in this many lists, a text of MAX_DEPTH + 1 levels meets that limit. It lets
# an empty innermost container go one deeper, so other texts of exactly MAX_DEPTH are left to the walk.
_WRAPPING = bisect_left(range(10_000), True, key=_refuses) - (MAX_DEPTH + 1)


class _Nowhere:
    """Forgets what is written to it."""

    write = staticmethod(len)


class _Exact(pickle.Pickler):
    """Accepts built-in values, and refuses everything else without running any of its code."""

    def reducer_override(self, value: object) -> NoReturn:
        raise TypeError(type(value))


def _proven(value: Any) -> Any:
    """Return plain JSON as a copy of its own; fail, with whatever error, for anything else.

    What `to_json` writes is a claim, because it also writes tuples, models and keys that are numbers.
    That the text read back equals the value proves it, if the comparison can be believed: `_Exact`
    takes built-in types only, so comparing runs nobody's `__eq__`. It comes first because it refuses
    generators without consuming them. (`marshal` would do too, but takes twice as long for every level of
    nested frozensets.)
    """
    _Exact(_Nowhere(), pickle.HIGHEST_PROTOCOL).dump(value)
    text = to_json(value)
    if text.count(b"[") + text.count(b"{") <= MAX_DEPTH:  # too few brackets to nest too deep
        back = from_json(text, allow_inf_nan=False)
    else:
        back = from_json(b"[" * _WRAPPING + text + b"]" * _WRAPPING, allow_inf_nan=False)
        for _ in range(_WRAPPING):
            back = back[0]
    if value != back:
        raise ValueError("not plain JSON")
    return back


# --- Everything else, walked ---


class _Unordered(list[Any]):
    """The members of a set that do not sort themselves: they are sorted by their JSON text."""


def _walk(value: object, path: str) -> Any:
    top: list[Any] = [None]
    stack: list[tuple[Any, Iterable[tuple[Any, Any]]]] = [(top, iter([(0, value)]))]
    trail: list[int | str] = [0]
    unordered: list[list[Any]] = []
    try:
        while stack:
            made, children = stack[-1]
            for slot, child in children:
                trail[-1] = slot
                plain = _plain(child)
                if not isinstance(plain, (dict, list)):
                    made[slot] = plain
                    continue
                if len(stack) > MAX_DEPTH:
                    raise _UnsayableError(_TOO_DEEP)
                made[slot], inside = _opened(plain)
                if type(plain) is _Unordered:
                    unordered.append(made[slot])
                stack.append((made[slot], inside))
                trail.append(0)
                break
            else:
                stack.pop()
                trail.pop()
    except _UnsayableError as error:
        raise InvalidArtifact(f"{_located(path, trail[1:])} {error}") from error.__cause__
    except Exception as error:  # the value's own code: a property, an iterator, a container changed meanwhile
        problem = f"cannot be read, its own code raised {type(error).__name__}: pass its plain values instead."
        raise InvalidArtifact(f"{_located(path, trail[1:])} {problem}") from error
    for members in reversed(unordered):  # the innermost first: their order is part of the outer text
        members.sort(key=dump_json)
    return top[0]


def _opened(plain: Any) -> tuple[Any, Iterable[tuple[Any, Any]]]:
    if type(plain) is dict:
        names = _names(plain)
        return dict.fromkeys(names), zip(names, plain.values(), strict=True)
    return [None] * len(plain), enumerate(plain)


def _plain(value: Any) -> Any:
    """Return a JSON scalar, or a dict or list whose contents are still to be walked."""
    if finish := _JSON.get(type(value)):
        return finish(value)
    for _ in range(MAX_DEPTH):  # an enum may hold a dataclass, but nothing becomes simpler for ever
        kind: type = type(value)
        value = _step(kind)(value)
        if finish := _JSON.get(type(value)):
            return finish(value)
    raise _UnsayableError(_TOO_DEEP)


@lru_cache(maxsize=256)
def _step(kind: type) -> Callable[[Any], Any]:
    if issubclass(kind, Enum):  # before the table: a (str, Enum) is a str too
        return attrgetter("value")
    if step := _found(_SIMPLER, kind):
        return step
    if is_dataclass(kind):
        return lambda value: {field.name: getattr(value, field.name) for field in fields(value)}
    return _mapping if issubclass(kind, Mapping) else _unknown


def _found(table: _Table, kind: type) -> Callable[[Any], Any] | None:
    names = ((base, f"{str(base.__module__).partition('.')[0]}.{base.__name__}") for base in kind.__mro__)
    return next((step for base, name in names if (step := table.get(base) or table.get(name))), None)


def _names(labels: Collection[Any]) -> list[str]:
    names = [label if type(label) is str and label.isascii() else _key(label) for label in labels]
    if len(set(names)) < len(names):
        raise _UnsayableError(_TWICE.format(next(name for name in names if names.count(name) > 1)[:LONGEST_PATH]))
    return names


def _key(label: Any) -> str:
    name = label
    for _ in range(MAX_DEPTH):  # as with values, an enum may hold a date, but not for ever
        if type(name) in (str, int):
            return str(_JSON[type(name)](name))
        kind = type(name)
        step = attrgetter("value") if issubclass(kind, Enum) else _found(_KEYS, kind)
        if step is None:
            break
        name = step(name)
    remedy = "object keys are strings, and int, date, UUID or Enum keys become text; make it a string first."
    raise _UnsayableError(f"has a key of type {_named(label)}: {remedy}")


# --- What is already JSON, checked ---


def _text(value: str) -> str:
    try:
        value.isascii() or value.encode()
    except UnicodeEncodeError as error:
        problem = f"holds a lone surrogate (U+{ord(value[error.start]):04X}) at index {error.start}"
        raise _UnsayableError(f"{problem}: repair the text, or pass it as bytes.") from error
    return value


def _searchable(value: str) -> str:
    if (index := value.find("\0")) >= 0:
        raise _UnsayableError(f"holds U+0000 at index {index}: remove it.")
    return _text(value)


def _integer(value: int) -> int:
    if not -_TOO_LONG < value < _TOO_LONG:
        raise _UnsayableError(f"is an integer of more than {MAX_DIGITS:,} digits: pass it as hexadecimal text.")
    return value


def _is_simple(value: Any) -> bool:
    """Tell at once of the commonest scalars of metadata that nothing is to be done about them."""
    kind = type(value)
    if kind is str:
        text: str = value
        return text.isascii() and "\0" not in text
    if kind is int:
        return -(2**63) <= int(value) < 2**63
    return math.isfinite(value) if kind is float else kind is bool or value is None


def _scalar(value: Any) -> _Scalar:
    """Return a value of metadata: of what data may hold, only what is a scalar to begin with."""
    kind: type = type(value)
    if value is None or isinstance(value, (str, int, float)) or _step(kind) is _numpy_scalar:
        plain = _plain(value)
        if isinstance(plain, str):
            return _searchable(plain)
        if isinstance(plain, int) and not -(2**63) <= plain < 2**63:
            raise _UnsayableError("is an integer beyond 64 bits: pass it as text, or put it into data.")
        if plain is None or isinstance(plain, (int, float)):
            return plain
    rule = "metadata is flat, of strings, numbers, booleans and null; put the rest into data."
    raise _UnsayableError(f"is a {_named(value)}: {rule}")


_JSON: Mapping[type, Callable[[Any], Any]] = {
    str: _text,
    int: _integer,
    float: lambda value: value if math.isfinite(value) else None,
    **dict.fromkeys((bool, type(None), dict, list, _Unordered), lambda value: value),
}

# --- What is not yet JSON, one step simpler ---


def _unknown(value: object) -> Any:
    problem = f"is a {_named(value)}, which JSON cannot say"
    raise _UnsayableError(f"{problem}: turn it into text, numbers, a list or a dict first.")


def _mapping(value: Mapping[Any, Any]) -> dict[Any, Any]:
    pairs = list(value.items())
    if len(simple := dict(pairs)) < len(pairs):
        raise _UnsayableError("has the same key twice: collect the values of a key in a list.")
    return simple


def _model(value: BaseModel) -> dict[str, Any]:
    # What the model itself says when it is asked: without excluded fields, with computed ones.
    return value.model_dump(warnings=False)


def _set(value: Collection[Any]) -> list[Any]:
    with contextlib.suppress(Exception):  # members that refuse to be compared have no order of their own
        members = sorted(value)
        if all(map(lt, members, members[1:])):  # sets and NaN go through `sorted` without an order
            return members
    return _Unordered(value)


def _duration(nanoseconds: int) -> str:
    """Return ISO 8601 as pydantic writes it, or in plain seconds when it needs more than microseconds."""
    if nanoseconds % 1000 == 0:
        return str(from_json(to_json(timedelta(microseconds=nanoseconds // 1000))))
    seconds, fraction = divmod(abs(nanoseconds), 10**9)
    return f"{'-' * (nanoseconds < 0)}PT{seconds}.{fraction:09d}S"


def _timedelta(value: timedelta) -> str:
    seconds = value.days * 86_400 + value.seconds
    return _duration((seconds * 10**6 + value.microseconds) * 1000 + getattr(value, "nanoseconds", 0))  # pandas' own


# --- NumPy, pandas and polars: what their own conversions would cut off or misname ---


def _numpy_scalar(value: Any) -> Any:
    item = value.item()
    return _unknown(value) if type(item) is type(value) else item  # a long double has no Python equal


def _numpy_time(value: Any) -> Any:
    if not isinstance(item := value.item(), int):
        return item  # a date, datetime or timedelta, or None for NaT; nanoseconds would be an int
    if value.dtype.kind == "M":
        head, _, fraction = str(value).partition(".")
        fraction = fraction.rstrip("0")
        digits = -len(fraction) // 3 * -3  # in threes, and six at least, as Python and pandas write them
        return f"{head}.{fraction:0<{max(digits, 6)}}" if fraction else head
    if value.dtype.str[1:] != "m8[ns]":
        raise _UnsayableError(f"is a {value.dtype} that no timedelta holds: convert it to nanoseconds or to text.")
    return _duration(item)


def _numpy_array(value: Any) -> Any:
    if value.dtype.kind in "biufSUTO":
        return value.tolist()
    return list(value) if value.ndim else value[()]  # as scalars: nanoseconds are no ints, records no tuples


def _rows(labels: Collection[Any], columns: list[list[Any]], height: int) -> list[dict[str, Any]]:
    names = _names(labels)
    return [dict(zip(names, row, strict=True)) for row in (zip(*columns, strict=True) if names else [()] * height)]


def _pandas_frame(value: Any) -> list[dict[str, Any]]:
    return _rows(value.columns, [value.iloc[:, place].tolist() for place in range(value.shape[1])], len(value))


def _polars_frame(value: Any) -> list[dict[str, Any]]:
    return _rows(value.columns, [_polars_series(column) for column in value.get_columns()], value.height)


def _polars_series(value: Any) -> list[Any]:
    kind, fine = value.dtype.base_type().__name__, getattr(value.dtype, "time_unit", "ns") == "ns"
    if kind in ("List", "Array"):
        return list(value)  # of series
    if kind == "Struct":
        rows = _polars_frame(value.struct.unnest())
        return [None if null else row for row, null in zip(rows, value.is_null(), strict=True)]
    if kind in ("Time", "Datetime") and fine:
        return list(map(_polars_time, value.to_list(), value.dt.nanosecond()))
    if kind == "Duration" and fine:
        return [None if count is None else _duration(count) for count in value.dt.total_nanoseconds()]
    return list(value.to_list())


def _polars_time(value: Any, nanosecond: int) -> Any:
    if value is None or nanosecond % 1000 == 0:
        return value
    head, _, rest = value.isoformat(timespec="microseconds").partition(".")
    return f"{head}.{rest[:6]}{nanosecond % 1000:03d}{rest[6:]}"


def _polars_lazy(_: object) -> Any:
    raise _UnsayableError("is a polars LazyFrame, a query that has not run: call .collect() on it first.")


_SIMPLER: _Table = {
    **{str: str.__str__, int: int.__int__, float: float.__float__},
    **dict.fromkeys((dict, Mapping), _mapping),
    **dict.fromkeys((list, tuple), list),
    **dict.fromkeys((set, frozenset), _set),
    **dict.fromkeys((bytes, bytearray, memoryview), lambda value: b64encode(memoryview(value).tobytes()).decode()),
    **dict.fromkeys((date, time), methodcaller("isoformat")),
    **dict.fromkeys((UUID, "uuid_utils.UUID", PurePath, "pydantic._BaseUrl", "pydantic._BaseMultiHostUrl"), str),
    timedelta: _timedelta,
    Decimal: lambda value: str(value) if value.is_finite() else None,
    BaseModel: _model,
    RootModel: attrgetter("root"),
    "numpy.generic": _numpy_scalar,
    "numpy.void": lambda value: (
        {name: value[name] for name in value.dtype.names} if value.dtype.names else value.item()
    ),
    **dict.fromkeys(("numpy.datetime64", "numpy.timedelta64"), _numpy_time),
    "numpy.ndarray": _numpy_array,
    **dict.fromkeys(("pandas.NAType", "pandas.NaTType"), lambda _: None),
    **dict.fromkeys(("pandas.Series", "pandas.Index"), methodcaller("tolist")),
    "pandas.DataFrame": _pandas_frame,
    "polars.DataFrame": _polars_frame,
    "polars.Series": _polars_series,
    "polars.LazyFrame": _polars_lazy,
}
_KEYS: _Table = {
    **{key: _SIMPLER[key] for key in (str, int, date, UUID, "uuid_utils.UUID", "numpy.datetime64", "pandas.NaTType")},
    "numpy.integer": _numpy_scalar,
    **dict.fromkeys((bool, "numpy.timedelta64"), lambda _: None),  # no keys, though int is among their bases
}

# --- Words for messages ---


def _located(path: str, trail: list[int | str]) -> str:
    """Return the path of a part; a long one loses its middle."""
    text = path
    for slot in trail:
        text += f".{slot}" if str(slot).isidentifier() else f"[{json.dumps(slot, ensure_ascii=False)}]"
    half = LONGEST_PATH // 2
    return text if len(text) <= LONGEST_PATH else f"{text[:half]}…{text[-half:]}"


def _named(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
