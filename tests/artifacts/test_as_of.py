"""What was the latest at another time, compared with a model in plain Python."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import NamedTuple
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifact_store import (
    Artifact,
    ArtifactCollectionFilter,
    ArtifactCollectionSort,
    ArtifactStore,
    FlowFilter,
    InvalidQuery,
)
from artifact_store.artifacts import create
from tests.helpers.templates import Templates

START = datetime(2026, 11, 1, tzinfo=UTC)
KEYS = ("a", "b", "c")
TYPES = ("table", "result")


class Step(NamedTuple):
    """An artifact that is created at a minute, which need not be later than the one before."""

    key: str | None
    minute: int
    type: str
    delete: bool
    update: bool


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from([*KEYS, None]),
        st.integers(0, 6),
        st.sampled_from(TYPES),
        st.booleans(),
        st.booleans(),
    ),
    max_size=14,
)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def publish(store: ArtifactStore, key: str | None, minute: int, type: str = "result") -> Artifact:
    """Create an artifact at a time of its own."""
    with patch.object(create, "now", lambda: at(minute)):
        return store.create_artifact(key=key, type=type, data=minute)


def publish_all(store: ArtifactStore, steps: list[Step]) -> list[Artifact]:
    """Create artifacts, then delete and update some; return what is there."""
    with store.atomic():
        created = [publish(store, step.key, step.minute, step.type) for step in steps]
        for artifact, step in zip(created, steps, strict=True):
            if step.delete:
                store.delete_artifact(artifact.id)
            elif step.update:
                store.update_artifact(artifact.id, description="updated later")
    return store.read_artifacts()


def latest_then(artifacts: list[Artifact], moment: datetime) -> dict[str, Artifact]:
    """Return what was the latest of each key, by the definition."""
    found: dict[str, Artifact] = {}
    for artifact in artifacts:
        if artifact.key is None or artifact.created > moment:
            continue
        best = found.get(artifact.key)
        if best is None or (best.version or 0) < (artifact.version or 0):
            found[artifact.key] = artifact
    return found


ORDERS: dict[ArtifactCollectionSort, Callable[[Artifact], object]] = {
    ArtifactCollectionSort.ID_DESC: lambda each: each.id,
    ArtifactCollectionSort.KEY_DESC: lambda each: each.key,
    ArtifactCollectionSort.KEY_ASC: lambda each: each.key,
    ArtifactCollectionSort.CREATED_DESC: lambda each: (each.created, each.key),
    ArtifactCollectionSort.UPDATED_DESC: lambda each: (each.updated, each.key),
}


def check_lists(store: ArtifactStore, expected: dict[str, Artifact], moment: datetime) -> None:
    """Compare every list, page and stream with the model."""
    for sort, key in ORDERS.items():
        in_order = sorted(expected.values(), key=key, reverse=sort != "KEY_ASC")  # type: ignore[arg-type]
        assert store.read_latest_artifacts(sort=sort, as_of=moment) == in_order
        streamed = store.iter_latest_artifacts(sort=sort, page_size=2, as_of=moment)
        assert list(streamed) == in_order
        pages: list[Artifact] = []
        after = None
        while True:
            page = store.read_latest_artifacts(limit=2, sort=sort, as_of=moment, after=after)
            pages += page
            after = page.cursor
            if after is None:
                break
        assert pages == in_order
        assert store.read_latest_artifacts(1, 1, sort=sort, as_of=moment) == in_order[1:2]


@pytest.fixture
def make_store(engine: str, url: str, templates: Templates) -> ArtifactStore:
    """An empty store; the examples of a test empty it again."""
    templates.create_store(url)
    return ArtifactStore(url)


@settings(max_examples=15)
@given(steps=STEPS, minute=st.sampled_from([-1, 0, 2, 3.5, 6, 9]))
def check_model(store: ArtifactStore, steps: list[Step], minute: float) -> None:
    store.delete_artifacts(everything=True)
    artifacts = publish_all(store, steps)
    moment = at(minute)
    expected = latest_then(artifacts, moment)
    for key in KEYS:
        assert store.read_latest_artifact(key, as_of=moment) == expected.get(key)
    check_lists(store, expected, moment)
    assert store.count_latest_artifacts(as_of=moment) == len(expected)

    tables = ArtifactCollectionFilter(type={"any_": ["table"]}) | ArtifactCollectionFilter(
        key={"any_": ["a"]}, version={"ge_": 2}
    )
    matches = [each for each in expected.values() if is_wanted(each)]
    found = store.read_latest_artifacts(artifact_filter=tables, as_of=moment)
    assert {each.id: each for each in found} == {each.id: each for each in matches}
    assert store.count_latest_artifacts(tables, as_of=moment) == len(matches)
    others = store.count_latest_artifacts(~tables, as_of=moment)
    assert others == len(expected) - len(matches)
    for each in matches:
        by_id = ArtifactCollectionFilter(latest_id={"any_": [each.id]})
        assert store.read_latest_artifacts(artifact_filter=by_id, as_of=moment) == [each]
    assert store.verify() == []


def is_wanted(artifact: Artifact) -> bool:
    is_table = artifact.type == "table"
    return is_table or (artifact.key == "a" and (artifact.version or 0) >= 2)


def test_it_is_what_the_model_says(make_store: ArtifactStore) -> None:
    with make_store as store:
        check_model(store)


def test_the_time_counts_and_not_its_zone(store: ArtifactStore) -> None:
    first = publish(store, "k", 0)
    second = publish(store, "k", 5)
    assert store.read_latest_artifact("k", as_of=at(0)) == first
    assert store.read_latest_artifact("k", as_of=at(0) - timedelta(microseconds=1)) is None
    tokyo = at(5).astimezone(timezone(timedelta(hours=9)))
    assert store.read_latest_artifact("k", as_of=tokyo) == second
    assert store.read_latest_artifact("k@latest", as_of=at(4)) == first
    assert store.read_latest_artifact(second, as_of=at(4)) == first
    far = datetime(9999, 12, 31, tzinfo=UTC)
    assert store.read_latest_artifact("k", as_of=far) == second


def test_an_artifact_is_as_it_is_now(store: ArtifactStore) -> None:
    first = publish(store, "k", 0)
    publish(store, "k", 5)
    store.update_artifact(first.id, data="corrected")
    found = store.read_latest_artifact("k", as_of=at(1))
    assert found is not None
    assert found.data == "corrected"
    assert found.updated > at(5)
    store.delete_artifact(first.id)
    assert store.read_latest_artifact("k", as_of=at(1)) is None
    assert store.read_latest_artifacts(as_of=at(1)) == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (datetime(2026, 11, 1), "2026-11-01T00:00:00 has no time zone: add one, for example"),
        (date(2026, 11, 1), "expected a datetime with a time zone"),
        ("7d", "Invalid as_of '7d': expected a datetime with a time zone"),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=9))), "outside of the years 1 to 9999"),
    ],
)
def test_invalid_times(store: ArtifactStore, value: object, message: str) -> None:
    calls: list[Callable[[object], object]] = [
        lambda as_of: store.read_latest_artifact("k", as_of=as_of),  # type: ignore[arg-type]
        lambda as_of: store.read_latest_artifacts(as_of=as_of),  # type: ignore[arg-type]
        lambda as_of: store.iter_latest_artifacts(as_of=as_of),  # type: ignore[arg-type]
        lambda as_of: store.count_latest_artifacts(as_of=as_of),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises(InvalidQuery, match=message):
            call(value)


def test_one_version_is_refused(store: ArtifactStore) -> None:
    with pytest.raises(InvalidQuery, match="names one version"):
        store.read_latest_artifact("k@3", as_of=at(0))


def test_filters_of_runs(store: ArtifactStore) -> None:
    for flow in ("etl", "train"):
        with store.flow_run(flow):
            publish(store, "k", 0 if flow == "etl" else 5)
            publish(store, flow, 1)
    of_etl = FlowFilter(name={"any_": ["etl"]})
    then = store.read_latest_artifacts(flow_filter=of_etl, as_of=at(2), limit=5)
    assert [each.ref for each in then] == ["etl@1", "k@1"]
    assert store.count_latest_artifacts(flow_filter=of_etl, as_of=at(2)) == 2
    assert store.count_latest_artifacts(flow_filter=of_etl, as_of=at(6)) == 1


def test_a_cursor_continues_at_any_time(store: ArtifactStore) -> None:
    for minute, key in enumerate(KEYS):
        publish(store, key, minute)
    first = store.read_latest_artifacts(limit=1, as_of=at(9))
    assert [each.key for each in first] == ["c"]
    assert [each.key for each in store.read_latest_artifacts(after=first.cursor)] == ["b", "a"]


def test_as_of_inside_a_snapshot(store: ArtifactStore, store_url: str) -> None:
    first = publish(store, "k", 0)
    with store.snapshot(), ArtifactStore(store_url) as other:
        publish(other, "k", 1)
        assert store.read_latest_artifact("k", as_of=at(2)) == first
        assert store.read_latest_artifacts(as_of=at(2)) == [first]
    assert store.count_latest_artifacts(as_of=at(2)) == 1
