"""The tables of runs and of what surrounds them, beside those of artifacts: all that a question may ask about."""

import peewee

from .artifact_tables import (
    Artifact,
    ArtifactCollection,
    IdField,
    JSONTextField,
    TableWithId,
    TimeField,
)

__all__ = [
    "TABLES",
    "Artifact",
    "ArtifactCollection",
    "Deployment",
    "Flow",
    "FlowRun",
    "TaskRun",
    "WorkPool",
    "WorkQueue",
]


def _refers(column: str, table: str) -> peewee.SQL:
    return peewee.SQL(f'FOREIGN KEY ("{column}") REFERENCES "{table}" ("id")')


class _OfRuns(TableWithId):
    created = TimeField()
    updated = TimeField()


class Flow(_OfRuns):
    """A flow: what runs again and again under one name."""

    id = IdField(primary_key=True)
    name = peewee.TextField(unique=True)
    tags = JSONTextField()


class WorkPool(_OfRuns):
    """A pool of workers."""

    id = IdField(primary_key=True)
    name = peewee.TextField(unique=True)
    type = peewee.TextField()


class WorkQueue(_OfRuns):
    """A queue of a work pool."""

    id = IdField(primary_key=True)
    name = peewee.TextField()
    work_pool_id = IdField()

    class Meta:
        constraints = (_refers("work_pool_id", "work_pool"),)


class Deployment(_OfRuns):
    """A flow with its schedule and infrastructure."""

    id = IdField(primary_key=True)
    name = peewee.TextField()
    flow_id = IdField()
    paused = peewee.BooleanField()
    tags = JSONTextField()
    work_queue_id = IdField(null=True, index=True)

    class Meta:
        constraints = (_refers("flow_id", "flow"), _refers("work_queue_id", "work_queue"))


class FlowRun(_OfRuns):
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

    class Meta:
        constraints = (
            _refers("flow_id", "flow"),
            _refers("deployment_id", "deployment"),
            _refers("work_queue_id", "work_queue"),
        )


class TaskRun(_OfRuns):
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

    class Meta:
        constraints = (_refers("flow_run_id", "flow_run"),)


WorkQueue.add_index(WorkQueue.work_pool_id, WorkQueue.name, unique=True)
Deployment.add_index(Deployment.flow_id, Deployment.name, unique=True)
FlowRun.add_index(FlowRun.flow_id, FlowRun.idempotency_key, unique=True)
FlowRun.add_index(FlowRun.created, FlowRun.id)
TaskRun.add_index(TaskRun.created, TaskRun.id)

TABLES = (Flow, WorkPool, WorkQueue, Deployment, FlowRun, TaskRun, Artifact, ArtifactCollection)
"""All tables, in the order in which they are created."""
