"""A pager for output that is longer than the terminal, and notes on standard error."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import click

from .screen import height, width
from .text import is_terminal, safe

__all__ = ["note", "paging"]

_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_SHELL = set("|&;<>()$`\\\"'*?[#~=%\n")  # characters of a command that needs a shell
_KEPT = 1 << 20  # characters; a pager that has read so many has started without an error


def note(sentence: str) -> None:
    """Print a sentence on standard error; if a pager is used, after it has ended."""
    if isinstance(sys.stdout, _Paged):
        sys.stdout.notes.append(sentence)
    else:
        click.echo(safe(sentence), err=True)


@contextmanager
def paging(wanted: bool) -> Iterator[None]:
    """Context manager that shows output in a pager if it is longer than the terminal that it goes to.

    Leaving the pager early ends the output, and is not an error. If the pager cannot be run, or fails, the
    output is printed without it.

    Args:
        wanted: whether to use a pager at all.
    """
    pager = _pager() if wanted and is_terminal() else None
    if pager is None:
        yield
        return
    terminal = sys.stdout
    paged = _Paged(terminal, pager)
    sys.stdout = paged
    try:
        try:
            yield
        finally:
            paged.end()
    except _Left:
        pass
    finally:
        sys.stdout = terminal
        for sentence in paged.notes:
            note(sentence)


def _pager() -> str | None:
    """Return the command of the pager; `None` if there is none, or the environment turns it off."""
    if os.environ.get("TERM", "dumb") == "dumb":
        return None
    command = os.environ.get("PAGER")
    if command is None:
        installed = filter(shutil.which, ("less", "more"))
        return next(installed, None)
    return None if command.strip() in ("", "cat") else command


class _Left(Exception):
    """The user has left the pager."""


class _Paged(io.TextIOBase):
    """Standard output that starts a pager once it has more lines than the terminal."""

    def __init__(self, terminal: TextIO, pager: str) -> None:
        self.notes: list[str] = []
        self._terminal = terminal
        self._pager = pager
        self._process: subprocess.Popen[bytes] | None = None
        self._kept: list[str] = []
        self._size = 0  # characters
        self._lines = 0
        self._bare = False  # the pager has failed, so output goes to the terminal
        self._over = False  # the pager has ended

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._terminal.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self._terminal.errors

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._terminal.fileno()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(text)  # click tries bytes to find out what the stream takes
        if self._bare:
            return self._terminal.write(text)
        if self._size < _KEPT:
            self._kept.append(text)
            self._size += len(text)
        if self._process is not None:
            self._feed(text)
        else:
            self._lines += _height(text)
            if self._lines >= height():
                self._start()
        return len(text)

    def flush(self) -> None:
        if self._bare:
            self._terminal.flush()

    def end(self) -> None:
        """Write output that fits the terminal, or wait until the user leaves the pager."""
        if self._process is not None:
            self._wait()
        elif not self._bare and not self._over:
            self._print_bare()
        self._terminal.flush()

    def _start(self) -> None:
        environment = {"LESS": "FRX", "LV": "-c", **os.environ}
        self._terminal.flush()
        try:
            # Without need no shell: it would receive the Ctrl-C that is meant for the pager.
            needs_shell = not _SHELL.isdisjoint(self._pager)
            self._process = subprocess.Popen(
                self._pager if needs_shell else self._pager.split(),
                shell=needs_shell,
                stdin=subprocess.PIPE,
                env=environment,
            )
        except OSError:
            self._print_bare()
        else:
            self._feed("".join(self._kept))

    def _feed(self, text: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(text.encode(self.encoding, self.errors or "strict"))
            self._process.stdin.flush()
        except BrokenPipeError:
            self._wait()
            if not self._bare:
                raise _Left from None

    def _wait(self) -> None:
        """Wait until the pager ends, which handles Ctrl-C itself; if it has failed, print everything."""
        assert self._process is not None
        process = self._process
        self._process = None
        self._over = True
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            process.communicate()  # closes the pipe, without an error if it is broken
        finally:
            signal.signal(signal.SIGINT, before)
        if process.returncode in (-signal.SIGINT, 128 + signal.SIGINT):
            raise KeyboardInterrupt
        if process.returncode and self._size < _KEPT:
            self._print_bare()

    def _print_bare(self) -> None:
        self._bare = True
        self._terminal.write("".join(self._kept))
        self._kept.clear()


def _height(text: str) -> int:
    """Return how many lines of the terminal a text takes."""
    columns = max(width(), 1)
    lines = _SEQUENCE.sub("", text).split("\n")
    if text.isascii():
        widths = [len(line) for line in lines]
    else:
        from rich.cells import cell_len

        widths = [cell_len(line) for line in lines]
    folds = sum(max(line_width - 1, 0) // columns for line_width in widths)
    return folds + len(lines) - 1
