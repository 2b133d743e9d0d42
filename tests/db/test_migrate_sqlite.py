"""The schema on SQLite: made by migrations, equal to the models, upgraded once, never downgraded."""

import importlib
import re
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import peewee
import pytest
from playhouse.schema_diff import diff_models

from artifact_store import ArtifactStore, SchemaTooNew, StoreUnavailable
from artifact_store.db import migrate, migrations, run_tables
from artifact_store.db.artifact_tables import JSONTextField
from artifact_store.db.columns import ARTIFACT_JSON, JSON_COLUMNS

HISTORY = "artifact_store_migration"
UPGRADE = """
def up(migrator, db):
    db.execute_sql('ALTER TABLE "artifact" ADD COLUMN "extra" TEXT')
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "directory").mkdir(mode=0o700)
    return tmp_path / "directory" / "store.db"


def definitions(connection: sqlite3.Connection) -> dict[str, str | None]:
    """Return everything that the database defines, except for the history of migrations."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master").fetchall()
    return {name: sql and re.sub(r"\s+", " ", sql) for name, sql in rows if HISTORY not in name}


def bare(path: Path, *statements: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
        return rows


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let this release know one migration more; yields its file."""
    script = tmp_path / "migrations" / "0900_extra.py"
    script.parent.mkdir()
    script.write_text(UPGRADE, encoding="ascii")
    monkeypatch.setattr(migrations, "__path__", [*migrations.__path__, str(script.parent)])
    monkeypatch.setattr(migrations, "NAMES", (*migrations.NAMES, script.stem))
    yield script
    sys.modules.pop(f"{migrations.__name__}.{script.stem}", None)


def test_every_column_of_json_is_listed() -> None:
    """Rows are encoded by names, which must be those of the columns that the tables declare."""
    fields = [field for table in run_tables.TABLES for field in table._meta.fields.values()]
    declared = {field.name for field in fields if isinstance(field, JSONTextField)}
    assert declared == JSON_COLUMNS
    assert all(isinstance(field, JSONTextField) for field in fields if field.name in declared)
    of_artifacts = run_tables.Artifact._meta.fields.values()
    assert {field.name for field in of_artifacts if isinstance(field, JSONTextField)} == {
        *ARTIFACT_JSON
    }


def test_every_migration_is_listed() -> None:
    scripts = sorted(path.stem for path in Path(migrations.__file__).parent.glob("[0-9]*.py"))
    assert list(migrations.NAMES) == scripts
    assert [int(name[:4]) for name in scripts] == list(range(1, len(scripts) + 1))


def test_migrations_and_models_converge(path: Path, tmp_path: Path) -> None:
    ArtifactStore(path).close()
    migrated = peewee.SqliteDatabase(path)
    with closing(migrated):
        difference = diff_models(migrated, run_tables.TABLES)
        assert not difference, difference
    fresh = peewee.SqliteDatabase(tmp_path / "fresh.db")
    with closing(fresh), fresh.bind_ctx(run_tables.TABLES):
        fresh.create_tables(run_tables.TABLES, safe=False)
    with (
        closing(sqlite3.connect(path)) as one,
        closing(sqlite3.connect(tmp_path / "fresh.db")) as other,
    ):
        assert definitions(one) == definitions(other)
        assert len(definitions(one)) > 20


def test_every_index_of_the_design_is_there(path: Path) -> None:
    ArtifactStore(path).close()
    wanted = {
        "artifact": [
            "key,version,id",
            "created,id",
            "updated,id",
            "type,id",
            "flow_run_id,id,created",
            "task_run_id,id",
            "id",
        ],
        "artifact_collection": ["key", "latest_id", "updated,key", "created,key"],
    }
    for table, columns in wanted.items():
        names = [str(row[1]) for row in bare(path, f"PRAGMA index_list('{table}')")]
        found = [
            ",".join(str(row[2]) for row in bare(path, f"PRAGMA index_info('{name}')"))
            for name in names
        ]
        assert set(columns) <= set(found)
    assert ("artifact_key_version", 1) in [
        row[1:3] for row in bare(path, "PRAGMA index_list('artifact')")
    ]


def test_a_newer_schema_is_refused_with_the_remedy(path: Path) -> None:
    ArtifactStore(path).close()
    bare(
        path,
        f"INSERT INTO {HISTORY} (name, applied) SELECT '0999_future', MAX(applied) FROM {HISTORY}",
    )
    before = path.read_bytes()
    with pytest.raises(SchemaTooNew, match="pip install -U artifact-store") as caught:
        ArtifactStore(path)
    assert "0999_future" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


def test_an_older_schema_is_upgraded_with_what_it_holds(
    path: Path, request: pytest.FixtureRequest
) -> None:
    with ArtifactStore(path) as store:
        created = store.create_artifact(key="k", data=[1])
        store.create_task_run(store.create_flow_run(store.create_flow("f").id).id)
    script = request.getfixturevalue("newer")
    with ArtifactStore(path) as store:
        assert store.info().schema == script.stem
        assert store.read_latest_artifact("k") == created
        assert store.create_artifact(key="k").version == 2
        assert store.verify() == []
    assert "extra" in [row[1] for row in bare(path, "PRAGMA table_info('artifact')")]
    assert bare(path, f"SELECT name FROM {HISTORY} ORDER BY name") == [
        (name,) for name in migrate.known_versions()
    ]


def test_the_first_schema_is_upgraded_with_what_it_holds(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "NAMES", ("0001_initial",))
        ArtifactStore(path).close()
    row = "'019ab000-0000-7000-8000-00000000000{}', {}, '2026-11-24T00:00:00.000000+00:00'"
    columns = "id, key, version, data, created, updated"
    for place, values in enumerate(["'k', 1, '[1, 2]'", "NULL, NULL, NULL"]):
        inserted = f"{row.format(place, values)}, '2026-11-24T00:00:00.000000+00:00'"
        bare(path, f"INSERT INTO artifact ({columns}) VALUES ({inserted})")
    with ArtifactStore(path) as store:
        store.repair()
        assert [(each.key, each.data, each.profile) for each in store.read_artifacts()] == [
            (None, None, None),
            ("k", [1, 2], None),
        ]
        assert store.create_artifact(key="k", data={"a": 1}).version == 2
        assert store.verify() == []
    assert [row[1] for row in bare(path, "PRAGMA table_info('artifact')")][-1] == "data"


def test_a_new_store_gets_every_migration(path: Path, newer: Path) -> None:
    with ArtifactStore(path) as store:
        assert store.info().schema == newer.stem


def test_an_upgrade_that_fails_leaves_the_old_schema(
    path: Path, request: pytest.FixtureRequest
) -> None:
    ArtifactStore(path).close()
    newer = request.getfixturevalue("newer")
    newer.write_text(UPGRADE + "    db.execute_sql('SELECT nonsense')\n", encoding="ascii")
    with pytest.raises(StoreUnavailable):
        ArtifactStore(path)
    assert "extra" not in [row[1] for row in bare(path, "PRAGMA table_info('artifact')")]
    assert bare(path, f"SELECT name FROM {HISTORY} WHERE name >= '0900'") == []
    del sys.modules[f"{migrations.__name__}.{newer.stem}"]
    newer.write_text(UPGRADE, encoding="ascii")
    importlib.invalidate_caches()
    with ArtifactStore(path) as store:
        assert store.info().schema == newer.stem


@pytest.mark.parametrize("table", ["artifact", "flow", "artifact_collection"])
def test_a_foreign_database_is_refused_and_left_untouched(tmp_path: Path, table: str) -> None:
    path = tmp_path / "foreign.db"
    bare(
        path,
        f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, note TEXT)",
        f"INSERT INTO {table} VALUES (1, 'mine')",
    )
    before = path.read_bytes()
    with pytest.raises(
        StoreUnavailable, match=rf"not a store.*\b{table}\b.*name another file"
    ) as caught:
        ArtifactStore(path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["foreign.db"]


def test_a_store_may_live_beside_other_tables(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    bare(
        path,
        "CREATE TABLE mine (id INTEGER PRIMARY KEY, note TEXT)",
        "INSERT INTO mine VALUES (1, 'kept')",
    )
    with ArtifactStore(path) as store:
        assert store.create_artifact(key="k").version == 1
        assert store._engine.pragma("journal_mode") == ("wal",)
    assert bare(path, "SELECT * FROM mine") == [(1, "kept")]


def test_the_file_is_private(path: Path) -> None:
    with ArtifactStore(path) as store:
        store.create_artifact(key="k")
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        files = sorted(each.name for each in path.parent.iterdir())
        assert files == ["store.db", "store.db-shm", "store.db-wal"]
        assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}


def test_the_mode_of_an_existing_file_is_kept(path: Path) -> None:
    path.parent.chmod(0o755)
    path.touch(mode=0o640)
    path.chmod(0o640)
    with ArtifactStore(path) as store:
        store.create_artifact(key="k")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755


def test_pragmas(path: Path) -> None:
    for url, synchronous in ((f"sqlite:///{path}", 2), (f"sqlite:///{path}?synchronous=normal", 1)):
        with ArtifactStore(url) as store:
            pragma = store._engine.pragma
            assert pragma("journal_mode") == ("wal",)
            assert pragma("foreign_keys") == (1,)
            assert pragma("synchronous") == (synchronous,)
            assert pragma("foreign_key_check") is None


def test_a_store_whose_tables_are_dropped_says_so_and_opens_again(path: Path) -> None:
    with ArtifactStore(path) as store:
        path.unlink()
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        store.close()
        with pytest.raises(StoreUnavailable, match="open the store again"):
            store.create_artifact(key="k")
        with ArtifactStore(path):
            assert store.create_artifact(key="k").version == 1
