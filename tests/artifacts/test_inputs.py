"""What a run uses is recorded, and stays the same version for it."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from artifact_store import ArtifactNotFound, ArtifactStore, InvalidQuery, StoreReadOnly
from tests.helpers.processes import in_child
from tests.helpers.proxy import Proxy

COLUMNS = "ref, key, version, flow_run_id, task_run_id, source_run_id"
CHILD = """
import sys
from artifact_store import ArtifactStore
with ArtifactStore(sys.argv[1]) as store:
    print(store.use("raw").ref)
"""


def inputs_of(store: ArtifactStore) -> list[tuple[object, ...]]:
    """The rows of inputs, in the order of their references, with ids as text."""
    rows = store._engine.database.execute_sql(
        f'SELECT {COLUMNS} FROM "artifact_input" ORDER BY "ref", "run_id"'
    )
    return [tuple(str(each) if hasattr(each, "hex") else each for each in row) for row in rows]


def test_a_reference_stays_the_same_version(store: ArtifactStore) -> None:
    store.create_artifact(key="raw", data=1)
    with store.flow_run("first") as first:
        assert first.use("raw@latest").version == 1
        store.create_artifact(key="raw", data=2)
        with store.flow_run("second") as second:
            assert [second.use("raw").version, first.use("raw").version] == [2, 1]
        with store.task_run("task") as task:
            assert [task.use("raw").version, store.use("raw").version] == [1, 1]
        assert store.get("raw").version == 2
        with ThreadPoolExecutor(1) as threads:
            assert threads.submit(first.wrap(store.use), "raw").result().version == 1
    assert [row[:4] for row in inputs_of(store)] == [
        ("raw@latest", "raw", 1, str(first.id)),
        ("raw@latest", "raw", 2, str(second.id)),
    ]


def test_each_kind_of_reference(store: ArtifactStore) -> None:
    with store.flow_run("source") as source:
        made = store.create_artifact(key="raw", data=1)
    plain = store.create_artifact(data=2)
    store.set_alias("raw@1", "prod")
    with store.flow_run("flow") as run, store.task_run("task") as task:
        for ref in (made, made.id, str(made.id), "raw@1", "raw", "raw@latest", "raw@prod"):
            assert run.use(ref) == made
        assert run.use(plain) == run.use(str(plain.id)) == plain
    of_run = (str(run.id), str(task.id))
    assert inputs_of(store) == sorted(
        [
            (str(plain.id), None, None, *of_run, None),
            ("raw@1", "raw", 1, *of_run, str(source.id)),
            ("raw@latest", "raw", 1, *of_run, str(source.id)),
            ("raw@prod", "raw", 1, *of_run, str(source.id)),
        ],
        key=lambda row: str(row[0]),
    )


def test_a_key_that_looks_like_an_id(store: ArtifactStore) -> None:
    key = "00000000-0000-7000-8000-000000000001"
    made = store.create_artifact(key=key, data=1)
    with store.flow_run("flow") as run:
        assert run.use(key) == made
    assert inputs_of(store)[0][0] == f"{key}@latest"


def test_a_task_run_without_a_flow_run(store: ArtifactStore) -> None:
    store.create_artifact(key="raw", data=1)
    with store.task_run("task") as task:
        assert task.use("raw").version == 1
    assert inputs_of(store) == [("raw@latest", "raw", 1, None, str(task.id), None)]


def test_a_child_process_shares_what_its_run_uses(store: ArtifactStore, url: str) -> None:
    store.create_artifact(key="raw", data=1)
    with store.flow_run("flow") as run:
        run.use("raw")
        store.create_artifact(key="raw", data=2)
        command = [sys.executable, "-c", CHILD, url]
        env = {**os.environ, **run.environment()}
        assert subprocess.check_output(command, env=env, text=True) == "raw@1\n"
    assert len(inputs_of(store)) == 1


def test_a_forked_child_shares_what_its_run_uses(store: ArtifactStore) -> None:
    store.create_artifact(key="raw", data=1)
    store.create_artifact(key="other", data=1)
    with store.flow_run("flow") as run:
        run.use("raw")
        store.create_artifact(key="raw", data=2)
        assert in_child(lambda: f"{run.use('raw').ref} {store.use('other').ref}") == "raw@1 other@1"
        store.create_artifact(key="other", data=2)
        assert run.use("other").version == 1
    assert [row[:2] for row in inputs_of(store)] == [
        ("other@latest", "other"),
        ("raw@latest", "raw"),
    ]


@pytest.mark.parametrize(("lost", "version"), [("answer", 1), ("message", 2)])
def test_a_lost_commit(postgres: str, lost: str, version: int) -> None:
    """What was committed stays what the run uses, though another version is published meanwhile."""
    url = f"{postgres}&schema=lost_use_{lost}"
    with ArtifactStore(url) as direct, Proxy(url) as proxy:
        direct.create_artifact(key="raw", data=1)
        with ArtifactStore(proxy.url) as store, store.flow_run("flow") as run:
            lose = getattr(proxy, f"lose_{lost}")
            lose(then=lambda: direct.create_artifact(key="raw", data=2))
            assert run.use("raw").version == version
            assert proxy.lost == 1
            assert run.use("raw").version == version
        assert len(inputs_of(direct)) == 1
        assert direct.verify() == []


def test_what_does_not_exist(store: ArtifactStore) -> None:
    with store.flow_run("flow") as run:
        for ref in ("raw", "raw@3", "raw@prod", "00000000-0000-7000-8000-000000000001"):
            with pytest.raises(ArtifactNotFound, match="There is no artifact"):
                run.use(ref)
        with pytest.raises(InvalidQuery, match="Invalid reference"):
            run.use("a b")
    assert inputs_of(store) == []


def test_what_was_deleted_since(store: ArtifactStore) -> None:
    made = store.create_artifact(key="raw", data=1)
    with store.flow_run("flow") as run:
        run.use("raw")
        store.delete_artifact(made, force=True)
        store.create_artifact(key="raw", data=2)
        with pytest.raises(ArtifactNotFound, match="has used raw@latest as raw@1, which was"):
            run.use("raw")


def test_outside_of_a_run(store: ArtifactStore) -> None:
    with pytest.raises(InvalidQuery, match=r"open one with store\.flow_run"):
        store.use("raw")


def test_it_is_undone_with_its_block(store: ArtifactStore) -> None:
    store.create_artifact(key="raw", data=1)
    with store.flow_run("flow") as run:
        with pytest.raises(ArtifactNotFound), store.atomic():
            store.get(f"{run.use('raw').key}@7")
        assert inputs_of(store) == []
        store.create_artifact(key="raw", data=2)
        with store.atomic():
            assert [run.use("raw").version, store.use("raw").version] == [2, 2]
    assert len(inputs_of(store)) == 1


def test_it_writes(store: ArtifactStore, url: str) -> None:
    store.create_artifact(key="raw", data=1)
    with store.flow_run("flow") as run, store.snapshot():
        with pytest.raises(InvalidQuery, match="use"):
            run.use("raw")
        with pytest.raises(InvalidQuery, match="use"):
            store.use("raw")
    with ArtifactStore(url, read_only=True) as reading, pytest.raises(StoreReadOnly):
        reading.use("raw")
