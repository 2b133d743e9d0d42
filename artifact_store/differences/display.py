"""How the difference of two artifacts is shown: its sentences, lines of text, and a table of all other changes."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from ..rendering import blocks
from .changes import (
    MISSING,
    Change,
    ColumnChange,
    ColumnOrder,
    LineChange,
    RowChange,
    RowOrder,
    ValueChange,
    path_text,
)
from .summary import value_text
from .texts import hunks, paired

__all__ = ["change_blocks", "change_rows", "split_lines", "unified_lines"]

_SIGNS = {"added": "+", "removed": "-", "changed": "~", "retyped": "~"}


class ChangeRow(NamedTuple):
    """A row of the table of changes; `change` is `+`, `-` or `~`."""

    change: str
    where: str
    before: str
    after: str


def change_blocks(
    names: tuple[str, str],
    summary: tuple[str, ...],
    changes: Sequence[Change],
    key: tuple[str, ...],
    limit: int,
) -> list[blocks.Block]:
    """Return the blocks that show a difference.

    Args:
        names: the references of the older and the newer artifact.
        summary: the sentences that say what changed.
        changes: every change.
        key: the columns by which rows were matched.
        limit: how many changes are shown at most.
    """
    before, after = names
    if not summary:
        return [blocks.Note(f"{after} is the same as {before}.")]

    shown: list[blocks.Block] = [blocks.Changes(summary, before)]
    lines, others = split_lines(changes)
    if lines[:limit]:
        shown_hunks = map(paired, hunks(lines[:limit]))
        shown.append(blocks.Lines(tuple(shown_hunks)))

    # One row more than there is room for tells whether some are left out.
    room = max(limit - len(lines), 0)
    first_rows = islice(change_rows(others, key), room + 1)
    rows = [row._asdict() for row in first_rows]
    if rows[:room]:
        shown.append(blocks.Table(ChangeRow._fields, rows[:room]))
    if len(lines) > limit or len(rows) > room:
        shown.append(blocks.Note(f"Only the first {limit:,} changes are listed."))
    return shown


def split_lines(changes: Sequence[Change]) -> tuple[list[LineChange], list[Change]]:
    """Return the changes of lines, and all others."""
    lines: list[LineChange] = []
    others: list[Change] = []
    for change in changes:
        if isinstance(change, LineChange):
            lines.append(change)
        else:
            others.append(change)
    return lines, others


def unified_lines(
    names: tuple[str, str], changes: Sequence[Change], limit: int | None
) -> Iterator[str]:
    """Yield the lines of a unified diff without context; none where no line changed."""
    lines, _ = split_lines(changes)
    if not lines[:limit]:
        return
    before, after = names
    yield f"--- {before}"
    yield f"+++ {after}"
    for hunk in hunks(lines[:limit]):
        yield hunk.heading
        for change in hunk.changes:
            yield _SIGNS[change.kind] + change.line


def change_rows(changes: Sequence[Change], key: tuple[str, ...]) -> Iterator[ChangeRow]:
    """Yield changes as rows for people; the changes of several cells are several rows."""
    for change in changes:
        if isinstance(change, RowChange):
            yield from row_lines(change, key)
        elif isinstance(change, ValueChange):
            yield value_line(change)
        elif isinstance(change, LineChange):
            yield text_line(change)
        elif isinstance(change, ColumnChange):
            yield column_line(change)
        elif isinstance(change, ColumnOrder):
            yield ChangeRow("~", "columns", "", ", ".join(change.columns))
        elif isinstance(change, RowOrder):
            yield ChangeRow("~", "rows", "", "another order")


def column_line(change: ColumnChange) -> ChangeRow:
    name = f"column {change.column}"
    return ChangeRow(_SIGNS[change.kind], name, change.before or "", change.after or "")


def row_lines(change: RowChange, key: tuple[str, ...]) -> Iterator[ChangeRow]:
    number = change.before if change.after is None else change.after
    name = f"row {number}"
    if key:
        cells = zip(key, change.key, strict=True)
        name = ", ".join(f"{column}={cell_text(cell)}" for column, cell in cells)

    if change.kind == "added":
        yield ChangeRow("+", name, "", row_text(change.row))
    elif change.kind == "removed":
        yield ChangeRow("-", name, row_text(change.row), "")
    elif not change.cells:
        yield ChangeRow("~", name, "", "cells in another order")
    for cell in change.cells:
        before = cell_text(cell.before)
        after = cell_text(cell.after)
        yield ChangeRow("~", f"{name}: {cell.column}", before, after)


def value_line(change: ValueChange) -> ChangeRow:
    where = path_text(change.path)
    if change.kind == "reordered":
        return ChangeRow("~", where, "", "keys in another order")
    before = cell_text(change.before)
    after = cell_text(change.after)
    return ChangeRow(_SIGNS[change.kind], where, before, after)


def text_line(change: LineChange) -> ChangeRow:
    if change.after is not None:
        return ChangeRow("+", f"line {change.after + 1}", "", change.line)
    number = change.before or 0
    return ChangeRow("-", f"line {number + 1}", change.line, "")


def row_text(row: dict[str, object] | None) -> str:
    if row is None:
        return ""
    return ", ".join(f"{column}={cell_text(cell)}" for column, cell in row.items())


def cell_text(value: object) -> str:
    """Return a value for people: text without quotes, and nothing where there is none."""
    if value is MISSING:
        return ""
    if isinstance(value, str) and not value.startswith("data:"):
        return value
    return value_text(value)
