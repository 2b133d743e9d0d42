"""A real streaming standby answers lists and counts; what must see the latest asks the primary."""

import logging
import shutil
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from servers import Server

from artifact_store import ArtifactFilter, ArtifactStore, InvalidURL


class Standby(Server):
    """A server that follows another one by streaming replication."""

    def __init__(self, primary: Server) -> None:
        super().__init__()
        self.primary = primary

    def initialize(self) -> None:
        if not self.data.exists() or not any(self.data.iterdir()):
            self.place.chmod(0o755)
            self.data.mkdir(exist_ok=True)
            self.data.chmod(0o700)
            if self._wheel.system_user is not None:  # the server does not run as root
                shutil.chown(self.data, self._wheel.system_user)
            source = ("-h", self.primary.data, "-p", self.primary.port, "-U", "postgres")
            self.primary.command("pg_basebackup", *source, "-D", self.data, "-R", "-X", "stream", "-c", "fast")
            for lock in self.data.glob(".s.PGSQL.*.lock"):  # the backup holds the primary's
                lock.unlink()


@pytest.fixture(scope="module")
def primary() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="module")
def standby(primary: Server) -> Iterator[Standby]:
    with Standby(primary) as server:
        yield server


@pytest.fixture
def replica(standby: Standby) -> Iterator[psycopg.Connection[Any]]:
    with standby.connect() as connection:
        yield connection
        connection.execute("SELECT pg_wal_replay_resume()")


@pytest.fixture
def store(primary: Server, standby: Standby) -> Iterator[ArtifactStore]:
    with ArtifactStore(primary.url, replica_url=standby.url) as opened:
        opened.delete_artifacts(everything=True)
        caught_up(primary, standby)
        yield opened
        assert opened.verify() == []


def caught_up(primary: Server, standby: Standby) -> None:
    """Wait until the standby has replayed all that the primary has written."""
    with primary.connect() as server, standby.connect() as follower:
        written = server.execute("SELECT pg_current_wal_lsn()").fetchone()
        deadline = time.monotonic() + 30
        while follower.execute("SELECT pg_last_wal_replay_lsn() >= %s", written).fetchone() != (True,):
            assert time.monotonic() < deadline, "the standby does not follow"
            time.sleep(0.01)


def test_lists_are_asked_of_the_replica_and_the_latest_of_the_primary(
    store: ArtifactStore, primary: Server, standby: Standby, replica: psycopg.Connection[Any]
) -> None:
    flow = store.create_flow("etl")
    first = store.create_artifact(key="k", data=1)
    caught_up(primary, standby)
    assert store.read_artifacts() == store.read_latest_artifacts() == [first]
    replica.execute("SELECT pg_wal_replay_pause()")
    second = store.create_artifact(key="k", data=2)
    store.create_flow_run(flow.id)
    # What must see the latest
    assert store.read_latest_artifact("k") == store.read_artifact(second.id) == store.read_artifact_ref("k") == second
    assert store.read_artifact_ref("k@2") == second
    assert store.update_artifact(second.id, description="seen")
    assert store.create_artifact(key="k").version == 3
    with store.atomic():
        assert store.count_artifacts() == 3, "a block sees what it has written"
    assert store.verify() == []
    # What may be a moment behind
    assert store.read_artifacts() == list(store.iter_artifacts()) == store.read_latest_artifacts() == [first]
    assert store.count_artifacts() == store.count_latest_artifacts() == 1
    assert store.count_artifacts(ArtifactFilter(version={"ge_": 2})) == 0
    assert store.read_flow_runs() == []
    assert [point.value for point in store.read_series("k")] == [1]
    assert [point.value for point in store.read_trends(["k"])["k"]] == [1]
    assert store.read_surroundings(first).latest == 1
    assert store.read_surroundings(second).latest == 3, "what the replica does not have is asked of the primary"
    replica.execute("SELECT pg_wal_replay_resume()")
    caught_up(primary, standby)
    assert store.count_artifacts() == 3
    assert len(store.read_flow_runs()) == 1


def test_deletes_by_filter_see_the_latest(store: ArtifactStore, replica: psycopg.Connection[Any]) -> None:
    replica.execute("SELECT pg_wal_replay_pause()")
    store.create_artifact(key="new")
    assert store.delete_artifacts(ArtifactFilter(key={"any_": ["new"]})) == 1


def test_the_primary_answers_while_the_replica_is_down(
    store: ArtifactStore,
    primary: Server,
    standby: Standby,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("artifact_store.replica._REST", 0.2)
    made = store.create_artifact(key="k")
    caught_up(primary, standby)
    assert store.read_artifacts() == [made]
    standby.stop()
    try:
        begun = time.monotonic()
        with caplog.at_level(logging.WARNING, "artifact_store"):
            for _ in range(20):
                assert store.read_artifacts() == [made]
                assert store.count_latest_artifacts() == 1
        assert time.monotonic() - begun < 5
        assert "The replica does not answer, the primary does: postgresql://postgres:***@" in caplog.text
        assert len(caplog.records) < 20, "a replica that failed is left alone for a while"
    finally:
        standby.start()
    time.sleep(0.3)
    with standby.connect() as follower:
        follower.execute("SELECT pg_wal_replay_pause()")
        store.create_artifact(key="other")
        assert store.count_artifacts() == 1, "the replica is asked again"
        follower.execute("SELECT pg_wal_replay_resume()")


def test_what_the_store_tells_of_its_replica(store: ArtifactStore, primary: Server) -> None:
    facts = store.info()
    assert facts.replica is not None
    assert facts.replica.startswith("postgresql://postgres:***@/postgres?host=")
    assert facts.pool_size == 20
    assert facts.server == f"postgres@{primary.data}:5432/postgres"


@pytest.mark.parametrize(
    ("url", "replica_url"),
    [("sqlite:///:memory:", "postgresql://localhost/db"), ("postgresql://localhost/db", "sqlite:///:memory:")],
)
def test_replicas_are_for_postgresql(url: str, replica_url: str) -> None:
    with pytest.raises(InvalidURL, match="Replicas are PostgreSQL's: leave out replica_url, or give two postgresql://"):
        ArtifactStore(url, replica_url=replica_url)
