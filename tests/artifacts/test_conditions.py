"""Publishing under conditions: an expected version, and content that is skipped when it is unchanged."""

import json
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artifact_store import (
    ArtifactConflict,
    ArtifactCreate,
    ArtifactFilter,
    ArtifactStore,
    InvalidArtifact,
    InvalidQuery,
    StoreReadOnly,
    VersionConflict,
)
from tests.helpers.artifacts import FULL, ID, everything, versions
from tests.helpers.bare import bare

OF_K = ArtifactFilter(key={"any_": ["k"]})


# An expected version


def test_the_expected_version_is_the_latest(store: ArtifactStore) -> None:
    first = store.create_artifact(key="k", expect_version=None, **FULL)
    second = store.create_artifact(ArtifactCreate(key="k", data=2), expect_version=1)
    assert (first.version, second.version) == (1, 2)
    assert everything(store) == [second, first]
    assert store.read_latest_artifact("k") == second


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (1, "k is at version 2, not 1: read it again and decide."),
        (3, "k is at version 2, not 3: read it again and decide."),
        (None, "k is at version 2, expected none: read it again and decide."),
    ],
)
def test_another_version_is_the_latest(
    store: ArtifactStore, expected: int | None, message: str
) -> None:
    store.create_artifacts([{"key": "k"}, {"key": "k"}])
    before = everything(store)
    with pytest.raises(VersionConflict) as caught:
        store.create_artifact(key="k", expect_version=expected)
    assert str(caught.value) == message
    with pytest.raises(VersionConflict, match="k is at version 2"):
        store.create_artifacts([{"key": "new"}, {"key": "k", "expect_version": expected}])
    assert everything(store) == before
    assert store.create_artifact(key="k", expect_version=2).version == 3
    assert store.create_artifact(key="new", expect_version=None).version == 1


def test_a_key_without_versions(store: ArtifactStore) -> None:
    for create in (
        lambda: store.create_artifact(key="k", expect_version=1),
        lambda: store.create_artifacts([{"key": "k", "expect_version": 1}]),
    ):
        with pytest.raises(
            VersionConflict, match="k has no versions, expected version 1: read it again"
        ):
            create()
    assert store.count_artifacts() == store.count_latest_artifacts() == 0


def test_after_deletes_the_expected_version_is_what_is_left(store: ArtifactStore) -> None:
    """The counter goes on from the versions that were deleted."""
    first, second = store.create_artifacts([{"key": "k"}, {"key": "k"}])
    store.delete_artifact(second.id)
    third = store.create_artifact(key="k", expect_version=1)
    assert third.version == 3
    store.delete_artifacts(OF_K)
    assert store.create_artifact(key="k", expect_version=None).version == 4
    assert store.read_artifact(first.id) is None


@pytest.mark.parametrize("bad", [0, -1, True, 1.0, "1", 2**63])
def test_an_expectation_that_is_not_a_version(store: ArtifactStore, bad: Any) -> None:
    message = "is not a version: pass a whole number from 1, or None for a key without versions"
    with pytest.raises(InvalidArtifact, match=f"^expect_version: .* {message}"):
        store.create_artifact(key="k", expect_version=bad)
    with pytest.raises(InvalidArtifact, match=message):
        store.create_artifacts([{"key": "k", "expect_version": bad}])
    with pytest.raises(InvalidQuery, match=rf"^expect\['k'\]: .* {message}"):
        store.atomic(expect={"k": bad})
    assert store.count_artifacts() == 0


def test_conditions_need_a_key(store: ArtifactStore) -> None:
    for create in (
        lambda: store.create_artifact(data=1, expect_version=None),
        lambda: store.create_artifact(data=1, skip_unchanged=True),
        lambda: store.create_artifacts([{"key": "k"}, {"expect_version": 1}]),
        lambda: store.create_artifacts([{"key": "k"}, ArtifactCreate()], skip_unchanged=True),
    ):
        with pytest.raises(InvalidArtifact, match="expect_version and skip_unchanged need a key"):
            create()
    assert store.count_artifacts() == 0


def test_a_repeat_with_an_id_is_returned_whatever_is_expected(store: ArtifactStore) -> None:
    first = store.create_artifact(id=ID, key="k", expect_version=None, data=1)
    store.create_artifact(key="k", data=2)
    assert store.create_artifact(id=ID, key="k", expect_version=None, data=1) == first
    again = {"id": ID, "key": "k", "expect_version": None, "data": 1}
    assert store.create_artifacts([again]) == [first]
    with pytest.raises(ArtifactConflict):
        store.create_artifact(id=ID, key="k", expect_version=None, data=3)
    assert versions(store) == [1, 2]


