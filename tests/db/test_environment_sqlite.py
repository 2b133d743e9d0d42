"""SQLite in a bad environment: one message, no partial write, and all is well once it is mended."""

import gc
import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import peewee
import pytest

from artifact_store import (
    ArtifactCreate,
    ArtifactStore,
    ArtifactStoreError,
    IntegrityViolation,
    StoreUnavailable,
)
from artifact_store.db.engine import Engine
from artifact_store.errors import InvalidURL

WRITES: dict[str, Callable[[ArtifactStore], object]] = {
    "create": lambda store: store.create_artifact(key="k", data="x" * 20_000),
    "create many": lambda store: store.create_artifacts(
        [{"key": "k", "data": "x" * 20_000}, {"key": "new"}]
    ),
    "update": lambda store: store.update_artifact(
        store.read_latest_artifact("k").id, data="x" * 20_000
    ),
}


def unavailable(call: Callable[[], object], said: str) -> None:
    """Check that a call fails with one sentence, caused by an error of the driver."""
    with pytest.raises(StoreUnavailable, match=said) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")


# What cannot be opened


def test_a_directory(tmp_path: Path) -> None:
    unavailable(lambda: ArtifactStore(tmp_path), "it is a directory: name a file in it")
    assert list(tmp_path.iterdir()) == []


def test_a_parent_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    unavailable(lambda: ArtifactStore(tmp_path / "file/store.db"), "cannot be (created|opened)")


@pytest.mark.parametrize(
    "content", [b"key,value\n" * 1000, b"xy", b"SQLite format 3\0" + b"\xff" * 2000]
)
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    unavailable(lambda: ArtifactStore(path), "is not a SQLite database|is damaged")
    assert path.read_bytes() == content
    assert [each.name for each in tmp_path.iterdir()] == ["data.csv"]


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "store.db").touch()
    with ArtifactStore(tmp_path / "store.db") as store:
        assert store.create_artifact(key="k").version == 1


def test_directories_are_made_for_the_default_store_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "a/b"))
    monkeypatch.delenv("ARTIFACT_STORE_URL", raising=False)
    with ArtifactStore() as store:
        assert store.create_artifact(key="k").version == 1
    path = tmp_path / "a/b/artifact-store/artifacts.db"
    assert path.exists()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    elsewhere = tmp_path / "b/store.db"
    with pytest.raises(
        StoreUnavailable, match=f"directory {elsewhere.parent} does not exist: create it, or choose"
    ):
        ArtifactStore(elsewhere)
    assert not elsewhere.parent.exists()


def test_a_truncated_database(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with ArtifactStore(path) as store:
        store.create_artifacts({"key": f"k{n}", "data": "x" * 1000} for n in range(200))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 3])

    def use() -> None:
        with ArtifactStore(path) as store:
            for key in range(200):
                store.read_latest_artifact(f"k{key}")
            store.read_artifacts()

    unavailable(use, "the database is damaged: restore a copy")
    path.write_bytes(whole)
    with ArtifactStore(path) as store:
        assert store.count_artifacts() == 200


# What cannot be written


def as_nobody(work: Callable[[], object]) -> None:
    """Call a function in a child process that is not root, so that permissions apply to it."""
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            work()
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


@pytest.fixture
def open_path(tmp_path: Path) -> Path:
    """Return a path that every user can reach."""
    for each in [tmp_path, *tmp_path.parents]:
        if each.stat().st_uid == os.getuid() and not each.stat().st_mode & 0o001:
            each.chmod(each.stat().st_mode | 0o055)
    return tmp_path


def test_a_directory_that_may_not_be_written(open_path: Path) -> None:
    open_path.chmod(0o555)
    try:
        as_nobody(
            lambda: unavailable(lambda: ArtifactStore(open_path / "store.db"), "you may write to")
        )
        as_nobody(
            lambda: unavailable(lambda: ArtifactStore(open_path / "new/store.db"), "does not exist")
        )
    finally:
        open_path.chmod(0o755)
    assert list(open_path.iterdir()) == []


def test_a_file_that_may_only_be_read(open_path: Path) -> None:
    path = open_path / "store.db"
    with ArtifactStore(path) as store:
        created = store.create_artifact(key="k")
    path.chmod(0o444)
    open_path.chmod(0o777)

    def work() -> None:
        with ArtifactStore(path) as store:
            assert store.read_latest_artifact("k") == created
            unavailable(
                lambda: store.create_artifact(key="k"), "is read-only: make the file .* writable"
            )
            assert store.count_artifacts() == 1

    as_nobody(work)


def test_a_file_that_may_not_be_read(open_path: Path) -> None:
    path = open_path / "store.db"
    ArtifactStore(path).close()
    path.chmod(0o000)
    as_nobody(lambda: unavailable(lambda: ArtifactStore(path), "cannot be opened|access is denied"))


