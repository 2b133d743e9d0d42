"""A difference in Markdown: its lines are a diff that patch(1) would accept, its cells and values are tables."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifact_store import ArtifactStore
from artifact_store.differences.changes import LineChange
from artifact_store.differences.texts import compare_lines, hunks


@pytest.fixture
def memory():
    with ArtifactStore("sqlite:///:memory:") as store:
        yield store


LINES = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=12).map("\n".join)


def patched(text, written):
    """Apply hunks without context, as `patch` does."""
    lines = text.split("\n")
    result = []
    position = 0
    for hunk in written:
        old, removed, new, added = map(
            int, re.fullmatch(r"@@ -(\d+),(\d+) \+(\d+),(\d+) @@", hunk.heading).groups()
        )
        start = old - 1 if removed else old
        result += lines[position:start]
        assert len(result) == (new - 1 if added else new)
        taken = [each.line for each in hunk.changes if each.kind == "removed"]
        assert lines[start : start + removed] == taken
        position = start + removed
        more = [each.line for each in hunk.changes if each.kind == "added"]
        assert len(more) == added
        result += more
    return "\n".join(result + lines[position:])


@settings(max_examples=300, deadline=None)
@given(LINES, LINES)
def test_hunks_make_the_newer_text(before, after):
    assert patched(before, hunks(compare_lines(before, after))) == after


def test_neighbours_are_one_hunk():
    changes = [
        LineChange("removed", 1, None, "b"),
        LineChange("removed", 2, None, "c"),
        LineChange("added", None, 1, "x"),
        LineChange("added", None, 3, "y"),
    ]
    assert [hunk.heading for hunk in hunks(changes)] == ["@@ -2,2 +2,1 @@", "@@ -4,0 +4,1 @@"]


def test_text_is_a_diff(memory):
    memory.create_artifact(key="notes", data="one\ntwo\n```\nend")
    memory.create_artifact(key="notes", data="one\n2 @octocat\n\x1b[31m\n```\nend")
    assert memory.diff("notes").to_markdown() == (
        "### notes@1 → notes@2\n\n- 2 lines added, 1 line removed\n\n"
        "```diff\n@@ -2,1 +2,2 @@\n-two\n+2 @octocat\n+\\x1b[31m\n```\n"
    )
    memory.create_artifact(key="notes", data="one\n````\n")
    assert "`````diff\n" in memory.diff("notes").to_markdown()


def test_cells_are_a_table(memory):
    before = [{"id": 1, "n": 5, "old": 0}, {"id": 2, "n": 6, "old": 0}]
    after = [{"id": 1, "n": 7, "new": "a|b"}, {"id": 3, "n": 6, "new": "a|b"}]
    memory.create_artifact(key="t", type="table", data=before)
    memory.create_artifact(key="t", type="table", data=after)
    shown = memory.diff("t", key=["id"]).to_markdown()
    assert shown.endswith(
        """
| change | row | column | before | after |
| --- | --- | --- | --- | --- |
| removed |  | old | integer |  |
| added |  | new |  | text |
| changed | id=1 | n | 5 | 7 |
| removed | id=2 |  | id=2, n=6, old=0 |  |
| added | id=3 |  |  | id=3, n=6, new=a&#124;b |
"""
    )


@pytest.mark.parametrize(
    ("before", "after", "row"),
    [
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, "| changed | data.a.b\\[1\\] | 2 | 3 |"),
        ({"a": 1}, {"a": 1, "b c": "*"}, '| added | data\\["b c"\\] |  | \\* |'),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "| reordered | data |  | keys in another order |"),
    ],
)
def test_values_are_a_table(memory, before, after, row):
    memory.create_artifact(key="j", type="result", data=before)
    memory.create_artifact(key="j", type="result", data=after)
    assert row in memory.diff("j").to_markdown().splitlines()


def test_what_is_the_same_says_so(memory):
    memory.create_artifact(key="j", data=1)
    assert memory.diff("j", "j").to_markdown() == "### j@1 → j@1\n\nj@1 is the same as j@1.\n"


def test_a_long_difference_is_cut(memory):
    memory.create_artifact(key="j", data={str(number): number for number in range(300)})
    memory.create_artifact(key="j", data={str(number): -number for number in range(300)})
    shown = memory.diff("j").to_markdown(remedy="--json prints all of it.")
    assert shown.endswith("*Left out: 199 of 299 changes. --json prints all of it.*\n")
    assert shown.count("| changed |") == 100
    memory.create_artifact(key="long", data="a\n" * 20)
    memory.create_artifact(key="long", data=("x" * 10_000 + "\n") * 1_000)
    shown = memory.diff("long").to_markdown(1_000)
    assert len(shown) < 20_000
    assert re.search(r"\*Left out: 9\d\d of 1,0\d\d lines\.\*\n\Z", shown)
