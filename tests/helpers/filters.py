"""Questions that several tests of filters ask, and where each kind of filter is used."""

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
# The listing of each kind's own rows, and the parameter that takes the filter.
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
    """Asks for artifacts, all of them or the latest of each key, and answers with their keys in order."""

    def __init__(self, store: ArtifactStore, latest: bool) -> None:
        self.store, self.latest = store, latest
        self.kind: Any = ArtifactCollectionFilter if latest else ArtifactFilter
        self.id = "latest_id" if latest else "id"
        self.sorts: Any = ArtifactCollectionSort if latest else ArtifactSort

    def make(self, *keys: str, **fields: Any) -> Any:
        """Create an artifact under each key and return the last one."""
        return [self.store.create_artifact(key=key, **fields) for key in keys][-1]

    def keys(self, question: Any = None, **related: Any) -> list[str]:
        """Return the keys of what matches; the count must be the same."""
        word = "latest_artifacts" if self.latest else "artifacts"
        found = getattr(self.store, f"read_{word}")(
            artifact_filter=question, sort=self.sorts.KEY_ASC, **related
        )
        assert getattr(self.store, f"count_{word}")(artifact_filter=question, **related) == len(
            found
        )
        return [each.key for each in found]

    def __call__(self, **fields: Any) -> list[str]:
        """Ask for fields of the artifact."""
        return self.keys(self.kind(**fields))


def names(store: ArtifactStore, method: str, **arguments: Any) -> list[Any]:
    """Return what people call the rows of a listing."""
    return sorted(
        str(getattr(row, "key", None) or getattr(row, "name", None))
        for row in getattr(store, method)(**arguments)
    )


def of_kind(store: ArtifactStore, question: Any) -> list[Any]:
    """Return the names of the rows of a filter's own kind that satisfy it."""
    method, parameter = HOME[type(question)]
    return names(store, method, **{parameter: question})


def operators(kind: Any, *words: str) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Each field that takes one of some operators, and a function that makes a filter of its operand."""
    for field, taken in TABLE[kind].items():
        for word in taken:
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
