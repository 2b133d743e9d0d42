"""The profile of a table: a summary of its columns, small enough to be stored with it and read at a glance.

A profile is computed from plain JSON rows in one pass over each column, mostly by loops in C, and is plain JSON itself.
`changes` describes in sentences what changed from one profile to the next.
"""

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict, TypeGuard, TypeVar

from ..jsonable.normalize import dump_json
from .rows import column_names, rows_of

__all__ = [
    "ColumnProfile",
    "ColumnType",
    "TableProfile",
    "are_times",
    "changes",
    "known_profile",
    "profile_table",
    "type_of",
    "type_of_kinds",
    "utc_time",
]

H = TypeVar("H", bound=Hashable)

Limit = int | float | str | None
ColumnType = Literal["integer", "number", "text", "boolean", "time", "mixed", "empty", "json"]

_MOST_COLUMNS = 200
_MOST_DISTINCT = 1000
_LONGEST_TEXT = 80
_LONGEST_NAME = 255
_MOST_CHANGES = 12
_MAX_EXACT = 1e15  # the greatest float that is shown as an integer
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)


class ColumnProfile(TypedDict):
    """The summary of one column of a table.

    Attributes:
        name: its name, cut to 255 characters.
        type: `integer`, `number` (integers and fractions), `text`, `time` (text in ISO 8601, such as
            `2026-11-24` or `2026-11-24T08:30:00Z`), `boolean`, `json` (lists and objects), `mixed`, or `empty`
            when it holds nothing but nulls.
        nulls: the number of rows that have null there, or no such column.
        distinct: the number of different values, without nulls; null when there are more than 1,000.
        min: the least number, time or text, a text cut to 80 characters; null where there is none.
        max: the greatest.
    """

    name: str
    type: ColumnType
    nulls: int
    distinct: int | None
    min: Limit
    max: Limit


class TableProfile(TypedDict):
    """The summary of a table.

    Attributes:
        rows: the number of rows.
        columns: the columns in the order in which they first occur, 200 at most.
        columns_left_out: the number of further columns, if there are any.
    """

    rows: int
    columns: list[ColumnProfile]
    columns_left_out: NotRequired[int]


def profile_table(data: object, columns: Sequence[str] = ()) -> TableProfile:
    """Return the profile of a table.

    Args:
        data: rows of plain JSON, or another form in which tables are stored.
        columns: names of columns that come first, and that are described even when no row has them.

    Raises:
        InvalidArtifact: the data is not a table.

    Examples:
        >>> profile = profile_table([{"city": "Oslo", "wind": 3}, {"city": "Rome", "wind": None}])
        >>> profile["rows"], [column["name"] for column in profile["columns"]]
        (2, ['city', 'wind'])
        >>> profile["columns"][1]
        {'name': 'wind', 'type': 'integer', 'nulls': 1, 'distinct': 1, 'min': 3, 'max': 3}
    """
    rows = rows_of(data)
    names = column_names(rows, columns)
    described = [
        profile_column(name, [row.get(name) for row in rows]) for name in names[:_MOST_COLUMNS]
    ]
    profile: TableProfile = {"rows": len(rows), "columns": described}
    if len(names) > _MOST_COLUMNS:
        profile["columns_left_out"] = len(names) - _MOST_COLUMNS
    return profile


# --- Stored profiles ---


def known_profile(value: object) -> TableProfile | None:
    """Return a stored profile when it has the form that `profile_table` gives it, and None otherwise.

    Examples:
        >>> known_profile(profile_table([])), known_profile({"rows": "many"})
        ({'rows': 0, 'columns': []}, None)
    """
    return value if is_profile(value) else None


def is_profile(value: object) -> TypeGuard[TableProfile]:
    """Tell whether a value has the form of a profile."""
    if not isinstance(value, Mapping):
        return False
    columns = value.get("columns")
    if not isinstance(columns, list) or not all(map(is_column, columns)):
        return False
    return is_count(value.get("rows")) and is_count(value.get("columns_left_out", 0))


def is_column(value: object) -> bool:
    """Tell whether a value has the form of a column of a profile."""
    if not isinstance(value, Mapping) or not ColumnProfile.__annotations__.keys() <= value.keys():
        return False
    if not isinstance(value["name"], str) or not isinstance(value["type"], str):
        return False
    if not all(isinstance(value[name], Limit) for name in ("min", "max")):
        return False
    distinct = value["distinct"]
    return is_count(value["nulls"]) and (distinct is None or is_count(distinct))


