"""Damaged files: one error that names what cannot be read, while the rest stays readable."""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner

from artifact_store import (
    ArtifactFilter,
    ArtifactStore,
    ArtifactStoreError,
    StoreDamaged,
    StoreUnavailable,
)
from artifact_store_cli import main
from tests.helpers.damage import damage, make_store, uses

SEEDS = 40
Sound = tuple[Path, list[UUID]]
COMMANDS = (
    "verify",
    "ls",
    "ls --trend",
    "count",
    "show table-1",
    "show text-1",
    "history progress-1",
    "info",
    "tree",
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """Create a store that is not damaged; return its path and the ids in it."""
    path = tmp_path_factory.mktemp("sound") / "store.db"
    return path, make_store(path)


def damaged_copies(source: Path, place: Path, seeds: range) -> Iterator[Path]:
    for seed in seeds:
        path = place / f"seed-{seed}.db"
        shutil.copy(source, path)
        damage(path, seed)
        yield path


def used(path: Path, ids: list[UUID]) -> Iterator[ArtifactStoreError]:
    """Use a damaged store in every way; yield the errors of ours, and let others through."""
    try:
        store = ArtifactStore(f"sqlite:///{path}?timeout=2&synchronous=normal")
    except ArtifactStoreError as error:
        yield error
        return
    for name, use in uses(store, ids, path.with_suffix(".html")):
        try:
            use()
        except ArtifactStoreError as error:
            yield error
        except Exception as error:
            raise AssertionError(f"{name} of {path.name}") from error
    store.close()


@pytest.mark.parametrize("part", range(4))
def test_a_damaged_file_raises_nothing_but_our_errors(
    sound: Sound, tmp_path: Path, part: int
) -> None:
    """Other errors would be UnicodeDecodeError, KeyError and ValidationError."""
    source, ids = sound
    found = [
        error
        for path in damaged_copies(source, tmp_path, range(part, SEEDS, 4))
        for error in used(path, ids)
    ]
    assert [error for error in found if isinstance(error, StoreDamaged)] != []
    assert [str(error) for error in found if "\n" in str(error)] == []


@pytest.mark.parametrize("part", range(2))
def test_the_command_line_says_what_is_damaged(sound: Sound, tmp_path: Path, part: int) -> None:
    """The message must not be about the filter that the command was given."""
    exit_codes = Counter[int]()
    for path in damaged_copies(sound[0], tmp_path, range(part, 12, 2)):
        for command in COMMANDS:
            result = CliRunner().invoke(main, ["--url", f"sqlite:///{path}", *command.split()])
            exit_codes[result.exit_code] += 1
            assert result.exit_code in (0, 1), (path, command, result.output)
            assert "filter" not in result.output, (path, command)
            assert "please report it" not in result.output, (path, command, result.output)
    assert exit_codes[1] > 0


# Names in messages

SPOILED: dict[str, tuple[str, str]] = {
    "data": ("'{\"x\": '", "Invalid JSON"),
    "metadata": ("'[1]'", "valid dictionary"),
    "profile": ("'no'", "Invalid JSON"),
    "created": ("'yesterday'", "valid datetime"),
    "updated": ("x'00'", "valid datetime|cannot be read"),
    "flow_run_id": ("'me'", "valid UUID"),
    "description": ("CAST(x'61ff62' AS TEXT)", "it is not UTF-8"),
    "type": ("CAST(x'ff' AS TEXT)", "it is not UTF-8"),
    "version": ("'one'", "valid integer"),
}


def spoil(path: Path, statement: str, *values: object) -> None:
    """Change the file as another tool might."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement, [str(value) for value in values])


@pytest.mark.parametrize("field", SPOILED)
def test_the_artifact_is_named(tmp_path: Path, field: str) -> None:
    path = tmp_path / "store.db"
    value, why = SPOILED[field]
    with ArtifactStore(path) as store:
        first, second, third = store.create_artifacts({"key": "sales", "data": n} for n in range(3))
        spoil(path, f"UPDATE artifact SET {field} = {value} WHERE id = ?", second.id)
        name = str(second.id) if field == "version" else "sales@2"
        reads: list[Callable[[], object]] = [
            lambda: store.read_artifact(second.id),
            store.read_artifacts,
            lambda: list(store.iter_artifacts()),
        ]
        for read in reads:
            said = f"artifact {name} is damaged: its {field} cannot be read .*{why}"
            with pytest.raises(StoreDamaged, match=said) as caught:
                read()
            assert caught.value.name == name
            assert isinstance(caught.value, StoreUnavailable)
        assert store.read_artifact(first.id) == first
        assert store.read_latest_artifact("sales") == third
        assert [breach.key for breach in store.verify() if breach.kind == "unreadable"] == [name]
        assert store.delete_artifact(second.id)
        assert store.verify() == []


def test_an_id_that_is_none_is_named_by_its_version(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with ArtifactStore(path) as store:
        created = store.create_artifacts({"key": "sales", "data": n} for n in range(3))
        spoil(path, "UPDATE artifact SET id = 'zzz' WHERE id = ?", created[0].id)
        assert [(breach.kind, breach.key) for breach in store.verify()] == [
            ("unreadable", "sales@1")
        ]
        with pytest.raises(
            StoreDamaged, match="artifact sales@1 is damaged: its id cannot be read"
        ):
            store.read_artifacts()
        with pytest.raises(StoreDamaged, match="id of an artifact cannot be read"):
            store.delete_artifacts(ArtifactFilter(key={"any_": ["sales"]}))
        assert store.count_artifacts() == 3


def test_a_damaged_artifact_can_be_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with ArtifactStore(path) as store:
        created = store.create_artifact(key="sales", data=1)
        spoil(path, "UPDATE artifact SET data = '{' WHERE id = ?", created.id)
        assert store.update_artifact(created.id, data=2)
        assert store.verify() == []


@pytest.mark.parametrize(
    ("table", "call", "kind"),
    [
        ("flow", "read_flows", "flow"),
        ("flow_run", "read_flow_runs", "flow run"),
        ("task_run", "read_task_runs", "task run"),
    ],
)
def test_the_run_is_named(tmp_path: Path, table: str, call: str, kind: str) -> None:
    path = tmp_path / "store.db"
    with ArtifactStore(path) as store:
        with store.flow_run("nightly"), store.task_run("load"):
            pass
        spoil(path, f"UPDATE {table} SET tags = '[1, '")
        with pytest.raises(
            StoreDamaged, match=f"The {kind} [0-9a-f-]+ is damaged: its tags cannot be read"
        ):
            getattr(store, call)()
        (breach,) = store.verify()
        assert (breach.kind, len(breach.key)) == ("unreadable", 36)


def test_verify_finds_every_row_among_many(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with ArtifactStore(f"sqlite:///{path}?synchronous=normal") as store:
        created = store.create_artifacts({"key": f"k{n}", "data": n} for n in range(1000))
        for number in (0, 199, 200, 201, 700, 999):
            spoil(
                path,
                "UPDATE artifact SET data = CAST(x'22ff22' AS TEXT) WHERE id = ?",
                created[number].id,
            )
        found = store.verify()
        assert [breach.key for breach in found] == sorted(
            f"k{n}@1" for n in (0, 199, 200, 201, 700, 999)
        )
        assert store.verify(quick=True) == []


def test_a_page_of_nothing_is_found_before_it_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    make_store(path)
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'artifact_created_id'"
        ).fetchone()
    raw = bytearray(path.read_bytes())
    raw[(root - 1) * 4096 : root * 4096] = bytes(4096)
    path.write_bytes(raw)
    with ArtifactStore(path) as store:
        assert store.verify(quick=True) == []
        assert {breach.kind for breach in store.verify()} == {"damaged"}
        assert any(f"Page {root}" in breach.message for breach in store.verify())
    result = CliRunner().invoke(main, ["--url", f"sqlite:///{path}", "verify"])
    assert result.exit_code == 1
    assert "Restore the database from a copy" in result.output
    result = CliRunner().invoke(main, ["--url", f"sqlite:///{path}", "verify", "--quick"])
    assert result.exit_code == 0


def test_a_restored_copy_is_a_healthy_store(tmp_path: Path) -> None:
    """As docs/how-to/care.md says: without the -wal and -shm files of the damaged one."""
    path, copy = tmp_path / "store.db", tmp_path / "copy.db"
    ids = make_store(path)
    shutil.copy(path, copy)
    broken = ArtifactStore(path)
    broken.create_artifact(key="lost")
    for each in (path, path.with_name("store.db-wal"), path.with_name("store.db-shm")):
        each.rename(tmp_path / f"{each.name}.damaged")
    shutil.copy(copy, path)
    with ArtifactStore(path) as store:
        assert store.verify() == []
        assert store.count_artifacts() == len(ids)
    with pytest.raises(StoreUnavailable, match="replaced"):
        broken.create_artifact(key="lost")
    broken.close()
