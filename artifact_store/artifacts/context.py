"""The context of an artifact: its neighbours, its run, its changes and its numbers."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from peewee import Select, fn

from ..db.artifact_tables import Artifact as ArtifactTable
from ..db.artifact_tables import ArtifactCollection
from ..db.statements import Query, Statements, slot
from ..rendering.context import ArtifactContext, Point
from ..runs.queries import read_parent_runs
from ..schemas.artifacts import Artifact
from ..wording import name_of_artifact
from . import metrics
from .aliases import read_aliases
from .provenance import read_provenance
from .since import read_since

__all__ = ["read_context", "trend"]


class Neighbours(NamedTuple):
    """The versions around one version of a key, among those that exist, and whether it has aliases."""

    previous: int | None
    next: int | None
    latest: int | None
    holds: int | None


def trend(versions: Iterable[metrics.Version]) -> tuple[str | None, list[Point]]:
    """Return the name and the points of the most informative number of some versions."""
    versions = list(versions)
    fields = metrics.best_first(versions)
    field = fields[0] if fields else None
    return field, metrics.points_of(versions, field)


def read_context(db: Statements, artifact: Artifact) -> ArtifactContext:
    """Return the context of an artifact."""
    runs = read_parent_runs(db, artifact.flow_run_id, artifact.task_run_id)
    provenance = read_provenance(db, artifact.id)
    context = ArtifactContext(artifact.ref, **runs._asdict(), provenance=provenance)
    key = artifact.key
    if key is None or artifact.version is None:
        return context

    neighbours = read_neighbours(db, key, artifact.version)
    since = None
    if neighbours.previous is not None:
        since = read_since(db, artifact, neighbours.previous)
    field, series = trend(metrics.newest(db, key, metrics.WINDOW))

    def ref(version: int | None) -> str | None:
        return None if version is None else name_of_artifact(artifact.id, key, version)

    return replace(
        context,
        previous=ref(neighbours.previous),
        next=ref(neighbours.next),
        latest=neighbours.latest,
        changes=since.changes if since else (),
        compared=since.compared if since else None,
        field=field,
        series=tuple(series),
        aliases=tuple(read_aliases(db, key)) if neighbours.holds else (),
    )


def read_neighbours(db: Statements, key: str, version: int) -> Neighbours:
    """Return the versions around one version of a key."""
    row = db.fetch_one("context.neighbours", neighbours_query, {"key": key, "version": version})
    return Neighbours(None, None, None, None) if row is None else Neighbours(*row)


def neighbours_query() -> Query:
    """Build the statement of `read_neighbours`."""
    version = ArtifactTable.version
    has_key = ArtifactTable.key == slot("key")
    is_older = version < slot("version")
    is_newer = version > slot("version")
    of_row = ArtifactCollection.key == slot("key")
    return Select(
        columns=[
            ArtifactTable.select(fn.MAX(version)).where(has_key, is_older),
            ArtifactTable.select(fn.MIN(version)).where(has_key, is_newer),
            ArtifactCollection.select(ArtifactCollection.latest_version).where(of_row),
            ArtifactCollection.select(ArtifactCollection.holds).where(of_row),
        ]
    )
