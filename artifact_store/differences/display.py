"""How the difference of two artifacts is shown: its sentences, then a table of its changes."""

from collections.abc import Iterator, Sequence
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

__all__ = ["change_blocks", "change_rows"]


class ChangeRow(NamedTuple):
    """A row of the table of changes; `change` is `+`, `-` or `~`."""

    change: str
    where: str
    before: str
    after: str


def change_blocks(
    names: tuple[str, str],
    summary: tuple[str, ...],
    rows: list[dict[str, str]],
    limit: int,
) -> list[blocks.Block]:
    """Return the blocks that show a difference.

    Args:
        names: the references of the older and the newer artifact.
        summary: the sentences that say what changed.
        rows: the changes as rows, one more than `limit` when there are more.
        limit: how many rows are shown at most.
    """
    before, after = names
    if not summary:
        return [blocks.Note(f"{after} is the same as {before}.")]

    shown: list[blocks.Block] = [blocks.Changes(summary, before)]
    if rows[:limit]:
        shown.append(blocks.Table(ChangeRow._fields, rows[:limit]))
    if len(rows) > limit:
        shown.append(blocks.Note(f"Only the first {limit:,} changes are listed."))
    return shown


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
        return ChangeRow("+", f"line {change.after}", "", change.line)
    return ChangeRow("-", f"line {change.before}", change.line, "")


def row_text(row: dict[str, object] | None) -> str:
    return ", ".join(f"{column}={cell_text(cell)}" for column, cell in (row or {}).items())


def cell_text(value: object) -> str:
    """Return a value for people: text without quotes, and nothing where there is none."""
    if value is MISSING:
        return ""
    if isinstance(value, str) and not value.startswith("data:"):
        return value
    return value_text(value)
