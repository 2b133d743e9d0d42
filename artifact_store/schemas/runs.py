"""Flows, deployments, runs, work pools and queues, as they go in and come out: frozen pydantic models."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypedDict, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ValidationError

from ..clock import in_utc
from ..errors import InvalidQuery
from ..jsonable.normalize import normalize_metadata
from ..wording import shown
from .artifacts import FROZEN, Scalar, Text, plain_object
from .states import STATE_TYPES, StateType
from .validation import Refusing

__all__ = [
    "Deployment",
    "Flow",
    "FlowRun",
    "FlowRunFields",
    "RunValue",
    "State",
    "StateType",
    "TaskRun",
    "TaskRunFields",
    "WorkPool",
    "WorkQueue",
    "checked",
]

V = TypeVar("V", bound=BaseModel)

Time = Annotated[datetime, AfterValidator(in_utc)]
Tags = tuple[Text, ...]
Creator = Annotated[
    Any, AfterValidator(lambda value: None if value is None else normalize_metadata(value, "created_by"))
]
Parameters = Annotated[
    Any, AfterValidator(lambda value: plain_object(value, "parameters", "a dict of names and values"))
]


class RunValue(Refusing, BaseModel):
    """What all runs and their surroundings have."""

    model_config = FROZEN

    id: UUID
    name: Text
    created: Time
    updated: Time


class Flow(RunValue):
    """A flow: what runs again and again under one name."""

    tags: Tags = ()


class WorkPool(RunValue):
    """A pool of workers; `type` says of which kind."""

    type: Text = "process"


class WorkQueue(RunValue):
    """A queue of a work pool."""

    work_pool_id: UUID


class Deployment(RunValue):
    """A flow with its schedule and infrastructure; its name is unique within the flow."""

    flow_id: UUID
    paused: bool = False
    tags: Tags = ()
    work_queue_id: UUID | None = None


def _state_type(value: str) -> str:
    if value not in STATE_TYPES:
        raise ValueError(f"{shown(value)} is no state type: use one of {', '.join(STATE_TYPES)}")
    return value


class State(Refusing, BaseModel):
    """What state a run is put into."""

    model_config = FROZEN

    state_type: Annotated[str, AfterValidator(_state_type)]
    state_name: Text
    state_message: Text | None = None


class _Timed(RunValue):
    state_type: Annotated[str, AfterValidator(_state_type)] | None = None
    state_name: Text | None = None
    expected_start_time: Time | None = None
    start_time: Time | None = None
    end_time: Time | None = None
    tags: Tags = ()
    state_message: Text | None = None
    parameters: Parameters = None


class FlowRun(_Timed):
    """One run of a flow.

    Attributes:
        state_message: why the run is in its state, such as the text of the error that made it fail.
        parameters: what the run was started with, as a JSON object.
        idempotency_key: creating a run of the same flow with the same key returns the first one.
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


class TaskRun(_Timed):
    """One run of a task.

    Attributes:
        task_key: which task it is a run of.
        state_message: why the run is in its state, such as the text of the error that made it fail.
        parameters: what the run was started with, as a JSON object.
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
    parameters: Mapping[str, Any] | None


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


def checked(model: type[V], fields: Mapping[str, Any]) -> V:
    """Return the value of a run entity from what a caller gave.

    Raises:
        InvalidQuery: a field is unknown or its value is not understood.
    """
    try:
        return model(**fields)
    except ValidationError as error:
        raise InvalidQuery(str(error)) from error
