"""A command inside a run, on both engines: what it publishes belongs to the run, and it holds no connection."""

import os
import subprocess

from tests.helpers.commandline import SCRIPT

PROGRAM = " ".join(SCRIPT)


def run_script(url, script, env=()):
    """Run a script of the shell inside a run of the flow `nightly`."""
    words = [*SCRIPT, "--url", url, "run", "--flow", "nightly", "--", "bash", "-ec", script]
    return subprocess.run(
        words, capture_output=True, text=True, timeout=60, env={**os.environ, **dict(env)}
    )


def test_what_the_command_publishes_belongs_to_the_run(url, store):
    store.create_artifact(key="raw", data=1)
    done = run_script(
        url,
        f"{PROGRAM} show raw --raw; {PROGRAM} create raw --data 2 > /dev/null; {PROGRAM} show raw --raw; "
        f"{PROGRAM} create sales --data 3",
    )
    assert done.returncode == 0
    assert done.stdout.startswith("1\n1\nCreated sales@1 ")
    [flow_run] = store.read_flow_runs()
    sales = store.read_latest_artifact("sales")
    assert sales.flow_run_id == flow_run.id
    assert [each.ref for each in store.read_surroundings(sales).provenance.made_from] == ["raw@1"]


def test_a_run_inside_a_run_is_nested_in_it(url, store):
    done = run_script(url, f"{PROGRAM} run --flow report -- {PROGRAM} create page --data 1")
    assert (done.returncode, done.stderr) == (0, "")
    by_name = {store.read_flow(run.flow_id).name: run for run in store.read_flow_runs()}
    [stand_in] = store.read_task_runs()
    assert stand_in.flow_run_id == by_name["nightly"].id
    assert by_name["report"].parent_task_run_id == stand_in.id
    assert store.read_latest_artifact("page").flow_run_id == by_name["report"].id


def test_a_nested_run_that_fails_is_a_failed_task_of_the_outer_one(url, store):
    done = run_script(url, f"{PROGRAM} run --flow report -- sh -c 'exit 2' || echo failed")
    assert (done.returncode, done.stdout) == (0, "failed\n")
    [stand_in] = store.read_task_runs()
    assert stand_in.state_type == "FAILED"
    assert stand_in.state_message == "The command ended with exit code 2."


def test_no_connection_is_held_while_the_command_runs(url):
    done = run_script(url, "ls -l /proc/$PPID/fd")
    assert done.returncode == 0
    assert "socket:" not in done.stdout
    assert ".db" not in done.stdout


def test_an_end_that_the_command_has_chosen_stays(url, store):
    script = (
        "from artifact_store import ArtifactStore; import os; s = ArtifactStore(); "
        "s.set_flow_run_state(os.environ['ARTIFACT_STORE_FLOW_RUN_ID'], 'CANCELLED', 'Skipped')"
    )
    assert run_script(url, f'{SCRIPT[0]} -c "{script}"').returncode == 0
    assert store.read_flow_runs()[0].state_name == "Skipped"
