"""Every option of every command on a terminal and on a pipe, and what the plain output looks like."""

import json
import os
import re
from pathlib import Path

import click
import pytest

from tests.helpers.attacks import ATTACKS
from tests.helpers.commandline import COMMANDS, on_terminal, piped

SNAPSHOTS = Path(__file__).with_name("snapshots")
NEW = "01890000-0000-7000-8000-00000000000"
FILTER = '{"artifacts": {"type": {"any_": ["table"]}}}'
WHERE = ["--key", "sales", "--like", "sal", "--type", "table", "--since", "2w", "--filter", FILTER]
RUNS = ["--flow", "nightly", "--flow-run", "night-1", "--deployment", "prod", "--tag", "blue"]
RUNS += ["--state", "running"]
CONTENT = ["--type", "mine", "--description", "by hand", "--metadata", "n=1", "--json"]
MADE_BY = ["--id", f"{NEW}1", "--flow-run", f"{NEW}2", "--task-run", f"{NEW}3"]

CASES = [
    ["demo"],
    ["demo", "--json"],
    ["ls"],
    [
        "ls",
        "--all",
        *WHERE,
        *RUNS,
        "--limit",
        "5",
        "--offset",
        "0",
        "--sort",
        "KEY_ASC",
        "--no-pager",
    ],
    ["ls", "--as-of", "2199-01-01"],
    ["ls", "--trend"],
    ["ls", "--aliases"],
    ["ls", "--alias", "prod"],
    ["ls", "--json"],
    ["ls", "--ndjson"],
    ["ls", "--csv"],
    ["ls", "--markdown"],
    ["ls", "--markdown", "--trend", "--all"],
    ["show", "sales"],
    ["show", "sales@1", "--raw", "--no-pager"],
    ["show", "sales", "--json"],
    ["show", "sales", "--as-of", "2199-01-01T00:00+00:00", "--raw"],
    ["show", "sales", "--run", "00000000-0000-7000-8000-000000000001", "--raw"],
    ["show", "sales", "--csv"],
    ["show", "sales", "--markdown"],
    ["show", "report", "--markdown"],
    ["show", "report"],
    ["show", "load"],
    ["show", "docs"],
    ["history", "sales"],
    ["history", "sales", "--field", "rows", "--limit", "9", "--no-pager"],
    ["history", "sales", "--json"],
    ["history", "sales", "--ndjson"],
    ["history", "sales", "--csv"],
    ["history", "sales", "--markdown"],
    ["diff", "sales"],
    ["diff", "sales@1", "sales", "--key", "region", "--limit", "2", "--no-pager"],
    ["diff", "sales@1", "sales@1", "--exit-code"],
    ["diff", "report", "docs", "--json"],
    ["diff", "sales", "--markdown"],
    ["check", "sales", "report", "--within", "24h"],
    ["check", "sales", "--where", '{"rows": {"ge_": 2}}', "--quiet"],
    ["check", "sales", "--change", '{"rows": {"max_drop": "5%"}}', "--against", "1"],
    ["check", "report", "--where", '{"pages": {"eq_": 2}}', "--json"],
    ["check", "load", "--where", '{"data": {"between_": [0, 100]}}', "--markdown"],
    ["tree"],
    ["tree", *WHERE, *RUNS, "--limit", "3", "--no-pager"],
    ["tree", "--json"],
    ["lineage", "sales"],
    ["lineage", "sales", "--down", "--depth", "2", "--no-pager"],
    ["lineage", "sales", "--json"],
    ["lineage", "sales", "--markdown"],
    ["lineage", "sales", "--openlineage"],
    ["live", "--once", "--interval", "1s"],
    ["live", "--once", "--json", *WHERE, *RUNS, "--alias", "prod"],
    [
        "run",
        "--flow",
        "nightly",
        "--name",
        "night-2",
        "--deployment",
        "prod",
        "--tag",
        "eu",
        "--param",
        "day=1",
        "--",
        "echo",
        "done",
    ],
    ["wait", "sales"],
    ["watch", "sales", "--from-start", "--limit", "2"],
    [
        "watch",
        "sales",
        "--after",
        "sales@1",
        *WHERE,
        *RUNS,
        "--limit",
        "1",
        "--json",
    ],
    ["watch", "docs", "--from-start", "--limit", "1", "--alias", "prod", "--position", "p.json"],
    [
        "watch",
        "report",
        "--from-start",
        "--limit",
        "1",
        "--exec",
        'printf "%s\\n" "$ARTIFACT_STORE_REF"; cat',
        "--keep-going",
    ],
    ["wait", "sales", "report", "--after", "0", "--timeout", "5s"],
    ["wait", "sales", "--json"],
    ["tree", "--ndjson"],
    ["tree", "--csv"],
    ["tree", "--markdown"],
    [
        "report",
        "-o",
        "r.html",
        *WHERE,
        *RUNS,
        "--title",
        "T",
        "--versions",
        "2",
        "--limit",
        "2",
        "--sort",
        "KEY_ASC",
    ],
    ["report", "--output", "r.html", "--json"],
    ["report", "-o", "r.html", "--open"],
    ["create", "new", "--table", "t.csv", "--delimiter", ",", "--no-profile", *CONTENT, *MADE_BY],
    ["create", "new", "--markdown", "t.csv", "--expect-version", "none", "--skip-unchanged"],
    ["create", "new", "--link", "https://example.com", "--link-text", "there"],
    ["create", "new", "--image", "https://example.com/x.png", "--alt", "x"],
    ["create", "new", "--progress", "5"],
    ["create", "new", "--data", "[1]"],
    ["update", "sales", "--table", "t.csv", "--delimiter", ",", "--no-profile", *CONTENT],
    ["update", "report", "--markdown", "t.csv"],
    ["update", "docs", "--link", "https://example.org", "--link-text", "here", "--force"],
    ["update", "docs", "--image", "https://example.com/x.png", "--alt", "x", "--force"],
    ["update", "load", "--progress", "50"],
    ["update", "load", "--data", "51"],
    ["delete", "sales@1", "--yes"],
    ["delete", "sales", "--all-versions", "--yes", "--json"],
    ["delete", *WHERE, *RUNS, "--yes"],
    ["delete", "--everything", "--yes", "--force"],
    ["alias", "set", "sales", "prod", "1", "--expect", "none"],
    ["alias", "set", "sales@prod", "--json"],
    ["alias", "ls", "--no-pager"],
    ["alias", "ls", "docs", "--json"],
    ["alias", "ls", "--csv"],
    ["alias", "ls", "--markdown"],
    ["alias", "rm", "docs", "prod", "--expect", "1"],
    ["alias", "rm", "docs@prod", "--json"],
    ["alias", "history", "docs", "--no-pager"],
    ["alias", "history", "docs@prod", "--json"],
    ["alias", "history", "--csv", "docs"],
    ["alias", "history", "--markdown", "docs"],
    ["alias", "undo", "docs", "prod"],
    ["alias", "undo", "docs@prod", "--json"],
    ["count"],
    ["count", "--all", *WHERE, *RUNS],
    ["count", "--json"],
    ["count", "--as-of", "2199-01-01"],
    ["count", "--alias", "prod", "--alias", "none"],
    ["tree", "--alias", "prod", "--no-pager"],
    ["report", "-o", "r.html", "--alias", "prod"],
    ["delete", "--alias", "prod", "--force", "--yes"],
    ["verify"],
    ["verify", "--json"],
    ["verify", "--quick"],
    ["repair"],
    ["repair", "--json"],
    ["upgrade"],
    ["upgrade", "--json"],
    ["info"],
    ["info", "--json"],
    ["completion", "fish"],
    ["completion", "zsh", "--json"],
]
PICTURES = [
    case for case in CASES if case[0] not in ("demo", "info", "report", "completion", "upgrade")
]


