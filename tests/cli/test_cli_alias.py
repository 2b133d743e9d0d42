"""The commands for aliases, and the commands that must not change what an alias names."""

import json

import click
import pytest
from click.testing import CliRunner

from artifact_store import ArtifactFilter
from artifact_store_cli import complete, main
from tests.helpers.attacks import ATTACKS
from tests.helpers.commandline import loaded, on_terminal, run


@pytest.fixture
def models(store):
    """A store with three versions of `model`."""
    store.create_artifacts({"key": "model", "data": {"acc": n}} for n in (91, 93, 95))
    return store


def prod(store):
    """Return the version that `model@prod` names."""
    return {alias.name: alias.version for alias in store.read_aliases("model")}.get("prod")


# Set


def test_set_says_what_it_changed(url, models):
    assert run(url, "alias", "set", "model", "prod", "1") == "model@prod: none -> 1\n"
    assert run(url, "alias", "set", "model", "prod") == "model@prod: 1 -> 3\n"
    assert run(url, "alias", "set", "model", "prod", "latest") == "model@prod is 3 already\n"
    assert run(url, "alias", "set", "model@2", "staging") == "model@staging: none -> 2\n"
    assert run(url, "alias", "set", "model@staging", "prod") == "model@prod: 3 -> 2\n"
    assert run(url, "alias", "set", "model@prod", "1") == "model@prod: 2 -> 1\n"
    assert run(url, "alias", "set", "model@prod", "latest") == "model@prod: 1 -> 3\n"
    assert run(url, "alias", "set", "model@canary") == "model@canary: none -> 3\n"
    assert loaded(url, "alias", "set", "model", "prod", "2") == {
        "key": "model",
        "name": "prod",
        "from_version": 3,
        "to_version": 2,
    }
    assert loaded(url, "alias", "set", "model", "prod", "2")["from_version"] == 2


def test_set_by_compare_and_set(url, models):
    assert run(url, "alias", "set", "model", "prod", "1", "--expect", "none").endswith("-> 1\n")
    told = run(url, "alias", "set", "model", "prod", "2", "--expect", "none", code=1)
    assert told == "Error: The alias model@prod exists already, as version 1; expected none.\n"
    told = run(url, "alias", "set", "model", "prod", "3", "--expect", "2", code=1)
    assert told == "Error: The alias model@prod is version 1, expected 2.\n"
    assert prod(models) == 1
    assert run(url, "alias", "set", "model", "prod", "3", "--expect", "1").endswith("1 -> 3\n")


@pytest.mark.parametrize(
    ("args", "code", "sentence"),
    [
        (["model"], 2, "Which alias of 'model'? Give its name too, such as model prod."),
        (["model", "3"], 2, "Which alias of 'model'?"),
        (["model@3"], 2, "Which alias of 'model'?"),
        (["model@prod", "3", "4"], 2, "'3' is not the name of an alias: give KEY NAME VERSION."),
        (["model", "prod", "three"], 2, "VERSION is a number, such as 3, or latest, not 'three'."),
        (["model", "prod", "9" * 30], 2, "VERSION is a number"),
        (["model", "prod", "0"], 2, "VERSION is a number, such as 3, or latest, not '0'."),
        (["model", "prod", "--expect", "x"], 2, "--expect takes a version, such as 3, or none"),
        (
            ["model", "prod", "--expect", "0"],
            2,
            "--expect takes a version, such as 3, or none, not '0'.",
        ),
        (["model@2", "prod", "3"], 2, "'model@2' names a version already"),
        (["model@2", "prod", "latest"], 2, "'model@2' names a version already: leave out latest."),
        (["model", "a b"], 2, "Invalid alias 'a b': use 1 to 64 letters, digits and"),
        (["a b", "prod"], 2, "Invalid reference 'a b'"),
        (["model", "prod", "7"], 1, "'model@7': model has versions 1-3; latest is 3."),
        (["modell", "prod"], 1, "There is no artifact 'modell'. Is it model?"),
        (["model@old", "prod"], 1, "model has no aliases; latest is version 3."),
    ],
)
def test_what_set_refuses(url, models, args, code, sentence):
    told = run(url, "alias", "set", *args, code=code)
    assert told.startswith("Error: ")
    assert sentence in told
    assert models.read_aliases() == []


# Delete and undo


