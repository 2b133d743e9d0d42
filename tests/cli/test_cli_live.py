"""What runs now: one picture, lines on a pipe, and a whole screen that gives the terminal back."""

import os
import re
import signal
import subprocess
from datetime import timedelta

import pytest

from artifact_store import ArtifactFilter
from artifact_store_cli.output.live import Changes, screen_lines
from artifact_store_cli.running import read_picture
from tests.helpers.commandline import SCRIPT, loaded, run
from tests.helpers.live import LEAVES, Screen


@pytest.fixture
def busy(store):
    """A store with an open run that has made progress, and one that has ended."""
    flow = store.create_flow("nightly")
    store.set_flow_run_state(store.create_flow_run(flow.id, name="done").id, "COMPLETED")
    opened = store.create_flow_run(flow.id, name="night-1", tags=["prod"])
    store.set_flow_run_state(opened.id, "RUNNING")
    store.create_artifact(
        key="load",
        type="progress",
        data=25.0,
        metadata={"done": 500, "total": 2000, "rate": 10},
        flow_run_id=opened.id,
    )
    return opened


def test_one_picture_has_open_runs_progress_and_the_newest_artifacts(url, store, busy):
    store.create_artifact(key="sales", type="result", data=1)
    told = run(url, "live", "--once")
    assert told.startswith("1 open run  ")
    assert re.search(r"^nightly  night-1  Running for ", told, re.MULTILINE)
    assert "  ━━━━──────────  25 %  load  500 / 2,000  10/s  about 2 min left\n" in told
    assert "  sales@1  result  " in told
    assert "done" not in told


def test_filters_choose_the_runs(url, store, busy):
    assert run(url, "live", "--once", "--tag", "prod").startswith("1 open run")
    assert run(url, "live", "--once", "--tag", "test").startswith("No open runs")
    assert run(url, "live", "--once", "--flow", "other").startswith("No open runs")


def test_json_has_the_rate_and_the_expected_end(url, store, busy):
    told = loaded(url, "live", "--once")
    [opened] = told["runs"]
    assert opened["flow_run"]["id"] == str(busy.id)
    [progress] = opened["progress"]
    assert (progress["percent"], progress["rate"], progress["total"]) == (25.0, 10, 2000)
    assert progress["expected_end"] > told["time"]


def test_open_runs_are_those_that_started_and_did_not_end(store, busy):
    flow = store.read_flow("nightly")
    store.create_flow_run(flow.id, name="never started")
    assert [each.name for each in store.read_open_flow_runs()] == ["night-1"]
    assert store.read_open_flow_runs(limit=0) == []
    store.set_flow_run_state(busy.id, "FAILED", message="no rows")
    assert store.read_open_flow_runs() == []


@pytest.mark.parametrize("value", ["0", "2x", "99999s", "-1s"])
def test_an_interval_is_a_time(url, store, value):
    assert "expected 0.2s to 60m" in run(url, "live", "--interval", value, code=2)


def test_a_store_that_does_not_exist_is_not_created(tmp_path):
    place = tmp_path / "none.db"
    run(f"sqlite:///{place}", "live", "--once", code=1)
    assert not place.exists()


def test_a_pipe_gets_a_line_for_each_change(url, store, busy):
    command = [*SCRIPT, "--url", url, "live", "--interval", "0.2s"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        first = [child.stdout.readline() for _ in range(2)]
        assert first[0].endswith("nightly / night-1  is open\n")
        assert " load  25 %  500 / 2,000" in first[1]
        store.create_artifact(key="sales", type="result", data=1)
        assert child.stdout.readline().endswith("sales@1  published (result)\n")
        artifact = store.read_artifacts(artifact_filter=ArtifactFilter(key={"any_": ["load"]}))[0]
        store.update_artifact(artifact.id, data=57.0)
        assert " load  57 %" in child.stdout.readline()
        store.set_flow_run_state(busy.id, "FAILED", message="no\x1b[31m rows")
        told = child.stdout.readline()
        assert "nightly / night-1  Failed after " in told
        assert told.endswith(": no\\x1b[31m rows\n")
        child.terminate()


@pytest.fixture
def screen(url, busy):
    shown = Screen(url)
    yield shown
    shown.close()


def test_q_leaves(screen):
    screen.until("night-1")
    os.write(screen.master, b"q")
    assert screen.ended() == 0


def test_ctrl_c_leaves(screen):
    screen.until("night-1")
    os.write(screen.master, b"\x03")
    assert screen.ended() == 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves(screen, number):
    screen.until("night-1")
    screen.child.send_signal(number)
    assert screen.ended() == 128 + number


def test_a_stopped_view_gives_the_terminal_back_and_goes_on(screen):
    screen.until("night-1")
    screen.child.send_signal(signal.SIGTSTP)
    # Linux does not stop a process whose session has no shell, so it goes on at once.
    screen.until(LEAVES)
    screen.until("night-1")
    os.write(screen.master, b"q")
    assert screen.ended() == 0


def test_what_does_not_fit_is_counted_and_follows_the_size(url, store, busy):
    flow = store.read_flow("nightly")
    for number in range(30):
        opened = store.create_flow_run(flow.id, name=f"more-{number}")
        store.set_flow_run_state(opened.id, "RUNNING")
    shown = Screen(url, columns=60, lines=20)
    try:
        shown.until("more runs")
        shown.resize(100, 60)
        shown.child.send_signal(signal.SIGWINCH)
        shown.until("25 %")
        os.write(shown.master, b"q")
        assert shown.ended() == 0
    finally:
        shown.close()


def test_no_colour_where_none_is_wanted(url, busy):
    shown = Screen(url, env={"NO_COLOR": "1"})
    try:
        told = shown.until("25 %")
        assert re.findall(r"\x1b\[[0-9;]*m", told) == []
        os.write(shown.master, b"q")
        assert shown.ended() == 0
    finally:
        shown.close()


def test_a_store_that_is_away_for_a_moment_is_said_on_the_screen(url, screen, tmp_path):
    place, away = tmp_path / "store.db", tmp_path / "away.db"
    screen.until("night-1")
    place.rename(away)
    screen.until("The store is not available")
    away.rename(place)
    screen.until("open run")
    screen.until("Newest artifacts")
    os.write(screen.master, b"q")
    assert screen.ended() == 0


def test_a_run_that_stands_still_is_said_once_on_a_pipe_and_always_on_a_screen(store, busy):
    picture = read_picture(store, {})
    later = picture._replace(time=picture.time + timedelta(minutes=12))
    changes = Changes()
    assert [line for line in changes.lines(picture, {}) if "no update" in line] == []
    [still] = changes.lines(later, {})
    assert still.endswith("nightly / night-1  no update for 12 min")
    assert list(changes.lines(later, {})) == []
    shown = [line.plain for line in screen_lines(later, 24)]
    assert shown[1].endswith("no update for 12 min")
    assert shown[2].endswith("load  500 / 2,000  no update for 12 min")


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(url, busy):
    shown = Screen(url, env={"TERM": "dumb"})
    try:
        assert "\x1b" not in shown.until("is open")
    finally:
        shown.close()
