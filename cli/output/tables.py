"""Tables: aligned on a terminal, otherwise separated by tabs, or CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain

from .pager import note
from .screen import console, width
from .text import is_terminal, safe
from .values import cell_text

__all__ = [
    "Row",
    "columns_of",
    "is_sparse",
    "print_csv",
    "print_listing",
    "print_markdown_table",
    "print_rows",
]

Row = Mapping[str, object]  # the values of a row by column

_GAP = 2  # blanks between columns
_LARGE = 200_000  # cells
_NUMBERS = ("version", "value")
# What a narrow terminal shows less of, in this order, and how many columns it keeps; 0 drops it.
_SHRINKING = (
    ("description", 16),
    ("changes", 40),
    ("run", 0),
    ("changes", 24),
    ("age", 0),
    ("description", 0),
    ("trend", 0),
    ("type", 0),
    ("changes", 0),
)
Cut = Callable[[Row, int], str]  # the text of a cell of a row, for a number of characters


def print_rows(columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Print a table: aligned on a terminal, otherwise tab-separated below a line of names, row by row."""
    if is_terminal():
        print_aligned(columns, list(rows), fold=columns)
        return
    sys.stdout.write("\t".join(map(safe, columns)) + "\n")
    for cells in iter_cells(columns, rows, safe):
        sys.stdout.write("\t".join(cells) + "\n")


def print_csv(columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Print comma-separated values below a line of names; on a terminal control characters are escaped."""
    writer = csv.writer(CsvLines(safe if is_terminal() else str))
    writer.writerow(columns)
    writer.writerows(iter_cells(columns, rows, str))


class CsvLines:
    r"""What a CSV writer writes to; it ends its lines with \r\n, so that it quotes cells that hold one."""

    def __init__(self, escape: Callable[[str], str]) -> None:
        self._escape = escape

    def write(self, line: str) -> None:
        """Write a line."""
        sys.stdout.write(self._escape(line.removesuffix("\r\n")) + "\n")


def iter_cells(
    columns: Sequence[str], rows: Iterable[Row], escape: Callable[[str], str]
) -> Iterator[list[str]]:
    """Yield the cells of each row as text; a row that lacks most columns costs little."""
    positions = {name: position for position, name in enumerate(columns)}
    for row in rows:
        cells = [""] * len(columns)
        for name, value in row.items():
            position = positions.get(name)
            if position is not None:
                cells[position] = escape(cell_text(value))
        yield cells


def is_sparse(rows: Sequence[Row]) -> bool:
    """Tell whether nearly all cells of a large table are empty, as when every row has names of its own.

    The number of its cells is then the square of the number of its values, so it is not printed as a table.
    """
    values = sum(map(len, rows))
    cells = len(rows) * len(columns_of(rows))
    return cells > _LARGE and cells > 10 * values


def columns_of(rows: Iterable[Row]) -> list[str]:
    """Return the columns of a table, in the order in which its rows name them."""
    columns: dict[str, None] = {}
    for row in rows:
        columns.update(dict.fromkeys(row))
    return list(columns)


def print_aligned(columns: Sequence[str], rows: Sequence[Row], fold: Collection[str]) -> None:
    """Print an aligned table; cells of the columns in `fold` are folded, those of the others cut."""
    from artifact_store.rendering import aligned_table

    console().print(aligned_table(columns, rows, text=cell_text, fold=fold))


def print_markdown_table(columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Print a list of artifacts as a table in Markdown, row by row."""
    from artifact_store.rendering import markdown_table

    shown = map(listing_row, rows)
    first = next(shown, None)
    if first is None:
        sys.stdout.write("Nothing found.\n")
        return
    for line in markdown_table(columns, chain([first], shown), numeric=_NUMBERS):
        sys.stdout.write(f"{line}\n")


def print_listing(
    columns: Sequence[str],
    rows: Iterable[Row],
    form: str | None = None,
    cut: Mapping[str, Cut] | None = None,
) -> None:
    """Print a list of artifacts; a terminal shows ages, and fewer columns when it is narrow.

    Args:
        columns: the names of its columns.
        rows: the rows; values that are no columns are left to `cut`.
        form: `csv`, `markdown`, or `None`.
        cut: how the cells of some columns are cut on a terminal.
    """
    if form == "csv":
        print_csv(columns, rows)
    elif form == "markdown":
        print_markdown_table(columns, rows)
    elif is_terminal():
        print_fitting(columns, rows, cut or {})
    else:
        print_rows(columns, rows)


def print_fitting(columns: Sequence[str], rows: Iterable[Row], cut: Mapping[str, Cut]) -> None:
    """Print a list of artifacts, cut to the width of the terminal."""
    shown = [terminal_row(row) for row in rows]
    if not shown:
        note("Nothing found.")
        return

    names = ["age" if name == "updated" else name for name in columns]
    widths = fitting_widths(names, shown)
    for row in shown:
        row["description"] = shorten(str(row["description"]), widths["description"] - _GAP)
        for name, cut_cell in cut.items():
            if widths[name]:
                row[name] = cut_cell(row, widths[name] - _GAP)
    visible = [name for name in names if widths[name]]
    print_aligned(visible, shown, fold=("key", "aliases", "id"))


def terminal_row(row: Row) -> dict[str, object]:
    """Return a row as a terminal shows it, with an age."""
    from artifact_store.rendering import age

    updated = row["updated"]
    return {**listing_row(row), "age": age(updated) if isinstance(updated, datetime) else ""}


def listing_row(row: Row) -> dict[str, object]:
    """Return a row with the first line of its description, and its times as text."""
    shown = {**row}
    for name, value in row.items():
        if isinstance(value, datetime):
            shown[name] = cell_text(value)
    if "description" in row:
        lines = str(row["description"] or "").splitlines()
        shown["description"] = lines[0] if lines else ""
    return shown


def fitting_widths(names: Sequence[str], rows: Sequence[Row]) -> dict[str, int]:
    """Return the widths of columns, with their gaps, on this terminal; 0 for one that is left out."""
    from artifact_store.rendering import column_width

    widths = {name: column_width(name, rows, text=cell_text) + _GAP for name in names}
    for name, least in _SHRINKING:
        excess = sum(widths.values()) - _GAP - width()
        if excess <= 0 or name not in widths:
            continue
        widths[name] = max(widths[name] - excess, least + _GAP) if least else 0

    # A column that was left out may have made more room than was needed.
    if widths.get("changes"):
        room = width() + _GAP - sum(widths.values())
        widths["changes"] += max(room, 0)
    return widths


def shorten(text: str, room: int) -> str:
    """Return a text cut to a number of columns, with an ellipsis."""
    from rich.cells import cell_len, set_cell_size

    text = safe(text)
    if cell_len(text) <= room:
        return text
    return set_cell_size(text, max(room - 1, 0)) + "…"
