"""The difference of two artifacts in GitHub-flavoured Markdown: sentences, a table of changes, changed lines."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from ..rendering.gfm import LIMIT, heading, join_parts, left_out_note, markdown_table, sentence
from ..rendering.gfm_text import fence, paragraph
from ..rendering.text import escape_controls, missing
from .changes import (
    Change,
    ColumnChange,
    ColumnOrder,
    LineChange,
    RowChange,
    RowOrder,
    ValueChange,
    path_text,
)
from .display import cell_text, row_text
from .texts import hunks

__all__ = ["diff_to_markdown"]

_CELLS = ("change", "row", "column", "before", "after")
_VALUES = ("change", "path", "before", "after")
_MAX_TABLE = 25_000  # characters
_MAX_LINES = 15_000
_MAX_LINE = 500


def diff_to_markdown(
    names: tuple[str, str],
    summary: Sequence[str],
    changes: Sequence[Change],
    key: tuple[str, ...],
    *,
    limit: int,
    remedy: str,
) -> str:
    """Return the difference of two artifacts in Markdown.

    Args:
        names: the references of the older and the newer artifact.
        summary: the sentences that say what changed.
        changes: every change.
        key: the columns by which rows were matched.
        limit: how many cells, values and lines are listed at most, of each.
        remedy: a sentence that says where all of them can be found.
    """
    before, after = names
    parts = [heading(f"{before} → {after}")]
    if not changes:
        parts.append(paragraph(f"{after} is the same as {before}."))
    if summary:
        parts.append("\n".join(f"- {sentence(line)}" for line in summary))

    values = [change for change in changes if isinstance(change, ValueChange)]
    lines = [change for change in changes if isinstance(change, LineChange)]
    parts += table_parts(_CELLS, cell_rows(changes, key), limit, remedy)
    parts += line_parts(lines, limit, remedy)
    parts += table_parts(_VALUES, map(value_row, values), limit, remedy)
    return join_parts(parts, remedy=remedy, limit=LIMIT)


def table_parts(
    columns: tuple[str, ...], cells: Iterable[tuple[str, ...]], limit: int, remedy: str
) -> Iterator[str]:
    """Yield a table of changes, and a note where not all are listed; nothing when there are none."""
    listed = iter(cells)
    rows = [dict(zip(columns, each, strict=True)) for each in islice(listed, limit)]
    if not rows:
        return
    lines = [*markdown_table(columns, rows, limit=_MAX_TABLE)]
    yield "\n".join(lines)
    total = len(rows) + sum(1 for _ in listed)
    left_out = missing(len(lines) - 2, total, "change")
    if left_out:
        yield left_out_note(left_out, remedy)


def cell_rows(changes: Iterable[Change], key: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the changes of a table, below `_CELLS`."""
    for change in changes:
        if isinstance(change, ColumnChange):
            yield change.kind, "", change.column, change.before or "", change.after or ""
        elif isinstance(change, ColumnOrder):
            yield "reordered", "", ", ".join(change.columns), "", ""
        elif isinstance(change, RowOrder):
            yield "reordered", "all", "", "", ""
        elif isinstance(change, RowChange):
            yield from row_rows(change, row_name(change, key))


def row_rows(change: RowChange, name: str) -> Iterator[tuple[str, ...]]:
    """Yield the changes of one row: the whole of it, or its cells."""
    if change.kind == "added":
        yield "added", name, "", "", row_text(change.row)
    elif change.kind == "removed":
        yield "removed", name, "", row_text(change.row), ""
    elif not change.cells:
        yield "reordered", name, "", "", ""
    for cell in change.cells:
        yield "changed", name, cell.column, cell_text(cell.before), cell_text(cell.after)


def row_name(change: RowChange, key: tuple[str, ...]) -> str:
    """Return the cells by which a row was matched, or its number."""
    if not key:
        return str(change.before if change.after is None else change.after)
    cells = zip(key, change.key, strict=True)
    return ", ".join(f"{column}={cell_text(cell)}" for column, cell in cells)


def value_row(change: ValueChange) -> tuple[str, ...]:
    """Return the change of a value, below `_VALUES`."""
    path = path_text(change.path)
    if change.kind == "reordered":
        return change.kind, path, "", "keys in another order"
    return change.kind, path, cell_text(change.before), cell_text(change.after)


def line_parts(changes: Sequence[LineChange], limit: int, remedy: str) -> Iterator[str]:
    """Yield the lines of a text that changed, as `diff -U0` writes them."""
    if not changes or not limit:
        return
    shown: list[str] = []
    room = _MAX_LINES
    count = 0
    for hunk in hunks(changes[:limit]):
        if room < 0:
            break
        shown.append(hunk.heading)
        for change in hunk.changes:
            sign = "+" if change.kind == "added" else "-"
            line = sign + escape_controls(change.line.removesuffix("\r")[:_MAX_LINE], keep="\t")
            room -= len(line)
            if room < 0:
                break
            shown.append(line)
            count += 1

    yield fence("\n".join(shown), "diff")
    left_out = missing(count, len(changes), "line")
    if left_out:
        yield left_out_note(left_out, remedy)