def test_rm(url, models):
    models.set_alias("model", "prod", 2)
    models.set_alias("model", "canary", 3)
    told = run(url, "alias", "rm", "model", "prod", "--expect", "1", code=1)
    assert told == "Error: The alias model@prod is version 2, expected 1.\n"
    assert run(url, "alias", "rm", "model", "prod", "--expect", "2") == "model@prod: 2 -> none\n"
    assert run(url, "alias", "rm", "model@canary") == "model@canary: 3 -> none\n"
    assert run(url, "alias", "rm", "model@canary", code=1) == (
        "Error: There is no alias model@canary.\n"
    )
    assert "Give one alias" in run(url, "alias", "rm", "model@canary", "prod", code=2)
    assert "Which alias of 'model'?" in run(url, "alias", "rm", "model", code=2)
    models.set_alias("model", "prod", 1)
    assert loaded(url, "alias", "rm", "model@prod")["to_version"] is None
    assert models.read_aliases() == []


def test_undo_and_redo(url, models):
    models.set_alias("model", "prod", 2)
    models.set_alias("model", "prod", 3)
    assert run(url, "alias", "undo", "model", "prod") == "model@prod: 3 -> 2\n"
    assert run(url, "alias", "undo", "model@prod") == "model@prod: 2 -> 3\n"
    models.delete_alias("model", "prod")
    assert loaded(url, "alias", "undo", "model", "prod") == {
        "key": "model",
        "name": "prod",
        "from_version": None,
        "to_version": 3,
    }
    assert prod(models) == 3
    told = run(url, "alias", "undo", "model", "canary", code=1)
    assert told == "Error: There is nothing to undo: the alias model@canary was never set.\n"

    models.delete_artifact("model@3", force=True)
    assert run(url, "alias", "undo", "model", "prod", code=1) == (
        "Error: The alias model@prod cannot be moved back. There is no artifact 'model@3': "
        "model has versions 1-2; latest is 2.\n"
    )
    models.set_alias("model", "canary", 1)
    assert run(url, "alias", "undo", "model", "canary") == "model@canary: 1 -> none\n"


# List


def test_as_csv_and_markdown(url, models):
    assert run(url, "alias", "ls", "--markdown") == "Nothing found.\n"
    models.set_alias("model", "prod", 2)
    models.set_alias("model", "prod", 3)
    heading, row = run(url, "alias", "ls", "--csv").splitlines()
    assert heading == "key,alias,version,moved,run"
    assert row.startswith("model,prod,3,2")
    table = run(url, "alias", "ls", "--markdown").splitlines()
    assert table[0] == "| key | alias | version | moved | run |"
    assert table[2].startswith("| model | prod | 3 | 2")
    moves = run(url, "alias", "history", "model", "--csv").splitlines()
    assert [move.split(",")[:3] for move in moves[1:]] == [
        ["prod", "2", "3"],
        ["prod", "none", "2"],
    ]
    table = run(url, "alias", "history", "model", "--markdown").splitlines()
    assert table[2].startswith("| prod | 2 | 3 | 2")


def test_ls(url, models):
    assert run(url, "alias", "ls") == "key\talias\tversion\tmoved\trun\n"
    assert loaded(url, "alias", "ls", "model") == []
    for options in ([], ["--json"]):
        told = run(url, "alias", "ls", "modell", *options, code=1)
        assert told == "Error: There is no key 'modell'.\n"
    assert "Nothing found." in on_terminal(url, "alias", "ls")[1]
    models.create_artifact(key="sales", data=1)
    with models.flow_run("deploy", run_name="deploy-7"):
        models.set_alias("model", "prod", 2)
    models.set_alias("sales", "prod")
    models.set_alias("model", "canary")
    lines = run(url, "alias", "ls").splitlines()
    cells = [line.split("\t") for line in lines]
    assert [each[:3] + each[4:] for each in cells[1:]] == [
        ["model", "canary", "3", ""],
        ["model", "prod", "2", "deploy-7"],
        ["sales", "prod", "1", ""],
    ]
    assert cells[1][3].endswith("Z")
    assert len(run(url, "alias", "ls", "sales").splitlines()) == 2
    assert loaded(url, "alias", "ls", "sales") == [
        models.read_aliases("sales")[0].model_dump(mode="json")
    ]
    screen = on_terminal(url, "alias", "ls", columns=80, env={"NO_COLOR": "1"})[1]
    assert screen.splitlines()[0].split() == ["key", "alias", "version", "age", "run"]
    told = run(url, "alias", "ls", "model@prod", code=2)
    assert "'model@prod' names a version: give only the key, 'model'." in told


