"""The filters: one class for each table, which declares the fields and the columns that they test.

A filter is a frozen value whose JSON is that of Prefect's REST API. `compiler` turns it into SQL.
"""

from typing import Annotated, TypedDict

import peewee

from ..db.run_tables import (
    Artifact,
    ArtifactAlias,
    ArtifactCollection,
    Deployment,
    Flow,
    FlowRun,
    TaskRun,
    WorkPool,
    WorkQueue,
)
from .base import Column, Filter
from .fields import (
    Accepts,
    Aliases,
    AllAnyTags,
    AllTags,
    AnyId,
    AnyLikeText,
    AnyNotId,
    AnyNotNullText,
    AnyNotState,
    AnyNotText,
    AnyNullId,
    AnyNullText,
    AnyText,
    Creator,
    Equal,
    Exists,
    FieldFilter,
    KeyText,
    LikeText,
    Metadata,
    Null,
    NullTimes,
    Times,
    Versions,
)

__all__ = [
    "AllFilters",
    "ArtifactCollectionFilter",
    "ArtifactFilter",
    "DeploymentFilter",
    "FlowFilter",
    "FlowRunFilter",
    "LatestFilters",
    "RunFilters",
    "StateFilter",
    "TaskRunFilter",
    "WorkPoolFilter",
]


class BaseArtifactFilter(Filter):
    """The fields that filters of all artifacts and of the latest artifacts have in common."""

    type: Annotated[Accepts[AnyNotNullText], Column(Artifact.type)] = None
    flow_run_id: Annotated[Accepts[AnyNullId], Column(Artifact.flow_run_id)] = None
    task_run_id: Annotated[Accepts[AnyNullId], Column(Artifact.task_run_id)] = None
    version: Annotated[Accepts[Versions], Column(Artifact.version)] = None
    metadata: Annotated[Accepts[Metadata], Column(Artifact.metadata, family="metadata")] = None
    alias: Annotated[
        Accepts[Aliases],
        Column(
            ArtifactAlias.name,
            parent=Artifact.key,
            key=ArtifactAlias.key,
            second=(Artifact.version, ArtifactAlias.version),
        ),
    ] = None


class ArtifactFilter(BaseArtifactFilter):
    """A condition on artifacts, whatever their version.

    Attributes:
        operator: `and_` (the default): every field that is set must hold; `or_`: one of them.
        and_: filters that must all hold.
        or_: filters of which one must hold.
        not_: a filter that must not hold.
        type: `any_`, `not_any_`, `is_null_`.
        flow_run_id: `any_`, `is_null_`: the flow run that made it.
        task_run_id: `any_`, `is_null_`: the task run that made it.
        version: `any_`, `ge_`, `le_`.
        metadata: `eq_`, `ge_`, `le_` (values by name, compared within their JSON type), `has_key_`
            (names that must all be there).
        alias: `any_`: one of these aliases names it; `exists_`: an alias names it.
        id: `any_`, `not_any_`.
        key: `any_`, `like_` (`%` and `_` are wildcards), `startswith_` (literal), `exists_`.
        created: `before_`, `after_` (both ends included): times with a time zone.
        updated: `before_`, `after_`, as `created`.

    Examples:
        >>> tables = ArtifactFilter(type={"any_": ["table"]})
        >>> mine = ArtifactFilter(metadata={"eq_": {"team": "finance"}})
        >>> (tables | mine).model_dump(exclude_none=True)["or_"][1]
        {'metadata': {'eq_': {'team': 'finance'}}}
        >>> (tables & ~ArtifactFilter(key={"exists_": False})).model_dump_json()
        '{"and_":[{"type":{"any_":["table"]}},{"not_":{"key":{"exists_":false}}}]}'
    """

    id: Annotated[Accepts[AnyNotId], Column(Artifact.id)] = None
    key: Annotated[Accepts[KeyText], Column(Artifact.key)] = None
    created: Annotated[Accepts[Times], Column(Artifact.created)] = None
    updated: Annotated[Accepts[Times], Column(Artifact.updated)] = None


