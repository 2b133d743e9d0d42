"""The tables of artifacts: Peewee models that are never bound to a database.

On SQLite, times are text in ISO 8601 with microseconds and the offset of UTC, so that they sort by
time, and ids are text of 36 characters, which sorts like their bytes. JSON is text on every engine,
because the order of object keys and numbers such as 1e300 must survive. `artifact.data` is the last
column: SQLite reads a row from its start, and so skips long payloads.
"""

import peewee

__all__ = [
    "Artifact",
    "ArtifactAlias",
    "ArtifactAliasMove",
    "ArtifactCollection",
    "ArtifactInput",
    "IdField",
    "JSONTextField",
    "Table",
    "TableOptions",
    "TableWithId",
    "TimeField",
]


class IdField(peewee.Field):
    """A UUID: `uuid` where the engine has it, otherwise text of 36 characters."""

    field_type = "UUID"


class TimeField(peewee.Field):
    """A point in time, in UTC with microseconds."""

    field_type = "TIMESTAMPTZ"


class JSONTextField(peewee.TextField):
    """JSON as text, on every engine."""


class TableOptions:
    """The options of all tables."""

    legacy_table_names = False


class Table(peewee.Model):
    """The base of all tables, without columns, because Peewee copies those of a base slowly."""

    Meta = TableOptions


class TableWithId(Table):
    """A table whose rows have an id. Each table declares it in the order of its columns."""

    id: IdField


class Artifact(TableWithId):
    """One version of a key, or one artifact without a key."""

    created = TimeField()
    updated = TimeField()
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

    class Meta(TableOptions):
        constraints = (
            peewee.Check('("key" IS NULL) = ("version" IS NULL)'),
            peewee.Check('"version" >= 1'),
        )


class ArtifactCollection(Table):
    """The pointer from a key to its latest version, NULL while the key is empty.

    Only `artifacts.latest`, `artifacts.latest_update` and `artifacts.key_locks` write it.
    """

    created = TimeField()
    updated = TimeField()
    key = peewee.TextField(primary_key=True)
    latest_id = IdField(null=True)
    latest_version = peewee.BigIntegerField(null=True)
    last_version = peewee.BigIntegerField()
    holds = peewee.BigIntegerField(constraints=[peewee.SQL("DEFAULT 0")])
    """How many aliases and held inputs the key has. A write that finds 0 needs to look no further."""


class ArtifactAlias(Table):
    """A name of one version of a key, such as `prod`; that version is protected."""

    created = TimeField()
    moved = TimeField()
    key = peewee.TextField()
    name = peewee.TextField()
    version = peewee.BigIntegerField()
    flow_run_id = IdField(null=True)

    class Meta(TableOptions):
        primary_key = peewee.CompositeKey("key", "name")


class ArtifactAliasMove(TableWithId):
    """One change of an alias, numbered from 1 for each name of a key."""

    id = IdField(primary_key=True)
    key = peewee.TextField()
    name = peewee.TextField()
    number = peewee.BigIntegerField()
    from_version = peewee.BigIntegerField(null=True)
    to_version = peewee.BigIntegerField(null=True)
    moved = TimeField()
    flow_run_id = IdField(null=True)

    class Meta(TableOptions):
        constraints = (peewee.Check('"number" >= 1'),)


class ArtifactInput(Table):
    """A version that a run has used, under the reference by which it asked for it.

    The run keeps that version as long as it is open. Rows stay when the artifact is deleted, and
    hold what lineage needs to walk past it.
    """

    run_id = IdField()
    """The flow run; a task run that belongs to none."""
    ref = peewee.TextField()
    flow_run_id = IdField(null=True)
    task_run_id = IdField(null=True)
    artifact_id = IdField()
    key = peewee.TextField(null=True)
    version = peewee.BigIntegerField(null=True)
    source_run_id = IdField(null=True)
    """The run that made the artifact."""
    source_created = TimeField()
    """When the artifact was created."""
    held = peewee.BooleanField()
    """Whether the row is counted in `ArtifactCollection.holds`."""
    used = TimeField()

    class Meta(TableOptions):
        primary_key = peewee.CompositeKey("run_id", "ref")


Artifact.add_index(Artifact.key, Artifact.version, unique=True)
Artifact.add_index(Artifact.key, Artifact.version, Artifact.id)
for _column in (Artifact.created, Artifact.updated, Artifact.type, Artifact.task_run_id):
    Artifact.add_index(_column, Artifact.id)
# With `created`, the artifacts of many runs can be sorted by it without reading them.
Artifact.add_index(Artifact.flow_run_id, Artifact.id, Artifact.created)

# Listings skip empty keys without reading them. A count of all keys subtracts the empty ones.
_live = ArtifactCollection.latest_id.is_null(False)
ArtifactCollection.add_index(ArtifactCollection.latest_id, where=_live)
ArtifactCollection.add_index(ArtifactCollection.updated, ArtifactCollection.key, where=_live)
ArtifactCollection.add_index(ArtifactCollection.created, ArtifactCollection.key, where=_live)
ArtifactCollection.add_index(
    ArtifactCollection.key,
    where=ArtifactCollection.latest_id.is_null(),
    name="artifact_collection_empty",
)

ArtifactAlias.add_index(ArtifactAlias.key, ArtifactAlias.version)
ArtifactAlias.add_index(ArtifactAlias.name, ArtifactAlias.key)
ArtifactAliasMove.add_index(
    ArtifactAliasMove.key, ArtifactAliasMove.name, ArtifactAliasMove.number, unique=True
)

ArtifactInput.add_index(ArtifactInput.artifact_id, ArtifactInput.run_id)
ArtifactInput.add_index(
    ArtifactInput.source_run_id,
    ArtifactInput.artifact_id,
    where=ArtifactInput.source_run_id.is_null(False),
)
# A version that was deleted is found by the reference under which it was known.
ArtifactInput.add_index(ArtifactInput.key, ArtifactInput.version)
# Few are held, those of open runs; `verify` counts them for each key.
ArtifactInput.add_index(ArtifactInput.key, where=ArtifactInput.held, name="artifact_input_held")
