"""Lists and trees in every form that they are printed in."""

import csv
import io
import json
import resource
import subprocess
import sys

import pytest
from click.testing import CliRunner

from artifact_store_cli import main
from tests.helpers.commandline import SCRIPT, loaded, on_terminal, run

ODD = 'a,"b"\r\nc\td\r=1+1 é'


@pytest.fixture
def nightly(store):
    """A flow with a run of two tasks, one of which has failed, and a run without artifacts; and some without a run."""
    flow = store.create_flow("nightly")
    night = store.create_flow_run(flow.id, name="night-1")
    store.set_flow_run_state(night.id, "RUNNING")
    load = store.create_task_run(night.id, name="load")
    check = store.create_task_run(night.id, name="check")
    store.set_task_run_state(load.id, "COMPLETED")
    store.set_task_run_state(check.id, "FAILED", "Broke")
    of_load = {"flow_run_id": night.id, "task_run_id": load.id}
    store.create_artifact(key="rows", type="table", data=[{"a": 1}], **of_load)
    store.create_artifact(key="rows", type="table", data=[{"a": 2}], **of_load)
    store.create_artifact(key="report", type="markdown", data="# Hi", flow_run_id=night.id)
    store.create_flow_run(store.create_flow("idle").id, name="idle-1")
    store.create_artifact(key="far", data=1, flow_run_id="01890000-0000-7000-8000-000000000000")
    store.create_artifact(type="link", data={"link": "https://example.com"})
    return night


# ls


def test_ndjson_is_an_artifact_a_line(url, nightly):
    for args in (
        [],
        ["--all"],
        ["--all", "--limit", "2", "--offset", "1"],
        ["--limit", "0"],
        ["--limit", "1001"],
    ):
        lines = run(url, "ls", "--ndjson", *args).splitlines()
        assert [json.loads(line) for line in lines if not line.startswith("There are")] == loaded(
            url, "ls", *args
        )
    far = CliRunner().invoke(
        main, ["--url", url, "ls", "--all", "--ndjson", "--limit", "0", "--offset", "4"]
    )
    assert len(far.stdout.splitlines()) == 1


