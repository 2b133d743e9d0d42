"""`verify` sees what other programs can do to aliases; `repair` mends it, or says that it cannot."""

from collections.abc import Iterator

import pytest

from artifact_store import ArtifactStore
from tests.helpers.bare import bare

TIME = "'2026-01-01T00:00:00.000000+00:00'"
OTHER = "'00000000-0000-7000-8000-000000000000'"
DAMAGE = {
    "dangling-alias": (
        "DELETE FROM artifact WHERE key = 'a' AND version = 2",
        "a@prod",
        "The alias a@prod names version 2, which does not exist.",
    ),
    "wrong-holds": (
        "UPDATE artifact_collection SET holds = 5 WHERE key = 'a'",
        "a",
        "The collection row of a says 5 as its number of aliases and pins, it is 2.",
    ),
    "wrong-holds (none)": (
        "UPDATE artifact_collection SET holds = 3 WHERE key = 'b'",
        "b",
        "The collection row of b says 3 as its number of aliases and pins, it is 0.",
    ),
    "unrecorded-move": (
        "UPDATE artifact_alias SET version = 3 WHERE name = 'prod'",
        "a@prod",
        "The alias a@prod names version 3, its last recorded move went to version 2.",
    ),
    "unrecorded-move (the first)": (
        "DELETE FROM artifact_alias_move WHERE name = 'canary'",
        "a@canary",
        "The alias a@canary names version 1, and no move to it is recorded.",
    ),
    "unrecorded-move (deleted)": (
        "UPDATE artifact_alias_move SET to_version = NULL WHERE name = 'canary'",
        "a@canary",
        "The alias a@canary names version 1, and no move to it is recorded.",
    ),
}
CHAINS = {
    "another version": (
        "UPDATE artifact_alias_move SET from_version = 3 WHERE name = 'prod' AND number = 2",
        "The history of a@prod is broken: move 2 comes from version 3, the one before it went to version 1.",
    ),
    "no version": (
        "UPDATE artifact_alias_move SET from_version = NULL WHERE name = 'prod' AND number = 2",
        "The history of a@prod is broken: move 2 comes from no version, the one before it went to version 1.",
    ),
    "a first move": (
        "UPDATE artifact_alias_move SET from_version = 1 WHERE name = 'prod' AND number = 1",
        "The history of a@prod is broken: move 1 comes from version 1, the one before it went to no version.",
    ),
    "a number": (
        "UPDATE artifact_alias_move SET number = 7 WHERE name = 'prod' AND number = 2",
        "Moves are missing in the history of a@prod before number 7.",
    ),
}


@pytest.fixture
def named(store_url: str) -> Iterator[ArtifactStore]:
    """A store with two keys, of which one has two aliases and one that was deleted."""
    with ArtifactStore(store_url) as store:
        store.create_artifacts({"key": key, "data": n} for n in range(3) for key in ("a", "b"))
        for version in (1, 2):
            store.set_alias("a", "prod", version)
        store.set_alias("a", "canary", 1)
        store.set_alias("a", "old", 1)
        store.delete_alias("a", "old")
        store.set_alias("b", "gone", 1)
        store.delete_artifact("b@gone", force=True)
        assert store.verify() == store.verify(quick=True) == []
        yield store


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_seen_and_mended(named: ArtifactStore, url: str, damage: str) -> None:
    statement, key, message = DAMAGE[damage]
    bare(url, statement)
    found = [(each.kind, each.key, each.message) for each in named.verify()]
    assert found == [(damage.partition(" ")[0], key, message)]
    assert named.verify(quick=True) == named.verify()

    aliases = named.read_aliases()
    assert [(each.kind, each.key, each.message) for each in named.repair()] == found
    assert named.verify() == named.repair() == []
    if not damage.startswith("dangling"):
        assert named.read_aliases() == aliases


def test_the_move_that_closes_a_history(named: ArtifactStore, url: str) -> None:
    bare(url, DAMAGE["dangling-alias"][0], DAMAGE["unrecorded-move (the first)"][0])
    assert [each.kind for each in named.repair()] == ["dangling-alias", "unrecorded-move"]
    moves = [
        (each.number, each.from_version, each.to_version)
        for each in named.read_alias_history("a", "prod")
    ]
    assert moves == [(3, 2, None), (2, 1, 2), (1, None, 1)]
    moves = [
        (each.number, each.from_version, each.to_version)
        for each in named.read_alias_history("a", "canary")
    ]
    assert moves == [(1, None, 1)]
    assert named.delete_artifact("a@3")
    assert named.set_alias("a", "prod", 1, expect=None).version == 1
    assert named.verify() == []


