"""Creates and upgrades the tables with the `playhouse.migrations` scripts of this package.

Opening a store whose schema is current reads one row, takes no lock and writes nothing.
"""

from contextlib import suppress
from importlib import import_module
from types import ModuleType

import peewee

from ..db import migrations
from ..errors import SchemaTooNew, SchemaTooOld, StoreMissing, StoreUnavailable
from .engine import HISTORY, Engine, TableMissing
from .statements import Query, Statements

__all__ = ["ensure_current", "known_versions", "schema_version"]


def known_versions() -> tuple[str, ...]:
    """Return the names of the migrations that this release ships, oldest first."""
    return migrations.NAMES


def schema_version(statements: Statements) -> str | None:
    """Return the name of the newest migration applied, `None` in a database without a store."""
    with suppress(TableMissing):
        return newest_applied(statements)
    return None


def newest_applied(statements: Statements) -> str | None:
    """Return the name of the newest migration applied; raise `TableMissing` without their table."""
    table = peewee.Table(HISTORY)

    def build() -> Query:
        return table.select(peewee.fn.MAX(table.c.name))

    row = statements.fetch_one("schema.version", build, {})
    return None if row is None else row[0]


def ensure_current(statements: Statements, create: bool = True) -> None:
    """Create or upgrade the tables, once, however many processes open the store at the same time.

    Args:
        statements: the database.
        create: whether to create or upgrade them; otherwise, a store that is missing or of an
            older release is an error.

    Raises:
        SchemaTooNew: a newer artifact-store has written the database.
        SchemaTooOld: an older one has, and `create` is false.
        StoreMissing: there is no store, and `create` is false.
        StoreUnavailable: the database cannot be used, or has other tables of the same names.
    """
    engine = statements.engine
    create = create or engine.in_memory
    if engine.missing():
        if not create:
            raise missing_error(engine)
        engine.prepare()
    engine.check()

    newest = known_versions()[-1]
    found = schema_version(statements)
    if found is not None and found > newest:
        raise SchemaTooNew(
            f"{engine.label}: a newer artifact-store has written this database (schema {found}, "
            f"this release knows {newest}): upgrade with pip install -U artifact-store."
        )
    if found == newest:
        return

    if found is None and not create:
        raise missing_error(engine)
    if not create:
        raise SchemaTooOld(
            f"{engine.label}: the tables are those of an older release (schema {found}): bring them up to date "
            "with 'artifact-store upgrade', or open the store with create=True."
        )
    upgrade(statements)


def missing_error(engine: Engine) -> StoreMissing:
    """Return the error that there is no store at an address."""
    return StoreMissing(
        f"{engine.label}: there is no store at this address: check it, or publish something to it first, which makes "
        "the store."
    )


def upgrade(statements: Statements) -> None:
    """Run the migrations in one transaction, while no other process can change the tables."""
    engine = statements.engine
    if engine.in_block():
        raise StoreUnavailable(
            f"{engine.label}: the schema cannot be upgraded inside a transaction: leave it first."
        )
    engine.prepare()
    try:
        with engine.migrating():
            before: str | None = None
            # In a savepoint, because on PostgreSQL a missing table would end the transaction.
            with suppress(TableMissing), engine.atomic():
                before = newest_applied(statements)

            # Another process may have upgraded the store meanwhile.
            if before != known_versions()[-1]:
                run_migrations(engine.database)
                if before is not None:
                    add_guards(engine.database, before)
    except peewee.PeeweeException as error:
        raise engine.to_store_error(error) from error


def run_migrations(database: peewee.Database) -> None:
    """Run the migrations that the database does not have yet."""
    # This import takes long, and most stores are current.
    from playhouse.migrations import Migration, Runner

    class Script(Migration):  # type: ignore[misc]
        def load(self) -> ModuleType:
            return import_module(self.path)

    class Scripts(Runner):  # type: ignore[misc]
        def migrations(self) -> list[Script]:
            scripts = []
            for name in known_versions():
                number = int(name[:4])
                scripts.append(Script(number, name, module_of(name), None))
            return scripts

    Scripts(database, table_name=HISTORY).up()


def module_of(name: str) -> str:
    """Return the name of the module of a migration."""
    return f"{migrations.__name__}.{name}"


def add_guards(database: peewee.Database, before: str) -> None:
    """Protect an upgraded store from programs of the earlier release that still have it open.

    A migration that they would break has a function `guard`.
    """
    for name in known_versions():
        if name <= before:
            continue
        script = import_module(module_of(name))
        if hasattr(script, "guard"):
            script.guard(database)
