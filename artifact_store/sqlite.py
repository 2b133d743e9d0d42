"""SQLite: one file, many processes.

A write begins with ``BEGIN IMMEDIATE``: a deferred transaction that has read fails at once
when another process writes, whatever the time-out. SQLite's own busy handler is unfair under
many writers, so it is switched off and a writer tries again after a jittered pause until the
deadline.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

import peewee

from . import errors
from .address import SqliteAddress, own_place
from .connections import Database, Running, Transaction
from .database import COUNT, HISTORY, NOTHING, Engine, Facts, Held, Params, Row, TableMissing, driver_error, logged
from .datafile import TOO_MANY_FILES, disk_is_full, too_many_files
from .paths import mode_of

__all__ = ["SqliteEngine"]

T = TypeVar("T")

_MINIMUM = (3, 35, 0)  # RETURNING
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_MISMATCH)
_UNREADABLE = ("malformed", "Could not decode to UTF-8", "unsupported file format", "not authorized to use")
_DAMAGE = (
    "the database is damaged: restore a copy, or salvage it with the sqlite3 shell's .recover; verify names what it "
    "finds ({text})."
)
_TOO_LARGE = ("too many SQL variables", "parser stack overflow", "Expression tree is too large")


class SqliteEngine(Engine):
    """A SQLite database: a file, memory, or a Peewee database of the caller's."""

    dialect: ClassVar[str] = "sqlite"
    # Of a damaged file, even a name or an error message may be no text that Python can decode.
    driver_errors: ClassVar[tuple[type[BaseException], ...]] = (
        peewee.PeeweeException,
        sqlite3.Error,
        UnicodeDecodeError,
    )
    longest_pause: ClassVar[float] = 0.002

    def __init__(self, address: SqliteAddress | peewee.SqliteDatabase) -> None:
        """Prepare the engine; a database in memory is made now, a file when the tables are."""
        if sqlite3.sqlite_version_info < _MINIMUM:
            raise errors.StoreUnavailable(f"SQLite {sqlite3.sqlite_version} is too old: 3.35 or newer is needed.")
        self.address = address if isinstance(address, SqliteAddress) else None
        self.read_only = self.address is not None and self.address.read_only
        if isinstance(address, SqliteAddress):
            self.path = address.path
            super().__init__(Database(address), address.label, _url(address.label), address.timeout)
            self.database.again = self._commit_again
        else:
            name = str(address.database)
            self.path = None if name == ":memory:" else Path(name)
            super().__init__(address, name, _url(name), 30.0)
        self.turn = threading.RLock()  # a thread that was interrupted while it took its turn may take it again
        self._owned = isinstance(address, SqliteAddress)
        self.own = Transaction(self.database) if self._owned else None
        self.in_memory = self._owned and self.path is None
        self._orphans = ""
        self._token = object()  # a run that was left open in some context must not keep the engine

    @property
    def place(self) -> Hashable:
        """The file; a database in memory is nobody else's."""
        return self._token if self.path is None else self.path.resolve()

    def changing(self, function: Callable[[], T]) -> T:
        """Call a function in a block that begins and ends at once where nothing stands in the way, else as usual.

        Whoever closes the connection waits for the end of the block.
        """
        database, own = self.database, self.own
        state = database._state
        if state.transactions or own is None or not self.turn.acquire(blocking=False):
            return self.retrying(function)
        try:
            try:
                connection = state.conn or database.connection()
                connection.running += 1
                try:
                    if connection.closing:
                        connection.stand_by()
                    connection.execute("BEGIN IMMEDIATE")
                    state.transactions.append(own)
                    database.check_file(connection)
                    result = function()
                    connection.execute("COMMIT")
                    state.transactions.pop()
                finally:
                    connection.running -= 1
                self.turn.release()
                return result
            except Exception as error:
                self._undo()
                if not isinstance(error, self.driver_errors) and not getattr(error, "passing", False):
                    raise
        except BaseException as interrupt:
            if not isinstance(interrupt, Exception):
                self.abandon()
            raise
        return self.retrying(function)  # which tries again, and tells what is wrong

    def _undo(self) -> None:
        if self.database._state.transactions:
            self.database._state.transactions.pop()
            with suppress(*self.driver_errors), self.held():
                self.database.rollback()
        self.ended()

    def held(self) -> AbstractContextManager[Any]:
        """Return what is held while this thread's connection works, so that nobody closes it."""
        return Running(self.database.connection()) if self._owned else NOTHING

    def taken(self, sql: str, params: Params, take: Callable[[Any], Any], varied: bool = False) -> Any:
        """Run one statement and return what `take` takes from its cursor."""
        database = self.database
        if not self._owned or database.query_hooks or logged():
            return super().taken(sql, params, take)
        try:
            connection = database._state.conn or database.connection()
            connection.running += 1
            try:
                if connection.closing:
                    connection.stand_by()
                return take(connection.execute(sql, params))
            finally:
                connection.running -= 1
        except self.driver_errors as error:
            return self.again(partial(self._attempt, sql, params, take), error)

    def executed(self, sql: str, params: Params) -> Any:
        """Run one statement and return its cursor, which gives rows as tuples whatever the caller's database does."""
        cursor = super().executed(sql, params)
        if not self._owned:
            cursor.row_factory = None
        return cursor

    def run_all(self, statements: Sequence[tuple[str, Params]]) -> int:
        """Run statements one after the other, inside a block; return the number of rows that the last has changed."""
        database = self.database
        if not self._owned or database.query_hooks or logged():
            return super().run_all(statements)
        changed = done = 0
        try:
            connection = database.connection()
            connection.running += 1
            try:
                if connection.closing:
                    connection.stand_by()
                for sql, params in statements:
                    changed = connection.execute(sql, params).rowcount
                    done += 1
            finally:
                connection.running -= 1
        except self.driver_errors as error:
            (sql, params), *rest = statements[done:]
            changed = self.again(partial(self._attempt, sql, params, COUNT), error)
            return super().run_all(rest) if rest else changed
        return changed

    def starting(self) -> AbstractContextManager[Any]:
        """Queue with the other threads of this process: if they all tried for the file, none would get on."""
        if not self.turn.acquire(blocking=False) and not self.turn.acquire(timeout=self.timeout):
            raise errors.StoreUnavailable(
                f"{self.label}: {_REMEDIES[sqlite3.SQLITE_LOCKED].format(timeout=self.timeout)}"
            )
        return self.own or Held(self, self.database.transaction("IMMEDIATE"))

    def ended(self) -> None:
        """Let the next thread of this process begin."""
        try:
            self.turn.release()
        except RuntimeError:
            return  # a child that was forked inside the block has a lock of its own

    def abandon(self) -> None:
        """Undo what an interrupt has left of a block, on a connection with a statement that nobody will finish.

        A statement that has written and was not read to its end, which a traceback keeps alive, lets nothing be
        committed. A database of the caller's stays open, since closing may be the end of one in memory.
        """
        super().abandon()
        if self._owned:
            self.database.close()

    def undone(self) -> bool:
        """Tell whether SQLite has rolled back by itself, as it does when the disk is full."""
        return not self.database.connection().in_transaction

    def _commit_again(self, attempt: Callable[[], None], error: BaseException) -> None:
        """Try a commit again while readers hold it up; other errors are Peewee's to undo."""
        if not self.passing(error):
            raise error
        self.again(attempt, error)

    def passing(self, error: BaseException) -> bool:
        """Tell whether a lock stands in the way, or `close` has closed the connection from another thread."""
        if "closed database" in str(error) and not self.in_block() and not self.database.is_closed():
            self.database.dispose()
            return True
        code = _code(error)
        # A transaction that read before another wrote can never write.
        return code & 0xFF in _BUSY and code != sqlite3.SQLITE_BUSY_SNAPSHOT

    def translated(self, error: BaseException) -> errors.ArtifactStoreError:
        """Return the error of ours that says what SQLite's error means and how to mend it."""
        code, text = _code(error) & 0xFF, str(error)
        if any(part in text for part in _TOO_LARGE):
            return errors.InvalidQuery(f"The filter is too large for SQLite ({text}): ask in several queries.")
        if code == sqlite3.SQLITE_CONSTRAINT:
            return errors.IntegrityViolation(f"The database refused the row: {text}.")
        if code == sqlite3.SQLITE_TOOBIG:
            return errors.InvalidArtifact("The value is larger than the 1 GB that SQLite can hold: store a link to it.")
        if code in _DAMAGED or isinstance(error, UnicodeDecodeError) or any(part in text for part in _UNREADABLE):
            return errors.StoreDamaged(f"{self.label}: {_DAMAGE.format(text=_in_one_line(text))}")
        if text.startswith("no such table"):
            return TableMissing(f"{self.label}: the tables of the store are gone ({text}): open the store again.")
        remedy = _REMEDIES.get(code, f"SQLite says: {text}.")
        if text.endswith("already exists"):
            remedy = f"it is not a store and has tables of the same names ({text}): name another file."
        if code == sqlite3.SQLITE_CANTOPEN:
            remedy = self._why_closed() or remedy
        elif code == sqlite3.SQLITE_IOERR and self.path is not None and disk_is_full(self.path):
            remedy = _REMEDIES[sqlite3.SQLITE_FULL]  # even a reader needs room for the -shm file
        return errors.StoreUnavailable(f"{self.label}: {remedy.format(timeout=self.timeout)}")

    def _why_closed(self) -> str | None:
        """Say why the file cannot be opened, where that can be told."""
        if too_many_files():
            return TOO_MANY_FILES
        if self.path is None:
            return None
        if self.path.is_dir():
            return "it is a directory: name a file in it."
        if os.path.lexists(f"{self.path}-wal") and not os.access(self.path.parent, os.W_OK):
            return (
                f"the newest changes are in {self.path.name}-wal, which can be read only where its directory may be "
                "written: copy both files to such a place and open the copy."
            )
        return None

    def pragma(self, statement: str) -> Row | None:
        """Run a PRAGMA, which no query builder expresses, outside of a block."""
        return self.row(f"PRAGMA {statement}")

    def check(self) -> None:
        """Refuse a database of the caller's with a setting that changes what statements give."""
        if self._owned:
            return
        folds, text = self.row("SELECT 'a' LIKE 'A', 'text'") or (1, "text")
        if folds != 1:
            raise errors.InvalidURL(
                f"{self.label}: the database has the pragma case_sensitive_like, but a store compares without case: "
                "switch it off."
            )
        if text != "text":
            raise errors.InvalidURL(
                f"{self.label}: the database has a text_factory, but a store needs text: leave it out."
            )

    def prepare(self) -> None:
        """Make the database file, readable by its owner alone.

        Directories are made for the default store only: elsewhere one that is missing is a mistake in the address.
        """
        if not self._owned or self.path is None:
            return
        try:
            if not self.path.parent.exists() and self.path == _default_place():
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            pass
        except FileNotFoundError as error:
            raise errors.StoreUnavailable(
                f"{self.label}: the directory {self.path.parent} does not exist: make it, or name another place."
            ) from error
        except OSError as error:
            remedy = f"cannot be created ({error.strerror}): choose a place that you may write to."
            if too_many_files():
                remedy = TOO_MANY_FILES
            raise errors.StoreUnavailable(f"{self.label}: {remedy}") from error

    def use_wal(self) -> None:
        """Let readers and a writer not wait for each other, from now on and for everybody."""
        if self._owned and self.path is not None:
            self.pragma("journal_mode = wal")

    @contextmanager
    def migrating(self) -> Iterator[None]:
        """Hold the write lock; foreign keys are off meanwhile, so that a table may be made anew."""
        names = [name for (name,) in self.rows("SELECT name FROM sqlite_master")]
        ours = not names or HISTORY in names
        if ours:
            self.use_wal()
        connection = self.database.connection()
        factory, connection.row_factory = connection.row_factory, None  # Peewee's migrations read tuples
        self.pragma("foreign_keys = off")
        try:
            with self.atomic():
                yield
        finally:
            self.pragma("foreign_keys = on")
            connection.row_factory = factory
        if not ours:  # a database with other tables is not changed before it is known that ours fit in
            self.use_wal()

    def missing(self) -> bool:
        """Tell whether the database file does not exist yet."""
        if not self._owned or self.path is None:
            return False
        try:
            return not mode_of(self.path)
        except OSError as error:
            raise errors.StoreUnavailable(
                f"{self.label}: cannot be opened ({error.strerror}): check the address and the rights of its directory."
            ) from error

    def facts(self) -> Facts:
        """Return SQLite's version, the size of the file, the number of connections and the journal mode."""
        self.check_place()
        journal = self.pragma("journal_mode")
        size = self.path.stat().st_size if self.path is not None and self.path.exists() else None
        return Facts(
            f"SQLite {sqlite3.sqlite_version}",
            size,
            len(getattr(self.database, "opened", ())),
            journal=None if journal is None else str(journal[0]),
        )

    def misread(self, sql: str, params: Params) -> tuple[Mapping[str, Any], str] | None:
        """Return the first row of a query with text that is not UTF-8, and its column; bytes are kept as surrogates."""
        if self.path is None or not sql.startswith("SELECT"):
            return None
        place = f"{self.path.absolute().as_uri()}?mode=ro"
        with suppress(sqlite3.Error, UnicodeError), closing(sqlite3.connect(place, uri=True)) as connection:
            connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
            cursor = connection.execute(sql, params)
            names = [column[0] for column in cursor.description]
            for row in cursor:
                for name, value in zip(names, row, strict=True):
                    if isinstance(value, str) and value.encode("utf-8", "replace").decode() != value:
                        return dict(zip(names, row, strict=True)), name
        return None

    def damaged_pages(self) -> list[str]:
        """Return what `PRAGMA quick_check` finds wrong with the file, which must be where it was opened."""
        self.check_place()
        try:
            found = [str(row[0]) for row in self.rows("PRAGMA quick_check")]
        except errors.StoreDamaged as error:
            return [str(error)]
        lines = [line for text in found for line in text.splitlines()]
        return [line for line in lines if line != "ok" and not line.startswith("***")]

    def check_place(self) -> None:
        """Make sure that the file is still where it was opened."""
        if self._owned and self.database.file is not None:
            self.database.connection()
            self.database.file.check()

    def close(self) -> None:
        """Close the connections of every thread; the next statement opens a new one, unless it was in memory."""
        super().close()
        if self._owned:
            self.database.close_all()
            if self.database.file is not None:
                self.database.file.forget()
            self.database.give_up_memory()

    def before_fork(self) -> bool:
        """Close the connections, which a forked child must not inherit; tell whether there is nothing to wait for.

        SQLite keeps its file locks in a table of the process. A child that inherits the table believes
        that it holds locks which it does not hold: its commits can be lost when the parent closes the file.
        """
        if not self._owned:
            return True
        if self.in_memory:
            self._orphans = "A store in memory does not cross a fork: use a file."
            return True
        released: bool = self.database.close_all(in_blocks=False)
        inside = f"{self.label}: the process was forked inside a block: fork before or after it."
        self._orphans = "" if released else inside
        return released or self.in_block()

    def after_fork(self) -> None:
        """Forget the parent's connections for good: closing one could remove files that the parent uses."""
        self.turn = threading.RLock()  # another thread of the parent may have held it
        if self._owned:
            self.database.forget()
            self.database.orphaned = self.database.orphaned or self._orphans
        super().after_fork()


