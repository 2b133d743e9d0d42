"""What a report shows of one key besides the payloads: its versions, their runs, its numbers.

A store may be written to while a report is read from it. So everything here is limited to the versions up to
the latest that was read first, and what is deleted meanwhile is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from uuid import UUID

from ..errors import InvalidQuery
from ..filters.definitions import (
    ArtifactFilter,
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    TaskRunFilter,
)
from ..rendering.context import Point, Provenance
from ..schemas.aliases import Alias
from ..schemas.artifacts import Artifact
from ..schemas.runs import Deployment, Flow, FlowRun, TaskRun
from ..schemas.sorting import ArtifactSort
from .source import Source

__all__ = ["History", "Origin", "read_history", "versions_filter"]

_MAX_VERSIONS = 200  # of a key, in the list of its versions
_MAX_FIELDS = 12  # numbers of a key that can be plotted
_MAX_POINTS = 200  # points of a plot


@dataclass(frozen=True)
class Origin:
    """The runs that made an artifact.

    Attributes:
        flow: the flow of the run.
        flow_run: the flow run; `None` if the store does not have it.
        task_run: the task run; `None` if the store does not have it.
        flow_run_id: the id of the flow run, which may be of another system.
        deployment: the deployment of the run.
    """

    flow: Flow | None
    flow_run: FlowRun | None
    task_run: TaskRun | None
    flow_run_id: UUID | None
    deployment: Deployment | None = None


@dataclass(frozen=True)
class History:
    """One key.

    Attributes:
        versions: its versions without their data, the latest first, at most 200.
        older: how many more there are.
        kept: the numbers of the versions that can be opened.
        origins: the runs that made each version, by the id of the artifact.
        series: its numbers by field, the best first; of each at most the newest 200.
        aliases: its aliases.
        provenance: what those that can be opened were made from and used by, by the id of the artifact.
    """

    versions: tuple[Artifact, ...]
    older: int
    kept: frozenset[int]
    origins: Mapping[UUID, Origin]
    series: Mapping[str, tuple[Point, ...]]
    aliases: tuple[Alias, ...] = ()
    provenance: Mapping[UUID, Provenance] = dataclass_field(default_factory=dict)

    @property
    def latest(self) -> Artifact:
        """The latest version."""
        return self.versions[0]

    def previous(self, artifact: Artifact) -> Artifact | None:
        """Return the next older version that exists."""
        index = self.index(artifact) + 1
        return self.versions[index] if index < len(self.versions) else None

    def following(self, artifact: Artifact) -> Artifact | None:
        """Return the next newer version that exists."""
        index = self.index(artifact)
        return self.versions[index - 1] if index > 0 else None

    def index(self, artifact: Artifact) -> int:
        """Return the index of a version in `versions`."""
        ids = [version.id for version in self.versions]
        return ids.index(artifact.id)


def versions_filter(latest: Artifact, oldest: int | None = None) -> ArtifactFilter:
    """Return the filter for the versions of a key that existed when its latest was read.

    Args:
        latest: the latest version.
        oldest: the number of the oldest version to find; all by default.
    """
    return ArtifactFilter(
        key={"any_": [latest.key]},
        version={"le_": latest.version, "ge_": oldest},
    )


def read_history(store: Source, latest: Artifact, kept: int) -> History | None:
    """Return the history of a key.

    Args:
        store: the store.
        latest: the latest version of the key; newer ones that are published meanwhile are left out.
        kept: how many versions can be opened.

    Returns:
        The history, `None` if no version is left.
    """
    artifact_filter = versions_filter(latest)
    versions = store.read_artifacts(
        limit=_MAX_VERSIONS,
        artifact_filter=artifact_filter,
        sort=ArtifactSort.KEY_DESC,
        include_data=False,
    )
    if not versions:
        return None

    older = 0
    if len(versions) == _MAX_VERSIONS:
        older = store.count_artifacts(artifact_filter) - len(versions)
    newest_kept = versions[:kept]
    return History(
        versions=tuple(versions),
        older=older,
        kept=frozenset(each.version for each in newest_kept if each.version is not None),
        origins=read_origins(store, versions),
        series=read_numbers(store, versions[0]),
        aliases=tuple(store.read_aliases(latest.key or "")),
        provenance=store.read_provenance(newest_kept),
    )


def read_numbers(store: Source, newest: Artifact) -> dict[str, tuple[Point, ...]]:
    """Return the numbers of a key by field, up to its newest version; none without a value."""
    key = newest.key or ""
    last = newest.version or 0
    series = {}
    for field in store.series_fields(key)[:_MAX_FIELDS]:
        try:
            points = store.read_series(key, field, limit=_MAX_POINTS)
        except InvalidQuery:
            continue  # the versions that have this number were deleted just now
        known = tuple(point for point in points if point.version <= last)
        if known:
            series[field] = known
    return series


def read_origins(store: Source, artifacts: Sequence[Artifact]) -> dict[UUID, Origin]:
    """Return the runs that made some artifacts, by the id of the artifact; at most four statements."""
    run_ids = {each.id: each.flow_run_id for each in artifacts}
    task_ids = {each.id: each.task_run_id for each in artifacts}
    runs = read_flow_runs(store, set(run_ids.values()))
    tasks = read_task_runs(store, set(task_ids.values()))
    flows = read_flows(store, {run.flow_id for run in runs.values()})
    deployments = read_deployments(store, {run.deployment_id for run in runs.values()})

    origins = {}
    for artifact_id, run_id in run_ids.items():
        run = runs.get(run_id)
        origins[artifact_id] = Origin(
            flow=flows.get(run.flow_id) if run else None,
            flow_run=run,
            task_run=tasks.get(task_ids[artifact_id]),
            flow_run_id=run_id,
            deployment=deployments.get(run.deployment_id) if run else None,
        )
    return origins


def read_flow_runs(store: Source, ids: set[UUID | None]) -> dict[UUID | None, FlowRun]:
    """Return flow runs by id."""
    ids.discard(None)
    if not ids:
        return {}
    runs = store.read_flow_runs(flow_run_filter=FlowRunFilter(id={"any_": ids}))
    return {run.id: run for run in runs}


def read_task_runs(store: Source, ids: set[UUID | None]) -> dict[UUID | None, TaskRun]:
    """Return task runs by id."""
    ids.discard(None)
    if not ids:
        return {}
    tasks = store.read_task_runs(task_run_filter=TaskRunFilter(id={"any_": ids}))
    return {task.id: task for task in tasks}


def read_flows(store: Source, ids: set[UUID]) -> dict[UUID, Flow]:
    """Return flows by id."""
    if not ids:
        return {}
    flows = store.read_flows(flow_filter=FlowFilter(id={"any_": ids}))
    return {flow.id: flow for flow in flows}


def read_deployments(store: Source, ids: set[UUID | None]) -> dict[UUID | None, Deployment]:
    """Return deployments by id."""
    ids.discard(None)
    if not ids:
        return {}
    found = store.read_deployments(deployment_filter=DeploymentFilter(id={"any_": ids}))
    return {deployment.id: deployment for deployment in found}