@pytest.mark.parametrize("broken", CHAINS)
def test_a_gap_in_a_history_stays(named: ArtifactStore, url: str, broken: str) -> None:
    """What happened in between is not known, so it cannot be added."""
    statement, message = CHAINS[broken]
    bare(url, statement)
    found = named.verify()
    assert [(each.kind, each.key, each.message) for each in found] == [
        ("broken-history", "a@prod", message)
    ]
    assert named.verify(quick=True) == []
    assert named.repair() == []
    assert named.verify() == found


def test_what_a_program_without_aliases_leaves(named: ArtifactStore, url: str) -> None:
    """It deletes a key and its aliases' versions, and lets the row of another one be written again."""
    bare(
        url,
        "DELETE FROM artifact WHERE key = 'a'",
        "UPDATE artifact_collection SET latest_id = NULL, latest_version = NULL WHERE key = 'a'",
    )
    assert [(each.kind, each.key) for each in named.verify()] == [
        ("dangling-alias", "a@canary"),
        ("dangling-alias", "a@prod"),
    ]
    assert len(named.repair()) == 2
    assert named.verify() == []
    assert named.read_aliases() == []
    assert named.create_artifact(key="a").version == 4
    assert named.delete_artifact("a@4")


def test_aliases_of_a_key_whose_row_is_missing(named: ArtifactStore, url: str) -> None:
    bare(url, "DELETE FROM artifact_collection WHERE key = 'a'")
    assert [each.kind for each in named.verify()] == ["missing"]
    assert [each.kind for each in named.repair()] == ["missing", "wrong-holds"]
    assert named.verify() == []


def test_rows_that_cannot_be_read(named: ArtifactStore, url: str, engine: str) -> None:
    if engine == "sqlite":
        bare(
            url,
            "UPDATE artifact_alias SET created = 'yesterday' WHERE name = 'prod'",
            "UPDATE artifact_alias_move SET flow_run_id = 'x' WHERE name = 'canary'",
        )
        reasons = ["its created cannot be read", "its flow_run_id cannot be read"]
    else:
        bare(
            url,
            "UPDATE artifact_alias SET created = 'infinity' WHERE name = 'prod'",
            "UPDATE artifact_alias_move SET moved = '-infinity' WHERE name = 'canary'",
        )
        reasons = ["created", "moved"]
    found = named.verify()
    # A time that PostgreSQL has and Python has not is found before the row is.
    kind = "unreadable" if engine == "sqlite" else "damaged"
    assert [each.kind for each in found] == [kind, kind]
    texts = " ".join(each.message for each in found)
    assert all(reason in texts for reason in reasons)
    bare(
        url,
        f"UPDATE artifact_alias SET created = {TIME}",
        f"UPDATE artifact_alias_move SET moved = {TIME}",
    )
    bare(url, f"UPDATE artifact_alias_move SET flow_run_id = {OTHER}")
    assert named.verify() == []


def test_many_aliases_are_read_in_pages(store: ArtifactStore, url: str) -> None:
    store.create_artifacts({"key": f"k{n}"} for n in range(30))
    for n in range(30):
        for name in ("prod", "A", "z.z", "v-1"):
            store.set_alias(f"k{n}", name)
    bare(url, "UPDATE artifact_alias_move SET number = 2 WHERE key = 'k29' AND name = 'A'")
    (found,) = store.verify()
    assert (found.kind, found.key) == ("broken-history", "k29@A")
    bare(url, "UPDATE artifact_alias_move SET number = 1 WHERE key = 'k29' AND name = 'A'")


def test_a_move_that_cannot_be_read_does_not_keep_repair_from_the_rest(
    named: ArtifactStore, url: str, engine: str
) -> None:
    if engine == "sqlite":
        unreadable = "to_version = 'x'"
        mended = {"unrecorded-move", "wrong-holds"}
        left = {"broken-history", "unreadable"}
    else:  # stores only numbers there; the driver cannot read this time
        unreadable = "moved = 'infinity'"
        mended = {"wrong-holds"}
        left = {"damaged"}
    damage = f"UPDATE artifact_alias_move SET {unreadable} WHERE name = 'prod' AND number = 2"
    bare(url, damage, DAMAGE["wrong-holds"][0])
    assert {each.kind for each in named.repair()} == mended
    assert {each.kind for each in named.verify()} == left
