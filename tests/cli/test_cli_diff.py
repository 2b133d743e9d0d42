"""The command that compares two artifacts."""

import csv
import io
import json
import re

import pytest

from artifact_store import ArtifactStore
from tests.differences.test_since_places import CASES
from tests.helpers.commandline import on_terminal, run


@pytest.fixture
def versions(url):
    with ArtifactStore(url) as store:
        rows = [{"id": 1, "total": 5}, {"id": 2, "total": 6}]
        for data in (rows, [rows[0], {"id": 2, "total": 7}], [rows[0], {"id": 2, "total": 7}]):
            store.create_artifact(key="sales", type="table", data=data)
        store.create_artifact(key="alone", data="\x1b[31mred")
        store.create_artifact(key="alone", data="\x1b[32mgreen")


def test_the_version_before_and_two_references(url, versions):
    plain = run(url, "diff", "sales@2")
    head, _, table = plain.partition("\n\n")
    assert head.splitlines() == [
        "before\tsales@1",
        "after\tsales@2",
        "changes\t`total` 6 → 7 (+1) in row 1",
    ]
    assert list(csv.reader(io.StringIO(table), delimiter="\t")) == [
        ["change", "where", "before", "after"],
        ["~", "row 1: total", "6", "7"],
    ]
    assert "`total` 7 → 6 (-1) in id=2" in run(url, "diff", "sales@3", "sales@1", "--key", "id")


def test_as_json(url, versions):
    document = json.loads(run(url, "diff", "sales@2", "--json", "--key", "id", "--key", "total"))
    assert document["key"] == ["id", "total"]
    assert document["summary"] == ["1 row added", "1 row removed"]
    assert [change["kind"] for change in document["changes"]] == ["removed", "added"]


def test_lines_of_text(url):
    with ArtifactStore(url) as store:
        for data in ("one\ntwo \x1b[31m\n", "one\n2\n"):
            store.create_artifact(key="note", type="markdown", data=data)
    plain = run(url, "diff", "note").partition("\n\n")[2]
    assert plain == "--- note@1\n+++ note@2\n@@ -2,1 +2,1 @@\n-two \\x1b[31m\n+2\n"
    narrow = on_terminal(url, "diff", "note", columns=80, env={"NO_COLOR": "1"})[1]
    assert "@@ -2,1 +2,1 @@\n-two \\x1b[31m\n+2\n" in narrow
    wide = on_terminal(url, "diff", "note", columns=140, env={"NO_COLOR": "1"})[1]
    assert re.search(r"\n2 -two \\x1b\[31m +2 \+2 *\n", wide)


def test_a_narrow_terminal_cuts_the_widest_column(url):
    with ArtifactStore(url) as store:
        store.create_artifact(key="wide", data={"a": 1})
        store.create_artifact(key="wide", type="table", data=[{"name": "x" * 200}])
    screen = on_terminal(url, "diff", "wide", columns=80, env={"NO_COLOR": "1"})[1]
    assert re.search(r"^change +where +before +after *$", screen, re.MULTILINE)
    assert re.search(r'^~ +data +\{"a": 1\} +\[\{"name": "x+…$', screen, re.MULTILINE)
    assert all(len(line) <= 80 for line in screen.splitlines())


def test_what_is_equal(url, versions):
    assert run(url, "diff", "sales") == "before\tsales@2\nafter\tsales@3\nchanges\tnone\n"
    code, screen = on_terminal(url, "diff", "sales")
    assert code == 0
    assert "sales@3 is the same as sales@2." in screen


def test_the_exit_code(url, versions):
    run(url, "diff", "sales@2", code=0)
    run(url, "diff", "sales@2", "--exit-code", code=1)
    run(url, "diff", "sales", "--exit-code", code=0)


@pytest.mark.parametrize(
    "arguments", [["sales@9"], ["sales@1"], ["sales", "nosuch"], ["sales", "--key", "zz"]]
)
def test_exit_code_tells_an_error_from_a_difference(url, versions, arguments):
    assert run(url, "diff", *arguments, "--exit-code", code=2).startswith("Error: ")


def test_exit_code_of_a_store_that_is_not_there(tmp_path):
    missing = f"sqlite:///{tmp_path}/none.db"
    run(missing, "diff", "sales", code=1)
    run(missing, "diff", "sales", "--exit-code", code=2)


def test_on_a_terminal_nothing_stored_moves_the_cursor(url, versions):
    code, screen = on_terminal(url, "diff", "alone", env={"NO_COLOR": "1"})
    assert code == 0
    assert "Since alone@1" in screen
    assert "\x1b[31mred" not in screen
    assert "red" in screen


def test_few_of_many_changes(url):
    with ArtifactStore(url) as store:
        for step in (0, 1):
            store.create_artifact(key="k", data={f"n{n}": n + step for n in range(30)})
    code, screen = on_terminal(url, "diff", "k", "--limit", "5")
    assert code == 0
    assert "Only the first 5 changes are listed." in screen
    assert len(run(url, "diff", "k", "--limit", "5").partition("\n\n")[2].splitlines()) == 6


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["sales@9"], 1, "There is no artifact 'sales@9': sales has versions 1-3; latest is 3."),
        (["sales@1"], 1, "sales@1 has no previous version: name two artifacts to compare."),
        (["sales", "--key", "nr"], 2, "Invalid key column 'nr': expected one of 'id', 'total'."),
        (["alone", "--key", "id"], 2, "alone@1 is not a table of rows: compare without a key."),
        (["no key"], 2, "Invalid reference 'no key'"),
        ([], 2, "Missing argument 'REF'."),
    ],
)
def test_what_cannot_be_compared(url, versions, args, code, message):
    assert message in run(url, "diff", *args, code=code)


def test_show_and_history_say_what_changed(url):
    """The summary of the difference, for what the profiles of tables said nothing of."""
    with ArtifactStore(url) as store:
        for number, (before, after, _) in enumerate(CASES.values()):
            store.create_artifacts({"key": f"k{number}", **fields} for fields in (before, after))
    for number, (_, _, said) in enumerate(CASES.values()):
        said = said.replace("k@1", f"k{number}@1")
        shown = run(url, "show", f"k{number}").replace("`", "")
        assert f"{said}\n" in shown or f"{said}; " in shown
        assert said in run(url, "history", f"k{number}").replace("`", "")


def test_on_a_terminal_the_command_for_all_changes_follows(url, versions):
    screen = on_terminal(url, "show", "sales@2", env={"NO_COLOR": "1"})[1]
    assert "Since sales@1: total 6 → 7 (+1) in row 1\n" in screen
    assert "\nartifact-store diff sales@1 sales@2\n" in screen
    assert "\nSame as sales@2.\n" in on_terminal(url, "show", "sales", env={"NO_COLOR": "1"})[1]
