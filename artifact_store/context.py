"""What a process is in the middle of: the run that an artifact is made in, and the stores that are open.

The run is a context variable within a process, and environment variables between processes.
"""

import os
from collections.abc import Hashable
from contextvars import ContextVar
from typing import Any, Optional
from uuid import UUID
from weakref import WeakSet

from .errors import InvalidQuery

__all__ = [
    "CURRENT",
    "FLOW_RUN_VARIABLE",
    "TASK_RUN_VARIABLE",
    "Origin",
    "current",
    "inherited",
    "opened",
    "origin_at",
]

FLOW_RUN_VARIABLE = "ARTIFACT_STORE_FLOW_RUN_ID"
TASK_RUN_VARIABLE = "ARTIFACT_STORE_TASK_RUN_ID"


class Origin:
    """The runs that are open in a context.

    Attributes:
        place: the database that holds them; `None` for what another process has handed down.
        flow_run_id: the innermost flow run.
        task_run_id: the innermost task run of that flow run.
        outer: what was open before.
        flow: what has opened the flow run, where that is not this.
        ended: the run is over. Other contexts, copied while it was open, still lead to it.
    """

    __slots__ = ("ended", "flow", "flow_run_id", "outer", "place", "task_run_id")

    def __init__(
        self,
        place: Hashable,
        flow_run_id: UUID | None,
        task_run_id: UUID | None,
        outer: Optional["Origin"] = None,
        flow: Optional["Origin"] = None,
    ) -> None:
        """Take the database, the runs in it, and what was open before."""
        self.place = place
        self.flow_run_id = flow_run_id
        self.task_run_id = task_run_id
        self.outer = outer
        self.flow = flow
        self.ended = False


CURRENT: ContextVar[Origin | None] = ContextVar("artifact_store_current_run", default=None)


opened: WeakSet[Any] = WeakSet()
"""The stores that are open: a value does not hold its store, so a notebook asks them for its surroundings."""


def current() -> Origin | None:
    """Return the innermost run that is open in this context and has not ended.

    Runs may end in another order than that of a stack: generators are closed in any order, and a context that was
    copied outlives the run that it was copied in. So what has ended is passed over here, and what is found forgets it:
    a chain of runs that each began inside the one before would never be freed.
    """
    origin = _open(CURRENT.get())
    if origin is not None:
        origin.outer = _open(origin.outer)
    return origin


def _open(origin: Origin | None) -> Origin | None:
    while origin is not None and origin.ended:
        origin = origin.outer
    return origin


def origin_at(place: Hashable) -> Origin | None:
    """Return the innermost runs that are open in this context and held by a database."""
    origin = CURRENT.get()
    while origin is not None and (origin.ended or origin.place != place):
        origin = origin.outer
    if origin is not None and origin.flow is not None and origin.flow.ended:
        return Origin(place, None, origin.task_run_id)  # the task run has outlived its flow run
    return origin


def inherited() -> Origin | None:
    """Return the runs that the process which started this one has named in the environment.

    Raises:
        InvalidQuery: a variable does not hold an id.
    """
    flow_run_id, task_run_id = _id_in(FLOW_RUN_VARIABLE), _id_in(TASK_RUN_VARIABLE)
    return Origin(None, flow_run_id, task_run_id) if flow_run_id or task_run_id else None


def _id_in(variable: str) -> UUID | None:
    text = os.environ.get(variable)
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise InvalidQuery(
            f"Invalid ${variable} {text!r:.80}: set it to a UUID, or unset it."
        ) from None
