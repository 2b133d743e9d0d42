"""The bars of loops on a terminal, below what the program prints."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from .bar import Display
from .ipython import register_cell_hook, unregister_cell_hook
from .terminal_text import progress_bar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from logging import StreamHandler
    from types import TracebackType
    from typing import TextIO

    from rich.console import Console, ConsoleOptions
    from rich.file_proxy import FileProxy
    from rich.live import Live
    from rich.text import Text

    from .bar import Bar

__all__ = ["TerminalDisplay"]

_LEAST_NAME = 8  # columns
_LEAST_BAR = 5
_MOST_BAR = 40


class TerminalDisplay(Display):
    """Draws bars with rich.

    While they are drawn, what the program prints goes through rich, which puts it above them.
    """

    def __init__(self) -> None:
        """Start without a bar."""
        super().__init__()
        self._live: Live | None = None
        self._replaced: list[tuple[str, TextIO, FileProxy]] = []
        self._own_hook = self._on_error
        self._hook = sys.excepthook

    @property
    def is_drawn(self) -> bool:
        """Whether it is on the screen now."""
        return self._live is not None

    def paint(self) -> None:
        """Draw the bars as they are now."""
        if self._live is None:
            self._start()
        else:
            self._live.refresh()

    def finish(self) -> None:
        """Leave the bars as they are, with the cursor below them."""
        live, self._live = self._live, None
        self.give_back()
        if live is not None:
            live.stop()

    def give_back(self) -> None:
        """Put the streams and the hooks of the program back."""
        for name, stream, proxy in reversed(self._replaced):
            # What was printed without a line end is still in there.
            with suppress(Exception):  # of a terminal that is gone
                proxy.flush()
            if getattr(sys, name) is proxy:
                setattr(sys, name, stream)
            for handler in handlers_of(proxy):
                handler.setStream(stream)
        self._replaced = []
        if sys.excepthook is self._own_hook:
            sys.excepthook = self._hook
        unregister_cell_hook(self.pause)

    def abandon(self) -> None:
        """Leave the screen to the parent of this process."""
        super().abandon()
        for name, stream, proxy in self._replaced:
            if getattr(sys, name) is proxy:
                setattr(sys, name, stream)
            for handler in handlers_of(proxy):
                handler.stream = stream  # `setStream` takes a lock and flushes
        self._replaced = []
        self._live = None
        if sys.excepthook is self._own_hook:
            sys.excepthook = self._hook

    def _start(self) -> None:
        from rich.live import Live

        console = make_console(sys.stderr)
        self._live = Live(
            get_renderable=lambda: BarLines(self.bars),
            console=console,
            auto_refresh=False,
            # It would send standard output to the terminal even where that is a file.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._redirect(console)
        self._hook, sys.excepthook = sys.excepthook, self._own_hook
        register_cell_hook(self.pause)
        self._live.start(refresh=True)

    def _redirect(self, console: Console) -> None:
        from rich.file_proxy import FileProxy

        terminal = device(sys.stderr)
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if device(stream) == terminal:
                proxy = FileProxy(console, stream)
                as_stream = cast("TextIO", proxy)
                self._replaced.append((name, stream, proxy))
                setattr(sys, name, proxy)
                for handler in handlers_of(stream):
                    handler.setStream(as_stream)

    def _on_error(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        # The traceback comes below the bars.
        self.pause()
        self._hook(kind, error, trace)


class BarLines:
    """The bars as lines for rich, as wide as the terminal is now."""

    def __init__(self, bars: Sequence[Bar]) -> None:
        self.bars = bars

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        is_unicode = console.encoding.lower().startswith("utf")
        yield from bar_lines(self.bars, options.max_width, is_unicode)


def bar_lines(bars: Sequence[Bar], width: int, is_unicode: bool) -> Iterator[Text]:
    """Yield a line for each bar: its name, the bar, and what is known in words."""
    from rich.cells import cell_len, set_cell_size

    words = ["  ".join(filter(None, (bar.percent_text(), bar.words()))) for bar in bars]
    bar_width = min(max(width // 6, _LEAST_BAR), _MOST_BAR)
    longest = max(map(cell_len, words), default=0)
    room = max(width - bar_width - longest - 3, _LEAST_NAME)
    name_width = min(max((cell_len(bar.name) for bar in bars), default=0), room)

    ellipsis = "…" if is_unicode else "."
    for bar, text in zip(bars, words, strict=True):
        name = bar.name
        if cell_len(name) > name_width:
            name = set_cell_size(name, name_width - 1) + ellipsis
        line = progress_bar(bar.pace.percent, bar_width, is_unicode)
        line.append(f" {text}")
        if name_width:
            line = type(line)(set_cell_size(name, name_width) + "  ").append_text(line)
        line.no_wrap = True
        line.overflow = "ellipsis" if is_unicode else "crop"
        yield line


def make_console(stream: TextIO) -> Console:
    """Return a console of rich that leaves the cursor visible, even if the program is killed."""
    from rich.console import Console

    class BarConsole(Console):
        def show_cursor(self, show: bool = True) -> bool:
            return False

    return BarConsole(
        file=stream,
        force_terminal=True,
        force_interactive=True,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        markup=False,
        emoji=False,
        highlight=False,
    )


def handlers_of(stream: object) -> list[StreamHandler[TextIO]]:
    """Return the handlers of `logging` that write to a stream, which they keep from when they were made."""
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    handlers = {
        handler
        for logger in loggers
        if isinstance(logger, logging.Logger)
        for handler in logger.handlers
    }
    streaming = [each for each in handlers if isinstance(each, logging.StreamHandler)]
    return [handler for handler in streaming if handler.stream is stream]


def device(stream: TextIO | None) -> int | None:
    """Return a number for the terminal that a stream is; `None` if it is none."""
    try:
        if stream is None or not stream.isatty():
            return None
        return os.fstat(stream.fileno()).st_rdev
    except (AttributeError, OSError, ValueError):  # not a file, or closed
        return None
