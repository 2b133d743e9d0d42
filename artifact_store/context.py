"""What a process is in the middle of: the run that an artifact is made in, and the stores that are open.

The run is a context variable within a process, and environment variables between processes.
"""

import os
from collections.abc import Hashable
from contextvars import ContextVar
from typing import Any, NamedTuple, Optional
from uuid import UUID
from weakref import WeakSet

from .errors import InvalidQuery

__all__ = ["CURRENT", "FLOW_RUN_VARIABLE", "TASK_RUN_VARIABLE", "Origin", "inherited", "opened", "origin_at"]

FLOW_RUN_VARIABLE = "ARTIFACT_STORE_FLOW_RUN_ID"
TASK_RUN_VARIABLE = "ARTIFACT_STORE_TASK_RUN_ID"


class Origin(NamedTuple):
    """The runs that are open in a context.

    Attributes:
        place: the database that holds them; `None` for what another process has handed down.
        flow_run_id: the innermost flow run.
        task_run_id: the innermost task run of that flow run.
        outer: what was open before.
    """

    place: Hashable
    flow_run_id: UUID | None
    task_run_id: UUID | None
    outer: Optional["Origin"] = None


CURRENT: ContextVar[Origin | None] = ContextVar("artifact_store_current_run", default=None)


opened: WeakSet[Any] = WeakSet()
"""The stores that are open: a value does not hold its store, so a notebook asks them for its surroundings."""


def origin_at(place: Hashable) -> Origin | None:
    """Return the innermost runs that are open in this context and held by a database."""
    origin = CURRENT.get()
    while origin is not None and origin.place != place:
        origin = origin.outer
    return origin


def inherited() -> Origin | None:
    """Return the runs that the process which started this one has named in the environment.

    Raises:
        InvalidQuery: a variable holds something else than an id.
    """
    flow_run_id, task_run_id = _named(FLOW_RUN_VARIABLE), _named(TASK_RUN_VARIABLE)
    return Origin(None, flow_run_id, task_run_id) if flow_run_id or task_run_id else None


def _named(variable: str) -> UUID | None:
    text = os.environ.get(variable)
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise InvalidQuery(f"${variable} is {text!r:.80}, which is no id: set it to a UUID, or unset it.") from None
