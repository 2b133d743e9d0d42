"""The context of an artifact: its neighbours, its run, what changed, and the trend of its numbers.

`rendering` is a layer below the schemas, which import it to show themselves in a notebook. So this module describes
the fields that it reads as protocols, instead of importing `Artifact`, `FlowRun` and `TaskRun`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from typing import Literal, NamedTuple, Protocol, TypeAlias
from uuid import UUID

from ..wording import name_of_artifact
from .aliases import NamesVersion

__all__ = [
    "ArtifactContext",
    "Compared",
    "MadeFrom",
    "Named",
    "Point",
    "Provenance",
    "Run",
    "Shown",
    "UsedBy",
    "ref_of",
]


Compared: TypeAlias = Literal["data", "profile", "metadata"]
"""How two versions were compared: by all they hold; the data by profile; or without the data, which are too large."""


class Named(Protocol):
    """What is shown of a flow: its name."""

    id: UUID
    name: str


class Run(Named, Protocol):
    """What is shown of a flow run or a task run."""

    state_type: str | None
    state_name: str | None
    state_message: str | None
    start_time: datetime | None
    end_time: datetime | None
    tags: tuple[str, ...]

    @property
    def parameters(self) -> Mapping[str, object] | None:
        """What it was started with; a property, so that a dict of any values fits it."""
        ...


class Shown(Protocol):
    """What is shown of an artifact: the fields of `Artifact`."""

    id: UUID
    key: str | None
    version: int | None
    type: str | None
    description: str | None
    data: object
    metadata: dict[str, str | int | float | bool | None] | None
    flow_run_id: UUID | None
    task_run_id: UUID | None
    created: datetime
    updated: datetime

    @property
    def profile(self) -> Mapping[str, object] | None:
        """What the columns of a table hold; a property, so that a dict of any values fits it."""
        ...


class Point(NamedTuple):
    """One number in the history of a key.

    Attributes:
        version: the version that carries it.
        created: when that version was created, in UTC.
        value: the number; NaN where the version has none.
    """

    version: int
    created: datetime
    value: float


class MadeFrom(NamedTuple):
    """An artifact that the run of another one had used when it created that one.

    Attributes:
        ref: its reference, which names this version for ever: `raw@2`.
        asked: the references by which the run asked for it, such as `raw@latest`.
        exists: whether it is still there.
    """

    ref: str
    asked: tuple[str, ...]
    exists: bool


class UsedBy(NamedTuple):
    """A use of an artifact: by what run, and one artifact that the run created afterwards.

    Attributes:
        ref: the reference of that artifact; `None` if the run has created none.
        run_id: the flow run that used it, or the task run that belongs to none.
        run: the name of the run; `None` if the store does not have it.
        flow: the name of its flow; `None` for a task run.
    """

    ref: str | None
    run_id: UUID
    run: str | None
    flow: str | None


class Provenance(NamedTuple):
    """One step of the lineage of an artifact in each direction.

    Attributes:
        made_from: what it was made from, sorted by reference; at most 100.
        used_by: what used it, the newest runs first; at most 100.
        complete: whether that is all.
    """

    made_from: tuple[MadeFrom, ...] = ()
    used_by: tuple[UsedBy, ...] = ()
    complete: bool = True


@dataclass(frozen=True)
class ArtifactContext:
    """The context of one artifact, as `ArtifactStore.read_surroundings` reads it.

    Attributes:
        ref: the reference that reads it back: `weather@2`, or its id when it has no key.
        previous: the reference of the next older version that exists.
        next: the reference of the next newer version that exists.
        latest: the latest version of its key; `None` without a key.
        aliases: the aliases of its key, sorted by name, whatever version they name.
        flow_run: the flow run that made it; `None` if the store does not have it.
        flow: the flow of that run.
        deployment: the deployment of that run.
        task_run: the task run that made it; `None` if the store does not have it.
        changes: what is different from the previous version, the summary of their `Diff`; empty when nothing is.
        compared: how that was found: `"data"`, all that both hold; `"profile"`, where their data are too large to
            compare, by the profiles of the tables; `"metadata"`, without the data. `None`: not compared.
        field: the number that `series` shows (`rows`, `data`, `metadata.loss`).
        series: that number in each version that has it, oldest first; at most the newest 50.
        provenance: what it was made from, and what used it.
    """

    ref: str
    previous: str | None = None
    next: str | None = None
    latest: int | None = None
    flow_run: Run | None = None
    flow: Named | None = None
    task_run: Run | None = None
    changes: tuple[str, ...] = ()
    compared: Compared | None = None
    field: str | None = None
    series: tuple[Point, ...] = ()
    aliases: tuple[NamesVersion, ...] = ()
    deployment: Named | None = None
    provenance: Provenance = dataclass_field(default_factory=Provenance)


def ref_of(artifact: Shown) -> str:
    """Return the reference of an artifact: `key@version`, or its id when it has no key."""
    return name_of_artifact(artifact.id, artifact.key, artifact.version)
