"""Tells whether a statement may run here, for what can be called at any time.

The garbage collector runs wherever Python allocates memory, in the middle of a statement too, and it closes the
generators and calls the finalizers that it finds. A statement in the middle of another one of the same thread would
wait for that one's connection for ever. The same holds for an object that is freed inside a call of a store.
"""

import gc
import sys
import threading
from types import FrameType
from typing import Any

__all__ = ["collecting", "interrupting"]

_DRIVING = ("artifact_store", "peewee", "playhouse")  # packages whose functions may be in the middle of a statement
_CALLING = {f"{__package__}.{name}" for name in ("collector", "openruns", "progress", "unwritten")}
"""Modules that call, or are called by, code of the user's; they run no statement themselves."""

_thread = 0  # in which the collector is at work; 0 for none


def collecting() -> bool:
    """Tell whether the garbage collector has called, in this thread, what runs now; it may have when Python ends."""
    return _thread == threading.get_ident() or sys.is_finalizing()


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


def _note(phase: str, _: Any) -> None:
    global _thread
    _thread = threading.get_ident() if phase == "start" else 0


gc.callbacks.append(_note)
