"""The profile of a table: what its columns hold, small enough to be kept beside it and read at a glance.

A profile is computed from plain JSON rows in one pass of each column, mostly by loops in C, and is
itself plain JSON. What changed from one to the next is told in sentences for people.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NotRequired, TypedDict

from ..jsonable.normalize import dump_json
from .rows import column_names, rows_of

__all__ = [
    "ColumnProfile",
    "ColumnType",
    "TableProfile",
    "changes",
    "known_profile",
    "profile_table",
    "type_of",
    "utc_time",
]

ColumnType = Literal["integer", "number", "text", "boolean", "time", "mixed", "empty", "json"]

_MOST_COLUMNS = 200
_MOST_DISTINCT = 1000
_LONGEST_TEXT = 80
_LONGEST_NAME = 255
_MOST_CHANGES = 12
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)


class ColumnProfile(TypedDict):
    """What one column of a table holds.

    Attributes:
        name: its name, cut to 255 characters.
        type: `integer`, `number` (integers and fractions), `text`, `time` (text in ISO 8601, such as
            `2026-11-24` or `2026-11-24T08:30:00Z`), `boolean`, `json` (lists and objects), `mixed`, or `empty`
            when it holds nothing but nulls.
        nulls: how many rows have null there, or nothing.
        distinct: how many values it has, nulls not counted; null when they are more than 1,000.
        min: the least number, time or text, the last cut to 80 characters; null where there is none.
        max: the greatest.
    """

    name: str
    type: ColumnType
    nulls: int
    distinct: int | None
    min: int | float | str | None
    max: int | float | str | None


class TableProfile(TypedDict):
    """What a table holds.

    Attributes:
        rows: how many rows.
        columns: the columns in the order of their first appearance, 200 at most.
        columns_left_out: how many columns there are beyond these, where there are.
    """

    rows: int
    columns: list[ColumnProfile]
    columns_left_out: NotRequired[int]


def profile_table(data: object, columns: Sequence[str] = ()) -> TableProfile:
    """Return the profile of a table.

    Args:
        data: rows of plain JSON, or another form in which tables are stored.
        columns: names of columns that come first, and are there even when no row has them: those of an empty table.

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
    described = [_column(name, [row.get(name) for row in rows]) for name in names[:_MOST_COLUMNS]]
    profile: TableProfile = {"rows": len(rows), "columns": described}
    if len(names) > _MOST_COLUMNS:
        profile["columns_left_out"] = len(names) - _MOST_COLUMNS
    return profile


def known_profile(value: object) -> TableProfile | None:
    """Return a stored profile when it is one as `profile_table` makes it, `None` for anything else.

    Examples:
        >>> known_profile(profile_table([])), known_profile({"rows": "many"})
        ({'rows': 0, 'columns': []}, None)
    """
    if (
        not isinstance(value, Mapping)
        or not _is_count(value.get("rows"))
        or not isinstance(value.get("columns"), list)
    ):
        return None
    if not _is_count(value.get("columns_left_out", 0)) or not all(
        map(_is_column, value["columns"])
    ):
        return None
    return value  # type: ignore[return-value]


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_column(value: object) -> bool:
    if not isinstance(value, Mapping) or not ColumnProfile.__annotations__.keys() <= value.keys():
        return False
    limits_are_scalars = all(
        isinstance(value[name], int | float | str | None) for name in ("min", "max")
    )
    counts_are_right = _is_count(value["nulls"]) and (
        value["distinct"] is None or _is_count(value["distinct"])
    )
    return (
        isinstance(value["name"], str)
        and isinstance(value["type"], str)
        and limits_are_scalars
        and counts_are_right
    )


# --- One column ---


def _column(name: str, values: list[Any]) -> ColumnProfile:
    present = [value for value in values if value is not None]
    if set(map(type, present)) == {str}:
        few = _distinct(present)
        kind = type_of(present if few is None else few)  # to look at each text once will do
        least, greatest = _limits(kind, present if few is None else few)
    else:
        kind = type_of(present)
        # Objects cannot stand in a set, and among mixed values 1, 1.0 and true would be one.
        few = _distinct(list(map(dump_json, present)) if kind in ("json", "mixed") else present)
        least, greatest = _limits(kind, present)
    return {
        "name": name[:_LONGEST_NAME],
        "type": kind,
        "nulls": len(values) - len(present),
        "distinct": None if few is None else len(few),
        "min": least,
        "max": greatest,
    }


def type_of(present: Sequence[Any]) -> ColumnType:
    """Return the type of a column from its values, nulls left out."""
    kinds = set(map(type, present))
    if not kinds:
        return "empty"
    if kinds == {str}:
        return "time" if _are_times(present) else "text"
    if kinds == {bool}:
        return "boolean"
    if kinds <= {int, float}:
        return "number" if float in kinds else "integer"
    return "json" if kinds <= {dict, list} else "mixed"


def _are_times(texts: Iterable[str]) -> bool:
    if not all(map(_TIME.fullmatch, texts)):
        return False
    try:
        all(map(datetime.fromisoformat, texts))  # the 30th of February has the right form
    except ValueError:
        return False
    return True


def _distinct(values: list[Any]) -> list[Any] | None:
    """Return each value once, `None` when there are too many."""
    seen: dict[Any, None] = {}
    for start in range(0, len(values), _MOST_DISTINCT):
        seen.update(dict.fromkeys(values[start : start + _MOST_DISTINCT]))
        if len(seen) > _MOST_DISTINCT:
            return None
    return list(seen)


