"""Parses the filters of several tables from one JSON value, as in a command line or a file."""

from collections.abc import Mapping
from typing import Any

from ..errors import InvalidQuery
from .base import Filter
from .definitions import (
    ArtifactCollectionFilter,
    ArtifactFilter,
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    TaskRunFilter,
    WorkPoolFilter,
)

__all__ = ["parse_filters"]

_ENTITIES: dict[str, tuple[str, type[Filter]]] = {
    "artifacts": ("artifact_filter", ArtifactFilter),
    "flow_runs": ("flow_run_filter", FlowRunFilter),
    "task_runs": ("task_run_filter", TaskRunFilter),
    "flows": ("flow_filter", FlowFilter),
    "deployments": ("deployment_filter", DeploymentFilter),
    "work_pools": ("work_pool_filter", WorkPoolFilter),
}


def parse_filters(value: object, *, latest: bool = False) -> dict[str, Any]:
    """Parse the filter arguments of a method that lists or counts artifacts.

    Args:
        value: the fields of an artifact filter (`{"metadata": {"ge_": {"days": 30}}}`), or filters
            by entity, as in Prefect's REST API: `artifacts`, `flow_runs`, `task_runs`, `flows`,
            `deployments`, `work_pools`. An entity whose value is `None` is left out.
        latest: whether the arguments are for `read_latest_artifacts` and `count_latest_artifacts`,
            whose `artifact_filter` is an `ArtifactCollectionFilter`.

    Returns:
        Filters by the name of the argument, such as `artifact_filter` and `flow_run_filter`.

    Raises:
        InvalidQuery: an entity, a field or an operator is unknown, or a value is not valid.

    Examples:
        >>> from artifact_store import ArtifactStore
        >>> store = ArtifactStore("sqlite:///:memory:")
        >>> tables = {"type": {"any_": ["table"]}}
        >>> filters = parse_filters({"artifacts": tables, "flows": {"name": {"any_": ["etl"]}}})
        >>> sorted(filters)
        ['artifact_filter', 'flow_filter']
        >>> store.count_artifacts(**filters)
        0
    """
    if not isinstance(value, Mapping) or _ENTITIES.keys().isdisjoint(value):
        value = {"artifacts": value}
    filters: dict[str, Filter] = {}
    for entity, fields in value.items():
        if entity not in _ENTITIES:
            raise InvalidQuery(f"Unknown filter {entity!r}: expected {', '.join(_ENTITIES)}.")
        if fields is None:
            continue

        argument, kind = _ENTITIES[entity]
        if latest and entity == "artifacts":
            kind = ArtifactCollectionFilter
        filters[argument] = kind.model_validate(fields)
    return filters
