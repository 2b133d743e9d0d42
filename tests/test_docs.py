"""Runs every example of the README and of docs/, page by page and from top to bottom."""

import doctest
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

from artifact_store import ArtifactStore, set_default_store

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN, SHOWN = {"python", "console"}, {"bash", "ini", "json", "sql", "text"}
COMMANDS = ("artifact-store", "cat", "echo", "export", "printf")
FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1``` *$", re.MULTILINE | re.DOTALL)
PROMPT = re.compile(r"^\$ (.*(?:\n> .*)*)\n?((?:(?!\$ ).*\n?)*)", re.MULTILINE)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    """A fenced block of a page, and the line on which its text begins."""

    info: str
    text: str
    line: int


def blocks(page):
    """Yield the fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    fences = re.findall(r"^ *(?:```|~~~)", text, re.MULTILINE)
    balanced = len(fences) == 2 * len(FENCE.findall(text))
    assert balanced, f"{page.name}: every block opens and closes with three backticks"

    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start(3)) + 1
        yield Block(found[2].strip(), textwrap.dedent(found[3]), line)


def run_python(block, namespace, where):
    """Run a block of Python, as a doctest if it has prompts; tracebacks show its lines in the page."""
    first_line = block.line - 1
    if ">>>" not in block.text:
        exec(compile("\n" * first_line + block.text, where, "exec"), namespace)
        return

    parser = doctest.DocTestParser()
    example = parser.get_doctest(block.text, namespace, where, where, first_line)
    example.globs = namespace  # not a copy: the next blocks see what this one defines
    report = []
    doctest.DocTestRunner(optionflags=FLAGS).run(example, out=report.append, clear_globs=False)
    assert not report, "".join(report)


def run_console(block, exports, where):
    """Run the commands of a block and compare what they print; what is exported stays so for the page."""
    assert block.text.startswith("$ "), f"{where}: a console block begins with a command"
    for found in PROMPT.finditer(block.text):
        command = found[1].replace("\n> ", "\n")
        expected = found[2].rstrip()
        known = command.startswith(COMMANDS)
        assert known, f"{where}: `{command}` is not for a console block: tag it bash"
        if command.startswith("export "):
            exports.append(command)

        script = "\n".join(["set -o pipefail", *exports, command])
        result = subprocess.run(
            ["bash", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        printed = result.stdout
        failed = result.returncode != 0
        assert failed == ("Error:" in expected), f"{where}: {command}\n{printed}"
        if expected:
            same = doctest.OutputChecker().check_output(f"{expected}\n", printed, FLAGS)
            assert same, f"{where}: {command}\n--- expected\n{expected}\n--- printed\n{printed}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_examples_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARTIFACT_STORE_URL", f"sqlite:///{tmp_path / 'docs.db'}")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    scripts = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")

    namespace = {"__name__": "__main__"}
    exports = []
    default_store = set_default_store(None)
    try:
        for block in blocks(page):
            where = f"{page.relative_to(ROOT)}:{block.line}"
            known = block.info in RUN | SHOWN
            assert known, f"{where}: ```{block.info} is neither run ({RUN}) nor shown ({SHOWN})"
            if block.info == "python":
                run_python(block, namespace, where)
            elif block.info == "console":
                run_console(block, exports, where)
    finally:
        for value in (set_default_store(default_store), *namespace.values()):
            if isinstance(value, ArtifactStore):
                value.close()
