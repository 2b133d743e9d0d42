"""How values of each type are encoded: a table of steps, each of which makes a value simpler until it is plain JSON.

NumPy, pandas and polars are in the table by name and are never imported, and so is what pydantic takes long to load.
`normalize` takes the steps, and adds the path of the value to an error.
"""

import contextlib
import math
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from operator import attrgetter, lt, methodcaller
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import from_json, to_json

from ..wording import with_article

if TYPE_CHECKING:
    from .protocols import (
        NumpyArray,
        NumpyRecord,
        NumpyScalar,
        PandasFrame,
        PandasSeries,
        PolarsFrame,
        PolarsSeries,
        PolarsTime,
    )

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
LONGEST_PATH = 120

_TOO_HIGH = 10**MAX_DIGITS
# One digit less: up to pydantic 2.14.0 the sign counts as a digit when JSON is read.
_TOO_LOW = -(10 ** (MAX_DIGITS - 1))

# A step takes a value of its own type, which the table knows and the type checker does not.
Step = Callable[[Any], object]


class NotSerializableError(Exception):
    """What is wrong with a value, and the remedy. The caller, who knows the path, puts it in front."""


TOO_DEEP = f"nests deeper than {MAX_DEPTH} levels, or contains itself: flatten it or store its parts separately."
TWICE = "has two keys that both become {!r}: rename one."


class Unordered(list[object]):
    """The members of a set that cannot be sorted: they are sorted by their JSON text."""


# --- The next step of a type ---


@lru_cache(maxsize=256)
def step_of(kind: type) -> Step:
    """Return the step that makes values of a type simpler, or one that raises when there is none."""
    if issubclass(kind, Enum):  # before the table: a (str, Enum) is a str too
        return attrgetter("value")
    step = find_step(STEPS, kind)
    if step is not None:
        return step
    if is_dataclass(kind):
        return encode_dataclass
    return encode_mapping if issubclass(kind, Mapping) else refuse


def find_step(steps: Mapping[type | str, Step], kind: type) -> Step | None:
    """Return the step of the first base class that is in a table, as itself or as `library.Class`."""
    for base in kind.__mro__:
        library = str(base.__module__).partition(".")[0]
        step = steps.get(base) or steps.get(f"{library}.{base.__name__}")
        if step is not None:
            return step
    return None


# --- The keys of an object ---


def names_of(labels: Collection[object]) -> list[str]:
    """Return the keys of an object as text.

    Raises:
        NotSerializableError: a key cannot become text, or two keys become the same text.
    """
    names = [
        label if type(label) is str and label.isascii() else encode_key(label) for label in labels
    ]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise NotSerializableError(TWICE.format(twice[:LONGEST_PATH]))
    return names


def encode_key(label: object) -> str:
    """Return one key of an object as text."""
    name = label
    for _ in range(MAX_DEPTH):  # an enum may hold a date, but there is an end to it
        if isinstance(name, str | int) and type(name) in (str, int):
            return str(JSON[type(name)](name))
        kind = type(name)
        step = attrgetter("value") if issubclass(kind, Enum) else find_step(KEY_STEPS, kind)
        if step is None:
            break
        name = step(name)
    remedy = "object keys are strings, and int, date, UUID or Enum keys become text; make it a string first."
    raise NotSerializableError(f"has a key of type {type_name(label)}: {remedy}")


# --- JSON values: a check of each ---