@pytest.mark.parametrize("write", WRITES)
def test_a_database_that_may_only_be_read(tmp_path: Path, write: str) -> None:
    with ArtifactStore(tmp_path / "store.db") as store:
        created = store.create_artifact(key="k")
        store._engine.pragma("query_only = on")
        unavailable(lambda: WRITES[write](store), "is read-only")
        assert store.read_artifacts() == [created]
        store._engine.pragma("query_only = off")
        WRITES[write](store)
        assert store.verify() == []


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("in_block", [False, True])
def test_a_full_disk(tmp_path: Path, write: str, in_block: bool) -> None:
    with ArtifactStore(tmp_path / "store.db") as store:
        created = store.create_artifact(key="k")
        pages = store._engine.pragma("page_count")
        assert pages is not None
        store._engine.pragma(f"max_page_count = {pages[0] + 1}")
        call: Callable[[], object] = lambda: WRITES[write](store)  # noqa: E731
        unavailable(
            lambda: store.run_in_transaction(call) if in_block else call(),
            "the disk is full: free some space",
        )
        assert store.read_artifacts() == store.read_latest_artifacts() == [created]
        assert store.verify() == []
        assert not store._engine.in_block()
        store._engine.pragma("max_page_count = 1000000")
        store.run_in_transaction(call) if in_block else call()
        assert store.verify() == []
        assert store.create_artifact(key="k").version == (2 if write == "update" else 3)


def test_a_block_that_the_database_has_undone_says_so(tmp_path: Path) -> None:
    """A full disk rolls the transaction back, so the rest of the block must not be written."""
    with ArtifactStore(tmp_path / "store.db") as store:
        pages = store._engine.pragma("page_count")
        assert pages is not None
        store._engine.pragma(f"max_page_count = {pages[0] + 1}")

        def work() -> None:
            store.create_artifact(key="first")
            unavailable(
                lambda: store.create_artifact(key="k", data="x" * 200_000), "the disk is full"
            )
            store._engine.database.connection().execute("PRAGMA max_page_count = 1000000")
            store.create_artifact(key="last")

        unavailable(
            lambda: store.run_in_transaction(work),
            "rolled this block back|no such savepoint|disk is full",
        )
        assert store.read_artifacts() == []
        assert store.create_artifact(key="k").version == 1


def test_a_commit_that_fails_is_undone(tmp_path: Path) -> None:
    """The commit fails because of a foreign key that is checked at the end of the block."""
    with ArtifactStore(tmp_path / "store.db") as store:
        flow = store.create_flow("f")

        def work() -> None:
            store._engine.execute("PRAGMA defer_foreign_keys = on")
            store.create_artifact(key="k")
            store._engine.execute("DELETE FROM flow")
            store._engine.execute(
                "INSERT INTO deployment (id, name, flow_id, paused, tags, created, updated) "
                f"VALUES ('x', 'd', '{flow.id}', 0, '[]', '', '')"
            )

        with pytest.raises(IntegrityViolation, match="FOREIGN KEY"):
            store.run_in_transaction(work)
        assert store.read_flows() == [flow]
        assert store.read_artifacts() == []
        assert store.create_artifact(key="k").version == 1


def test_the_cause_is_not_an_error_that_the_caller_is_handling(tmp_path: Path) -> None:
    """A store is used while the error of another database is handled, which is not its cause."""
    with ArtifactStore(tmp_path / "store.db") as store:
        store._engine.pragma("query_only = on")
        try:
            sqlite3.connect(tmp_path / "none/none.db")
        except sqlite3.OperationalError:
            unavailable(lambda: store.create_artifact(key="k"), "is read-only")
            unavailable(lambda: store.run_in_transaction(store.create_flow, "f"), "is read-only")


# A database of the user


def test_a_database_of_the_user(tmp_path: Path) -> None:
    database = peewee.SqliteDatabase(tmp_path / "mine.db", pragmas={"foreign_keys": 1})
    with closing(database), ArtifactStore(database) as store:
        assert store.create_artifact(key="k").version == 1
        assert store.create_artifact(key="k").version == 2
        with pytest.raises(IntegrityViolation):
            store.create_task_run("0" * 32)
        store.delete_artifact(store.read_latest_artifact("k").id)
        assert store.read_latest_artifact("k").version == 1
        assert store.verify() == []
        assert "mine.db" in repr(store)


