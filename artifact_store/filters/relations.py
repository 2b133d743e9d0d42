"""How the tables are related: the filters that each list takes, and the joins to their rows.

A list of artifacts takes a `flow_filter`, a condition on the flow of the artifact's flow run. A
`Relation` is one step on the way there, from a column of one table to a column of another.
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

# Flow, deployment and work pool are related to one flow run, so their filters must all be satisfied
# by what belongs to the same flow run.
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
