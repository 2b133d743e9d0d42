"""The methods of a store for flows, deployments, work pools and work queues."""

from collections.abc import Sequence
from typing import Unpack
from uuid import UUID

from .. import filters, runs, schemas
from ..base import StoreBase
from ..schemas.sorting import RunSort

__all__ = ["FlowMethods", "without_none"]


def without_none(**fields: object) -> dict[str, object]:
    """Return the fields that are not `None`."""
    return {name: value for name, value in fields.items() if value is not None}


class FlowMethods(StoreBase):
    """The methods of a store for flows, deployments, work pools and work queues.

    Every create takes an optional `id`. If the name (or the idempotency key) exists already, the
    existing object is returned unchanged; if it exists under another `id`, `ArtifactConflict` is
    raised. Every list takes five filters as keywords: `flow_run_filter`, `task_run_filter`,
    `deployment_filter`, `flow_filter` and `work_pool_filter`.
    """

    # Flows

    def create_flow(
        self,
        name: str,
        *,
        tags: Sequence[str] = (),
        id: UUID | str | None = None,
    ) -> "schemas.runs.Flow":
        """Create a flow, or return the existing one with that name.

        Args:
            name: its name, which is unique.
            tags: its tags; none by default.
            id: its id, a UUID or its text; a new one by default.

        Returns:
            The flow as it is stored.

        Raises:
            ArtifactConflict: the id or the name belongs to another flow.
            InvalidQuery: a value is not valid.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.create_flow("etl", tags=["prod"]) == store.create_flow("etl")
            True
        """
        fields = without_none(name=name, tags=tags, id=id)
        return runs.queries.FLOWS.create(self._db, fields)

    def read_flow(self, flow_id: UUID | str) -> "schemas.runs.Flow | None":
        """Return a flow by id or by name.

        Args:
            flow_id: the id, a UUID or its text; or the name.
                A text that is a UUID is an id.

        Returns:
            The flow, or `None` if there is no such flow.

        Raises:
            InvalidQuery: it is neither a UUID nor text.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> flow = store.create_flow("etl")
            >>> store.read_flow(flow.id) == store.read_flow("etl") == flow
            True
        """
        return runs.lookup.find(self._db, runs.queries.FLOWS, flow_id)

    def read_flows(
        self,
        offset: int | None = None,
        limit: int | None = None,
        sort: RunSort = RunSort.ID_DESC,
        **filters: "Unpack[filters.definitions.RunFilters]",
    ) -> "schemas.runs.RunList[schemas.runs.Flow]":
        """Return flows that match, with a run and a deployment that match.

        Args:
            offset: how many to skip; 0 by default.
            limit: the most to return; `None`, the default, returns all.
            sort: the order; newest first by default.
            filters: `flow_run_filter`, `task_run_filter`, `deployment_filter`, `flow_filter` and
                `work_pool_filter`.

        Returns:
            The flows, an empty list if none match.

        Raises:
            InvalidQuery: an argument is out of range or has the wrong type.

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
        """Create a deployment of a flow, or return the flow's existing one with that name.

        Args:
            name: its name, which is unique within the flow.
            flow_id: the id of the flow.
            paused: whether its schedule is paused; `False` by default.
            tags: its tags; none by default.
            work_queue_id: the id of the work queue that its runs go to; `None` if they go to none.
            id: its id, a UUID or its text; a new one by default.

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
            name=name,
            flow_id=flow_id,
            paused=paused,
            tags=tags,
            work_queue_id=work_queue_id,
            id=id,
        )
        return runs.queries.DEPLOYMENTS.create(self._db, fields)

    def read_deployment(self, deployment_id: UUID | str) -> "schemas.runs.Deployment | None":
        """Return a deployment by id or by name.

        Args:
            deployment_id: the id, a UUID or its text; or the name of the flow and its own, as in
                `"etl/daily"`.

        Returns:
            The deployment, or `None` if there is no such deployment.

        Raises:
            InvalidQuery: it is neither an id nor two names.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> deployment = store.create_deployment("daily", store.create_flow("etl").id)
            >>> store.read_deployment(deployment.id) == store.read_deployment("etl/daily") == deployment
            True
        """
        return runs.lookup.find_child(
            self._db, runs.queries.DEPLOYMENTS, runs.queries.FLOWS, deployment_id
        )

    def read_deployments(
        self,
        offset: int | None = None,
        limit: int | None = None,
        sort: RunSort = RunSort.ID_DESC,
        **filters: "Unpack[filters.definitions.RunFilters]",
    ) -> "schemas.runs.RunList[schemas.runs.Deployment]":
        """Return deployments that match, whose flow, work pool and a run match.

        Args:
            offset: how many to skip; 0 by default.
            limit: the most to return; `None`, the default, returns all.
            sort: the order; newest first by default.
            filters: `flow_run_filter`, `task_run_filter`, `deployment_filter`, `flow_filter` and
                `work_pool_filter`.

        Returns:
            The deployments, an empty list if none match.

        Raises:
            InvalidQuery: an argument is out of range or has the wrong type.

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
        self,
        name: str,
        *,
        type: str = "process",
        id: UUID | str | None = None,
    ) -> "schemas.runs.WorkPool":
        """Create a work pool, or return the existing one with that name.

        Args:
            name: its name, which is unique.
            type: the kind of its workers; `process` by default.
            id: its id, a UUID or its text; a new one by default.

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
        fields = without_none(name=name, type=type, id=id)
        return runs.queries.WORK_POOLS.create(self._db, fields)

    def read_work_pool(self, work_pool_id: UUID | str) -> "schemas.runs.WorkPool | None":
        """Return a work pool by id or by name.

        Args:
            work_pool_id: the id, a UUID or its text; or the name.
                A text that is a UUID is an id.

        Returns:
            The work pool, or `None` if there is no such work pool.

        Raises:
            InvalidQuery: it is neither a UUID nor text.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> work_pool = store.create_work_pool("workers")
            >>> store.read_work_pool(work_pool.id) == store.read_work_pool("workers") == work_pool
            True
        """
        return runs.lookup.find(self._db, runs.queries.WORK_POOLS, work_pool_id)

    def read_work_pools(
        self,
        offset: int | None = None,
        limit: int | None = None,
        sort: RunSort = RunSort.ID_DESC,
        **filters: "Unpack[filters.definitions.RunFilters]",
    ) -> "schemas.runs.RunList[schemas.runs.WorkPool]":
        """Return work pools that match, with a queue whose deployment and run match.

        Args:
            offset: how many to skip; 0 by default.
            limit: the most to return; `None`, the default, returns all.
            sort: the order; newest first by default.
            filters: `flow_run_filter`, `task_run_filter`, `deployment_filter`, `flow_filter` and
                `work_pool_filter`.

        Returns:
            The work pools, an empty list if none match.

        Raises:
            InvalidQuery: an argument is out of range or has the wrong type.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> work_pool = store.create_work_pool("workers")
            >>> store.read_work_pools(limit=10) == [work_pool]
            True
        """
        return runs.queries.WORK_POOLS.page(self._reader, offset, limit, sort, filters)

    def create_work_queue(
        self,
        name: str,
        work_pool_id: UUID | str,
        *,
        id: UUID | str | None = None,
    ) -> "schemas.runs.WorkQueue":
        """Create a queue of a work pool, or return the pool's existing one with that name.

        Args:
            name: its name, which is unique within the pool.
            work_pool_id: the id of the work pool.
            id: its id, a UUID or its text; a new one by default.

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
        fields = without_none(name=name, work_pool_id=work_pool_id, id=id)
        return runs.queries.WORK_QUEUES.create(self._db, fields)

    def read_work_queue(self, work_queue_id: UUID | str) -> "schemas.runs.WorkQueue | None":
        """Return a work queue by id or by name.

        Args:
            work_queue_id: the id, a UUID or its text; or the name of the work pool and its own, as in
                `"workers/default"`.

        Returns:
            The work queue, or `None` if there is no such work queue.

        Raises:
            InvalidQuery: it is neither an id nor two names.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> pool = store.create_work_pool("workers")
            >>> work_queue = store.create_work_queue("default", pool.id)
            >>> store.read_work_queue(work_queue.id) == store.read_work_queue("workers/default") == work_queue
            True
        """
        return runs.lookup.find_child(
            self._db, runs.queries.WORK_QUEUES, runs.queries.WORK_POOLS, work_queue_id
        )

    def read_work_queues(
        self,
        offset: int | None = None,
        limit: int | None = None,
        sort: RunSort = RunSort.ID_DESC,
        **filters: "Unpack[filters.definitions.RunFilters]",
    ) -> "schemas.runs.RunList[schemas.runs.WorkQueue]":
        """Return work queues whose pool, a deployment and a run match.

        Args:
            offset: how many to skip; 0 by default.
            limit: the most to return; `None`, the default, returns all.
            sort: the order; newest first by default.
            filters: `flow_run_filter`, `task_run_filter`, `deployment_filter`, `flow_filter` and
                `work_pool_filter`.

        Returns:
            The work queues, an empty list if none match.

        Raises:
            InvalidQuery: an argument is out of range or has the wrong type.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> pool = store.create_work_pool("workers")
            >>> work_queue = store.create_work_queue("default", pool.id)
            >>> store.read_work_queues(limit=10) == [work_queue]
            True
        """
        return runs.queries.WORK_QUEUES.page(self._reader, offset, limit, sort, filters)
