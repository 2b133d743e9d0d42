"""What goes wrong around PostgreSQL: one sentence with the remedy, exit code 1, no password, and no harm done."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from artifact_store import ArtifactStore, StoreUnavailable
from artifact_store.db.migrate import known_versions
from tests.helpers.commandline import loaded, run
from tests.helpers.servers import Server, stopped

SECRET = "s3cret-pass"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that asks for passwords over TCP, and knows two users."""
    with Server(tcp=True) as running:
        with running.connect() as admin:
            admin.execute(f"CREATE ROLE owner LOGIN SUPERUSER PASSWORD '{SECRET}'")
            admin.execute(f"CREATE ROLE guest LOGIN PASSWORD '{SECRET}'")
            (hba,) = admin.execute("SHOW hba_file").fetchone() or ("",)
            rules = (
                "local all all trust\nhost all blocked all reject\nhost all all all scram-sha-256\n"
            )
            with open(hba, "w", encoding="ascii") as file:  # noqa: PTH123
                file.write(rules)
            admin.execute("SELECT pg_reload_conf()")
            time.sleep(0.2)
        ArtifactStore(address(running)).close()
        yield running


def address(server: Server, user: str = f"owner:{SECRET}", rest: str = "postgres?timeout=1") -> str:
    return f"postgresql://{user}@127.0.0.1:{server.port}/{rest}"


@contextlib.contextmanager
def old_server() -> Iterator[int]:
    """Speak the protocol just far enough to be PostgreSQL 12; yields the port."""

    def message(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("!I", len(body) + 4) + body

    greeting = (
        message(b"R", struct.pack("!I", 0))
        + b"".join(
            message(b"S", f"{name}\0{value}\0".encode())
            for name, value in (
                ("server_version", "12.22"),
                ("client_encoding", "UTF8"),
                ("DateStyle", "ISO, MDY"),
            )
        )
        + message(b"K", struct.pack("!II", 1, 1))
        + message(b"Z", b"I")
    )

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client:
                    while (
                        size := struct.unpack("!I", client.recv(4))[0]
                    ) == 8:  # asks for encryption
                        client.recv(4)
                        client.sendall(b"N")
                    client.recv(size - 4)
                    client.sendall(greeting)
                    client.recv(1024)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


CASES = {
    "a wrong password": (
        "owner:s3cret-pass-not",
        "postgres?timeout=1",
        "the password is wrong: check it in the URL",
    ),
    "no password": ("owner", "postgres?timeout=1", "the password is wrong"),
    "a user that is shut out": (
        f"blocked:{SECRET}",
        "postgres?timeout=1",
        "the server rejected this user",
    ),
    "a missing database": (
        f"owner:{SECRET}",
        "missing?timeout=1",
        "the database does not exist: make it with createdb",
    ),
    "a user without rights": (
        f"guest:{SECRET}",
        "postgres?timeout=1&schema=other",
        "this user lacks a privilege: grant",
    ),
    "a certificate that must be": (
        f"owner:{SECRET}",
        "postgres?sslmode=require",
        "does not support SSL",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_server_that_refuses(server: Server, case: str, tries: Callable[[], int]) -> None:
    user, rest, expected = CASES[case]
    url = address(server, user, rest)
    with pytest.raises(StoreUnavailable) as caught:
        ArtifactStore(url)
    assert tries() == 1, "what cannot pass is not waited for"
    output = run(
        url, "create", "k", "--data", "1", code=1
    )  # what only reads would not make the schema
    for text in (str(caught.value), output):
        assert expected in text
        assert SECRET not in text
        assert "\n" not in text.strip()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            f"postgresql://me:{SECRET}@no-such-host.invalid/db",
            "the host is unknown: check its name in the URL",
        ),
        (
            f"postgresql://me:{SECRET}@127.0.0.1:1/db",
            "no server listens there: check the host and the port",
        ),
        (f"postgresql://me:{SECRET}@/db?host=/nowhere", "no server listens there"),
        (f"postgresql://me:{SECRET}@127.0.0.1:1,127.0.0.1:2/db", "no server listens there"),
    ],
)
def test_no_server(url: str, expected: str) -> None:
    output = run(url, "count", code=1)
    assert expected in output
    assert SECRET not in output


def test_a_server_that_is_too_old() -> None:
    with old_server() as port:
        url = f"postgresql://me:{SECRET}@127.0.0.1:{port}/db"
        with pytest.raises(
            StoreUnavailable, match="the server is too old: PostgreSQL 13 or newer is needed"
        ):
            ArtifactStore(url)
        assert "the server is too old" in run(url, "info", code=1)


