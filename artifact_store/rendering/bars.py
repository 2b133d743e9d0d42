"""Where the bar of a loop is drawn: on a terminal, in a notebook, as plain lines, or not at all."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

from ..context import PROCESS_ID
from ..errors import InvalidQuery
from ..wording import shown
from .ipython import ipython_shell

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from .bar import Display

__all__ = ["check_show", "find_display"]

_NO_RICH = "show=True draws with rich, which is not installed: run pip install rich."


class Places:
    """The displays of this process: one for the terminal, one for lines, one for each cell."""

    def __init__(self) -> None:
        """Start without one."""
        self.displays: dict[str, Display] = {}
        self.lock = threading.RLock()

    def leave_to_the_parent(self) -> None:
        """Forget the displays in a forked child, which would draw over those of its parent."""
        self.lock = threading.RLock()
        for display in self.displays.values():
            display.abandon()
        self.displays.clear()

    def open(self, name: str, make: Callable[[], Display]) -> Display:
        """Return the display of a name; a new one if there is none."""
        with self.lock:
            used = {each: display for each, display in self.displays.items() if display.is_used}
            found = self.displays.get(name)
            if found is None or found.is_broken:
                found = make()
            self.displays = {**used, name: found}
            return found


_PLACES = Places()
if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_PLACES.leave_to_the_parent)


def check_show(show: object) -> None:
    """Check the argument `show` of `ArtifactStore.track`.

    Raises:
        InvalidQuery: it is not `None`, `True` or `False`.
    """
    if show is not None and not isinstance(show, bool):
        raise InvalidQuery(f"show must be True, False or None, got {shown(show)}.")


def find_display(show: bool | None) -> Display | None:
    """Return where a bar is drawn; `None` if it is not drawn.

    Args:
        show: `False` draws nothing. `None` draws on a terminal and in a notebook, but not in a child
            process, because its parent may be drawing. `True` draws everywhere, if need be as lines.

    Raises:
        InvalidQuery: `True` on a terminal, and rich is not installed.
    """
    if show is False:
        return None
    if not is_child():
        cell = notebook_cell()
        if cell is not None:
            return open_notebook(cell)
        if is_drawable(sys.stderr) and (show or not is_ci()):
            return open_terminal(show)
    return open_lines() if show else None


def open_terminal(show: bool | None) -> Display | None:
    """Return the display of the terminal; lines, or nothing, where somebody else draws on it."""
    try:
        from rich.file_proxy import FileProxy
    except ImportError:
        if show:
            raise InvalidQuery(_NO_RICH) from None
        return None

    if isinstance(sys.stderr, FileProxy):
        own = _PLACES.displays.get("terminal")
        # A live display of the caller: two on one terminal would draw over each other.
        if own is None or not own.is_drawn:
            return open_lines() if show else None

    from .bar_terminal import TerminalDisplay

    return _PLACES.open("terminal", TerminalDisplay)


def open_lines() -> Display:
    """Return the display that writes plain lines."""
    from .bar import LineDisplay

    return _PLACES.open("lines", LineDisplay)


def open_notebook(cell: str) -> Display:
    """Return the display of a cell of a notebook."""
    from .bar_notebook import NotebookDisplay

    return _PLACES.open(cell, NotebookDisplay)


def is_drawable(stream: TextIO | None) -> bool:
    """Tell whether a stream is a terminal whose cursor can be moved."""
    try:
        is_terminal = stream is not None and stream.isatty()
    except (AttributeError, ValueError):  # not a file, or closed
        return False
    return is_terminal and os.environ.get("TERM", "dumb") != "dumb"


def is_ci() -> bool:
    """Tell whether this runs in a pipeline, some of which have a terminal that nobody watches."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def is_child() -> bool:
    """Tell whether this process was forked, or started by `multiprocessing`."""
    if os.getpid() != PROCESS_ID:
        return True
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def notebook_cell() -> str | None:
    """Return a name for the cell that runs now; `None` outside of a notebook."""
    shell = ipython_shell()
    # What runs in a terminal has no kernel.
    if getattr(shell, "kernel", None) is None:
        return None
    return f"cell {getattr(shell, 'execution_count', 0)}"
