"""A store, the history of a key and its numbers as users see them: `repr`, a notebook, Markdown."""

from artifact_store import ArtifactStore
from artifact_store.artifacts import overview


def body(value):
    html = value._repr_html_()
    assert html.startswith('<div class="artifact-store ')
    return html.partition("</style>")[2]


def test_the_card_of_a_store(store):
    assert "<dt>artifacts</dt><dd>0</dd>" in body(store)
    assert "No artifacts." in body(store)

    for number in range(7):
        store.create_artifact(key=f"key-{number % 3}", data=number)
    store.create_artifact(data=1)
    store.delete_artifact(store.get("key-0").id)
    html = body(store)
    assert "<dt>artifacts</dt><dd>7</dd>" in html
    assert "<dt>keys</dt><dd>3</dd>" in html
    assert "<dt>schema</dt><dd>00" in html
    assert html.count("<tr>") == 6
    assert "ago</time>" not in html


def test_what_is_counted_is_bounded(store, monkeypatch):
    monkeypatch.setattr(overview, "_MOST_COUNTED", 3)
    store.create_artifacts({"key": f"key-{number}"} for number in range(4))
    html = body(store)
    assert "<dt>artifacts</dt><dd>more than 3</dd>" in html
    assert "<dt>keys</dt><dd>more than 3</dd>" in html


def test_a_closed_store(tmp_path):
    with ArtifactStore(tmp_path / "closed.db") as store:
        store.create_artifact(key="sales")
    html = body(store)
    assert "This store is closed." in html
    assert "closed.db" in html


def test_a_store_that_cannot_be_read(tmp_path):
    with ArtifactStore("sqlite:///:memory:") as store:
        store._engine.execute("ALTER TABLE artifact RENAME TO gone")
        html = body(store)
    assert "The store cannot be read: " in html


def test_no_password_is_shown(store, store_url):
    address = store_url
    if address.startswith("postgresql"):
        address = f"{address}&password=hunter2-of-the-test"
    with ArtifactStore(address, create=False) as same:
        assert "<dt>schema</dt>" in body(same)
        assert "hunter2" not in body(same) + repr(same)


def test_a_series(store):
    store.create_artifacts({"key": "model", "metadata": {"loss": 1 / n}} for n in (1, 2, 4))
    series = store.read_series("model")
    assert [point.value for point in series] == [1, 0.5, 0.25]
    assert (series.key, series.field) == ("model", "metadata.loss")
    assert repr(series) == (
        "<Series model metadata.loss: 0.25 in version 3; from 0.25 to 1 over versions 1 to 3>"
    )
    assert "<svg " in body(series)
    assert "metadata.loss: 0.25 in version 3" in body(store.read_series("model", limit=1))
    assert "No points." in body(store.read_series("nothing"))
    assert repr(store.read_series("nothing")) == "<Series of no points>"


def test_a_number_with_a_name_that_is_not_harmless(store):
    for value in (1, 2):
        store.create_artifact(key="model", metadata={"<b>\x1b[31m": value})
    series = store.read_series("model")
    assert "\x1b" not in repr(series)
    assert "\x1b" not in body(series)
    assert "<b>" not in body(series)


def test_a_history(store):
    store.create_artifacts({"key": "model", "data": n} for n in (1, 2, 4))
    html = body(store.read_history("model"))
    assert "<svg " in html
    assert html.count("<td>model</td>") == 3
    assert "No versions." in body(store.read_history("nothing"))
