"""Flow runs with their task runs and artifacts, in four statements however many runs there are.

Of each run the newest task runs and artifacts are read, so that one run with many of them does not
displace those of the others.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

import peewee
from peewee import JOIN, SQL, fn

from ..db import artifact_tables, run_tables
from ..db.statements import Expression, Query, Statements, slot
from ..filters.compiler import apply_condition, compile_filters
from ..runs.queries import FLOW_RUNS, FLOWS, TASK_RUNS
from ..schemas.artifacts import Artifact
from ..schemas.run_trees import FlowRunTree, TaskRunTree
from ..schemas.runs import Flow, FlowRun, TaskRun
from ..schemas.sorting import RunSort
from .pagination import ListingQuery
from .queries import COLUMNS_WITHOUT_DATA, ROWS

__all__ = ["read_run_trees"]

Table = TypeVar("Table", run_tables.TaskRun, artifact_tables.Artifact)
OfRun = TypeVar("OfRun", TaskRun, Artifact)


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
        limit: the maximum number of runs; `None` is all.
        sort: the order of the runs.
        filters: the five filters of runs.
        listing: which artifacts are shown.
        per_run: the maximum number of task runs, and of artifacts, of each run.
    """
    runs = FLOW_RUNS.read_page(db, offset, limit, sort, filters)
    if not runs:
        return []

    flow_ids = list(dict.fromkeys(run.flow_id for run in runs))
    flows = {flow.id: flow for flow in FLOWS.read_many(db, flow_ids)}

    # One more than is shown tells whether there are more.
    run_ids = [run.id for run in runs]
    task_run_filter = filters.get("task_run_filter")
    task_runs = group_by_run(read_task_runs(db, run_ids, task_run_filter, per_run + 1))
    artifacts = group_by_run(read_artifacts(db, run_ids, listing, per_run + 1))

    trees = []
    for run in runs:
        flow = flows.get(run.flow_id)
        if flow is None:  # deleted between two statements, with its runs
            continue
        of_run = task_runs.get(run.id, [])
        published = artifacts.get(run.id, [])
        trees.append(build_tree(flow, run, of_run, published, per_run))
    return trees


def group_by_run(items: Iterable[OfRun]) -> dict[UUID, list[OfRun]]:
    """Return task runs or artifacts by their flow run."""
    groups: dict[UUID, list[OfRun]] = {}
    for item in items:
        if item.flow_run_id is not None:
            groups.setdefault(item.flow_run_id, []).append(item)
    return groups


def build_tree(
    flow: Flow,
    run: FlowRun,
    task_runs: list[TaskRun],
    artifacts: list[Artifact],
    per_run: int,
) -> FlowRunTree:
    """Return the tree of one run; both lists are oldest first, and may be one longer than shown."""
    is_complete = len(task_runs) <= per_run and len(artifacts) <= per_run
    shown = {task_run.id: task_run for task_run in task_runs[-per_run:]}

    of_flow_run: list[Artifact] = []
    of_task_runs: dict[UUID, list[Artifact]] = {task_run_id: [] for task_run_id in shown}
    for artifact in artifacts[-per_run:]:
        if artifact.task_run_id is None:
            of_flow_run.append(artifact)
        else:
            of_task_runs.setdefault(artifact.task_run_id, []).append(artifact)

    branches = [
        TaskRunTree(task_run_id, shown.get(task_run_id), tuple(some))
        for task_run_id, some in of_task_runs.items()
    ]
    return FlowRunTree(flow, run, tuple(of_flow_run), tuple(branches), is_complete)


def read_task_runs(
    db: Statements,
    run_ids: Sequence[UUID],
    task_run_filter: object,
    limit: int,
) -> list[TaskRun]:
    """Return the newest task runs of each of some flow runs, oldest first.

    Args:
        db: the statements of a store.
        run_ids: the flow runs.
        task_run_filter: which task runs are read; `None` is all.
        limit: the maximum number for each flow run.
    """
    table = run_tables.TaskRun
    filters = {"task_run_filter": task_run_filter}
    condition, bound = compile_filters("task_run_filter", filters, db.dialect)

    def build() -> Query:
        if condition is None:
            return newest_of_runs(db, table, TASK_RUNS.columns)
        of_runs = db.dialect.is_in(table.flow_run_id, slot("runs"))
        number = number_in_run(table.flow_run_id, table.id)
        query = table.select(table.id, number).where(of_runs)
        numbered = apply_condition(query, condition, db.dialect).alias("numbered")
        return newest(table.select(*TASK_RUNS.columns), table.id, numbered)

    values = {**bound, **bind_runs(db, run_ids, limit)}
    rows = db.fetch_all(("run_trees.task_runs", condition), build, values)
    return TASK_RUNS.rows.values(rows)


