"""The command line of artifact-store: it parses, calls one public method of the SDK, and renders."""

from typing import TYPE_CHECKING

__all__ = ["main"]

if TYPE_CHECKING:
    from .commands import main


def __getattr__(name: str) -> object:
    """Load the commands when they are first used, so that `__main__` can catch Ctrl-C meanwhile."""
    if name != "main":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .commands import main

    return main
