"""How the file of a SQLite database is opened: for writing, for reading, or as a file that nobody can change.

SQLite makes two files beside a database in WAL mode, `-wal` and `-shm`, even to read it. Where the directory may not be
written it cannot, and then `immutable=1` lets it read the file alone, without locks: the connection looks before each
statement whether somebody has changed the file after all, and is opened again when somebody has.
"""

import os
from pathlib import Path
from typing import NamedTuple

__all__ = ["Opening", "Signature", "opening_of", "signature"]

Signature = tuple[int, ...] | None


class Opening(NamedTuple):
    """How to open a file.

    Attributes:
        uri: its name for SQLite.
        query_only: whether the connection must be told not to write.
        immutable: what the file looks like, when nobody can change it; otherwise `None`.
    """

    uri: str
    query_only: bool = False
    immutable: Signature = None

    @property
    def writable(self) -> bool:
        """Whether the connection may write."""
        return self.uri.endswith("?mode=rw") and not self.query_only


def opening_of(path: Path, read_only: bool) -> Opening:
    """Return how a file is opened now; it is never made.

    Args:
        path: the file.
        read_only: whether nothing may be written, even where it can be.
    """
    if path.is_symlink():  # SQLite makes its two files beside the file itself
        path = path.resolve()
    uri = path.as_uri()
    fixed = not os.access(path.parent, os.W_OK)
    if not read_only and not fixed:
        return Opening(f"{uri}?mode=rw")
    idle = _uses_wal(path) and not _has_changes(path)
    if fixed and idle:
        return Opening(f"{uri}?mode=ro&immutable=1", immutable=signature(path))
    if not read_only:
        return Opening(f"{uri}?mode=rw")
    if idle and os.access(path, os.W_OK):
        # A connection with mode=ro would leave its two files behind.
        return Opening(f"{uri}?mode=rw", query_only=True)
    return Opening(f"{uri}?mode=ro")


def signature(path: Path) -> Signature:
    """Return what changes when a file or what lies beside it is written; `None` when there is no such file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, _has_changes(path)


def _uses_wal(path: Path) -> bool:
    """Tell from its header whether a database is in WAL mode."""
    try:
        with path.open("rb") as file:
            return file.read(20)[18:] == b"\x02\x02"
    except OSError:
        return False


def _has_changes(path: Path) -> bool:
    """Tell whether changes that are not in the file lie beside it, or may come there at any time."""
    wal, shared = (Path(f"{path}-{name}") for name in ("wal", "shm"))
    try:
        return wal.stat().st_size > 0 or shared.exists()
    except OSError:
        return False