def test_ndjson_of_everything_needs_the_memory_of_a_page(url, store):
    store.create_artifacts(
        {"key": f"k{n % 40}", "data": f"{n:08}" * 5_000} for n in range(4_000)
    )  # 160 MB
    limit = 400 << 20  # of address space beyond what the program takes without it
    script = f"""
import resource, sys
from artifact_store_cli.__main__ import run
import artifact_store
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + {limit // 4}, -1))
sys.argv[1:] = ["--url", {url!r}, "ls", "--all", "--limit", "0", "--ndjson"]
run()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 4_000
    assert resource.getpagesize()


def test_csv_comes_back_as_it_was_stored(url, store):
    store.create_artifact(key="k", type="table", description=ODD, data=[])
    store.create_artifact(key="j", description="\x1b[31m", data=1)
    printed = subprocess.check_output([*SCRIPT, "--url", url, "ls", "--csv"]).decode()
    found = list(csv.DictReader(io.StringIO(printed, newline="")))
    assert [row["description"] for row in found] == ["\x1b[31m", ODD]
    assert [*found[0]] == ["key", "version", "type", "description", "updated", "run"]
    assert run(url, "ls", "--csv").splitlines()[1].startswith(r"j,1,,")
    assert "\\x1b[31m" in on_terminal(url, "ls", "--csv")[1]


@pytest.mark.parametrize(
    "forms", [("--json", "--csv"), ("--ndjson", "--json"), ("--csv", "--ndjson", "--json")]
)
@pytest.mark.parametrize("command", [["ls"], ["tree"], ["history", "k"]])
def test_forms_exclude_each_other(url, command, forms):
    told = run(url, *command, *forms, code=2)
    assert "cannot be used together." in told
    assert all(form in told for form in forms)


# Numbers


@pytest.fixture
def model(store):
    return store.create_artifacts(
        {"key": "model", "type": "result", "data": {"accuracy": n}, "metadata": {"loss": 1 - n}}
        for n in (0.25, 0.5, 0.75)
    )


def test_history(url, store, model):
    rows = [line.split("\t") for line in run(url, "history", "model").splitlines()]
    columns = ["version", "type", "description", "updated", "run", "value", "changes", "id"]
    assert rows[0] == columns
    changes = "`accuracy` 0.{} → 0.{} (+0.25); `metadata.loss` 0.{} → 0.{} (-0.25)"
    assert [(row[0], *row[5:]) for row in rows[1:]] == [
        ("3", "0.25", changes.format(5, 75, 5, 25), str(model[2].id)),
        ("2", "0.5", changes.format(25, 5, 75, 5), str(model[1].id)),
        ("1", "0.75", "", str(model[0].id)),
    ]
    assert list(csv.reader(io.StringIO(run(url, "history", "model", "--csv")))) == rows
    found = loaded(url, "history", "model", "--field", "data.accuracy")
    assert [(each["version"], each["field"], each["value"]) for each in found] == [
        (3, "data.accuracy", 0.75),
        (2, "data.accuracy", 0.5),
        (1, "data.accuracy", 0.25),
    ]
    assert "data" not in found[0]
    newest = run(url, "history", "model", "--limit", "1", "--ndjson", "--field", "loss")
    assert json.loads(newest.splitlines()[0])["value"] == 0.25
    assert "There is no key 'nope'." in run(url, "history", "nope", code=1)
    assert "metadata.loss" in run(url, "history", "model", "--field", "nope", code=2)
    store.create_artifact(key="text", data="no number")
    assert loaded(url, "history", "text")[0]["value"] is None


def test_history_on_a_terminal(url, model):
    screen = on_terminal(url, "history", "model", env={"NO_COLOR": "1"})[1]
    assert "metadata.loss  █▅▁  0.25 to 0.75, now 0.25\n" in screen
    assert (
        "There are more: --limit 0 lists all."
        in on_terminal(url, "history", "model", "--limit", "2")[1]
    )


def test_trends(url, store, model, nightly):
    rows = {
        row["key"]: row for row in csv.DictReader(io.StringIO(run(url, "ls", "--trend", "--csv")))
    }
    assert (rows["model"]["trend"], rows["rows"]["trend"]) == ("0.75 0.5 0.25", "1 1")
    assert "█▅▁" in on_terminal(url, "ls", "--trend")[1]
    assert (
        "0.75 0.5 0.25" in on_terminal(url, "ls", "--trend", env={"PYTHONIOENCODING": "ascii"})[1]
    )
    trend = loaded(url, "ls", "--trend", "--key", "model")[0]["trend"]
    assert [(point["version"], point["value"]) for point in trend] == [
        (1, 0.75),
        (2, 0.5),
        (3, 0.25),
    ]
    lines = run(url, "ls", "--trend", "--all", "--ndjson").splitlines()
    assert sum(len(json.loads(line)["trend"]) == 3 for line in lines) == 3


def test_show_of_a_table_as_csv(url, store):
    store.create_artifact(
        key="t", type="table", data=[{"a": 1, "b": ODD}, {"a": None, "c": "=1+1"}]
    )
    assert next(iter(csv.reader(io.StringIO(run(url, "show", "t", "--csv"), newline="")))) == [
        "a",
        "b",
        "c",
    ]
    store.create_artifact(key="text", type="markdown", data="# Hi")
    assert "Error: " in run(url, "show", "text", "--csv", code=1)


def test_show_tells_what_lies_around(url, store):
    store.create_artifact(key="t", type="table", data=[{"a": 1}])
    store.create_artifact(key="t", type="table", data=[{"a": 1}, {"a": 2}])
    store.create_artifact(key="t", type="table", data=[])
    told = run(url, "show", "t@2")
    assert "\nprevious\tt@1\nnext\tt@3\nchanges\t1 row added\n" in told
    screen = on_terminal(url, "show", "t@2", env={"NO_COLOR": "1"})[1]
    for line in (
        "artifact-store show t@2",
        "previous  t@1",
        "next      t@3",
        "Since t@1: 1 row added",
    ):
        assert line in screen


# tree


def test_tree_off_a_terminal_is_a_line_for_each_artifact(url, nightly):
    rows = [line.split("\t") for line in run(url, "tree").splitlines()]
    assert rows[0][:6] == [
        "flow",
        "flow_run",
        "flow_run_state",
        "task_run",
        "task_run_state",
        "key",
    ]
    assert [row[:8] for row in rows[1:]] == [
        ["idle", "idle-1", "", "", "", "", "", ""],
        ["nightly", "night-1", "Running", "load", "Completed", "rows", "1", "table"],
        ["nightly", "night-1", "Running", "load", "Completed", "rows", "2", "table"],
        ["nightly", "night-1", "Running", "check", "Broke", "", "", ""],
        ["nightly", "night-1", "Running", "", "", "report", "1", "markdown"],
        ["", "01890000-0000-7000-8000-000000000000", "", "", "", "far", "1", ""],
        ["", "", "", "", "", "", "", "link"],
    ]
    assert list(csv.reader(io.StringIO(run(url, "tree", "--csv")))) == rows


def test_tree_as_json(url, nightly):
    idle, night, far, outside = loaded(url, "tree")
    assert (idle["flow"]["name"], idle["task_runs"], idle["artifacts"]) == ("idle", [], [])
    load, check = night["task_runs"]
    assert (load["name"], [each["version"] for each in load["artifacts"]]) == ("load", [1, 2])
    assert (check["state_type"], check["artifacts"]) == ("FAILED", [])
    assert [each["key"] for each in night["artifacts"]] == ["report"]
    assert "data" not in night["artifacts"][0]
    assert (far["flow"], far["flow_run"]) == (None, {"id": "01890000-0000-7000-8000-000000000000"})
    assert (outside["flow"], outside["flow_run"], len(outside["artifacts"])) == (None, None, 1)
    assert [json.loads(line) for line in run(url, "tree", "--ndjson").splitlines()] == loaded(
        url, "tree"
    )


@pytest.mark.parametrize(
    ("args", "flows", "artifacts"),
    [
        (["--key", "rows"], ["nightly"], 2),
        (["--type", "markdown"], ["nightly"], 1),
        (["--flow", "idle"], ["idle"], 0),
        (["--flow-run", "night-1", "--like", "ro"], ["nightly"], 2),
        (["--filter", '{"task_runs": {"name": {"any_": ["load"]}}}'], ["nightly"], 2),
        (["--key", "far"], [None], 1),
        (["--key", "nope"], [], 0),
        (["--limit", "1"], ["idle", None, None], 2),
        (["--limit", "0"], ["idle", "nightly", None, None], 5),
    ],
)
def test_tree_of_a_part(url, nightly, args, flows, artifacts):
    found = json.loads(CliRunner().invoke(main, ["--url", url, "tree", "--json", *args]).stdout)
    assert [each["flow"] and each["flow"]["name"] for each in found] == flows
    made = [*found, *(task for each in found for task in each["task_runs"])]
    assert sum(len(each["artifacts"]) for each in made) == artifacts


def test_tree_on_a_terminal(url, store, nightly):
    screen = on_terminal(url, "tree", env={"NO_COLOR": "1"})[1]
    lines = [
        line.split("  ")[0].rstrip() if "@" not in line else line.split("  ", 9)[0]
        for line in screen.split("\n")
    ]
    assert "idle" in lines
    assert "├── load  Completed" in screen
    assert "│   ├── rows@1  table  " in screen
    assert "├── check  Broke" in screen
    assert "└── report@1  markdown" in screen
    assert "Outside of runs" in screen
    assert "Runs of other systems" in screen
    assert "\x1b[31m  Broke" in on_terminal(url, "tree")[1]
    assert "Nothing found." in on_terminal(url, "tree", "--key", "nope")[1]
    assert (
        "There are more runs: --limit 2 shows more, --limit 0 all."
        in on_terminal(url, "tree", "--limit", "1")[1]
    )
    store.create_artifacts(
        {"key": "many", "data": n, "flow_run_id": nightly.id} for n in range(110)
    )
    assert (
        f"… and more: artifact-store ls --all --flow-run {nightly.id}"
        in on_terminal(url, "tree", columns=120)[1]
    )
    assert not loaded(url, "tree", "--flow", "nightly")[0]["complete"]


def test_a_closed_pipe_ends_a_stream_quietly(url, store):
    store.create_artifacts({"key": f"k{n}", "data": "x" * 100} for n in range(3_000))
    for args in ("ls --limit 0 --ndjson", "ls --limit 0 --csv", "ls --limit 0", "tree"):
        command = subprocess.list2cmdline([*SCRIPT, "--url", url, *args.split()])
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command} | head -1"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) in ((141, ""), (0, "")), args
        assert done.stdout.count("\n") == 1
