"""The psycopg cursor that runs statements on PostgreSQL and reads their results.

Results come in PostgreSQL's binary format, so that no value depends on `DateStyle`, `TimeZone` or another setting of
the role, the database or the session.
"""

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import psycopg
from psycopg.abc import Buffer, Params, Query
from psycopg.adapt import AdaptersMap, Loader
from psycopg.copy import Copy, LibpqWriter, Writer
from psycopg.pq import Format, TransactionStatus

from .postgresql_errors import TooLarge, Unreadable, is_stale_plan

__all__ = ["ADAPTERS", "Cursor"]

Row = tuple[Any, ...]

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_INT8 = struct.Struct("!q").unpack
_LARGEST = 2**30 - 2**20
"""Bytes that a row may take: the server makes no larger message of it; a megabyte is left for what is short."""
_LONG = 2**24
"""Characters from which on a text is counted: a row of shorter ones stays below the limit."""


class _TimeLoader(Loader):
    """Reads a point in time as UTC; what `datetime` does not reach, as infinity, is an `OverflowError`."""

    format = Format.BINARY

    def load(self, data: Buffer) -> datetime:
        return _EPOCH + timedelta(0, 0, _INT8(data)[0])


ADAPTERS = AdaptersMap(psycopg.adapters)
ADAPTERS.register_loader("timestamptz", _TimeLoader)


class Cursor(psycopg.Cursor[Row]):
    """A cursor whose results and errors are the same whatever the session is like."""

    __slots__ = ()

    def execute(
        self,
        query: Any,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool | None = None,
    ) -> Self:
        """Run a statement; when a table was changed under a prepared one, prepare it again, once.

        Raises:
            TooLarge: the values are more than the server can take; nothing was sent.
        """
        if params:
            for value in params.values() if params.__class__ is dict else params:
                if value.__class__ is str and len(value) > _LONG:
                    _check_size(params)
        connection: Any = self._conn
        try:
            if connection.needs_check and self._pgconn.transaction_status == TransactionStatus.IDLE:
                return self._execute_checked(query, params, prepare)
            # Several statements in one text have no parameters, and cannot be asked for in binary.
            return super().execute(query, params, prepare=prepare, binary=params is not None)
        except psycopg.errors.FeatureNotSupported as error:
            if not is_stale_plan(error):
                raise
            connection.tables_changed()
            if self._pgconn.transaction_status != TransactionStatus.IDLE:
                raise
        return self._execute_checked(query, params, prepare)

    def _execute_checked(self, query: Any, params: Params | None, prepare: bool | None) -> Self:
        """Run a statement outside of a transaction, after what has to come before it."""
        connection: Any = self._conn
        if connection.stale:
            connection.prepare_anew()
        if not connection.timeout_statement or str(query).startswith(
            "BEGIN"
        ):  # which says it for its transaction
            return super().execute(query, params, prepare=prepare, binary=params is not None)
        # What is sent at once is one transaction, and one round trip.
        with connection.pipeline():
            psycopg.Cursor(connection).execute(connection.timeout_statement, prepare=False)
            return super().execute(query, params, prepare=prepare, binary=params is not None)

    @contextmanager
    def copy(
        self, statement: Query, params: Params | None = None, *, writer: Writer | None = None
    ) -> Iterator[Copy]:
        """Load rows, none of which may be larger than the server can take."""
        with super().copy(statement, params, writer=writer or _Writer(self)) as copy:
            yield copy

    def fetchone(self) -> Row | None:
        """Return the next row."""
        try:
            return super().fetchone()
        except (UnicodeDecodeError, OverflowError) as error:
            raise self._unreadable() from error

    def fetchmany(self, size: int = 0) -> list[Row]:
        """Return the next rows."""
        try:
            return super().fetchmany(size)
        except (UnicodeDecodeError, OverflowError) as error:
            raise self._unreadable() from error

    def fetchall(self) -> list[Row]:
        """Return all the rows that are left."""
        try:
            return super().fetchall()
        except (UnicodeDecodeError, OverflowError) as error:
            raise self._unreadable() from error

    def _unreadable(self) -> Unreadable:
        """Return an error that names the first value which cannot be read, and its row by what can be read of it."""
        result, columns = self.pgresult, self.description or ()
        assert result is not None
        for row in range(self.rownumber or 0, result.ntuples):
            known, broken = [], ""
            for place, column in enumerate(columns):
                data = result.get_value(row, place)
                try:
                    value = (
                        None
                        if data is None
                        else self._tx.get_loader(column.type_code, Format.BINARY).load(data)
                    )
                except (UnicodeDecodeError, OverflowError):
                    broken = broken or column.name
                else:
                    known += (
                        [f"{column.name} {value}"]
                        if column.name in ("id", "key") and value is not None
                        else []
                    )
            if broken:
                return Unreadable(broken, ", ".join(known))
        return Unreadable("a value", "")


class _Writer(LibpqWriter):
    def write(self, data: Buffer) -> None:
        if len(data) > _LARGEST:
            raise TooLarge
        super().write(data)


def _check_size(params: Any) -> None:
    values = params.values() if isinstance(params, Mapping) else params
    if sum(_size(value) for value in values if isinstance(value, str)) > _LARGEST:
        raise TooLarge


def _size(text: str) -> int:
    """Return the bytes of a text; a copy of it is made only when it may fit."""
    return (
        len(text) if text.isascii() or len(text) > _LARGEST else len(text.encode(errors="replace"))
    )
