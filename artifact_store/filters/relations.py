"""How the tables are related: the filters that each list takes, and the joins to their rows.

A list of artifacts takes a `flow_filter`, a condition on the flow of the artifact's flow run. A
`Relation` is one step on the way there, from a column of one table to a column of another.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import peewee

from ..db.artifact_tables import TableWithId
from ..db.run_tables import (
    Artifact,
    Deployment,
    Flow,
    FlowRun,
    TaskRun,
    WorkPool,
    WorkQueue,
)
from ..wording import FILTER_PARAMETERS
from . import definitions
from .base import Filter

__all__ = ["ALLOWED_FILTERS", "FILTER_KINDS", "RELATIONS", "Relation"]


# Compared and hashed by identity: conditions are keys of a cache, and `==` between two fields of
# Peewee is an expression.
@dataclass(frozen=True, eq=False, slots=True)
class Relation:
    """The step from the rows of one table to related rows of another.

    Attributes:
        filter_name: The parameter whose filter the related rows must satisfy; no method has one for
            work queues.
        model: The table of the related rows.
        column: The column of the first table that refers to them.
        related_column: The column of `model` that equals `column`.
        relations: The next steps from the related rows.
    """

    filter_name: str
    model: type[TableWithId]
    column: peewee.Field
    related_column: peewee.Field
    relations: tuple["Relation", ...] = ()


def to_flow(column: peewee.Field) -> Relation:
    """Return the step from a column with the id of a flow."""
    return Relation("flow_filter", Flow, column, Flow.id)


def to_work_queue(column: peewee.Field) -> Relation:
    """Return the step from a column with the id of a work queue, and the next one to its pool."""
    return Relation("work_queue", WorkQueue, column, WorkQueue.id, (_TO_WORK_POOL,))


def to_flow_runs(column: peewee.Field, related_column: peewee.Field) -> Relation:
    """Return the step to flow runs that refer to a column, and the next one to their task runs."""
    return Relation("flow_run_filter", FlowRun, column, related_column, (_TO_TASK_RUNS,))


_TO_WORK_POOL = Relation("work_pool_filter", WorkPool, WorkQueue.work_pool_id, WorkPool.id)
_TO_TASK_RUNS = Relation("task_run_filter", TaskRun, FlowRun.id, TaskRun.flow_run_id)

# Flow, deployment and work pool are related to one flow run, so their filters must all be satisfied
# by what belongs to the same flow run.
_FLOW_RUN_TO_PARENTS = (
    to_flow(FlowRun.flow_id),
    Relation("deployment_filter", Deployment, FlowRun.deployment_id, Deployment.id),
    to_work_queue(FlowRun.work_queue_id),
)

_FROM_WORK_QUEUE = (
    Relation(
        "deployment_filter",
        Deployment,
        column=WorkQueue.id,
        related_column=Deployment.work_queue_id,
        relations=(to_flow(Deployment.flow_id),),
    ),
    to_flow_runs(WorkQueue.id, FlowRun.work_queue_id),
)

RELATIONS: dict[str, tuple[Relation, ...]] = {
    "artifact_filter": (
        Relation(
            "flow_run_filter",
            FlowRun,
            column=Artifact.flow_run_id,
            related_column=FlowRun.id,
            relations=_FLOW_RUN_TO_PARENTS,
        ),
        Relation("task_run_filter", TaskRun, Artifact.task_run_id, TaskRun.id),
    ),
    "flow_run_filter": (*_FLOW_RUN_TO_PARENTS, _TO_TASK_RUNS),
    "task_run_filter": (
        Relation(
            "flow_run_filter",
            FlowRun,
            column=TaskRun.flow_run_id,
            related_column=FlowRun.id,
            relations=_FLOW_RUN_TO_PARENTS,
        ),
    ),
    "flow_filter": (
        to_flow_runs(Flow.id, FlowRun.flow_id),
        Relation(
            "deployment_filter",
            Deployment,
            column=Flow.id,
            related_column=Deployment.flow_id,
            relations=(to_work_queue(Deployment.work_queue_id),),
        ),
    ),
    "deployment_filter": (
        to_flow(Deployment.flow_id),
        to_work_queue(Deployment.work_queue_id),
        to_flow_runs(Deployment.id, FlowRun.deployment_id),
    ),
    "work_pool_filter": (
        Relation(
            "work_queue",
            WorkQueue,
            column=WorkPool.id,
            related_column=WorkQueue.work_pool_id,
            relations=_FROM_WORK_QUEUE,
        ),
    ),
    "work_queue": (_TO_WORK_POOL, *_FROM_WORK_QUEUE),
}
"""The steps from each table that can be listed, by the name of the filter of the table."""

FILTER_KINDS: dict[str, tuple[type[Filter], ...]] = {}
"""The classes of filters that each parameter takes."""

for _class_name, _parameter in FILTER_PARAMETERS.items():
    _kind: type[Filter] = getattr(definitions, _class_name)
    FILTER_KINDS[_parameter] = (*FILTER_KINDS.get(_parameter, ()), _kind)


def filter_names(relations: Iterable[Relation]) -> Iterator[str]:
    """Yield the names of the filters that some steps lead to."""
    for relation in relations:
        yield relation.filter_name
        yield from filter_names(relation.relations)


ALLOWED_FILTERS: dict[str, frozenset[str]] = {
    root: frozenset({root, *filter_names(relations)} & FILTER_KINDS.keys())
    for root, relations in RELATIONS.items()
}
"""The parameters of the filters that each list takes, by the name of the filter of its table."""
