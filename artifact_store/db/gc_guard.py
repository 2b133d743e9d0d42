"""Detects whether the garbage collector is running, in which case no statement may run.

The collector runs wherever Python allocates memory, even in the middle of a statement, and closes generators and calls
finalizers. A second statement of the same thread would then wait for the connection of the first for ever. The same
holds for an object that is freed inside a call of a store.
"""

import gc
import sys
from types import FrameType
from typing import Any

__all__ = ["collecting", "interrupting"]

_DRIVING = (
    "artifact_store",
    "peewee",
    "playhouse",
)  # packages whose functions may be in the middle of a statement
_CALLING = {
    f"artifact_store.{name}"
    for name in (
        "db.gc_guard",
        "db.pending_writes",
        "runs.active",
        "runs.current",
        "runs.decorators",
        "artifacts.progress",
    )
}
"""Modules that call, or are called by, code of the user's; they run no statement themselves."""

_PHASES: dict[str, Any] = {}
"""The phases of the last collection; the last one is where the collector is now."""


def collecting() -> bool:
    """Return whether the garbage collector, or the end of Python, may have called this code."""
    try:
        return next(reversed(_PHASES), "stop") == "start" or sys.is_finalizing()
    except RuntimeError:  # the collector has just started or stopped
        return True


def interrupting() -> bool:
    """Return whether the garbage collector, or a call of a store, has called this code.

    This looks at each frame of the stack, so use it rarely.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] in _DRIVING and module not in _CALLING:
            return True
        frame = frame.f_back
    return collecting()


# Two functions written in C, which move the phase to the end. A signal handler cannot raise in them; what it raises in
# a callback that is written in Python is swallowed, and a program that is told to stop would go on.
gc.callbacks.append(_PHASES.pop)
gc.callbacks.append(_PHASES.__setitem__)
