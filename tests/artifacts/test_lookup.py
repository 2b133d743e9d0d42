"""Artifacts by reference, with what is there instead; keys; and the difference of two artifacts."""

import pickle
import uuid

import pytest
from hypothesis import HealthCheck, given, settings

from artifact_store import ArtifactNotFound, Diff, InvalidArtifact, InvalidQuery
from artifact_store.artifacts.lookup import ranges_text
from tests.differences import strategies


def publish(store, key, *payloads, **fields):
    return store.create_artifacts({"key": key, "data": data, **fields} for data in payloads)


def test_an_artifact_by_each_kind_of_reference(store):
    first, second = publish(store, "sales", 12, 15)
    for ref in ("sales", "sales@latest", "sales@2", second.id, str(second.id), second):
        assert store.get(ref) == second
    assert store.get(first.ref) == first


def test_what_is_there_instead(store):
    versions = publish(store, "sales", *range(6))
    store.delete_artifact(versions[4].id)
    alone = store.create_artifact(data=1)
    store.delete_artifact(alone.id)
    missing = uuid.uuid4()
    for ref, message in {
        "sales@5": "There is no artifact 'sales@5': sales has versions 1-4 and 6; latest is 6.",
        "sale": "There is no artifact 'sale'. Is it sales?",
        "sale@2": "There is no artifact 'sale@2': the key sale has no versions. Is it sales?",
        "x": "There is no artifact 'x'.",
        missing: f"There is no artifact {missing!r}.",
        str(missing): f"There is no artifact '{missing}'.",
    }.items():
        with pytest.raises(ArtifactNotFound) as caught:
            store.get(ref)
        assert str(caught.value) == message
        assert isinstance(caught.value, LookupError)
    for deleted in (versions[4], alone):
        with pytest.raises(ArtifactNotFound, match=f"The artifact {deleted.ref} was deleted"):
            store.get(deleted)
    with pytest.raises(InvalidQuery, match="expected a key"):
        store.get("no key@1")


def test_ranges():
    assert ranges_text([1]) == "1"
    assert ranges_text([1, 2]) == "1-2"
    assert ranges_text([1, 3]) == "1 and 3"
    assert ranges_text([1, 3, 4, 5, 9]) == "1, 3-5 and 9"
    assert ranges_text(range(1, 100, 2)) == "..., 91, 93, 95, 97 and 99"


def test_whether_an_artifact_is_in_the_store(store):
    first, _ = publish(store, "sales", 12, 15)
    assert "sales" in store
    assert "sales@1" in store
    assert first in store
    assert first.id in store
    for other in ("sales@3", "sale", "no key@", "", None, 3, uuid.uuid4()):
        assert other not in store
    store.delete_artifacts(everything=True)
    assert "sales" not in store


def test_keys(store):
    names = ["reports/june", "reports/July", "reports", "sales", "Sales", "a_b", "aXb"]
    for name in names:
        publish(store, name, 1)
    store.delete_artifact(store.get("sales").id)
    names.remove("sales")
    assert store.keys() == sorted(names)
    assert store.keys(prefix="reports/") == ["reports/July", "reports/june"]
    assert store.keys("a_") == ["a_b"]
    assert store.keys("Sales") == ["Sales"]
    for prefix in ("sales", "%", "ü", "\x00", "~", "\U0010ffff"):
        assert store.keys(prefix) == []
    with pytest.raises(InvalidQuery, match="Invalid prefix 3: expected text"):
        store.keys(3)


