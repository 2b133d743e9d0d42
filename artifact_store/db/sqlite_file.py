"""The file of a SQLite store: whether its name still leads to the file that was opened."""

import errno
import os
import shutil
from pathlib import Path

from ..errors import StoreUnavailable

__all__ = ["TOO_MANY_FILES", "DataFile", "disk_is_full", "too_many_files"]

Identity = tuple[int, int]


class DataFile:
    """The file of a SQLite store.

    An open file outlives its name. After it was deleted, moved or replaced by a copy, what is written to it is
    lost, or lands where nobody looks. So its device and inode are compared when a connection opens, and once in each
    transaction that writes.
    """

    def __init__(self, path: Path, label: str) -> None:
        """Take the path; the file is looked at when the first connection opens."""
        self._path, self._label = os.fspath(path), label
        self._opened: Identity | None = None

    def check(self) -> None:
        """Make sure that the path still leads to the file that was opened.

        Raises:
            StoreUnavailable: the file was deleted, moved or replaced.
        """
        try:
            found = os.stat(self._path)  # noqa: PTH116  a Path takes twice as long, in each transaction
        except OSError as error:
            raise self._refusal(error) from error
        if (found.st_dev, found.st_ino) != self._opened:
            raise StoreUnavailable(
                f"{self._label}: the file was replaced while the store was open: close the store and open it again."
            )

    def look(self) -> Identity:
        """Return which file a connection is about to open.

        Raises:
            StoreUnavailable: there is none, or not the one that the store has opened before.
        """
        if self._opened is not None:
            self.check()
        return self._found()

    def opened(self, looked: Identity) -> None:
        """Note that a connection is open, and which file there was before.

        Raises:
            StoreUnavailable: the file was deleted, moved or replaced meanwhile.
        """
        if self._opened is None:
            self._opened = looked
        self.check()

    def forget(self) -> None:
        """Let the next connection open whatever file is there, after all connections were closed."""
        self._opened = None

    def _found(self) -> Identity:
        try:
            found = Path(self._path).stat()
        except OSError as error:
            raise self._refusal(error) from error
        return found.st_dev, found.st_ino

    def _refusal(self, error: OSError) -> StoreUnavailable:
        if isinstance(error, FileNotFoundError):
            return StoreUnavailable(self._missing())
        return StoreUnavailable(
            f"{self._label}: cannot be opened ({error.strerror}): check its directory."
        )

    def _missing(self) -> str:
        if self._opened is None:
            return f"{self._label}: the file was deleted or moved: open the store again to make a new one."
        return (
            f"{self._label}: the file was deleted or moved while the store was open: "
            "put it back, or close the store and open it again."
        )


def too_many_files() -> bool:
    """Tell whether this process, or the whole system, cannot open any file."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)
    return False


def disk_is_full(path: Path) -> bool:
    """Tell whether there is no room beside a file for what SQLite needs to read it."""
    try:
        return shutil.disk_usage(path.parent).free < _ROOM
    except OSError:
        return False


_ROOM = 65_536  # bytes: the -shm file takes half of it
TOO_MANY_FILES = "too many files are open: close some, or raise the limit (ulimit -n)."
