"""Aliases: names of versions, and the history of what each name has stood for."""

# pyright: reportIncompatibleVariableOverride=false

from functools import partial

import peewee
from peewee import BigIntegerField, Check, CompositeKey, Field, Model


class _Id(Field):
    field_type = "UUID"


class _Time(Field):
    field_type = "TIMESTAMPTZ"


def up(migrator, db):
    """Create both tables, and count in the row of a key how many aliases hold its versions."""
    postgres = isinstance(db, peewee.PostgresqlDatabase)
    integer = "BIGINT" if postgres else "INTEGER"
    db.execute_sql(
        f'ALTER TABLE "artifact_collection" ADD COLUMN "holds" {integer} NOT NULL DEFAULT 0'
    )
    TextField = partial(peewee.TextField, collation='"C"' if postgres else None)  # noqa: N806

    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class ArtifactAlias(Table):
        created = _Time()
        moved = _Time()
        key = TextField()
        name = TextField()
        version = BigIntegerField()
        flow_run_id = _Id(null=True)

        class Meta:
            primary_key = CompositeKey("key", "name")

    class ArtifactAliasMove(Table):
        id = _Id(primary_key=True)
        key = TextField()
        name = TextField()
        number = BigIntegerField()
        from_version = BigIntegerField(null=True)
        to_version = BigIntegerField(null=True)
        moved = _Time()
        flow_run_id = _Id(null=True)

        class Meta:
            constraints = (Check('"number" >= 1'),)

    ArtifactAlias.add_index(ArtifactAlias.key, ArtifactAlias.version)
    ArtifactAlias.add_index(ArtifactAlias.name, ArtifactAlias.key)
    ArtifactAliasMove.add_index(
        ArtifactAliasMove.key, ArtifactAliasMove.name, ArtifactAliasMove.number, unique=True
    )
    for model in (ArtifactAlias, ArtifactAliasMove):
        model.create_table(safe=False)
