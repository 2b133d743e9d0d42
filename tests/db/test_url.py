"""The address of a store: valid ones, and the messages about invalid ones."""

import os
import pathlib
from pathlib import Path
from typing import Any

import pytest

from artifact_store import ArtifactStore, InvalidURL
from artifact_store.db.url import URL_VARIABLE, PostgresAddress, SqliteAddress, parse_address

GOOD: list[tuple[Any, SqliteAddress]] = [
    ("sqlite:////data/a.db", SqliteAddress(Path("/data/a.db"))),
    ("sqlite:///a.db", SqliteAddress(Path("a.db").absolute())),
    ("sqlite:///sub/a.db", SqliteAddress(Path("sub/a.db").absolute())),
    ("sqlite:///~/a.db", SqliteAddress(Path.home() / "a.db")),
    ("sqlite:///~", SqliteAddress(Path.home())),
    ("sqlite:///%7E/a.db", SqliteAddress(Path("~/a.db").absolute())),
    ("sqlite:////~/a.db", SqliteAddress(Path("/~/a.db"))),
    (Path("~/a.db"), SqliteAddress(Path.home() / "a.db")),
    ("sqlite:////a.db?mode=ro", SqliteAddress(Path("/a.db"), read_only=True)),
    ("sqlite:////a.db?mode=rw", SqliteAddress(Path("/a.db"))),
    ("sqlite:////data/a+b.db", SqliteAddress(Path("/data/a+b.db"))),
    ("sqlite:////data/a%20b%3F%23%25.db", SqliteAddress(Path("/data/a b?#%.db"))),
    ("sqlite:////data/ü.db", SqliteAddress(Path("/data/ü.db"))),
    ("sqlite:///:memory:", SqliteAddress(None)),
    ("sqlite:///", SqliteAddress(None)),
    ("sqlite://", SqliteAddress(None)),
    ("sqlite:///:memory:?timeout=1", SqliteAddress(None, 1.0)),
    ("sqlite:////a.db?timeout=0.5", SqliteAddress(Path("/a.db"), 0.5)),
    ("sqlite:////a.db?timeout=0", SqliteAddress(Path("/a.db"), 0.0)),
    (
        "sqlite:////a.db?timeout=86400&synchronous=NORMAL",
        SqliteAddress(Path("/a.db"), 86400.0, "normal"),
    ),
    ("sqlite:////a.db?synchronous=full", SqliteAddress(Path("/a.db"))),
    (Path("/data/a.db"), SqliteAddress(Path("/data/a.db"))),
    (Path("a?b=c.db"), SqliteAddress(Path("a?b=c.db").absolute())),
    (pathlib.PurePosixPath("/data/a.db"), SqliteAddress(Path("/data/a.db"))),
]
BAD: list[tuple[Any, str]] = [
    ("", "The address is not a URL: write sqlite:///artifacts.db for a file"),
    ("a.db", "write sqlite:///a.db for a file"),
    ("/data/a.db", "write sqlite:////data/a.db for a file"),
    ("~/a.sqlite3", "write sqlite:///~/a.sqlite3 for a file"),
    (":memory:", "write sqlite:///:memory:"),
    ("sqlite:a.db", "The address is not a URL"),
    ("mysql://host/db", "'mysql' is not supported"),
    (
        "postgresql+psycopg://host/db",
        "'postgresql+psycopg' is not supported: write sqlite:///artifacts.db for a file, or ",
    ),
    ("SQLITE:///a.db", "'SQLITE' is not supported"),
    ("sqlite://a.db", "three slashes"),
    ("sqlite://host/a.db", "three slashes"),
    ("sqlite:///a#b.db", "write it as %23"),
    (
        "sqlite:///a?b.db",
        "a parameter without '=': write name=value, and '?' in a name or a password as %3F",
    ),
    ("sqlite:///a%00b.db", "control character"),
    ("sqlite:///a%0Ab.db", "control character"),
    ("sqlite:///a%C2%85b.db", "control character"),
    ("sqlite:///a%FFb.db", "is not UTF-8 text"),
    ("sqlite:///a\udcffb.db", "is not UTF-8 text"),
    ("sqlite:///100%.db", "write '%' itself as %25"),
    ("sqlite:///a.db\n", "The URL contains a line break or another control character"),
    ("sqlite:///a\tb.db", "The URL contains a line break or another control character"),
    (" sqlite:///a.db", "The address is not a URL"),
    (
        "sqlite:///~nobody-of-this-name/a.db",
        "Cannot expand '~', because there is no home directory",
    ),
    ("sqlite:///a.db?timeuot=5", "Unknown parameter in the SQLite URL: did you mean 'timeout'?"),
    ("sqlite:///a.db?=5", "it takes timeout, synchronous, mode."),
    ("sqlite:///a.db?mode=memory", "Invalid mode in the URL: expected ro (only read) or rw"),
    ("sqlite:///a.db?timeout=", "seconds from 0 to 86400"),
    ("sqlite:///a.db?timeout=soon", "seconds from 0 to 86400"),
    ("sqlite:///a.db?timeout=-1", "seconds from 0 to 86400"),
    ("sqlite:///a.db?timeout=86401", "seconds from 0 to 86400"),
    ("sqlite:///a.db?timeout=nan", "seconds from 0 to 86400"),
    ("sqlite:///a.db?timeout=inf", "seconds from 0 to 86400"),
    ("sqlite:///a.db?synchronous=off", "full or normal"),
    ("postgresql://host/a%FFb", "is not UTF-8 text"),
    (
        "postgresql://user:pass@host/db?mode=r",
        "Invalid mode in the URL: expected ro (only read) or rw",
    ),
    ("postgresql://user:p%ss@host/db", "percent-encode the password ('%' is %25"),
    ("postgresql://user:p@ss@host/db", "percent-encode the password"),
    ("postgresql://user:pa ss@host/db", "percent-encode the password"),
    ("postgresql://host:port/db", "percent-encode the password"),
    ("postgresql://host/db?timeout", "write name=value"),
    ("postgresql://host/db\n", "The URL contains a line break or another control character"),
    (7, "expected a URL such as sqlite:///artifacts.db, or a path, not int"),
    (b"sqlite:///a.db", "or a path, not bytes"),
    (["sqlite:///a.db"], "or a path, not list"),
    (Path("a\udcff.db"), "The path is not UTF-8 text"),
    (Path("a\nb.db"), "contains a control character"),
    (Path("a\0b.db"), "contains a control character"),
]


