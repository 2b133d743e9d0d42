"""Lineage: walk from an artifact through runs to what it was made from, or to what was made from it.

Only the table of inputs is walked. A row says which run used which artifact, and which run had made
that one. So upwards the next rows are the inputs of the run that made it, as far as they were used
before; and downwards those that used what the run has made afterwards. Deleted artifacts are no gap.

The recursion is a statement of its own. Joined to the artifacts, it would be planned by PostgreSQL
for thousands of rows, and read the whole table.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import NamedTuple, TypeAlias
from uuid import UUID

import peewee
from peewee import SQL
from pydantic import BaseModel, ConfigDict

from ..db.artifact_tables import Artifact as ArtifactTable
from ..db.artifact_tables import ArtifactInput
from ..db.dialects import encode_time
from ..db.rows import Rows
from ..db.run_tables import Flow, FlowRun, TaskRun
from ..db.statements import Expression, Query, Statements, slot
from ..errors import ArtifactNotFound
from ..schemas.artifacts import as_uuid
from ..schemas.lineage import Direction, Lineage, LineageEdge, LineageNode
from ..wording import name_of_artifact
from . import lookup, references

__all__ = ["Made", "read_deleted", "read_existing", "read_lineage", "read_results", "read_uses"]

_MOST_ROWS = 10_000  # that are read of each kind
_MOST_WAYS = 10  # in which each may be reached, on average, if there is a depth
_MOST_NODES = 10_000
_MOST_EDGES = 50_000


class Made(BaseModel):
    """An artifact, and the run that made it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    key: str | None
    version: int | None
    run_id: UUID | None
    created: datetime


class Use(BaseModel):
    """An input: a run that used an artifact, and the run that had made that one."""

    model_config = ConfigDict(frozen=True)

    run_id: UUID
    ref: str
    flow_run_id: UUID | None
    used: datetime
    artifact_id: UUID
    key: str | None
    version: int | None
    source_run_id: UUID | None
    source_created: datetime

    @cached_property
    def source(self) -> Made:
        """The artifact that was used."""
        return Made.model_construct(
            id=self.artifact_id,
            key=self.key,
            version=self.version,
            run_id=self.source_run_id,
            created=self.source_created,
        )


class Step(NamedTuple):
    """A step from an artifact to the next one, and the use on which it rests."""

    to: Made
    use: Use


Steps: TypeAlias = Callable[[Made], Iterable[Step]]
RunNames: TypeAlias = Mapping[UUID, tuple[str, str | None]]
"""The names of runs and of their flows."""

MADE = Rows(Made)
USES = Rows(Use)
_COLUMNS = tuple(getattr(ArtifactInput, name) for name in USES.names)


def read_lineage(db: Statements, ref: object, direction: Direction, depth: int | None) -> Lineage:
    """Return the lineage of the artifact that a reference names.

    Args:
        db: the statements of a store.
        ref: the reference.
        direction: `"up"` or `"down"`.
        depth: how many steps are walked; `None` is all.

    Raises:
        InvalidQuery: it is not a reference.
        ArtifactNotFound: there is no such artifact, and no run has used one.
    """
    root = read_root(db, ref)
    uses, read_all = read_uses(db, root, direction, depth)
    if direction == "up":
        steps = steps_up(uses)
    else:
        results = read_results(db, uses)
        read_all = read_all and len(results) <= _MOST_ROWS
        steps = steps_down([root, *results], uses)
    graph = walk(root, steps, direction, depth)

    existing = read_existing(db, [made.id for made, _ in graph.found])
    names = read_names(db, {made.run_id for made, _ in graph.found if made.run_id})
    nodes = [node_of(made, steps_to, existing, names) for made, steps_to in graph.found]
    complete = read_all and graph.complete
    return Lineage(ref_of(root), direction, tuple(nodes), tuple(graph.edges), complete)


# Statements