def read_artifacts(
    db: Statements,
    run_ids: Sequence[UUID],
    listing: ListingQuery,
    limit: int,
) -> list[Artifact]:
    """Return the newest artifacts of each of some flow runs, oldest first, without their data.

    Args:
        db: the statements of a store.
        run_ids: the flow runs.
        listing: which artifacts are read.
        limit: the maximum number for each flow run.
    """
    table = artifact_tables.Artifact

    def build() -> Query:
        if listing.condition is None:
            return newest_of_runs(db, table, COLUMNS_WITHOUT_DATA)
        of_runs = db.dialect.is_in(table.flow_run_id, slot("runs"))
        number = number_in_run(table.flow_run_id, table.id)
        numbered = listing.select(db, table.id, number).where(of_runs).alias("numbered")
        artifacts = listing._replace(condition=None)
        return newest(artifacts.select(db), table.id, numbered)

    values = {**listing.values, **bind_runs(db, run_ids, limit)}
    rows = db.fetch_all(("run_trees.artifacts", listing.condition), build, values)
    return ROWS.values(rows)


def newest_of_runs(db: Statements, table: type[Table], columns: Iterable[Query]) -> Query:
    """Return the newest rows of each of some flow runs, oldest first, without reading the others.

    This is for all rows. A filter that few of them satisfy would be tried on many rows of each run,
    with its related rows looked up each time; a window function tries it once for all runs.
    """
    if db.dialect.has_lateral_joins:
        return limit_each_run_query(db, table, columns)
    return first_of_each_run_query(db, table, columns)


def limit_each_run_query(db: Statements, table: type[Table], columns: Iterable[Query]) -> Query:
    """Build a statement with a limit for each run, which PostgreSQL applies before it joins."""
    run = run_tables.FlowRun.alias("run")
    inner = table.alias("inner")
    chosen = (
        inner.select(inner.id.alias("row_id"))
        .where(inner.flow_run_id == run.id)
        .order_by(inner.id.desc())
        .limit(slot("limit"))
        .alias("chosen")
    )
    return (
        table.select(*columns)
        .from_(run)
        .join(chosen, JOIN.LATERAL, on=SQL("TRUE"))
        .join_from(run, table, on=(table.id == chosen.c.row_id))
        .where(db.dialect.is_in(run.id, slot("runs")))
        .order_by(table.id)
    )


def first_of_each_run_query(db: Statements, table: type[Table], columns: Iterable[Query]) -> Query:
    """Build a statement that finds the first row to read of each run: SQLite has no limit for each."""
    run = run_tables.FlowRun.alias("run")
    older = table.alias("older")
    first = (
        older.select(older.id)
        .where(older.flow_run_id == run.id)
        .order_by(older.id.desc())
        .limit(1)
        .offset(slot("skipped"))
    )
    is_read = table.id >= fn.COALESCE(first, SQL("''"))
    return (
        table.select(*columns)
        .join(run, on=((run.id == table.flow_run_id) & is_read))
        .where(db.dialect.is_in(run.id, slot("runs")))
        .order_by(table.id)
    )


def bind_runs(db: Statements, run_ids: Sequence[UUID], limit: int) -> dict[Hashable, object]:
    """Return the values of a statement for each of some flow runs."""
    return {"runs": db.dialect.bind_list(run_ids), "limit": limit, "skipped": limit - 1}


def number_in_run(flow_run_id: Expression, row_id: Expression) -> Query:
    """Return the column that numbers the rows of each flow run, the newest first."""
    number = fn.ROW_NUMBER().over(
        partition_by=[flow_run_id],
        order_by=[row_id.desc()],
    )
    return number.alias("number")


def newest(query: peewee.Select, row_id: Expression, numbered: peewee.Select) -> Query:
    """Return the rows of a query whose number in their run is within the limit, oldest first."""
    return (
        query.join(numbered, on=(numbered.c.id == row_id))
        .where(numbered.c.number <= slot("limit"))
        .order_by(row_id)
    )
