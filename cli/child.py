"""Another program that runs as if it had been started instead of this one.

It inherits all descriptors, the terminal, the process group and what signals it ignores. Signals
that are sent to this process are passed on; those of the terminal reach the whole group, and so the
other program, by themselves.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from errno import ENOENT, ENOEXEC
from pathlib import Path
from typing import NamedTuple

__all__ = ["Ended", "can_run", "in_foreground", "run_program"]

# By name, because Windows does not have them.
_PASSED_ON = {
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGTSTP", "SIGCONT")
    if hasattr(signal, name)
}  # fmt: skip
# Python ignores them, and a program would inherit that.
_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFSZ")


_STOPPING = (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))


class Received(NamedTuple):
    """A signal to this process, and whether the terminal has sent it to the whole group."""

    number: int
    by_terminal: bool


class Ended(NamedTuple):
    """How a program has ended.

    Attributes:
        code: its exit code, or 128 and the signal that ended it, as in a shell.
        signal: the name of the signal that ended it; `None` if it ended by itself.
        received: the signals that this process got meanwhile.
    """

    code: int
    signal: str | None = None
    received: frozenset[Received] = frozenset()

    @property
    def by_ctrl_c(self) -> bool:
        """Whether Ctrl-C at the terminal ended it."""
        return self.signal == "SIGINT" and Received(signal.SIGINT, True) in self.received

    @property
    def told_to_stop(self) -> int:
        """The signal that told this process to stop; 0 if there was none."""
        numbers = [each.number for each in self.received if each.number in _STOPPING]
        return max(numbers, default=0)

    @property
    def sentence(self) -> str:
        """How it has ended."""
        if self.signal is not None:
            return f"{self.signal} ended the command."
        return f"The command ended with exit code {self.code}."


def can_run() -> bool:
    """Tell whether this system has what `run_program` needs."""
    return hasattr(os, "posix_spawnp")


def run_program(
    words: Sequence[str],
    environment: Mapping[str, str],
    stdin: int = 0,
    *,
    own_group: bool = False,
) -> Ended:
    """Run a program and wait until it has ended.

    Args:
        words: the program, which is looked for on the path, and its arguments.
        environment: its environment variables.
        stdin: the descriptor that it has as standard input.
        own_group: whether it leads a process group of its own. Then what it starts gets the signals
            too, and it cannot read from a terminal.

    Raises:
        OSError: it cannot be started.
    """
    if not words[0]:
        raise FileNotFoundError(ENOENT, os.strerror(ENOENT), "")
    # If they were ignored, the system would not keep the exit code.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    awaited = {number for number in _PASSED_ON if signal.getsignal(number) != signal.SIG_IGN}
    awaited.add(signal.SIGCHLD)

    # Blocked signals wait in a queue: none is lost before the program has started.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    try:
        process_id = start(words, environment, mask, stdin, own_group)
        ended = wait_for(process_id, awaited, own_group)
        late: set[Received] = set()
        while signal.sigpending() & awaited:
            late.add(receive(awaited))
        return ended._replace(received=ended.received | late)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def start(
    words: Sequence[str],
    environment: Mapping[str, str],
    mask: set[int | signal.Signals],
    stdin: int,
    own_group: bool,
) -> int:
    """Start a program, with the signal mask that this process had, and return its process id."""
    defaults = {getattr(signal, name) for name in _IGNORED_BY_PYTHON if hasattr(signal, name)}
    group = 0 if own_group else os.getpgrp()
    streams = [(os.POSIX_SPAWN_DUP2, stdin, 0)] if stdin else []

    def spawn(program: str, *arguments: str) -> int:
        return os.posix_spawnp(
            program,
            [program, *arguments],
            environment,
            file_actions=streams,
            setsigmask=mask,
            setsigdef=defaults,
            setpgroup=group,
        )

    try:
        return spawn(*words)
    except OSError as error:
        if error.errno != ENOEXEC:
            raise
    # A script without a first line that names its interpreter is one of the shell.
    return spawn("/bin/sh", shutil.which(words[0]) or words[0], *words[1:])


def wait_for(process_id: int, awaited: set[signal.Signals], own_group: bool) -> Ended:
    """Wait until a program has ended, and pass signals on to it, or to its group."""
    passed: set[Received] = set()
    while True:
        received = receive(awaited)
        if received.number == signal.SIGCHLD:
            changed, status = os.waitpid(process_id, os.WNOHANG | os.WUNTRACED)
            if not changed:
                continue
            if os.WIFSTOPPED(status):
                stop()
                continue
            return ended(status, frozenset(passed))

        passed.add(received)
        if own_group:
            os.killpg(process_id, received.number)
        elif not received.by_terminal:
            os.kill(process_id, received.number)


def receive(awaited: set[signal.Signals]) -> Received:
    """Wait for one of some blocked signals."""
    if not hasattr(signal, "sigwaitinfo"):  # on macOS
        number = signal.sigwait(awaited)
        keys = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
        return Received(number, number in keys and in_foreground())

    info = signal.sigwaitinfo(awaited)
    by_terminal = info.si_code > 0
    # When a terminal is closed, only the leader of its session is told.
    if info.si_signo == signal.SIGHUP and os.getsid(0) == os.getpid():
        by_terminal = False
    return Received(info.si_signo, by_terminal)


def in_foreground() -> bool:
    """Tell whether the keys of the terminal send signals to this process."""
    try:
        with Path("/dev/tty").open("rb") as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


def stop() -> None:
    """Stop this process too, so that the shell sees a stopped job, until the shell continues it.

    The system ignores this where no shell could continue it, as under cron.
    """
    # Still blocked, it is one with that of the terminal, which may be waiting.
    os.kill(os.getpid(), signal.SIGTSTP)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTSTP})
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTSTP})


def ended(status: int, received: frozenset[Received]) -> Ended:
    """Return how a program has ended, from what `waitpid` says."""
    if not os.WIFSIGNALED(status):
        return Ended(os.WEXITSTATUS(status), None, received)
    number = os.WTERMSIG(status)
    return Ended(128 + number, name_of(number), received)


def name_of(number: int) -> str:
    """Return the name of a signal; those for real-time use have only numbers."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"Signal {number}"
