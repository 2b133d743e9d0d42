"""Ways to run the command line: in this process, in one of its own, and on a terminal."""

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time

from click.testing import CliRunner

from artifact_store_cli import main

SCRIPT = [sys.executable, "-m", "artifact_store_cli"]


def run(url, *args, code=0, input=None):
    """Run a command in this process; return its standard output, or on failure what it says on standard error."""
    result = CliRunner().invoke(main, ["--url", url, *args], input=input, prog_name="artifact-store")
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.stdout if code == 0 else result.stdout + result.stderr


def loaded(url, *args, code=0, input=None):
    """Run a command with --json and return the value that it prints."""
    return json.loads(run(url, *args, "--json", code=code, input=input))


def piped(url, *args, env=()):
    """Run a command in a process of its own with pipes for its output; return what subprocess.run does."""
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return subprocess.run(
        [*SCRIPT, "--url", url, *args], capture_output=True, text=True, check=False, env={**environment, **dict(env)}
    )


def on_terminal(url, *args, **options):
    """Run a command on a terminal; enter `typed` at a question; return the exit code and the screen.

    Several things `typed` are entered one after the other. Nothing is paged unless `env` names a PAGER; `stdout`
    takes standard output away from the terminal.
    """
    return program_on_terminal([*SCRIPT, "--url", url, *args], **options)


def program_on_terminal(
    command, *, typed=None, question="[y/N]", columns=100, lines=24, env=(), stdin=None, stdout=None
):
    """Run any program as `on_terminal` does a command."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    unset = ("COLUMNS", "LINES", "NO_COLOR", "LESS")
    environment = {name: value for name, value in os.environ.items() if name not in unset} | {"PAGER": "cat"}
    child = subprocess.Popen(
        command,
        stdin=slave if stdin is None else stdin,
        stdout=slave if stdout is None else stdout,
        stderr=slave,
        env={**environment, "TERM": "xterm-256color", **dict(env)},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(2, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    screen = b""
    while select.select([master], [], [], 30)[0]:
        try:
            part = os.read(master, 65536)
        except OSError:  # how Linux says that the other end is closed
            part = b""
        if not part:
            break
        screen += part
        if typed and question.encode() in screen:
            for part in [typed] if isinstance(typed, str) else typed:
                time.sleep(0.3)  # until it waits for an answer
                os.write(master, part.encode())
            typed = None
    os.close(master)
    return child.wait(30), screen.decode().replace("\r\n", "\n")
