"""Markdown as HTML, by markdown-it-py: HTML in it is shown as text, links and images are checked.

The result is trusted as HTML, so whatever a rule here returns must be escaped: it is made by `element`,
`open_tag` and `escape`, or holds no stored text.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from .markup import Html, element, escape, open_tag
from .text import cut, escape_controls
from .urls import image_source, safe_url

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token
    from markdown_it.utils import EnvType, OptionsDict

__all__ = ["first_line", "has_wide_table", "markdown_to_html", "table_cells"]

_LONGEST_LINE = 1_000  # characters
_MAX_CELLS = 50_000  # of tables in Markdown
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
    html = parser().render(text, {_EXTERNAL: external_images})
    # After the rendering, since Markdown can also name a character by its number.
    return Html.trusted(escape_controls(html, keep="\n\t"))


def has_wide_table(text: str) -> bool:
    """Tell whether tables may have so many cells that it takes seconds; short rows are filled up with cells."""
    lines = text.splitlines()
    widest = max((line.count("|") for line in lines), default=0)
    return widest * len(lines) > _MAX_CELLS


def first_line(text: str) -> str:
    r"""Return the first line that Markdown shows, as plain text.

    Examples:
        >>> first_line("# Weather of **today**, by `etl`, see [the log](https://example.org)\n\nMore.")
        'Weather of today, by etl, see the log'
    """
    beginning, _ = cut(text, _LONGEST_LINE)
    for token in parser().parse(beginning.lstrip()):
        if token.content.strip():
            break
    else:
        return ""

    parts = [
        "\n" if child.type.endswith("break") else child.content
        for child in token.children or [token]
    ]
    lines = "".join(parts).strip().splitlines()
    return lines[0] if lines else ""


def table_cells(text: str) -> int:
    r"""Return how many cells the tables in Markdown have, including those that fill up short rows.

    Examples:
        >>> table_cells("| a | b |\n|---|---|\n| 1 |"), table_cells("# None")
        (4, 0)
    """
    if "|" not in text:
        return 0
    return sum(token.type in ("th_open", "td_open") for token in parser().parse(text))


@cache
def parser() -> MarkdownIt:
    """Return the parser, which is made when the first Markdown is shown."""
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML

    class Renderer(RendererHTML):
        """Writes HTML; a method that has the name of a token is called for it."""

        def link_open(self, tokens: Sequence[Token], idx: int, *_: object) -> Html:
            return open_link(tokens[idx])

        def heading_open(self, tokens: Sequence[Token], idx: int, *_: object) -> str:
            return heading_tag(tokens[idx])

        heading_close = heading_open

        def th_open(self, tokens: Sequence[Token], idx: int, *_: object) -> Html:
            return open_cell(tokens[idx])

        td_open = th_open

        def image(
            self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
        ) -> str:
            alt = self.renderInlineAsText(tokens[idx].children or [], options, env)
            within_link = any(each.type == "link_open" for each in tokens)
            address = str(tokens[idx].attrGet("src") or "")
            return image_html(address, alt, external=env[_EXTERNAL], within_link=within_link)

    class Parser(MarkdownIt):
        def validateLink(self, url: str) -> bool:  # noqa: N802 - their name
            return safe_url(url) is not None or image_source(url, external=True) is not None

    markdown = Parser("commonmark", {"html": False}, renderer_cls=Renderer)
    return markdown.enable(["table", "strikethrough"])


def image_html(address: str, alt: str, *, external: bool, within_link: bool) -> Html:
    """Return an image, or a link to one that is not shown."""
    source = image_source(address, external=external)
    if source is not None:
        return element("img", src=source, alt=alt, loading="lazy", referrerpolicy="no-referrer")

    url = safe_url(address)
    if url is None or within_link:
        return escape(alt)
    return element("a", alt or url, **link_attributes(url))


def link_attributes(url: str | None) -> dict[str, str]:
    """Return the attributes of a link; none where the address is not safe."""
    if url is None:
        return {}
    return {"href": url, "rel": "noopener noreferrer", "target": "_blank"}


def open_link(token: Token) -> Html:
    """Open a link."""
    address = str(token.attrGet("href") or "")
    return open_tag("a", **link_attributes(safe_url(address)))


def heading_tag(token: Token) -> str:
    """Open or close a heading, two levels lower."""
    level = min(int(token.tag[1]) + 2, 6)
    return f"<h{level}>" if token.nesting == 1 else f"</h{level}>\n"


def open_cell(token: Token) -> Html:
    """Open a cell; the parser would write its alignment as a style, which strict pages refuse."""
    style = str(token.attrGet("style") or "")
    class_ = "artifact-store-figure" if style.endswith("right") else None
    return open_tag(token.tag, class_=class_)
