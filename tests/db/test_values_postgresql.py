"""Values on PostgreSQL are the same whatever the settings of the session, the role, the database and its encoding."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from artifact_store import (
    ArtifactFilter,
    ArtifactStore,
    InvalidArtifact,
    InvalidQuery,
    StoreDamaged,
)

ONE, TWO = UUID(int=1), UUID(int=2)
TEXTS = ["plain", "Grüße", "价格 12 €", "𝄞 \x7f \t"]
STYLES = ["SQL, DMY", "SQL, MDY", "German, DMY", "Postgres, DMY", "ISO, DMY"]


@pytest.fixture
def url(postgres: str) -> str:
    return f"{postgres}&schema=values_{os.getpid()}_{time.monotonic_ns()}&timeout=5"


def round_trip(store: ArtifactStore, texts: list[str]) -> None:
    """Use every kind of value in every kind of call."""
    for text in texts:
        flow = store.create_flow(text, tags=[text])
        assert store.create_flow(text).id == flow.id
        run = store.create_flow_run(flow.id, parameters={text: text})
        artifact = store.create_artifact(
            key="k",
            type=text,
            description=text,
            data={text: [text]},
            metadata={text: text},
            flow_run_id=run.id,
        )
        assert store.read_artifact(artifact.id) == store.read_latest_artifact("k") == artifact
        assert store.read_artifacts(artifact_filter=ArtifactFilter(type={"any_": [text]})) == [
            artifact
        ]
        assert store.count_artifacts(ArtifactFilter(metadata={"eq_": {text: text}})) == 1
        assert artifact in store.create_artifacts(
            [
                {
                    "id": artifact.id,
                    **artifact.model_dump(exclude={"id", "version", "created", "updated"}),
                }
            ]
        )
    assert sorted(each.type or "" for each in store.iter_artifacts()) == sorted(texts)
    assert sorted(each.name for each in store.read_flows()) == sorted(texts)
    assert store.verify() == []


def skip_unchanged(store: ArtifactStore, texts: list[str]) -> None:
    """Check that each text is found to be equal to itself, whatever bytes the server keeps of it."""
    for text in texts:
        fields: dict[str, Any] = {"key": "same", "data": {"text": text}, "description": text}
        first = store.create_artifact(**fields)
        assert store.create_artifact(**fields, skip_unchanged=True).id == first.id


@pytest.fixture
def database(
    server: psycopg.Connection[Any], postgres: str, request: pytest.FixtureRequest
) -> Iterator[str]:
    """The address of a database of another encoding."""
    name = f"{request.param.lower()}_{time.monotonic_ns()}"
    server.execute(
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{request.param}' LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    yield postgres.replace("/postgres?", f"/{name}?") + "&timeout=5"
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("client", [None, "SQL_ASCII", "LATIN1"])
@pytest.mark.parametrize("database", ["SQL_ASCII"], indirect=True)
def test_a_database_without_an_encoding(
    database: str, client: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if client is not None:
        monkeypatch.setenv("PGCLIENTENCODING", client)
    for _ in range(2):
        with ArtifactStore(database) as store:
            store.delete_artifacts(everything=True)
            round_trip(store, TEXTS)
            skip_unchanged(store, TEXTS)


@pytest.mark.parametrize(
    ("database", "known", "unknown"),
    [("LATIN1", "Grüße", "€"), ("WIN1252", "Grüße 12 €", "价"), ("EUC_JP", "価格", "𝄞")],
    indirect=["database"],
)
def test_a_character_that_the_database_cannot_hold(database: str, known: str, unknown: str) -> None:
    expected = "the encoding of the database cannot hold a character .*: create the database with ENCODING 'UTF8'"
    with ArtifactStore(database) as store:
        round_trip(store, ["plain", known])
        skip_unchanged(store, ["plain", known])
        before = store.read_artifacts()
        for fields in (
            {"data": unknown},
            {"description": unknown},
            {"type": unknown},
            {"metadata": {unknown: 1}},
        ):
            with pytest.raises(InvalidArtifact, match=expected):
                store.create_artifact(key="k", **fields)
            with pytest.raises(InvalidArtifact, match=expected):
                store.create_artifacts([{"key": "k"}, fields])
            with pytest.raises(InvalidArtifact, match=expected):
                store.update_artifact(before[0].id, **fields)
        with pytest.raises(InvalidQuery, match=expected):
            store.read_artifacts(artifact_filter=ArtifactFilter(type={"any_": [unknown]}))
        assert store.read_artifacts() == before
        assert store.verify() == []


def test_whatever_the_client_encoding_of_the_address(url: str) -> None:
    with ArtifactStore(f"{url}&client_encoding=LATIN1") as store:
        round_trip(store, TEXTS)


@pytest.mark.parametrize("database", ["SQL_ASCII"], indirect=True)
def test_text_of_others_that_is_no_utf_8(database: str) -> None:
    expected = "another program has written text that is not UTF-8 into the database .*: correct it with SQL"
    with (
        ArtifactStore(database) as store,
        closing(psycopg.connect(database.partition("&timeout")[0])) as other,
    ):
        store.create_artifact(id=ONE, key="k")
        store.create_artifact(id=TWO, key="other")
        other.execute(rb"UPDATE artifact SET description = E'Gr\xfc\xdfe' WHERE key = 'k'")
        other.commit()
        for call in (
            lambda: store.read_artifact(ONE),
            store.read_artifacts,
            lambda: list(store.iter_artifacts()),
        ):
            with pytest.raises(StoreDamaged, match=expected):
                call()
        assert store.read_artifact(TWO) is not None


def test_times_are_utc_whatever_the_session(url: str) -> None:
    with ArtifactStore(f"{url}&options=-c%20timezone%3DAsia/Kathmandu") as store:
        artifact = store.create_artifact(key="k")
        read = store.read_latest_artifact("k")
        assert read == artifact
        assert read is not None
        assert read.created.tzinfo == read.updated.tzinfo == UTC


@pytest.mark.parametrize("style", STYLES)
def test_whatever_the_style_of_dates(url: str, server: psycopg.Connection[Any], style: str) -> None:
    role = f"dates_{time.monotonic_ns()}"
    server.execute(f"CREATE ROLE {role} LOGIN SUPERUSER")
    server.execute(f"ALTER ROLE {role} SET DateStyle = '{style}'")
    server.execute(f"ALTER ROLE {role} SET TimeZone = 'Asia/Kathmandu'")
    try:
        with ArtifactStore(url.replace("postgres:@", f"{role}:@")) as store:
            assert store._engine.fetch_one("SHOW DateStyle") == (style,)
            round_trip(store, TEXTS)
            artifact = store.create_artifact(key="k", data=1)
            recent = ArtifactFilter(created={"after_": artifact.created})
            assert store.read_artifacts(artifact_filter=recent) == [artifact]
    finally:
        server.execute(f"DROP OWNED BY {role} CASCADE")
        server.execute(f"DROP ROLE {role}")


TIMES = [
    "infinity",
    "-infinity",
    "294276-12-31 23:59:59.999999+00",
    "4713-01-01 00:00:00+00 BC",
    "10000-01-01 00:00+00",
]


@pytest.mark.parametrize("column", ["created", "updated"])
@pytest.mark.parametrize("value", TIMES)
def test_a_time_of_others_that_python_has_not(
    url: str, server: psycopg.Connection[Any], column: str, value: str
) -> None:
    schema = url.partition("schema=")[2].partition("&")[0]
    expected = (
        rf"cannot read into {column} of the row with id {ONE}, key k .*"
        "a time that is infinite or not in the years 1"
    )
    with ArtifactStore(url) as store:
        store.create_artifact(id=ONE, key="k")
        other = store.create_artifact(id=TWO, key="other")
        server.execute(f"UPDATE {schema}.artifact SET {column} = '{value}' WHERE id = '{ONE}'")
        server.execute(
            f"UPDATE {schema}.artifact_collection SET {column} = '{value}' WHERE key = 'k'"
        )
        calls = (
            lambda: store.read_artifact(ONE),
            lambda: store.read_latest_artifact("k"),
            store.read_artifacts,
            store.read_latest_artifacts,
            lambda: list(store.iter_artifacts()),
            lambda: store.create_artifact(id=ONE, key="k"),
        )
        for call in calls:
            with pytest.raises(StoreDamaged, match=expected):
                call()
        assert store.read_artifact(TWO) == other
        # What was stored is returned.
        assert store.create_artifact(key="k").version == 2
        assert store.create_artifacts([{"key": "k"}])[0].version == 3
        assert store.count_artifacts() == 4
        assert store.update_artifact(ONE, data=1)
        # The update has set `updated` right.
        assert [breach.kind for breach in store.verify()] == (
            [] if column == "updated" else ["damaged"]
        )


def test_the_ends_of_time(url: str, server: psycopg.Connection[Any]) -> None:
    schema = url.partition("schema=")[2].partition("&")[0]
    with ArtifactStore(url) as store:
        store.create_artifact(id=ONE)
        for time_ in (datetime.min, datetime.max, datetime(1999, 12, 31, 23, 59, 59, 999999)):
            moment = time_.replace(tzinfo=UTC)
            server.execute(f"UPDATE {schema}.artifact SET created = %s", (moment.isoformat(),))
            assert store.read_artifacts()[0].created == moment