def test_a_conflict_does_not_spoil_a_block(store: ArtifactStore) -> None:
    with store.atomic():
        store.create_artifact(key="k", expect_version=None)
        with pytest.raises(VersionConflict):
            store.create_artifact(key="k", expect_version=None)
        assert store.create_artifact(key="k", expect_version=1).version == 2
    assert versions(store) == [1, 2]


def test_a_taken_id_leaves_the_counter(store: ArtifactStore) -> None:
    store.create_artifact(id=ID, data=1)
    with pytest.raises(ArtifactConflict):
        store.create_artifact(id=ID, key="k", expect_version=None)
    assert store.create_artifact(key="k", expect_version=None).version == 1


def test_a_damaged_row_of_a_key_does_not_keep_a_writer_busy(
    store: ArtifactStore, store_url: str
) -> None:
    store.create_artifact(key="k", data=1)
    bare(store_url, "UPDATE artifact_collection SET latest_version = NULL")
    with pytest.raises(VersionConflict):
        store.create_artifact(key="k", data=2, expect_version=1)
    assert store.create_artifact(key="k", data=2, expect_version=None).version == 2


def test_an_expected_version_takes_no_statement_more(
    store: ArtifactStore, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []
    query = store._engine.query

    def counting(sql: str, *args: Any) -> Any:
        statements.append(sql)
        return query(sql, *args)

    monkeypatch.setattr(store._engine, "query", counting)
    for condition in ({}, {"expect_version": 1}, {"expect_version": 2}):
        statements.clear()
        store.create_artifact(key="k", **condition)
        assert len(statements) == (1 if engine == "postgresql" else 2)
    assert versions(store) == [1, 2, 3]


# Unchanged content


def test_unchanged_content_makes_no_version(store: ArtifactStore) -> None:
    first = store.create_artifact(key="k", skip_unchanged=True, **FULL)
    again = store.create_artifact(key="k", skip_unchanged=True, **FULL)
    assert again.updated > first.updated
    assert again == first.model_copy(update={"updated": again.updated})
    assert everything(store) == store.read_latest_artifacts() == [again]


CHANGED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"data": 1}, {"data": 1.0}),
    ({"data": 0.0}, {"data": -0.0}),
    ({"data": {"a": 1, "b": 2}}, {"data": {"b": 2, "a": 1}}),
    ({"data": None}, {"data": ""}),
    ({"metadata": {"a": 1, "b": 2}}, {"metadata": {"b": 2, "a": 1}}),
    ({"metadata": None}, {"metadata": {}}),
    ({"type": None}, {"type": ""}),
    ({"description": "x"}, {"description": "X"}),
]


@pytest.mark.parametrize(("one", "other"), CHANGED)
def test_what_differs_as_text_is_changed(
    store: ArtifactStore, one: dict[str, Any], other: dict[str, Any]
) -> None:
    for fields in (one, other, one):
        made = store.create_artifact(key="k", skip_unchanged=True, **fields)
        assert store.create_artifact(key="k", skip_unchanged=True, **fields).id == made.id
    assert versions(store) == [1, 2, 3]


def test_runs_and_profiles_are_not_compared(store: ArtifactStore) -> None:
    rows = [{"n": 1}]
    first = store.create_table_artifact(rows, key="k", flow_run_id=uuid.uuid4())
    again = store.create_table_artifact(rows, key="k", profile=False, skip_unchanged=True)
    assert (again.id, again.profile, again.flow_run_id) == (
        first.id,
        first.profile,
        first.flow_run_id,
    )


def test_the_expected_version_is_judged_first(store: ArtifactStore) -> None:
    first = store.create_artifact(key="k", data=1)
    same: dict[str, Any] = {"key": "k", "data": 1, "skip_unchanged": True}
    for expected in (None, 2):
        with pytest.raises(VersionConflict):
            store.create_artifact(**same, expect_version=expected)
        with pytest.raises(VersionConflict):
            store.create_artifacts([{**same, "expect_version": expected}])
    assert store.read_latest_artifact("k") == first
    assert store.create_artifact(**same, expect_version=1).id == first.id
    assert store.create_artifacts([{**same, "expect_version": 1}])[0].id == first.id


def test_what_an_alias_names_may_be_published_again(store: ArtifactStore) -> None:
    """Only its time changes, so it needs no force."""
    first = store.create_artifact(key="k", data=1)
    store.set_alias("k", "prod")
    for again in (
        store.create_artifact(key="k", data=1, skip_unchanged=True),
        *store.create_artifacts([{"key": "k", "data": 1}], skip_unchanged=True),
    ):
        assert (again.id, again.updated > first.updated) == (first.id, True)
    assert store.get("k@prod") == again


def test_an_empty_key_has_nothing_to_compare_with(store: ArtifactStore) -> None:
    store.create_artifact(key="k", data=1)
    store.delete_artifacts(OF_K)
    assert store.create_artifact(key="k", data=1, skip_unchanged=True).version == 2


