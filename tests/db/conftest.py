"""What the tests of databases share: a connection of an administrator, and a count of tries."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from artifact_store.db.transactions import TransactionEngine


@pytest.fixture
def server(postgres: str) -> Iterator[Any]:
    """A connection to the server, beside those of the stores."""
    import psycopg

    with closing(psycopg.connect(postgres, autocommit=True)) as connection:
        yield connection


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often something was tried in this test: once, and once more after each pause."""
    pauses: list[int] = []
    back_off = TransactionEngine.back_off

    def counted(engine: TransactionEngine, number: int) -> None:
        pauses.append(number)
        back_off(engine, number)

    monkeypatch.setattr(TransactionEngine, "back_off", counted)
    return lambda: 1 + len(pauses)
