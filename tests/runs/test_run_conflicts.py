"""Names, ids and idempotency keys of runs that are taken already."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from artifact_store import (
    ArtifactConflict,
    ArtifactStore,
    IntegrityViolation,
)
from tests.helpers.family import EXTRA, ID, KINDS, NAMED, NOBODY, WHEN, Family, listing, read

OTHER = {
    "tags": ["x"],
    "parameters": {"other": 1},
    "paused": False,
    "created_by": None,
    "state_type": "CRASHED",
}


@pytest.mark.parametrize("kind", NAMED)
def test_a_taken_name_returns_what_has_it(family: Family, kind: str) -> None:
    first = family.create(kind, **EXTRA[kind])
    before = listing(family.store, kind)
    assert family.create(kind) == first
    other = (
        {"type": "docker"}
        if kind == "work_pool"
        else {"tags": ["x"]}
        if kind != "work_queue"
        else {}
    )
    assert family.create(kind, **other) == first
    assert listing(family.store, kind) == before


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("in_block", [False, True])
def test_a_taken_name_and_an_id_of_its_own_conflict(
    family: Family, kind: str, in_block: bool
) -> None:
    first = family.create(kind)
    with family.store.atomic() if in_block else nullcontext():
        with pytest.raises(
            ArtifactConflict, match=f"with the name 'new' exists under another id, {first.id}: "
        ):
            family.create(kind, id=ID)
        assert read(family.store, kind, ID) is None
        assert family.create(kind, id=first.id) == first
        second = family.create(kind, "free", id=ID)
    assert family.create(kind, "free", id=str(ID)) == second
    assert read(family.store, kind, ID) == second


def test_a_taken_idempotency_key_and_an_id_of_its_own_conflict(family: Family) -> None:
    first = family.store.create_flow_run(family.flow.id, idempotency_key="once")
    said = rf"flow run with the idempotency_key 'once' exists under another id, {first.id}"
    for name in ({}, {"name": "named"}):
        with pytest.raises(ArtifactConflict, match=said):
            family.store.create_flow_run(family.flow.id, id=ID, idempotency_key="once", **name)
        assert family.store.create_flow_run(family.flow.id, idempotency_key="once", **name) == first
    assert (
        family.store.create_flow_run(family.flow.id, id=first.id, idempotency_key="once") == first
    )
    assert read(family.store, "flow_run", ID) is None


@pytest.mark.parametrize("kind", ["deployment", "work_queue"])
def test_names_are_unique_within_the_parent(family: Family, kind: str) -> None:
    first = family.create(kind)
    parent = (
        family.store.create_flow("other")
        if kind == "deployment"
        else family.store.create_work_pool("other")
    )
    second = getattr(family.store, f"create_{kind}")("new", parent.id)
    assert second.id != first.id
    assert second.name == first.name


@pytest.mark.parametrize("kind", ["flow_run", "task_run"])
def test_runs_may_share_a_name(family: Family, kind: str) -> None:
    assert family.create(kind).id != family.create(kind).id


def test_an_idempotency_key_returns_the_first_run_of_the_flow(family: Family) -> None:
    first = family.create("flow_run", idempotency_key="once", tags=["a"])
    assert family.create("flow_run", "another", idempotency_key="once") == first
    other = family.store.create_flow("other")
    assert family.store.create_flow_run(other.id, idempotency_key="once").id != first.id
    assert family.create("flow_run", idempotency_key="twice").id != first.id


@pytest.mark.parametrize("kind", KINDS)
def test_a_repeat_of_an_id_returns_what_is_stored(family: Family, kind: str) -> None:
    first = family.create(kind, id=ID, **EXTRA[kind])
    assert family.create(kind, id=str(ID), **EXTRA[kind]) == first
    assert len(listing(family.store, kind)) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_an_id_with_other_content_conflicts(family: Family, kind: str) -> None:
    first = family.create(kind, id=ID, **EXTRA[kind])
    before = listing(family.store, kind)
    with pytest.raises(
        ArtifactConflict, match=rf"{ID} already exists with different content \(name\)"
    ):
        family.create(kind, "other", id=ID, **EXTRA[kind])
    for name in EXTRA[kind]:
        changed = {**EXTRA[kind], name: OTHER.get(name, "x")}
        if name.endswith("_time"):
            changed[name] = WHEN + dt.timedelta(microseconds=1)
        elif name.endswith("_id"):
            changed[name] = ID
        if name != "idempotency_key":
            with pytest.raises(ArtifactConflict, match=rf"different content \({name}\)"):
                family.create(kind, id=ID, **changed)
    assert listing(family.store, kind) == before
    assert read(family.store, kind, ID) == first


def test_a_conflict_does_not_spoil_a_block(family: Family) -> None:
    family.create("flow", id=ID)
    with family.store.atomic():
        with pytest.raises(ArtifactConflict):
            family.create("flow", "other", id=ID)
        with pytest.raises(IntegrityViolation):
            family.store.create_deployment("d", NOBODY)
        family.create("flow", "third")
    assert [each.name for each in family.store.read_flows()] == ["third", "etl", "new"]


def test_threads_that_create_the_same_flow_get_the_same(store: ArtifactStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert len({each.id for each in threads.map(store.create_flow, ["etl"] * 64)}) == 1
    assert len(store.read_flows()) == 1
