r"""Text as it is written into GitHub-flavoured Markdown, so that a reader sees it unchanged.

There are two kinds of syntax. What the parser of Markdown reads is escaped with a backslash. A backslash does not stop
what GitHub looks for afterwards, in the text of the page: `@name` notifies that person, `#12` leaves a trace in issue
12, `:tada:` becomes a picture and `$x$` a formula. There the first character stands in a `<span>` of its own, as
GitHub's documentation recommends for `$`: nothing is added to the text, and what is copied from the page is the text.
"""

import re
from html import escape

from .text import escape_controls

__all__ = [
    "break_references",
    "code_span",
    "escape_inner",
    "escape_markdown",
    "escape_start",
    "fence",
    "paragraph",
]

_REFERENCES = (
    r"(?<![A-Za-z0-9_])@(?=\w)"  # somebody, or a team; `sales@3` is neither
    r"|@(?=[\w-]+\.\w)"  # an e-mail address
    r"|@(?=[0-9a-f]{7})"  # a commit
    r"|\#(?=\d)"  # an issue
    r"|(?<=\bGH)-(?=\d)"
    r"|\$"
    r"|:(?=//)"  # an address becomes a link
    r"|(?<=\bwww)\."
    r"|:(?=(?!\d\d:)[\w+-]+:)"  # an emoji; `08:30:00` is none
)
_IN_HTML = re.compile(rf"<[^>]*>|{_REFERENCES}", re.IGNORECASE)
_SYNTAX = re.compile(
    rf"{_REFERENCES}"
    r"|[\n|\\`*\[\]<>&~]"
    # Not the `_` of `flow_run_id`: between letters it is text. `++` keeps a run of them together.
    r"|(?<!\w)_++|_++(?!\w)",
    re.IGNORECASE,
)
_EDGES = re.compile(r"\A(?:\s|<br>)|(?:\s|<br>)\Z")
_START = re.compile(r"[#+-]|\d{1,9}(?=[.)])")
_BACKTICKS = re.compile("`+")


def escape_markdown(text: str) -> str:
    r"""Return text for a line of Markdown or a cell of a table, where it is shown and has no other effect.

    Line ends become `<br>`. Control and direction characters become escapes, as on a terminal.

    Args:
        text: the text.

    Returns:
        Markdown in one line. At the start of a line, use `paragraph`.

    Examples:
        >>> print(escape_markdown("a*b <c> flow_run_id"))
        a\*b \<c\> flow_run_id
        >>> print(escape_markdown("thanks @octocat, see #12 for $5\nand 7"))
        thanks <span>@</span>octocat, see <span>#</span>12 for <span>$</span>5<br>and 7
        >>> print(escape_markdown("sales@3"))
        sales@3
    """
    # The parser removes blanks at both ends.
    return _EDGES.sub(escape_edge, escape_inner(text))


def escape_inner(text: str) -> str:
    """Return text as `escape_markdown` does, for a place between other characters of its line."""
    shown = escape_controls(text.replace("\r\n", "\n"), keep="\n\t")
    return _SYNTAX.sub(escape_found, shown)


def escape_found(found: re.Match[str]) -> str:
    """Return the escape of what has a meaning in Markdown."""
    text = found[0]
    if text == "\n":
        return "<br>"
    if text == "|":
        return "&#124;"
    if text in "@#-$:.":
        return f"<span>{text}</span>"
    return "".join(f"\\{character}" for character in text)


def escape_edge(found: re.Match[str]) -> str:
    """Return the escape of a blank or a line end at an end of a text."""
    return "&#10;" if found[0] == "<br>" else f"&#{ord(found[0])};"


def paragraph(text: str) -> str:
    r"""Return text as a paragraph, or as an item of a list.

    Examples:
        >>> print(paragraph("1. of all"), paragraph("# no heading"), paragraph("-5"))
        1\. of all \# no heading \-5
    """
    return escape_start(escape_markdown(text))


def escape_start(line: str) -> str:
    """Return a line of Markdown that begins no heading and no list."""
    start = _START.match(line)
    if start is None:
        return line
    if start[0].isdigit():
        return f"{start[0]}\\{line[start.end() :]}"
    return f"\\{line}"


def code_span(text: str) -> str:
    """Return text as code within a line; not for a cell of a table, where a `|` would end it.

    Examples:
        >>> code_span("rows"), code_span("a `b`"), code_span("")
        ('`rows`', '`` a `b` ``', '')
    """
    shown = escape_controls(text.replace("\r\n", "\n"))
    if not shown:
        return ""
    ticks = "`" * (longest_run(shown) + 1)
    # One blank on each side is not shown where both sides have one.
    has_edge = shown[0] in "` " or shown[-1] in "` "
    pad = " " if has_edge and shown.strip(" ") else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def fence(text: str, language: str = "") -> str:
    r"""Return text as a block of code, with a fence that is longer than any in it.

    Args:
        text: the text; control characters but line ends and tabs become escapes.
        language: what it is highlighted as, such as `json` or `diff`.

    Examples:
        >>> print(fence("a\nb", "diff"))
        ```diff
        a
        b
        ```
    """
    shown = escape_controls(text.replace("\r\n", "\n"), keep="\n\t").removesuffix("\n")
    ticks = "`" * max(longest_run(shown) + 1, 3)
    return f"{ticks}{language}\n{shown}\n{ticks}"


def longest_run(text: str) -> int:
    """Return how many backticks stand beside each other at most."""
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)


def break_references(html: str) -> str:
    """Return HTML without what GitHub would replace in its text; tags stay as they are.

    Examples:
        >>> break_references('<p title="@a">@octocat &amp; #12</p>')
        '<p title="@a"><span>@</span>octocat &amp; <span>#</span>12</p>'
    """
    return _IN_HTML.sub(
        lambda found: found[0] if found[0][0] == "<" else f"<span>{escape(found[0])}</span>", html
    )
