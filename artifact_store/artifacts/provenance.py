"""What artifacts were made from, and what used them: one step of their lineage in each direction.

One statement reads both directions, of one artifact or of many. Of each artifact and direction it
returns at most 100 rows, so that one that thousands of runs use is shown as quickly as any other.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import UUID

import peewee
from peewee import SQL, Case, fn

from ..db.artifact_tables import Artifact, ArtifactInput
from ..db.run_tables import Flow, FlowRun, TaskRun
from ..db.statements import Expression, Query, Row, Statements, slot
from ..rendering.context import MadeFrom, Provenance, UsedBy
from ..schemas.artifacts import as_uuid
from ..wording import name_of_artifact

__all__ = ["read_provenance", "read_provenances"]

_MOST = 100  # of one artifact, in each direction
_NOTHING = SQL("''")
_COLUMNS = (
    "kind",
    "target_id",
    "run_id",
    "run",
    "flow",
    "asked",
    "id",
    "key",
    "version",
    "is_there",
)

Target = Artifact.alias("target")
"""The artifact whose provenance is read."""


class Part(NamedTuple):
    """One of the queries that the statement joins.

    Attributes:
        columns: its columns, by name; what one part does not have is an empty text.
        query: the query without columns and condition.
        order: the order in which rows are taken.
    """

    columns: dict[str, Expression]
    query: "Callable[[list[Expression]], peewee.ModelSelect[Artifact]]"
    order: tuple[Expression, ...]


def read_provenance(db: Statements, artifact_id: UUID) -> Provenance:
    """Return what an artifact was made from, and what used it."""

    def build() -> Query:
        selects = []
        for number, part in enumerate(parts()):
            query = part.query(named(part.columns)).where(Target.id == slot("id"))
            few = query.order_by(*part.order).limit(slot("limit"))
            selects.append(from_part(few, number))
        return union(selects)

    values = {"id": str(artifact_id), "limit": _MOST + 1}
    return provenance_of(db.fetch_all("provenance.one", build, values))


def read_provenances(db: Statements, artifact_ids: Sequence[UUID]) -> dict[UUID, Provenance]:
    """Return the same for many artifacts, by their ids; nothing for one that has none."""

    def build() -> Query:
        selects = []
        for number, part in enumerate(parts()):
            position = fn.ROW_NUMBER().over(partition_by=[Target.id], order_by=list(part.order))
            query = part.query([*named(part.columns), position.alias("position")])
            is_wanted = db.dialect.is_in(Target.id, slot("ids"))
            select = from_part(query.where(is_wanted), number)
            selects.append(select.where(SQL('"position"') <= slot("limit")))
        return union(selects)

    values = {"ids": db.dialect.bind_list(artifact_ids), "limit": _MOST + 1}
    groups: dict[UUID, list[Row]] = {}
    for row in db.fetch_all("provenance.many", build, values):
        groups.setdefault(as_uuid(row[1]), []).append(row)
    return {artifact_id: provenance_of(rows) for artifact_id, rows in groups.items()}


# The statement


def parts() -> list[Part]:
    """Return the queries: what it was made from, and what flow runs and other task runs made of it."""
    return [made_from(), used_by_flow_runs(), used_by_task_runs()]


def made_from() -> Part:
    """Return the query of what the run of an artifact had used when it created it."""
    source = Artifact.alias("source")
    run_id = fn.COALESCE(Target.flow_run_id, Target.task_run_id)

    def query(columns: list[Expression]) -> "peewee.ModelSelect[Artifact]":
        is_before = ArtifactInput.used <= Target.created
        return (
            Target.select(*columns)
            .join(ArtifactInput, on=(ArtifactInput.run_id == run_id) & is_before)
            .join(source, peewee.JOIN.LEFT_OUTER, on=(source.id == ArtifactInput.artifact_id))
        )

    columns = {
        "kind": SQL("'from'"),
        "run_id": ArtifactInput.run_id,
        "run": _NOTHING,
        "flow": _NOTHING,
        "asked": ArtifactInput.ref,
        "id": ArtifactInput.artifact_id,
        "key": ArtifactInput.key,
        "version": ArtifactInput.version,
        "is_there": Case(None, ((source.id.is_null(), 0),), 1),
    }
    return Part(columns, query, (ArtifactInput.ref,))


def used_by_flow_runs() -> Part:
    """Return the query of the flow runs that used an artifact, and what they created afterwards."""
    made = Artifact.alias("made")

    def query(columns: list[Expression]) -> "peewee.ModelSelect[Artifact]":
        is_after = made.created >= ArtifactInput.used
        is_of_flow_run = ArtifactInput.flow_run_id.is_null(False)
        return (
            Target.select(*columns)
            .join(ArtifactInput, on=(ArtifactInput.artifact_id == Target.id) & is_of_flow_run)
            .join(
                made,
                peewee.JOIN.LEFT_OUTER,
                on=(made.flow_run_id == ArtifactInput.run_id) & is_after,
            )
            .join(FlowRun, peewee.JOIN.LEFT_OUTER, on=(FlowRun.id == ArtifactInput.run_id))
            .join(Flow, peewee.JOIN.LEFT_OUTER, on=(Flow.id == FlowRun.flow_id))
        )

    columns = used_by_columns(made, FlowRun.name, Flow.name)
    return Part(columns, query, (ArtifactInput.run_id.desc(), made.id.desc()))


def used_by_task_runs() -> Part:
    """Return the same query for task runs that belong to no flow run."""
    made = Artifact.alias("made")

    def query(columns: list[Expression]) -> "peewee.ModelSelect[Artifact]":
        is_alone = ArtifactInput.flow_run_id.is_null()
        # Few artifacts have only a task run, so by its statistics SQLite would look for them in the
        # indexes of these columns, and not in that of the task run. It has none of an expression.
        created = fn.COALESCE(made.created, made.updated)
        run_id = fn.COALESCE(made.flow_run_id, made.task_run_id)
        is_of_task_run = (made.task_run_id == ArtifactInput.run_id) & (run_id == made.task_run_id)
        is_after = created >= ArtifactInput.used
        return (
            Target.select(*columns)
            .join(ArtifactInput, on=(ArtifactInput.artifact_id == Target.id) & is_alone)
            .join(made, peewee.JOIN.LEFT_OUTER, on=is_of_task_run & is_after)
            .join(TaskRun, peewee.JOIN.LEFT_OUTER, on=(TaskRun.id == ArtifactInput.run_id))
        )

    columns = used_by_columns(made, TaskRun.name, _NOTHING)
    return Part(columns, query, (ArtifactInput.run_id.desc(), made.id.desc()))


def used_by_columns(
    made: "peewee.ModelAlias[Artifact]", run: Expression, flow: Expression
) -> dict[str, Expression]:
    """Return the columns of a run that used an artifact, and of one that it created."""
    return {
        "kind": SQL("'by'"),
        "run_id": ArtifactInput.run_id,
        "run": run,
        "flow": flow,
        "asked": _NOTHING,
        "id": made.id,
        "key": made.key,
        "version": made.version,
        "is_there": SQL("1"),
    }


def named(columns: dict[str, Expression]) -> list[Expression]:
    """Return the columns of a part under their names, with the id of the artifact that they are about."""
    first = [columns["kind"].alias("kind"), Target.id.alias("target_id")]
    return first + [column.alias(name) for name, column in columns.items() if name != "kind"]


def from_part(query: "peewee.ModelSelect[Artifact]", number: int) -> peewee.Select:
    """Return the SELECT from a part: a limit cannot stand in a UNION itself."""
    part = query.alias(f"part_{number}")
    return peewee.Select([part], [getattr(part.c, name) for name in _COLUMNS])


def union(selects: list[peewee.Select]) -> Query:
    """Return the rows of all parts."""
    query: peewee.SelectBase = selects[0]
    for select in selects[1:]:
        query = query.union_all(select)
    return query


# Values


def provenance_of(rows: Sequence[Row]) -> Provenance:
    """Return the value of the rows of one artifact."""
    sources = [row for row in rows if row[0] == "from"]
    uses = [row for row in rows if row[0] == "by"]
    return Provenance(
        made_from=sources_of(sources[:_MOST]),
        used_by=uses_of(uses[:_MOST]),
        complete=len(sources) <= _MOST and len(uses) <= _MOST,
    )


def sources_of(rows: Sequence[Row]) -> tuple[MadeFrom, ...]:
    """Return what an artifact was made from: each artifact once, with all references by which it was used."""
    found: dict[str, MadeFrom] = {}
    for row in rows:
        _, _, _, _, _, asked, artifact_id, key, version, is_there = row
        ref = name_of_artifact(artifact_id, key, version)
        known = found.get(ref, MadeFrom(ref, (), bool(is_there)))
        found[ref] = known._replace(asked=(*known.asked, asked))
    return tuple(found.values())


def uses_of(rows: Sequence[Row]) -> tuple[UsedBy, ...]:
    """Return the uses of an artifact, without repeats: a run may use it under several references."""
    found: dict[tuple[UUID, str | None], UsedBy] = {}
    for row in rows:
        _, _, run_id, run, flow, _, artifact_id, key, version, _ = row
        ref = None if artifact_id is None else name_of_artifact(artifact_id, key, version)
        use = UsedBy(ref, as_uuid(run_id), run, flow or None)
        found[use.run_id, ref] = use

    productive = {use.run_id for use in found.values() if use.ref is not None}
    return tuple(
        use for use in found.values() if use.ref is not None or use.run_id not in productive
    )
