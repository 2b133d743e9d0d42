"""`artifact-store`, and `python -m artifact_store_cli`."""

import signal
import sys
from types import FrameType

__all__ = ["run"]

_IMPORTS = "<frozen importlib._bootstrap>"
_AGAIN = 0.01  # seconds


def run() -> None:
    """Run the program; Ctrl-C ends it quietly at any time, while modules are loaded too."""
    try:
        # A shell lets programs in the background ignore Ctrl-C, and so it stays.
        is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if is_default and hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, _interrupt)
            signal.signal(signal.SIGINT, _interrupt)
        from .commands import main

        main(prog_name="artifact-store")
    except KeyboardInterrupt:
        sys.exit(130)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise `KeyboardInterrupt` as Python does, but not before a module that is being loaded is complete.

    Python's import has callbacks that lose what is raised in them, and locks that it may then never release.
    So the signal is sent again a moment later.
    """
    while frame is not None and frame.f_code is not run.__code__:
        if frame.f_code.co_filename == _IMPORTS:
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)
            return
        frame = frame.f_back
    raise KeyboardInterrupt


if __name__ == "__main__":
    run()
