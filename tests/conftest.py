"""What every test may use: a store on each engine, checked for inconsistencies when the test is done."""

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

# How long an example takes says how busy the machine is, and nothing about the store.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


MEMORY = Path("/dev/shm")


def pytest_configure() -> None:
    """Prepare the process in which tests run."""
    _listen_to_signals()
    _keep_temporary_files_in_memory()


def _listen_to_signals() -> None:
    """Do not ignore the signals that tests send to their children, which inherit what this process ignores.

    A shell lets what it runs in the background ignore SIGINT, and nohup lets it ignore SIGHUP.
    """
    if threading.current_thread() is threading.main_thread():
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _keep_temporary_files_in_memory() -> None:
    """Use memory where there is room: no test takes the power away, and a disk is slow to sync."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    programs_may_run = not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
    if programs_may_run and shutil.disk_usage(MEMORY).free > 4 << 30:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # so that it is looked up again


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server that was started for these tests and listens on a unix socket."""
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as place:
        os.environ.setdefault("XDG_RUNTIME_DIR", place)
        import psycopg

        server = wheel().get_server(Path(place) / "data", cleanup_mode="stop")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")  # no test takes the power away
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what uses a store on each engine; a module whose name ends in _sqlite is about SQLite itself."""
    if "engine" in metafunc.fixturenames:
        name = metafunc.module.__name__
        # Commands only call the SDK; that they do so on PostgreSQL too is seen in test_environment_postgresql.
        alone = name.endswith("_sqlite") or name.startswith(("test_cli", "test_demo"))
        metafunc.parametrize("engine", ["sqlite"] if alone else ["sqlite", "postgresql"])


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """What creates empty stores in less time than their migrations take."""
    return Templates(tmp_path_factory.mktemp("templates"))


@pytest.fixture
def url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database where there is none yet."""
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
    """A store that must be without inconsistency when the test is done."""
    with ArtifactStore(store_url) as opened:
        yield opened
        assert opened.verify() == []


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser, for the pages of one module."""
    from tests.helpers import browser

    with browser.chromium() as running:
        yield running
