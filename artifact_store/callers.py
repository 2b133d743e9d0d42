"""Whose line a warning names: that of the program which called this package."""

import os
import sys
from pathlib import Path

__all__ = ["outside"]

_PACKAGE = os.path.join(Path(__file__).parent, "")  # noqa: PTH118 - with the separator at its end


def outside() -> int:
    """Return the `stacklevel`, for a warning of the function that calls this, of the nearest frame outside of here."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    return level
