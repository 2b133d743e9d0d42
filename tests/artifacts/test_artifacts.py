"""The contract of artifacts: versions, latest, repeats, updates, deletes, blocks, pages, values."""

import datetime as dt
import gc
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from artifact_store import (
    Artifact,
    ArtifactCollectionFilter,
    ArtifactCollectionSort,
    ArtifactConflict,
    ArtifactCreate,
    ArtifactFilter,
    ArtifactSort,
    ArtifactStore,
    ArtifactStoreError,
    ArtifactUpdate,
    FlowFilter,
    FlowRunFilter,
    IntegrityViolation,
    InvalidArtifact,
    InvalidQuery,
)
from artifact_store.artifacts import queries as statements
from tests.helpers.bare import bare

ID = uuid.UUID("00000000-0000-7000-8000-00000000000a")
OTHER = uuid.UUID("00000000-0000-7000-8000-00000000000b")
FULL: dict[str, Any] = {
    "type": "table",
    "description": "# Sales",
    "data": [{"b": 1, "a": "ü"}],
    "metadata": {"team": "finance", "rows": 1},
    "flow_run_id": ID,
    "task_run_id": OTHER,
}


class Undo(Exception):
    """Raised in a block to undo it."""


def everything(store: ArtifactStore) -> list[Artifact]:
    return store.read_artifacts(sort=ArtifactSort.ID_DESC)


def versions(store: ArtifactStore, key: str = "k") -> list[int | None]:
    found = store.read_artifacts(artifact_filter=ArtifactFilter(key={"any_": [key]}), sort=ArtifactSort.KEY_ASC)
    return [each.version for each in found]


# Create and read


def test_every_field_comes_back(store: ArtifactStore) -> None:
    made = store.create_artifact(key="sales", **FULL)
    assert {name: getattr(made, name) for name in FULL} == FULL
    assert list(made.data[0]) == ["b", "a"]
    assert (made.key, made.version) == ("sales", 1)
    assert made.id.version == 7
    assert made.created == made.updated
    assert store.read_artifact(made.id) == store.read_artifact(str(made.id)) == made
    assert store.read_latest_artifact("sales") == made
    assert store.create_artifact(ArtifactCreate(key="sales", **FULL)).version == 2


def test_nothing_needs_to_be_given(store: ArtifactStore) -> None:
    made = store.create_artifact()
    empty = dict.fromkeys(["key", "version", *FULL])
    assert {name: getattr(made, name) for name in empty} == empty
    assert store.read_artifact(made.id) == made
    assert store.count_latest_artifacts() == 0


def test_each_key_has_its_own_versions(store: ArtifactStore) -> None:
    made = [store.create_artifact(key=key) for key in ("a", "b", "a", None, "a", None, "b", "A")]
    assert [each.version for each in made] == [1, 1, 2, None, 3, None, 2, 1]
    assert store.read_latest_artifact("a") == made[4]
    assert store.read_latest_artifacts(sort=ArtifactCollectionSort.KEY_ASC) == [made[7], made[4], made[6]]
    assert (store.count_artifacts(), store.count_latest_artifacts()) == (8, 3)


def test_what_is_missing_is_none_or_false(store: ArtifactStore) -> None:
    store.create_artifact(key="k")
    assert store.read_artifact(OTHER) is None
    assert store.read_latest_artifact("none") is None
    assert store.update_artifact(OTHER, description="x") is False
    assert store.delete_artifact(OTHER) is False
    assert store.delete_artifacts(ArtifactFilter(id={"any_": [OTHER]})) == 0
    assert store.count_artifacts() == 1


@pytest.mark.parametrize("key", [None, 3, "", "k\n", "k@x", b"k", OTHER])
def test_what_is_no_key_has_no_latest(store: ArtifactStore, key: Any) -> None:
    store.create_artifact(key="k")
    with pytest.raises(InvalidQuery, match=r"^Invalid (key|reference) "):
        store.read_latest_artifact(key)


def test_the_latest_is_not_asked_for_by_a_version_or_an_id(store: ArtifactStore) -> None:
    store.create_artifact(key="k")
    alone = store.create_artifact()
    with pytest.raises(InvalidQuery, match=r"use read_artifact_ref\('k@1'\), or the key alone, 'k'\.$"):
        store.read_latest_artifact("k@1")
    with pytest.raises(InvalidQuery, match="is an id, not a key: use read_artifact"):
        store.read_latest_artifact(f"{{{alone.id}}}")
    with pytest.raises(InvalidQuery, match="has no key: read it by its id"):
        store.read_latest_artifact(alone)


@pytest.mark.parametrize("bad", [None, "", "nonsense", 7, b"x", "0" * 31])
def test_what_is_no_id_is_an_error(store: ArtifactStore, bad: Any) -> None:
    for call in (store.read_artifact, store.delete_artifact, store.update_artifact):
        with pytest.raises(InvalidQuery, match="is no id"):
            call(bad)


def test_two_ways_to_give_an_artifact_not_mixed(store: ArtifactStore) -> None:
    bad: list[Callable[[], object]] = [
        lambda: store.create_artifact(ArtifactCreate(key="k"), data=1),
        lambda: store.create_artifact({"key": "k"}),
        lambda: store.create_artifact(ArtifactUpdate(data=1)),
        lambda: store.update_artifact(ID, ArtifactUpdate(data=1), data=2),
        lambda: store.update_artifact(ID, {"data": 1}),
        lambda: store.create_artifact(nonsense=1),
        lambda: store.update_artifact(ID, key="other"),
        lambda: store.create_artifact(version=3),
    ]
    for call in bad:
        with pytest.raises(InvalidArtifact):
            call()
    assert everything(store) == []


