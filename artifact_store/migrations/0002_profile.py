"""The profile of a table beside its data, and the times of a run's artifacts in the index that finds them."""

import peewee


def up(migrator, db):
    """Add the column, and let a listing by `created` of many runs be answered by the index alone."""
    text = peewee.TextField(null=True, collation='"C"' if isinstance(db, peewee.PostgresqlDatabase) else None)
    migrator.migrate(
        migrator.add_column("artifact", "profile", text),
        migrator.drop_index("artifact", "artifact_flow_run_id_id"),
        migrator.add_index("artifact", ("flow_run_id", "id", "created")),
    )
