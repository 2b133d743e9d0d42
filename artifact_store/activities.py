"""Which run an artifact is made in."""

from collections.abc import Hashable
from functools import cached_property

from . import context
from .context import CURRENT, Origin
from .database import Engine
from .runs import RunStore

__all__ = ["ActivityStore"]


class ActivityStore(RunStore):
    """The methods of a store that know the current run."""

    _engine: Engine
    _inherited: Origin | None

    @cached_property
    def _place(self) -> Hashable:
        return self._engine.place

    def _origin(self) -> Origin | None:
        """Return the runs in which this store's artifacts are made now."""
        if CURRENT.get() is None:  # the commonest case, on the hottest path
            return self._inherited
        return context.origin_at(self._place) or self._inherited
