"""The commands, as a person or a script uses them."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from artifact_store import ArtifactCollectionSort, ArtifactFilter, ArtifactSort, ArtifactStore
from artifact_store.rendering import age
from artifact_store_cli import main
from artifact_store_cli.options import SORTS
from artifact_store_cli.output.text import json_text, safe
from tests.helpers.commandline import SCRIPT, loaded, on_terminal, run

DAILY = "demo ls show history tree report create update delete count verify repair upgrade info completion".split()
NASTY = "a\x1b[31m\x9b\u202eb\r\nc[bold]d[/bold]\u2066\x07"


@pytest.fixture
def sales(store):
    """Three keys, one of them with two versions, and an artifact without a key; two come from a run."""
    pool = store.create_work_pool("pool")
    queue = store.create_work_queue("queue", pool.id)
    flow = store.create_flow("nightly")
    deployment = store.create_deployment("prod", flow.id, work_queue_id=queue.id)
    flow_run = store.create_flow_run(
        flow.id,
        name="night-1",
        tags=["a", "b"],
        deployment_id=deployment.id,
        work_queue_id=queue.id,
    )
    task_run = store.create_task_run(flow_run.id, name="load")
    ids = {"flow_run_id": flow_run.id, "task_run_id": task_run.id}
    return store.create_artifacts(
        [
            {"key": "sales/north", "type": "table", "data": [{"a": 1}], "metadata": {"rows": 1}},
            {
                "key": "sales/north",
                "type": "table",
                "data": [{"a": 2}],
                "metadata": {"rows": 2},
                **ids,
            },
            {"key": "report", "type": "markdown", "data": "# Hi", "description": "a\tb\nc", **ids},
            {
                "key": "load",
                "type": "progress",
                "data": 40,
                "flow_run_id": "01890000-0000-7000-8000-000000000000",
            },
            {"type": "link", "data": {"link": "https://a.b"}},
        ]
    )


def damage(url):
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("DELETE FROM artifact_collection WHERE key = 'report'")
    connection.close()


# Help


def test_the_first_screen_has_the_daily_commands_with_examples():
    bare, help_ = CliRunner().invoke(main, []), CliRunner().invoke(main, ["--help"])
    assert bare.exit_code == help_.exit_code == 0
    assert bare.stdout == help_.stdout
    assert main.list_commands(click.Context(main)) == list(main.commands) == DAILY
    for name, command in main.commands.items():
        assert (
            f"\n  {name:<10} {command.get_short_help_str(100)}\n             $ artifact-store "
            in help_.stdout
        )
        assert not command.get_short_help_str(100).endswith("...")


@pytest.mark.parametrize("name", DAILY)
def test_every_command_has_examples_that_parse_and_every_option_a_help(name):
    command = main.commands[name]
    told = CliRunner().invoke(main, [name, "--help"]).stdout
    assert "Examples:\n  " in told
    assert all(f"  {example}\n" in told for example in command.examples)
    assert all(param.help for param in command.params if isinstance(param, click.Option))
    assert {"as_json"} <= {param.name for param in command.params}


def test_help_is_quick_because_it_imports_neither_the_store_nor_rich():
    script = "import sys, artifact_store_cli; print({'artifact_store', 'peewee', 'pydantic', 'rich'} & {*sys.modules})"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "set()\n"


def test_version_and_the_installed_script():
    script = Path(sys.executable).with_name("artifact-store")
    told = subprocess.run([script, "--version"], capture_output=True, text=True, check=True).stdout
    assert told.startswith("artifact-store, version ")


# Listing and counting


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
    assert (
        f"flow run\tnight-1 ({sales[1].flow_run_id})\ntask run\tload ({sales[1].task_run_id})\n\n# Hi\n"
        in told
    )
    assert "flow run\t01890000-0000-7000-8000-000000000000\n\n40\n" in run(url, "show", "load")
    assert run(url, "show", str(sales[4].id)).endswith('\n\n{\n  "link": "https://a.b"\n}\n')
    assert loaded(url, "show", "sales/north") == sales[1].model_dump(mode="json")


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


def test_create(url, store):
    told = run(url, "create", "sales", "--data", "1", "--description", "one")
    latest = store.read_latest_artifact("sales")
    assert told == f"Created sales@1 (id {latest.id})\n"
    assert latest.description == "one"
    alone = run(url, "create", "--data", "1").split()[1]
    assert store.read_artifact(alone).key is None


def test_create_with_ids(url, store, sales):
    new, run_id, task_id = (
        "01890000-0000-7000-8000-00000000000a",
        sales[1].flow_run_id,
        sales[1].task_run_id,
    )
    args = [
        "create",
        "k",
        "--data",
        "1",
        "--id",
        new,
        "--flow-run",
        str(run_id),
        "--task-run",
        str(task_id),
    ]
    first = loaded(url, *args)
    assert (first["id"], first["flow_run_id"], first["task_run_id"]) == (
        new,
        str(run_id),
        str(task_id),
    )
    assert loaded(url, *args) == first
    assert "is taken" in run(url, "create", "k", "--data", "2", "--id", new, code=1)


def test_update(url, store, sales):
    assert (
        run(url, "update", "sales/north@1", "--description", "old")
        == f"Updated sales/north@1 (id {sales[0].id})\n"
    )
    first = store.read_artifact(sales[0].id)
    assert (first.description, first.data, first.metadata, first.type) == (
        "old",
        [{"a": 1}],
        {"rows": 1},
        "table",
    )
    changed = loaded(
        url, "update", "sales/north@1", "--metadata", "a=1", "--type", "x", "--data", "[]"
    )
    assert (changed["metadata"], changed["type"], changed["data"]) == ({"a": 1}, "x", [])
    assert loaded(url, "update", "load", "--progress", "90")["data"] == 90
    assert (
        run(url, "update", str(sales[4].id), "--link", "https://c.d") == f"Updated {sales[4].id}\n"
    )
    assert "Nothing to change" in run(url, "update", "load", code=2)
    assert store.read_latest_artifact("sales/north").id == sales[1].id


def test_update_of_what_is_deleted_meanwhile(url, store, sales, monkeypatch):
    monkeypatch.setattr(ArtifactStore, "update_artifact", lambda *_: False)
    assert (
        run(url, "update", "load", "--progress", "90", code=1)
        == "Error: There is no artifact 'load' any more.\n"
    )


def test_delete(url, store, sales):
    told = run(url, "delete", "sales/north", "--yes")
    assert told == "Deleted sales/north@2.\nThe latest version of sales/north is 1 now.\n"
    assert store.read_latest_artifact("sales/north").version == 1
    assert loaded(url, "delete", "report", str(sales[4].id), "report@1", "--yes") == {
        "deleted": 2,
        "latest": {"report": None},
    }
    assert store.count_artifacts() == 2


def test_delete_all_versions_is_all_of_them_at_once(url, store, sales):
    store.create_artifacts({"key": "log", "data": n} for n in range(300))
    assert (
        run(url, "delete", "log", "report", "--all-versions", "--yes") == "Deleted 301 artifacts.\n"
    )
    assert store.read_latest_artifact("log") is None
    assert loaded(url, "delete", "sales/north", "--all-versions", "--yes") == {"deleted": 2}


def test_delete_is_all_or_nothing(url, store, sales):
    assert "There is no artifact 'nope'" in run(url, "delete", "report", "nope", "--yes", code=1)
    assert "There is no key 'nope'" in run(
        url, "delete", "report", "nope", "--all-versions", "--yes", code=1
    )
    assert "names one version" in run(url, "delete", "report@1", "--all-versions", "--yes", code=2)
    assert "add --yes" in run(url, "delete", "report", code=2)
    assert store.count_artifacts() == 5


def test_delete_of_what_is_gone_meanwhile(url, store, sales, monkeypatch):
    monkeypatch.setattr(ArtifactStore, "delete_artifacts", lambda *_, **__: 0)
    assert (
        run(url, "delete", "report", "--yes", code=1) == "Error: There is nothing left to delete.\n"
    )


def test_delete_asks_on_a_terminal(url, store, sales):
    code, screen = on_terminal(url, "delete", "sales/north", "report", typed="n\n")
    assert code == 1
    assert "Delete sales/north@2, report@1? [y/N]: n" in screen
    assert "Nothing was deleted." in screen
    code, screen = on_terminal(
        url, "delete", "sales/north", "report", "--all-versions", typed="y\n"
    )
    assert code == 0
    assert "Delete all 2 versions of sales/north, the only version of report? [y/N]" in screen
    assert "Deleted 3 artifacts." in screen
    assert store.count_artifacts() == 2


@pytest.mark.parametrize("typed", ["\x03", "\x04"])
def test_ctrl_c_and_ctrl_d_at_the_question_delete_nothing(url, store, sales, typed):
    code, screen = on_terminal(url, "delete", "report", typed=typed)
    assert code == 130
    assert "Traceback" not in screen
    assert "Abort" not in screen
    assert store.count_artifacts() == 5


# The store


def test_verify_and_repair(url, store, sales):
    assert run(url, "verify") == "healthy: 5 artifacts, 3 keys\n"
    assert loaded(url, "verify") == loaded(url, "repair") == []
    assert run(url, "repair") == "nothing to repair\n"
    damage(url)
    told = run(url, "verify", code=1)
    assert told.startswith(
        "kind\tkey\tmessage\nmissing\treport\treport has 1 as its greatest version"
    )
    assert told.endswith("'artifact-store repair' repairs this.\n")
    screen = on_terminal(url, "verify", columns=50)[1]
    assert "missing  report  report has 1" in screen
    assert "version and no collection row." in screen
    assert json.loads(run(url, "verify", "--json", code=1))[0]["kind"] == "missing"
    assert run(url, "repair").startswith("kind\tkey\tmessage\nmissing\treport\t")
    damage(url)
    assert loaded(url, "repair")[0]["key"] == "report"
    assert store.verify() == []


def test_info(url, sales):
    told = dict(line.split("\t") for line in run(url, "info").splitlines())
    assert told == {
        name: "" if value is None else str(value) for name, value in loaded(url, "info").items()
    }
    screen = on_terminal(url, "info")[1]
    assert "engine       SQLite 3." in screen
    assert "server" not in screen
    assert told["url"] == url
    assert (told["artifacts"], told["keys"]) == ("5", "3")
    assert "size\t\n" in run("sqlite:///:memory:", "info")


def test_the_store_may_be_named_in_three_ways(url, sales, monkeypatch):
    assert CliRunner().invoke(main, ["count", "--url", url]).stdout == "3\n"
    assert (
        CliRunner().invoke(main, ["--url", "sqlite:///:memory:", "count", "--url", url]).stdout
        == "3\n"
    )
    monkeypatch.setenv("ARTIFACT_STORE_URL", url)
    assert CliRunner().invoke(main, ["count"]).stdout == "3\n"
    assert CliRunner().invoke(main, ["--url", "sqlite:///:memory:", "count"]).stdout == "0\n"


# Terminals


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


def test_info_on_a_terminal(url, sales):
    assert "KiB" in on_terminal(url, "info")[1]


def test_ages():
    now = datetime.now(UTC)
    for seconds, words in (
        (-5, "0 s"),
        (5, "5 s"),
        (300, "5 min"),
        (7300, "2 h"),
        (100_000, "27 h"),
        (200_000, "2 days"),
    ):
        assert age(now - timedelta(seconds=seconds)) == words


def test_safe_text():
    assert safe("é 漢 👩‍🚀 \u200b\ud800\U000e0041") == "é 漢 👩‍🚀 " + r"\u200b\ud800\U000e0041"
    assert safe("a\tb\n", keep="\n") == "a\\tb\n"
    assert json.loads(json_text(NASTY + "\U000e0041é")) == NASTY + "\U000e0041é"