# Keys


@pytest.mark.parametrize("key", ["a", "0", "Sales", "a.b", "a_b-c/d", "2026/11/23", "a" * 255, "a" + "/" * 253 + "b"])
def test_good_keys(store: ArtifactStore, key: str) -> None:
    assert store.create_artifact(key=key).key == key
    assert store.read_latest_artifact(key).version == 1


BAD_KEYS: list[Any] = ["a" * 256, "a" + "/" * 254 + "b", 7, ["a"], "a\n", "\na", "a\0", "a b", "٣", "ä", "a\\b"]
BAD_KEYS += ["", " ", "-a", "a-", "/a", "a/", ".a", "a_", "a@1", "a:b", "a%b"]


@pytest.mark.parametrize("key", BAD_KEYS, ids=repr)
def test_bad_keys(store: ArtifactStore, key: Any) -> None:
    for create in (lambda: store.create_artifact(key=key), lambda: store.create_artifacts([{}, {"key": key}])):
        with pytest.raises(InvalidArtifact, match="key") as caught:
            create()
        assert isinstance(caught.value, ValueError)
        assert len(str(caught.value)) < 600
    assert everything(store) == []


# Repeats


CHANGES: dict[str, Any] = {
    "key": "other",
    "type": "link",
    "description": None,
    "data": [{"a": "ü", "b": 1}],
    "metadata": {"team": "finance"},
    "flow_run_id": None,
    "task_run_id": ID,
}


@pytest.mark.parametrize("key", ["k", None])
def test_a_repeat_returns_what_is_stored(store: ArtifactStore, key: str | None) -> None:
    first = store.create_artifact(id=ID, key=key, **FULL)
    assert first.id == ID
    later = store.create_artifact(key=key)
    before = everything(store)
    assert store.create_artifact(id=str(ID), key=key, **FULL) == first
    assert store.create_artifacts([{"id": ID, "key": key, **FULL}]) == [first]
    assert everything(store) == before
    if key is not None:
        assert store.read_latest_artifact(key) == later
        assert store.create_artifact(key=key).version == 3


def test_the_order_of_metadata_does_not_matter_to_a_repeat(store: ArtifactStore) -> None:
    first = store.create_artifact(id=ID, metadata={"a": 1, "b": 2})
    assert store.create_artifact(id=ID, metadata={"b": 2, "a": 1}) == first


@pytest.mark.parametrize("name", CHANGES)
def test_a_repeat_with_other_content_conflicts(store: ArtifactStore, name: str) -> None:
    store.create_artifact(id=ID, key="k", **FULL)
    later = store.create_artifact(key="k")
    before = everything(store)
    other = {"id": ID, "key": "k", **FULL, name: CHANGES[name]}
    for create in (lambda: store.create_artifact(**other), lambda: store.create_artifacts([other])):
        with pytest.raises(ArtifactConflict, match=rf"{ID}.* another {name}"):
            create()
    assert everything(store) == before
    assert store.read_latest_artifact("k") == later
    assert store.read_latest_artifact("other") is None
    assert store.create_artifact(key="k").version == 3
    assert store.create_artifact(key="other").version == 1


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (True, 1), (None, "null"), ("1", 1), ([], {}), ([1, 2], [2, 1])])
def test_values_that_python_or_json_confuse_are_other_content(store: ArtifactStore, one: Any, other: Any) -> None:
    store.create_artifact(id=ID, data=one)
    with pytest.raises(ArtifactConflict):
        store.create_artifact(id=ID, data=other)


def test_a_repeat_after_an_update_conflicts(store: ArtifactStore) -> None:
    store.create_artifact(id=ID, key="k", data=1)
    store.update_artifact(ID, data=2)
    with pytest.raises(ArtifactConflict):
        store.create_artifact(id=ID, key="k", data=1)
    assert store.create_artifact(id=ID, key="k", data=2).version == 1


def test_a_repeat_after_a_delete_creates_anew(store: ArtifactStore) -> None:
    store.create_artifact(id=ID, key="k", data=1)
    store.create_artifact(key="k")
    store.delete_artifact(ID)
    again = store.create_artifact(id=ID, key="k", data=1)
    assert (again.id, again.version) == (ID, 3)
    assert store.read_latest_artifact("k") == again


def test_repeats_in_bulk(store: ArtifactStore) -> None:
    known = store.create_artifact(id=ID, key="k", data=1)
    many = [{"key": "k"}, {"id": ID, "key": "k", "data": 1}, {"id": OTHER, "key": "k"}, {"key": "k"}]
    made = store.create_artifacts([*many, many[2], many[1]])
    assert [each.version for each in made] == [2, 1, 3, 4, 3, 1]
    assert made[1] == made[5] == known
    assert made[2] == made[4] == store.read_artifact(OTHER)
    assert versions(store) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "many",
    [
        [{"key": "k"}, {"id": ID, "key": "k", "data": 2}, {"key": "new"}],
        [{"key": "k"}, {"id": OTHER, "key": "k"}, {"id": OTHER, "key": "new"}],
    ],
    ids=["with what is stored", "with each other"],
)
def test_one_conflict_refuses_the_whole_bulk(store: ArtifactStore, many: list[dict[str, Any]]) -> None:
    store.create_artifact(id=ID, key="k", data=1)
    with pytest.raises(ArtifactConflict):
        store.create_artifacts(many)
    assert store.count_artifacts() == 1
    assert (store.create_artifact(key="k").version, store.create_artifact(key="new").version) == (2, 1)


