"""Why a run is in its state, and what it was started with."""

import peewee


def up(migrator, db):
    """Add the columns to flow runs and task runs."""
    collation = '"C"' if isinstance(db, peewee.PostgresqlDatabase) else None
    for table in ("flow_run", "task_run"):
        for column in ("state_message", "parameters"):
            migrator.migrate(
                migrator.add_column(table, column, peewee.TextField(null=True, collation=collation))
            )
