"""Stores on a Peewee database of the caller: what is refused, and a row factory."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import peewee
import pytest
from playhouse.sqliteq import SqliteQueueDatabase

from artifact_store import ArtifactStore
from artifact_store.errors import InvalidURL


def test_a_peewee_database_that_cannot_serve_a_store(tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    with pytest.raises(
        InvalidURL, match=r"The Peewee database has no name yet: call its init\(\) first"
    ):
        ArtifactStore(peewee.SqliteDatabase(None))
    with pytest.raises(
        InvalidURL, match="SqliteQueueDatabase has no transactions: pass the address of its file"
    ):
        ArtifactStore(SqliteQueueDatabase(path, autostart=False))
    with pytest.raises(InvalidURL, match="case_sensitive_like"):
        ArtifactStore(peewee.SqliteDatabase(path, pragmas={"case_sensitive_like": 1}))
    database = peewee.SqliteDatabase(path)
    database.connect()
    database.connection().text_factory = bytes
    with pytest.raises(InvalidURL, match="text_factory"):
        ArtifactStore(database)
    database.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM sqlite_master").fetchall() == []


@pytest.mark.parametrize("factory", [sqlite3.Row, lambda cursor, row: {"row": row}])
def test_a_row_factory_of_the_caller(tmp_path: Path, factory: Callable[..., object]) -> None:
    database = peewee.SqliteDatabase(tmp_path / "own.db")
    with ArtifactStore(database) as store:
        database.connection().row_factory = factory
        created = store.create_artifact(key="k", data=[{"a": 1}], type="table")
        assert store.read_latest_artifact("k") == created
        assert store.read_artifacts() == [*store.iter_artifacts()] == [created]
        assert store.update_artifact(created.id, data=[{"a": 2}])
        assert store.verify() == []
        assert database.connection().row_factory is factory
