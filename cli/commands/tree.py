"""The tree of flows, their runs, their task runs, and what these have published."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, Unpack
from uuid import UUID

from ..app import command, open_store
from ..options import (
    FilterOptions,
    Filters,
    form_options,
    limit_option,
    parse_filter_options,
    where_options,
)
from ..output.documents import dump_fields, print_documents
from ..output.pager import note
from ..output.screen import console
from ..output.tables import Row, print_csv, print_rows
from ..output.text import is_terminal, safe
from ..output.values import time_text
from ..reading import note_missing_run, read_aliases

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

    from artifact_store import Alias, Artifact, ArtifactStore, Flow, FlowRun, FlowRunTree, TaskRun

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
    "flow_run_seconds",
    "flow_run_message",
    "task_run_seconds",
    "task_run_message",
)
_RECENT = (
    1000  # artifacts; among these are looked for those that a filter matches, or of unknown runs
)
_MOST_OF_RUN = 100  # artifacts, and task runs, of one run
_CONTENT = ("data", "profile")  # fields of an artifact that a tree does not show
_MOST_OF_MESSAGE = 200  # characters, where there are several runs


class Group(NamedTuple):
    """The artifacts of one task run.

    Attributes:
        task: the task run; its id if this store does not have it, `None` for the flow run itself.
        artifacts: the artifacts.
    """

    task: TaskRun | UUID | None
    artifacts: Sequence[Artifact]


class Branch(NamedTuple):
    """A flow run with the artifacts that it made.

    Attributes:
        flow: its flow; `None` if this store does not have the run.
        run: the run; its id if this store does not have it, `None` for artifacts outside of runs.
        groups: the artifacts by task run, in the order of the task runs.
        complete: whether all artifacts and task runs are shown.
    """

    flow: Flow | None
    run: FlowRun | UUID | None
    groups: Sequence[Group]
    complete: bool

    @property
    def title(self) -> str:
        """The name of the flow, or what else the branch belongs to."""
        if self.flow is not None:
            return self.flow.name
        return "Outside of runs" if self.run is None else "Runs of other systems"


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
@form_options("json", "ndjson", "csv", "markdown")
def tree(limit: int, form: str | None, **options: Unpack[FilterOptions]) -> None:
    """Show which runs made which artifacts.

    Shows flows, their newest flow runs, task runs and the artifacts of each, with states and ages;
    on a terminal with aliases too.
    Artifacts without a run, or of a run in another system, have branches of their own. Filters of
    artifacts leave out runs without a match. When the output is not a terminal, there is one line
    per artifact, and one per run without artifacts.
    """
    filters = parse_filter_options(options, latest=False)
    with open_store() as store:
        branches, has_more = read_branches(store, filters, limit)
        if not branches:
            note_missing_run(store, options["flow_run"])
        aliases = read_aliases(store) if form is None and is_terminal() else {}
    if form in ("json", "ndjson"):
        print_documents(map(branch_document, branches), form)
    elif form == "csv":
        print_csv(COLUMNS, iter_rows(branches))
    elif form == "markdown":
        for line in markdown_lines(branches):
            sys.stdout.write(f"{line}\n")
    elif not is_terminal():
        print_rows(COLUMNS, iter_rows(branches))
    elif branches:
        print_tree(branches, aliases)
    else:
        note("Nothing found.")
    if has_more:
        note(f"There are more runs: --limit {2 * limit} shows more, --limit 0 all.")


# Reading


def read_branches(store: ArtifactStore, filters: Filters, limit: int) -> tuple[list[Branch], bool]:
    """Return the newest runs with what they made, and whether there are more runs."""
    from artifact_store import FlowRunFilter

    recent = store.read_artifacts(limit=_RECENT, include_data=False, **filters)
    run_filters = dict(filters)
    if "artifact_filter" in filters:
        # These runs match the other filters too, since the artifacts do.
        ids = list(dict.fromkeys(each.flow_run_id for each in recent if each.flow_run_id))
        run_filters["flow_run_filter"] = FlowRunFilter(id={"any_": ids})

    trees = store.read_run_tree(
        limit=limit + 1 if limit else None,
        per_run=_MOST_OF_RUN,
        **run_filters,
    )
    has_more = bool(limit) and len(trees) > limit
    trees = trees[: limit or None]
    # The flow of the newest run comes first.
    flow_ids = list(dict.fromkeys(tree.flow.id for tree in trees))
    trees.sort(key=lambda tree: flow_ids.index(tree.flow.id))

    with_all_tasks = "artifact_filter" not in filters and "task_run_filter" not in filters
    branches = [run_branch(tree, with_all_tasks) for tree in trees]
    if not filters.keys() - {"artifact_filter"}:
        branches += other_branches(store, recent)
    return branches, has_more


def run_branch(tree: FlowRunTree, with_all_tasks: bool) -> Branch:
    """Return the branch of a run: its task runs, its own artifacts, then task runs of other systems.

    Args:
        tree: the run.
        with_all_tasks: whether task runs without artifacts are shown.
    """
    groups = []
    unknown = []
    for branch in tree.task_runs:
        if branch.task_run is None:
            unknown.append(Group(branch.task_run_id, branch.artifacts))
        elif branch.artifacts or with_all_tasks:
            groups.append(Group(branch.task_run, branch.artifacts))
    groups.append(Group(None, tree.artifacts))
    return Branch(tree.flow, tree.flow_run, [*groups, *unknown], tree.complete)


def other_branches(store: ArtifactStore, recent: Iterable[Artifact]) -> Iterator[Branch]:
    """Yield the branches of recent artifacts that no run of this store has made."""
    from artifact_store import FlowRunFilter

    by_run: dict[UUID | None, list[Artifact]] = {}
    for artifact in recent:
        by_run.setdefault(artifact.flow_run_id, []).append(artifact)
    outside = by_run.pop(None, None)
    ids = [run_id for run_id in by_run if run_id]
    if ids:
        for run in store.read_flow_runs(flow_run_filter=FlowRunFilter(id={"any_": ids})):
            del by_run[run.id]

    for run_id, artifacts in by_run.items():
        yield other_branch(run_id, artifacts)
    if outside is not None:
        yield other_branch(None, outside)


def other_branch(run_id: UUID | None, artifacts: Sequence[Artifact]) -> Branch:
    """Return the branch of a run that this store does not have, or of artifacts outside of runs."""
    shown = artifacts[:_MOST_OF_RUN]
    by_task: dict[UUID | None, list[Artifact]] = {None: []}
    for artifact in reversed(shown):  # the oldest first
        by_task.setdefault(artifact.task_run_id, []).append(artifact)
    groups = [Group(task_id, some) for task_id, some in by_task.items()]
    return Branch(None, run_id, groups, len(artifacts) <= len(shown))


# Showing


def branch_document(branch: Branch) -> dict[str, object]:
    """Return a branch as plain JSON."""
    own: list[object] = []
    task_runs: list[object] = []
    for group in branch.groups:
        artifacts = [dump_fields(each, *_CONTENT) for each in group.artifacts]
        if group.task is None:
            own += artifacts
        else:
            task_runs.append({**run_document(group.task), "artifacts": artifacts})
    return {
        "flow": None if branch.flow is None else dump_fields(branch.flow),
        "flow_run": None if branch.run is None else run_document(branch.run),
        "artifacts": own,
        "task_runs": task_runs,
        "complete": branch.complete,
    }


def run_document(run: FlowRun | TaskRun | UUID) -> dict[str, object]:
    """Return a run as plain JSON."""
    if isinstance(run, UUID):
        return {"id": str(run)}
    return dump_fields(run)


def iter_rows(branches: Iterable[Branch]) -> Iterator[Row]:
    """Yield a row for each artifact, and one for each run without artifacts."""
    for branch in branches:
        run = {
            "flow": None if branch.flow is None else branch.flow.name,
            **run_cells("flow_run", branch.run),
        }
        groups = [each for each in branch.groups if each.task is not None or each.artifacts]
        for group in groups or [Group(None, [])]:
            task = {
                **run,
                **run_cells("task_run", group.task),
            }
            if not group.artifacts:
                yield task
            for artifact in group.artifacts:
                yield {**task, **artifact_cells(artifact)}


def artifact_cells(artifact: Artifact) -> Row:
    """Return the cells of an artifact."""
    return {
        "key": artifact.key,
        "version": artifact.version,
        "type": artifact.type,
        "updated": artifact.updated,
        "id": artifact.id,
    }


def run_cells(name: str, run: FlowRun | TaskRun | UUID | None) -> Row:
    """Return the cells of a run: its name, or its id, its state, how long it took, and its message."""
    if run is None:
        return {}
    if isinstance(run, UUID):
        return {name: str(run)}
    seconds = None
    if run.start_time and run.end_time:
        seconds = (run.end_time - run.start_time).total_seconds()
    return {
        name: run.name,
        f"{name}_state": run.state_name,
        f"{name}_seconds": seconds,
        f"{name}_message": run.state_message,
    }


def print_tree(branches: Iterable[Branch], aliases: Mapping[str, Sequence[Alias]]) -> None:
    """Print branches as a tree for each flow, with the aliases by key."""
    from rich.tree import Tree

    screen = console()
    branches = list(branches)
    most = None if len(branches) == 1 else _MOST_OF_MESSAGE
    for title, of_flow in groupby(branches, lambda branch: branch.title):
        root = Tree(label(title, "bold"), guide_style="dim")
        for branch in of_flow:
            add_branch(root, branch, aliases, most)
        screen.print(root)


def add_branch(
    root: Tree, branch: Branch, aliases: Mapping[str, Sequence[Alias]], most: int | None
) -> None:
    """Add a run, its task runs and their artifacts to the tree of a flow.

    Args:
        root: the tree of the flow.
        branch: the run.
        aliases: the aliases by key.
        most: how many characters of a message are shown; `None` shows all of it.
    """
    run_node = root
    if branch.run is not None:
        run_node = root.add(run_label(branch.run, most))
    for group in branch.groups:
        node = run_node
        if group.task is not None:
            node = run_node.add(run_label(group.task, most))
        for artifact in group.artifacts:
            node.add(artifact_label(artifact, aliases.get(artifact.key or "", ())))
    if not branch.complete:
        hint = "artifact-store ls --all"
        if branch.run is not None and not isinstance(branch.run, UUID):
            hint += f" --flow-run {branch.run.id}"
        run_node.add(label(f"… and more: {hint}", "dim"))


def markdown_lines(branches: Sequence[Branch]) -> Iterator[str]:
    """Yield branches as lists within lists in Markdown, with times where a terminal shows ages."""
    if not branches:
        yield "Nothing found."
    for title, of_flow in groupby(branches, lambda branch: branch.title):
        yield markdown_item(0, title)
        for branch in of_flow:
            depth = 1
            if branch.run is not None:
                yield markdown_item(1, *run_facts(branch.run))
                depth = 2
            for group in branch.groups:
                below = depth
                if group.task is not None:
                    yield markdown_item(depth, *run_facts(group.task))
                    below += 1
                for artifact in group.artifacts:
                    updated = time_text(artifact.updated)
                    yield markdown_item(below, artifact.ref, artifact.type, updated)
            if not branch.complete:
                yield markdown_item(depth, "… and more")


def run_facts(run: FlowRun | TaskRun | UUID) -> list[str | None]:
    """Return the name, the state and the start of a run, and the message of one that failed."""
    from artifact_store.rendering import run_state

    if isinstance(run, UUID):
        return [str(run)]
    shown = run_state(run, _MOST_OF_MESSAGE)
    state = " ".join(part for part in (shown.state, shown.took) if part)
    return [
        run.name,
        state,
        time_text(run.start_time) if run.start_time else None,
        shown.message,
    ]


def markdown_item(depth: int, name: str | None, *facts: str | None) -> str:
    """Return an item of a list in Markdown: a name, and what else is known."""
    from artifact_store.rendering import escape_markdown

    bold = f"**{escape_markdown(name or '-')}**"
    known = [escape_markdown(fact) for fact in facts if fact]
    return f"{'  ' * depth}- {', '.join([bold, *known])}"


def run_label(run: FlowRun | TaskRun | UUID, most: int | None) -> Text:
    """Return the name, the state and the age of a run; below them the message of one that failed."""
    from artifact_store.rendering import age, run_state, state_colour

    if isinstance(run, UUID):
        return label(str(run))
    shown = run_state(run, most)
    colour = state_colour(run.state_type)
    text = label(run.name)
    if shown.state:
        text.append(safe(f"  {shown.state}"), colour)
    if shown.took:
        text.append(f" {shown.took}")
    if run.start_time and run.state_type != "RUNNING":
        text.append(f"  {age(run.start_time)}", "dim")
    if shown.message:
        text.append(safe(f"\n{shown.message}", "\n"), colour)
    return text


def artifact_label(artifact: Artifact, aliases: Sequence[Alias]) -> Text:
    """Return the reference, the type, the aliases and the age of an artifact."""
    from artifact_store.rendering import age, alias_names

    text = label(artifact.ref, "cyan")
    if artifact.type:
        text.append(safe(f"  {artifact.type}"))
    for name in alias_names(aliases, artifact.version):
        text.append(safe(f"  {name}"), "green")
    text.append(f"  {age(artifact.updated)}", "dim")
    return text


def label(text: str, style: str = "") -> Text:
    """Return text of a tree in a style, which is folded where it is too long."""
    from rich.text import Text

    result = Text(overflow="fold")
    return result.append(safe(text), style)
