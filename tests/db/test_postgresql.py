"""What is particular to PostgreSQL: the pool, lost connections, deadlocks, isolation, and what errors say."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest

from artifact_store import (
    ArtifactStore,
    FlowRunFilter,
    InvalidArtifact,
    StoreUnavailable,
)

ONE = UUID(int=1)


@pytest.fixture
def url(postgres: str) -> str:
    return f"{postgres}&schema=only_{os.getpid()}_{time.monotonic_ns()}&timeout=20"


def terminate(server: psycopg.Connection[Any]) -> int:
    """End every other connection to the database, as an administrator or a failover would."""
    ended = server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    return len(ended.fetchall())


def schema_of(url: str) -> str:
    return url.partition("schema=")[2].partition("&")[0]


def connections(store: ArtifactStore) -> int:
    return store._engine.server_info().connections


def test_a_lost_connection_is_not_noticed(
    store: ArtifactStore, server: psycopg.Connection[Any]
) -> None:
    first = store.create_artifact(key="k")
    terminate(server)
    assert store.read_latest_artifact("k") == first
    terminate(server)
    assert store.create_artifact(key="k").version == 2
    terminate(server)
    assert store.update_artifact(first.id, data=1)
    terminate(server)
    assert store.create_artifacts([{"key": "k"}, {"key": "other"}])[0].version == 3
    terminate(server)
    assert store.delete_artifact(first.id)


def test_a_saboteur_ends_connections_while_workers_create(
    store: ArtifactStore, server: psycopg.Connection[Any]
) -> None:
    stop, ended = threading.Event(), []

    def sabotage() -> None:
        while not stop.wait(0.02):
            ended.append(terminate(server))

    saboteur = threading.Thread(target=sabotage)
    saboteur.start()
    try:
        with ThreadPoolExecutor(4) as workers:
            created = list(
                workers.map(lambda n: store.create_artifact(key=f"k{n % 5}", data=n), range(400))
            )
    finally:
        stop.set()
        saboteur.join()
    assert sum(ended) > 0
    assert sorted(each.data for each in store.read_artifacts()) == list(range(400))
    assert sorted((each.key, each.version) for each in created) == [
        (f"k{k}", v) for k in range(5) for v in range(1, 81)
    ]


def test_a_block_that_loses_its_connection_is_undone(
    store: ArtifactStore, server: psycopg.Connection[Any]
) -> None:
    def publish() -> None:
        with store.atomic():
            store.create_artifact(key="a")
            terminate(server)
            store.create_artifact(key="b")

    with pytest.raises(StoreUnavailable):
        publish()
    assert store.count_artifacts() == 0
    tries = []

    def publish_again() -> int:
        tries.append(store.create_artifact(key="a"))
        if len(tries) == 1:
            terminate(server)
        return store.create_artifact(key="b").version or 0

    assert store.run_in_transaction(publish_again) == 1
    assert len(tries) == 2
    assert store.count_artifacts() == 2


def test_a_deadlock_is_tried_again(store: ArtifactStore) -> None:
    together = threading.Barrier(2)

    def publish(first: str, second: str) -> None:
        tries = []

        def block() -> None:
            tries.append(first)
            store.create_artifact(key=first)
            if len(tries) == 1:
                together.wait(10)
            store.create_artifact(key=second)

        store.run_in_transaction(block)

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(publish, "ab", "ba"))
    assert sorted((each.key, each.version) for each in store.read_artifacts()) == [
        ("a", 1),
        ("a", 2),
        ("b", 1),
        ("b", 2),
    ]


def test_a_deadlock_in_a_block_names_the_remedy(store: ArtifactStore) -> None:
    together = threading.Barrier(2)

    def publish(first: str, second: str) -> str:
        try:
            with store.atomic():
                store.create_artifact(key=first)
                together.wait(10)
                store.create_artifact(key=second)
        except StoreUnavailable as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(2) as workers:
        message = max(workers.map(publish, "ab", "ba"))
    assert (
        "(a deadlock), and the server rolled this one back: use store.run_in_transaction, "
        in message
    )
    assert "which tries the whole block again." in message
    assert "Process " not in message, "what the server says about its processes"


def idle_until_ended(store: ArtifactStore, server: psycopg.Connection[Any]) -> None:
    """Leave the transaction of this thread idle until the server has ended it."""
    process = store._engine.fetch_one("SELECT pg_backend_pid()")
    store._engine.execute("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
    while server.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", process).fetchone():
        time.sleep(0.02)


def test_a_transaction_that_the_server_ends_because_it_is_idle(
    store: ArtifactStore, server: psycopg.Connection[Any]
) -> None:
    tries = []

    def publish() -> int:
        tries.append(store.create_artifact(key="a"))
        if len(tries) == 1:
            idle_until_ended(store, server)
        return store.create_artifact(key="b").version or 0

    assert store.run_in_transaction(publish) == 1
    assert len(tries) == 2
    assert store.count_artifacts() == 2

    def publish_once() -> None:
        with store.atomic():
            idle_until_ended(store, server)
            store.create_artifact(key="a")

    with pytest.raises(StoreUnavailable, match="idle for too long: keep blocks short"):
        publish_once()
    assert store.count_artifacts() == 2


def test_a_table_that_is_changed_under_prepared_statements(
    store: ArtifactStore, server: psycopg.Connection[Any], url: str
) -> None:
    created = store.create_artifact(key="k", description="d")
    table = f"{schema_of(url)}.artifact"

    def read() -> None:
        """Often enough for a prepared statement, on each of two connections."""
        for _ in range(8):
            assert store.read_latest_artifact("k") == created
            assert store.read_artifacts(limit=3) == [created]

    def on_two_connections() -> None:
        with store.atomic():
            with ThreadPoolExecutor(1) as workers:
                workers.submit(read).result(30)
            read()

    def prepared() -> bool:
        return (
            store._engine.fetch_all(
                "SELECT 1 FROM pg_prepared_statements WHERE statement LIKE '%%artifact%%'"
            )
            != []
        )

    on_two_connections()
    assert prepared()
    server.execute(f"ALTER TABLE {table} ALTER COLUMN description TYPE varchar(100)")
    read()
    assert prepared(), "it is prepared anew"
    tries = []

    def publish() -> None:
        tries.append(1)
        on_two_connections()

    server.execute(f"ALTER TABLE {table} ALTER COLUMN description TYPE text")
    store.run_in_transaction(publish)
    assert len(tries) == 2, "a block is undone, and tried again"
    server.execute(f"ALTER TABLE {table} ALTER COLUMN description TYPE varchar(100)")
    with (
        pytest.raises(StoreUnavailable, match="a table was changed during the transaction"),
        store.atomic(),
    ):
        read()
    with store.atomic():
        read()


LARGE = "x" * 5_000


def test_a_row_that_is_too_large(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artifact_store.db.postgresql_cursor._LARGEST", 4_000)
    monkeypatch.setattr("artifact_store.db.postgresql_cursor._LONG", 1_000)
    kept = store.create_artifact(key="k", data="x" * 3_000, description="y" * 900)
    writes: list[Callable[[], object]] = [
        lambda: store.create_artifact(key="k", data=LARGE),
        lambda: store.create_artifact(key="k", data="é" * 2_500),
        lambda: store.create_artifact(key="k", data="x" * 2_500, description="y" * 2_500),
        lambda: store.create_artifacts([{"key": "k"}, {"key": "k", "data": LARGE}]),
        lambda: store.update_artifact(kept.id, data=LARGE),
        lambda: store.run_in_transaction(store.create_artifact, key="k", data=LARGE),
    ]
    for write in writes:
        with pytest.raises(
            InvalidArtifact, match=r"larger than PostgreSQL can store \(1 GB\): keep it in a file"
        ):
            write()
    assert store.read_artifacts() == [kept]
    assert store.create_artifact(key="k").version == 2


def test_a_value_that_is_too_long_for_an_index(store: ArtifactStore) -> None:
    long = "".join(chr(33 + number * number % 90) + str(number) for number in range(3_000))
    for length in (6_000, len(long)):
        with pytest.raises(InvalidArtifact, match="too long for an index: shorten it"):
            store.create_artifact(key="k", type=long[:length])
    assert store.count_artifacts() == 0


@pytest.mark.parametrize(
    "options", ["isolation_level=serializable", "prepare_threshold=none", "pool_size=3"]
)
def test_writers_of_one_key(url: str, options: str) -> None:
    with ArtifactStore(f"{url}&{options}") as store:
        with ThreadPoolExecutor(8) as workers:
            created = list(workers.map(lambda n: store.create_artifact(key="k", data=n), range(80)))
            gone = list(workers.map(lambda each: store.delete_artifact(each.id), created[:40]))
        assert sorted(each.version or 0 for each in created) == list(range(1, 81))
        assert all(gone)
        assert store.verify() == []
        assert 1 <= connections(store) <= 8


def test_connections_go_back_to_the_pool(store: ArtifactStore) -> None:
    with ThreadPoolExecutor(32) as workers:
        list(workers.map(lambda n: store.create_artifact(key=f"k{n % 7}"), range(320)))
        assert connections(store) <= 20
    store.close()
    assert connections(store) == 1  # the one that counts


def test_a_pool_that_is_used_up(url: str) -> None:
    with ArtifactStore(url.replace("timeout=20", "timeout=0.3") + "&pool_size=1") as store:
        with store.atomic(), ThreadPoolExecutor(1) as workers:
            waiting = workers.submit(store.count_artifacts)
            with pytest.raises(StoreUnavailable, match="all 1 connections of the pool"):
                waiting.result(10)
        assert store.count_artifacts() == 0


WRITES: list[Callable[[ArtifactStore], object]] = [
    lambda store: store.create_artifact(key="k"),
    lambda store: store.create_artifacts([{"key": "k"}, {}]),
    lambda store: store.update_artifact(ONE, data=2),
    lambda store: store.delete_artifact(ONE),
    lambda store: store.delete_artifacts(everything=True),
    lambda store: store.repair(),
    lambda store: store.create_flow("f"),
    lambda store: store.set_flow_run_state(ONE, "FAILED"),
    lambda store: store.run_in_transaction(store.create_artifact, key="k"),
]


@pytest.mark.parametrize("number", range(len(WRITES)))
def test_a_lock_held_past_the_deadline(
    url: str, server: psycopg.Connection[Any], number: int
) -> None:
    with ArtifactStore(url.replace("timeout=20", "timeout=0.2")) as store:
        store.create_artifact(id=ONE, key="k", data=1)
        store.create_flow_run(store.create_flow("g").id, id=ONE)
        server.execute(f"SET search_path = {schema_of(url)}")
        with server.transaction():
            server.execute("SELECT 1 FROM artifact_collection FOR UPDATE")
            server.execute("LOCK TABLE flow, flow_run IN EXCLUSIVE MODE")
            with pytest.raises(StoreUnavailable, match="another writer held the lock for"):
                WRITES[number](
                    store
                )  # which would wait forever, because the lock is let go of below
        assert store.read_artifacts() == [store.read_artifact(ONE)], (
            "something of a refused write is there"
        )
        WRITES[number](store)


def test_the_lock_of_an_artifact_without_key(url: str, server: psycopg.Connection[Any]) -> None:
    with ArtifactStore(url.replace("timeout=20", "timeout=0.2")) as store:
        created = store.create_artifact(data=1)
        server.execute(f"SET search_path = {schema_of(url)}")
        for write in (
            lambda: store.update_artifact(created.id, data=2),
            lambda: store.delete_artifact(created.id),
        ):
            with server.transaction():
                server.execute("SELECT 1 FROM artifact FOR UPDATE")
                with pytest.raises(StoreUnavailable, match="another writer held the lock for"):
                    write()
            assert store.read_artifact(created.id) == created
        assert store.update_artifact(created.id, data=2)


def test_no_plan_is_kept_for_any_number_of_related_rows(store: ArtifactStore) -> None:
    """After ten runs the server would keep a plan that knows nothing of how many there are."""
    flow = store.create_flow("flow")
    runs = [store.create_flow_run(flow.id, tags=["old"]) for _ in range(3)]
    store.create_artifacts({"key": "k", "flow_run_id": run.id} for run in runs)
    for _ in range(12):
        store.read_latest_artifacts(limit=2, flow_run_filter=FlowRunFilter(tags={"all_": ["old"]}))
        store.read_latest_artifacts(limit=2)
    prepared = [
        sql for (sql,) in store._engine.fetch_all("SELECT statement FROM pg_prepared_statements")
    ]
    assert any("artifact_collection" in sql for sql in prepared)
    assert [sql for sql in prepared if "MATERIALIZED" in sql] == []


def test_many_open_a_new_database_at_once(url: str) -> None:
    def open_and_publish(number: int) -> int | None:
        with ArtifactStore(url) as store:
            return store.create_artifact(key="k", data=number).version

    with ThreadPoolExecutor(8) as workers:
        assert sorted(workers.map(open_and_publish, range(8))) == list(range(1, 9))


def test_a_store_made_before_a_fork(store: ArtifactStore) -> None:
    store.create_artifact(key="k")
    child = os.fork()
    if child == 0:
        os._exit(0 if store.create_artifact(key="k").version == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.create_artifact(key="k").version == 3


FORKING = """
import gc, os, sys
from artifact_store import ArtifactStore

