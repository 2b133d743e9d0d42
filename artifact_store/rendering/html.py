"""Blocks as HTML, for notebooks and reports.

Everything is made by `markup.element`, which escapes text. Links lead to safe schemes only, and nothing runs: there is
no script, no event handler and no `style` attribute in what this module writes.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, LiteralString, NamedTuple

from ..payloads.images import MAX_IMAGE_BYTES
from ..rendering import blocks
from .blocks import Block
from .markdown import markdown_to_html
from .markup import Html, element, join
from .plot import line_plot, plot_words
from .renderers import reference_facts
from .text import (
    age,
    cell_text,
    counted,
    cut,
    escape_controls,
    json_text,
    missing,
    moment_text,
    profiled,
)
from .urls import image_source, safe_url

__all__ = ["blocks_to_html"]

_MAX_TEXT = 100_000  # characters
_MAX_MARKDOWN = 30_000
_MAX_JSON = 50_000
_MAX_LINE = 1_000
_MAX_URL = 10_000
_MAX_DATA_URL = (MAX_IMAGE_BYTES + 2) // 3 * 4 + 100
_MAX_COLUMNS = 60
_MAX_CELLS = 6_000
_MIN_ROWS, _MAX_ROWS = 20, 200  # of a table with many columns, and with few
_MAX_FACTS = 200
_MAX_PROFILED = 200  # columns
_OPEN_LINES = 12  # JSON of no more lines is unfolded

_NULL = element("span", "null", class_="artifact-store-null")
_PROFILE_COLUMNS = ("column", "type", "nulls", "distinct", "min", "max")
_PROFILE_NUMBERS = ("nulls", "distinct")


class _Options(NamedTuple):
    """How the page wants its blocks."""

    external_images: bool
    remedy: str


def blocks_to_html(
    shown: Iterable[Block], *, external_images: bool = True, remedy: str = ""
) -> Html:
    """Return the HTML of some blocks: an element for each, without a style of its own.

    The elements have classes that begin with `artifact-store-`; `style.STYLE` is their style sheet, below an
    element of the class `artifact-store`. What is too long is cut, with a note of what is left out.

    Args:
        shown: the blocks, in order.
        external_images: show images of `https:` addresses; otherwise they are links, and the page needs no network.
        remedy: a sentence that follows every such note and says where all of it can be found.

    Examples:
        >>> blocks_to_html([blocks.Text("<b>"), blocks.Link("javascript:alert(1)")])
        '<pre class="artifact-store-text">&lt;b&gt;</pre><p class="artifact-store-link">javascript:alert(1)</p>'
    """
    options = _Options(external_images, remedy)
    return join(_WRITERS[type(block)](block, options) for block in shown)


def _line(text: str) -> str:
    """Return a text that should be short. It is cut before it is escaped, which can make it ten times as long."""
    return cell_text(text, _MAX_LINE)


def _styled(name: LiteralString, kind: LiteralString, *children: str | None) -> Html:
    """Return an element with a class of the style sheet."""
    return element(name, *children, class_="artifact-store-" + kind)


def _left_out(parts: list[str], options: _Options) -> Html:
    if not parts:
        return Html("")
    return _styled("p", "note", f"Left out: {' and '.join(parts)}. {options.remedy}".rstrip())


# What an artifact is


def _title(block: blocks.Title, _: _Options) -> Html:
    kind = _styled("span", "type", _line(block.type)) if block.type else None
    updated = element(
        "time",
        f"{age(block.updated)} ago",
        datetime=block.updated.isoformat(),
        title=moment_text(block.updated),
    )
    return _styled(
        "p", "title", element("strong", _line(block.ref)), kind and " ", kind, " ", updated
    )


def _facts(block: blocks.Facts, options: _Options) -> Html:
    items = block.items[:_MAX_FACTS]
    pairs = [
        element("div", element("dt", cell_text(name)), element("dd", _value(value)))
        for name, value in items
    ]
    note = _left_out(missing(len(items), len(block.items), "value"), options)
    return join([_styled("dl", "facts", *pairs), note])


def _changes(block: blocks.Changes, options: _Options) -> Html:
    since = f"Since {_line(block.previous)}:" if block.previous else "Changed:"
    lines = block.lines[:_MAX_FACTS]
    items = [element("li", *_inline_code(_line(line))) for line in lines]
    note = _left_out(missing(len(lines), len(block.lines), "change"), options)
    return join([_styled("div", "changes", element("span", since), element("ul", *items)), note])


def _inline_code(text: str) -> list[str]:
    """Return the parts of a sentence, with what is between backticks as code."""
    parts = re.split("`([^`]+)`", text)
    return [element("code", part) if number % 2 else part for number, part in enumerate(parts)]


def _plot(block: blocks.Plot, _: _Options) -> Html:
    # The words stand beside the drawing too, for pages where an SVG element is removed.
    caption = element("figcaption", plot_words(block.points, block.field))
    return _styled("figure", "trend", caption, line_plot(block.points, block.field, words=False))


def _reference(block: blocks.Reference, options: _Options) -> Html:
    code = _styled("code", "copy", _line(f'store.read_artifact_ref("{block.ref}")'))
    facts = blocks.Facts(tuple(reference_facts(block)))
    return _styled("div", "reference", code, _facts(facts, options))


# What it holds


def _markdown(block: blocks.Markdown, options: _Options) -> Html:
    text, left_out = cut(block.text, _MAX_MARKDOWN)
    html = markdown_to_html(text, external_images=options.external_images)
    return join([_styled("div", "markdown", html), _left_out(left_out, options)])


def _text(block: blocks.Text, options: _Options) -> Html:
    text, left_out = cut(block.text, _MAX_TEXT)
    return join([_styled("pre", "text", text), _left_out(left_out, options)])


def _json(block: blocks.Json, options: _Options) -> Html:
    text, whole = json_text(block.value, _MAX_JSON)
    # As escapes of JSON, so that what is copied from the page is still the value.
    code = _styled("pre", "json", escape_controls(text, keep="\n", as_json=True))
    if not isinstance(block.value, dict | list):
        return code

    size = counted(len(block.value), "member" if isinstance(block.value, dict) else "item")
    note = _left_out([] if whole else [f"what follows the first {_MAX_JSON:,} characters"], options)
    unfolded = whole and text.count("\n") <= _OPEN_LINES
    return element(
        "details",
        element("summary", f"JSON, {size}"),
        code,
        note,
        class_="artifact-store-details",
        open=unfolded,
    )


def _link(block: blocks.Link, _: _Options) -> Html:
    text = _line(block.text or block.url)
    url = safe_url(block.url) if len(block.url) <= _MAX_URL else None
    if url is not None:
        return _styled(
            "p", "link", element("a", text, href=url, rel="noopener noreferrer", target="_blank")
        )
    if block.text is not None:
        text = f"{text} ({_line(block.url)})"
    return _styled("p", "link", text)


def _image(block: blocks.Image, options: _Options) -> Html:
    alt = _line(block.alt or "")
    source = None
    if len(block.source) <= (_MAX_DATA_URL if block.source[:5].lower() == "data:" else _MAX_URL):
        source = image_source(block.source, external=options.external_images)

    if source is not None:
        image = element("img", src=source, alt=alt, loading="lazy", referrerpolicy="no-referrer")
        return _styled("figure", "image", image, element("figcaption", alt) if block.alt else None)
    if block.source[:1000].lstrip()[:5].lower() == "data:":
        return _styled("p", "note", f"An image that is not shown: {block.source[:40]}… {alt}")
    return _link(blocks.Link(block.source, block.alt), options)


def _progress(block: blocks.Progress, _: _Options) -> Html:
    percent = f"{block.percent:.4g}"
    bar = element("progress", f"{percent} %", max="100", value=percent, aria_label="progress")
    return _styled("p", "progress", bar, " ", element("span", f"{percent} %"))


def _note(block: blocks.Note, _: _Options) -> Html:
    return _styled("p", "problem" if block.problem else "note", _line(block.text))


def _profile(block: blocks.Profile, options: _Options) -> Html:
    total = len(block.profile["columns"]) + block.profile.get("columns_left_out", 0)
    columns = block.profile["columns"][:_MAX_PROFILED]
    summary = f"{counted(block.profile['rows'], 'row')} × {counted(total, 'column')}"
    if not columns:
        return _styled("p", "profile", summary)

    table = _grid(_PROFILE_COLUMNS, map(profiled, columns), _PROFILE_NUMBERS)
    return element(
        "details",
        element("summary", summary),
        _scroll("columns", table),
        _left_out(missing(len(columns), total, "column"), options),
        class_="artifact-store-details artifact-store-profile",
        open=True,
    )


def _scroll(name: LiteralString, table: Html) -> Html:
    """Return a table in a box that scrolls, also by the keyboard."""
    return element(
        "div",
        table,
        class_="artifact-store-scroll artifact-store-" + name,
        tabindex=0,
        role="region",
        aria_label=name,
    )


def _table(block: blocks.Table, options: _Options) -> Html:
    if not block.columns:
        return Html("")
    columns = block.columns[:_MAX_COLUMNS]
    most = min(_MAX_ROWS, max(_MIN_ROWS, _MAX_CELLS // len(columns)))
    rows = block.rows[:most]

    cells = ([row.get(name) for name in columns] for row in rows)
    table = _grid(columns, cells, {name for name in columns if _is_numeric(rows, name)})
    left_out = missing(len(rows), len(block.rows), "row") + missing(
        len(columns), len(block.columns), "column"
    )
    return join([_scroll("rows", table), _left_out(left_out, options)])


def _grid(columns: Sequence[str], rows: Iterable[Iterable[object]], numeric: Iterable[str]) -> Html:
    """Return a table whose numeric columns are aligned to the right."""
    classes = ["artifact-store-figure" if name in numeric else None for name in columns]
    head = [
        element("th", _value(name), scope="col", class_=each)
        for name, each in zip(columns, classes, strict=True)
    ]
    body = [_row(values, classes) for values in rows]
    return element("table", element("thead", element("tr", *head)), element("tbody", *body))


def _row(values: Iterable[object], classes: Iterable[str | None]) -> Html:
    cells = [
        element("td", _value(value)) if each is None else element("td", _value(value), class_=each)
        for value, each in zip(values, classes, strict=True)
    ]
    return element("tr", *cells)


def _is_numeric(rows: Sequence[Mapping[str, object]], name: str) -> bool:
    kinds = {type(row.get(name)) for row in rows} - {type(None)}
    return bool(kinds) and kinds <= {int, float}


def _value(value: object) -> str:
    return _NULL if value is None else cell_text(value)


_WRITERS: dict[type[Any], Callable[[Any, _Options], Html]] = {
    blocks.Markdown: _markdown,
    blocks.Image: _image,
    blocks.Text: _text,
    blocks.Json: _json,
    blocks.Table: _table,
    blocks.Link: _link,
    blocks.Progress: _progress,
    blocks.Facts: _facts,
    blocks.Plot: _plot,
    blocks.Note: _note,
    blocks.Title: _title,
    blocks.Changes: _changes,
    blocks.Profile: _profile,
    blocks.Reference: _reference,
}
