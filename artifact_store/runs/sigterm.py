"""What SIGTERM and SIGHUP do while runs are open.

They leave the blocks of the runs, so that these can say that they crashed; then the process ends as it would have ended
anyway. Python runs signal handlers in the main thread alone, so only a run that is open there is watched.
"""

import os
import signal
import threading
from contextlib import suppress
from types import CodeType, FrameType
from typing import Any
from weakref import WeakSet

__all__ = ["WATCH", "Terminated", "Watched"]

_SIGNALS = {
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
}  # Windows has no SIGHUP


class Terminated(KeyboardInterrupt):
    """A signal has told the process to stop.

    It is a kind of `KeyboardInterrupt` because that is the one that drivers and libraries know how to be
    interrupted by; psycopg, for one, cancels the statement that is under way.
    """


class Watched:
    """A run that is watched for as long as this lives, or until `closed`.

    An interrupt may keep a block from ending its run. It is watched no more when its block is freed.
    """

    __slots__ = ("__weakref__",)


class Watch:
    """The handler of the signals while runs are open in the main thread.

    Attributes:
        told: the signal that has come while a run was open; 0 when none has.
    """

    def __init__(self) -> None:
        """Begin without a handler."""
        self.told = 0
        self._open: WeakSet[Watched] = WeakSet()
        self._holding = False
        self._due: list[int] = []
        self._quiet: set[CodeType] = set()
        self._before: dict[int, object] = {}
        self._forking = threading.local()

    def keep_out_of(self, *functions: Any) -> None:
        """Raise nothing in these functions, which open and close runs, also before they come to `hold`."""
        self._quiet.update(function.__code__ for function in functions)

    def opening(self) -> Watched | None:
        """Watch for one run more; nothing is raised before `released`.

        Returns:
            What `closed` takes; `None` where this run cannot be watched.
        """
        if threading.current_thread() is not threading.main_thread():
            return None
        self._holding = True
        if not self._open:
            self.told = 0
            if not self._installed():
                self._holding = False
                return None
        run = Watched()
        self._open.add(run)
        return run

    def _installed(self) -> bool:
        """Take the signals over; tell whether there is one to watch for."""
        for number in _SIGNALS:
            before = signal.getsignal(number)
            # What is ignored stays ignored; what is not Python's (None) cannot be called, and not be put back.
            # It is ours already when another thread has closed the last run.
            if before in (signal.SIG_IGN, None) or before == self._handle:
                continue
            with suppress(ValueError):  # a sub-interpreter
                signal.signal(number, self._handle)
                self._before[number] = before
        return bool(self._before)

    def hold(self) -> None:
        """Raise nothing before `released` or `closed`, because a run's state is being written."""
        if threading.current_thread() is threading.main_thread():
            self._holding = True

    def released(self) -> None:
        """Raise what has come since `hold`."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._holding = False
        while self._due:
            self._act(self._due.pop(0), None)

    def closed(self, run: Watched) -> None:
        """Watch for a run no more; after the last, what has come takes its usual course."""
        self._open.discard(run)
        if self._open:
            self.released()
            return
        due = self._due
        if not due and self.told and not callable(self._before.get(self.told)):
            due = [self.told]
        self._put_back()
        self._due, self.told, self._holding = [], 0, False
        for number in due:
            signal.raise_signal(number)

    def _put_back(self) -> None:
        for number, before in [*self._before.items()]:
            with suppress(
                ValueError
            ):  # the last run was closed by another thread than has opened it
                if signal.getsignal(number) == self._handle:
                    signal.signal(number, before)  # type: ignore[arg-type]
                del self._before[number]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.told = number
        if self._holding or (frame is not None and frame.f_code in self._quiet):
            self._due.append(number)
        else:
            self._act(number, frame)

    def _act(self, number: int, frame: FrameType | None) -> None:
        before = self._before.get(number)
        if callable(before):
            before(number, frame)
        elif self._open:
            raise Terminated(signal.Signals(number).name)
        else:
            self._put_back()
            signal.raise_signal(number)

    def before_fork(self) -> None:
        """Keep a signal to the child, which comes before its handler is put back, until it is."""
        self._forking.mask = (
            signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS) if self._before else None
        )

    def after_fork(self) -> None:
        """Let signals through again."""
        if self._forking.mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._forking.mask)

    def after_fork_in_child(self) -> None:
        """Leave the runs of the parent to it."""
        self._open = WeakSet()
        self._put_back()
        self._due, self.told, self._holding = [], 0, False
        self.after_fork()


WATCH = Watch()

if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(
        before=WATCH.before_fork,
        after_in_parent=WATCH.after_fork,
        after_in_child=WATCH.after_fork_in_child,
    )
