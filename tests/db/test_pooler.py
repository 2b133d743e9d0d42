"""A store behind pgbouncer in transaction mode: every transaction may be on another connection to the server."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from artifact_store import ArtifactFilter, ArtifactStore, FlowFilter, StoreUnavailable
from tests.helpers.servers import Server

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
pytestmark = pytest.mark.skipif(
    PGBOUNCER is None, reason="pgbouncer is not installed: apt-get install pgbouncer"
)

CONFIGURATION = """
[databases]
postgres = host={server.data} port={server.port} dbname=postgres user=postgres
[pgbouncer]
pool_mode = transaction
default_pool_size = 3
auth_type = any
listen_addr =
unix_socket_dir = {place}
listen_port = 6432
logfile = {place}/log
pidfile = {place}/pid
{more}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@contextmanager
def pooler(server: Server, more: str = "") -> Iterator[str]:
    """Run pgbouncer in front of a server; yields its address."""
    place = server.place / f"pooler-{time.monotonic_ns()}"
    place.mkdir()
    user = server._wheel.system_user
    if user is not None:
        shutil.chown(place, user)
    configuration = place / "ini"
    configuration.write_text(
        CONFIGURATION.format(server=server, place=place, more=more), encoding="utf-8"
    )
    assert PGBOUNCER is not None
    process = subprocess.Popen(
        [PGBOUNCER, "-q", str(configuration)], user=user, stderr=subprocess.DEVNULL
    )
    try:
        socket = place / ".s.PGSQL.6432"
        deadline = time.monotonic() + 20
        while not socket.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert socket.exists(), Path(place / "log").read_text(encoding="utf-8")
        yield f"postgresql://postgres@/postgres?host={place}&port=6432"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def address(server: Server) -> Iterator[str]:
    with pooler(server) as url:
        yield url


@pytest.fixture
def store(address: str) -> Iterator[ArtifactStore]:
    with ArtifactStore(f"{address}&prepare_threshold=none&timeout=20") as opened:
        opened.delete_artifacts(everything=True)
        yield opened
        assert opened.verify() == []


def test_threads_write_through_a_pooler(store: ArtifactStore) -> None:
    flow = store.create_flow("etl")
    run = store.create_flow_run(flow.id, tags=["prod"])

    def work(number: int) -> None:
        key = f"k{number % 5}"
        created = store.create_artifact(key=key, data=[number], flow_run_id=run.id)
        store.create_artifacts([{"key": "b", "data": number}, {"key": "a"}, {"data": number}])
        with store.atomic():
            store.create_artifact(key="a", data=number)
            store.create_artifact(key="b", data=number)
        assert store.update_artifact(created.id, description="seen")
        assert store.read_artifact(created.id) is not None
        if number % 3 == 0:
            assert store.delete_artifact(created.id)
        assert (
            store.read_latest_artifacts(limit=3, flow_filter=FlowFilter(name={"any_": ["etl"]}))
            != []
        )

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(work, range(40)))
    assert store.count_artifacts(ArtifactFilter(key={"any_": ["a"]})) == 80
    of_b = store.iter_artifacts(artifact_filter=ArtifactFilter(key={"any_": ["b"]}))
    assert sorted(each.version or 0 for each in of_b) == list(range(1, 81))
    store.set_flow_run_state(run.id, "COMPLETED")


def test_snapshots_through_a_pooler(store: ArtifactStore) -> None:
    with ThreadPoolExecutor(1) as thread:
        for number in range(8):
            with store.snapshot():
                thread.submit(store.create_artifact, key="k").result(30)
                assert store.count_artifacts() == len(store.read_artifacts()) == number
        assert store.count_artifacts() == 8


