"""SIGTERM and SIGHUP while runs are open: they raise an error in the block, so that the run ends.

Afterwards the process ends as it would have ended without runs. Python calls signal handlers in the
main thread only, so only runs that are opened there are watched. If the earlier handlers were not
restored after the last run, the program could no longer be stopped in its own way.
"""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import CodeType, FrameType
from typing import TypeAlias
from weakref import WeakSet

__all__ = ["WATCH", "Terminated", "WatchedRun"]

Handler: TypeAlias = Callable[[int, FrameType | None], object] | int

# Windows has no SIGHUP.
_SIGNALS = {
    getattr(signal, name)
    for name in ("SIGTERM", "SIGHUP")
    if hasattr(signal, name)
}  # fmt: skip


class Terminated(KeyboardInterrupt):
    """A signal has told the process to stop.

    It is a `KeyboardInterrupt`, because drivers and libraries know how to handle that: psycopg
    cancels the running statement, for example.
    """


class WatchedRun:
    """A run that is watched until `close`, or until this object is freed.

    An interrupt may keep a block from calling `close`. Then its run is watched no longer once the
    block is freed.
    """

    __slots__ = ("__weakref__",)


def in_main_thread() -> bool:
    """Return whether this is the main thread, where Python calls signal handlers."""
    return threading.current_thread() is threading.main_thread()


class SignalWatch:
    """The handler of the signals while runs are open in the main thread.

    Attributes:
        received: the signal that was received while runs are open; 0 if there was none.
    """

    def __init__(self) -> None:
        """Start without a handler."""
        self.received = 0
        self._open_runs: WeakSet[WatchedRun] = WeakSet()
        self._holding = False
        self._pending: list[int] = []
        self._quiet_code: set[CodeType] = set()
        self._earlier_handlers: dict[int, Handler] = {}
        self._thread_state = threading.local()

    def never_raise_in(self, *code: CodeType) -> None:
        """Hold signals while one of these functions runs, even before it has called `hold`."""
        self._quiet_code.update(code)

    def open(self) -> WatchedRun | None:
        """Watch one more run, and hold signals until `release`.

        Returns:
            What `close` takes; `None` if this run cannot be watched.
        """
        if not in_main_thread():
            return None
        self._holding = True
        if not self._open_runs:
            self.received = 0
            if not self._install_handlers():
                self._holding = False
                return None
        run = WatchedRun()
        self._open_runs.add(run)
        return run

    def _install_handlers(self) -> bool:
        """Handle the signals from now on; return whether there is one to handle."""
        for number in _SIGNALS:
            earlier = signal.getsignal(number)
            # An ignored signal stays ignored. A handler that was not set by Python (None) can
            # neither be called nor restored.
            if earlier is None or earlier == signal.SIG_IGN:
                continue
            # It is ours already if another thread has closed the last run.
            if earlier == self._handle:
                continue
            with suppress(ValueError):  # raised in a subinterpreter
                signal.signal(number, self._handle)
                self._earlier_handlers[number] = earlier
        return bool(self._earlier_handlers)

    def hold(self) -> None:
        """Hold signals until `release` or `close`, because the state of a run is being written."""
        if in_main_thread():
            self._holding = True

    def release(self) -> None:
        """Handle the signals that were held."""
        if not in_main_thread():
            return
        self._holding = False
        while self._pending:
            number = self._pending.pop(0)
            self._act(number, None)

    def close(self, run: WatchedRun) -> None:
        """Stop watching a run. After the last one, held signals are handled without this watch."""
        self._open_runs.discard(run)
        if self._open_runs:
            self.release()
            return

        pending = self._pending
        # The block may have swallowed the error. The process was still told to stop, unless the
        # program has a handler of its own, which was called.
        handled_by_program = callable(self._earlier_handlers.get(self.received))
        if not pending and self.received and not handled_by_program:
            pending = [self.received]
        self._reset()
        for number in pending:
            signal.raise_signal(number)

    def _reset(self) -> None:
        """Restore the handlers and forget all signals."""
        self._restore_handlers()
        self._pending = []
        self.received = 0
        self._holding = False

    def _restore_handlers(self) -> None:
        for number, earlier in list(self._earlier_handlers.items()):
            # ValueError: the last run was closed in another thread than the main thread.
            with suppress(ValueError):
                if signal.getsignal(number) == self._handle:
                    signal.signal(number, earlier)
                del self._earlier_handlers[number]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        is_quiet = frame is not None and frame.f_code in self._quiet_code
        if self._holding or is_quiet:
            self._pending.append(number)
        else:
            self._act(number, frame)

    def _act(self, number: int, frame: FrameType | None) -> None:
        """Call the program's handler if there is one; otherwise end the runs, then the process."""
        earlier = self._earlier_handlers.get(number)
        if callable(earlier):
            earlier(number, frame)
        elif self._open_runs:
            raise Terminated(signal.Signals(number).name)
        else:
            self._restore_handlers()
            signal.raise_signal(number)

    def before_fork(self) -> None:
        """Block the signals, so that the child gets none before its handlers are restored."""
        mask = None
        if self._earlier_handlers:
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        self._thread_state.mask = mask

    def after_fork(self) -> None:
        """Unblock the signals."""
        if self._thread_state.mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._thread_state.mask)

    def after_fork_in_child(self) -> None:
        """Stop watching: the runs belong to the parent."""
        self._open_runs = WeakSet()
        self._reset()
        self.after_fork()


WATCH = SignalWatch()
WATCH.never_raise_in(SignalWatch.hold.__code__, in_main_thread.__code__)

if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(
        before=WATCH.before_fork,
        after_in_parent=WATCH.after_fork,
        after_in_child=WATCH.after_fork_in_child,
    )