class ArtifactCollectionFilter(BaseArtifactFilter):
    """A condition on the latest artifact of each key.

    Attributes:
        operator: `and_` (the default): every field that is set must hold; `or_`: one of them.
        and_: filters that must all hold.
        or_: filters of which one must hold.
        not_: a filter that must not hold.
        type: `any_`, `not_any_`, `is_null_`.
        flow_run_id: `any_`, `is_null_`: the flow run that made it.
        task_run_id: `any_`, `is_null_`: the task run that made it.
        version: `any_`, `ge_`, `le_`.
        metadata: `eq_`, `ge_`, `le_` (values by name, compared within their JSON type), `has_key_`
            (names that must all be there).
        alias: `any_`: one of these aliases names it; `exists_`: an alias names it.
        latest_id: `any_`, `not_any_`.
        key: `any_`, `like_` (`%` and `_` are wildcards), `startswith_` (literal), `exists_`.
        created: `before_`, `after_` (both ends included): times with a time zone.
        updated: `before_`, `after_`, as `created`.

    Examples:
        >>> sales = ArtifactCollectionFilter(key={"startswith_": "sales/"}, version={"ge_": 2})
        >>> sales.model_dump_json()
        '{"version":{"ge_":2},"key":{"startswith_":"sales/"}}'
    """

    latest_id: Annotated[Accepts[AnyNotId], Column(ArtifactCollection.latest_id)] = None
    key: Annotated[Accepts[KeyText], Column(ArtifactCollection.key)] = None
    created: Annotated[Accepts[Times], Column(ArtifactCollection.created)] = None
    updated: Annotated[Accepts[Times], Column(ArtifactCollection.updated)] = None


class FlowFilter(Filter):
    """A condition on flows.

    Attributes:
        operator: `and_` (the default): every field that is set must hold; `or_`: one of them.
        and_: filters that must all hold.
        or_: filters of which one must hold.
        not_: a filter that must not hold.
        id: `any_`, `not_any_`.
        name: `any_`, `like_` (`%` and `_` are wildcards).
        tags: `all_`, `any_` (the list must hold all, one of these tags), `is_null_` (it is empty).
        deployment: `is_null_`: whether the flow has no deployment.

    Examples:
        >>> FlowFilter(name={"like_": "etl"}, deployment={"is_null_": False}).model_dump_json()
        '{"name":{"like_":"etl"},"deployment":{"is_null_":false}}'
    """

    id: Annotated[Accepts[AnyNotId], Column(Flow.id)] = None
    name: Annotated[Accepts[AnyLikeText], Column(Flow.name)] = None
    tags: Annotated[Accepts[AllAnyTags], Column(Flow.tags, family="tags")] = None
    deployment: Annotated[
        Accepts[Null],
        Column(Deployment.id, parent=Flow.id, key=Deployment.flow_id),
    ] = None


class DeploymentFilter(Filter):
    """A condition on deployments.

    Attributes:
        operator: `and_` (the default): every field that is set must hold; `or_`: one of them.
        and_: filters that must all hold.
        or_: filters of which one must hold.
        not_: a filter that must not hold.
        id: `any_`, `not_any_`.
        name: `any_`, `like_` (`%` and `_` are wildcards).
        flow_or_deployment_name: `like_`, found in the name of the deployment or of its flow.
        paused: `eq_`.
        tags: `all_`, `any_` (the list must hold all, one of these tags), `is_null_` (it is empty).
        work_queue_name: `any_`.

    Examples:
        >>> DeploymentFilter(paused={"eq_": False}).model_dump_json()
        '{"paused":{"eq_":false}}'
    """

    id: Annotated[Accepts[AnyNotId], Column(Deployment.id)] = None
    name: Annotated[Accepts[AnyLikeText], Column(Deployment.name)] = None
    flow_or_deployment_name: Annotated[
        Accepts[LikeText],
        Column(Flow.name, parent=Deployment.flow_id, key=Flow.id, or_field=Deployment.name),
    ] = None
    paused: Annotated[Accepts[Equal], Column(Deployment.paused)] = None
    tags: Annotated[Accepts[AllAnyTags], Column(Deployment.tags, family="tags")] = None
    work_queue_name: Annotated[
        Accepts[AnyText],
        Column(WorkQueue.name, parent=Deployment.work_queue_id, key=WorkQueue.id),
    ] = None


