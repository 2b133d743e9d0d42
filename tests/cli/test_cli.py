"""The program as a whole: help, version, the store that is used, verify, repair and info."""

import json
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from artifact_store.rendering import age
from artifact_store_cli import main
from artifact_store_cli.output.text import json_text, safe
from tests.helpers.commandline import COMMANDS, loaded, on_terminal, run

DAILY = """
    demo ls show history diff check tree lineage live wait watch run report create update delete alias count
    verify repair upgrade info completion
""".split()
NASTY = "a\x1b[31m\x9b\u202eb\r\nc[bold]d[/bold]\u2066\x07"


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


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_that_parse_and_every_option_a_help(name):
    command = COMMANDS[name]
    told = CliRunner().invoke(main, [*name.split(), "--help"]).stdout
    assert "Examples:\n  " in told
    assert all(f"  {example}\n" in told for example in command.examples)
    assert all(param.help for param in command.params if isinstance(param, click.Option))
    # The output of `run` is that of the command in it.
    assert name == "run" or {"as_json"} <= {param.name for param in command.params}


def test_help_is_quick_because_it_imports_neither_the_store_nor_rich():
    script = "import sys, artifact_store_cli; print({'artifact_store', 'peewee', 'pydantic', 'rich'} & {*sys.modules})"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "set()\n"


def test_version_and_the_installed_script():
    script = Path(sys.executable).with_name("artifact-store")
    told = subprocess.run([script, "--version"], capture_output=True, text=True, check=True).stdout
    assert told.startswith("artifact-store, version ")


# Listing and counting


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
