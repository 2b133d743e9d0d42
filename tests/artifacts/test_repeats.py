"""A create that is repeated under its id: the stored artifact, or a conflict."""

import uuid
from typing import Any

import pytest

from artifact_store import (
    ArtifactConflict,
    ArtifactCreate,
    ArtifactStore,
)
from tests.helpers.artifacts import FULL, ID, OTHER, PROFILE, everything, versions

CHANGES: dict[str, Any] = {
    "key": "other",
    "type": "link",
    "description": None,
    "data": [{"a": "ü", "b": 1}],
    "metadata": {"team": "finance"},
    "flow_run_id": None,
    "task_run_id": ID,
}


@pytest.mark.parametrize("key", ["k", None])
def test_a_repeat_returns_what_is_stored(store: ArtifactStore, key: str | None) -> None:
    first = store.create_artifact(id=ID, key=key, **FULL)
    assert first.id == ID
    later = store.create_artifact(key=key)
    before = everything(store)
    assert store.create_artifact(id=str(ID), key=key, **FULL) == first
    assert store.create_artifacts([{"id": ID, "key": key, **FULL}]) == [first]
    assert everything(store) == before
    if key is not None:
        assert store.read_latest_artifact(key) == later
        assert store.create_artifact(key=key).version == 3


def test_the_order_of_metadata_does_not_matter_to_a_repeat(store: ArtifactStore) -> None:
    first = store.create_artifact(id=ID, metadata={"a": 1, "b": 2})
    assert store.create_artifact(id=ID, metadata={"b": 2, "a": 1}) == first


@pytest.mark.parametrize("name", CHANGES)
def test_a_repeat_with_other_content_conflicts(store: ArtifactStore, name: str) -> None:
    store.create_artifact(id=ID, key="k", **FULL)
    later = store.create_artifact(key="k")
    before = everything(store)
    other = {"id": ID, "key": "k", **FULL, name: CHANGES[name]}
    for create in (lambda: store.create_artifact(**other), lambda: store.create_artifacts([other])):
        with pytest.raises(ArtifactConflict, match=rf"{ID}.* different content \({name}\)"):
            create()
    assert everything(store) == before
    assert store.read_latest_artifact("k") == later
    assert store.read_latest_artifact("other") is None
    assert store.create_artifact(key="k").version == 3
    assert store.create_artifact(key="other").version == 1


@pytest.mark.parametrize(
    ("one", "other"), [(1, 1.0), (True, 1), (None, "null"), ("1", 1), ([], {}), ([1, 2], [2, 1])]
)
def test_values_that_python_or_json_confuse_are_other_content(
    store: ArtifactStore, one: Any, other: Any
) -> None:
    store.create_artifact(id=ID, data=one)
    with pytest.raises(ArtifactConflict):
        store.create_artifact(id=ID, data=other)


def test_a_repeat_after_an_update_conflicts(store: ArtifactStore) -> None:
    store.create_artifact(id=ID, key="k", data=1)
    store.update_artifact(ID, data=2)
    with pytest.raises(ArtifactConflict):
        store.create_artifact(id=ID, key="k", data=1)
    assert store.create_artifact(id=ID, key="k", data=2).version == 1


def test_a_repeat_after_a_delete_creates_anew(store: ArtifactStore) -> None:
    store.create_artifact(id=ID, key="k", data=1)
    store.create_artifact(key="k")
    store.delete_artifact(ID)
    again = store.create_artifact(id=ID, key="k", data=1)
    assert (again.id, again.version) == (ID, 3)
    assert store.read_latest_artifact("k") == again


def test_repeats_in_bulk(store: ArtifactStore) -> None:
    known = store.create_artifact(id=ID, key="k", data=1)
    many = [
        {"key": "k"},
        {"id": ID, "key": "k", "data": 1},
        {"id": OTHER, "key": "k"},
        {"key": "k"},
    ]
    created = store.create_artifacts([*many, many[2], many[1]])
    assert [each.version for each in created] == [2, 1, 3, 4, 3, 1]
    assert created[1] == created[5] == known
    assert created[2] == created[4] == store.read_artifact(OTHER)
    assert versions(store) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "many",
    [
        [{"key": "k"}, {"id": ID, "key": "k", "data": 2}, {"key": "new"}],
        [{"key": "k"}, {"id": OTHER, "key": "k"}, {"id": OTHER, "key": "new"}],
    ],
    ids=["with what is stored", "with each other"],
)
def test_one_conflict_refuses_the_whole_bulk(
    store: ArtifactStore, many: list[dict[str, Any]]
) -> None:
    store.create_artifact(id=ID, key="k", data=1)
    with pytest.raises(ArtifactConflict):
        store.create_artifacts(many)
    assert store.count_artifacts() == 1
    assert (store.create_artifact(key="k").version, store.create_artifact(key="new").version) == (
        2,
        1,
    )


def test_a_conflict_does_not_spoil_a_block(store: ArtifactStore) -> None:
    store.create_artifact(id=ID, key="k", data=1)
    with store.atomic():
        store.create_artifact(key="k", data=2)
        with pytest.raises(ArtifactConflict):
            store.create_artifact(id=ID, key="other", data=3)
        with pytest.raises(ArtifactConflict):
            store.create_artifacts([{"key": "k"}, {"id": ID, "key": "k", "data": 3}])
        assert store.create_artifact(id=ID, key="k", data=1).version == 1
        assert store.create_artifact(key="k", data=4).version == 3
    assert versions(store) == [1, 2, 3]


def test_another_profile_under_a_known_id_conflicts(store: ArtifactStore) -> None:
    given = ArtifactCreate(id=uuid.uuid4(), data=[{"n": 7}], profile=PROFILE)
    assert store.create_artifact(given) == store.create_artifact(given)
    with pytest.raises(ArtifactConflict, match=r"different content \(profile\)"):
        store.create_artifact(id=given.id, data=[{"n": 7}])
