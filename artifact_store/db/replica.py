"""Sends reads to the replica, if there is one, and to the primary otherwise. Replicas may lag a moment behind."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from ..errors import StoreUnavailable
from .engine import ReplicaRefused
from .statements import Statements

__all__ = ["Reader", "Stream"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_LOG = logging.getLogger("artifact_store")
_PAUSE = 5.0  # seconds for which a replica that failed is not asked again


class Reader:
    """Runs listings and counts on a replica, and on the primary when the replica fails.

    Inside a block it uses the primary, because the block must see its own writes.
    """

    def __init__(self, primary: Statements, replica: Statements | None = None) -> None:
        """Take the statements of the primary and of the replica, if there is one."""
        self.primary, self.replica = primary, replica
        self._paused_until = 0.0
        self._refused = ""

    def __call__(self, ask: Callable[[Statements, *Ts], T], *args: *Ts) -> T:
        """Call `ask` with the statements of the replica or the primary, and with `args`.

        Raises:
            StoreUnavailable: the primary fails too.
        """
        replica = self.replica
        if replica is None or not self.uses_replica():
            return ask(self.primary, *args)
        try:
            return ask(replica, *args)
        except StoreUnavailable as error:
            self.pause_replica(error)
        return ask(self.primary, *args)

    def uses_replica(self) -> bool:
        """Return whether the next read goes to the replica."""
        return (
            self.replica is not None
            and time.monotonic() >= self._paused_until
            and not self.primary.engine.in_block()
        )

    def pause_replica(self, error: StoreUnavailable) -> None:
        """Stop using the replica for a while, and log why; that a server is not a replica is logged once."""
        self._paused_until = time.monotonic() + _PAUSE
        if not isinstance(error, ReplicaRefused):
            self._refused = ""
            _LOG.warning("The replica does not answer, the primary does: %s", error)
        elif self._refused != str(error):
            self._refused = str(error)
            _LOG.warning("The replica is refused, the primary answers: %s", error)

    def stream(self) -> "Stream":
        """Return a reader of the pages of one stream."""
        return Stream(self)


class Stream:
    """Reads the pages of one stream, all from the server on which it starts.

    A replica is a moment behind: a stream that went on there, after a page of the primary, could leave out what the
    replica does not have yet. The primary has what the replica has, so a stream whose replica fails goes on there,
    after its last page, and stays.
    """

    def __init__(self, reader: Reader) -> None:
        """Start undecided."""
        self._reader = reader
        self._at_primary = False

    def __call__(self, ask: Callable[[Statements, *Ts], T], *args: *Ts) -> T:
        """Call `ask` with the statements of the side of this stream, and with what else is given.

        Raises:
            StoreUnavailable: the primary fails too.
        """
        reader = self._reader
        if reader.replica is not None and not self._at_primary and reader.uses_replica():
            try:
                return ask(reader.replica, *args)
            except StoreUnavailable as error:
                reader.pause_replica(error)
        self._at_primary = True
        return ask(reader.primary, *args)
