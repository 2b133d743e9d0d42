"""The terminal: its width, its height and its colours."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["console", "has_cursor", "height", "is_plain", "width"]


def is_plain() -> bool:
    """Tell whether colours and escape sequences are off: `NO_COLOR` is set, or `TERM` is `dumb`."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "dumb") == "dumb"


def has_cursor() -> bool:
    """Tell whether the terminal can be drawn on as one screen, in colours or not."""
    return os.environ.get("TERM", "dumb") != "dumb"


def width() -> int:
    """Return how many columns the terminal has."""
    return shutil.get_terminal_size().columns


def height() -> int:
    """Return how many lines the terminal has."""
    return shutil.get_terminal_size().lines


def console(*, stderr: bool = False) -> Console:
    """Return the console of rich, which prints text without interpreting markup in it."""
    from rich.console import Console

    system = None if is_plain() else "auto"
    return Console(
        markup=False,
        emoji=False,
        highlight=False,
        stderr=stderr,
        width=width(),
        height=height(),
        color_system=system,  # type: ignore[arg-type]  # rich does not say that None is no colour
    )
