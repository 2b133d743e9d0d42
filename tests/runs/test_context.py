"""Which run an artifact is made in: what its creator says, else the current run, else the environment."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from artifact_store import ArtifactConflict, ArtifactCreate, ArtifactStore, InvalidQuery
from artifact_store.context import CURRENT, Origin
from tests.helpers.runs import runs_of

FLOW_RUN, TASK_RUN, OTHER = (uuid.UUID(f"00000000-0000-7000-8000-00000000000{n}") for n in "123")
VARIABLES = {"ARTIFACT_STORE_FLOW_RUN_ID": FLOW_RUN, "ARTIFACT_STORE_TASK_RUN_ID": TASK_RUN}


@pytest.fixture
def child(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ArtifactStore]:
    """A store that is opened in a process which was started from a run."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, str(value))
    with ArtifactStore(url) as opened:
        yield opened


CASES = [
    ({}, (FLOW_RUN, TASK_RUN)),
    ({"flow_run_id": None}, (None, None)),
    ({"task_run_id": None}, (FLOW_RUN, None)),
    ({"flow_run_id": None, "task_run_id": None}, (None, None)),
    ({"flow_run_id": FLOW_RUN}, (FLOW_RUN, TASK_RUN)),
    ({"flow_run_id": OTHER}, (OTHER, None)),
    ({"task_run_id": OTHER}, (FLOW_RUN, OTHER)),
    ({"flow_run_id": OTHER, "task_run_id": OTHER}, (OTHER, OTHER)),
]


@pytest.mark.parametrize(("fields", "expected"), CASES)
@pytest.mark.parametrize("key", ["k", None])
def test_what_is_given_wins(
    child: ArtifactStore, fields: Any, key: str | None, expected: Any
) -> None:
    data = {"a": [1, 2]}
    given = ArtifactCreate(key=key, data=data, **fields)
    before = given.model_copy()
    made = [child.create_artifact(key=key, data=data, **fields), child.create_artifact(given)]
    made += child.create_artifacts([given, {"key": key, "data": data, **fields}])
    assert [runs_of(each) for each in made] == [expected] * 4
    assert [child.read_artifact(each.id) for each in made] == made
    assert given == before
    assert given.model_fields_set == before.model_fields_set


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize("value", ["nonsense", "7", " "])
def test_a_variable_that_is_no_id(
    url: str, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(
        InvalidQuery, match=rf"^Invalid \${name} {value!r}: set it to a UUID, or unset it.$"
    ):
        ArtifactStore(url)


def test_an_empty_variable_is_none(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARTIFACT_STORE_FLOW_RUN_ID", "")
    monkeypatch.setenv("ARTIFACT_STORE_TASK_RUN_ID", str(TASK_RUN))
    with ArtifactStore(url) as store:
        assert runs_of(store.create_artifact()) == (None, TASK_RUN)


def test_the_variables_are_read_once(child: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARTIFACT_STORE_FLOW_RUN_ID", str(OTHER))
    monkeypatch.delenv("ARTIFACT_STORE_TASK_RUN_ID")
    assert runs_of(child.create_artifact()) == (FLOW_RUN, TASK_RUN)


def test_outside_of_a_run_nothing_is_filled_in(store: ArtifactStore) -> None:
    given = ArtifactCreate(key="k")
    assert runs_of(store.create_artifact(given)) == (None, None)
    assert [runs_of(each) for each in store.create_artifacts([given])] == [(None, None)]


def test_a_job_that_is_run_twice_publishes_once(
    child: ArtifactStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = child.create_artifact(id=OTHER, key="k", data=1)
    monkeypatch.setenv("ARTIFACT_STORE_FLOW_RUN_ID", str(OTHER))
    again = ArtifactStore(url)
    monkeypatch.delenv("ARTIFACT_STORE_FLOW_RUN_ID")
    monkeypatch.delenv("ARTIFACT_STORE_TASK_RUN_ID")
    for store in (again, ArtifactStore(url)):
        assert store.create_artifact(id=OTHER, key="k", data=1) == once
        assert store.create_artifacts([{"id": OTHER, "key": "k", "data": 1}]) == [once]
        with pytest.raises(ArtifactConflict, match=r"different content \(flow_run_id\)"):
            store.create_artifact(id=OTHER, key="k", data=1, flow_run_id=OTHER)
        store.close()


def test_a_run_of_another_database_is_not_filled_in(store: ArtifactStore, url: str) -> None:
    same = ArtifactStore(url)
    memory = [ArtifactStore("sqlite:///:memory:") for _ in range(2)]
    token = CURRENT.set(Origin(store._writer.database, FLOW_RUN, None))
    try:
        assert [runs_of(each.create_artifact())[0] for each in (store, same)] == [
            FLOW_RUN,
            FLOW_RUN,
        ]
        assert [runs_of(each.create_artifact()) for each in memory] == [(None, None)] * 2
        CURRENT.set(Origin(memory[0]._writer.database, OTHER, None, CURRENT.get()))
        assert [runs_of(each.create_artifact())[0] for each in (store, *memory)] == [
            FLOW_RUN,
            OTHER,
            None,
        ]
    finally:
        CURRENT.reset(token)
    for each in (same, *memory):
        each.close()
