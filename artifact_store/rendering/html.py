"""Blocks as HTML, for notebooks and reports.

Everything is made by `markup.element`, which escapes text. Links lead to safe schemes only, and nothing
runs: this module writes no script, no event handler and no `style` attribute.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, LiteralString, NamedTuple

from ..payloads.images import MAX_IMAGE_BYTES
from ..rendering import blocks
from .blocks import Block
from .changes import since_text, told
from .markdown import has_wide_table, markdown_to_html
from .markup import Html, element, escape, join
from .plot import line_plot, plot_words
from .renderers import reference_facts
from .runs import state_tone
from .text import (
    PROFILE_HEADINGS,
    age,
    cell_text,
    count_text,
    cut,
    escape_controls,
    is_numeric,
    json_text,
    missing,
    moment_text,
    profile_cells,
)
from .urls import image_source, safe_url

__all__ = ["blocks_to_html"]

_MAX_TEXT = 100_000  # characters
_MAX_MARKDOWN = 30_000
_MAX_JSON = 50_000
_MAX_LINE = 1_000
_MAX_MESSAGE = 4_000
_MAX_URL = 10_000
_MAX_DATA_URL = (MAX_IMAGE_BYTES + 2) // 3 * 4 + 100  # base64, and room for the prefix
_MAX_COLUMNS = 60
_MAX_CELLS = 6_000
_MIN_ROWS = 20  # of a table with many columns
_MAX_ROWS = 200  # of a table with few
_MAX_FACTS = 200
_MAX_PROFILED = 200  # columns
_OPEN_LINES = 12  # JSON of no more lines is unfolded

_NULL = element("span", "null", class_="artifact-store-null")
_PROFILE_NUMBERS = ("nulls", "distinct")


class Options(NamedTuple):
    """How a page wants its blocks; see `blocks_to_html`."""

    external_images: bool
    remedy: str


def blocks_to_html(
    shown: Iterable[Block], *, external_images: bool = True, remedy: str = ""
) -> Html:
    """Return the HTML of some blocks: an element for each, without a style of its own.

    The elements have classes that begin with `artifact-store-`; `style.STYLE` is their style sheet, below
    an element of the class `artifact-store`. What is too long is cut, with a note of what is left out.

    Args:
        shown: the blocks, in order.
        external_images: show images of `https:` addresses; otherwise they are links, and the page needs no
            network.
        remedy: a sentence that follows every such note and says where all of it can be found.

    Examples:
        >>> blocks_to_html([blocks.Text("<b>"), blocks.Link("javascript:alert(1)")])
        '<pre class="artifact-store-text">&lt;b&gt;</pre><p class="artifact-store-link">javascript:alert(1)</p>'
    """
    options = Options(external_images, remedy)
    return join(_WRITERS[type(block)](block, options) for block in shown)


def short_line(text: str) -> str:
    """Return a text that should be short; cut before it is escaped, which can make it ten times as long."""
    return cell_text(text, _MAX_LINE)


def short_text(text: str) -> str:
    """Return a text of several lines that should be short."""
    shown, left_out = cut(text, _MAX_MESSAGE)
    return f"{shown}…" if left_out else shown


def styled(name: LiteralString, kind: LiteralString, *children: str | None) -> Html:
    """Return an element with a class of the style sheet."""
    return element(name, *children, class_="artifact-store-" + kind)


def left_out_note(parts: list[str], options: Options) -> Html:
    """Return the note below something that was cut; nothing where all of it is shown."""
    if not parts:
        return Html("")
    sentence = f"Left out: {' and '.join(parts)}. {options.remedy}"
    return styled("p", "note", sentence.rstrip())


# What an artifact is


def title_html(block: blocks.Title, options: Options) -> Html:
    """Return the reference, the type, the aliases and the age of an artifact."""
    parts = [element("strong", short_line(block.ref)), " "]
    if block.type:
        parts += [styled("span", "type", short_line(block.type)), " "]
    for name in block.aliases:
        parts += [styled("span", "alias", short_line(name)), " "]
    if block.updated is not None:
        updated = element(
            "time",
            f"{age(block.updated)} ago",
            datetime=block.updated.isoformat(),
            title=moment_text(block.updated),
        )
        parts.append(updated)
    return styled("p", "title", *parts)


def facts_html(block: blocks.Facts, options: Options) -> Html:
    """Return names and values as a list of descriptions."""
    items = block.items[:_MAX_FACTS]
    pairs = []
    for name, value in items:
        term = element("dt", cell_text(name))
        description = element("dd", *fact_parts(value))
        pairs.append(element("div", term, description))

    left_out = missing(len(items), len(block.items), "value")
    return join([styled("dl", "facts", *pairs), left_out_note(left_out, options)])


def fact_parts(value: object) -> list[str]:
    """Return the value of a fact: a run with its state in its colour, anything else as a cell."""
    if not isinstance(value, blocks.RunState):
        return [cell_html(value)]

    parts: list[str] = [short_line(value.name)] if value.name else []
    if value.state:
        parts.append(", " if value.name else "")
        parts.append(state_html(value.state_type, value.state))
    if value.took:
        parts.append(f" {value.took}")
    if value.message:
        tone = "bad" if state_tone(value.state_type) == "bad" else "none"
        kind = f"artifact-store-message artifact-store-{tone}"
        parts.append(element("span", short_text(value.message), class_=kind))
    return parts


def state_html(state_type: str | None, state: str) -> Html:
    """Return the name of a state in its colour."""
    tone = state_tone(state_type) or "none"
    return element("span", short_line(state), class_=f"artifact-store-state artifact-store-{tone}")


def changes_html(block: blocks.Changes, options: Options) -> Html:
    """Return what changed since the previous version, and the line of Python that returns the difference."""
    lines = told(block.lines[:_MAX_FACTS], block.compared)
    previous = block.previous and short_line(block.previous)
    since = element("span", since_text(previous, block.compared, lines))
    if not lines:
        return styled("div", "changes", since)

    items = [element("li", *inline_code(short_line(line))) for line in lines]
    code = None
    if previous and block.ref:
        code = element("code", f'store.diff("{previous}", "{short_line(block.ref)}")')
    changed = styled("div", "changes", since, element("ul", *items), code)

    left_out = missing(len(lines), len(block.lines), "change")
    return join([changed, left_out_note(left_out, options)])


def inline_code(text: str) -> list[str]:
    """Return the parts of a sentence, with what is between backticks as code."""
    parts = re.split("`([^`]+)`", text)
    # The odd parts are what the group of the pattern has matched.
    parts[1::2] = [element("code", part) for part in parts[1::2]]
    return parts


def plot_html(block: blocks.Plot, options: Options) -> Html:
    """Return a plot and its description, which pages that remove SVG elements still show."""
    caption = element("figcaption", plot_words(block.points, block.field))
    drawing = line_plot(block.points, block.field, words=False)
    return styled("figure", "trend", caption, drawing)


def reference_html(block: blocks.Reference, options: Options) -> Html:
    """Return the line of Python that reads an artifact back, above what made it."""
    code = short_line(f'store.read_artifact_ref("{block.ref}")')
    facts = blocks.Facts(tuple(reference_facts(block)))
    return styled(
        "div",
        "reference",
        styled("code", "copy", code),
        facts_html(facts, options),
    )


# What it holds


def markdown_html(block: blocks.Markdown, options: Options) -> Html:
    """Return Markdown as HTML, or as it was written if its tables are too wide for a page."""
    text, left_out = cut(block.text, _MAX_MARKDOWN)
    if has_wide_table(text):
        return text_html(blocks.Text(block.text), options)
    html = markdown_to_html(text, external_images=options.external_images)
    return join([styled("div", "markdown", html), left_out_note(left_out, options)])


def text_html(block: blocks.Text, options: Options) -> Html:
    """Return plain text."""
    text, left_out = cut(block.text, _MAX_TEXT)
    return join([styled("pre", "text", text), left_out_note(left_out, options)])


def json_html(block: blocks.Json, options: Options) -> Html:
    """Return JSON, folded where it is long."""
    value = block.value
    text, is_whole = json_text(value, _MAX_JSON)
    # As escapes of JSON, so that what is copied from the page is still the value.
    code = styled("pre", "json", escape_controls(text, keep="\n", as_json=True))
    if isinstance(value, dict):
        size = count_text(len(value), "member")
    elif isinstance(value, list):
        size = count_text(len(value), "item")
    else:
        return code

    left_out = [] if is_whole else [f"what follows the first {_MAX_JSON:,} characters"]
    return element(
        "details",
        element("summary", f"JSON, {size}"),
        code,
        left_out_note(left_out, options),
        class_="artifact-store-details",
        open=is_whole and text.count("\n") <= _OPEN_LINES,
    )


def link_html(block: blocks.Link, options: Options) -> Html:
    """Return a link; one with an unsafe address is text."""
    text = short_line(block.text or block.url)
    url = None
    if len(block.url) <= _MAX_URL:
        url = safe_url(block.url)

    if url is not None:
        link = element("a", text, href=url, rel="noopener noreferrer", target="_blank")
        return styled("p", "link", link)
    if block.text is not None:
        text = f"{text} ({short_line(block.url)})"
    return styled("p", "link", text)


def image_html(block: blocks.Image, options: Options) -> Html:
    """Return an image, or a link to one that is not shown."""
    alt = short_line(block.alt or "")
    is_data = block.source[:5].lower() == "data:"
    limit = _MAX_DATA_URL if is_data else _MAX_URL
    source = None
    if len(block.source) <= limit:
        source = image_source(block.source, external=options.external_images)

    if source is not None:
        image = element("img", src=source, alt=alt, loading="lazy", referrerpolicy="no-referrer")
        caption = element("figcaption", alt) if block.alt else None
        return styled("figure", "image", image, caption)

    # `image_source` takes an address with blanks around it too.
    start = block.source[:1000].lstrip()
    if start[:5].lower() == "data:":
        return styled("p", "note", f"An image that is not shown: {block.source[:40]}… {alt}")
    return link_html(blocks.Link(block.source, block.alt), options)


def progress_html(block: blocks.Progress, options: Options) -> Html:
    """Return a progress as a bar, a number and what else is known."""
    percent = f"{block.percent:.4g}"
    label = f"{percent} %"
    bar = element("progress", label, max="100", value=percent, aria_label="progress")
    text = short_line(block.text)
    words = f"{label}, {text}" if text else label
    return styled("p", "progress", bar, " ", element("span", words))


def note_html(block: blocks.Note, options: Options) -> Html:
    """Return a note."""
    kind: LiteralString = "problem" if block.problem else "note"
    return styled("p", kind, short_line(block.text))


# Tables


def profile_html(block: blocks.Profile, options: Options) -> Html:
    """Return the profile of a table: its size, above a row for each column."""
    columns = block.profile["columns"]
    total = len(columns) + block.profile.get("columns_left_out", 0)
    rows = count_text(block.profile["rows"], "row")
    summary = f"{rows} × {count_text(total, 'column')}"
    if not columns:
        return styled("p", "profile", summary)

    columns = columns[:_MAX_PROFILED]
    table = grid(PROFILE_HEADINGS, map(profile_cells, columns), _PROFILE_NUMBERS)
    left_out = missing(len(columns), total, "column")
    return element(
        "details",
        element("summary", summary),
        scroll_box("columns", table),
        left_out_note(left_out, options),
        class_="artifact-store-details artifact-store-profile",
        open=True,
    )


def table_html(block: blocks.Table, options: Options) -> Html:
    """Return the first rows and columns of a table."""
    if not block.columns:
        return Html("")

    columns = block.columns[:_MAX_COLUMNS]
    limit = max(_MIN_ROWS, _MAX_CELLS // len(columns))
    rows = block.rows[: min(limit, _MAX_ROWS)]

    cells = ([row.get(name) for name in columns] for row in rows)
    numeric = {name for name in columns if is_numeric(rows, name)}
    table = grid(columns, cells, numeric)

    left_out = missing(len(rows), len(block.rows), "row")
    left_out += missing(len(columns), len(block.columns), "column")
    return join([scroll_box("rows", table), left_out_note(left_out, options)])


def lines_html(block: blocks.Lines, options: Options) -> Html:
    """Return lines that changed, those before on the left and those after on the right."""
    rows = []
    for hunk in block.hunks:
        heading = element("td", hunk.heading, colspan=4)
        rows.append(element("tr", heading, class_="artifact-store-hunk"))
        for pair in hunk.pairs:
            cells = [*line_cells("del", pair.before), *line_cells("ins", pair.after)]
            rows.append(element("tr", *cells))
    columns = element("colgroup", *[element("col") for _ in range(4)])
    return element(
        "div",
        element("table", columns, element("tbody", *rows)),
        class_="artifact-store-lines",
        tabindex=0,
        role="region",
        aria_label="lines",
    )


def line_cells(name: Literal["del", "ins"], line: blocks.Line | None) -> tuple[Html, Html]:
    """Return the number and the text of a line; empty cells for a side that has none."""
    if line is None:
        return element("td"), element("td")
    parts = []
    room = _MAX_LINE
    for part, changed in line.parts:
        text = escape_controls(part[:room], keep="\t")
        parts.append(element("mark", text) if changed else escape(text))
        room -= len(part)
        if room < 0:
            parts.append(Html("…"))
            break
    text_cell = element("td", element(name, *parts), class_=f"artifact-store-{name}")
    return element("td", str(line.number)), text_cell


def scroll_box(name: LiteralString, table: Html) -> Html:
    """Return a table in a box that scrolls, also by the keyboard."""
    return element(
        "div",
        table,
        class_="artifact-store-scroll artifact-store-" + name,
        tabindex=0,
        role="region",
        aria_label=name,
    )


def grid(columns: Sequence[str], rows: Iterable[Iterable[object]], numeric: Iterable[str]) -> Html:
    """Return a table whose numeric columns are aligned to the right."""
    classes = ["artifact-store-figure" if name in numeric else None for name in columns]
    headings = [
        element("th", cell_html(name), scope="col", class_=each)
        for name, each in zip(columns, classes, strict=True)
    ]
    body = [grid_row(values, classes) for values in rows]
    return element(
        "table",
        element("thead", element("tr", *headings)),
        element("tbody", *body),
    )


def grid_row(values: Iterable[object], classes: Iterable[str | None]) -> Html:
    """Return a row of a table."""
    cells = []
    for value, each in zip(values, classes, strict=True):
        # Most cells have no class: without the argument they take half the time.
        if each is None:
            cells.append(element("td", cell_html(value)))
        else:
            cells.append(element("td", cell_html(value), class_=each))
    return element("tr", *cells)


def cell_html(value: object) -> str:
    """Return a value as the content of a cell."""
    if type(value) is blocks.RunState:
        return element("span", *fact_parts(value))
    return _NULL if value is None else cell_text(value)


_WRITERS: dict[type[Block], Callable[..., Html]] = {
    blocks.Markdown: markdown_html,
    blocks.Image: image_html,
    blocks.Text: text_html,
    blocks.Json: json_html,
    blocks.Table: table_html,
    blocks.Lines: lines_html,
    blocks.Link: link_html,
    blocks.Progress: progress_html,
    blocks.Facts: facts_html,
    blocks.Plot: plot_html,
    blocks.Note: note_html,
    blocks.Title: title_html,
    blocks.Changes: changes_html,
    blocks.Profile: profile_html,
    blocks.Reference: reference_html,
}
