"""The filters: one declaration per table, and the columns that each field looks at.

A filter is a frozen value that goes in and out as the JSON of Prefect's REST API. Filters of one class combine with
`&`, `|` and `~`; a combination is a filter of the same class, in the fields `and_`, `or_` and `not_`. `compiler` turns
filters into SQL.
"""

import json
from functools import cache
from typing import Annotated, Any, NamedTuple, Self, TypedDict

import peewee
from pydantic import Field, PrivateAttr, ValidationError

from ..db import run_tables as m
from ..db.artifact_tables import TableWithId
from ..db.statements import Expression
from ..pydantic_internals import fill, private_values, set_private_values
from . import fields as c

__all__ = [
    "AllFilters",
    "ArtifactCollectionFilter",
    "ArtifactFilter",
    "Column",
    "DeploymentFilter",
    "Filter",
    "FlowFilter",
    "FlowRunFilter",
    "LatestFilters",
    "RunFilters",
    "StateFilter",
    "TaskRunFilter",
    "WorkPoolFilter",
    "columns",
]

DEPTH_LIMIT = 100


class Column(NamedTuple):
    """The column that a filter field looks at.

    Attributes:
        field: the column that the operators compare.
        parent: when the column is in another table, the column of this table that leads there.
        key: the column of the other table that `parent` equals.
        or_field: a second column, of this table, that may satisfy the operators instead.
        present: the column that `is_null_` and `exists_` look at, when it is not `field`.
        table: the table of a composite field, whose parts are columns of it.
        family: the family of operators that the field takes, as in `OPERATORS`.
    """

    field: Expression
    parent: Expression | None = None
    key: peewee.Field | None = None
    or_field: Expression | None = None
    present: Expression | None = None
    table: type[TableWithId] | None = None
    family: str = "column"


class Filter(c.FilterModel):
    """What must hold of the rows of one table.

    Filters of one class combine with `&`, `|` and `~`. Each field takes an object of operators, such as
    `{"any_": ["table"]}`; a field that is `None` does not constrain.

    Attributes:
        operator: `and_` (the default): every field that is set must hold; `or_`: one of them.
        and_: filters that must all hold.
        or_: filters of which one must hold.
        not_: a filter that must not hold.
    """

    and_: tuple[Self, ...] | None = Field(default=None, description="every one of these holds")
    or_: tuple[Self, ...] | None = Field(default=None, description="one of these holds")
    not_: Self | None = Field(default=None, description="this does not hold")
    _depth: int = PrivateAttr(default=1)

    def model_post_init(self, context: object, /) -> None:
        """Count how deep the filter nests, and refuse more than 100."""
        children = [*(self.and_ or ()), *(self.or_ or ()), *([self.not_] if self.not_ else [])]
        depth = 1 + max(map(_depth, children), default=0)
        private_values(self)["_depth"] = depth
        if depth > DEPTH_LIMIT:
            raise ValueError(f"a filter nests at most {DEPTH_LIMIT} deep: ask in several queries")

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """Read a filter from JSON, also one nested 100 deep, whose JSON is too deep for pydantic alone."""
        try:
            return super().model_validate_json(json_data, **options)
        except ValidationError as error:
            if "recursion limit" not in str(error):
                raise
        try:
            plain = json.loads(json_data)
        except (RecursionError, ValueError):
            return super().model_validate_json(json_data, **options)
        return cls.model_validate(plain, **options)

    def __and__(self, other: Self) -> Self:
        """Return a filter for what satisfies both."""
        return self._combine("and_", other)

    def __or__(self, other: Self) -> Self:
        """Return a filter for what satisfies one of the two."""
        return self._combine("or_", other)

    def __invert__(self) -> Self:
        """Return a filter for what does not satisfy this one; a filter without constraints stays without any."""
        return type(self)(not_=self)

    def _combine(self, join: str, other: Self) -> Self:
        if type(other) is not type(self):
            return NotImplemented  # type: ignore[no-any-return]
        is_chain = self._is_only(join)
        other_is_chain = other._is_only(join)
        own: tuple[Self, ...] = getattr(self, join) if is_chain else (self,)
        others: tuple[Self, ...] = getattr(other, join) if other_is_chain else (other,)
        # The members of a chain are one level less deep than the chain.
        depth = 1 + max(_depth(self) - is_chain, _depth(other) - other_is_chain)
        if depth > DEPTH_LIMIT:
            return type(self).model_validate({join: own + others})  # which refuses it

        # The constructor would check all members again, at every link of a chain. Chains of 2, 30 and 1,000 filters
        # take 5 µs, 95 µs and 24 ms in this way, and 10 µs, 720 µs and 440 ms with the constructor.
        combined = type(self).__new__(type(self))
        fill(combined, {**_defaults(type(self)), join: own + others}, (join,))
        set_private_values(combined, {"_depth": depth})
        return combined

    def _is_only(self, join: str) -> bool:
        """Tell whether a filter is nothing but a list of others, so that chains stay flat."""
        return self.model_fields_set == {join} and getattr(self, join) is not None


