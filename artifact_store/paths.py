"""Finds what is at a path.

Up to Python 3.13 `Path.exists()` raises for a path that cannot be read (no permission, a name that
is too long); since 3.14 it returns False. Our messages depend on the difference, so `stat` is
called here.
"""

from pathlib import Path

__all__ = ["mode_of"]


def mode_of(path: Path) -> int:
    """Return the mode of the file at a path, as the module `stat` takes it; 0 if there is none.

    Raises:
        OSError: the path cannot be read.
    """
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0
