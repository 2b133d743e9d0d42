"""The methods of a store for work in progress: runs as blocks or decorators, and loops."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import ParamSpec, TypeVar, overload
from uuid import UUID

from .. import artifacts, runs, schemas
from ..base import StoreBase
from ..context import Origin

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
        parameters: Mapping[str, object] | None = None,
        run_name: str | None = None,
        flow_version: str | None = None,
    ) -> "runs.active.FlowRunBlock": ...

    def flow_run(
        self,
        name: "str | runs.decorators.Method | Callable[P, R] | None" = None,
        *,
        deployment: "schemas.runs.Deployment | UUID | str | None" = None,
        tags: Sequence[str] = (),
        parameters: Mapping[str, object] | None = None,
        run_name: str | None = None,
        flow_version: str | None = None,
    ) -> "runs.active.FlowRunBlock | runs.decorators.Method | Callable[P, R]":
        """Run a flow: a `with` block, or each call of a decorated function, is one run of it.

        A flow of that name is created if there is none, and the run starts as RUNNING. It ends as
        COMPLETED; as FAILED when the block raises, with the text of the error as its
        `state_message`; as CRASHED when Ctrl-C, SIGTERM or SIGHUP stops the process. Artifacts that
        are created in the meantime get the id of the run, unless they are given another. A flow run
        inside a flow run has it as its parent.

        Args:
            name: the name of the flow. By default that of the decorated function, with `-` for `_`.
            deployment: the deployment of the flow: its name (it is created if there is none), its
                id, or itself.
            tags: the tags of the run.
            parameters: the parameters of the run: names and anything that JSON can represent.
            run_name: the name of the run; by default the name of the flow and the time.
            flow_version: the version of the flow, such as that of its code.

        Returns:
            A block, which a `with` statement enters as an `OpenFlowRun`, and which decorates
            functions, methods and properties. For a function, the decorated function.

        Raises:
            InvalidQuery: an argument is invalid, or an async function or a generator is decorated.

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
        set_fields = {field: value for field, value in fields.items() if value is not None}
        if isinstance(name, str | None):
            return runs.active.FlowRunBlock(
                self._writer, self._use_in, name, deployment, set_fields
            )
        function = name
        return runs.active.FlowRunBlock(self._writer, self._use_in, None, None, set_fields)(
            function
        )

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
        parameters: Mapping[str, object] | None = None,
    ) -> "runs.active.TaskRunBlock": ...

    def task_run(
        self,
        name: "str | runs.decorators.Method | Callable[P, R] | None" = None,
        *,
        tags: Sequence[str] = (),
        parameters: Mapping[str, object] | None = None,
    ) -> "runs.active.TaskRunBlock | runs.decorators.Method | Callable[P, R]":
        """Run a task of the current flow run, or on its own: a block or a decorator, as `flow_run`.

        Args:
            name: the name of the task. By default that of the decorated function.
            tags: the tags of the run.
            parameters: the parameters of the run: names and anything that JSON can represent.

        Returns:
            A block, which a `with` statement enters as an `OpenTaskRun`, and which decorates
            functions, methods and properties. For a function, the decorated function.

        Raises:
            InvalidQuery: an argument is invalid, or an async function or a generator is decorated.

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
        set_fields = {field: value for field, value in fields.items() if value is not None}
        if isinstance(name, str | None):
            return runs.active.TaskRunBlock(self._writer, self._use_in, name, set_fields)
        function = name
        return runs.active.TaskRunBlock(self._writer, self._use_in, None, set_fields)(function)

    def use(
        self,
        ref: "str | UUID | schemas.artifacts.Artifact",
        *,
        flow_run_id: UUID | str | None = None,
    ) -> "schemas.artifacts.Artifact":
        """Return the artifact that a reference names, and record that the current run has used it.

        It is `run.use` of the run that is open here, for decorated functions; in a child process,
        of the run that `$ARTIFACT_STORE_FLOW_RUN_ID` or `$ARTIFACT_STORE_TASK_RUN_ID` names.

        Args:
            ref: `key` or `key@latest`, `key@3`, `key@prod` (an alias), an id, or an artifact.
            flow_run_id: the flow run that uses it; `None`, the default, is the current run.

        Returns:
            The artifact: for the same reference the same version, as long as the run lasts.

        Raises:
            InvalidQuery: there is no current run, it is not a reference, or a snapshot is open.
            ArtifactNotFound: there is no such artifact, or it was deleted after the run had used it.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> raw = store.create_artifact(key="raw", data=[1, 2])
            >>> @store.flow_run
            ... def add_up():
            ...     return store.create_artifact(key="total", data=sum(store.use("raw").data))
            >>> add_up().data
            3
        """
        if flow_run_id is not None:
            run_id = schemas.artifacts.as_uuid(flow_run_id)
            return artifacts.inputs.use(self._writer, Origin(None, run_id, None), ref)
        return artifacts.inputs.use_in_current_run(self._writer, ref)

    def _use_in(self, origin: Origin, ref: object) -> "schemas.artifacts.Artifact":
        """Use an artifact in an open run; artifacts are above runs, so a run cannot find it itself."""
        return artifacts.inputs.use(self._writer, origin, ref)

    def track(
        self,
        items: Iterable[T],
        key: str | None = None,
        description: str | None = None,
        total: int | None = None,
        show: bool | None = None,
    ) -> Generator[T, None, None]:
        """Yield items, and keep a progress artifact up to date while they are processed.

        The artifact is created with the first item, as a new version of its key, and updated in
        place: at most twice a second, for at most a tenth of the time. An update that finds the
        database locked gives up after a twentieth of a second. The progress ends at 100, or where
        the loop was left. Its metadata has the number of items that are `done` and, if they are
        known, their `total` and the `rate`: items per second, of the last half minute while the
        loop runs and of all of it when it was completed. It is known after half a second. An update
        that fails is logged once, as a warning of the logger `artifact_store`, and does not stop
        the loop.

        If the garbage collector ends the loop, the last update is written by the next call of the
        store, or when the store is closed. Inside a block only the last update is written.

        Args:
            items: the items.
            key: the key of the artifact; `None`, the default, is an artifact without a key.
            description: text for people; `None` by default.
            total: the number of items; by default their length (of a frame, the number of its
                columns, over which it iterates). If it is not known, the progress stays at 0 until
                the end, and `done` counts.
            show: whether a bar is drawn. `None`, the default, draws one on standard error if that is
                a terminal, or in the output of a notebook's cell; not where `CI` is set or `TERM` is
                `dumb`, and not in a child process. `True` always shows something, if need be a line
                every ten seconds. `False` shows nothing.

        Returns:
            A generator of the items. It may be closed.

        Raises:
            InvalidArtifact: the key or the description cannot be stored.
            InvalidQuery: `items` cannot be iterated over, the total is negative or not an int, or
                `show` is not a bool or `None`.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> sum(store.track([1, 2, 3], key="load"))
            6
            >>> load = store.read_latest_artifact("load")
            >>> load.data, load.metadata
            (100.0, {'done': 3, 'total': 3})
        """
        return artifacts.progress.track(self, self._db, items, key, description, total, show)
