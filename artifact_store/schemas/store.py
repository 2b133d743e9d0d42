"""What `info` and `verify` return."""

from typing import NamedTuple

__all__ = ["Inconsistency", "StoreInfo"]


class StoreInfo(NamedTuple):
    """Where a store is, and how much it holds.

    Attributes:
        url: its URL, without a password.
        replica: the URL of its read replica, without a password; `None` when it has none.
        engine: the database engine and its version.
        server: the user, host, port and database that it is connected to; `None` for SQLite.
        schema: the name of the newest migration applied.
        size: bytes of the database on disk; `None` in memory.
        artifacts: number of artifacts, every version counted.
        keys: number of keys.
        connections: the open connections of this process.
        pool_size: the most connections of this process; `None` for SQLite, where each thread has one.
        journal: SQLite's journal mode, which is `wal` for a file: in any other, readers and writers wait for each
            other. `None` for PostgreSQL.
    """

    url: str
    replica: str | None
    engine: str
    server: str | None
    schema: str | None
    size: int | None
    artifacts: int
    keys: int
    connections: int
    pool_size: int | None
    journal: str | None = None


class Inconsistency(NamedTuple):
    """An error in the tracking of latest versions, in aliases or in what is stored, as `verify` finds it.

    Attributes:
        kind: `missing`, `empty`, `dangling`, `stale`, `wrong-version`, `wrong-times`, `low-counter` (the latest version
            of a key), `dangling-alias`, `dangling-pin` (of a run),
            `wrong-holds` (the number of aliases and pins of a key), `unrecorded-move` (the last
            move of an alias went elsewhere) or `wrong-profile` (of a table), which `repair` mends; `broken-history`
            (moves of an alias are missing), `damaged` (the file) or `unreadable` (a row), which it does not.
        key: the key whose row in the collection table is wrong; of an alias `key@name`; of a profile or an unreadable
            row its `key@version`, else its id or name; empty for the file.
        message: a sentence about what is wrong.
    """

    kind: str
    key: str
    message: str
