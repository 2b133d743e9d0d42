"""Opening a store: a wrong address creates nothing, and a store that is only read is not changed."""

import multiprocessing
import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import peewee
import pytest
from click.testing import CliRunner

from artifact_store import (
    ArtifactStore,
    SchemaTooOld,
    StoreMissing,
    StoreReadOnly,
    StoreUnavailable,
    create_markdown_artifact,
    set_default_store,
)
from artifact_store.db import migrations
from artifact_store.db.read_only import WRITES
from artifact_store_cli import main
from tests.helpers.commandline import loaded, run

READS = """
    atomic check close diff get keys
    count_artifacts count_latest_artifacts info iter_artifacts iter_latest_artifacts read_artifact
    read_artifact_ref read_artifacts read_deployment read_deployments read_flow read_flow_run read_flow_runs read_flows
    read_open_flow_runs read_alias_history read_aliases
    read_provenance
    read_latest_artifact read_latest_artifacts read_series read_surroundings read_task_run read_task_runs read_trends
    read_history read_work_pool read_work_pools read_work_queue read_work_queues read_run_tree report run
    run_in_transaction series_fields snapshot url
    lineage read_openlineage verify wait_for_artifact watch
""".split()
NOBODY = 65534

READING = [
    "ls",
    "show k",
    "history k",
    "diff k k",
    "check k",
    "alias ls",
    "alias history k",
    "tree",
    "lineage k",
    "live --once",
    "report -o r.html",
    "count",
    "verify",
    "info",
]
CHANGING = ["delete k --yes", "update k --data 1", "alias set k prod", "repair", "upgrade"]