def _depth(value: Filter) -> int:
    """Return how deep a filter nests, without pydantic's slow way to a private attribute."""
    depth: int = private_values(value)["_depth"]
    return depth


@cache
def _defaults(kind: type[Filter]) -> dict[str, object]:
    return {name: field.default for name, field in kind.model_fields.items()}


class _OfArtifact(Filter):
    """The fields that artifacts and the latest of each key have in common."""

    type: Annotated[c.Accepts[c.AnyNotNullText], Column(m.Artifact.type)] = None
    flow_run_id: Annotated[c.Accepts[c.AnyNullId], Column(m.Artifact.flow_run_id)] = None
    task_run_id: Annotated[c.Accepts[c.AnyNullId], Column(m.Artifact.task_run_id)] = None
    version: Annotated[c.Accepts[c.Versions], Column(m.Artifact.version)] = None
    metadata: Annotated[c.Accepts[c.Metadata], Column(m.Artifact.metadata, family="metadata")] = (
        None
    )


class ArtifactFilter(_OfArtifact):
    """What must hold of artifacts, every version of them.

    Attributes:
        operator: `and_` (the default): every field that is set must hold; `or_`: one of them.
        and_: filters that must all hold.
        or_: filters of which one must hold.
        not_: a filter that must not hold.
        type: `any_`, `not_any_`, `is_null_`.
        flow_run_id: `any_`, `is_null_`: the flow run that made it.
        task_run_id: `any_`, `is_null_`: the task run that made it.
        version: `any_`, `ge_`, `le_`.
        metadata: `eq_`, `ge_`, `le_` (values by name, compared within their JSON type), `has_key_` (names that must all
            be there).
        id: `any_`, `not_any_`.
        key: `any_`, `like_` (`%` and `_` are wildcards), `startswith_` (literal), `exists_`.
        created: `before_`, `after_` (both ends included): times with a time zone.
        updated: `before_`, `after_`, as `created`.

    Examples:
        >>> tables = ArtifactFilter(type={"any_": ["table"]})
        >>> mine = ArtifactFilter(metadata={"eq_": {"team": "finance"}})
        >>> ((tables | mine) & ~ArtifactFilter(key={"exists_": False})).model_dump_json(exclude={"or_"})
        '{"and_":[{"or_":[{"type":{"any_":["table"]}},{"metadata":{"eq_":{"team":"finance"}}}]},{"not_":{"key":{"exists_":false}}}]}'
    """

    id: Annotated[c.Accepts[c.AnyNotId], Column(m.Artifact.id)] = None
    key: Annotated[c.Accepts[c.KeyText], Column(m.Artifact.key)] = None
    created: Annotated[c.Accepts[c.Times], Column(m.Artifact.created)] = None
    updated: Annotated[c.Accepts[c.Times], Column(m.Artifact.updated)] = None


