"""Markdown for GitHub: stored text is shown unchanged and has no effect, and everything is bounded."""

import re
from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from artifact_store import ArtifactContext, ArtifactStore, Point, render_artifact
from artifact_store.rendering import (
    blocks,
    blocks_to_markdown,
    escape_controls,
    escape_markdown,
    gfm,
    html,
    terminal,
)
from artifact_store.rendering.gfm_text import code_span, fence, paragraph
from tests.helpers.attacks import ATTACKS, everywhere

NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])

# What GitHub looks for in the text of a page, after Markdown was parsed.
LIVE = {
    "mention": r"(?<![A-Za-z0-9_])@\w",
    "issue": r"#\d",
    "pull request": r"\bGH-\d",
    "emoji": r":(?!\d\d:)[\w+-]+:",
    "formula": r"\$\S",
    "address": r"(?:https?|ftp)://|\bwww\.",
    "mail": r"[\w.+-]@[\w-]+\.\w",
    "commit": r"\w@[0-9a-f]{7}",
}
OWN_TAGS = {"<span>", "</span>", "<br>"}


def inline_text(token):
    """Return the text of an inline token, whose pieces must have no effect on GitHub."""
    text = ""
    for child in token.children:
        if child.type == "html_inline":
            assert child.content in OWN_TAGS, child.content
            text += "\n" * (child.content == "<br>")
            continue
        assert child.type in ("text", "text_special"), child.type
        for name, pattern in LIVE.items():
            assert not re.search(pattern, child.content, re.IGNORECASE), (name, child.content)
        text += child.content
    return text


def shown(text):
    """Return what a reader sees of stored text."""
    return escape_controls(text.replace("\r\n", "\n"), "\n\t")


def parsed(markdown):
    return [token for token in PARSER.parse(markdown) if token.type not in ("text_join",)]


SYNTAX = """
    # ## - + * _ ` ``` ~~~ ~~ > | \\ [ ] ( ) ! < > & &amp; &#64; = --- === 1. 1) 7
    @octocat é@octocat @org/team a@b.org a@1 o/r@abcdef0 #12 GH-12 gh-1
    o/r#3 :tada: :+1: 10:100:20 08:30:05 $x$ $$ $` https://a.org www.a.org mailto:a@b.org ftp://x [x] [^1] [a]: ![ ](
    <b> <!-- --> </span> <br> <div> _a_ a_b __a__ a__b 5_ _ é_é ^ {x} - [ ] |---| \t \n \r\n \r \x1b \u202e \xa0 a
""".replace("\n    ", " ").split(" ")
TEXTS = st.text(st.characters(), max_size=60) | st.lists(
    st.sampled_from([*SYNTAX, " ", "\n", "  "]), max_size=10
).map("".join)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
@example(" ")
@example("\n")
@example("\n\n a\n")
@example("a\\")
@example("a ##")
@example("a\\|b")
@example("\xa0x\u3000")
def test_any_text_is_shown_unchanged(text):
    opened, inline, closed = parsed(paragraph(text) or "x")
    assert (opened.type, closed.type) == ("paragraph_open", "paragraph_close")
    assert inline_text(inline) == (shown(text) or "x")

    opened, inline, closed = parsed(f"### x {escape_markdown(text)} x")
    assert inline_text(inline) == f"x {shown(text)} x"


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS)
@example("", "")
@example("|", "\\")
@example("-", "---")
def test_any_text_is_a_cell(name, text):
    tokens = parsed(blocks_to_markdown([blocks.Table((name, "n"), [{name: text, "n": 1}, {}])]))
    assert tokens[0].type == "table_open"
    assert tokens[-1].type == "table_close"
    cells = [inline_text(token) for token in tokens if token.type == "inline"]
    assert cells == [shown(name), "n", shown(text), "1", "", ""] or name == "n"


