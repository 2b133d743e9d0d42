"""The address of a store: what is understood, what is refused and how."""

import os
import pathlib
from pathlib import Path
from typing import Any

import pytest

from artifact_store import ArtifactStore, InvalidURL
from artifact_store.address import URL_VARIABLE, SqliteAddress, parse_address

GOOD: list[tuple[Any, SqliteAddress]] = [
    ("sqlite:////data/a.db", SqliteAddress(Path("/data/a.db"))),
    ("sqlite:///a.db", SqliteAddress(Path("a.db").absolute())),
    ("sqlite:///sub/a.db", SqliteAddress(Path("sub/a.db").absolute())),
    ("sqlite:////data/a%20b%3F%23%25.db", SqliteAddress(Path("/data/a b?#%.db"))),
    ("sqlite:////data/ü.db", SqliteAddress(Path("/data/ü.db"))),
    ("sqlite:///:memory:", SqliteAddress(None)),
    ("sqlite:///", SqliteAddress(None)),
    ("sqlite://", SqliteAddress(None)),
    ("sqlite:///:memory:?timeout=1", SqliteAddress(None, 1.0)),
    ("sqlite:////a.db?timeout=0.5", SqliteAddress(Path("/a.db"), 0.5)),
    ("sqlite:////a.db?timeout=0", SqliteAddress(Path("/a.db"), 0.0)),
    ("sqlite:////a.db?timeout=86400&synchronous=NORMAL", SqliteAddress(Path("/a.db"), 86400.0, "normal")),
    ("sqlite:////a.db?synchronous=full", SqliteAddress(Path("/a.db"))),
    (Path("/data/a.db"), SqliteAddress(Path("/data/a.db"))),
    (Path("a?b=c.db"), SqliteAddress(Path("a?b=c.db").absolute())),
    (pathlib.PurePosixPath("/data/a.db"), SqliteAddress(Path("/data/a.db"))),
]
BAD: list[tuple[Any, str]] = [
    ("", "is no URL: write sqlite:///artifacts.db"),
    ("a.db", "write sqlite:///a.db for a file"),
    ("/data/a.db", "write sqlite:////data/a.db for a file"),
    (":memory:", "write sqlite:///:memory:"),
    ("sqlite:a.db", "is no URL"),
    ("mysql://host/db", "'mysql' is not supported"),
    ("SQLITE:///a.db", "'SQLITE' is not supported"),
    ("sqlite://a.db", "three slashes"),
    ("sqlite://host/a.db", "three slashes"),
    ("sqlite:///a#b.db", "write '#' as %23"),
    ("sqlite:///a%00b.db", "NUL"),
    ("sqlite:///a.db?timeuot=5", "did you mean 'timeout'"),
    ("sqlite:///a.db?=5", "is no parameter"),
    ("sqlite:///a.db?mode=ro", "is no parameter"),
    ("sqlite:///a.db?timeout=", "seconds from 0 to 86400"),
    ("sqlite:///a.db?timeout=soon", "seconds from 0 to 86400"),
    ("sqlite:///a.db?timeout=-1", "seconds from 0 to 86400"),
    ("sqlite:///a.db?timeout=86401", "seconds from 0 to 86400"),
    ("sqlite:///a.db?timeout=nan", "seconds from 0 to 86400"),
    ("sqlite:///a.db?timeout=inf", "seconds from 0 to 86400"),
    ("sqlite:///a.db?synchronous=off", "full or normal"),
    (7, "int is no address"),
    (b"sqlite:///a.db", "bytes is no address"),
    (["sqlite:///a.db"], "list is no address"),
]


@pytest.mark.parametrize(("url", "address"), GOOD, ids=lambda value: str(value)[:40])
def test_what_is_understood(url: Any, address: SqliteAddress) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize(("url", "said"), BAD, ids=lambda value: str(value)[:40])
def test_what_is_refused(url: Any, said: str) -> None:
    for read in (parse_address, ArtifactStore):
        with pytest.raises(InvalidURL) as caught:
            read(url)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)
        assert isinstance(caught.value, ValueError)


def test_passwords_are_in_no_message() -> None:
    right = "mysql://me:secret@host/db", "sqlite://me:secret@host/a.db", "postgres+x://me:secret@host/db"
    wrong = (
        "postgresql:/me:secret@host/db",
        "postgresql//me:secret@host",
        "me:se@secret@host",
        "sqlite:///me:secret@h#x",
    )
    for url in (*right, *wrong):
        with pytest.raises(InvalidURL) as caught:
            parse_address(url)
        assert "secret" not in str(caught.value)


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
    with pytest.raises(InvalidURL):
        parse_address()


def test_a_relative_path_is_fixed_when_it_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    with ArtifactStore("sqlite:///a.db") as store:
        made = store.create_artifact(key="k")
        store.close()
        os.chdir(tmp_path / "other")
        assert store.read_latest_artifact("k") == made


def test_labels() -> None:
    assert SqliteAddress(None).label == ":memory:"
    assert SqliteAddress(Path("/data/a.db")).label == "/data/a.db"
