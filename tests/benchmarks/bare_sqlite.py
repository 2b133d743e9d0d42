"""What somebody would write with sqlite3 alone, on the tables of a store and as durable as the store.

It does what the store promises, no more: ids and times are made, JSON is dumped and loaded,
every column is read, the latest version is tracked in the same transaction. It is as lean as
that allows, since it is what the store is held against.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from .dataset import COLUMNS, Dataset

__all__ = ["BareSqlite", "load"]

_ALL = ", ".join(COLUMNS["artifact"])
_A_ALL = ", ".join(f"a.{name}" for name in COLUMNS["artifact"])
_ADVANCE = """
    INSERT INTO artifact_collection (key, latest_id, latest_version, last_version, created, updated)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET latest_id = excluded.latest_id, created = excluded.created,
        updated = excluded.updated, latest_version = last_version + excluded.last_version,
        last_version = last_version + excluded.last_version
    RETURNING last_version
"""
_INSERT = f"INSERT INTO artifact ({_ALL}) VALUES ({', '.join('?' * len(COLUMNS['artifact']))})"
_LATEST = f"SELECT {_A_ALL} FROM artifact_collection c JOIN artifact a ON a.id = c.latest_id"
_KEY = "(SELECT key FROM artifact WHERE id = ?)"

Row = Sequence[Any]
Fields = dict[str, Any]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _loaded(row: Row) -> list[Any]:
    """Return a row with its JSON loaded: metadata is the sixth column, data the last."""
    *others, data = row
    others[5] = others[5] and json.loads(others[5])
    return [*others, data and json.loads(data)]


class BareSqlite:
    """One connection to the file of a store."""

    def __init__(self, path: str) -> None:
        """Open the file as durable as the store does."""
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA foreign_keys = on")
        self.connection.execute("PRAGMA synchronous = full")

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def prepared(self, many: list[Fields]) -> list[Fields]:
        """Return what `create_value` and `bulk` take."""
        return many

    def create(self, fields: Fields) -> tuple[str, int]:
        """Create an artifact; return its id and version."""
        execute, new, time = self.connection.execute, str(uuid7()), _now()
        execute("BEGIN IMMEDIATE")
        try:
            key = fields["key"]
            (version,) = execute(_ADVANCE, (key, new, 1, 1, time, time)).fetchone()
            execute(_INSERT, self._row(new, version, time, fields))
        except BaseException:
            execute("ROLLBACK")
            raise
        execute("COMMIT")
        return new, version

    create_value = create

    def _row(self, new: str, version: int, time: str, fields: Fields) -> Row:
        get = fields.get
        return (
            new, fields["key"], version, get("type"), get("description"), json.dumps(fields["metadata"]),
            str(fields["flow_run_id"]), None, time, time, json.dumps(fields["data"]),
        )  # fmt: skip

    def read(self, artifact_id: UUID) -> list[Any]:
        """Read an artifact by id."""
        return _loaded(
            self.connection.execute(
                f"SELECT {_ALL} FROM artifact WHERE id = ?", (str(artifact_id),)
            ).fetchone()
        )

    def read_latest(self, key: str) -> list[Any]:
        """Read the latest artifact of a key."""
        return _loaded(self.connection.execute(f"{_LATEST} WHERE c.key = ?", (key,)).fetchone())

    def latest_ids(self, keys: list[str]) -> list[UUID]:
        """Return the ids of the latest artifacts of some keys."""
        return [UUID(self.read_latest(key)[0]) for key in keys]

    def list_all(self, limit: int) -> list[list[Any]]:
        """Return the newest artifacts."""
        rows = self.connection.execute(
            f"SELECT {_ALL} FROM artifact ORDER BY id DESC LIMIT ?", (limit,)
        )
        return [_loaded(row) for row in rows]

    def list_latest(self, limit: int) -> list[list[Any]]:
        """Return the newest of the latest artifacts."""
        rows = self.connection.execute(f"{_LATEST} ORDER BY c.latest_id DESC LIMIT ?", (limit,))
        return [_loaded(row) for row in rows]

    def list_filtered(self, kind: str) -> list[list[Any]]:
        """Return the newest artifacts of a type."""
        rows = self.connection.execute(
            f"SELECT {_ALL} FROM artifact WHERE type = ? ORDER BY id DESC LIMIT 100", (kind,)
        )
        return [_loaded(row) for row in rows]

    def list_latest_filtered(self, kind: str) -> list[list[Any]]:
        """Return the newest of the latest artifacts that have a type."""
        rows = self.connection.execute(
            f"{_LATEST} WHERE a.type = ? ORDER BY c.latest_id DESC LIMIT 100", (kind,)
        )
        return [_loaded(row) for row in rows]

    def count(self, _: object) -> int:
        """Return the number of artifacts."""
        return self.connection.execute("SELECT count(*) FROM artifact").fetchone()[0]

    def count_filtered(self, kind: str) -> int:
        """Return the number of artifacts of a type."""
        return self.connection.execute(
            "SELECT count(*) FROM artifact WHERE type = ?", (kind,)
        ).fetchone()[0]

    def update(self, change: tuple[UUID, Fields]) -> bool:
        """Change the data and the description of an artifact, and note the time when it is the latest."""
        execute, artifact_id, time = self.connection.execute, str(change[0]), _now()
        fields = change[1]
        execute("BEGIN IMMEDIATE")
        try:
            execute(
                "UPDATE artifact_collection SET updated = ? WHERE latest_id = ?",
                (time, artifact_id),
            )
            values = (fields["description"], json.dumps(fields["data"]), time, artifact_id)
            found = execute(
                "UPDATE artifact SET description = ?, data = ?, updated = ? WHERE id = ?", values
            ).rowcount
        except BaseException:
            execute("ROLLBACK")
            raise
        execute("COMMIT")
        return found > 0

    def delete(self, artifact_id: UUID) -> bool:
        """Delete an artifact; when it was the latest, the next greatest version becomes the latest."""
        execute, gone = self.connection.execute, str(artifact_id)
        execute("BEGIN IMMEDIATE")
        try:
            found = execute("DELETE FROM artifact WHERE id = ? RETURNING key", (gone,)).fetchone()
            if found is not None and found[0] is not None:
                self._retreat(found[0], gone)
        except BaseException:
            execute("ROLLBACK")
            raise
        execute("COMMIT")
        return found is not None

    def _retreat(self, key: str, gone: str) -> None:
        following = "SELECT id, version, created, updated FROM artifact WHERE key = ? ORDER BY version DESC LIMIT 1"
        row = self.connection.execute(following, (key,)).fetchone()
        if row is None:
            emptied = "UPDATE artifact_collection SET latest_id = NULL, latest_version = NULL WHERE key = ?"
            self.connection.execute(emptied, (key,))
            return
        self.connection.execute(
            "UPDATE artifact_collection SET latest_id = ?, latest_version = ?, created = ?, updated = ?"
            " WHERE key = ? AND latest_id = ?",
            (*row, key, gone),
        )

    def bulk(self, many: list[Fields]) -> list[str]:
        """Create many artifacts in one transaction; return their ids."""
        time, ids = _now(), [str(uuid7()) for _ in many]
        of_key: dict[str, list[int]] = {}
        for at, fields in enumerate(many):
            of_key.setdefault(fields["key"], []).append(at)
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            versions = [0] * len(many)
            for key in sorted(of_key):
                places = of_key[key]
                pointer = (key, ids[places[-1]], len(places), len(places), time, time)
                (last,) = self.connection.execute(_ADVANCE, pointer).fetchone()
                for back, at in enumerate(reversed(places)):
                    versions[at] = last - back
            rows = (
                self._row(*each)
                for each in zip(ids, versions, [time] * len(many), many, strict=True)
            )
            self.connection.executemany(_INSERT, rows)
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        return ids

    def iterate(self, _: object) -> int:
        """Pass all artifacts, newest first; return their number."""
        number = 0
        for row in self.connection.execute(f"SELECT {_ALL} FROM artifact ORDER BY id DESC"):
            _loaded(row)
            number += 1
        return number

    def rows(self, sql: str) -> list[Row]:
        """Run a statement and return all its rows."""
        return self.connection.execute(sql).fetchall()


def load(path: str, dataset: Dataset, columns_of: Mapping[str, Sequence[str]] = COLUMNS) -> None:
    """Fill the empty tables of a store; the file is not in use, so durability is left for the end."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = off")
    connection.execute("BEGIN IMMEDIATE")
    for table, columns in columns_of.items():
        rows = (tuple(map(_text, row)) for row in dataset.rows(table))
        marks = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    return str(value) if isinstance(value, UUID) else value
