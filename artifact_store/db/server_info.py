"""Version, size and connections of a database."""

from typing import NamedTuple

__all__ = ["ServerInfo"]


class ServerInfo(NamedTuple):
    """The version, the size and the connections of a database.

    Attributes:
        engine: the database engine and its version.
        size: bytes that the database takes on disk; `None` in memory.
        connections: the open connections of this process.
        server: the user, host, port and database of a server.
        pool_size: the most connections of this process, where there is a limit.
        journal: SQLite's journal mode; `None` elsewhere.
    """

    engine: str
    size: int | None
    connections: int
    server: str | None = None
    pool_size: int | None = None
    journal: str | None = None