@pytest.mark.parametrize(("url", "address"), GOOD, ids=lambda value: str(value)[:40])
def test_valid_addresses(url: Any, address: SqliteAddress) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize(("url", "message"), BAD, ids=lambda value: str(value)[:40])
def test_invalid_addresses(url: Any, message: str) -> None:
    for read in (parse_address, ArtifactStore):
        with pytest.raises(InvalidURL) as caught:
            read(url)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
        assert isinstance(caught.value, ValueError)


def test_parameters_for_libpq() -> None:
    address = parse_address(
        "postgresql://me:p:w%40@[::1]:5432,h-2/db?password=a+b&sslmode=require&timeout=2&mode=ro"
    )
    assert isinstance(address, PostgresAddress)
    assert address.dsn == "postgresql://me:p:w%40@[::1]:5432,h-2/db?password=a%2Bb&sslmode=require"
    assert (
        address.url
        == "postgresql://me:***@[::1]:5432,h-2/db?password=***&sslmode=require&timeout=2&mode=ro"
    )
    assert (address.timeout, address.read_only) == (2.0, True)


def test_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    home = parse_address().path
    assert home is not None
    assert home.parts[-2:] == ("artifact-store", "artifacts.db")
    monkeypatch.setenv(URL_VARIABLE, "")
    assert parse_address(None) == SqliteAddress(home)
    monkeypatch.setenv(URL_VARIABLE, "sqlite:////x.db?timeout=3")
    assert parse_address() == SqliteAddress(Path("/x.db"), 3.0)
    assert parse_address("sqlite:////y.db") == SqliteAddress(Path("/y.db"))
    monkeypatch.setenv(URL_VARIABLE, "nonsense")
    with pytest.raises(
        InvalidURL, match=r"^\$ARTIFACT_STORE_URL is not a valid address: The address is not a URL"
    ):
        parse_address()


def test_a_relative_path_is_resolved_when_it_is_parsed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    with ArtifactStore("sqlite:///a.db") as store:
        created = store.create_artifact(key="k")
        store.close()
        os.chdir(tmp_path / "other")
        assert store.read_latest_artifact("k") == created


def test_labels() -> None:
    assert SqliteAddress(None).label == ":memory:"
    assert SqliteAddress(Path("/data/a.db")).label == "/data/a.db"
