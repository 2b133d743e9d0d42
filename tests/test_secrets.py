"""No part of a password is in an error or its causes, in a log, or in the `repr` of a store."""

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

ENDS_IN_PASSWORD = "postgresql://bob:A{}"
# No server listens on port 1, so a valid address ends in an error of the driver.
ADDRESSES = [
    "postgresql://bob:{}@127.0.0.1:1/db?timeout=0",
    "postgres://bob:{}@127.0.0.1:1,127.0.0.1:2?timeout=0",
    "postgresql://bob:{}@",
    ENDS_IN_PASSWORD,
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
"""The messages for other passwords, by the form of the address: what is in them is not a secret."""


def errors_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all its causes and contexts, shown or not."""
    seen: set[int] = set()
    pending = [error]
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        pending += [each.__cause__, each.__context__, getattr(each, "orig", None)]


def messages_of(url: str, caplog: pytest.LogCaptureFixture) -> str:
    """Open a store and return the text of all its errors and log records."""
    texts = []
    try:
        ArtifactStore(url, create=False).close()
    except ArtifactStoreError as error:
        for each in errors_of(error):
            texts += [str(each), repr(each), repr(each.args), *getattr(each, "__notes__", ())]
    texts += [record.getMessage() for record in caplog.records]
    return re.sub("0x[0-9a-f]+", "", "\n".join(texts))  # without addresses in memory


def parts_of(password: str) -> list[str]:
    """Return the parts of three characters of a password."""
    return [password[start : start + 3] for start in range(len(password) - 2)]


def secret_of(form: str, password: str) -> str:
    """Return what is secret of a password in an address of this form: before an "@", or all of it."""
    # In this form the password ends the address, so what follows its "@" is a host, which is shown.
    return password.partition("@")[0] if form == ENDS_IN_PASSWORD else password


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
@example(password="@00")
@example(password="p@ssword")
def test_no_part_of_a_password_is_shown(password: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "psycopg"):
        for form in ADDRESSES:
            if form not in USUAL:
                # "0" too, because a number is a valid timeout.
                others = chain(TRICKY, map(quote, TRICKY[:8]), ["0"])
                USUAL[form] = "\n".join(messages_of(form.format(each), caplog) for each in others)

            parts = parts_of(secret_of(form, password))
            for written in (password, quote(password), quote(password, safe="")):
                caplog.clear()
                text = messages_of(form.format(written), caplog)
                leaked = [part for part in parts if part in text and part not in USUAL[form]]
                assert not leaked, (form, text)


def test_a_store_in_use_shows_no_password(
    postgres: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    password = "XQ7-ZJ9-VK4"  # the server accepts any password
    url = postgres.replace("postgres:@", f"postgres:{password}@")
    url += "&schema=hidden&application_name=a+b"
    assert password in url
    with (
        caplog.at_level(logging.DEBUG),
        ArtifactStore(url, replica_url=url) as store,
        store.flow_run("f") as run,
    ):
        created = store.create_artifact(key="k", data=1)
        assert store.read_artifacts() == [created]
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
        texts = [*map(repr, shown), *map(str, shown)]
        texts += [record.getMessage() for record in caplog.records]
    text = "\n".join([*texts, *capsys.readouterr()])
    assert len(text) > 1000
    leaked = [part for part in parts_of(password) if part in text]
    assert not leaked, text