def test_a_repeat_with_an_id_is_found_before_anything_is_compared(store: ArtifactStore) -> None:
    first = store.create_artifact(id=ID, key="k", data=1, skip_unchanged=True)
    store.create_artifacts([{"key": "k", "data": 2}, {"key": "k", "data": 1}])
    before = everything(store)
    assert store.create_artifact(id=ID, key="k", data=1, skip_unchanged=True) == first
    with pytest.raises(ArtifactConflict):
        store.create_artifact(id=ID, key="k", data=2, skip_unchanged=True)
    assert everything(store) == before


def test_data_that_the_caller_changes_later(store: ArtifactStore) -> None:
    store.create_artifact(key="k", data=[1])
    value = ArtifactCreate(key="k", data=[1])
    same = store.create_artifact(value, skip_unchanged=True)
    value.data.append(2)
    assert same.data == [1]
    assert store.create_artifact(value, skip_unchanged=True).data == [1, 2]
    assert versions(store) == [1, 2]


@pytest.mark.parametrize("bad", [None, 1, "yes"])
def test_a_condition_that_is_not_a_bool(store: ArtifactStore, bad: Any) -> None:
    for create in (
        lambda: store.create_artifact(key="k", skip_unchanged=bad),
        lambda: store.create_artifacts([{"key": "k"}], skip_unchanged=bad),
        lambda: store.create_artifacts([{"key": "k", "skip_unchanged": bad}]),
    ):
        with pytest.raises(InvalidArtifact, match=r"skip_unchanged: .* is not true or false"):
            create()


@pytest.mark.parametrize(
    "publish",
    [
        lambda store, **options: store.create_link_artifact("https://e.com", key="k", **options),
        lambda store, **options: store.create_markdown_artifact("*x*", key="k", **options),
        lambda store, **options: store.create_table_artifact([{"a": 1}], key="k", **options),
        lambda store, **options: store.create_progress_artifact(50, key="k", **options),
        lambda store, **options: store.create_image_artifact("https://e.com/i", "k", **options),
    ],
)
def test_shortcuts_take_conditions(store: ArtifactStore, publish: Any) -> None:
    first = publish(store, expect_version=None)
    assert publish(store, expect_version=1, skip_unchanged=True).id == first.id
    with pytest.raises(VersionConflict):
        publish(store, expect_version=2)


# In bulk


def test_the_versions_of_a_bulk_follow_each_other(store: ArtifactStore) -> None:
    store.create_artifact(key="old", data=0)
    many = [
        {"key": "old", "data": 1, "expect_version": 1},
        {"key": "new", "data": 1, "expect_version": None},
        {"key": "old", "data": 2, "expect_version": 2},
        {"key": "new", "data": 2},
        {"data": "without key"},
        ArtifactCreate(key="new", data=3),
    ]
    made = store.create_artifacts(many)
    assert [each.version for each in made] == [2, 1, 3, 2, None, 3]
    assert made == [store.read_artifact(each.id) for each in made]
    with pytest.raises(VersionConflict, match="old is at version 4, not 3"):
        store.create_artifacts(
            [{"key": "old", "expect_version": 3}, {"key": "old", "expect_version": 3}]
        )
    assert store.read_latest_artifact("old") == made[2]


def test_a_bulk_skips_what_is_unchanged(store: ArtifactStore) -> None:
    known = store.create_artifacts([{"key": key, "data": key} for key in ("a", "b", "c")])
    many: list[Any] = [
        {"key": "a", "data": "a"},
        ArtifactCreate(key="a", data="a"),
        {"key": "b", "data": "b"},
        {"key": "b", "data": "other"},
        {"key": "b", "data": "other"},
        {"key": "c", "data": "c", "skip_unchanged": False},
        {"key": "c", "data": "c"},
        {"key": "d", "data": "d"},
    ]
    made = store.create_artifacts(many, skip_unchanged=True)
    assert [each.ref for each in made] == ["a@1", "a@1", "b@1", "b@2", "b@2", "c@2", "c@2", "d@1"]
    assert made[0] == made[1] == store.read_artifact(known[0].id)
    assert made[2] == store.read_artifact(known[1].id)
    assert made[0].updated == made[2].updated == made[3].created
    assert made[4:] == [store.read_artifact(each.id) for each in made[4:]]


def test_a_bulk_of_many_unchanged_keys(store: ArtifactStore) -> None:
    many = [{"key": f"k/{n}", "data": n} for n in range(350)]
    before = store.create_artifacts(many)
    after = store.create_artifacts(many, skip_unchanged=True)
    assert [each.id for each in after] == [each.id for each in before]
    assert sorted(everything(store), key=lambda each: each.data) == after
    assert after[0].updated > before[0].updated


# Blocks


