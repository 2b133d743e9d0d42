"""Watch keys and wait for them on the command line, on both engines, with real processes."""

import json
import select
import signal
import subprocess
from itertools import pairwise

import pytest

from artifact_store import ArtifactStore
from tests.helpers.commandline import SCRIPT
from tests.helpers.processes import wait_for

PROGRAM = " ".join(SCRIPT)


def watching(url, *args):
    """Start a watch with pipes."""
    return subprocess.Popen(
        [*SCRIPT, "--url", url, "watch", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def watched(url, *args):
    """Run a watch that ends by itself."""
    return subprocess.run(
        [*SCRIPT, "--url", url, "watch", *args], capture_output=True, text=True, timeout=60
    )


def refs_of(told):
    return [line.split("\t")[0] for line in told.splitlines()]


def test_versions_are_printed_as_they_come(url, store):
    store.create_artifact(key="sales", data=1)
    with watching(url, "--from-start") as process:
        assert process.stdout.readline().startswith("sales@1\t\t")
        store.create_artifact(key="new", type="result", description="a\tb\nc", data=2)
        assert process.stdout.readline().endswith("Z\ta\\tb\\nc\n")
        store.create_artifacts({"key": "sales", "data": n} for n in (2, 3))
        assert [process.stdout.readline().split("\t")[0] for _ in "ab"] == ["sales@2", "sales@3"]
        process.terminate()
        assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 143


def test_where_a_watch_begins(url, store):
    store.create_artifacts({"key": key, "data": n} for key in ("a", "b") for n in range(3))
    assert refs_of(watched(url, "a", "--from-start", "--limit", "2").stdout) == ["a@1", "a@2"]
    told = watched(url, "a", "b", "--after", "a@2", "--after", "b@1", "--limit", "3").stdout
    assert sorted(refs_of(told)) == ["a@3", "b@2", "b@3"]
    with watching(url, "a", "--json") as process:
        # From now on: what it prints first was created after it had begun.
        wait_for(lambda: publish(store) and select_line(process))
        document = json.loads(process.stdout.readline())
        assert document["key"] == "a"
        assert document["version"] > 3
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130


def publish(store):
    return store.create_artifact(key="a", data=0)


def select_line(process):
    return select.select([process.stdout], [], [], 0.1)[0]


def test_filters_choose_artifacts_and_their_runs(url, store):
    with store.flow_run("nightly", tags=["eu"]):
        store.create_artifact(key="a", type="result", data=1)
        store.create_artifact(key="a", data=2)
    store.create_artifact(key="a", type="result", data=3)
    of = ["--from-start", "--limit", "1"]
    assert refs_of(watched(url, *of, "--flow", "nightly", "--type", "result").stdout) == ["a@1"]
    told = watched(url, *of, "--filter", '{"artifacts": {"version": {"ge_": 2}}}', "--tag", "eu")
    assert refs_of(told.stdout) == ["a@2"]


def test_a_command_gets_the_reference_the_json_and_the_store(url, store):
    store.create_artifact(key="sales", data=[1, "é"])
    script = f'cat; {PROGRAM} show "$ARTIFACT_STORE_REF" --raw'
    done = watched(url, "sales", "--from-start", "--limit", "1", "--exec", script)
    assert (done.returncode, done.stderr) == (0, "")
    first, rest = done.stdout.split("\n", 1)
    assert json.loads(first)["data"] == json.loads(rest) == [1, "é"]


def test_a_command_need_not_read_what_it_gets(url, store):
    store.create_artifact(key="large", data=["x" * 1000] * 1000)
    done = watched(url, "--from-start", "--limit", "1", "--exec", "echo $ARTIFACT_STORE_REF")
    assert (done.returncode, done.stdout, done.stderr) == (0, "large@1\n", "")


def test_the_first_failure_ends_the_watch(url, store, tmp_path):
    store.create_artifacts({"key": "a", "data": n} for n in range(3))
    place = tmp_path / "position.json"
    script = "echo $ARTIFACT_STORE_REF; test $ARTIFACT_STORE_REF != a@2 || exit 7"
    args = ["a", "--from-start", "--position", str(place), "--exec", script, "--limit", "3"]
    done = watched(url, *args)
    assert (done.returncode, done.stdout) == (7, "a@1\na@2\n")
    assert done.stderr == "Error: a@2: The command ended with exit code 7.\n"
    assert json.loads(place.read_text(encoding="utf-8")) == {"a": 1}

    done = watched(url, *args[:-1], "2", "--keep-going")
    assert (done.returncode, done.stdout) == (0, "a@2\na@3\n")
    assert json.loads(place.read_text(encoding="utf-8")) == {"a": 3}


def test_a_watch_goes_on_where_it_stopped(url, store, tmp_path):
    store.create_artifact(key="old", data=1)
    place = tmp_path / "position.json"
    with watching(url, "--position", str(place)) as process:
        wait_for(place.exists)  # before anything has come
        process.kill()
    assert json.loads(place.read_text(encoding="utf-8")) == {"old": 1}
    store.create_artifacts({"key": key, "data": 2} for key in ("old", "new"))
    told = watched(url, "--position", str(place), "--limit", "2").stdout
    assert sorted(refs_of(told)) == ["new@1", "old@2"]
    assert json.loads(place.read_text(encoding="utf-8")) == {"old": 2, "new": 1}
    assert list(tmp_path.glob(".position*")) == []


def test_a_watch_that_is_killed_misses_nothing(url, store, tmp_path):
    store.create_artifacts({"key": f"k{n % 3}", "data": n} for n in range(30))
    place = tmp_path / "position.json"
    seen = tmp_path / "seen"
    script = f"echo $ARTIFACT_STORE_REF >> {seen}"
    count = 0
    while count < 30:
        with watching(url, "--from-start", "--position", str(place), "--exec", script) as process:
            wanted = min(count + 6, 30)
            wait_for(lambda wanted=wanted: len(set(lines_of(seen))) >= wanted)
            process.kill()
        count = len(set(lines_of(seen)))
    told = lines_of(seen)
    for key in ("k0", "k1", "k2"):
        versions = [int(line.partition("@")[2]) for line in told if line.startswith(key)]
        # In order, and none is missing; the one that was handled when the watch was killed may come again.
        assert sorted(set(versions)) == list(range(1, 11))
        assert all(after in (before, before + 1) for before, after in pairwise(versions))


def lines_of(place):
    return place.read_text(encoding="utf-8").splitlines() if place.exists() else []


def test_wait_prints_what_came(url, store):
    command = [*SCRIPT, "--url", url, "wait", "a", "b", "--timeout", "1m"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        store.create_artifact(key="a", data=1)
        assert process.stdout.readline() == "a@1\n"
        store.create_artifact(key="b", data=1)
        assert process.stdout.read() == "b@1\n"
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("handler", "code", "position"),
    [
        ("trap 'echo got; exit 0' TERM", 143, {"a": 1}),
        ("", 143, {}),
        ("trap 'exit 3' TERM", 143, {}),
    ],
)
def test_sigterm_reaches_the_command_once_and_ends_the_watch(
    url, store, tmp_path, handler, code, position
):
    store.create_artifacts({"key": "a", "data": n} for n in range(2))
    place = tmp_path / "position.json"
    script = f"{handler}\necho ready; while :; do sleep 0.05; done"
    args = ["a", "--from-start", "--position", str(place), "--exec", script]
    with watching(url, *args) as process:
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert err in ("", "Terminated\n")  # what the shell says of the sleep in between
    assert out == ("got\n" if "got" in handler else "")
    assert json.loads(place.read_text(encoding="utf-8")) == position
    with ArtifactStore(url) as other:
        assert other.count_artifacts() == 2


def test_sigterm_reaches_all_that_the_command_has_started(url, store):
    """As from systemd or Docker, where no terminal sends it to the whole group."""
    store.create_artifact(key="a")
    script = "sleep 300 & echo $!; sleep 300 | cat; true"
    command = [*SCRIPT, "--url", url, "watch", "a", "--from-start", "--exec", script]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        process.stdout.readline()
        process.terminate()
        # The pipe ends when the last process that holds it has ended.
        assert process.communicate(timeout=60)[0] == ""
    assert process.returncode == 143
