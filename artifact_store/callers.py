"""Finds the line of the program that called this package, which warnings name."""

import os
import sys
from pathlib import Path

__all__ = ["outside"]

_PACKAGE = os.path.join(Path(__file__).parent, "")  # noqa: PTH118 - with the separator at its end


def outside() -> int:
    """Return the `stacklevel`, for a warning of the caller, of the nearest frame outside this package."""
    level = 1
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    return level
