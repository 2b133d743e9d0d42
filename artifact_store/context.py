"""The state of a process: the run in which artifacts are created, and the open stores.

The current run is in a context variable. A child process gets it from environment variables.
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
    "PROCESS_ID",
    "TASK_RUN_VARIABLE",
    "Origin",
    "current",
    "inherited",
    "open_stores",
    "origin_in",
]

PROCESS_ID = os.getpid()
"""The process that has imported the package; a forked child has another one."""

FLOW_RUN_VARIABLE = "ARTIFACT_STORE_FLOW_RUN_ID"
TASK_RUN_VARIABLE = "ARTIFACT_STORE_TASK_RUN_ID"


class Origin:
    """The runs that are open in a context.

    Attributes:
        database: the identity of the database that has them; `None` for runs from environment
            variables.
        flow_run_id: the innermost flow run.
        task_run_id: the innermost task run of that flow run.
        outer: the runs that were open before.
        flow: the entry that opened the flow run, if that is not this one.
        ended: whether the run has ended. Contexts that were copied while it was open still refer to
            it.
    """

    __slots__ = ("database", "ended", "flow", "flow_run_id", "outer", "task_run_id")

    def __init__(
        self,
        database: Hashable,
        flow_run_id: UUID | None,
        task_run_id: UUID | None,
        outer: Optional["Origin"] = None,
        flow: Optional["Origin"] = None,
    ) -> None:
        """Take the database, the runs in it, and the runs that were open before."""
        self.database = database
        self.flow_run_id = flow_run_id
        self.task_run_id = task_run_id
        self.outer = outer
        self.flow = flow
        self.ended = False


CURRENT: ContextVar[Origin | None] = ContextVar("artifact_store_current_run", default=None)

open_stores: WeakSet[Any] = WeakSet()
"""The open stores; an artifact does not know its own, so a notebook asks these for its context."""


def current() -> Origin | None:
    """Return the innermost run that is open in this context and has not ended.

    Runs do not always end in the order of a stack: generators are closed in any order, and a copied
    context outlives the run in which it was copied. So runs that have ended are skipped here. They
    are also removed from the chain, because otherwise a chain of runs that each began inside the
    one before would never be freed.
    """
    origin = skip_ended(CURRENT.get())
    if origin is not None:
        origin.outer = skip_ended(origin.outer)
    return origin


def skip_ended(origin: Origin | None) -> Origin | None:
    """Return the first of some nested runs that has not ended."""
    while origin is not None and origin.ended:
        origin = origin.outer
    return origin


def origin_in(database: Hashable) -> Origin | None:
    """Return the innermost runs that are open in this context and belong to a database."""
    origin = CURRENT.get()
    while origin is not None and (origin.ended or origin.database != database):
        origin = origin.outer
    if origin is not None and origin.flow is not None and origin.flow.ended:
        # The task run has outlived its flow run.
        return Origin(database, None, origin.task_run_id)
    return origin


def inherited() -> Origin | None:
    """Return the runs that the environment variables name; `None` if they are not set.

    Raises:
        InvalidQuery: a variable is not a UUID.
    """
    flow_run_id = read_id(FLOW_RUN_VARIABLE)
    task_run_id = read_id(TASK_RUN_VARIABLE)
    if flow_run_id is None and task_run_id is None:
        return None
    return Origin(None, flow_run_id, task_run_id)


def read_id(variable: str) -> UUID | None:
    """Return the id in an environment variable; `None` if it is empty or not set.

    Raises:
        InvalidQuery: it is not a UUID.
    """
    text = os.environ.get(variable)
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise InvalidQuery(
            f"Invalid ${variable} {text!r:.80}: set it to a UUID, or unset it."
        ) from None
