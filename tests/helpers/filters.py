"""Functions that query a store with filters, and the method that takes each kind of filter."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from artifact_store import (
    ArtifactCollectionFilter,
    ArtifactCollectionSort,
    ArtifactFilter,
    ArtifactSort,
    ArtifactStore,
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    TaskRunFilter,
    WorkPoolFilter,
)
from tests.helpers.filter_model import STATE, TABLE

KINDS = [*TABLE]
# The method that lists the rows of each kind, and its parameter for the filter.
HOME: dict[Any, tuple[str, str]] = {
    ArtifactFilter: ("read_artifacts", "artifact_filter"),
    ArtifactCollectionFilter: ("read_latest_artifacts", "artifact_filter"),
    FlowRunFilter: ("read_flow_runs", "flow_run_filter"),
    TaskRunFilter: ("read_task_runs", "task_run_filter"),
    DeploymentFilter: ("read_deployments", "deployment_filter"),
    FlowFilter: ("read_flows", "flow_filter"),
    WorkPoolFilter: ("read_work_pools", "work_pool_filter"),
}
RELATED = {HOME[kind][1]: kind for kind in KINDS if "artifact" not in HOME[kind][1]}
METHODS = [*dict.fromkeys(method for method, _ in HOME.values()), "read_work_queues"]
LOST = UUID("00000000-0000-4000-8000-000000000000")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
each_method = pytest.mark.parametrize("method", METHODS)


class Ask:
    """Queries for artifacts, either all or the latest of each key, which return their keys in order."""

    def __init__(self, store: ArtifactStore, latest: bool) -> None:
        self.store, self.latest = store, latest
        self.kind: Any = ArtifactCollectionFilter if latest else ArtifactFilter
        self.id = "latest_id" if latest else "id"
        self.sorts: Any = ArtifactCollectionSort if latest else ArtifactSort

    def make(self, *keys: str, **fields: Any) -> Any:
        """Create an artifact under each key and return the last one."""
        return [self.store.create_artifact(key=key, **fields) for key in keys][-1]

    def keys(self, artifact_filter: Any = None, **related: Any) -> list[str]:
        """Return the keys of the matches; the count must be the same."""
        read = self.store.read_latest_artifacts if self.latest else self.store.read_artifacts
        count = self.store.count_latest_artifacts if self.latest else self.store.count_artifacts
        filters = {"artifact_filter": artifact_filter, **related}
        artifacts = read(sort=self.sorts.KEY_ASC, **filters)
        assert count(**filters) == len(artifacts)
        return [artifact.key for artifact in artifacts]

    def __call__(self, **fields: Any) -> list[str]:
        """Return the keys of the artifacts with some fields."""
        return self.keys(self.kind(**fields))


def names(store: ArtifactStore, method: str, **arguments: Any) -> list[Any]:
    """Return the keys or names of the rows of a list, sorted."""
    rows = getattr(store, method)(**arguments)
    return sorted(str(getattr(row, "key", None) or getattr(row, "name", None)) for row in rows)


def of_kind(store: ArtifactStore, question: Any) -> list[Any]:
    """Return the names of the rows that satisfy a filter, of the kind that it is for."""
    method, parameter = HOME[type(question)]
    return names(store, method, **{parameter: question})


def operators(kind: Any, *words: str) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Yield each field with one of some operators, and a function from an operand to a filter."""
    for field, field_operators in TABLE[kind].items():
        for word in field_operators:
            if word in words:
                yield (
                    f"{field}.{word}",
                    lambda operand, field=field, word=word: kind(**{field: {word: operand}}),
                )
        if field == "state":
            for part, word in itertools.product(STATE, words):
                if word in STATE[part]:
                    yield (
                        f"{part}.{word}",
                        lambda operand, part=part, word=word: kind(state={part: {word: operand}}),
                    )
