"""`artifact-store live` on PostgreSQL: what it draws, and a server that stops and starts again."""

import os
import subprocess

import pytest

from artifact_store import ArtifactStore
from tests.helpers.commandline import SCRIPT, loaded
from tests.helpers.live import Screen
from tests.helpers.servers import Server


@pytest.fixture
def server():
    """A server of its own, which a test may stop."""
    with Server(tcp=True) as running:
        yield running


def address(server):
    return f"{server.tcp_url}&timeout=1"


@pytest.fixture
def busy(server):
    """The address of a store with an open run that has made progress."""
    url = address(server)
    with ArtifactStore(url) as store:
        opened = store.create_flow_run(store.create_flow("nightly").id, name="night-1")
        store.set_flow_run_state(opened.id, "RUNNING")
        counts = {"done": 500, "total": 2000, "rate": 10}
        store.create_artifact(
            key="load", type="progress", data=25.0, metadata=counts, flow_run_id=opened.id
        )
    return url


def test_a_screen_goes_on_when_the_server_was_started_again(server, busy):
    shown = Screen(busy)
    try:
        shown.until("night-1")
        shown.until("500 / 2,000")
        server.stop()
        shown.until("The store is not available")
        server.start()
        with ArtifactStore(busy) as store:
            store.create_artifact(key="afterwards", data=1)
        shown.until("afterwards@1")
        os.write(shown.master, b"q")
        assert shown.ended() == 0
    finally:
        shown.close()


def test_a_pipe_goes_on_when_the_server_was_started_again(server, busy):
    command = [*SCRIPT, "--url", busy, "live", "--interval", "0.2s"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline().endswith("nightly / night-1  is open\n")
        server.stop()
        assert "The store is not available" in child.stderr.readline()
        server.start()
        assert "The store is available again" in child.stderr.readline()
        with ArtifactStore(busy) as store:
            store.create_artifact(key="afterwards", type="result", data=1)
        assert "load  25 %" in child.stdout.readline()
        assert child.stdout.readline().endswith("afterwards@1  published (result)\n")
        child.terminate()


def test_one_picture_is_the_same_on_each_engine(server, busy):
    [opened] = loaded(busy, "live", "--once")["runs"]
    [progress] = opened["progress"]
    assert (progress["percent"], progress["rate"], progress["total"]) == (25.0, 10, 2000)
