"""Where artifacts are shown, the aliases of their key are shown too."""

import re
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from rich.console import Console

from artifact_store import ArtifactFilter, ArtifactStore, render_artifact
from artifact_store.rendering import print_blocks
from tests.helpers.report import stored


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


def test_a_list_has_a_column(models: ArtifactStore) -> None:
    models.create_artifact(key="sales", data=1)
    models.create_artifact(data=2)
    latest = models.read_latest_artifacts().to_markdown()
    assert re.search(r"\| key \| version \| aliases \|", latest)
    assert "| canary, next, prod is <span>@</span>2 |" in latest
    html = str(models.read_latest_artifacts()._repr_html_())
    assert "canary, next, prod is @2" in html

    every = models.read_artifacts().to_markdown()
    assert re.search(r"\| model \| 2 \| prod \|", every)
    assert re.search(r"\| model \| 3 \| canary, next \|", every)
    assert "is <span>" not in every
    history = models.read_history("model").to_markdown()
    assert re.search(r"\| model \| 2 \| prod \|", history)


def test_a_list_has_none_without_aliases(models: ArtifactStore) -> None:
    models.create_artifact(key="sales", data=1)
    of_key = ArtifactFilter(key={"any_": ["sales"]})
    assert "aliases" not in models.read_artifacts(artifact_filter=of_key).to_markdown()
    found = models.read_latest_artifacts()
    models.close()
    assert "aliases" not in found.to_markdown(), "no open store has them"


def test_a_copy_of_a_store_has_aliases_of_its_own(models: ArtifactStore, tmp_path: Path) -> None:
    with ArtifactStore(tmp_path / "other.db") as other:
        other.create_artifact(key="model", data=0)
        other.set_alias("model", "elsewhere")
        latest = models.read_latest_artifacts().to_markdown()
    assert "elsewhere" not in latest
    assert "canary" in latest


def test_in_a_report(models: ArtifactStore) -> None:
    models.create_artifact(key="sales", data=1)
    file = BytesIO()
    models.report(file)
    page = file.getvalue().decode()
    row = page.partition('<tr role="row" data-key="model"')[2].partition("</tr>")[0]
    chips = re.findall(r'<span class="alias">([^<]+)</span>', row)
    assert chips == ["canary", "next", "prod @2"]
    views = stored(page, "v")
    assert ['<span class="alias">prod</span>' in views[f"1.{n}"] for n in (1, 2, 3)] == [0, 1, 0]
    assert 'class="alias"' not in views["0.1"]
    versions = stored(page, "h")["1"][1]
    assert re.findall(r'class="v">(@\d)</span><span class="alias">([^<]+)<', versions) == [
        ("@3", "canary"),
        ("@2", "prod"),
    ]
