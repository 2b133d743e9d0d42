"""The tables of the first release."""

# pyright: reportIncompatibleVariableOverride=false

from functools import partial

import peewee
from peewee import SQL, BigIntegerField, BooleanField, Check, Field, Model


class _Id(Field):
    field_type = "UUID"


class _Time(Field):
    field_type = "TIMESTAMPTZ"


def _refers(column, table):
    return SQL(f'FOREIGN KEY ("{column}") REFERENCES "{table}" ("id")')


def up(migrator, db):
    """Create every table."""
    postgres = isinstance(db, peewee.PostgresqlDatabase)
    # Text sorts by code point on every engine, whatever language the server was set up for.
    TextField = partial(peewee.TextField, collation='"C"' if postgres else None)  # noqa: N806

    class Table(Model):
        created = _Time()
        updated = _Time()

        class Meta:
            database = db
            legacy_table_names = False

    class Flow(Table):
        id = _Id(primary_key=True)
        name = TextField(unique=True)
        tags = TextField()

    class WorkPool(Table):
        id = _Id(primary_key=True)
        name = TextField(unique=True)
        type = TextField()

    class WorkQueue(Table):
        id = _Id(primary_key=True)
        name = TextField()
        work_pool_id = _Id()

        class Meta:
            constraints = (_refers("work_pool_id", "work_pool"),)

    class Deployment(Table):
        id = _Id(primary_key=True)
        name = TextField()
        flow_id = _Id()
        paused = BooleanField()
        tags = TextField()
        work_queue_id = _Id(null=True, index=True)

        class Meta:
            constraints = (_refers("flow_id", "flow"), _refers("work_queue_id", "work_queue"))

    class FlowRun(Table):
        id = _Id(primary_key=True)
        name = TextField(index=True)
        flow_id = _Id()
        deployment_id = _Id(null=True, index=True)
        work_queue_id = _Id(null=True, index=True)
        parent_task_run_id = _Id(null=True, index=True)
        flow_version = TextField(null=True)
        idempotency_key = TextField(null=True)
        state_type = TextField(null=True)
        state_name = TextField(null=True)
        expected_start_time = _Time(null=True)
        next_scheduled_start_time = _Time(null=True)
        start_time = _Time(null=True)
        end_time = _Time(null=True)
        tags = TextField()
        created_by = TextField(null=True)

        class Meta:
            constraints = (
                _refers("flow_id", "flow"),
                _refers("deployment_id", "deployment"),
                _refers("work_queue_id", "work_queue"),
            )

    class TaskRun(Table):
        id = _Id(primary_key=True)
        name = TextField(index=True)
        flow_run_id = _Id(null=True, index=True)
        task_key = TextField()
        state_type = TextField(null=True)
        state_name = TextField(null=True)
        expected_start_time = _Time(null=True)
        start_time = _Time(null=True)
        end_time = _Time(null=True)
        tags = TextField()

        class Meta:
            constraints = (_refers("flow_run_id", "flow_run"),)

    class Artifact(Table):
        id = _Id(primary_key=True)
        key = TextField(null=True)
        version = BigIntegerField(null=True)
        type = TextField(null=True)
        description = TextField(null=True)
        metadata = TextField(null=True)
        flow_run_id = _Id(null=True)
        task_run_id = _Id(null=True)
        data = TextField(null=True)

        class Meta:
            constraints = (Check('("key" IS NULL) = ("version" IS NULL)'), Check('"version" >= 1'))

    class ArtifactCollection(Table):
        key = TextField(primary_key=True)
        latest_id = _Id(index=True)
        latest_version = BigIntegerField()
        last_version = BigIntegerField()

    WorkQueue.add_index(WorkQueue.work_pool_id, WorkQueue.name, unique=True)
    Deployment.add_index(Deployment.flow_id, Deployment.name, unique=True)
    FlowRun.add_index(FlowRun.flow_id, FlowRun.idempotency_key, unique=True)
    FlowRun.add_index(FlowRun.created, FlowRun.id)
    TaskRun.add_index(TaskRun.created, TaskRun.id)
    Artifact.add_index(Artifact.key, Artifact.version, unique=True)
    Artifact.add_index(Artifact.key, Artifact.version, Artifact.id)
    for column in (
        Artifact.created,
        Artifact.updated,
        Artifact.type,
        Artifact.flow_run_id,
        Artifact.task_run_id,
    ):
        Artifact.add_index(column, Artifact.id)
    if postgres:
        Artifact.add_index(
            Artifact.key.desc(nulls="LAST"),
            Artifact.version.desc(),
            Artifact.id.desc(),
            name="artifact_key_desc",
        )
    ArtifactCollection.add_index(ArtifactCollection.updated, ArtifactCollection.key)
    ArtifactCollection.add_index(ArtifactCollection.created, ArtifactCollection.key)

    for model in (
        Flow,
        WorkPool,
        WorkQueue,
        Deployment,
        FlowRun,
        TaskRun,
        Artifact,
        ArtifactCollection,
    ):
        model.create_table(safe=False)
