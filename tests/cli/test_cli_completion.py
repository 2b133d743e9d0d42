"""Tab in the shells themselves: what it offers, and that it makes, says and obeys nothing."""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time

import click
import pytest
from click.testing import CliRunner

from artifact_store import ArtifactStore, StoreUnavailable
from artifact_store_cli import complete, main
from tests.helpers.commandline import loaded, piped, run

# The program, which waits for what the store has to offer as long as a busy machine takes.
PROGRAM = """
from artifact_store_cli import complete
from artifact_store_cli.__main__ import run
complete.TIMEOUT += 60
run()
"""
EVIL = "$(touch pwned)`touch pwned`;touch pwned"
SHELLS = {
    "bash": (["bash", "--norc", "-i"], 'eval "$(artifact-store completion bash)"'),
    "zsh": (
        ["zsh", "-f", "-i"],
        'PS1="$ "; autoload -U compinit; compinit -u -D; eval "$(artifact-store completion zsh)"',
    ),
    "fish": (["fish", "--no-config", "-i"], "artifact-store completion fish | source"),
}


@pytest.fixture
def shop(store, monkeypatch, tmp_path):
    flow = store.create_flow("nightly")
    deployment = store.create_deployment("prod", flow.id)
    night = store.create_flow_run(
        flow.id, name="night-1", tags=["blue"], deployment_id=deployment.id
    )
    store.create_artifact(key="sales/north", type="shop-table", data="first", flow_run_id=night.id)
    store.create_artifact(key="sales/north", type="shop-table", data="second")
    store.create_artifact(key="stock", type="result", data="of stock")
    store.create_artifact(key="zebra", type="result", data="of zebra")
    store.set_alias("zebra", "best", 1)
    monkeypatch.setenv("ARTIFACT_STORE_URL", store.url)
    return store


@pytest.fixture
def programs(tmp_path_factory):
    """A PATH that begins with a directory where `artifact-store` is the program above."""
    directory = tmp_path_factory.mktemp("bin")
    program = directory / "artifact-store"
    program.write_text(f"#!{sys.executable}\n{PROGRAM}", encoding="utf-8")
    program.chmod(0o755)
    return f"{directory}{os.pathsep}{os.environ['PATH']}"


def offered(*words, shell="zsh", env=()):
    """What is offered for a command line whose last word is being typed."""
    line = " ".join(["artifact-store", *words])
    environment = {
        **dict(env),
        "_ARTIFACT_STORE_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words)),
        "COMP_LINE": line,
    }
    done = piped("", env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    return [(kind, value) for kind, value in zip(lines[::3], lines[1::3], strict=False)]


def words(*typed, **options):
    return [value for _, value in offered(*typed, **options)]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (["sh"], ["show"]),
        (["show", "s"], ["sales/north", "stock"]),
        (["show", "sales/north@"], ["sales/north@2", "sales/north@1"]),
        (["show", "nope@"], []),
        (["update", "st"], ["stock"]),
        (["delete", "stock", "z"], ["zebra"]),
        (["create", "sa"], ["sales/north"]),
        (["ls", "--key", "z"], ["zebra"]),
        (["ls", "--type", "sh"], ["shop-table"]),
        (["ls", "--type=sh"], ["--type=shop-table"]),
        (["create", "k", "--type", "m"], ["markdown"]),
        (["count", "--flow", ""], ["nightly"]),
        (["tree", "--flow", "ni"], ["nightly"]),
        (["ls", "--flow-run", ""], ["night-1"]),
        (["ls", "--flow-run", "ni"], ["night-1"]),
        (["tree", "--state", "c"], ["completed", "cancelled", "crashed", "cancelling"]),
        (["ls", "--state", "FA"], ["failed"]),
        (["ls", "--deployment", "p"], ["prod"]),
        (["ls", "--tag", "b"], ["blue"]),
        (["ls", "--alias", "b"], ["best"]),
        (["ls", "--sort", "key"], ["key_desc", "key_asc"]),
        (["check", "st", ""], ["sales/north", "stock", "zebra"]),
        (["check", "zebra", "--against", ""], ["best"]),
        (["check", "stock", "--against", "zebra@b"], ["zebra@best"]),
        (["check", "--against", ""], []),
        (["completion", "z"], ["zsh"]),
        (["ls", "--nd"], ["--ndjson"]),
    ],
)
def test_what_is_offered(shop, typed, found):
    assert words(*(each or "''" for each in typed)) == found


def test_files_are_left_to_the_shell(shop):
    for option in ("--table", "--markdown", "--image"):
        assert offered("create", "k", option, "sa") == [("file", "sa")]


def test_the_store_that_the_line_names_is_asked(shop, tmp_path):
    other = f"sqlite:///{tmp_path}/other.db"
    run(other, "create", "elsewhere", "--data", "1")
    assert words("--url", other, "show", "e") == ["elsewhere"]
    assert words("show", "--url", other, "e") == ["elsewhere"]


