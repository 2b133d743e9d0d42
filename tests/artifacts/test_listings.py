"""Lists that continue by cursor, streams that hold one page, and lists without data."""

import datetime as dt
import itertools
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from artifact_store import (
    Artifact,
    ArtifactCollectionFilter,
    ArtifactCollectionSort,
    ArtifactFilter,
    ArtifactList,
    ArtifactSort,
    ArtifactStore,
    FlowFilter,
    FlowRunFilter,
    InvalidQuery,
    TaskRunFilter,
)

SORTS = [*ArtifactSort, *ArtifactCollectionSort]
TABLES = {"type": {"any_": ["table"]}}


def read(
    store: ArtifactStore, sort: ArtifactSort | ArtifactCollectionSort, **options: Any
) -> ArtifactList:
    if isinstance(sort, ArtifactSort):
        return store.read_artifacts(sort=sort, **options)
    return store.read_latest_artifacts(sort=sort, **options)


def stream(
    store: ArtifactStore, sort: ArtifactSort | ArtifactCollectionSort, **options: Any
) -> Iterator[Artifact]:
    if isinstance(sort, ArtifactSort):
        return store.iter_artifacts(sort=sort, **options)
    return store.iter_latest_artifacts(sort=sort, **options)


def tables_only(
    sort: ArtifactSort | ArtifactCollectionSort,
) -> ArtifactFilter | ArtifactCollectionFilter:
    kind = ArtifactFilter if isinstance(sort, ArtifactSort) else ArtifactCollectionFilter
    return kind.model_validate(TABLES)


@pytest.fixture
def filled(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> ArtifactStore:
    """Keys with one and with many versions, artifacts without key, times that tie."""
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    ticks = itertools.count()
    monkeypatch.setattr(
        "artifact_store.artifacts.create.now",
        lambda: start + dt.timedelta(minutes=next(ticks) // 3),
    )
    for number in range(40):
        key = None if number % 5 == 0 else f"k{number % 7}-{'aB'[number % 2]}"
        store.create_artifact(key=key, type="table" if number % 3 else None, data=[number])
    monkeypatch.setattr("artifact_store.artifacts.update.now", lambda: start + dt.timedelta(days=1))
    for each in store.read_artifacts()[::4]:
        store.update_artifact(each.id, description="later")
    return store


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
@pytest.mark.parametrize("only_tables", [False, True])
@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: f"{type(sort).__name__}.{sort}")
def test_a_list_continues_by_cursor(
    filled: ArtifactStore,
    sort: ArtifactSort | ArtifactCollectionSort,
    only_tables: bool,
    limit: int,
) -> None:
    options = {"artifact_filter": tables_only(sort)} if only_tables else {}
    whole = read(filled, sort, **options)
    found: list[Artifact] = []
    page = read(filled, sort, limit=limit, **options)
    while page:
        found += page
        assert (page.cursor is not None) == (len(page) == limit)
        if page.cursor is None:
            break
        page = read(filled, sort, limit=limit, after=page.cursor, **options)
    assert found == whole
    assert len(whole) > 5
    assert whole.cursor is None
    assert list(stream(filled, sort, page_size=limit, **options)) == whole
    rest = read(filled, sort, after=read(filled, sort, limit=2, **options).cursor, **options)
    assert rest == whole[2:], "without a limit everything after the cursor is read"


@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: f"{type(sort).__name__}.{sort}")
def test_without_data(filled: ArtifactStore, sort: ArtifactSort | ArtifactCollectionSort) -> None:
    bare = [each.model_copy(update={"data": None}) for each in read(filled, sort)]
    assert read(filled, sort, include_data=False) == bare
    assert list(stream(filled, sort, include_data=False, page_size=4)) == bare
    assert any(each.data is not None for each in read(filled, sort, include_data=True))


@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: f"{type(sort).__name__}.{sort}")
def test_a_stream_skips_and_repeats_nothing_while_others_write(
    filled: ArtifactStore, sort: ArtifactSort | ArtifactCollectionSort
) -> None:
    latest = isinstance(sort, ArtifactCollectionSort)
    before = read(filled, sort)
    touched = [each for each in before if each.version is None or each.version > 1]
    seen: list[Artifact] = []
    for number, artifact in enumerate(stream(filled, sort, page_size=3)):
        seen.append(artifact)
        # The loop updates what was and what will be seen, publishes new versions and keys, and deletes.
        for each in (touched[number % len(touched)], touched[-1 - number % len(touched)]):
            filled.update_artifact(each.id, description=f"while {number}")
        filled.create_artifact(key=before[number % len(before)].key, data="new")
        filled.create_artifact(key=f"new-{number}", data="new")
        if number == 4:
            gone = filled.create_artifact(key="gone")
            filled.delete_artifact(gone.id)
        assert number < 1000, "it never ends"
    names = [each.key if latest else each.id for each in seen]
    assert len(names) == len(set(names)), "something is there twice"
    assert {each.key if latest else each.id for each in before} <= set(names), (
        "something was skipped"
    )


