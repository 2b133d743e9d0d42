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
        shown.append(blocks.Lines(tuple(map(paired, hunks(lines[:limit])))))
    room = max(limit - len(lines), 0)
    rows = [row._asdict() for row in islice(change_rows(others, key), room + 1)]
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
            yield ("+" if change.kind == "added" else "-") + change.line


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
            sign = {"added": "+", "removed": "-", "retyped": "~"}[change.kind]
            yield ChangeRow(
                sign, f"column {change.column}", change.before or "", change.after or ""
            )
        elif isinstance(change, ColumnOrder):
            yield ChangeRow("~", "columns", "", ", ".join(change.columns))
        elif isinstance(change, RowOrder):
            yield ChangeRow("~", "rows", "", "another order")


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
        yield ChangeRow(
            "~", f"{name}: {cell.column}", cell_text(cell.before), cell_text(cell.after)
        )


def value_line(change: ValueChange) -> ChangeRow:
    where = path_text(change.path)
    if change.kind == "reordered":
        return ChangeRow("~", where, "", "keys in another order")
    sign = {"added": "+", "removed": "-", "changed": "~"}[change.kind]
    return ChangeRow(sign, where, cell_text(change.before), cell_text(change.after))


def text_line(change: LineChange) -> ChangeRow:
    if change.kind == "added":
        return ChangeRow("+", f"line {(change.after or 0) + 1}", "", change.line)
    return ChangeRow("-", f"line {(change.before or 0) + 1}", change.line, "")


def row_text(row: dict[str, object] | None) -> str:
    return ", ".join(f"{column}={cell_text(cell)}" for column, cell in (row or {}).items())


def cell_text(value: object) -> str:
    """Return a value for people: text without quotes, and nothing where there is none."""
    if value is MISSING:
        return ""
    if isinstance(value, str) and not value.startswith("data:"):
        return value
    return value_text(value)
