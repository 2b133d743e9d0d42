"""A report in a browser: stored text that attacks it, and stores that are large."""

import json
import time

import pytest
from playwright.sync_api import expect

from artifact_store import ArtifactStore
from tests.helpers import browser
from tests.report.test_report_browser import PIXEL, rows

pytestmark = pytest.mark.skipif(
    browser.CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"
)

PAYLOADS = [
    "<script>window.pwned = 1</script>",
    "</script><script>window.pwned = 1</script>",
    "<!--<script>window.pwned = 1",
    "--><script>window.pwned = 1</script>",
    "<img src=x onerror=window.pwned=1>",
    "\"><img src=x onerror='window.pwned=1'>",
    "' onmouseover='window.pwned=1' autofocus onfocus='window.pwned=1",
    '" onmouseover="window.pwned=1" autofocus onfocus="window.pwned=1" x="',
    "<svg onload=window.pwned=1><script>window.pwned=1</script></svg>",
    "<svg><animate onbegin=window.pwned=1 attributeName=x dur=1s>",
    "<math><mtext></mtext><mglyph><style></math><img src onerror=window.pwned=1>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "<details open ontoggle=window.pwned=1>",
    "<form action='javascript:window.pwned=1'><button autofocus>x</button></form>",
    "<meta http-equiv=refresh content='0;url=javascript:window.pwned=1'>",
    "<base href='https://example.org/'><link rel=stylesheet href='https://example.org/x.css'>",
    "</textarea></title></style></template></noscript><script>window.pwned=1</script>",
    "{{payloads}}{{script}}{{rows}}",
    "[a](javascript:window.pwned=1) ![a](javascript:window.pwned=1) <javascript:window.pwned=1>",
    "[a](JaVa\tScript&colon;window.pwned=1) [b]( javascript:window.pwned=1 ) [c](&#106;avascript:window.pwned=1)",
    "[a](data:text/html,<script>window.pwned=1</script>) ![a](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9cHduZWQ9MT4=)",
    "[a](vbscript:x) [b](file:///etc/passwd) [c](//example.org/x) ![d](https://example.org/x.png) [e]: javascript:x",
    '[a](https://example.org/"onmouseover="window.pwned=1) `<script>window.pwned=1</script>`',
    "```html\n<script>window.pwned=1</script>\n```\n\n| a |\n|---|\n| <img src=x onerror=window.pwned=1> |",
    "\u202egnp.exe\u2028\u2029\u200b\ufeff\u0007\x1b[31m\U000e0041 e\u0301 𝕏 ﷽",
]
SOURCES = [
    "javascript:window.pwned=1",
    "data:text/html,<script>window.pwned=1</script>",
    "https://example.org/x.png",
]
SOURCES += [
    f"data:image/svg+xml;base64,{PIXEL}",
    'x" onerror="window.pwned=1',
    "data:image/png;base64,x' onerror='y",
]


def attack(store):
    """Publish hostile text in every place that takes text."""
    for number, text in enumerate(PAYLOADS):
        kind = "".join(char for char in text if char.isprintable())
        run = store.create_flow_run(store.create_flow(f"flow {text}").id, name=f"run {text}")
        task = store.create_task_run(run.id, name=f"task {text}")
        about = {
            "description": text,
            "metadata": {text: text, "n": number},
            "flow_run_id": run.id,
            "task_run_id": task.id,
        }
        for kind, data in (
            (text, {"x": text, text: [text]}),
            ("table", [{text: text, "n": 1}, {text: number}]),
            ("markdown", text),
            ("link", {"link": text, "link_text": text}),
            ("image", {"image": text, "alt": text}),
            ("progress", text),
            ("json", {text: text}),
            (None, text),
        ):
            store.create_artifact(key=f"attack-{number}", type=kind, data=data, **about)
    for number, source in enumerate(SOURCES):
        store.create_artifact(
            key=f"source-{number}", type="link", data={"link": source, "link_text": "x"}
        )
        store.create_artifact(
            key=f"source-{number}", type="image", data={"image": source, "alt": "x"}
        )
    store.create_artifact(key="a.b_c-d/__proto__/0", type="constructor", data="__proto__")