class StateFilter(FieldFilter):
    """The type and the name of a state; each part names its column."""

    type: Annotated[Accepts[AnyNotState], "state_type"] = None
    name: Annotated[Accepts[AnyNotText], "state_name"] = None


class FlowRunFilter(Filter):
    """A condition on flow runs.

    Attributes:
        operator: `and_` (the default): every field that is set must hold; `or_`: one of them.
        and_: filters that must all hold.
        or_: filters of which one must hold.
        not_: a filter that must not hold.
        id: `any_`, `not_any_`.
        name: `any_`, `like_` (`%` and `_` are wildcards).
        tags: `all_`, `any_` (the list must hold all, one of these tags), `is_null_` (it is empty).
        deployment_id: `any_`, `is_null_`.
        work_queue_name: `any_`, `is_null_`.
        state: `type` and `name`, each with `any_` and `not_any_`.
        flow_version: `any_`.
        start_time: `before_`, `after_` (both ends included; the expected time of a run that has not
            started), `is_null_`.
        end_time: `before_`, `after_`, `is_null_`.
        expected_start_time: `before_`, `after_`.
        next_scheduled_start_time: `before_`, `after_`.
        parent_flow_run_id: `any_`: the flow run that started it, for subflow runs.
        parent_task_run_id: `any_`, `is_null_`.
        idempotency_key: `any_`, `not_any_`.
        created_by: `id_`, `type_`, `is_null_`.

    Examples:
        >>> completed = {"type": {"any_": ["COMPLETED"]}}
        >>> FlowRunFilter(state=completed, tags={"all_": ["prod"]}).model_dump_json()
        '{"tags":{"all_":["prod"]},"state":{"type":{"any_":["COMPLETED"]}}}'
        >>> FlowRunFilter(stat={})
        Traceback (most recent call last):
        ...
        artifact_store.schemas.validation.InvalidFilter: FlowRunFilter has no field 'stat'; did you mean 'state'?
    """

    id: Annotated[Accepts[AnyNotId], Column(FlowRun.id)] = None
    name: Annotated[Accepts[AnyLikeText], Column(FlowRun.name)] = None
    tags: Annotated[Accepts[AllAnyTags], Column(FlowRun.tags, family="tags")] = None
    deployment_id: Annotated[Accepts[AnyNullId], Column(FlowRun.deployment_id)] = None
    work_queue_name: Annotated[
        Accepts[AnyNullText],
        Column(
            WorkQueue.name,
            parent=FlowRun.work_queue_id,
            key=WorkQueue.id,
            present=FlowRun.work_queue_id,
        ),
    ] = None
    state: Annotated[Accepts[StateFilter], Column(FlowRun.state_type, table=FlowRun)] = None
    flow_version: Annotated[Accepts[AnyText], Column(FlowRun.flow_version)] = None
    start_time: Annotated[
        Accepts[NullTimes],
        Column(
            peewee.fn.COALESCE(FlowRun.start_time, FlowRun.expected_start_time),
            present=FlowRun.start_time,
        ),
    ] = None
    end_time: Annotated[Accepts[NullTimes], Column(FlowRun.end_time)] = None
    expected_start_time: Annotated[Accepts[Times], Column(FlowRun.expected_start_time)] = None
    next_scheduled_start_time: Annotated[
        Accepts[Times], Column(FlowRun.next_scheduled_start_time)
    ] = None
    parent_flow_run_id: Annotated[
        Accepts[AnyId],
        Column(TaskRun.flow_run_id, parent=FlowRun.parent_task_run_id, key=TaskRun.id),
    ] = None
    parent_task_run_id: Annotated[Accepts[AnyNullId], Column(FlowRun.parent_task_run_id)] = None
    idempotency_key: Annotated[Accepts[AnyNotText], Column(FlowRun.idempotency_key)] = None
    created_by: Annotated[Accepts[Creator], Column(FlowRun.created_by, family="creator")] = None


