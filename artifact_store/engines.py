"""Who answers at the address of a store: its engine, and its replica if there is one."""

import os

import peewee

from .address import Address, PostgresAddress, parse_address
from .database import Engine
from .errors import InvalidURL
from .replica import Reader
from .sqlite import SqliteEngine
from .statements import Statements

__all__ = ["reader_of"]


def reader_of(url: str | os.PathLike[str] | peewee.Database | None, replica_url: str | None) -> Reader:
    """Return what asks the database at an address, and its replica if there is one; nothing is connected yet.

    Raises:
        InvalidURL: an address is not understood.
    """
    engine = _engine_of(url)
    return Reader(Statements(engine), None if replica_url is None else Statements(_replica_of(engine, replica_url)))


def _engine_of(url: str | os.PathLike[str] | peewee.Database | None) -> Engine:
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


def _replica_of(primary: Engine, url: str) -> Engine:
    """Return the engine of a replica; it does not wait, because the primary can answer too."""
    address = parse_address(url)
    if primary.dialect != "postgresql" or not isinstance(address, PostgresAddress):
        raise InvalidURL("Replicas are PostgreSQL's: leave out replica_url, or give two postgresql:// addresses.")
    return _engine_at(address._replace(timeout=0.0))
