"""The history of a key: its versions, each with its run and with the value of one number."""

from typing import NamedTuple

from ..rendering.context import Point
from .artifacts import Artifact
from .runs import FlowRun

__all__ = ["ArtifactHistory", "ArtifactVersion"]


class ArtifactVersion(NamedTuple):
    """One version in the history of a key.

    Attributes:
        artifact: the artifact, without data and profile.
        flow_run: the flow run that created it; `None` when the store does not have that run.
        value: its value of the number that the history shows; `None` when it has none.
    """

    artifact: Artifact
    flow_run: FlowRun | None
    value: float | None


class ArtifactHistory(NamedTuple):
    """The versions of a key, with the values of one number.

    Attributes:
        versions: the versions, newest first.
        field: the number, as `read_series` names it; `None` when the key has no numbers.
        series: the values of the number, oldest first.
        complete: whether all versions are here; otherwise there are older ones.
    """

    versions: tuple[ArtifactVersion, ...] = ()
    field: str | None = None
    series: tuple[Point, ...] = ()
    complete: bool = True
