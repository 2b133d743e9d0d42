"""A command inside a run: its exit code, its descriptors, the terminal, and the signals that reach it."""

import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from artifact_store import ArtifactStore
from artifact_store_cli import child
from tests.helpers.commandline import SCRIPT, program_on_terminal, run
from tests.helpers.processes import wait_for

PROGRAM = " ".join(SCRIPT)


def command(url, *words, options=()):
    return [*SCRIPT, "--url", url, "run", "--flow", "nightly", *options, "--", *words]


def recorded(url, *words, options=(), **given):
    """Run a command inside a run; return its result, and the run."""
    done = subprocess.run(
        command(url, *words, options=options), capture_output=True, text=True, timeout=60, **given
    )
    return done, last_run(url)


def last_run(url):
    with ArtifactStore(url) as store:
        return store.read_flow_runs(limit=1)[0]


# How it ends


@pytest.mark.parametrize(
    ("script", "code", "state", "message"),
    [
        ("exit 0", 0, "COMPLETED", None),
        ("exit 3", 3, "FAILED", "The command ended with exit code 3."),
        ("kill -TERM $$", 143, "CRASHED", "SIGTERM ended the command."),
        ("kill -KILL $$", 137, "CRASHED", "SIGKILL ended the command."),
        ("kill -INT $$", 130, "CRASHED", "SIGINT ended the command."),
        ("kill -40 $$", 168, "CRASHED", "Signal 40 ended the command."),
    ],
)
def test_the_exit_code_and_the_state_are_those_of_the_command(url, script, code, state, message):
    done, flow_run = recorded(url, "bash", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")
    assert (flow_run.state_type, flow_run.state_message) == (state, message)


def test_what_the_run_is_about_is_recorded(url):
    options = ["--name", "night-1", "--deployment", "prod", "--tag", "eu", "--tag", "b"]
    options += ["--param", "day=2026-11-24", "--param", "rows=3"]
    flow_run = recorded(url, "true", options=options)[1]
    assert (flow_run.name, flow_run.tags) == ("night-1", ("eu", "b"))
    assert flow_run.parameters == {"day": "2026-11-24", "rows": 3}
    with ArtifactStore(url) as store:
        assert store.read_deployment("nightly/prod").id == flow_run.deployment_id


@pytest.mark.parametrize(
    ("word", "code", "told"),
    [
        ("", 127, "'': there is no such command."),
        ("no-such-command", 127, "no-such-command: there is no such command."),
        ("./none", 127, "./none: No such file or directory."),
        ("/", 126, "/: Permission denied."),
        ("no\x1b[31m", 127, "no\\x1b[31m: there is no such command."),
    ],
)
def test_what_cannot_be_executed_is_a_run_that_failed(url, word, code, told):
    done, flow_run = recorded(url, word)
    assert (done.returncode, done.stderr) == (code, f"Error: {told}\n")
    assert (flow_run.state_type, flow_run.state_message) == ("FAILED", told)


def test_a_script_that_names_no_interpreter_is_one_of_the_shell(url, tmp_path):
    script = tmp_path / "script"
    script.write_text('echo "given $1"\n', encoding="utf-8")
    script.chmod(0o755)
    assert recorded(url, str(script), "a b")[0].stdout == "given a b\n"


def test_without_a_store_the_command_is_not_started(tmp_path):
    mark = tmp_path / "mark"
    done = subprocess.run(
        command(f"sqlite:///{tmp_path}/none/x.db", "touch", str(mark)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 125
    assert done.stderr.startswith(
        "Error: The run cannot be recorded, so the command is not started: "
    )
    assert not mark.exists()


def test_wrong_usage(url):
    assert "--flow is empty" in run(url, "run", "--flow", "", "true", code=2)
    assert "Missing option '--flow'" in run(url, "run", "true", code=2)
    assert "Missing argument 'COMMAND" in run(url, "run", "--flow", "f", code=2)
    twice = ["--param", "a=1", "--param", "a=2"]
    assert "--param gives 'a' twice" in run(url, "run", "--flow", "f", *twice, "true", code=2)
    told = run("sqlite:///:memory:", "run", "--flow", "f", "true", code=2)
    assert "name a file with --url" in told


def test_options_after_the_command_are_those_of_the_command(url):
    arguments = [*SCRIPT, "--url", url, "run", "--flow", "f", "echo", "--json", "--", "-n"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert done.stdout == "--json -- -n\n"


def test_an_end_that_cannot_be_recorded_does_not_change_the_exit_code(url, tmp_path):
    place, away = tmp_path / "store.db", tmp_path / "away.db"
    done = subprocess.run(
        command(url, "sh", "-c", f"mv {place} {away}; exit 4"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    away.rename(place)
    assert done.returncode == 4
    assert done.stderr.startswith("Error: The end of the run is not recorded: ")
    assert done.stderr.count("\n") == 1
    assert last_run(url).state_type == "RUNNING"


# What it inherits


def test_streams_and_descriptors_are_inherited(url):
    bytes_in = b"\x00\xff\r\n" * 1000
    done = subprocess.run(command(url, "cat"), input=bytes_in, capture_output=True, timeout=60)
    assert (done.stdout, done.stderr) == (bytes_in, b"")
    script = f"{PROGRAM} --url {url} run --flow f -- cat <(echo one) /dev/fd/7 7<<< two"
    assert subprocess.check_output(["bash", "-c", script], text=True, timeout=60) == "one\ntwo\n"


def test_signals_are_ignored_and_blocked_as_by_the_caller(url):
    """Apart from 32 and 33, which glibc keeps for itself."""
    program = "grep -E 'Sig(Ign|Blk)' /proc/self/status"
    # The shell inherits what the caller of the tests ignores, such as SIGQUIT in the background.
    shell = f"trap '' HUP USR2; {program}; {PROGRAM} --url {url} run --flow f -- {program}"
    told = subprocess.check_output(["bash", "-c", shell], text=True, timeout=60)
    numbers = [int(line.split()[1], 16) & ~(3 << 31) for line in told.splitlines()]
    of_shell, of_command = numbers[:2], numbers[2:]
    assert of_command == of_shell
    blocked, ignored = of_command
    assert blocked == 0
    assert ignored & 1 << signal.SIGHUP - 1
    assert ignored & 1 << signal.SIGUSR2 - 1


def test_a_closed_pipe_ends_the_command_as_without_a_run(url):
    script = f"{PROGRAM} --url {url} run --flow f -- yes | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("y\n141\n", "")


def test_the_address_is_found_from_another_directory(tmp_path):
    script = f"cd /; {PROGRAM} create inside --data 1 --json"
    done = subprocess.run(
        command(
            "sqlite:///a%20b.db?timeout=9", "bash", "-c", f"echo $ARTIFACT_STORE_URL; {script}"
        ),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.stdout.startswith(f"sqlite:///{tmp_path}/a%20b.db?timeout=9\n")
    url = f"sqlite:///{tmp_path}/a%20b.db"
    with ArtifactStore(url, create=False) as store:
        assert store.read_latest_artifact("inside").flow_run_id == last_run(url).id


# Signals

COUNT = "trap 'echo {0}' {0}; echo ready; for n in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done; exit 5"


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2"])
def test_a_signal_reaches_the_command_once(url, name):
    words = command(url, "bash", "-c", COUNT.format(name))
    number = getattr(signal, f"SIG{name}")

    def hear() -> None:
        """Undo that a shell ignores SIGINT and SIGQUIT in what it starts in the background."""
        signal.signal(number, signal.SIG_DFL)

    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, preexec_fn=hear) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.read() == f"{name}\n"
    assert process.returncode == 5
    assert last_run(url).state_type == "FAILED"


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_a_signal_that_ends_the_command_ends_the_run(url, name):
    words = command(url, "sh", "-c", "echo ready; exec sleep 60")
    number = getattr(signal, f"SIG{name}")
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
    assert process.returncode == 128 + number
    flow_run = last_run(url)
    assert flow_run.state_type == "CRASHED"
    assert flow_run.state_message == f"SIG{name} ended the command."


def test_ctrl_c_reaches_the_command_once(url):
    code, screen = program_on_terminal(
        command(url, "bash", "-c", COUNT.format("INT")), typed="\x03", question="ready"
    )
    assert screen.replace("^C", "") == "ready\nINT\n"
    assert code == 5


def test_ctrl_c_that_ends_the_command_ends_the_program_likewise(url):
    """So a loop of a shell ends too; `$?` is 130."""
    code, screen = program_on_terminal(
        command(url, "sh", "-c", "echo ready; exec sleep 60"), typed="\x03", question="ready"
    )
    assert (code, screen) == (-signal.SIGINT, "ready\n^C")
    assert last_run(url).state_message == "SIGINT ended the command."


def test_the_command_has_the_terminal(url):
    script = "test -t 0 -a -t 1 -a -t 2 && echo 'name?' && read name && echo hello $name"
    code, screen = program_on_terminal(
        command(url, "bash", "-c", script), typed="Eva\n", question="name?"
    )
    assert (code, screen) == (0, "name?\nEva\nhello Eva\n")


class Shell:
    """An interactive shell on a terminal of its own."""

    def __init__(self):
        self.process_id, self.master = pty.fork()
        if not self.process_id:
            os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
        self.told = ""
        self.enter("PS1='' HISTFILE=; bind 'set enable-bracketed-paste off'; stty -echo\n")
        self.enter("echo be''gin\n")
        self.until("begin\r\n")

    def enter(self, text):
        os.write(self.master, text.encode())

    def until(self, text):
        """Read until a text comes."""
        end = time.monotonic() + 30
        while text not in self.told:
            assert time.monotonic() < end, self.told
            if select.select([self.master], [], [], 1)[0]:
                self.told += os.read(self.master, 65536).decode(errors="replace")
        self.told = self.told.partition(text)[2]

    def close(self):
        os.kill(self.process_id, signal.SIGKILL)
        os.close(self.master)
        os.waitpid(self.process_id, 0)


@pytest.fixture
def shell():
    opened = Shell()
    yield opened
    opened.close()


def test_ctrl_z_stops_the_job_and_fg_goes_on(url, shell, tmp_path):
    go = tmp_path / "go"
    script = f"echo rea''dy; until test -e {go}; do sleep 0.05; done; echo do''ne"
    shell.enter(" ".join(command(url, "bash", "-c", f'"{script}"')) + "\n")
    shell.until("ready")
    shell.enter("\x1a")
    shell.until("Stopped")
    go.touch()
    shell.enter("fg; echo code $?\n")
    shell.until("done")
    shell.until("code 0")
    assert last_run(url).state_type == "COMPLETED"


def test_a_command_that_stops_itself_stops_the_job(url, shell):
    words = command(url, "bash", "-c", "'kill -STOP $$; echo aw''ake; kill -INT $$'")
    shell.enter(" ".join(words) + "\n")
    shell.until("Stopped")
    shell.enter("bg\n")
    shell.until("awake")
    shell.enter("wait %1; echo code $?\n")
    shell.until("code 130")
    assert last_run(url).state_type == "CRASHED"


def test_without_a_shell_only_the_command_is_stopped(url):
    words = command(url, "sh", "-c", "echo $$; kill -STOP $$; exit 6")
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        stopped = int(process.stdout.readline())
        status = Path(f"/proc/{stopped}/status")
        wait_for(lambda: "T (stopped)" in status.read_text(encoding="utf-8"))
        os.kill(stopped, signal.SIGCONT)
    assert process.returncode == 6


def test_a_closed_terminal_ends_the_command(url):
    process_id, master = pty.fork()
    if not process_id:
        words = command(url, "sh", "-c", "echo ready; exec sleep 60")
        os.execvp(words[0], words)
    told = b""
    while b"ready" not in told:
        told += os.read(master, 1024)
    os.close(master)
    assert os.waitstatus_to_exitcode(os.waitpid(process_id, 0)[1]) == 128 + signal.SIGHUP
    assert last_run(url).state_message == "SIGHUP ended the command."


def test_where_signals_do_not_tell_who_sent_them(monkeypatch):
    monkeypatch.delattr(signal, "sigwaitinfo")
    awaited = {signal.SIGUSR1, signal.SIGINT}
    this_thread = threading.get_ident()  # the others do not block the signals
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    try:
        signal.pthread_kill(this_thread, signal.SIGUSR1)
        assert child.receive(awaited) == (signal.SIGUSR1, False)
        for in_foreground in (True, False):
            monkeypatch.setattr(child, "in_foreground", lambda answer=in_foreground: answer)
            signal.pthread_kill(this_thread, signal.SIGINT)
            assert child.receive(awaited) == (signal.SIGINT, in_foreground)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
