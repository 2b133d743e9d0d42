"""Every kind of artifact becomes blocks, and blocks become HTML and lines of a terminal."""

import io
import math
import re
import time
from datetime import UTC, datetime

import pytest
from rich.console import Console

import artifact_store
from artifact_store import ArtifactContext, ArtifactFilter, Point, render_artifact
from artifact_store.rendering import (
    blocks,
    blocks_to_markdown,
    gfm,
    gfm_text,
    html,
    markup,
    plot,
    print_blocks,
    renderers,
    terminal,
    text,
)
from artifact_store.rendering.html import blocks_to_html
from artifact_store.rendering.markdown import first_line
from artifact_store.rendering.plot import line_plot, sparkline
from artifact_store.rendering.renderers import render

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WEATHER = [{"city": "Oslo", "wind": 3}, {"city": "Rome", "wind": None}]


@pytest.fixture
def make(memory):
    """Make an artifact of a type that holds something."""
    return lambda type, data, **fields: memory.create_artifact(type=type, data=data, **fields)


def printed(shown, width=80, height=40, encoding="utf-8"):
    target = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    print_blocks(
        Console(file=target, width=width, height=height, force_terminal=True, color_system=None),
        shown,
    )
    target.flush()
    return target.buffer.getvalue().decode(encoding)


def kinds(shown):
    return [type(block).__name__ for block in shown]


@pytest.mark.parametrize(
    ("type", "data", "wanted"),
    [
        ("markdown", "# Hello", ["Markdown"]),
        ("table", WEATHER, ["Profile", "Table"]),
        ("table", [], ["Profile", "Table"]),
        ("table", '{"city": ["Oslo"], "wind": [3]}', ["Profile", "Table"]),
        ("table", {"city": ["Oslo"], "wind": [3]}, ["Profile", "Table"]),
        ("table", [["Oslo", 3], ["Rome", 5]], ["Profile", "Table"]),
        ("table", "no rows", ["Note", "Text"]),
        ("table", 12, ["Note", "Json"]),
        ("table", None, ["Note"]),
        ("link", {"link": "https://example.org", "link_text": "docs"}, ["Link"]),
        ("link", "[docs](https://example.org)", ["Markdown"]),
        ("link", 12, ["Note", "Json"]),
        ("image", {"image": PIXEL, "alt": "a dot"}, ["Image"]),
        ("image", "https://example.org/a.png", ["Image"]),
        ("progress", 40, ["Progress"]),
        ("progress", True, ["Note", "Json"]),
        ("result", {"accuracy": 0.5}, ["Json"]),
        ("geojson", {"type": "Point"}, ["Json"]),
        (None, "text", ["Text"]),
        (None, WEATHER, ["Profile", "Table"]),
        (None, [1, 2], ["Json"]),
        (None, None, ["Note"]),
    ],
)
def test_a_type_has_its_blocks(make, type, data, wanted):
    artifact = make(type, data)
    assert kinds(render(artifact)) == wanted
    assert kinds(render_artifact(artifact)) == ["Title", *wanted, "Reference"]
    assert blocks_to_html(render_artifact(artifact)).startswith('<p class="artifact-store-title">')
    assert printed(render_artifact(artifact)).strip()


def test_what_lies_around_an_artifact_is_shown_before_what_it_holds(make):
    points = tuple(Point(n, datetime(2026, 11, n, tzinfo=UTC), float(n * n)) for n in range(1, 6))
    around = ArtifactContext(
        "weather@2", "weather@1", "weather@3", 3, changes=("rows +1",), field="rows", series=points
    )
    artifact = make("table", WEATHER, description="*wind*", metadata={"team": "a"})
    shown = render_artifact(artifact, around)
    assert kinds(shown) == [
        "Title",
        "Markdown",
        "Facts",
        "Changes",
        "Plot",
        "Profile",
        "Table",
        "Reference",
    ]
    html, text = blocks_to_html(shown), printed(shown)
    for part in (
        "weather@2",
        "weather@1",
        "weather@3",
        "version 3",
        "rows +1",
        "team",
        "2 rows × 2 columns",
        "Oslo",
    ):
        assert part in html
        assert part in text
    assert "store.read_artifact_ref(&quot;weather@2&quot;)" in html
    assert "artifact-store show weather@2" in text
    assert "<em>wind</em>" in html
    assert "▁" in text


def test_sparkline():
    assert sparkline([1, math.nan, 8, math.inf]) == "▁ █ "
    assert sparkline([-1e308, 1e308]) == "▁█"
    assert sparkline([math.nan]) == " "


