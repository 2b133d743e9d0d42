"""Artifacts are created and read back: fields, keys, bulks and values."""

import datetime as dt
import gc
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from artifact_store import (
    ArtifactCollectionSort,
    ArtifactCreate,
    ArtifactFilter,
    ArtifactStore,
    ArtifactUpdate,
    InvalidArtifact,
    InvalidQuery,
)
from tests.helpers.artifacts import FULL, ID, OTHER, PROFILE, Undo, everything


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
    assert store.read_latest_artifacts(sort=ArtifactCollectionSort.KEY_ASC) == [
        made[7],
        made[4],
        made[6],
    ]
    assert (store.count_artifacts(), store.count_latest_artifacts()) == (8, 3)


def test_what_is_missing_is_none_or_false(store: ArtifactStore) -> None:
    store.create_artifact(key="k")
    assert store.read_artifact(OTHER) is None
    assert store.read_latest_artifact("none") is None
    assert store.update_artifact(OTHER, description="x") is False
    assert store.delete_artifact(OTHER) is False
    assert store.delete_artifacts(ArtifactFilter(id={"any_": [OTHER]})) == 0
    assert store.count_artifacts() == 1


@pytest.mark.parametrize("key", [None, 3, "", "k\n", "k@", b"k", OTHER])
def test_what_is_no_key_has_no_latest(store: ArtifactStore, key: Any) -> None:
    store.create_artifact(key="k")
    with pytest.raises(InvalidQuery, match=r"^Invalid (key|reference) "):
        store.read_latest_artifact(key)


def test_the_latest_is_not_asked_for_by_a_version_or_an_id(store: ArtifactStore) -> None:
    store.create_artifact(key="k")
    alone = store.create_artifact()
    with pytest.raises(
        InvalidQuery, match=r"use read_artifact_ref\('k@1'\), or only the key, 'k'\.$"
    ):
        store.read_latest_artifact("k@1")
    with pytest.raises(InvalidQuery, match="is an id, not a key: use read_artifact"):
        store.read_latest_artifact(f"{{{alone.id}}}")
    with pytest.raises(InvalidQuery, match="has no key: read it by its id"):
        store.read_latest_artifact(alone)


@pytest.mark.parametrize("bad", [None, "", "-nonsense", 7, b"x", "k@"])
def test_what_is_no_reference_is_an_error(store: ArtifactStore, bad: Any) -> None:
    for call in (store.read_artifact, store.delete_artifact, store.update_artifact):
        with pytest.raises(InvalidQuery, match=r"^Invalid reference .*: expected a key, key@3"):
            call(bad)


def test_methods_take_references(store: ArtifactStore) -> None:
    first, second, third = (store.create_artifact(key="k", data=n) for n in range(3))
    assert store.update_artifact("k", description="latest") is True
    assert store.update_artifact("k@1", description="first") is True
    assert store.update_artifact(second, description="second") is True
    assert [store.read_artifact(ref).description for ref in ("k@1", "k@2", "k")] == [
        "first",
        "second",
        "latest",
    ]
    assert store.read_artifact(first).description == "first", "an artifact is read anew"
    assert store.delete_artifact("k@9") is store.update_artifact("other", data=1) is False
    assert store.delete_artifact("k@2") is True
    assert store.delete_artifact(str(third.id)) is True
    assert store.delete_artifact("k") is True, "the latest is the first now"
    assert store.delete_artifact("k") is False
    assert everything(store) == []


def test_a_key_that_looks_like_an_id_is_updated_and_deleted(store: ArtifactStore) -> None:
    key = str(OTHER)
    of_key = store.create_artifact(key=key)
    assert store.update_artifact(key, description="by key") is True
    with_id = store.create_artifact(id=OTHER)
    assert store.delete_artifact(key) is True, "an id goes first"
    assert everything(store) == [store.read_artifact(of_key.id)]
    assert with_id.id == OTHER
    assert store.delete_artifact(key) is True
    assert everything(store) == []


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


@pytest.mark.parametrize(
    "key", ["a", "0", "Sales", "a.b", "a_b-c/d", "2026/11/23", "a" * 255, "a" + "/" * 253 + "b"]
)
def test_good_keys(store: ArtifactStore, key: str) -> None:
    assert store.create_artifact(key=key).key == key
    assert store.read_latest_artifact(key).version == 1


BAD_KEYS: list[Any] = [
    "a" * 256,
    "a" + "/" * 254 + "b",
    7,
    ["a"],
    "a\n",
    "\na",
    "a\0",
    "a b",
    "٣",
    "ä",
    "a\\b",
]
BAD_KEYS += ["", " ", "-a", "a-", "/a", "a/", ".a", "a_", "a@1", "a:b", "a%b"]


@pytest.mark.parametrize("key", BAD_KEYS, ids=repr)
def test_bad_keys(store: ArtifactStore, key: Any) -> None:
    for create in (
        lambda: store.create_artifact(key=key),
        lambda: store.create_artifacts([{}, {"key": key}]),
    ):
        with pytest.raises(InvalidArtifact, match="key") as caught:
            create()
        assert isinstance(caught.value, ValueError)
        assert len(str(caught.value)) < 600
    assert everything(store) == []