def test_history(url, models):
    models.set_alias("model", "prod", 2)
    with models.flow_run("deploy", run_name="deploy-7"):
        models.set_alias("model", "prod", 3)
    models.set_alias("model", "canary", 1)
    models.delete_alias("model", "prod")
    cells = [line.split("\t") for line in run(url, "alias", "history", "model").splitlines()]
    assert [each[:3] + each[4:] for each in cells] == [
        ["alias", "from", "to", "run"],
        ["prod", "3", "none", ""],
        ["canary", "none", "1", ""],
        ["prod", "2", "3", "deploy-7"],
        ["prod", "none", "2", ""],
    ]
    of_prod = loaded(url, "alias", "history", "model", "prod")
    assert of_prod == loaded(url, "alias", "history", "model@prod")
    moves = models.read_alias_history("model", "prod")
    assert of_prod == [move.model_dump(mode="json") for move in moves]
    assert [move["to_version"] for move in of_prod] == [None, 3, 2]
    screen = on_terminal(url, "alias", "history", "model", columns=80, env={"NO_COLOR": "1"})[1]
    assert screen.splitlines()[0].split() == ["alias", "from", "to", "age", "run"]
    assert run(url, "alias", "history", "model", "x", code=1) == (
        "Error: The alias model@x was never set.\n"
    )
    assert run(url, "alias", "history", "modell", code=1) == (
        "Error: No alias of 'modell' was ever set.\n"
    )


def test_hostile_names_of_runs_are_not_obeyed(url, models):
    for number, text in enumerate(ATTACKS):
        with models.flow_run(text, run_name=text):
            models.set_alias("model", f"a{number}")
    for command in ("ls", "history"):
        for told in (
            run(url, "alias", command, "model"),
            on_terminal(url, "alias", command, "model", env={"NO_COLOR": "1"}, lines=200)[1],
        ):
            for text in ATTACKS:
                assert text.isprintable() or text not in told
            assert "\x1b" not in told
            assert "\x9b" not in told


def test_show_names_the_aliases(url, models):
    assert "aliases" not in run(url, "show", "model")
    models.set_alias("model", "prod", 2)
    models.set_alias("model", "canary", 3)
    assert "\naliases\tcanary, prod is @2\n" in run(url, "show", "model")
    assert "\naliases\tprod, canary is @3\n" in run(url, "show", "model@prod")
    screen = on_terminal(url, "show", "model@prod", env={"NO_COLOR": "1"})[1]
    assert screen.startswith("model@2 prod updated")


@pytest.fixture
def named(models):
    """The store with two aliases, and with a key and an artifact that have none."""
    models.set_alias("model", "prod", 2)
    models.set_alias("model", "canary", 3)
    models.create_artifact(key="sales", data=1)
    models.create_artifact(data=2)
    return models


def cells_of(told, *columns):
    """Return some columns of what is printed on a pipe."""
    names, *rows = [line.split("\t") for line in told.splitlines()]
    return [[row[names.index(column)] for column in columns] for row in rows]


def test_ls_with_aliases(url, named):
    told = run(url, "ls", "--aliases", "--sort", "key_asc")
    assert told.startswith("key\tversion\taliases\ttype\t")
    assert cells_of(told, "key", "aliases") == [["model", "canary, prod is @2"], ["sales", ""]]
    told = run(url, "ls", "--aliases", "--all", "--sort", "key_desc")
    assert cells_of(told, "version", "aliases") == [
        ["1", ""],
        ["3", "canary"],
        ["2", "prod"],
        ["1", ""],
        ["", ""],
    ]
    assert "aliases" not in run(url, "ls")
    documents = loaded(url, "ls", "--aliases", "--trend", "--sort", "key_asc")
    assert [each["aliases"] for each in documents] == [{"canary": 3, "prod": 2}, {}]
    assert len(documents[0]["trend"]) == 3
    assert "aliases" not in loaded(url, "ls")[0]
    screen = on_terminal(url, "ls", "--aliases", columns=80, env={"NO_COLOR": "1"})[1]
    assert "canary, prod is @2" in screen


def test_history_marks_the_versions_that_have_an_alias(url, named):
    assert run(url, "history", "model").startswith("version\taliases\ttype\t")
    assert cells_of(run(url, "history", "model"), "version", "aliases") == [
        ["3", "canary"],
        ["2", "prod"],
        ["1", ""],
    ]
    assert "aliases" not in run(url, "history", "sales")
    assert [each["aliases"] for each in loaded(url, "history", "model")] == [
        ["canary"],
        ["prod"],
        [],
    ]
    assert "| 2 | prod |" in run(url, "history", "model", "--markdown")


