"""Blocks on a terminal, with rich. Control characters in stored text are shown and never sent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..rendering import blocks
from .markdown import table_cells
from .plot import sparkline
from .renderers import reference_facts
from .text import (
    age,
    cell_text,
    counted,
    cut,
    escape_controls,
    json_text,
    missing,
    number_text,
    profiled,
)

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment
    from rich.text import Text

    from .blocks import Block

__all__ = ["print_blocks"]

_GAP = 2  # blanks between columns
_WIDEST = 40  # a column of a table counts as no wider; rich cuts its cells
_MARGIN = 12  # lines of the terminal that are left to what stands around a table
_BAR = 40  # columns
_LONGEST_MARKDOWN = 12_000  # characters
_LONGEST_TEXT = 200_000
_LONGEST_VALUE = 2_000
_MOST_PROFILED = 12  # columns of a table
_MOST_FACTS = 200
_MOST_LAID_OUT = 2_000  # cells of tables in Markdown


class _Place(NamedTuple):
    """Where blocks are printed."""

    console: Console
    height: int
    remedy: str

    @property
    def unicode(self) -> bool:
        return self.console.encoding.lower().startswith("utf")


def print_blocks(
    console: Console, shown: Iterable[Block], *, height: int | None = None, remedy: str = ""
) -> None:
    r"""Print blocks on a terminal, a blank line between them.

    Control, escape and direction characters are shown as escapes. Links are printed as text, without terminal
    hyperlinks. What is too wide or too long is cut, with a note of what is left out.

    Args:
        console: a `rich.console.Console`; its width is used.
        shown: the blocks, in order.
        height: how many rows of a table to print; without it, as many as leave the rest of an artifact in sight.
        remedy: a sentence that follows every such note and says where all of it can be found; none by default.

    Examples:
        >>> from rich.console import Console
        >>> print_blocks(Console(width=40), [blocks.Text("red: \x1b[31m"), blocks.Link("https://example.org", "docs")])
        red: \x1b[31m
        <BLANKLINE>
        docs: https://example.org
    """
    place = _Place(console, max(console.height - _MARGIN, 5) if height is None else height, remedy)
    renderables = (
        renderable for block in shown for renderable in _WRITERS[type(block)](block, place)
    )
    for number, renderable in enumerate(renderables):
        if number:
            console.print()
        console.print(renderable, markup=False, emoji=False, highlight=False, crop=False)


def _safe(text: str, keep: str = "") -> str:
    return escape_controls(text.replace("\r\n", "\n") if keep else text, keep)


def _plain(text: str, style: str = "", keep: str = "") -> Text:
    from rich.text import Text

    return Text(_safe(text, keep), style=style)


class _Lines:
    """Text whose lines are left to the terminal to break: they can be copied, and rich takes seconds for many."""

    def __init__(self, text: Text) -> None:
        self.text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        yield from self.text.render(console, end="\n")


def _short(text: str) -> str:
    """Return a text that should be short, cut before it is measured and escaped."""
    return cell_text(text, _LONGEST_VALUE)


def _left_out(what: Sequence[str], place: _Place) -> Iterator[RenderableType]:
    if what:
        yield _plain(f"Left out: {' and '.join(what)}. {place.remedy}".rstrip(), "dim")


# What an artifact is


def _title(block: blocks.Title, _: _Place) -> Iterator[RenderableType]:
    line = _plain(_short(block.ref), "bold")
    if block.type:
        line.append(f" {_safe(_short(block.type))}", "not bold cyan")
    yield _Lines(line.append(f" updated {age(block.updated)} ago", "not bold dim"))


def _facts(block: blocks.Facts, place: _Place) -> Iterator[RenderableType]:
    items = block.items[:_MOST_FACTS]
    yield _Lines(_listed(items))
    yield from _left_out(missing(len(items), len(block.items), "value"), place)


def _listed(items: Sequence[tuple[str, Any]]) -> Text:
    """Return names and values, one to a line."""
    from rich.cells import cell_len

    pairs = [
        (_safe(cell_text(name)), _safe(cell_text(value, _LONGEST_VALUE))) for name, value in items
    ]
    width = max((cell_len(name) for name, _ in pairs), default=0) + _GAP
    lines = _plain("")
    for number, (name, value) in enumerate(pairs):
        lines.append("\n" * bool(number) + name + " " * (width - cell_len(name)), "dim").append(
            value
        )
    return lines


def _changes(block: blocks.Changes, place: _Place) -> Iterator[RenderableType]:
    since = f"Since {_short(block.previous)}: " if block.previous else "Changed: "
    told = block.lines[:_MOST_FACTS]
    yield _plain(since + ", ".join(_short(line).replace("`", "") for line in told), "yellow")
    yield from _left_out(missing(len(told), len(block.lines), "change"), place)


def _plot(block: blocks.Plot, place: _Place) -> Iterator[RenderableType]:
    values = [point.value for point in block.points]
    finite = [value for value in values if math.isfinite(value)]
    parts = [_short(block.field), *([sparkline(values)] if place.unicode else [])]
    if finite:
        parts.append(
            f"{number_text(min(finite))} to {number_text(max(finite))}, now {number_text(values[-1])}"
        )
    yield _plain("  ".join(parts))


def _reference(block: blocks.Reference, _: _Place) -> Iterator[RenderableType]:
    line = _plain("").append(f"artifact-store show {_safe(_short(block.ref))}\n", "bold")
    yield _Lines(line.append_text(_listed(reference_facts(block))))


# What it holds


def _text(block: blocks.Text, place: _Place) -> Iterator[RenderableType]:
    text, left_out = cut(block.text, _LONGEST_TEXT)
    yield _Lines(_plain(text, keep="\n\t"))
    yield from _left_out(left_out, place)


def _markdown(block: blocks.Markdown, place: _Place) -> Iterator[RenderableType]:
    text, left_out = cut(block.text, _LONGEST_MARKDOWN)
    # A short row of a table is filled up with cells, and rich measures each of them for each line.
    too_wide = table_cells(text) > _MOST_LAID_OUT
    yield _Lines(_plain(text, keep="\n\t")) if too_wide else _Shown(text)
    yield from _left_out(left_out, place)


class _Shown:
    """Markdown whose text is made safe after rich has laid it out, since Markdown can name a character by number."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        from rich.markdown import Markdown
        from rich.segment import Segment as Piece

        for segment in console.render(
            Markdown(_safe(self.text, "\n\t"), hyperlinks=False), options
        ):
            if not segment.control:
                yield Piece(escape_controls(segment.text, "\n"), segment.style)


def _json(block: blocks.Json, place: _Place) -> Iterator[RenderableType]:
    text, whole = json_text(block.value, _LONGEST_TEXT)
    yield _Lines(_plain(escape_controls(text, "\n", as_json=True), keep="\n"))
    yield from _left_out(
        [] if whole else [f"what follows the first {_LONGEST_TEXT:,} characters"], place
    )


def _link(block: blocks.Link, _: _Place) -> Iterator[RenderableType]:
    url = _short(block.url)
    yield _Lines(_plain(f"{_short(block.text)}: {url}" if block.text else url))


def _image(block: blocks.Image, _: _Place) -> Iterator[RenderableType]:
    named = f" ({_short(block.alt)})" if block.alt else ""
    if block.source[:5].lower() != "data:":
        yield _Lines(_plain(f"image: {_short(block.source)}{named}"))
        return
    kind, content = block.source[5:].partition(",")[::2]
    yield _plain(
        f"{kind.partition(';')[0][:80] or 'image'}, {_size(len(content.rstrip('=')) * 3 // 4)}{named}"
    )


def _size(count: int) -> str:
    return f"{count:,} bytes" if count < 10_000 else f"{count / 1024:,.0f} KiB"


def _progress(block: blocks.Progress, place: _Place) -> Iterator[RenderableType]:
    done, rest = ("━", "─") if place.unicode else ("#", "-")
    room = max(min(_BAR, place.console.width - len(" 100.0 %")), 1)
    length = round(room * block.percent / 100)
    bar = _plain("").append(done * length, "cyan").append(rest * (room - length), "dim")
    yield bar.append(f" {block.percent:.4g} %")


def _note(block: blocks.Note, _: _Place) -> Iterator[RenderableType]:
    yield _plain(_short(block.text), "yellow" if block.problem else "dim")


def _profile(block: blocks.Profile, place: _Place) -> Iterator[RenderableType]:
    columns = block.profile["columns"]
    total = len(columns) + block.profile.get("columns_left_out", 0)
    yield _plain(f"{counted(block.profile['rows'], 'row')} × {counted(total, 'column')}", "bold")
    if not columns:
        return
    names = ("column", "type", "nulls", "distinct", "min", "max")
    rows = [dict(zip(names, profiled(column), strict=True)) for column in columns[:_MOST_PROFILED]]
    yield _aligned(_fitting(names, rows, place.console.width), rows, style="dim")
    yield from _left_out(
        [f"the profile of {part}" for part in missing(len(rows), total, "column")], place
    )


def _table(block: blocks.Table, place: _Place) -> Iterator[RenderableType]:
    if not block.columns:
        return
    rows = block.rows[: place.height]
    columns = _fitting(block.columns, rows, place.console.width)
    yield _aligned(columns, rows)
    yield from _left_out(
        missing(len(rows), len(block.rows), "row")
        + missing(len(columns), len(block.columns), "column"),
        place,
    )


def _fitting(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    """Return the first columns that fit beside each other."""
    from rich.cells import cell_len

    total, shown = -_GAP, list[str]()
    for name in columns:
        widest = max(
            cell_len(_safe(cell_text(text))) for text in (name, *(row.get(name) for row in rows))
        )
        total += min(widest, _WIDEST) + _GAP
        if shown and total > width:
            break
        shown.append(name)
    return shown


def _aligned(
    columns: Sequence[str], rows: Sequence[Mapping[str, Any]], style: str = ""
) -> RenderableType:
    """Return an aligned table whose cells are cut where there is no room for them."""
    from rich.table import Table

    table = Table(
        box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold", style=style
    )
    for name in columns:
        figures = all(isinstance(row.get(name), int | float | None) for row in rows)
        table.add_column(
            _plain(cell_text(name)),
            justify="right" if figures else "left",
            no_wrap=True,
            overflow="ellipsis",
        )
    for row in rows:
        table.add_row(*(_plain(cell_text(row.get(name))) for name in columns))
    return table


_WRITERS: dict[type[Any], Callable[[Any, _Place], Iterator[Any]]] = {
    blocks.Markdown: _markdown,
    blocks.Text: _text,
    blocks.Json: _json,
    blocks.Table: _table,
    blocks.Link: _link,
    blocks.Image: _image,
    blocks.Progress: _progress,
    blocks.Plot: _plot,
    blocks.Facts: _facts,
    blocks.Note: _note,
    blocks.Title: _title,
    blocks.Changes: _changes,
    blocks.Profile: _profile,
    blocks.Reference: _reference,
}
