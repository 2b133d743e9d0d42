"""Blocks as GitHub-flavoured Markdown, for the summary of a CI job, a pull request or an issue.

The text of a store has no effect there: `gfm_text` escapes it. What is too long is cut, so that the result fits into a
comment on GitHub.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote

from ..rendering import blocks
from .blocks import Block
from .changes import since_text, told
from .gfm_text import (
    break_references,
    code_span,
    escape_inner,
    escape_markdown,
    escape_start,
    fence,
    paragraph,
)
from .lines import unified
from .markdown import has_wide_table, markdown_to_html
from .plot import plot_words, sparkline
from .renderers import reference_facts
from .text import (
    PROFILE_HEADINGS,
    cell_text,
    count_text,
    cut,
    data_url_text,
    escape_controls,
    is_numeric,
    json_text,
    missing,
    moment_text,
    profile_cells,
)
from .urls import safe_url

__all__ = [
    "LIMIT",
    "blocks_to_markdown",
    "heading",
    "join_parts",
    "left_out_note",
    "markdown_table",
    "sentence",
]

LIMIT = 65_000  # characters; a comment on GitHub has 65,536 at most
_MAX_TEXT = 15_000
_MAX_HTML = 30_000
_MAX_TABLE = 25_000
_MAX_COLUMNS = 40
_MAX_LINE = 1_000
_MAX_URL = 2_000
_MAX_FACTS = 100
_MAX_PROFILED = 60  # columns
_OPEN_LINES = 30  # JSON of no more lines is unfolded
_BAR = 20  # characters

# In the address of a link these would end it, or begin something else.
_IN_ADDRESS = re.compile(r"[\\<>()\[\]\"`$|*_~]")
_BLANK_LINE = re.compile(r"\n(?=[ \t]*\n)")
_DATA_IMAGE = re.compile(r'<img src="data:[^"]*" alt="([^"]*)"[^>]*>', re.IGNORECASE)
_HEADING = re.compile("(?<=<h)[3-5](?=>)|(?<=</h)[3-5](?=>)")
_FIGURE = ' class="artifact-store-figure"'


def blocks_to_markdown(shown: Iterable[Block], *, remedy: str = "", limit: int = LIMIT) -> str:
    r"""Return blocks as GitHub-flavoured Markdown.

    Stored text is shown as text: nothing in it is a heading, a link, HTML, a mention of somebody or a reference to an
    issue. A block of Markdown is shown as its author meant it, with headings three levels lower. HTML in it is shown as
    text, and it ends where its block ends.

    Args:
        shown: the blocks, in order.
        remedy: a sentence that follows every note of what was cut and says where all of it can be found.
        limit: how many characters the result has at most; the default fits into a comment on GitHub.

    Returns:
        Markdown that ends with a line end.

    Examples:
        >>> print(blocks_to_markdown([blocks.Text("a"), blocks.Table(("key", "rows"), [{"key": "a|b", "rows": 3}])]))
        ```
        a
        ```
        <BLANKLINE>
        | key | rows |
        | --- | ---: |
        | a&#124;b | 3 |
        <BLANKLINE>
    """
    written = ("\n\n".join(_WRITERS[type(block)](block, remedy)) for block in shown)
    return join_parts(written, remedy=remedy, limit=limit)


def join_parts(parts: Iterable[str], *, remedy: str = "", limit: int = LIMIT) -> str:
    """Return parts of Markdown as one text, without those for which there is no room; see `blocks_to_markdown`."""
    result: list[str] = []
    room = limit - _MAX_LINE  # for the note at the end
    left_out = 0
    for part in parts:
        if len(part) + 2 > room:
            left_out += 1
            continue
        if part:
            result.append(part)
            room -= len(part) + 2

    if left_out:
        what = count_text(left_out, "block")
        result.append(left_out_note([f"{what}, to stay below {limit:,} characters"], remedy))
    return "\n\n".join(result) + "\n"


def short_line(text: str) -> str:
    """Return a text that should be short, cut before it is escaped."""
    return cell_text(text, _MAX_LINE)


def left_out_note(parts: Sequence[str], remedy: str) -> str:
    """Return the note below something that was cut."""
    sentence = f"Left out: {' and '.join(parts)}. {remedy}"
    return f"*{escape_markdown(sentence.strip())}*"


def cut_note(parts: Sequence[str], remedy: str) -> Iterator[str]:
    """Yield the note below something that was cut; nothing where all of it is shown."""
    if parts:
        yield left_out_note(parts, remedy)


def details(summary: str, parts: Iterable[str]) -> str:
    """Return parts that are folded below a summary of ours."""
    body = "\n\n".join(parts)
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


# What an artifact is


def title_parts(block: blocks.Title, remedy: str) -> Iterator[str]:
    """Yield the reference as a heading, above the type, the aliases and the last change."""
    yield heading(block.ref)
    facts = [paragraph(short_line(block.type))] if block.type else []
    facts += [code_span(short_line(name)) for name in block.aliases]
    if block.updated is not None:
        # A comment is read later, so there is a time and no age.
        facts.append(f"updated {moment_text(block.updated)}")
    if facts:
        yield ", ".join(facts)


def heading(text: str) -> str:
    """Return text as a heading."""
    escaped = escape_markdown(short_line(text))
    if escaped.endswith("#"):  # it would close the heading
        escaped = f"{escaped[:-1]}\\#"
    return f"### {escaped}"


def facts_parts(block: blocks.Facts, remedy: str) -> Iterator[str]:
    """Yield names and values as a list."""
    items = block.items[:_MAX_FACTS]
    lines = []
    for name, value in items:
        shown = cell_text(value)
        if isinstance(value, blocks.RunState):
            shown = short_line(value.text)
        lines.append(f"- {paragraph(cell_text(name))}: {escape_markdown(shown)}")
    yield "\n".join(lines)
    yield from cut_note(missing(len(items), len(block.items), "value"), remedy)


def changes_parts(block: blocks.Changes, remedy: str) -> Iterator[str]:
    """Yield what changed since the previous version, as a list, and the command that shows all of it."""
    lines = told(block.lines[:_MAX_FACTS], block.compared)
    previous = block.previous and short_line(block.previous)
    yield paragraph(since_text(previous, block.compared, lines))

    if lines:
        yield "\n".join(f"- {sentence(short_line(line))}" for line in lines)
        if previous and block.ref:
            yield code_span(f"artifact-store diff {previous} {short_line(block.ref)}")
    yield from cut_note(
        missing(min(_MAX_FACTS, len(block.lines)), len(block.lines), "change"), remedy
    )


def sentence(text: str) -> str:
    """Return a sentence, with what is between backticks as code."""
    parts = re.split("`([^`]+)`", text.strip())
    if len(parts) == 1:
        return paragraph(text)
    # The odd parts are what the group of the pattern has matched.
    parts[1::2] = map(code_span, parts[1::2])
    parts[::2] = map(escape_inner, parts[::2])
    return escape_start("".join(parts))


def plot_parts(block: blocks.Plot, remedy: str) -> Iterator[str]:
    """Yield the history of a number as a line of bars, and in words."""
    bars = sparkline(point.value for point in block.points)
    words = escape_markdown(plot_words(block.points, block.field))
    yield f"{code_span(bars)} {words}" if bars else words


def reference_parts(block: blocks.Reference, remedy: str) -> Iterator[str]:
    """Yield the command that shows an artifact, above what made it."""
    yield code_span(short_line(f"artifact-store show {block.ref}"))
    yield from facts_parts(blocks.Facts(tuple(reference_facts(block))), remedy)


# What it holds


def markdown_parts(block: blocks.Markdown, remedy: str) -> Iterator[str]:
    """Yield Markdown as HTML, which Markdown may contain: so nothing in it can reach beyond its own block."""
    text, left_out = cut(block.text, _MAX_TEXT)
    html = None if has_wide_table(text) else author_html(text)
    if html is None or len(html) > _MAX_HTML:
        yield fence(text, "markdown")
    elif html:
        yield f"<div>\n{html}\n</div>"
    yield from cut_note(left_out, remedy)


def author_html(text: str) -> str:
    """Return the HTML of Markdown without a blank line, and without what GitHub would replace."""
    html = markdown_to_html(text).strip()
    html = _DATA_IMAGE.sub(r"\1", html)  # GitHub does not show them
    html = _HEADING.sub(lambda found: str(int(found[0]) + 1), html)  # below our own
    html = break_references(html).replace(_FIGURE, ' align="right"')
    # A blank line would end the HTML.
    return _BLANK_LINE.sub("&#10;", html)


def text_parts(block: blocks.Text, remedy: str) -> Iterator[str]:
    """Yield plain text as a block of code."""
    text, left_out = cut(block.text, _MAX_TEXT)
    yield fence(text)
    yield from cut_note(left_out, remedy)


def json_parts(block: blocks.Json, remedy: str) -> Iterator[str]:
    """Yield JSON, folded where it is long."""
    text, is_whole = json_text(block.value, _MAX_TEXT)
    # As escapes of JSON, so that what is copied is still the value.
    parts = [fence(escape_controls(text, keep="\n", as_json=True), "json")]
    if not is_whole:
        left_out = f"what follows the first {_MAX_TEXT:,} characters"
        parts.append(left_out_note([left_out], remedy))
    if is_whole and text.count("\n") <= _OPEN_LINES:
        yield from parts
    else:
        yield details("JSON", parts)


def link_parts(block: blocks.Link, remedy: str) -> Iterator[str]:
    """Yield a link; one with an unsafe address is text."""
    text = short_line(block.text or block.url)
    address = link_address(block.url)
    if address is not None:
        yield f"[{escape_markdown(text)}]({address})"
    elif block.text is None:
        yield paragraph(text)
    else:
        yield f"{paragraph(text)} ({escape_markdown(short_line(block.url))})"


def link_address(url: str) -> str | None:
    """Return an address as it stands in Markdown; `None` for one that is not safe."""
    if len(url) > _MAX_URL:
        return None
    safe = safe_url(url)
    if safe is None:
        return None
    return _IN_ADDRESS.sub(lambda found: quote(found[0], safe=""), safe).replace("&", "&amp;")


def image_parts(block: blocks.Image, remedy: str) -> Iterator[str]:
    """Yield an image; in words where GitHub does not show it."""
    source = block.source.strip()
    if source[:8].lower() == "https://":
        address = link_address(source)
        if address is not None:
            yield f"![{escape_markdown(short_line(block.alt or ''))}]({address})"
            return

    if source[:5].lower() == "data:":
        alt = f" ({short_line(block.alt)})" if block.alt else ""
        yield paragraph(f"An image that is not shown here: {data_url_text(source)}{alt}")
    else:
        yield from link_parts(blocks.Link(block.source, block.alt), remedy)


def progress_parts(block: blocks.Progress, remedy: str) -> Iterator[str]:
    """Yield a bar, a number and what else is known."""
    done = round(_BAR * block.percent / 100)
    line = f"`{'█' * done}{'░' * (_BAR - done)}` {block.percent:.4g} %"
    text = escape_markdown(short_line(block.text))
    yield f"{line}, {text}" if text else line


def note_parts(block: blocks.Note, remedy: str) -> Iterator[str]:
    """Yield a note; GitHub marks one that tells of a problem."""
    text = paragraph(short_line(block.text))
    yield f"> [!WARNING]\n> {text}" if block.problem else text


# Tables


def profile_parts(block: blocks.Profile, remedy: str) -> Iterator[str]:
    """Yield the profile of a table: its size, which unfolds a row for each column."""
    columns = block.profile["columns"]
    total = len(columns) + block.profile.get("columns_left_out", 0)
    rows = count_text(block.profile["rows"], "row")
    size = f"{rows} × {count_text(total, 'column')}"
    if not columns:
        yield size
        return

    cells = []
    for column in columns[:_MAX_PROFILED]:
        values = zip(PROFILE_HEADINGS, profile_cells(column), strict=True)
        cells.append(dict(values))
    lines = [*markdown_table(PROFILE_HEADINGS, cells, limit=_MAX_TABLE)]
    left_out = missing(len(lines) - 2, total, "column")
    yield details(size, ["\n".join(lines), *cut_note(left_out, remedy)])


def lines_parts(block: blocks.Lines, remedy: str) -> Iterator[str]:
    """Yield lines that changed, as a unified diff."""
    shown = []
    for sign, line in unified(block.hunks):
        text = "" if line is None else "".join(part for part, _ in line.parts)
        shown.append(sign + escape_controls(text, keep="\t"))
    text, left_out = cut("\n".join(shown), _MAX_TEXT)
    yield fence(text, "diff")
    yield from cut_note(left_out, remedy)


def table_parts(block: blocks.Table, remedy: str) -> Iterator[str]:
    """Yield the first rows and columns of a table."""
    if not block.columns:
        return
    columns = block.columns[:_MAX_COLUMNS]
    lines = [*markdown_table(columns, block.rows, limit=_MAX_TABLE)]
    yield "\n".join(lines)

    left_out = missing(len(lines) - 2, len(block.rows), "row")
    left_out += missing(len(columns), len(block.columns), "column")
    yield from cut_note(left_out, remedy)


def markdown_table(
    columns: Sequence[str],
    rows: Iterable[Mapping[str, object]],
    *,
    numeric: Iterable[str] | None = None,
    text: Callable[[object], str] = cell_text,
    limit: int | None = None,
) -> Iterator[str]:
    """Yield the lines of a table in GitHub-flavoured Markdown, row by row.

    Args:
        columns: the names of its columns.
        rows: its rows by column; what a row does not have is an empty cell.
        numeric: the columns of numbers, which are aligned to the right; without it all rows are read first, to see
            which these are.
        text: the text of a cell, which is escaped; by default it is cut after 200 characters.
        limit: the number of characters after which no row follows; `None` is no limit.

    Returns:
        The lines, without line ends.

    Examples:
        >>> for line in markdown_table(["key", "rows"], [{"key": "sales", "rows": 12}, {"key": "a|b"}]):
        ...     print(line)
        | key | rows |
        | --- | ---: |
        | sales | 12 |
        | a&#124;b |  |
    """
    if numeric is None:
        rows = list(rows)
        numeric = {name for name in columns if is_numeric(rows, name)}
    else:
        numeric = {*numeric}
    yield table_line(cell_text(name) for name in columns)
    yield f"| {' | '.join('---:' if name in numeric else '---' for name in columns)} |"

    length = 0
    for row in rows:
        line = table_line(text(row.get(name)) for name in columns)
        length += len(line) + 1
        if limit is not None and length > limit:
            return
        yield line


def table_line(cells: Iterable[str]) -> str:
    """Return a row of a table."""
    return f"| {' | '.join(map(escape_markdown, cells))} |"


_WRITERS: dict[type[Block], Callable[..., Iterator[str]]] = {
    blocks.Markdown: markdown_parts,
    blocks.Image: image_parts,
    blocks.Text: text_parts,
    blocks.Json: json_parts,
    blocks.Table: table_parts,
    blocks.Lines: lines_parts,
    blocks.Link: link_parts,
    blocks.Progress: progress_parts,
    blocks.Facts: facts_parts,
    blocks.Plot: plot_parts,
    blocks.Note: note_parts,
    blocks.Title: title_parts,
    blocks.Changes: changes_parts,
    blocks.Profile: profile_parts,
    blocks.Reference: reference_parts,
}
