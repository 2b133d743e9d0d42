"""HTML as a type of its own, so that text which was not escaped cannot be written into a page.

`element` makes HTML. It escapes children and attributes that are `str`; only `Html` is written unchanged, and
mypy refuses a `str` where `Html` is expected. There are two ways to make `Html` of a string:

- `Html("<hr>")`, for HTML in the source. The argument must be a literal.
- `Html.trusted(text)`, for the few texts that are HTML already, such as the output of the Markdown parser.

Stored text that is passed to either is not escaped, and may run in a browser. `tests/rendering/test_markup.py`
checks all calls of both.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from html import escape as escape_html
from typing import TYPE_CHECKING, LiteralString, TypeAlias, cast

from .text import escape_controls

__all__ = ["Attribute", "Html", "element", "escape", "join", "open_tag"]

Attribute: TypeAlias = str | int | float | bool | None

_SPECIAL = re.compile("[&<>\"']")
_VOID = frozenset({"col", "img"})
_EMPTY_IN_SVG = frozenset({"circle", "line", "polyline"})


class Html(str):
    """HTML that is written into a page unchanged.

    The results of its methods and operators, and f-strings with it, are plain `str` again, which `element`
    escapes.

    Examples:
        >>> element("p", Html("<hr>"), "<hr>")
        '<p><hr>&lt;hr&gt;</p>'
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def __new__(cls, markup: LiteralString = "") -> "Html":
            """Take a literal."""
            ...

    @classmethod
    def trusted(cls, markup: str) -> "Html":
        """Return a text that is known to be HTML.

        Args:
            markup: HTML without stored text, or with stored text that is escaped already.
        """
        return str.__new__(cls, markup)


_html = cast("Callable[[str], Html]", Html)
"""What `Html.trusted` does, for this module; calling the classmethod makes a report some percent slower."""


def escape(text: str) -> Html:
    r"""Return text as HTML, also between the quotes of an attribute.

    Control and direction characters become escapes such as `\x1b` and `\u202e`. Line ends and tabs stay, and
    `\r\n` becomes `\n`.

    Examples:
        >>> escape("a < b"), escape("caf\u00e9")
        ('a &lt; b', 'café')
    """
    return _html(escape_text(text))


def element(name: LiteralString, *children: str | None, **attributes: Attribute) -> Html:
    """Return an element.

    Args:
        name: the name of its tag.
        children: what it holds, in order: `Html` as it is, a `str` escaped, `None` not at all.
        attributes: its attributes by name, see `open_tag`.

    Examples:
        >>> element("a", "Tom & Jerry", href="?a&b", class_="key")
        '<a href="?a&amp;b" class="key">Tom &amp; Jerry</a>'
    """
    tag = name + attributes_text(attributes) if attributes else name
    if len(children) == 1:
        # Most elements are cells of tables: without a list they take half the time.
        child = children[0]
        inner = child if type(child) is Html else escape_text(child or "")
    elif children:
        inner = "".join(
            [
                child if type(child) is Html else escape_text(child)
                for child in children
                if child is not None
            ]
        )
    elif name in _VOID:
        return _html(f"<{tag}>")
    elif name in _EMPTY_IN_SVG:
        return _html(f"<{tag}/>")
    else:
        inner = ""
    return _html(f"<{tag}>{inner}</{name}>")


def open_tag(name: str, **attributes: Attribute) -> Html:
    """Return the beginning of an element.

    Args:
        name: the name of its tag.
        attributes: its attributes by name. `_` becomes `-`, except at the end (`class_`, `data_version`).
            `True` writes the name alone; `False` and `None` leave the attribute out.

    Examples:
        >>> open_tag("option", value="a", selected=True, class_=None)
        '<option value="a" selected>'
    """
    return _html(f"<{name}{attributes_text(attributes)}>")


def join(parts: Iterable[Html]) -> Html:
    """Return several pieces of HTML as one."""
    return _html("".join(parts))


def escape_text(text: str) -> str:
    """Return text as HTML, as a plain `str`."""
    # Most cells of a table hold nothing to escape, and to look first is quicker. What
    # `escape_controls` shows is not printable for Python either.
    if text.isprintable() and _SPECIAL.search(text) is None:
        return text
    return escape_html(escape_controls(text.replace("\r\n", "\n"), keep="\n\t"))


def attributes_text(attributes: Mapping[str, Attribute]) -> str:
    """Return attributes as they stand in a tag, each after a blank."""
    parts = []
    for name, value in attributes.items():
        if value is None or value is False:
            continue

        attribute = attribute_name(name)
        if value is True:
            parts.append(attribute)
            continue
        if not isinstance(value, str):
            text = str(value)  # a number, which needs no escape
        elif type(value) is Html:
            text = value
        else:
            text = escape_text(value)
        parts.append(f'{attribute}="{text}"')
    return "".join(parts)


@cache
def attribute_name(name: str) -> str:
    """Return the name of an attribute, after a blank."""
    return " " + name.rstrip("_").replace("_", "-")
