"""What somebody would write with psycopg alone, on the tables of a store, over one connection that is held open.

It does what the store promises, no more (see `bare_sqlite`). Statements are prepared by
psycopg as it does by default; a create is one statement, and so one round trip.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from uuid_utils.compat import uuid7

from .dataset import COLUMNS, Dataset

__all__ = ["BarePostgresql", "connect", "load"]

_ALL = ", ".join(COLUMNS["artifact"])
_A_ALL = ", ".join(f"a.{name}" for name in COLUMNS["artifact"])
_POINTER = "(key, latest_id, latest_version, last_version, created, updated)"
_RISEN = """
    ON CONFLICT (key) DO UPDATE SET latest_id = excluded.latest_id, created = excluded.created,
        updated = excluded.updated, latest_version = artifact_collection.last_version + excluded.last_version,
        last_version = artifact_collection.last_version + excluded.last_version
"""
_CREATE = f"""
    WITH c AS (
        INSERT INTO artifact_collection {_POINTER}
        VALUES (%(key)s, %(id)s, 1, 1, %(time)s, %(time)s) {_RISEN} RETURNING last_version
    )
    INSERT INTO artifact ({_ALL})
    SELECT %(id)s, %(key)s, c.last_version, %(type)s, %(description)s, %(metadata)s, %(flow_run_id)s, NULL,
        %(time)s, %(time)s, %(data)s FROM c
    RETURNING version
"""
_ADVANCE_MANY = f"""
    INSERT INTO artifact_collection {_POINTER}
    SELECT key, id, count, count, %(time)s, %(time)s
    FROM unnest(%(keys)s::text[], %(ids)s::uuid[], %(counts)s::bigint[]) AS given (key, id, count) {_RISEN}
    RETURNING key, last_version
"""
_LATEST = f"SELECT {_A_ALL} FROM artifact_collection c JOIN artifact a ON a.id = c.latest_id"
_TOUCH = """
    UPDATE artifact_collection SET updated = CASE WHEN latest_id = %(id)s THEN %(time)s ELSE updated END
    WHERE key = (SELECT key FROM artifact WHERE id = %(id)s)