_REMEDIES = {
    sqlite3.SQLITE_BUSY: "another writer held the lock for {timeout:g} s: try again, or wait longer with ?timeout=.",
    sqlite3.SQLITE_LOCKED: "another thread held the lock for {timeout:g} s: try again, or wait longer with ?timeout=.",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check that its directory exists and may be read and written.",
    sqlite3.SQLITE_NOTADB: "the file is not a SQLite database: name another file.",
    sqlite3.SQLITE_READONLY: "the database may only be read: make the file and its directory writable.",
    sqlite3.SQLITE_PERM: "access is denied: make the file and its directory readable and writable.",
    sqlite3.SQLITE_AUTH: "access is denied: make the file and its directory readable and writable.",
    sqlite3.SQLITE_FULL: "the disk is full: free some space and try again; nothing was written.",
    sqlite3.SQLITE_IOERR: "reading or writing the file failed: check the disk.",
}


def _default_place() -> Path | None:
    try:
        return own_place()
    except errors.InvalidURL:
        return None


def _url(name: str) -> str:
    return f"sqlite:///{quote(name, safe='/:')}"


def _in_one_line(text: str) -> str:
    """Return what SQLite says; it may quote whatever a damaged file holds."""
    shown = " ".join(text.split()).encode("utf-8", "replace").decode().rstrip(".")
    return shown if shown.isprintable() and len(shown) <= 200 else f"{shown!r:.200}"


def _code(error: BaseException) -> int:
    """Return SQLite's extended result code of a driver error, 0 when it has none."""
    return int(getattr(driver_error(error), "sqlite_errorcode", 0) or 0)
