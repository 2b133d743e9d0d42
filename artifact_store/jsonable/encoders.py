"""How each type becomes simpler, a step at a time, until only JSON is left.

NumPy, pandas and polars are in the table by name and never imported, and so is what takes pydantic long to
load. `normalize` takes the steps, and knows the path of the value.
"""

import contextlib
import math
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from operator import attrgetter, lt, methodcaller
from pathlib import PurePath
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import from_json, to_json

from ..wording import with_article

__all__ = [
    "JSON",
    "LONGEST_PATH",
    "MAX_DEPTH",
    "MAX_DIGITS",
    "MAX_INT64",
    "TOO_DEEP",
    "TWICE",
    "NotSerializableError",
    "Unordered",
    "names_of",
    "numpy_scalar",
    "pandas_cells",
    "searchable",
    "step_of",
    "type_name",
]  # fmt: skip

MAX_DEPTH = 150
MAX_DIGITS = 4300
MAX_INT64 = 2**63 - 1
_TOO_LONG = 10**MAX_DIGITS
_TOO_LOW = -(
    10 ** (MAX_DIGITS - 1)
)  # up to pydantic 2.14.0 the sign counts as a digit when JSON is read
LONGEST_PATH = 120

_Table = Mapping[type | str, Callable[[Any], Any]]


class NotSerializableError(Exception):
    """What is wrong with a value, and the remedy; whoever knows its path puts that in front."""


TOO_DEEP = f"nests deeper than {MAX_DEPTH} levels, or contains itself: flatten it or store its parts separately."
TWICE = "has two keys that both become {!r}: rename one."


class Unordered(list[Any]):
    """The members of a set that do not sort themselves: they are sorted by their JSON text."""


# --- The next step of a type, and the names of an object ---


@lru_cache(maxsize=256)
def step_of(kind: type) -> Callable[[Any], Any]:
    """Return the step that makes values of a type simpler, or one that says that there is none."""
    if issubclass(kind, Enum):  # before the table: a (str, Enum) is a str too
        return attrgetter("value")
    if step := _found(_SIMPLER, kind):
        return step
    if is_dataclass(kind):
        return lambda value: {field.name: getattr(value, field.name) for field in fields(value)}
    return _mapping if issubclass(kind, Mapping) else _unknown


def _found(table: _Table, kind: type) -> Callable[[Any], Any] | None:
    names = (
        (base, f"{str(base.__module__).partition('.')[0]}.{base.__name__}") for base in kind.__mro__
    )
    return next(
        (step for base, name in names if (step := table.get(base) or table.get(name))), None
    )


def names_of(labels: Collection[Any]) -> list[str]:
    """Return the keys of an object as text; no two may become one."""
    names = [label if type(label) is str and label.isascii() else _key(label) for label in labels]
    if len(set(names)) < len(names):
        raise NotSerializableError(
            TWICE.format(next(name for name in names if names.count(name) > 1)[:LONGEST_PATH])
        )
    return names


def _key(label: Any) -> str:
    name = label
    for _ in range(MAX_DEPTH):  # as with values, an enum may hold a date, but not for ever
        if type(name) in (str, int):
            return str(JSON[type(name)](name))
        kind = type(name)
        step = attrgetter("value") if issubclass(kind, Enum) else _found(_KEYS, kind)
        if step is None:
            break
        name = step(name)
    remedy = "object keys are strings, and int, date, UUID or Enum keys become text; make it a string first."
    raise NotSerializableError(f"has a key of type {type_name(label)}: {remedy}")


# --- What is already JSON, checked ---


def _text(value: str) -> str:
    try:
        value.isascii() or value.encode()
    except UnicodeEncodeError as error:
        problem = f"holds a lone surrogate (U+{ord(value[error.start]):04X}) at index {error.start}"
        raise NotSerializableError(f"{problem}: repair the text, or pass it as bytes.") from error
    return value


def searchable(value: str) -> str:
    """Return a text that every engine can search: one without U+0000 and lone surrogates."""
    if (index := value.find("\0")) >= 0:
        raise NotSerializableError(f"holds U+0000 at index {index}: remove it.")
    return _text(value)


def _integer(value: int) -> int:
    if not _TOO_LOW < value < _TOO_LONG:
        raise NotSerializableError(
            f"is an integer of more than {MAX_DIGITS:,} digits, its sign included: pass it as hexadecimal text."
        )
    return value


JSON: Mapping[type, Callable[[Any], Any]] = {
    str: _text,
    int: _integer,
    float: lambda value: value if math.isfinite(value) else None,
    **dict.fromkeys((bool, type(None), dict, list, Unordered), lambda value: value),
}

# --- What is not yet JSON, one step simpler ---


def _unknown(value: object) -> Any:
    problem = f"is {with_article(type_name(value))}, which JSON cannot represent"
    raise NotSerializableError(f"{problem}: turn it into text, numbers, a list or a dict first.")


def _mapping(value: Mapping[Any, Any]) -> dict[Any, Any]:
    pairs = list(value.items())
    if len(simple := dict(pairs)) < len(pairs):
        raise NotSerializableError("has the same key twice: collect the values of a key in a list.")
    return simple


def _model(value: BaseModel) -> dict[str, Any]:
    # What the model itself says when it is asked: without excluded fields, with computed ones.
    return value.model_dump(warnings=False)


def _set(value: Collection[Any]) -> list[Any]:
    with contextlib.suppress(
        Exception
    ):  # members that refuse to be compared have no order of their own
        members = sorted(value)
        if all(map(lt, members, members[1:])):  # sets and NaN go through `sorted` without an order
            return members
    return Unordered(value)


