"""A real streaming standby answers lists and counts; what must see the latest reads the primary."""

import logging
import math
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import psycopg
import pytest

from artifact_store import ArtifactFilter, ArtifactSort, ArtifactStore, InvalidURL, StoreUnavailable
from tests.helpers.servers import Server, stopped


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
            self.primary.command(
                "pg_basebackup", *source, "-D", self.data, "-R", "-X", "stream", "-c", "fast"
            )
            for lock in self.data.glob(".s.PGSQL.*.lock"):  # the backup holds the primary's
                lock.unlink()


@pytest.fixture(scope="module")
def primary() -> Iterator[Server]:
    with Server() as server:
        with server.connect() as connection:
            # A checkpoint while the standby is stopped must not remove what it has yet to read.
            connection.execute("ALTER SYSTEM SET wal_keep_size = '512MB'")
            connection.execute("SELECT pg_reload_conf()")
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
        while follower.execute("SELECT pg_last_wal_replay_lsn() >= %s", written).fetchone() != (
            True,
        ):
            assert time.monotonic() < deadline, "the standby does not follow"
            time.sleep(0.01)


def test_lists_read_the_replica_and_the_latest_reads_the_primary(
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
    assert (
        store.read_latest_artifact("k")
        == store.read_artifact(second.id)
        == store.read_artifact_ref("k")
        == second
    )
    assert store.read_artifact_ref("k@2") == second
    assert store.update_artifact(second.id, description="seen")
    assert store.create_artifact(key="k").version == 3
    with store.atomic():
        assert store.count_artifacts() == 3, "a block sees what it has written"
    assert store.verify() == []
    # What may be a moment behind
    assert (
        store.read_artifacts()
        == list(store.iter_artifacts())
        == store.read_latest_artifacts()
        == [first]
    )
    assert store.count_artifacts() == store.count_latest_artifacts() == 1
    assert store.count_artifacts(ArtifactFilter(version={"ge_": 2})) == 0
    assert store.read_flow_runs() == []
    assert [point.value for point in store.read_series("k")] == [1]
    assert [point.value for point in store.read_trends(["k"])["k"]] == [1]
    assert store.read_surroundings(first).latest == 1
    assert store.read_surroundings(second).latest == 3, (
        "what the replica does not have is read from the primary"
    )
    replica.execute("SELECT pg_wal_replay_resume()")
    caught_up(primary, standby)
    assert store.count_artifacts() == 3
    assert len(store.read_flow_runs()) == 1


def test_deletes_by_filter_see_the_latest(
    store: ArtifactStore, replica: psycopg.Connection[Any]
) -> None:
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
    monkeypatch.setattr("artifact_store.db.replica._PAUSE", 0.2)
    created = store.create_artifact(key="k")
    caught_up(primary, standby)
    assert store.read_artifacts() == [created]
    standby.stop()
    try:
        with caplog.at_level(logging.WARNING, "artifact_store"):
            for _ in range(20):
                assert store.read_artifacts() == [created]
                assert store.count_latest_artifacts() == 1
        assert (
            "The replica does not answer, the primary does: postgresql://postgres:***@"
            in caplog.text
        )
        assert len(caplog.records) < 20, "a replica that failed is not used for a while"
    finally:
        standby.start()
    time.sleep(0.3)
    with standby.connect() as follower:
        follower.execute("SELECT pg_wal_replay_pause()")
        store.create_artifact(key="other")
        assert store.count_artifacts() == 1, "the replica is used again"
        follower.execute("SELECT pg_wal_replay_resume()")


def test_info_shows_the_replica(store: ArtifactStore, primary: Server) -> None:
    facts = store.info()
    assert facts.replica is not None
    assert facts.replica.startswith("postgresql://postgres:***@/postgres?host=")
    assert facts.pool_size == 20
    assert facts.server == f"postgres@{primary.data}:5432/postgres"


@pytest.mark.parametrize(
    ("url", "replica_url"),
    [
        ("sqlite:///:memory:", "postgresql://localhost/db"),
        ("postgresql://localhost/db", "sqlite:///:memory:"),
    ],
)
def test_replicas_are_for_postgresql(url: str, replica_url: str) -> None:
    with pytest.raises(
        InvalidURL,
        match="Only PostgreSQL has replicas: leave out replica_url, or give two postgresql://",
    ):
        ArtifactStore(url, replica_url=replica_url)


def refused(store: ArtifactStore, caplog: pytest.LogCaptureFixture, message: str) -> None:
    """Check that the primary answers lists, and that the log says once why the replica does not."""
    created = store.create_artifact(key="k")
    with caplog.at_level(logging.WARNING, "artifact_store"):
        for _ in range(3):
            assert created in store.read_artifacts()
            assert created in store.iter_artifacts()
            store._reader._paused_until = 0.0
    messages = [record.getMessage() for record in caplog.records if record.name == "artifact_store"]
    assert len(messages) == 1, messages
    assert "The replica is refused, the primary answers: postgresql://" in messages[0]
    assert message in messages[0]


def test_a_standby_that_was_promoted(primary: Server, caplog: pytest.LogCaptureFixture) -> None:
    with Standby(primary) as other, ArtifactStore(primary.url, replica_url=other.url) as store:
        store.create_artifact(key="before")
        caught_up(primary, other)
        assert store.count_artifacts() == 1
        # On the connection that is open
        with other.connect() as admin:
            assert admin.execute("SELECT pg_promote()").fetchone() == (True,)
        refused(
            store, caplog, "it is not a standby, or was promoted: give the address of a standby"
        )
        # On a new one
        caplog.clear()
        with ArtifactStore(primary.url, replica_url=other.url) as again:
            refused(again, caplog, "the server at replica_url accepts writes")
        store.delete_artifacts(everything=True)


def test_a_replica_of_another_primary(
    primary: Server, standby: Standby, caplog: pytest.LogCaptureFixture
) -> None:
    with Server() as other, ArtifactStore(other.url, replica_url=standby.url) as store:
        refused(store, caplog, "the server at replica_url follows another primary")


def test_another_database_of_the_same_servers(
    primary: Server, standby: Standby, caplog: pytest.LogCaptureFixture
) -> None:
    with primary.connect() as admin:
        admin.execute("CREATE DATABASE elsewhere")
    url = primary.url.replace("/postgres?", "/elsewhere?")
    with ArtifactStore(url) as there:
        there.create_artifact(key="unseen")
    caught_up(primary, standby)
    other = standby.url.replace("/postgres?", "/elsewhere?")
    with ArtifactStore(primary.url, replica_url=other) as store:
        refused(store, caplog, "replica_url names another database than the address of the store")
        store.delete_artifacts(everything=True)


def test_the_schema_of_the_primary(
    primary: Server, standby: Standby, caplog: pytest.LogCaptureFixture
) -> None:
    for schema in ("mine", "yours"):
        with ArtifactStore(f"{primary.url}&schema={schema}") as store:
            store.create_artifact(key=schema)
    caught_up(primary, standby)
    url = f"{primary.url}&schema=mine"
    with ArtifactStore(url, replica_url=standby.url) as store, standby.connect() as follower:
        follower.execute("SELECT pg_wal_replay_pause()")
        store.create_artifact(key="later")
        assert [each.key for each in store.read_artifacts()] == ["mine"], (
            "the replica answers, from that schema"
        )
        follower.execute("SELECT pg_wal_replay_resume()")
    with ArtifactStore(
        f"{primary.url}&schema=mine", replica_url=f"{standby.url}&schema=yours"
    ) as store:
        refused(store, caplog, "replica_url leads to the tables of another schema")


def test_a_user_who_may_not_read_the_identifier(primary: Server, standby: Standby) -> None:
    with primary.connect() as admin:
        admin.execute("CREATE ROLE plain LOGIN")
        admin.execute("CREATE SCHEMA plain AUTHORIZATION plain")
        admin.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    url = f"{primary.url.replace('postgres:@', 'plain:@')}&schema=plain"
    with ArtifactStore(url, replica_url=standby.url.replace("postgres:@", "plain:@")) as store:
        created = store.create_artifact(key="k")
        caught_up(primary, standby)
        with standby.connect() as follower:
            follower.execute("SELECT pg_wal_replay_pause()")
            store.create_artifact(key="later")
            assert store.read_artifacts() == [created]
            follower.execute("SELECT pg_wal_replay_resume()")


def test_a_replica_that_hangs_on_an_open_connection(
    primary: Server, standby: Standby, caplog: pytest.LogCaptureFixture
) -> None:
    with ArtifactStore(f"{primary.url}&timeout=1", replica_url=standby.url) as store:
        store.delete_artifacts(everything=True)
        created = store.create_artifact(key="k")
        caught_up(primary, standby)
        assert store.read_artifacts() == [created]
        with (
            ThreadPoolExecutor(1) as workers,
            stopped(standby),
            caplog.at_level(logging.WARNING, "artifact_store"),
        ):
            assert workers.submit(store.read_artifacts).result(60) == [created]
        assert "the server does not answer" in caplog.text


def test_one_process_of_a_replica_that_hangs(primary: Server, standby: Standby) -> None:
    with ArtifactStore(f"{primary.url}&timeout=1", replica_url=standby.url) as store:
        store.delete_artifacts(everything=True)
        created = store.create_artifact(key="k")
        caught_up(primary, standby)
        replica = store._reader.replica
        assert replica is not None
        (pid,) = replica.engine.fetch_one("SELECT pg_backend_pid()") or ()
        process = psutil.Process(pid)
        process.suspend()
        try:
            with ThreadPoolExecutor(1) as workers:
                assert workers.submit(store.read_artifacts).result(60) == [created]
        finally:
            process.resume()


@pytest.mark.parametrize("sort", ArtifactSort)
def test_a_stream_whose_replica_goes_away(
    store: ArtifactStore, primary: Server, sort: ArtifactSort
) -> None:
    with Standby(primary) as other, ArtifactStore(primary.url, replica_url=other.url) as streaming:
        created = store.create_artifacts(
            {"key": f"k{number:02}", "data": number} for number in range(20)
        )
        caught_up(primary, other)
        stream = streaming.iter_artifacts(sort=sort, page_size=3)
        found = [next(stream).id for _ in range(4)]
        other.stop()
        store.create_artifact(key="k99")
        found += [each.id for each in stream]
        assert len(found) == len({*found})
        assert {*found} >= {each.id for each in created}


@pytest.mark.parametrize("sort", ArtifactSort)
def test_a_stream_that_began_at_the_primary_stays_there(
    store: ArtifactStore, replica: psycopg.Connection[Any], sort: ArtifactSort
) -> None:
    replica.execute("SELECT pg_wal_replay_pause()")
    created = store.create_artifacts(
        {"key": f"k{number:02}", "data": number} for number in range(20)
    )
    store._reader._paused_until = math.inf
    stream = store.iter_artifacts(sort=sort, page_size=3)
    found = [next(stream).id for _ in range(4)]
    store._reader._paused_until = 0.0
    assert store.count_artifacts() == 0, "the replica answers, which has none of it yet"
    found += [each.id for each in stream]
    assert sorted(found) == sorted(each.id for each in created)


def test_a_snapshot_reads_one_database(
    store: ArtifactStore, primary: Server, standby: Standby, replica: psycopg.Connection[Any]
) -> None:
    first = store.create_artifact(key="k", data=1)
    caught_up(primary, standby)
    replica.execute("SELECT pg_wal_replay_pause()")
    second = store.create_artifact(key="k", data=2)
    assert store.read_artifacts() == [first]
    with store.snapshot():
        assert store.read_latest_artifact("k") == second
        assert store.read_artifacts() == list(store.iter_artifacts()) == [second, first]
        assert store.count_artifacts() == 2
        assert [point.value for point in store.read_series("k")] == [1, 2]
    assert store.read_artifacts() == [first]


def test_a_snapshot_of_a_standby(store: ArtifactStore, primary: Server, standby: Standby) -> None:
    store.create_artifact(key="k", data=1)
    caught_up(primary, standby)
    with ArtifactStore(standby.url, read_only=True) as following:
        with following.snapshot():
            assert following.get("k").data == 1
            store.create_artifact(key="k", data=2)
            caught_up(primary, standby)
            assert following.get("k").data == 1
            with following.snapshot():
                assert following.count_artifacts() == 1
        assert following.get("k").data == 2


def test_a_snapshot_of_a_standby_that_must_replay(
    store: ArtifactStore, primary: Server, standby: Standby, replica: psycopg.Connection[Any]
) -> None:
    replica.execute("ALTER SYSTEM SET max_standby_streaming_delay = '10ms'")
    replica.execute("SELECT pg_reload_conf()")
    artifact = store.create_artifact(key="k", data=1)
    caught_up(primary, standby)
    with ArtifactStore(standby.url, read_only=True) as following:
        snapshot = following.snapshot()
        snapshot.__enter__()
        assert following.get("k") == artifact
        assert store.delete_artifact(artifact.id)
        with primary.connect() as server:
            server.execute("VACUUM artifact")  # removes the row that the snapshot still sees
        caught_up(primary, standby)
        with pytest.raises(
            StoreUnavailable, match="the standby had to replay a change of what it reads"
        ) as caught:
            following.get("k")
        snapshot.__exit__(type(caught.value), caught.value, None)
        with following.snapshot():
            assert following.count_artifacts() == 0
    replica.execute("ALTER SYSTEM RESET max_standby_streaming_delay")
    replica.execute("SELECT pg_reload_conf()")
