"""Detects whether the garbage collector is running, in which case no statement may run.

The collector runs wherever Python allocates memory, even in the middle of a statement. It closes generators and calls
finalizers, and a statement in one of them would wait for ever for the connection of the first. The same holds for an
object that is freed inside a call of a store.
"""

import gc
import sys
from types import FrameType

__all__ = ["collecting", "interrupting"]

_RUN_STATEMENTS = ("artifact_store", "peewee", "playhouse")
"""Packages whose functions may be in the middle of a statement."""

_RUN_USER_CODE = {
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
"""Modules of these packages that call user code, or are called by it; they run no statement themselves."""

_PHASES: dict[str, object] = {}
"""The phases of the last collection; the last one is the current one."""


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
        package = module.partition(".")[0]
        if package in _RUN_STATEMENTS and module not in _RUN_USER_CODE:
            return True
        frame = frame.f_back
    return collecting()


# Two functions written in C, which move the current phase to the end. Python ignores an exception in a callback, so a
# signal handler that raised in a callback written in Python could not stop the program.
gc.callbacks.append(_PHASES.pop)
gc.callbacks.append(_PHASES.__setitem__)