def check_text(value: str) -> str:
    """Return a text that UTF-8 can encode."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError as error:
        problem = f"holds a lone surrogate (U+{ord(value[error.start]):04X}) at index {error.start}"
        raise NotSerializableError(f"{problem}: repair the text, or pass it as bytes.") from error
    return value


def searchable(value: str) -> str:
    """Return a text that every engine can search: one without U+0000 and lone surrogates."""
    index = value.find("\0")
    if index >= 0:
        raise NotSerializableError(f"holds U+0000 at index {index}: remove it.")
    return check_text(value)


def check_integer(value: int) -> int:
    """Return an integer that is short enough to be read back."""
    if not _TOO_LOW < value < _TOO_HIGH:
        problem = f"is an integer of more than {MAX_DIGITS:,} digits, its sign included"
        raise NotSerializableError(f"{problem}: pass it as hexadecimal text.")
    return value


def finite(value: float) -> float | None:
    """Return a float that JSON has, and None for NaN and the infinities."""
    return value if math.isfinite(value) else None


def unchanged(value: object) -> object:
    """Return the value itself."""
    return value


JSON: Mapping[type, Step] = {
    str: check_text,
    int: check_integer,
    float: finite,
    **dict.fromkeys((bool, type(None), dict, list, Unordered), unchanged),
}
"""The types that JSON has; their containers are walked by the caller."""


# --- Python values: one step simpler ---


def refuse(value: object) -> NoReturn:
    """Raise the error for a value that no step is known for."""
    problem = f"is {with_article(type_name(value))}, which JSON cannot represent"
    raise NotSerializableError(f"{problem}: turn it into text, numbers, a list or a dict first.")


def encode_mapping(value: Mapping[object, object]) -> dict[object, object]:
    """Return a mapping as a dict."""
    pairs = list(value.items())
    simple = dict(pairs)
    if len(simple) < len(pairs):
        raise NotSerializableError("has the same key twice: collect the values of a key in a list.")
    return simple


def encode_dataclass(value: object) -> dict[str, object]:
    """Return the fields of a dataclass by their names."""
    assert is_dataclass(value)
    return {field.name: getattr(value, field.name) for field in fields(value)}


def encode_model(value: BaseModel) -> dict[str, object]:
    """Return the fields that a pydantic model dumps: computed ones too, and without those that it excludes."""
    return value.model_dump(warnings=False)


def encode_set(value: Collection[Any]) -> list[object]:
    """Return the members of a set in order, if they have one."""
    # Comparing members runs their code, which may raise anything.
    with contextlib.suppress(Exception):
        members = sorted(value)
        # Sets and NaN can be compared but have no order, which `sorted` does not notice.
        if all(map(lt, members, members[1:])):
            return members
    return Unordered(value)


def encode_bytes(value: bytes | bytearray | memoryview) -> str:
    """Return bytes as standard base64."""
    return b64encode(memoryview(value).tobytes()).decode()


def encode_decimal(value: Decimal) -> str | None:
    """Return the text of a decimal, and None for NaN and the infinities."""
    return str(value) if value.is_finite() else None


def iso_duration(nanoseconds: int) -> str:
    """Return ISO 8601 as pydantic writes it, or in plain seconds when it needs more than microseconds."""
    if nanoseconds % 1000 == 0:
        duration = timedelta(microseconds=nanoseconds // 1000)
        return str(from_json(to_json(duration)))
    sign = "-" if nanoseconds < 0 else ""
    seconds, fraction = divmod(abs(nanoseconds), 10**9)
    return f"{sign}PT{seconds}.{fraction:09d}S"


def encode_timedelta(value: timedelta) -> str:
    """Return a duration in ISO 8601; one of pandas has nanoseconds too."""
    seconds = value.days * 86_400 + value.seconds
    microseconds = seconds * 10**6 + value.microseconds
    return iso_duration(microseconds * 1000 + getattr(value, "nanoseconds", 0))


# --- NumPy: where its own conversions would cut values off or misname them ---


def numpy_scalar(value: "NumpyScalar") -> object:
    """Return the Python scalar that equals a NumPy scalar."""
    item = value.item()
    if type(item) is type(value):  # a long double equals no Python number
        refuse(value)
    return item


def numpy_record(value: "NumpyRecord") -> object:
    """Return the fields of a record by their names, or the bytes of raw data."""
    names = value.dtype.names
    if not names:
        return value.item()
    return {name: value[name] for name in names}


def numpy_time(value: "NumpyScalar") -> object:
    """Return a `datetime64` or `timedelta64` without losing its nanoseconds."""
    item = value.item()
    if not isinstance(item, int):
        return item  # a date, datetime or timedelta, or None for NaT; nanoseconds would be an int
    if value.dtype.kind == "M":
        return numpy_time_text(str(value))
    if value.dtype.name != "timedelta64[ns]":
        problem = f"is a {value.dtype} that no timedelta holds"
        raise NotSerializableError(f"{problem}: convert it to nanoseconds or to text.")
    return iso_duration(item)


def numpy_time_text(text: str) -> str:
    """Return a time with digits in threes, and six at least, as Python and pandas write them."""
    head, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    if not fraction:
        return head
    digits = max(6, math.ceil(len(fraction) / 3) * 3)
    return f"{head}.{fraction:0<{digits}}"


def numpy_array(value: "NumpyArray") -> object:
    """Return an array as lists, or as scalars where `tolist` would lose what they are."""
    if value.dtype.kind in "biufSUTO":
        return value.tolist()
    # Nanoseconds would become ints, and records tuples.
    return list(value) if value.ndim else value[()]


# --- pandas and polars ---


def frame_rows(
    labels: Collection[object], columns: list[list[object]], height: int
) -> list[dict[str, object]]:
    """Return the rows of a frame from the cells of its columns."""
    names = names_of(labels)
    if not names:
        return [{} for _ in range(height)]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def pandas_frame(value: "PandasFrame") -> list[dict[str, object]]:
    """Return the rows of a pandas frame; two of its columns may have one name."""
    height, width = value.shape
    columns = [pandas_cells(value.iloc[:, index]) for index in range(width)]
    return frame_rows(value.columns, columns, height)


def pandas_cells(series: "PandasSeries") -> list[object]:
    """Return the values of a series, with None for NaN, which is the missing value of pandas."""
    cells = series.tolist()
    if series.dtype.kind not in "fO":
        return cells
    return [None if isinstance(cell, float) and math.isnan(cell) else cell for cell in cells]


def polars_frame(value: "PolarsFrame") -> list[dict[str, object]]:
    """Return the rows of a polars frame."""
    columns = [polars_cells(column) for column in value.get_columns()]
    return frame_rows(value.columns, columns, value.height)


def polars_cells(series: "PolarsSeries") -> list[object]:
    """Return the values of a series without losing the nanoseconds of times and durations."""
    kind = series.dtype.base_type().__name__
    has_nanoseconds = getattr(series.dtype, "time_unit", "ns") == "ns"
    if kind in ("List", "Array"):
        return list(series)  # of series
    if kind == "Struct":
        rows = polars_frame(series.struct.unnest())
        nulls = series.is_null()
        return [None if is_null else row for row, is_null in zip(rows, nulls, strict=True)]
    if kind in ("Time", "Datetime") and has_nanoseconds:
        return list(map(polars_time, series.to_list(), series.dt.nanosecond()))
    if kind == "Duration" and has_nanoseconds:
        return polars_durations(series.dt.total_nanoseconds())
    return list(series.to_list())


def polars_time(value: "PolarsTime | None", nanosecond: int) -> object:
    """Return a time as it is, or its text when it has nanoseconds, which Python's times do not have."""
    if value is None or nanosecond % 1000 == 0:
        return value
    head, _, rest = value.isoformat(timespec="microseconds").partition(".")
    microseconds, zone = rest[:6], rest[6:]
    return f"{head}.{microseconds}{nanosecond % 1000:03d}{zone}"


