"""The commands that create, update and delete artifacts."""

import pytest

from artifact_store import ArtifactStore
from tests.helpers.commandline import loaded, on_terminal, run


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


def test_create_with_an_expected_version(url, store):
    told = run(url, "create", "sales", "--data", "1", "--expect-version", "none")
    assert told.startswith("Created sales@1 (id ")
    assert loaded(url, "create", "sales", "--data", "2", "--expect-version", "1")["version"] == 2
    told = run(url, "create", "sales", "--data", "3", "--expect-version", "1", code=1)
    assert told == "Error: sales is at version 2, not 1: read it again and decide.\n"
    told = run(url, "create", "sales", "--data", "3", "--expect-version", "none", code=1)
    assert told.startswith("Error: sales is at version 2, expected none")
    assert store.read_latest_artifact("sales").version == 2
    for wrong in ("0", "one", "-1", "1.0", "9" * 20):
        told = run(url, "create", "sales", "--data", "3", "--expect-version", wrong, code=2)
        assert f"Invalid version '{wrong}': expected 1, 2, 3, ... or none." in told


def test_create_skips_what_is_unchanged(url, store):
    same = ["create", "sales", "--data", "[1, 2]", "--metadata", "n=1", "--skip-unchanged"]
    assert run(url, *same).startswith("Created sales@1 (id ")
    latest = store.read_latest_artifact("sales")
    assert run(url, *same) == f"Unchanged: sales@1 (id {latest.id})\n"
    assert run(url, *same, "--expect-version", "1").startswith("Unchanged: sales@1 (id ")
    assert loaded(url, *same)["id"] == str(latest.id)
    assert run(url, *same, "--description", "new").startswith("Created sales@2 (id ")
    assert "is at version 2, not 1" in run(url, *same, "--expect-version", "1", code=1)


def test_conditions_need_a_key(url, store):
    told = run(url, "create", "--data", "1", "--expect-version", "1", code=2)
    assert "--expect-version needs KEY." in told
    assert "--skip-unchanged needs KEY." in run(
        url, "create", "--data", "1", "--skip-unchanged", code=2
    )
    assert store.count_artifacts() == 0


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
    monkeypatch.setattr(ArtifactStore, "update_artifact", lambda *_, **__: False)
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
