"""Every hot query finds its rows by index on both engines, and sorts nothing that an index gives in order."""

import itertools
import re
from collections.abc import Callable, Iterator
from copy import copy
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from artifact_store import (
    Artifact,
    ArtifactCollectionFilter,
    ArtifactCollectionSort,
    ArtifactFilter,
    ArtifactSort,
    ArtifactStore,
    FlowRunFilter,
)
from artifact_store.artifacts.lineage import (
    Made,
    read_deleted,
    read_existing,
    read_results,
    read_uses,
)
from artifact_store.artifacts.listing import listing_query
from artifact_store.artifacts.provenance import read_provenance
from artifact_store.artifacts.references import parse
from artifact_store.artifacts.waiting import AllKeys, GivenKeys, read_page
from artifact_store.clock import new_id
from artifact_store.db.engine import Engine
from artifact_store.schemas.lineage import Direction
from tests.helpers.inputs import add_input

SIZE, KEYS, DEEP = 12_000, 1_500, 3_000
AMONG_NULLS: dict[str, str | None] = {}
Call = Callable[[ArtifactStore, Artifact], object]


class Planner:
    """Asks the engine how it would run the statements of a call."""

    def __init__(self, store: ArtifactStore) -> None:
        self.store, self._said = store, list[tuple[str, Any]]()
        self._engine = store._engine
        taken = self._engine.query

        def heard(sql: str, params: Any, *others: Any) -> Any:
            if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):  # they have no plan
                self._said.append((sql, copy(params)))
            return taken(sql, params, *others)

        self._engine.query = heard  # type: ignore[method-assign]
        self._engine.execute_all = partial(Engine.execute_all, self._engine)  # type: ignore[method-assign]

    def plans(self, call: Call, latest: Artifact) -> list[str]:
        """Return the plan of each statement of a call, whose writes are undone."""
        self._said.clear()
        try:
            with self.store.atomic():
                call(self.store, latest)
                raise InterruptedError
        except InterruptedError:
            said = self._said[:]
        explain = "EXPLAIN QUERY PLAN " if self._engine.dialect.name == "sqlite" else "EXPLAIN "
        return [
            f"{sql}\n" + "\n".join(str(row[-1]) for row in self._engine.fetch_all(explain + sql, p))
            for sql, p in said
        ]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def planner(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Planner]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('plans')}/store.db"
    else:
        url = f"{request.getfixturevalue('postgres')}&schema=plans"
    with ArtifactStore(url) as store:
        runs = [store.create_flow_run(store.create_flow("f").id, tags=["t"]).id for _ in range(60)]
        types = ("table", "link", "image", "markdown", "result", None)
        store.create_artifacts(
            {
                "key": None if n % 9 == 0 else f"k{n % KEYS}",
                "data": [n],
                "type": types[n % 6],
                "flow_run_id": runs[n * 60 // SIZE],
                "task_run_id": new_id() if n % 9 == 1 else None,
            }
            for n in range(SIZE)
        )
        table = {"key": "deep", "type": "table", "data": [{"a": 1}]}
        store.create_artifacts(
            {**table, "metadata": {"n": n}, "flow_run_id": runs[0]} for n in range(DEEP)
        )
        for n in range(100, KEYS):
            store.set_alias(f"k{n}", "staging", 1 + n % 3)
        for n in range(100, KEYS, 100):
            store.set_alias(f"k{n}", "prod", 2)
        used = store.read_artifacts(limit=20)
        with store.atomic():
            for n, artifact in itertools.product(range(60), used):
                add_input(store, artifact, flow_run=runs[n])
            for n, artifact in enumerate(store.read_artifacts(DEEP, include_data=False)[::5]):
                add_input(store, artifact, flow_run=runs[n % 60])
        store._engine.execute("ANALYZE")
        AMONG_NULLS[store.url] = store.read_artifacts(
            SIZE + DEEP - 600, 1, sort=ArtifactSort.KEY_ASC
        ).cursor
        yield Planner(store)


def bad(plan: str) -> str | None:
    """Return the first step of a plan that reads a whole table, or sorts."""
    whole = re.search(r"^\s*(?:->\s*)?(?:Parallel )?Seq Scan on artifact.*$", plan, re.MULTILINE)
    sorts = re.search(
        r"^\s*(?:->\s*)?(?:Sort|Incremental Sort)\b.*$|USE TEMP B-TREE.*", plan, re.MULTILINE
    )
    scans = re.search(
        r"^SCAN (?:t\d+|artifact)(?!.*USING (?:COVERING )?INDEX).*$", plan, re.MULTILINE
    )
    found = whole or sorts or scans
    return found[0] if found else None


def pages(latest: bool) -> dict[str, Call]:
    sorts = ArtifactCollectionSort if latest else ArtifactSort

    def read(store: ArtifactStore, **options: Any) -> Any:
        return (store.read_latest_artifacts if latest else store.read_artifacts)(
            limit=50, **options
        )

    def first(sort: Any) -> Call:
        return lambda store, _: read(store, sort=sort)

    def later(sort: Any) -> Call:
        return lambda store, _: read(store, sort=sort, after=read(store, sort=sort).cursor)

    name = "latest" if latest else "all"
    return {
        f"{name}, {sort}, {which}": make(sort)
        for sort in sorts
        for which, make in (("first", first), ("later", later))
    }


def as_of(sort: ArtifactCollectionSort) -> Call:
    return lambda store, latest: store.read_latest_artifacts(
        limit=50, sort=sort, as_of=latest.created
    )


HOT: dict[str, Call] = {
    "read": lambda store, latest: store.read_artifact(latest.id),
    "read latest": lambda store, latest: store.read_latest_artifact(str(latest.key)),
    "read a version": lambda store, latest: store.read_artifact_ref(f"{latest.key}@1"),
    "create": lambda store, latest: store.create_artifact(key=latest.key, data=1),
    "update the latest": lambda store, latest: store.update_artifact(latest.id, data=1),
    "delete the latest": lambda store, latest: store.delete_artifact(latest.id),
    "artifacts without key, by key": lambda store, latest: store.read_artifacts(
        limit=50, sort=ArtifactSort.KEY_ASC, after=AMONG_NULLS[store.url]
    ),
    "of a type": lambda store, latest: store.read_artifacts(
        limit=50, artifact_filter=ArtifactFilter(type={"any_": ["link"]})
    ),
    "keys with a prefix": lambda store, latest: store.read_latest_artifacts(
        limit=50,
        artifact_filter=ArtifactCollectionFilter(key={"startswith_": "k1"}),
        sort=ArtifactCollectionSort.KEY_ASC,
    ),
    **pages(latest=False),
    **pages(latest=True),
    "read what was the latest": lambda store, latest: store.read_latest_artifact(
        "deep", as_of=latest.created
    ),
    "what was the latest, by id": as_of(ArtifactCollectionSort.ID_DESC),
    "what was the latest, by key": as_of(ArtifactCollectionSort.KEY_ASC),
    "what was the latest, by key, descending": as_of(ArtifactCollectionSort.KEY_DESC),
}  # fmt: skip


@pytest.mark.parametrize("name", HOT)
def test_hot_queries_use_an_index(planner: Planner, name: str) -> None:
    latest = planner.store.read_latest_artifact("k7")
    assert latest is not None
    plans = planner.plans(HOT[name], latest)
    assert plans
    for plan in plans:
        assert bad(plan) is None, plan


@pytest.mark.parametrize("name", ["all", "latest"])
def test_artifacts_of_a_run_are_found_by_index(planner: Planner, name: str) -> None:
    """What matches is sorted, and nothing else is read."""
    run = planner.store.read_flow_runs(limit=1)[0]
    of_run = FlowRunFilter(id={"any_": [run.id]})
    read = planner.store.read_artifacts if name == "all" else planner.store.read_latest_artifacts
    plans = planner.plans(
        lambda store, _: read(limit=5, flow_run_filter=of_run),
        planner.store.read_artifacts(0, 1)[0],
    )
    assert len(plans) == 2
    assert "artifact_flow_run_id_id" in plans[1], plans[1]
    assert "Seq Scan on artifact " not in plans[1], plans[1]


@pytest.mark.parametrize("name", ["all", "latest"])
def test_artifacts_of_an_alias_are_found_from_the_aliases(planner: Planner, name: str) -> None:
    """They are few and are sorted; neither the artifacts nor the other aliases are read."""
    store = planner.store
    fields: Any = {"alias": {"any_": ["prod"]}}
    all_of, latest_of = ArtifactFilter(**fields), ArtifactCollectionFilter(**fields)
    calls: list[Call] = [
        lambda store, _: store.read_artifacts(limit=50, artifact_filter=all_of),
        lambda store, _: store.count_artifacts(all_of),
    ]
    if name == "latest":
        calls = [
            lambda store, _: store.read_latest_artifacts(limit=50, artifact_filter=latest_of),
            lambda store, _: store.count_latest_artifacts(latest_of),
        ]
    assert store.count_artifacts(all_of) == len(range(100, KEYS, 100))
    for call in calls:
        (plan,) = planner.plans(call, store.read_artifacts(0, 1)[0])
        steps = plan.partition("\n")[2]
        assert "artifact_alias_name_key" in steps, plan
        assert re.search(r"artifact_key_\w+", steps), plan
        assert not re.search(r"Seq Scan|SCAN", steps), plan


def test_a_count_of_keys_reads_the_empty_ones_by_their_index(planner: Planner) -> None:
    latest = planner.store.read_artifacts(0, 1)[0]
    (plan,) = planner.plans(lambda store, _: store.count_latest_artifacts(), latest)
    assert "artifact_collection_empty" in plan.partition("\n")[2], plan


@pytest.mark.parametrize(
    "sort", [sort for sort in ArtifactCollectionSort if not sort.startswith("KEY")]
)
def test_empty_keys_are_in_no_index_by_which_the_latest_are_listed(
    planner: Planner, sort: ArtifactCollectionSort
) -> None:
    latest = planner.store.read_artifacts(0, 1)[0]
    (plan,) = planner.plans(
        lambda store, _: store.read_latest_artifacts(limit=50, sort=sort), latest
    )
    names = re.findall(
        r"artifact_collection_(?:latest_id|created_key|updated_key)", plan.partition("\n")[2]
    )
    assert names, plan
    query = "SELECT {} FROM {} WHERE {} = '{}'"
    catalogue = (
        ("sql", "sqlite_master", "name")
        if "sqlite" in planner.store.url
        else ("indexdef", "pg_indexes", "indexname")
    )
    for name in names:
        ((definition,), *_) = planner.store._engine.fetch_all(query.format(*catalogue, name))
        assert "IS NOT NULL" in definition


def test_versions_of_a_key_are_found_by_index(planner: Planner) -> None:
    """So few rows may well be sorted."""
    of_key = ArtifactFilter(key={"any_": ["k7"]})
    latest = planner.store.read_artifacts(0, 1)[0]
    (plan,) = planner.plans(
        lambda store, _: store.read_artifacts(
            limit=50, artifact_filter=of_key, sort=ArtifactSort.KEY_DESC
        ),
        latest,
    )
    assert re.search(r"artifact_key_\w+", plan)
    assert not re.search("Seq Scan|SCAN", plan), plan


SERIES: dict[str, Call] = {
    "by name": lambda store, _: store.read_series("deep", "metadata.n"),
    "the newest, by name": lambda store, _: store.read_series("deep", "metadata.n", limit=3),
    "rows": lambda store, _: store.read_series("deep", "rows"),
    "fields": lambda store, _: store.series_fields("deep"),
    "trends of many keys": lambda store, _: store.read_trends(
        ["deep", *(f"k{n}" for n in range(50))]
    ),
    "surroundings": lambda store, latest: store.read_surroundings(latest),
}


@pytest.mark.parametrize("name", SERIES)
def test_series_are_read_by_key_and_version(planner: Planner, name: str) -> None:
    latest = planner.store.read_latest_artifact("deep")
    assert latest is not None
    plans = [
        plan
        for plan in planner.plans(SERIES[name], latest)
        if '"artifact"' in plan and '"artifact_input"' not in plan
    ]
    assert plans
    for plan in plans:
        assert re.search(r"artifact_key_\w+", plan), plan
        # So few versions of each key may well be sorted.
        assert bad(plan) is None or ("LATERAL" in plan and "Seq Scan" not in plan), plan


# A server reads the whole of a small table where most of it is wanted, so little is wanted here.
KEYS_TO_WATCH: dict[str, Callable[[ArtifactStore], object]] = {
    "given": lambda store: GivenKeys(store._db, [f"k{n}" for n in range(20)]).read(),
    "recent": lambda store: AllKeys(store._db).read_window(timedelta(days=-1), timedelta()),
}


@pytest.mark.parametrize("name", KEYS_TO_WATCH)
def test_watched_keys_are_read_by_index(planner: Planner, name: str) -> None:
    latest = planner.store.read_artifacts(0, 1)[0]
    [plan] = planner.plans(lambda store, _: KEYS_TO_WATCH[name](store), latest)
    assert re.search(r"artifact_collection_\w+", plan), plan
    assert not re.search(r"Seq Scan on artifact|SCAN \"?artifact", plan), plan


def test_new_versions_are_read_by_key_and_version(planner: Planner) -> None:
    latest = planner.store.read_artifacts(0, 1)[0]

    def read(store: ArtifactStore, _: Artifact) -> object:
        listing = listing_query(store._db, ArtifactSort.KEY_ASC, {})
        return read_page(store._db, listing, "deep", 1_000, 2_000)

    [plan] = planner.plans(read, latest)
    assert re.search(r"artifact_key_\w+", plan), plan
    assert bad(plan) is None, plan


@pytest.mark.parametrize("direction", ["up", "down"])
def test_lineage_is_walked_by_index(planner: Planner, direction: Direction) -> None:
    latest = planner.store.read_latest_artifact("deep")
    assert latest is not None
    root = Made(
        id=latest.id,
        key=latest.key,
        version=latest.version,
        run_id=latest.flow_run_id,
        created=latest.created,
    )

    def read(store: ArtifactStore, _: Artifact) -> object:
        # A few of those that are found: a server reads the whole table for most of it.
        uses = read_uses(store._db, root, direction, None)[0][:2]
        read_results(store._db, uses)
        return read_existing(store._db, [use.artifact_id for use in uses])

    walked, *others = planner.plans(read, latest)
    assert "RECURSIVE" in walked
    indexes = {
        "up": "artifact_input_pkey|sqlite_autoindex_artifact_input_1",
        "down": "artifact_input_source_run_id_artifact_id",
    }
    # Inputs are so few here that a server may read them all.
    assert re.search(rf"{indexes[direction]}|Seq Scan on artifact_input", walked), walked
    for plan in [walked, *others]:
        whole = re.search(r"Seq Scan on artifact\b|SCAN (?!walked|json_each)\w+", plan)
        assert whole is None, plan


@pytest.mark.parametrize(
    ("ref", "index"),
    [
        ("deep@1", "artifact_input_key_version"),
        (str(UUID(int=1)), "artifact_input_artifact_id_run_id"),
    ],
)
def test_deleted_versions_are_found_by_index(planner: Planner, ref: str, index: str) -> None:
    latest = planner.store.read_artifacts(0, 1)[0]
    [plan] = planner.plans(lambda store, _: read_deleted(store._db, parse(ref)), latest)
    # Inputs are so few here that a server may read them all.
    assert re.search(rf"{index}|Seq Scan on artifact_input", plan), plan


def test_provenance_is_read_by_index(planner: Planner) -> None:
    latest = planner.store.read_latest_artifact("deep")
    assert latest is not None
    [plan] = planner.plans(lambda store, _: read_provenance(store._db, latest.id), latest)
    assert "artifact_input" in plan
    whole = re.search(r"Seq Scan on artifact\b.*|SCAN (?:made|source|target)\b.*", plan)
    assert whole is None, plan
    indexes = ["artifact_input_artifact_id_run_id", "artifact_flow_run_id", "artifact_task_run_id"]
    assert [name for name in indexes if name not in plan] == [], plan


def test_the_newest_of_a_run_are_read_without_the_others(planner: Planner) -> None:
    latest = planner.store.read_artifacts(0, 1)[0]
    plans = planner.plans(lambda store, _: store.read_run_tree(per_run=5), latest)
    [plan] = [plan for plan in plans if re.search(r'FROM "artifact"|JOIN "artifact"', plan)]
    assert "artifact_flow_run_id_id" in plan, plan
    assert not re.search(r"Seq Scan on artifact |SCAN (?:t\d+|older)|WindowAgg", plan), plan


def test_the_check_can_fail(planner: Planner) -> None:
    latest = planner.store.read_artifacts(0, 1)[0]
    slow: list[Call] = [
        lambda store, _: store._engine.fetch_all(
            "SELECT description FROM artifact WHERE description = 'x'"
        ),
        lambda store, _: store._engine.fetch_all(
            "SELECT description FROM artifact ORDER BY description LIMIT 5"
        ),
    ]
    assert [bad(planner.plans(each, latest)[0]) is None for each in slow] == [False, False]
