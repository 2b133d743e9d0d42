"""Where artifacts are shown, the aliases of their key are shown too."""

import re
from io import StringIO

import pytest
from rich.console import Console

from artifact_store import ArtifactStore, render_artifact
from artifact_store.rendering import print_blocks


@pytest.fixture
def models(store: ArtifactStore) -> ArtifactStore:
    """A store with three versions of `model`; two have an alias."""
    store.create_artifacts({"key": "model", "data": {"acc": n}} for n in (91, 93, 95))
    store.set_alias("model", "prod", 2)
    store.set_alias("model", "canary", 3)
    store.set_alias("model", "next", 3)
    return store


def on_a_terminal(store: ArtifactStore, ref: str) -> str:
    """Return an artifact as a terminal shows it."""
    screen = StringIO()
    artifact = store.get(ref)
    blocks = render_artifact(artifact, store.read_surroundings(artifact))
    print_blocks(Console(file=screen, width=100), blocks)
    return screen.getvalue()


def test_on_a_terminal(models: ArtifactStore) -> None:
    latest = on_a_terminal(models, "model")
    assert latest.startswith("model@3 canary next updated")
    assert re.search(r"^aliases +canary, next, prod is @2$", latest, re.MULTILINE)
    assert on_a_terminal(models, "model@prod").startswith("model@2 prod updated")
    first = on_a_terminal(models, "model@1")
    assert first.startswith("model@1 updated")
    assert "canary is @3, next is @3, prod is @2" in first


def test_in_a_notebook_a_chip(models: ArtifactStore) -> None:
    html = str(models.get("model")._repr_html_())
    chips = re.findall(r'<span class="artifact-store-alias">([^<]+)</span>', html)
    assert chips == ["canary", "next"]
    assert "canary, next, prod is @2" in html


def test_in_markdown(models: ArtifactStore) -> None:
    text = models.get("model").to_markdown()
    assert "`canary`, `next`, updated" in text
    assert "canary, next, prod is @2" in text.replace("<span>@</span>", "@")


def test_nothing_without_aliases(store: ArtifactStore) -> None:
    artifact = store.create_artifact(key="plain", data=1)
    assert "alias" not in on_a_terminal(store, "plain")
    assert 'class="artifact-store-alias"' not in str(artifact._repr_html_())
    assert "alias" not in artifact.to_markdown()