def is_count(value: object) -> bool:
    """Tell whether a value is the number of something."""
    return type(value) is int and value >= 0


# --- One column ---


def profile_column(name: str, values: list[Any]) -> ColumnProfile:
    """Return the profile of one column."""
    present = [value for value in values if value is not None]
    if set(map(type, present)) == {str}:
        distinct = distinct_values(present)
        # It is enough to look at each text once.
        texts = present if distinct is None else [*distinct]
        kind = type_of(texts)
        least, greatest = limits_of(kind, texts)
        count = None if distinct is None else len(distinct)
    else:
        kind = type_of(present)
        least, greatest = limits_of(kind, present)
        count = count_distinct(kind, present)
    return {
        "name": name[:_LONGEST_NAME],
        "type": kind,
        "nulls": len(values) - len(present),
        "distinct": count,
        "min": least,
        "max": greatest,
    }


def type_of(present: Sequence[object]) -> ColumnType:
    """Return the type of a column from its values without nulls."""
    kind = type_of_kinds(set(map(type, present)))
    return "time" if kind == "text" and are_times(present) else kind


def type_of_kinds(kinds: set[type]) -> ColumnType:
    """Return the type of a column from the Python types of its values; times are text."""
    if not kinds:
        return "empty"
    if kinds == {str}:
        return "text"
    if kinds == {bool}:
        return "boolean"
    if kinds <= {int, float}:
        return "number" if float in kinds else "integer"
    return "json" if kinds <= {dict, list} else "mixed"


def are_times(texts: Iterable[Any]) -> bool:
    """Tell whether all texts are dates or times in ISO 8601."""
    if not all(map(_TIME.fullmatch, texts)):
        return False
    try:
        # The 30th of February has the right form.
        all(map(datetime.fromisoformat, texts))
    except ValueError:
        return False
    return True


def count_distinct(kind: ColumnType, present: list[Any]) -> int | None:
    """Return how many different values there are, and None when there are too many."""
    if kind in ("json", "mixed"):
        # Objects cannot be in a set, and among mixed values 1, 1.0 and true are equal.
        present = list(map(dump_json, present))
    distinct = distinct_values(present)
    return None if distinct is None else len(distinct)


def distinct_values(values: list[H]) -> list[H] | None:
    """Return each value once, and None when there are too many."""
    seen: dict[H, None] = {}
    for start in range(0, len(values), _MOST_DISTINCT):
        seen.update(dict.fromkeys(values[start : start + _MOST_DISTINCT]))
        if len(seen) > _MOST_DISTINCT:
            return None
    return list(seen)


def limits_of(kind: ColumnType, present: Sequence[Any]) -> tuple[Limit, Limit]:
    """Return the least and the greatest value of a column whose type has an order."""
    if kind in ("integer", "number"):
        return small_number(min(present)), small_number(max(present))
    if kind == "text":
        return min(present)[:_LONGEST_TEXT], max(present)[:_LONGEST_TEXT]
    if kind == "time":
        times = list(map(utc_time, present))
        least = times.index(min(times))
        greatest = times.index(max(times))
        return present[least], present[greatest]
    return None, None


