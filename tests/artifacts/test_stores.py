"""Stores: several of them, threads, closing, the default place, `info`."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from artifact_store import (
    ArtifactStore,
    ArtifactStoreError,
)
from tests.helpers.artifacts import Undo, everything, publish_and_fail, versions


def test_two_stores_in_one_thread(tmp_path: Path) -> None:
    with ArtifactStore(tmp_path / "a.db") as one, ArtifactStore("sqlite:///:memory:") as other:
        with one.atomic():
            one.create_artifact(key="k", data="one")
            with other.atomic():
                other.create_artifact(key="k", data="other")
                other.create_artifact(key="k", data="other")
            with pytest.raises(Undo):
                other.run_in_transaction(publish_and_fail, other)
        assert [each.data for each in everything(one)] == ["one"]
        assert [each.data for each in everything(other)] == ["other", "other"]
        assert one.verify() == other.verify() == []


def test_two_memories_are_two_stores() -> None:
    with ArtifactStore("sqlite:///:memory:") as one, ArtifactStore("sqlite:///:memory:") as other:
        one.create_artifact(key="k")
        assert other.read_latest_artifact("k") is None


@pytest.mark.parametrize("place", ["url", "memory"])
def test_threads_share_a_store(url: str, place: str) -> None:
    with (
        ArtifactStore("sqlite:///:memory:" if place == "memory" else url) as store,
        ThreadPoolExecutor(32) as threads,
    ):
        start = threading.Barrier(32)

        def work(number: int) -> list[int | None]:
            start.wait()
            created = [store.create_artifact(key="k", data=number) for _ in range(5)]
            with store.atomic():
                store.create_artifact(key="l")
                store.create_artifact(key=f"own-{number}")
            assert store.update_artifact(created[0].id, data="updated")
            assert store.read_artifact(created[1].id) == created[1]
            assert store.delete_artifact(store.create_artifact(key="m").id)
            return [each.version for each in created]

        seen = [version for found in threads.map(work, range(32)) for version in found]
        assert sorted(seen) == versions(store, "k") == list(range(1, 161))
        assert versions(store, "l") == list(range(1, 33))
        assert store.verify() == []


def test_a_closed_store_opens_again(url: str) -> None:
    with ArtifactStore(url) as store:
        created = store.create_artifact(key="k")
    assert store.read_latest_artifact("k") == created
    store.close()
    store.close()


def test_leaving_a_store_does_not_hide_the_error(url: str) -> None:
    with pytest.raises(Undo), ArtifactStore(url):
        raise Undo


def test_the_default_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARTIFACT_STORE_URL", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with ArtifactStore() as store:
        created = store.create_artifact(key="k")
    assert (tmp_path / "data/artifact-store/artifacts.db").is_file()
    monkeypatch.setenv("ARTIFACT_STORE_URL", f"sqlite:///{tmp_path}/elsewhere.db")
    with ArtifactStore(None) as store:
        assert store.read_latest_artifact("k") is None
        assert store.info().url == f"sqlite:///{tmp_path}/elsewhere.db"
    monkeypatch.setenv("ARTIFACT_STORE_URL", "")
    with ArtifactStore() as store:
        assert store.read_latest_artifact("k") == created


def test_info(store: ArtifactStore) -> None:
    store.create_artifacts([{"key": "k"}, {"key": "k"}, {}])
    info = store.info()
    assert (info.artifacts, info.keys) == (3, 1)
    assert info.schema == "0006_inputs"
    assert info.size is None or info.size > 0


def test_every_error_is_of_one_family() -> None:
    for kind in ArtifactStoreError.__subclasses__():
        assert str(kind()) == (kind.__doc__ or "").splitlines()[0]
        assert str(kind("said")) == "said"
