"""What changed, in short sentences for people."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeGuard

from ..wording import count_text
from .changes import (
    MISSING,
    CellChange,
    Change,
    ColumnChange,
    ColumnOrder,
    LineChange,
    RowChange,
    RowOrder,
    ValueChange,
    path_text,
)
from .sequences import equal_length

__all__ = ["summarize", "value_text"]

_MOST_SENTENCES = 12
_MOST_CELLS = 3  # of a column that are named one by one
_MOST_COLUMNS = 3  # that came or went and are named one by one
_LONGEST_VALUE = 60
_LARGEST_INT = 10**15  # whose distance from another is told
_SHOWN_BEFORE = 20  # characters of a long text before the first that differs


def summarize(changes: Sequence[Change], key: Sequence[str] = ()) -> tuple[str, ...]:
    """Return what some changes say, the most telling first.

    Args:
        changes: the changes of one artifact.
        key: the columns by which rows were matched.

    Returns:
        At most 12 sentences, without a full stop; the last one counts what is left out. Names stand between backticks.
        No sentence only when there is no change.

    Examples:
        >>> summarize([ValueChange("changed", ("data", "acc"), 0.93, 0.71)])
        ('`acc` 0.93 → 0.71 (-0.22)',)
    """
    lines = [change for change in changes if isinstance(change, LineChange)]
    values = [change for change in changes if isinstance(change, ValueChange)]
    others = changes if len(lines) + len(values) < len(changes) else ()
    values.sort(key=rank)
    sentences = [
        *of_type(values),
        *of_columns(others),
        *of_rows(others),
        *of_cells(others, key),
        *of_lines(lines),
    ]

    # There may be 100,000 values, so no more sentences are written than are shown.
    values = [change for change in values if change.path != ("type",)]
    total = len(sentences) + len(values)
    room = max(_MOST_SENTENCES - len(sentences), 0)
    sentences += map(value_sentence, values[:room])
    if total > _MOST_SENTENCES:
        left_out = total - _MOST_SENTENCES + 1
        sentences[_MOST_SENTENCES - 1 :] = [f"and {left_out:,} more changes"]
    return tuple(sentences)


def of_type(changes: Iterable[ValueChange]) -> Iterator[str]:
    for change in changes:
        if change.path == ("type",):
            yield f"type {bare(change.before)} → {bare(change.after)}"


def of_columns(changes: Iterable[Change]) -> Iterator[str]:
    added: list[str] = []
    removed: list[str] = []
    for change in changes:
        if isinstance(change, ColumnOrder):
            yield "columns in another order"
        elif isinstance(change, ColumnChange) and change.kind == "added":
            added.append(quoted(change.column))
        elif isinstance(change, ColumnChange) and change.kind == "removed":
            removed.append(quoted(change.column))
        elif isinstance(change, ColumnChange):
            yield f"column {quoted(change.column)} became {change.after}"
    yield from came_or_went(added, "new")
    yield from came_or_went(removed, "gone")


def came_or_went(columns: Sequence[str], how: str) -> Iterator[str]:
    """Name columns one by one when they are few, else count them."""
    if len(columns) <= _MOST_COLUMNS:
        for column in columns:
            yield f"column {column} is {how}"
    else:
        first = ", ".join(columns[:_MOST_COLUMNS])
        yield f"{len(columns):,} columns are {how}: {first}, …"


def of_rows(changes: Iterable[Change]) -> Iterator[str]:
    numbers = {"added": 0, "removed": 0}
    other_order = False
    for change in changes:
        if isinstance(change, RowOrder):
            other_order = True
        elif isinstance(change, RowChange) and change.kind != "changed":
            numbers[change.kind] += 1
    for kind, number in numbers.items():
        if number:
            yield f"{count_text(number, 'row')} {kind}"
    if other_order:
        yield "rows in another order"


def of_cells(changes: Iterable[Change], key: Sequence[str]) -> Iterator[str]:
    """Name the cells of a column that changed when they are few, else count them."""
    by_column: defaultdict[str, list[tuple[RowChange, CellChange]]] = defaultdict(list)
    reordered = 0
    for change in changes:
        if isinstance(change, RowChange) and change.kind == "changed":
            reordered += not change.cells
            for cell in change.cells:
                by_column[cell.column].append((change, cell))

    for column, cells in by_column.items():
        if len(cells) > _MOST_CELLS:
            yield f"{quoted(column)} changed in {count_text(len(cells), 'row')}"
            continue
        for row, cell in cells:
            movement = movement_text(cell.before, cell.after)
            yield f"{quoted(column)} {movement} in {row_name(row, key)}"
    if reordered:
        yield f"cells in another order in {count_text(reordered, 'row')}"


def row_name(row: RowChange, key: Sequence[str]) -> str:
    """Return what sentences call a row: its key, or its number after."""
    if not key:
        return f"row {row.after}"
    return ", ".join(f"{column}={bare(cell)}" for column, cell in zip(key, row.key, strict=True))


def of_lines(changes: Sequence[LineChange]) -> Iterator[str]:
    """Quote the line that changed when it is one, else count them."""
    kinds = [change.kind for change in changes]
    if kinds == ["removed", "added"] and changes[0].before == changes[1].after:
        number = (changes[1].after or 0) + 1
        yield f"line {number} {movement_text(changes[0].line, changes[1].line)}"
        return
    counts: list[str] = []
    for kind in ("added", "removed"):
        number = kinds.count(kind)
        if number:
            counts.append(f"{count_text(number, 'line')} {kind}")
    if counts:
        yield ", ".join(counts)


def rank(change: ValueChange) -> int:
    """Sort numbers that moved first, then other changes, then what came and went."""
    if change.path == ("description",):
        return 4
    if change.kind == "reordered":
        return 3
    if change.before is MISSING or change.after is MISSING:
        return 2
    if is_number(change.before) and is_number(change.after):
        return 0
    return 1


def value_sentence(change: ValueChange) -> str:
    name = value_name(change)
    if change.path == ("description",):
        return "description changed"
    if change.kind == "reordered":
        return f"keys of {name} in another order"
    if change.before is MISSING:
        return f"{name} is new: {value_text(change.after)}"
    if change.after is MISSING:
        return f"{name} is gone, it was {value_text(change.before)}"
    return f"{name} {movement_text(change.before, change.after)}".lstrip()


def value_name(change: ValueChange) -> str:
    """Return the name of a value; that of data is left out where it says nothing."""
    path = change.path
    if path == ("data",):
        return "" if change.kind == "changed" else "data"
    if path[0] == "data" and isinstance(path[1], str):
        path = path[1:]
    return quoted(path_text(path))


def quoted(name: str) -> str:
    """Return a name between backticks, cut where it is long."""
    return f"`{cut(name)}`"


def cut(text: str) -> str:
    """Return text, cut where it is long."""
    if len(text) <= _LONGEST_VALUE:
        return text
    return f"{text[: _LONGEST_VALUE - 1]}…"


def is_number(value: object) -> TypeGuard[int | float]:
    """Tell whether a value is a number, which true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def movement_text(before: object, after: object) -> str:
    """Return what a value was and is, and how far a number moved."""
    if isinstance(before, str) and isinstance(after, str):
        return string_movement(before, after)
    text = f"{value_text(before)} → {value_text(after)}"
    if not is_number(before) or not is_number(after):
        return text
    distance = distance_text(before, after)
    if not distance:
        return text
    return f"{text} ({distance})"


