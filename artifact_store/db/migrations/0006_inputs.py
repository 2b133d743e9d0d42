"""Inputs: which versions each run has used; and an index of the runs that are open."""

# pyright: reportIncompatibleVariableOverride=false

from functools import partial

import peewee
from peewee import BigIntegerField, BooleanField, CompositeKey, Field, Model


class _Id(Field):
    field_type = "UUID"


class _Time(Field):
    field_type = "TIMESTAMPTZ"


def up(migrator, db):
    """Create the table of inputs, and the index of open flow runs."""
    postgres = isinstance(db, peewee.PostgresqlDatabase)
    TextField = partial(peewee.TextField, collation='"C"' if postgres else None)  # noqa: N806

    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class ArtifactInput(Table):
        run_id = _Id()
        ref = TextField()
        flow_run_id = _Id(null=True)
        task_run_id = _Id(null=True)
        artifact_id = _Id()
        key = TextField(null=True)
        version = BigIntegerField(null=True)
        source_run_id = _Id(null=True)
        source_created = _Time()
        held = BooleanField()
        used = _Time()

        class Meta:
            primary_key = CompositeKey("run_id", "ref")

    ArtifactInput.add_index(ArtifactInput.artifact_id, ArtifactInput.run_id)
    ArtifactInput.add_index(
        ArtifactInput.source_run_id,
        ArtifactInput.artifact_id,
        where=ArtifactInput.source_run_id.is_null(False),
    )
    ArtifactInput.add_index(ArtifactInput.key, ArtifactInput.version)
    ArtifactInput.add_index(ArtifactInput.key, where=ArtifactInput.held, name="artifact_input_held")
    ArtifactInput.create_table(safe=False)
    db.execute_sql(
        'CREATE INDEX "flow_run_open" ON "flow_run" ("start_time", "id") '
        'WHERE (("start_time" IS NOT NULL) AND ("end_time" IS NULL))'
    )
