"""Whatever goes wrong is one sentence and an exit code, never a traceback."""

import contextlib
import io
import os
import shlex
import signal
import subprocess
import sys
import time

import click
import pytest
from click.testing import CliRunner

import artifact_store_cli.app
from artifact_store_cli import main
from tests.helpers.commandline import SCRIPT, run


@pytest.mark.parametrize(
    ("args", "code", "sentence"),
    [
        (
            ["--url", "foo", "ls"],
            2,
            "Error: The address is not a URL: write sqlite:///artifacts.db",
        ),
        (["--url", "mysql://u:secret@h/d", "ls"], 2, "'mysql' is not supported"),
        (["--url", "sqlite:///{tmp}", "ls"], 1, "it is a directory"),
        (["--url", "sqlite:///{tmp}/text.db", "ls"], 1, "not a SQLite database"),
        (
            ["create", "k", "--table", "{tmp}/missing.csv"],
            1,
            "missing.csv' cannot be read (No such file or directory)",
        ),
        (
            ["create", "k", "--image", "{tmp}/missing.png"],
            1,
            "missing.png' cannot be read (No such file or directory)",
        ),
        (["create", "k", "--markdown", "{tmp}"], 1, "Is a directory."),
        (["create", "k", "--data", "@{tmp}/missing.json"], 1, "No such file"),
        (["create", "k", "--markdown", "# text"], 1, "There is no file '# text': --markdown takes"),
        (["create", "bad key", "--data", "1"], 1, "Invalid key 'bad key': use 1 to 255"),
        (["create", "k", "--data", '"\\ud800"'], 1, "data"),
        (["create", "k", "--data", "1", "--id", "zz"], 2, "'zz' is not a valid UUID"),
        (["create", "k", "--data", "1", "--flow-run", "zz"], 2, "'zz' is not a valid UUID"),
        (["show", "nope"], 1, "Error: There is no artifact 'nope'."),
        (["show", "nope@3"], 1, "There is no artifact"),
        (
            ["show", "@"],
            2,
            "Error: Invalid reference '@': expected a key, key@3, key@latest, key@ALIAS, or an id.",
        ),
        (["show", ""], 2, "Error: Invalid reference ''"),
        (["show", "01890000-0000-7000-8000-000000000000"], 1, "There is no artifact"),
        (["show", "\x1b[31mred"], 2, r"Error: Invalid reference '\x1b[31mred'"),
        (["update", "nope", "--data", "1"], 1, "There is no artifact"),
        (["ls", "--filter", "{{"], 2, "--filter is not JSON"),
        (["ls", "--filter", "[]"], 2, "The filter is not valid"),
        (["ls", "--filter", '{{"kye": {{}}}}'], 2, "has no field 'kye'; did you mean 'key'?"),
        (
            ["count", "--filter", '{{"key": {{"lik_": "x"}}}}'],
            2,
            "key: there is no operator 'lik_'; did you mean 'like_'?",
        ),
        (
            ["ls", "--filter", '{{"id": {{"any_": ["zz"]}}}}', "--all"],
            2,
            "id.any_.0: 'zz' is not a UUID or its text: pass a UUID",
        ),
        (
            ["ls", "--filter", '{{"artifacts": {{}}, "limit": 3}}'],
            2,
            "Unknown filter 'limit': expected artifacts",
        ),
        (["ls", "--filter", '{{"flow_runs": {{"nmae": {{}}}}}}'], 2, "did you mean 'name'?"),
        (["ls", "--like", "x" * 1001], 2, "The filter is not valid"),
        (["ls", "--since", "tomorrow"], 2, "Invalid time 'tomorrow'"),
        (["ls", "--since", "99999999999w"], 2, "Invalid time"),
        (["ls", "--since", "0001-01-01T00:00+14:00"], 2, "is outside of the years"),
        (["ls", "--limit", "-1"], 2, "-1 is not in the range"),
        (["ls", "--limit", str(2**64)], 2, "must be < 2**63, got "),
        (["ls", "--offset", str(2**64)], 2, "must be < 2**63, got "),
        (["ls", "--sort", "AGE"], 2, "'AGE' is not one of"),
        (["ls", "--nope"], 2, "No such option"),
        (["lss"], 2, "No such command"),
        (["--nope"], 2, "No such option"),
        (["show"], 2, "Missing argument"),
        (["delete", "--yes"], 2, "Nothing to delete: give references, filters or --everything."),
    ],
)
def test_what_goes_wrong_is_one_sentence(url, tmp_path, args, code, sentence):
    (tmp_path / "text.db").write_text(
        "this is text, not a database, and long enough to tell\n" * 100
    )
    where = [] if args[0] == "--url" else ["--url", url]
    result = CliRunner().invoke(
        main, [*where, *[arg.format(tmp=tmp_path) for arg in args]], prog_name="artifact-store"
    )
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    first, *rest = result.stderr.splitlines()
    assert first.startswith("Error: ")
    assert sentence in first
    assert "secret" not in first
    assert all(line.startswith("Try 'artifact-store") for line in rest)


