"""Where a question is asked: of the replica where there is one and an older answer will do, else of the primary."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from .errors import StoreUnavailable
from .statements import Statements

__all__ = ["Reader"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_LOG = logging.getLogger("artifact_store")
_REST = 5.0  # seconds for which a replica that failed is not asked again


class Reader:
    """Asks listings and counts of a replica, and of the primary when the replica does not answer.

    Inside a block the primary is asked, because the block must see what it has written.
    """

    def __init__(self, primary: Statements, replica: Statements | None = None) -> None:
        """Take the statements of the primary and of the replica, if there is one."""
        self.primary, self.replica = primary, replica
        self._resting_until = 0.0

    def __call__(self, ask: Callable[[Statements, *Ts], T], *args: *Ts) -> T:
        """Call `ask` with the statements of whoever is to answer, and with what else is given.

        Raises:
            StoreUnavailable: the primary does not answer either.
        """
        replica = self.replica
        if replica is None or time.monotonic() < self._resting_until or self.primary.engine.in_block():
            return ask(self.primary, *args)
        try:
            return ask(replica, *args)
        except StoreUnavailable as error:
            self._resting_until = time.monotonic() + _REST
            _LOG.warning("The replica does not answer, the primary does: %s", error)
        return ask(self.primary, *args)
