"""Sort orders, offsets and limits."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from artifact_store import (
    Artifact,
    ArtifactCollectionFilter,
    ArtifactCollectionSort,
    ArtifactFilter,
    ArtifactSort,
    ArtifactStore,
    FlowRunFilter,
    InvalidQuery,
)
from tests.helpers.artifacts import everything

SORTS: list[tuple[ArtifactSort, Callable[[Artifact], Any]]] = [
    (ArtifactSort.ID_DESC, lambda each: each.id.bytes),
    (ArtifactSort.CREATED_DESC, lambda each: (each.created, each.id.bytes)),
    (ArtifactSort.UPDATED_DESC, lambda each: (each.updated, each.id.bytes)),
]


@pytest.fixture
def crowd(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> list[Artifact]:
    """Artifacts made at three instants, with ids that do not rise, some without key."""
    times = [dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in (2, 1, 3)]
    for n in range(30):
        monkeypatch.setattr("artifact_store.artifacts.create.now", lambda n=n: times[n % 3])
        key = None if n % 5 == 0 else f"{'aB-Z'[n % 4]}{'-x'[n % 2]}0".lstrip("-")
        store.create_artifact(id=uuid.UUID(int=(n * 7919) % 10007), key=key, data=n)
    return everything(store)


def pages(read: Callable[..., list[Artifact]], **arguments: Any) -> list[Artifact]:
    """Read page by page."""
    found: list[Artifact] = []
    while page := read(offset=len(found), limit=7, **arguments):
        found += page
    return found


@pytest.mark.parametrize(("sort", "rank"), SORTS)
def test_equal_times_are_told_apart_by_id(
    store: ArtifactStore, crowd: list[Artifact], sort: ArtifactSort, rank: Callable[[Artifact], Any]
) -> None:
    expected = sorted(crowd, key=rank, reverse=True)
    assert store.read_artifacts(sort=sort) == store.read_artifacts(sort=sort.value) == expected
    assert pages(store.read_artifacts, sort=sort) == expected


def test_keys_sort_by_code_point_and_nulls_last(
    store: ArtifactStore, crowd: list[Artifact]
) -> None:
    keyed = sorted((each for each in crowd if each.key), key=lambda each: (each.key, each.version))
    loose = sorted((each for each in crowd if not each.key), key=lambda each: each.id.bytes)
    assert len({each.key for each in keyed}) > 3
    for sort, expected in (
        (ArtifactSort.KEY_ASC, keyed + loose),
        (ArtifactSort.KEY_DESC, keyed[::-1] + loose[::-1]),
    ):
        assert store.read_artifacts(sort=sort) == pages(store.read_artifacts, sort=sort) == expected


@pytest.mark.parametrize("sort", ArtifactCollectionSort)
def test_latest_in_every_order(
    store: ArtifactStore, crowd: list[Artifact], sort: ArtifactCollectionSort
) -> None:
    ranks: dict[str, Callable[[Artifact], Any]] = {
        "ID": lambda each: each.id.bytes,
        "CREATED": lambda each: (each.created, each.key),
        "UPDATED": lambda each: (each.updated, each.key),
        "KEY": lambda each: each.key,
    }
    name, _, direction = sort.partition("_")
    latest = {
        each.key: each for each in sorted(crowd, key=lambda each: each.version or 0) if each.key
    }
    expected = sorted(latest.values(), key=ranks[name], reverse=direction == "DESC")
    assert (
        store.read_latest_artifacts(sort=sort)
        == pages(store.read_latest_artifacts, sort=sort)
        == expected
    )


def test_updated_sorts_after_an_update(store: ArtifactStore) -> None:
    first, second = store.create_artifact(key="a"), store.create_artifact(key="b")
    store.update_artifact(first.id, data=1)
    for found in (
        store.read_artifacts(sort=ArtifactSort.UPDATED_DESC),
        store.read_latest_artifacts(sort=ArtifactCollectionSort.UPDATED_DESC),
    ):
        assert [each.id for each in found] == [first.id, second.id]
    assert [each.id for each in store.read_artifacts(sort=ArtifactSort.CREATED_DESC)] == [
        second.id,
        first.id,
    ]


@pytest.mark.parametrize("name", ["read_artifacts", "read_latest_artifacts", "read_flows"])
@pytest.mark.parametrize("bad", [-1, 2**63, 1.0, "1", object()])
def test_bad_offsets_and_limits(store: ArtifactStore, name: str, bad: Any) -> None:
    for argument in ("offset", "limit"):
        with pytest.raises(InvalidQuery, match=argument):
            getattr(store, name)(**{argument: bad})


@pytest.mark.parametrize("name", ["read_artifacts", "read_latest_artifacts", "read_flows"])
@pytest.mark.parametrize("bad", ["NAME", "id_desc", None, 1])
def test_bad_sorts(store: ArtifactStore, name: str, bad: Any) -> None:
    with pytest.raises(InvalidQuery, match="ID_DESC"):
        getattr(store, name)(sort=bad)


def test_pages_at_the_edges(store: ArtifactStore) -> None:
    made = store.create_artifacts([{"key": f"k{n}"} for n in range(3)])[::-1]
    for read in (store.read_artifacts, store.read_latest_artifacts):
        assert read() == read(0, None) == read(limit=2**63 - 1) == made
        assert (
            read(limit=0)
            == read(offset=3)
            == read(offset=2**63 - 1)
            == read(2**63 - 1, 2**63 - 1)
            == []
        )
        assert read(1) == made[1:]
        assert read(1, 1) == [made[1]]


def test_a_filter_of_the_wrong_kind(store: ArtifactStore) -> None:
    for call in (
        lambda: store.read_artifacts(artifact_filter=ArtifactCollectionFilter()),
        lambda: store.read_latest_artifacts(artifact_filter=ArtifactFilter()),
        lambda: store.delete_artifacts(ArtifactCollectionFilter()),
        lambda: store.delete_artifacts(artifact_filter={"key": {"any_": ["k"]}}),
        lambda: store.count_artifacts(flow_filter=FlowRunFilter()),
    ):
        with pytest.raises(InvalidQuery, match=r"takes an? "):
            call()


@pytest.mark.parametrize("name", ["offset", "limit"])
def test_a_boolean_is_no_number(store: ArtifactStore, name: str) -> None:
    with pytest.raises(InvalidQuery, match=f"{name} must be an integer, got True"):
        store.read_artifacts(**{name: True})
