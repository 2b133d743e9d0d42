"""Updates and deletes, and which version is the latest afterwards."""

import pytest

from artifact_store import (
    ArtifactCollectionFilter,
    ArtifactCollectionSort,
    ArtifactFilter,
    ArtifactStore,
    ArtifactUpdate,
    FlowFilter,
    FlowRunFilter,
    InvalidArtifact,
)
from tests.helpers.artifacts import FULL, everything, versions
from tests.helpers.bare import bare


def test_an_update_changes_what_is_set_and_nothing_else(store: ArtifactStore) -> None:
    before = store.create_artifact(key="k", **FULL)
    bystander = store.create_artifact(key="k")
    assert store.update_artifact(before.id, ArtifactUpdate(description="new")) is True
    after = store.read_artifact(before.id)
    assert after.updated > before.updated
    assert after == before.model_copy(update={"description": "new", "updated": after.updated})
    assert store.read_artifact(bystander.id) == bystander


@pytest.mark.parametrize("name", ["type", "description", "data", "metadata"])
def test_none_clears_a_field(store: ArtifactStore, name: str) -> None:
    before = store.create_artifact(key="k", **FULL)
    assert store.update_artifact(str(before.id), **{name: None})
    after = store.read_artifact(before.id)
    assert after == before.model_copy(update={name: None, "updated": after.updated})


def test_an_empty_update_bumps_updated(store: ArtifactStore) -> None:
    before = store.create_artifact(**FULL)
    assert store.update_artifact(before.id)
    assert store.update_artifact(before.id, ArtifactUpdate())
    after = store.read_artifact(before.id)
    assert after.updated > before.updated
    assert after == before.model_copy(update={"updated": after.updated})


def test_an_update_never_moves_latest(store: ArtifactStore) -> None:
    old, latest = store.create_artifact(key="k"), store.create_artifact(key="k")
    assert store.update_artifact(old.id, data="newer")
    assert store.read_latest_artifact("k") == latest
    assert store.update_artifact(latest.id, data="newest")
    assert store.read_latest_artifact("k").data == "newest"
    assert store.read_latest_artifacts() == [store.read_artifact(latest.id)]


def test_a_refused_update_changes_nothing(store: ArtifactStore) -> None:
    before = store.create_artifact(key="k", **FULL)
    for change in (
        {"data": object()},
        {"type": "a\0"},
        {"metadata": {"a": []}},
        {"description": 7},
    ):
        with pytest.raises(InvalidArtifact):
            store.update_artifact(before.id, **change)
    assert store.read_artifact(before.id) == before


def test_latest_falls_back_to_the_next_greatest_version(store: ArtifactStore) -> None:
    created = store.create_artifacts([{"key": "k"}] * 5)
    assert store.delete_artifact(created[3].id) is True
    assert store.read_latest_artifact("k") == created[4]
    assert store.delete_artifact(created[4].id) is True
    assert store.read_latest_artifact("k") == created[2]
    assert store.delete_artifact(created[4].id) is False
    assert store.create_artifact(key="k").version == 6, "a number is not used twice"
    assert versions(store) == [1, 2, 3, 6]


def test_versions_go_on_after_the_last_is_deleted(store: ArtifactStore, url: str) -> None:
    """A reference names one artifact for ever, or nothing."""
    for each in store.create_artifacts([{"key": "k"}] * 3):
        assert store.delete_artifact(each.id)
    assert bare(url, "SELECT latest_id, latest_version, last_version FROM artifact_collection") == [
        (None, None, 3)
    ]
    assert store.verify() == []
    assert store.create_artifact(key="k").version == 4
    assert store.read_artifact_ref("k@1") is None
    assert store.delete_artifacts(ArtifactFilter(key={"any_": ["k"]})) == 1
    assert [each.version for each in store.create_artifacts([{"key": "k"}, {"key": "new"}])] == [
        5,
        1,
    ]


def test_empty_keys_are_passed_over(store: ArtifactStore) -> None:
    runs = [store.create_flow_run(store.create_flow("f").id).id]
    kept = store.create_artifact(key="b", data=1, flow_run_id=runs[0])
    gone = store.create_artifacts(
        {"key": key, "data": 1, "flow_run_id": runs[0]} for key in ("a", "c") for _ in "12"
    )
    for each in gone:
        store.delete_artifact(each.id)
    of_run = FlowRunFilter(id={"any_": runs})
    for sort in ArtifactCollectionSort:
        assert store.read_latest_artifacts(sort=sort) == [kept]
        assert store.read_latest_artifacts(limit=3, sort=sort, flow_run_filter=of_run) == [kept]
        assert list(store.iter_latest_artifacts(sort=sort, page_size=1)) == [kept]
    assert store.count_latest_artifacts() == store.info().keys == 1
    assert (
        store.count_latest_artifacts(ArtifactCollectionFilter(not_={"key": {"any_": ["b"]}})) == 0
    )
    assert store.count_latest_artifacts(flow_run_filter=of_run) == 1
    for key in ("a", "c"):
        assert store.read_latest_artifact(key) is store.read_artifact_ref(key) is None
        assert store.read_series(key) == store.series_fields(key) == []
        assert store.read_trends([key]) == {key: []}
    assert store.read_surroundings(gone[0]).latest is None


def test_delete_without_key(store: ArtifactStore) -> None:
    created, other = store.create_artifact(), store.create_artifact()
    assert store.delete_artifact(str(created.id)) is True
    assert everything(store) == [other]


def test_delete_all_versions_of_a_key(store: ArtifactStore) -> None:
    store.create_artifacts([{"key": "k"}] * 300 + [{"key": "other"}, {}])
    assert store.delete_artifacts(ArtifactFilter(key={"any_": ["k"]})) == 300
    assert [each.key for each in everything(store)] == [None, "other"]
    assert store.read_latest_artifact("k") is None
    assert store.create_artifact(key="k").version == 301


def test_delete_the_newest_of_several_keys(store: ArtifactStore) -> None:
    store.create_artifacts([{"key": key} for key in ("a", "b", "a", "b", "a")])
    assert store.delete_artifacts(ArtifactFilter(version={"ge_": 2})) == 3
    assert [store.read_latest_artifact(key).version for key in "ab"] == [1, 1]
    assert [store.create_artifact(key=key).version for key in "ab"] == [4, 3]


def test_delete_by_a_related_filter(store: ArtifactStore) -> None:
    runs = [store.create_flow_run(store.create_flow(name).id) for name in ("good", "bad")]
    for run in (*runs, runs[1]):
        store.create_artifact(key="k", flow_run_id=run.id)
    loose = store.create_artifact(flow_run_id=runs[1].id)
    assert store.delete_artifacts(flow_filter=FlowFilter(name={"any_": ["bad"]})) == 3
    assert versions(store) == [1]
    assert store.read_artifact(loose.id) is None
    assert store.delete_artifacts(flow_run_filter=FlowRunFilter()) == 1


def test_delete_only_what_has_no_key(store: ArtifactStore) -> None:
    store.create_artifacts([{"key": "k"}, {}, {}])
    assert store.delete_artifacts(ArtifactFilter(key={"exists_": False})) == 2
    assert versions(store) == [1]


def test_delete_everything(store: ArtifactStore) -> None:
    store.create_artifacts([{"key": "k"}, {}, {"key": "l"}])
    assert store.delete_artifacts(everything=True) == 3
    assert (store.count_artifacts(), store.count_latest_artifacts()) == (0, 0)
