"""Translates the errors of SQLite: the cause, and what the user can do."""

import os
import sqlite3
from pathlib import Path

from .. import errors
from ..wording import in_one_line
from .engine import TableMissing, driver_error
from .sqlite_file import TOO_MANY_FILES, disk_is_full, too_many_files

__all__ = ["is_busy", "translate_error", "write_lock_timeout"]

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_MISMATCH)
_UNREADABLE = (
    "malformed",
    "Could not decode to UTF-8",
    "unsupported file format",
    "not authorized to use",
)
_DAMAGE = (
    "the database is damaged: restore a copy, or salvage it with the sqlite3 shell's .recover; verify names what it "
    "finds ({text})."
)
_TOO_LARGE = ("too many SQL variables", "parser stack overflow", "Expression tree is too large")
_REMEDIES = {
    sqlite3.SQLITE_BUSY: "another writer held the lock for {timeout:g} s: try again, or wait longer with ?timeout=.",
    sqlite3.SQLITE_LOCKED: "another thread held the lock for {timeout:g} s: try again, or wait longer with ?timeout=.",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check that its directory exists and may be read and written.",
    sqlite3.SQLITE_NOTADB: "the file is not a SQLite database: name another file.",
    sqlite3.SQLITE_READONLY: "the database is read-only: make the file and its directory writable.",
    sqlite3.SQLITE_PERM: "access is denied: make the file and its directory readable and writable.",
    sqlite3.SQLITE_AUTH: "access is denied: make the file and its directory readable and writable.",
    sqlite3.SQLITE_FULL: "the disk is full: free some space and try again; nothing was written.",
    sqlite3.SQLITE_IOERR: "reading or writing the file failed: check the disk.",
}


def is_busy(error: BaseException) -> bool:
    """Return whether another writer holds a lock that it may release."""
    code = result_code(error)
    # A transaction that read before another wrote can never write.
    return code & 0xFF in _BUSY and code != sqlite3.SQLITE_BUSY_SNAPSHOT


def write_lock_timeout(label: str, timeout: float) -> errors.StoreUnavailable:
    """Return the error of a thread that did not get the write lock in time."""
    return errors.StoreUnavailable(
        f"{label}: {_REMEDIES[sqlite3.SQLITE_LOCKED].format(timeout=timeout)}"
    )


def translate_error(
    error: BaseException, label: str, timeout: float, path: Path | None
) -> errors.ArtifactStoreError:
    """Return our error for an error of SQLite; its message says what to do.

    Args:
        error: Peewee's error, or the driver's.
        label: what messages call the database.
        timeout: seconds that a statement waits for a lock.
        path: the file; `None` for a database in memory.
    """
    code = result_code(error) & 0xFF
    text = str(error)
    if any(part in text for part in _TOO_LARGE):
        return errors.InvalidQuery(
            f"The filter is too large for SQLite ({text}): split it into several queries."
        )
    if code == sqlite3.SQLITE_CONSTRAINT:
        return errors.IntegrityViolation(f"The database refused the row: {text}.")
    if code == sqlite3.SQLITE_TOOBIG:
        return errors.InvalidArtifact(
            "The value is larger than the 1 GB that SQLite can hold: store a link to it."
        )
    if (
        code in _DAMAGED
        or isinstance(error, UnicodeDecodeError)
        or any(part in text for part in _UNREADABLE)
    ):
        return errors.StoreDamaged(f"{label}: {_DAMAGE.format(text=in_one_line(text))}")
    if text.startswith("no such table"):
        return TableMissing(
            f"{label}: the tables of the store are gone ({text}): open the store again."
        )

    remedy = _REMEDIES.get(code, f"SQLite says: {text}.")
    if text.endswith("already exists"):
        remedy = f"it is not a store, and it already has tables of the same names ({text}): name another file."
    if code == sqlite3.SQLITE_CANTOPEN:
        remedy = why_not_opened(path) or remedy
    elif code == sqlite3.SQLITE_IOERR and path is not None and disk_is_full(path):
        remedy = _REMEDIES[sqlite3.SQLITE_FULL]  # even a reader needs room for the -shm file
    return errors.StoreUnavailable(f"{label}: {remedy.format(timeout=timeout)}")


def why_not_opened(path: Path | None) -> str | None:
    """Return why the file cannot be opened, if that can be found out."""
    if too_many_files():
        return TOO_MANY_FILES
    if path is None:
        return None
    if path.is_dir():
        return "it is a directory: name a file in it."
    if os.path.lexists(f"{path}-wal") and not os.access(path.parent, os.W_OK):
        return (
            f"the newest changes are in {path.name}-wal, which can be read only where its directory may be "
            "written: copy both files to such a place and open the copy."
        )
    return None


def result_code(error: BaseException) -> int:
    """Return the extended result code of SQLite, 0 if the error has none."""
    return int(getattr(driver_error(error), "sqlite_errorcode", 0) or 0)
