"""Exceptions that come between any two steps, as a signal handler raises them."""

import dis
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import coverage

__all__ = ["TimeLimit", "steps", "unmeasured"]

# Where Python lets a signal handler run: behind a call of a function written in C, at the start of one written in
# Python, and at the end of a turn of a loop.
_CHECKED = ("CALL", "CALL_FUNCTION_EX", "CALL_KW", "JUMP_BACKWARD", "RESUME")

_OURS = ("artifact_store.", "peewee", "playhouse")


class TimeLimit(Exception):
    """What Celery and rq raise in the middle of a job."""


def steps(
    at: int | None, work: Callable[[], object], error: type[BaseException] = KeyboardInterrupt
) -> int:
    """Do some work, raise at one step in the store or in Peewee; return how many steps it came to.

    Args:
        at: the number of the step; `None` only counts them.
        work: what is done.
        error: what is raised.
    """
    passed, frame_before, done_before = 0, None, ""

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal passed, frame_before, done_before
        same, frame_before = frame is frame_before, frame
        if not frame.f_globals.get("__name__", "").startswith(_OURS):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            possible = same and done_before in _CHECKED
            done_before = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            passed += possible
            if possible and passed == at:
                sys.settrace(None)
                raise error
        return trace

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = (
        True  # Python 3.12 looks for this in `settrace`, and traces lines alone otherwise
    )
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return passed


def unmeasured(work: Callable[..., Any], *args: Any) -> Any:
    """Do some work without coverage, which stays locked for ever when a signal comes inside of it."""
    measuring = coverage.Coverage.current()
    if measuring is not None:
        measuring.stop()
    return work(*args)
