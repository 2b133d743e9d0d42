"""Aliases: set, moved by compare-and-set, deleted, recorded; what they name is protected."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from artifact_store import (
    Alias,
    ArtifactFilter,
    ArtifactNotFound,
    ArtifactProtected,
    ArtifactStore,
    InvalidQuery,
    VersionConflict,
)
from artifact_store.artifacts.aliases import AliasChange
from artifact_store.db.engine import Engine
from artifact_store.unset import UNSET
from tests.helpers.artifacts import Undo

PLAIN = UUID("019ab000-0000-7000-8000-000000000001")
BAD_NAMES: list[Any] = ["", "latest", "3", "0", "a b", "a/b", "é", "a" * 65, "a\n", None, 7]


@pytest.fixture
def models(store: ArtifactStore) -> ArtifactStore:
    """A store with three versions of `model`."""
    store.create_artifacts({"key": "model", "data": {"acc": n}} for n in (91, 93, 95))
    return store


def moves_of(store: ArtifactStore, key: str, name: str | None = None) -> list[tuple[object, ...]]:
    """Return the moves of an alias, oldest first."""
    moves = store.read_alias_history(key, name)
    return [(move.name, move.number, move.from_version, move.to_version) for move in moves][::-1]


def test_an_alias_names_a_version(models: ArtifactStore) -> None:
    alias = models.set_alias("model", "prod", 2)
    assert (alias.key, alias.name, alias.version, alias.ref) == ("model", "prod", 2, "model@prod")
    assert alias.created == alias.moved
    assert models.get("model@prod").version == 2
    assert models.read_artifact_ref("model@prod") == models.read_artifact_ref("model@2")
    assert "model@prod" in models
    assert "model@staging" not in models
    assert models.read_artifact("model@staging") is None
    assert models.read_aliases() == models.read_aliases("model") == [alias]
    assert models.read_aliases("other") == []


def test_an_alias_is_moved_and_deleted(models: ArtifactStore) -> None:
    first = models.set_alias("model", "prod", 1)
    latest = models.set_alias("model", "prod")
    assert latest.version == 3
    assert latest.created == first.created
    assert latest.moved >= first.moved
    assert models.set_alias("model", "prod", 3) == latest, "nothing moves"
    assert models.delete_alias("model", "prod") is True
    assert models.delete_alias("model", "prod") is False
    assert models.read_aliases() == []
    models.set_alias("model", "prod", 2)
    assert moves_of(models, "model", "prod") == [
        ("prod", 1, None, 1),
        ("prod", 2, 1, 3),
        ("prod", 3, 3, None),
        ("prod", 4, None, 2),
    ]


def test_what_an_alias_is_set_to_may_be_a_reference(models: ArtifactStore) -> None:
    first = models.read_artifact("model@1")
    assert models.set_alias(first, "staging").version == 1
    assert models.set_alias("model@2", "staging").version == 2
    assert models.set_alias("model@staging", "prod").version == 2
    assert models.set_alias("model@latest", "prod").version == 3
    assert models.set_alias("model@1", "prod", 1).version == 1
    with pytest.raises(InvalidQuery, match="'model@1' names a version already"):
        models.set_alias("model@1", "prod", 2)
    with pytest.raises(InvalidQuery, match="has no key, so it has no aliases"):
        models.set_alias(models.create_artifact(data=1), "prod")


def test_the_key_may_be_an_artifact(models: ArtifactStore) -> None:
    model = models.get("model")
    alias = models.set_alias(model, "prod")
    assert models.read_aliases(model) == models.read_aliases("model@latest") == [alias]
    assert len(models.read_alias_history(model)) == 1
    for call in (models.read_aliases, models.read_alias_history):
        with pytest.raises(
            InvalidQuery, match="'model@1' names one version: give only the key, 'mo"
        ):
            call("model@1")
        with pytest.raises(InvalidQuery, match="has no key, so it has no aliases"):
            call(models.create_artifact())
    assert models.delete_alias(model, "prod") is True


def test_compare_and_set(models: ArtifactStore) -> None:
    with pytest.raises(VersionConflict, match=r"no alias model@prod; expected it to be version 1"):
        models.set_alias("model", "prod", 2, expect=1)
    models.set_alias("model", "prod", 1, expect=None)
    with pytest.raises(VersionConflict, match=r"model@prod exists already, as version 1"):
        models.set_alias("model", "prod", 2, expect=None)
    models.set_alias("model", "prod", 2, expect=1)
    with pytest.raises(VersionConflict, match=r"model@prod is version 2, expected 1"):
        models.set_alias("model", "prod", 3, expect=1)
    with pytest.raises(VersionConflict, match=r"model@prod is version 2, expected 1"):
        models.delete_alias("model", "prod", expect=1)
    assert models.delete_alias("model", "prod", expect=2) is True
    assert models.delete_alias("model", "prod", expect=None) is False
    assert [move[2:] for move in moves_of(models, "model")] == [(None, 1), (1, 2), (2, None)]


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_names_that_an_alias_cannot_have(models: ArtifactStore, name: Any) -> None:
    with pytest.raises(InvalidQuery, match=r"^Invalid alias "):
        models.set_alias("model", name)
    with pytest.raises(InvalidQuery, match=r"^Invalid alias "):
        models.delete_alias("model", name)
    assert models.read_alias_history("model") == []


@pytest.mark.parametrize("version", [0, -1, True, 1.0, "1", 2**63], ids=repr)
def test_versions_that_cannot_be(models: ArtifactStore, version: Any) -> None:
    with pytest.raises(InvalidQuery, match=r"^version must be a version such as 3"):
        models.set_alias("model", "prod", version)
    with pytest.raises(InvalidQuery, match=r"^expect must be a version such as 3 or None, got"):
        models.set_alias("model", "prod", expect=version)


def test_what_is_missing_is_said(models: ArtifactStore) -> None:
    with pytest.raises(ArtifactNotFound, match=r"'model@7': model has versions 1-3; latest is 3"):
        models.set_alias("model", "prod", 7)
    with pytest.raises(ArtifactNotFound, match=r"'modell'. Is it model\?"):
        models.set_alias("modell", "prod")
    with pytest.raises(ArtifactNotFound, match=r"model has no aliases; latest is version 3"):
        models.get("model@prod")
    models.set_alias("model", "prod")
    models.set_alias("model", "canary")
    with pytest.raises(ArtifactNotFound, match=r"model has the aliases canary, prod; latest"):
        models.set_alias("model@staging", "prod")


def test_a_protected_version_is_not_deleted(models: ArtifactStore) -> None:
    models.set_alias("model", "prod", 2)
    models.set_alias("model", "canary", 2)
    of_key = ArtifactFilter(key={"any_": ["model"]})
    with pytest.raises(ArtifactProtected, match=r"model@2 is protected: the aliases canary, prod"):
        models.delete_artifact("model@2")
    models.set_alias("model", "canary", 3)
    with pytest.raises(
        ArtifactProtected, match=r"2 artifacts are protected by an alias: model@2 \(prod\), model@3"
    ):
        models.delete_artifacts(of_key)
    assert models.count_artifacts() == 3
    assert models.delete_artifact("model@1") is True
    assert models.verify() == []

    assert models.delete_artifacts(of_key, force=True) == 2
    assert models.read_aliases() == []
    assert [(move.name, move.to_version) for move in models.read_alias_history("model")[:2]] == [
        ("canary", None),
        ("prod", None),
    ]
    assert models.create_artifact(key="model").version == 4
    assert models.delete_artifact("model@4") is True, "nothing is protected any more"
    assert models.verify() == []


def test_a_protected_version_is_deleted_by_force(models: ArtifactStore) -> None:
    models.set_alias("model", "prod", 3)
    assert models.delete_artifact("model@prod", force=True) is True
    assert models.get("model").version == 2
    assert moves_of(models, "model")[-1] == ("prod", 2, 3, None)
    assert models.delete_artifact("model") is True
    assert models.verify() == []


def test_the_data_and_type_of_a_protected_version_stay(models: ArtifactStore) -> None:
    models.set_alias("model", "prod", 2)
    before = models.get("model@2")
    for changes in ({"data": 1}, {"type": "x"}, {"data": None, "description": "x"}):
        with pytest.raises(ArtifactProtected, match=r"model@2 is protected: the alias prod names"):
            models.update_artifact("model@prod", **changes)
        assert models.get("model@2") == before
    assert models.read_latest_artifacts()[0].updated == models.get("model").updated

    assert models.update_artifact("model@prod", description="checked", metadata={"ok": True})
    assert models.update_artifact("model@3", data=1), "another version of the key"
    assert models.update_artifact(before.id, data=7, force=True)
    assert models.get("model@prod").data == 7
    models.delete_alias("model", "prod")
    assert models.update_artifact("model@2", data=8)
    assert models.verify() == []


def test_the_latest_and_protected_version_keeps_its_time(models: ArtifactStore) -> None:
    models.set_alias("model", "prod")
    before = models.get("model")
    with pytest.raises(ArtifactProtected):
        models.update_artifact("model", data=0)
    assert models.read_latest_artifacts() == [before]
    assert models.verify() == []


def test_blocks_undo_what_aliases_did(models: ArtifactStore) -> None:
    models.set_alias("model", "prod", 1)

    def move_and_fail() -> None:
        with models.atomic():
            models.set_alias("model", "prod", 2)
            models.set_alias("model", "canary", 2)
            assert models.get("model@prod").version == 2
            raise Undo

    with pytest.raises(Undo):
        move_and_fail()
    assert [alias.version for alias in models.read_aliases()] == [1]
    with models.atomic():
        with pytest.raises(ArtifactProtected):
            models.delete_artifact("model@1")
        with pytest.raises(ArtifactProtected):
            models.update_artifact("model@1", data=0)
        models.set_alias("model", "prod", 2)
        assert models.delete_artifact("model@1")
    assert moves_of(models, "model") == [("prod", 1, None, 1), ("prod", 2, 1, 2)]
    assert models.verify() == []


def test_a_refused_update_leaves_no_time_behind_in_a_block(models: ArtifactStore) -> None:
    models.set_alias("model", "prod")
    with models.atomic():
        with pytest.raises(ArtifactProtected):
            models.update_artifact("model", data=0)
        with pytest.raises(ArtifactProtected), models.atomic():
            models.update_artifact("model", data=0)
        models.update_artifact("model", description="checked")
    assert models.verify() == []
    assert models.get("model@prod").description == "checked"


STATEMENTS: dict[str, tuple[int, int, Callable[[ArtifactStore], object]]] = {
    "get by an alias": (1, 1, lambda store: store.get("model@prod")),
    "create beside an alias": (2, 1, lambda store: store.create_artifact(key="model")),
    "describe what is named": (
        2,
        1,
        lambda store: store.update_artifact("model@3", description=""),
    ),
    "create": (2, 1, lambda store: store.create_artifact(key="plain")),
    "describe": (2, 1, lambda store: store.update_artifact(PLAIN, description="x")),
    "update the data": (2, 1, lambda store: store.update_artifact(PLAIN, data=1)),
    "delete": (2, 2, lambda store: store.delete_artifact(PLAIN)),
    "delete by a filter": (
        4,
        6,
        lambda store: store.delete_artifacts(ArtifactFilter(key={"any_": ["plain"]})),
    ),
}
"""How many statements a call runs on SQLite and on PostgreSQL: as many as before there were aliases."""


@pytest.mark.parametrize("name", STATEMENTS)
def test_writes_of_keys_without_aliases_run_no_more_statements(
    models: ArtifactStore, engine: str, name: str
) -> None:
    on_sqlite, on_postgresql, call = STATEMENTS[name]
    models.create_artifacts([{"key": "plain", "id": PLAIN}, {"key": "plain"}])
    models.set_alias("model", "prod")
    said: list[str] = []
    database = models._engine
    query = database.query

    def heard(sql: str, *others: Any) -> Any:
        said.append(sql)
        return query(sql, *others)

    database.query = heard  # type: ignore[method-assign]
    database.execute_all = partial(Engine.execute_all, database)  # type: ignore[method-assign]
    call(models)
    extra = 1 if name == "describe what is named" else 0  # which finds the id of the reference
    assert len(said) == (on_sqlite if engine == "sqlite" else on_postgresql) + extra, said


def test_moves_carry_the_run(models: ArtifactStore) -> None:
    models.set_alias("model", "prod", 1)
    with models.flow_run("deploy") as run:
        alias = models.set_alias("model", "prod", 2)
        models.delete_artifact("model@2", force=True)
    assert alias.flow_run_id == run.id
    ids: list[UUID | None] = [move.flow_run_id for move in models.read_alias_history("model")]
    assert ids == [run.id, run.id, None]


def test_an_alias_is_a_value(models: ArtifactStore) -> None:
    alias = models.set_alias("model", "prod", 1)
    assert alias == Alias.model_validate_json(alias.model_dump_json())
    assert repr(alias) == "<Alias model@prod is version 1>"
    (move,) = models.read_alias_history("model", "prod")
    assert repr(move) == "<AliasMove model@prod none → 1>"
    assert move.moved == alias.moved


def test_undo_moves_back_and_undo_again_moves_forward(models: ArtifactStore) -> None:
    models.set_alias("model", "prod", 1)
    created = models.set_alias("model", "prod", 3).created
    with models.flow_run("rollback") as run:
        move = models.undo_alias("model", "prod")
    assert (move.number, move.from_version, move.to_version) == (3, 3, 1)
    assert move.flow_run_id == run.id
    assert models.read_alias_history("model", "prod")[0] == move
    (alias,) = models.read_aliases()
    assert (alias.version, alias.created, alias.moved) == (1, created, move.moved)
    assert models.undo_alias("model", "prod").to_version == 3, "a redo"
    assert models.get("model@prod").version == 3
    assert models.verify() == []


def test_undo_of_a_creation_and_of_a_deletion(models: ArtifactStore) -> None:
    models.set_alias("model", "prod", 2)
    models.set_alias("model", "canary", 1)
    assert repr(models.undo_alias("model", "prod")) == "<AliasMove model@prod 2 → none>"
    assert [alias.name for alias in models.read_aliases()] == ["canary"]
    assert models.delete_artifact("model@2"), "it is not protected any more"
    with pytest.raises(ArtifactNotFound, match=r"prod cannot be moved back\. .*'model@2': model"):
        models.undo_alias("model", "prod")

    models.delete_alias("model", "canary")
    assert repr(models.undo_alias("model", "canary")) == "<AliasMove model@canary none → 1>"
    with pytest.raises(ArtifactProtected):
        models.delete_artifact("model@1")
    models.delete_artifact("model@1", force=True)
    with pytest.raises(ArtifactNotFound, match=r"model has version 3; latest is 3"):
        models.undo_alias("model", "canary")
    assert models.read_alias_history("model", "canary")[0].to_version is None
    assert models.verify() == []


def test_nothing_to_undo(models: ArtifactStore) -> None:
    with pytest.raises(ArtifactNotFound, match=r"nothing to undo: the alias model@prod was never"):
        models.undo_alias("model", "prod")
    with pytest.raises(ArtifactNotFound, match=r"nothing to undo: the alias other@prod was never"):
        models.undo_alias("other", "prod")
    with pytest.raises(InvalidQuery, match=r"^Invalid alias 'latest'"):
        models.undo_alias("model", "latest")
    assert models.read_alias_history("model") == []


def test_an_undo_whose_answer_was_lost_is_done_once(models: ArtifactStore) -> None:
    models.set_alias("model", "prod", 1)
    models.set_alias("model", "prod", 2)
    change = AliasChange(models._writer, "model", "prod", UNSET)
    run = models._db.engine.run_idempotent
    move = run(change.undo)
    models.set_alias("model", "prod", 3)
    assert run(change.undo) == move, "the retry"
    assert moves_of(models, "model", "prod")[2:] == [("prod", 3, 2, 1), ("prod", 4, 1, 3)]
