"""The methods of a store for flows, deployments, work pools and work queues: what runs are made of."""

from collections.abc import Sequence
from typing import Any, Unpack
from uuid import UUID

from .. import filters, runs, schemas
from ..base import StoreBase
from ..schemas.artifacts import as_uuid
from ..schemas.sorting import RunSort

__all__ = ["FlowMethods", "without_none"]


def without_none(**fields: Any) -> dict[str, Any]:
    """Return the fields that the caller has set."""
    return {name: value for name, value in fields.items() if value is not None}


class FlowMethods(StoreBase):
    """The methods of a store for what runs belong to.

    Every create takes an optional `id` and keeps what the caller sets. A name (or an
    idempotency key) that is taken returns what has it, unchanged; together with an `id` that is
    not its own it raises `ArtifactConflict`. Every listing takes the five filters as keywords:
    `flow_run_filter`, `task_run_filter`, `deployment_filter`, `flow_filter` and `work_pool_filter`.
    """

    # Flows

    def create_flow(
        self, name: str, *, tags: Sequence[str] = (), id: UUID | str | None = None
    ) -> "schemas.runs.Flow":
        """Create a flow, or return the existing one of that name.

        Args:
            name: its name, which is unique.
            tags: its tags; none unless they are given.
            id: its id, as a UUID or its text; a new one unless it is given.

        Returns:
            The flow as it is stored.

        Raises:
            ArtifactConflict: the id or the name belongs to another flow.
            InvalidQuery: a value is not understood.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.create_flow("etl", tags=["prod"]) == store.create_flow("etl")
            True
        """
        return runs.queries.FLOWS.create(self._db, without_none(name=name, tags=tags, id=id))

    def read_flow(self, flow_id: UUID | str) -> "schemas.runs.Flow | None":
        """Return a flow by id.

        Args:
            flow_id: the id, as a UUID or its text.

        Returns:
            The flow, `None` when there is none.

        Raises:
            InvalidQuery: it is not an id.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> flow = store.create_flow("etl")
            >>> store.read_flow(flow.id) == flow
            True
        """
        return runs.queries.FLOWS.read(self._db, as_uuid(flow_id))

    def read_flows(
        self,
        offset: int | None = None,
        limit: int | None = None,
        sort: RunSort = RunSort.ID_DESC,
        **filters: "Unpack[filters.definitions.RunFilters]",
    ) -> "list[schemas.runs.Flow]":
        """Return the flows that match, and that have a run and a deployment that match.

        Args:
            offset: how many to skip; none unless it is given.
            limit: the most to return; `None` is all.
            sort: the order; the newest first unless it is given.
            filters: `flow_run_filter`, `task_run_filter`, `deployment_filter`, `flow_filter`, `work_pool_filter`.

        Returns:
            A list of them, empty when none matches.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong kind.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> flow = store.create_flow("etl")
            >>> store.read_flows(limit=10) == [flow]
            True
        """
        return runs.queries.FLOWS.page(self._reader, offset, limit, sort, filters)

    # Deployments

    def create_deployment(
        self,
        name: str,
        flow_id: UUID | str,
        *,
        paused: bool = False,
        tags: Sequence[str] = (),
        work_queue_id: UUID | str | None = None,
        id: UUID | str | None = None,
    ) -> "schemas.runs.Deployment":
        """Create a deployment of a flow, or return the flow's existing one of that name.

        Args:
            name: its name, which is unique within the flow.
            flow_id: the id of the flow.
            paused: whether its schedule is paused; it is not unless this is given.
            tags: its tags; none unless they are given.
            work_queue_id: the id of the work queue that its runs go to; `None` is none.
            id: its id, as a UUID or its text; a new one unless it is given.

        Returns:
            The deployment as it is stored.

        Raises:
            ArtifactConflict: the id or the name belongs to another deployment.
            IntegrityViolation: there is no such flow or work queue.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> flow = store.create_flow("etl")
            >>> store.create_deployment("daily", flow.id).flow_id == flow.id
            True
        """
        fields = without_none(
            name=name, flow_id=flow_id, paused=paused, tags=tags, work_queue_id=work_queue_id, id=id
        )
        return runs.queries.DEPLOYMENTS.create(self._db, fields)

    def read_deployment(self, deployment_id: UUID | str) -> "schemas.runs.Deployment | None":
        """Return a deployment by id.

        Args:
            deployment_id: the id, as a UUID or its text.

        Returns:
            The deployment, `None` when there is none.

        Raises:
            InvalidQuery: it is not an id.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> deployment = store.create_deployment("daily", store.create_flow("etl").id)
            >>> store.read_deployment(deployment.id) == deployment
            True
        """
        return runs.queries.DEPLOYMENTS.read(self._db, as_uuid(deployment_id))

    def read_deployments(
        self,
        offset: int | None = None,
        limit: int | None = None,
        sort: RunSort = RunSort.ID_DESC,
        **filters: "Unpack[filters.definitions.RunFilters]",
    ) -> "list[schemas.runs.Deployment]":
        """Return the deployments that match, whose flow and work pool match and that have a run that matches.

        Args:
            offset: how many to skip; none unless it is given.
            limit: the most to return; `None` is all.
            sort: the order; the newest first unless it is given.
            filters: `flow_run_filter`, `task_run_filter`, `deployment_filter`, `flow_filter`, `work_pool_filter`.

        Returns:
            A list of them, empty when none matches.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong kind.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> deployment = store.create_deployment("daily", store.create_flow("etl").id)
            >>> store.read_deployments(limit=10) == [deployment]
            True
        """
        return runs.queries.DEPLOYMENTS.page(self._reader, offset, limit, sort, filters)

    # Work pools and queues

    def create_work_pool(
        self, name: str, *, type: str = "process", id: UUID | str | None = None
    ) -> "schemas.runs.WorkPool":
        """Create a work pool, or return the existing one of that name.

        Args:
            name: its name, which is unique.
            type: of which kind its workers are; `process` unless it is given.
            id: its id, as a UUID or its text; a new one unless it is given.

        Returns:
            The work pool as it is stored.

        Raises:
            ArtifactConflict: the id or the name belongs to another work pool.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.create_work_pool("workers", type="kubernetes").type
            'kubernetes'
        """
        return runs.queries.WORK_POOLS.create(self._db, without_none(name=name, type=type, id=id))

    def read_work_pool(self, work_pool_id: UUID | str) -> "schemas.runs.WorkPool | None":
        """Return a work pool by id.

        Args:
            work_pool_id: the id, as a UUID or its text.

        Returns:
            The work pool, `None` when there is none.

        Raises:
            InvalidQuery: it is not an id.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> work_pool = store.create_work_pool("workers")
            >>> store.read_work_pool(work_pool.id) == work_pool
            True
        """
        return runs.queries.WORK_POOLS.read(self._db, as_uuid(work_pool_id))

    def read_work_pools(
        self,
        offset: int | None = None,
        limit: int | None = None,
        sort: RunSort = RunSort.ID_DESC,
        **filters: "Unpack[filters.definitions.RunFilters]",
    ) -> "list[schemas.runs.WorkPool]":
        """Return the work pools that match and have a queue with a deployment and a run that match.

        Args:
            offset: how many to skip; none unless it is given.
            limit: the most to return; `None` is all.
            sort: the order; the newest first unless it is given.
            filters: `flow_run_filter`, `task_run_filter`, `deployment_filter`, `flow_filter`, `work_pool_filter`.

        Returns:
            A list of them, empty when none matches.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong kind.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> work_pool = store.create_work_pool("workers")
            >>> store.read_work_pools(limit=10) == [work_pool]
            True
        """
        return runs.queries.WORK_POOLS.page(self._reader, offset, limit, sort, filters)

    def create_work_queue(
        self, name: str, work_pool_id: UUID | str, *, id: UUID | str | None = None
    ) -> "schemas.runs.WorkQueue":
        """Create a queue of a work pool, or return the pool's existing one of that name.

        Args:
            name: its name, which is unique within the pool.
            work_pool_id: the id of the work pool.
            id: its id, as a UUID or its text; a new one unless it is given.

        Returns:
            The work queue as it is stored.

        Raises:
            ArtifactConflict: the id or the name belongs to another work queue.
            IntegrityViolation: there is no such work pool.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> pool = store.create_work_pool("workers")
            >>> store.create_work_queue("default", pool.id).work_pool_id == pool.id
            True
        """
        return runs.queries.WORK_QUEUES.create(
            self._db, without_none(name=name, work_pool_id=work_pool_id, id=id)
        )

    def read_work_queue(self, work_queue_id: UUID | str) -> "schemas.runs.WorkQueue | None":
        """Return a work queue by id.

        Args:
            work_queue_id: the id, as a UUID or its text.

        Returns:
            The work queue, `None` when there is none.

        Raises:
            InvalidQuery: it is not an id.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> work_queue = store.create_work_queue("default", store.create_work_pool("workers").id)
            >>> store.read_work_queue(work_queue.id) == work_queue
            True
        """
        return runs.queries.WORK_QUEUES.read(self._db, as_uuid(work_queue_id))

    def read_work_queues(
        self,
        offset: int | None = None,
        limit: int | None = None,
        sort: RunSort = RunSort.ID_DESC,
        **filters: "Unpack[filters.definitions.RunFilters]",
    ) -> "list[schemas.runs.WorkQueue]":
        """Return the work queues whose pool matches and that have a deployment and a run that match.

        Args:
            offset: how many to skip; none unless it is given.
            limit: the most to return; `None` is all.
            sort: the order; the newest first unless it is given.
            filters: `flow_run_filter`, `task_run_filter`, `deployment_filter`, `flow_filter`, `work_pool_filter`.

        Returns:
            A list of them, empty when none matches.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong kind.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> work_queue = store.create_work_queue("default", store.create_work_pool("workers").id)
            >>> store.read_work_queues(limit=10) == [work_queue]
            True
        """
        return runs.queries.WORK_QUEUES.page(self._reader, offset, limit, sort, filters)
