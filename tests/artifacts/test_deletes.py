"""A delete whose filters leave out nothing is refused, unless everything is meant."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artifact_store import (
    ArtifactFilter,
    ArtifactStore,
    FlowFilter,
    FlowRunFilter,
    InvalidQuery,
    TaskRunFilter,
)
from tests.helpers.artifacts import Undo
from tests.helpers.filter_model import fixed

A = ArtifactFilter
NOTHING_SAID: list[Callable[[], ArtifactFilter | None]] = [
    lambda: None,
    A,
    lambda: A(key={}),
    lambda: A(key={"startswith_": ""}),
    lambda: A(key={"like_": ""}),
    lambda: A(key={"like_": "", "startswith_": "", "operator": "or_"}),
    lambda: A(id={"not_any_": []}),
    lambda: A(type={"not_any_": []}),
    lambda: A(metadata={"eq_": {}}),
    lambda: A(metadata={"has_key_": [], "ge_": {}, "le_": {}}),
    lambda: ~A(),
    lambda: ~A(key={"startswith_": ""}),
    lambda: ~A(id={"not_any_": []}),
    lambda: ~~A(key={}),
    lambda: A() | A(key={"like_": ""}),
    lambda: A() & A(key={}),
    lambda: A(or_=[]),
    lambda: A(and_=[], operator="or_"),
    lambda: A(not_=A(or_=[A(), A(key={})])),
    # Everything but a list, when nothing is in the list.
    lambda: ~A(id={"any_": []}),
    lambda: ~A(key={"any_": []}),
    lambda: A(key={"any_": ["draft"]}) | ~A(id={"any_": []}),
    lambda: ~(A(key={"any_": ["draft"]}) & A(id={"any_": []})),
]
# What leaves out some artifact, though not one of a store in which all have a key.
SOMETHING_SAID: list[Callable[[], ArtifactFilter]] = [
    lambda: A(key={"like_": "%"}),
    lambda: A(key={"exists_": True}),
    lambda: A(version={"ge_": 0}),
    lambda: A(type={"is_null_": True}),
    lambda: ~A(key={"any_": ["other"]}),
    lambda: A(key={"any_": ["draft"]}) | A(key={}),
]


def fill(store: ArtifactStore) -> int:
    """Create artifacts of each kind: with a key and without, with a run and without."""
    flow = store.create_flow("etl")
    run = store.create_flow_run(flow.id)
    task = store.create_task_run(run.id)
    for key in ("draft", "draft", "sales"):
        store.create_artifact(
            key=key, type="table", metadata={"n": 1}, flow_run_id=run.id, task_run_id=task.id
        )
    store.create_artifact(data=1)
    store.create_artifact(key="bare")
    return store.count_artifacts()


@pytest.mark.parametrize("number", range(len(NOTHING_SAID)))
def test_a_delete_that_constrains_nothing_is_refused(store: ArtifactStore, number: int) -> None:
    total = fill(store)
    question = NOTHING_SAID[number]()
    with pytest.raises(InvalidQuery, match="everything=True"):
        store.delete_artifacts(question)
    assert store.count_artifacts() == store.count_artifacts(question) == total
    assert store.delete_artifacts(question, everything=True) == total
    assert store.count_artifacts() == store.count_latest_artifacts() == 0


def test_a_delete_that_constrains_nothing_is_refused_in_a_block_too(store: ArtifactStore) -> None:
    total = fill(store)
    with store.atomic(), pytest.raises(InvalidQuery, match="match every artifact"):
        store.delete_artifacts()
    assert store.count_artifacts() == total


@pytest.mark.parametrize("number", range(len(SOMETHING_SAID)))
def test_a_condition_that_all_happen_to_meet_is_a_condition(
    store: ArtifactStore, number: int
) -> None:
    store.create_artifacts([{"key": "draft"}, {"key": "sales"}])
    question = SOMETHING_SAID[number]()
    found = store.count_artifacts(question)
    assert found
    assert store.delete_artifacts(question) == found


@pytest.mark.parametrize("name", ["flow_run_filter", "flow_filter", "task_run_filter"])
def test_an_empty_related_filter_asks_for_a_run(store: ArtifactStore, name: str) -> None:
    total = fill(store)
    kinds: dict[str, Any] = {
        "flow_run_filter": FlowRunFilter,
        "flow_filter": FlowFilter,
        "task_run_filter": TaskRunFilter,
    }
    for question in (None, A(), A(key={"startswith_": ""})):
        with suppress(Undo), store.atomic():
            assert store.delete_artifacts(question, **{name: kinds[name]()}) == 3
            raise Undo
    assert store.delete_artifacts(**{name: kinds[name](id={"any_": []})}) == 0
    assert store.delete_artifacts(A(id={"any_": []}), everything=True) == 0
    assert store.delete_artifacts(**{name: kinds[name]()}) == 3
    assert store.count_artifacts() == total - 3


@pytest.mark.parametrize("wrong", [None, 1, "yes", 0, [True]])
def test_everything_is_true_or_false(store: ArtifactStore, wrong: Any) -> None:
    total = fill(store)
    with pytest.raises(InvalidQuery, match="expected True or False"):
        store.delete_artifacts(everything=wrong)
    assert store.count_artifacts() == total


# Filters of fields that often say nothing.
_TEXTS = st.lists(st.sampled_from(["draft", "sales", "table", ""]), max_size=2)
_KEY = st.fixed_dictionaries(
    {},
    optional={
        "any_": _TEXTS,
        "like_": st.sampled_from(["", "%", "a", "zz"]),
        "startswith_": st.sampled_from(["", "draft"]),
        "exists_": st.booleans(),
        "operator": st.sampled_from(["and_", "or_"]),
    },
)
_TYPE = st.fixed_dictionaries(
    {}, optional={"any_": _TEXTS, "not_any_": _TEXTS, "is_null_": st.booleans()}
)
_METADATA = st.fixed_dictionaries(
    {}, optional={"eq_": st.sampled_from([{}, {"n": 1}]), "has_key_": st.sampled_from([[], ["n"]])}
)
_LEAF = st.fixed_dictionaries(
    {},
    optional={
        "key": _KEY,
        "type": _TYPE,
        "metadata": _METADATA,
        "operator": st.sampled_from(["and_", "or_"]),
    },
)
_FILTERS = st.recursive(
    _LEAF,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"not_": inner}),
        st.tuples(_LEAF, st.sampled_from(["and_", "or_"]), st.lists(inner, max_size=3)).map(
            lambda parts: {**parts[0], parts[1]: parts[2]}
        ),
    ),
    max_leaves=6,
).map(ArtifactFilter.model_validate)


def test_a_filter_is_refused_exactly_when_no_row_could_fail_it(store: ArtifactStore) -> None:
    total = fill(store)

    @settings(
        max_examples=150,
        deadline=None,
        derandomize=bool(os.environ.get("CI")),
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(_FILTERS)
    def check(question: ArtifactFilter) -> None:
        matching = store.count_artifacts(question)
        unconstraining = fixed(question) in (None, True)
        refused, deleted = False, 0
        with suppress(Undo), store.atomic():
            try:
                deleted = store.delete_artifacts(question)
            except InvalidQuery:
                refused = True
            raise Undo
        assert refused == unconstraining
        assert matching == (total if refused else deleted)
        if fixed(question) is False:
            assert matching == 0

    check()
