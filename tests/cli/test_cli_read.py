"""The commands that list and show artifacts, for a person and for a script."""

import json
import os
import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from artifact_store import ArtifactCollectionSort, ArtifactFilter, ArtifactSort
from artifact_store_cli import main
from artifact_store_cli.options import SORTS
from tests.helpers.commandline import SCRIPT, loaded, on_terminal, piped, run
from tests.helpers.inputs import add_input

NASTY = "a\x1b[31m\x9b\u202eb\r\nc[bold]d[/bold]\u2066\x07"


def test_ls_is_plain_and_stable_off_a_terminal(url, sales):
    changed = sales[1].updated.isoformat(timespec="seconds").replace("+00:00", "Z")
    assert run(url, "ls", "--sort", "key_asc") == (
        "key\tversion\ttype\tdescription\tupdated\trun\n"
        f"load\t1\tprogress\t\t{changed}\t01890000-0000-7000-8000-000000000000\n"
        f"report\t1\tmarkdown\ta\\tb\\nc\t{changed}\tnight-1\n"
        f"sales/north\t2\ttable\t\t{changed}\tnight-1\n"
    )
    every = run(url, "ls", "--all", "--key", "sales/north", "--sort", "KEY_ASC").splitlines()
    assert [line.split("\t")[-1] for line in every] == ["id", str(sales[0].id), str(sales[1].id)]


def test_ls_of_nothing(url):
    assert run(url, "ls") == "key\tversion\ttype\tdescription\tupdated\trun\n"
    assert loaded(url, "ls") == []


@pytest.mark.parametrize(
    ("args", "latest", "every"),
    [
        ([], 3, 5),
        (["--key", "report"], 1, 1),
        (["--key", "report", "--key", "sales/north"], 2, 3),
        (["--like", "SALES%th"], 1, 2),
        (["--key", "report", "--like", "sales"], 0, 0),
        (["--type", "table"], 1, 2),
        (["--type", "link", "--type", "markdown"], 1, 2),
        (["--flow", "nightly"], 2, 2),
        (["--flow", "other", "--flow", "nightly"], 2, 2),
        (["--flow", ""], 0, 0),
        (["--flow-run", "night-1"], 2, 2),
        (["--flow-run", ""], 0, 0),
        (["--deployment", "prod"], 2, 2),
        (["--deployment", "dev"], 0, 0),
        (["--tag", "a", "--tag", "b"], 2, 2),
        (["--tag", "a", "--tag", "c"], 0, 0),
        (["--since", "30m"], 3, 5),
        (["--since", "2w", "--type", "table"], 1, 2),
        (["--since", "2126-01-01"], 0, 0),
        (["--filter", "{}"], 3, 5),
        (["--filter", '{"metadata": {"ge_": {"rows": 2}}}'], 1, 1),
        (["--filter", '{"key": {"exists_": true}}', "--type", "table"], 1, 2),
        (["--filter", '{"artifacts": {"type": {"any_": ["table"]}}, "flow_runs": null}'], 1, 2),
        (["--filter", '{"flow_runs": {}}'], 2, 2),
        (["--filter", '{"flow_runs": {"name": {"any_": ["night-1"]}}}', "--tag", "a"], 2, 2),
        (["--filter", '{"flow_runs": {"name": {"any_": ["x"]}}}', "--tag", "a"], 0, 0),
        (
            [
                "--filter",
                '{"task_runs": {"name": {"any_": ["load"]}}, "flows": {"name": {"like_": "night"}}}',
            ],
            2,
            2,
        ),
        (
            [
                "--filter",
                '{"deployments": {"paused": {"eq_": false}}, "work_pools": {"name": {"any_": ["pool"]}}}',
            ],
            2,
            2,
        ),
    ],
)
def test_filters(url, sales, args, latest, every):
    assert run(url, "count", *args) == f"{latest}\n"
    assert loaded(url, "count", "--all", *args) == {"count": every}
    assert len(loaded(url, "ls", *args)) == latest
    assert len(loaded(url, "ls", "--all", *args)) == every


