"""Sends reads to the replica if there is one, and otherwise to the primary.

A replica may lag a moment behind. A read that must see the latest writes does not go through here.
"""

import logging
import time
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from ..errors import InvalidQuery, StoreUnavailable
from .engine import ReplicaRefused
from .statements import Statements

__all__ = ["Reader", "Stream"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_LOG = logging.getLogger("artifact_store")
_PAUSE = 5.0  # seconds for which a replica that failed is not used


class Reader:
    """Runs listings and counts on a replica, and on the primary when the replica fails.

    Inside a block it uses the primary, because the block must see its own writes; inside a snapshot too, because all of
    its reads must be of one moment.
    """

    def __init__(self, primary: Statements, replica: Statements | None = None) -> None:
        """Take the statements of the primary, and of the replica if there is one."""
        self.primary = primary
        self.replica = replica
        self._paused_until = 0.0
        self._last_refusal = ""

    def __call__(self, read: Callable[[Statements, *Ts], T], *args: *Ts) -> T:
        """Call `read` with the statements of the replica or the primary, and with `args`.

        Raises:
            StoreUnavailable: the primary fails too.
        """
        replica = self.replica
        if replica is None or not self.uses_replica():
            return read(self.primary, *args)
        try:
            return read(replica, *args)
        except StoreUnavailable as error:
            self.pause_replica(error)
        return read(self.primary, *args)

    def uses_replica(self) -> bool:
        """Return whether the next read goes to the replica."""
        return (
            self.replica is not None
            and time.monotonic() >= self._paused_until
            and not self.primary.engine.in_block()
        )

    def pause_replica(self, error: StoreUnavailable) -> None:
        """Stop using the replica for a while, and log why; a server that is not a replica is logged once."""
        self._paused_until = time.monotonic() + _PAUSE
        message = str(error)
        if not isinstance(error, ReplicaRefused):
            self._last_refusal = ""
            _LOG.warning("The replica does not answer, the primary does: %s", message)
        elif self._last_refusal != message:
            self._last_refusal = message
            _LOG.warning("The replica is refused, the primary answers: %s", message)

    def stream(self) -> "Stream":
        """Return a reader of the pages of one stream."""
        return Stream(self)


class Stream:
    """Reads the pages of one stream from the server on which it starts.

    If the replica fails, the stream continues on the primary, which has everything that the replica has. It does not
    go back: the replica may not have what comes next yet, and the stream would leave it out.

    Attributes:
        snapshot: the snapshot in which the stream began, and to which it belongs; `None` outside one.
    """

    def __init__(self, reader: Reader) -> None:
        """Take a reader; the first page decides where the others are read."""
        self._reader = reader
        self._at_primary = False
        self.snapshot = reader.primary.engine.current_snapshot()

    def check_snapshot(self) -> None:
        """Check that this thread is still inside the snapshot in which the stream began.

        Raises:
            InvalidQuery: it is not, so what comes next would be of another moment.
        """
        if self._reader.primary.engine.current_snapshot() is not self.snapshot:
            raise InvalidQuery(
                "The iterator was begun in a snapshot that has ended: read it to its end inside the snapshot."
            )

    def __call__(self, read: Callable[[Statements, *Ts], T], *args: *Ts) -> T:
        """Call `read` with the statements of the server of this stream, and with `args`.

        Raises:
            StoreUnavailable: the primary fails too.
        """
        reader = self._reader
        replica = reader.replica
        if replica is not None and not self._at_primary and reader.uses_replica():
            try:
                return read(replica, *args)
            except StoreUnavailable as error:
                reader.pause_replica(error)
        self._at_primary = True
        return read(reader.primary, *args)
