"""The file of a SQLite store: creates it, and checks that its path still leads to it."""

import errno
import os
import shutil
from pathlib import Path

from ..errors import InvalidURL, StoreUnavailable
from ..paths import mode_of
from .url import default_path

__all__ = [
    "TOO_MANY_FILES",
    "DataFile",
    "create_file",
    "disk_is_full",
    "file_exists",
    "too_many_files",
]

TOO_MANY_FILES = "too many files are open: close some, or raise the limit (ulimit -n)."

_ROOM = 65_536  # bytes: the -shm file takes half of it

FileId = tuple[int, int]
"""The device and the inode of a file."""


class DataFile:
    """The file of a SQLite store, as long as the store is open.

    After an open file was deleted, moved or replaced by a copy, everything that is written to it is
    lost, or ends up where nobody looks. So its device and inode are compared whenever a connection
    is opened, and once in each transaction that writes.
    """

    def __init__(self, path: Path, label: str) -> None:
        """Take the path; the file is first looked at when a connection is opened."""
        self._path = os.fspath(path)
        self._label = label
        self._opened: FileId | None = None

    def check(self) -> None:
        """Check that the path still leads to the file that was opened.

        Raises:
            StoreUnavailable: the file was deleted, moved or replaced.
        """
        if self._file_id() != self._opened:
            raise StoreUnavailable(
                f"{self._label}: the file was replaced while the store was open: close the store and open it again."
            )

    def before_open(self) -> FileId:
        """Return the file that a connection is about to open.

        Raises:
            StoreUnavailable: there is none, or it is not the file that the store opened before.
        """
        if self._opened is not None:
            self.check()
        return self._file_id()

    def after_open(self, before: FileId) -> None:
        """Remember which file was opened, given what `before_open` has returned.

        Raises:
            StoreUnavailable: the file was deleted, moved or replaced meanwhile.
        """
        if self._opened is None:
            self._opened = before
        self.check()

    def forget(self) -> None:
        """Let the next connection open any file, after all connections were closed."""
        self._opened = None

    def _file_id(self) -> FileId:
        try:
            # A Path takes twice as long, in each transaction.
            status = os.stat(self._path)  # noqa: PTH116
        except OSError as error:
            raise self._unavailable(error) from error
        return status.st_dev, status.st_ino

    def _unavailable(self, error: OSError) -> StoreUnavailable:
        if not isinstance(error, FileNotFoundError):
            return StoreUnavailable(
                f"{self._label}: cannot be opened ({error.strerror}): check its directory."
            )
        if self._opened is None:
            return StoreUnavailable(
                f"{self._label}: the file was deleted or moved: open the store again to make a new one."
            )
        return StoreUnavailable(
            f"{self._label}: the file was deleted or moved while the store was open: "
            "put it back, or close the store and open it again."
        )


def file_exists(path: Path, label: str) -> bool:
    """Return whether a database file exists.

    Raises:
        StoreUnavailable: that cannot be found out.
    """
    try:
        return mode_of(path) != 0
    except OSError as error:
        raise StoreUnavailable(
            f"{label}: cannot be opened ({error.strerror}): check the address and the rights of its directory."
        ) from error


def create_file(path: Path, label: str) -> None:
    """Create a database file that only its owner can read, unless it exists.

    Directories are created for the default store only: anywhere else, a missing one is a mistake in
        the address.

    Raises:
        StoreUnavailable: the file cannot be created.
    """
    try:
        if not path.parent.exists() and _is_default(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        pass
    except FileNotFoundError as error:
        raise StoreUnavailable(
            f"{label}: the directory {path.parent} does not exist: create it, or choose another path."
        ) from error
    except OSError as error:
        if too_many_files():
            raise StoreUnavailable(f"{label}: {TOO_MANY_FILES}") from error
        raise StoreUnavailable(
            f"{label}: cannot be created ({error.strerror}): choose a directory that you may write to."
        ) from error


def _is_default(path: Path) -> bool:
    try:
        return path == default_path()
    except InvalidURL:
        return False


def too_many_files() -> bool:
    """Return whether this process, or the system, has too many open files to open another one."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)
    return False


def disk_is_full(path: Path) -> bool:
    """Return whether a disk has no room for the -shm file, which SQLite needs even to read."""
    try:
        return shutil.disk_usage(path.parent).free < _ROOM
    except OSError:
        return False
