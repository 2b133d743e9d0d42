"""Nothing that is stored runs in a page or is obeyed by a terminal, wherever in an artifact it stands."""

import io
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from artifact_store import ArtifactContext, render_artifact
from artifact_store.rendering import blocks, escape_controls, print_blocks
from artifact_store.rendering.html import blocks_to_html
from artifact_store.rendering.markdown import markdown_to_html
from artifact_store.rendering.notebook import list_html
from artifact_store.rendering.urls import image_source, safe_url
from tests.helpers.attacks import ATTACKS, everywhere

ATTRIBUTES = {
    "a": {"href", "rel", "target"},
    "img": {"src", "alt", "loading", "referrerpolicy"},
    "progress": {"max", "value", "aria-label"},
    "time": {"datetime", "title"},
    "details": {"open"},
    "th": {"scope"},
    "div": {"tabindex", "role", "aria-label"},
    "ol": {"start"},
    "svg": {
        "role",
        "aria-label",
        "width",
        "height",
        "xmlns",
        "viewBox",
        "preserveAspectRatio",
        "overflow",
    },
    "line": {"x1", "x2", "y1", "y2", "stroke", "stroke-opacity"},
    "polyline": {"points", "fill", "stroke", "stroke-width", "stroke-linejoin", "vector-effect"},
    "circle": {"cx", "cy", "r", "fill"},
    "text": {"x", "y", "text-anchor", "font-size", "fill", "fill-opacity"},
}
TAGS = {
    *ATTRIBUTES,
    *"p pre code span strong em s ul li dl dt dd figure figcaption summary title desc table thead tbody tr td".split(),
    *"h3 h4 h5 h6 blockquote hr br style".split(),
}
VOID = {"img", "hr", "br"}


class Checked(HTMLParser):
    """Reads HTML as a browser does, and refuses what this package has no reason to write."""

    def __init__(self, external=True):
        super().__init__(convert_charrefs=True)
        self.external, self.open, self.text, self.hrefs = external, [], [], []

    def handle_starttag(self, tag, attributes):
        assert tag in TAGS, tag
        allowed = {name.lower() for name in ATTRIBUTES.get(tag, set())} | {"class"}
        for name, value in attributes:
            assert name in allowed, (tag, name)
            if name == "href":
                self.hrefs.append(value)
                assert re.match(r"https?://|mailto:|[^:/\\]*(?:[/?#]|$)", value), value
            if name == "src":
                shown = (
                    r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]*"
                    + r"|https://[^\s]*" * self.external
                )
                assert re.fullmatch(shown, value), value
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    handle_decl = handle_pi = unknown_decl = handle_comment


def checked(html, external=True):
    """Return the text of HTML that has proven harmless."""
    html.encode()  # no lone surrogates
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)
    parser = Checked(external)
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return "".join(parser.text)


def printed(shown):
    target = io.StringIO()
    print_blocks(
        Console(file=target, width=100, height=40, force_terminal=True, color_system="truecolor"),
        shown,
    )
    return target.getvalue()


def harmless(text):
    """Take away the colours that rich writes, and see that no control character is left."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", plain), repr(
        plain
    )


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_leaves_its_text(memory, attack):
    run = memory.create_flow_run(memory.create_flow(attack).id, name=attack)
    for type, data in everywhere(attack):
        artifact = memory.create_artifact(
            type=type, data=data, description=attack, metadata={attack: attack}, flow_run_id=run.id
        )
        flow = memory.read_flow(run.flow_id)
        around = ArtifactContext(
            attack, attack, attack, 7, run, flow, None, (f"column `{attack}` is new",), attack
        )
        shown = render_artifact(artifact, around)
        text = checked(blocks_to_html(shown))
        assert "artifact_ref" in text
        checked(blocks_to_html(shown, external_images=False), external=False)
        harmless(printed(shown))
        checked(re.sub("<style>.*?</style>", "", artifact._repr_html_(), flags=re.DOTALL))
    checked(re.sub("<style>.*?</style>", "", list_html(memory.read_artifacts()), flags=re.DOTALL))


TEXTS = st.text(st.characters(), max_size=80)  # lone surrogates and control characters too


@settings(max_examples=200, deadline=None)
@given(TEXTS)
@example("line\r\n")
def test_any_text_is_shown_as_text(text):
    shown = [
        blocks.Text(text),
        blocks.Table((text,), [{text: text}]),
        blocks.Facts(((text, text),)),
        blocks.Note(text, True),
    ]
    shown.append(blocks.Title(text, text, datetime(2026, 11, 24, tzinfo=UTC), (text,)))
    read = checked(blocks_to_html(shown))
    assert escape_controls(text.replace("\r\n", "\n"), "\n\t") in read
    harmless(printed(shown))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*ATTACKS, *"<>[]()!`*_~|#-\n \"'&;:\\/", "&#x", "data:image/png;base64,", "https://"]
        ),
        max_size=12,
    ).map("".join)
    | TEXTS
)
def test_any_markdown_is_harmless(text):
    checked(markdown_to_html(text))
    checked(markdown_to_html(text, external_images=False), external=False)
    harmless(printed([blocks.Markdown(text)]))


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://example.org/a b", "https://example.org/a%20b"),
        ("HTTP://example.org", "HTTP://example.org"),
        ("mailto:a@example.org", "mailto:a@example.org"),
        ("report/page.html?a=b:c#d:e", "report/page.html?a=b:c#d:e"),
        ("#part", "#part"),
        ("/rooted", "/rooted"),
        ("//host/share", None),
        ("\\\\host\\share", None),
        ("/\\host", None),
        ("/\t/host", None),
        ("javascript:alert(1)", None),
        ("java\tscript:alert(1)", None),
        ("\u2003javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("blob:https://example.org/x", None),
        ("file:///etc/passwd", None),
        ("C:/x", None),
        ("", None),
    ],
)
def test_safe_urls(url, wanted):
    assert safe_url(url) == wanted


def test_image_sources():
    assert image_source("https://example.org/a.png", external=True) == "https://example.org/a.png"
    assert image_source("https://example.org/a.png", external=False) is None
    assert image_source("http://example.org/a.png", external=True) is None
    assert (
        image_source("data:image/PNG;base64,aGk=", external=False) == "data:image/PNG;base64,aGk="
    )
    assert image_source('data:image/png;base64,aGk="', external=True) is None
    assert image_source("data:image/svg+xml;base64,aGk=", external=True) is None


def test_an_image_that_cannot_be_shown_is_told():
    svg = blocks_to_html([blocks.Image("data:image/svg+xml;base64,PHN2Zz4=", "a drawing")])
    assert "<img" not in svg
    assert "a drawing" in svg
    far = blocks_to_html([blocks.Image("https://example.org/a.png", "far")], external_images=False)
    assert '<a href="https://example.org/a.png"' in far
    assert '<a href="https://example.org/a.png"' in markdown_to_html(
        "![far](https://example.org/a.png)", external_images=False
    )
