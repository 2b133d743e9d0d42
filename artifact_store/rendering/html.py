"""Blocks as HTML, for notebooks and reports: text is escaped, links lead to safe schemes alone, nothing runs."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from ..payloads.images import MAX_IMAGE_BYTES
from ..rendering import blocks
from .blocks import Block
from .markdown import markdown_to_html
from .plot import line_plot, plot_words
from .renderers import reference_facts
from .text import age, cell_text, counted, cut, escape_controls, json_text, missing, moment_text, profiled
from .urls import image_source, safe_url

__all__ = ["blocks_to_html", "escaped"]

_LONGEST_TEXT = 100_000  # characters
_LONGEST_MARKDOWN = 30_000
_LONGEST_JSON = 50_000
_BEYOND = f"what follows the first {_LONGEST_JSON:,} characters"
_LONGEST_LINE = 1_000
_LONGEST_URL = 10_000
_LONGEST_IMAGE = (MAX_IMAGE_BYTES + 2) // 3 * 4 + 100
_MOST_COLUMNS, _MOST_CELLS, _LEAST_ROWS, _MOST_ROWS = 60, 6_000, 20, 200
_MOST_FACTS = 200
_MOST_PROFILED = 200  # columns
_OPEN_LINES = 12  # JSON of no more lines is unfolded


class _Place(NamedTuple):
    """Where the HTML will stand."""

    external_images: bool
    remedy: str


def blocks_to_html(shown: Iterable[Block], *, external_images: bool = True, remedy: str = "") -> str:
    """Return the HTML of some blocks: an element for each, without a style of its own.

    The elements have classes that begin with `artifact-store-`; `style.STYLE` is their style sheet, below an
    element of the class `artifact-store`. What is too long is cut, with a note of what is left out.

    Args:
        shown: the blocks, in order.
        external_images: show images of `https:` addresses; otherwise they are links, and the page needs no network.
        remedy: a sentence behind every such note: where all of it is.

    Examples:
        >>> blocks_to_html([blocks.Text("<b>"), blocks.Link("javascript:alert(1)")])
        '<pre class="artifact-store-text">&lt;b&gt;</pre><p class="artifact-store-link">javascript:alert(1)</p>'
    """
    place = _Place(external_images, remedy)
    return "".join(_WRITERS[type(block)](block, place) for block in shown)


def escaped(text: str) -> str:
    """Return text for HTML, also between quotes; control and direction characters are shown."""
    return escape(escape_controls(text.replace("\r\n", "\n"), keep="\n\t"))


def _line(text: str, limit: int = _LONGEST_LINE) -> str:
    """Return a text that should be short, cut before it is escaped, since that makes some of it ten times as long."""
    return escaped(cell_text(text, limit))


def _element(name: str, kind: str, inner: str) -> str:
    return f'<{name} class="artifact-store-{kind}">{inner}</{name}>'


def _left_out(what: list[str], place: _Place) -> str:
    if not what:
        return ""
    return _element("p", "note", escaped(f"Left out: {' and '.join(what)}. {place.remedy}".rstrip()))


# What an artifact is


def _title(block: blocks.Title, _: _Place) -> str:
    kind = f" {_element('span', 'type', _line(block.type))}" if block.type else ""
    when = f'datetime="{block.updated.isoformat()}" title="{moment_text(block.updated)}"'
    moment = f"<time {when}>{age(block.updated)} ago</time>"
    return _element("p", "title", f"<strong>{_line(block.ref)}</strong>{kind} {moment}")


def _facts(block: blocks.Facts, place: _Place) -> str:
    items = block.items[:_MOST_FACTS]
    pairs = (f"<dt>{escaped(cell_text(name))}</dt><dd>{_value(value)}</dd>" for name, value in items)
    listed = _element("dl", "facts", "".join(f"<div>{pair}</div>" for pair in pairs))
    return listed + _left_out(missing(len(items), len(block.items), "value"), place)


def _changes(block: blocks.Changes, place: _Place) -> str:
    since = f"Since {_line(block.previous)}:" if block.previous else "Changed:"
    told = block.lines[:_MOST_FACTS]
    lines = "".join(f"<li>{_inline_code(line)}</li>" for line in told)
    listed = _element("div", "changes", f"<span>{since}</span><ul>{lines}</ul>")
    return listed + _left_out(missing(len(told), len(block.lines), "change"), place)


def _inline_code(text: str) -> str:
    """Return a sentence in which names stand between backticks."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", _line(text))


def _plot(block: blocks.Plot, _: _Place) -> str:
    # The words stand beside the drawing, for where an SVG element is taken away.
    caption = f"<figcaption>{plot_words(block.points, block.field)}</figcaption>"
    return _element("figure", "trend", caption + line_plot(block.points, block.field, words=False))


def _reference(block: blocks.Reference, place: _Place) -> str:
    line = _line(f'store.read_artifact_ref("{block.ref}")')
    listed = blocks.Facts(tuple(reference_facts(block)))
    return _element("div", "reference", f'<code class="artifact-store-copy">{line}</code>{_facts(listed, place)}')


# What it holds


def _markdown(block: blocks.Markdown, place: _Place) -> str:
    text, left_out = cut(block.text, _LONGEST_MARKDOWN)
    html = markdown_to_html(text, external_images=place.external_images)
    return _element("div", "markdown", html) + _left_out(left_out, place)


