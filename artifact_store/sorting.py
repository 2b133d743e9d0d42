"""The orders of a listing, each ending in a unique tiebreak, so that pages never overlap."""

from enum import StrEnum
from typing import Any

from .models import Artifact, ArtifactCollection

__all__ = ["ArtifactCollectionSort", "ArtifactSort", "RunSort", "ordering"]


class ArtifactSort(StrEnum):
    """The orders of artifacts; `ID_DESC` is by time for the ids that the store makes. NULL keys come last."""

    CREATED_DESC = "CREATED_DESC"
    UPDATED_DESC = "UPDATED_DESC"
    ID_DESC = "ID_DESC"
    KEY_DESC = "KEY_DESC"
    KEY_ASC = "KEY_ASC"


class ArtifactCollectionSort(StrEnum):
    """The orders of the latest artifact of each key; the times and the id are the latest artifact's own."""

    CREATED_DESC = "CREATED_DESC"
    UPDATED_DESC = "UPDATED_DESC"
    ID_DESC = "ID_DESC"
    KEY_DESC = "KEY_DESC"
    KEY_ASC = "KEY_ASC"


class RunSort(StrEnum):
    """The orders of flows, deployments, runs, work pools and work queues."""

    CREATED_DESC = "CREATED_DESC"
    UPDATED_DESC = "UPDATED_DESC"
    ID_DESC = "ID_DESC"
    NAME_DESC = "NAME_DESC"
    NAME_ASC = "NAME_ASC"


def ordering(sort: ArtifactSort | ArtifactCollectionSort | RunSort, model: Any) -> tuple[Any, ...]:
    """Return the ORDER BY terms of a sort over a table."""
    name, _, direction = sort.partition("_")
    if sort is ArtifactSort.KEY_ASC:
        return Artifact.key.asc(nulls="LAST"), Artifact.version.asc(), Artifact.id.asc()
    if sort is ArtifactSort.KEY_DESC:
        return Artifact.key.desc(nulls="LAST"), Artifact.version.desc(), Artifact.id.desc()
    if model is ArtifactCollection:
        unique, first = ArtifactCollection.key, {"ID": ArtifactCollection.latest_id, "KEY": ArtifactCollection.key}
    else:
        unique, first = model.id, {"ID": model.id}
    column = first.get(name) or getattr(model, name.lower())
    fields = [column] if name in ("ID", "KEY") else [column, unique]
    return tuple(field.asc() if direction == "ASC" else field.desc() for field in fields)
