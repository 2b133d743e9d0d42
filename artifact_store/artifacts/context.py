"""The context of an artifact: its neighbours, its run, its changes and its numbers."""

from collections.abc import Iterable
from typing import NamedTuple

from peewee import Case, Select, fn
from pydantic_core import from_json

from ..db.artifact_tables import Artifact as ArtifactTable
from ..db.artifact_tables import ArtifactCollection
from ..db.damage import Parsing
from ..db.statements import Query, Statements, slot
from ..errors import InvalidArtifact
from ..rendering.context import ArtifactContext, Point
from ..runs.queries import read_parent_runs
from ..schemas.artifacts import Artifact
from ..tables.profile import changes, known_profile, profile_table
from ..wording import name_of_artifact
from . import metrics

__all__ = ["has_artifact", "read_context", "trend"]

_LARGEST_COMPARED = 262_144
"""Characters of a previous table without a profile, up to which it is read to find what changed."""


class Neighbours(NamedTuple):
    """The versions around one version of a key, among those that exist."""

    previous: int | None
    next: int | None
    latest: int | None


def trend(versions: Iterable[metrics.Version]) -> tuple[str | None, list[Point]]:
    """Return the name and the points of the most informative number of some versions."""
    versions = list(versions)
    fields = metrics.best_first(versions)
    field = fields[0] if fields else None
    return field, metrics.points_of(versions, field)


def has_artifact(db: Statements, artifact: Artifact) -> bool:
    """Return whether a database has an artifact; a replica may not have it yet."""

    def build() -> Query:
        has_id = ArtifactTable.id == slot("id")
        return ArtifactTable.select(ArtifactTable.id).where(has_id)

    row = db.fetch_one("context.has_artifact", build, {"id": str(artifact.id)})
    return row is not None


def read_context(db: Statements, artifact: Artifact) -> ArtifactContext:
    """Return the context of an artifact."""
    flow_run, flow, task_run = read_parent_runs(db, artifact.flow_run_id, artifact.task_run_id)
    context = ArtifactContext(artifact.ref, flow_run=flow_run, flow=flow, task_run=task_run)
    key = artifact.key
    if key is None or artifact.version is None:
        return context

    neighbours = read_neighbours(db, key, artifact.version)
    field, series = trend(metrics.newest(db, key, metrics.WINDOW))

    def ref(version: int | None) -> str | None:
        return None if version is None else name_of_artifact(artifact.id, key, version)

    return ArtifactContext(
        ref=context.ref,
        previous=ref(neighbours.previous),
        next=ref(neighbours.next),
        latest=neighbours.latest,
        flow_run=flow_run,
        flow=flow,
        task_run=task_run,
        changes=tuple(read_changes(db, artifact, neighbours.previous)),
        field=field,
        series=tuple(series),
    )


def read_neighbours(db: Statements, key: str, version: int) -> Neighbours:
    """Return the versions around one version of a key."""
    row = db.fetch_one("context.neighbours", neighbours_query, {"key": key, "version": version})
    return Neighbours(None, None, None) if row is None else Neighbours(*row)


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
        ]
    )


def read_changes(db: Statements, artifact: Artifact, previous: int | None) -> list[str]:
    """Return what changed in a table since its previous version; empty for anything but a table."""
    if artifact.type != "table" or previous is None:
        return []

    def build() -> Query:
        has_no_profile = ArtifactTable.profile.is_null()
        is_small = db.dialect.is_at_most(ArtifactTable.data, _LARGEST_COMPARED)
        data = Case(None, ((has_no_profile & is_small, ArtifactTable.data),))
        return ArtifactTable.select(ArtifactTable.profile, data).where(
            ArtifactTable.key == slot("key"),
            ArtifactTable.version == slot("version"),
            ArtifactTable.type == "table",
        )

    values = {"key": artifact.key, "version": previous}
    row = db.fetch_one("context.previous_table", build, values)
    if row is None:
        return []
    profile, data = row
    if profile is None and data is None:
        return []
    with Parsing(f"The artifact {name_of_artifact(None, artifact.key, previous)}"):
        parsed = from_json(data if profile is None else profile)

    try:
        before = profile_table(parsed) if profile is None else parsed
        after = known_profile(artifact.profile) or profile_table(artifact.data)
        return changes(before, after)
    except InvalidArtifact:  # the data of the type "table" may be anything
        return []
