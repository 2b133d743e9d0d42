"""Finds what the program has called of this package: the line, for warnings, and the method, for errors."""

import os
import sys
from collections.abc import Container
from pathlib import Path
from types import FrameType

__all__ = ["outermost", "outside"]

_PACKAGE = os.path.join(Path(__file__).parent, "")  # noqa: PTH118 - with the separator at its end


def outside() -> int:
    """Return the `stacklevel`, for a warning of the caller, of the nearest frame outside this package."""
    level = 1
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    return level


def outermost(names: Container[str]) -> str | None:
    """Return which function of this package the program has called, if it has one of some names."""
    found = None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        if frame.f_code.co_name in names:
            found = frame.f_code.co_name
        frame = frame.f_back
    return found