def read_root(db: Statements, ref: object) -> Made:
    """Return the artifact that a reference names; if it was deleted, what its uses say of it.

    Raises:
        InvalidQuery: it is not a reference.
        ArtifactNotFound: there is no such artifact, and no run has used one.
    """
    artifact = references.read(db, ref)
    if artifact is None:
        deleted = read_deleted(db, references.parse(ref))
        if deleted is None:
            raise ArtifactNotFound(lookup.explain_missing(db, ref))
        return deleted
    return Made.model_construct(
        id=artifact.id,
        key=artifact.key,
        version=artifact.version,
        run_id=artifact.flow_run_id or artifact.task_run_id,
        created=artifact.created,
    )


def read_deleted(db: Statements, reference: references.Reference) -> Made | None:
    """Return the artifact of an id, or of a key and a version, that a run has used; `None` if none has."""

    def build_of_id() -> Query:
        return (
            ArtifactInput.select(*_COLUMNS).where(ArtifactInput.artifact_id == slot("id")).limit(1)
        )

    def build_of_version() -> Query:
        of_key = ArtifactInput.select(*_COLUMNS).where(ArtifactInput.key == slot("key"))
        return of_key.where(ArtifactInput.version == slot("version")).limit(1)

    row = None
    if reference.id is not None:
        row = db.fetch_one("lineage.deleted_id", build_of_id, {"id": str(reference.id)})
    elif reference.version is not None:
        values = {"key": reference.key, "version": reference.version}
        row = db.fetch_one("lineage.deleted_version", build_of_version, values)
    return None if row is None else USES.value(row).source


def read_uses(
    db: Statements, root: Made, direction: Direction, depth: int | None
) -> tuple[list[Use], bool]:
    """Return the inputs that can be reached from an artifact, the nearest first, and whether these are all."""
    # Downwards, a deleted artifact is known only from what the next step reads.
    steps = depth if depth is None or direction == "up" else depth + 1
    limit = _MOST_ROWS * (1 if steps is None else min(steps, _MOST_WAYS))
    values = {
        "id": str(root.id),
        "run_id": None if root.run_id is None else str(root.run_id),
        "created": encode_time(root.created),
        # Without a depth, that of all rows is alike, so that a circle ends where it began.
        "step": 0 if steps is None else 1,
        "depth": 2 if steps is None else steps,
        "limit": limit + 1,
    }
    build = up_query if direction == "up" else down_query
    rows = db.fetch_all(f"lineage.{direction}", build, values)
    # With a depth, one that is reached in several ways may be read more than once.
    uses = {(use.run_id, use.ref): use for use in USES.values(rows)}
    return list(uses.values()), len(rows) <= limit


def up_query() -> Query:
    """Build the statement that walks to what an artifact was made from."""
    is_input = (ArtifactInput.run_id == slot("run_id")) & (ArtifactInput.used <= slot("created"))

    def is_next(last: peewee.CTE) -> Expression:
        is_of_run = ArtifactInput.run_id == last.c.source_run_id
        condition: Expression = is_of_run & (ArtifactInput.used <= last.c.source_created)
        return condition

    return walk_query(is_input, is_next)


def down_query() -> Query:
    """Build the statement that walks to what was made from an artifact."""

    def is_next(last: peewee.CTE) -> Expression:
        # Without this SQLite does not use the index, which has only rows with a run.
        has_run = ArtifactInput.source_run_id.is_null(False)
        is_of_run = ArtifactInput.source_run_id == last.c.run_id
        is_later = ArtifactInput.source_created >= last.c.used
        condition: Expression = has_run & is_of_run & is_later
        return condition

    return walk_query(ArtifactInput.artifact_id == slot("id"), is_next)