def test_nothing_is_left_in_a_session(store: ArtifactStore, address: str) -> None:
    """Other clients of the pooler get the same connections and see a server as it was."""
    store.create_artifact(key="k")
    with store.atomic():
        store.create_artifact(key="k")
    store.create_artifacts([{"key": "k"}, {"key": "l"}])
    with store.snapshot():
        store.count_artifacts()
    for _ in range(12):
        with closing(psycopg.connect(address, autocommit=True, prepare_threshold=None)) as other:
            settings = [
                other.execute(f"SHOW {name}").fetchone() for name in ("lock_timeout", "search_path")
            ]
            assert settings == [("0",), ('"$user", public',)]
            assert other.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


POOLERS = ["", "ignore_startup_parameters = options"]


@pytest.mark.parametrize("more", POOLERS)
def test_a_table_lock_behind_a_pooler(server: Server, more: str) -> None:
    """Whether the pooler refuses the start-up parameter that holds the deadline, or drops it."""
    calls: list[Callable[[ArtifactStore], object]] = [
        lambda store: store.read_latest_artifact("locked"),
        lambda store: store.read_artifacts(),
        lambda store: store.count_artifacts(),
        lambda store: store.verify(),
        lambda store: store.create_artifact(key="locked"),
        lambda store: store.create_artifact(key="locked", expect_version=1),
        lambda store: store.create_artifact(key="locked", skip_unchanged=True),
        lambda store: store.create_artifact(),
        lambda store: store.create_artifacts([{"key": "locked"}, {}]),
        lambda store: store.update_artifact(UUID(int=1), data=1),
        lambda store: store.delete_artifact(UUID(int=1)),
        lambda store: store.run_in_transaction(store.create_artifact, key="locked"),
    ]
    with (
        pooler(server, more) as url,
        ArtifactStore(f"{url}&prepare_threshold=none&timeout=0.3") as store,
    ):
        store.delete_artifacts(everything=True)
        created = store.create_artifact(id=UUID(int=1), key="locked")
        for call in calls:
            with ThreadPoolExecutor(1) as workers, server.connect() as other, other.transaction():
                other.execute("LOCK TABLE artifact IN ACCESS EXCLUSIVE MODE")
                waiting = workers.submit(call, store)
                with pytest.raises(
                    StoreUnavailable, match=r"another writer held the lock for 0\.3 s"
                ):
                    waiting.result(60)
        assert store.read_artifacts() == [created]
        assert store._engine.fetch_one("SELECT 1 FROM pg_sleep(1)") == (1,), (
            "what works is left to work"
        )
        for _ in range(8):
            with closing(psycopg.connect(url, autocommit=True, prepare_threshold=None)) as other:
                assert other.execute("SHOW lock_timeout").fetchone() == ("0",)
        assert store.verify() == []


def test_prepared_statements_are_told_of(address: str) -> None:
    def read(number: int) -> None:
        with ArtifactStore(f"{address}&timeout=5&prepare_threshold=0") as store:
            for _ in range(20):
                store.read_latest_artifact("k")
                store.count_artifacts()

    with (
        ThreadPoolExecutor(6) as workers,
        pytest.raises(StoreUnavailable, match=r"add \?prepare_threshold=none"),
    ):
        list(workers.map(read, range(6)))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", "a connection pooler refuses the startup parameter options: leave out ?schema="),
        (
            "ignore_startup_parameters = options",
            "a connection pooler does not pass on ?schema=reports: leave it out, and run",
        ),
    ],
)
def test_a_schema_that_a_pooler_does_not_pass_on(server: Server, more: str, expected: str) -> None:
    with pooler(server, more) as url, pytest.raises(StoreUnavailable) as caught:
        ArtifactStore(f"{url}&prepare_threshold=none&schema=reports")
    assert expected in str(caught.value)


def test_a_pooler_that_goes_away(server: Server) -> None:
    with pooler(server) as url:
        store = ArtifactStore(f"{url}&prepare_threshold=none&timeout=1")
        created = store.create_artifact(key="pooled")
        assert store.read_latest_artifact("pooled") == created
    with pytest.raises(StoreUnavailable, match="no server listens there"):
        store.create_artifact(key="pooled")
    store.close()
