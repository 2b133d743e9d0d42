"""Keeps the row of a key whose artifacts are all deleted, with its counter and no pointer."""

# pyright: reportAttributeAccessIssue=false

import peewee
from peewee import BigIntegerField, Field, Model

_TABLE = "artifact_collection"
_INDEXES = (f"{_TABLE}_latest_id", f"{_TABLE}_updated_key", f"{_TABLE}_created_key")
_EMPTIED = (
    f'UPDATE "{_TABLE}" SET "latest_id" = NULL, "latest_version" = NULL WHERE "key" = OLD."key"'
)

# A program of an earlier release that is still open deletes the row of a key that it empties. In a
# store that may have such programs, only the pointer is cleared. A row whose counter is 0 may be
# deleted.
_KEEP_KEYS = {
    "sqlite": f'CREATE TRIGGER "{_TABLE}_keeps_keys" BEFORE DELETE ON "{_TABLE}" WHEN OLD."last_version" > 0 '
    f"BEGIN {_EMPTIED}; SELECT RAISE(IGNORE); END",
    "postgresql": f'CREATE RULE "{_TABLE}_keeps_keys" AS ON DELETE TO "{_TABLE}" WHERE OLD."last_version" > 0 '
    f"DO INSTEAD {_EMPTIED}",
}


class _Id(Field):
    field_type = "UUID"


class _Time(Field):
    field_type = "TIMESTAMPTZ"


def up(migrator, db):
    """Let pointers be NULL, and leave empty keys out of the indexes of the latest artifacts."""
    model = _model(db)
    if isinstance(db, peewee.PostgresqlDatabase):
        for name in _INDEXES:
            db.execute_sql(f'DROP INDEX "{name}"')
        for column in ("latest_id", "latest_version"):
            migrator.migrate(migrator.drop_not_null(_TABLE, column))
        model._schema.create_indexes(safe=False)
    else:
        _recreate(db, model)


def guard(db):
    """Keep programs of an earlier release that are still open from deleting counters."""
    db.execute_sql(
        _KEEP_KEYS["postgresql" if isinstance(db, peewee.PostgresqlDatabase) else "sqlite"]
    )


def _model(db):
    class Table(Model):
        created = _Time()
        updated = _Time()

    class ArtifactCollection(Table):
        key = peewee.TextField(primary_key=True)
        latest_id = _Id(null=True)
        latest_version = BigIntegerField(null=True)
        last_version = BigIntegerField()

        class Meta:
            database = db
            table_name = _TABLE
            legacy_table_names = False

    model = ArtifactCollection
    live = model.latest_id.is_null(False)
    model.add_index(model.latest_id, where=live)
    model.add_index(model.updated, model.key, where=live)
    model.add_index(model.created, model.key, where=live)
    model.add_index(model.key, where=model.latest_id.is_null(), name=f"{_TABLE}_empty")
    return model


def _recreate(db, model):
    """Recreate the table with its rows, and the indexes and triggers of others.

    SQLite cannot change a column.
    """
    own = "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND type IN ('index', 'trigger') AND sql IS NOT NULL"
    attached = db.execute_sql(f"{own} AND name NOT IN (?, ?, ?)", (_TABLE, *_INDEXES)).fetchall()
    columns = ", ".join(f'"{column}"' for column in model._meta.sorted_field_names)
    # Otherwise views and triggers of others would refer to the table that is dropped.
    (legacy,) = db.execute_sql("PRAGMA legacy_alter_table").fetchone()
    db.execute_sql("PRAGMA legacy_alter_table = ON")
    try:
        db.execute_sql(f'ALTER TABLE "{_TABLE}" RENAME TO "{_TABLE}_before"')
    finally:
        db.execute_sql(f"PRAGMA legacy_alter_table = {legacy}")
    model._schema.create_table(safe=False)
    db.execute_sql(f'INSERT INTO "{_TABLE}" ({columns}) SELECT {columns} FROM "{_TABLE}_before"')
    db.execute_sql(f'DROP TABLE "{_TABLE}_before"')
    model._schema.create_indexes(safe=False)
    for (sql,) in attached:
        db.execute_sql(sql)
