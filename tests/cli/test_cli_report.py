"""`artifact-store report`, on a pipe and on a terminal."""

import os
import subprocess
import time

import pytest

from tests.helpers.commandline import SCRIPT, loaded, on_terminal, run


@pytest.fixture(autouse=True)
def artifacts(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flow_run = store.create_flow_run(store.create_flow("nightly").id, tags=["prod"])
    store.create_artifact(key="sales/north", type="table", data=[{"n": 1}], flow_run_id=flow_run.id)
    store.create_artifact(key="sales/north", type="table", data=[{"n": 2}], flow_run_id=flow_run.id)
    store.create_artifact(key="load", type="progress", data=40)


def text(path):
    return path.read_text(encoding="utf-8")


def test_it_writes_a_file_and_says_so(url, tmp_path):
    assert run(url, "report").startswith("Wrote report.html: 2 artifacts, 3 versions, ")
    assert "<title>Artifacts</title>" in text(tmp_path / "report.html")
    code, screen = on_terminal(url, "report", "-o", "again.html")
    assert (code, screen.split(",")[0]) == (0, "Wrote again.html: 2 artifacts")


def test_options(url, tmp_path):
    run(
        url,
        "report",
        "-o",
        "x.html",
        "--title",
        "<North>",
        "--like",
        "north",
        "--flow",
        "nightly",
        "--tag",
        "prod",
    )
    page = text(tmp_path / "x.html")
    assert '<h1 tabindex="-1">&lt;North&gt;</h1>' in page
    assert 'href="#sales/north"' in page
    assert 'href="#load"' not in page
    made = loaded(
        url, "report", "--output", "x.html", "--versions", "1", "--limit", "1", "--sort", "key_desc"
    )
    size = (tmp_path / "x.html").stat().st_size
    assert made == {"file": str(tmp_path / "x.html"), "artifacts": 1, "versions": 1, "size": size}
    assert "@2</td>" in text(tmp_path / "x.html")


def test_standard_output_is_the_page_alone(url, tmp_path):
    done = subprocess.run(
        [*SCRIPT, "--url", url, "report", "-o", "-"], capture_output=True, check=True
    )
    assert done.stdout.startswith(b"<!doctype html>")
    assert done.stdout.endswith(b"</html>\n")
    assert done.stderr == b""
    command = f"{' '.join(SCRIPT)} --url {url} report -o - | head -c 20"
    closed = subprocess.run(["bash", "-c", command], capture_output=True)
    assert (closed.stdout, closed.stderr) == (b"<!doctype html>\n<htm", b"")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-o", "."], 2, "Error: . is a directory: name a file in it."),
        (
            ["-o", "none/x.html"],
            2,
            "Error: none/x.html is in no directory that exists: make it first.",
        ),
        (["-o", "-", "--open"], 2, "--open needs a file: name one with --output."),
        (["-o", "-", "--json"], 2, "--json needs a file: name one with --output."),
        (["--versions", "0"], 2, "--versions"),
        (["--sort", "size"], 2, "--sort"),
        (["--filter", '{"colour": {}}'], 2, "colour"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(url, arguments, code, message):
    assert message in run(url, "report", *arguments, code=code)


def test_it_is_opened_in_the_browser(url, tmp_path, monkeypatch):
    program = tmp_path / "xdg-open"
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/opened\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    subprocess.run([*SCRIPT, "--url", url, "report", "--open"], check=True)
    deadline, wanted = time.monotonic() + 10, f"{tmp_path}/report.html"
    while not ((tmp_path / "opened").exists() and text(tmp_path / "opened") == wanted):
        assert time.monotonic() < deadline
        time.sleep(0.02)
