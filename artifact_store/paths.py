"""What stands at a path.

`Path.exists()` and its kin tell a path that cannot be looked at (no permission, a name that is too long) from one with
nothing there up to Python 3.13, and not since 3.14. What we tell the user depends on it, so we ask `stat` ourselves.
"""

from pathlib import Path

__all__ = ["mode_of"]


def mode_of(path: Path) -> int:
    """Return the mode of what stands at a path, as the functions of `stat` take it, or 0 when nothing does.

    Raises:
        OSError: the path cannot be looked at.
    """
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0
