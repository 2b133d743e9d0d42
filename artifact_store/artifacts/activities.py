"""The methods of a store for work in progress: runs that are blocks or calls, and how far a loop is."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, overload
from uuid import UUID

from .. import runs, schemas
from ..runs.methods import RunStore
from .progress import ProgressStore

__all__ = ["ActivityStore"]

P = ParamSpec("P")
R = TypeVar("R")


class ActivityStore(ProgressStore, RunStore):
    """The methods of a store for work in progress."""

    @overload
    def flow_run(self, name: "runs.active.Method", /) -> "runs.active.Method": ...  # type: ignore[overload-overlap]

    @overload
    def flow_run(self, name: Callable[P, R], /) -> Callable[P, R]: ...

    @overload
    def flow_run(
        self,
        name: str | None = None,
        *,
        deployment: "schemas.runs.Deployment | UUID | str | None" = None,
        tags: Sequence[str] = (),
        parameters: Mapping[str, Any] | None = None,
        run_name: str | None = None,
        flow_version: str | None = None,
    ) -> "runs.active.FlowRunBlock": ...

    def flow_run(
        self,
        name: Any = None,
        *,
        deployment: "schemas.runs.Deployment | UUID | str | None" = None,
        tags: Sequence[str] = (),
        parameters: Mapping[str, Any] | None = None,
        run_name: str | None = None,
        flow_version: str | None = None,
    ) -> Any:
        """Run a flow: a `with` block, or each call of a decorated function, is one run of it.

        The flow is made when there is none of that name, and the run begins as RUNNING. It ends as COMPLETED; as FAILED
        when the block raises, with the error's text as its `state_message`; as CRASHED when Ctrl-C, SIGTERM or SIGHUP
        stops the process. Artifacts that are created meanwhile get the run's id unless they are given another. A flow
        run inside a flow run has it as its parent.

        Args:
            name: the flow; of a decorated function its name, with `-` for `_`, unless it is given.
            deployment: the flow's deployment that runs: its name (it is made when there is none), its id, or itself.
            tags: the tags of the run.
            parameters: what the run was started with: names and anything JSON can say.
            run_name: the name of the run; the flow's name and the time unless it is given.
            flow_version: the version of the flow, such as that of its code.

        Returns:
            What a `with` statement takes and gives an `OpenFlowRun`; and a decorator, of functions, methods and
            properties.

        Raises:
            InvalidQuery: an argument is not understood, or what is decorated is async or a generator.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> with store.flow_run("nightly-etl", tags=["prod"], parameters={"day": "2026-11-24"}) as run:
            ...     made = store.create_artifact(key="sales", data=[12])
            >>> made.flow_run_id == run.id
            True
            >>> store.read_flow_run(run.id).state_type
            'COMPLETED'
        """
        fields = {"tags": tags, "parameters": parameters, "name": run_name, "flow_version": flow_version}
        given = {field: value for field, value in fields.items() if value is not None}
        if not isinstance(name, str | None):
            return runs.active.FlowRunBlock(self, None, None, given)(name)
        return runs.active.FlowRunBlock(self, name, deployment, given)

    @overload
    def task_run(self, name: "runs.active.Method", /) -> "runs.active.Method": ...  # type: ignore[overload-overlap]

    @overload
    def task_run(self, name: Callable[P, R], /) -> Callable[P, R]: ...

    @overload
    def task_run(
        self, name: str | None = None, *, tags: Sequence[str] = (), parameters: Mapping[str, Any] | None = None
    ) -> "runs.active.TaskRunBlock": ...

    def task_run(
        self,
        name: Any = None,
        *,
        tags: Sequence[str] = (),
        parameters: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run a task of the current flow run, or one of its own: a block or a decorator as `flow_run` is.

        Args:
            name: the task; of a decorated function its name unless it is given.
            tags: the tags of the run.
            parameters: what the run was started with: names and anything JSON can say.

        Returns:
            What a `with` statement takes and gives an `OpenTaskRun`; and a decorator, of functions, methods and
            properties.

        Raises:
            InvalidQuery: an argument is not understood, or what is decorated is async or a generator.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> @store.task_run
            ... def load(rows):
            ...     return store.create_artifact(key="sales", data=rows)
            >>> with store.flow_run("nightly-etl") as run:
            ...     made = load([12])
            >>> task = store.read_task_run(made.task_run_id)
            >>> task.name, task.flow_run_id == made.flow_run_id == run.id
            ('load', True)
        """
        fields = {"tags": tags, "parameters": parameters}
        given = {field: value for field, value in fields.items() if value is not None}
        if not isinstance(name, str | None):
            return runs.active.TaskRunBlock(self, None, given)(name)
        return runs.active.TaskRunBlock(self, name, given)
