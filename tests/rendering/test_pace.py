"""The rate of a loop and its expected end: what a progress artifact says, and how each place shows it."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from artifact_store import render_artifact
from artifact_store.rendering import Pace, blocks, blocks_to_markdown, print_blocks, read_pace
from artifact_store.rendering.html import blocks_to_html
from artifact_store.rendering.pace import pace_facts

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
COUNTS = {"done": 1200, "total": 5000, "rate": 35}


@pytest.fixture
def load(memory):
    """Make a progress artifact that was written a moment ago."""
    return lambda data, metadata=None: memory.create_artifact(
        type="progress", data=data, metadata=metadata
    )


def printed(shown, width=100):
    target = io.StringIO()
    print_blocks(Console(file=target, width=width), shown)
    return target.getvalue()


@pytest.mark.parametrize("data", [24, {"progress": 24}])
def test_every_place_says_the_same(load, data):
    shown = render_artifact(load(data, COUNTS))
    assert "24 %  1,200 / 5,000, 35/s, about 1 min left" in printed(shown)
    assert "<span>24 %, 1,200 / 5,000, 35/s, about 1 min left</span>" in blocks_to_html(shown)
    assert "24 %, 1,200 / 5,000, 35/s, about 1 min left" in blocks_to_markdown(shown)


def test_the_bar_leaves_room_for_the_words(load):
    shown = render_artifact(load(24, COUNTS))
    [line] = [line for line in printed(shown, 60).splitlines() if "about" in line]
    assert line.endswith("24 %  1,200 / 5,000, 35/s, about 1 min left")
    assert "left" in printed(shown, 20)


def test_words_of_a_renderer_do_no_harm():
    bad = blocks.Progress(10, "\x1b[31m<b>*red*\n# x")
    assert "\x1b" not in printed([bad])
    assert "<b>" not in blocks_to_html([bad])
    assert "10 %, " in blocks_to_markdown([bad])
    assert "\n" not in blocks_to_markdown([bad]).strip()


@pytest.mark.parametrize(
    ("pace", "age", "words"),
    [
        (Pace(24, 1200, 5000, 35, NOON + timedelta(minutes=2)), 0, "1,200 / 5,000, 35/s, about 2 min left"),
        (Pace(24, 1200, 5000, 35, NOON + timedelta(minutes=2)), 90, "1,200 / 5,000"),
        (Pace(24, 1200, 5000, 35, NOON), 30, "1,200 / 5,000, 35/s, about 0 s left"),
        (Pace(100, 5000, 5000, 35), 3600, "5,000 / 5,000, 35/s"),
        (Pace(0, 1200, None, 0.02), 0, "1,200 done, 1.2/min"),
        (Pace(0, 12, None, 0.001), 0, "12 done, 3.6/h"),
        (Pace(0, 0, 10, 0), 0, "0 / 10"),
        (Pace(50), 0, ""),
    ],
)  # fmt: skip
def test_what_is_not_known_is_left_out(pace, age, words):
    assert ", ".join(pace_facts(pace, NOON, NOON + timedelta(seconds=age))) == words


@pytest.mark.parametrize(
    "metadata",
    [
        {"done": True, "total": "7", "rate": None},
        {"done": -1, "total": -7, "rate": -5.5},
        {"done": 10**18, "total": 2**63 - 1, "rate": 1e300},
    ],
)
def test_odd_counts_are_left_out(load, metadata):
    artifact = load(0, metadata)
    assert read_pace(artifact) == Pace(0)
    assert " 0 %\n" in printed(render_artifact(artifact))


@pytest.mark.parametrize("data", [None, True, "24", {}, [24], -1])
def test_what_is_no_progress_has_no_pace(load, data):
    assert read_pace(load(data)) is None


@pytest.mark.parametrize(
    "metadata",
    [
        {"done": 1, "total": 2, "rate": 1e-300},
        {"done": 3, "total": 2, "rate": 1},
        {"done": 0, "total": 10, "rate": 0},
    ],
)
def test_an_end_that_cannot_be_told_is_left_out(load, metadata):
    assert "left" not in printed(render_artifact(load(0, metadata)))