def test_a_conflict_does_not_spoil_a_block(store: ArtifactStore) -> None:
    store.create_artifact(id=ID, key="k", data=1)
    with store.atomic():
        store.create_artifact(key="k", data=2)
        with pytest.raises(ArtifactConflict):
            store.create_artifact(id=ID, key="other", data=3)
        with pytest.raises(ArtifactConflict):
            store.create_artifacts([{"key": "k"}, {"id": ID, "key": "k", "data": 3}])
        assert store.create_artifact(id=ID, key="k", data=1).version == 1
        assert store.create_artifact(key="k", data=4).version == 3
    assert versions(store) == [1, 2, 3]


# Bulk


def test_bulk_keeps_the_order_and_numbers_each_key(store: ArtifactStore) -> None:
    store.create_artifact(key="b")
    keys = ["b", "a", None, "b", "a", "a/c", None, "b"]
    made = store.create_artifacts(
        ArtifactCreate(key=key, data=n) if n % 2 else {"key": key, "data": n} for n, key in enumerate(keys)
    )
    assert [(each.key, each.version, each.data) for each in made] == [
        (key, version, n) for n, (key, version) in enumerate(zip(keys, [2, 1, None, 3, 2, 1, None, 4], strict=True))
    ]
    assert store.read_latest_artifact("b") == made[7]
    assert everything(store)[:-1] == made[::-1]
    assert [store.read_artifact(each.id) for each in made] == made


def test_bulk_of_nothing(store: ArtifactStore) -> None:
    assert store.create_artifacts([]) == store.create_artifacts(iter(())) == []


@pytest.mark.parametrize("bad", [{"key": "-"}, {"nonsense": 1}, {"data": object()}, {"metadata": [1]}])
def test_one_bad_value_refuses_the_whole_bulk(store: ArtifactStore, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidArtifact):
        store.create_artifacts([{"key": "k"}, bad])
    assert everything(store) == []
    assert store.create_artifact(key="k").version == 1


def test_a_bulk_that_fails_while_it_is_given_creates_nothing(store: ArtifactStore) -> None:
    def giving() -> Any:
        yield {"key": "k"}
        raise Undo

    with pytest.raises(Undo):
        store.create_artifacts(giving())
    assert everything(store) == []


def test_a_large_bulk(store: ArtifactStore) -> None:
    made = store.create_artifacts({"key": f"k{n % 7}", "data": n} for n in range(3000))
    assert len({each.id for each in made}) == store.count_artifacts() == 3000
    assert [each.data for each in everything(store)] == list(range(3000))[::-1]


# Update


def test_an_update_changes_what_is_set_and_nothing_else(store: ArtifactStore) -> None:
    before = store.create_artifact(key="k", **FULL)
    bystander = store.create_artifact(key="k")
    assert store.update_artifact(before.id, ArtifactUpdate(description="new")) is True
    after = store.read_artifact(before.id)
    assert after.updated > before.updated
    assert after == before.model_copy(update={"description": "new", "updated": after.updated})
    assert store.read_artifact(bystander.id) == bystander


@pytest.mark.parametrize("name", ["type", "description", "data", "metadata"])
def test_none_clears_a_field(store: ArtifactStore, name: str) -> None:
    before = store.create_artifact(key="k", **FULL)
    assert store.update_artifact(str(before.id), **{name: None})
    after = store.read_artifact(before.id)
    assert after == before.model_copy(update={name: None, "updated": after.updated})


def test_an_empty_update_bumps_updated(store: ArtifactStore) -> None:
    before = store.create_artifact(**FULL)
    assert store.update_artifact(before.id)
    assert store.update_artifact(before.id, ArtifactUpdate())
    after = store.read_artifact(before.id)
    assert after.updated > before.updated
    assert after == before.model_copy(update={"updated": after.updated})


def test_an_update_never_moves_latest(store: ArtifactStore) -> None:
    old, latest = store.create_artifact(key="k"), store.create_artifact(key="k")
    assert store.update_artifact(old.id, data="newer")
    assert store.read_latest_artifact("k") == latest
    assert store.update_artifact(latest.id, data="newest")
    assert store.read_latest_artifact("k").data == "newest"
    assert store.read_latest_artifacts() == [store.read_artifact(latest.id)]


def test_a_refused_update_changes_nothing(store: ArtifactStore) -> None:
    before = store.create_artifact(key="k", **FULL)
    for change in ({"data": object()}, {"type": "a\0"}, {"metadata": {"a": []}}, {"description": 7}):
        with pytest.raises(InvalidArtifact):
            store.update_artifact(before.id, **change)
    assert store.read_artifact(before.id) == before


# Delete


def test_latest_falls_back_to_the_next_greatest_version(store: ArtifactStore) -> None:
    made = store.create_artifacts([{"key": "k"}] * 5)
    assert store.delete_artifact(made[3].id) is True
    assert store.read_latest_artifact("k") == made[4]
    assert store.delete_artifact(made[4].id) is True
    assert store.read_latest_artifact("k") == made[2]
    assert store.delete_artifact(made[4].id) is False
    assert store.create_artifact(key="k").version == 6, "a number is not used twice"
    assert versions(store) == [1, 2, 3, 6]


def test_versions_go_on_after_the_last_is_deleted(store: ArtifactStore, url: str) -> None:
    """A reference names one artifact for ever, or nothing."""
    for each in store.create_artifacts([{"key": "k"}] * 3):
        assert store.delete_artifact(each.id)
    assert bare(url, "SELECT latest_id, latest_version, last_version FROM artifact_collection") == [(None, None, 3)]
    assert store.verify() == []
    assert store.create_artifact(key="k").version == 4
    assert store.read_artifact_ref("k@1") is None
    assert store.delete_artifacts(ArtifactFilter(key={"any_": ["k"]})) == 1
    assert [each.version for each in store.create_artifacts([{"key": "k"}, {"key": "new"}])] == [5, 1]


