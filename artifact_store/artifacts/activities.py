"""The methods of a store for work in progress: runs that are blocks or calls, and how far a loop is."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, overload
from uuid import UUID

from .. import artifacts, runs, schemas
from ..base import StoreBase

__all__ = ["ActivityMethods"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class ActivityMethods(StoreBase):
    """The methods of a store for work in progress."""

    @overload
    def flow_run(self, name: "runs.decorators.Method", /) -> "runs.decorators.Method": ...  # type: ignore[overload-overlap]

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
            ...     artifact = store.create_artifact(key="sales", data=[12])
            >>> artifact.flow_run_id == run.id
            True
            >>> store.read_flow_run(run.id).state_type
            'COMPLETED'
        """
        fields = {
            "tags": tags,
            "parameters": parameters,
            "name": run_name,
            "flow_version": flow_version,
        }
        given = {field: value for field, value in fields.items() if value is not None}
        if not isinstance(name, str | None):  # it is the function that is decorated
            return runs.active.FlowRunBlock(self._writer, None, None, given)(name)
        return runs.active.FlowRunBlock(self._writer, name, deployment, given)

    @overload
    def task_run(self, name: "runs.decorators.Method", /) -> "runs.decorators.Method": ...  # type: ignore[overload-overlap]

    @overload
    def task_run(self, name: Callable[P, R], /) -> Callable[P, R]: ...

    @overload
    def task_run(
        self,
        name: str | None = None,
        *,
        tags: Sequence[str] = (),
        parameters: Mapping[str, Any] | None = None,
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
            ...     artifact = load([12])
            >>> task = store.read_task_run(artifact.task_run_id)
            >>> task.name, task.flow_run_id == artifact.flow_run_id == run.id
            ('load', True)
        """
        fields = {"tags": tags, "parameters": parameters}
        given = {field: value for field, value in fields.items() if value is not None}
        if not isinstance(name, str | None):  # it is the function that is decorated
            return runs.active.TaskRunBlock(self._writer, None, given)(name)
        return runs.active.TaskRunBlock(self._writer, name, given)

    def track(
        self,
        items: Iterable[T],
        key: str | None = None,
        description: str | None = None,
        total: int | None = None,
    ) -> Generator[T, None, None]:
        """Yield items, and keep a progress artifact up to date while they are worked on.

        The artifact is made when the first item is asked for, as a new version of its key. It is updated in place, at
        most twice a second and for no more than a tenth of the time: an update that finds the database locked gives up
        after a twentieth of a second. It ends at 100, or at the point where the loop was left; its metadata tells how
        many items are `done`, and of how many (`total`). An update that fails is logged once, as a warning of the
        logger `artifact_store`, and does not stop the loop.

        What is still to be written when the garbage collector ends the loop is written by the next call of the store,
        or when the store is closed. Inside of a block only the last update of the loop is written.

        Args:
            items: what to work on.
            key: the key of the artifact; without one it stands alone.
            description: text for people; none unless it is given.
            total: how many items there are; their length, where they have one, and of a frame, over whose columns a
                loop goes, their number. Without it the progress stays at 0 until the end, and `done` counts.

        Returns:
            A generator of the items, which may be closed.

        Raises:
            InvalidArtifact: the key or the description cannot be stored.
            InvalidQuery: there is nothing to iterate over, or the total is negative or not a number.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> sum(store.track([1, 2, 3], key="load"))
            6
            >>> load = store.read_latest_artifact("load")
            >>> load.data, load.metadata
            (100.0, {'done': 3, 'total': 3})
        """
        return artifacts.progress.track(self, self._db, items, key, description, total)
