"""Runs every example of the README and of docs/, page by page and from top to bottom."""

import doctest
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

from artifact_store import ArtifactStore, set_default_store

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN, SHOWN = {"python", "console"}, {"bash", "ini", "json", "make", "sql", "text", "yaml"}
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


def runs_in(directory, command):
    """Run a command of a job as CI does, and return its result."""
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", command],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    """The commands of the page about checks, in a directory of their own with a store at `ARTIFACT_STORE_URL`."""
    url = f"sqlite:///{tmp_path / 'docs.db'}"
    monkeypatch.setenv("ARTIFACT_STORE_URL", url)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    scripts = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")

    found = {block.info: block.text for block in blocks(ROOT / "docs/how-to/check.md")}
    (tmp_path / "Makefile").write_text(found["make"], encoding="utf-8")
    (tmp_path / "sales.csv").write_text("region,total\nnorth,12\n", encoding="utf-8")
    workflow = found["yaml"]
    step = textwrap.dedent(workflow[workflow.index("run: |") + len("run: |\n") :])
    cron = found["text"].removeprefix("0 8 * * * ")
    with ArtifactStore(url) as store:
        yield store, {"step": step, "cron": cron, "make": "make publish"}


def test_the_line_for_cron_is_quiet_until_something_is_wrong(jobs, tmp_path):
    store, commands = jobs
    assert "There is no artifact 'sales'" in runs_in(tmp_path, commands["cron"]).stderr
    store.create_table_artifact([{"total": 12}], key="sales")
    done = runs_in(tmp_path, commands["cron"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_makefile_fails_when_the_check_does(jobs, tmp_path):
    assert runs_in(tmp_path, jobs[1]["make"]).returncode == 0
    (tmp_path / "sales.csv").write_text("region,total\n", encoding="utf-8")
    done = runs_in(tmp_path, jobs[1]["make"])
    assert done.returncode == 2
    assert "rows is 0 in sales@2; it must be at least 1." in done.stderr


@pytest.fixture
def run_jobs(tmp_path, monkeypatch):
    """The line for cron and the Makefile of the page about runs, in a directory of their own."""
    url = f"sqlite:///{tmp_path / 'docs.db'}"
    monkeypatch.setenv("ARTIFACT_STORE_URL", url)
    scripts = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")
    found = {block.info: block.text for block in blocks(ROOT / "docs/how-to/shell.md")}
    (tmp_path / "Makefile").write_text(found["make"], encoding="utf-8")
    (tmp_path / "sales.csv").write_text("region,total\nnorth,12\n", encoding="utf-8")
    (tmp_path / "data").mkdir()
    with ArtifactStore(url) as store:
        yield store, found["text"].removeprefix("15 2 * * * ")


def test_the_line_for_cron_records_a_run(run_jobs, tmp_path):
    store, line = run_jobs
    done = runs_in(tmp_path, line)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    [flow_run] = store.read_flow_runs()
    backup = store.read_latest_artifact("backup")
    assert (flow_run.state_type, backup.flow_run_id) == ("COMPLETED", flow_run.id)
    assert backup.data > 0


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_makefile_records_a_run_and_fails_with_its_command(run_jobs, tmp_path):
    store, _ = run_jobs
    assert runs_in(tmp_path, "make load").returncode == 0
    (tmp_path / "sales.csv").unlink()
    assert runs_in(tmp_path, "make load").returncode == 2
    states = [each.state_type for each in store.read_flow_runs()]
    assert states == ["FAILED", "COMPLETED"]


def test_the_job_of_github_actions_fails_when_accuracy_falls(jobs, tmp_path):
    store, commands = jobs
    for accuracy in (0.93, 0.91, 0.9):
        store.create_artifact(key="model", data={"acc": accuracy})
    store.set_alias("model", "prod", 2)
    assert runs_in(tmp_path, commands["step"]).returncode == 0
    store.set_alias("model", "prod", 1)
    done = runs_in(tmp_path, commands["step"])
    assert (done.returncode, done.stdout) == (1, "")
    assert "data.acc fell by 0.03, from 0.93 in model@1 to 0.9 in model@3" in done.stderr
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert re.findall("^[✅❌]", summary, re.MULTILINE) == ["✅", "❌"]
