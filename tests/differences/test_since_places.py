"""What changed since the previous version, said in every place where an artifact is shown."""

import html
import io
import re
from typing import Any

import pytest
from rich.console import Console

from artifact_store import Artifact, ArtifactStore, render_artifact
from artifact_store.rendering import print_blocks
from tests.helpers.attacks import ATTACKS
from tests.helpers.report import stored

ROWS = [{"id": 1, "n": 5}, {"id": 2, "n": 5}, {"id": 3, "n": 6}]
CASES = {
    "a number": ({"data": {"acc": 0.93}}, {"data": {"acc": 0.71}}, "acc 0.93 → 0.71 (-0.22)"),
    "nested JSON": (
        {"data": {"model": {"layers": [{"units": 3}]}}},
        {"data": {"model": {"layers": [{"units": 4}]}}},
        "model.layers[0].units 3 → 4 (+1)",
    ),
    "Markdown": (
        {"type": "markdown", "data": "# Sales\n\nNorth leads.\n"},
        {"type": "markdown", "data": "# Sales\n\nSouth leads.\n"},
        'line 3 "North leads." → "South leads."',
    ),
    "a cell": (
        {"type": "table", "data": ROWS},
        {"type": "table", "data": [ROWS[0], {"id": 2, "n": 7}, ROWS[2]]},
        "n 5 → 7 (+2) in row 1",
    ),
    "two rows": (
        {"type": "table", "data": ROWS},
        {"type": "table", "data": [ROWS[0], {"id": 2, "n": 6}, {"id": 3, "n": 5}]},
        "n 5 → 6 (+1) in row 1",
    ),
    "nothing": ({"data": 1}, {"data": 1}, "ame as k@1"),
}


def publish(store: ArtifactStore, before: dict[str, Any], after: dict[str, Any]) -> Artifact:
    store.create_artifact(key="k", **before)
    return store.create_artifact(key="k", **after)


def text_of(page: str) -> str:
    """Return the text of some HTML."""
    return html.unescape(re.sub("<[^>]*>", "", page.partition("</style>")[2] or page))


def on_screen(store: ArtifactStore, artifact: Artifact, width: int = 100) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width)
    print_blocks(console, render_artifact(artifact, store.read_surroundings(artifact)))
    return file.getvalue()


@pytest.mark.parametrize("case", CASES)
def test_each_place_says_what_changed(store: ArtifactStore, case: str) -> None:
    before, after, said = CASES[case]
    artifact = publish(store, before, after)
    report = io.BytesIO()
    store.report(report)

    assert said in on_screen(store, artifact)
    assert said in text_of(artifact._repr_html_())
    assert said in text_of(stored(report.getvalue().decode(), "v")["0.2"])
    assert said in store.read_history("k").to_markdown().replace("\\", "")
    plain = artifact.to_markdown().replace("`", "").replace("\\", "")
    assert said in html.unescape(plain)


def test_each_place_says_that_data_is_too_large(store: ArtifactStore) -> None:
    large = [{"a": "x" * 2_000_000}]
    store.create_table_artifact(large, key="k")
    artifact = store.create_table_artifact([*large, {"a": None}], key="k")
    report = io.BytesIO()
    store.report(report)

    said = "Since k@1, by profile:"
    assert f"{said} rows +1; column a nulls 0 → 1\nartifact-store diff k@1 k@2\n" in on_screen(
        store, artifact
    )
    assert said in text_of(artifact._repr_html_())
    shown = text_of(stored(report.getvalue().decode(), "v")["0.2"])
    assert said in shown
    assert 'store.diff("k@1", "k@2")' in shown
    assert "by profile: rows +1; column a nulls" in store.read_history("k").to_markdown()


def test_a_terminal_shows_one_line_and_the_command(store: ArtifactStore) -> None:
    numbers = {f"number_{n:02}": n for n in range(30)}
    artifact = publish(store, {"data": numbers}, {"data": dict.fromkeys(numbers, 0)})
    lines = on_screen(store, artifact, width=80).splitlines()
    since = next(number for number, line in enumerate(lines) if line.startswith("Since"))
    assert lines[since : since + 2] == [
        "Since k@1: number_01 1 → 0 (-1); number_02 2 → 0 (-2); and 27 more changes",
        "artifact-store diff k@1 k@2",
    ]


def test_a_report_unfolds_few_changes(store: ArtifactStore) -> None:
    publish(store, {"data": [1, 2, 3]}, {"data": [1, 5, 3]})
    store.create_artifact(key="k", data=list(range(2000)))
    report = io.BytesIO()
    store.report(report)
    views = stored(report.getvalue().decode(), "v")
    assert "<summary>All changes</summary>" in views["0.2"]
    assert "<td>data[1]</td><td>2</td><td>5</td>" in views["0.2"]
    assert "store.diff" not in views["0.2"]
    assert "All changes" not in views["0.3"]
    assert "store.diff(&quot;k@2&quot;, &quot;k@3&quot;)" in views["0.3"]


@pytest.mark.parametrize("attack", ATTACKS)
def test_names_and_values_in_the_data_are_escaped(attack: str) -> None:
    memory = ArtifactStore("sqlite:///:memory:")
    artifact = publish(memory, {"data": {attack: attack}}, {"data": {attack: f"{attack}2"}})
    screen = on_screen(memory, artifact, width=300)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2066]", screen)
    page = artifact._repr_html_().partition("</style>")[2]
    assert not re.search("<(script|img|svg|iframe|a |b>)", page)
