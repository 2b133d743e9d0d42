"""Opens the engine of an address, and the engine of its replica if there is one. Nothing is connected yet."""

import os
from typing import TypeAlias

import peewee

from ..errors import InvalidURL
from .engine import Engine
from .replica import Reader
from .sqlite import SqliteEngine
from .sqlite_peewee import PeeweeSqliteEngine
from .statements import Statements
from .url import Address, PostgresAddress, SqliteAddress, parse_address

__all__ = ["Location", "address_for_pickle", "open_reader"]


Location: TypeAlias = str | os.PathLike[str] | peewee.Database | Address | None
"""The location of a store: what the caller passed, or an address that is already parsed."""


def open_reader(
    url: Location, replica_url: str | Address | None, read_only: bool = False
) -> Reader:
    """Return a reader of the database at an address, and of its replica if there is one; nothing is connected yet.

    Raises:
        InvalidURL: an address is invalid.
    """
    engine = open_engine(url, read_only)
    primary = Statements(engine)
    if replica_url is None:
        return Reader(primary)
    return Reader(primary, Statements(open_replica(engine, replica_url)))


def open_engine(url: Location, read_only: bool) -> Engine:
    """Return the engine of an address, or of a Peewee database of the caller."""
    if isinstance(url, peewee.SqliteDatabase):
        _check_database(url)
        return PeeweeSqliteEngine(url)
    if isinstance(url, peewee.Database):
        raise InvalidURL(
            f"{type(url).__name__} is not supported: pass its URL, or a Peewee SqliteDatabase."
        )
    address = _address_of(url)
    if read_only:
        address = address._replace(read_only=True)
    return engine_at(address)


def _check_database(database: peewee.SqliteDatabase) -> None:
    if database.deferred:
        raise InvalidURL("The Peewee database has no name yet: call its init() first.")
    modules = {base.__module__ for base in type(database).__mro__}
    if "playhouse.sqliteq" in modules:
        raise InvalidURL(
            "SqliteQueueDatabase has no transactions: pass the address of its file, or a SqliteDatabase."
        )


def _address_of(url: str | os.PathLike[str] | Address | None) -> Address:
    if isinstance(url, SqliteAddress | PostgresAddress):
        return url
    return parse_address(url)


def engine_at(address: Address) -> Engine:
    """Return the engine of an address; the driver of PostgreSQL is imported only if it is needed."""
    if isinstance(address, PostgresAddress):
        from .postgresql import PostgresEngine

        return PostgresEngine(address)
    return SqliteEngine(address)


def open_replica(primary: Engine, url: str | Address) -> Engine:
    """Return the engine of a replica; it does not wait, because the primary can answer too."""
    address = _address_of(url)
    if not primary.dialect.has_standbys or not isinstance(address, PostgresAddress):
        raise InvalidURL(
            "Only PostgreSQL has replicas: leave out replica_url, or give two postgresql:// addresses."
        )
    from .postgresql import PostgresEngine

    assert isinstance(primary, PostgresEngine)
    schema = address.schema or primary.address.schema
    return PostgresEngine(address._replace(timeout=0.0, schema=schema), primary)


def address_for_pickle(engine: Engine) -> Address:
    """Return the address by which another process opens the store of an engine.

    Raises:
        TypeError: no other process can open the store; pickle raises the same.
    """
    address: Address | None = getattr(engine, "address", None)
    if address is None:
        raise TypeError(
            "Cannot pickle a store that uses a Peewee database: open the store by its address instead."
        )
    if isinstance(address, SqliteAddress) and address.path is None:
        raise TypeError("Cannot pickle a store in memory: open a store in a file instead.")
    return address