def test_several_hosts_find_the_one_that_answers(server: Server) -> None:
    url = f"postgresql://owner:{SECRET}@127.0.0.1:1,127.0.0.1:{server.port}/postgres?target_session_attrs=read-write"
    with ArtifactStore(url) as store:
        assert store.info().server == f"owner@127.0.0.1:{server.port}/postgres"
        assert SECRET not in f"{store.info()}{store!r}"


def test_a_store_works_again_when_the_cause_is_gone(server: Server) -> None:
    with server.connect() as admin, ArtifactStore(address(server)) as store:
        first = store.create_artifact(key="k", data=1)
        causes = [
            ("ALTER SYSTEM SET default_transaction_read_only = on", "ALTER SYSTEM RESET default_transaction_read_only",
             "transactions are read only by default for this user or database: switch"),
            ("ALTER ROLE owner NOLOGIN", "ALTER ROLE owner LOGIN", "the server rejected this user"),
            (f"ALTER ROLE owner PASSWORD '{SECRET}-new'", f"ALTER ROLE owner PASSWORD '{SECRET}'",
             "the password is wrong"),
            ("ALTER TABLE artifact RENAME TO hidden", "ALTER TABLE hidden RENAME TO artifact",
             "the tables of the store are gone"),
        ]  # fmt: skip
        for number, (begin, end, expected) in enumerate(causes, 2):
            admin.execute(begin)
            admin.execute("SELECT pg_reload_conf(), pg_sleep(0.1)")
            store.close()  # as if its connections were new; it is not opened anew
            try:
                with pytest.raises(StoreUnavailable) as caught:
                    store.create_artifact(key="k", data=number)
                assert expected in str(caught.value), begin
                assert SECRET not in str(caught.value)
            finally:
                admin.execute("SET default_transaction_read_only = off")
                admin.execute(end)
                admin.execute("SELECT pg_reload_conf(), pg_sleep(0.1)")
            assert [each.version for each in store.read_artifacts()] == list(
                range(number - 1, 0, -1)
            )
            assert store.create_artifact(key="k", data=number).version == number, (
                "a refused create burnt a number"
            )
        assert store.read_artifact(first.id) == first
        assert store.verify() == []


def test_the_command_line_on_a_server(server: Server) -> None:
    url = address(server, rest="postgres?timeout=5&schema=terminal")
    assert "48 tables       weather/2012-01@1" in run(url, "demo")
    assert run(url, "count", "--all", "--flow", "seattle-weather") == "51\n"
    assert (
        run(url, "ls", "--key", "weather/2015-12")
        .splitlines()[1]
        .startswith("weather/2015-12\t2\ttable\t")
    )
    assert loaded(url, "show", "weather/2015-12@1")["metadata"]["days"] == 15
    with server.connect() as admin:
        admin.execute(
            "UPDATE terminal.artifact_collection SET latest_version = 7 WHERE key = 'weather/summary'"
        )
    assert "wrong-version\tweather/summary\t" in run(url, "verify", code=1)
    assert "wrong-version\tweather/summary\t" in run(url, "repair")
    assert run(url, "verify") == "healthy: 51 artifacts, 50 keys\n"
    output = loaded(url, "info")
    assert (
        output["url"]
        == f"postgresql://owner:***@127.0.0.1:{server.port}/postgres?timeout=5&schema=terminal"
    )
    assert output["server"] == f"owner@127.0.0.1:{server.port}/postgres"
    assert output["engine"].startswith("PostgreSQL 1")
    assert (output["artifacts"], output["keys"], output["pool_size"], output["schema"]) == (
        51,
        50,
        20,
        known_versions()[-1],
    )
    assert run(url, "delete", "weather/2015-12", "--yes").startswith("Deleted weather/2015-12@2.\n")
    assert loaded(url, "show", "weather/2015-12")["version"] == 1


@pytest.mark.parametrize("attribute", ["url", "tcp_url"])
def test_a_server_that_hangs_on_an_open_connection(attribute: str) -> None:
    with (
        Server(tcp=True) as hanging,
        ArtifactStore(f"{getattr(hanging, attribute)}&timeout=1") as store,
    ):
        created = store.create_artifact(key="k")
        calls: list[Callable[[], object]] = [
            store.read_artifacts,
            lambda: store.create_artifact(key="k"),
            lambda: store.run_in_transaction(store.create_artifact, key="k"),
        ]
        for call in calls:
            assert store.read_artifact(created.id) == created
            with ThreadPoolExecutor(1) as workers, stopped(hanging):
                waiting = workers.submit(call)
                with pytest.raises(
                    StoreUnavailable, match="the server does not answer: check the host, the port"
                ):
                    waiting.result(60)
            assert store.verify() == []
