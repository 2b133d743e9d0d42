"""Artifacts and runs by the state of the flow run: `--state`."""

import csv
import io
import re

import pytest

from artifact_store.schemas.states import STATE_TYPES
from artifact_store_cli.options import STATES
from tests.helpers.commandline import loaded, on_terminal, piped, run


def plain(screen):
    """Return what a screen shows, without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", screen)


@pytest.fixture
def nights(store):
    """A flow with a run in each of three states, each with an artifact of its own key."""
    flow = store.create_flow("nightly")
    runs = {}
    for state in ("COMPLETED", "FAILED", "CRASHED"):
        night = store.create_flow_run(flow.id, name=f"night-{state.lower()}")
        store.create_artifact(key=state.lower(), flow_run_id=night.id)
        store.set_flow_run_state(night.id, state, message=f"it {state.lower()}")
        runs[state] = night
    store.create_artifact(key="outside")
    return runs


def test_the_states_of_the_option_are_those_of_the_store():
    assert [state.upper() for state in STATES] == [*STATE_TYPES]


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        (["--state", "failed"], {"failed"}),
        (["--state", "FAILED"], {"failed"}),
        (["--state", "Failed", "--state", "crashed"], {"failed", "crashed"}),
        (["--state", "failed", "--flow-run", "night-crashed"], set()),
        (["--state", "paused"], set()),
    ],
)
def test_artifacts_of_runs_in_a_state(url, nights, options, keys):
    assert {each["key"] for each in loaded(url, "ls", *options)} == keys
    assert {each["key"] for each in loaded(url, "ls", "--all", *options)} == keys
    assert loaded(url, "count", *options)["count"] == len(keys)


def test_a_task_run_that_failed_does_not_make_its_flow_run_fail(url, store, nights):
    completed = nights["COMPLETED"]
    task = store.create_task_run(completed.id, name="load")
    store.set_task_run_state(task.id, "FAILED")
    store.create_artifact(key="part", flow_run_id=completed.id, task_run_id=task.id)
    assert [each["key"] for each in loaded(url, "ls", "--state", "failed")] == ["failed"]


def test_runs_in_a_state(url, nights):
    found = loaded(url, "tree", "--state", "failed", "--state", "crashed")
    assert {each["flow_run"]["name"] for each in found} == {"night-failed", "night-crashed"}
    both = loaded(url, "tree", "--state", "failed", "--key", "failed")
    assert [each["flow_run"]["state_message"] for each in both] == ["it failed"]


def test_what_failed_runs_made_can_be_deleted(url, store, nights):
    assert run(url, "delete", "--state", "failed", "--yes") == "Deleted 1 artifact.\n"
    assert store.read_latest_artifact("failed") is None
    assert store.count_artifacts() == 3


@pytest.mark.parametrize("command", ["ls", "tree", "count", "delete"])
def test_an_unknown_state_is_refused_with_those_there_are(url, nights, command):
    told = run(url, command, "--state", "faild", code=2)
    assert "'faild'" in told
    assert all(state in told for state in STATES)


def test_the_tree_says_why_runs_failed(url, store, nights):
    failed, crashed = nights["FAILED"], nights["CRASHED"]
    store.set_flow_run_state(failed.id, "FAILED", message=f"no rows\n\x1b[2J{'x' * 300}")
    _, screen = on_terminal(url, "tree", columns=80, lines=100)
    assert "night-failed  Failed" in plain(screen)
    assert "no rows…" in plain(screen)
    assert "it crashed" in plain(screen)
    assert "it completed" not in plain(screen)
    assert "\x1b[31mit crashed" in screen

    one = piped(url, "tree", "--flow-run", "night-failed", "--markdown").stdout
    assert "no rows…" in one
    _, screen = on_terminal(url, "tree", "--flow-run", "night-failed", columns=80, lines=100)
    assert "\\x1b[2J" in plain(screen)
    assert plain(screen).count("x") > 300

    _, screen = on_terminal(url, "tree", columns=80, lines=100, env={"NO_COLOR": "1"})
    assert "\x1b[31m" not in screen
    assert "it crashed" in screen
    assert store.read_flow_run(crashed.id).state_message == "it crashed"


def test_show_says_why_the_run_failed(url, nights):
    told = piped(url, "show", "failed").stdout
    assert "flow run state\tFailed\n" in told
    assert "flow run message\tit failed\n" in told
    _, screen = on_terminal(url, "show", "failed", columns=80, lines=100)
    assert "night-failed, Failed: it failed" in plain(screen)


def test_csv_of_the_tree_has_messages_and_seconds(url, store, nights):
    store.set_flow_run_state(nights["FAILED"].id, "RUNNING")
    store.set_flow_run_state(nights["FAILED"].id, "FAILED", message="two\nlines")
    printed = run(url, "tree", "--flow-run", "night-failed", "--csv")
    [row] = csv.DictReader(io.StringIO(printed))
    assert row["flow_run_message"] == "two\nlines"
    assert float(row["flow_run_seconds"]) >= 0
    assert row["task_run_message"] == ""


@pytest.mark.parametrize("command", ["ls", "tree", "count"])
def test_the_name_of_a_run_that_is_not_there_is_answered_with_the_nearest(url, nights, command):
    done = piped(url, command, "--flow-run", "nigth-failed")
    assert done.returncode == 0
    assert done.stderr == "There is no flow run 'nigth-failed'. Is it 'night-failed'?\n"
    assert piped(url, command, "--flow-run", "x").stderr == "There is no flow run 'x'.\n"
    assert piped(url, command, "--flow-run", "night-failed").stderr == ""
    assert piped(url, command, "--flow-run", "01890000-0000-7000-8000-000000000000").stderr == ""
