r"""Text as it is written into GitHub-flavoured Markdown, so that a reader sees it unchanged.

There are two kinds of syntax. What the parser of Markdown reads is escaped with a backslash. A backslash does not stop
what GitHub looks for afterwards, in the text of the page: `@name` notifies that person, `#12` leaves a trace in issue
12, `:tada:` becomes a picture and `$x$` a formula. There the first character stands in a `<span>` of its own, as
GitHub's documentation recommends for `$`: nothing is added to the text, and what is copied from the page is the text.
"""

import re
from html import escape

from .text import escape_controls

__all__ = ["break_references", "code_span", "escape_markdown", "fence", "paragraph"]

_REFERENCES = (
    r"@(?=\w)"  # somebody, a team, an e-mail address
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
    r"|\A\s|\s\Z|[\n|]"  # the parser removes blanks at both ends
    r"|[\\`*\[\]<>&~]"
    # Not the `_` of `flow_run_id`: between letters it is text. `++` keeps a run of them together.
    r"|(?<!\w)_++|_++(?!\w)",
    re.IGNORECASE,
)
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
    """
    shown = escape_controls(text.replace("\r\n", "\n"), keep="\n\t")
    return _SYNTAX.sub(escape_found, shown)


def escape_found(found: re.Match[str]) -> str:
    """Return the escape of what has a meaning in Markdown."""
    text = found[0]
    is_edge = found.start() == 0 or found.end() == len(found.string)
    if text == "\n" and not is_edge:
        return "<br>"
    if text in "@#-$:.":
        return f"<span>{text}</span>"
    if text == "|" or text.isspace():
        return f"&#{ord(text)};"
    return "".join(f"\\{character}" for character in text)


def paragraph(text: str) -> str:
    r"""Return text as a paragraph, or as an item of a list.

    Examples:
        >>> print(paragraph("1. of all"), paragraph("# no heading"), paragraph("-5"))
        1\. of all \# no heading \-5
    """
    escaped = escape_markdown(text)
    start = _START.match(escaped)
    if start is None:
        return escaped
    if start[0].isdigit():
        return f"{start[0]}\\{escaped[start.end() :]}"
    return f"\\{escaped}"


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
