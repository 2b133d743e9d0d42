"""States of flow runs and task runs, and the times that they set."""

import datetime as dt
from typing import Any

import pytest

from artifact_store import (
    ArtifactStore,
    InvalidQuery,
)
from tests.helpers.family import NOBODY, Family, read

STATES = [
    "SCHEDULED",
    "PENDING",
    "RUNNING",
    "COMPLETED",
    "FAILED",
    "CANCELLED",
    "CRASHED",
    "PAUSED",
    "CANCELLING",
]


@pytest.mark.parametrize("kind", ["flow_run", "task_run"])
@pytest.mark.parametrize("state", STATES)
def test_a_state_keeps_the_times(family: Family, kind: str, state: Any) -> None:
    before, set_state = getattr(family, kind), getattr(family.store, f"set_{kind}_state")
    started = dt.datetime.now(dt.UTC)
    assert set_state(str(before.id), state) is True
    after = read(family.store, kind, before.id)
    assert (after.state_type, after.state_name) == (state, state.capitalize())
    assert started <= after.updated <= dt.datetime.now(dt.UTC)
    assert after.updated > before.updated
    assert after.created == before.created
    assert after.start_time == (after.updated if state == "RUNNING" else None)
    assert after.end_time == (
        after.updated if state in ("COMPLETED", "FAILED", "CANCELLED", "CRASHED") else None
    )
    times = {
        name: getattr(after, name)
        for name in ("start_time", "end_time", "updated", "state_type", "state_name")
    }
    assert after == before.model_copy(update=times)


@pytest.mark.parametrize("kind", ["flow_run", "task_run"])
def test_the_life_of_a_run(family: Family, kind: str) -> None:
    run, set_state = getattr(family, kind), getattr(family.store, f"set_{kind}_state")

    def times() -> tuple[Any, Any]:
        each = read(family.store, kind, run.id)
        return each.start_time, each.end_time

    set_state(run.id, "RUNNING")
    start, end = times()
    assert end is None
    set_state(run.id, "FAILED", "Out of memory", message="killed at 8 GB")
    failed = read(family.store, kind, run.id)
    assert (failed.state_name, failed.state_message) == ("Out of memory", "killed at 8 GB")
    assert times()[0] == start < times()[1]
    set_state(run.id, "RUNNING", "Retrying")
    assert read(family.store, kind, run.id).state_message is None, "a message belongs to its state"
    assert times() == (start, None), "a retry keeps the first start"
    set_state(run.id, "COMPLETED")
    assert times()[0] == start < times()[1]


@pytest.mark.parametrize("kind", ["flow_run", "task_run"])
def test_states_of_nobody_and_no_states(family: Family, kind: str) -> None:
    run, set_state = getattr(family, kind), getattr(family.store, f"set_{kind}_state")
    assert set_state(NOBODY, "RUNNING") is False
    for bad in ("running", "", "DONE", None, 7):
        with pytest.raises(InvalidQuery, match=r"COMPLETED|state_type: .* is not text"):
            set_state(run.id, bad)
    with pytest.raises(InvalidQuery):
        set_state("nonsense", "RUNNING")
    assert read(family.store, kind, run.id) == run


@pytest.mark.parametrize("name", ["a\ud800", "a\0", 5])
def test_a_state_name_is_text(store: ArtifactStore, name: Any) -> None:
    run = store.create_flow_run(store.create_flow("f").id)
    task = store.create_task_run(run.id)
    for change in (store.set_flow_run_state, store.set_task_run_state):
        with pytest.raises(InvalidQuery, match="state_name"):
            change(run.id, "FAILED", name)
    assert store.read_flow_run(run.id) == run
    assert store.read_task_run(task.id) == task


def test_a_state_type_is_one_of_nine(store: ArtifactStore) -> None:
    flow = store.create_flow("f")
    says = "'NOPE' is not a state type: use one of SCHEDULED, PENDING, RUNNING"
    with pytest.raises(InvalidQuery, match=says):
        store.create_flow_run(flow.id, state_type="NOPE")  # type: ignore[typeddict-item]
    with pytest.raises(InvalidQuery, match=says):
        store.create_task_run(state_type="NOPE")  # type: ignore[typeddict-item]
    with pytest.raises(InvalidQuery, match=says):
        store.set_flow_run_state(flow.id, "NOPE")  # type: ignore[arg-type]
    assert store.read_flow_runs() == store.read_task_runs() == []
