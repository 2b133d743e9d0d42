"""Blocks: all or nothing, nested, undone by any exception."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from artifact_store import (
    ArtifactFilter,
    ArtifactStore,
    IntegrityViolation,
    InvalidQuery,
)
from artifact_store.artifacts import queries as statements
from tests.helpers.artifacts import Undo, everything, publish_and_fail, versions


def test_a_block_is_all_or_nothing(store: ArtifactStore) -> None:
    with pytest.raises(Undo):
        publish_and_fail(store)
    assert everything(store) == []
    with store.atomic():
        store.create_artifact(key="k")
        store.create_artifact(key="k")
    assert versions(store) == [1, 2]


def test_other_connections_see_a_block_when_it_is_done(store: ArtifactStore, url: str) -> None:
    with ArtifactStore(url) as other:
        with store.atomic():
            created = store.create_artifact(key="k")
            assert other.read_latest_artifact("k") is None
            assert store.read_latest_artifact("k") == created
        assert other.read_latest_artifact("k") == created


def test_an_inner_block_is_undone_alone(store: ArtifactStore) -> None:
    with store.atomic():
        store.create_artifact(key="k", data="outer")
        with pytest.raises(Undo):
            publish_and_fail(store)
        with store.atomic(), store.atomic():
            store.create_artifact(key="k", data="inner")
    assert [each.data for each in everything(store)] == ["inner", "outer"]
    assert versions(store) == [1, 2]
    assert store.read_flows() == []


def test_an_outer_block_undoes_inner_ones(store: ArtifactStore) -> None:
    def outer() -> None:
        with store.atomic():
            store.create_artifact(key="k")
        raise Undo

    with pytest.raises(Undo):
        store.run_in_transaction(outer)
    assert everything(store) == []


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_any_exception_undoes_a_block(store: ArtifactStore, interrupt: type[BaseException]) -> None:
    def work() -> None:
        store.create_artifact(key="k")
        raise interrupt

    with pytest.raises(interrupt):
        store.run_in_transaction(work)
    assert everything(store) == []
    assert store.create_artifact(key="k").version == 1


def test_deletes_and_updates_are_undone(store: ArtifactStore) -> None:
    store.create_artifacts([{"key": "k", "data": n} for n in range(3)])
    before = everything(store)

    def work() -> None:
        store.update_artifact(before[0].id, data="x")
        store.delete_artifacts(ArtifactFilter(key={"any_": ["k"]}))
        assert store.create_artifact(key="k").version == 4
        raise Undo

    with pytest.raises(Undo):
        store.run_in_transaction(work)
    assert everything(store) == before
    assert store.create_artifact(key="k").version == 4


def test_run_returns_what_its_function_returns(store: ArtifactStore) -> None:
    def work(key: str, *, times: int) -> list[int | None]:
        return [store.create_artifact(key=key).version for _ in range(times)]

    assert store.run_in_transaction(work, "k", times=2) == [1, 2]


def test_a_store_is_not_closed_inside_a_block(store: ArtifactStore) -> None:
    with store.atomic():
        created = store.create_artifact(key="k")
        with pytest.raises(InvalidQuery, match="leave the block first"):
            store.close()
    assert store.read_latest_artifact("k") == created


def test_a_write_that_fails_halfway_leaves_nothing(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = store.create_artifact(key="k")
    for name in ("insert", "insert_many", "delete_many"):
        monkeypatch.setattr(statements, name, lambda *arguments: 1 / 0)
    writes: list[Callable[[], object]] = [
        lambda: store.create_artifacts([{"key": "k"}, {"key": "new"}]),
        lambda: store.delete_artifacts(everything=True),
    ]
    if store.url.startswith("sqlite"):  # on PostgreSQL these are one statement, which has no half
        writes += [lambda: store.create_artifact(key="k")]
        sql = store._engine.database.execute_sql
        sql(
            "CREATE TRIGGER halfway BEFORE UPDATE ON artifact BEGIN SELECT RAISE(ABORT, 'halfway'); END"
        )
        with pytest.raises(IntegrityViolation, match="halfway"):
            store.update_artifact(kept.id, data=1)
        sql("DROP TRIGGER halfway")
    for write in writes:
        with pytest.raises(ZeroDivisionError):
            write()
    monkeypatch.undo()
    assert everything(store) == store.read_latest_artifacts() == [kept]
    assert store.create_artifact(key="k").version == 2


def test_a_block_belongs_to_its_thread(url: str) -> None:
    with ArtifactStore(url) as store, ThreadPoolExecutor(1) as threads, store.atomic():
        store.create_artifact(key="k")
        assert threads.submit(store.count_artifacts).result() == 0
