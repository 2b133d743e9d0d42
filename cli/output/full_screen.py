"""A terminal as one screen: the alternate screen, keys without Enter, and a way back in every case."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from .screen import console, height, width

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

__all__ = ["FullScreen"]


class FullScreen:
    """The alternate screen of the terminal, for a `with` block; the terminal is restored after it.

    SIGTERM and SIGHUP end the block, Ctrl-Z restores the terminal while the process is stopped.
    """

    def __init__(self) -> None:
        """Take nothing yet."""
        self._live: Live | None = None
        self._modes: list[Any] = []  # as termios returns and takes them
        self._pipe = (-1, -1)
        self._handlers: dict[int, object] = {}
        self._wakeup = -1
        self._stop_wanted = False

    @property
    def height(self) -> int:
        """How many lines the terminal has now."""
        return height()

    def __enter__(self) -> FullScreen:
        """Take the terminal."""
        self._pipe = os.pipe()
        for end in self._pipe:
            os.set_blocking(end, False)
        # A signal writes to the pipe, which ends `wait`: `select` alone goes on after a signal.
        self._wakeup = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        for number, handler in (
            (signal.SIGTERM, leave),
            (signal.SIGHUP, leave),
            (signal.SIGTSTP, self._want_stop),
            (signal.SIGWINCH, ignore),
        ):
            self._handlers[number] = signal.signal(number, handler)
        try:
            self._take()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """Give the terminal back."""
        self._give_back()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # as signal returned it
        signal.set_wakeup_fd(self._wakeup)
        for end in self._pipe:
            os.close(end)

    def draw(self, lines: Sequence[Text]) -> None:
        """Show lines in the place of those before."""
        from rich.text import Text

        if self._live is None:
            return
        screen = self._live.console
        screen.width, screen.height = width(), height()
        shown = [line.copy() for line in lines]
        for line in shown:
            line.truncate(screen.width, overflow="ellipsis")
        text = Text("\n", no_wrap=True, overflow="crop").join(shown)
        self._live.update(text, refresh=True)

    def wait(self, seconds: float) -> str:
        """Return the key that was pressed within some seconds; empty at a signal, or without one."""
        stdin = sys.stdin.fileno()
        ready = select.select([stdin, self._pipe[0]], [], [], seconds)[0]
        if self._pipe[0] in ready:
            os.read(self._pipe[0], 1024)
        if self._stop_wanted:
            self._stop()
            return ""
        if stdin not in ready:
            return ""
        typed = os.read(stdin, 1024)
        # At the end of its input nobody can press a key any more.
        return "q" if not typed or b"q" in typed.lower() else typed.decode(errors="replace")

    def _take(self) -> None:
        import termios
        import tty

        from rich.live import Live

        stdin = sys.stdin.fileno()
        self._modes = termios.tcgetattr(stdin)
        tty.setcbreak(stdin)
        screen = console()
        self._live = Live(console=screen, screen=True, auto_refresh=False)
        self._live.start()

    def _give_back(self) -> None:
        import termios

        live, self._live = self._live, None
        try:
            if live is not None:
                live.stop()
        finally:
            if self._modes:
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._modes)

    def _want_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop_wanted = True

    def _stop(self) -> None:
        """Stop the process, as Ctrl-Z does; return when it goes on."""
        self._stop_wanted = False
        self._give_back()
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, handler)
        self._take()


def leave(number: int, frame: FrameType | None) -> None:
    """End the process, with the exit code of a process that a signal has ended."""
    sys.exit(128 + number)


def ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing: that the signal came is enough."""