def test_nothing_that_was_stored_runs(chromium, tmp_path):
    with ArtifactStore(f"sqlite:///{tmp_path}/store.db") as store:
        attack(store)
        store.report(tmp_path / "report.html", title=PAYLOADS[1] + PAYLOADS[17])
    with browser.opened(chromium, tmp_path / "report.html") as page:
        refs = page.locator("#_rows .key a").evaluate_all(
            "links => links.map(link => link.getAttribute('href'))"
        )
        assert len(refs) == len(PAYLOADS) + len(SOURCES) + 1
        provoke = """() => {
            for (const each of document.querySelectorAll("main *"))
                for (const kind of ["mouseover", "focus", "toggle", "error"]) each.dispatchEvent(new Event(kind));
            const all = [...document.querySelectorAll("main *")];
            return all.flatMap((each) => [...each.attributes].filter(({name, value}) =>
                name.startsWith("on") || name === "style" || name === "srcdoc" || name === "autofocus" ||
                (["href", "src", "action"].includes(name) &&
                    !/^(https?:|mailto:|data:image\\/(png|jpeg|gif|webp);base64,|(?![a-z0-9+.-]+:|[\\\\/]{2}))/i.test(value))
            ).map(({name, value}) => `${name}=${value}`)).concat(
                all.filter((each) => /^(script|iframe|object|embed|style|link|meta|base|form)$/i.test(each.localName))
                    .map((each) => each.outerHTML));
        }"""
        assert page.evaluate(provoke) == []
        for ref in refs:
            page.evaluate("ref => (location.hash = ref)", ref)
            expect(page.locator("#_artifact h1")).to_contain_text(ref[1:])
            versions = page.locator(".versions a").evaluate_all(
                "links => links.map(link => link.getAttribute('href'))"
            )
            for version in versions:
                page.evaluate("ref => (location.hash = ref)", version)
                expect(page.locator("#_artifact h1")).to_have_text(version[1:])
                assert page.evaluate(provoke) == [], version


def test_what_is_large_stays_usable(chromium, tmp_path):
    table = [{f"column {n}": row * n for n in range(60)} for row in range(1000)]
    text = "".join(
        f"## Part {n}\n\nSome *words* and `code` of [part](https://example.org/{n}).\n\n"
        for n in range(75_000)
    )
    assert len(text) > 5_000_000
    with ArtifactStore(f"sqlite:///{tmp_path}/store.db") as store:
        store.create_artifact(key="wide", type="table", data=table)
        store.create_artifact(key="long", type="markdown", data=text)
        store.create_artifact(
            key="k" * 255, type="t" * 255, description="about" * 100, data=[["x" * 1000]]
        )
        store.report(tmp_path / "report.html")
    with browser.opened(chromium, tmp_path / "report.html", width=390) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert page.locator("#_rows").evaluate("rows => rows.scrollWidth <= rows.clientWidth")
        for key, noted in (
            ("wide", "Left out: 900 of 1,000 rows"),
            ("long", "characters."),
            ("k" * 255, ""),
        ):
            started = time.monotonic()
            page.get_by_role("link", name=key, exact=True).click()
            expect(page.get_by_role("heading", level=1)).to_have_text(f"{key}@1")
            expect(page.locator("main").get_by_text(noted).first).to_be_attached()
            print(f"{key}: opened in {time.monotonic() - started:.2f} s")
            assert page.locator("*").count() < 20_000
            assert page.evaluate("document.documentElement.scrollWidth") == 390
            with page.expect_download() as saving:
                page.get_by_role("button", name="Download data").click()
            saving.value.save_as(tmp_path / key)
            page.get_by_role("link", name="All artifacts").click()
    assert json.loads((tmp_path / "wide").read_text(encoding="utf-8")) == table
    assert (tmp_path / "long").read_text(encoding="utf-8") == text


def test_a_thousand_artifacts_open_at_once(chromium, tmp_path):
    with ArtifactStore(f"sqlite:///{tmp_path}/store.db") as store:
        store.create_artifacts(
            {
                "key": f"sales/region-{n:04d}",
                "type": "table",
                "description": f"Sales of region {n}",
                "data": [
                    {"day": day, "orders": day * n % 97, "revenue": day * n / 7}
                    for day in range(20 + version)
                ],
                "metadata": {"revenue": n * version},
            }
            for version in range(5)
            for n in range(1000)
        )
        started = time.monotonic()
        made = store.report(tmp_path / "report.html")
        written = time.monotonic() - started
    assert (made.artifacts, made.versions) == (1000, 5000)
    with browser.opened(chromium, tmp_path / "report.html") as page:
        expect(page.locator("#_count")).to_have_text("1,000 artifacts")
        timing = page.evaluate("performance.getEntriesByType('navigation')[0].toJSON()")
        painted = page.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        )
        assert page.locator("main *").count() < 20_000
        search = """async (words) => {
            const field = document.getElementById("_search"), started = performance.now();
            field.value = words;
            field.dispatchEvent(new Event("input"));
            document.body.offsetHeight;
            return performance.now() - started;
        }"""
        searched = page.evaluate(search, "0042")
        assert rows(page) == ["sales/region-0042"]
        opened = page.evaluate("""async () => {
            const started = performance.now();
            location.hash = "sales/region-0042@2";
            await new Promise((done) => addEventListener("hashchange", done, { once: true }));
            document.body.offsetHeight;
            return performance.now() - started;
        }""")
        expect(page.get_by_role("heading", level=1)).to_have_text("sales/region-0042@2")
    print(
        f"1,000 artifacts, 5,000 versions: written in {written:.1f} s, {made.size / 1e6:.1f} MB; seen after "
        f"{painted:.0f} ms, all read after {timing['domComplete']:.0f} ms; searched in {searched:.0f} ms, "
        f"a version opened in {opened:.0f} ms"
    )
    assert timing["domComplete"] > 0, "the page was not read to its end"