def test_bulk_keeps_the_order_and_numbers_each_key(store: ArtifactStore) -> None:
    store.create_artifact(key="b")
    keys = ["b", "a", None, "b", "a", "a/c", None, "b"]
    made = store.create_artifacts(
        ArtifactCreate(key=key, data=n) if n % 2 else {"key": key, "data": n}
        for n, key in enumerate(keys)
    )
    assert [(each.key, each.version, each.data) for each in made] == [
        (key, version, n)
        for n, (key, version) in enumerate(zip(keys, [2, 1, None, 3, 2, 1, None, 4], strict=True))
    ]
    assert store.read_latest_artifact("b") == made[7]
    assert everything(store)[:-1] == made[::-1]
    assert [store.read_artifact(each.id) for each in made] == made


def test_bulk_of_nothing(store: ArtifactStore) -> None:
    assert store.create_artifacts([]) == store.create_artifacts(iter(())) == []


@pytest.mark.parametrize(
    "bad", [{"key": "-"}, {"nonsense": 1}, {"data": object()}, {"metadata": [1]}]
)
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
    for value in (
        store.create_artifact(key="k"),
        store.read_artifacts()[0],
        ArtifactCreate(),
        ArtifactUpdate(),
    ):
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
def test_a_refused_value_is_named_by_its_path(
    store: ArtifactStore, fields: dict[str, Any], path: str
) -> None:
    for create in (lambda: store.create_artifact(**fields), lambda: ArtifactCreate(**fields)):
        with pytest.raises(InvalidArtifact, match=rf"^{path}\b") as caught:
            create()
        assert isinstance(caught.value, ValueError)
        assert "\n" not in str(caught.value)
    assert everything(store) == []


def test_short_reprs(store: ArtifactStore) -> None:
    made = store.create_artifact(key="k", type="table", data="x" * 10_000)
    assert repr(made) == str(made) == f"<Artifact k@1 table {made.id}>"
    loose = store.create_artifact(data="x" * 10_000)
    assert repr(loose) == f"<Artifact without key untyped {loose.id}>"
    assert len(repr(store)) < 200
    assert repr(store).startswith("ArtifactStore(")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (
            {"kee": "k"},
            "kee is not a field of ArtifactCreate: use one of data, description, flow_run_id",
        ),
        ({"id": "zz"}, "id: 'zz' is not a UUID or its text: pass a UUID or its text."),
        ({"type": 5}, "type: 5 is not text: pass text."),
        ({"flow_run_id": 1.5}, "flow_run_id: 1.5 is not a UUID or its text"),
    ],
)
def test_a_refusal_names_the_value_and_the_remedy(
    store: ArtifactStore, fields: dict[str, Any], says: str
) -> None:
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
    with pytest.raises(
        InvalidArtifact,
        match="Expected an ArtifactUpdate, got ArtifactCreate: pass one, or its fields",
    ):
        store.update_artifact(made.id, ArtifactCreate(data=2, **change))  # type: ignore[arg-type]
    with pytest.raises(InvalidArtifact, match="Expected an ArtifactCreate, got ArtifactUpdate"):
        store.create_artifact(ArtifactUpdate(data=1))  # type: ignore[arg-type]
    if change:
        with pytest.raises(InvalidArtifact, match="is not a field of ArtifactUpdate"):
            store.update_artifact(made.id, **change)
    assert store.read_artifacts() == [made]


def test_what_was_changed_after_it_was_checked_is_checked_again(store: ArtifactStore) -> None:
    given = ArtifactCreate(key="k", data={"x": 1})
    given.data["x"] = float("nan")
    assert store.create_artifact(given).data == {"x": None}
    given.data["x"] = [object()]
    with pytest.raises(InvalidArtifact, match=r"data\.x\[0\] is an object"):
        store.create_artifact(given)
    with pytest.raises(
        InvalidArtifact,
        match=r"Invalid key .*: make a new ArtifactCreate instead of a changed copy",
    ):
        store.create_artifact(ArtifactCreate(key="k").model_copy(update={"key": "k@1"}))
    assert store.count_artifacts() == 1


@pytest.mark.parametrize("each", [None, 7, "key", [("key", "k")]])
def test_a_bulk_of_something_else(store: ArtifactStore, each: object) -> None:
    with pytest.raises(
        InvalidArtifact,
        match=r"Expected an ArtifactCreate, got .*: pass one, or a mapping of its fields",
    ):
        store.create_artifacts([{"key": "k"}, each])  # type: ignore[list-item]
    assert store.count_artifacts() == 0


@pytest.mark.parametrize("enabled", [True, False])
def test_a_bulk_leaves_the_garbage_collector_as_it_was(store: ArtifactStore, enabled: bool) -> None:
    try:
        gc.enable() if enabled else gc.disable()
        assert len(store.create_artifacts({"key": "k", "data": [n]} for n in range(50))) == 50
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


def test_a_profile_is_kept_beside_the_data(store: ArtifactStore) -> None:
    made = store.create_artifact(key="t", type="table", data=[{"n": 7}], profile=PROFILE)
    bulk = store.create_artifacts(
        [{"key": "t", "type": "table", "data": [{"n": 7}], "profile": PROFILE}]
    )
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
