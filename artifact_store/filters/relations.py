"""How the tables hang together: which related filters a listing takes, and the joins that lead to their rows.

A listing of artifacts takes a `flow_filter`, which constrains the flow of the flow run that made the artifact. A
`Relation` is one such step, from a column of one table to a column of another.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import peewee

from ..db.artifact_tables import TableWithId
from ..db.run_tables import Artifact, Deployment, Flow, FlowRun, TaskRun, WorkPool, WorkQueue
from ..wording import FILTER_PARAMETERS
from . import definitions
from .definitions import Filter

__all__ = ["ALLOWED_FILTERS", "FILTER_KINDS", "RELATIONS", "Relation"]


# Compared and hashed by identity: Peewee's fields make an expression of `==`, and conditions are keys of a cache.
@dataclass(frozen=True, eq=False, slots=True)
class Relation:
    """The step from the rows of one table to related rows of another.

    Attributes:
        filter_name: The parameter whose filter the related rows must match; `work_queue` has none of its own.
        model: The table of the related rows.
        column: The column of the first table that leads to them.
        related_column: The column of `model` that equals it.
        relations: The steps that go on from the related rows.
    """

    filter_name: str
    model: type[TableWithId]
    column: peewee.Field
    related_column: peewee.Field
    relations: tuple["Relation", ...] = ()


def _to_flow(column: peewee.Field) -> Relation:
    return Relation("flow_filter", Flow, column, Flow.id)


def _to_work_queue(column: peewee.Field) -> Relation:
    work_pool = Relation("work_pool_filter", WorkPool, WorkQueue.work_pool_id, WorkPool.id)
    return Relation("work_queue", WorkQueue, column, WorkQueue.id, (work_pool,))


def _to_flow_runs(column: peewee.Field, related_column: peewee.Field) -> Relation:
    return Relation("flow_run_filter", FlowRun, column, related_column, (_FLOW_RUN_TO_TASK_RUNS,))


def _to_deployments(
    column: peewee.Field, related_column: peewee.Field, *relations: Relation
) -> Relation:
    return Relation("deployment_filter", Deployment, column, related_column, relations)


_FLOW_RUN_TO_TASK_RUNS = Relation("task_run_filter", TaskRun, FlowRun.id, TaskRun.flow_run_id)

# What a flow run belongs to. Flow, deployment and work pool hang on one flow run, so that together they must hold of
# the same one.
_FLOW_RUN_TO_PARENTS = (
    _to_flow(FlowRun.flow_id),
    Relation("deployment_filter", Deployment, FlowRun.deployment_id, Deployment.id),
    _to_work_queue(FlowRun.work_queue_id),
)

_FROM_WORK_QUEUE = (
    _to_deployments(WorkQueue.id, Deployment.work_queue_id, _to_flow(Deployment.flow_id)),
    _to_flow_runs(WorkQueue.id, FlowRun.work_queue_id),
)

RELATIONS: dict[str, tuple[Relation, ...]] = {
    "artifact_filter": (
        Relation(
            "flow_run_filter", FlowRun, Artifact.flow_run_id, FlowRun.id, _FLOW_RUN_TO_PARENTS
        ),
        Relation("task_run_filter", TaskRun, Artifact.task_run_id, TaskRun.id),
    ),
    "flow_run_filter": (*_FLOW_RUN_TO_PARENTS, _FLOW_RUN_TO_TASK_RUNS),
    "task_run_filter": (
        Relation("flow_run_filter", FlowRun, TaskRun.flow_run_id, FlowRun.id, _FLOW_RUN_TO_PARENTS),
    ),
    "flow_filter": (
        _to_flow_runs(Flow.id, FlowRun.flow_id),
        _to_deployments(Flow.id, Deployment.flow_id, _to_work_queue(Deployment.work_queue_id)),
    ),
    "deployment_filter": (
        _to_flow(Deployment.flow_id),
        _to_work_queue(Deployment.work_queue_id),
        _to_flow_runs(Deployment.id, FlowRun.deployment_id),
    ),
    "work_pool_filter": (
        Relation("work_queue", WorkQueue, WorkPool.id, WorkQueue.work_pool_id, _FROM_WORK_QUEUE),
    ),
    "work_queue": (
        Relation("work_pool_filter", WorkPool, WorkQueue.work_pool_id, WorkPool.id),
        *_FROM_WORK_QUEUE,
    ),
}
"""For each table that can be listed, by the name of its own filter: the steps to related rows."""

FILTER_KINDS: dict[str, tuple[type[Filter], ...]] = {
    parameter: tuple(
        getattr(definitions, name)
        for name, other in FILTER_PARAMETERS.items()
        if other == parameter
    )
    for parameter in FILTER_PARAMETERS.values()
}
"""The classes of filter that each parameter takes."""


def _filter_names(relations: Iterable[Relation]) -> Iterator[str]:
    for relation in relations:
        yield relation.filter_name
        yield from _filter_names(relation.relations)


ALLOWED_FILTERS: dict[str, frozenset[str]] = {
    root: frozenset({root, *_filter_names(relations)} & FILTER_KINDS.keys())
    for root, relations in RELATIONS.items()
}
"""The filters that each listing takes, by the names of their parameters."""