def _text(block: blocks.Text, place: _Place) -> str:
    text, left_out = cut(block.text, _LONGEST_TEXT)
    return _element("pre", "text", escaped(text)) + _left_out(left_out, place)


def _json(block: blocks.Json, place: _Place) -> str:
    text, whole = json_text(block.value, _LONGEST_JSON)
    inner = _element("pre", "json", escape(escape_controls(text, keep="\n", as_json=True)))
    if not isinstance(block.value, dict | list):
        return inner
    opened = " open" if whole and text.count("\n") <= _OPEN_LINES else ""
    size = counted(len(block.value), "member" if isinstance(block.value, dict) else "item")
    note = _left_out([] if whole else [_BEYOND], place)
    return f'<details class="artifact-store-details"{opened}><summary>JSON, {size}</summary>{inner}{note}</details>'


def _link(block: blocks.Link, _: _Place) -> str:
    text = _line(block.text or block.url)
    url = safe_url(block.url) if len(block.url) <= _LONGEST_URL else None
    if url is None:
        shown = text if block.text is None else f"{text} ({_line(block.url)})"
        return _element("p", "link", shown)
    return _element("p", "link", f'<a href="{escaped(url)}" rel="noopener noreferrer" target="_blank">{text}</a>')


def _image(block: blocks.Image, place: _Place) -> str:
    alt = _line(block.alt or "")
    source = None
    if len(block.source) <= (_LONGEST_IMAGE if block.source[:5].lower() == "data:" else _LONGEST_URL):
        source = image_source(block.source, external=place.external_images)
    if source is not None:
        image = f'<img src="{escaped(source)}" alt="{alt}" loading="lazy" referrerpolicy="no-referrer">'
        caption = f"<figcaption>{alt}</figcaption>" if block.alt else ""
        return _element("figure", "image", image + caption)
    if block.source[:1000].lstrip()[:5].lower() == "data:":
        return _element("p", "note", f"An image that is not shown: {escaped(block.source[:40])}… {alt}")
    return _link(blocks.Link(block.source, block.alt), place)


def _progress(block: blocks.Progress, _: _Place) -> str:
    percent = f"{block.percent:.4g}"
    bar = f'<progress max="100" value="{percent}" aria-label="progress">{percent} %</progress>'
    return _element("p", "progress", f"{bar} <span>{percent} %</span>")


def _note(block: blocks.Note, _: _Place) -> str:
    return _element("p", "problem" if block.problem else "note", _line(block.text))


def _profile(block: blocks.Profile, place: _Place) -> str:
    total = len(block.profile["columns"]) + block.profile.get("columns_left_out", 0)
    columns = block.profile["columns"][:_MOST_PROFILED]
    summary = f"{counted(block.profile['rows'], 'row')} × {counted(total, 'column')}"
    if not columns:
        return _element("p", "profile", summary)
    names = ("column", "type", "nulls", "distinct", "min", "max")
    head = "".join(f'<th scope="col"{_figure(name in ("nulls", "distinct"))}>{name}</th>' for name in names)
    rows = "".join(_row(profiled(column), ("nulls", "distinct"), names) for column in columns)
    body = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return (
        f'<details class="artifact-store-details artifact-store-profile" open><summary>{summary}</summary>'
        f"{_scroll('columns', body)}{_left_out(missing(len(columns), total, 'column'), place)}</details>"
    )


def _scroll(name: str, table: str) -> str:
    """Return a table in a box that scrolls, by the keyboard too."""
    kind = f"artifact-store-scroll artifact-store-{name}"
    return f'<div class="{kind}" tabindex="0" role="region" aria-label="{name}">{table}</div>'


def _table(block: blocks.Table, place: _Place) -> str:
    if not block.columns:
        return ""
    columns = block.columns[:_MOST_COLUMNS]
    rows = block.rows[: min(_MOST_ROWS, max(_LEAST_ROWS, _MOST_CELLS // max(len(columns), 1)))]
    figures = {name for name in columns if _is_figures(rows, name)}
    head = "".join(f'<th scope="col"{_figure(name in figures)}>{_value(name)}</th>' for name in columns)
    body = "".join(_row([row.get(name) for name in columns], figures, columns) for row in rows)
    left_out = missing(len(rows), len(block.rows), "row") + missing(len(columns), len(block.columns), "column")
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return _scroll("rows", table) + _left_out(left_out, place)


def _figure(is_one: bool) -> str:
    return ' class="artifact-store-figure"' if is_one else ""


def _is_figures(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    kinds = {type(row.get(name)) for row in rows} - {type(None)}
    return bool(kinds) and kinds <= {int, float}


def _row(values: Iterable[Any], figures: Iterable[str], names: Iterable[str]) -> str:
    cells = (f"<td{_figure(name in figures)}>{_value(value)}</td>" for name, value in zip(names, values, strict=True))
    return f"<tr>{''.join(cells)}</tr>"


def _value(value: Any) -> str:
    if value is None:
        return '<span class="artifact-store-null">null</span>'
    return escaped(cell_text(value))


_WRITERS: dict[type[Any], Callable[[Any, _Place], str]] = {
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
