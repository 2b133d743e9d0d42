"""What is longer than the terminal goes through a pager, and what takes long says so."""

import re
import shutil
import subprocess
import sys

import pytest

from artifact_store_cli.output import pager as pagers
from tests.helpers.commandline import on_terminal, piped, program_on_terminal


@pytest.fixture
def many(store):
    return store.create_artifacts(
        {"key": f"key/{n:02}", "type": "result", "data": n} for n in range(40)
    )


@pytest.mark.parametrize(
    "args", [["ls"], ["ls", "--json"], ["ls", "--csv"], ["ls", "--ndjson"], ["tree"]]
)
def test_what_is_longer_than_the_terminal_is_paged(url, many, args):
    pager = {"PAGER": "sed 's/^/paged: /'"}
    code, screen = on_terminal(url, *args, env=pager, lines=20)
    assert code == 0
    assert screen.count("paged: ") >= 40
    for unpaged in (
        on_terminal(url, *args, "--no-pager", env=pager, lines=20),
        on_terminal(url, *args, env={**pager, "TERM": "dumb"}, lines=20),
        on_terminal(url, *args, env={"PAGER": ""}, lines=20),
        on_terminal(url, *args, "--key", "key/07", env=pager, lines=100),
    ):
        assert unpaged[0] == 0
        assert "paged" not in unpaged[1]
        assert "key/07" in unpaged[1]
    assert "paged" not in piped(url, *args, env=pager).stdout


def test_what_just_fits_is_not_paged(url, many):
    pager = {"PAGER": "sed 's/^/paged: /'"}
    assert "paged" not in on_terminal(url, "ls", "--limit", "40", env=pager, lines=42)[1]
    assert "paged" in on_terminal(url, "ls", "--limit", "40", env=pager, lines=41)[1]
    assert (
        "paged"
        in on_terminal(url, "ls", "--limit", "40", "--csv", env=pager, lines=40, columns=20)[1]
    )


def test_notes_come_below_the_pager(url, many):
    screen = on_terminal(url, "ls", "--limit", "30", env={"PAGER": "cat; echo left"}, lines=20)[1]
    assert screen.rstrip().endswith(
        "left\nThere are more: --offset 30 continues, --limit 0 lists all."
    )


@pytest.mark.parametrize("pager", ["no-such-pager", "exit 3", "kill -9 $$", "/dev/null"])
def test_a_broken_pager_is_as_none(url, many, pager):
    code, screen = on_terminal(url, "ls", env={"PAGER": pager}, lines=20)
    assert code == 0
    assert [f"key/{n:02}" in screen for n in range(40)] == [True] * 40
    assert "Traceback" not in screen


def test_a_pager_that_is_left_early_ends_the_output_quietly(url, store):
    store.create_artifacts({"key": f"k{n}", "data": "x" * 1000} for n in range(2_000))
    for args in (["ls", "--limit", "0", "--ndjson"], ["ls", "--limit", "0"], ["tree"]):
        code, screen = on_terminal(url, *args, env={"PAGER": "head -2"})
        assert (code, screen.count("\n") <= 4) == (0, True), screen


@pytest.mark.skipif(shutil.which("less") is None, reason="there is no less")
@pytest.mark.parametrize("typed", ["q", ("\x03", "q")])  # less takes Ctrl-C as its own
def test_less_keeps_colours_and_leaves_at_q(url, many, typed):
    code, screen = on_terminal(
        url, "ls", env={"PAGER": "less"}, typed=typed, question=":", lines=20
    )
    assert code == 0
    assert "\x1b[1mkey" in screen
    assert "ESC" not in screen
    assert "Traceback" not in screen


def test_ctrl_c_at_a_pager_that_obeys_it(url, many):
    pager = "head -1; exec sleep 1000"
    code, screen = on_terminal(
        url, "ls", typed="\x03", question="key", env={"PAGER": pager}, lines=20
    )
    assert code == 130
    assert "Traceback" not in screen


def test_without_a_pager_of_ones_own_it_is_less_or_more(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("PAGER", raising=False)
    found = {"more"}
    monkeypatch.setattr(pagers.shutil, "which", lambda name: name in found)
    assert pagers._pager() == "more"
    found.add("less")
    assert pagers._pager() == "less"
    found.clear()
    assert pagers._pager() is None


@pytest.mark.parametrize(
    "env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}]
)
@pytest.mark.parametrize("args", [["ls"], ["tree"], ["show", "key/07"], ["info"]])
def test_no_escape_sequence_where_none_is_wanted(url, many, args, env):
    code, screen = on_terminal(url, *args, env=env, columns=60)
    assert code == 0
    assert "\x1b" not in screen
    assert max(map(len, screen.splitlines())) <= 60 or args == ["info"]


def test_force_color_does_not_colour_a_pipe(url, many):
    plain = piped(url, "ls").stdout
    assert piped(url, "ls", env={"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}).stdout == plain
    assert "\x1b" not in plain


WAITING = """
import time
from artifact_store_cli.output.progress import with_progress, working
with working("Checking every key"):
    time.sleep({0})
for _ in with_progress(range(4), 4, "Listing"):
    time.sleep({0} / 4)
print("done")
"""


def test_what_takes_long_says_so_on_standard_error_of_a_terminal(tmp_path):
    code, screen = program_on_terminal([sys.executable, "-c", WAITING.format(1.5)])
    assert code == 0
    assert "Checking every key" in screen
    assert re.search(r"Listing .*[1-3]/4", screen)
    with (tmp_path / "out").open("w") as out:
        screen = program_on_terminal([sys.executable, "-c", WAITING.format(1.5)], stdout=out)[1]
    assert "Checking every key" in screen
    assert (tmp_path / "out").read_text() == "done\n"


def test_what_is_quick_or_seen_by_nobody_shows_nothing():
    assert program_on_terminal([sys.executable, "-c", WAITING.format(0.1)])[1] == "done\n"
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert (
            program_on_terminal([sys.executable, "-c", WAITING.format(0.8)], env=env)[1] == "done\n"
        )
    done = subprocess.run(
        [sys.executable, "-c", WAITING.format(0.8)], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_a_long_list_into_a_file_is_counted(url, many, tmp_path):
    for form in ("--ndjson", "--csv"):
        with (tmp_path / "out").open("w") as out:
            assert on_terminal(url, "ls", "--limit", "0", form, stdout=out)[0] == 0
        assert (tmp_path / "out").read_text().count("\n") == 40 + (form == "--csv")