def test_the_tree_marks_them_on_a_terminal(url, named):
    screen = on_terminal(url, "tree", env={"NO_COLOR": "1"})[1]
    assert "model@2  prod  " in screen
    assert "model@3  canary  " in screen
    assert screen.count("prod") == 1


# Protection


def test_a_protected_version_is_deleted_only_by_force(url, models):
    models.set_alias("model", "prod", 2)
    refused = "model@2 is protected: the alias prod names it. Move or delete the alias first, or add --force.\n"
    for args in (["model@prod"], ["model", "--all-versions"], ["--key", "model"]):
        extra = ["--everything"] if args[0] == "--key" else []
        told = run(url, "delete", *(extra or args), "--yes", code=1)
        assert told == f"Error: {refused}"
        assert models.count_artifacts() == 3
    code, screen = on_terminal(url, "delete", "model", "--all-versions")
    assert code == 1
    assert "model@prod is version 2, which is protected: add --force." in screen
    assert screen.endswith("Nothing was deleted.\n")
    assert "[y/N]" not in screen

    code, screen = on_terminal(url, "delete", "model@2", "--force", typed="y\n")
    assert code == 0
    assert "model@prod is version 2: the alias is deleted too." in screen
    assert models.read_aliases() == []
    models.set_alias("model", "prod", 3)
    assert loaded(url, "delete", "--everything", "--yes", "--force") == {"deleted": 2}


def test_the_question_names_many_aliases(url, models):
    for number in range(12):
        models.set_alias("model", f"a{number:02}", 1)
    models.set_alias("model", "other", 2)
    screen = on_terminal(url, "delete", "model@1", "--force", typed="n\n")[1]
    assert screen.count("the alias is deleted too.") == 10
    assert "And 2 more." in screen
    assert "other" not in screen
    assert len(models.read_aliases()) == 13


def test_protected_data_is_updated_only_by_force(url, models):
    models.set_alias("model", "prod", 2)
    told = run(url, "update", "model@prod", "--data", "1", code=1)
    assert told == (
        "Error: model@2 is protected: the alias prod names it. Move or delete the alias first, or add --force.\n"
    )
    run(url, "update", "model@prod", "--description", "checked")
    run(url, "update", "model@prod", "--data", "1", "--force")
    assert models.get("model@prod").data == 1
    of_key = ArtifactFilter(key={"any_": ["model"]})
    assert models.count_artifacts(of_key) == 3


# Help and completion


def test_the_group_shows_its_commands(url):
    bare = CliRunner().invoke(main, ["alias"])
    assert bare.exit_code == 0
    assert bare.stdout == CliRunner().invoke(main, ["alias", "--help"]).stdout
    for name, command in main.commands["alias"].commands.items():
        assert f"  {name:<10} {command.get_short_help_str(100)}\n" in bare.stdout
        assert not command.get_short_help_str(100).endswith("...")


def completed(url, command, incomplete, **typed):
    """Return what completes a word of a command, after the words that were typed."""
    ctx = click.Context(main)
    ctx.meta["artifact_store_cli.app.url"] = url
    ctx.params = typed
    return [item.value for item in getattr(complete, command)(ctx, None, incomplete)]


def test_completion(url, models):
    models.create_artifact(key="sales", data=1)
    models.set_alias("model", "prod", 1)
    models.set_alias("model", "beta", 2)
    models.set_alias("sales", "approved")
    models.set_alias("model", "gone")
    models.delete_alias("model", "gone")
    assert completed(url, "refs", "mod") == ["model"]
    assert completed(url, "refs", "model@") == [
        "model@beta",
        "model@prod",
        "model@3",
        "model@2",
        "model@1",
    ]
    assert completed(url, "refs", "model@p") == ["model@prod"]
    assert completed(url, "aliased", "mo") == ["model"]
    assert completed(url, "aliased", "model@") == ["model@beta", "model@prod"]
    assert completed(url, "aliases", "", key="model") == ["beta", "prod"]
    assert completed(url, "past_aliases", "", key="model") == ["gone", "beta", "prod"]
    assert completed(url, "alias_names", "", key="model") == ["beta", "prod", "approved"]
    assert completed(url, "versions", "", key="model@prod") == ["3", "2", "1"]


def test_json_of_every_command_is_one_document(url, models):
    models.set_alias("model", "prod", 1)
    for args in (["set", "model@prod", "2"], ["ls"], ["history", "model"], ["undo", "model@prod"]):
        told = run(url, "alias", *args, "--json")
        assert told == json.dumps(json.loads(told), indent=2, ensure_ascii=False) + "\n"
