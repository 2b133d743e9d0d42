"""A store of an earlier schema is upgraded while programs of earlier releases have it open."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import peewee
import pytest
from playhouse.migrations import Runner

import artifact_store
from artifact_store import ArtifactFilter, ArtifactStore
from tests.helpers.bare import bare

SCRIPTS = Path(artifact_store.__file__).parent / "db" / "migrations"
TIME = "2026-11-24T00:00:00.000000+00:00"
ROW = (
    "INSERT INTO artifact (id, key, version, created, updated) "
    "VALUES ('{id}', '{key}', {version}, '{time}', '{time}')"
)
POINTER = (
    "INSERT INTO artifact_collection (key, latest_id, latest_version, last_version, created, updated) "
    "VALUES ('{key}', '{id}', {version}, {last}, '{time}', '{time}')"
)


def id_of(number: int) -> str:
    return f"019ab000-0000-7000-8000-{number:012}"


def of_release(url: str, directory: Path, scripts: str) -> None:
    """Create the tables of a release with some of the scripts."""
    directory.mkdir()
    for script in SCRIPTS.glob(scripts):
        shutil.copy(script, directory)
    database: Any
    if url.startswith("sqlite"):
        database = peewee.SqliteDatabase(url.removeprefix("sqlite:///"))
    else:
        parameters = dict(parse_qsl(urlsplit(url).query))
        bare(url, f"CREATE SCHEMA {parameters['schema']}")
        options = f"-c search_path={parameters['schema']}"
        database = peewee.PostgresqlDatabase(
            "postgres",
            user="postgres",
            host=parameters["host"],
            options=options,
            prefer_psycopg3=True,
        )
    with closing(database):
        Runner(database, directory, "artifact_store_migration").up()


def of_last_release(url: str, directory: Path) -> None:
    """Create the tables of the release before empty keys."""
    of_release(url, directory, "000[123]_*.py")


@pytest.fixture
def old(url: str, tmp_path: Path) -> str:
    """Return a store of the last release.

    It has three versions of `a`, of which the last was deleted, one of `b`, and none of `c`.
    """
    of_last_release(url, tmp_path / "scripts")
    rows = [("a", 1), ("a", 2), ("b", 1)]
    artifacts = [
        ROW.format(id=id_of(number), key=key, version=version, time=TIME)
        for number, (key, version) in enumerate(rows)
    ]
    pointers = [("a", 1, 2, 3), ("b", 2, 1, 1)]
    created = [
        POINTER.format(key=key, id=id_of(number), version=version, last=last, time=TIME)
        for key, number, version, last in pointers
    ]
    bare(url, *artifacts, *created)
    return url


@pytest.fixture
def store(old: str) -> Iterator[ArtifactStore]:
    with ArtifactStore(old) as upgraded:
        yield upgraded
        assert upgraded.verify() == []


def pointers(url: str) -> list[tuple[Any, ...]]:
    rows = bare(
        url,
        "SELECT key, latest_id, latest_version, last_version FROM artifact_collection ORDER BY key",
    )
    return [(key, latest_id and str(latest_id), *rest) for key, latest_id, *rest in rows]


def test_what_a_store_holds_is_kept(old: str) -> None:
    before = pointers(old)
    with ArtifactStore(old) as store:
        assert store.info().schema == "0006_inputs"
        assert pointers(old) == before
        assert store.verify() == []
        assert [
            each.version
            for each in store.create_artifacts([{"key": "a"}, {"key": "b"}, {"key": "c"}])
        ] == [
            4,
            2,
            1,
        ]
        assert store.delete_artifacts(ArtifactFilter(key={"any_": ["a", "b"]})) == 5
        assert store.count_latest_artifacts() == 1
        assert store.create_artifact(key="a").version == 5
        assert store.verify() == []


def test_an_old_program_keeps_counters_where_no_key_was_left(url: str, tmp_path: Path) -> None:
    """The program has an empty store open during the upgrade; then it creates and deletes."""
    of_last_release(url, tmp_path / "scripts")
    with ArtifactStore(url) as store:
        old = [ROW.format(id=id_of(1), key="k", version=1, time=TIME)]
        old.append(POINTER.format(key="k", id=id_of(1), version=1, last=1, time=TIME))
        bare(url, *old)
        bare(url, "DELETE FROM artifact", "DELETE FROM artifact_collection WHERE key = 'k'")
        assert store.create_artifact(key="k").version == 2
        assert store.verify() == []


def test_a_damaged_store_is_upgraded_and_mended_then(old: str) -> None:
    ghost = POINTER.format(key="ghost", id=id_of(9), version=7, last=7, time=TIME)
    bare(
        old,
        ghost,
        f"UPDATE artifact_collection SET latest_id = '{id_of(8)}', last_version = 0 WHERE key = 'a'",
    )
    bare(old, "DELETE FROM artifact_collection WHERE key = 'b'")
    with ArtifactStore(old) as store:
        found = [(breach.kind, breach.key) for breach in store.verify()]
        assert found == [
            ("dangling", "a"),
            ("dangling", "ghost"),
            ("low-counter", "a"),
            ("missing", "b"),
        ]
        assert [(breach.kind, breach.key) for breach in store.repair()] == found
        assert store.verify() == []
        assert store.create_artifact(key="ghost").version == 8


def test_what_others_have_attached_to_a_table_is_kept(old: str) -> None:
    bare(
        old,
        "CREATE INDEX mine ON artifact_collection (last_version)",
        "CREATE VIEW keys_of_mine AS SELECT key FROM artifact_collection",
    )
    with ArtifactStore(old) as store:
        assert bare(old, "SELECT key FROM keys_of_mine ORDER BY key") == [("a",), ("b",)]
        assert store.verify() == []
    bare(old, "DROP INDEX mine")


# The statements of a program of the last release, which checks the schema only when it opens a store.

FIND = {
    "sqlite": 'SELECT "t1"."key", "t1"."latest_id" FROM "artifact_collection" AS "t1" WHERE ("t1"."key" = '
    """(SELECT "t2"."key" FROM "artifact" AS "t2" WHERE ("t2"."id" = '{id}')))"""
}
FIND["postgresql"] = FIND["sqlite"] + " FOR UPDATE"
DELETE = """DELETE FROM "artifact" WHERE ("artifact"."id" = '{id}')"""
POINT = (
    'UPDATE "artifact_collection" SET "created" = "greatest"."created", "updated" = "greatest"."updated", '
    '"latest_id" = "greatest"."id", "latest_version" = "greatest"."version" FROM (SELECT "t1"."id", "t1"."version", '
    """"t1"."created", "t1"."updated" FROM "artifact" AS "t1" WHERE ("t1"."key" = '{key}') """
    """ORDER BY "t1"."version" DESC LIMIT 1) AS "greatest" WHERE ("artifact_collection"."key" = '{key}')"""
)
FORGET = """DELETE FROM "artifact_collection" WHERE ("artifact_collection"."key" = '{key}')"""
SWEEP = (
    """DELETE FROM "artifact_collection" WHERE ("artifact_collection"."key" IN ('{key}') AND NOT EXISTS(SELECT 1 """
    'FROM "artifact" AS "t1" WHERE ("t1"."key" = "artifact_collection"."key")))'
)
ADVANCE = (
    'INSERT INTO "artifact_collection" ("key", "created", "updated", "latest_id", "latest_version", "last_version") '
    """VALUES ('{key}', '{time}', '{time}', '{id}', 1, 1) ON CONFLICT ("key") DO UPDATE SET "latest_id" = """
    'EXCLUDED."latest_id", "created" = EXCLUDED."created", "updated" = EXCLUDED."updated", "latest_version" = '
    '("artifact_collection"."last_version" + EXCLUDED."last_version"), "last_version" = '
    '("artifact_collection"."last_version" + EXCLUDED."last_version") RETURNING "artifact_collection"."last_version"'
)


def old_delete(url: str, artifact_id: str, key: str) -> None:
    """Delete the last artifact of a key as the last release does."""
    names = {"id": artifact_id, "key": key}
    find = FIND[url.partition(":")[0]]
    bare(url, *[statement.format(**names) for statement in (find, DELETE, POINT, FORGET)])


def old_create(url: str, artifact_id: str, key: str) -> int:
    """Create an artifact as the last release does; return its version."""
    ((version,),) = bare(url, ADVANCE.format(key=key, id=artifact_id, time=TIME))
    bare(url, ROW.format(id=artifact_id, key=key, version=version, time=TIME))
    return int(version)


def test_an_old_program_that_deletes_the_last_version_keeps_the_counter(
    store: ArtifactStore, old: str
) -> None:
    old_delete(old, id_of(2), "b")
    assert pointers(old)[1] == ("b", None, None, 1)
    assert store.verify() == []
    assert store.count_latest_artifacts() == 1
    assert store.create_artifact(key="b").version == 2


def test_an_old_program_that_deletes_by_filter_keeps_the_counters(
    store: ArtifactStore, old: str
) -> None:
    bare(old, "DELETE FROM artifact WHERE key = 'a'", SWEEP.format(key="a"))
    assert pointers(old)[0] == ("a", None, None, 3)
    assert store.verify() == []
    # Its repair takes an empty key for damage, and deletes its row too.
    bare(old, SWEEP.format(key="a"))
    assert store.create_artifact(key="a").version == 4


def test_an_old_program_goes_on_with_the_counter_of_an_empty_key(
    store: ArtifactStore, old: str
) -> None:
    store.delete_artifacts(ArtifactFilter(key={"any_": ["a"]}))
    assert old_create(old, id_of(7), "a") == 4
    assert store.verify() == []
    assert store.create_artifact(key="a").version == 5


def test_an_old_program_counts_empty_keys(store: ArtifactStore, old: str) -> None:
    store.delete_artifacts(ArtifactFilter(key={"any_": ["a"]}))
    assert bare(old, 'SELECT COUNT(*) FROM "artifact_collection" AS "t1"') == [(2,)]
    assert store.count_latest_artifacts() == 1
    old_list = 'SELECT t1.key FROM "artifact" AS "t1" INNER JOIN "artifact_collection" AS "t2" ON t2.latest_id = t1.id'
    assert bare(old, old_list) == [("b",)]


def test_a_key_is_forgotten_when_its_counter_is_given_up(store: ArtifactStore, old: str) -> None:
    store.delete_artifacts(ArtifactFilter(key={"any_": ["a"]}))
    bare(
        old,
        "UPDATE artifact_collection SET last_version = 0 WHERE key = 'a'",
        FORGET.format(key="a"),
    )
    assert [row[0] for row in pointers(old)] == ["b"]
    assert store.create_artifact(key="a").version == 1


# A program without aliases has the store open during the upgrade to those.


@pytest.fixture
def named(url: str, tmp_path: Path) -> Iterator[ArtifactStore]:
    """A store of the release before aliases, upgraded; `a@prod` is version 1 of 2."""
    of_release(url, tmp_path / "scripts", "000[1-4]_*.py")
    rows = [("a", 1), ("a", 2)]
    artifacts = [
        ROW.format(id=id_of(number), key=key, version=version, time=TIME)
        for number, (key, version) in enumerate(rows)
    ]
    bare(url, *artifacts, POINTER.format(key="a", id=id_of(1), version=2, last=2, time=TIME))
    with ArtifactStore(url) as upgraded:
        assert upgraded.info().schema == "0006_inputs"
        assert upgraded.verify() == upgraded.read_aliases() == []
        upgraded.set_alias("a", "prod", 1)
        yield upgraded
        assert upgraded.verify() == []


def test_a_program_without_aliases_creates_and_deletes_beside_them(
    named: ArtifactStore, url: str
) -> None:
    bare(url, ADVANCE.format(key="b", id=id_of(7), time=TIME))
    bare(url, ROW.format(id=id_of(7), key="b", version=1, time=TIME))
    bare(url, *[each.format(id=id_of(1), key="a") for each in (DELETE, POINT)])
    assert named.get("a").version == named.get("a@prod").version == 1
    assert named.set_alias("b", "prod").version == 1


def test_what_a_program_without_aliases_deletes_is_found(named: ArtifactStore, url: str) -> None:
    """It knows no protection: an alias may be left without its version."""
    bare(url, DELETE.format(id=id_of(0)))
    assert named.read_artifact("a@prod") is None
    assert [(each.kind, each.key) for each in named.verify(quick=True)] == [
        ("dangling-alias", "a@prod")
    ]
    assert [each.kind for each in named.repair()] == ["dangling-alias"]
    moves = named.read_alias_history("a", "prod")
    assert [(move.from_version, move.to_version) for move in moves] == [(1, None), (None, 1)]
    assert named.delete_artifact("a")


def test_what_a_program_without_aliases_changes_is_not_protected(
    named: ArtifactStore, url: str
) -> None:
    bare(url, f"UPDATE artifact SET data = '7' WHERE id = '{id_of(0)}'")
    assert named.get("a@prod").data == 7
    assert named.verify() == []
