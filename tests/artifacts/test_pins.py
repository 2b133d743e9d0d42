"""What an open run has used is protected until the run ends."""

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from artifact_store import ArtifactFilter, ArtifactNotFound, ArtifactProtected, ArtifactStore
from tests.helpers.bare import bare

USES = """
import sys
from artifact_store import ArtifactNotFound, ArtifactStore
with ArtifactStore(sys.argv[1]) as store:
    for number in range(30):
        with store.flow_run("reader") as run:
            try:
                used = run.use("raw")
            except ArtifactNotFound:
                continue
            assert store.get(used) == used, "it is protected"
"""
READS_TWICE = """
import sys
from artifact_store import ArtifactStore
with ArtifactStore(sys.argv[1]) as store:
    for number in range(40):
        with store.flow_run("reader") as run:
            first = run.use("raw@1").data
            assert run.use("raw@1").data == first, "it is protected"
"""
CHANGES = [
    lambda store: store.delete_artifact("raw@1"),
    lambda store: store.delete_artifacts(ArtifactFilter(key={"any_": ["raw"]})),
    lambda store: store.update_artifact("raw@1", data=2),
    lambda store: store.update_artifact("raw@1", type="x"),
]
Change = Callable[[ArtifactStore], object]


def holds(store: ArtifactStore) -> object:
    """The number that the row of the key holds."""
    rows = store._engine.database.execute_sql("SELECT holds FROM artifact_collection")
    return rows.fetchone()[0]


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_protected_until_the_run_ends(store: ArtifactStore, change: Change) -> None:
    store.create_artifact(key="raw", data=1)
    with store.flow_run("nightly", run_name="nightly-1") as run:
        run.use("raw")
        run.use("raw@1")
        expected = "raw@1 is protected: the run nightly-1 has pinned it. Wait until it ends, or pass force=True."
        with pytest.raises(ArtifactProtected) as caught:
            change(store)
        assert str(caught.value) == expected
        assert store.update_artifact("raw@1", description="fine")
        assert (holds(store), store.verify()) == (2, [])
    assert holds(store) == 2, "the end of a run writes nothing"
    assert change(store)
    assert (holds(store), store.verify()) == (0, [])


def test_aliases_and_runs_are_named_together(store: ArtifactStore) -> None:
    store.create_artifact(key="raw", data=1)
    store.create_artifact(key="raw", data=2)
    store.set_alias("raw@1", "prod")
    with store.flow_run("a", run_name="one") as one, store.flow_run("b", run_name="two") as two:
        one.use("raw@1")
        two.use("raw@2")
        with pytest.raises(ArtifactProtected, match="the alias prod names it, and the run one has"):
            store.delete_artifact("raw@1")
        with pytest.raises(
            ArtifactProtected,
            match=r"by an alias or a run: raw@1 \(prod, one\), raw@2 \(two\)\. Move or",
        ):
            store.delete_artifacts(everything=True)
        one.use("raw@2")
        with pytest.raises(
            ArtifactProtected, match=r"the runs one, two have pinned it\. Wait until they"
        ):
            store.delete_artifact("raw@2")


def test_force_lets_it_go(store: ArtifactStore) -> None:
    store.create_artifact(key="raw", data=1)
    with store.flow_run("nightly") as run:
        run.use("raw")
        assert store.update_artifact("raw@1", data=3, force=True)
        assert run.use("raw").data == 3
        assert store.delete_artifact("raw@1", force=True)
        assert (holds(store), store.verify()) == (0, [])
        with pytest.raises(ArtifactNotFound, match="deleted since"):
            run.use("raw")


def test_a_task_run_protects_and_an_unknown_or_ended_run_does_not(
    store: ArtifactStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_artifact(key="raw", data=1)
    with store.task_run("load") as task:
        task.use("raw")
        with pytest.raises(ArtifactProtected, match="the run load has pinned it"):
            store.delete_artifact("raw@1")
    task.use("raw@1")
    assert holds(store) == 1, "a run that has ended holds nothing more"
    monkeypatch.setenv("ARTIFACT_STORE_FLOW_RUN_ID", "00000000-0000-7000-8000-000000000001")
    with ArtifactStore(url) as child:
        assert child.use("raw").version == 1
    assert store.delete_artifact("raw@1")
    assert (holds(store), store.verify()) == (0, [])


def test_verify_finds_a_pin_of_nothing(store: ArtifactStore, url: str) -> None:
    store.create_artifact(key="raw", data=1)
    store.create_artifact(key="raw", data=2)
    with store.flow_run("nightly") as run:
        run.use("raw@1")
        bare(url, "DELETE FROM artifact WHERE version = 1")
        found = [(each.kind, each.key, each.message) for each in store.verify(quick=True)]
        message = f"The run {run.id} has pinned raw@1, which does not exist."
        assert found == [("dangling-pin", "raw@1", message)]
        assert [each.kind for each in store.repair()] == ["dangling-pin"]
    assert (holds(store), store.verify()) == (0, [])


def test_pins_against_deletes(store: ArtifactStore, url: str) -> None:
    race_pins_and_deletes(store, url)


@pytest.mark.parametrize("level", ["repeatable_read", "serializable"])
def test_pins_against_deletes_at_higher_levels(postgres: str, level: str) -> None:
    url = f"{postgres}&schema=pins_{level}"
    with ArtifactStore(url) as store:
        race_pins_and_deletes(store, f"{url}&isolation_level={level}")


def race_pins_and_deletes(store: ArtifactStore, url: str) -> None:
    """Let two processes use what this one deletes and publishes."""
    store.create_artifact(key="raw", data=0)
    users = [subprocess.Popen([sys.executable, "-c", USES, url]) for _ in range(2)]
    try:
        while any(each.poll() is None for each in users):
            with suppress(ArtifactProtected):
                store.delete_artifact("raw")
            store.create_artifact(key="raw", data=1)
        assert [each.returncode for each in users] == [0, 0]
    finally:
        for each in users:
            each.kill()
    assert store.verify() == []
    store.delete_artifacts(everything=True)
    assert (holds(store), store.verify()) == (0, [])


PINS = """
import sys
from artifact_store import ArtifactStore
with ArtifactStore(sys.argv[1]) as store:
    print(flush=True)
    while True:
        with store.flow_run("reader") as run:
            run.use("raw")
            run.use("raw@1")
"""


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.11])
def test_a_process_that_is_killed_leaves_whole_pins(
    store: ArtifactStore, url: str, delay: float
) -> None:
    store.create_artifact(key="raw", data=1)
    command = [sys.executable, "-c", PINS, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(delay)
        child.kill()
    assert store.verify() == []

    for run in store.read_flow_runs():
        store.set_flow_run_state(run.id, "CRASHED")
    assert store.delete_artifact("raw@1")
    assert (holds(store), store.verify()) == (0, [])


def test_pins_against_changes_of_the_data(store: ArtifactStore, url: str) -> None:
    store.create_artifact(key="raw", data=0)
    command = [sys.executable, "-c", READS_TWICE, url]
    users = [subprocess.Popen(command) for _ in range(2)]
    changed = 0
    try:
        while any(each.poll() is None for each in users):
            with suppress(ArtifactProtected):
                changed += store.update_artifact("raw@1", data=changed + 1)
        assert [each.returncode for each in users] == [0, 0]
    finally:
        for each in users:
            each.kill()
    assert store.get("raw").data == changed > 0
    assert store.verify() == []