def walk_query(is_first: Expression, is_next: Callable[[peewee.CTE], Expression]) -> Query:
    """Return the query of the inputs that can be reached.

    Args:
        is_first: the condition of the inputs at which the walk begins.
        is_next: returns the condition of those that follow the inputs of the last step.
    """
    first = ArtifactInput.select(*_COLUMNS, SQL("1").alias("depth")).where(is_first)
    last = first.cte("walked", recursive=True, columns=(*USES.names, "depth"))
    following = (
        ArtifactInput.select(*_COLUMNS, last.c.depth + slot("step"))
        .join(last, on=is_next(last))
        .where(last.c.depth < slot("depth"))
    )
    walked = last.union(following)
    columns = [getattr(walked.c, name) for name in USES.names]
    return peewee.Select([walked], columns).limit(slot("limit")).with_cte(walked)


def read_results(db: Statements, uses: Iterable[Use]) -> list[Made]:
    """Return what the runs that used something have made."""
    flow_runs = {str(use.run_id) for use in uses if use.flow_run_id is not None}
    task_runs = {str(use.run_id) for use in uses if use.flow_run_id is None}

    def build() -> Query:
        t = ArtifactTable
        of_flow_runs = t.select(t.id, t.key, t.version, t.flow_run_id, t.created)
        of_flow_runs = of_flow_runs.where(db.dialect.is_in(t.flow_run_id, slot("flow_runs")))
        of_task_runs = t.select(t.id, t.key, t.version, t.task_run_id, t.created)
        # With NULL itself SQLite would look for it in the index of flow runs.
        has_no_flow_run = peewee.fn.COALESCE(t.flow_run_id, t.task_run_id) == t.task_run_id
        is_of_task_run = db.dialect.is_in(t.task_run_id, slot("task_runs"))
        of_task_runs = of_task_runs.where(is_of_task_run, has_no_flow_run)
        return of_flow_runs.union_all(of_task_runs).limit(slot("limit"))

    values = {
        "flow_runs": db.dialect.bind_list(sorted(flow_runs)),
        "task_runs": db.dialect.bind_list(sorted(task_runs)),
        "limit": _MOST_ROWS + 1,
    }
    return MADE.values(db.fetch_all("lineage.results", build, values))


def read_existing(db: Statements, ids: Iterable[UUID]) -> set[UUID]:
    """Return those of some artifacts that were not deleted."""

    def build() -> Query:
        is_wanted = db.dialect.is_in(ArtifactTable.id, slot("ids"))
        return ArtifactTable.select(ArtifactTable.id).where(is_wanted)

    values = {"ids": db.dialect.bind_list([str(each) for each in ids])}
    return {as_uuid(each) for (each,) in db.fetch_all("lineage.existing", build, values)}


def read_names(db: Statements, run_ids: Iterable[UUID]) -> RunNames:
    """Return the names of those of some runs that the store has, and of their flows."""

    def build() -> Query:
        of_flow_runs = (
            FlowRun.select(FlowRun.id, FlowRun.name, Flow.name)
            .join(Flow, on=(Flow.id == FlowRun.flow_id))
            .where(db.dialect.is_in(FlowRun.id, slot("ids")))
        )
        of_task_runs = TaskRun.select(TaskRun.id, TaskRun.name, SQL("NULL"))
        return of_flow_runs.union_all(of_task_runs.where(db.dialect.is_in(TaskRun.id, slot("ids"))))

    values = {"ids": db.dialect.bind_list([str(each) for each in run_ids])}
    rows = db.fetch_all("lineage.names", build, values)
    return {as_uuid(run_id): (run, flow) for run_id, run, flow in rows}


# The walk


class Graph(NamedTuple):
    """What was found.

    Attributes:
        found: the artifacts, the nearest first, each with the number of steps to it.
        edges: the steps between them.
        complete: whether that is all.
    """

    found: list[tuple[Made, int]]
    edges: list[LineageEdge]
    complete: bool


