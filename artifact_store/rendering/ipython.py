"""The shell of IPython, in a notebook or on a terminal, if it runs the program; it is not imported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ipython_shell", "register_cell_hook", "unregister_cell_hook"]


def ipython_shell() -> object:
    """Return the shell of IPython that runs this program; `None` if there is none."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return None if get_ipython is None else get_ipython()


def register_cell_hook(function: Callable[..., None]) -> None:
    """Have IPython, if it runs this program, call a function at the end of each cell."""
    events = getattr(ipython_shell(), "events", None)
    if events is not None and function not in events.callbacks["post_run_cell"]:
        events.register("post_run_cell", function)


def unregister_cell_hook(function: Callable[..., None]) -> None:
    """Undo `register_cell_hook`."""
    events = getattr(ipython_shell(), "events", None)
    if events is not None and function in events.callbacks["post_run_cell"]:
        events.unregister("post_run_cell", function)
