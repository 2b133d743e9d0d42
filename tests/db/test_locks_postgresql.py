"""Table locks on PostgreSQL: a statement that waits ends at the deadline, one that is working does not."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from uuid import UUID

import psycopg
import pytest

from artifact_store import ArtifactStore, StoreUnavailable

ONE = UUID(int=1)
MESSAGE = r"another writer held the lock for 0\.3 s: try again, or wait longer with \?timeout="


@pytest.fixture
def schema() -> str:
    return f"locks_{os.getpid()}_{time.monotonic_ns()}"


@pytest.fixture
def store(postgres: str, schema: str) -> Iterator[ArtifactStore]:
    with ArtifactStore(f"{postgres}&schema={schema}&timeout=0.3") as opened:
        opened.create_artifact(id=ONE, key="k", data=1)
        yield opened
        assert opened.verify() == []


@pytest.fixture
def server(postgres: str, schema: str) -> Iterator[psycopg.Connection[Any]]:
    with closing(
        psycopg.connect(postgres, autocommit=True, options=f"-c search_path={schema}")
    ) as connection:
        yield connection


READS: dict[str, Callable[[ArtifactStore], object]] = {
    "read": lambda store: store.read_artifact(ONE),
    "read the latest": lambda store: store.read_latest_artifact("k"),
    "list": lambda store: store.read_artifacts(),
    "list the latest": lambda store: store.read_latest_artifacts(limit=2),
    "iterate": lambda store: list(store.iter_artifacts()),
    "count": lambda store: store.count_artifacts(),
    "series": lambda store: store.read_series("k"),
    "verify": lambda store: store.verify(),
    "info": lambda store: store.info(),
}
WRITES: dict[str, Callable[[ArtifactStore], object]] = {
    "create": lambda store: store.create_artifact(key="k"),
    "create after a version": lambda store: store.create_artifact(key="k", expect_version=1),
    "create a first version": lambda store: store.create_artifact(key="new", expect_version=None),
    "create what is changed": lambda store: store.create_artifact(key="k", skip_unchanged=True),
    "create what is unchanged": lambda store: store.create_artifact(
        key="k", data=1, skip_unchanged=True
    ),
    "create without key": lambda store: store.create_artifact(data=1),
    "create many": lambda store: store.create_artifacts([{"key": "k"}, {}]),
    "update": lambda store: store.update_artifact(ONE, data=2),
    "delete": lambda store: store.delete_artifact(ONE),
    "run": lambda store: store.run_in_transaction(store.create_artifact, key="k"),
}


def blocked(call: Callable[[ArtifactStore], object], store: ArtifactStore) -> None:
    """Call what waits for a lock; in a thread, so that a call that never ends fails the test."""
    with pytest.raises(StoreUnavailable, match=MESSAGE):
        call(store)


@pytest.mark.parametrize("call", [*READS, *WRITES])
def test_a_table_that_is_locked(
    store: ArtifactStore, server: psycopg.Connection[Any], call: str
) -> None:
    """A migration, VACUUM FULL and TRUNCATE take such a lock."""
    with ThreadPoolExecutor(1) as workers, server.transaction():
        server.execute("LOCK TABLE artifact IN ACCESS EXCLUSIVE MODE")
        workers.submit(blocked, {**READS, **WRITES}[call], store).result(60)
    assert store.read_latest_artifact("k") == store.read_artifact(ONE), (
        "a refused write has left something behind"
    )


@pytest.mark.parametrize("call", WRITES)
def test_a_table_that_others_may_read(
    store: ArtifactStore, server: psycopg.Connection[Any], call: str
) -> None:
    """CREATE INDEX takes such a lock."""
    with ThreadPoolExecutor(1) as workers, server.transaction():
        server.execute("LOCK TABLE artifact IN SHARE MODE")
        workers.submit(blocked, WRITES[call], store).result(60)
        assert store.count_artifacts() == 1


OF_A_KEY = [
    "create",
    "create after a version",
    "create what is changed",
    "create what is unchanged",
    "begin a block that expects a version",
]


@pytest.mark.parametrize("call", OF_A_KEY)
def test_a_key_that_is_locked(
    store: ArtifactStore, server: psycopg.Connection[Any], call: str
) -> None:
    calls = {**WRITES, OF_A_KEY[-1]: lambda store: store.atomic(expect={"k": 1}).__enter__()}
    with ThreadPoolExecutor(1) as workers, server.transaction():
        server.execute("UPDATE artifact_collection SET last_version = last_version")
        workers.submit(blocked, calls[call], store).result(60)
    with store.atomic(expect={"k": 1}):
        assert store.count_artifacts() == 1


def test_a_working_statement_has_no_deadline(store: ArtifactStore) -> None:
    """The deadline is for locks and for servers that do not answer."""
    assert store._engine.fetch_one("SELECT 1 FROM pg_sleep(2)") == (1,)


def test_the_deadline_holds_in_blocks_and_outside(store: ArtifactStore) -> None:
    with store.atomic():
        store.create_artifact(key="k")
        assert store._engine.fetch_one("SHOW lock_timeout") == ("300ms",)
    assert store._engine.fetch_one("SHOW lock_timeout") == ("300ms",)
