"""The command that checks artifacts: its exit codes, what it prints and where."""

import csv
import io
import json
import re

import pytest

from artifact_store import ArtifactStore
from tests.helpers.commandline import on_terminal, piped, run

ROWS = '{"rows": {"ge_": 1}}'
DROP = '{"data.acc": {"max_drop": 0.05}}'
FELL = (
    "data.acc fell by 0.22, from 0.93 in model@1 to 0.71 in model@2; it may fall by at most 0.05."
)


@pytest.fixture
def versions(url):
    with ArtifactStore(url) as store:
        for accuracy in (0.93, 0.71):
            store.create_artifact(key="model", data={"acc": accuracy})
        store.create_artifact(key="bad", data={"acc": "\x1b[31mred", "\x1b[2J": None})
        for key in ("sales", "orders"):
            store.create_table_artifact([{"x": 1}], key=key)


def test_what_passes(url, versions):
    plain = piped(url, "check", "sales", "--within", "24h", "--where", ROWS)
    assert (plain.returncode, plain.stderr) == (0, "")
    header, updated, rows = csv.reader(io.StringIO(plain.stdout), delimiter="\t")
    assert header == ["artifact", "result", "number", "expected", "value", "before"]
    assert updated[:4] == ["sales@1", "ok", "updated", "at most 24 h ago"]
    assert rows == ["sales@1", "ok", "rows", "must be at least 1", "1", ""]


def test_what_fails_says_so_on_standard_error(url, versions):
    plain = piped(url, "check", "model", "--change", DROP)
    assert plain.returncode == 1
    assert plain.stderr == f"Error: {FELL}\n"
    assert plain.stdout.splitlines()[1].startswith("model@2\tfailed\tdata.acc")


def test_several_keys_fail_if_one_does(url, versions):
    plain = piped(url, "check", "sales", "orders", "nobody", "--where", ROWS, "--quiet")
    assert (plain.returncode, plain.stdout) == (1, "")
    assert plain.stderr == "Error: There is no artifact 'nobody'.\n"
    plain = piped(url, "check", "sales", "orders", "--where", ROWS, "-q")
    assert (plain.returncode, plain.stdout, plain.stderr) == (0, "", "")


def test_several_keys_are_of_one_moment(url, versions, monkeypatch):
    check = ArtifactStore.check

    def check_and_publish(store, *args, **options):
        result = check(store, *args, **options)
        with ArtifactStore(url) as other:
            other.create_table_artifact([], key="orders")
        return result

    monkeypatch.setattr(ArtifactStore, "check", check_and_publish)
    assert "orders@1" in run(url, "check", "sales", "orders", "--where", ROWS)
    assert "orders@3\tfailed" in run(url, "check", "orders", "--where", ROWS, code=1)


def test_as_json(url, versions):
    plain = piped(url, "check", "model", "sales", "--change", DROP, "--json")
    assert plain.returncode == 1
    document = json.loads(plain.stdout)
    assert document["ok"] is False
    model, sales = document["checks"]
    assert (model["artifact"], model["against"]) == ("model@2", "model@1")
    assert model["failures"] == [FELL]
    assert model["results"][0]["before"] == 0.93
    first = "sales@1 is the first version: there is nothing to compare with."
    assert sales["failures"] == [first]
    assert plain.stderr == f"Error: {FELL}\nError: {first}\n"

    document = json.loads(run(url, "check", "sales", "--json"))
    assert (document["ok"], len(document["checks"])) == (True, 1)


def test_as_markdown(url, versions):
    plain = piped(url, "check", "sales", "model", "--where", '{"rows": {"ge_": 1}}', "--markdown")
    assert plain.returncode == 1
    signs = re.findall("^([✅❌]) ", plain.stdout, re.MULTILINE)
    assert signs == ["✅", "❌"]
    assert plain.stdout.endswith("|\n")
    assert plain.stderr == "Error: model@2 has no number rows; it has data.acc.\n"


def test_on_a_terminal(url, versions):
    code, screen = on_terminal(url, "check", "model", "--change", DROP, env={"NO_COLOR": "1"})
    assert code == 1
    assert "model@2 against model@1: failed, 1 of 1 condition" in screen
    assert screen.count("data.acc fell by 0.22") == 1
    assert "Error" not in screen
    code, screen = on_terminal(url, "check", "sales", "orders", "--where", ROWS)
    assert code == 0
    assert "sales@1: ok, 1 condition" in screen
    assert "orders@1: ok, 1 condition" in screen


@pytest.mark.parametrize("form", [[], ["--json"], ["--markdown"], ["--quiet"]])
def test_nothing_stored_moves_the_cursor(url, versions, form):
    where = json.dumps({"data.acc": {"ge_": 1}, "data.\x1b[2J": {"ge_": 1}})
    code, screen = on_terminal(url, "check", "bad", "--where", where, *form, env={"NO_COLOR": "1"})
    assert code == 1
    assert "red" in screen
    assert "\x1b" not in screen


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["sales", "--where", "{"], 2, "--where is not JSON"),
        (["sales", "--change", "5"], 2, "Invalid change 5: expected conditions"),
        (["sales", "--where", '{"rows": {"ge": 1}}'], 2, "did you mean 'ge_'?"),
        (["sales", "--within", "soon"], 2, "Invalid within 'soon'"),
        (["sales", "--against", "1"], 2, "against='1' is what change compares with"),
        (["no key"], 2, "Invalid reference 'no key'"),
        (["sales", "--json", "--markdown"], 2, "--json and --markdown cannot be used together."),
        ([], 2, "Missing argument 'KEY...'."),
    ],
)
def test_wrong_usage(url, versions, args, code, message):
    assert message in run(url, "check", *args, code=code)


def test_a_store_that_cannot_be_read_has_not_passed(tmp_path):
    missing = piped(f"sqlite:///{tmp_path}/none.db", "check", "sales", "--quiet")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "there is no store at this address" in missing.stderr
    (tmp_path / "broken.db").write_bytes(b"not a database " * 500)
    broken = piped(f"sqlite:///{tmp_path}/broken.db", "check", "sales", "--quiet")
    assert broken.returncode == 1
    assert broken.stderr.startswith("Error: ")


def test_conditions_in_a_file(url, versions, tmp_path):
    conditions = tmp_path / "conditions.json"
    conditions.write_text(ROWS, encoding="utf-8")
    run(url, "check", "sales", "--where", f"@{conditions}")
    assert "rows" in run(url, "check", "sales", "--where", "-", input=ROWS)
