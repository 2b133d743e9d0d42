"""Blocks on a terminal, with rich: what is stored is shown, and never obeyed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import blocks
from .plot import sparkline
from .text import age, cell_text, counted, cut, escape_controls, json_text, missing, moment_text, number_text, profiled

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    from .blocks import Block

__all__ = ["block_renderables", "print_blocks"]

_GAP = 2  # blanks between columns
_WIDEST = 40  # a column of a table counts as no wider; rich cuts its cells
_MARGIN = 12  # lines of the terminal that are left to what stands around a table
_BAR = 40  # columns
_LONGEST_MARKDOWN = 12_000  # characters
_LONGEST_TEXT = 200_000
_MOST_PROFILED = 12  # columns of a table


def print_blocks(console: Console, shown: Iterable[Block], *, height: int | None = None) -> None:
    r"""Print blocks on a terminal, a blank line between them.

    Control, escape and direction characters are shown and not obeyed; a link is text, so no terminal makes
    something else of it. What is too wide or too long is cut, with a note of what is left out.

    Args:
        console: where to print; its width is respected.
        shown: the blocks, in order.
        height: how many lines there are for the rows of a table; without it, those of the terminal.

    Examples:
        >>> from rich.console import Console
        >>> print_blocks(Console(width=40), [blocks.Text("red: \x1b[31m"), blocks.Link("https://example.org", "docs")])
        red: \x1b[31m
        <BLANKLINE>
        docs: https://example.org
    """
    for number, renderable in enumerate(block_renderables(console, shown, height=height)):
        if number:
            console.print()
        console.print(renderable, markup=False, emoji=False, highlight=False, crop=False)


def block_renderables(
    console: Console, shown: Iterable[Block], *, height: int | None = None
) -> Iterator[RenderableType]:
    """Yield what rich prints of some blocks; the arguments are those of `print_blocks`."""
    for block in shown:
        if isinstance(block, blocks.Table):
            yield from _table(block, console.width, console.height - _MARGIN if height is None else height)
        elif isinstance(block, blocks.Plot):
            yield _plot(block, console)
        elif isinstance(block, blocks.Progress):
            yield _progress(block, console)
        else:
            yield from _WRITERS[type(block)](block)


def _safe(text: str, keep: str = "") -> str:
    return escape_controls(text.replace("\r\n", "\n") if keep else text, keep)


def _plain(text: str, style: str = "", keep: str = "") -> RenderableType:
    from rich.text import Text

    return Text(_safe(text, keep), style=style)


def _left_out(what: Sequence[str]) -> Iterator[RenderableType]:
    if what:
        yield _plain(f"Left out: {' and '.join(what)}.", "dim")


# What an artifact is


def _title(block: blocks.Title) -> Iterator[RenderableType]:
    from rich.text import Text

    line = Text(_safe(block.ref), style="bold")
    if block.type:
        line.append(f" {_safe(block.type)}", "not bold cyan")
    yield line.append(f" updated {age(block.updated)}", "not bold dim")


def _facts(block: blocks.Facts) -> Iterator[RenderableType]:
    from rich.table import Table

    grid = Table.grid(padding=(0, _GAP, 0, 0))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    for name, value in block.items:
        grid.add_row(_plain(name), _plain(cell_text(value, _LONGEST_TEXT)))
    yield grid


def _changes(block: blocks.Changes) -> Iterator[RenderableType]:
    since = f"Since {block.previous}: " if block.previous else "Changed: "
    yield _plain(since + ", ".join(line.replace("`", "") for line in block.lines), "yellow")


def _plot(block: blocks.Plot, console: Console) -> RenderableType:
    values = [point.value for point in block.points]
    finite = [value for value in values if value == value]
    line = sparkline(values) if _is_unicode(console) else ""
    limits = (
        f"{number_text(min(finite))} to {number_text(max(finite))}, now {number_text(values[-1])}" if finite else ""
    )
    return _plain(f"{block.field}  {line}  {limits}")


def _reference(block: blocks.Reference) -> Iterator[RenderableType]:
    facts = [("read it back", f"artifact-store show {block.ref}")]
    facts += [(name, ref) for name, ref in (("previous", block.previous), ("next", block.next)) if ref]
    if block.latest is not None and not block.ref.endswith(f"@{block.latest}"):
        facts.append(("latest", f"version {block.latest}"))
    facts += [*block.made_by, ("created", moment_text(block.created))]
    if block.ref != str(block.id):
        facts.append(("id", str(block.id)))
    yield from _facts(blocks.Facts(tuple(facts)))


# What it holds


def _text(block: blocks.Text) -> Iterator[RenderableType]:
    text, left_out = cut(block.text, _LONGEST_TEXT)
    yield _Lines(_safe(text, "\n\t"))
    yield from _left_out(left_out)


def _markdown(block: blocks.Markdown) -> Iterator[RenderableType]:
    text, left_out = cut(block.text, _LONGEST_MARKDOWN)
    yield _Shown(text)
    yield from _left_out(left_out)


class _Lines:
    """Text whose lines the terminal itself breaks, which takes rich seconds where they are many."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        from rich.segment import Segment as Piece

        yield Piece(self.text)
        yield Piece.line()


class _Shown:
    """Markdown whose text is made safe after rich has laid it out, since Markdown can name a character by number."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        from rich.markdown import Markdown
        from rich.segment import Segment as Piece

        for segment in console.render(Markdown(_safe(self.text, "\n\t"), hyperlinks=False), options):
            if not segment.control:
                yield Piece(escape_controls(segment.text, "\n"), segment.style)


def _json(block: blocks.Json) -> Iterator[RenderableType]:
    text, whole = json_text(block.value, _LONGEST_TEXT)
    yield _Lines(escape_controls(text, "\n", as_json=True))
    yield from _left_out([f"what follows the first {_LONGEST_TEXT:,} characters"] * (not whole))


def _link(block: blocks.Link) -> Iterator[RenderableType]:
    yield _plain(f"{block.text}: {block.url}" if block.text else block.url)


def _image(block: blocks.Image) -> Iterator[RenderableType]:
    named = f" ({block.alt})" if block.alt else ""
    if block.source[:5].lower() != "data:":
        yield _plain(f"image: {block.source}{named}")
        return
    kind, _, content = block.source[5:].partition(",")
    yield _plain(f"{kind.partition(';')[0][:80] or 'image'}, {_size(len(content) * 3 // 4)}{named}")


def _size(count: int) -> str:
    return f"{count:,} bytes" if count < 10_000 else f"{count / 1024:,.0f} KiB"


def _progress(block: blocks.Progress, console: Console) -> RenderableType:
    from rich.text import Text

    done, rest = ("━", "─") if _is_unicode(console) else ("#", "-")
    length = round(_BAR * block.percent / 100)
    return Text.assemble((done * length, "cyan"), (rest * (_BAR - length), "dim"), f" {block.percent:.4g} %")


def _is_unicode(console: Console) -> bool:
    return console.encoding.lower().startswith("utf")


def _note(block: blocks.Note) -> Iterator[RenderableType]:
    yield _plain(block.text, "yellow" if block.problem else "dim")


def _profile(block: blocks.Profile) -> Iterator[RenderableType]:
    columns = block.profile["columns"]
    total = len(columns) + block.profile.get("columns_left_out", 0)
    yield _plain(f"{counted(block.profile['rows'], 'row')} × {counted(total, 'column')}", "bold")
    if not columns:
        return
    names = ("column", "type", "nulls", "distinct", "min", "max")
    rows = [dict(zip(names, profiled(column), strict=True)) for column in columns[:_MOST_PROFILED]]
    yield _aligned(names, rows, style="dim")
    yield from _left_out([f"the profile of {part}" for part in missing(len(rows), total, "column")])


def _table(block: blocks.Table, width: int, height: int) -> Iterator[RenderableType]:
    if not block.columns:
        return
    rows = block.rows[: max(height, 5)]
    columns = _fitting(block.columns, rows, width)
    yield _aligned(columns, rows)
    yield from _left_out(
        missing(len(rows), len(block.rows), "row") + missing(len(columns), len(block.columns), "column")
    )


def _fitting(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    """Return the first columns that fit beside each other."""
    from rich.cells import cell_len

    total, shown = -_GAP, list[str]()
    for name in columns:
        widest = max(cell_len(_safe(text)) for text in (name, *(cell_text(row.get(name)) for row in rows)))
        total += min(widest, _WIDEST) + _GAP
        if shown and total > width:
            break
        shown.append(name)
    return shown


def _aligned(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], style: str = "") -> RenderableType:
    """Return an aligned table whose cells are cut where there is no room for them."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold", style=style)
    for name in columns:
        figures = all(isinstance(row.get(name), int | float | None) for row in rows)
        table.add_column(_plain(name), justify="right" if figures else "left", no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*(_plain(cell_text(row.get(name))) for name in columns))
    return table


_WRITERS: dict[type[Any], Callable[[Any], Iterator[Any]]] = {
    blocks.Markdown: _markdown,
    blocks.Text: _text,
    blocks.Json: _json,
    blocks.Link: _link,
    blocks.Image: _image,
    blocks.Facts: _facts,
    blocks.Note: _note,
    blocks.Title: _title,
    blocks.Changes: _changes,
    blocks.Profile: _profile,
    blocks.Reference: _reference,
}