class TestDiff:
    def test_of_the_latest_and_the_version_before_it(self, store):
        versions = publish(store, "model", {"acc": 0.5}, {"acc": 0.93}, {"acc": 0.71})
        diff = store.diff("model")
        assert (diff.before, diff.after) == ("model@2", "model@3")
        assert diff.summary == ("`acc` 0.93 → 0.71 (-0.22)",)
        store.delete_artifact(versions[1].id)
        assert store.diff("model@3").before == "model@1"

    def test_of_two_references(self, store):
        publish(store, "model", {"acc": 0.93}, {"acc": 0.71})
        other = store.create_artifact(data={"acc": 0.93})
        assert store.diff("model@1", other).equal
        assert store.diff("model", "model@1").summary == ("`acc` 0.71 → 0.93 (+0.22)",)
        assert store.diff(other.id, "model").after == "model@2"

    def test_of_what_is_not_there(self, store):
        (first,) = publish(store, "model", 1)
        with pytest.raises(ArtifactNotFound, match="model@1 has no previous version"):
            store.diff("model")
        with pytest.raises(ArtifactNotFound, match="has no key, so it has no versions"):
            store.diff(store.create_artifact(data=1))
        with pytest.raises(ArtifactNotFound, match="'model@9'"):
            store.diff("model", "model@9")
        with pytest.raises(ArtifactNotFound, match="'nope'"):
            store.diff("nope", first)

    def test_of_everything_that_an_artifact_says(self, store):
        store.create_artifact(key="k", type="result", data=1, metadata={"loss": 0.5, "by": "me"})
        store.create_artifact(
            key="k", type="score", data=1, metadata={"loss": 0.4}, description="Better"
        )
        diff = store.diff("k")
        assert diff.summary == (
            "type result → score",
            "`metadata.loss` 0.5 → 0.4 (-0.1)",
            '`metadata.by` is gone, it was "me"',
            "description changed",
        )
        assert diff.apply(1) == 1

    def test_of_tables_by_key(self, store):
        rows = [{"id": 1, "total": 5}, {"id": 2, "total": 6}]
        publish(store, "sales", rows, [{**rows[1], "total": 7}, rows[0]], type="table")
        diff = store.diff("sales", key="id")
        assert diff.summary == ("rows in another order", "`total` 6 → 7 (+1) in id=2")
        assert store.diff("sales", key=["id", "total"]).summary[:2] == (
            "1 row added",
            "1 row removed",
        )
        with pytest.raises(InvalidQuery, match="Invalid key column 'nr'"):
            store.diff("sales", key="nr")
        assert store.diff("sales", key=None) == store.diff("sales", key=[])
        assert store.diff("sales", key=(each for each in ["id"])) == diff
        for bad in (5, [5], [["id"]]):
            with pytest.raises(InvalidQuery, match="expected the names of columns"):
                store.diff("sales", key=bad)
        publish(store, "text", "a", "b", type="markdown")
        with pytest.raises(InvalidQuery, match="text@1 is not a table of rows"):
            store.diff("text", key="id")

    def test_of_text_images_and_links(self, store):
        publish(store, "text", "one\ntwo\n", "one\n2\n", type="markdown")
        assert store.diff("text").summary == ('line 2 "two" → "2"',)
        publish(store, "note", "one", "two", type="markdown")
        assert store.diff("note").summary == ('"one" → "two"',)
        images = [{"image": f"data:image/png;base64,{content}"} for content in ("AAAA", "AAAAAA==")]
        publish(store, "plot", *images, type="image")
        assert store.diff("plot").summary == (
            "`image` image/png of 3 bytes → image/png of 4 bytes",
        )
        publish(store, "page", {"link": "http://a"}, {"link": "http://b"}, type="link")
        assert store.diff("page").summary == ('`link` "http://a" → "http://b"',)

    def test_of_another_type(self, store):
        store.create_artifact(key="k", type="table", data=[{"a": 1}])
        store.create_artifact(key="k", type="markdown", data="# A")
        diff = store.diff("k")
        assert diff.summary[0] == "type table → markdown"
        assert diff.apply([{"a": 1}]) == "# A"

    def test_of_other_data_is_refused(self, store):
        rows = [{"id": 1, "total": 5}, {"id": 2, "total": 6}]
        publish(store, "sales", rows, [rows[1]], type="table")
        publish(store, "text", "one\ntwo", "one\n2\n3", type="markdown")
        publish(store, "model", {"a": {"b": 1}}, {"a": {"b": 2, "c": 3}})
        message = "does not fit the data: pass the data of "
        for key, others in {
            "sales": ["x", {"a": 1}, 3, None, [], rows[1:], [rows[1], rows[0]]],
            "text": [3, None, [], "one", "one\ntw\n", ""],
            "model": [3, {}, [1], {"a": 3}, {"a": {"b": 1.0}}, {"a": {"b": 3}}],
        }.items():
            diff = store.diff(key)
            for data in others:
                with pytest.raises(InvalidArtifact, match=f"{message}{key}@1"):
                    diff.apply(data)

    def test_is_a_value(self, store):
        publish(store, "model", {"acc": 0.93}, {"acc": 0.71}, {"acc": 0.71})
        diff = store.diff("model@2")
        assert repr(diff) == "<Diff model@1 → model@2: `acc` 0.93 → 0.71 (-0.22)>"
        assert repr(store.diff("model")) == "<Diff model@2 → model@3: equal>"
        assert pickle.loads(pickle.dumps(diff)) == diff
        assert isinstance(diff, Diff)
        with pytest.raises(AttributeError):
            diff.before = "x"
        assert diff.to_dict() == {
            "before": "model@1",
            "after": "model@2",
            "equal": False,
            "key": [],
            "summary": ["`acc` 0.93 → 0.71 (-0.22)"],
            "changes": [
                {
                    "change": "ValueChange",
                    "kind": "changed",
                    "path": "/data/acc",
                    "name": "data.acc",
                    "before": 0.93,
                    "after": 0.71,
                }
            ],
        }

    def test_in_a_notebook_escapes_what_is_stored(self, store):
        publish(store, "k", {"<b>": "<script>"}, {"<b>": "<i>"})
        html = store.diff("k")._repr_html_()
        assert "<script>" not in html
        assert "&lt;script&gt;" in html
        assert "the same as" in store.diff("k@1", "k@1")._repr_html_()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(before=strategies.values, after=strategies.values)
def test_a_difference_makes_the_newer_data_of_the_older(store, before, after):
    for kind in ("table", "result"):
        old = store.create_artifact(type=kind, data=before)
        new = store.create_artifact(type=kind, data=after)
        diff = store.diff(old, new)
        stored = store.get(new).data
        applied = diff.apply(store.get(old).data)
        assert repr(applied) == repr(stored)
        assert diff.equal == (not diff.summary) == (repr(old.data) == repr(new.data))
