"""What a report reads of a store."""

from collections.abc import Iterable, Iterator
from typing import Protocol
from uuid import UUID

from ..filters.definitions import (
    ArtifactFilter,
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    TaskRunFilter,
)
from ..rendering.context import Point, Provenance
from ..schemas.aliases import Alias
from ..schemas.artifacts import Artifact, ArtifactList
from ..schemas.runs import Deployment, Flow, FlowRun, TaskRun
from ..schemas.sorting import ArtifactSort

__all__ = ["Source"]


class Source(Protocol):
    """The methods of `ArtifactStore` that a report calls."""

    def read_artifacts(
        self,
        *,
        limit: int | None = None,
        artifact_filter: ArtifactFilter | None = None,
        sort: ArtifactSort = ArtifactSort.ID_DESC,
        include_data: bool = True,
    ) -> ArtifactList:
        """Return artifacts, every version of them."""
        ...

    def iter_artifacts(
        self,
        *,
        artifact_filter: ArtifactFilter | None = None,
        sort: ArtifactSort = ArtifactSort.ID_DESC,
        page_size: int = 200,
    ) -> Iterator[Artifact]:
        """Yield artifacts, every version of them."""
        ...

    def count_artifacts(self, artifact_filter: ArtifactFilter | None = None) -> int:
        """Return how many artifacts match."""
        ...

    def read_series(
        self, key: str, field: str | None = None, *, limit: int | None = None
    ) -> list[Point]:
        """Return how a number of a key went."""
        ...

    def series_fields(self, key: str) -> list[str]:
        """Return which numbers a key has."""
        ...

    def read_aliases(self, key: str) -> list[Alias]:
        """Return the aliases of a key."""
        ...

    def read_provenance(self, versions: Iterable[Artifact]) -> dict[UUID, Provenance]:
        """Return what artifacts were made from and used by."""
        ...

    def read_flow_runs(self, *, flow_run_filter: FlowRunFilter) -> list[FlowRun]:
        """Return the flow runs that match."""
        ...

    def read_flows(self, *, flow_filter: FlowFilter) -> list[Flow]:
        """Return the flows that match."""
        ...

    def read_deployments(self, *, deployment_filter: DeploymentFilter) -> list[Deployment]:
        """Return the deployments that match."""
        ...

    def read_task_runs(self, *, task_run_filter: TaskRunFilter) -> list[TaskRun]:
        """Return the task runs that match."""
        ...