def test_what_nobody_expected_is_one_sentence_too(url, monkeypatch):
    monkeypatch.setattr(artifact_store_cli.app, "given_url", lambda: 1 / 0)
    assert run(url, "ls", code=1) == (
        "Error: Unexpected error, please report it: ZeroDivisionError: division by zero\n"
    )


def test_arguments_that_are_not_utf8_are_shown(url):
    done = subprocess.run(
        [*SCRIPT, "--url", url, "show", b"\xff"], capture_output=True, check=False
    )
    said = b"Error: Invalid reference '\\udcff': expected a key, key@3, key@latest, key@ALIAS, or an id.\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_as_a_part_of_another_program(url):
    with contextlib.redirect_stdout(io.StringIO()) as told, pytest.raises(SystemExit):
        main(["--url", url, "count"])
    assert told.getvalue() == "0\n"
    with pytest.raises(click.UsageError):
        main(["--nope"], standalone_mode=False)


def test_a_closed_pipe_ends_quietly(url, store):
    store.create_artifact(key="long", data="x\n" * 500_000)
    command = subprocess.list2cmdline([*SCRIPT, "--url", url, "show", "long", "--raw"])
    script = f"set -o pipefail; {command} | head -1"
    for unbuffered in ("", "1"):
        environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, env=environment, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (141, "x\n", "")


def test_ctrl_c_ends_quietly(url):
    child = subprocess.Popen(
        [*SCRIPT, "--url", url, "create", "k", "--data", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(1.5)  # until it waits for its input
    child.send_signal(signal.SIGINT)
    assert child.wait(30) == 130
    assert child.communicate() == (b"", b"")


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("info >&-", 0, ""),
        ("ls >&- 2>&-", 0, ""),
        ("delete k <&-", 1, "There is no artifact 'k'."),
        ("delete there <&-", 2, "Standard input is no terminal to ask on: add --yes."),
        ("create k --data - <&-", 2, "--data is not JSON"),
    ],
)
def test_closed_standard_streams(url, store, command, code, says):
    store.create_artifact(key="there")
    shell = f"{shlex.quote(SCRIPT[0])} -m artifact_store_cli --url {shlex.quote(url)} {command}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60)
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    assert "report" not in done.stderr


INTERRUPTED = """
import signal, sys
from artifact_store_cli.__main__ import run

name, left = sys.argv.pop(1), int(sys.argv.pop(1))

def press(frame, event, argument):
    global left
    if event == "call" and frame.f_code.co_name == name:
        left -= 1
        if left == 0:
            signal.raise_signal(signal.SIGINT)

sys.setprofile(press)
run()
"""


@pytest.mark.parametrize("name", ["exec_module", "cb", "acquire", "release"])
@pytest.mark.parametrize("nth", [1, 50])
def test_ctrl_c_while_a_module_loads(url, name, nth):
    done = run_python(INTERRUPTED, name, str(nth), "--url", url, "ls")
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "")


@pytest.mark.parametrize("name", ["make_context", "parse_args", "remember_url", "invoke"])
def test_ctrl_c_while_the_command_line_is_read(url, name):
    done = run_python(INTERRUPTED, name, "1", "--url", url, "ls")
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "")


def test_ctrl_c_stays_ignored_where_it_was(url):
    code = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN){INTERRUPTED}"
    done = run_python(code, "exec_module", "10", "--url", url, "ls")
    assert (done.returncode, done.stderr) == (0, "")


def run_python(code, *args):
    # Coverage would stay locked for ever when an interrupt came inside of it.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")
    }
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False, env=environment,
    )  # fmt: skip
