"""Blocks on a terminal, with rich. Control characters in stored text are shown and never sent."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..rendering import blocks
from .blocks import Block
from .changes import in_line, plain_sentence, since_text, told
from .lines import side_by_side, unified_text
from .markdown import table_cells
from .plot import sparkline
from .renderers import reference_facts
from .terminal_text import fact_lines, plain, progress_bar, safe, short_line
from .text import (
    PROFILE_HEADINGS,
    age,
    cell_text,
    count_text,
    cut,
    data_url_text,
    escape_controls,
    json_text,
    missing,
    number_text,
    profile_cells,
)

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment
    from rich.table import Table
    from rich.text import Text

__all__ = ["aligned_table", "column_width", "print_blocks"]

_GAP = 2  # blanks between columns
_WIDEST = 40  # a column of a table counts as no wider; rich cuts its cells
_MARGIN = 12  # lines of the terminal that are left to what stands around a table
_LEAST_HEIGHT = 5  # rows of a table, however low the terminal
_BAR = 40  # columns
_LONGEST_MARKDOWN = 12_000  # characters
_LONGEST_TEXT = 200_000
_MOST_PROFILED = 12  # columns of a table
_MOST_FACTS = 200
_MOST_LAID_OUT = 2_000  # cells of tables in Markdown
_WIDE = 120  # columns from which changed lines stand side by side


class Screen(NamedTuple):
    """Where blocks are printed; see `print_blocks`."""

    console: Console
    height: int
    remedy: str

    @property
    def unicode(self) -> bool:
        """Whether it can show more than ASCII."""
        return self.console.encoding.lower().startswith("utf")


def print_blocks(
    console: Console, shown: Iterable[Block], *, height: int | None = None, remedy: str = ""
) -> None:
    r"""Print blocks on a terminal, a blank line between them.

    Control, escape and direction characters are shown as escapes. Links are printed as text, without
    terminal hyperlinks. What is too wide or too long is cut, with a note of what is left out.

    Args:
        console: a `rich.console.Console`; its width is used.
        shown: the blocks, in order.
        height: how many rows of a table to print; without it, as many as leave the rest of an artifact in
            sight.
        remedy: a sentence that follows every such note and says where all of it can be found; none by
            default.

    Examples:
        >>> from rich.console import Console
        >>> print_blocks(Console(width=40), [blocks.Text("red: \x1b[31m"), blocks.Link("https://example.org", "docs")])
        red: \x1b[31m
        <BLANKLINE>
        docs: https://example.org
    """
    if height is None:
        height = max(console.height - _MARGIN, _LEAST_HEIGHT)
    screen = Screen(console, height, remedy)

    is_first = True
    for block in shown:
        for part in _WRITERS[type(block)](block, screen):
            if not is_first:
                console.print()
            console.print(part, markup=False, emoji=False, highlight=False, crop=False)
            is_first = False


def aligned_table(
    columns: Sequence[str],
    rows: Sequence[Mapping[str, object]],
    *,
    text: Callable[[object], str] = cell_text,
    fold: Collection[str] = (),
    style: str = "",
) -> Table:
    """Return a table without lines, whose columns of numbers are aligned to the right.

    Args:
        columns: the names of the columns, which are its headings.
        rows: its rows by column; what a row does not have is an empty cell.
        text: the text of a cell; its control characters are escaped.
        fold: the columns whose cells are folded where there is no room for them. All others are cut.
        style: a style of rich for all of it, such as `"dim"`.

    Returns:
        A `rich.table.Table`, for `Console.print`.

    Examples:
        >>> from rich.console import Console
        >>> Console(width=40).print(aligned_table(["key", "rows"], [{"key": "sales", "rows": 12}]))
        key    rows
        sales    12
    """
    from rich.table import Table

    def cell(name: str, value: object) -> Text:
        # The text does not wrap. If the column did not, a narrow terminal would cut all columns alike.
        shown = plain(text(value))
        shown.no_wrap = name not in fold
        return shown

    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, _GAP, 0, 0),
        header_style="bold",
        style=style,
    )
    for name in columns:
        is_numeric = all(isinstance(row.get(name), int | float | None) for row in rows)
        table.add_column(
            cell(name, name),
            justify="right" if is_numeric else "left",
            overflow="fold" if name in fold else "ellipsis",
        )
    for row in rows:
        cells = [cell(name, row.get(name)) for name in columns]
        table.add_row(*cells)
    return table


def column_width(
    name: str,
    rows: Iterable[Mapping[str, object]],
    *,
    text: Callable[[object], str] = cell_text,
) -> int:
    """Return how many columns of a terminal a column of `aligned_table` takes, without a gap.

    Args:
        name: its heading.
        rows: the rows of the table.
        text: the text of a cell.

    Returns:
        The width of the widest cell, heading included.

    Examples:
        >>> column_width("key", [{"key": "sales"}, {}])
        5
    """
    from rich.cells import cell_len

    widths = [cell_len(safe(text(row.get(name)))) for row in rows]
    widths.append(cell_len(safe(text(name))))
    return max(widths)


def left_out_note(parts: Sequence[str], screen: Screen) -> Iterator[RenderableType]:
    """Yield the note below something that was cut; nothing where all of it is shown."""
    if parts:
        sentence = f"Left out: {' and '.join(parts)}. {screen.remedy}"
        yield plain(sentence.rstrip(), "dim")


class Unwrapped:
    """Text whose lines the terminal breaks: they can be copied, and rich takes seconds for many."""

    def __init__(self, text: Text) -> None:
        self.text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        yield from self.text.render(console, end="\n")


class SafeMarkdown:
    """Markdown that is made safe after rich has laid it out, since it can name a character by number."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        from rich.markdown import Markdown
        from rich.segment import Segment

        markdown = Markdown(safe(self.text, "\n\t"), hyperlinks=False)
        for segment in console.render(markdown, options):
            if not segment.control:
                yield Segment(escape_controls(segment.text, "\n"), segment.style)


# What an artifact is


def title_parts(block: blocks.Title, screen: Screen) -> Iterator[RenderableType]:
    """Yield the reference, the type, the aliases and the age of an artifact."""
    line = plain(short_line(block.ref), "bold")
    if block.type:
        line.append(f" {safe(short_line(block.type))}", "not bold cyan")
    for name in block.aliases:
        line.append(f" {safe(short_line(name))}", "not bold green")
    if block.updated is not None:
        line.append(f" updated {age(block.updated)} ago", "not bold dim")
    yield Unwrapped(line)


def facts_parts(block: blocks.Facts, screen: Screen) -> Iterator[RenderableType]:
    """Yield names and values."""
    items = block.items[:_MOST_FACTS]
    yield Unwrapped(fact_lines(items))
    yield from left_out_note(missing(len(items), len(block.items), "value"), screen)


def changes_parts(block: blocks.Changes, screen: Screen) -> Iterator[RenderableType]:
    """Yield what changed since the previous version: in one line, or all of it where no command shows it."""
    from rich.cells import cell_len

    lines = told(block.lines[:_MOST_FACTS], block.compared)
    previous = block.previous and short_line(block.previous)
    since = safe(since_text(previous, block.compared, lines))
    if not lines:
        yield plain(since, "dim")
        return

    changes = [safe(plain_sentence(short_line(line))) for line in lines]
    if block.ref is None or block.previous is None:
        yield plain(f"{since} {in_line(changes)}", "yellow")
        yield from left_out_note(missing(len(lines), len(block.lines), "change"), screen)
        return

    room = screen.console.width - cell_len(since) - 1
    part = plain(f"{since} {in_line(changes, room, cell_len)}", "yellow")
    newer = safe(short_line(block.ref))
    part.append(f"\nartifact-store diff {safe(previous or '')} {newer}", "not yellow dim")
    yield Unwrapped(part)


def plot_parts(block: blocks.Plot, screen: Screen) -> Iterator[RenderableType]:
    """Yield a sparkline, and the range of the numbers."""
    values = [point.value for point in block.points]
    parts = [short_line(block.field)]
    if screen.unicode:
        parts.append(sparkline(values))

    finite = [value for value in values if math.isfinite(value)]
    if finite:
        low = number_text(min(finite))
        high = number_text(max(finite))
        parts.append(f"{low} to {high}, now {number_text(values[-1])}")
    yield plain("  ".join(parts))


def reference_parts(block: blocks.Reference, screen: Screen) -> Iterator[RenderableType]:
    """Yield the command that shows an artifact, above what made it."""
    line = plain("")
    line.append(f"artifact-store show {safe(short_line(block.ref))}\n", "bold")
    line.append_text(fact_lines(reference_facts(block)))
    yield Unwrapped(line)


# What it holds


def text_parts(block: blocks.Text, screen: Screen) -> Iterator[RenderableType]:
    """Yield plain text."""
    text, left_out = cut(block.text, _LONGEST_TEXT)
    yield Unwrapped(plain(text, keep="\n\t"))
    yield from left_out_note(left_out, screen)


def markdown_parts(block: blocks.Markdown, screen: Screen) -> Iterator[RenderableType]:
    """Yield Markdown as rich shows it, or as text where its tables are too large for that."""
    text, left_out = cut(block.text, _LONGEST_MARKDOWN)
    # A short row of a table is filled up with cells, and rich measures each of them for each line.
    if table_cells(text) > _MOST_LAID_OUT:
        yield Unwrapped(plain(text, keep="\n\t"))
    else:
        yield SafeMarkdown(text)
    yield from left_out_note(left_out, screen)


def json_parts(block: blocks.Json, screen: Screen) -> Iterator[RenderableType]:
    """Yield JSON."""
    text, is_whole = json_text(block.value, _LONGEST_TEXT)
    # As escapes of JSON, so that what is copied from the terminal is still the value.
    escaped = escape_controls(text, "\n", as_json=True)
    yield Unwrapped(plain(escaped, keep="\n"))
    if not is_whole:
        yield from left_out_note([f"what follows the first {_LONGEST_TEXT:,} characters"], screen)


def link_parts(block: blocks.Link, screen: Screen) -> Iterator[RenderableType]:
    """Yield a link."""
    line = short_line(block.url)
    if block.text:
        line = f"{short_line(block.text)}: {line}"
    yield Unwrapped(plain(line))


def image_parts(block: blocks.Image, screen: Screen) -> Iterator[RenderableType]:
    """Yield the address of an image, or its type and size where it is in the address."""
    alt = ""
    if block.alt:
        alt = f" ({short_line(block.alt)})"
    if block.source[:5].lower() != "data:":
        yield Unwrapped(plain(f"image: {short_line(block.source)}{alt}"))
        return

    yield plain(f"{data_url_text(block.source)}{alt}")


def progress_parts(block: blocks.Progress, screen: Screen) -> Iterator[RenderableType]:
    """Yield a bar, a number and what else is known."""
    from rich.cells import cell_len

    text = safe(short_line(block.text))
    words = f"{block.percent:.4g} %  {text}".rstrip()
    room = screen.console.width - max(cell_len(words), len("100.0 %")) - 1
    width = max(min(_BAR, room), 1)
    yield progress_bar(block.percent, width, screen.unicode).append(f" {words}")


def note_parts(block: blocks.Note, screen: Screen) -> Iterator[RenderableType]:
    """Yield a note."""
    style = "yellow" if block.problem else "dim"
    yield plain(short_line(block.text), style)


# Tables


def profile_parts(block: blocks.Profile, screen: Screen) -> Iterator[RenderableType]:
    """Yield the profile of a table: its size, above a row for each column."""
    columns = block.profile["columns"]
    total = len(columns) + block.profile.get("columns_left_out", 0)
    size = count_text(block.profile["rows"], "row")
    yield plain(f"{size} × {count_text(total, 'column')}", "bold")
    if not columns:
        return

    rows = []
    for column in columns[:_MOST_PROFILED]:
        cells = zip(PROFILE_HEADINGS, profile_cells(column), strict=True)
        rows.append(dict(cells))
    headings = fitting_columns(PROFILE_HEADINGS, rows, screen.console.width)
    yield aligned_table(headings, rows, style="dim")

    left_out = missing(len(rows), total, "column")
    yield from left_out_note([f"the profile of {part}" for part in left_out], screen)


def lines_parts(block: blocks.Lines, screen: Screen) -> Iterator[RenderableType]:
    """Yield lines that changed: side by side on a wide terminal, otherwise as a unified diff."""
    if screen.console.width >= _WIDE:
        yield side_by_side(block.hunks, screen.unicode)
    else:
        yield Unwrapped(unified_text(block.hunks))


def table_parts(block: blocks.Table, screen: Screen) -> Iterator[RenderableType]:
    """Yield the first rows and columns of a table."""
    if not block.columns:
        return
    rows = block.rows[: screen.height]
    columns = fitting_columns(block.columns, rows, screen.console.width)
    yield aligned_table(columns, rows)

    left_out = missing(len(rows), len(block.rows), "row")
    left_out += missing(len(columns), len(block.columns), "column")
    yield from left_out_note(left_out, screen)


def fitting_columns(
    columns: Sequence[str], rows: Sequence[Mapping[str, object]], width: int
) -> list[str]:
    """Return the first columns that fit beside each other, at least one."""
    total = -_GAP
    fitting: list[str] = []
    for name in columns:
        total += min(column_width(name, rows), _WIDEST) + _GAP
        if fitting and total > width:
            break
        fitting.append(name)
    return fitting


_WRITERS: dict[type[Block], Callable[..., Iterator[RenderableType]]] = {
    blocks.Markdown: markdown_parts,
    blocks.Text: text_parts,
    blocks.Json: json_parts,
    blocks.Table: table_parts,
    blocks.Lines: lines_parts,
    blocks.Link: link_parts,
    blocks.Image: image_parts,
    blocks.Progress: progress_parts,
    blocks.Plot: plot_parts,
    blocks.Facts: facts_parts,
    blocks.Note: note_parts,
    blocks.Title: title_parts,
    blocks.Changes: changes_parts,
    blocks.Profile: profile_parts,
    blocks.Reference: reference_parts,
}