@settings(max_examples=300, deadline=None)
@given(TEXTS)
@example("`")
@example(" `` ")
@example("   ")
@example("```\n</details>")
def test_any_text_is_code(text):
    tokens = parsed(fence(text, "json"))
    assert [token.type for token in tokens] == ["fence"]
    assert tokens[0].content.removesuffix("\n") == shown(text).removesuffix("\n")

    span = code_span(text)
    if text:
        (child,) = parsed(f"x{span}")[1].children[1:]
        assert child.type == "code_inline"
        assert child.content == escape_controls(text.replace("\r\n", "\n"))


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_any_text_in_any_block(text):
    markdown = blocks_to_markdown(
        [
            blocks.Title(text, text, NOW, (text,)),
            blocks.Facts(((text, text), ("n", -5))),
            blocks.Changes((text, f"column `{text}` {text} `{text}`", "rows"), text),
            blocks.Note(text),
            blocks.Note(text, problem=True),
            blocks.Plot((Point(1, NOW, 1.0), Point(2, NOW, 2.0)), text),
            blocks.Text("the end"),
        ]
    )
    tokens = parsed(markdown)
    kinds = [token.type for token in tokens if token.level == 0 and token.nesting >= 0]
    assert kinds[0] == "heading_open"
    assert inline_text(tokens[1]) == shown(text)
    assert kinds.count("heading_open") == 1
    assert kinds.count("bullet_list_open") == 2
    assert kinds.count("blockquote_open") == 1
    assert kinds[-1] == "fence"
    assert "html_block" not in kinds


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([*ATTACKS, *SYNTAX, "\n\n", "\n", " ", "    ", "- ", "> ", "</div>"]),
        max_size=12,
    ).map("".join)
    | TEXTS
)
@example("- a\n\n      code\n\n\n      more\n\n# not ours")
@example("```\na\n\n\n@octocat #12")
@example("<div>\n\n</div>\n\n# x")
def test_markdown_of_an_author_ends_with_its_block(text):
    markdown = blocks_to_markdown([blocks.Markdown(text), blocks.Text("the end")])
    kinds = [token.type for token in parsed(markdown)]
    assert kinds in (["html_block", "fence"], ["fence"])
    html = markdown.partition("\n\n```")[0]
    for piece in re.split("<[^>]*>", html):
        for name, pattern in LIVE.items():
            assert not re.search(pattern, piece.replace("&#10;", ""), re.IGNORECASE), (name, piece)


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_leaves_its_text(memory, attack):
    run = memory.create_flow_run(memory.create_flow(attack).id, name=attack)
    for type, data in everywhere(attack):
        artifact = memory.create_artifact(
            type=type, data=data, description=attack, metadata={attack: attack}, flow_run_id=run.id
        )
        around = ArtifactContext(
            attack, attack, attack, 7, run, None, None, (f"column `{attack}` is new",), attack
        )
        for token in parsed(blocks_to_markdown(render_artifact(artifact, around))):
            for child in token.children or ():
                assert child.type != "html_inline" or child.content in OWN_TAGS, child.content
                if child.type in ("link_open", "image"):
                    address = str(child.attrGet("href") or child.attrGet("src"))
                    assert re.match(r"https?:|mailto:|[^:/\\]*(?:[/?#]|$)", address), address
            if token.type == "html_block":
                assert not re.search(
                    r"<(?:script|svg|iframe|style)|javascript:[^<]*\"", token.content
                )


def test_a_link_leads_where_it_says():
    url = "https://a.org/x (y)?a=1&copy=2#[b]"
    markdown = blocks_to_markdown([blocks.Link(url, "see #1 [x]")])
    assert markdown == (
        "[see <span>#</span>1 \\[x\\]](https://a.org/x%20%28y%29?a=1&amp;copy=2#%5Bb%5D)\n"
    )
    assert (
        blocks_to_markdown([blocks.Link("javascript:alert(1)", "x")]) == "x (javascript:alert(1))\n"
    )


def test_an_image_that_github_does_not_show_is_told():
    assert blocks_to_markdown([blocks.Image("https://a.org/x.png", "a]b")]) == (
        "![a\\]b](https://a.org/x.png)\n"
    )
    assert blocks_to_markdown([blocks.Image("data:image/png;base64,iVBORw0=", "a plot")]) == (
        "An image that is not shown here: image/png, 5 bytes (a plot)\n"
    )
    assert "data:" not in blocks_to_markdown(
        [blocks.Markdown("![x](data:image/png;base64,iVBORw0=)")]
    )


def test_headings_and_code_of_an_author():
    markdown = blocks_to_markdown([blocks.Markdown("# Sales\n\nof *today*\n\n```\na\n\nb")])
    assert markdown == (
        "<div>\n<h4>Sales</h4>\n<p>of <em>today</em></p>\n<pre><code>a&#10;\nb</code></pre>\n</div>\n"
    )