def test_nothing_is_made_or_said_where_there_is_no_store(tmp_path):
    (tmp_path / "text.db").write_text("no database, but long enough to be looked at " * 100)
    for url in (
        f"sqlite:///{tmp_path}/none.db",
        f"sqlite:///{tmp_path}/no/directory.db",
        f"sqlite:///{tmp_path}/text.db",
        f"sqlite:///{tmp_path}",
        "sqlite:///:memory:",
        "nonsense",
        "postgresql://nobody@127.0.0.1:1/none",
    ):
        assert words("show", "s", env={"ARTIFACT_STORE_URL": url}) == []
    assert (
        words("show", "s", env={"ARTIFACT_STORE_URL": "", "XDG_DATA_HOME": str(tmp_path / "data")})
        == []
    )
    assert [path.name for path in tmp_path.iterdir()] == ["text.db"]
    with pytest.raises(StoreUnavailable, match="there is no store"):
        ArtifactStore(f"sqlite:///{tmp_path}/none.db", create=False)


def test_a_store_that_does_not_answer_is_not_waited_for(url, monkeypatch):
    ArtifactStore(url).close()
    monkeypatch.setenv("ARTIFACT_STORE_URL", url)
    monkeypatch.setattr(complete, "TIMEOUT", 0.5)
    asked, told = threading.Event(), threading.Event()

    def read_latest_artifacts(*_, **__):
        asked.set()
        told.wait(60)

    monkeypatch.setattr(ArtifactStore, "read_latest_artifacts", read_latest_artifacts)
    ctx = click.Context(main, info_name="artifact-store")
    assert complete.keys(ctx, main.params[0], "") == []
    assert asked.is_set()
    assert not told.is_set()
    told.set()


def test_words_that_break_lines_are_not_offered(shop):
    shop.create_flow("nightly\nplain\n--evil")
    shop.create_flow("nightly\x1b[31m")
    assert words("count", "--flow", "ni") == ["nightly"]


def test_the_script_says_where_to_put_it(url):
    for shell in SHELLS:
        text = run(url, "completion", shell)
        assert text.rstrip().splitlines()[-1].startswith("# ")
        assert f"_ARTIFACT_STORE_COMPLETE={shell}_complete" in text
        assert loaded(url, "completion", shell) == {
            "shell": shell,
            "script": text.removesuffix("\n"),
        }
        subprocess.run([shell, "-n"], input=text, text=True, check=True) if shutil.which(
            shell
        ) else None
    assert "is not one of" in run(url, "completion", "csh", code=2)
    help_ = CliRunner().invoke(main, ["completion", "--help"]).stdout
    assert "{bash|zsh|fish}" in help_


def typed_into(shell, keys, completed, directory, programs):
    """Type something into a shell that has the completion; return what the screen shows once it has run."""
    command, setup = SHELLS[shell]
    environment = {
        **os.environ,
        "PATH": programs,
        "TERM": "xterm",
        "PAGER": "cat",
    }
    environment |= {"HOME": str(directory), "PS1": "$ ", "XDG_CONFIG_HOME": str(directory)}
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(directory)
        os.execvpe(command[0], command, environment)

    def until(mark):
        screen, ends = "", time.monotonic() + 30
        while mark not in screen and time.monotonic() < ends:
            if select.select([master], [], [], 0.5)[0]:
                screen += os.read(master, 65536).decode(errors="replace")
                screen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[^\r\n]\x08", "", screen)
        assert mark in screen, screen
        return screen

    try:
        os.write(master, f"{setup}\recho re''ady\r".encode())
        until("ready\r\n")
        os.write(master, keys.encode())
        until(completed)  # what is typed before the answer would be a part of the word
        os.write(master, b"\recho en''ded\r")
        return until("ended\r\n")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(master)


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shutil.which(shell)])
@pytest.mark.parametrize(
    ("keys", "completed", "shown"),
    [
        ("artifact-store show --raw zeb\t", "zebra", "of zebra"),
        ("artifact-store show --raw stock@\t", "stock@1", "of stock"),
        ("artifact-store ls --ndjson --type=shop\t", "shop-table", '"second"'),
    ],
)
def test_tab(shell, keys, completed, shown, shop, tmp_path, programs):
    assert shown in typed_into(shell, keys, completed, tmp_path, programs)


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shutil.which(shell)])
def test_a_name_is_never_run(shell, store, monkeypatch, tmp_path, programs):
    monkeypatch.setenv("ARTIFACT_STORE_URL", store.url)
    run_id = store.create_flow_run(store.create_flow(EVIL).id).id
    store.create_artifact(key="k", data=1, flow_run_id=run_id)
    screen = typed_into(shell, "artifact-store count --json --flow \t", "pwned", tmp_path, programs)
    assert not (tmp_path / "pwned").exists()
    assert '"count": 1' in screen


def test_bash_takes_at_signs_as_it_is_told(shop, programs):
    script = 'eval "$(artifact-store completion bash)"\nCOMP_LINE="artifact-store show sales/north@" COMP_POINT=32\n'
    for breaks, found in (("@= ", ["@2", "@1"]), ("= ", ["sales/north@2", "sales/north@1"])):
        show = f"COMP_WORDBREAKS='{breaks}'; _artifact_store_completion artifact-store; echo \"${{COMPREPLY[@]}}\""
        environment = {**os.environ, "PATH": programs}
        told = subprocess.check_output(["bash", "-c", script + show], text=True, env=environment)
        assert told.split() == found


def test_json_of_the_script_is_json(url):
    assert json.loads(run(url, "completion", "fish", "--json"))["shell"] == "fish"
