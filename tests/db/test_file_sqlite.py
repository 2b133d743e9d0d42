"""The file of an open store is deleted, moved, replaced or changed by another tool."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from artifact_store import (
    ArtifactSort,
    ArtifactStore,
    ArtifactStoreError,
    StoreDamaged,
    StoreUnavailable,
)


def deleted(path: Path) -> None:
    for each in path.parent.glob("store.db*"):
        each.unlink()


def moved(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))


def directory_moved(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


def replaced(path: Path) -> None:
    copy = path.with_name("copy.db")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    copy.replace(path)


def replaced_by_another_store(path: Path) -> None:
    with ArtifactStore(path.with_name("other.db")) as other:
        other.create_artifact(key="other")
    for kind in ("-wal", "-shm"):  # otherwise SQLite would read what is in them into the new file
        path.with_name(f"store.db{kind}").unlink()
    path.with_name("other.db").replace(path)


def link_changed(path: Path) -> None:
    """Let the path be a link, which now leads to another file."""
    shutil.copy(path, path.with_name("copy.db"))
    path.rename(path.with_name("first.db"))
    path.symlink_to("copy.db")


CHANGES = (deleted, moved, directory_moved, replaced, replaced_by_another_store, link_changed)
WRITES: dict[str, Callable[[ArtifactStore], object]] = {
    "create": lambda store: store.create_artifact(key="k"),
    "create many": lambda store: store.create_artifacts([{"key": "k"}, {"key": "l"}]),
    "update": lambda store: store.update_artifact("0" * 32, data=1),
    "delete": lambda store: store.delete_artifact("0" * 32),
    "run": lambda store: store.run_in_transaction(store.create_artifact, key="k"),
    "flow": lambda store: store.create_flow("f"),
    "repair": lambda store: store.repair(),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place/store.db"


def refused(call: Callable[[], object]) -> None:
    with pytest.raises(
        StoreUnavailable,
        match=r"the file was (deleted or moved|replaced) while the store was open: .*",
    ):
        call()


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("write", WRITES)
def test_a_write_says_that_its_file_is_gone(
    path: Path, change: Callable[[Path], None], write: str
) -> None:
    """SQLite itself would write into a file that has no name any more."""
    with ArtifactStore(path) as store:
        store.create_artifact(key="k")
        change(path)
        before = sorted(path.parent.glob("*")) if path.parent.exists() else []
        refused(lambda: WRITES[write](store))
        refused(lambda: WRITES[write](store))
        with ThreadPoolExecutor(1) as other:
            refused(lambda: other.submit(WRITES[write], store).result())
        assert not store._engine.in_block()
        assert (sorted(path.parent.glob("*")) if path.parent.exists() else []) == before, (
            "no file was made"
        )


@pytest.mark.parametrize("change", CHANGES)
def test_a_block_says_so_before_its_first_write(path: Path, change: Callable[[Path], None]) -> None:
    with ArtifactStore(path) as store:
        store.create_artifact(key="k")
        change(path)
        ran = []
        with pytest.raises(StoreUnavailable, match="while the store was open"), store.atomic():
            ran.append(store.create_artifact(key="k"))
        assert ran == []
        refused(store.info)


def test_another_thread_does_not_open_another_file(path: Path) -> None:
    """Otherwise one thread would use the new file and the others the old one."""
    with ArtifactStore(path) as store, ThreadPoolExecutor(1) as other:
        store.create_artifact(key="k")
        replaced_by_another_store(path)
        refused(lambda: other.submit(store.read_latest_artifact, "other").result())


def test_a_store_that_was_closed_opens_what_is_there(path: Path) -> None:
    store = ArtifactStore(path)
    store.create_artifact(key="k")
    replaced_by_another_store(path)
    refused(lambda: store.create_artifact(key="k"))
    store.close()
    assert store.read_latest_artifact("other") is not None
    assert store.create_artifact(key="other").version == 2
    store.close()


def test_a_store_that_was_closed_does_not_make_an_empty_file(path: Path) -> None:
    store = ArtifactStore(path)
    store.close()
    deleted(path)
    with pytest.raises(
        StoreUnavailable,
        match=r"the file was deleted or moved: open the store again to make a new one",
    ):
        store.read_artifacts()
    assert list(path.parent.iterdir()) == []


def test_a_file_that_is_put_back_is_used_again(path: Path) -> None:
    with ArtifactStore(path) as store:
        created = store.create_artifact(key="k")
        moved(path)
        refused(lambda: store.create_artifact(key="k"))
        path.with_name("elsewhere.db").rename(path)
        assert store.create_artifact(key="k").version == 2
        assert store.read_artifact(created.id) == created
        assert store.verify() == []


def test_the_new_file_is_left_alone(path: Path) -> None:
    """Closing a connection to the old file must not remove the WAL of the new one."""
    with ArtifactStore(path) as store:
        store.create_artifact(key="k")
        deleted(path)
        with ArtifactStore(path) as new:
            new.create_artifact(key="new")
            refused(lambda: store.create_artifact(key="k"))
            store.close()
            assert path.with_name("store.db-wal").exists()
            assert new.create_artifact(key="new").version == 2
        with ArtifactStore(path) as new:
            assert [each.version for each in new.read_artifacts()] == [2, 1]
            assert new.verify() == []


# Journal


def journal(path: Path, mode: str | None = None) -> str:
    with closing(sqlite3.connect(path)) as connection:
        found: str = connection.execute(
            "PRAGMA journal_mode" + (f" = {mode}" if mode else "")
        ).fetchone()[0]
    return found


@pytest.mark.parametrize("mode", ["delete", "truncate", "persist"])
def test_a_journal_mode_that_another_tool_has_set_is_set_back(path: Path, mode: str) -> None:
    with ArtifactStore(path) as store:
        store.create_artifact(key="k")
    assert journal(path, mode) == mode
    with ArtifactStore(path) as store:
        assert store.info().journal == "wal"
        assert store.create_artifact(key="k").version == 2
    assert journal(path) == "wal"


def test_info_shows_a_journal_mode_that_cannot_be_restored(path: Path) -> None:
    """Another process reads the file meanwhile."""
    ArtifactStore(path).close()
    journal(path, "delete")
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM artifact").fetchall()
        with ArtifactStore(path) as store:
            assert store.info().journal == "delete"
        reader.execute("COMMIT")
    with ArtifactStore(path) as store:
        assert store.info().journal == "wal"


def test_a_database_that_is_no_store_keeps_its_journal(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE note (text)")
    with pytest.raises(ArtifactStoreError):
        ArtifactStore(path, create=False)
    assert journal(path) == "delete"


def test_the_journal_of_memory_is_told() -> None:
    with ArtifactStore("sqlite:///:memory:") as store:
        assert store.info().journal == "memory"


# Descriptors

EXHAUSTED = """
import os, resource, sys
from artifact_store import ArtifactStore
store = ArtifactStore(sys.argv[1])
store.create_artifact(key="k")
store.close()
try:
    ArtifactStore(sys.argv[1] + "-not-there", create=False)
