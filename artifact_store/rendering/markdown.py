"""Markdown as HTML, by markdown-it-py: HTML in it is shown as text, links and images are checked."""

from collections.abc import MutableMapping, Sequence
from functools import cache
from typing import Any

from .markup import Html, element, escape, open_tag
from .text import cut, escape_controls
from .urls import image_source, safe_url

__all__ = ["first_line", "markdown_to_html", "table_cells"]

_LONGEST_LINE = 1_000  # characters
_EXTERNAL = "artifact_store_external_images"


def markdown_to_html(text: str, *, external_images: bool = True) -> Html:
    r"""Return the HTML of Markdown: CommonMark with tables and strikethrough.

    Args:
        text: the Markdown; headings in it come out two levels lower, since it stands within a page.
        external_images: show images of `https:` addresses; otherwise they are links.

    Examples:
        >>> markdown_to_html("# Hello *you*\n<b>")
        '<h3>Hello <em>you</em></h3>\n<p>&lt;b&gt;</p>\n'
    """
    html: str = _parser().render(text, {_EXTERNAL: external_images})
    # After the rendering, since Markdown can also name a character by its number.
    return Html.trusted(escape_controls(html, keep="\n\t"))


def first_line(text: str) -> str:
    r"""Return the first line that Markdown shows, as plain text.

    Examples:
        >>> first_line("# Weather of **today**, by `etl`, see [the log](https://example.org)\n\nMore.")
        'Weather of today, by etl, see the log'
    """
    tokens = _parser().parse(cut(text, _LONGEST_LINE)[0].lstrip())
    shown = next((token for token in tokens if token.content.strip()), None)
    if shown is None:
        return ""
    parts = (
        "\n" if child.type.endswith("break") else child.content
        for child in shown.children or [shown]
    )
    return next(iter("".join(parts).strip().splitlines()), "")


def table_cells(text: str) -> int:
    r"""Return how many cells the tables in Markdown have, those included that short rows are filled up with.

    Examples:
        >>> table_cells("| a | b |\n|---|---|\n| 1 |"), table_cells("# None")
        (4, 0)
    """
    if "|" not in text:
        return 0
    return sum(token.type in ("th_open", "td_open") for token in _parser().parse(text))


@cache
def _parser() -> Any:
    from markdown_it import MarkdownIt

    parser: Any = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.validateLink = _is_valid
    for name, rule in (("image", _image), ("link_open", _link_open)):
        parser.renderer.rules[name] = rule
    for name in ("heading_open", "heading_close"):
        parser.renderer.rules[name] = _heading
    for name in ("th_open", "td_open"):
        parser.renderer.rules[name] = _cell
    return parser


def _is_valid(url: str) -> bool:
    return safe_url(url) is not None or image_source(url, external=True) is not None


# What the parser calls for a token, in place of its own functions


def _link_open(
    tokens: Sequence[Any], position: int, options: Any, env: MutableMapping[str, Any]
) -> Html:
    return open_tag("a", **_link_attributes(safe_url(str(tokens[position].attrGet("href") or ""))))


def _link_attributes(url: str | None) -> dict[str, str]:
    return {} if url is None else {"href": url, "rel": "noopener noreferrer", "target": "_blank"}


def _image(
    tokens: Sequence[Any], position: int, options: Any, env: MutableMapping[str, Any]
) -> Html:
    token = tokens[position]
    address = str(token.attrGet("src") or "")
    alt = str(_parser().renderer.renderInlineAsText(token.children or [], options, env))
    source = image_source(address, external=env[_EXTERNAL])
    if source is not None:
        return element("img", src=source, alt=alt, loading="lazy", referrerpolicy="no-referrer")

    url = safe_url(address)
    within_link = any(token.type == "link_open" for token in tokens)
    if url is None or within_link:
        return escape(alt)
    return element("a", alt or url, **_link_attributes(url))


def _heading(
    tokens: Sequence[Any], position: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    token = tokens[position]
    name = f"h{min(int(token.tag[1]) + 2, 6)}"
    return f"<{name}>" if token.nesting == 1 else f"</{name}>\n"


def _cell(
    tokens: Sequence[Any], position: int, options: Any, env: MutableMapping[str, Any]
) -> Html:
    """Open a cell; the parser would write its alignment as a style, which strict pages refuse."""
    token = tokens[position]
    style = str(token.attrGet("style") or "")
    return open_tag(token.tag, class_="artifact-store-figure" if style.endswith("right") else None)
