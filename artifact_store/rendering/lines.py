"""Lines of text that changed: as a unified diff, and side by side on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .blocks import Line, LineHunk
from .text import escape_controls

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

__all__ = ["side_by_side", "unified", "unified_text"]

_LONGEST_LINE = 1_000  # characters of a line
_TAB = 4
_STYLES = {"-": "red", "+": "green"}


def unified(hunks: Iterable[LineHunk]) -> Iterator[tuple[str, Line | None]]:
    """Yield the lines of a unified diff without context: headings, and lines with `-` or `+` before them."""
    for hunk in hunks:
        yield hunk.heading, None
        for pair in hunk.pairs:
            if pair.before is not None:
                yield "-", pair.before
        for pair in hunk.pairs:
            if pair.after is not None:
                yield "+", pair.after


def unified_text(hunks: Iterable[LineHunk]) -> Text:
    """Return a unified diff for a terminal, in which the words that changed are marked."""
    from rich.text import Text

    lines = []
    for sign, line in unified(hunks):
        lines.append(Text(sign, style="cyan") if line is None else line_text(sign, line))
    return Text("\n").join(lines)


def side_by_side(hunks: Iterable[LineHunk], unicode: bool) -> Table:
    """Return the lines before on the left and those after on the right, as wide as the terminal."""
    from rich.table import Table

    table = Table(box=None, show_header=False, expand=True, pad_edge=False, padding=(0, 1, 0, 0))
    for _ in ("before", "after"):
        table.add_column(justify="right", style="dim", no_wrap=True)
        table.add_column(ratio=1, overflow="fold")

    gap = "⋮" if unicode else ":"
    for number, hunk in enumerate(hunks):
        if number:
            table.add_row(gap, "", gap, "")
        for pair in hunk.pairs:
            table.add_row(*cells_of("-", pair.before), *cells_of("+", pair.after))
    return table


def cells_of(sign: str, line: Line | None) -> tuple[str, Text | str]:
    """Return the number and the text of a line; nothing for a side that has none."""
    if line is None:
        return "", ""
    return str(line.number), line_text(sign, line)


def line_text(sign: str, line: Line) -> Text:
    """Return a line for a terminal; the sign says without colours whether it was added."""
    from rich.text import Text

    style = _STYLES[sign]
    text = Text(sign, style=style)
    room = _LONGEST_LINE
    for part, changed in line.parts:
        shown = escape_controls(part[:room].expandtabs(_TAB))
        text.append(shown, f"bold underline {style}" if changed else style)
        room -= len(part)
        if room < 0:
            text.append("…", style)
            break
    return text
