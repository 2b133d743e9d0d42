"""`run`, `wait` and `watch` on a PostgreSQL server that stops, and starts again."""

import subprocess

import pytest

from artifact_store import ArtifactStore
from tests.helpers.commandline import SCRIPT
from tests.helpers.servers import Server


@pytest.fixture
def server():
    """A server of its own, which a test may stop."""
    with Server(tcp=True) as running:
        yield running


@pytest.fixture
def url(server):
    """The address of an empty store on it."""
    address = f"{server.tcp_url}&timeout=1"
    ArtifactStore(address).close()
    return address


def started(url, *args):
    """Start a command with pipes."""
    return subprocess.Popen(
        [*SCRIPT, "--url", url, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_exit_code_stays_when_the_end_of_a_run_cannot_be_recorded(server, url):
    script = "echo ready; read line; exit 3"
    with started(url, "run", "--flow", "nightly", "--", "sh", "-c", script) as process:
        assert process.stdout.readline() == "ready\n"
        server.stop()
        out, err = process.communicate("go\n", timeout=60)
    assert (process.returncode, out) == (3, "")
    assert err.startswith("Error: The end of the run is not recorded: ")
    assert err.count("\n") == 1

    with started(url, "run", "--flow", "nightly", "--", "echo", "not started") as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (125, "")
    assert "The run cannot be recorded, so the command is not started: " in err


def test_a_server_that_starts_again_while_the_command_runs_changes_nothing(server, url):
    script = "echo ready; read line; exit 3"
    with started(url, "run", "--flow", "nightly", "--", "sh", "-c", script) as process:
        assert process.stdout.readline() == "ready\n"
        server.stop()
        server.start()
        assert process.communicate("go\n", timeout=60) == ("", "")
    assert process.returncode == 3
    with ArtifactStore(url) as store:
        assert [each.state_type for each in store.read_flow_runs()] == ["FAILED"]


@pytest.mark.parametrize("command", ["wait", "watch"])
def test_a_watch_and_a_wait_go_on(server, url, command):
    args = {"wait": ["first", "second"], "watch": ["first", "second", "--from-start"]}[command]
    with ArtifactStore(url) as store:
        store.create_artifact(key="first", data=1)
    with started(url, command, *args) as process:
        assert process.stdout.readline().startswith("first@1")
        server.stop()
        assert "The store is not available: " in process.stderr.readline()
        server.start()
        assert process.stderr.readline() == "The store is available again.\n"
        with ArtifactStore(url) as store:
            store.create_artifact(key="second", data=1)
        assert process.stdout.readline().startswith("second@1")
        if command == "watch":
            process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == {"wait": 0, "watch": 143}[command]