def test_line_plot_of_few_and_of_odd_numbers():
    moment = datetime(2026, 11, 24, tzinfo=UTC)
    assert "no numbers" in line_plot([Point(1, moment, math.nan)], "x")
    for values in ([5.0], [5.0, 5.0], [-1e308, 1e308], [1.0, math.nan, 2.0, 3.0]):
        points = [Point(number, moment, value) for number, value in enumerate(values, 1)]
        drawn = line_plot(points, "<b>")
        assert "nan" not in drawn
        assert "inf" not in drawn
        assert "<b>" not in drawn
        assert drawn.count("<circle") == sum(map(math.isfinite, values))


def test_a_renderer_of_a_users_own(make, monkeypatch):
    monkeypatch.setattr(renderers, "_RENDERERS", dict(renderers._RENDERERS))

    @artifact_store.register_renderer("score")
    def show(artifact):
        return ["**won**", blocks.Progress(artifact.data)]

    shown = render(make("score", 70))
    assert shown == (blocks.Markdown("**won**"), blocks.Progress(70))
    assert "<strong>won</strong>" in blocks_to_html(shown)
    assert "70 %" in printed(shown)
    artifact_store.register_renderer("score", lambda artifact: "again")
    assert render(make("score", 70)) == (blocks.Markdown("again"),)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package that brings renderers."""
    (tmp_path / "looks.py").write_text(
        "def show(artifact):\n    return f'**{artifact.data}** points'\n"
    )
    place = tmp_path / "looks-1.0.dist-info"
    place.mkdir()
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: looks\nVersion: 1.0\n")
    points = "installed = looks:show\nbroken = looks:missing\ntable = looks:show\n"
    (place / "entry_points.txt").write_text(f"[artifact_store.renderers]\n{points}")
    monkeypatch.syspath_prepend(tmp_path)
    renderers._entry_points.cache_clear()
    yield
    renderers._entry_points.cache_clear()


def test_a_renderer_of_an_installed_package(make, package):
    assert render(make("installed", 70)) == (blocks.Markdown("**70** points"),)
    note, data = render(make("broken", 70))
    assert "The renderer of 'broken' failed: AttributeError" in note.text
    assert data == blocks.Json(70)
    assert kinds(render(make("table", WEATHER))) == ["Profile", "Table"]


def test_a_renderer_that_fails_is_named(make, monkeypatch):
    monkeypatch.setattr(renderers, "_RENDERERS", dict(renderers._RENDERERS))
    artifact_store.register_renderer("bad", lambda artifact: artifact.data["missing"])
    artifact_store.register_renderer("odd", lambda artifact: [3])
    for type, error in (("bad", "KeyError: 'missing'"), ("odd", "it returned int")):
        note, data = render(make(type, {"a": 1}))
        assert error in note.text
        assert data == blocks.Json({"a": 1})
    with pytest.raises(artifact_store.InvalidArtifact, match="3 is not a renderer"):
        artifact_store.register_renderer("bad", 3)


@pytest.mark.parametrize(
    ("kind", "values", "field"),
    [
        (blocks.Markdown, (3,), "Markdown.text is 3"),
        (blocks.Text, (None,), "Text.text is None"),
        (blocks.Table, ("ab", []), "Table.columns is 'ab'"),
        (blocks.Table, ((1,), []), "Table.columns is (1,)"),
        (blocks.Table, (("a",), [[1]]), "Table.rows is [[1]]"),
        (blocks.Link, (None, "text"), "Link.url is None"),
        (blocks.Link, ("https://example.org", 3), "Link.text is 3"),
        (blocks.Image, (b"png",), "Image.source is b'png'"),
        (blocks.Image, ("https://example.org", 3), "Image.alt is 3"),
        (blocks.Progress, ("70",), "Progress.percent is '70'"),
        (blocks.Progress, (math.nan,), "Progress.percent is nan"),
        (blocks.Facts, ((("a", 1, 2),),), "Facts.items is (('a', 1, 2),)"),
        (blocks.Plot, ((1.0, 2.0), "rows"), "Plot.points is (1.0, 2.0)"),
        (blocks.Plot, ((), None), "Plot.field is None"),
        (blocks.Note, (3,), "Note.text is 3"),
    ],
)
def test_a_block_that_nobody_could_show_is_refused(kind, values, field):
    with pytest.raises(artifact_store.InvalidArtifact, match=re.escape(f"{field}: pass ")):
        kind(*values)


def test_progress_stays_between_its_ends():
    assert blocks.Progress(100.001) == blocks.Progress(100)
    assert blocks.Progress(-1) == blocks.Progress(0)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ""),
        ("***\n\n", ""),
        ("- **x** `y`\n- z", "x y"),
        ("a  \nb", "a"),
        ("```\ncode\nmore\n```", "code"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a"),
        ("![a plot](plot.png) of <b>today</b>", "a plot of <b>today</b>"),
        ("word " * 1_000_000, ("word " * 200).strip()),
    ],
)
def test_a_list_shows_the_first_line_of_a_description_as_text(text, wanted):
    assert first_line(text) == wanted


# Big things


def test_a_big_table_is_cut_and_says_so(make):
    rows = [
        {f"column {c}": r * c if c % 2 else f"text {r}" for c in range(70)} for r in range(1000)
    ]
    shown = render_artifact(make("table", rows))
    html, text = (
        blocks_to_html(shown, remedy="--raw has them all."),
        printed(shown, width=60, height=30),
    )
    assert "Left out: 900 of 1,000 rows and 10 of 70 columns. --raw has them all." in html
    assert html.count("<tr>") < 250
    assert len(html) < 300_000
    assert "Left out: 982 of 1,000 rows and 64 of 70 columns." in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 60


@pytest.mark.parametrize("kind", ["markdown", "text"])
def test_a_long_text_is_cut_and_says_so(make, kind):
    paragraph = "# Title\n\nSome *text* with [a link](https://example.org) and `code`.\n\n"
    shown = render_artifact(make(kind, paragraph * 70_000))
    begun = time.perf_counter()
    html, text = blocks_to_html(shown), printed(shown)
    print(f"4,900,000 characters shown in {time.perf_counter() - begun:.1f} s")
    assert len(html) < 200_000
    for written in (html, text):
        assert re.search(r"Left out: 4,\d\d\d,\d\d\d of 4,\d\d\d,\d\d\d characters\.", written)


def test_long_json_is_folded_cut_and_says_so(make):
    shown = render_artifact(
        make("result", {"a": [{"x": n, "y": "z" * 20} for n in range(100_000)], "b": "c"})
    )
    html, text = blocks_to_html(shown), printed(shown)
    assert len(html) < 200_000
    assert "<summary>JSON, 2 members</summary>" in html
    assert '<details class="artifact-store-details" open>' not in html
    assert "Left out: what follows the first 50,000 characters." in html
    assert "Left out: what follows the first 200,000 characters." in text


def test_long_cells_are_cut(make):
    row = {
        "text": "x" * 1_000_000,
        "list": list(range(300_000)),
        "number": 10**4000,
        "y" * 10_000: True,
    }
    html = blocks_to_html(render(make("table", [row])))
    assert len(html) < 10_000
    assert "…" in html


# The terminal


def test_a_link_is_text_for_the_terminal_to_break(make):
    url = "https://example.org/" + "a" * 100
    text = printed(render(make("link", {"link": url, "link_text": "docs"})), width=40)
    assert text == f"docs: {url}\n"
    markdown = printed(render(make("markdown", f"[docs]({url})")), width=200)
    assert "\x1b]8" not in markdown
    assert url in markdown


def test_the_line_that_reads_back_is_never_broken(make):
    key = "k" * 100
    assert f"artifact-store show {key}@1\n" in printed(
        render_artifact(make("progress", 3, key=key)), width=40
    )


def test_a_terminal_without_unicode_gets_plain_bars():
    moment = datetime(2026, 11, 24, tzinfo=UTC)
    plot = blocks.Plot((Point(1, moment, 1.0), Point(2, moment, 2.0)), "rows")
    text = printed([blocks.Progress(50), plot], width=29, encoding="ascii")
    assert text.splitlines() == ["##########----------- 50 %", "", "rows  1 to 2, now 2"]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (PIXEL, "image/png, 70 bytes (dot)"),
        ("https://example.org/a.png", "image: https://example.org/a.png (dot)"),
        ("data:", "image, 0 bytes (dot)"),
    ],
)
def test_an_image_is_a_line(source, wanted):
    assert printed([blocks.Image(source, "dot")]) == f"{wanted}\n"


NOW = datetime(2026, 11, 24, tzinfo=UTC)
LONG = "x" * 2_000_000
DEEP = {}
for _ in range(140):
    DEEP = {"a": [1], "b": DEEP}
NAMES = {f"name {number}": number for number in range(20_000)}
HOSTILE = {
    "rows with names of their own": (
        "table",
        [{f"name {number}": number} for number in range(5_000)],
    ),
    "a row of many columns": ("table", [NAMES]),
    "a long cell": ("table", [{"a": LONG, "b": [LONG], "c": {LONG: LONG}}]),
    "a long name": ("table", [{LONG: 1}]),
    "deep cells": ("table", [{"a": DEEP}] * 500),
    "many cells": ("table", [dict.fromkeys("abcdefghij", 1)] * 20_000),
    "huge numbers": ("table", [{"a": 10**4299 - number} for number in range(500)]),
    "many names": ("result", NAMES),
    "a long text": ("result", LONG),
    "escapes": ("result", "\x1b" * 2_000_000),
    "lines": ("log", "a\n" * 1_000_000),
    "depth": ("result", DEEP),
    "a huge number": ("progress", 10**4299),
    "long Markdown": ("markdown", LONG),
    "wide Markdown": ("markdown", "|" + "a|" * 300 + "\n|" + "-|" * 300 + "\n" + "x\n" * 14_000),
    "a long link": ("link", {"link": "https://" + LONG, "link_text": LONG}),
    "a link of controls": ("link", {"link": "\x01" * 2_000_000}),
    "a long alt": ("image", {"image": "https://a.b/c", "alt": LONG}),
    "a long image URL": ("image", {"image": "https://" + LONG}),
    "a large image": ("image", {"image": "data:image/png;base64," + "A" * 8_000_000}),
    "a long type": (LONG, 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_one_artifact_costs_each_view_is_bounded(memory, name):
    type, data = HOSTILE[name]
    artifact = memory.create_artifact(
        type=type,
        data=data,
        description="<" * 2_000_000,
        metadata={**dict.fromkeys(NAMES, 1), LONG: LONG},
    )
    shown = render_artifact(
        artifact, ArtifactContext(str(artifact.id), changes=(LONG,), field=LONG)
    )
    assert len(artifact._repr_html_()) < 1_200_000
    assert len(artifact.to_markdown()) <= 65_000
    assert len(printed(shown)) < 400_000
    assert "19,801 of 20,001 values" in printed(shown)
    assert "19,801 of 20,001 values" in blocks_to_html(shown)
    assert len(store_list(memory, artifact)) < 20_000


def store_list(memory, artifact):
    return memory.read_artifacts(
        artifact_filter=ArtifactFilter(id={"any_": [artifact.id]})
    )._repr_html_()


def test_a_profile_of_many_columns_is_cut():
    column = {"name": LONG, "type": "text", "nulls": 0, "distinct": 1, "min": LONG, "max": LONG}
    shown = [blocks.Profile({"rows": 1, "columns": [column] * 300})]
    assert len(blocks_to_html(shown)) < 300_000
    assert "100 of 300 columns" in blocks_to_html(shown)
    assert len(printed(shown)) < 5_000


def test_what_is_cut_is_cut_before_it_is_escaped(monkeypatch):
    escaped = []
    original = text.escape_controls
    for module in (html, markup, terminal, plot, gfm, gfm_text):
        monkeypatch.setattr(
            module,
            "escape_controls",
            lambda given, *keep, **how: escaped.append(len(given)) or original(given, *keep, **how),
        )
    shown = [
        blocks.Link(LONG, LONG),
        blocks.Image(LONG, LONG),
        blocks.Note(LONG),
        blocks.Facts(((LONG, LONG),)),
        blocks.Changes((LONG,), LONG),
        blocks.Table((LONG,), [{LONG: LONG}]),
        blocks.Title(LONG, LONG, NOW, (LONG,)),
        blocks.Plot((Point(1, NOW, 1.0), Point(2, NOW, 2.0)), LONG),
        blocks.Text(LONG),
        blocks.Json([LONG]),
    ]
    for block in shown:
        escaped.clear()
        blocks_to_html([block])
        printed([block])
        blocks_to_markdown([block])
        assert 0 < max(escaped) <= 200_001, block.__class__


def test_a_table_that_is_none_says_why(make):
    shown = render(make("table", [["a", "b"], [1]]))
    assert shown[0] == blocks.Note(
        "This table does not hold rows. The data[1] has 1 cell and the table has 2 columns: make them equal.",
        True,
    )
    assert shown[1] == blocks.Json([["a", "b"], [1]])
