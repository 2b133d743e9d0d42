"""What it takes to start: importing the package, and the command line's --help, in new interpreters."""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from .measure import Line, compared, in_turns

__all__ = ["measured"]

_OURS = ("import artifact_store", "from artifact_store import ArtifactStore")
_THEIRS = {
    # What they load at once: like ours, pydantic imports next to nothing before one of its names is used.
    "import peewee, pydantic, click": (_OURS[0], "import peewee, pydantic, click"),
    "its dependencies as it uses them": (
        _OURS[1],
        "import peewee, uuid_utils.compat; from pydantic import BaseModel, TypeAdapter",
    ),
}


def _seconds(command: list[str], environment: dict[str, str], _: int) -> float:
    """Return the processor time of a command: starting waits for nothing, so that is what it takes when left alone."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def _environment(bytecode: str) -> dict[str, str]:
    """Return an environment in which every module is compiled once, as it is when a package is installed."""
    inherited = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    return {**inherited, "PYTHONPYCACHEPREFIX": bytecode}


def measured(wanted: Callable[[str], bool], rounds: int) -> Iterator[Line]:
    """Measure starting, each time in a new interpreter."""
    if not wanted("import") and not wanted("--help"):
        return
    script = str(Path(sys.executable).with_name("artifact-store"))
    codes = {*_OURS, *(code for _, code in _THEIRS.values())}
    commands = {code: [sys.executable, "-c", code] for code in sorted(codes)}
    commands["help"] = [script, "--help"]
    with tempfile.TemporaryDirectory() as bytecode:
        ways = [partial(_seconds, command, _environment(bytecode)) for command in commands.values()]
        for way in ways:
            way(0)
        times = dict(zip(commands, in_turns(ways, max(rounds, 15)), strict=True))
    for name, (ours, theirs) in _THEIRS.items():
        line = Line("starting", f"{ours}, against {name}", "", 0, 1.15)
        yield compared(line, times[ours], times[theirs])
    line = Line("starting", f"artifact-store --help, against {_OURS[1]}", "", 0, 1.3)
    yield compared(line, times["help"], times[_OURS[1]])
