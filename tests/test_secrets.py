"""No piece of a password is in an error, in what led to it, in a log or in what a store says of itself."""

import logging
import re
from collections.abc import Iterator
from itertools import chain
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from artifact_store import ArtifactStore, ArtifactStoreError
from artifact_store.context import CURRENT

# No server listens at port 1, so an address that is understood ends in the driver's own error.
ADDRESSES = [
    "postgresql://bob:{}@127.0.0.1:1/db?timeout=0",
    "postgres://bob:{}@127.0.0.1:1,127.0.0.1:2?timeout=0",
    "postgresql://bob:{}@",
    "postgresql://bob:A{}",
    "postgresql://127.0.0.1:1/db?password={}&timeout=0",
    "postgresql://127.0.0.1:1/db?sslpassword={}&timeout=0",
    "postgresql://bob@127.0.0.1/db?PASSWORD={}",
    "postgresql://bob@127.0.0.1/db?passw0rd={}",
    "postgresql://bob@127.0.0.1/db?pw={}",
    "postgresql://bob@127.0.0.1/db?timeout={}",
    "postgresql://bob@127.0.0.1/db?mode={}",
    "postgresql:/bob:{}@127.0.0.1/db",
    "postgresql//bob:{}@127.0.0.1/db",
    "postgresql:bob:{}@127.0.0.1/db",
    "postgresql+psycopg://bob:{}@127.0.0.1/db",
    "bob:{}@127.0.0.1/db",
    "host=127.0.0.1 password={}",
    "mysql://bob:{}@127.0.0.1/db",
    "sqlite://bob:{}@127.0.0.1/a.db",
    "sqlite:///a.db?password={}",
    "sqlite:///a.db?timeout={}",
    "sqlite:///bob:{}@127.0.0.1#a.db",
]
TRICKY = [
    "~",
    "~@~",
    "~/~:~",
    "~?~",
    "~#~",
    "~%~",
    "~%41~",
    "~&~=~",
    "~ ~",
    "~\n~",
    "~\xff~",
    "~\udcff~",
    "~://~",
    "'~\"\\",
]
USUAL: dict[str, str] = {}
"""What is said of any password, by the form of the address: it is no secret."""


def errors_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and everything that led to it, shown or not."""
    seen: set[int] = set()
    left = [error]
    while left:
        each = left.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        left += [each.__cause__, each.__context__, getattr(each, "orig", None)]


def told(url: str, caplog: pytest.LogCaptureFixture) -> str:
    """Open a store and return everything that is said about it."""
    texts = []
    try:
        ArtifactStore(url, create=False).close()
    except ArtifactStoreError as error:
        for each in errors_of(error):
            texts += [str(each), repr(each), repr(each.args), *getattr(each, "__notes__", ())]
    texts += [record.getMessage() for record in caplog.records]
    return re.sub("0x[0-9a-f]+", "", "\n".join(texts))  # where objects lie in memory


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    password=st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=3, max_size=20)
)
@example(password="Winter?2026")
@example(password="p@ss/w:rd%#?&x")
@example(password="hunter2://x")
@example(password="a=b&host=x")
@example(password="0.0")
def test_no_piece_of_a_password_is_told(password: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "psycopg"):
        for form in ADDRESSES:
            if form not in USUAL:
                # A number is a time-out that is understood.
                others = chain(TRICKY, map(quote, TRICKY[:8]), ["0"])
                USUAL[form] = "\n".join(told(form.format(each), caplog) for each in others)
            for written in (password, quote(password), quote(password, safe="")):
                caplog.clear()
                text = told(form.format(written), caplog)
                pieces = {password[at : at + 3] for at in range(len(password) - 2)}
                leaked = [piece for piece in pieces if piece in text and piece not in USUAL[form]]
                assert not leaked, (form, text)


def test_a_store_in_use_tells_no_password(
    postgres: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    password = "XQ7-ZJ9-VK4"  # the server trusts whoever comes
    url = (
        postgres.replace("postgres:@", f"postgres:{password}@")
        + "&schema=hidden&application_name=a+b"
    )
    assert password in url
    with (
        caplog.at_level(logging.DEBUG),
        ArtifactStore(url, replica_url=url) as store,
        store.flow_run("f") as run,
    ):
        made = store.create_artifact(key="k", data=1)
        assert store.read_artifacts() == [made]
        shown = [
            store,
            store.url,
            store.info(),
            store._engine,
            store._engine.address,
            run,
            CURRENT.get(),
        ]
        assert "application_name=a%2Bb" in store.url
        told = "\n".join(
            [*map(repr, shown), *map(str, shown), *(each.getMessage() for each in caplog.records)]
        )
    told += "".join(capsys.readouterr())
    assert len(told) > 1000
    leaked = [
        password[at : at + 3] for at in range(len(password) - 2) if password[at : at + 3] in told
    ]
    assert not leaked, told
