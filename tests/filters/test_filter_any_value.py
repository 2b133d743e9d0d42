"""Filters of metadata, patterns and prefixes agree with Python, whatever the names and the values are."""

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from artifact_store import (
    ArtifactCollectionFilter,
    ArtifactFilter,
    ArtifactStore,
    TaskRunFilter,
)
from tests.helpers.filter_model import World
from tests.helpers.filter_strategies import SOME
from tests.helpers.filter_world import KEYS, answer, expected, has_order

JSON_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
JSON_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-3, 3).map(float),
    st.integers(-3, 3),
    JSON_TEXT,
)


def test_metadata_of_any_kind_finds_itself(store: ArtifactStore) -> None:
    """Whatever a name and a value are, `eq_` and `has_key_` find them, and `ge_` with `le_` what has an order."""

    @settings(SOME, max_examples=150)
    @given(st.dictionaries(JSON_TEXT, JSON_SCALARS, min_size=1, max_size=4))
    def check(metadata: dict[str, Any]) -> None:
        created = store.create_artifact(metadata=metadata)
        ordered_part = {name: value for name, value in metadata.items() if has_order(value)}
        for found in (
            {"eq_": metadata},
            {"has_key_": [*metadata]},
            {"ge_": ordered_part, "le_": ordered_part},
        ):
            filter_ = ArtifactFilter(id={"any_": [created.id]}, metadata=found)
            assert answer(store, "read_artifacts", artifact_filter=filter_) == [created.id]

    check()


def test_metadata_values_compare_as_in_python(store: ArtifactStore) -> None:
    """Two values compare as Python compares them when they are of one JSON type, and not at all otherwise."""
    near = st.floats(allow_nan=False, allow_infinity=False).flatmap(
        lambda each: st.sampled_from(
            [(each, each), (each, next_after(each)), (next_after(each), each)]
        )
    )
    pairs = st.one_of(st.tuples(JSON_SCALARS, JSON_SCALARS), st.tuples(JSON_TEXT, JSON_TEXT), near)

    @settings(SOME, max_examples=200)
    @given(pairs)
    def check(pair: tuple[Any, Any]) -> None:
        stored, asked = pair
        created = store.create_artifact(metadata={"n": stored})
        world = World([created], [], [], [], [], [], [])
        for word in ("eq_", "ge_", "le_") if has_order(asked) else ("eq_",):
            filter_ = ArtifactFilter(id={"any_": [created.id]}, metadata={word: {"n": asked}})
            expected_ids = expected(world, "read_artifacts", artifact_filter=filter_)
            assert answer(store, "read_artifacts", artifact_filter=filter_) == expected_ids, (
                word,
                stored,
                asked,
            )

    check()


def next_after(value: float) -> float:
    found = math.nextafter(value, math.inf)
    return found if math.isfinite(found) else value


# Patterns over any text


def test_like_over_any_text(store: ArtifactStore) -> None:
    """Patterns of any characters over names of any characters."""
    alphabet = st.sampled_from("aAeE%_\\KkİıßſÄä🙂*?[]^$.\n'\"\u212a")
    text = st.text(alphabet, max_size=6)

    @settings(SOME, max_examples=200)
    @given(text, text)
    def check(name: str, pattern: str) -> None:
        run = store.create_task_run(name=name)
        world = World([], [], [], [], [run], [], [])
        filter_ = TaskRunFilter(id={"any_": [run.id]}, name={"like_": pattern})
        expected_ids = expected(world, "read_task_runs", task_run_filter=filter_)
        assert answer(store, "read_task_runs", task_run_filter=filter_) == expected_ids

    check()


def test_prefixes_of_keys(store: ArtifactStore) -> None:
    """A prefix finds exactly the keys that start with it, in Python's sense."""
    keys = [*KEYS, "sales-", "saler", "sale"]
    keys = [key for key in keys if key[-1].isalnum()]
    for key in keys:
        store.create_artifact(key=key)
    alphabet = st.sampled_from("sSalet-_.2%/\ud7ff\ue000\U0010ffff~")
    prefixes = st.one_of(
        st.text(alphabet, max_size=5), st.sampled_from(keys).map(lambda key: key[:4])
    )

    @settings(SOME, max_examples=150)
    @given(prefixes)
    def check(prefix: str) -> None:
        found = store.read_artifacts(artifact_filter=ArtifactFilter(key={"startswith_": prefix}))
        assert sorted(each.key for each in found) == sorted(
            key for key in keys if key.startswith(prefix)
        )
        latest = store.read_latest_artifacts(
            artifact_filter=ArtifactCollectionFilter(key={"startswith_": prefix})
        )
        assert latest == found

    check()