def string_movement(before: str, after: str) -> str:
    """Return what a text was and is; of long ones the part where they differ."""
    old = string_text(before)
    new = string_text(after)
    if old != new:
        return f"{old} → {new}"
    if not old.startswith('"'):
        return f"{old} → other {new}"

    start = equal_length(before, after) - _SHOWN_BEFORE
    old_part = string_text(f"…{before[start:]}")
    new_part = string_text(f"…{after[start:]}")
    return f"{old_part} → {new_part}"


def distance_text(before: int | float, after: int | float) -> str:
    """Return how far a number moved, empty where it cannot be told."""
    if isinstance(before, int) and isinstance(after, int):
        larger = max(abs(before), abs(after))
        return f"{after - before:+,}" if larger < _LARGEST_INT else ""
    try:
        difference = float(after) - float(before)
    except OverflowError:
        return ""
    return f"{difference:+.6g}" if difference else ""


def value_text(value: object) -> str:
    """Return JSON of a value in one line, cut where it is long.

    Examples:
        >>> value_text("north"), value_text(None), value_text(MISSING), value_text("data:image/png;base64,AAAA")
        ('"north"', 'null', 'nothing', 'image/png of 3 bytes')
    """
    if value is MISSING:
        return "nothing"
    if isinstance(value, str):
        return string_text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**_LONGEST_VALUE else "a larger number"
    return cut(json.dumps(value, ensure_ascii=False))


def string_text(value: str) -> str:
    """Return text between quotes; of an image in a data URL its type and size."""
    kind, comma, content = value.partition(";base64,")
    if comma and kind.startswith("data:") and len(kind) < _LONGEST_VALUE:
        size = len(content) * 3 // 4 - content[-2:].count("=")
        return f"{kind.removeprefix('data:')} of {size:,} bytes"
    return json.dumps(cut(value), ensure_ascii=False)


def bare(value: object) -> str:
    """Return a value as text without quotes."""
    if value is None:
        return "none"
    return quoted(value).strip("`") if isinstance(value, str) else value_text(value)