except Exception:
    pass
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
kept = []
try:
    while True:
        kept.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
for path in sys.argv[1:]:
    try:
        ArtifactStore(path).create_artifact(key="k")
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
"""


def test_the_message_names_too_many_open_files(path: Path) -> None:
    names = [f"sqlite:///{path}", f"sqlite:///{path.with_name('new.db')}"]
    done = subprocess.run(
        [sys.executable, "-c", EXHAUSTED, *names], capture_output=True, text=True, check=True
    )
    labels = [name.removeprefix("sqlite:///") for name in names]
    remedy = "too many files are open: close some, or raise the limit (ulimit -n)."
    assert done.stdout.splitlines() == [f"StoreUnavailable: {name}: {remedy}" for name in labels], (
        done.stderr
    )
    assert os.listdir(path.parent) == ["store.db"]  # noqa: PTH208


# A disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 2 MB; return its directory."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if (
        shutil.which("mount") is None
        or subprocess.run(command, check=False, capture_output=True).returncode
    ):
        pytest.skip("it needs the right to mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> Path:
    with (place / "ballast").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return place / "ballast"


def test_a_disk_that_fills_up_loses_nothing_that_was_stored(small_disk: Path) -> None:
    with ArtifactStore(small_disk / "store.db") as store:
        created = [store.create_artifact(key="first")]
        with pytest.raises(
            StoreUnavailable,
            match="the disk is full: free some space and try again; nothing was written",
        ):
            created.extend(store.create_artifact(key="k", data="x" * 20_000) for _ in range(1000))
        assert store.read_artifacts(sort=ArtifactSort.CREATED_DESC) == created[::-1]
        assert store.verify() == []
        assert not store._engine.in_block()
    with ArtifactStore(small_disk / "store.db", read_only=True) as store:
        assert store.count_artifacts() == len(created)


def test_a_store_on_a_full_disk_is_opened_when_there_is_room_again(small_disk: Path) -> None:
    with ArtifactStore(small_disk / "store.db") as store:
        created = store.create_artifact(key="k")
    ballast = fill(small_disk)
    for path in (small_disk / "store.db", small_disk / "new.db"):
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            ArtifactStore(path)
    ballast.unlink()
    with ArtifactStore(small_disk / "store.db") as store:
        assert store.read_artifacts() == [created]
    with ArtifactStore(small_disk / "new.db") as store:
        assert store.create_artifact(key="k").version == 1


# What SQLite leaves beside the file


@pytest.mark.parametrize("kind", ["-wal", "-shm"])
def test_a_file_beside_it_that_is_removed_loses_nothing(path: Path, kind: str) -> None:
    with ArtifactStore(path) as store:
        store.create_artifacts({"key": "k", "data": number} for number in range(50))
        path.with_name(f"store.db{kind}").unlink()
        assert store.create_artifact(key="k").version == 51
    with ArtifactStore(path) as store:
        assert store.create_artifact(key="k").version == 52
        assert store.count_artifacts() == 52
        assert store.verify() == []


def test_files_of_garbage_beside_it_are_not_read(path: Path) -> None:
    ArtifactStore(path).close()
    for kind in ("-wal", "-shm"):
        path.with_name(f"store.db{kind}").write_bytes(os.urandom(40_000))
    with ArtifactStore(path) as store:
        assert store.create_artifact(key="k").version == 1
        assert store.verify() == []


def test_a_file_that_is_cut_under_an_open_store_is_damaged(path: Path) -> None:
    with ArtifactStore(path) as store:
        store.create_artifacts({"key": f"k{number}", "data": "x" * 1000} for number in range(500))
    with ArtifactStore(path) as store:
        os.truncate(path, 20_000)
        for call in (
            store.read_artifacts,
            store.count_artifacts,
            lambda: store.create_artifact(key="k"),
        ):
            with pytest.raises(StoreDamaged, match="the database is damaged: restore a copy"):
                call()
        assert {breach.kind for breach in store.verify()} == {"damaged"}