def test_empty_keys_are_passed_over(store: ArtifactStore) -> None:
    runs = [store.create_flow_run(store.create_flow("f").id).id]
    kept = store.create_artifact(key="b", data=1, flow_run_id=runs[0])
    gone = store.create_artifacts({"key": key, "data": 1, "flow_run_id": runs[0]} for key in ("a", "c") for _ in "12")
    for each in gone:
        store.delete_artifact(each.id)
    of_run = FlowRunFilter(id={"any_": runs})
    for sort in ArtifactCollectionSort:
        assert store.read_latest_artifacts(sort=sort) == [kept]
        assert store.read_latest_artifacts(limit=3, sort=sort, flow_run_filter=of_run) == [kept]
        assert list(store.iter_latest_artifacts(sort=sort, page_size=1)) == [kept]
    assert store.count_latest_artifacts() == store.info().keys == 1
    assert store.count_latest_artifacts(ArtifactCollectionFilter(not_={"key": {"any_": ["b"]}})) == 0
    assert store.count_latest_artifacts(flow_run_filter=of_run) == 1
    for key in ("a", "c"):
        assert store.read_latest_artifact(key) is store.read_artifact_ref(key) is None
        assert store.read_series(key) == store.series_fields(key) == []
        assert store.read_trends([key]) == {key: []}
    assert store.read_surroundings(gone[0]).latest is None


def test_delete_without_key(store: ArtifactStore) -> None:
    made, other = store.create_artifact(), store.create_artifact()
    assert store.delete_artifact(str(made.id)) is True
    assert everything(store) == [other]


def test_delete_all_versions_of_a_key(store: ArtifactStore) -> None:
    store.create_artifacts([{"key": "k"}] * 300 + [{"key": "other"}, {}])
    assert store.delete_artifacts(ArtifactFilter(key={"any_": ["k"]})) == 300
    assert [each.key for each in everything(store)] == [None, "other"]
    assert store.read_latest_artifact("k") is None
    assert store.create_artifact(key="k").version == 301


def test_delete_the_newest_of_several_keys(store: ArtifactStore) -> None:
    store.create_artifacts([{"key": key} for key in ("a", "b", "a", "b", "a")])
    assert store.delete_artifacts(ArtifactFilter(version={"ge_": 2})) == 3
    assert [store.read_latest_artifact(key).version for key in "ab"] == [1, 1]
    assert [store.create_artifact(key=key).version for key in "ab"] == [4, 3]


def test_delete_by_a_related_filter(store: ArtifactStore) -> None:
    runs = [store.create_flow_run(store.create_flow(name).id) for name in ("good", "bad")]
    for run in (*runs, runs[1]):
        store.create_artifact(key="k", flow_run_id=run.id)
    loose = store.create_artifact(flow_run_id=runs[1].id)
    assert store.delete_artifacts(flow_filter=FlowFilter(name={"any_": ["bad"]})) == 3
    assert versions(store) == [1]
    assert store.read_artifact(loose.id) is None
    assert store.delete_artifacts(flow_run_filter=FlowRunFilter()) == 1


def test_delete_only_what_has_no_key(store: ArtifactStore) -> None:
    store.create_artifacts([{"key": "k"}, {}, {}])
    assert store.delete_artifacts(ArtifactFilter(key={"exists_": False})) == 2
    assert versions(store) == [1]


def test_delete_everything(store: ArtifactStore) -> None:
    store.create_artifacts([{"key": "k"}, {}, {"key": "l"}])
    assert store.delete_artifacts(everything=True) == 3
    assert (store.count_artifacts(), store.count_latest_artifacts()) == (0, 0)


# References


def test_references(store: ArtifactStore) -> None:
    first, second = (store.create_artifact(key="sales", data=n) for n in range(2))
    loose = store.create_artifact()
    assert store.read_artifact_ref("sales") == store.read_artifact_ref("sales@2") == second
    assert store.read_artifact_ref("sales@1") == store.read_artifact_ref(first.id) == first
    assert store.read_artifact_ref(str(loose.id)) == store.read_artifact_ref(loose.id.hex) == loose


NOWHERE: list[Any] = [f"sales@{10**30}", f"sales@{2**63}", "Sales", "Sales@latest", str(OTHER), OTHER]
NOWHERE += ["sales@0", "sales@3", "sales@" + "9" * 5000]
MALFORMED: list[Any] = [
    "sales\n",
    7,
    None,
    b"sales",
    "",
    "@",
    "@1",
    "sales@",
    "sales@-1",
    "sales@+1",
    "sales@ 1",
    "sales@01",
]
MALFORMED += ["sales@1@1", "sales@1.0", "sales@x", "sales@Latest", "sales@\u0661", "-sales", "a" * 256, "\ud800"]


@pytest.mark.parametrize("ref", NOWHERE, ids=repr)
def test_references_to_nothing(store: ArtifactStore, ref: Any) -> None:
    store.create_artifact(key="sales")
    assert store.read_artifact_ref(ref) is None


@pytest.mark.parametrize("ref", MALFORMED, ids=repr)
def test_malformed_references(store: ArtifactStore, ref: Any) -> None:
    store.create_artifact(key="sales")
    with pytest.raises(InvalidQuery, match=r"^Invalid reference .*: expected a key, key@3, key@latest, or an id\.$"):
        store.read_artifact_ref(ref)


