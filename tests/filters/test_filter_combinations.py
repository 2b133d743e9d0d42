"""Filters of any combination agree with the plain-Python model: nested, related, in pages, as JSON."""

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from artifact_store import ArtifactCollectionFilter, ArtifactStore
from tests.helpers.filter_model import World, holds
from tests.helpers.filter_strategies import SOME, FilterStrategies
from tests.helpers.filter_world import agree, answer, expected, kinds, sorts, table_of
from tests.helpers.filters import HOME, each_kind, each_method


@each_kind
def test_nested_filters(store: ArtifactStore, world: World, kind: Any) -> None:
    method, parameter = HOME[kind]

    @SOME
    @given(FilterStrategies(world).of(kind))
    def check(filter_: Any) -> None:
        agree(store, world, method, **{parameter: filter_})

    check()


@each_method
def test_related_filters(store: ArtifactStore, world: World, method: str) -> None:
    @SOME
    @given(FilterStrategies(world).for_method(method))
    def check(filters: dict[str, Any]) -> None:
        agree(store, world, method, **filters)

    check()


@each_method
def test_related_filters_of_one_row_each(store: ArtifactStore, world: World, method: str) -> None:
    """Filters that do not constrain, and that name one row, in every combination of kinds."""
    rng = random.Random(method)
    taken = kinds(method)
    tables = {name: getattr(world, table_of(HOME[kind][0])) for name, kind in taken.items()}
    found: set[int] = set()
    for number in range(2 ** len(taken)):
        names = [name for place, name in enumerate(taken) if number >> place & 1]
        for _ in range(3):
            filters = {}
            for name in names:
                field = "latest_id" if taken[name] is ArtifactCollectionFilter else "id"
                ids = [row.id for row in rng.sample(tables[name], len(tables[name]) * 2 // 3)]
                filters[name] = rng.choice([taken[name](), taken[name](**{field: {"any_": ids}})])
            found.add(len(agree(store, world, method, **filters)))
    assert len(found) > 2


@each_method
def test_orders_and_pages(store: ArtifactStore, world: World, method: str) -> None:
    """Each order is Python's, and pages of any size join to the whole."""
    everything = getattr(world, table_of(method))
    for sort in sorts(method):
        whole = expected(world, method, sort)
        assert answer(store, method, sort=sort) == answer(store, method, sort=sort.value) == whole
        for size in (1, 3, 7, len(everything)):
            pages = [
                answer(store, method, sort=sort, offset=start, limit=size)
                for start in range(0, len(whole), size)
            ]
            assert [each for page in pages for each in page] == whole
            assert all(len(page) <= size for page in pages)
        assert (
            answer(store, method, sort=sort, limit=0)
            == answer(store, method, sort=sort, offset=len(whole))
            == []
        )
        assert answer(store, method, sort=sort, offset=2) == whole[2:]


@each_method
def test_pages_of_filtered_rows(store: ArtifactStore, world: World, method: str) -> None:
    pages = st.tuples(
        st.sampled_from(sorts(method)), st.integers(0, 9), st.none() | st.integers(0, 9)
    )

    @settings(SOME, max_examples=40)
    @given(FilterStrategies(world).for_method(method, 2), pages)
    def check(filters: dict[str, Any], page: tuple[Any, int, int | None]) -> None:
        sort, offset, limit = page
        whole = expected(world, method, sort, **filters)
        stop = None if limit is None else offset + limit
        assert (
            answer(store, method, sort=sort, offset=offset, limit=limit, **filters)
            == whole[offset:stop]
        )

    check()


# Other views of the same filter


@each_kind
def test_json_round_trip(world: World, kind: Any) -> None:
    """A filter is the same after JSON, and after plain values."""

    @settings(SOME, max_examples=60)
    @given(FilterStrategies(world).of(kind))
    def check(filter_: Any) -> None:
        text = filter_.model_dump_json()
        for copy in (kind.model_validate_json(text), kind.model_validate(filter_.model_dump())):
            assert copy == filter_
            assert copy.model_dump_json() == text

    check()


@each_kind
def test_operators_of_python_are_those_of_the_filter(
    store: ArtifactStore, world: World, kind: Any
) -> None:
    method, parameter = HOME[kind]
    strategies = FilterStrategies(world).of(kind, 2)

    @settings(SOME, max_examples=50)
    @given(strategies, strategies, strategies)
    def check(a: Any, b: Any, c: Any) -> None:
        rows = getattr(world, table_of(method))
        for row in rows:
            x, y, z = (holds(world, each, row) for each in (a, b, c))
            known = [each for each in (x, None if y is None else not y) if each is not None]
            first = any(known) if known else None
            both = [each for each in (first, z) if each is not None]
            assert holds(world, (a | ~b) & c, row) == (all(both) if both else None)
        agree(store, world, method, **{parameter: (a | ~b) & c})

    check()