def test_what_an_artifact_costs_is_bounded(memory):
    rows = [{f"c{number}": "<" * 500 for number in range(300)} for _ in range(300)]
    artifact = memory.create_artifact(
        type="table", data=rows, description="<a>" * 100_000, metadata={"`" * 3000: "@a" * 3000}
    )
    markdown = blocks_to_markdown(render_artifact(artifact), remedy="--raw prints all of it.")
    assert len(markdown) <= 65_000
    assert "of 300 rows and 260 of 300 columns. --raw prints all of it.*" in markdown
    for block in (blocks.Text("\x00" * 99_999), blocks.Json(["\ud800" * 99_999])):
        assert "Left out: 1 block" in blocks_to_markdown([block], limit=20_000)


def test_markdown_that_becomes_too_long_is_shown_as_it_was_written():
    wide = "| a " * 2_000 + "|\n" + "|-" * 2_000 + "|\n" + "|\n" * 1_000
    assert blocks_to_markdown([blocks.Markdown(wide)]).startswith("```markdown\n| a | a ")
    quotes = "<>" * 6_000
    assert blocks_to_markdown([blocks.Markdown(quotes)]) == f"```markdown\n{quotes}\n```\n"


def test_numbers_stand_to_the_right():
    rows = [{"key": "a", "rows": -3, "share": None}, {"key": "b", "share": 0.5}]
    assert blocks_to_markdown([blocks.Table(("key", "rows", "share"), rows)]) == (
        "| key | rows | share |\n| --- | ---: | ---: |\n| a | -3 |  |\n| b |  | 0.5 |\n"
    )


def test_every_block_is_written_everywhere():
    for writers in (gfm._WRITERS, html._WRITERS, terminal._WRITERS):
        assert {*writers} == {*get_args(blocks.Block)}


def test_long_json_is_folded():
    assert blocks_to_markdown([blocks.Json({"a": 1})]).startswith("```json\n")
    folded = blocks_to_markdown([blocks.Json([*range(50)])])
    assert folded.startswith("<details><summary>JSON</summary>\n\n```json\n[\n")
    assert folded.endswith("```\n\n</details>\n")


def test_values_say_themselves_in_markdown():
    memory = ArtifactStore("sqlite:///:memory:")
    flow = memory.create_flow("nightly")
    run = memory.create_flow_run(flow.id, name="night *1*")
    for loss in (0.5, 0.25):
        made = memory.create_artifact(
            key="model", metadata={"loss": loss}, flow_run_id=run.id, description="# Of **today**"
        )
    without_key = memory.create_artifact(data=1)
    updated = f"{made.updated:%Y-%m-%d %H:%M:%S} UTC"

    shown = made.to_markdown()
    assert shown.startswith(
        f"### model@2\n\nupdated {updated}\n\n<div>\n<h4>Of <strong>today</strong>"
    )
    assert "\n- loss: 0.25\n" in shown
    assert "`█▁` metadata.loss: 0.25 in version 2;" in shown
    assert "\n\n`artifact-store show model@2`\n\n- previous: model@1\n- flow: nightly\n" in shown
    assert "- flow run: night \\*1\\*\n" in shown

    row = f"| model | 2 |  | Of today | {updated} | night \\*1\\* |"
    artifacts = memory.read_artifacts()
    assert artifacts.to_markdown().splitlines()[:5] == [
        "3 artifacts",
        "",
        "| key | version | type | description | updated | run |",
        "| --- | --- | --- | --- | --- | --- |",
        f"| {without_key.id} |  |  |  | {without_key.updated:%Y-%m-%d %H:%M:%S} UTC |  |",
    ]
    assert row in artifacts.to_markdown().splitlines()
    assert artifacts[:0].to_markdown() == "No artifacts.\n"

    history = memory.read_history("model", limit=1)
    assert history.to_markdown().splitlines() == [
        "| key | version | type | description | updated | run | metadata.loss | changes |",
        "| --- | ---: | --- | --- | --- | --- | ---: | --- |",
        f"{row} 0.25 | metadata.loss 0.5 → 0.25 (-0.25) |",
        "",
        "There are older versions.",
    ]
    assert memory.read_history("none").to_markdown() == "No versions.\n"
