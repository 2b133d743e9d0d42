"""The report as a file: what it holds, how it is written, and what is refused. `test_report_browser` looks at it."""

import base64
import hashlib
import html
import io
import os
import random
import re
import threading
import tracemalloc

import pytest

from artifact_store import (
    ArtifactCollectionFilter,
    ArtifactCollectionSort,
    ArtifactFilter,
    ArtifactStore,
    FlowFilter,
    InvalidQuery,
    register_renderer,
)
from tests.helpers.artifacts import statements
from tests.helpers.inputs import add_input
from tests.helpers.report import stored


def written(store, **options):
    file = io.BytesIO()
    made = store.report(file, **options)
    assert made.size == len(file.getvalue())
    return file.getvalue().decode()


def keys(page):
    return re.findall(r'<th scope="row" role="rowheader" class="key"><a href="#([^"]*)">', page)


def test_it_holds_the_latest_of_each_key_with_its_versions(store):
    for n in range(1, 4):
        store.create_artifact(key="sales", type="table", data=[{"n": n}] * n)
    store.create_artifact(key="load", type="progress", data=40)
    store.create_artifact(type="table", data=[{"n": 0}])  # without a key it has no row
    file = io.BytesIO()
    made = store.report(file)
    page = file.getvalue().decode()
    assert made == (2, 4, len(file.getvalue()))
    assert keys(page) == ["load", "sales"]
    assert stored(page, "d") == {
        "0.1": 40,
        "1.3": [{"n": 3}] * 3,
        "1.2": [{"n": 2}] * 2,
        "1.1": [{"n": 1}],
    }
    assert "<li>1 row added</li>" in stored(page, "v")["1.3"]
    assert "Since" not in stored(page, "v")["1.1"]
    assert page.count('class="spark"') == 1


def test_filters_order_and_limits(store):
    run = store.create_flow_run(store.create_flow("nightly").id)
    for n, key in enumerate("abcd"):
        store.create_artifact(key=key, data=n, flow_run_id=run.id if key in "bc" else None)
        store.create_artifact(key=key, data=n, flow_run_id=run.id if key in "bc" else None)
    assert keys(written(store)) == ["d", "c", "b", "a"]
    assert keys(written(store, limit=2, sort=ArtifactCollectionSort.KEY_ASC)) == ["a", "b"]
    assert keys(written(store, limit=0)) == []
    assert "No artifact was found" in written(store, limit=0)
    assert "No artifact was found" not in written(store)
    assert keys(written(store, flow_filter=FlowFilter(name={"any_": ["nightly"]}))) == ["c", "b"]
    page = written(store, artifact_filter=ArtifactCollectionFilter(key={"any_": ["a"]}), versions=1)
    assert list(stored(page, "v")) == ["0.2"]
    assert "The newest 1 are kept in this file" in stored(page, "h")["0"][1]
    assert "(not kept here)" in stored(page, "v")["0.2"]


def test_neighbours_are_the_versions_that_exist(store):
    made = [store.create_artifact(key="sales", data=n) for n in range(5)]
    store.delete_artifact(made[2].id)
    shown = stored(written(store), "v")
    assert set(shown) == {"0.1", "0.2", "0.4", "0.5"}
    assert (
        '<a class="step" href="#sales@2">Older: @2</a><a class="step" href="#sales@5">Newer: @5</a>'
        in shown["0.4"]
    )


def test_a_long_history_is_listed_in_part(store):
    store.create_artifacts({"key": "sales", "data": n} for n in range(205))
    (history,) = stored(written(store, versions=3), "h").values()
    assert history[1].count("<li>") == 200
    assert "5 older ones are not listed." in history[1]
    assert "Versions (205)" in history[1]


def test_numbers_of_one_version_or_of_some(store):
    for n, metadata in enumerate([{"loss": 3}, {"loss": 2, "gain": 1}, {"gain": 2.5}]):
        store.create_artifact(
            key="model", type="table", data=n, metadata=metadata
        )  # no table, as it says
    updated = store.create_artifact(key="load", type="progress", data=40, metadata={"step": 1})
    store.update_artifact(updated.id, data=70)
    page = written(store)
    rows = re.findall("<tr role=.*</tr>", page)
    assert "70" in rows[0]
    assert "step" not in rows[0]
    history, version = stored(page, "h"), stored(page, "v")
    assert history["0"][0] == ""
    assert history["1"][0].count("<figure") == 3
    assert "<dt>Updated</dt>" in version["0.1"]
    assert "<dt>Updated</dt>" not in version["1.1"]
    assert "does not hold" in version["1.3"]


