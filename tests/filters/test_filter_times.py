"""Times in filters: both ends of a range belong to it."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from artifact_store import (
    ArtifactCollectionFilter,
    ArtifactCollectionSort,
    ArtifactStore,
    FlowRunFilter,
    TaskRunFilter,
)
from tests.helpers.filters import NOON, Ask, of_kind

TICK = timedelta(microseconds=1)


def test_times_of_the_collection_are_those_of_the_latest_artifact(store: ArtifactStore) -> None:
    one = store.create_artifact(key="a")
    other = store.create_artifact(key="b")
    two = store.create_artifact(key="a")
    assert store.update_artifact(one.id, description="late")  # no latest version
    late = store.read_artifact(one.id)
    assert late is not None

    def found(**fields: Any) -> list[Any]:
        return store.read_latest_artifacts(artifact_filter=ArtifactCollectionFilter(**fields))

    assert found(updated={"after_": late.updated}) == []
    assert found(created={"before_": other.created}) == [other]
    assert found(created={"after_": two.created, "before_": two.created}) == [two]
    for sort in ("CREATED_DESC", "UPDATED_DESC"):
        assert store.read_latest_artifacts(sort=ArtifactCollectionSort(sort)) == [two, other]
    store.delete_artifact(two.id)
    assert found(updated={"after_": late.updated}) == [late]
    assert found(created={"before_": one.created}) == [late]
    assert store.read_latest_artifacts(sort=ArtifactCollectionSort.CREATED_DESC) == [other, late]
    assert store.read_latest_artifacts(sort=ArtifactCollectionSort.UPDATED_DESC) == [late, other]


def test_before_and_after_are_inclusive(ask: Ask) -> None:
    artifact = ask.make("a")
    for field in ("created", "updated"):
        time = getattr(artifact, field)
        assert ask(**{field: {"before_": time, "after_": time}}) == ["a"]
        assert (
            ask(**{field: {"before_": time - TICK}})
            == ask(**{field: {"after_": time + TICK}})
            == []
        )
        far = time.astimezone(timezone(timedelta(hours=-11)))
        assert ask(**{field: {"before_": far, "after_": far}}) == ["a"]


@pytest.mark.parametrize(
    "field", ["expected_start_time", "start_time", "end_time", "next_scheduled_start_time"]
)
def test_before_and_after_are_inclusive_for_runs(store: ArtifactStore, field: str) -> None:
    """A whole second, and one with microseconds, are not mixed up."""
    flow = store.create_flow("flow")
    for name, time in (
        ("noon", NOON),
        ("tick", NOON + TICK),
        ("old", datetime(1, 1, 2, tzinfo=UTC)),
    ):
        store.create_flow_run(flow.id, name=name, **{field: time})  # type: ignore[misc]
    assert of_kind(store, FlowRunFilter(**{field: {"before_": NOON}})) == ["noon", "old"]  # type: ignore[arg-type]
    assert of_kind(store, FlowRunFilter(**{field: {"after_": NOON}})) == ["noon", "tick"]  # type: ignore[arg-type]
    exact = {"after_": NOON + TICK, "before_": NOON + TICK}
    assert of_kind(store, FlowRunFilter(**{field: exact})) == ["tick"]  # type: ignore[arg-type]


def test_start_time_falls_back_to_the_expected_one(store: ArtifactStore) -> None:
    flow = store.create_flow("flow")
    store.create_flow_run(flow.id, name="waiting", expected_start_time=NOON)
    store.create_flow_run(flow.id, name="late", expected_start_time=NOON, start_time=NOON + TICK)
    store.create_flow_run(flow.id, name="never")
    store.create_task_run(name="waiting", expected_start_time=NOON)
    assert of_kind(store, FlowRunFilter(start_time={"before_": NOON})) == ["waiting"]
    assert of_kind(store, FlowRunFilter(start_time={"after_": NOON})) == ["late", "waiting"]
    assert of_kind(store, FlowRunFilter(start_time={"is_null_": True})) == ["never", "waiting"]
    assert of_kind(store, FlowRunFilter(start_time={"is_null_": False})) == ["late"]
    assert of_kind(store, TaskRunFilter(start_time={"before_": NOON})) == []