def _duration(nanoseconds: int) -> str:
    """Return ISO 8601 as pydantic writes it, or in plain seconds when it needs more than microseconds."""
    if nanoseconds % 1000 == 0:
        return str(from_json(to_json(timedelta(microseconds=nanoseconds // 1000))))
    seconds, fraction = divmod(abs(nanoseconds), 10**9)
    return f"{'-' * (nanoseconds < 0)}PT{seconds}.{fraction:09d}S"


def _timedelta(value: timedelta) -> str:
    seconds = value.days * 86_400 + value.seconds
    return _duration(
        (seconds * 10**6 + value.microseconds) * 1000 + getattr(value, "nanoseconds", 0)
    )  # pandas' own


# --- NumPy, pandas and polars: what their own conversions would cut off or misname ---


def numpy_scalar(value: Any) -> Any:
    """Return the Python scalar that equals one of NumPy's."""
    item = value.item()
    return (
        _unknown(value) if type(item) is type(value) else item
    )  # a long double has no Python equal


def _numpy_time(value: Any) -> Any:
    if not isinstance(item := value.item(), int):
        return item  # a date, datetime or timedelta, or None for NaT; nanoseconds would be an int
    if value.dtype.kind == "M":
        head, _, fraction = str(value).partition(".")
        fraction = fraction.rstrip("0")
        digits = (
            -len(fraction) // 3 * -3
        )  # in threes, and six at least, as Python and pandas write them
        return f"{head}.{fraction:0<{max(digits, 6)}}" if fraction else head
    if value.dtype.str[1:] != "m8[ns]":
        raise NotSerializableError(
            f"is a {value.dtype} that no timedelta holds: convert it to nanoseconds or to text."
        )
    return _duration(item)


def _numpy_array(value: Any) -> Any:
    if value.dtype.kind in "biufSUTO":
        return value.tolist()
    return (
        list(value) if value.ndim else value[()]
    )  # as scalars: nanoseconds are no ints, records no tuples


def _rows(labels: Collection[Any], columns: list[list[Any]], height: int) -> list[dict[str, Any]]:
    names = names_of(labels)
    return [
        dict(zip(names, row, strict=True))
        for row in (zip(*columns, strict=True) if names else [()] * height)
    ]


def _pandas_frame(value: Any) -> list[dict[str, Any]]:
    return _rows(
        value.columns,
        [pandas_cells(value.iloc[:, place]) for place in range(value.shape[1])],
        len(value),
    )


def pandas_cells(series: Any) -> list[Any]:
    """Return the values of a series; NaN is what pandas calls a missing value, so it is null before it is looked at."""
    cells: list[Any] = series.tolist()
    if series.dtype.kind not in "fO":
        return cells
    return [None if isinstance(cell, float) and math.isnan(cell) else cell for cell in cells]


def _polars_frame(value: Any) -> list[dict[str, Any]]:
    return _rows(
        value.columns, [_polars_series(column) for column in value.get_columns()], value.height
    )


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
        return [
            None if count is None else _duration(count) for count in value.dt.total_nanoseconds()
        ]
    return list(value.to_list())


def _polars_time(value: Any, nanosecond: int) -> Any:
    if value is None or nanosecond % 1000 == 0:
        return value
    head, _, rest = value.isoformat(timespec="microseconds").partition(".")
    return f"{head}.{rest[:6]}{nanosecond % 1000:03d}{rest[6:]}"


def _polars_lazy(_: object) -> Any:
    raise NotSerializableError(
        "is a polars LazyFrame, a query that has not run: call .collect() on it first."
    )


_SIMPLER: _Table = {
    **{str: str.__str__, int: int.__int__, float: float.__float__},
    **dict.fromkeys((dict, Mapping), _mapping),
    **dict.fromkeys((list, tuple), list),
    **dict.fromkeys((set, frozenset), _set),
    **dict.fromkeys(
        (bytes, bytearray, memoryview),
        lambda value: b64encode(memoryview(value).tobytes()).decode(),
    ),
    **dict.fromkeys((date, time), methodcaller("isoformat")),
    **dict.fromkeys(
        (UUID, "uuid_utils.UUID", PurePath, "pydantic._BaseUrl", "pydantic._BaseMultiHostUrl"), str
    ),
    timedelta: _timedelta,
    Decimal: lambda value: str(value) if value.is_finite() else None,
    BaseModel: _model,
    "pydantic.RootModel": attrgetter("root"),
    "numpy.generic": numpy_scalar,
    "numpy.void": lambda value: (
        {name: value[name] for name in value.dtype.names} if value.dtype.names else value.item()
    ),
    **dict.fromkeys(("numpy.datetime64", "numpy.timedelta64"), _numpy_time),
    "numpy.ndarray": _numpy_array,
    **dict.fromkeys(("pandas.NAType", "pandas.NaTType"), lambda _: None),
    **dict.fromkeys(("pandas.Period", "pandas.Interval"), str),
    "pandas.Series": pandas_cells,
    "pandas.Index": methodcaller("tolist"),
    "pandas.DataFrame": _pandas_frame,
    "polars.DataFrame": _polars_frame,
    "polars.Series": _polars_series,
    "polars.LazyFrame": _polars_lazy,
}
_KEYS: _Table = {
    **{
        key: _SIMPLER[key]
        for key in (str, int, date, UUID, "uuid_utils.UUID", "numpy.datetime64", "pandas.NaTType")
    },
    "numpy.integer": numpy_scalar,
    **dict.fromkeys(("pandas.Period", "pandas.Interval"), str),
    **dict.fromkeys(
        (bool, "numpy.timedelta64"), lambda _: None
    ),  # no keys, though int is among their bases
}

# --- A word for messages ---


def type_name(value: object) -> str:
    """Return what messages call the type of a value."""
    kind = type(value)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
