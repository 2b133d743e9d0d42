"""Runs programs that draw bars, on a terminal and with pipes."""

import os
import re
import subprocess
import sys
import textwrap

from tests.helpers.commandline import program_on_terminal

__all__ = ["BEGINNING", "WITHOUT_CI", "on_pipe", "on_terminal", "program", "screen_of"]

BEGINNING = """
    import os, sys, threading, time
    from artifact_store import ArtifactStore
    store = ArtifactStore(os.environ.get("STORE", "sqlite:///:memory:"))
    streams = sys.stdout, sys.stderr, sys.excepthook
"""
WITHOUT_CI = {"CI": "", "PYTHONUNBUFFERED": "1"}


def program(code):
    """Return the command that runs some code with a store."""
    return [sys.executable, "-c", textwrap.dedent(BEGINNING) + textwrap.dedent(code)]


def on_terminal(code, code_expected=0, env=(), **options):
    """Run code on a terminal; return what was sent to it."""
    exit_code, told = program_on_terminal(program(code), env={**WITHOUT_CI, **dict(env)}, **options)
    assert exit_code == code_expected, told
    return told


def on_pipe(code, env=()):
    """Run code with pipes; return what it wrote to standard error."""
    environment = {**os.environ, **WITHOUT_CI, **dict(env)}
    run = subprocess.run(program(code), env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stderr


def screen_of(told):
    """Return the lines that a terminal shows in the end, without colours."""
    lines, row = [""], 0
    for part in re.split(r"(\n|\r|\x1b\[[0-9;?]*[A-Za-z])", told):
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == "\x1b[2K":
            lines[row] = ""
        elif re.fullmatch(r"\x1b\[\d*A", part):
            row -= int(part[2:-1] or 1)
        elif part != "\r" and not part.startswith("\x1b["):
            lines[row] += part
    return "\n".join(lines).rstrip("\n").split("\n")