store = ArtifactStore(sys.argv[1])
store.create_artifact(key="k")
child = os.fork()
if child == 0:
    print(store.create_artifact(key="k").version, flush=True)
    sys.stdin.read()
    store.close()
    del store
    gc.collect()
    sys.exit()
os.waitpid(child, 0)
store.close()
"""


def forking(url: str, **streams: Any) -> "subprocess.Popen[str]":
    command = [sys.executable, "-X", "dev", "-c", FORKING, f"{url}&application_name=forking"]
    return subprocess.Popen(
        command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **streams
    )


def test_a_forked_child_warns_of_nothing(url: str) -> None:
    with forking(url, stderr=subprocess.PIPE) as parent:
        assert parent.communicate(timeout=60) == ("2\n", "")
    assert parent.returncode == 0


def test_the_server_sees_that_a_parent_has_ended(url: str, server: psycopg.Connection[Any]) -> None:
    """A child that lives on does not keep the connections of its parent, with the locks of a block."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'forking'"
    with forking(url) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "2\n"
        assert server.execute(query).fetchone() == (2,)
        parent.kill()
        deadline = time.monotonic() + 30
        while server.execute(query).fetchone() == (2,):
            assert time.monotonic() < deadline, "the session of the parent is still open"


def test_a_schema_with_capitals(url: str, server: psycopg.Connection[Any]) -> None:
    schema = f"Reports_{time.monotonic_ns()}"
    for version in (1, 2):
        with ArtifactStore(url.replace(schema_of(url), schema)) as store:
            assert store.create_artifact(key="k").version == version
    assert server.execute(f'SELECT count(*) FROM "{schema}".artifact').fetchone() == (2,)


def test_the_tables_are_gone(
    store: ArtifactStore, server: psycopg.Connection[Any], url: str
) -> None:
    server.execute(f"DROP SCHEMA {schema_of(url)} CASCADE")
    with pytest.raises(StoreUnavailable, match="the tables of the store are gone"):
        store.count_artifacts()
    with ArtifactStore(url) as again:
        assert again.count_artifacts() == 0