def test_filters_from_a_run_id_a_file_and_standard_input(url, sales, tmp_path):
    assert run(url, "count", "--flow-run", str(sales[1].flow_run_id)) == "2\n"
    text = ArtifactFilter.model_validate({"type": {"any_": ["table"]}}).model_dump_json()
    (tmp_path / "filter.json").write_text(text, encoding="utf-8")
    assert run(url, "count", "--filter", f"@{tmp_path}/filter.json") == "1\n"
    assert run(url, "count", "--all", "--filter", "-", input=text) == "2\n"


def test_since_times():
    convert = (
        main.commands["ls"]
        .params[[p.name for p in main.commands["ls"].params].index("since")]
        .type.convert
    )
    for text, ago in (("30m", 30), ("12h", 720), ("7d", 10_080), ("2w", 20_160)):
        assert abs(
            datetime.now(UTC) - timedelta(minutes=ago) - convert(text, None, None)
        ) < timedelta(minutes=1)
    assert convert("2026-01-31T08:00+01:00", None, None) == datetime(2026, 1, 31, 7, tzinfo=UTC)
    assert convert("2026-01-31", None, None) == datetime(2026, 1, 31).astimezone()


def test_pages(url, sales):
    keys = [each["key"] for each in loaded(url, "ls", "--sort", "KEY_ASC", "--limit", "0")]
    result = CliRunner().invoke(
        main, ["--url", url, "ls", "--sort", "KEY_ASC", "--limit", "2", "--json"]
    )
    assert [each["key"] for each in json.loads(result.stdout)] == keys[:2]
    assert result.stderr == "There are more: --offset 2 continues, --limit 0 lists all.\n"
    result = CliRunner().invoke(
        main, ["--url", url, "ls", "--sort", "KEY_ASC", "--limit", "2", "--offset", "2", "--json"]
    )
    assert [each["key"] for each in json.loads(result.stdout)] == keys[2:]
    assert result.stderr == ""


def test_sorts_are_those_of_the_store():
    assert [*SORTS] == [*ArtifactSort] == [*ArtifactCollectionSort]


# One artifact


def test_show(url, sales):
    told = run(url, "show", "sales/north@1")
    assert told.startswith(
        f"artifact\tsales/north@1\ntype\ttable\nid\t{sales[0].id}\nmetadata.rows\t1\ncreated\t"
    )
    assert told.endswith("\n\na\n1\n")
    told = run(url, "show", "report")
    assert f"flow run\tnight-1 ({sales[1].flow_run_id})\nflow run tags\ta, b\n" in told
    assert f"task run\tload ({sales[1].task_run_id})\n\n# Hi\n" in told
    assert "flow run\t01890000-0000-7000-8000-000000000000\n\n40\n" in run(url, "show", "load")
    assert run(url, "show", str(sales[4].id)).endswith('\n\n{\n  "link": "https://a.b"\n}\n')
    shown = loaded(url, "show", "sales/north")
    assert shown | sales[1].model_dump(mode="json") == shown
    assert (shown["flow_run"]["name"], shown["task_run"]["name"]) == ("night-1", "load")
    assert (shown["flow_run"]["tags"], shown["deployment"]["name"]) == (["a", "b"], "prod")
    assert (shown["aliases"], shown["made_from"], shown["used_by"]) == ([], [], [])


