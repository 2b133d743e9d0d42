"""The options of `watch`, what it refuses, and how it ends."""

import json
import subprocess

import pytest

from artifact_store_cli.position import read_position, write_position
from tests.helpers.commandline import SCRIPT, on_terminal, program_on_terminal, run


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--after", "a@1", "--from-start"], "Use --after or --from-start, not both."),
        (["--after", "a"], "Invalid position 'a': expected KEY@N, such as sales@3."),
        (["--keep-going"], "--keep-going needs --exec."),
        (["--exec", " "], "--exec is empty: give a command of the shell."),
        (["--exec", "true", "--json"], "Use --exec or --json, not both"),
        (["a@3"], "'a@3' names one version"),
        (["--limit", "-1"], "Invalid value for '--limit'"),
    ],
)
def test_wrong_usage(url, args, told):
    assert told in run(url, "watch", *args, code=2)


def test_a_command_needs_a_store_in_a_file():
    told = run("sqlite:///:memory:", "watch", "--exec", "true", code=2)
    assert "name a file with --url" in told


def test_a_store_that_does_not_exist_is_not_created(tmp_path):
    run(f"sqlite:///{tmp_path / 'none.db'}", "watch", code=1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"a": "1"}', '{"a": true}', "\x00", '{"a"', '{"a": -1}', '{"": 1}', "[" * 100_000],
)
def test_a_file_that_holds_no_position_is_refused(url, tmp_path, text):
    place = tmp_path / "position.json"
    place.write_text(text, encoding="utf-8")
    told = run(url, "watch", "--position", str(place), code=2)
    assert 'does not hold a position such as {"sales": 3}: delete it to begin anew.' in told
    assert place.read_text(encoding="utf-8") == text


def test_a_position_that_cannot_be_written_is_said_at_once(url, tmp_path):
    told = run(url, "watch", "--position", str(tmp_path / "none" / "position.json"), code=2)
    assert f"there is no such directory: {tmp_path / 'none'}." in told
    told = run(url, "watch", "--position", "/dev/null", code=2)
    assert "/dev/null is not a file: give the name of one." in told


def test_a_link_to_a_position_stays_a_link(tmp_path):
    place, link = tmp_path / "position.json", tmp_path / "link"
    link.symlink_to(place)
    write_position(link, {"a": 1})
    write_position(link, {"a": 2})
    assert link.is_symlink()
    assert read_position(link) == read_position(place) == {"a": 2}
    assert read_position(tmp_path / "none") is None
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link", "position.json"]


def test_a_line_on_a_terminal(url, store):
    store.create_artifact(key="a", type="result", description="\x1b[31mred")
    code, screen = on_terminal(url, "watch", "--from-start", "--limit", "1")
    assert code == 0
    assert screen.startswith("a@1  result  20")
    assert screen.endswith("Z  \\x1b[31mred\n")


def test_ctrl_c_ends_the_command_and_the_watch(url, store):
    store.create_artifacts([{"key": "a"}, {"key": "a"}])
    script = "echo ready; exec sleep 60"
    code, screen = program_on_terminal(
        [*SCRIPT, "--url", url, "watch", "--from-start", "--keep-going", "--exec", script],
        typed="\x03",
        question="ready",
    )
    assert (code, screen) == (130, "ready\n^C")


def test_a_closed_pipe_ends_a_watch_quietly(url, store):
    store.create_artifacts({"key": "a", "data": "x" * 1000} for _ in range(300))
    command = " ".join([*SCRIPT, "--url", url, "watch --from-start --json"])
    script = f"{command} | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    first, rest = done.stdout.split("\n", 1)
    assert json.loads(first)["version"] == 1
    assert (rest, done.stderr) == ("141\n", "")