class TaskRunFilter(Filter):
    """A condition on task runs.

    Attributes:
        operator: `and_` (the default): every field that is set must hold; `or_`: one of them.
        and_: filters that must all hold.
        or_: filters of which one must hold.
        not_: a filter that must not hold.
        id: `any_`.
        name: `any_`, `like_` (`%` and `_` are wildcards).
        tags: `all_` (the list must hold all of these tags), `is_null_` (it is empty).
        state: `type` and `name`, each with `any_` and `not_any_`.
        subflow_runs: `exists_`: whether it has started flow runs.
        start_time: `before_`, `after_` (both ends included), `is_null_`.
        end_time: `before_`, `after_`, `is_null_`.
        expected_start_time: `before_`, `after_`.
        flow_run_id: `any_`, `is_null_`.

    Examples:
        >>> TaskRunFilter(state={"type": {"any_": ["FAILED"]}}).model_dump_json()
        '{"state":{"type":{"any_":["FAILED"]}}}'
    """

    id: Annotated[Accepts[AnyId], Column(TaskRun.id)] = None
    name: Annotated[Accepts[AnyLikeText], Column(TaskRun.name)] = None
    tags: Annotated[Accepts[AllTags], Column(TaskRun.tags, family="tags")] = None
    state: Annotated[Accepts[StateFilter], Column(TaskRun.state_type, table=TaskRun)] = None
    subflow_runs: Annotated[
        Accepts[Exists],
        Column(FlowRun.id, parent=TaskRun.id, key=FlowRun.parent_task_run_id),
    ] = None
    start_time: Annotated[Accepts[NullTimes], Column(TaskRun.start_time)] = None
    end_time: Annotated[Accepts[NullTimes], Column(TaskRun.end_time)] = None
    expected_start_time: Annotated[Accepts[Times], Column(TaskRun.expected_start_time)] = None
    flow_run_id: Annotated[Accepts[AnyNullId], Column(TaskRun.flow_run_id)] = None


class WorkPoolFilter(Filter):
    """A condition on work pools.

    Attributes:
        operator: `and_` (the default): every field that is set must hold; `or_`: one of them.
        and_: filters that must all hold.
        or_: filters of which one must hold.
        not_: a filter that must not hold.
        id: `any_`.
        name: `any_`.
        type: `any_`.

    Examples:
        >>> WorkPoolFilter(type={"any_": ["process"]}).model_dump_json()
        '{"type":{"any_":["process"]}}'
    """

    id: Annotated[Accepts[AnyId], Column(WorkPool.id)] = None
    name: Annotated[Accepts[AnyText], Column(WorkPool.name)] = None
    type: Annotated[Accepts[AnyText], Column(WorkPool.type)] = None


class RunFilters(TypedDict, total=False):
    """The filters that every list takes."""

    flow_run_filter: FlowRunFilter | None
    task_run_filter: TaskRunFilter | None
    deployment_filter: DeploymentFilter | None
    flow_filter: FlowFilter | None
    work_pool_filter: WorkPoolFilter | None


class AllFilters(RunFilters, total=False):
    """The filters of `read_artifacts`."""

    artifact_filter: ArtifactFilter | None


class LatestFilters(RunFilters, total=False):
    """The filters of `read_latest_artifacts`."""

    artifact_filter: ArtifactCollectionFilter | None
