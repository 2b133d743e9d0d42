"""Waiting for an artifact, and watching keys, in one process."""

import linecache
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest

from artifact_store import Artifact, ArtifactFilter, ArtifactStore, InvalidQuery
from artifact_store.artifacts import waiting
from tests.helpers.bare import bare


def refs(news: Iterator[Artifact], count: int) -> list[str]:
    """The references of the next versions."""
    return [artifact.ref for artifact in islice(news, count)]


def test_it_returns_what_is_there(store: ArtifactStore) -> None:
    store.create_artifact(key="sales", data=1)
    newest = store.create_artifact(key="sales", data=2)
    assert store.wait_for_artifact("sales") == newest
    assert store.wait_for_artifact(newest, after_version=1, timeout=60) == newest
    assert store.wait_for_artifact("sales", after_version=2, timeout=0) is None
    assert store.wait_for_artifact("other", timeout=timedelta(milliseconds=20)) is None


def test_a_deleted_version_is_not_newer(store: ArtifactStore) -> None:
    store.create_artifacts([{"key": "sales"}] * 3)
    store.delete_artifact("sales@3")
    assert store.wait_for_artifact("sales", after_version=2, timeout=0) is None
    store.delete_artifacts(ArtifactFilter(key={"any_": ["sales"]}))
    assert store.wait_for_artifact("sales", timeout=0) is None
    assert store.create_artifact(key="sales").version == 4
    newest = store.wait_for_artifact("sales", after_version=2)
    assert newest is not None
    assert newest.version == 4


def test_another_thread_publishes(store: ArtifactStore) -> None:
    timer = threading.Timer(0.1, lambda: store.create_artifact(key="sales", data=1))
    timer.start()
    made = store.wait_for_artifact("sales", timeout="1m")
    timer.join()
    assert made == store.get("sales")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"timeout": -1}, "Invalid timeout -1: expected seconds, a timedelta, or text such as 30s"),
        ({"timeout": "soon"}, "Invalid timeout 'soon': expected a timedelta, or text"),
        ({"timeout": float("nan")}, "Invalid timeout nan"),
        ({"after_version": -1}, "Invalid after_version -1: expected a version, or 0."),
        ({"after_version": True}, "Invalid after_version True"),
        ({"key": "sales@1"}, "names one version"),
        ({"key": "a b"}, "Invalid reference"),
    ],
)
def test_what_waiting_refuses(
    store: ArtifactStore, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidQuery, match=message):
        store.wait_for_artifact(**{"key": "sales", "timeout": 0, **arguments})


def test_from_now_on(store: ArtifactStore) -> None:
    store.create_artifacts([{"key": "a"}, {"key": "b"}, {"data": "without a key"}])
    all_news, of_a, of_two = store.watch(), store.watch("a"), store.watch(["b", "c"])
    store.create_artifacts([{"key": "a"}, {"key": "b"}, {"key": "c"}, {}])
    assert sorted(refs(all_news, 3)) == ["a@2", "b@2", "c@1"]
    assert refs(of_a, 1) == ["a@2"]
    assert sorted(refs(of_two, 2)) == ["b@2", "c@1"]


@pytest.mark.parametrize("after", [0, {}])
def test_from_the_first(store: ArtifactStore, after: Any) -> None:
    store.create_artifacts([{"key": "a"}] * 3)
    assert refs(store.watch("a", after=after), 3) == ["a@1", "a@2", "a@3"]
    assert refs(store.watch(after=after), 3) == ["a@1", "a@2", "a@3"]


def test_from_a_position(store: ArtifactStore) -> None:
    store.create_artifacts([{"key": key} for key in "aab" * 2])
    position = {"a": 3, "b": 1, "c": 7}
    assert sorted(refs(store.watch(after=position), 2)) == ["a@4", "b@2"]
    assert sorted(refs(store.watch(["a", "b"], after={"a": 2}), 4)) == ["a@3", "a@4", "b@1", "b@2"]
    assert refs(store.watch("a", after=3), 1) == ["a@4"]
    assert position == {"a": 3, "b": 1, "c": 7}, "the dict is the caller's"


def test_more_versions_than_a_page(store: ArtifactStore) -> None:
    store.create_artifacts({"key": "a", "data": n} for n in range(350))
    found = list(islice(store.watch(after=0), 350))
    assert [each.data for each in found] == list(range(350))


def test_what_is_deleted_is_passed_over(store: ArtifactStore) -> None:
    news = store.watch(["a", "b"], after=0)
    store.create_artifacts([{"key": "a"}] * 4)
    for ref in ("a@2", "a@4"):
        store.delete_artifact(ref)
    assert refs(news, 2) == ["a@1", "a@3"]

    store.delete_artifacts(ArtifactFilter(key={"any_": ["a"]}))
    store.create_artifacts([{"key": "a"}, {"key": "b"}])
    assert sorted(refs(news, 2)) == ["a@5", "b@1"]


def test_a_filter(store: ArtifactStore) -> None:
    store.create_artifacts({"key": "a", "type": kind} for kind in ["x", "table"] * 120)
    wanted = ArtifactFilter(type={"any_": ["table"]})
    news = store.watch(after=0, artifact_filter=wanted)
    assert refs(news, 120) == [f"a@{2 * n}" for n in range(1, 121)]
    store.create_artifacts([{"key": "a", "type": "x"}, {"key": "a", "type": "table"}])
    assert refs(news, 1) == ["a@242"]