def test_the_latest_version_by_its_name_and_an_artifact_read_anew(store: ArtifactStore) -> None:
    first, second = (store.create_artifact(key="sales", data=n) for n in range(2))
    assert store.read_artifact_ref("sales@latest") == store.read_latest_artifact("sales@latest") == second
    assert store.read_latest_artifact(first) == second
    store.update_artifact(first.id, data="new")
    assert store.read_artifact_ref(first).data == "new"
    store.delete_artifact(first.id)
    assert store.read_artifact_ref(first) is None


def test_a_key_that_looks_like_an_id(store: ArtifactStore) -> None:
    key = str(OTHER)
    first, second = store.create_artifact(key=key), store.create_artifact(key=key)
    assert store.read_artifact_ref(key) == second
    assert store.read_artifact_ref(f"{key}@1") == first
    named = store.create_artifact(id=OTHER)
    assert store.read_artifact_ref(key) == named, "an id goes first"
    assert store.read_latest_artifact(key) == second


# Blocks


def test_a_block_is_all_or_nothing(store: ArtifactStore) -> None:
    with pytest.raises(Undo):
        publish_and_fail(store)
    assert everything(store) == []
    with store.atomic():
        store.create_artifact(key="k")
        store.create_artifact(key="k")
    assert versions(store) == [1, 2]


def publish_and_fail(store: ArtifactStore) -> None:
    with store.atomic():
        made = store.create_artifact(key="k")
        store.update_artifact(made.id, data=1)
        store.create_artifacts([{"key": "k"}, {}])
        store.create_flow("f")
        store.delete_artifact(made.id)
        assert store.read_latest_artifact("k").version == made.version + 1
        raise Undo


def test_other_connections_see_a_block_when_it_is_done(store: ArtifactStore, url: str) -> None:
    with ArtifactStore(url) as other:
        with store.atomic():
            made = store.create_artifact(key="k")
            assert other.read_latest_artifact("k") is None
            assert store.read_latest_artifact("k") == made
        assert other.read_latest_artifact("k") == made


def test_an_inner_block_is_undone_alone(store: ArtifactStore) -> None:
    with store.atomic():
        store.create_artifact(key="k", data="outer")
        with pytest.raises(Undo):
            publish_and_fail(store)
        with store.atomic(), store.atomic():
            store.create_artifact(key="k", data="inner")
    assert [each.data for each in everything(store)] == ["inner", "outer"]
    assert versions(store) == [1, 2]
    assert store.read_flows() == []


def test_an_outer_block_undoes_inner_ones(store: ArtifactStore) -> None:
    def outer() -> None:
        with store.atomic():
            store.create_artifact(key="k")
        raise Undo

    with pytest.raises(Undo):
        store.run_in_transaction(outer)
    assert everything(store) == []


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_any_exception_undoes_a_block(store: ArtifactStore, interrupt: type[BaseException]) -> None:
    def work() -> None:
        store.create_artifact(key="k")
        raise interrupt

    with pytest.raises(interrupt):
        store.run_in_transaction(work)
    assert everything(store) == []
    assert store.create_artifact(key="k").version == 1


def test_deletes_and_updates_are_undone(store: ArtifactStore) -> None:
    store.create_artifacts([{"key": "k", "data": n} for n in range(3)])
    before = everything(store)

    def work() -> None:
        store.update_artifact(before[0].id, data="x")
        store.delete_artifacts(ArtifactFilter(key={"any_": ["k"]}))
        assert store.create_artifact(key="k").version == 4
        raise Undo

    with pytest.raises(Undo):
        store.run_in_transaction(work)
    assert everything(store) == before
    assert store.create_artifact(key="k").version == 4


def test_run_returns_what_its_function_returns(store: ArtifactStore) -> None:
    def work(key: str, *, times: int) -> list[int | None]:
        return [store.create_artifact(key=key).version for _ in range(times)]

    assert store.run_in_transaction(work, "k", times=2) == [1, 2]


def test_a_store_is_not_closed_inside_a_block(store: ArtifactStore) -> None:
    with store.atomic():
        made = store.create_artifact(key="k")
        with pytest.raises(InvalidQuery, match="leave the block first"):
            store.close()
    assert store.read_latest_artifact("k") == made


# Sorts and pages


SORTS: list[tuple[ArtifactSort, Callable[[Artifact], Any]]] = [
    (ArtifactSort.ID_DESC, lambda each: each.id.bytes),
    (ArtifactSort.CREATED_DESC, lambda each: (each.created, each.id.bytes)),
    (ArtifactSort.UPDATED_DESC, lambda each: (each.updated, each.id.bytes)),
]


