"""Addresses, parameters and roles that PostgreSQL refuses, and what the error says."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from artifact_store import (
    ArtifactStore,
    InvalidURL,
    StoreUnavailable,
)


@pytest.fixture
def url(postgres: str) -> str:
    return f"{postgres}&schema=access_{os.getpid()}_{time.monotonic_ns()}&timeout=20"


@pytest.fixture
def role(server: psycopg.Connection[Any]) -> Iterator[str]:
    server.execute("CREATE ROLE stranger LOGIN")
    yield "stranger"
    server.execute("DROP ROLE stranger")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda url: url.replace("/postgres?", "/nowhere?"),
            "the database does not exist: make it with createdb",
        ),
        (lambda url: "postgresql://me:secret@no-such-host.invalid/db", "the host is unknown"),
        (lambda url: "postgresql://me:secret@127.0.0.1:1/db", "no server listens there"),
        (lambda url: url.replace("host=", "host=/nowhere/"), "no server listens there"),
    ],
)
def test_a_wrong_address_is_told_at_once(
    url: str, change: Callable[[str], str], says: str, tries: Callable[[], int]
) -> None:
    with pytest.raises(StoreUnavailable, match=says) as caught:
        ArtifactStore(change(url))
    assert tries() == 1
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_user_without_rights(url: str, role: str) -> None:
    with pytest.raises(StoreUnavailable, match="this user lacks a privilege: grant"):
        ArtifactStore(url.replace("postgres:@", f"{role}:@"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("pool_size=0", "Invalid pool_size in the URL: expected a number of connections"),
        ("isolation_level=chaos", "Invalid isolation_level in the URL: expected serializable"),
        (
            "prepare_threshold=-1",
            "Invalid prepare_threshold in the URL: expected a number of runs, or none",
        ),
        ("schema=a-b", "Invalid schema in the URL: expected the name of a schema"),
        ("nonsense=1", "a parameter that libpq does not know"),
        ("sslmod=require", "did you mean 'sslmode'"),
    ],
)
def test_parameters_that_are_not_understood(options: str, says: str) -> None:
    with pytest.raises(InvalidURL, match=says) as caught:
        ArtifactStore(f"postgresql://me:secret@127.0.0.1/db?{options}")
    assert "secret" not in str(caught.value)


def test_the_password_is_shown_nowhere(url: str) -> None:
    with ArtifactStore(url.replace("postgres:@", "postgres:secret@")) as store:
        assert (
            "secret"
            not in f"{store!r} {store.url} {store.info()} {store._engine!r} {store._engine.address!r}"
        )  # type: ignore[attr-defined]
        assert "postgres:***@" in store.url
        assert store.info().engine.startswith("PostgreSQL ")
