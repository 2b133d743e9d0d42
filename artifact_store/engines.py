"""Which engine the address of a store asks for."""

import os

import peewee

from .address import Address, PostgresAddress, parse_address
from .database import Engine
from .errors import InvalidURL
from .sqlite import SqliteEngine

__all__ = ["engine_of", "replica_of"]


def engine_of(url: str | os.PathLike[str] | peewee.Database | None) -> Engine:
    """Return the engine of an address or of a database; PostgreSQL's driver is imported when it is asked for."""
    if isinstance(url, peewee.SqliteDatabase):
        return SqliteEngine(url)
    if isinstance(url, peewee.Database):
        raise InvalidURL(f"{type(url).__name__} is not supported: pass its URL, or a Peewee SqliteDatabase.")
    return _engine_at(parse_address(url))


def _engine_at(address: Address) -> Engine:
    if isinstance(address, PostgresAddress):
        from .postgresql import PostgresEngine

        return PostgresEngine(address)
    return SqliteEngine(address)


def replica_of(primary: Engine, url: str) -> Engine:
    """Return the engine of a replica; it does not wait, because the primary can answer too."""
    address = parse_address(url)
    if primary.dialect != "postgresql" or not isinstance(address, PostgresAddress):
        raise InvalidURL("Replicas are PostgreSQL's: leave out replica_url, or give two postgresql:// addresses.")
    return _engine_at(address._replace(timeout=0.0))
