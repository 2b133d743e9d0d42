"""Creates and upgrades the tables with the `playhouse.migrations` scripts of this package.

Opening a store whose schema is current reads one row, takes no lock and writes nothing.
"""

from contextlib import suppress
from importlib import import_module
from typing import Any

import peewee

from ..db import migrations
from ..errors import SchemaTooNew, SchemaTooOld, StoreMissing, StoreUnavailable
from .engine import HISTORY, Engine, TableMissing
from .statements import Statements

__all__ = ["ensure_current", "known_versions", "schema_version"]


def known_versions() -> tuple[str, ...]:
    """Return the names of the migrations that this release ships, oldest first."""
    return migrations.NAMES


def schema_version(statements: Statements) -> str | None:
    """Return the name of the newest migration applied to the database; `None` when it has none of our tables."""
    with suppress(TableMissing):
        return _newest(statements)
    return None


def _newest(statements: Statements) -> str | None:
    table = peewee.Table(HISTORY)
    row = statements.fetch_one(
        "schema.version", lambda: table.select(peewee.fn.MAX(table.c.name)), {}
    )
    return None if row is None else row[0]


def ensure_current(statements: Statements, create: bool = True) -> None:
    """Create or upgrade the tables, once, however many processes ask at the same time.

    Args:
        statements: the database.
        create: without it, a store that is not there or not current is an error, and stays so.

    Raises:
        SchemaTooNew: a newer artifact-store has written the database.
        SchemaTooOld: an older one has, and `create` is off.
        StoreUnavailable: the database cannot be used, or holds tables of the same names that are not ours.
    """
    engine = statements.engine
    create = create or engine.in_memory
    if engine.missing():
        if not create:
            raise _missing(engine)
        engine.prepare()
    engine.check()
    found = schema_version(statements)
    if found is not None and found > known_versions()[-1]:
        raise SchemaTooNew(
            f"{engine.label}: a newer artifact-store has written this database (schema {found}, "
            f"this release knows {known_versions()[-1]}): upgrade with pip install -U artifact-store."
        )
    if found != known_versions()[-1]:
        if found is None and not create:
            raise _missing(engine)
        if not create:
            raise SchemaTooOld(
                f"{engine.label}: the tables are those of an older release (schema {found}): bring them up to date "
                "with 'artifact-store upgrade', or open the store with create=True."
            )
        _upgrade(statements)


def _missing(engine: Engine) -> StoreMissing:
    return StoreMissing(
        f"{engine.label}: there is no store at this address: check it, or publish something to it first, which makes "
        "the store."
    )


def _upgrade(statements: Statements) -> None:
    engine = statements.engine
    if engine.in_block():
        raise StoreUnavailable(
            f"{engine.label}: the schema cannot be upgraded inside a transaction: leave it first."
        )
    engine.prepare()
    try:
        with engine.migrating():
            before = _version_inside(statements)
            if before != known_versions()[-1]:
                _run_migrations(engine.database)
                if before is not None:
                    _guard(engine.database, before)
    except peewee.PeeweeException as error:
        raise engine.to_store_error(error) from error


def _run_migrations(database: Any) -> None:
    """Run the migrations that the database does not have yet, each imported as a module of the package."""
    from playhouse.migrations import (
        Migration,
        Runner,
    )  # it takes a while, and most stores are current

    class Script(Migration):  # type: ignore[misc]
        def load(self) -> Any:
            return import_module(self.path)

    class Scripts(Runner):  # type: ignore[misc]
        def migrations(self) -> list[Script]:
            package = migrations.__name__
            return [
                Script(int(name[:4]), name, f"{package}.{name}", None) for name in known_versions()
            ]

    Scripts(database, table_name=HISTORY).up()


def _guard(database: Any, before: str) -> None:
    """Let the migrations that an earlier release did not have protect the store from its programs still open."""
    for name in known_versions():
        if name > before and hasattr(
            script := import_module(f"{migrations.__name__}.{name}"), "guard"
        ):
            script.guard(database)


def _version_inside(statements: Statements) -> str | None:
    """Ask for the version in a savepoint, because a missing table would spoil the transaction on PostgreSQL."""
    with suppress(TableMissing), statements.engine.atomic():
        return _newest(statements)
    return None
