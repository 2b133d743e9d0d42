"""Ways to run the command line: in this process, in one of its own, and on a terminal."""

import fcntl
import json
import multiprocessing
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from multiprocessing.reduction import DupFd

import click
from click.testing import CliRunner

from artifact_store_cli import complete, main
from artifact_store_cli.__main__ import run as program
from artifact_store_cli.output import progress

SCRIPT = [sys.executable, "-m", "artifact_store_cli"]
# To load the program takes most of the time of most commands, so it is loaded once, and each command is a fork of that.
FORKS = multiprocessing.get_context("forkserver")
LOADED = (
    "artifacts.pagination artifacts.queries db.connect db.replica db.sqlite db.statements filters.compiler "
    "filters.orders rendering.terminal runs.queries schemas.runs"
)
MODULES = ["artifact_store_cli.commands", *(f"artifact_store.{name}" for name in LOADED.split())]
for module in MODULES:
    import_module(module)  # a fork server says nothing of a module that is not there
FORKS.set_forkserver_preload(["tests.helpers.commandline", *MODULES])


def leaves(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield the commands below a group that are not groups, each with its path."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{path}{name} ")
        else:
            yield path + name, command


COMMANDS = dict(leaves(main))
"""Every command by its path: `alias set`."""


def run(url, *args, code=0, input=None):
    """Run a command in this process; return its standard output, or on failure what it says on standard error."""
    result = CliRunner().invoke(
        main, ["--url", url, *args], input=input, prog_name="artifact-store"
    )
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.stdout if code == 0 else result.stdout + result.stderr


def loaded(url, *args, code=0, input=None):
    """Run a command with --json and return the value that it prints."""
    return json.loads(run(url, *args, "--json", code=code, input=input))


def started(args, environment, streams, terminal=False):
    """Start the program in a process of its own, with three file descriptors for its standard streams."""
    streams = [DupFd(stream) for stream in streams]
    child = FORKS.Process(target=_be_the_program, args=(args, environment, streams, terminal))
    child.start()
    return child


def _be_the_program(args, environment, streams, terminal):
    if terminal:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream.detach(), number)
    if terminal:
        fcntl.ioctl(2, termios.TIOCSCTTY, 0)
    os.environ.clear()
    os.environ.update(environment)
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    sys.stdin = open(0, encoding=encoding)  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", encoding=encoding)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", encoding=encoding, buffering=1)  # noqa: SIM115
    sys.argv = ["artifact-store", *args]
    # Whether the machine is busy shall not decide if a bar is shown, or anything is offered for completion.
    progress.DELAY += 3600
    complete.TIMEOUT += 60
    program()


def piped(url, *args, env=()):
    """Run a command in a process of its own with pipes for its output; return what subprocess.run does."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")
    }
    (out, stdout), (err, stderr) = os.pipe(), os.pipe()
    with open(os.devnull) as stdin:  # noqa: PTH123
        child = started(
            ["--url", url, *args], {**environment, **dict(env)}, [stdin.fileno(), stdout, stderr]
        )
    os.close(stdout)
    os.close(stderr)
    with ThreadPoolExecutor() as readers:
        told = list(readers.map(_all_of, (out, err)))
    child.join(60)
    return subprocess.CompletedProcess(args, child.exitcode, *told)


def _all_of(end):
    with open(end, encoding="utf-8") as stream:  # noqa: PTH123
        return stream.read()


def on_terminal(url, *args, **options):
    """Run a command on a terminal; enter `typed` at a question; return the exit code and the screen.

    Several things `typed` are entered one after the other. Nothing is paged unless `env` names a PAGER; `stdout`
    takes standard output away from the terminal.
    """
    return _watched(
        lambda streams, environment: _Forked(["--url", url, *args], environment, streams), **options
    )


class _Forked:
    """The part of `subprocess.Popen` that is used here, of a program that was forked."""

    def __init__(self, args, environment, streams):
        self._process = started(args, environment, streams, terminal=True)

    def wait(self, timeout):
        """Return the exit code."""
        self._process.join(timeout)
        return self._process.exitcode


def program_on_terminal(command, **options):
    """Run any program as `on_terminal` does a command."""

    def start(streams, environment):
        take = lambda: fcntl.ioctl(2, termios.TIOCSCTTY, 0)  # noqa: E731
        stdin, stdout, stderr = streams
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=environment,
            start_new_session=True,
            preexec_fn=take,
        )

    return _watched(start, **options)


def _watched(
    start, *, typed=None, question="[y/N]", columns=100, lines=24, env=(), stdin=None, stdout=None
):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    unset = ("COLUMNS", "LINES", "NO_COLOR", "LESS")
    environment = {name: value for name, value in os.environ.items() if name not in unset} | {
        "PAGER": "cat"
    }
    streams = [
        slave if given is None else getattr(given, "fileno", lambda given=given: given)()
        for given in (stdin, stdout)
    ]
    child = start([*streams, slave], {**environment, "TERM": "xterm-256color", **dict(env)})
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
