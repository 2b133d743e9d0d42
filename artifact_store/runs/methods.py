"""Flows, deployments, flow runs, task runs, work pools and work queues: what artifacts are found by.

`RunMethods` gives each of the six its own methods, and `ArtifactStore` inherits them.
"""

from collections.abc import Sequence
from typing import Any, Unpack
from uuid import UUID

from .. import filters, runs, schemas
from ..base import StoreBase
from ..schemas.artifacts import as_uuid
from ..schemas.sorting import RunSort

__all__ = ["RunMethods"]


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


class RunMethods(StoreBase):
    """The methods of a store for flows, deployments, flow runs, task runs, work pools and work queues.

    Examples:
        >>> from artifact_store import ArtifactStore, FlowFilter
        >>> store = ArtifactStore("sqlite:///:memory:")
        >>> pool = store.create_work_pool("cluster", type="kubernetes")
        >>> queue = store.create_work_queue("default", pool.id)
        >>> flow = store.create_flow("etl", tags=["prod"])
        >>> deployment = store.create_deployment("nightly", flow.id, work_queue_id=queue.id)
        >>> run = store.create_flow_run(flow.id, deployment_id=deployment.id, work_queue_id=queue.id)
        >>> task = store.create_task_run(run.id, name="load")
        >>> store.set_flow_run_state(run.id, "RUNNING"), store.set_task_run_state(task.id, "COMPLETED")
        (True, True)
        >>> store.read_flow_run(run.id).state_name, store.read_task_run(task.id).state_name
        ('Running', 'Completed')
        >>> store.read_flow(flow.id) == flow, store.read_deployment(deployment.id) == deployment
        (True, True)
        >>> store.read_work_pool(pool.id) == pool, store.read_work_queue(queue.id) == queue
        (True, True)
        >>> etl = FlowFilter(name={"any_": ["etl"]})
        >>> store.read_flows(flow_filter=etl) == [flow], store.read_deployments(flow_filter=etl) == [deployment]
        (True, True)
        >>> len(store.read_flow_runs(flow_filter=etl)), len(store.read_task_runs(flow_filter=etl))
        (1, 1)
        >>> store.read_work_pools(flow_filter=etl) == [pool], store.read_work_queues(flow_filter=etl) == [queue]
        (True, True)
    """

    # Flows

    def create_flow(self, name: str, *, tags: Sequence[str] = (), id: UUID | str | None = None) -> "schemas.runs.Flow":
        """Create a flow, or return the existing one of that name.

        Args:
            name: its name, which is unique.
            tags: texts to find it by; none by default.
            id: its id; made by the store by default.

        Returns:
            The flow as it is stored; an existing one is returned unchanged.

        Raises:
            ArtifactConflict: the id or the name belongs to another flow.
        """
        return runs.queries.FLOWS.create(self._db, _given(name=name, tags=tags, id=id))

    def read_flow(self, flow_id: UUID | str) -> "schemas.runs.Flow | None":
        """Return a flow by id.

        Args:
            flow_id: its id, as a UUID or its text.

        Returns:
            The flow; `None` when there is none with this id.

        Raises:
            InvalidQuery: the id is not a UUID.
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
            offset: how many to skip; 0 by default.
            limit: how many to return at most; `None`, the default, is all.
            sort: the order; the newest id first by default.
            filters: `flow_run_filter`, `task_run_filter`, `deployment_filter`, `flow_filter` and `work_pool_filter`.

        Returns:
            The flows, in the order of `sort`.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong kind.
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
            flow_id: the flow.
            paused: whether its schedule is paused; `False` by default.
            tags: texts to find it by; none by default.
            work_queue_id: the queue that its runs wait in; none by default.
            id: its id; made by the store by default.

        Returns:
            The deployment as it is stored; an existing one is returned unchanged.

        Raises:
            ArtifactConflict: the id or the name belongs to another deployment.
            IntegrityViolation: there is no such flow or work queue.
        """
        given = _given(name=name, flow_id=flow_id, paused=paused, tags=tags, work_queue_id=work_queue_id, id=id)
        return runs.queries.DEPLOYMENTS.create(self._db, given)

    def read_deployment(self, deployment_id: UUID | str) -> "schemas.runs.Deployment | None":
        """Return a deployment by id.

        Args:
            deployment_id: its id, as a UUID or its text.

        Returns:
            The deployment; `None` when there is none with this id.

        Raises:
            InvalidQuery: the id is not a UUID.
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
            offset: how many to skip; 0 by default.
            limit: how many to return at most; `None`, the default, is all.
            sort: the order; the newest id first by default.
            filters: `flow_run_filter`, `task_run_filter`, `deployment_filter`, `flow_filter` and `work_pool_filter`.

        Returns:
            The deployments, in the order of `sort`.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong kind.
        """
        return runs.queries.DEPLOYMENTS.page(self._reader, offset, limit, sort, filters)

    # Flow runs

    def create_flow_run(
        self, flow_id: UUID | str, **fields: "Unpack[schemas.runs.FlowRunFields]"
    ) -> "schemas.runs.FlowRun":
        """Create a run of a flow, or return the one that has the same `idempotency_key`.

        Args:
            flow_id: the flow.
            fields: any other field of `FlowRun`; the name is the text of the id by default.

        Returns:
            The flow run as it is stored.

        Raises:
            ArtifactConflict: the id or the idempotency key belongs to another flow run.
            IntegrityViolation: there is no such flow, deployment or work queue.
        """
        return runs.queries.create_flow_run(self._db, {**fields, "flow_id": flow_id})

    def read_flow_run(self, flow_run_id: UUID | str) -> "schemas.runs.FlowRun | None":
        """Return a flow run by id.

        Args:
            flow_run_id: its id, as a UUID or its text.

        Returns:
            The flow run; `None` when there is none with this id.

        Raises:
            InvalidQuery: the id is not a UUID.
        """
        return runs.queries.FLOW_RUNS.read(self._db, as_uuid(flow_run_id))

    def read_flow_runs(
        self,
        offset: int | None = None,
        limit: int | None = None,
        sort: RunSort = RunSort.ID_DESC,
        **filters: "Unpack[filters.definitions.RunFilters]",
    ) -> "list[schemas.runs.FlowRun]":
        """Return the flow runs that match, whose flow, deployment and work pool match, with a task run that matches.

        Args:
            offset: how many to skip; 0 by default.
            limit: how many to return at most; `None`, the default, is all.
            sort: the order; the newest id first by default.
            filters: `flow_run_filter`, `task_run_filter`, `deployment_filter`, `flow_filter` and `work_pool_filter`.

        Returns:
            The flow runs, in the order of `sort`.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong kind.
        """
        return runs.queries.FLOW_RUNS.page(self._reader, offset, limit, sort, filters)

    def set_flow_run_state(
        self,
        flow_run_id: UUID | str,
        state_type: "schemas.runs.StateType",
        state_name: str | None = None,
        *,
        message: str | None = None,
    ) -> bool:
        """Put a flow run into a state.

        `RUNNING` sets the start time unless it is set; `COMPLETED`, `FAILED`, `CANCELLED` and
        `CRASHED` set the end time; every other state clears the end time.

        Args:
            flow_run_id: its id, as a UUID or its text.
            state_type: one of the nine types of states, such as `RUNNING`.
            state_name: what people read; by default the type in lower case with a capital, such as `Running`.
            message: why, stored as `state_message`; `None`, the default, clears it.

        Returns:
            Whether there is such a run.

        Raises:
            InvalidQuery: there is no such state type.
        """
        return runs.queries.FLOW_RUNS.set_state(self._db, as_uuid(flow_run_id), state_type, state_name, message)

    # Task runs

    def create_task_run(
        self, flow_run_id: UUID | str | None = None, **fields: "Unpack[schemas.runs.TaskRunFields]"
    ) -> "schemas.runs.TaskRun":
        """Create a run of a task.

        Args:
            flow_run_id: the flow run that it belongs to; none by default.
            fields: any other field of `TaskRun`. By default the name is the text of the id, and the task key the name.

        Returns:
            The task run as it is stored.

        Raises:
            ArtifactConflict: the id belongs to another task run.
            IntegrityViolation: there is no such flow run.
        """
        return runs.queries.create_task_run(self._db, {**fields, **_given(flow_run_id=flow_run_id)})

    def read_task_run(self, task_run_id: UUID | str) -> "schemas.runs.TaskRun | None":
        """Return a task run by id.

        Args:
            task_run_id: its id, as a UUID or its text.

        Returns:
            The task run; `None` when there is none with this id.

        Raises:
            InvalidQuery: the id is not a UUID.
        """
        return runs.queries.TASK_RUNS.read(self._db, as_uuid(task_run_id))

    def read_task_runs(
        self,
        offset: int | None = None,
        limit: int | None = None,
        sort: RunSort = RunSort.ID_DESC,
        **filters: "Unpack[filters.definitions.RunFilters]",
    ) -> "list[schemas.runs.TaskRun]":
        """Return the task runs that match and whose flow run, flow, deployment and work pool match.

        Args:
            offset: how many to skip; 0 by default.
            limit: how many to return at most; `None`, the default, is all.
            sort: the order; the newest id first by default.
            filters: `flow_run_filter`, `task_run_filter`, `deployment_filter`, `flow_filter` and `work_pool_filter`.

        Returns:
            The task runs, in the order of `sort`.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong kind.
        """
        return runs.queries.TASK_RUNS.page(self._reader, offset, limit, sort, filters)

    def set_task_run_state(
        self,
        task_run_id: UUID | str,
        state_type: "schemas.runs.StateType",
        state_name: str | None = None,
        *,
        message: str | None = None,
    ) -> bool:
        """Put a task run into a state; the times change as in `set_flow_run_state`.

        Args:
            task_run_id: its id, as a UUID or its text.
            state_type: one of the nine types of states, such as `RUNNING`.
            state_name: what people read; by default the type in lower case with a capital, such as `Running`.
            message: why, stored as `state_message`; `None`, the default, clears it.

        Returns:
            Whether there is such a run.

        Raises:
            InvalidQuery: there is no such state type.
        """
        return runs.queries.TASK_RUNS.set_state(self._db, as_uuid(task_run_id), state_type, state_name, message)

    # Work pools and queues

    def create_work_pool(
        self, name: str, *, type: str = "process", id: UUID | str | None = None
    ) -> "schemas.runs.WorkPool":
        """Create a work pool, or return the existing one of that name.

        Args:
            name: its name, which is unique.
            type: the kind of its workers; `process` by default.
            id: its id; made by the store by default.

        Returns:
            The work pool as it is stored; an existing one is returned unchanged.

        Raises:
            ArtifactConflict: the id or the name belongs to another work pool.
        """
        return runs.queries.WORK_POOLS.create(self._db, _given(name=name, type=type, id=id))

    def read_work_pool(self, work_pool_id: UUID | str) -> "schemas.runs.WorkPool | None":
        """Return a work pool by id.

        Args:
            work_pool_id: its id, as a UUID or its text.

        Returns:
            The work pool; `None` when there is none with this id.

        Raises:
            InvalidQuery: the id is not a UUID.
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
            offset: how many to skip; 0 by default.
            limit: how many to return at most; `None`, the default, is all.
            sort: the order; the newest id first by default.
            filters: `flow_run_filter`, `task_run_filter`, `deployment_filter`, `flow_filter` and `work_pool_filter`.

        Returns:
            The work pools, in the order of `sort`.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong kind.
        """
        return runs.queries.WORK_POOLS.page(self._reader, offset, limit, sort, filters)

    def create_work_queue(
        self, name: str, work_pool_id: UUID | str, *, id: UUID | str | None = None
    ) -> "schemas.runs.WorkQueue":
        """Create a queue of a work pool, or return the pool's existing one of that name.

        Args:
            name: its name, which is unique within the pool.
            work_pool_id: the pool.
            id: its id; made by the store by default.

        Returns:
            The work queue as it is stored; an existing one is returned unchanged.

        Raises:
            ArtifactConflict: the id or the name belongs to another work queue.
            IntegrityViolation: there is no such work pool.
        """
        return runs.queries.WORK_QUEUES.create(self._db, _given(name=name, work_pool_id=work_pool_id, id=id))

    def read_work_queue(self, work_queue_id: UUID | str) -> "schemas.runs.WorkQueue | None":
        """Return a work queue by id.

        Args:
            work_queue_id: its id, as a UUID or its text.

        Returns:
            The work queue; `None` when there is none with this id.

        Raises:
            InvalidQuery: the id is not a UUID.
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
            offset: how many to skip; 0 by default.
            limit: how many to return at most; `None`, the default, is all.
            sort: the order; the newest id first by default.
            filters: `flow_run_filter`, `task_run_filter`, `deployment_filter`, `flow_filter` and `work_pool_filter`.

        Returns:
            The work queues, in the order of `sort`.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong kind.
        """
        return runs.queries.WORK_QUEUES.page(self._reader, offset, limit, sort, filters)