@pytest.fixture
def crowd(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> list[Artifact]:
    """Artifacts made at three instants, with ids that do not rise, some without key."""
    times = [dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in (2, 1, 3)]
    for n in range(30):
        monkeypatch.setattr("artifact_store.store.now", lambda n=n: times[n % 3])
        key = None if n % 5 == 0 else f"{'aB-Z'[n % 4]}{'-x'[n % 2]}0".lstrip("-")
        store.create_artifact(id=uuid.UUID(int=(n * 7919) % 10007), key=key, data=n)
    return everything(store)


def pages(read: Callable[..., list[Artifact]], **arguments: Any) -> list[Artifact]:
    """Read page by page."""
    found: list[Artifact] = []
    while page := read(offset=len(found), limit=7, **arguments):
        found += page
    return found


@pytest.mark.parametrize(("sort", "rank"), SORTS)
def test_equal_times_are_told_apart_by_id(
    store: ArtifactStore, crowd: list[Artifact], sort: ArtifactSort, rank: Callable[[Artifact], Any]
) -> None:
    expected = sorted(crowd, key=rank, reverse=True)
    assert store.read_artifacts(sort=sort) == store.read_artifacts(sort=sort.value) == expected
    assert pages(store.read_artifacts, sort=sort) == expected


def test_keys_sort_by_code_point_and_nulls_last(store: ArtifactStore, crowd: list[Artifact]) -> None:
    keyed = sorted((each for each in crowd if each.key), key=lambda each: (each.key, each.version))
    loose = sorted((each for each in crowd if not each.key), key=lambda each: each.id.bytes)
    assert len({each.key for each in keyed}) > 3
    for sort, expected in (
        (ArtifactSort.KEY_ASC, keyed + loose),
        (ArtifactSort.KEY_DESC, keyed[::-1] + loose[::-1]),
    ):
        assert store.read_artifacts(sort=sort) == pages(store.read_artifacts, sort=sort) == expected


@pytest.mark.parametrize("sort", ArtifactCollectionSort)
def test_latest_in_every_order(store: ArtifactStore, crowd: list[Artifact], sort: ArtifactCollectionSort) -> None:
    ranks: dict[str, Callable[[Artifact], Any]] = {
        "ID": lambda each: each.id.bytes,
        "CREATED": lambda each: (each.created, each.key),
        "UPDATED": lambda each: (each.updated, each.key),
        "KEY": lambda each: each.key,
    }
    name, _, direction = sort.partition("_")
    latest = {each.key: each for each in sorted(crowd, key=lambda each: each.version or 0) if each.key}
    expected = sorted(latest.values(), key=ranks[name], reverse=direction == "DESC")
    assert store.read_latest_artifacts(sort=sort) == pages(store.read_latest_artifacts, sort=sort) == expected


def test_updated_sorts_after_an_update(store: ArtifactStore) -> None:
    first, second = store.create_artifact(key="a"), store.create_artifact(key="b")
    store.update_artifact(first.id, data=1)
    for found in (
        store.read_artifacts(sort=ArtifactSort.UPDATED_DESC),
        store.read_latest_artifacts(sort=ArtifactCollectionSort.UPDATED_DESC),
    ):
        assert [each.id for each in found] == [first.id, second.id]
    assert [each.id for each in store.read_artifacts(sort=ArtifactSort.CREATED_DESC)] == [second.id, first.id]


@pytest.mark.parametrize("name", ["read_artifacts", "read_latest_artifacts", "read_flows"])
@pytest.mark.parametrize("bad", [-1, 2**63, 1.0, "1", object()])
def test_bad_offsets_and_limits(store: ArtifactStore, name: str, bad: Any) -> None:
    for argument in ("offset", "limit"):
        with pytest.raises(InvalidQuery, match=argument):
            getattr(store, name)(**{argument: bad})


@pytest.mark.parametrize("name", ["read_artifacts", "read_latest_artifacts", "read_flows"])
@pytest.mark.parametrize("bad", ["NAME", "id_desc", None, 1])
def test_bad_sorts(store: ArtifactStore, name: str, bad: Any) -> None:
    with pytest.raises(InvalidQuery, match="ID_DESC"):
        getattr(store, name)(sort=bad)


def test_pages_at_the_edges(store: ArtifactStore) -> None:
    made = store.create_artifacts([{"key": f"k{n}"} for n in range(3)])[::-1]
    for read in (store.read_artifacts, store.read_latest_artifacts):
        assert read() == read(0, None) == read(limit=2**63 - 1) == made
        assert read(limit=0) == read(offset=3) == read(offset=2**63 - 1) == read(2**63 - 1, 2**63 - 1) == []
        assert read(1) == made[1:]
        assert read(1, 1) == [made[1]]


def test_a_filter_of_the_wrong_kind(store: ArtifactStore) -> None:
    for call in (
        lambda: store.read_artifacts(artifact_filter=ArtifactCollectionFilter()),
        lambda: store.read_latest_artifacts(artifact_filter=ArtifactFilter()),
        lambda: store.delete_artifacts(ArtifactCollectionFilter()),
        lambda: store.delete_artifacts(artifact_filter={"key": {"any_": ["k"]}}),
        lambda: store.count_artifacts(flow_filter=FlowRunFilter()),
    ):
        with pytest.raises(InvalidQuery, match=r"takes an? "):
            call()


# Values


def test_times_are_in_utc_on_every_path(store: ArtifactStore) -> None:
    started = dt.datetime.now(dt.UTC)
    made = store.create_artifact(id=ID, key="k")
    store.update_artifact(ID, data=1)
    found = [
        made,
        *store.create_artifacts([{"key": "k"}, {"id": ID, "key": "k", "data": 1}]),
        store.create_artifact(id=ID, key="k", data=1),
        store.read_artifact(ID),
        store.read_latest_artifact("k"),
        store.read_artifact_ref("k@1"),
        *store.read_artifacts(),
        *store.read_latest_artifacts(),
    ]
    for each in found:
        for time in (each.created, each.updated):
            assert time.tzinfo == dt.UTC
            assert started <= time <= dt.datetime.now(dt.UTC)


def test_values_are_frozen(store: ArtifactStore) -> None:
    for value in (store.create_artifact(key="k"), store.read_artifacts()[0], ArtifactCreate(), ArtifactUpdate()):
        with pytest.raises(ValidationError):
            value.data = 1


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"data": {"rows": [1, {"x": object()}]}}, r"data\.rows\[1\]\.x"),
        ({"metadata": {"a": [1]}}, r"metadata\.a"),
        ({"type": 7}, "type"),
        ({"type": "a\0"}, "type"),
        ({"description": "\ud800"}, "description"),
        ({"data": "\ud800"}, "data"),
        ({"flow_run_id": "nonsense"}, "flow_run_id"),
        ({"id": 7}, "id"),
        ({"nonsense": 7}, "nonsense"),
    ],
)
def test_a_refused_value_is_named_by_its_path(store: ArtifactStore, fields: dict[str, Any], path: str) -> None:
    for create in (lambda: store.create_artifact(**fields), lambda: ArtifactCreate(**fields)):
        with pytest.raises(InvalidArtifact, match=rf"^{path}\b") as caught:
            create()
        assert isinstance(caught.value, ValueError)
        assert "\n" not in str(caught.value)
    assert everything(store) == []


