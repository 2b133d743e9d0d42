"""Wait for artifacts on the command line: what is printed, the exit codes, and the signals that end it."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from artifact_store import StoreUnavailable
from artifact_store_cli.reading import until_available
from tests.helpers.commandline import SCRIPT, loaded, program_on_terminal, run


def waiting(url, *args):
    """Start a wait that cannot end by itself, and return when it waits for the second key."""
    return subprocess.Popen(
        [*SCRIPT, "--url", url, "wait", "there", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_what_is_there_is_printed_at_once(url, store):
    store.create_artifacts([{"key": "a"}, {"key": "a"}, {"key": "b"}])
    assert run(url, "wait", "a") == "a@2\n"
    assert run(url, "wait", "b", "a", "--timeout", "0") == "b@1\na@2\n"
    assert run(url, "wait", "a", "--after", "1", "--timeout", "1h") == "a@2\n"


def test_json_is_that_of_show(url, store):
    store.create_artifacts([{"key": "a", "data": [1]}, {"key": "b"}])
    assert loaded(url, "wait", "a") == loaded(url, "show", "a")
    both = loaded(url, "wait", "a", "b")
    assert both == [loaded(url, "show", "a"), loaded(url, "show", "b")]


def test_a_time_that_has_passed_is_1(url, store):
    store.create_artifact(key="a")
    told = run(url, "wait", "none", "a", "--timeout", "0", code=1)
    assert told == "a@1\nError: none has no artifact yet, and the time has passed.\n"
    told = run(url, "wait", "a", "--after", "1", "--timeout", "0.05", "--json", code=1)
    assert told == "Error: a has no version after 1 yet, and the time has passed.\n"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["a", "b@3"], "'b@3' names one version"),
        (["a", "--timeout", "-1s"], "Invalid timeout '-1s': expected 30s, 5m or 2h."),
        (["a", "--timeout", "soon"], "Invalid timeout 'soon': expected 30s, 5m or 2h."),
        (["a", "--after", "x"], "'x' is not a valid integer range."),
        ([], "Missing argument 'KEY...'."),
    ],
)
def test_wrong_usage_is_2(url, args, told):
    assert told in run(url, "wait", *args, code=2)


def test_a_store_that_does_not_exist_is_2_and_is_not_created(tmp_path):
    run(f"sqlite:///{tmp_path / 'none.db'}", "wait", "a", "--timeout", "0", code=2)
    assert list(tmp_path.iterdir()) == []


def test_a_wait_ends_when_the_version_comes(url, store):
    store.create_artifact(key="there")
    with waiting(url, "sales") as process:
        assert process.stdout.readline() == "there@1\n"
        store.create_artifact(key="sales", data=1)
        assert process.communicate(timeout=60) == ("sales@1\n", "")
    assert process.returncode == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_wait_in_order(url, store, number, code):
    store.create_artifact(key="there")
    with waiting(url, "sales") as process:
        assert process.stdout.readline() == "there@1\n"
        process.send_signal(number)
        assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == code


def test_sigterm_ends_a_wait_in_the_background_where_ctrl_c_is_ignored(url, store):
    store.create_artifact(key="there")
    command = " ".join([*SCRIPT, "--url", url, "wait there sales"])
    script = f"trap '' INT; exec {command}"
    with subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "there@1\n"
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 143


def test_ctrl_c_at_a_terminal(url, store):
    store.create_artifact(key="there")
    code, screen = program_on_terminal(
        [*SCRIPT, "--url", url, "wait", "there", "sales"], typed="\x03", question="there@1"
    )
    assert (code, screen) == (130, "there@1\n^C\n")


def test_a_closed_pipe_is_quiet(url, store):
    store.create_artifacts([{"key": "a"}, {"key": "b"}])
    command = " ".join([*SCRIPT, "--url", url, "wait a b"])
    script = f"{command} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", f"sleep 0.2; {script}"], capture_output=True, text=True, timeout=60
    )
    assert done.stdout in ("141\n", "0\n")
    assert done.stderr == ""


def test_a_store_that_is_away_for_a_moment_is_waited_for(capsys):
    answers = [StoreUnavailable("gone"), StoreUnavailable("gone"), 3]

    def read():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert until_available(read, pause=0) == 3
    told = capsys.readouterr().err
    assert told == "The store is not available: gone\nThe store is available again.\n"
    answers = [StoreUnavailable("gone")]
    with pytest.raises(StoreUnavailable):
        until_available(read, time.monotonic(), pause=0)


def test_json_of_a_wait_is_one_document_on_a_pipe(url, store):
    store.create_artifact(key="a", data={"n": 1})
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    told = subprocess.check_output(
        [sys.executable, *SCRIPT[1:], "--url", url, "wait", "a", "--json"],
        env=environment,
        timeout=60,
    )
    assert json.loads(told)["data"] == {"n": 1}