def test_show_says_what_an_artifact_was_made_from_and_used_by(url, store):
    raws = store.create_artifacts({"key": f"raw{n}", "data": n} for n in range(8))
    store.set_alias(raws[0], "prod")
    with store.flow_run("nightly", run_name="night-1") as flow_run:
        add_input(store, raws[0], "raw0@prod", flow_run=flow_run.id)
        clean = store.create_artifact(key="clean", data=1)
        for raw in raws[1:]:
            add_input(store, raw, flow_run=flow_run.id)
        store.create_artifact(key="report", data=2)
    with store.flow_run("serve", run_name="serve-1") as serve:
        add_input(store, clean, flow_run=serve.id)
    store.delete_artifact(raws[1].id)

    told = run(url, "show", "clean")
    assert "made from\traw0@1 (raw0@prod)\nused by\trun serve-1 of serve\n" in told
    told = run(url, "show", "report")
    rest = "raw1@1 (gone), raw2@1, raw3@1, raw4@1 and 3 more (artifact-store lineage report@1)"
    assert f"made from\traw0@1 (raw0@prod), {rest}\nflow\t" in told
    assert "used by\tclean@1, report@1\n" not in run(url, "show", "raw2")
    assert "used by\treport@1\n" in run(url, "show", "raw2")
    assert "used by: report@1, clean@1" in run(url, "show", "raw0", "--markdown")

    found = loaded(url, "show", "clean")
    assert found["made_from"] == [{"ref": "raw0@1", "asked": ["raw0@prod"], "exists": True}]
    assert found["used_by"] == [
        {"ref": None, "run_id": str(serve.id), "run": "serve-1", "flow": "serve"}
    ]
    assert loaded(url, "show", "raw0")["aliases"] == ["prod"]


def test_show_raw(url, store):
    text = f"{NASTY}\0é"
    store.create_artifact(key="text", type="markdown", data=text)
    store.create_artifact(key="rows", type="table", data=[{"é": 1}])
    shown = subprocess.run(
        [*SCRIPT, "--url", url, "show", "text", "--raw"], capture_output=True, check=True
    )
    assert shown.stdout == text.encode()
    assert json.loads(run(url, "show", "rows", "--raw")) == [{"é": 1}]


def test_a_terminal_that_knows_few_characters(url, store):
    store.create_artifact(key="rows", type="table", data=[{"漢": 1}])
    latin = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    shown = subprocess.run(
        [*SCRIPT, "--url", url, "show", "rows", "--json"],
        capture_output=True,
        env=latin,
        check=True,
    )
    assert json.loads(shown.stdout.decode("ascii"))["data"] == [{"漢": 1}]
    shown = subprocess.run(
        [*SCRIPT, "--url", url, "show", "rows"], capture_output=True, env=latin, check=True
    )
    assert shown.stdout.endswith(b"\\u6f22\n1\n")


@pytest.mark.parametrize("data", [[], [1, 2], {"a": [1]}, "text"])
def test_a_table_of_another_shape_is_shown_as_it_is(url, store, data):
    store.create_artifact(key="odd", type="table", data=data)
    shown = run(url, "show", "odd").partition("\n\n")[2]
    assert (shown.rstrip("\n") if data == "text" else json.loads(shown)) == data


def test_cells_of_a_table(url, store):
    store.create_artifact(
        key="t", type="table", data=[{"a": True, "b": 1.0, "c": "x\ty"}, {"a": None, "d": ["é"]}]
    )
    assert run(url, "show", "t").endswith('\n\na\tb\tc\td\ntrue\t1.0\tx\\ty\t\n\t\t\t["é"]\n')


def test_stored_text_is_never_obeyed_by_a_terminal(url, store):
    nasty = store.create_artifact(
        key="n", type=NASTY, description=NASTY, data=NASTY, metadata={NASTY: NASTY}
    )  # fmt: skip
    store.create_artifact(key="t", type="table", data=[{NASTY: NASTY}])
    for args in (
        ["ls"],
        ["ls", "--all"],
        ["show", "n"],
        ["show", "n", "--raw"],
        ["show", "t"],
        ["show", "n", "--json"],
    ):
        code, screen = on_terminal(url, *args, columns=200, env={"NO_COLOR": "1", "TERM": "dumb"})
        assert code == 0
        assert not set(screen) & set("\x1b\x9b\x07\r\u202e\u2066"), (args, screen)
        if args[-1] != "t":
            assert "[bold]d[/bold]" in screen or args[0] == "ls"
    assert loaded(url, "show", "n")["data"] == nasty.data


