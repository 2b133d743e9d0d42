"""A report in a browser: opened from its file without a network, and used with mouse and keyboard."""

import json
import math

import pytest
from playwright.sync_api import expect

from artifact_store import ArtifactStore
from tests.helpers import browser

pytestmark = pytest.mark.skipif(
    browser.CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"
)

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
TEXT = "# Dry\n\nSee [the table](https://example.org/t) & <b>this</b>.\n\n| city | wind |\n|---|---:|\n| Oslo | 3 |\n"


def publish(store):
    """Publish an artifact of each kind; some have a history."""
    flow, other = store.create_flow("nightly-etl"), store.create_flow("train")
    for day in range(1, 13):
        run = store.create_flow_run(flow.id, name=f"night-{day}")
        store.set_flow_run_state(run.id, "COMPLETED")
        rows = [{"city": "Oslo", "wind": n} for n in range(day * 10)]
        if day == 12:
            rows[0]["wind"] = "calm"
        store.create_artifact(
            key="weather",
            type="table",
            data=rows,
            description="Wind in **Oslo**",
            flow_run_id=run.id,
            metadata={"day": day},
        )
    for epoch in range(4):
        run = store.create_flow_run(other.id, name=f"epoch-{epoch}")
        task = store.create_task_run(run.id, name="evaluate")
        store.create_artifact(
            key="models/churn",
            type="result",
            data={"accuracy": 0.8 + epoch / 100, "by": {"plan": [1, 2]}},
            metadata={"loss": math.exp(-epoch), "team": "growth"},
            flow_run_id=run.id,
            task_run_id=task.id,
        )
    store.create_artifact(key="reports/summary", type="markdown", data=TEXT)
    store.create_artifact(key="load", type="progress", data=40)
    store.create_artifact(
        key="links/board", type="link", data={"link": "https://example.org/d", "link_text": "Board"}
    )
    store.create_artifact(
        key="pixel",
        type="image",
        data={"image": f"data:image/png;base64,{PIXEL}", "alt": "A pixel"},
    )
    store.create_artifact(key="plain", data="one\ntwo")
    for ref, name in (("weather@11", "prod"), ("weather@12", "canary"), ("models/churn", "prod")):
        store.set_alias(ref, name)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The file of a report on artifacts of every kind."""
    place = tmp_path_factory.mktemp("report")
    with ArtifactStore(f"sqlite:///{place}/store.db") as store:
        publish(store)
        store.report(place / "report.html", title="What <jobs> made")
    return place / "report.html"


def rows(page):
    return page.locator("#_rows tr:visible .key a").all_inner_texts()


# Finding


def test_the_overview_shows_the_latest_of_each_key(chromium, report):
    with browser.opened(chromium, report) as page:
        assert page.title() == "What <jobs> made"
        assert rows(page) == [
            "plain",
            "pixel",
            "links/board",
            "load",
            "reports/summary",
            "models/churn",
            "weather",
        ]
        cells = (
            page.get_by_role("row").filter(has_text="weather").get_by_role("cell").all_inner_texts()
        )
        assert [cells[0], cells[2]] == ["table", "@12"]
        assert cells[1].split() == ["12", "day"]
        assert cells[3].endswith("ago")
        assert cells[4].split() == ["nightly-etl", "night-12"]
        expect(page.locator("#_count")).to_have_text("7 artifacts")
        assert page.locator("#_artifact").inner_html() == ""


def test_search_and_filters(chromium, report):
    with browser.opened(chromium, report) as page:
        search, count = page.get_by_role("searchbox"), page.locator("#_count")
        search.fill("WIND oslo")
        assert rows(page) == ["weather"]
        expect(count).to_have_text("1 of 7 artifacts")
        assert count.get_attribute("role") == "status"
        search.fill("epoch-3")
        assert rows(page) == ["models/churn"]
        page.get_by_label("Flow").select_option(label="nightly-etl (1)")
        assert rows(page) == []
        expect(page.locator("#_none")).to_be_visible()
        page.get_by_role("button", name="Clear").click()
        assert len(rows(page)) == 7
        expect(search).to_be_focused()
        page.get_by_label("Type").select_option(label="(none) (1)")
        assert rows(page) == ["plain"]
        page.get_by_label("Type").select_option(label="table (1)")
        assert rows(page) == ["weather"]


def test_columns_sort_the_overview(chromium, report):
    with browser.opened(chromium, report) as page:
        header = page.get_by_role("columnheader", name="Artifact")
        header.get_by_role("button").click()
        assert header.get_attribute("aria-sort") == "ascending"
        assert rows(page) == sorted(rows(page))
        page.get_by_role("button", name="Version").click()
        assert rows(page)[:2] == ["weather", "models/churn"]
        assert header.get_attribute("aria-sort") is None
        header.get_by_role("button").click()
        header.get_by_role("button").click()
        assert header.get_attribute("aria-sort") == "descending"
        assert rows(page)[0] == "weather"


# One artifact


def test_an_artifact_opens_with_its_change_profile_trend_and_run(chromium, report):
    with browser.opened(chromium, report) as page:
        page.get_by_role("link", name="weather", exact=True).click()
        assert page.url.endswith("#weather")
        expect(page.get_by_role("heading", level=1)).to_have_text("weather@12")
        expect(page.get_by_role("heading", level=1)).to_be_focused()
        shown = page.locator("#_artifact")
        for part in (
            shown.get_by_text("column wind became mixed"),
            shown.get_by_text("120 rows × 2 columns"),
            shown.locator("figure:visible .artifact-store-plot"),
            shown.get_by_text("Wind in Oslo"),
        ):
            expect(part).to_be_in_viewport()
        expect(shown.get_by_text("night-12")).to_be_visible()
        expect(shown.get_by_text('store.read_artifact_ref("weather@12")')).to_be_visible()
        assert page.locator("#_overview").is_hidden()
        assert page.title() == "weather@12 · What <jobs> made"


def test_a_version_is_chosen_and_the_back_button_returns(chromium, report):
    with browser.opened(chromium, report) as page:
        page.get_by_role("link", name="weather", exact=True).click()
        page.get_by_role("link", name="Older: @11").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("weather@11")
        page.locator(".versions").get_by_role("link", name="@5").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("weather@5")
        assert page.locator(".versions [aria-current=page]").get_attribute("href") == "#weather@5"
        expect(page.get_by_role("link", name="Latest: @12")).to_be_visible()
        expect(
            page.get_by_text("@2", exact=True)
        ).to_be_visible()  # listed, though its payload is not there
        assert page.locator(".versions a").count() == 10
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("weather@11")
        page.go_back()
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("What <jobs> made")
        expect(page.get_by_role("link", name="weather", exact=True)).to_be_focused()
        assert page.locator("#_artifact *").count() == 0


def test_an_address_leads_to_a_version(chromium, report):
    with browser.opened(chromium, report, "models/churn@2") as page:
        expect(page.get_by_role("heading", level=1)).to_have_text("models/churn@2")
        expect(page.get_by_text("evaluate")).to_be_visible()
    for ref in ("weather@1", "nothing", "weather@x", "%E0%A4%A", "__proto__", "_v0.1"):
        with browser.opened(chromium, report, ref) as page:
            expect(page.get_by_role("heading", level=1)).to_have_text("Not in this report")
            page.get_by_role("link", name="All artifacts").click()
            assert len(rows(page)) == 7


def test_the_plotted_number_is_chosen(chromium, report):
    with browser.opened(chromium, report, "models/churn") as page:
        plot, choice = (
            page.locator("figure:visible"),
            page.get_by_label("The number that is plotted"),
        )
        assert plot.locator("circle").count() == 4
        assert {"data.accuracy", "metadata.loss"} <= set(choice.locator("option").all_inner_texts())
        choice.select_option("metadata.loss")
        assert plot.get_attribute("data-field") == "metadata.loss"
        assert (
            plot.locator(".artifact-store-plot")
            .get_attribute("aria-label")
            .startswith("metadata.loss: 0.04979")
        )
        assert page.locator(".versions li:first-child .value:visible").inner_text() == "0.04979"
        page.get_by_role("link", name="Older: @3").click()
        assert plot.get_attribute("data-field") == "metadata.loss"
        assert plot.locator(".here title").text_content().startswith("version 3 ")


@pytest.mark.parametrize(
    ("ref", "selector", "text"),
    [
        ("reports/summary", "#_artifact table td", "Oslo"),
        (
            "reports/summary",
            "#_artifact a[rel='noopener noreferrer'][href='https://example.org/t']",
            "the table",
        ),
        (
            "links/board",
            "#_artifact a[rel='noopener noreferrer'][href='https://example.org/d']",
            "Board",
        ),
        ("load", "#_artifact progress[value='40']", "40 %"),
        ("plain", "#_artifact pre", "one\ntwo"),
        ("pixel", "#_artifact img[alt='A pixel']", ""),
    ],
)
def test_each_kind_is_rendered(chromium, report, ref, selector, text):
    with browser.opened(chromium, report, ref) as page:
        assert (
            text in page.locator(selector).first.inner_text()
            or text in page.locator(selector).first.text_content()
        )
        if ref == "pixel":
            assert page.locator(selector).evaluate("image => image.naturalWidth") == 1


def test_data_is_saved_as_it_is_stored(chromium, report, tmp_path):
    for ref, name in (
        ("weather@12", "weather@12.json"),
        ("reports/summary", "reports-summary@1.md"),
    ):
        with browser.opened(chromium, report, ref) as page:
            with page.expect_download() as saving:
                page.get_by_role("button", name="Download data").click()
            assert saving.value.suggested_filename == name
            saving.value.save_as(tmp_path / name)
            expect(page.locator("#_status")).to_have_text(f"Saved {name}")
    data = json.loads((tmp_path / "weather@12.json").read_text(encoding="utf-8"))
    assert data == [{"city": "Oslo", "wind": n or "calm"} for n in range(120)]
    assert (tmp_path / "reports-summary@1.md").read_text(encoding="utf-8") == TEXT


def test_the_line_that_reads_it_back_is_copied(chromium, report):
    with browser.opened(chromium, report, "load") as page:
        page.get_by_role("button", name="Copy").click()
        expect(page.locator("#_status")).to_have_text("Copied")
        assert (
            page.evaluate("navigator.clipboard.readText()") == 'store.read_artifact_ref("load@1")'
        )


# For everybody


def test_the_keyboard_is_enough(chromium, report):
    with browser.opened(chromium, report) as page:
        focused = page.locator("*:focus")
        page.keyboard.press("Tab")
        expect(focused).to_have_text("Skip to the content")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_role("searchbox")).to_be_focused()
        page.keyboard.type("weather")
        for _ in range(20):
            page.keyboard.press("Tab")
            if focused.inner_text() == "weather":
                break
        assert focused.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_be_focused()
        page.keyboard.press("Tab")
        expect(focused).to_contain_text("Older: @11")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("weather@11")
        page.keyboard.press("Shift+Tab")
        expect(focused).to_have_text("All artifacts")
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="weather", exact=True)).to_be_focused()
        assert rows(page) == ["weather"]


def test_light_and_dark(chromium, report):
    with browser.opened(chromium, report, scheme="dark") as page:
        ground = "getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(ground)
        button = page.get_by_role("button", name="Theme: automatic")
        button.click()
        light = page.evaluate(ground)
        assert light != dark
        expect(page.get_by_role("button", name="Theme: light")).to_be_visible()
        page.reload()
        assert page.evaluate(ground) == light
        page.get_by_role("button", name="Theme: light").click()
        assert page.evaluate(ground) == dark
        page.emulate_media(color_scheme="light")
        assert page.evaluate(ground) == dark


def test_the_overview_needs_no_script(chromium, report):
    with browser.opened(chromium, report, script=False) as page:
        assert "weather" in rows(page)
        expect(
            page.get_by_text(
                "To search, and to open an artifact, allow this file to run its script."
            )
        ).to_be_visible()
        expect(page.locator("#_search")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(
    "ref", ["", "weather@11", "models/churn", "reports/summary", "load", "pixel", "nothing"]
)
def test_axe_finds_nothing_serious(chromium, report, width, scheme, ref):
    with browser.opened(chromium, report, ref, width=width, scheme=scheme) as page:
        found = browser.findings(page)
        print(
            f"axe-core: {ref or 'overview'}, {width} px, {scheme}: {sorted(found) or 'no finding'}"
        )
        assert not {
            rule: places for rule, places in found.items() if rule.split()[0] in browser.SERIOUS
        }
        assert page.evaluate("document.documentElement.scrollWidth") == width, "it scrolls sideways"


def test_these_tests_see_faults(chromium, tmp_path):
    file = tmp_path / "faulty.html"
    text = "<html lang=en><title>x</title><main><h1>x</h1><img src=https://example.org/x.png><p onclick=alert(1)>x"
    file.write_text(
        f"{text}<meta http-equiv=Content-Security-Policy content=\"script-src 'none'\">",
        encoding="utf-8",
    )
    with (
        pytest.raises(AssertionError, match=r"request: https://example\.org/x\.png"),
        browser.opened(chromium, file) as page,
    ):
        assert browser.findings(page).keys() == {"critical image-alt"}
    file.write_text(
        "<script>alert(1); window.pwned = 1; console.error(2)</script>", encoding="utf-8"
    )
    with pytest.raises(AssertionError), browser.opened(chromium, file) as page:
        assert page.evaluate("window.pwned") == 1
