"""SIGTERM as an interrupt, for commands that wait."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

__all__ = ["ending_in_order"]


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Let SIGTERM end a block like Ctrl-C, and then the program with 143, as a shell calls that end."""
    received = 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal received
        received = number
        ctrl_c = signal.getsignal(signal.SIGINT)
        if not callable(ctrl_c):  # a shell lets programs in the background ignore it
            raise KeyboardInterrupt
        ctrl_c(signal.SIGINT, frame)  # raises, if need be a moment later

    earlier = signal.getsignal(signal.SIGTERM)
    is_ignored = earlier == signal.SIG_IGN
    if not is_ignored:
        signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        if received:
            raise click.exceptions.Exit(128 + received) from None
        raise
    finally:
        if not is_ignored:
            signal.signal(signal.SIGTERM, earlier)