def test_the_models_of_the_user_are_not_touched(tmp_path: Path) -> None:
    database = peewee.SqliteDatabase(tmp_path / "mine.db")

    class Note(peewee.Model):
        text = peewee.TextField()

        class Meta:
            pass

    Note.bind(database)
    with (
        closing(database),
        ArtifactStore(database) as store,
        ArtifactStore(tmp_path / "other.db") as other,
    ):
        Note.create_table()
        with store.atomic():
            Note.create(text="in the block of the store")
            other.create_artifact(key="k")
        assert Note._meta.database is database
        assert [note.text for note in Note.select()] == ["in the block of the store"]
        with pytest.raises(ZeroDivisionError):
            undone(store, Note)
        assert Note.select().count() == 1


def undone(store: ArtifactStore, note: Any) -> None:
    with store.atomic():
        note.create(text="undone")
        raise ZeroDivisionError


def test_a_new_store_is_not_made_inside_a_block_of_the_user(tmp_path: Path) -> None:
    database = peewee.SqliteDatabase(tmp_path / "mine.db")
    with closing(database):
        with database.atomic():
            unavailable(lambda: ArtifactStore(database), "inside a transaction")
        with ArtifactStore(database) as store:
            assert store.create_artifact(key="k").version == 1


@pytest.mark.parametrize("database", [peewee.PostgresqlDatabase("x"), peewee.MySQLDatabase("x")])
def test_other_databases_of_the_user(database: peewee.Database) -> None:
    with pytest.raises(InvalidURL, match="is not supported"):
        ArtifactStore(database)


def test_sqlite_must_know_returning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.34.1")
    with pytest.raises(StoreUnavailable, match=r"3\.34\.1 is too old.*3\.35"):
        ArtifactStore(tmp_path / "store.db")
    assert list(tmp_path.iterdir()) == []


# Connections and errors


def test_close_reaches_the_connections_of_every_thread(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store.db")
    go, done = threading.Event(), threading.Event()

    def work() -> None:
        store.create_artifact(key="k")
        done.set()
        go.wait(30)
        store.create_artifact(key="k")

    thread = threading.Thread(target=work)
    thread.start()
    assert done.wait(30)
    store.close()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["store.db"], (
        "nobody holds the file open"
    )
    go.set()
    thread.join()
    assert store.read_latest_artifact("k").version == 2
    store.close()


def test_the_connection_of_a_thread_ends_with_it(tmp_path: Path) -> None:
    with ArtifactStore(tmp_path / "store.db") as store:
        store.create_artifact(key="k")
        gc.collect()
        gc.disable()  # a connection that waited for it would be counted
        try:
            for _ in range(20):
                thread = threading.Thread(target=store.create_artifact, kwargs={"key": "k"})
                thread.start()
                thread.join()
            assert store._engine.server_info().connections == 1
        finally:
            gc.enable()


def test_a_thread_that_holds_a_block_past_the_deadline(tmp_path: Path) -> None:
    with (
        ArtifactStore(f"sqlite:///{tmp_path}/store.db?timeout=0.2") as store,
        ThreadPoolExecutor(1) as other,
    ):
        with store.atomic():
            store.create_artifact(key="k")
            waiting = other.submit(store.create_artifact, key="k")
            with pytest.raises(
                StoreUnavailable, match=r"another thread held the lock for 0\.2 s: try again"
            ):
                waiting.result(10)
        assert other.submit(store.create_artifact, key="k").result(10).version == 2


def test_a_store_that_is_dropped_without_close_warns_of_nothing(tmp_path: Path) -> None:
    ArtifactStore(tmp_path / "store.db").create_artifact(key="k")
    with ArtifactStore(tmp_path / "store.db") as store:
        assert store.create_artifact(key="k").version == 2


def test_drivers_errors_are_chained(tmp_path: Path) -> None:
    with ArtifactStore(tmp_path / "store.db") as store:
        store._engine.pragma("query_only = on")
        with pytest.raises(ArtifactStoreError) as caught:
            store.create_artifact(ArtifactCreate(key="k"))
        assert isinstance(caught.value.__cause__, peewee.PeeweeException | sqlite3.Error)


def test_a_value_too_large_for_sqlite(tmp_path: Path) -> None:
    with ArtifactStore(tmp_path / "store.db") as store:
        store._engine.database.connection().setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 100_000)
        with pytest.raises(ArtifactStoreError, match="larger than"):
            store.create_artifact(key="k", data="x" * 200_000)
        assert store.create_artifact(key="k", data="x").version == 1


def test_the_repr_of_an_engine(tmp_path: Path) -> None:
    with ArtifactStore(tmp_path / "store.db") as store:
        engine: Engine = store._engine
        assert repr(engine) == f"SqliteEngine('{tmp_path}/store.db')"


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    with pytest.raises(
        StoreUnavailable, match=r"cannot be opened \(File name too long\): check the address"
    ):
        ArtifactStore(f"sqlite:///{tmp_path}/{'a' * 300}.db")
