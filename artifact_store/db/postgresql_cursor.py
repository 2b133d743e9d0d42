"""The psycopg cursor that runs statements on PostgreSQL and reads their results.

Results come in PostgreSQL's binary format, so that no value depends on `DateStyle`, `TimeZone` or another setting of
the role, the database or the session.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import psycopg
from psycopg.abc import Buffer, Params, Query
from psycopg.adapt import AdaptersMap, Loader
from psycopg.copy import Copy, LibpqWriter, Writer
from psycopg.pq import Format, TransactionStatus

from .engine import Row
from .postgresql_connection import Connection
from .postgresql_errors import TooLarge, Unreadable, is_stale_plan

__all__ = ["ADAPTERS", "Cursor"]

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_INT8 = struct.Struct("!q").unpack
_LARGEST = 2**30 - 2**20
"""Bytes that a row may have: the server makes no larger message of it. A megabyte is left for the other values."""

_LONG = 2**24
"""Characters from which on texts are measured: a row of shorter ones stays below the limit."""


class _TimeLoader(Loader):
    """Loads a time as UTC; one that `datetime` cannot hold, such as infinity, is an `OverflowError`."""

    format = Format.BINARY

    def load(self, data: Buffer) -> datetime:
        microseconds = _INT8(data)[0]
        return _EPOCH + timedelta(0, 0, microseconds)


ADAPTERS = AdaptersMap(psycopg.adapters)
ADAPTERS.register_loader("timestamptz", _TimeLoader)


class Cursor(psycopg.Cursor[Row]):
    """A cursor whose results and errors do not depend on the settings of the session."""

    __slots__ = ()

    def execute(
        self,
        query: Any,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool | None = None,
    ) -> Self:
        """Run a statement; if a table was changed after it was prepared, prepare it once more.

        Raises:
            TooLarge: the values are larger than the server can store; nothing was sent.
        """
        if params:
            for value in params.values() if isinstance(params, dict) else params:
                if value.__class__ is str and len(value) > _LONG:
                    _check_size(params)

        connection: Any = self._conn  # a Connection of ours
        # A text of several statements has no parameters, and its results cannot be binary.
        binary = params is not None
        try:
            if connection.needs_check and self._pgconn.transaction_status == TransactionStatus.IDLE:
                return self._execute_checked(connection, query, params, prepare)
            return super().execute(query, params, prepare=prepare, binary=binary)
        except psycopg.errors.FeatureNotSupported as error:
            if not is_stale_plan(error):
                raise
            connection.tables_changed()
            if self._pgconn.transaction_status != TransactionStatus.IDLE:
                raise
        return self._execute_checked(connection, query, params, prepare)

    def _execute_checked(
        self,
        connection: Connection,
        query: Any,
        params: Params | None,
        prepare: bool | None,
    ) -> Self:
        """Run a statement outside a transaction, after what has to come before it."""
        binary = params is not None
        if connection.stale:
            connection.prepare_anew()

        # What begins a transaction sets its timeout, too.
        if not connection.timeout_statement or str(query).startswith("BEGIN"):
            return super().execute(query, params, prepare=prepare, binary=binary)

        # The statements of a pipeline are one transaction, and one round trip.
        set_timeout = connection.timeout_statement.encode()
        with connection.pipeline():
            psycopg.Cursor(connection).execute(set_timeout, prepare=False)
            return super().execute(query, params, prepare=prepare, binary=binary)

    @contextmanager
    def copy(
        self, statement: Query, params: Params | None = None, *, writer: Writer | None = None
    ) -> Iterator[Copy]:
        """Load rows, none of which may be larger than the server can store."""
        with super().copy(statement, params, writer=writer or _Writer(self)) as copy:
            yield copy

    def fetchone(self) -> Row | None:
        """Return the next row."""
        try:
            return super().fetchone()
        except (UnicodeDecodeError, OverflowError) as error:
            raise self._unreadable_error() from error

    def fetchmany(self, size: int = 0) -> list[Row]:
        """Return the next rows."""
        try:
            return super().fetchmany(size)
        except (UnicodeDecodeError, OverflowError) as error:
            raise self._unreadable_error() from error

    def fetchall(self) -> list[Row]:
        """Return all the rows that are left."""
        try:
            return super().fetchall()
        except (UnicodeDecodeError, OverflowError) as error:
            raise self._unreadable_error() from error

    def _unreadable_error(self) -> Unreadable:
        """Return an error that names the first value that cannot be read, and its row if the id or key can be."""
        result = self.pgresult
        assert result is not None
        for row in range(self.rownumber or 0, result.ntuples):
            unreadable = ""
            names: list[str] = []
            for position, column in enumerate(self.description or ()):
                data = result.get_value(row, position)
                if data is None:
                    continue
                loader = self._tx.get_loader(column.type_code, Format.BINARY)
                try:
                    value = loader.load(data)
                except (UnicodeDecodeError, OverflowError):
                    unreadable = unreadable or column.name
                    continue
                if column.name in ("id", "key"):
                    names.append(f"{column.name} {value}")
            if unreadable:
                return Unreadable(unreadable, ", ".join(names))
        return Unreadable("a value", "")


class _Writer(LibpqWriter):
    """Refuses rows that are too large, before they are sent."""

    def write(self, data: Buffer) -> None:
        if len(data) > _LARGEST:
            raise TooLarge
        super().write(data)


def _check_size(params: Params) -> None:
    values: Iterable[object] = params.values() if isinstance(params, Mapping) else params
    size = sum(_size(value) for value in values if isinstance(value, str))
    if size > _LARGEST:
        raise TooLarge


def _size(text: str) -> int:
    """Return the number of bytes of a text, or of characters if there are too many of them anyway."""
    # Encoding makes a copy, so it is only done if the text may fit.
    if text.isascii() or len(text) > _LARGEST:
        return len(text)
    return len(text.encode(errors="replace"))
