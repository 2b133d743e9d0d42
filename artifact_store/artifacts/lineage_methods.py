"""The methods of a store that walk the lineage of an artifact."""

from typing import get_args
from uuid import UUID

from .. import artifacts, schemas
from ..base import StoreBase
from ..errors import InvalidQuery
from ..schemas.artifacts import Artifact
from ..wording import shown

__all__ = ["LineageMethods"]

_LARGEST_DEPTH = 1_000_000


class LineageMethods(StoreBase):
    """The methods of a store that walk the lineage of an artifact."""

    def lineage(
        self,
        ref: str | UUID | Artifact,
        *,
        direction: "schemas.lineage.Direction" = "up",
        depth: int | None = None,
    ) -> "schemas.lineage.Lineage":
        """Return what an artifact was made from, or what was made from it, over all steps.

        A step leads from what a run has used (`run.use`) to each artifact that the run has
        published afterwards. Versions that were deleted since are part of it. One recursive query
        walks all steps.

        Args:
            ref: the artifact, as a reference or an artifact. `"raw@3"` and ids also find one that was
                deleted, if a run has used it.
            direction: `"up"`, the default, to what it was made from; `"down"` to what was made from it.
            depth: how many steps to walk; `None`, the default, is all.

        Returns:
            The artifacts and the steps between them. It is cut off after 10,000 artifacts, the
            nearest first; then `complete` is `False`.

        Raises:
            InvalidQuery: an argument is invalid.
            ArtifactNotFound: there is no such artifact, and no run has used one.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> raw = store.create_artifact(key="raw", data=[3, 4])
            >>> with store.flow_run("nightly") as run:
            ...     total = store.create_artifact(key="total", data=sum(run.use("raw").data))
            >>> lineage = store.lineage("total")
            >>> [node.ref for node in lineage.nodes]
            ['total@1', 'raw@1']
            >>> [(edge.source, edge.target, edge.asked) for edge in lineage.edges]
            [('raw@1', 'total@1', ('raw@latest',))]
            >>> store.lineage("raw", direction="down")
            <Lineage down from raw@1: 1 artifact, 1 edge>
        """
        if direction not in get_args(schemas.lineage.Direction):
            raise InvalidQuery(f"Invalid direction {shown(direction)}: expected 'up' or 'down'.")
        is_depth = depth is None or (type(depth) is int and 1 <= depth <= _LARGEST_DEPTH)
        if not is_depth:
            raise InvalidQuery(
                f"Invalid depth {shown(depth)}: expected a number of steps from 1 to {_LARGEST_DEPTH:,}, or None."
            )
        return self._reader(artifacts.lineage.read_lineage, ref, direction, depth)

    def read_openlineage(
        self, lineage: "schemas.lineage.Lineage"
    ) -> "list[artifacts.openlineage.Event]":
        """Return the runs of a lineage as events of OpenLineage, which catalogs such as Marquez read.

        A run is a run of a job, which is its flow; an artifact is a version of a dataset, which is
        its key.

        Args:
            lineage: what `lineage` has returned.

        Returns:
            The events as JSON, in the order of their times: for each run its start, and its end or how
            far it is, with its datasets; an event of the dataset for what was published outside of runs.

        Raises:
            InvalidQuery: it is not a lineage.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> with store.flow_run("nightly") as run:
            ...     total = store.create_artifact(key="total", data=7)
            >>> events = store.read_openlineage(store.lineage("total"))
            >>> [(event["eventType"], event["job"]["name"]) for event in events]
            [('START', 'nightly'), ('COMPLETE', 'nightly')]
        """
        if not isinstance(lineage, schemas.lineage.Lineage):
            raise InvalidQuery(
                f"Invalid lineage {shown(lineage)}: pass what store.lineage returns."
            )
        return self._reader(artifacts.openlineage.events_of_lineage, self._engine.url, lineage)