def steps_up(uses: Iterable[Use]) -> Steps:
    """Return the function that yields what the run of an artifact had used when it created it."""
    steps_of_run: dict[UUID | None, list[Step]] = {}
    for use in uses:
        steps_of_run.setdefault(use.run_id, []).append(Step(use.source, use))

    def steps(made: Made) -> Iterator[Step]:
        for step in steps_of_run.get(made.run_id, ()):
            if is_before(step.use, made):
                yield step

    return steps


def steps_down(results: Iterable[Made], uses: Iterable[Use]) -> Steps:
    """Return the function that yields what the runs that used an artifact have made afterwards."""
    uses_of_artifact: dict[UUID, list[Use]] = {}
    # What was deleted is known only from its uses.
    made_by: dict[UUID | None, dict[UUID, Made]] = {}
    for use in uses:
        uses_of_artifact.setdefault(use.artifact_id, []).append(use)
        made_by.setdefault(use.source_run_id, {})[use.artifact_id] = use.source
    for result in results:
        made_by.setdefault(result.run_id, {})[result.id] = result

    def steps(made: Made) -> Iterator[Step]:
        for use in uses_of_artifact.get(made.id, ()):
            for result in made_by.get(use.run_id, {}).values():
                if is_before(use, result):
                    yield Step(result, use)

    return steps


def is_before(use: Use, made: Made) -> bool:
    """Tell whether a run used one artifact before it created another."""
    return use.used <= made.created and use.artifact_id != made.id


def walk(root: Made, steps: Steps, direction: Direction, depth: int | None) -> Graph:
    """Return the artifacts that can be reached and the steps between them.

    Args:
        root: the artifact at which the walk begins.
        steps: yields the steps from an artifact.
        direction: `"up"` or `"down"`.
        depth: how many steps are walked; `None` is all.
    """
    depths = {root.id: 0}
    found = [(root, 0)]
    edges: dict[tuple[str, str, UUID], LineageEdge] = {}
    waiting = deque([root])
    while waiting:
        made = waiting.popleft()
        next_depth = depths[made.id] + 1
        if depth is not None and next_depth > depth:
            break
        if len(found) > _MOST_NODES or len(edges) > _MOST_EDGES:
            return Graph(found, list(edges.values()), False)
        for step in sorted(steps(made), key=order_of):
            if step.to.id not in depths:
                depths[step.to.id] = next_depth
                found.append((step.to, next_depth))
                waiting.append(step.to)
            add_edge(edges, made, step, direction)
    return Graph(found, list(edges.values()), True)


def order_of(step: Step) -> tuple[str, int, str]:
    """Return what steps are sorted by: the keys and versions, and the references that were asked for."""
    return step.to.key or "", step.to.version or 0, step.use.ref


def add_edge(
    edges: dict[tuple[str, str, UUID], LineageEdge], made: Made, step: Step, direction: Direction
) -> None:
    """Add a step to the edges: each once, with all references by which the run asked for the source."""
    source, target = (step.to, made) if direction == "up" else (made, step.to)
    use = step.use
    edge = LineageEdge(ref_of(source), ref_of(target), use.run_id, (use.ref,), use.used)
    known = edges.get(edge[:3])
    if known is not None:
        asked = (*known.asked, *edge.asked)
        edge = edge._replace(asked=asked, used=min(known.used, edge.used))
    edges[edge[:3]] = edge


def node_of(made: Made, depth: int, existing: set[UUID], names: RunNames) -> LineageNode:
    """Return the node of an artifact."""
    run, flow = names.get(made.run_id, (None, None)) if made.run_id else (None, None)
    return LineageNode(
        ref=ref_of(made),
        gone=made.id not in existing,
        depth=depth,
        id=made.id,
        key=made.key,
        version=made.version,
        created=made.created,
        run_id=made.run_id,
        run=run,
        flow=flow,
    )


def ref_of(made: Made) -> str:
    """Return the reference of an artifact."""
    return name_of_artifact(made.id, made.key, made.version)