def test_a_write_that_fails_halfway_leaves_nothing(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = store.create_artifact(key="k")
    for name in ("insert", "insert_many", "delete_many"):
        monkeypatch.setattr(statements, name, lambda *arguments: 1 / 0)
    writes: list[Callable[[], object]] = [
        lambda: store.create_artifacts([{"key": "k"}, {"key": "new"}]),
        lambda: store.delete_artifacts(everything=True),
    ]
    if store.url.startswith("sqlite"):  # on PostgreSQL these are one statement, which has no half
        writes += [lambda: store.create_artifact(key="k")]
        sql = store._engine.database.execute_sql
        sql("CREATE TRIGGER halfway BEFORE UPDATE ON artifact BEGIN SELECT RAISE(ABORT, 'halfway'); END")
        with pytest.raises(IntegrityViolation, match="halfway"):
            store.update_artifact(kept.id, data=1)
        sql("DROP TRIGGER halfway")
    for write in writes:
        with pytest.raises(ZeroDivisionError):
            write()
    monkeypatch.undo()
    assert everything(store) == store.read_latest_artifacts() == [kept]
    assert store.create_artifact(key="k").version == 2


def test_short_reprs(store: ArtifactStore) -> None:
    made = store.create_artifact(key="k", type="table", data="x" * 10_000)
    assert repr(made) == str(made) == f"<Artifact k@1 table {made.id}>"
    loose = store.create_artifact(data="x" * 10_000)
    assert repr(loose) == f"<Artifact without key untyped {loose.id}>"
    assert len(repr(store)) < 200
    assert repr(store).startswith("ArtifactStore(")


# Stores


def test_two_stores_in_one_thread(tmp_path: Path) -> None:
    with ArtifactStore(tmp_path / "a.db") as one, ArtifactStore("sqlite:///:memory:") as other:
        with one.atomic():
            one.create_artifact(key="k", data="one")
            with other.atomic():
                other.create_artifact(key="k", data="other")
                other.create_artifact(key="k", data="other")
            with pytest.raises(Undo):
                other.run_in_transaction(publish_and_fail, other)
        assert [each.data for each in everything(one)] == ["one"]
        assert [each.data for each in everything(other)] == ["other", "other"]
        assert one.verify() == other.verify() == []


def test_two_memories_are_two_stores() -> None:
    with ArtifactStore("sqlite:///:memory:") as one, ArtifactStore("sqlite:///:memory:") as other:
        one.create_artifact(key="k")
        assert other.read_latest_artifact("k") is None


@pytest.mark.parametrize("place", ["url", "memory"])
def test_threads_share_a_store(url: str, place: str) -> None:
    with ArtifactStore("sqlite:///:memory:" if place == "memory" else url) as store, ThreadPoolExecutor(32) as threads:
        start = threading.Barrier(32)

        def work(number: int) -> list[int | None]:
            start.wait()
            made = [store.create_artifact(key="k", data=number) for _ in range(5)]
            with store.atomic():
                store.create_artifact(key="l")
                store.create_artifact(key=f"own-{number}")
            assert store.update_artifact(made[0].id, data="updated")
            assert store.read_artifact(made[1].id) == made[1]
            assert store.delete_artifact(store.create_artifact(key="m").id)
            return [each.version for each in made]

        seen = [version for found in threads.map(work, range(32)) for version in found]
        assert sorted(seen) == versions(store, "k") == list(range(1, 161))
        assert versions(store, "l") == list(range(1, 33))
        assert store.verify() == []


def test_a_block_belongs_to_its_thread(url: str) -> None:
    with ArtifactStore(url) as store, ThreadPoolExecutor(1) as threads, store.atomic():
        store.create_artifact(key="k")
        assert threads.submit(store.count_artifacts).result() == 0


def test_a_closed_store_opens_again(url: str) -> None:
    with ArtifactStore(url) as store:
        made = store.create_artifact(key="k")
    assert store.read_latest_artifact("k") == made
    store.close()
    store.close()


def test_leaving_a_store_does_not_hide_the_error(url: str) -> None:
    with pytest.raises(Undo), ArtifactStore(url):
        raise Undo


def test_the_default_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARTIFACT_STORE_URL", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with ArtifactStore() as store:
        made = store.create_artifact(key="k")
    assert (tmp_path / "data/artifact-store/artifacts.db").is_file()
    monkeypatch.setenv("ARTIFACT_STORE_URL", f"sqlite:///{tmp_path}/elsewhere.db")
    with ArtifactStore(None) as store:
        assert store.read_latest_artifact("k") is None
        assert store.info().url == f"sqlite:///{tmp_path}/elsewhere.db"
    monkeypatch.setenv("ARTIFACT_STORE_URL", "")
    with ArtifactStore() as store:
        assert store.read_latest_artifact("k") == made


def test_info(store: ArtifactStore) -> None:
    store.create_artifacts([{"key": "k"}, {"key": "k"}, {}])
    info = store.info()
    assert (info.artifacts, info.keys) == (3, 1)
    assert info.schema == "0004_empty_keys"
    assert info.size is None or info.size > 0


def test_every_error_is_of_one_family() -> None:
    for kind in ArtifactStoreError.__subclasses__():
        assert str(kind()) == (kind.__doc__ or "").splitlines()[0]
        assert str(kind("said")) == "said"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kee": "k"}, "kee is no field of ArtifactCreate: use one of data, description, flow_run_id"),
        ({"id": "zz"}, "id: 'zz' is not a UUID or its text: pass a UUID or its text."),
        ({"type": 5}, "type: 5 is not text: pass text."),
        ({"flow_run_id": 1.5}, "flow_run_id: 1.5 is not a UUID or its text"),
    ],
)
def test_a_refusal_names_the_value_and_the_remedy(store: ArtifactStore, fields: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidArtifact) as caught:
        store.create_artifact(**fields)
    assert str(caught.value).startswith(says)
    assert store.count_artifacts() == 0


