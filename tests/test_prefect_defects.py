"""Defects of Prefect's artifacts, with one test each; Prefect would fail every test."""

import datetime as dt
import math
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from artifact_store import (
    ArtifactCollectionFilter,
    ArtifactCollectionSort,
    ArtifactFilter,
    ArtifactSort,
    ArtifactStore,
    InvalidArtifact,
    WorkPoolFilter,
)


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> dt.datetime:
    """Stop the clock: everything is created and updated at the same instant."""
    time = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    for module in ("create", "update"):
        monkeypatch.setattr(f"artifact_store.artifacts.{module}.now", lambda: time)
    return time


def test_latest_after_concurrent_creates_is_the_greatest_version(store: ArtifactStore) -> None:
    """Prefect: latest is what committed last, whichever version that is."""
    start = threading.Barrier(8)

    def create(worker: int) -> None:
        start.wait()
        for n in range(15):
            store.create_artifact(key=f"k{n}", data=worker)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(create, range(8)))
    latest = {each.key: each.version for each in store.read_latest_artifacts()}
    assert latest == {f"k{n}": 8 for n in range(15)}


def test_latest_does_not_depend_on_clocks(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prefect: after a delete, latest is the greatest `created`, so a clock that lags loses versions."""
    for day in (3, 1, 2, 4):
        time = dt.datetime(2026, 1, day, tzinfo=dt.UTC)
        monkeypatch.setattr("artifact_store.artifacts.create.now", lambda time=time: time)
        last = store.create_artifact(key="k", data=day)
    assert store.delete_artifact(last.id)
    assert store.read_latest_artifact("k").data == 2


def test_two_deletes_against_one_create_leave_latest_right(store: ArtifactStore) -> None:
    """Prefect: 59 of 60 keys end with a wrong latest, or one that does not exist."""
    start = threading.Barrier(3)

    def delete(made: list[uuid.UUID]) -> None:
        start.wait()
        for each in made:
            store.delete_artifact(each)

    def create(keys: list[str]) -> None:
        start.wait()
        for key in keys:
            store.create_artifact(key=key)

    keys = [f"k{n}" for n in range(30)]
    versions = [[store.create_artifact(key=key).id for key in keys] for _ in range(3)]
    with ThreadPoolExecutor(3) as threads:
        tasks = [
            threads.submit(delete, versions[1]),
            threads.submit(delete, versions[2]),
            threads.submit(create, keys),
        ]
        for task in tasks:
            task.result()
    latest = {each.key: each.version for each in store.read_latest_artifacts()}
    assert latest == dict.fromkeys(keys, 4)
    assert store.verify() == []


def test_a_tie_in_created_does_not_decide_which_version_becomes_the_latest(
    store: ArtifactStore, stopped_clock: dt.datetime
) -> None:
    """Prefect: any one of the versions with the same `created`."""
    ids = [uuid.UUID(int=n) for n in (3, 9, 1, 7, 5)]
    for n, each in enumerate(ids):
        assert store.create_artifact(id=each, key="k", data=n).created == stopped_clock
    for n in (4, 3, 2, 1):
        assert store.read_latest_artifact("k").data == n
        assert store.delete_artifact(ids[n])
    assert store.read_latest_artifact("k").data == 0


def test_a_new_version_takes_no_fields_from_the_one_before(store: ArtifactStore) -> None:
    """Prefect: latest keeps the description, type, metadata and run ids of the version before."""
    run = uuid.uuid4()
    store.create_artifact(
        key="k",
        type="table",
        description="old",
        metadata={"a": 1},
        data=1,
        flow_run_id=run,
        task_run_id=run,
    )
    store.create_artifact(key="k")
    for latest in (store.read_latest_artifact("k"), store.read_latest_artifacts()[0]):
        left = (
            latest.type,
            latest.description,
            latest.metadata,
            latest.data,
            latest.flow_run_id,
            latest.task_run_id,
        )
        assert left == (None,) * 6
    assert store.count_latest_artifacts(ArtifactCollectionFilter(type={"any_": ["table"]})) == 0
    assert store.count_latest_artifacts(ArtifactCollectionFilter(flow_run_id={"any_": [run]})) == 0


def test_updating_an_old_version_does_not_make_it_the_latest(store: ArtifactStore) -> None:
    """Prefect: "get by key" sorts by `updated`."""
    old = store.create_artifact(key="k", data="old")
    latest = store.create_artifact(key="k", data="latest")
    store.update_artifact(old.id, description="a late remark")
    assert store.read_latest_artifact("k") == latest
    assert store.read_artifact_ref("k") == latest
    assert store.read_latest_artifacts() == [latest]


@pytest.mark.parametrize("sort", ArtifactSort)
def test_pages_of_a_listing_are_stable(
    store: ArtifactStore, stopped_clock: dt.datetime, sort: ArtifactSort
) -> None:
    """Prefect: no tiebreak, so that pages overlap and leave artifacts out."""
    store.create_artifacts({"key": ["a", "b", None][n % 3]} for n in range(50))
    whole = store.read_artifacts(sort=sort)
    paged = []
    for start in range(0, 50, 7):
        paged += store.read_artifacts(start, 7, sort=sort)
    assert paged == whole
    assert len({each.id for each in paged}) == 50


@pytest.mark.parametrize("sort", ArtifactCollectionSort)
def test_pages_of_latest_are_stable(
    store: ArtifactStore, stopped_clock: dt.datetime, sort: ArtifactCollectionSort
) -> None:
    """Prefect: no tiebreak, so that pages overlap and leave keys out."""
    store.create_artifacts({"key": f"k{n}"} for n in range(50))
    paged = []
    for start in range(0, 50, 7):
        paged += store.read_latest_artifacts(start, 7, sort=sort)
    assert paged == store.read_latest_artifacts(sort=sort)
    assert len({each.key for each in paged}) == 50


def test_delete_by_key_deletes_all(store: ArtifactStore) -> None:
    """Prefect: one page of 200 is deleted, and the command says done."""
    store.create_artifacts([{"key": "k"}] * 450)
    assert store.delete_artifacts(ArtifactFilter(key={"any_": ["k"]})) == 450
    assert store.count_artifacts() == 0


def test_lists_of_all_versions_include_artifacts_without_a_key(store: ArtifactStore) -> None:
    """Prefect: the listing crashes."""
    store.create_artifacts([{"key": "k"}, {}, {"key": "k"}])
    for sort in ArtifactSort:
        assert len(store.read_artifacts(sort=sort)) == 3
    keys = [each.key for each in store.read_artifacts(sort=ArtifactSort.KEY_DESC)]
    assert keys == ["k", "k", None]


def test_metadata_is_not_truncated(store: ArtifactStore) -> None:
    """Prefect: values are silently cut at 500 characters."""
    long = {"note": "x" * 100_000, "n" * 1000: "y" * 501}
    assert store.create_artifact(key="k", metadata=long).metadata == long
    assert store.read_latest_artifact("k").metadata == long


@pytest.mark.parametrize("key", ["", "k\n", "k\n\n"])
def test_a_key_is_never_empty_and_never_ends_in_a_newline(store: ArtifactStore, key: str) -> None:
    """Prefect: its pattern accepts both."""
    with pytest.raises(InvalidArtifact, match="key"):
        store.create_artifact(key=key)
    assert store.count_artifacts() == 0


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_cannot_represent_are_null(store: ArtifactStore, number: float) -> None:
    """Prefect: NaN is stored on SQLite, as text that is not JSON, and fails on PostgreSQL."""
    made = store.create_artifact(key="k", data=[number, 1.5], metadata={"n": number})
    assert (made.data, made.metadata) == ([None, 1.5], {"n": None})
    assert store.read_latest_artifact("k") == made
    assert store.count_artifacts(ArtifactFilter(metadata={"eq_": {"n": None}})) == 1


def test_the_work_pool_filter_works(store: ArtifactStore) -> None:
    """Prefect: it is documented and ignored."""
    flow = store.create_flow("f")
    for name in ("here", "there"):
        queue = store.create_work_queue("q", store.create_work_pool(name).id)
        run = store.create_flow_run(flow.id, work_queue_id=queue.id)
        store.create_artifact(key=name, flow_run_id=run.id)
    store.create_artifact(key="nowhere")
    here = WorkPoolFilter(name={"any_": ["here"]})
    assert [each.key for each in store.read_artifacts(work_pool_filter=here)] == ["here"]
    assert [each.key for each in store.read_latest_artifacts(work_pool_filter=here)] == ["here"]
    assert store.count_artifacts(work_pool_filter=here) == 1
    assert store.count_latest_artifacts(work_pool_filter=here) == 1
    assert store.delete_artifacts(work_pool_filter=here) == 1
    assert store.count_artifacts() == 2
