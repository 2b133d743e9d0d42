"""Tells whether a statement may run here, for what can be called at any time.

The garbage collector runs wherever Python allocates memory, in the middle of a statement too, and it closes the
generators and calls the finalizers that it finds. A statement in the middle of another one of the same thread would
wait for that one's connection for ever. The same holds for an object that is freed inside a call of a store.
"""

import gc
import sys
from types import FrameType
from typing import Any

__all__ = ["collecting", "interrupting"]

_DRIVING = ("artifact_store", "peewee", "playhouse")  # packages whose functions may be in the middle of a statement
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
    """Tell whether the garbage collector may have called what runs now; it may have when Python ends, too."""
    try:
        return next(reversed(_PHASES), "stop") == "start" or sys.is_finalizing()
    except RuntimeError:  # it has just begun or ended
        return True


def interrupting() -> bool:
    """Tell whether what runs now was called by the garbage collector, or from inside a call of a store.

    This looks at each frame of the stack, so it is for what is rare.
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
