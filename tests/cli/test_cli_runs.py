"""The command line inside a run: the environment says which."""

import pytest

from tests.helpers.commandline import loaded, run

FLOW_RUN, TASK_RUN, OTHER = (f"00000000-0000-7000-8000-00000000000{n}" for n in "123")


@pytest.fixture
def inside(url, monkeypatch):
    monkeypatch.setenv("ARTIFACT_STORE_FLOW_RUN_ID", FLOW_RUN)
    monkeypatch.setenv("ARTIFACT_STORE_TASK_RUN_ID", TASK_RUN)
    return url


def test_create_takes_the_runs_of_the_environment(inside):
    made = loaded(inside, "create", "k", "--data", "1")
    assert (made["flow_run_id"], made["task_run_id"]) == (FLOW_RUN, TASK_RUN)
    made = loaded(inside, "create", "k", "--data", "1", "--flow-run", OTHER)
    assert (made["flow_run_id"], made["task_run_id"]) == (OTHER, None)


def test_the_help_names_the_variables(url):
    told = " ".join(run(url, "create", "--help").split())
    assert "[default: $ARTIFACT_STORE_FLOW_RUN_ID]" in told
    assert "[default: $ARTIFACT_STORE_TASK_RUN_ID]" in told


def test_a_bad_variable_is_one_sentence(inside, monkeypatch):
    monkeypatch.setenv("ARTIFACT_STORE_FLOW_RUN_ID", "7")
    assert run(inside, "ls", code=2).endswith(
        "Error: Invalid $ARTIFACT_STORE_FLOW_RUN_ID '7': set it to a UUID, or unset it.\n"
    )


def test_the_tree_in_markdown_shows_names_as_text(url, store):
    from markdown_it import MarkdownIt

    names = ["# a", "1. b", "- c", "*d*", "e ", "f\ng", "@octocat", "<b>", "_i_"]
    flow = store.create_flow("**")
    for name in names:
        run_id = store.create_flow_run(flow.id, name=name).id
        store.create_artifact(key="k", flow_run_id=run_id)
    printed = run(url, "tree", "--markdown")
    tokens = MarkdownIt("commonmark").parse(printed)
    kinds = {token.type.removesuffix("_open").removesuffix("_close") for token in tokens}
    assert kinds == {"bullet_list", "list_item", "paragraph", "inline"}
    bold = []
    for token in tokens:
        if token.children and token.children[1].type == "strong_open":
            parts = ["\n" if part.content == "<br>" else part.content for part in token.children]
            bold.append("".join(part for part in parts if "span>" not in part).partition(", ")[0])
    assert {*names} < {*bold}
    assert "**" in bold


def test_show_stays_at_the_version_that_the_run_uses(inside):
    run(inside, "create", "raw", "--data", "1")
    assert run(inside, "show", "raw", "--raw") == "1\n"
    run(inside, "create", "raw", "--data", "2")
    assert run(inside, "show", "raw", "--raw") == "1\n"
    assert run(inside, "show", "raw", "--raw", "--run", FLOW_RUN) == "1\n"
    assert run(inside, "show", "raw", "--raw", "--run", OTHER) == "2\n"
    both = run(inside, "show", "raw", "--as-of", "1d", "--run", OTHER, code=2)
    assert "Use --run or --as-of, not both." in both
