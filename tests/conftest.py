"""Fixtures of all tests: a store on each engine, which is verified at the end of the test."""

import gc
import itertools
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from artifact_store import ArtifactStore
from tests.helpers.servers import wheel
from tests.helpers.templates import Templates

NUMBERS = itertools.count(1)
collect_ignore = ["histories.py", "soak.py"]  # programs

# The time of an example depends on how busy the machine is.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

MEMORY = Path("/dev/shm")


def pytest_configure() -> None:
    """Prepare the process in which tests run."""
    _listen_to_signals()
    _keep_temporary_files_in_memory()


def pytest_collection_finish() -> None:
    """Let the garbage collector leave out what was imported and collected, which is most of all objects, and stays."""
    gc.collect()
    gc.freeze()


def _listen_to_signals() -> None:
    """Stop ignoring the signals that tests send to child processes, which inherit what is ignored.

    A process that a shell runs in the background ignores SIGINT, and one under nohup ignores SIGHUP.
    """
    if threading.current_thread() is threading.main_thread():
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _keep_temporary_files_in_memory() -> None:
    """Put temporary files into memory if there is room: a disk is slow to sync, and no test cuts the power."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    programs_may_run = not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
    if programs_may_run and shutil.disk_usage(MEMORY).free > 4 << 30:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # let tempfile look it up again


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server for these tests, on a unix socket."""
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as directory:
        os.environ.setdefault("XDG_RUNTIME_DIR", directory)
        import psycopg

        server = wheel().get_server(Path(directory) / "data", cleanup_mode="stop")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")  # no test cuts the power
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests with a store on each engine; a module whose name ends in _sqlite is about SQLite only."""
    if "engine" in metafunc.fixturenames:
        name = metafunc.module.__name__
        # Commands only call the SDK. test_environment_postgresql runs some of them on PostgreSQL.
        sqlite_only = name.endswith("_sqlite") or name.startswith(("test_cli", "test_demo"))
        metafunc.parametrize("engine", ["sqlite"] if sqlite_only else ["sqlite", "postgresql"])


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Creates empty stores in less time than their migrations take."""
    return Templates(tmp_path_factory.mktemp("templates"))


@pytest.fixture
def url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that does not exist yet."""
    if engine == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return f"{request.getfixturevalue('postgres')}&schema=test_{os.getpid()}_{next(NUMBERS)}"


@pytest.fixture
def store_url(url: str, templates: Templates) -> str:
    """The address of an empty store."""
    templates.create_store(url)
    return url


@pytest.fixture
def store(store_url: str) -> Iterator[ArtifactStore]:
    """A store, in which `verify` must find nothing at the end of the test."""
    with ArtifactStore(store_url) as opened:
        yield opened
        assert opened.verify() == []


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser for the tests of one module."""
    from tests.helpers import browser

    with browser.chromium() as running:
        yield running
