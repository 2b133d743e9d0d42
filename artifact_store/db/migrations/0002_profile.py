"""The profile of a table, and the times of artifacts in the index by flow run."""

import peewee


def up(migrator, db):
    """Add the column, and `created` to the index by which the artifacts of runs are listed."""
    text = peewee.TextField(
        null=True, collation='"C"' if isinstance(db, peewee.PostgresqlDatabase) else None
    )
    migrator.migrate(
        migrator.add_column("artifact", "profile", text),
        migrator.drop_index("artifact", "artifact_flow_run_id_id"),
        migrator.add_index("artifact", ("flow_run_id", "id", "created")),
    )
    if not isinstance(db, peewee.PostgresqlDatabase):
        _put_data_last(db)


def _put_data_last(db):
    """Move the data behind the profile: SQLite reads a row from its start."""
    db.execute_sql('ALTER TABLE "artifact" ADD COLUMN "moved" TEXT')
    db.execute_sql('UPDATE "artifact" SET "moved" = "data" WHERE "data" IS NOT NULL')
    db.execute_sql('ALTER TABLE "artifact" DROP COLUMN "data"')
    db.execute_sql('ALTER TABLE "artifact" RENAME COLUMN "moved" TO "data"')