"""
_UPDATE = "UPDATE artifact SET description = %(description)s, data = %(data)s, updated = %(time)s WHERE id = %(id)s"

Row = Sequence[Any]
Fields = dict[str, Any]


def connect(url: str) -> "psycopg.Connection[Any]":
    """Connect to the schema that the URL of a store names."""
    dsn, _, schema = url.partition("&schema=")
    return psycopg.connect(dsn, autocommit=True, options=f"-c search_path={schema}")


def _loaded(row: Row) -> list[Any]:
    """Return a row with its JSON loaded: metadata is the sixth column, data the last."""
    *others, data = row
    others[5] = others[5] and json.loads(others[5])
    return [*others, data and json.loads(data)]


class BarePostgresql:
    """One connection to the schema of a store."""

    def __init__(self, url: str) -> None:
        """Connect and stay connected."""
        self.connection = connect(url)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def prepared(self, many: list[Fields]) -> list[Fields]:
        """Return what `create_value` and `bulk` take."""
        return many

    def create(self, fields: Fields) -> tuple[UUID, int]:
        """Create an artifact in one statement; return its id and version."""
        new = uuid7()
        values = {
            "id": new,
            "time": datetime.now(UTC),
            "key": fields["key"],
            "type": fields.get("type"),
            "description": fields.get("description"),
            "flow_run_id": fields["flow_run_id"],
            "metadata": json.dumps(fields["metadata"]),
            "data": json.dumps(fields["data"]),
        }
        row = self.connection.execute(_CREATE, values).fetchone()
        assert row is not None
        return new, row[0]

    create_value = create

    def read(self, artifact_id: UUID) -> list[Any]:
        """Read an artifact by id."""
        row = self.connection.execute(
            f"SELECT {_ALL} FROM artifact WHERE id = %s", (artifact_id,)
        ).fetchone()
        assert row is not None
        return _loaded(row)

    def read_latest(self, key: str) -> list[Any]:
        """Read the latest artifact of a key."""
        row = self.connection.execute(f"{_LATEST} WHERE c.key = %s", (key,)).fetchone()
        assert row is not None
        return _loaded(row)

    def latest_ids(self, keys: list[str]) -> list[UUID]:
        """Return the ids of the latest artifacts of some keys."""
        return [self.read_latest(key)[0] for key in keys]

    def list_all(self, limit: int) -> list[list[Any]]:
        """Return the newest artifacts."""
        rows = self.connection.execute(
            f"SELECT {_ALL} FROM artifact ORDER BY id DESC LIMIT %s", (limit,)
        )
        return [_loaded(row) for row in rows.fetchall()]

    def list_latest(self, limit: int) -> list[list[Any]]:
        """Return the newest of the latest artifacts."""
        rows = self.connection.execute(f"{_LATEST} ORDER BY c.latest_id DESC LIMIT %s", (limit,))
        return [_loaded(row) for row in rows.fetchall()]

    def list_filtered(self, kind: str) -> list[list[Any]]:
        """Return the newest artifacts of a type."""
        sql = f"SELECT {_ALL} FROM artifact WHERE type = %s ORDER BY id DESC LIMIT 100"
        return [_loaded(row) for row in self.connection.execute(sql, (kind,)).fetchall()]

    def list_latest_filtered(self, kind: str) -> list[list[Any]]:
        """Return the newest of the latest artifacts that have a type."""
        sql = f"{_LATEST} WHERE a.type = %s ORDER BY c.latest_id DESC LIMIT 100"
        return [_loaded(row) for row in self.connection.execute(sql, (kind,)).fetchall()]

    def count(self, _: object) -> int:
        """Return the number of artifacts."""
        return self._number("SELECT count(*) FROM artifact", ())

    def count_filtered(self, kind: str) -> int:
        """Return the number of artifacts of a type."""
        return self._number("SELECT count(*) FROM artifact WHERE type = %s", (kind,))

    def _number(self, sql: str, values: Row) -> int:
        row = self.connection.execute(sql, values).fetchone()
        assert row is not None
        return row[0]

    def update(self, change: tuple[UUID, Fields]) -> bool:
        """Change the data and the description of an artifact, its key locked before it."""
        values = self._changes(change)
        with self.connection.transaction():
            self.connection.execute(_TOUCH, values)
            return self.connection.execute(_UPDATE, values).rowcount > 0

    def update_at_once(self, change: tuple[UUID, Fields]) -> bool:
        """Do `update` in one statement, and so one round trip; the count makes the lock come first."""
        sql = f"WITH c AS ({_TOUCH} RETURNING 1) {_UPDATE} AND (SELECT count(*) FROM c) >= 0"
        return self.connection.execute(sql, self._changes(change)).rowcount > 0

    def _changes(self, change: tuple[UUID, Fields]) -> Fields:
        artifact_id, fields = change
        data = json.dumps(fields["data"])
        return {
            "id": artifact_id,
            "time": datetime.now(UTC),
            "description": fields["description"],
            "data": data,
        }

    def delete(self, artifact_id: UUID) -> bool:
        """Delete an artifact; when it was the latest, the next greatest version becomes the latest."""
        execute = self.connection.execute
        with self.connection.transaction():
            locked = "SELECT key, latest_id FROM artifact_collection"
            locked += " WHERE key = (SELECT key FROM artifact WHERE id = %s) FOR UPDATE"
            pointed = execute(locked, (artifact_id,)).fetchone()
            gone = execute("DELETE FROM artifact WHERE id = %s", (artifact_id,)).rowcount > 0
            if pointed is not None and pointed[1] == artifact_id:
                self._retreat(pointed[0])
        return gone

    def _retreat(self, key: str) -> None:
        sql = """
            UPDATE artifact_collection c
            SET latest_id = n.id, latest_version = n.version, created = n.created, updated = n.updated
            FROM (
                SELECT id, version, created, updated FROM artifact WHERE key = %(key)s ORDER BY version DESC LIMIT 1
            ) n
            WHERE c.key = %(key)s
        """
        if self.connection.execute(sql, {"key": key}).rowcount == 0:
            emptied = "UPDATE artifact_collection SET latest_id = NULL, latest_version = NULL WHERE key = %s"
            self.connection.execute(emptied, (key,))

    def bulk(self, many: list[Fields]) -> list[UUID]:
        """Create many artifacts in one transaction with COPY; return their ids."""
        time, ids = datetime.now(UTC), [uuid7() for _ in many]
        of_key: dict[str, list[int]] = {}
        for at, fields in enumerate(many):
            of_key.setdefault(fields["key"], []).append(at)
        keys = sorted(of_key)
        given = {
            "keys": keys,
            "ids": [ids[of_key[key][-1]] for key in keys],
            "counts": [len(of_key[key]) for key in keys],
            "time": time,
        }
        versions = [0] * len(many)
        with self.connection.transaction(), self.connection.cursor() as cursor:
            for key, last in cursor.execute(_ADVANCE_MANY, given).fetchall():
                for back, at in enumerate(reversed(of_key[key])):
                    versions[at] = last - back
            with cursor.copy(f"COPY artifact ({_ALL}) FROM STDIN") as copy:
                for new, version, fields in zip(ids, versions, many, strict=True):
                    metadata, data = json.dumps(fields["metadata"]), json.dumps(fields["data"])
                    copy.write_row((
                        new, fields["key"], version, fields["type"], fields["description"], metadata,
                        fields["flow_run_id"], None, time, time, data,
                    ))  # fmt: skip
        return ids

    def iterate(self, _: object) -> int:
        """Pass all artifacts, newest first, through a cursor of the server; return their number."""
        number = 0
        with self.connection.transaction(), self.connection.cursor("newest") as cursor:
            cursor.itersize = 1000
            for row in cursor.execute(f"SELECT {_ALL} FROM artifact ORDER BY id DESC"):
                _loaded(row)
                number += 1
        return number

    def rows(self, sql: str) -> list[Row]:
        """Run a statement and return all its rows."""
        return self.connection.execute(sql).fetchall()


def load(url: str, dataset: Dataset, columns_of: Mapping[str, Sequence[str]] = COLUMNS) -> None:
    """Fill the empty tables of a store, then let the server count what they hold."""
    with connect(url) as connection:
        with connection.transaction(), connection.cursor() as cursor:
            for table, columns in columns_of.items():
                with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                    for row in dataset.rows(table):
                        copy.write_row(row)
        for table in columns_of:
            connection.execute(f"VACUUM ANALYZE {table}")
