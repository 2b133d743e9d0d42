"""Handles of open runs, which pass a run on to threads and child processes.

An artifact gets the ids of the runs that are open in its context. A thread and a child process
start with no open run, so what they publish belongs to none unless it is passed on.
"""

from collections.abc import Callable
from contextvars import copy_context
from functools import wraps
from typing import NamedTuple, ParamSpec, TypeVar
from uuid import UUID

from ..base import Writer
from ..context import CURRENT, FLOW_RUN_VARIABLE, TASK_RUN_VARIABLE, Origin, current
from ..errors import InvalidQuery
from ..schemas.artifacts import Artifact
from ..schemas.runs import FlowRun, StateType, TaskRun
from ..wording import shown
from .decorators import refuse_deferred
from .queries import FINAL_STATES, FLOW_RUNS, TASK_RUNS

__all__ = ["EndState", "OpenFlowRun", "OpenRun", "OpenTaskRun", "Use", "known_origin"]

P = ParamSpec("P")
R = TypeVar("R")

Use = Callable[[Origin, object], Artifact]
"""Reads an artifact for a run, and records it; artifacts are above runs, so the store gives it."""


class EndState(NamedTuple):
    """The state that a run ends in, and why."""

    type: StateType
    message: str | None


def known_origin(writer: Writer) -> Origin | None:
    """Return the current runs without those that this store does not have.

    Ids from the environment may be those of runs in another system.
    """
    origin = writer.origin()
    if origin is None or origin is not writer.inherited:
        return origin

    flow_run_id = origin.flow_run_id
    if flow_run_id is not None and FLOW_RUNS.read(writer.db, flow_run_id) is None:
        flow_run_id = None
    task_run_id = origin.task_run_id
    if task_run_id is not None and TASK_RUNS.read(writer.db, task_run_id) is None:
        task_run_id = None
    return Origin(None, flow_run_id, task_run_id)


class OpenRun:
    """A run whose block is open.

    Attributes:
        id: the run's id.
        name: the run's name.
    """

    def __init__(self, run: FlowRun | TaskRun, origin: Origin, use: Use) -> None:
        """Take the run, the ids that artifacts created in it get, and what reads for it."""
        self.id: UUID = run.id
        self.name: str = run.name
        self._origin = origin
        self._use = use
        self._chosen_end: EndState | None = None

    def use(self, ref: str | UUID | Artifact) -> Artifact:
        """Return the artifact that a reference names, and record that this run has used it.

        The run keeps what it has used: the same reference is the same version for it until it ends,
        also if another one is published in between, in its tasks, in threads (`wrap`) and in child
        processes (`environment`). Another run gets its own. The tasks of a flow run share its
        versions; a flow run inside it is a run of its own.

        Args:
            ref: `key` or `key@latest`, `key@3`, `key@prod` (an alias), an id, or an artifact.

        Returns:
            The artifact.

        Raises:
            InvalidQuery: it is not a reference, or a snapshot is open.
            ArtifactNotFound: there is no such artifact, or it was deleted after the run had used it.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> first = store.create_artifact(key="raw", data=[1])
            >>> with store.flow_run("nightly") as run:
            ...     used = run.use("raw")
            ...     second = store.create_artifact(key="raw", data=[1, 2])
            ...     again = run.use("raw@latest")
            >>> used.ref, second.ref, again.ref
            ('raw@1', 'raw@2', 'raw@1')
        """
        return self._use(self._origin, ref)

    def wrap(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return the function, to be called in another thread as if it were called here.

        A new thread does not know which runs are open. What a wrapped function publishes belongs
        to this run, and to the task run inside it in which `wrap` was called, even if the run has
        ended by then.

        Args:
            function: the function; it must not be async or a generator.

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
        origin = self._without_end(current()) or self._without_end(self._origin)
        context = copy_context()
        context.run(CURRENT.set, origin)

        @wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            # A context can be entered by one thread at a time, so each call has a copy.
            return context.copy().run(function, *args, **kwargs)

        return wrapper

    def _without_end(self, origin: Origin | None) -> Origin | None:
        """Copy the chain of open runs, so that it stays open when the runs have ended.

        Returns:
            The copy from `origin` to this run; `None` if this run is not in the chain.
        """
        if origin is None:
            return None
        outer = origin.outer
        if origin is not self._origin:
            outer = self._without_end(outer)
            if outer is None:
                return None
        return Origin(origin.database, origin.flow_run_id, origin.task_run_id, outer)

    def environment(self) -> dict[str, str]:
        """Return the environment variables that make a child process publish for this run.

        Returns:
            `ARTIFACT_STORE_FLOW_RUN_ID` and `ARTIFACT_STORE_TASK_RUN_ID`; empty for a kind of run
            that is not open.

        Examples:
            >>> import os, subprocess
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> with store.flow_run("nightly") as run:
            ...     done = subprocess.run(["true"], env={**os.environ, **run.environment()})
        """
        # An empty variable counts as unset. It hides the one that this process has inherited.
        return {
            FLOW_RUN_VARIABLE: str(self._origin.flow_run_id or ""),
            TASK_RUN_VARIABLE: str(self._origin.task_run_id or ""),
        }

    def end_as(self, state_type: StateType, *, message: str | None = None) -> None:
        """Choose the state that the run ends in, unless its block raises.

        The last call counts. Nothing is written before the block ends.

        Args:
            state_type: `COMPLETED`, `FAILED`, `CANCELLED` or `CRASHED`.
            message: why it ends in that state.

        Raises:
            InvalidQuery: a run cannot end in that state.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> with store.flow_run("nightly") as run:
            ...     run.end_as("FAILED", message="no rows for today")
            >>> store.read_flow_run(run.id).state_type
            'FAILED'
        """
        if state_type not in FINAL_STATES:
            raise InvalidQuery(
                f"Invalid state_type {shown(state_type)}: "
                "expected COMPLETED, FAILED, CANCELLED or CRASHED."
            )
        self._chosen_end = EndState(state_type, message)

    def __repr__(self) -> str:
        """Return the class, the name and the id."""
        return f"<{type(self).__name__} {self.name} {self.id}>"


class OpenFlowRun(OpenRun):
    """A flow run that `store.flow_run` has opened.

    Attributes:
        flow_run: the run as it was created.
    """

    def __init__(self, run: FlowRun, origin: Origin, use: Use) -> None:
        """Take the run, the ids that artifacts created in it get, and what reads for it."""
        super().__init__(run, origin, use)
        self.flow_run = run


class OpenTaskRun(OpenRun):
    """A task run that `store.task_run` has opened.

    Attributes:
        task_run: the run as it was created.
    """

    def __init__(self, run: TaskRun, origin: Origin, use: Use) -> None:
        """Take the run, the ids that artifacts created in it get, and what reads for it."""
        super().__init__(run, origin, use)
        self.task_run = run