def test_runs_are_named_where_the_store_knows_them(store):
    run = store.create_flow_run(store.create_flow("nightly").id, name="night-1")
    task = store.create_task_run(run.id, name="load")
    store.set_flow_run_state(run.id, "COMPLETED")
    elsewhere = "0190d2f0-0000-7000-8000-000000000000"
    store.create_artifact(key="here", data=1, flow_run_id=run.id, task_run_id=task.id)
    store.create_artifact(key="there", data=1, flow_run_id=elsewhere, task_run_id=elsewhere)
    store.create_artifact(key="nowhere", data=1)
    nowhere, there, here = (stored(written(store), "v")[f"{n}.1"] for n in range(3))
    assert "published outside of a run" in nowhere
    assert there.count(f"<code>{elsewhere}</code>") == 2
    for name in ("nightly", "night-1", "Completed", "load"):
        assert name in here


def test_it_says_why_a_run_failed(store):
    flow = store.create_flow("nightly")
    run = store.create_flow_run(
        flow.id,
        name="night-1",
        deployment_id=store.create_deployment("prod", flow.id).id,
        tags=["eu"],
        parameters={"day": "2026-11-27", "<i>": None},
    )
    store.set_flow_run_state(run.id, "RUNNING")
    store.set_flow_run_state(run.id, "FAILED", message="no <rows>\n\x1b[31mat all")
    store.create_artifact(key="sales", data=1, flow_run_id=run.id)
    page = written(store)
    reason = "Failed: no &lt;rows&gt;…"
    assert f'<span class="bad" title="{reason}">{reason}</span>' in page

    details = stored(page, "v")["0.1"]
    assert '<span class="type bad">Failed</span> <span class="muted">after 0.0 s</span>' in details
    assert '<span class="message bad">no &lt;rows&gt;\n\\x1b[31mat all</span>' in details
    assert "<dt>Deployment</dt><dd>prod</dd>" in details
    assert "<dt>Tags</dt><dd>eu</dd>" in details
    assert "<dt>Parameters</dt><dd>day=2026-11-27, &lt;i&gt;=null</dd>" in details


def test_a_type_of_ones_own_is_shown_by_its_renderer(store):
    @register_renderer("test-score")
    def show(artifact):
        return f"**{artifact.data}** points"

    store.create_artifact(key="score", type="test-score", data=12)
    assert "<strong>12</strong> points" in stored(written(store), "v")["0.1"]


def test_what_is_deleted_meanwhile_is_left_out(store):
    @register_renderer("test-deletes")
    def show(artifact):
        store.delete_artifacts(ArtifactFilter(key={"any_": ["victim"]}))
        return "Gone."

    store.create_artifact(key="victim", data=1)
    store.create_artifact(key="first", type="test-deletes", data=1)
    assert keys(written(store)) == ["first"]


def test_a_version_published_meanwhile_is_left_out(store):
    @register_renderer("test-publishes")
    def show(artifact):
        store.create_artifact(key="second", data=2)
        return "Published."

    store.create_artifact(key="second", data=1)
    store.create_artifact(key="first", type="test-publishes", data=1)
    page = written(store)
    assert stored(page, "d") == {"0.1": 1, "1.1": 1}
    assert len(re.findall("data-n=", page)) == 2


# The file


def test_the_policy_lets_nothing_in(store):
    store.create_artifact(
        key="sales",
        type="markdown",
        data="![x](https://example.org/x.png) <script>alert(1)</script>",
    )
    page = written(store, title="<b>{{script}}</b>")
    policy = re.search('http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    assert [part.split()[0] for part in policy.split("; ")] == [
        "default-src",
        "script-src",
        "style-src",
        "img-src",
        "base-uri",
        "form-action",
    ]
    assert "unsafe" not in policy
    assert "img-src data:;" in policy
    for element in ("script", "style"):
        texts = re.findall(f"<{element}>(.*?)</{element}>", page, re.DOTALL)
        hashes = {
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
            for text in texts
        }
        assert set(re.search(f"{element}-src ([^;]*)", policy)[1].split()) == hashes
    assert "<title>&lt;b&gt;{{script}}&lt;/b&gt;</title>" in page
    everything = page + "".join(stored(page, "v").values())
    assert not re.search(
        r"<[^>]* (style|on\w+)=",
        re.sub(r"<(script|style)>.*?</\1>", "", everything, flags=re.DOTALL),
    )
    assert not re.search(r"<(img|link|script)[^>]* (src|href)=[\"']?(?!data:|[\"'])", everything)