def test_ls_on_a_terminal_never_cuts_keys(url, sales):
    for columns in (100, 60, 30):
        code, screen = on_terminal(url, "ls", columns=columns)
        assert code == 0
        assert "sales/north" in screen
        assert (
            max(map(len, screen.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()))
            <= columns
        )
    assert re.search(r"  \d+ s  ", on_terminal(url, "ls")[1])
    assert str(sales[4].id) in on_terminal(url, "ls", "--all", columns=70)[1]
    assert "Nothing found." in on_terminal(url, "ls", "--key", "nope")[1]
    assert "\x1b[1m" in on_terminal(url, "ls")[1]


def test_a_long_description_is_cut(url, store):
    store.create_artifact(key="k", description="words " * 100, data=1)
    assert " w…" in on_terminal(url, "ls", columns=80)[1]


def test_a_table_on_a_terminal_is_cut_with_a_note(url, store):
    store.create_artifact(
        key="t", type="table", data=[{f"column {c}": c for c in range(60)} for _ in range(1000)]
    )
    screen = on_terminal(url, "show", "t", columns=80, lines=30)[1]
    assert re.search(
        r"Left out: 982 of 1,000 rows and \d+ of 60 columns. --raw prints all of it.", screen
    )
    store.create_artifact(key="t", type="table", data=[{"wide": "w" * 500}])
    assert "w…" in on_terminal(url, "show", "t", columns=80)[1]


@pytest.mark.parametrize(
    "args",
    [
        ["show", "sales", "--json", "--markdown"],
        ["ls", "--csv", "--markdown"],
        ["history", "sales", "--ndjson", "--markdown"],
        ["diff", "sales", "--json", "--markdown"],
    ],
)
def test_one_form_at_a_time(url, sales, args):
    done = piped(url, *args)
    assert (done.returncode, done.stdout) == (2, "")
    forms = " and ".join(arg for arg in args if arg.startswith("--"))
    assert done.stderr.splitlines()[0] == f"Error: {forms} cannot be used together."


@pytest.mark.parametrize(
    "args", [["show", "sales"], ["ls"], ["history", "sales"], ["diff", "sales"]]
)
def test_markdown_is_the_same_on_a_terminal(url, store, args):
    rows = [{"region": f"region {number}", "total": number} for number in range(60)]
    store.create_table_artifact(rows[:50], key="sales")
    store.create_table_artifact(rows, key="sales", description="words " * 50)
    env = {"PAGER": "cat >/dev/null", "TERM": "xterm-256color"}
    code, screen = on_terminal(url, *args, "--markdown", columns=40, lines=10, env=env)
    assert code == 0
    assert "\x1b" not in screen
    assert screen.replace("\r\n", "\n") == piped(url, *args, "--markdown").stdout


@pytest.mark.parametrize("command", ["ls", "tree"])
def test_nothing_is_said_in_markdown_too(url, command):
    assert run(url, command, "--markdown") == "Nothing found.\n"


def test_ls_of_an_alias(url, store, sales):
    """It finds what the alias names, the latest version or not."""
    store.set_alias("sales/north", "prod", 1)
    store.set_alias("report", "prod")
    store.set_alias("load", "canary")
    found = loaded(url, "ls", "--alias", "prod")
    assert sorted((each["key"], each["version"]) for each in found) == [
        ("report", 1),
        ("sales/north", 1),
    ]
    assert len(loaded(url, "ls", "--alias", "prod", "--key", "sales/north")) == 1
    assert loaded(url, "count", "--alias", "prod", "--alias", "canary") == {"count": 3}
    assert loaded(url, "ls", "--alias", "none") == []
    assert "'latest' is not an alias" in run(url, "ls", "--alias", "latest", code=2)
