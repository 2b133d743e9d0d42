"""Raises exceptions between any two steps of the code, as a signal handler may."""

import dis
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import coverage

from artifact_store import ArtifactStore

__all__ = ["TimeLimit", "assert_unlocked", "steps", "unmeasured"]

# Python runs signal handlers after these: after a call of a C function, at the start of a Python function, and at the
# end of each iteration of a loop.
_CHECKED = ("CALL", "CALL_FUNCTION_EX", "CALL_KW", "JUMP_BACKWARD", "RESUME")

_OURS = ("artifact_store.", "peewee", "playhouse")


class TimeLimit(Exception):
    """What Celery and rq raise in the middle of a job."""


def steps(
    at: int | None, work: Callable[[], object], error: type[BaseException] = KeyboardInterrupt
) -> int:
    """Call a function, raise at one step in the store or in Peewee, and return how many steps were reached.

    Args:
        at: the number of the step; `None` only counts the steps.
        work: the function.
        error: what is raised.
    """
    passed = 0
    frame_before = None
    opcode_before = ""

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal passed, frame_before, opcode_before
        same = frame is frame_before
        frame_before = frame
        if not frame.f_globals.get("__name__", "").startswith(_OURS):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            possible = same and opcode_before in _CHECKED
            opcode_before = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            passed += possible
            if possible and passed == at:
                sys.settrace(None)
                raise error
        return trace

    before = sys.gettrace()
    # Python 3.12 looks for this in `settrace`, and otherwise traces only lines.
    sys._getframe().f_trace_opcodes = True
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return passed


def unmeasured(work: Callable[..., Any], *args: Any) -> Any:
    """Call a function without coverage, whose lock stays taken forever if a signal interrupts it."""
    measuring = coverage.Coverage.current()
    if measuring is not None:
        measuring.stop()
    return work(*args)


def assert_unlocked(store: ArtifactStore) -> None:
    """Write in another thread, which is possible at once when no lock was left."""
    with ThreadPoolExecutor(1) as other:
        other.submit(store.create_artifact, key="other").result(30)
