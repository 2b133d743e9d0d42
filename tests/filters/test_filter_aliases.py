"""Artifacts are found by the aliases that name them."""

import json
from typing import Any

import pytest

from artifact_store import (
    ArtifactCollectionFilter,
    ArtifactFilter,
    ArtifactProtected,
    ArtifactStore,
    InvalidQuery,
    parse_filters,
)


@pytest.fixture
def named(store: ArtifactStore) -> ArtifactStore:
    """A store with aliases of old and of latest versions, and an artifact without a key."""
    for key in ("a", "b", "c"):
        store.create_artifacts({"key": key, "data": n} for n in range(3))
    store.create_artifact(data=1)
    store.set_alias("a", "prod", 1)
    store.set_alias("a", "canary", 1)
    store.set_alias("b", "prod", 3)
    store.set_alias("c", "Prod", 2)
    return store


def every(store: ArtifactStore, **fields: Any) -> list[str]:
    """Return the references of the artifacts with some fields, which are counted and streamed alike."""
    wanted = ArtifactFilter(**fields)
    found = sorted(artifact.ref for artifact in store.read_artifacts(artifact_filter=wanted))
    assert store.count_artifacts(wanted) == len(found)
    assert sorted(each.ref for each in store.iter_artifacts(artifact_filter=wanted)) == found
    return found


def latest(store: ArtifactStore, **fields: Any) -> list[str]:
    """Return the references of the latest artifacts with some fields."""
    wanted = ArtifactCollectionFilter(**fields)
    found = sorted(artifact.ref for artifact in store.read_latest_artifacts(artifact_filter=wanted))
    assert store.count_latest_artifacts(wanted) == len(found)
    return found


def test_versions_are_found_by_an_alias(named: ArtifactStore) -> None:
    assert every(named, alias={"any_": ["prod"]}) == ["a@1", "b@3"]
    assert every(named, alias={"any_": ["prod", "canary", "Prod"]}) == ["a@1", "b@3", "c@2"]
    assert every(named, alias={"any_": ["latest"]}) == every(named, alias={"any_": []}) == []
    assert every(named, alias={"exists_": True}) == ["a@1", "b@3", "c@2"]
    assert every(named, alias={"exists_": True, "any_": ["Prod"]}) == ["c@2"]
    assert latest(named, alias={"any_": ["prod"]}) == ["b@3"]
    assert latest(named, alias={"exists_": True}) == ["b@3"]
    assert latest(named, alias={"exists_": False}) == ["a@3", "c@3"]


def test_what_no_alias_names(named: ArtifactStore) -> None:
    """An artifact without a key has no alias."""
    nameless = str(
        named.read_artifacts(artifact_filter=ArtifactFilter(key={"exists_": False}))[0].id
    )
    unnamed = ["a@2", "a@3", "b@1", "b@2", "c@1", "c@3", nameless]
    assert every(named, alias={"exists_": False}) == sorted(unnamed)
    not_prod = ~ArtifactFilter(alias={"any_": ["prod", "Prod"]})
    assert every(named, and_=[not_prod]) == sorted(unnamed)
    assert every(named, not_=ArtifactFilter(alias={"exists_": False})) == ["a@1", "b@3", "c@2"]


def test_an_alias_among_other_conditions(named: ArtifactStore) -> None:
    prod = {"any_": ["prod"]}
    assert every(named, alias=prod, key={"any_": ["a", "c"]}) == ["a@1"]
    assert every(named, operator="or_", alias=prod, version={"any_": [2]}) == [
        "a@1", "a@2", "b@2", "b@3", "c@2",
    ]  # fmt: skip
    assert every(named, alias={"operator": "or_", "any_": ["Prod"], "exists_": True}) == [
        "a@1", "b@3", "c@2",
    ]  # fmt: skip
    run = named.create_flow_run(named.create_flow("f").id)
    made = named.create_artifact(key="a", flow_run_id=run.id)
    named.set_alias(made, "prod")
    filters = parse_filters({"artifacts": {"alias": prod}, "flows": {"name": {"any_": ["f"]}}})
    assert [each.ref for each in named.read_artifacts(**filters)] == ["a@4"]


def test_the_json_of_the_filter(named: ArtifactStore) -> None:
    plain = {"alias": {"any_": ["prod"], "exists_": True}}
    for kind, is_latest in ((ArtifactFilter, False), (ArtifactCollectionFilter, True)):
        (parsed,) = parse_filters(plain, latest=is_latest).values()
        assert parsed == kind(**plain)  # type: ignore[arg-type]
        assert json.loads(parsed.model_dump_json()) == plain
    with pytest.raises(InvalidQuery, match=r"alias: there is no operator 'any'; did you mean"):
        ArtifactFilter(alias={"any": ["prod"]})
    with pytest.raises(InvalidQuery, match=r"^alias\.any_"):
        ArtifactFilter(alias={"any_": "prod"})


def test_what_no_alias_names_is_deleted(named: ArtifactStore) -> None:
    with pytest.raises(ArtifactProtected, match=r"2 artifacts are protected"):
        named.delete_artifacts(ArtifactFilter(alias={"any_": ["prod"]}))
    assert named.delete_artifacts(ArtifactFilter(alias={"exists_": False})) == 7
    assert every(named) == ["a@1", "b@3", "c@2"]
    assert named.delete_artifacts(ArtifactFilter(alias={"any_": ["prod"]}), force=True) == 2
    assert [alias.ref for alias in named.read_aliases()] == ["c@Prod"]