def test_a_block_expects_versions(store: ArtifactStore) -> None:
    store.create_artifacts([{"key": "sales"}, {"key": "sales"}])
    with store.atomic(expect={"sales": 2, "new": None}):
        store.create_artifact(key="new", data=1)
    with store.atomic(expect={}):
        store.create_artifact(key="new", data=2)
    for expect, message in (
        ({"sales": 1}, "sales is at version 2, not 1"),
        ({"sales": 2, "new": None}, "new is at version 2, expected none"),
        ({"none": 3}, "none has no versions, expected version 3"),
    ):
        block = store.atomic(expect=expect)
        with pytest.raises(VersionConflict, match=message), block:
            raise AssertionError("the block was entered")
        assert not store._engine.in_block()
    assert store.create_artifact(key="none").version == 1
    assert store.create_artifact(key="sales").version == 3


def test_a_key_that_a_block_locks_and_does_not_publish_stays_without_versions(
    store: ArtifactStore,
) -> None:
    with store.atomic(expect={"new": None}):
        pass
    assert store.count_latest_artifacts() == 0
    assert store.keys() == []
    assert store.verify() == store.repair() == []
    with store.atomic(expect={"new": None}):
        assert store.create_artifact(key="new").version == 1


def test_an_inner_block_that_is_not_entered_undoes_nothing(store: ArtifactStore) -> None:
    with store.atomic():
        store.create_artifact(key="k", data=1)
        block = store.atomic(expect={"k": 1, "new": 5})
        with pytest.raises(VersionConflict, match="new has no versions"), block:
            raise AssertionError("the block was entered")
        with store.atomic(expect={"k": 1}):
            store.create_artifact(key="k", data=2)
        with pytest.raises(VersionConflict), block:
            pass
        store.create_artifact(key="k", data=3)
    assert versions(store) == [1, 2, 3]


def test_a_block_may_be_entered_again_when_its_expectation_holds(store: ArtifactStore) -> None:
    block = store.atomic(expect={"k": None})
    with block:
        store.create_artifact(key="k")
    with pytest.raises(VersionConflict), block:
        pass
    store.delete_artifacts(OF_K)
    with block:
        store.create_artifact(key="k")
    assert versions(store) == [2]


@pytest.mark.parametrize("bad", ["sales", [("sales", 1)], {"": 1}, {3: 1}, {"a b": None}, 3])
def test_expectations_that_are_not_versions_by_key(store: ArtifactStore, bad: Any) -> None:
    with pytest.raises(InvalidQuery, match=r"^expect: "):
        store.atomic(expect=bad)


def test_a_store_for_reading_locks_nothing(store: ArtifactStore, url: str) -> None:
    with ArtifactStore(url, read_only=True) as reading:
        with pytest.raises(StoreReadOnly, match=r"to lock keys with atomic\(expect=\.\.\.\)"):
            reading.atomic(expect={"k": None})
        with pytest.raises(StoreReadOnly):
            reading.create_artifact(key="k", expect_version=None)


# Against a model


SCALARS = st.sampled_from([None, True, False, 0, 1, 1.0, 0.0, -0.0, 1e300, "", "1", "é", "😀"])
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=5,
)
CONTENTS = st.fixed_dictionaries(
    {},
    optional={
        "data": JSON,
        "type": st.sampled_from([None, "table", "Table"]),
        "description": st.sampled_from([None, "", "x"]),
        "metadata": st.none() | st.dictionaries(st.sampled_from("abc"), SCALARS, max_size=2),
    },
)
CALLS = st.lists(st.tuples(CONTENTS, st.booleans()), min_size=1, max_size=6)


def text_of(content: dict[str, Any]) -> str:
    """Return a text that differs when the stored content does."""
    names = ("type", "description", "data", "metadata")
    return json.dumps([content.get(name) for name in names])


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS, as_bulk=st.booleans())
def test_versions_are_those_of_a_model(
    store: ArtifactStore, calls: list[tuple[dict[str, Any], bool]], as_bulk: bool
) -> None:
    store.delete_artifacts(everything=True)
    model: list[str] = []
    positions = []
    for content, skips in calls:
        if not (skips and model and model[-1] == text_of(content)):
            model.append(text_of(content))
        positions.append(len(model) - 1)

    many = [{"key": "k", "skip_unchanged": skips, **content} for content, skips in calls]
    one_by_one = lambda: [store.create_artifact(**each) for each in many]  # noqa: E731
    made = store.create_artifacts(many) if as_bulk else one_by_one()
    stored = sorted(everything(store), key=lambda each: each.version or 0)
    assert [text_of(each.__dict__) for each in stored] == model
    assert [each.id for each in made] == [stored[position].id for position in positions]
    assert [text_of(each.__dict__) for each in made] == [text_of(each) for each in many]
    latest = store.read_latest_artifact("k")
    assert latest == stored[-1]
    assert store.verify(quick=True) == []
