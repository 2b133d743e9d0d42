"""The tree of flows, their runs, the runs of tasks, and what they have published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from ..app import command, open_store
from ..options import filters, form_options, limit_option, where_options
from ..output.artifacts import named
from ..output.documents import dump, print_json, print_ndjson
from ..output.pager import note
from ..output.screen import console
from ..output.tables import print_csv, print_rows
from ..output.text import is_terminal, safe

if TYPE_CHECKING:
    from artifact_store import Artifact, ArtifactStore, Flow, FlowRun, FlowRunTree, TaskRun

__all__ = ["tree"]

COLUMNS = (
    "flow",
    "flow_run",
    "flow_run_state",
    "task_run",
    "task_run_state",
    "key",
    "version",
    "type",
    "updated",
    "id",
)
_RECENT = (
    1000  # artifacts among which those are looked for that a filter or an unknown run asks for
)
_BRANCH = 100  # artifacts, or runs of tasks, that one run shows
_CONTENT = ("data", "profile")  # which a tree does not show
_COLOURS = {
    "COMPLETED": "green",
    "FAILED": "red",
    "CRASHED": "red",
    "RUNNING": "blue",
    "CANCELLED": "yellow",
    "CANCELLING": "yellow",
    "PAUSED": "yellow",
}


class Branch(NamedTuple):
    """A flow run with the artifacts that it made, by the run of a task; a task of `None` is the run itself.

    Attributes:
        flow: its flow; `None` when the run is none of this store's.
        run: the run; its id alone when it is none of this store's, `None` for artifacts outside of runs.
        tasks: the runs of tasks, in their order, each with its artifacts.
        more: whether it has more than is shown.
    """

    flow: Flow | None
    run: FlowRun | UUID | None
    tasks: list[tuple[TaskRun | UUID | None, list[Artifact]]]
    more: bool

    @property
    def name(self) -> str:
        """The name of the run, or its id."""
        if self.run is None:
            return ""
        return str(self.run) if isinstance(self.run, UUID) else self.run.name


@command(
    examples=[
        "artifact-store tree",
        "artifact-store tree --flow nightly-etl --limit 3",
        "artifact-store tree --key sales --csv > made-by.csv",
    ],
    pages=True,
)
@where_options
@limit_option(20, "Maximum number of flow runs, newest first; 0 for all.")
@form_options("json", "ndjson", "csv")
def tree(limit: int, form: str | None, **options: Any) -> None:
    """Show which runs made which artifacts.

    Shows flows, their newest flow runs, task runs and the artifacts of each, with states and ages.
    Artifacts without a run, or of a run in another system, have branches of their own. Filters of
    artifacts leave out runs without a match. When the output is not a terminal, there is one line
    per artifact, and one per run without artifacts.
    """
    asked = filters(options, latest=False)
    with open_store() as store:
        branches, more = _branches(store, asked, limit)
    if form == "json":
        print_json([_document(branch) for branch in branches])
    elif form == "ndjson":
        print_ndjson(_document(branch) for branch in branches)
    elif form == "csv" or not is_terminal():
        rows = (row for branch in branches for row in _rows(branch))
        (print_csv if form else print_rows)(COLUMNS, rows)
    elif branches:
        _print_tree(branches)
    else:
        note("Nothing found.")
    if more:
        note(f"There are more runs: --limit {2 * limit} shows more, --limit 0 all.")


# Reading


def _branches(
    store: ArtifactStore, asked: Mapping[str, Any], limit: int
) -> tuple[list[Branch], bool]:
    """Return the newest runs with what they made, and whether there are more runs."""
    from artifact_store import FlowRunFilter

    recent = store.read_artifacts(limit=_RECENT, include_data=False, **asked)
    of_runs = {name: value for name, value in asked.items() if name != "artifact_filter"}
    if "artifact_filter" in asked:
        # Only the runs that made one of these artifacts, which fit the other filters too.
        ids = list(dict.fromkeys(each.flow_run_id for each in recent if each.flow_run_id))
        shown = {**asked, "flow_run_filter": FlowRunFilter(id={"any_": ids})}
    else:
        shown = dict(asked)

    trees = store.read_run_tree(limit=limit + 1 if limit else None, per_run=_BRANCH, **shown)
    more = bool(limit) and len(trees) > limit
    trees = trees[: limit or None]
    flow_ids = list(
        dict.fromkeys(tree.flow.id for tree in trees)
    )  # the flow of the newest run first
    trees.sort(key=lambda tree: flow_ids.index(tree.flow.id))

    filtered = "artifact_filter" in asked or "task_run_filter" in asked
    branches = [_branch(tree, filtered) for tree in trees]
    return branches if of_runs else [*branches, *_elsewhere(store, recent)], more


def _branch(tree: FlowRunTree, filtered: bool) -> Branch:
    """Return what is shown of a run; where artifacts are filtered, task runs without any are left out."""
    tasks: list[tuple[TaskRun | UUID | None, list[Artifact]]] = [
        (branch.task_run, list(branch.artifacts))
        for branch in tree.task_runs
        if branch.task_run is not None and (branch.artifacts or not filtered)
    ]
    tasks.append((None, list(tree.artifacts)))
    tasks += [
        (branch.task_run_id, list(branch.artifacts))
        for branch in tree.task_runs
        if branch.task_run is None
    ]
    return Branch(tree.flow, tree.flow_run, tasks, not tree.complete)


def _by_task(artifacts: Iterable[Artifact]) -> list[tuple[TaskRun | UUID | None, list[Artifact]]]:
    """Return artifacts by the id of their task run, those without one first."""
    made: dict[UUID | None, list[Artifact]] = {None: []}
    for each in artifacts:
        made.setdefault(each.task_run_id, []).append(each)
    return list(made.items())


def _elsewhere(store: ArtifactStore, recent: Iterable[Artifact]) -> Iterator[Branch]:
    """Yield the branches of recent artifacts that no run has made, or a run that this store does not know."""
    from artifact_store import FlowRunFilter

    made: dict[UUID | None, list[Artifact]] = {}
    for each in recent:
        made.setdefault(each.flow_run_id, []).append(each)
    ids = [run_id for run_id in made if run_id]
    known = (
        {run.id for run in store.read_flow_runs(flow_run_filter=FlowRunFilter(id={"any_": ids}))}
        if ids
        else set()
    )
    for run_id in [*(run_id for run_id in ids if run_id not in known), *[None] * (None in made)]:
        some = made[run_id]
        yield Branch(None, run_id, _by_task(reversed(some[:_BRANCH])), len(some) > _BRANCH)


# Showing


def _document(branch: Branch) -> dict[str, Any]:
    run = {"id": str(branch.run)} if isinstance(branch.run, UUID) else dump(branch.run)
    own = [made for task, made in branch.tasks if task is None]
    return {
        "flow": dump(branch.flow),
        "flow_run": run,
        "artifacts": [dump(each, *_CONTENT) for made in own for each in made],
        "task_runs": [
            {
                **({"id": str(task)} if isinstance(task, UUID) else dump(task)),
                "artifacts": [dump(each, *_CONTENT) for each in made],
            }
            for task, made in branch.tasks
            if task is not None
        ],
        "complete": not branch.more,
    }


def _rows(branch: Branch) -> Iterator[dict[str, Any]]:
    run = {
        "flow": branch.flow and branch.flow.name,
        "flow_run": branch.name or None,
        "flow_run_state": _state(branch.run),
    }
    tasks = [(task, made) for task, made in branch.tasks if task is not None or made]
    for task, made in tasks or [(None, [])]:
        of_task = {**run, "task_run": task and _task_name(task), "task_run_state": _state(task)}
        for each in made:
            found = {
                "key": each.key,
                "version": each.version,
                "type": each.type,
                "updated": each.updated,
            }
            yield {**of_task, **found, "id": each.id}
        if not made:
            yield of_task


def _state(run: object) -> str | None:
    return getattr(run, "state_name", None)


def _task_name(task: TaskRun | UUID) -> str:
    return str(task) if isinstance(task, UUID) else task.name


def _print_tree(branches: Iterable[Branch]) -> None:
    from rich.tree import Tree

    screen = console()
    for title, some in groupby(branches, _title):
        trunk = Tree(_label(("bold", title)), guide_style="dim")
        for branch in some:
            limb = trunk if branch.run is None else trunk.add(_run_label(branch.run, branch.name))
            for task, made in branch.tasks:
                twig = limb if task is None else limb.add(_run_label(task, _task_name(task)))
                for each in made:
                    twig.add(_artifact_label(each))
            if branch.more:
                limb.add(_label(("dim", "… and more: artifact-store ls --all" + _hint(branch))))
        screen.print(trunk)


def _title(branch: Branch) -> str:
    if branch.flow is not None:
        return branch.flow.name
    return "Outside of runs" if branch.run is None else "Runs of other systems"


def _hint(branch: Branch) -> str:
    return (
        "" if branch.run is None or isinstance(branch.run, UUID) else f" --flow-run {branch.run.id}"
    )


def _run_label(run: FlowRun | TaskRun | UUID, name: str) -> Any:
    if isinstance(run, UUID):
        return _label(("", name))
    from artifact_store.rendering import age

    ages = [("dim", f"  {age(run.start_time)}")] if run.start_time else []
    state = (
        [(_COLOURS.get(run.state_type or "", ""), f"  {run.state_name}")] if run.state_name else []
    )
    return _label(("", name), *state, *ages)


def _artifact_label(artifact: Artifact) -> Any:
    from artifact_store.rendering import age

    kind = [("", f"  {artifact.type}")] if artifact.type else []
    return _label(("cyan", named(artifact)), *kind, ("dim", f"  {age(artifact.updated)}"))


def _label(*parts: tuple[str, str]) -> Any:
    from rich.text import Text

    return Text.assemble(*((safe(text), style) for style, text in parts), overflow="fold")
