"""Decides how a SQLite file is opened: to write, to read, or as a file that nobody can change.

SQLite creates two files beside a database in WAL mode, `-wal` and `-shm`, even to read it. In a
directory that is not writable it cannot. There, `immutable=1` lets it read the file alone, without
locks. If somebody changes such a file after all, SQLite may return wrong rows, so the connection
compares the file's signature before each statement, and is opened again when it differs.
"""

import os
from pathlib import Path
from typing import NamedTuple

__all__ = ["Opening", "Signature", "opening_of", "signature"]

Signature = tuple[int, ...] | None
"""What a file looks like from outside; see `signature`."""


class Opening(NamedTuple):
    """How to open a file.

    Attributes:
        uri: the address that SQLite opens.
        query_only: whether writes must be switched off after opening.
        immutable: the signature of the file if nobody can change it; otherwise `None`.
    """

    uri: str
    query_only: bool = False
    immutable: Signature = None

    @property
    def writable(self) -> bool:
        """Whether the connection may write."""
        return self.uri.endswith("?mode=rw") and not self.query_only


def opening_of(path: Path, read_only: bool) -> Opening:
    """Return how to open a file, as it is now; it is never created.

    Args:
        path: the file.
        read_only: whether the store must not be written, even if it could be.
    """
    if path.is_symlink():
        path = path.resolve()  # SQLite creates its two files beside the file itself
    uri = path.as_uri()
    is_fixed = not os.access(path.parent, os.W_OK)
    if not read_only and not is_fixed:
        return Opening(f"{uri}?mode=rw")

    is_idle = uses_wal(path) and not may_change(path)
    if is_fixed and is_idle:
        return Opening(f"{uri}?mode=ro&immutable=1", immutable=signature(path))
    if not read_only:
        return Opening(f"{uri}?mode=rw")
    if is_idle and os.access(path, os.W_OK):
        # A connection with mode=ro would leave its two files behind.
        return Opening(f"{uri}?mode=rw", query_only=True)
    return Opening(f"{uri}?mode=ro")


def signature(path: Path) -> Signature:
    """Return values that change when a file or its WAL is written; `None` if there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, may_change(path)


def uses_wal(path: Path) -> bool:
    """Return whether a database is in WAL mode, by its header."""
    try:
        with path.open("rb") as file:
            return file.read(20)[18:] == b"\x02\x02"
    except OSError:
        return False


def may_change(path: Path) -> bool:
    """Return whether the WAL holds changes, or an open connection may add some."""
    wal = Path(f"{path}-wal")
    shared_memory = Path(f"{path}-shm")
    try:
        return wal.stat().st_size > 0 or shared_memory.exists()
    except OSError:
        return False
