"""Tables: aligned on a terminal, otherwise separated by tabs, or CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from .pager import note
from .screen import console, width
from .text import is_terminal, safe
from .values import cell_text

__all__ = ["columns_of", "is_sparse", "print_csv", "print_listing", "print_rows"]

_GAP = 2  # blanks between columns
_LARGE = 200_000  # cells
_DISPENSABLE = (
    ("description", 16),
    ("run", 0),
    ("age", 0),
    ("description", 0),
    ("trend", 0),
    ("type", 0),
)


def print_rows(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Print a table: aligned on a terminal, otherwise tab-separated below a line of names, row after row."""
    if is_terminal():
        _print_aligned(columns, list(rows), columns)
        return
    sys.stdout.write("\t".join(map(safe, columns)) + "\n")
    for line in _lines(columns, rows, safe):
        sys.stdout.write("\t".join(line) + "\n")


def print_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Print comma-separated values below a line of names; texts are as they are, unless a terminal would see them."""
    writer = csv.writer(_Lines(safe if is_terminal() else str))
    writer.writerow(columns)
    writer.writerows(_lines(columns, rows, str))


def _lines(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], shown: Callable[[str], str]
) -> Iterator[list[str]]:
    """Yield the cells of each row; only those that the row has cost more than an empty text."""
    places = {name: place for place, name in enumerate(columns)}
    for row in rows:
        line = [""] * len(columns)
        for name, value in row.items():
            place = places.get(name)
            if place is not None:
                line[place] = shown(cell_text(value))
        yield line


def is_sparse(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether nearly all cells of a large table are empty, as where every row has names of its own.

    Its cells grow with the square of what it holds, so it is not printed as a table.
    """
    held = sum(map(len, rows))
    cells = len(rows) * len(columns_of(rows))
    return cells > _LARGE and cells > 10 * held


def columns_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the columns of a table, in the order in which its rows name them."""
    return list(dict.fromkeys(name for row in rows for name in row))


class _Lines:
    r"""Where a CSV writer writes to; it ends its lines with \r\n, so that it quotes every cell that holds one."""

    def __init__(self, shown: Callable[[str], str]) -> None:
        self._shown = shown

    def write(self, line: str) -> None:
        sys.stdout.write(self._shown(line.removesuffix("\r\n")) + "\n")


def _print_aligned(
    columns: Sequence[str], rows: Sequence[Mapping[str, Any]], whole: Collection[str] = ()
) -> None:
    """Print an aligned table; of the columns named in `whole` nothing is cut, their cells are folded."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for name in columns:
        figures = all(isinstance(row.get(name), int | float | None) for row in rows)
        cut = name not in whole
        table.add_column(
            Text(safe(name)),
            justify="right" if figures else "left",
            no_wrap=cut,
            overflow="ellipsis" if cut else "fold",
        )
    for row in rows:
        table.add_row(*(Text(safe(cell_text(row.get(name)))) for name in columns))
    console().print(table)


def print_listing(
    columns: Sequence[str], rows: Iterable[dict[str, Any]], as_csv: bool = False
) -> None:
    """Print what is known of artifacts; a terminal shows ages, and less of them when it is narrow."""
    if as_csv:
        print_csv(columns, rows)
    elif is_terminal():
        _print_listing(["age" if name == "updated" else name for name in columns], list(rows))
    else:
        print_rows(columns, rows)


def _print_listing(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Print aligned rows; a terminal that is too narrow shows less of the description, then fewer columns."""
    if not rows:
        note("Nothing found.")
        return
    from artifact_store.rendering import age

    for row in rows:
        row["age"] = age(row["updated"])
        row["description"] = next(iter((row["description"] or "").splitlines()), "")
    widths = {name: _width(name, rows) for name in columns}
    for name, least in _DISPENSABLE:
        excess = sum(widths.values()) - _GAP - width()
        if excess > 0 and name in widths:
            widths[name] = max(widths[name] - excess, least + _GAP) if least else 0
    shown = [name for name in columns if widths.get(name)]
    for row in rows:
        row["description"] = _shortened(row["description"], widths["description"] - _GAP)
    _print_aligned(shown, rows, ("key", "id"))


def _width(name: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Return how many columns of a terminal a column of a table takes."""
    from rich.cells import cell_len

    return (
        max(cell_len(safe(text)) for text in (name, *(cell_text(row.get(name)) for row in rows)))
        + _GAP
    )


def _shortened(text: str, room: int) -> str:
    from rich.cells import cell_len, set_cell_size

    text = safe(text)
    return text if cell_len(text) <= room else set_cell_size(text, max(room - 1, 0)) + "…"