class ArtifactCollectionFilter(_OfArtifact):
    """What must hold of the latest artifact of each key.

    Attributes:
        operator: `and_` (the default): every field that is set must hold; `or_`: one of them.
        and_: filters that must all hold.
        or_: filters of which one must hold.
        not_: a filter that must not hold.
        type: `any_`, `not_any_`, `is_null_`.
        flow_run_id: `any_`, `is_null_`: the flow run that made it.
        task_run_id: `any_`, `is_null_`: the task run that made it.
        version: `any_`, `ge_`, `le_`.
        metadata: `eq_`, `ge_`, `le_` (values by name, compared within their JSON type), `has_key_` (names that must all
            be there).
        latest_id: `any_`, `not_any_`.
        key: `any_`, `like_` (`%` and `_` are wildcards), `startswith_` (literal), `exists_`.
        created: `before_`, `after_` (both ends included): times with a time zone.
        updated: `before_`, `after_`, as `created`.

    Examples:
        >>> ArtifactCollectionFilter(key={"startswith_": "sales/"}, version={"ge_": 2}).model_dump_json()
        '{"version":{"ge_":2},"key":{"startswith_":"sales/"}}'
    """

    latest_id: Annotated[c.Accepts[c.AnyNotId], Column(m.ArtifactCollection.latest_id)] = None
    key: Annotated[c.Accepts[c.KeyText], Column(m.ArtifactCollection.key)] = None
    created: Annotated[c.Accepts[c.Times], Column(m.ArtifactCollection.created)] = None
    updated: Annotated[c.Accepts[c.Times], Column(m.ArtifactCollection.updated)] = None


class FlowFilter(Filter):
    """What must hold of flows.

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

    id: Annotated[c.Accepts[c.AnyNotId], Column(m.Flow.id)] = None
    name: Annotated[c.Accepts[c.AnyLikeText], Column(m.Flow.name)] = None
    tags: Annotated[c.Accepts[c.AllAnyTags], Column(m.Flow.tags, family="tags")] = None
    deployment: Annotated[
        c.Accepts[c.Null], Column(m.Deployment.id, m.Flow.id, m.Deployment.flow_id)
    ] = None


class DeploymentFilter(Filter):
    """What must hold of deployments.

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

    id: Annotated[c.Accepts[c.AnyNotId], Column(m.Deployment.id)] = None
    name: Annotated[c.Accepts[c.AnyLikeText], Column(m.Deployment.name)] = None
    flow_or_deployment_name: Annotated[
        c.Accepts[c.LikeText],
        Column(m.Flow.name, m.Deployment.flow_id, m.Flow.id, or_field=m.Deployment.name),
    ] = None
    paused: Annotated[c.Accepts[c.Equal], Column(m.Deployment.paused)] = None
    tags: Annotated[c.Accepts[c.AllAnyTags], Column(m.Deployment.tags, family="tags")] = None
    work_queue_name: Annotated[
        c.Accepts[c.AnyText], Column(m.WorkQueue.name, m.Deployment.work_queue_id, m.WorkQueue.id)
    ] = None


class StateFilter(c.FieldFilter):
    """The type and the name of a state."""

    type: Annotated[c.Accepts[c.AnyNotState], "state_type"] = None
    name: Annotated[c.Accepts[c.AnyNotText], "state_name"] = None


