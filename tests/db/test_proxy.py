"""A proxy that loses answers: the server has done its work, and the client does not know."""

import threading
from typing import Any

import psycopg
import pytest

from artifact_store import ArtifactStore
from tests.helpers.bare import bare
from tests.helpers.proxy import Proxy


@pytest.fixture
def url(postgres: str) -> str:
    return f"{postgres}&schema=proxied"


def connected(proxy: Proxy) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host="127.0.0.1", port=proxy.port, user="postgres", dbname="postgres", autocommit=True
    )


def test_the_answer_or_the_message_is_lost(url: str) -> None:
    ArtifactStore(url).close()
    bare(url, "CREATE TABLE IF NOT EXISTS noted (word text)", "TRUNCATE noted")
    seen = []
    with Proxy(url) as proxy:
        for word in ("kept", "lost"):
            connection = connected(proxy)
            connection.execute("BEGIN")
            connection.execute("INSERT INTO proxied.noted VALUES (%s)", (word,))
            if word == "kept":
                proxy.lose_answer(
                    b"COMMIT", lambda: seen.extend(bare(url, "SELECT word FROM noted"))
                )
            else:
                proxy.lose_message(b"COMMIT")
            with pytest.raises(psycopg.OperationalError):
                connection.execute("COMMIT")
            assert connection.closed
        assert proxy.lost == 2
        assert seen == [("kept",)]
        with connected(proxy) as connection:
            assert connection.execute("SELECT word FROM proxied.noted").fetchall() == [("kept",)]


def test_a_store_works_by_way_of_the_proxy(url: str) -> None:
    with Proxy(url) as proxy, ArtifactStore(f"{proxy.url}&timeout=20") as store:
        created = store.create_artifact(key="k")
        with ArtifactStore(url) as direct:
            assert direct.read_artifact(created.id) == created
        proxy.cut()
        assert store.read_artifact(created.id) == created


def test_it_hangs_until_it_is_told_to_go_on(url: str) -> None:
    with Proxy(url) as proxy:
        connection = connected(proxy)
        proxy.hang()
        answered = threading.Event()

        def ask() -> None:
            connection.execute("SELECT 1")
            answered.set()

        asking = threading.Thread(target=ask)
        asking.start()
        assert not answered.wait(0.2)
        proxy.resume()
        assert answered.wait(30)
        asking.join()
        connection.close()
