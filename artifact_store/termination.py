"""What SIGTERM does while runs are open.

It leaves their blocks, so that they can say that they crashed; then the process ends as it would have ended anyway.
Python runs signal handlers in the main thread alone, so only a run that is open there is watched.
"""

import os
import signal
import threading
from contextlib import suppress
from types import CodeType, FrameType
from typing import Any

__all__ = ["WATCH", "Terminated"]


class Terminated(KeyboardInterrupt):
    """SIGTERM has told the process to stop.

    It is a kind of `KeyboardInterrupt` because that is the one that drivers and libraries know how to be
    interrupted by; psycopg, for one, cancels the statement that is under way.
    """


class Watch:
    """The handler of SIGTERM while runs are open in the main thread, and how many are.

    Attributes:
        told: SIGTERM has come while a run was open.
    """

    def __init__(self) -> None:
        """Begin without a handler."""
        self.told = False
        self._open = 0
        self._holding = self._due = False
        self._quiet: set[CodeType] = set()
        self._before: object = signal.SIG_DFL
        self._forking = threading.local()

    def keep_out_of(self, *functions: Any) -> None:
        """Raise nothing in these functions, which open and close runs, also before they come to `hold`."""
        self._quiet.update(function.__code__ for function in functions)

    def opening(self) -> int:
        """Watch for one run more; nothing is raised before `released`.

        Returns:
            How many runs are watched now; 0 where this one cannot be.
        """
        if threading.current_thread() is not threading.main_thread():
            return 0
        self._holding = True
        if self._open == 0 and not self._installed():
            self._holding = False
            return 0
        self._open += 1
        return self._open

    def _installed(self) -> bool:
        self._before = signal.getsignal(signal.SIGTERM)
        # What is ignored stays ignored; what is not Python's (None) cannot be called, and not be put back.
        if self._before in (signal.SIG_IGN, None):
            return False
        try:
            signal.signal(signal.SIGTERM, self._handle)
        except ValueError:  # a sub-interpreter
            return False
        return True

    def hold(self) -> None:
        """Raise nothing before `released` or `closed`, because a run's state is being written."""
        self._holding = True

    def released(self) -> None:
        """Raise what has come since `hold`."""
        self._holding = False
        if self._due:
            self._due = False
            self._act(signal.SIGTERM, None)

    def closed(self, opened: int) -> None:
        """Watch for the run no more; after the last, what has come takes its usual course.

        Args:
            opened: what `opening` returned for it; an interrupt may have kept a run inside it from closing.
        """
        self._open = min(self._open, opened - 1)
        if self._open:
            self.released()
            return
        self._put_back()
        due = self._due or (self.told and not callable(self._before))
        self.told = self._due = self._holding = False
        if due:
            signal.raise_signal(signal.SIGTERM)

    def _put_back(self) -> None:
        with suppress(ValueError):  # the last run was closed by another thread than has opened it
            if signal.getsignal(signal.SIGTERM) == self._handle:
                signal.signal(signal.SIGTERM, self._before)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.told = True
        if self._holding or (frame is not None and frame.f_code in self._quiet):
            self._due = True
        else:
            self._act(number, frame)

    def _act(self, number: int, frame: FrameType | None) -> None:
        if callable(self._before):
            self._before(number, frame)
        elif self._open:
            raise Terminated
        else:
            self._put_back()
            signal.raise_signal(number)

    def before_fork(self) -> None:
        """Keep a signal to the child, which comes before its handler is put back, until it is."""
        self._forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}) if self._open else None

    def after_fork(self) -> None:
        """Let signals through again."""
        if self._forking.mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._forking.mask)

    def after_fork_in_child(self) -> None:
        """Leave the runs of the parent to it."""
        if self._open:
            self._open = 0
            self._put_back()
            self.told = self._due = self._holding = False
        self.after_fork()


WATCH = Watch()

if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(
        before=WATCH.before_fork, after_in_parent=WATCH.after_fork, after_in_child=WATCH.after_fork_in_child
    )
