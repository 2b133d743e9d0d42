"""A pager for output that is longer than the terminal, and notes beside the output."""

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
_SHELL = set("|&;<>()$`\\\"'*?[#~=%\n")  # what only a shell understands
_KEPT = 1 << 20  # characters: a pager that has taken so many has started well


def note(sentence: str) -> None:
    """Say something beside the output, on standard error; below a pager, once it is left."""
    if isinstance(sys.stdout, _Paged):
        sys.stdout.notes.append(sentence)
    else:
        click.echo(safe(sentence), err=True)


@contextmanager
def paging(wanted: bool) -> Iterator[None]:
    """Show in a pager what is written meanwhile, if it goes to a terminal and is longer than it.

    Leaving the pager early ends the output, and is no error. A pager that cannot be run, or fails, is as none.
    """
    pager = _pager() if wanted and is_terminal() else None
    if pager is None:
        yield
        return
    terminal, sys.stdout = sys.stdout, _Paged(sys.stdout, pager)
    screen = sys.stdout
    try:
        try:
            yield
        finally:
            screen.end()
    except _Left:
        pass
    finally:
        sys.stdout = terminal
        for sentence in screen.notes:
            note(sentence)


def _pager() -> str | None:
    """Return the command of the pager, which a shell understands; `None` when there is none, or it is not wanted."""
    if os.environ.get("TERM", "dumb") == "dumb":
        return None
    given = os.environ.get("PAGER")
    if given is None:
        return next(filter(shutil.which, ("less", "more")), None)
    return None if given.strip() in ("", "cat") else given


class _Left(Exception):
    """The person has left the pager."""


class _Paged(io.TextIOBase):
    """Standard output that starts a pager once it has more lines than the terminal."""

    def __init__(self, terminal: TextIO, pager: str) -> None:
        self.notes: list[str] = []
        self._terminal, self._pager = terminal, pager
        self._process: subprocess.Popen[bytes] | None = None
        self._kept: list[str] = []
        self._size = self._lines = 0
        self._bare = False  # the pager did not work
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
            raise TypeError(text)  # which is how click finds out what it writes to
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
        """Write what fits the terminal, or wait until the person leaves the pager."""
        if self._process is not None:
            self._wait()
        elif not self._bare and not self._over:
            self._print_bare()
        self._terminal.flush()

    def _start(self) -> None:
        environment = {"LESS": "FRX", "LV": "-c", **os.environ}
        self._terminal.flush()
        try:
            # A shell between, where none is needed, would take Ctrl-C that is meant for the pager.
            shell = not _SHELL.isdisjoint(self._pager)
            command = self._pager if shell else self._pager.split()
            self._process = subprocess.Popen(
                command, shell=shell, stdin=subprocess.PIPE, env=environment
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
        """Wait for the end of the pager, which takes Ctrl-C as its own, and print everything when it has failed."""
        assert self._process is not None
        process, self._process, self._over = self._process, None, True
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            process.communicate()  # closes the pipe, quietly where it is broken
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
        return sum(max(len(line) - 1, 0) // columns for line in lines) + len(lines) - 1
    from rich.cells import cell_len

    return sum(max(cell_len(line) - 1, 0) // columns for line in lines) + len(lines) - 1
