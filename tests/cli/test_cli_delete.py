"""The delete command: it says what goes and what is the latest then, and never empties a store by mistake."""

import pytest

from tests.helpers.commandline import loaded, on_terminal, run


@pytest.fixture
def filled(store):
    """Three versions of one key, one of another, and an artifact without a key; one of them comes from a run."""
    flow = store.create_flow("nightly")
    flow_run = store.create_flow_run(flow.id, name="night-1", tags=["a"])
    store.create_artifacts(
        [
            {"key": "sales", "type": "table", "data": [{"a": 1}], "flow_run_id": flow_run.id},
            {"key": "sales", "type": "table", "data": [{"a": 2}]},
            {"key": "sales", "type": "table", "data": [{"a": 3}]},
            {"key": "report", "type": "markdown", "data": "# Hi"},
            {"data": 1},
        ]
    )
    return store


# Which version is the latest now


def test_it_says_which_version_is_the_latest_now(url, filled):
    told = run(url, "delete", "sales", "--yes")
    assert told == "Deleted sales@3.\nThe latest version of sales is 2 now.\n"
    assert (
        run(url, "delete", "sales@1", "--yes")
        == "Deleted sales@1.\nThe latest version of sales is still 2.\n"
    )
    told = run(url, "delete", "sales", "report", "--yes")
    assert (
        told
        == "Deleted sales@2, report@1.\nsales has no version left.\nreport has no version left.\n"
    )


def test_json_says_which_version_is_the_latest_now(url, filled):
    assert loaded(url, "delete", "sales@3", "sales@2", "report", "--yes") == {
        "deleted": 3,
        "latest": {"sales": 1, "report": None},
    }
    alone = filled.read_artifacts(limit=1)[0]
    assert alone.key is None
    assert loaded(url, "delete", str(alone.id), "--yes") == {"deleted": 1, "latest": {}}


def test_the_question_says_what_becomes_the_latest(url, filled):
    code, screen = on_terminal(url, "delete", "sales", "report", typed="n\n")
    assert code == 1
    assert "sales: version 2 becomes the latest." in screen
    assert "report: nothing is left." in screen
    assert "Delete sales@3, report@1? [y/N]: n" in screen
    code, screen = on_terminal(url, "delete", "sales@3", "sales@2", typed="y\n")
    assert code == 0
    assert "sales: version 1 becomes the latest." in screen
    assert "The latest version of sales is 1 now." in screen
    code, screen = on_terminal(url, "delete", "sales@1", typed="n\n")
    assert "sales: nothing is left." in screen
    filled.create_artifact(key="sales")
    code, screen = on_terminal(url, "delete", "sales@1", typed="y\n")
    assert "becomes the latest" not in screen
    assert "The latest version of sales is still 4." in screen


@pytest.mark.parametrize(
    "args", [["nosuchkey"], ["nosuchkey", "--yes"], ["sales@9"], ["report", "nosuchkey"]]
)
def test_what_is_not_there_is_said_whatever_standard_input_is(url, filled, args):
    sentence = "There is no artifact 'nosuchkey'."
    if "sales@9" in args:
        sentence = "There is no artifact 'sales@9': sales has versions 1-3; latest is 3."
    assert run(url, "delete", *args, code=1) == f"Error: {sentence}\n"
    code, screen = on_terminal(url, "delete", *args)
    assert code == 1
    assert sentence in screen
    assert "There is no key 'nosuchkey'." in run(
        url, "delete", "nosuchkey", "--all-versions", code=1
    )
    assert filled.count_artifacts() == 5


# By filters


def test_filters_delete_every_version(url, filled):
    assert run(url, "delete", "--type", "markdown", "--yes") == "Deleted 1 artifact.\n"
    assert loaded(url, "delete", "--like", "SAL", "--type", "table", "--yes") == {"deleted": 3}
    assert filled.count_artifacts() == 1


def test_filters_of_runs(url, filled):
    assert run(url, "delete", "--flow", "nightly", "--tag", "a", "--yes") == "Deleted 1 artifact.\n"
    assert [each.version for each in filled.read_artifacts(limit=3)] == [None, 1, 3]


def test_the_question_counts_and_names_some(url, filled):
    code, screen = on_terminal(url, "delete", "--type", "markdown", typed="n\n")
    assert code == 1
    assert "Delete 1 artifact (report@1)? [y/N]: n" in screen
    code, screen = on_terminal(url, "delete", "--filter", '{"key": {"exists_": true}}', typed="y\n")
    assert code == 0
    assert "Delete 4 artifacts (report@1, sales@3, sales@2, …)? [y/N]" in screen
    assert "Deleted 4 artifacts." in screen


def test_filters_that_find_nothing(url, filled):
    assert (
        run(url, "delete", "--key", "nope", "--yes", code=1)
        == "Error: There is no such artifact.\n"
    )


# The whole store

MATCH_ALL = [
    ["--filter", "{}"],
    ["--filter", '{"key": {"startswith_": ""}}'],
    ["--filter", '{"id": {"not_any_": []}}'],
    ["--filter", '{"not_": {"id": {"any_": []}}}'],
    ["--since", "1d"],
]


@pytest.mark.parametrize("args", MATCH_ALL)
def test_filters_that_match_everything_need_more_than_yes(url, filled, args):
    told = run(url, "delete", *args, "--yes", code=2)
    assert "These filters match all 5 artifacts of sqlite:///" in told
    assert "give --everything in their place" in told
    assert "add --yes" in run(url, "delete", *args, code=2)
    code, screen = on_terminal(url, "delete", *args, typed="n\n")
    assert code == 1
    assert "Delete all 5 artifacts of sqlite:///" in screen.replace("\r\n", "")
    assert filled.count_artifacts() == 5
    code, screen = on_terminal(url, "delete", *args, typed="y\n")
    assert (code, filled.count_artifacts()) == (0, 0)


def test_everything_asks_with_the_count(url, filled):
    assert "add --yes" in run(url, "delete", "--everything", code=2)
    code, screen = on_terminal(url, "delete", "--everything", typed="n\n")
    assert code == 1
    assert "Delete all 5 artifacts of sqlite:///" in screen.replace("\r\n", "")
    assert "Nothing was deleted." in screen
    assert filled.count_artifacts() == 5
    assert run(url, "delete", "--everything", "--yes") == "Deleted 5 artifacts.\n"
    assert filled.count_artifacts() == 0
    assert run(url, "delete", "--everything", "--yes", code=1) == "Error: There is no artifact.\n"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([], "Nothing to delete: give references, filters or --everything."),
        (["--like", ""], "Nothing to delete: give references, filters or --everything."),
        (["--yes"], "Nothing to delete"),
        (["sales", "--everything"], "one of the three"),
        (["sales", "--type", "table"], "one of the three"),
        (["--type", "table", "--everything"], "one of the three"),
        (["--all-versions"], "Nothing to delete"),
        (["--all-versions", "--type", "table"], "--all-versions belongs to keys"),
        (["--all-versions", "--everything"], "--all-versions belongs to keys"),
    ],
)
def test_what_goes_is_named_in_one_way(url, filled, args, says):
    assert says in run(url, "delete", *args, *(["--yes"] * ("--yes" not in args)), code=2)
    assert filled.count_artifacts() == 5