def _limits(kind: ColumnType, present: list[Any]) -> tuple[Any, Any]:
    if kind in ("integer", "number"):
        return _small(min(present)), _small(max(present))
    if kind == "text":
        return min(present)[:_LONGEST_TEXT], max(present)[:_LONGEST_TEXT]
    if kind == "time":
        times = list(map(utc_time, present))
        return present[times.index(min(times))], present[times.index(max(times))]
    return None, None


def utc_time(text: str) -> datetime:
    """Return the time that a text in ISO 8601 says; without a zone it is in UTC."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _small(number: int | float) -> int | float | None:
    """Return a number of few digits: beyond 64 bits the nearest float, where there is one."""
    if isinstance(number, float) or -(2**63) <= number < 2**63:
        return number
    try:
        return float(number)
    except OverflowError:
        return None


# --- What changed ---


def changes(previous: Mapping[str, Any] | None, current: Mapping[str, Any] | None) -> list[str]:
    """Tell what changed from the profile of one version of a table to that of the next.

    Args:
        previous: the profile of the version before.
        current: the profile of the version after.

    Returns:
        Sentences for people, the most telling first and 12 at most, with names of columns between backticks: the
        number of rows, columns that are new, gone or of another type, nulls that came, went, or moved by a tenth
        of the rows, and numbers far outside of the range they had. Nothing when a profile is missing or not known.

    Examples:
        >>> monday = profile_table([{"wind": 3, "rain": 0.5}])
        >>> tuesday = profile_table([{"wind": "calm", "gust": 9}, {"wind": "fresh", "gust": None}])
        >>> changes(monday, tuesday)
        ['rows +1', 'column `rain` is gone', 'column `gust` is new', 'column `wind` became text']
    """
    before, after = known_profile(previous), known_profile(current)
    if before is None or after is None:
        return []
    old = {column["name"]: column for column in before["columns"]}
    new = {column["name"]: column for column in after["columns"]}
    sentences = (
        [f"rows {after['rows'] - before['rows']:+,}"] if after["rows"] != before["rows"] else []
    )
    sentences += _columns_changed(before, after, old, new)
    both = [(old[name], column) for name, column in new.items() if name in old]
    if before["rows"] and after["rows"]:  # without rows a column has no type
        sentences += [
            f"{_label(new)} became {new['type']}" for old, new in both if new["type"] != old["type"]
        ]
    alike = [(old, new) for old, new in both if new["type"] == old["type"]]
    for compare in (_nulls_changed, _range_changed):
        sentences += [
            sentence for pair in alike for sentence in compare(*pair, before["rows"], after["rows"])
        ]
    more = len(sentences) - _MOST_CHANGES
    return (
        sentences
        if more <= 0
        else [*sentences[: _MOST_CHANGES - 1], f"and {more + 1} more changes"]
    )


def _label(column: ColumnProfile) -> str:
    name = column["name"]
    return f"column `{name if len(name) <= _LONGEST_TEXT else name[: _LONGEST_TEXT - 1] + '…'}`"


def _columns_changed(
    before: TableProfile,
    after: TableProfile,
    old: Mapping[str, ColumnProfile],
    new: Mapping[str, ColumnProfile],
) -> list[str]:
    """Tell which columns went and came; one that a profile leaves out may still be there."""
    left_out = before.get("columns_left_out", 0), after.get("columns_left_out", 0)
    if any(left_out):
        more = len(new) + left_out[1] - len(old) - left_out[0]
        return [f"columns {more:+,}"] if more else []
    gone = [f"{_label(column)} is gone" for name, column in old.items() if name not in new]
    came = [f"{_label(column)} is new" for name, column in new.items() if name not in old]
    order = [name for name in new if name in old] != [name for name in old if name in new]
    return gone + came + ["columns in another order"] * order


def _nulls_changed(
    old: ColumnProfile, new: ColumnProfile, old_rows: int, new_rows: int
) -> Iterator[str]:
    if not (old_rows and new_rows):
        return
    moved = abs(new["nulls"] / new_rows - old["nulls"] / old_rows) >= 0.1
    if bool(old["nulls"]) != bool(new["nulls"]) or moved:
        yield f"{_label(new)} nulls {old['nulls']:,} → {new['nulls']:,}"


def _range_changed(old: ColumnProfile, new: ColumnProfile, *_: int) -> Iterator[str]:
    """Tell of numbers that lie outside of the old range by more than its width, or than its bound where it has none."""
    if new["type"] not in ("integer", "number"):
        return
    least, greatest = old["min"], old["max"]
    if not (isinstance(least, int | float) and isinstance(greatest, int | float)):
        return
    least, greatest = float(_small(least) or 0), float(_small(greatest) or 0)
    room = greatest - least or abs(greatest) or 1.0
    for bound, was, sign in (("min", least, -1), ("max", greatest, 1)):
        value = new[bound]  # type: ignore[literal-required]
        if isinstance(value, int | float) and sign * (float(_small(value) or 0) - was) > room:
            yield f"{_label(new)} {bound} {_figure(was)} → {_figure(value)}"


def _figure(number: float) -> str:
    return (
        f"{number:,.0f}" if float(number).is_integer() and abs(number) < 1e15 else f"{number:.6g}"
    )
