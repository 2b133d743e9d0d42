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

__all__ = ["Place", "address_for_pickle", "open_reader"]


Place: TypeAlias = str | os.PathLike[str] | peewee.Database | Address | None
"""The location of a store: what the caller passed, or an address that is already parsed."""


def open_reader(url: Place, replica_url: str | Address | None, read_only: bool = False) -> Reader:
    """Return a reader of the database at an address, and of its replica if there is one; nothing is connected yet.

    Raises:
        InvalidURL: an address is invalid.
    """
    engine = _engine_of(url, read_only)
    return Reader(
        Statements(engine),
        None if replica_url is None else Statements(_replica_of(engine, replica_url)),
    )


def _engine_of(url: Place, read_only: bool) -> Engine:
    """Return the engine of an address or of a database; PostgreSQL's driver is imported when it is asked for."""
    if isinstance(url, peewee.SqliteDatabase):
        _check_database(url)
        return PeeweeSqliteEngine(url)
    if isinstance(url, peewee.Database):
        raise InvalidURL(
            f"{type(url).__name__} is not supported: pass its URL, or a Peewee SqliteDatabase."
        )
    address = _address_of(url)
    return _engine_at(address._replace(read_only=True) if read_only else address)


def _check_database(database: peewee.SqliteDatabase) -> None:
    if database.deferred:
        raise InvalidURL("The Peewee database has no name yet: call its init() first.")
    if any(kind.__module__ == "playhouse.sqliteq" for kind in type(database).__mro__):
        raise InvalidURL(
            "SqliteQueueDatabase has no transactions: pass the address of its file, or a SqliteDatabase."
        )


def _address_of(url: str | os.PathLike[str] | Address | None) -> Address:
    return url if isinstance(url, SqliteAddress | PostgresAddress) else parse_address(url)


def _engine_at(address: Address) -> Engine:
    if isinstance(address, PostgresAddress):
        from .postgresql import PostgresEngine

        return PostgresEngine(address)
    return SqliteEngine(address)


def _replica_of(primary: Engine, url: str | Address) -> Engine:
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
