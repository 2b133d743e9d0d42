"""The tables of flows, deployments, runs and work pools, and the list of all tables."""

import peewee

from .artifact_tables import (
    Artifact,
    ArtifactAlias,
    ArtifactAliasMove,
    ArtifactCollection,
    ArtifactInput,
    IdField,
    JSONTextField,
    TableOptions,
    TableWithId,
    TimeField,
)

__all__ = [
    "TABLES",
    "Artifact",
    "ArtifactAlias",
    "ArtifactAliasMove",
    "ArtifactCollection",
    "ArtifactInput",
    "Deployment",
    "Flow",
    "FlowRun",
    "TaskRun",
    "WorkPool",
    "WorkQueue",
]


def foreign_key(column: str, table: str) -> peewee.SQL:
    """Return the constraint that a column holds an id of another table."""
    return peewee.SQL(f'FOREIGN KEY ("{column}") REFERENCES "{table}" ("id")')


class _RunTable(TableWithId):
    """The columns of all tables of this module."""

    created = TimeField()
    updated = TimeField()


class Flow(_RunTable):
    """A flow: the name that its runs share."""

    id = IdField(primary_key=True)
    name = peewee.TextField(unique=True)
    tags = JSONTextField()


class WorkPool(_RunTable):
    """A pool of workers."""

    id = IdField(primary_key=True)
    name = peewee.TextField(unique=True)
    type = peewee.TextField()


class WorkQueue(_RunTable):
    """A queue of a work pool."""

    id = IdField(primary_key=True)
    name = peewee.TextField()
    work_pool_id = IdField()

    class Meta(TableOptions):
        constraints = (foreign_key("work_pool_id", "work_pool"),)


class Deployment(_RunTable):
    """A flow with its schedule and infrastructure."""

    id = IdField(primary_key=True)
    name = peewee.TextField()
    flow_id = IdField()
    paused = peewee.BooleanField()
    tags = JSONTextField()
    work_queue_id = IdField(null=True, index=True)

    class Meta(TableOptions):
        constraints = (foreign_key("flow_id", "flow"), foreign_key("work_queue_id", "work_queue"))


class FlowRun(_RunTable):
    """One run of a flow."""

    id = IdField(primary_key=True)
    name = peewee.TextField(index=True)
    flow_id = IdField()
    deployment_id = IdField(null=True, index=True)
    work_queue_id = IdField(null=True, index=True)
    parent_task_run_id = IdField(null=True, index=True)
    flow_version = peewee.TextField(null=True)
    idempotency_key = peewee.TextField(null=True)
    state_type = peewee.TextField(null=True)
    state_name = peewee.TextField(null=True)
    expected_start_time = TimeField(null=True)
    next_scheduled_start_time = TimeField(null=True)
    start_time = TimeField(null=True)
    end_time = TimeField(null=True)
    tags = JSONTextField()
    created_by = JSONTextField(null=True)
    state_message = peewee.TextField(null=True)
    parameters = JSONTextField(null=True)

    class Meta(TableOptions):
        constraints = (
            foreign_key("flow_id", "flow"),
            foreign_key("deployment_id", "deployment"),
            foreign_key("work_queue_id", "work_queue"),
        )


class TaskRun(_RunTable):
    """One run of a task inside a flow run."""

    id = IdField(primary_key=True)
    name = peewee.TextField(index=True)
    flow_run_id = IdField(null=True, index=True)
    task_key = peewee.TextField()
    state_type = peewee.TextField(null=True)
    state_name = peewee.TextField(null=True)
    expected_start_time = TimeField(null=True)
    start_time = TimeField(null=True)
    end_time = TimeField(null=True)
    tags = JSONTextField()
    state_message = peewee.TextField(null=True)
    parameters = JSONTextField(null=True)

    class Meta(TableOptions):
        constraints = (foreign_key("flow_run_id", "flow_run"),)


WorkQueue.add_index(WorkQueue.work_pool_id, WorkQueue.name, unique=True)
Deployment.add_index(Deployment.flow_id, Deployment.name, unique=True)
FlowRun.add_index(FlowRun.flow_id, FlowRun.idempotency_key, unique=True)
FlowRun.add_index(FlowRun.created, FlowRun.id)
TaskRun.add_index(TaskRun.created, TaskRun.id)
FlowRun.add_index(
    FlowRun.start_time,
    FlowRun.id,
    where=FlowRun.start_time.is_null(False) & FlowRun.end_time.is_null(),
    name="flow_run_open",
)

TABLES = (
    Flow,
    WorkPool,
    WorkQueue,
    Deployment,
    FlowRun,
    TaskRun,
    Artifact,
    ArtifactCollection,
    ArtifactAlias,
    ArtifactAliasMove,
    ArtifactInput,
)
"""All tables, in the order in which they are created."""