def seen(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Return the files of a directory, with times and content."""
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in directory.iterdir()}


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a directory that every user may enter."""
    with tempfile.TemporaryDirectory(prefix="opening") as directory:
        os.chmod(directory, 0o755)  # noqa: PTH101
        yield Path(directory)
        for each in (Path(directory), Path(directory) / "copy"):
            if each.exists():
                each.chmod(0o755)


def as_nobody(function: Callable[[], None], user: int = NOBODY) -> None:
    """Call a function in a child process that is not root, which may write anywhere."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
            function()
            code = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# A wrong address


@pytest.mark.parametrize("command", [*READING, *CHANGING])
def test_commands_that_do_not_publish_make_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("typo.db", "no/such/typo.db"):
        output = run(f"sqlite:///{tmp_path}/{name}", *command.split(), code=1)
        assert output == (
            f"Error: {tmp_path}/{name}: there is no store at this address: check it, or publish something to it first, "
            "which makes the store.\n"
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [*READING, *CHANGING])
def test_no_schema_is_made_on_postgresql(postgres: str, command: str) -> None:
    import psycopg

    url = f"{postgres}&schema=typo_{os.getpid()}"
    assert "there is no store at this address" in run(url, *command.split(), code=1)
    with psycopg.connect(postgres) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_namespace WHERE nspname = %s", (f"typo_{os.getpid()}",)
        )
        assert found.fetchone() is None


def test_the_first_look_at_the_default_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("ARTIFACT_STORE_URL", raising=False)
    result = CliRunner().invoke(main, ["ls"])
    assert result.exit_code == 1
    assert "there is no store at this address" in result.stderr
    assert result.stderr.endswith(
        "which makes the store. 'artifact-store demo' publishes an example.\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root may become a user that the system does not know"
)
def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_DATA_HOME", "ARTIFACT_STORE_URL"):
        monkeypatch.delenv(name, raising=False)

    def look() -> None:
        result = CliRunner().invoke(main, ["ls"], prog_name="artifact-store")
        assert result.exit_code == 2
        assert result.stderr.startswith(
            "Error: There is no home directory for the default store: name a store with $ARTIFACT_STORE_URL, or set"
        )
        output = run("sqlite:///~/jobs.db", "ls", code=2)
        assert output == (
            "Error: Cannot expand '~', because there is no home directory: write the whole path, or set $HOME.\n"
        )

    as_nobody(look, user=64321)


def test_create_makes_the_file_but_no_directory(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    assert run(url, "create", "k", "--data", "1").startswith("Created k@1")
    assert "the directory" in run(
        f"sqlite:///{tmp_path}/typo/new.db", "create", "k", "--data", "1", code=1
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.db"]


def test_create_off_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with pytest.raises(StoreMissing):
        ArtifactStore(path, create=False)
    path.touch()
    with pytest.raises(StoreMissing):
        ArtifactStore(path, create=False)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (x)")
    before = seen(tmp_path)
    with pytest.raises(StoreMissing, match="there is no store at this address"):
        ArtifactStore(path, create=False)
    assert seen(tmp_path) == before


def test_a_store_of_an_older_release_is_upgraded_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "NAMES", migrations.NAMES[:2])
        ArtifactStore(url).close()
    before = seen(tmp_path)
    for command in ("ls", "count", "verify", "repair", "delete k --yes"):
        output = run(url, *command.split(), code=1)
        assert (
            "of an older release (schema 0002_profile): bring them up to date with 'artifact-store upgrade'"
            in output
        )
    for options in ({"create": False}, {"read_only": True}):
        with pytest.raises(SchemaTooOld, match="artifact-store upgrade"):
            ArtifactStore(url, **options)
    assert seen(tmp_path) == before
    assert loaded(url, "upgrade") == {"schema": migrations.NAMES[-1]}
    assert run(url, "upgrade") == f"The tables are up to date ({migrations.NAMES[-1]}).\n"
    assert run(url, "count") == "0\n"


# Only reading


def test_every_method_is_known_to_read_or_to_write() -> None:
    public = {name for name in dir(ArtifactStore) if not name.startswith("_")}
    assert public == WRITES | set(READS)


@pytest.mark.parametrize("by_url", [False, True])
def test_a_store_that_is_only_read(url: str, store: ArtifactStore, by_url: bool) -> None:
    created = store.create_artifact(key="k", data=[1])
    run_id = store.create_flow_run(store.create_flow("f").id).id
    sign = "&" if "?" in url else "?"
    opened = ArtifactStore(f"{url}{sign}mode=ro") if by_url else ArtifactStore(url, read_only=True)
    with opened as reading:
        assert reading.read_latest_artifact("k") == created
        assert reading.read_artifacts() == [created]
        assert reading.verify() == []
        assert reading.info().artifacts == 1
        with reading.atomic():
            assert reading.count_artifacts() == 1
            store.set_flow_run_state(
                run_id, "RUNNING"
            )  # a block that only reads holds up no writer
        for name in sorted(WRITES):
            with pytest.raises(
                StoreReadOnly,
                match=f"open for reading only: open it without read_only to call {name}",
            ):
                getattr(reading, name)()
        # The database itself refuses what no method of the store does.
        with pytest.raises(StoreUnavailable, match="read"):
            ArtifactStore.create_artifact(reading, key="k")
        with pytest.raises(StoreUnavailable, match="read"):
            ArtifactStore.update_artifact(reading, created.id, data=2)
        store.create_artifact(key="k", data=[2])
        assert reading.count_artifacts() == 2
        before = set_default_store(reading)
        try:
            with pytest.raises(StoreReadOnly):
                create_markdown_artifact("text", key="k")
        finally:
            set_default_store(before)
    assert [each.version for each in store.read_artifacts()] == [2, 1]
    with pytest.raises(StoreMissing):
        ArtifactStore(
            url.replace("store.db", "typo.db").replace("schema=", "schema=typo"), read_only=True
        )


@pytest.mark.parametrize("options", ["?mode=ro", ""])
def test_reading_leaves_the_files_as_they_are(tmp_path: Path, options: str) -> None:
    path = tmp_path / "store.db"
    with ArtifactStore(path) as store:
        store.create_artifact(key="k", data=1)
    before = seen(tmp_path)
    with ArtifactStore(f"sqlite:///{path}{options}", create=False) as reading:
        assert reading.count_artifacts() == 1
        assert reading.verify() == []
    assert seen(tmp_path) == before


def test_a_directory_that_may_not_be_written(place: Path) -> None:
    path = place / "store #%.db"
    with ArtifactStore(path) as store:
        created = store.create_artifact(key="k", data=1)
    path.chmod(0o444)
    place.chmod(0o555)
    before = seen(place)

    def read() -> None:
        for options in ({"read_only": True}, {"create": False}, {}):
            with ArtifactStore(path, **options) as reading:
                assert reading.read_latest_artifact("k") == created
                assert reading.verify() == []
                with pytest.raises(StoreUnavailable, match="read"):
                    reading.create_artifact(key="k")
        url = f"sqlite:///{quote(str(path))}"
        for command in ("ls", "show k", "history k", "diff k k", "tree", "count", "verify", "info"):
            assert run(url, *command.split())
        assert "is read-only" in run(url, "delete", "k", "--yes", code=1)

    as_nobody(read)
    assert seen(place) == before


def test_a_mount_that_may_not_be_written(place: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "none", str(place)]
    if (
        shutil.which("mount") is None
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("this user may not mount a file system")
    try:
        with ArtifactStore(place / "store.db") as store:
            store.create_artifact(key="k", data=1)
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        url = f"sqlite:///{place}/store.db"
        assert run(url, "count") == "1\n"
        assert run(url, "verify") == "healthy: 1 artifact, 1 key\n"
        assert "is read-only" in run(url, "create", "k", "--data", "1", code=1)
        assert [path.name for path in place.iterdir()] == ["store.db"]
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may write where another user may not")
def test_a_writer_of_another_user_is_seen(place: Path) -> None:
    """A file without a WAL is read without locks, until another user writes to it after all."""
    path = place / "store.db"
    with ArtifactStore(path) as store:
        store.create_artifact(key="k")
    path.chmod(0o644)
    place.chmod(0o555)
    ready, signal_ready = os.pipe()
    done, finish = os.pipe()

    def read() -> None:
        with ArtifactStore(path, read_only=True) as reading:
            assert reading.count_artifacts() == 1
            for expected in (2, 3):
                os.write(signal_ready, b".")
                os.read(done, 1)
                assert reading.count_artifacts() == expected
                assert len(reading.read_artifacts()) == expected

    child = os.fork()
    if child == 0:
        os.close(ready)
        try:
            as_nobody(read)
        finally:
            os._exit(0)
    os.close(signal_ready)
    os.read(ready, 1)
    with ArtifactStore(path) as store:  # root may write there
        store.create_artifact(key="k")
        os.write(finish, b".")
        assert os.read(ready, 1) == b".", "the reader has failed"
        store.create_artifact(key="k")
    os.write(finish, b".")
    assert os.read(ready, 1) == b""
    os.waitpid(child, 0)


def test_changes_that_cannot_be_read_are_named(place: Path) -> None:
    with ArtifactStore(place / "store.db") as store:
        store.create_artifact(key="k")
        copy = place / "copy"
        copy.mkdir(mode=0o755)
        for name in ("store.db", "store.db-wal"):
            shutil.copyfile(place / name, copy / name)
    copy.chmod(0o555)

    def read() -> None:
        with pytest.raises(
            StoreUnavailable, match=r"the newest changes are in store.db-wal.*copy both files"
        ):
            ArtifactStore(copy / "store.db", read_only=True)

    as_nobody(read)


# PostgreSQL that is read only by default


@pytest.mark.parametrize("scope", ["ROLE reader", "DATABASE readonly"])
def test_transactions_that_are_read_only_by_default(postgres: str, scope: str) -> None:
    import psycopg

    setting = "default_transaction_read_only"
    with psycopg.connect(postgres, autocommit=True) as admin:
        if admin.execute("SELECT 1 FROM pg_roles WHERE rolname = 'reader'").fetchone() is None:
            admin.execute("CREATE ROLE reader LOGIN SUPERUSER")
            admin.execute("CREATE DATABASE readonly")
        url = (
            postgres.replace("postgres:@", "reader:@").replace("/postgres?", "/readonly?")
            + "&timeout=600"
        )
        with ArtifactStore(url) as store:
            created = store.create_artifact(key="k")
        admin.execute(f"ALTER {scope} SET {setting} = on")
        try:
            with ArtifactStore(url) as store:
                assert store.read_latest_artifact("k").version == created.version
                for write in (
                    lambda: store.create_artifact(key="k"),
                    lambda: store.create_artifacts([{"key": "k"}]),
                    lambda: store.update_artifact(created.id, data=1),
                    lambda: store.delete_artifact(created.id),
                    lambda: store.run_in_transaction(store.create_artifact, key="k"),
                ):
                    # The store waits for a failover until the timeout, which is ten minutes here.
                    with pytest.raises(
                        StoreUnavailable,
                        match=f"switch {setting} off, or open the store with read_on",
                    ):
                        write()
            with pytest.raises(StoreUnavailable, match=setting):
                ArtifactStore(f"{url}&schema=another")
            with ArtifactStore(url, read_only=True) as store:
                assert store.count_artifacts() == 1
        finally:
            admin.execute(f"SET {setting} = off")
            admin.execute(f"ALTER {scope} RESET {setting}")
        with ArtifactStore(url) as store:
            assert store.delete_artifact(created.id)


# Pickles


def count(store: ArtifactStore) -> int:
    return store.count_artifacts()


def test_a_store_is_pickled_by_its_address(url: str, store: ArtifactStore) -> None:
    store.create_artifact(key="k")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(count, store).result(60) == 1
    with (
        ArtifactStore(url, read_only=True) as reading,
        pickle.loads(pickle.dumps(reading)) as again,
    ):
        assert again.url == reading.url
        with pytest.raises(StoreReadOnly):
            again.create_artifact(key="k")


def test_a_pickle_makes_no_store(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with ArtifactStore(path) as store:
        pickled = pickle.dumps(store)
    path.unlink()
    with pytest.raises(StoreMissing):
        pickle.loads(pickled)
    assert list(tmp_path.iterdir()) == []


def test_stores_of_this_process_say_why_they_are_not_pickled(tmp_path: Path) -> None:
    with (
        ArtifactStore("sqlite:///:memory:") as store,
        pytest.raises(TypeError, match="a store in memory: open a store in a file"),
    ):
        pickle.dumps(store)
    own = peewee.SqliteDatabase(tmp_path / "own.db")
    with (
        ArtifactStore(own) as store,
        pytest.raises(TypeError, match="uses a Peewee database: open the store by"),
    ):
        pickle.dumps(store)


# Peewee databases of the caller
