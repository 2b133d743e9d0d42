"""What a notebook shows, in a browser: no attack runs, and nothing of it stands in anybody's way."""

import pytest

from artifact_store import ArtifactContext, ArtifactStore, render_artifact
from artifact_store.rendering.html import blocks_to_html
from artifact_store.rendering.style import STYLE
from tests.helpers import browser
from tests.helpers.attacks import ATTACKS, everywhere

pytestmark = pytest.mark.skipif(
    browser.CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"
)
PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Notebook</title>"
    "<style>{style}</style><main>{body}</main>"
)


def written(path, shown):
    body = "".join(
        f'<div class="artifact-store">{blocks_to_html(each, external_images=False)}</div>'
        for each in shown
    )
    path.write_text(PAGE.format(style=STYLE, body=body), encoding="utf-8")
    return path


def test_no_attack_runs(chromium, tmp_path):
    with ArtifactStore("sqlite:///:memory:") as store:
        shown = []
        for attack in ATTACKS:
            around = ArtifactContext(
                attack, attack, attack, 7, changes=(f"column `{attack}` is new",), field=attack
            )
            for type, data in everywhere(attack):
                made = store.create_artifact(
                    type=type, data=data, description=attack, metadata={attack: attack}
                )
                shown.append(render_artifact(made, around))
    with browser.opened(chromium, written(tmp_path / "attacks.html", shown)) as page:
        assert page.locator(".artifact-store").count() == len(shown)
        assert page.locator("script, iframe, object, embed, base, form, svg script").count() == 0
        names = "[...document.querySelectorAll('main *')].flatMap(each => each.getAttributeNames())"
        assert not [name for name in page.evaluate(names) if name.startswith("on")]
        page.mouse.move(300, 300)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(chromium, tmp_path, scheme):
    with ArtifactStore("sqlite:///:memory:") as store:
        for count in range(2, 5):
            rows = [{"city": "Oslo", "wind": number} for number in range(count)]
            table = store.create_artifact(
                key="weather", type="table", data=rows, metadata={"by": "me"}
            )
        others = [
            ("markdown", "# A\n\n- b"),
            ("link", "https://example.org"),
            ("progress", 40),
            ("result", {"a": 1}),
        ]
        made = [table, *(store.create_artifact(type=type, data=data) for type, data in others)]
        shown = [render_artifact(each, store.read_surroundings(each)) for each in made]
    file = written(tmp_path / "kinds.html", shown)
    colours = {
        "light": "background:#fff;color:#222",
        "dark": "background:#111;color:#eee;color-scheme:dark",
    }[scheme]
    page = file.read_text("utf-8").replace(
        "<main>", f"<body data-theme={scheme} style='{colours}'><main>"
    )
    file.write_text(page, encoding="utf-8")
    with browser.opened(chromium, file, width=390, scheme=scheme) as page:
        found = browser.findings(page)
        serious = {name: found[name] for name in found if name.partition(" ")[0] in browser.SERIOUS}
        assert not serious
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