@pytest.mark.parametrize(
    "text",
    ["</script><!--", "\u2028\u2029", "\\u003c \\\\u003c <", "é 𝕏 \x7f \u202e", "\r\n\t\"'&amp;"],
)
def test_payloads_are_whole(store, text):
    data = {"text": text, text: [1e300, 2**70, None, True]}
    store.create_artifact(key="odd", data=data, description=text, metadata={"x": text})
    page = written(store)
    assert stored(page, "d") == {"0.1": data}
    assert page.count("<script") == 2 + 3
    assert "\u2028" not in page
    assert html.escape("&amp;") in page or "&amp;" not in text


def test_a_file_is_replaced_when_the_new_one_is_complete(store, tmp_path):
    path = tmp_path / "report.html"
    store.create_artifact(key="sales", data=1)
    store.report(path)
    path.chmod(0o640)
    link = tmp_path / "latest.html"
    link.symlink_to("report.html")
    store.create_artifact(key="load", data=1)
    store.report(str(link))
    assert link.is_symlink()
    assert keys(path.read_text(encoding="utf-8")) == ["load", "sales"]
    assert path.stat().st_mode & 0o777 == 0o640

    @register_renderer("test-interrupts")
    def show(artifact):
        raise KeyboardInterrupt

    store.create_artifact(key="stopped", type="test-interrupts", data=1)
    with pytest.raises(KeyboardInterrupt):
        store.report(path)
    assert keys(path.read_text(encoding="utf-8")) == ["load", "sales"]
    assert sorted(each.name for each in tmp_path.glob("*.html*")) == ["latest.html", "report.html"]
    assert not list(tmp_path.glob(".report*"))


def test_a_pipe_is_written_to(store, tmp_path):
    store.create_artifact(key="sales", data=1)
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    made = store.report(tmp_path / "pipe")
    reader.join()
    assert len(read[0]) == made.size
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        (".", {}, r"^\S+ is a directory: name a file in it\.$"),
        ("/", {}, r"^/ is a directory: name a file in it\.$"),
        ("none/report.html", {}, r"^\S+ is in no directory that exists: make it first\.$"),
        ("x" * 300, {}, "cannot be written: File name too long"),
        ("report.html", {"versions": 0}, "versions must be >= 1, got 0"),
        ("report.html", {"versions": "all"}, "versions must be >= 1, got 'all'"),
        ("report.html", {"limit": -1}, "limit"),
        ("report.html", {"artifact_filter": ArtifactFilter()}, "ArtifactCollectionFilter"),
    ],
)
def test_what_cannot_be_written_is_refused_in_a_sentence(store, tmp_path, path, options, message):
    with pytest.raises(InvalidQuery, match=message):
        store.report(tmp_path / path, **options)
    assert not list(tmp_path.glob("*.html*"))


def test_an_unbuffered_stream_gets_all_of_it(store):
    class Slow(io.RawIOBase):
        taken = b""

        def writable(self):
            return True

        def write(self, data):
            self.taken += bytes(data[:5000])
            return min(len(data), 5000)

    stream = Slow()
    made = store.report(stream)
    assert len(stream.taken) == made.size
    assert not stream.closed


@pytest.mark.parametrize("target", [io.StringIO(), 7, None])
def test_a_report_goes_to_a_path_or_a_binary_stream(store, target):
    with pytest.raises(InvalidQuery, match="is neither a path nor a binary stream"):
        store.report(target)


