"""The methods of a store for flow runs and task runs."""

from typing import Unpack
from uuid import UUID

from .. import filters, runs, schemas
from ..base import StoreBase
from ..schemas.artifacts import as_uuid
from ..schemas.sorting import RunSort, check_page
from .flow_methods import without_none

__all__ = ["RunMethods"]


class RunMethods(StoreBase):
    """The methods of a store for flow runs and task runs.

    The lists take the same filters as those of `FlowMethods`.
    """

    # Flow runs

    def create_flow_run(
        self,
        flow_id: UUID | str,
        **fields: "Unpack[schemas.runs.FlowRunFields]",
    ) -> "schemas.runs.FlowRun":
        """Create a run of a flow, or return the one that has the same `idempotency_key`.

        Args:
            flow_id: the id of the flow.
            fields: other fields of `FlowRun`. The name is the id as text by default.

        Returns:
            The flow run as it is stored.

        Raises:
            ArtifactConflict: the id or the idempotency key belongs to another flow run.
            IntegrityViolation: there is no such flow, deployment or work queue.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> flow = store.create_flow("etl")
            >>> run = store.create_flow_run(flow.id, name="amber-otter", tags=["prod"])
            >>> run.name, run.tags
            ('amber-otter', ('prod',))
        """
        return runs.queries.create_flow_run(self._db, {**fields, "flow_id": flow_id})

    def read_flow_run(self, flow_run_id: UUID | str) -> "schemas.runs.FlowRun | None":
        """Return a flow run by id or by name.

        Args:
            flow_run_id: the id, a UUID or its text; or the name; of several runs with one name the newest.
                A text that is a UUID is an id.

        Returns:
            The flow run, or `None` if there is no such flow run.

        Raises:
            InvalidQuery: it is neither a UUID nor text.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> flow_run = store.create_flow_run(store.create_flow("etl").id, name="night-1")
            >>> store.read_flow_run(flow_run.id) == store.read_flow_run("night-1") == flow_run
            True
        """
        return runs.lookup.find(self._db, runs.queries.FLOW_RUNS, flow_run_id)

    def read_flow_runs(
        self,
        offset: int | None = None,
        limit: int | None = None,
        sort: RunSort = RunSort.ID_DESC,
        **filters: "Unpack[filters.definitions.RunFilters]",
    ) -> "schemas.runs.RunList[schemas.runs.FlowRun]":
        """Return flow runs that match, whose flow, deployment, work pool and a task run match.

        Args:
            offset: how many to skip; 0 by default.
            limit: the most to return; `None`, the default, returns all.
            sort: the order; newest first by default.
            filters: `flow_run_filter`, `task_run_filter`, `deployment_filter`, `flow_filter` and
                `work_pool_filter`.

        Returns:
            The flow runs, an empty list if none match.

        Raises:
            InvalidQuery: an argument is out of range or has the wrong type.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> flow_run = store.create_flow_run(store.create_flow("etl").id)
            >>> store.read_flow_runs(limit=10) == [flow_run]
            True
        """
        return runs.queries.FLOW_RUNS.page(self._reader, offset, limit, sort, filters)

    def read_open_flow_runs(
        self,
        limit: int | None = None,
        **filters: "Unpack[filters.definitions.RunFilters]",
    ) -> "schemas.runs.RunList[schemas.runs.FlowRun]":
        """Return the flow runs that have started and not ended, the last started first.

        A run whose process was killed stays among them, because no code ran that could end it.

        Args:
            limit: the most to return; `None`, the default, returns all.
            filters: the filters of `read_flow_runs`.

        Returns:
            The flow runs, an empty list if none is open.

        Raises:
            InvalidQuery: an argument is out of range or has the wrong type.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> with store.flow_run("etl") as run:
            ...     [each.id for each in store.read_open_flow_runs()] == [run.id]
            True
            >>> store.read_open_flow_runs()
            []
        """
        _, most = check_page(None, limit)
        found = self._reader(runs.open_runs.read_open_runs, most, filters)
        return schemas.runs.RunList(found)

    def set_flow_run_state(
        self,
        flow_run_id: UUID | str,
        state_type: "schemas.runs.StateType",
        state_name: str | None = None,
        *,
        message: str | None = None,
    ) -> bool:
        """Put a flow run into a state.

        `RUNNING` sets the start time if there is none. `COMPLETED`, `FAILED`, `CANCELLED` and
        `CRASHED` set the end time; every other state clears it.

        Args:
            flow_run_id: the id of the flow run.
            state_type: one of the nine state types.
            state_name: the name that people read; by default the type, capitalised (`Failed`).
            message: why it is in that state. `None`, the default, clears an earlier message.

        Returns:
            Whether the run exists.

        Raises:
            InvalidQuery: there is no such state type, or the id is not a UUID.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> run = store.create_flow_run(store.create_flow("etl").id)
            >>> store.set_flow_run_state(run.id, "FAILED", message="no rows")
            True
            >>> store.read_flow_run(run.id).state_message
            'no rows'
        """
        return runs.queries.FLOW_RUNS.set_state(
            self._db, as_uuid(flow_run_id), state_type, state_name, message
        )

    # Task runs

    def create_task_run(
        self,
        flow_run_id: UUID | str | None = None,
        **fields: "Unpack[schemas.runs.TaskRunFields]",
    ) -> "schemas.runs.TaskRun":
        """Create a run of a task.

        Args:
            flow_run_id: the id of the flow run that it belongs to; `None` if it belongs to none.
            fields: other fields of `TaskRun`. The name is the id as text by default, and the task
                key is the name.

        Returns:
            The task run as it is stored.

        Raises:
            ArtifactConflict: the id belongs to another task run.
            IntegrityViolation: there is no such flow run.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> run = store.create_flow_run(store.create_flow("etl").id)
            >>> store.create_task_run(run.id, name="load").task_key
            'load'
        """
        parent = without_none(flow_run_id=flow_run_id)
        return runs.queries.create_task_run(self._db, {**fields, **parent})

    def read_task_run(self, task_run_id: UUID | str) -> "schemas.runs.TaskRun | None":
        """Return a task run by id or by name.

        Args:
            task_run_id: the id, a UUID or its text; or the name; of several runs with one name the newest.
                A text that is a UUID is an id.

        Returns:
            The task run, or `None` if there is no such task run.

        Raises:
            InvalidQuery: it is neither a UUID nor text.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> task_run = store.create_task_run(name="load")
            >>> store.read_task_run(task_run.id) == store.read_task_run("load") == task_run
            True
        """
        return runs.lookup.find(self._db, runs.queries.TASK_RUNS, task_run_id)

    def read_task_runs(
        self,
        offset: int | None = None,
        limit: int | None = None,
        sort: RunSort = RunSort.ID_DESC,
        **filters: "Unpack[filters.definitions.RunFilters]",
    ) -> "schemas.runs.RunList[schemas.runs.TaskRun]":
        """Return task runs that match, whose flow run, flow, deployment and work pool match.

        Args:
            offset: how many to skip; 0 by default.
            limit: the most to return; `None`, the default, returns all.
            sort: the order; newest first by default.
            filters: `flow_run_filter`, `task_run_filter`, `deployment_filter`, `flow_filter` and
                `work_pool_filter`.

        Returns:
            The task runs, an empty list if none match.

        Raises:
            InvalidQuery: an argument is out of range or has the wrong type.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> task_run = store.create_task_run(name="load")
            >>> store.read_task_runs(limit=10) == [task_run]
            True
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
        """Put a task run into a state, as `set_flow_run_state` does.

        Args:
            task_run_id: the id of the task run.
            state_type: one of the nine state types.
            state_name: the name that people read; by default the type, capitalised (`Failed`).
            message: why it is in that state. `None`, the default, clears an earlier message.

        Returns:
            Whether the run exists.

        Raises:
            InvalidQuery: there is no such state type, or the id is not a UUID.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> task_run = store.create_task_run(name="load")
            >>> store.set_task_run_state(task_run.id, "RUNNING")
            True
        """
        return runs.queries.TASK_RUNS.set_state(
            self._db, as_uuid(task_run_id), state_type, state_name, message
        )
