"""Flows, deployments, runs, work pools and work queues: frozen pydantic models."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, SupportsIndex, TypedDict, TypeVar, overload
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ValidationError

from ..clock import in_utc
from ..errors import InvalidQuery
from ..jsonable.normalize import normalize_metadata
from ..wording import shown
from .artifacts import FROZEN, Scalar, Text, plain_object
from .states import STATE_TYPES, StateType
from .validation import Validated

__all__ = [
    "Deployment",
    "Flow",
    "FlowRun",
    "FlowRunFields",
    "RunList",
    "RunValue",
    "State",
    "StateType",
    "TaskRun",
    "TaskRunFields",
    "WorkPool",
    "WorkQueue",
    "checked",
]

M = TypeVar("M", bound=BaseModel)
V = TypeVar("V", bound="RunValue")

_MOST_IN_MARKDOWN = 500  # of a list

Time = Annotated[datetime, AfterValidator(in_utc)]
Tags = tuple[Text, ...]


def plain_creator(value: object) -> dict[str, Scalar] | None:
    """Return what a run was created by, which has the form of metadata."""
    return None if value is None else normalize_metadata(value, "created_by")


def plain_parameters(value: object) -> dict[str, object] | None:
    """Return the parameters of a run."""
    return plain_object(value, "parameters", "a dict of names and values")


Creator = Annotated[Any, AfterValidator(plain_creator)]
Parameters = Annotated[Any, AfterValidator(plain_parameters)]


class RunValue(Validated, BaseModel):
    """The fields that flows, deployments, runs, work pools and work queues have in common.

    Attributes:
        id: made by the store (UUIDv7, so ids sort by time) unless the creator gave one.
        name: the name.
        created: when it was created, in UTC.
        updated: when it was last updated, in UTC.
    """

    model_config = FROZEN

    id: UUID
    name: Text
    created: Time
    updated: Time

    def __repr__(self) -> str:
        """Name the name, the state of a run, and the id; parameters may be long, and secret."""
        state = getattr(self, "state_type", None)
        parts = [type(self).__name__, shown(self.name), *([state] if state else []), str(self.id)]
        return f"<{' '.join(parts)}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        from ..rendering.notebook import run_html

        return run_html(self)

    def to_markdown(self) -> str:
        """Return it as GitHub-flavoured Markdown, as for a pull request or the summary of a CI job.

        Returns:
            Markdown that fits into a comment on GitHub.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> run = store.create_flow_run(store.create_flow("etl").id, name="night-1")
            >>> store.set_flow_run_state(run.id, "FAILED", message="no rows")
            True
            >>> print(store.read_flow_run(run.id).to_markdown())  # doctest: +ELLIPSIS
            ### night-1
            <BLANKLINE>
            flow run, updated ...
            <BLANKLINE>
            - state: Failed: no rows
            ...
        """
        from ..rendering import blocks_to_markdown
        from ..rendering.run_values import run_blocks

        return blocks_to_markdown(run_blocks(self))


class RunList(list[V]):
    """The flows, deployments, runs, work pools or work queues of a listing, in its order."""

    @overload
    def __getitem__(self, index: SupportsIndex) -> V: ...
    @overload
    def __getitem__(self, index: slice) -> "RunList[V]": ...
    def __getitem__(self, index: SupportsIndex | slice) -> "V | RunList[V]":
        """Return one of them, or a part as a list of the same kind."""
        item = super().__getitem__(index)
        return RunList(item) if isinstance(item, list) else item

    def _repr_html_(self) -> str:
        """Show it in a notebook, as a table."""
        from ..rendering.notebook import list_of_runs_html

        return list_of_runs_html(self)

    def to_markdown(self) -> str:
        """Return it as a table in GitHub-flavoured Markdown, of the first 500 at most.

        Returns:
            Markdown that fits into a comment on GitHub.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> flow = store.create_flow("etl", tags=["prod"])
            >>> print(store.read_flows().to_markdown())  # doctest: +ELLIPSIS
            1 flow
            <BLANKLINE>
            | name | tags | created |
            | --- | --- | --- |
            | etl | prod | ... UTC |
            <BLANKLINE>
        """
        from ..rendering import blocks_to_markdown
        from ..rendering.run_values import list_of_runs_blocks

        return blocks_to_markdown(list_of_runs_blocks(self, _MOST_IN_MARKDOWN, ages=False))


class Flow(RunValue):
    """A flow: a program that runs repeatedly under one name.

    Attributes:
        id: made by the store (UUIDv7, so ids sort by time) unless the creator gave one.
        name: the name, unique in the store.
        created: when it was created, in UTC.
        updated: when it was last updated, in UTC.
        tags: labels to filter by; empty by default.
    """

    tags: Tags = ()


class WorkPool(RunValue):
    """A pool of workers.

    Attributes:
        id: made by the store (UUIDv7, so ids sort by time) unless the creator gave one.
        name: the name, unique in the store.
        created: when it was created, in UTC.
        updated: when it was last updated, in UTC.
        type: the kind of infrastructure that its workers start runs on, such as `process` (the default) or `docker`.
    """

    type: Text = "process"


class WorkQueue(RunValue):
    """A queue of a work pool.

    Attributes:
        id: made by the store (UUIDv7, so ids sort by time) unless the creator gave one.
        name: the name, unique within the work pool.
        created: when it was created, in UTC.
        updated: when it was last updated, in UTC.
        work_pool_id: the work pool that it belongs to.
    """

    work_pool_id: UUID


class Deployment(RunValue):
    """A flow with its schedule and infrastructure.

    Attributes:
        id: made by the store (UUIDv7, so ids sort by time) unless the creator gave one.
        name: the name, unique within the flow.
        created: when it was created, in UTC.
        updated: when it was last updated, in UTC.
        flow_id: the flow that it runs.
        paused: whether its schedule is paused; `False` by default.
        tags: labels to filter by; empty by default.
        work_queue_id: the work queue that its runs go to; `None` when they go to none.
    """

    flow_id: UUID
    paused: bool = False
    tags: Tags = ()
    work_queue_id: UUID | None = None


def check_state_type(value: str) -> str:
    """Return a state type, which is one of `STATE_TYPES`."""
    if value not in STATE_TYPES:
        raise ValueError(f"{shown(value)} is not a state type: use one of {', '.join(STATE_TYPES)}")
    return value


class State(Validated, BaseModel):
    """The state that a run is put into.

    Attributes:
        state_type: one of `STATE_TYPES`.
        state_name: what people call it, such as `Completed` or `Retrying`.
        state_message: why the run is in this state.
    """

    model_config = FROZEN

    state_type: Annotated[str, AfterValidator(check_state_type)]
    state_name: Text
    state_message: Text | None = None


class _Run(RunValue):
    """The fields that flow runs and task runs have in common."""

    state_type: Annotated[str, AfterValidator(check_state_type)] | None = None
    state_name: Text | None = None
    expected_start_time: Time | None = None
    start_time: Time | None = None
    end_time: Time | None = None
    tags: Tags = ()
    state_message: Text | None = None
    parameters: Parameters = None


class FlowRun(_Run):
    """One run of a flow. What is not known is `None`.

    Attributes:
        id: made by the store (UUIDv7, so ids sort by time) unless the creator gave one.
        name: the name; it need not be unique.
        created: when it was created, in UTC.
        updated: when it was last updated, in UTC.
        state_type: `SCHEDULED`, `PENDING`, `RUNNING`, `COMPLETED`, `FAILED`, `CANCELLED`, `CRASHED`, `PAUSED` or
            `CANCELLING`.
        state_name: what people call the state, such as `Completed` or `Retrying`.
        expected_start_time: when it should start, in UTC.
        start_time: when it first entered `RUNNING`, in UTC.
        end_time: when it entered a final state (completed, failed, cancelled or crashed), in UTC.
        tags: labels to filter by; empty by default.
        state_message: why the run is in its state, such as the text of the error that made it fail.
        parameters: what the run was started with, as a JSON object.
        flow_id: the flow that it is a run of.
        deployment_id: the deployment that it is a run of.
        work_queue_id: the work queue that it was taken from.
        parent_task_run_id: the task run of another flow run that started it, which makes it a subflow run.
        flow_version: the version of the flow's code, in whatever form its author uses.
        idempotency_key: creating a run of the same flow with the same key returns the first one.
        next_scheduled_start_time: when it is scheduled to start next, in UTC.
        created_by: who or what made the run, such as `{"id": "…", "type": "SCHEDULE"}`.
    """

    flow_id: UUID
    deployment_id: UUID | None = None
    work_queue_id: UUID | None = None
    parent_task_run_id: UUID | None = None
    flow_version: Text | None = None
    idempotency_key: Text | None = None
    next_scheduled_start_time: Time | None = None
    created_by: Creator = None


class TaskRun(_Run):
    """One run of a task. What is not known is `None`.

    Attributes:
        id: made by the store (UUIDv7, so ids sort by time) unless the creator gave one.
        name: the name; it need not be unique.
        created: when it was created, in UTC.
        updated: when it was last updated, in UTC.
        state_type: `SCHEDULED`, `PENDING`, `RUNNING`, `COMPLETED`, `FAILED`, `CANCELLED`, `CRASHED`, `PAUSED` or
            `CANCELLING`.
        state_name: what people call the state, such as `Completed` or `Retrying`.
        expected_start_time: when it should start, in UTC.
        start_time: when it first entered `RUNNING`, in UTC.
        end_time: when it entered a final state (completed, failed, cancelled or crashed), in UTC.
        tags: labels to filter by; empty by default.
        state_message: why the run is in its state, such as the text of the error that made it fail.
        parameters: what the run was started with, as a JSON object.
        flow_run_id: the flow run that it belongs to.
        task_key: which task it is a run of.
    """

    flow_run_id: UUID | None = None
    task_key: Text


class _StateFields(TypedDict, total=False):
    id: UUID | str
    name: str
    state_type: StateType | None
    state_name: str | None
    expected_start_time: datetime | None
    start_time: datetime | None
    end_time: datetime | None
    tags: Sequence[str]
    state_message: str | None
    parameters: Mapping[str, object] | None


class FlowRunFields(_StateFields, total=False):
    """What `create_flow_run` takes beside the flow."""

    deployment_id: UUID | str | None
    work_queue_id: UUID | str | None
    parent_task_run_id: UUID | str | None
    flow_version: str | None
    idempotency_key: str | None
    next_scheduled_start_time: datetime | None
    created_by: dict[str, Scalar] | None


class TaskRunFields(_StateFields, total=False):
    """What `create_task_run` takes beside the flow run."""

    task_key: str


def checked(model: type[M], fields: Mapping[str, object]) -> M:
    """Return a flow, a run or another value of this module from the fields that a caller passed.

    Raises:
        InvalidQuery: a field is unknown or its value is not valid.
    """
    try:
        return model(**fields)
    except ValidationError as error:
        raise InvalidQuery(str(error)) from error