def test_payloads_are_not_all_in_memory(store, tmp_path):
    size = 500_000
    for n in range(60):
        store.create_artifact(
            key=f"text-{n}", type="markdown", data=random.Random(n).randbytes(size // 2).hex()
        )
    tracemalloc.start()
    made = store.report(tmp_path / "report.html")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made.size > 30 * size  # it hardly becomes smaller
    assert peak < 20 * size


class Losing(ArtifactStore):
    """A store of which artifacts are deleted by another between the list of versions and their payloads."""

    def iter_artifacts(self, *args, **options):
        self.lose()
        return super().iter_artifacts(*args, **options)


def linked(page):
    """Return the references that a page links to: of its rows, its lists of versions, and the steps between them."""
    shown = [html for each in stored(page, "h").values() for html in each]
    shown += stored(page, "v").values()
    links = {link for text in shown for link in re.findall(r'href="#([^"]+@\d+)"', text)}
    rows = re.findall(r'<tr role="row" data-key="([^"]*)".*?data-version="([0-9]+)"', page)
    return links | {f"{key}@{version}" for key, version in rows}


def can_be_opened(page):
    named = {
        number: key for key, number in re.findall(r'data-key="([^"]*)".*?data-n="([0-9]+)"', page)
    }
    return {
        f"{named[number]}@{version}"
        for number, version in (each.split(".") for each in stored(page, "v"))
    }


@pytest.mark.parametrize(
    "lost", [[5], [4], [3], [1], [5, 4], [4, 2], [5, 3, 1], [5, 4, 3, 2, 1]], ids=repr
)
@pytest.mark.parametrize("versions", [1, 3, 10])
def test_every_link_of_a_report_can_be_opened_though_versions_are_deleted_meanwhile(
    url, lost, versions
):
    with Losing(url) as store, ArtifactStore(url) as other:
        store.create_artifact(key="stays", data=1)
        made = [
            store.create_artifact(key="sales", type="table", data=[{"n": n}] * n)
            for n in range(1, 6)
        ]
        store.lose = lambda: [other.delete_artifact(made[version - 1].id) for version in lost]
        file = io.BytesIO()
        info = store.report(file, versions=versions)
        page = file.getvalue().decode()
        assert linked(page) == can_be_opened(page)
        left = [
            version for version in range(5, 0, -1) if version not in lost and version > 5 - versions
        ]
        assert can_be_opened(page) == {"stays@1", *(f"sales@{version}" for version in left)}
        assert info[:2] == (1 + bool(left), 1 + len(left))
        assert keys(page) == (["sales", "stays"] if left else ["stays"])


def test_every_link_of_a_report_can_be_opened_though_others_delete_and_publish(url):
    with ArtifactStore(url) as store, ArtifactStore(url) as other:
        store.create_artifacts({"key": f"key-{n % 8}", "data": n} for n in range(80))
        done = threading.Event()

        def change():
            choice = random.Random(1)
            while not done.is_set():
                key = f"key-{choice.randrange(8)}"
                if choice.random() < 0.6:
                    other.delete_artifacts(
                        ArtifactFilter(
                            key={"any_": [key]}, version={"ge_": choice.randrange(1, 20)}
                        )
                    )
                other.create_artifact(key=key, data=0)

        changing = threading.Thread(target=change)
        changing.start()
        try:
            for _ in range(5):
                page = written(store, versions=4)
                assert linked(page) == can_be_opened(page)
        finally:
            done.set()
            changing.join()


def test_it_says_what_versions_were_made_from_and_used_by(store):
    raws = store.create_artifacts({"key": f"raw{n}", "data": n} for n in range(8))
    for version in range(3):
        with store.flow_run("nightly") as run:
            add_input(store, raws[0], "raw0@latest", flow_run=run.id)
            for raw in raws[1:] if version == 2 else ():
                add_input(store, raw, flow_run=run.id)
            store.create_artifact(key="clean", data=version)
    with store.flow_run("<serve>", run_name="s-1") as run:
        add_input(store, store.get("clean@3"), flow_run=run.id)
    store.delete_artifact(raws[1].id)

    shown = {}
    page = written(store)
    number = keys(page).index("clean")
    for version in (2, 3):
        html = stored(page, "v")[f"{number}.{version}"]
        found = re.findall("<dt>(Made from|Used by)</dt><dd>(.*?)</dd>", html)
        shown[version] = {name: re.findall("<li>(.*?)</li>", list) for name, list in found}
    link = '<a class="ref" href="#raw0@1">raw0@1</a><span class="muted"> (raw0@latest)</span>'
    assert shown[2] == {"Made from": [link]}
    assert shown[3]["Made from"][:2] == [
        link,
        '<a class="ref" href="#raw1@1">raw1@1</a><span class="muted"> (gone)</span>',
    ]
    assert shown[3]["Made from"][5:] == ['<span class="muted">and 3 more</span>']
    assert shown[3]["Used by"] == ["run s-1 of &lt;serve&gt;"]


def test_provenance_is_read_once_for_the_versions_of_a_key(store):
    for _ in range(5):
        store.create_artifacts({"key": key, "data": 1} for key in ("a", "b"))
    sent = statements(store, lambda: written(store))
    assert len([sql for sql in sent if "artifact_input" in sql]) == 2
