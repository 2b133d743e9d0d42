"""The tables: Peewee models that describe columns, constraints and indexes and are never bound to a database.

Times are text in ISO 8601 with microseconds and UTC's offset on SQLite, so that they sort as
they pass; ids are 36 characters there and sort like their bytes. JSON is text on every
engine, because the order of object keys and numbers such as 1e300 must survive. `artifact.data`
is the last column, so that a long payload does not stand between a reader and the rest of its row.
"""

import peewee

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


class IdField(peewee.Field):
    """A UUID: `uuid` where the engine has it, otherwise text of 36 characters."""

    field_type = "UUID"


class TimeField(peewee.Field):
    """A point in time, in UTC with microseconds."""

    field_type = "TIMESTAMPTZ"


class JSONTextField(peewee.TextField):
    """JSON as text, on every engine."""


class _Table(peewee.Model):
    created = TimeField()
    updated = TimeField()

    class Meta:
        legacy_table_names = False


def _refers(column: str, table: str) -> peewee.SQL:
    return peewee.SQL(f'FOREIGN KEY ("{column}") REFERENCES "{table}" ("id")')


class Flow(_Table):
    """A flow: what runs again and again under one name."""

    id = IdField(primary_key=True)
    name = peewee.TextField(unique=True)
    tags = JSONTextField()


class WorkPool(_Table):
    """A pool of workers."""

    id = IdField(primary_key=True)
    name = peewee.TextField(unique=True)
    type = peewee.TextField()


class WorkQueue(_Table):
    """A queue of a work pool."""

    id = IdField(primary_key=True)
    name = peewee.TextField()
    work_pool_id = IdField()

    class Meta:
        constraints = (_refers("work_pool_id", "work_pool"),)


class Deployment(_Table):
    """A flow with its schedule and infrastructure."""

    id = IdField(primary_key=True)
    name = peewee.TextField()
    flow_id = IdField()
    paused = peewee.BooleanField()
    tags = JSONTextField()
    work_queue_id = IdField(null=True, index=True)

    class Meta:
        constraints = (_refers("flow_id", "flow"), _refers("work_queue_id", "work_queue"))


class FlowRun(_Table):
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


class TaskRun(_Table):
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


class Artifact(_Table):
    """One version of a key, or one artifact without a key."""

    id = IdField(primary_key=True)
    key = peewee.TextField(null=True)
    version = peewee.BigIntegerField(null=True)
    type = peewee.TextField(null=True)
    description = peewee.TextField(null=True)
    metadata = JSONTextField(null=True)
    flow_run_id = IdField(null=True)
    task_run_id = IdField(null=True)
    profile = JSONTextField(null=True)
    data = JSONTextField(null=True)

    class Meta:
        constraints = (peewee.Check('("key" IS NULL) = ("version" IS NULL)'), peewee.Check('"version" >= 1'))


class ArtifactCollection(_Table):
    """The pointer from a key to its latest version; `latest` alone writes it."""

    key = peewee.TextField(primary_key=True)
    latest_id = IdField(index=True)
    latest_version = peewee.BigIntegerField()
    last_version = peewee.BigIntegerField()


WorkQueue.add_index(WorkQueue.work_pool_id, WorkQueue.name, unique=True)
Deployment.add_index(Deployment.flow_id, Deployment.name, unique=True)
FlowRun.add_index(FlowRun.flow_id, FlowRun.idempotency_key, unique=True)
FlowRun.add_index(FlowRun.created, FlowRun.id)
TaskRun.add_index(TaskRun.created, TaskRun.id)
Artifact.add_index(Artifact.key, Artifact.version, unique=True)
Artifact.add_index(Artifact.key, Artifact.version, Artifact.id)
for _column in (Artifact.created, Artifact.updated, Artifact.type, Artifact.task_run_id):
    Artifact.add_index(_column, Artifact.id)
# With `created`, what many runs have made is sorted by it without reading the artifacts.
Artifact.add_index(Artifact.flow_run_id, Artifact.id, Artifact.created)
ArtifactCollection.add_index(ArtifactCollection.updated, ArtifactCollection.key)
ArtifactCollection.add_index(ArtifactCollection.created, ArtifactCollection.key)

TABLES = (Flow, WorkPool, WorkQueue, Deployment, FlowRun, TaskRun, Artifact, ArtifactCollection)