def test_a_clock_that_is_behind(store: ArtifactStore) -> None:
    """A key that is not among those that were updated lately is found, a little later."""
    store.create_artifacts([{"key": "a"}, {"key": "b"}])
    news = store.watch()
    store.create_artifacts([{"key": "a"}, {"key": "b"}])
    set_times = "UPDATE {} SET updated = '2020-01-01T00:00:00.000000+00:00'"
    for table in ("artifact", "artifact_collection"):
        bare(store.url, set_times.format(table))
    assert sorted(refs(news, 2)) == ["a@2", "b@2"]


def test_a_block_that_commits_late(store: ArtifactStore, url: str) -> None:
    """Its artifacts have lower ids than what was committed meanwhile, where others can write."""
    news = store.watch(after=0)
    with ArtifactStore(url) as other:
        with other.atomic():
            other.create_artifact(key="late", data=1)
            if not url.startswith("sqlite"):
                store.create_artifact(key="soon", data=1)
                assert refs(news, 1) == ["soon@1"]
        store.create_artifact(key="late", data=2)
        assert refs(news, 2) == ["late@1", "late@2"]


@pytest.mark.parametrize("block", [ArtifactStore.atomic, ArtifactStore.snapshot])
def test_inside_a_block(store: ArtifactStore, block: Callable[[ArtifactStore], Any]) -> None:
    store.create_artifacts([{"key": "a"}] * 2)
    news = store.watch(after=0)
    assert next(news).ref == "a@1"
    with block(store):
        with pytest.raises(InvalidQuery, match=r"watch cannot wait inside store\.atomic"):
            store.watch()
        with pytest.raises(InvalidQuery, match="wait_for_artifact cannot wait inside"):
            store.wait_for_artifact("a")
        with pytest.raises(InvalidQuery, match="leave the block first"):
            next(news)
    assert next(news).ref == "a@2", "it goes on after the block"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"keys": []}, "There are no keys to watch"),
        ({"keys": 3}, "Invalid keys 3: expected a key, or a list of keys."),
        ({"keys": {"a": 1}}, "Invalid keys"),
        ({"keys": ["a@1"]}, "names one version"),
        ({"after": -1}, "Invalid after -1: expected a version, or 0."),
        ({"after": "a"}, "Invalid after 'a'"),
        ({"after": {"a": None}}, r"Invalid after\['a'\] None: expected a version"),
        ({"after": {1: 1}}, "Invalid key 1 in after: expected versions by key."),
        ({"artifact_filter": {"key": {}}}, "write ArtifactFilter.model_validate"),
    ],
)
def test_what_watching_refuses(
    store: ArtifactStore, arguments: dict[str, Any], message: str
) -> None:
    """At once, and not with the first version."""
    with pytest.raises(InvalidQuery, match=message):
        store.watch(**arguments)


def test_an_error_ends_it_and_leaves_the_store_usable(store: ArtifactStore) -> None:
    news = store.watch(after=0)
    store.create_artifact(key="a")
    assert next(news).ref == "a@1"
    with pytest.raises(KeyboardInterrupt), store.flow_run("consumer"):
        raise KeyboardInterrupt
    assert store.create_artifact(key="a").version == 2
    assert next(news).ref == "a@2"


class Interrupted(Exception):
    """What the handler of a signal raises."""


def interrupted(news: Iterator[Artifact], at: int) -> Artifact | None:
    """Ask for the next version, and raise before a line of waiting.py; `None` if that has ended it."""
    lines = 0

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal lines
        if frame.f_code.co_filename != waiting.__file__:
            return None
        line = linecache.getline(waiting.__file__, frame.f_lineno)
        if event == "line" and "return self._given" not in line:  # it counts as given there
            lines += 1
            if lines == at:
                raise Interrupted
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return next(news)
    except Interrupted:
        return None
    finally:
        sys.settrace(before)


def test_a_signal_handler_that_raises_loses_nothing(store: ArtifactStore) -> None:
    """Wherever a time limit strikes, the next call goes on."""
    store.create_artifacts([{"key": "a"}, {"key": "b"}] * 25)
    expected = [f"{key}@{n}" for key in "ab" for n in range(1, 26)]
    for at in range(1, 60):
        news = store.watch(["a", "b"], after=0)
        found = []
        while len(found) < 50:
            artifact = interrupted(news, at)
            if artifact is None:
                artifact = next(news)
            found.append(artifact.ref)
        assert sorted(found, key=natural) == sorted(expected, key=natural), at
        for key in "ab":
            of_key = [ref for ref in found if ref.startswith(key)]
            assert of_key == sorted(of_key, key=natural)


def natural(ref: str) -> tuple[str, int]:
    """Return the key and the version of a reference."""
    key, _, version = ref.partition("@")
    return key, int(version)


def test_many_keys(store: ArtifactStore) -> None:
    keys = [f"key-{n:05}" for n in range(3_000)]
    store.create_artifacts({"key": key} for key in keys)
    news = store.watch(keys, after=dict.fromkeys(keys, 1))
    store.create_artifacts({"key": key} for key in keys[::500])
    assert refs(news, 6) == [f"{key}@2" for key in keys[::500]]