class FlowRunFilter(Filter):
    """What must hold of flow runs.

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
        start_time: `before_`, `after_` (both ends included; the expected time where the run has not started),
            `is_null_`.
        end_time: `before_`, `after_`, `is_null_`.
        expected_start_time: `before_`, `after_`.
        next_scheduled_start_time: `before_`, `after_`.
        parent_flow_run_id: `any_`: the flow run that started it, for subflow runs.
        parent_task_run_id: `any_`, `is_null_`.
        idempotency_key: `any_`, `not_any_`.
        created_by: `id_`, `type_`, `is_null_`.

    Examples:
        >>> FlowRunFilter(state={"type": {"any_": ["COMPLETED"]}}, tags={"all_": ["prod"]}).model_dump_json()
        '{"tags":{"all_":["prod"]},"state":{"type":{"any_":["COMPLETED"]}}}'
        >>> FlowRunFilter(stat={})
        Traceback (most recent call last):
        ...
        artifact_store.schemas.validation.InvalidFilter: FlowRunFilter has no field 'stat'; did you mean 'state'?
    """

    id: Annotated[c.Accepts[c.AnyNotId], Column(m.FlowRun.id)] = None
    name: Annotated[c.Accepts[c.AnyLikeText], Column(m.FlowRun.name)] = None
    tags: Annotated[c.Accepts[c.AllAnyTags], Column(m.FlowRun.tags, family="tags")] = None
    deployment_id: Annotated[c.Accepts[c.AnyNullId], Column(m.FlowRun.deployment_id)] = None
    work_queue_name: Annotated[
        c.Accepts[c.AnyNullText],
        Column(
            m.WorkQueue.name,
            m.FlowRun.work_queue_id,
            m.WorkQueue.id,
            present=m.FlowRun.work_queue_id,
        ),
    ] = None
    state: Annotated[c.Accepts[StateFilter], Column(m.FlowRun.state_type, table=m.FlowRun)] = None
    flow_version: Annotated[c.Accepts[c.AnyText], Column(m.FlowRun.flow_version)] = None
    start_time: Annotated[
        c.Accepts[c.NullTimes],
        Column(
            peewee.fn.COALESCE(m.FlowRun.start_time, m.FlowRun.expected_start_time),
            present=m.FlowRun.start_time,
        ),
    ] = None
    end_time: Annotated[c.Accepts[c.NullTimes], Column(m.FlowRun.end_time)] = None
    expected_start_time: Annotated[c.Accepts[c.Times], Column(m.FlowRun.expected_start_time)] = None
    next_scheduled_start_time: Annotated[
        c.Accepts[c.Times], Column(m.FlowRun.next_scheduled_start_time)
    ] = None
    parent_flow_run_id: Annotated[
        c.Accepts[c.AnyId],
        Column(m.TaskRun.flow_run_id, m.FlowRun.parent_task_run_id, m.TaskRun.id),
    ] = None
    parent_task_run_id: Annotated[c.Accepts[c.AnyNullId], Column(m.FlowRun.parent_task_run_id)] = (
        None
    )
    idempotency_key: Annotated[c.Accepts[c.AnyNotText], Column(m.FlowRun.idempotency_key)] = None
    created_by: Annotated[c.Accepts[c.Creator], Column(m.FlowRun.created_by, family="creator")] = (
        None
    )


class TaskRunFilter(Filter):
    """What must hold of task runs.

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

    id: Annotated[c.Accepts[c.AnyId], Column(m.TaskRun.id)] = None
    name: Annotated[c.Accepts[c.AnyLikeText], Column(m.TaskRun.name)] = None
    tags: Annotated[c.Accepts[c.AllTags], Column(m.TaskRun.tags, family="tags")] = None
    state: Annotated[c.Accepts[StateFilter], Column(m.TaskRun.state_type, table=m.TaskRun)] = None
    subflow_runs: Annotated[
        c.Accepts[c.Exists], Column(m.FlowRun.id, m.TaskRun.id, m.FlowRun.parent_task_run_id)
    ] = None
    start_time: Annotated[c.Accepts[c.NullTimes], Column(m.TaskRun.start_time)] = None
    end_time: Annotated[c.Accepts[c.NullTimes], Column(m.TaskRun.end_time)] = None
    expected_start_time: Annotated[c.Accepts[c.Times], Column(m.TaskRun.expected_start_time)] = None
    flow_run_id: Annotated[c.Accepts[c.AnyNullId], Column(m.TaskRun.flow_run_id)] = None


class WorkPoolFilter(Filter):
    """What must hold of work pools.

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

    id: Annotated[c.Accepts[c.AnyId], Column(m.WorkPool.id)] = None
    name: Annotated[c.Accepts[c.AnyText], Column(m.WorkPool.name)] = None
    type: Annotated[c.Accepts[c.AnyText], Column(m.WorkPool.type)] = None


@cache
def columns(kind: type[Filter]) -> dict[str, Column]:
    """Return the column that each field of a filter looks at."""
    return {
        name: field.metadata[0]
        for name, field in kind.model_fields.items()
        if field.metadata and isinstance(field.metadata[0], Column)
    }


class RunFilters(TypedDict, total=False):
    """The filters that every listing takes, of artifacts too."""

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
