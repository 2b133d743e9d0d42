"""The run that is open: its handle, which takes it to threads and child processes, and what it is nested in."""

from collections.abc import Callable
from contextvars import copy_context
from functools import wraps
from typing import ParamSpec, TypeVar
from uuid import UUID

from ..base import Writer
from ..context import CURRENT, FLOW_RUN_VARIABLE, TASK_RUN_VARIABLE, Origin, current
from ..schemas.runs import FlowRun, TaskRun
from .decorators import refuse_deferred
from .queries import FLOW_RUNS, TASK_RUNS

__all__ = ["OpenFlowRun", "OpenRun", "OpenTaskRun", "known_origin"]

P = ParamSpec("P")
R = TypeVar("R")


def known_origin(writer: Writer) -> Origin | None:
    """Return the current runs that are in this store; the environment may name a run of another system."""
    origin = writer.origin()
    if origin is None or origin is not writer.inherited:
        return origin
    flow_run = None if origin.flow_run_id is None else FLOW_RUNS.read(writer.db, origin.flow_run_id)
    task_run = None if origin.task_run_id is None else TASK_RUNS.read(writer.db, origin.task_run_id)
    return Origin(
        None, None if flow_run is None else flow_run.id, None if task_run is None else task_run.id
    )


class OpenRun:
    """A run that a block has opened.

    Attributes:
        id: the run's id.
        name: the run's name.
    """

    def __init__(self, run: FlowRun | TaskRun, origin: Origin) -> None:
        """Take the run, and what is stamped on the artifacts that are made in it."""
        self.id: UUID = run.id
        self.name: str = run.name
        self._origin = origin

    def wrap(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return the function, to be called in another thread as if it were called here.

        A thread knows nothing of the runs that are open in the thread that has started it. What a wrapped function
        publishes belongs to this run, and to the task run inside it in which `wrap` was called; also what it publishes
        when the run has ended.

        Args:
            function: the function; it may not be async or a generator.

        Returns:
            A function with the same parameters and result.

        Raises:
            InvalidQuery: the function is async or a generator.

        Examples:
            >>> from concurrent.futures import ThreadPoolExecutor
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> with store.flow_run("nightly") as run, ThreadPoolExecutor() as threads:
            ...     artifact = threads.submit(run.wrap(store.create_artifact), key="sales").result()
            >>> artifact.flow_run_id == run.id
            True
        """
        refuse_deferred(function, "cannot be run in a thread")
        context = copy_context()
        context.run(CURRENT.set, self._lasting(current()) or self._lasting(self._origin))

        @wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            return context.copy().run(
                function, *args, **kwargs
            )  # one context cannot be in two threads at a time

        return wrapper

    def _lasting(self, origin: Origin | None) -> Origin | None:
        """Return the runs inside this one, and itself, as what never ends; `None` when this one is not among them."""
        if origin is None:
            return None
        outer = origin.outer
        if origin is not self._origin:
            outer = self._lasting(outer)
            if outer is None:
                return None
        return Origin(origin.place, origin.flow_run_id, origin.task_run_id, outer)

    def environment(self) -> dict[str, str]:
        """Return the environment variables that make what a child process publishes belong to this run.

        Returns:
            `ARTIFACT_STORE_FLOW_RUN_ID` and `ARTIFACT_STORE_TASK_RUN_ID`; empty where there is no such run.

        Examples:
            >>> import os, subprocess
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> with store.flow_run("nightly") as run:
            ...     done = subprocess.run(["true"], env={**os.environ, **run.environment()})
        """
        # An empty variable counts as none. It hides the task run that this process may have been started from.
        return {
            FLOW_RUN_VARIABLE: str(self._origin.flow_run_id or ""),
            TASK_RUN_VARIABLE: str(self._origin.task_run_id or ""),
        }

    def __repr__(self) -> str:
        """Tell the name and the id."""
        return f"<{type(self).__name__} {self.name} {self.id}>"


class OpenFlowRun(OpenRun):
    """A flow run that `store.flow_run` has opened.

    Attributes:
        flow_run: the run as it was made.
    """

    def __init__(self, run: FlowRun, origin: Origin) -> None:
        """Take the run, and what is stamped on the artifacts that are made in it."""
        super().__init__(run, origin)
        self.flow_run = run


class OpenTaskRun(OpenRun):
    """A task run that `store.task_run` has opened.

    Attributes:
        task_run: the run as it was made.
    """

    def __init__(self, run: TaskRun, origin: Origin) -> None:
        """Take the run, and what is stamped on the artifacts that are made in it."""
        super().__init__(run, origin)
        self.task_run = run
