"""What a filter costs on SQLite: one statement, compiled once per shape, and a bounded memory of shapes."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from artifact_store import (
    ArtifactCollectionFilter,
    ArtifactFilter,
    ArtifactStore,
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    TaskRunFilter,
    WorkPoolFilter,
)
from artifact_store.db import statements

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUNS = [
    "read_flows",
    "read_deployments",
    "read_flow_runs",
    "read_task_runs",
    "read_work_pools",
    "read_work_queues",
]
ALL = [
    "read_artifacts",
    "count_artifacts",
    "read_latest_artifacts",
    "count_latest_artifacts",
    *RUNS,
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ArtifactStore]:
    """A store on SQLite that has answered once, so that it is open, with a row in every table."""
    with ArtifactStore(f"sqlite:///{tmp_path}/store.db") as opened:
        queue = opened.create_work_queue("queue", opened.create_work_pool("pool").id)
        flow = opened.create_flow("flow", tags=["a"])
        opened.create_deployment("deployment", flow.id, work_queue_id=queue.id)
        run = opened.create_flow_run(flow.id, work_queue_id=queue.id)
        task = opened.create_task_run(run.id)
        opened.create_artifact(key="a", metadata={"x": 1}, flow_run_id=run.id, task_run_id=task.id)
        yield opened


@pytest.fixture
def seen(store: ArtifactStore) -> list[str]:
    """The statements that the store sends from now on."""
    sent: list[str] = []
    store._engine.database.query_hooks.append(lambda event: sent.append(event.sql))
    return sent


def related(number: int) -> dict[str, Any]:
    """Filters of every kind that differ in their values, not in their shape."""
    ids = [UUID(int=number * 10 + each) for each in range(2 + number)]
    texts = [f"{number}-{each}" for each in range(2 + number)]
    states = (["FAILED", "CRASHED"] * (2 + number))[: 2 + number]
    time = {
        "before_": NOON + timedelta(microseconds=number),
        "after_": NOON - timedelta(days=number),
    }
    return {
        "flow_run_filter": FlowRunFilter(
            id={"not_any_": ids}, state={"type": {"any_": states}}, start_time=time, created_by={"id_": ids}
        ) | ~FlowRunFilter(tags={"all_": texts, "any_": texts}, work_queue_name={"any_": texts, "is_null_": True}),
        "task_run_filter": TaskRunFilter(tags={"all_": texts}, subflow_runs={"exists_": True}),
        "deployment_filter": ~DeploymentFilter(flow_or_deployment_name={"like_": f"%{number}"}, paused={"eq_": True}),
        "flow_filter": FlowFilter(tags={"any_": texts}) | FlowFilter(name={"like_": f"f{number}"}),
        "work_pool_filter": WorkPoolFilter(operator="or_", name={"any_": texts}, type={"any_": texts[:1]}),
    }  # fmt: skip


def own(method: str, number: int) -> dict[str, Any]:
    """The artifact filter of a listing that takes one."""
    if "artifacts" not in method:
        return {}
    kind: Any = ArtifactCollectionFilter if "latest" in method else ArtifactFilter
    entries = {f"name {number}": number, f"text {number}": f"{number}", "null": None, "true": True}
    parts: list[Any] = [
        kind(
            key={"startswith_": f"a{number}"},
            version={"ge_": number, "le_": number + 5, "any_": [number, number + 1]},
        ),
        kind(
            metadata={
                "eq_": entries,
                "has_key_": [f"{number}"],
                "ge_": {f"{number}": float(number)},
            }
        ),
        kind(
            created={"before_": NOON + timedelta(days=number)},
            flow_run_id={"any_": [UUID(int=number)]},
        ),
    ]
    return {"artifact_filter": ~(parts[0] | parts[1]) & parts[2]}


@pytest.mark.parametrize("method", ALL)
def test_a_listing_is_one_statement(store: ArtifactStore, seen: list[str], method: str) -> None:
    """However many filters there are, however long their lists and however deep they nest."""
    ask = getattr(store, method)
    many = FlowRunFilter(id={"any_": [UUID(int=number) for number in range(40_000)]})
    deep = WorkPoolFilter(name={"any_": ["pool"]})
    for _ in range(98):
        deep = WorkPoolFilter(
            or_=[deep, WorkPoolFilter(type={"any_": ["process"]})],
            not_=WorkPoolFilter(name={"any_": ["x"]}),
        )
    for filters in (
        {},
        own(method, 1),
        related(1),
        own(method, 1) | related(1),
        {"flow_run_filter": many},
        {"work_pool_filter": deep},
    ):
        seen.clear()
        ask(**filters)
        assert len(seen) == 1
        assert seen[0].lstrip().startswith(("SELECT", "WITH"))


@pytest.mark.parametrize("method", ALL)
def test_a_shape_is_compiled_once(
    store: ArtifactStore, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other values, other lengths of lists, offsets and limits: the same text of the statement."""
    ask = getattr(store, method)
    for page in ({}, {} if "count" in method else {"offset": 1, "limit": 1}):
        ask(**own(method, 1), **related(1), **page)
    kept = len(store._db._compiled)
    compiled: list[Any] = []
    compile_one = store._engine.database.get_sql_context
    monkeypatch.setattr(
        store._engine.database,
        "get_sql_context",
        lambda *given, **more: compiled.append(1) or compile_one(*given, **more),
    )
    for number in range(2, 30):
        page = {} if "count" in method else {"offset": number, "limit": number}
        ask(**own(method, number), **related(number), **page)
    assert (len(store._db._compiled), compiled) == (kept, [])
    ask(
        **related(1),
        **own(method, 1) and {"artifact_filter": ~own(method, 1)["artifact_filter"]},
        **({} if own(method, 1) else {"sort": "NAME_ASC"}),
    )
    assert (len(store._db._compiled), compiled) == (kept + 1, [1])


