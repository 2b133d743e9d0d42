"""Every example of the README and of docs/ runs, page by page, in the order in which it is read."""

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
    text = page.read_text(encoding="utf-8")
    fences = re.findall(r"^ *(?:```|~~~)", text, re.MULTILINE)
    assert len(fences) == 2 * len(FENCE.findall(text)), (
        f"{page.name}: every block opens and closes with three backticks"
    )
    for found in FENCE.finditer(text):
        yield Block(
            found[2].strip(), textwrap.dedent(found[3]), text.count("\n", 0, found.start(3)) + 1
        )


def run_python(block, namespace, where):
    if ">>>" not in block.text:
        exec(compile("\n" * (block.line - 1) + block.text, where, "exec"), namespace)
        return
    example = doctest.DocTestParser().get_doctest(
        block.text, namespace, where, where, block.line - 1
    )
    example.globs = namespace
    report = []
    doctest.DocTestRunner(optionflags=FLAGS).run(example, out=report.append, clear_globs=False)
    assert not report, "".join(report)


def run_console(block, exports, where):
    assert block.text.startswith("$ "), f"{where}: a console block begins with a command"
    for found in PROMPT.finditer(block.text):
        command, wanted = found[1].replace("\n> ", "\n"), found[2].rstrip()
        assert command.startswith(COMMANDS), (
            f"{where}: `{command}` is not for a console block: tag it bash"
        )
        if command.startswith("export "):
            exports.append(command)
        script = "\n".join(["set -o pipefail", *exports, command])
        done = subprocess.run(
            ["bash", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert (done.returncode == 0) != ("Error:" in wanted), f"{where}: {command}\n{done.stdout}"
        same = not wanted or doctest.OutputChecker().check_output(f"{wanted}\n", done.stdout, FLAGS)
        assert same, (
            f"{where}: {command}\n--- the page says\n{wanted}\n--- it printed\n{done.stdout}"
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_examples_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARTIFACT_STORE_URL", f"sqlite:///{tmp_path / 'docs.db'}")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv(
        "PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    )
    namespace, exports = {"__name__": "__main__"}, []
    before = set_default_store(None)
    try:
        for block in blocks(page):
            where = f"{page.relative_to(ROOT)}:{block.line}"
            assert block.info in RUN | SHOWN, (
                f"{where}: ```{block.info} is neither run ({RUN}) nor shown ({SHOWN})"
            )
            if block.info == "python":
                run_python(block, namespace, where)
            elif block.info == "console":
                run_console(block, exports, where)
    finally:
        for value in (set_default_store(before), *namespace.values()):
            if isinstance(value, ArtifactStore):
                value.close()
