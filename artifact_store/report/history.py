"""What the report needs to know of one key besides the payloads: its versions, their runs, its numbers."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from ..errors import InvalidQuery
from ..filters.definitions import ArtifactFilter, FlowFilter, FlowRunFilter, TaskRunFilter
from ..rendering.context import Point
from ..schemas.artifacts import Artifact
from ..schemas.runs import Flow, FlowRun, TaskRun
from ..schemas.sorting import ArtifactSort
from .source import Source

__all__ = ["History", "Made", "read_history", "up_to"]

_LISTED = 200  # versions of a key that are named
_FIELDS = 12  # numbers of a key that can be plotted
_POINTS = 200  # points of a plot


@dataclass(frozen=True)
class Made:
    """What made an artifact, where the store knows it."""

    flow: Flow | None
    flow_run: FlowRun | None
    task_run: TaskRun | None
    flow_run_id: UUID | None


@dataclass(frozen=True)
class History:
    """One key.

    Attributes:
        versions: its versions without their data, the latest first, at most 200.
        older: how many more there are.
        kept: the numbers of those that can be opened.
        made: what made each of them, by the id of the artifact.
        series: its numbers by field, the best first, each at most the newest 200.
    """

    versions: tuple[Artifact, ...]
    older: int
    kept: frozenset[int]
    made: Mapping[UUID, Made]
    series: Mapping[str, tuple[Point, ...]]

    @property
    def latest(self) -> Artifact:
        """The latest version."""
        return self.versions[0]

    def previous(self, artifact: Artifact) -> Artifact | None:
        """Return the next older version that exists."""
        place = self._place(artifact) + 1
        return self.versions[place] if place < len(self.versions) else None

    def following(self, artifact: Artifact) -> Artifact | None:
        """Return the next newer version that exists."""
        place = self._place(artifact)
        return self.versions[place - 1] if place else None

    def _place(self, artifact: Artifact) -> int:
        return next(place for place, each in enumerate(self.versions) if each.id == artifact.id)


def up_to(latest: Artifact, least: int | None = None) -> ArtifactFilter:
    """Return the filter of the versions of a key that were there when its latest was read."""
    return ArtifactFilter(key={"any_": [latest.key]}, version={"le_": latest.version, "ge_": least})


def read_history(store: Source, latest: Artifact, kept: int) -> History | None:
    """Return the history of a key up to the version that was found to be its latest, `None` when it is gone."""
    key, asked = latest.key or "", up_to(latest)
    versions = store.read_artifacts(
        limit=_LISTED, artifact_filter=asked, sort=ArtifactSort.KEY_DESC, include_data=False
    )
    if not versions:
        return None
    newest = versions[0].version or 0
    series = {
        field: tuple(_points(store, key, field, newest))
        for field in store.series_fields(key)[:_FIELDS]
    }
    return History(
        tuple(versions),
        store.count_artifacts(asked) - len(versions) if len(versions) == _LISTED else 0,
        frozenset(each.version or 0 for each in versions[:kept]),
        _made(store, versions),
        {field: points for field, points in series.items() if points},
    )


def _points(store: Source, key: str, field: str, newest: int) -> Iterator[Point]:
    with suppress(InvalidQuery):  # what had the number may have been deleted just now
        yield from (
            each for each in store.read_series(key, field, limit=_POINTS) if each.version <= newest
        )


def _made(store: Source, artifacts: Iterable[Artifact]) -> dict[UUID, Made]:
    """Return what made each of some artifacts, read in three statements at the most."""
    many = list(artifacts)
    runs: dict[UUID, FlowRun] = {}
    flows: dict[UUID, Flow] = {}
    tasks: dict[UUID, TaskRun] = {}
    if run_ids := {each.flow_run_id for each in many if each.flow_run_id}:
        runs = {
            run.id: run
            for run in store.read_flow_runs(flow_run_filter=FlowRunFilter(id={"any_": run_ids}))
        }
    if flow_ids := {run.flow_id for run in runs.values()}:
        flows = {
            flow.id: flow
            for flow in store.read_flows(flow_filter=FlowFilter(id={"any_": flow_ids}))
        }
    if task_ids := {each.task_run_id for each in many if each.task_run_id}:
        tasks = {
            task.id: task
            for task in store.read_task_runs(task_run_filter=TaskRunFilter(id={"any_": task_ids}))
        }
    made = {}
    for each in many:
        run = runs.get(each.flow_run_id) if each.flow_run_id else None
        task = tasks.get(each.task_run_id) if each.task_run_id else None
        made[each.id] = Made(flows.get(run.flow_id) if run else None, run, task, each.flow_run_id)
    return made
