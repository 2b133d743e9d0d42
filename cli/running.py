"""What runs now: open flow runs, their progress, and the newest artifacts, read at one moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from artifact_store import Artifact, ArtifactStore, FlowRun, FlowRunTree, TaskRun
    from artifact_store.rendering import Pace

    from .options import Filters

__all__ = ["OpenRun", "Picture", "Progress", "read_picture"]

_MOST_RUNS = 200
_MOST_OF_RUN = 20  # artifacts, and task runs, of one run
_NEWEST = 50  # artifacts
_RECENT = timedelta(days=1)  # progress outside of runs that is older is not shown


class Progress(NamedTuple):
    """The progress of a loop.

    Attributes:
        artifact: the artifact that holds it.
        pace: what it says.
    """

    artifact: Artifact
    pace: Pace

    @property
    def name(self) -> str:
        """The key, or how else the loop is named."""
        return self.artifact.key or self.artifact.description or "progress"


class OpenRun(NamedTuple):
    """A flow run that has started and not ended.

    Attributes:
        flow: the name of its flow.
        run: the run.
        tasks: its open task runs.
        progress: its progress artifacts that are not at their end.
        updated: when the run, its tasks or its artifacts were last written.
    """

    flow: str
    run: FlowRun
    tasks: Sequence[TaskRun]
    progress: Sequence[Progress]
    updated: datetime


class Picture(NamedTuple):
    """What runs at one moment.

    Attributes:
        time: the moment, by the clock of this machine.
        runs: the open runs, the last started first.
        has_more: whether there are more open runs than these.
        outside: progress that belongs to no open run.
        newest: the artifacts that were written last.
    """

    time: datetime
    runs: Sequence[OpenRun]
    has_more: bool
    outside: Sequence[Progress]
    newest: Sequence[Artifact]


def read_picture(store: ArtifactStore, filters: Filters) -> Picture:
    """Return what runs now, with a number of statements that does not depend on how much that is."""
    from artifact_store import ArtifactFilter, ArtifactSort, FlowRunFilter

    of_runs = {name: each for name, each in filters.items() if name != "artifact_filter"}
    with store.snapshot():
        found = store.read_open_flow_runs(limit=_MOST_RUNS + 1, **of_runs)
        ids = [run.id for run in found[:_MOST_RUNS]]
        trees = []
        if ids:
            wanted = FlowRunFilter(id={"any_": ids})
            artifacts = {name: filters[name] for name in filters if name == "artifact_filter"}
            trees = store.read_run_tree(per_run=_MOST_OF_RUN, flow_run_filter=wanted, **artifacts)
        newest = store.read_artifacts(
            limit=_NEWEST, sort=ArtifactSort.UPDATED_DESC, include_data=False, **filters
        )
        progress_ids = [each.id for each in of_type_progress(trees, newest)]
        progress = {}
        if progress_ids:
            wanted_progress = ArtifactFilter(id={"any_": progress_ids})
            read = store.read_artifacts(artifact_filter=wanted_progress)
            progress = {each.id: each for each in read}

    now = datetime.now(UTC)
    by_id = {tree.flow_run.id: tree for tree in trees}
    unfinished = [each for each in map(progress_of, progress.values()) if each is not None]
    runs = [open_run(by_id[each], unfinished) for each in ids if each in by_id]
    shown = {each.artifact.id for run in runs for each in run.progress}
    outside = [
        each
        for each in unfinished
        if each.artifact.id not in shown and now - each.artifact.updated < _RECENT
    ]
    without_run = [each for each in outside if each.artifact.flow_run_id is None]
    return Picture(now, runs, len(found) > _MOST_RUNS, without_run, newest)


def of_type_progress(
    trees: Sequence[FlowRunTree], newest: Sequence[Artifact]
) -> Iterator[Artifact]:
    """Yield the progress artifacts of runs, and those that were written last."""
    for tree in trees:
        for artifact in artifacts_of(tree):
            if artifact.type == "progress":
                yield artifact
    for artifact in newest:
        if artifact.type == "progress":
            yield artifact


def artifacts_of(tree: FlowRunTree) -> Iterator[Artifact]:
    """Yield the artifacts of a run and of its task runs."""
    yield from tree.artifacts
    for branch in tree.task_runs:
        yield from branch.artifacts


def open_run(tree: FlowRunTree, unfinished: Sequence[Progress]) -> OpenRun:
    """Return an open run with its open task runs and its progress."""
    run = tree.flow_run
    tasks = [branch.task_run for branch in tree.task_runs if branch.task_run is not None]
    times = [run.updated, *(task.updated for task in tasks)]
    times += [artifact.updated for artifact in artifacts_of(tree)]
    return OpenRun(
        flow=tree.flow.name,
        run=run,
        tasks=[task for task in tasks if task.start_time and task.end_time is None],
        progress=[each for each in unfinished if each.artifact.flow_run_id == run.id],
        updated=max(times),
    )


def progress_of(artifact: Artifact) -> Progress | None:
    """Return what a progress artifact says; `None` if it is at its end, or holds no number."""
    from artifact_store.rendering import read_pace

    pace = read_pace(artifact)
    return None if pace is None or pace.percent >= 100 else Progress(artifact, pace)