def test_a_stream_survives_deletes_of_what_comes_next(filled: ArtifactStore) -> None:
    for sort in ArtifactSort:
        left = {each.id for each in filled.read_artifacts()}
        victims = iter(read(filled, sort)[6::5])
        seen = []
        for artifact in stream(filled, sort, page_size=2):
            seen.append(artifact.id)
            for victim in itertools.islice(victims, 1):
                filled.delete_artifact(victim.id)
                left.discard(victim.id)
        assert left <= set(seen)
        assert len(seen) == len(set(seen))


@pytest.fixture
def related(store: ArtifactStore) -> ArtifactStore:
    """Runs that made many, few, old, new and no artifacts."""
    flows = [store.create_flow(name).id for name in ("common", "rare", "idle")]
    runs = [
        store.create_flow_run(flows[number % 11 == 0], tags=["odd"] * (number % 2)).id
        for number in range(40)
    ]
    runs += [store.create_flow_run(flows[2], tags=["idle"]).id]
    task = store.create_task_run(runs[0], name="load").id
    made = [
        {
            "key": None if number % 6 == 0 else f"k{number % 50}",
            "flow_run_id": None if number % 13 == 0 else runs[number * 7 % 40],
            "task_run_id": task if number < 20 else None,
            "data": number,
        }
        for number in range(400)
    ]
    store.create_artifacts(made)
    return store


QUESTIONS: list[dict[str, Any]] = [
    {"flow_run_filter": FlowRunFilter()},
    {"flow_run_filter": FlowRunFilter(tags={"all_": ["odd"]})},
    {"flow_run_filter": FlowRunFilter(tags={"all_": ["none"]})},
    {"flow_filter": FlowFilter(name={"any_": ["common"]})},
    {"flow_filter": FlowFilter(name={"any_": ["rare"]})},
    {"flow_filter": FlowFilter(name={"any_": ["idle"]})},
    {"task_run_filter": TaskRunFilter(name={"any_": ["load"]})},
    {"task_run_filter": TaskRunFilter(), "flow_run_filter": FlowRunFilter()},
    {
        "flow_filter": FlowFilter(name={"like_": "r"}),
        "flow_run_filter": FlowRunFilter(tags={"is_null_": True}),
    },
]


@pytest.mark.parametrize(("few", "window"), [(200, 3000), (2, 3000), (2, 30), (2, 1), (0, 150)])
@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: f"{type(sort).__name__}.{sort}")
def test_every_form_of_a_related_page_is_the_same_page(
    related: ArtifactStore,
    monkeypatch: pytest.MonkeyPatch,
    sort: ArtifactSort | ArtifactCollectionSort,
    few: int,
    window: int,
) -> None:
    monkeypatch.setattr("artifact_store.artifacts.pagination.FEW_RELATED", few)
    monkeypatch.setattr("artifact_store.artifacts.pagination.WINDOW", window)
    for asked in QUESTIONS:
        whole = read(related, sort, **asked)
        for offset, limit in ((0, 5), (0, 400), (7, 3), (len(whole), 2)):
            assert (
                read(related, sort, offset=offset, limit=limit, **asked)
                == whole[offset : offset + limit]
            ), asked
        assert list(stream(related, sort, page_size=17, **asked)) == whole, asked


def test_a_stream_that_is_left_early_holds_nothing(filled: ArtifactStore) -> None:
    assert next(iter(filled.iter_artifacts(page_size=1))).data == [39]
    filled.create_artifact(key="after")
    assert next(filled.iter_artifacts()).key == "after"


def test_an_empty_store_streams_nothing(store: ArtifactStore) -> None:
    for sort in SORTS:
        assert list(stream(store, sort)) == read(store, sort) == read(store, sort, limit=0) == []


def test_a_stream_inside_a_block_sees_the_block(store: ArtifactStore) -> None:
    with store.atomic():
        store.create_artifact(key="k")
        assert [each.key for each in store.iter_latest_artifacts()] == ["k"]


def test_a_cursor_of_the_latest_is_its_position(filled: ArtifactStore) -> None:
    """A new version of a key that was listed already does not disturb the rest."""
    first = filled.read_latest_artifacts(limit=3, sort=ArtifactCollectionSort.KEY_ASC)
    rest = [
        each.key for each in filled.read_latest_artifacts(sort=ArtifactCollectionSort.KEY_ASC)[3:]
    ]
    filled.create_artifact(key=first[0].key)
    continued = filled.read_latest_artifacts(
        after=first.cursor, sort=ArtifactCollectionSort.KEY_ASC
    )
    assert [each.key for each in continued] == rest