def test_values_are_bound_and_never_part_of_the_text(store: ArtifactStore, seen: list[str]) -> None:
    secret = "s3cret"
    store.read_artifacts(
        artifact_filter=ArtifactFilter(
            key={"any_": [secret], "like_": secret, "startswith_": secret},
            type={"any_": [secret, "x"], "not_any_": [secret]},
            metadata={"eq_": {secret: secret}, "has_key_": secret, "ge_": {secret: secret}},
        ),
        flow_filter=FlowFilter(name={"like_": secret}, tags={"all_": [secret], "any_": [secret]}),
        flow_run_filter=FlowRunFilter(created_by={"type_": [secret]}, state={"name": {"any_": [secret]}}),
    )  # fmt: skip
    assert len(seen) == 1
    assert secret not in seen[0]


def test_thousands_of_shapes_are_not_all_kept(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory of statements has a bound, and answers stay right when it is emptied."""
    monkeypatch.setattr(statements, "_LIMIT", 100_000)
    kinds: tuple[Callable[[int], Any], ...] = (int, str, bool, lambda _: None)
    largest = 0
    for shape in itertools.product(kinds, repeat=5):
        entries = {f"n{place}": make(place) for place, make in enumerate(shape)}
        assert store.read_artifacts(artifact_filter=ArtifactFilter(metadata={"eq_": entries})) == []
        assert store.count_artifacts(ArtifactFilter(metadata={"eq_": {"x": 1}})) == 1
        largest = max(
            largest, sum(len(statement.sql) for statement in store._db._compiled.values())
        )
    assert 50_000 < largest <= 100_000


def test_the_bound_is_a_few_megabytes() -> None:
    assert 100_000 <= statements._LIMIT <= 20_000_000


@pytest.mark.parametrize("operator", ["all_", "any_"])
def test_many_tags_are_compared_in_steps_that_grow_with_their_number(
    store: ArtifactStore, operator: str
) -> None:
    tags = [f"tag {number}" for number in range(4000)]
    held = store.create_flow("held", tags=[*tags, "more"])
    asked = {"all_": [*tags, tags[0]], "any_": [*(f"other {tag}" for tag in tags), "more"]}[
        operator
    ]
    filters = FlowFilter(tags={operator: asked})
    assert [flow.id for flow in store.read_flows(flow_filter=filters)] == [held.id]

    # A step for each pair would be 16 million of them; SQLite breaks a statement off at the first report.
    connection = store._engine.database.connection()
    connection.set_progress_handler(lambda: 1, 1_000_000)
    try:
        assert [flow.id for flow in store.read_flows(flow_filter=filters)] == [held.id]
        assert store.read_flows(flow_filter=FlowFilter(tags={"all_": [*tags, "another"]})) == []
    finally:
        connection.set_progress_handler(None, 0)