def name_of(case):
    return re.sub(r"[^a-z0-9]+", "-", " ".join(case[:3]).lower()).strip("-")[:40]


@pytest.fixture
def shop(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BROWSER", "true")
    (tmp_path / "t.csv").write_text("region,total\nnorth,12\n", encoding="utf-8")
    flow = store.create_flow("nightly")
    deployment = store.create_deployment("prod", flow.id)
    run = store.create_flow_run(flow.id, name="night-1", tags=["blue"], deployment_id=deployment.id)
    task = store.create_task_run(run.id, name="load")
    store.set_flow_run_state(run.id, "RUNNING")
    store.set_task_run_state(task.id, "COMPLETED")
    made_by = {"flow_run_id": run.id, "task_run_id": task.id}
    with store.atomic():
        store.create_table_artifact([{"region": "north", "total": 12}], key="sales", **made_by)
        rows = [{"region": "north", "total": 15}, {"region": "süd", "total": 9.5}]
        store.create_table_artifact(rows, key="sales", description="Sales by region", **made_by)
        store.create_markdown_artifact(
            "# Hi\n\n- one\n- two\n", key="report", metadata={"pages": 2}, flow_run_id=run.id
        )
        store.create_progress_artifact(40, key="load")
        store.create_link_artifact("https://example.com", link_text="the docs", key="docs")
    store.set_alias("docs", "prod")
    return store


def options_of(command):
    return {
        name
        for param in command.params
        if isinstance(param, click.Option) and not {"--help", "--url"} & {*param.opts}
        for name in [param.opts[-1]]
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_among_the_cases(name):
    command = COMMANDS[name]
    path = name.split()
    longest = {short: param.opts[-1] for param in command.params for short in param.opts}
    used = {longest.get(word, word) for case in CASES if case[: len(path)] == path for word in case}
    assert options_of(command) - used == set()


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_on_a_terminal(url, shop, case):
    code, screen = on_terminal(url, *case, columns=80, lines=100)
    assert code == 0, screen
    screen = settled(screen)
    assert obeyed(screen) == []
    if "--json" in case:
        json.loads(screen)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_on_a_pipe(url, shop, case):
    done = piped(url, *case)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert obeyed(done.stdout) == []
    assert "\x1b" not in done.stdout
    if "--json" in case:
        json.loads(done.stdout)


@pytest.mark.parametrize("case", PICTURES, ids=name_of)
def test_plain_output_is_as_it_was(url, shop, case):
    """Set SNAPSHOTS=write to take new pictures, and look at what has changed."""
    place = SNAPSHOTS / f"{name_of(case)}.txt"
    shown = f"$ artifact-store {' '.join(case)}\n{still(piped(url, *case).stdout)}"
    if os.environ.get("SNAPSHOTS") == "write":
        SNAPSHOTS.mkdir(exist_ok=True)
        place.write_text(shown, encoding="utf-8")
    assert place.read_text(encoding="utf-8") == shown


def test_there_is_no_picture_of_a_case_that_is_gone():
    assert {path.stem for path in SNAPSHOTS.glob("*.txt")} == set(map(name_of, PICTURES))
    assert len({*map(name_of, PICTURES)}) == len(PICTURES)


def still(text):
    """Put a name in the place of every id and time, the same name for the same id."""
    ids = dict.fromkeys(re.findall(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", text))
    for number, found in enumerate(ids, 1):
        text = text.replace(found, f"<id {number}>")
    text = re.sub(r'"(sqlite|postgresql):[^"]*"', '"<url>"', text)
    text = re.sub(r"artifact-store@[0-9.]+", "artifact-store@<version>", text)
    text = re.sub(r"\bfor \d+\.\d s", "for <duration>", text)
    text = re.sub(r"  \d+ s$", "  <age>", text, flags=re.MULTILINE)
    text = re.sub(r"  \d\d:\d\d:\d\d$", "  <time>", text, flags=re.MULTILINE)
    return re.sub(
        r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)| \d\d:\d\d:\d\d UTC)", "<time>", text
    )


def settled(screen):
    """Return a screen without the bar that a slow machine gets to see while something takes long."""
    return re.sub(r"\x1b\[\?25l.*?\x1b\[\?25h(?:\r|\x1b\[[0-9]*[AK])*", "", screen, flags=re.DOTALL)


def obeyed(screen):
    """What a terminal would obey, other than the styles that we send."""
    rest = re.sub(r"\x1b\[[0-9;]*m", "", settled(screen))
    return re.findall(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", rest
    )


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_widths_are_respected(url, shop, columns):
    from rich.cells import cell_len

    shop.create_artifact(
        key="wide/" + "k" * 20, type="table", description="words " * 50, data=[{"漢字": "漢" * 300}]
    )
    for case in (
        ["ls"],
        ["ls", "--trend"],
        ["ls", "--aliases"],
        ["history", "sales"],
        ["tree"],
        ["lineage", "sales"],
        ["show", "sales"],
        ["show", "report"],
        ["check", "sales", "--within", "24h", "--change", '{"rows": {"max_rise": "200%"}}'],
    ):
        screen = on_terminal(url, *case, columns=columns, lines=100, env={"NO_COLOR": "1"})[1]
        lines = [
            line for line in screen.splitlines() if not line.startswith("id ")
        ]  # which is left whole, to copy it
        assert max(map(cell_len, lines)) <= columns, (case, screen)


def test_nothing_stored_is_obeyed_in_any_command(url, store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flow = store.create_flow("".join(ATTACKS))
    for number, text in enumerate(ATTACKS):
        run = store.create_flow_run(flow.id, name=text, tags=[text])
        task = store.create_task_run(run.id, name=text)
        store.set_flow_run_state(run.id, "FAILED", text)
        store.set_task_run_state(task.id, "FAILED", text)
        store.create_artifact(
            key=f"k{number}", type=text, description=text, data=[{text: text}], metadata={text: text, "n": number},
            flow_run_id=run.id, task_run_id=task.id,
        )  # fmt: skip
    store.create_artifact(
        key="all", type="markdown", data="\n\n".join(ATTACKS), description="\n".join(ATTACKS)
    )
    store.create_artifact(key="rows", type="table", data=[{text: text} for text in ATTACKS])
    everything = ["--limit", "0"]
    commands = [
        ["ls", *everything, *form]
        for form in ([], ["--trend"], ["--json"], ["--ndjson"], ["--csv"], ["--markdown"])
    ]
    commands += [
        ["tree", *everything, *form]
        for form in ([], ["--json"], ["--ndjson"], ["--csv"], ["--markdown"])
    ]
    commands += [
        ["show", key, *form]
        for key in ("all", "rows")
        for form in ([], ["--json"], ["--raw"], ["--markdown"])
    ]
    commands += [
        ["show", "rows", "--csv"],
        ["show", f"k{len(ATTACKS) - 3}"],
        ["lineage", f"k{len(ATTACKS) - 3}"],
        ["lineage", f"k{len(ATTACKS) - 3}", "--markdown"],
        ["lineage", f"k{len(ATTACKS) - 3}", "--openlineage"],
        ["history", f"k{len(ATTACKS) - 3}"],
    ]
    commands += [
        ["history", "k35", *form]
        for form in (["--json"], ["--csv"], ["--field", "metadata.n"], ["--markdown"])
    ]
    commands += [
        ["report"],
        ["count"],
        ["verify"],
        ["info"],
        ["update", "all", "--description", "\x1b[31m\x9b"],
    ]
    for args in [
        *commands,
        ["show", "\x1b]0;x\x07"],
        ["history", "\x9b"],
        ["delete", "all", "rows", "--yes"],
    ]:
        code, screen = on_terminal(url, *args, columns=200)
        wrong = {"show": 2, "history": 1} if args[-1][0] in "\x1b\x9b" else {}
        assert code == wrong.get(args[0], 0), (args, screen[-300:])
        assert obeyed(screen) == [], args
        assert "Traceback" not in screen
