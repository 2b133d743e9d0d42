"""What lies around an artifact: the statements that read its neighbours, its run, and what changed."""

import contextlib

from peewee import Case, Select, fn
from pydantic_core import from_json

from ..artifacts import metrics
from ..db import artifact_tables
from ..db.damage import Reading
from ..db.statements import Query, Statements, slot
from ..errors import InvalidArtifact
from ..rendering.context import ArtifactContext, Point, ref_of
from ..runs.queries import read_parent_runs
from ..schemas.artifacts import Artifact
from ..tables.profile import changes, known_profile, profile_table

__all__ = ["has_artifact", "read_context", "trend"]

_A, _C = artifact_tables.Artifact, artifact_tables.ArtifactCollection
_COMPARED = (
    262_144  # characters of a previous table without a profile that are read to tell what changed
)


def trend(versions: list[metrics.Version]) -> tuple[str | None, list[Point]]:
    """Return which number of some versions tells most, and how it went."""
    field = next(iter(metrics.best_first(versions)), None)
    return field, metrics.points_of(versions, field)


def has_artifact(db: Statements, artifact: Artifact) -> bool:
    """Tell whether a database has an artifact; a replica may be a moment behind."""
    here = db.fetch_one(
        "series.has", lambda: _A.select(_A.id).where(_A.id == slot("id")), {"id": str(artifact.id)}
    )
    return here is not None


def read_context(db: Statements, artifact: Artifact) -> ArtifactContext:
    """Return what lies around an artifact."""
    flow_run, flow, task_run = read_parent_runs(db, artifact.flow_run_id, artifact.task_run_id)
    key, version = artifact.key, artifact.version
    if key is None or version is None:
        return ArtifactContext(ref_of(artifact), flow_run=flow_run, flow=flow, task_run=task_run)
    previous, following, latest = _neighbours(db, key, version)
    field, series = trend(metrics.newest(db, key, metrics.WINDOW))
    return ArtifactContext(
        ref=ref_of(artifact),
        previous=None if previous is None else f"{key}@{previous}",
        next=None if following is None else f"{key}@{following}",
        latest=latest,
        flow_run=flow_run,
        flow=flow,
        task_run=task_run,
        changes=tuple(_changes(db, artifact, key, previous)) if previous is not None else (),
        field=field,
        series=tuple(series),
    )


def _neighbours(
    db: Statements, key: str, version: int
) -> tuple[int | None, int | None, int | None]:
    """Return the versions before and after one, and the latest, of those that there are."""

    def build() -> Query:
        of_key = _A.key == slot("key")
        before = _A.select(fn.MAX(_A.version)).where(of_key & (_A.version < slot("version")))
        after = _A.select(fn.MIN(_A.version)).where(of_key & (_A.version > slot("version")))
        return Select(
            columns=[before, after, _C.select(_C.latest_version).where(_C.key == slot("key"))]
        )

    previous, following, latest = (
        db.fetch_one("series.neighbours", build, {"key": key, "version": version}) or (None,) * 3
    )
    return previous, following, latest


def _changes(db: Statements, artifact: Artifact, key: str, previous: int) -> list[str]:
    """Tell what changed in a table since its previous version, by their profiles."""
    if artifact.type != "table":
        return []

    def build() -> Query:
        uncounted = _A.profile.is_null() & db.dialect.is_at_most(_A.data, _COMPARED)
        columns = _A.profile, Case(None, ((uncounted, _A.data),))
        of_version = (
            (_A.key == slot("key")) & (_A.version == slot("version")) & (_A.type == "table")
        )
        return _A.select(*columns).where(of_version)

    row = db.fetch_one("series.previous", build, {"key": key, "version": previous})
    stored, data = row or (None, None)
    with contextlib.suppress(InvalidArtifact):  # what calls itself a table may be none
        if stored is None and data is None:
            return []
        with Reading(f"The artifact {key}@{previous}"):
            parsed = from_json(data if stored is None else stored)
        before = profile_table(parsed) if stored is None else parsed
        after = known_profile(artifact.profile) or profile_table(artifact.data)
        return changes(before, after)
    return []
