"""What `key`, `key@version`, `key@latest` and ids name."""

from typing import Any

import pytest

from artifact_store import (
    ArtifactStore,
    InvalidQuery,
)
from tests.helpers.artifacts import OTHER


def test_references(store: ArtifactStore) -> None:
    first, second = (store.create_artifact(key="sales", data=n) for n in range(2))
    loose = store.create_artifact()
    assert store.read_artifact_ref("sales") == store.read_artifact_ref("sales@2") == second
    assert store.read_artifact_ref("sales@1") == store.read_artifact_ref(first.id) == first
    assert (first.ref, loose.ref) == ("sales@1", str(loose.id))
    assert store.read_artifact_ref(str(loose.id)) == store.read_artifact_ref(loose.id.hex) == loose


NOWHERE: list[Any] = [
    f"sales@{10**30}",
    f"sales@{2**63}",
    "Sales",
    "Sales@latest",
    str(OTHER),
    OTHER,
]
NOWHERE += ["sales@0", "sales@3", "sales@" + "9" * 5000]
NOWHERE += ["sales@x", "sales@Latest", "sales@-1", "sales@1.0"]  # aliases that do not exist
MALFORMED: list[Any] = [
    "sales\n",
    7,
    None,
    b"sales",
    "",
    "@",
    "@1",
    "sales@",
    "sales@+1",
    "sales@" + "a" * 65,
    "sales@ 1",
    "sales@01",
]
MALFORMED += [
    "sales@1@1",
    "sales@1/2",
    "sales@\u0661",
    "-sales",
    "a" * 256,
    "\ud800",
]


@pytest.mark.parametrize("ref", NOWHERE, ids=repr)
def test_references_to_nothing(store: ArtifactStore, ref: Any) -> None:
    store.create_artifact(key="sales")
    assert store.read_artifact_ref(ref) is None


@pytest.mark.parametrize("ref", MALFORMED, ids=repr)
def test_malformed_references(store: ArtifactStore, ref: Any) -> None:
    store.create_artifact(key="sales")
    with pytest.raises(
        InvalidQuery,
        match=r"^Invalid reference .*: expected a key, key@3, key@latest, key@ALIAS, or an id\.$",
    ):
        store.read_artifact_ref(ref)


def test_the_latest_version_by_its_name_and_an_artifact_read_anew(store: ArtifactStore) -> None:
    first, second = (store.create_artifact(key="sales", data=n) for n in range(2))
    assert (
        store.read_artifact_ref("sales@latest")
        == store.read_latest_artifact("sales@latest")
        == second
    )
    assert store.read_latest_artifact(first) == second
    store.update_artifact(first.id, data="new")
    assert store.read_artifact_ref(first).data == "new"
    store.delete_artifact(first.id)
    assert store.read_artifact_ref(first) is None


def test_a_key_that_looks_like_an_id(store: ArtifactStore) -> None:
    key = str(OTHER)
    first, second = store.create_artifact(key=key), store.create_artifact(key=key)
    assert store.read_artifact_ref(key) == second
    assert store.read_artifact_ref(f"{key}@1") == first
    named = store.create_artifact(id=OTHER)
    assert store.read_artifact_ref(key) == named, "an id goes first"
    assert store.read_latest_artifact(key) == second


def test_the_history_of_what_a_reference_names(store: ArtifactStore) -> None:
    first, second = (store.create_artifact(key="sales", data=n) for n in range(2))
    assert store.read_surroundings("sales") == store.read_surroundings(second)
    assert store.read_surroundings(first.id) == store.read_surroundings("sales@1")
    assert store.read_surroundings("sales@1").next == "sales@2"
    assert store.read_surroundings("sales@9") is None
    with pytest.raises(InvalidQuery, match="Invalid reference"):
        store.read_surroundings("sales@")

    assert store.read_history(first) == store.read_history("sales")
    assert store.read_series(first) == store.read_series("sales")
    assert store.series_fields(first) == ["data"]
    loose = store.create_artifact(data=1)
    assert store.series_fields(loose) == store.read_series(loose) == []
    assert store.read_history(loose).versions == ()
