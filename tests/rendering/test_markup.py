"""Text becomes HTML by being escaped, and by nothing else."""

import ast
from pathlib import Path

import pytest

from artifact_store.rendering import text
from artifact_store.rendering.markup import Html, element, escape, join, open_tag

PACKAGE = Path(__file__).parents[2] / "artifact_store"
TRUSTED = {"markdown.py", "style.py", "page.py"}


def calls():
    """Every call to `Html(...)` or `Html.trusted(...)` in the package, with its file."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Html", "Html.trusted"):
                yield path, node


def test_html_of_a_string_is_made_of_literals_only():
    found = [
        (path.name, ast.unparse(node)) for path, node in calls() if ast.unparse(node.func) == "Html"
    ]
    assert found
    dynamic = [
        each
        for each in found
        if not isinstance(ast.parse(each[1]).body[0].value.args[0], ast.Constant)
    ]
    assert dynamic == []


def test_text_is_trusted_in_few_modules():
    assert {
        path.name for path, node in calls() if ast.unparse(node.func) == "Html.trusted"
    } == TRUSTED


@pytest.mark.parametrize(
    "text", ["<script>", "a & b", "\"'", "\x1b[31m", "\u202e", "\r\n", "plain", ""]
)
def test_what_is_no_html_is_escaped_as_a_child_and_as_an_attribute(text):
    escaped = escape(text)
    assert element("p", text, title=text) == f'<p title="{escaped}">{escaped}</p>'
    assert not {*"<>\"'\x1b\u202e\r"} & {*escaped}


def test_html_that_was_changed_is_text_again():
    bold = element("b", "x")
    for changed in (bold + bold, bold[:3], f"{bold}", bold.replace("x", "y"), "".join([bold])):
        assert type(changed) is str
        assert "<" not in element("p", changed).removeprefix("<p>").removesuffix("</p>")


def test_html_stays_html():
    bold = element("b", "x")
    assert element("p", bold, None, bold) == "<p><b>x</b><b>x</b></p>"
    assert type(join([bold, Html("<hr>")])) is Html


def test_attributes():
    tag = open_tag("a", class_="k", data_version=3, hidden=True, open=False, id=None, viewBox="0 0")
    assert tag == '<a class="k" data-version="3" hidden viewBox="0 0">'
    assert element("img", src="x") == '<img src="x">'
    assert element("line", x1=1) == '<line x1="1"/>'
    assert element("td") == "<td></td>"


def test_what_is_escaped_is_not_printable():
    # `escape` looks only at text that is not printable for control and direction characters.
    unsafe = [chr(code) for code in range(0x110000) if text._UNSAFE.match(chr(code))]
    assert len(unsafe) > 2000
    assert [each for each in unsafe if each.isprintable()] == []
