"""A value does not hold its store: open stores are asked what lies around it, and never stand in its way."""

import pytest

from artifact_store import ArtifactList, ArtifactStore, StoreUnavailable
from artifact_store.context import open_stores


def text_of(value):
    return value._repr_html_().partition("</style>")[2]


def test_an_open_store_is_asked(store):
    run = store.create_flow_run(store.create_flow("nightly").id, name="amber-otter")
    old = store.create_artifact(key="weather", type="table", data=[{"wind": 3}], flow_run_id=run.id)
    store.create_artifact(key="weather", type="table", data=[{"wind": 3}, {"wind": 5}])
    html = text_of(old)
    for part in ("weather@2", "nightly", "amber-otter", "version 2"):
        assert part in html
    assert "<td>amber-otter</td>" in text_of(store.read_artifacts())


def test_an_artifact_that_was_updated_meanwhile_keeps_its_surroundings(store):
    first = store.create_artifact(key="load", type="progress", data=10)
    store.create_artifact(key="load", type="progress", data=20)
    assert store.update_artifact(first.id, data=90)
    assert 'value="10"' in text_of(first)
    assert "load@2" in text_of(first)


def test_another_store_with_the_same_key_is_not_believed(store):
    with ArtifactStore("sqlite:///:memory:") as other:
        for number in range(3):
            other.create_artifact(key="weather", data=number)
        artifact = store.create_artifact(key="weather", data=1)
        assert "weather@2" not in text_of(artifact)


def test_a_store_leaves_when_it_is_closed():
    store = ArtifactStore("sqlite:///:memory:")
    assert store in open_stores
    store.close()
    assert store not in open_stores


def test_what_a_store_cannot_say_is_left_out(store, monkeypatch):
    def fail(*_):
        raise StoreUnavailable("gone")

    run = store.create_flow_run(store.create_flow("nightly").id, name="amber-otter")
    artifact = store.create_artifact(key="weather", data=1, flow_run_id=run.id)
    for method in ("read_artifact", "read_flow_run"):
        monkeypatch.setattr(store, method, fail)
    assert "weather@1" in text_of(artifact)
    assert str(run.id) in text_of(artifact)
    assert f"<td>{run.id}</td>" in text_of(ArtifactList([artifact]))


def test_a_list_names_what_has_no_key_by_its_id(store):
    artifact = store.create_artifact(type="result", data=1)
    assert f"<td>{artifact.id}</td>" in text_of(store.read_artifacts())


@pytest.mark.parametrize("many", [0, 1, 51])
def test_every_list_shows_itself(store, many):
    made = store.create_artifacts({"data": number} for number in range(many))
    html = text_of(made)
    assert isinstance(made[:1], ArtifactList)
    assert html.count("<tr>") == (min(many, 50) + 1 if many else 0)
    assert ("Left out: 1 of 51 artifacts." in html) == (many == 51)