def utc_time(text: str) -> datetime:
    """Return the time of a text in ISO 8601; without a zone it is in UTC."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def small_number(number: int | float) -> int | float | None:
    """Return a number with few digits: beyond 64 bits the nearest float, if there is one."""
    if isinstance(number, float) or -(2**63) <= number < 2**63:
        return number
    try:
        return float(number)
    except OverflowError:
        return None


# --- What changed ---


class Pair(NamedTuple):
    """A column in the profiles of two versions, and the number of rows in each."""

    old: ColumnProfile
    new: ColumnProfile
    old_rows: int
    new_rows: int


def changes(previous: object, current: object) -> list[str]:
    """Describe what changed from the profile of one version of a table to that of the next.

    Args:
        previous: the profile of the version before.
        current: the profile of the version after.

    Returns:
        Sentences for people, 12 at most, with the names of columns between backticks: the number of rows, columns
        that are new, gone or of another type, nulls that came, went, or moved by a tenth of the rows, and numbers far
        outside of their previous range. Nothing when a profile is missing or has another form.

    Examples:
        >>> monday = profile_table([{"wind": 3, "rain": 0.5}])
        >>> tuesday = profile_table([{"wind": "calm", "gust": 9}, {"wind": "fresh", "gust": None}])
        >>> changes(monday, tuesday)
        ['rows +1', 'column `rain` is gone', 'column `gust` is new', 'column `wind` became text']
    """
    before = known_profile(previous)
    after = known_profile(current)
    if before is None or after is None:
        return []

    sentences: list[str] = []
    if after["rows"] != before["rows"]:
        sentences.append(f"rows {after['rows'] - before['rows']:+,}")
    old_columns = {column["name"]: column for column in before["columns"]}
    new_columns = {column["name"]: column for column in after["columns"]}
    left_out = (before.get("columns_left_out", 0), after.get("columns_left_out", 0))
    sentences += columns_changed(old_columns, new_columns, left_out)

    pairs = [
        Pair(old_columns[name], column, before["rows"], after["rows"])
        for name, column in new_columns.items()
        if name in old_columns
    ]
    sentences += values_changed(pairs)

    more = len(sentences) - _MOST_CHANGES
    if more > 0:
        sentences = [*sentences[: _MOST_CHANGES - 1], f"and {more + 1} more changes"]
    return sentences


def columns_changed(
    old: Mapping[str, ColumnProfile], new: Mapping[str, ColumnProfile], left_out: tuple[int, int]
) -> Iterator[str]:
    """Describe which columns went and came.

    Args:
        old: the columns of the profile before.
        new: the columns of the profile after.
        left_out: how many columns each of the profiles leaves out. A column that is missing may be among them.
    """
    if any(left_out):
        more = (len(new) + left_out[1]) - (len(old) + left_out[0])
        if more:
            yield f"columns {more:+,}"
        return
    for name, column in old.items():
        if name not in new:
            yield f"{label_of(column)} is gone"
    for name, column in new.items():
        if name not in old:
            yield f"{label_of(column)} is new"
    if [name for name in new if name in old] != [name for name in old if name in new]:
        yield "columns in another order"


def values_changed(pairs: Sequence[Pair]) -> Iterator[str]:
    """Describe how the values of columns changed: first all types, then all nulls, then all ranges."""
    same_type: list[Pair] = []
    for pair in pairs:
        if pair.new["type"] == pair.old["type"]:
            same_type.append(pair)
        elif pair.old_rows and pair.new_rows:  # without rows a column has no type
            yield f"{label_of(pair.new)} became {pair.new['type']}"
    for pair in same_type:
        yield from nulls_changed(pair)
    for pair in same_type:
        yield from range_changed(pair)


def nulls_changed(pair: Pair) -> Iterator[str]:
    """Describe nulls that came, went, or moved by a tenth of the rows."""
    if not (pair.old_rows and pair.new_rows):
        return
    old = pair.old["nulls"]
    new = pair.new["nulls"]
    moved = abs(new / pair.new_rows - old / pair.old_rows)
    if moved >= 0.1 or bool(old) != bool(new):
        yield f"{label_of(pair.new)} nulls {old:,} → {new:,}"


def range_changed(pair: Pair) -> Iterator[str]:
    """Describe numbers outside of the old range by more than its width, or by more than the number if it has none."""
    if pair.new["type"] not in ("integer", "number"):
        return
    least = as_float(pair.old["min"])
    greatest = as_float(pair.old["max"])
    if least is None or greatest is None:
        return
    width = greatest - least or abs(greatest) or 1.0
    new_least = as_float(pair.new["min"])
    if new_least is not None and least - new_least > width:
        yield f"{label_of(pair.new)} min {figure(least)} → {figure(new_least)}"
    new_greatest = as_float(pair.new["max"])
    if new_greatest is not None and new_greatest - greatest > width:
        yield f"{label_of(pair.new)} max {figure(greatest)} → {figure(new_greatest)}"


def as_float(limit: Limit) -> float | None:
    """Return a limit as a float, 0 when it is beyond all floats, and None when it is not a number."""
    if not isinstance(limit, int | float):
        return None
    return float(small_number(limit) or 0)


def label_of(column: ColumnProfile) -> str:
    """Return what sentences call a column."""
    name = column["name"]
    if len(name) > _LONGEST_TEXT:
        name = name[: _LONGEST_TEXT - 1] + "…"
    return f"column `{name}`"


def figure(number: float) -> str:
    """Return a number as sentences show it."""
    if number.is_integer() and abs(number) < _MAX_EXACT:
        return f"{number:,.0f}"
    return f"{number:.6g}"
