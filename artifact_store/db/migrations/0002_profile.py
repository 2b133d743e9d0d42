"""The profile of a table beside its data, and the times of a run's artifacts in the index that finds them."""

import peewee


def up(migrator, db):
    """Add the column, and let a listing by `created` of many runs be answered by the index alone."""
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
    """Move the data behind the profile: SQLite reads all of a row that stands in front of what it is asked for."""
    db.execute_sql('ALTER TABLE "artifact" ADD COLUMN "moved" TEXT')
    db.execute_sql('UPDATE "artifact" SET "moved" = "data" WHERE "data" IS NOT NULL')
    db.execute_sql('ALTER TABLE "artifact" DROP COLUMN "data"')
    db.execute_sql('ALTER TABLE "artifact" RENAME COLUMN "moved" TO "data"')
