"""`verify` sees every kind of damage that another program can do; `repair` mends it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from artifact_store import ArtifactFilter, ArtifactStore, IntegrityViolation, StoreDamaged
from artifact_store.payloads.builders import table_payload
from artifact_store.tables.profile import profile_table
from tests.helpers.bare import bare

OTHER = "00000000-0000-7000-8000-000000000000"
DAMAGE = {
    "missing": "DELETE FROM artifact_collection WHERE key = 'a'",
    "dangling (no artifact)": "INSERT INTO artifact_collection "
    "(key, latest_id, latest_version, last_version, created, updated) "
    "SELECT 'ghost', latest_id, latest_version, last_version, created, updated FROM artifact_collection "
    "WHERE key = 'a'",
    "dangling": f"UPDATE artifact_collection SET latest_id = '{OTHER}' WHERE key = 'a'",
    "dangling (another key's)": "UPDATE artifact_collection SET latest_id = "
    "(SELECT id FROM artifact WHERE key = 'b') WHERE key = 'a'",
    "dangling (keyless)": "UPDATE artifact_collection SET latest_id = "
    "(SELECT id FROM artifact WHERE key IS NULL) WHERE key = 'a'",
    "stale": "UPDATE artifact_collection SET latest_id = (SELECT id FROM artifact WHERE key = 'a' AND version = 1) "
    "WHERE key = 'a'",
    "wrong-version": "UPDATE artifact_collection SET latest_version = 7 WHERE key = 'a'",
    "wrong-version (below)": "UPDATE artifact_collection SET latest_version = 1 WHERE key = 'a'",
    "wrong-times": "UPDATE artifact_collection SET created = '2001-01-01T00:00:00.000000+00:00' WHERE key = 'a'",
    "wrong-times (updated)": "UPDATE artifact_collection SET updated = '2099-01-01T00:00:00.000000+00:00' "
    "WHERE key = 'a'",
    "low-counter": "UPDATE artifact_collection SET last_version = 1 WHERE key = 'a'",
    "empty": "UPDATE artifact_collection SET latest_id = NULL, latest_version = NULL WHERE key = 'a'",
    "dangling (half empty)": "UPDATE artifact_collection SET latest_id = NULL WHERE key = 'a'",
    "wrong-version (half empty)": "UPDATE artifact_collection SET latest_version = NULL WHERE key = 'a'",
}

REFUSE_EMPTY_KEYS = {
    "sqlite": [
        "CREATE TRIGGER no BEFORE UPDATE ON artifact_collection WHEN NEW.latest_id IS NULL "
        "BEGIN SELECT RAISE(ABORT, 'no'); END"
    ],
    "postgresql": [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '23514'; END $$",
        "CREATE TRIGGER no BEFORE UPDATE ON artifact_collection FOR EACH ROW WHEN (NEW.latest_id IS NULL) "
        "EXECUTE FUNCTION refuse()",
    ],
}


def pointers(url: str) -> list[tuple[Any, ...]]:
    """Return the whole collection table."""
    return bare(url, "SELECT * FROM artifact_collection ORDER BY key")


@pytest.fixture
def filled(store_url: str) -> Iterator[ArtifactStore]:
    """A store with three versions of `a`, one of `b`, and an artifact without key."""
    with ArtifactStore(store_url) as store:
        for key in ("a", "a", "a", "b", None):
            store.create_artifact(key=key)
        yield store
        assert store.verify() == []


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_seen_and_mended(filled: ArtifactStore, url: str, damage: str) -> None:
    kind, key = damage.partition(" ")[0], "ghost" if "no artifact" in damage else "a"
    healthy = pointers(url)
    assert filled.verify() == []

    bare(url, DAMAGE[damage])
    assert pointers(url) != healthy
    found = filled.verify()
    assert [(breach.kind, breach.key) for breach in found] == [(kind, key)]
    assert key in found[0].message
    assert found[0].message.endswith(".")

    assert filled.repair() == found
    assert filled.verify() == []
    # The row of a key that has no artifact stays, since its counter may have given out versions.
    assert [row for row in pointers(url) if row[0] != "ghost"] == healthy
    assert filled.count_latest_artifacts() == 2
    assert filled.repair() == []
    assert filled.create_artifact(key=key).version == 4


COUNTERS = {"sqlite": ["'abc'", "x'00'", "3.5", "-1", "-3"], "postgresql": ["-1", "-3"]}


@pytest.mark.parametrize("number", range(5))
def test_a_counter_that_counts_nothing(
    filled: ArtifactStore, url: str, engine: str, number: int
) -> None:
    """A damaged SQLite file may hold anything; a counter below 0 was never written."""
    counter = COUNTERS[engine][number % len(COUNTERS[engine])]
    filled.delete_artifacts(ArtifactFilter(key={"any_": ["b"]}))
    bare(url, f"UPDATE artifact_collection SET last_version = {counter}")
    found = filled.verify()
    assert [(breach.kind, breach.key) for breach in found] == [
        ("low-counter", "a"),
        ("low-counter", "b"),
    ]
    assert filled.repair() == found
    assert filled.verify() == []
    assert filled.create_artifact(key="a").version == 4
    assert filled.create_artifact(key="b").version == 2


def test_a_key_that_is_no_text(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with ArtifactStore(url) as store:
        store.create_artifacts([{"key": "k"}, {"key": "j"}])
        bare(url, "UPDATE artifact_collection SET key = CAST(key AS BLOB) WHERE key = 'k'")
        assert "damaged" in [breach.kind for breach in store.verify()]
        for call in (store.repair, lambda: store.verify(quick=True)):
            with pytest.raises(StoreDamaged, match="A key of the collection table"):
                call()


def test_one_row_with_several_breaches(filled: ArtifactStore, url: str) -> None:
    healthy = pointers(url)
    bare(
        url,
        f"UPDATE artifact_collection SET latest_id = '{OTHER}', latest_version = 9, last_version = 0 WHERE key = 'a'",
        "DELETE FROM artifact_collection WHERE key = 'b'",
    )
    expected = [("dangling", "a"), ("low-counter", "a"), ("missing", "b"), ("wrong-version", "a")]
    assert [(breach.kind, breach.key) for breach in filled.verify()] == expected
    assert [(breach.kind, breach.key) for breach in filled.repair()] == expected
    assert pointers(url) == healthy


@pytest.mark.parametrize("gone", ["version = 3", "key = 'a'"])
def test_artifacts_deleted_behind_the_back_of_the_store(
    filled: ArtifactStore, url: str, gone: str
) -> None:
    bare(url, f"DELETE FROM artifact WHERE {gone}")
    assert {breach.key for breach in filled.verify()} == {"a"}
    assert {breach.key for breach in filled.repair()} == {"a"}
    latest = filled.read_latest_artifact("a")
    assert latest is None if gone == "key = 'a'" else latest.version == 2


ROWS = [{"city": "Oslo", "wind": 3}, {"city": "Rome", "wind": None}]
LEFT_BY_AN_OLD_PROGRAM = {  # its update sets the data and the time, of a profile it knows nothing
    "other rows": (
        """'[{"city": "Oslo"}]'""",
        {"rows": 1},
        "The profile of t@1 counts 2 rows, its data has 1.",
    ),
    "another form": ("""'{"city": ["Oslo", "Rome", "Bonn"]}'""", {"rows": 3}, "its data has 3."),
    "no table": ("'12'", None, "and its data is not a table."),
    "no data": ("NULL", None, "and its data is not a table."),
}


@pytest.mark.parametrize("left", LEFT_BY_AN_OLD_PROGRAM)
def test_a_profile_that_does_not_fit_its_data(filled: ArtifactStore, url: str, left: str) -> None:
    data, rows, message = LEFT_BY_AN_OLD_PROGRAM[left]
    table = filled.create_table_artifact(ROWS, key="t")
    loose = filled.create_table_artifact(ROWS)
    filled.create_table_artifact([], key="fits")
    filled.create_artifact(key="other", type="result", data=[1], profile={"rows": 7, "columns": []})
    assert filled.verify() == filled.repair() == []
    for made in (table, loose):
        bare(url, f"UPDATE artifact SET data = {data} WHERE id = '{made.id}'")

    found = filled.verify()
    assert sorted(breach.key for breach in found) == sorted(["t@1", str(loose.id)])
    assert {breach.kind for breach in found} == {"wrong-profile"}
    assert found[-1].message.endswith(message)
    assert filled.verify(quick=True) == []

    assert filled.repair() == found
    assert filled.verify() == filled.repair() == []
    for made in (table, loose):
        profile = filled.read_artifact(made.id).profile
        assert profile is None if rows is None else profile["rows"] == rows["rows"]
    assert filled.read_latest_artifact("t").updated == table.updated


def test_many_tables_are_held_against_their_profiles_in_pages(
    filled: ArtifactStore, url: str
) -> None:
    made = filled.create_artifacts({"key": "t", **table_payload([{"n": n}])} for n in range(450))
    bare(url, "UPDATE artifact SET data = '[]' WHERE key = 't' AND version IN (1, 200, 201, 450)")
    expected = [f"t@{version}" for version in (1, 200, 201, 450)]
    assert sorted(breach.key for breach in filled.verify()) == sorted(expected)
    assert sorted(breach.key for breach in filled.repair()) == sorted(expected)
    assert filled.read_artifact(made[449].id).profile == profile_table([])


def test_a_profile_and_a_pointer_are_mended_together(filled: ArtifactStore, url: str) -> None:
    filled.create_table_artifact(ROWS, key="t")
    bare(url, "UPDATE artifact SET data = '[]' WHERE key = 't'", DAMAGE["low-counter"])
    assert [breach.kind for breach in filled.repair()] == ["low-counter", "wrong-profile"]


@pytest.mark.parametrize("half", ["latest_id", "latest_version"])
def test_a_key_without_artifacts_that_is_not_quite_empty(
    filled: ArtifactStore, url: str, half: str
) -> None:
    filled.delete_artifact(filled.read_latest_artifact("b").id)
    emptied = pointers(url)
    assert filled.verify() == []
    bare(
        url,
        f"UPDATE artifact_collection SET {half} = (SELECT {half} FROM artifact_collection WHERE key = 'a')",
    )
    assert [(breach.kind, breach.key) for breach in filled.verify()] == [("dangling", "b")]
    assert [breach.kind for breach in filled.repair()] == ["dangling"]
    assert pointers(url) == emptied
    assert filled.create_artifact(key="b").version == 2


def test_an_artifact_inserted_behind_the_back_of_the_store(filled: ArtifactStore, url: str) -> None:
    time = "2020-01-01T00:00:00.000000+00:00"
    insert = f"INSERT INTO artifact (id, key, version, created, updated) VALUES ('{OTHER}', 'a', 8, '{time}', '{time}')"
    bare(url, insert)
    assert [breach.kind for breach in filled.verify()] == ["low-counter", "stale", "wrong-version"]
    filled.repair()
    assert filled.read_latest_artifact("a").version == 8
    assert filled.create_artifact(key="a").version == 9


def test_every_row_gone(filled: ArtifactStore, url: str) -> None:
    healthy = pointers(url)
    bare(url, "DELETE FROM artifact_collection")
    assert [(breach.kind, breach.key) for breach in filled.repair()] == [
        ("missing", "a"),
        ("missing", "b"),
    ]
    assert pointers(url) == healthy


def test_a_counter_above_its_versions_is_kept(filled: ArtifactStore, url: str) -> None:
    filled.delete_artifact(filled.read_latest_artifact("a").id)
    assert filled.verify() == []
    bare(
        url,
        f"UPDATE artifact_collection SET last_version = 40, latest_id = '{OTHER}' WHERE key = 'a'",
    )
    filled.repair()
    assert filled.read_latest_artifact("a").version == 2
    assert filled.create_artifact(key="a").version == 41


def test_a_healthy_store_is_left_alone(filled: ArtifactStore, url: str) -> None:
    before = pointers(url)
    assert filled.repair() == []
    assert pointers(url) == before


def test_repair_is_atomic(filled: ArtifactStore, url: str) -> None:
    bare(url, DAMAGE["missing"], DAMAGE["dangling"].replace("'a'", "'b'"))
    damaged = pointers(url)

    def repair_and_fail() -> None:
        assert len(filled.repair()) == 2
        assert filled.verify() == []
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        filled.run_in_transaction(repair_and_fail)
    assert pointers(url) == damaged

    # The second of its statements fails: the first is undone as well.
    bare(url, *REFUSE_EMPTY_KEYS[url.partition(":")[0]])
    bare(url, DAMAGE["dangling (no artifact)"].replace("'a'", "'b'"))
    damaged = pointers(url)
    with pytest.raises(IntegrityViolation):
        filled.repair()
    assert pointers(url) == damaged

    bare(
        url,
        "DROP TRIGGER no" if url.startswith("sqlite") else "DROP TRIGGER no ON artifact_collection",
    )
    assert len(filled.repair()) == 3


@pytest.mark.parametrize("damage", ["missing", "low-counter"])
def test_a_damaged_counter_refuses_new_versions_and_says_how_to_mend(
    filled: ArtifactStore, url: str, damage: str
) -> None:
    bare(url, DAMAGE[damage])
    before, damaged = filled.read_artifacts(), pointers(url)
    many = [{"key": "b"}, {"key": "a"}]
    for create in (lambda: filled.create_artifact(key="a"), lambda: filled.create_artifacts(many)):
        with pytest.raises(IntegrityViolation, match=r"correct it with repair\(\)") as caught:
            create()
        assert caught.value.__cause__ is not None
    assert (filled.read_artifacts(), pointers(url)) == (before, damaged)
    filled.repair()
    assert [each.version for each in filled.create_artifacts(many)] == [2, 4]