@pytest.mark.parametrize(
    "change",
    [{"key": "zz"}, {"key": None}, {"id": uuid.UUID(int=5)}, {"flow_run_id": uuid.UUID(int=6)}, {}],
)
def test_an_update_is_no_create(store: ArtifactStore, change: dict[str, Any]) -> None:
    made = store.create_artifact(key="k", data=1)
    with pytest.raises(InvalidArtifact, match="ArtifactCreate is no ArtifactUpdate: pass one, or its fields"):
        store.update_artifact(made.id, ArtifactCreate(data=2, **change))  # type: ignore[arg-type]
    with pytest.raises(InvalidArtifact, match="ArtifactUpdate is no ArtifactCreate"):
        store.create_artifact(ArtifactUpdate(data=1))  # type: ignore[arg-type]
    if change:
        with pytest.raises(InvalidArtifact, match="is no field of ArtifactUpdate"):
            store.update_artifact(made.id, **change)
    assert store.read_artifacts() == [made]


def test_what_was_changed_after_it_was_checked_is_checked_again(store: ArtifactStore) -> None:
    given = ArtifactCreate(key="k", data={"x": 1})
    given.data["x"] = float("nan")
    assert store.create_artifact(given).data == {"x": None}
    given.data["x"] = [object()]
    with pytest.raises(InvalidArtifact, match=r"data\.x\[0\] is a object"):
        store.create_artifact(given)
    with pytest.raises(InvalidArtifact, match="is no key: make the ArtifactCreate anew"):
        store.create_artifact(ArtifactCreate(key="k").model_copy(update={"key": "k@1"}))
    assert store.count_artifacts() == 1


@pytest.mark.parametrize("each", [None, 7, "key", [("key", "k")]])
def test_a_bulk_of_something_else(store: ArtifactStore, each: object) -> None:
    with pytest.raises(InvalidArtifact, match="is no ArtifactCreate: pass one, or a mapping of its fields"):
        store.create_artifacts([{"key": "k"}, each])  # type: ignore[list-item]
    assert store.count_artifacts() == 0


@pytest.mark.parametrize("name", ["offset", "limit"])
def test_a_boolean_is_no_number(store: ArtifactStore, name: str) -> None:
    with pytest.raises(InvalidQuery, match=f"{name}=True is no whole number"):
        store.read_artifacts(**{name: True})


@pytest.mark.parametrize("enabled", [True, False])
def test_a_bulk_leaves_the_garbage_collector_as_it_was(store: ArtifactStore, enabled: bool) -> None:
    try:
        gc.enable() if enabled else gc.disable()
        assert len(store.create_artifacts({"key": "k", "data": [n]} for n in range(50))) == 50
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


PROFILE = {"rows": 1, "columns": [{"name": "n", "type": "integer", "nulls": 0, "distinct": 1, "min": 7, "max": 7}]}


def test_a_profile_is_kept_beside_the_data(store: ArtifactStore) -> None:
    made = store.create_artifact(key="t", type="table", data=[{"n": 7}], profile=PROFILE)
    bulk = store.create_artifacts([{"key": "t", "type": "table", "data": [{"n": 7}], "profile": PROFILE}])
    assert store.read_artifact(made.id) == made
    assert (made.profile, store.read_latest_artifact("t").profile) == (PROFILE, PROFILE)
    assert store.read_artifacts() == [*bulk, made]
    assert [each.profile for each in store.read_artifacts(include_data=False)] == [None, None]


def test_new_data_leaves_no_old_profile(store: ArtifactStore) -> None:
    made = store.create_artifact(type="table", data=[{"n": 7}], profile=PROFILE)
    assert store.update_artifact(made.id, description="seven")
    assert store.read_artifact(made.id).profile == PROFILE
    assert store.update_artifact(made.id, data=[{"n": 8}, {"n": 9}])
    assert store.read_artifact(made.id).profile is None
    assert store.update_artifact(made.id, data=[{"n": 7}], profile=PROFILE)
    assert store.read_artifact(made.id).profile == PROFILE


def test_a_profile_is_an_object(store: ArtifactStore) -> None:
    with pytest.raises(InvalidArtifact, match="profile is a list: pass the profile of a table"):
        store.create_artifact(data=[], profile=[1])


def test_another_profile_under_a_known_id_conflicts(store: ArtifactStore) -> None:
    given = ArtifactCreate(id=uuid.uuid4(), data=[{"n": 7}], profile=PROFILE)
    assert store.create_artifact(given) == store.create_artifact(given)
    with pytest.raises(ArtifactConflict, match="another profile"):
        store.create_artifact(id=given.id, data=[{"n": 7}])
