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