def polars_durations(counts: Iterable[int | None]) -> list[object]:
    """Return durations from their nanoseconds."""
    return [None if count is None else iso_duration(count) for count in counts]


def polars_lazy(_: object) -> NoReturn:
    """Raise the error for a lazy frame."""
    problem = "is a polars LazyFrame, a query that has not run"
    raise NotSerializableError(f"{problem}: call .collect() on it first.")


# --- The tables ---


def null(_: object) -> None:
    """Return None, for the missing values of pandas."""


STEPS: Mapping[type | str, Step] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    **dict.fromkeys((dict, Mapping), encode_mapping),
    **dict.fromkeys((list, tuple), list),
    **dict.fromkeys((set, frozenset), encode_set),
    **dict.fromkeys((bytes, bytearray, memoryview), encode_bytes),
    **dict.fromkeys((date, time), methodcaller("isoformat")),
    **dict.fromkeys((UUID, "uuid_utils.UUID", PurePath), str),
    **dict.fromkeys(("pydantic._BaseUrl", "pydantic._BaseMultiHostUrl"), str),
    timedelta: encode_timedelta,
    Decimal: encode_decimal,
    BaseModel: encode_model,
    "pydantic.RootModel": attrgetter("root"),
    "numpy.generic": numpy_scalar,
    "numpy.void": numpy_record,
    **dict.fromkeys(("numpy.datetime64", "numpy.timedelta64"), numpy_time),
    "numpy.ndarray": numpy_array,
    **dict.fromkeys(("pandas.NAType", "pandas.NaTType"), null),
    **dict.fromkeys(("pandas.Period", "pandas.Interval"), str),
    "pandas.Series": pandas_cells,
    "pandas.Index": methodcaller("tolist"),
    "pandas.DataFrame": pandas_frame,
    "polars.DataFrame": polars_frame,
    "polars.Series": polars_cells,
    "polars.LazyFrame": polars_lazy,
}
"""The step of each type, by the type or by `library.Class`."""

_KEY_TYPES = (str, int, date, UUID, "uuid_utils.UUID", "numpy.datetime64", "pandas.NaTType")

KEY_STEPS: Mapping[type | str, Step] = {
    **{kind: STEPS[kind] for kind in _KEY_TYPES},
    "numpy.integer": numpy_scalar,
    **dict.fromkeys(("pandas.Period", "pandas.Interval"), str),
    # These are integers by their bases, and still no keys.
    **dict.fromkeys((bool, "numpy.timedelta64"), null),
}
"""The step of each type that a key may have."""


# --- Messages ---


def type_name(value: object) -> str:
    """Return what messages call the type of a value."""
    kind = type(value)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
