"""Flow runs with their task runs and artifacts, in four statements however many runs there are.

The newest task runs and artifacts of each run are numbered by a window function, so that one run with many of them
does not keep those of the others from being read.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import peewee
from peewee import fn

from ..db import artifact_tables, run_tables
from ..db.statements import Query, Statements, slot
from ..filters.compiler import apply_condition, compile_filters
from ..runs.queries import FLOW_RUNS, FLOWS, TASK_RUNS
from ..schemas.artifacts import Artifact
from ..schemas.run_trees import FlowRunTree, TaskRunTree
from ..schemas.runs import FlowRun, TaskRun
from ..schemas.sorting import RunSort
from .pagination import ListingQuery
from .queries import ROWS

__all__ = ["read_run_trees"]

_A, _T = artifact_tables.Artifact, run_tables.TaskRun


def read_run_trees(
    db: Statements,
    offset: int,
    limit: int | None,
    sort: RunSort,
    filters: Mapping[str, object],
    listing: ListingQuery,
    per_run: int,
) -> list[FlowRunTree]:
    """Return a page of flow runs with what belongs to them.

    Args:
        db: the statements of a store.
        offset: how many runs to skip.
        limit: the most runs; `None` is all.
        sort: the order of the runs.
        filters: the five filters of runs.
        listing: which artifacts are shown.
        per_run: the most task runs, and the most artifacts, of each run.
    """
    runs = FLOW_RUNS.read_page(db, offset, limit, sort, filters)
    if not runs:
        return []

    flow_ids = list(dict.fromkeys(run.flow_id for run in runs))
    flows = {flow.id: flow for flow in FLOWS.read_many(db, flow_ids)}
    run_ids = [run.id for run in runs]
    task_runs: dict[UUID, list[TaskRun]] = {}
    for task_run in _read_task_runs(db, run_ids, filters.get("task_run_filter"), per_run + 1):
        if task_run.flow_run_id is not None:
            task_runs.setdefault(task_run.flow_run_id, []).append(task_run)
    published: dict[UUID, list[Artifact]] = {}
    for artifact in _read_artifacts(db, run_ids, listing, per_run + 1):
        if artifact.flow_run_id is not None:
            published.setdefault(artifact.flow_run_id, []).append(artifact)

    # A flow that is not there was deleted between two statements, and its runs with it.
    return [
        _tree(flows, run, task_runs.get(run.id, []), published.get(run.id, []), per_run)
        for run in runs
        if run.flow_id in flows
    ]


def _tree(
    flows: Mapping[UUID, Any],
    run: FlowRun,
    task_runs: list[TaskRun],
    artifacts: list[Artifact],
    per_run: int,
) -> FlowRunTree:
    """Put together what belongs to one run; both lists are sorted, and one longer than what is shown."""
    complete = len(task_runs) <= per_run and len(artifacts) <= per_run
    by_id: dict[UUID, TaskRun] = {each.id: each for each in task_runs[-per_run:]}
    own: list[Artifact] = []
    of_tasks: dict[UUID, list[Artifact]] = {task_run_id: [] for task_run_id in by_id}
    for artifact in artifacts[-per_run:]:
        of_task = (
            own if artifact.task_run_id is None else of_tasks.setdefault(artifact.task_run_id, [])
        )
        of_task.append(artifact)
    branches = (
        TaskRunTree(task_run_id, by_id.get(task_run_id), tuple(some))
        for task_run_id, some in of_tasks.items()
    )
    return FlowRunTree(flows[run.flow_id], run, tuple(own), tuple(branches), complete)


def _read_task_runs(
    db: Statements, run_ids: Sequence[UUID], task_run_filter: object, most: int
) -> list[TaskRun]:
    """Return the newest task runs of each of some flow runs, oldest first."""
    condition, values = compile_filters(
        "task_run_filter", {"task_run_filter": task_run_filter}, db.dialect
    )

    def build() -> Query:
        query = _T.select(_T.id, _number_in_run(_T)).where(
            db.dialect.is_in(_T.flow_run_id, slot("runs"))
        )
        numbered = apply_condition(query, condition, db.dialect).alias("numbered")
        return _newest(_T.select(*TASK_RUNS.columns), _T, numbered)

    values = {**values, "runs": db.dialect.bind_list(run_ids), "most": most}
    return TASK_RUNS.rows.values(db.fetch_all(("run_trees.task_runs", condition), build, values))


def _read_artifacts(
    db: Statements, run_ids: Sequence[UUID], listing: ListingQuery, most: int
) -> list[Artifact]:
    """Return the newest artifacts of each of some flow runs, oldest first, without their data."""

    def build() -> Query:
        query = listing.select(db, _A.id, _number_in_run(_A))
        numbered = query.where(db.dialect.is_in(_A.flow_run_id, slot("runs"))).alias("numbered")
        return _newest(listing._replace(condition=None).select(db), _A, numbered)

    values = {**listing.values, "runs": db.dialect.bind_list(run_ids), "most": most}
    return ROWS.values(db.fetch_all(("run_trees.artifacts", listing.condition), build, values))


def _number_in_run(table: type[run_tables.TaskRun] | type[artifact_tables.Artifact]) -> Query:
    """Return the column that numbers the rows of each run, the newest first."""
    window = {"partition_by": [table.flow_run_id], "order_by": [table.id.desc()]}
    return fn.ROW_NUMBER().over(**window).alias("number")


def _newest(
    query: peewee.Select,
    table: type[run_tables.TaskRun] | type[artifact_tables.Artifact],
    numbered: peewee.Select,
) -> Query:
    """Return the rows of a query whose number in their run is small enough, oldest first."""
    joined = query.join(numbered, on=(numbered.c.id == table.id))
    return joined.where(numbered.c.number <= slot("most")).order_by(table.id)
