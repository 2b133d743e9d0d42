"""Changed lines of text: which of them belong together, and how each place shows them."""

import io
import re

import pytest
from rich.console import Console

from artifact_store import ArtifactStore
from artifact_store.differences.texts import compare_lines, hunks, paired
from artifact_store.rendering import blocks, blocks_to_markdown, print_blocks
from artifact_store.rendering.html import blocks_to_html
from tests.helpers.attacks import ATTACKS

BEFORE = "# Sales\n\nNorth leads with 12.\nSouth follows.\n"
AFTER = "# Sales\n\nSomething else.\nNorth leads with 15.\nSouth follows.\n"


def lines(before: str, after: str) -> blocks.Lines:
    return blocks.Lines(tuple(map(paired, hunks(compare_lines(before, after)))))


def on_screen(block: blocks.Lines, width: int, **options: object) -> list[str]:
    file = io.StringIO()
    print_blocks(Console(file=file, width=width, **options), [block])  # type: ignore[arg-type]
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_a_line_stands_beside_the_one_that_is_most_like_it() -> None:
    (hunk,) = lines(BEFORE, AFTER).hunks
    assert hunk.heading == "@@ -3,1 +3,2 @@"
    alone, pair = hunk.pairs
    assert (alone.before, alone.after) == (None, blocks.Line(3, (("Something else.", False),)))
    assert pair.before == blocks.Line(3, (("North leads with ", False), ("12", True), (".", False)))
    assert pair.after == blocks.Line(4, (("North leads with ", False), ("15", True), (".", False)))


def test_lines_that_have_little_in_common_have_no_marks() -> None:
    (hunk,) = lines("one two three", "four five six").hunks
    (pair,) = hunk.pairs
    assert pair.before == blocks.Line(1, (("one two three", False),))
    assert pair.after == blocks.Line(1, (("four five six", False),))


def test_many_and_long_lines_are_not_compared_by_word() -> None:
    before = [f"line {number} of many" for number in range(20)]
    (hunk,) = lines("\n".join(before), "\n".join(f"{line} more" for line in before)).hunks
    assert len(hunk.pairs) == 20
    (hunk,) = lines("word " * 500, "word " * 500 + "more").hunks
    assert hunk.pairs[0].before == blocks.Line(1, (("word " * 500, False),))


def test_words_that_repeat_too_often_are_not_matched() -> None:
    # 1,000 signs and 1,000 others, of which none is unique, are too many for a rest.
    before = "!?" * 500
    after = "?!" * 500
    (hunk,) = lines(before, after).hunks
    (pair,) = hunk.pairs
    assert pair.before == blocks.Line(1, ((before, False),))
    assert pair.after == blocks.Line(1, ((after, False),))


def test_a_narrow_terminal_shows_a_unified_diff() -> None:
    assert on_screen(lines(BEFORE, AFTER), 119) == [
        "@@ -3,1 +3,2 @@",
        "-North leads with 12.",
        "+Something else.",
        "+North leads with 15.",
    ]


def test_a_wide_terminal_shows_both_sides() -> None:
    shown = on_screen(lines(f"0\n{BEFORE}", f"1\n{AFTER}"), 120)
    assert [re.split(r" {2,}", line.strip()) for line in shown] == [
        ["1 -0", "1 +1"],
        ["⋮", "⋮"],
        ["4 +Something else."],
        ["4 -North leads with 12.", "5 +North leads with 15."],
    ]
    assert max(map(len, on_screen(lines("x" * 900, "y" * 900), 140))) <= 140


def test_colours_mark_the_words() -> None:
    screen = "".join(on_screen(lines(BEFORE, AFTER), 140, force_terminal=True))
    assert "\x1b[1;4;31m12\x1b[0m" in screen
    assert "\x1b[1;4;32m15\x1b[0m" in screen


def test_html_marks_the_words() -> None:
    page = blocks_to_html([lines(BEFORE, AFTER)])
    assert "<td>3</td>" in page
    assert "<del>North leads with <mark>12</mark>.</del>" in page
    assert "<ins>North leads with <mark>15</mark>.</ins>" in page
    assert len(blocks_to_html([lines("x" * 10**6, "y")])) < 5_000


def test_markdown_shows_a_unified_diff() -> None:
    shown = "```diff\n@@ -3,1 +3,2 @@\n-North leads with 12.\n"
    assert blocks_to_markdown([lines(BEFORE, AFTER)]).startswith(shown)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("width", [80, 140])
def test_stored_text_is_escaped(attack: str, width: int) -> None:
    block = lines(f"{attack}\n1", f"{attack} word\n2")
    screen = "\n".join(on_screen(block, width))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2066]", screen)
    page = blocks_to_html([block])
    assert set(re.findall(r"<(\w+)", page)) <= set(
        "div table colgroup col tbody tr td del ins mark".split()
    )


def test_a_difference_shows_lines_and_values(store: ArtifactStore) -> None:
    store.create_artifact(key="k", type="markdown", data=BEFORE)
    store.create_artifact(key="k", type="markdown", data=AFTER, metadata={"n": 1})
    diff = store.diff("k")
    assert [type(block).__name__ for block in diff.blocks()] == ["Changes", "Lines", "Table"]
    assert [type(block).__name__ for block in diff.blocks(1)] == ["Changes", "Lines", "Note"]
    assert [type(block).__name__ for block in diff.blocks(0)] == ["Changes", "Note"]
    assert diff.to_rows(lines=False) == [
        {"change": "~", "where": "metadata", "before": "null", "after": '{"n": 1}'}
    ]
    assert diff.to_rows()[0]["where"] == "line 3"
    assert diff.to_unified()[:4] == [
        "--- k@1",
        "+++ k@2",
        "@@ -3,1 +3,2 @@",
        "-North leads with 12.",
    ]
    assert len(diff.to_unified(1)) == 4
    assert store.diff("k@1", "k@1").to_unified() == []