REFUSED: list[tuple[Callable[[ArtifactStore, str], object], str]] = [
    (
        lambda store, cursor: store.read_artifacts(after="nonsense"),
        "Invalid cursor 'nonsense': pass the cursor of a list",
    ),
    (lambda store, cursor: store.read_artifacts(after=""), "Invalid cursor ''"),
    (lambda store, cursor: store.read_artifacts(after="é"), "Invalid cursor 'é'"),
    (lambda store, cursor: store.read_artifacts(after=7), "Invalid cursor 7"),  # type: ignore[arg-type]
    (lambda store, cursor: store.read_artifacts(after=cursor[:-3]), "Invalid cursor "),
    (
        lambda store, cursor: store.read_artifacts(after=cursor, sort=ArtifactSort.KEY_ASC),
        "pass the same sort again",
    ),
    (
        lambda store, cursor: store.read_latest_artifacts(after=cursor),
        "a listing of all by ID_DESC",
    ),
    (
        lambda store, cursor: store.read_artifacts(1, after=cursor),
        "offset and after cannot be combined",
    ),
    (
        lambda store, cursor: store.iter_artifacts(page_size=0),
        "page_size must be an int from 1 to 100,000, got 0",
    ),
    (
        lambda store, cursor: store.iter_latest_artifacts(page_size="9"),  # type: ignore[arg-type]
        "page_size must be an int from 1 to 100,000, got '9'",
    ),
    (
        lambda store, cursor: store.iter_artifacts(sort="BY_AGE"),
        "Invalid sort 'BY_AGE': use one of",
    ),  # type: ignore[arg-type]
    (
        lambda store, cursor: store.iter_artifacts(artifact_filter=ArtifactCollectionFilter()),
        "takes an ArtifactFilter",
    ),  # type: ignore[arg-type]
    (
        lambda store, cursor: store.iter_artifacts(flows=None),
        "Unknown filter 'flows' for this listing",
    ),  # type: ignore[call-arg]
]


@pytest.mark.parametrize(("call", "says"), REFUSED)
def test_what_is_refused_is_refused_at_once(
    filled: ArtifactStore, call: Callable[[ArtifactStore, str], object], says: str
) -> None:
    cursor = filled.read_artifacts(limit=1).cursor
    assert cursor is not None
    with pytest.raises(InvalidQuery) as caught:
        call(filled, cursor)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "forged",
    [
        ["all", "CREATED_DESC", "2026-01-01", str(uuid.UUID(int=1))],
        ["all", "CREATED_DESC", "2026-01-01T00:00:00.000000", str(uuid.UUID(int=1))],
        ["all", "CREATED_DESC", "2026-01-01T00:00:00.000000+00:00", "1 OR 1=1"],
        ["all", "KEY_ASC", "k\0", 1, str(uuid.UUID(int=1))],
        ["all", "KEY_ASC", "k", 2**70, str(uuid.UUID(int=1))],
        ["all", "KEY_ASC", "k", True, str(uuid.UUID(int=1))],
        ["all", "ID_DESC"],
        ["some", "ID_DESC", str(uuid.UUID(int=1))],
        {"all": 1},
        7,
    ],
)
def test_a_forged_cursor(store: ArtifactStore, forged: Any) -> None:
    import base64
    import json

    cursor = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode()
    sort = forged[1] if isinstance(forged, list) else "ID_DESC"
    with pytest.raises(InvalidQuery, match="Invalid cursor "):
        store.read_artifacts(after=cursor, sort=sort)


def test_a_filter_in_the_place_of_another_argument_is_answered_with_what_to_write(
    store: ArtifactStore,
) -> None:
    calls: list[tuple[Any, str]] = [
        (
            lambda: store.read_artifacts(ArtifactFilter()),
            "offset must be an integer, not a filter: write artifact_filter=ArtifactFilter(...).",
        ),
        (
            lambda: store.read_latest_artifacts(0, ArtifactCollectionFilter()),
            "limit must be an integer, not a filter: write artifact_filter=ArtifactCollectionFilter(...).",
        ),
        (
            lambda: store.read_flow_runs(FlowRunFilter()),
            "offset must be an integer, not a filter: write flow_run_filter=FlowRunFilter(...).",
        ),
        (
            lambda: store.read_flows(0, 1, FlowFilter()),
            ": use one of CREATED_DESC, UPDATED_DESC, ID_DESC, NAME_DESC, NAME_ASC, or write "
            "flow_filter=FlowFilter(...).",
        ),
        (
            lambda: store.count_artifacts(FlowFilter()),
            "artifact_filter takes an ArtifactFilter here, not a FlowFilter: write flow_filter=FlowFilter(...).",
        ),
        (
            lambda: store.count_artifacts({"key": {}}),
            "takes an ArtifactFilter here, not a dict: write ArtifactFilter.model_validate(...).",
        ),
        (
            lambda: store.count_latest_artifacts(ArtifactFilter()),
            "artifact_filter takes an ArtifactCollectionFilter here, not an ArtifactFilter.",
        ),
        (
            lambda: store.count_artifacts(flow_filter=TaskRunFilter()),
            "flow_filter takes a FlowFilter, not a TaskRunFilter: write task_run_filter=TaskRunFilter(...).",
        ),
        (
            lambda: store.count_artifacts(flow_filter={}),
            "flow_filter takes a FlowFilter, not a dict: write FlowFilter.model_validate(...).",
        ),
    ]
    for call, text in calls:
        with pytest.raises(InvalidQuery) as caught:
            call()
        assert str(caught.value).endswith(text)
