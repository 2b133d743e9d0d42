"""Flows, deployments, flow runs, task runs, work pools and work queues: what artifacts are found by.

The six entities are alike, so one set of statements serves them all; `RunStore` gives each
its own methods, and `ArtifactStore` inherits them.
"""

from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cached_property, partial
from typing import Any, Generic, TypedDict, TypeVar, Unpack
from uuid import UUID

import peewee

from . import context, models, schemas
from .clock import new_id, now
from .conditions import condition, narrowed
from .context import CURRENT, Origin
from .criteria import INT64
from .errors import ArtifactConflict, IntegrityViolation, InvalidQuery
from .filters import (
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    TaskRunFilter,
    WorkPoolFilter,
)
from .operators import encode_time
from .replica import Reader
from .rows import Rows, bound
from .schemas import Deployment, Flow, FlowRun, StateType, TaskRun, WorkPool, WorkQueue
from .sorting import RunSort, run_ordering
from .statements import Query, Statements, slot

__all__ = [
    "FLOW_RUNS",
    "TASK_RUNS",
    "Entity",
    "FlowRunFields",
    "RunFilters",
    "RunStore",
    "TaskRunFields",
    "bounds",
    "chosen",
    "made_by",
]

V = TypeVar("V", bound=schemas.RunValue)
S = TypeVar("S", bound=StrEnum)

_FINAL = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")


class _StateFields(TypedDict, total=False):
    id: UUID | str
    name: str
    state_type: StateType | None
    state_name: str | None
    expected_start_time: datetime | None
    start_time: datetime | None
    end_time: datetime | None
    tags: Sequence[str]
    state_message: str | None
    parameters: Mapping[str, Any] | None


class FlowRunFields(_StateFields, total=False):
    """What `create_flow_run` takes beside the flow."""

    deployment_id: UUID | str | None
    work_queue_id: UUID | str | None
    parent_task_run_id: UUID | str | None
    flow_version: str | None
    idempotency_key: str | None
    next_scheduled_start_time: datetime | None
    created_by: dict[str, schemas.Scalar] | None


class TaskRunFields(_StateFields, total=False):
    """What `create_task_run` takes beside the flow run."""

    task_key: str


def bounds(offset: int | None, limit: int | None) -> tuple[int, int | None]:
    """Return the offset and the limit of a page, checked.

    Raises:
        InvalidQuery: one of them is not a whole number from 0 to 2**63 - 1.
    """
    for name, number in (("offset", offset), ("limit", limit)):
        if number is not None and (type(number) is not int or not 0 <= number <= INT64):
            raise InvalidQuery(f"{name}={number!r:.80} is no whole number from 0 to 2**63 - 1.")
    return offset or 0, limit


def chosen(kind: type[S], sort: S) -> S:
    """Return a sort order that was given as a member of its enumeration or as its name.

    Raises:
        InvalidQuery: the enumeration has no such member.
    """
    try:
        return kind(sort)
    except ValueError:
        raise InvalidQuery(f"{sort!r:.80} is no sort order: use one of {', '.join(kind)}.") from None


class Entity(Generic[V]):
    """The statements of one table of runs."""

    def __init__(self, filter_name: str, value: type[V], table: Any, *natural: str) -> None:
        self.filter_name = filter_name
        self.value, self.table, self.natural = value, table, natural
        self.rows = Rows(value)
        self.columns = tuple(getattr(table, name) for name in self.rows.names)
        self.label = table._meta.table_name.replace("_", " ")

    def create(self, db: Statements, fields: dict[str, Any]) -> V:
        """Insert a row, or return the one that has the same id or natural key."""
        time = now()
        value = schemas.checked(self.value, {"id": new_id(), "created": time, "updated": time, **fields})
        row = bound(value, self.rows.names)
        try:
            # In a block of its own, because inside one a refused row would spoil what came before it.
            inserted = db.engine.retrying(partial(db.run, (self.label, "insert"), self._insert, row))
        except IntegrityViolation as error:
            parents = ", ".join(name for name in self.rows.names if name.endswith("_id"))
            raise IntegrityViolation(
                f"The {self.label} refers to something that does not exist: check {parents}."
            ) from error
        return value if inserted else self._existing(db, value, fields)

    def _insert(self) -> Query:
        columns = {getattr(self.table, name): slot(name) for name in self.rows.names}
        return self.table.insert(columns).on_conflict(action="nothing")

    def _existing(self, db: Statements, value: V, fields: dict[str, Any]) -> V:
        stored = self.read(db, value.id)
        if stored is not None:
            for name in fields:
                if getattr(stored, name) != getattr(value, name):
                    raise ArtifactConflict(
                        f"The {self.label} {value.id} exists with another {name}: leave out the id or keep the {name}."
                    )
            return stored
        row = bound(value, self.rows.names)
        found = db.row((self.label, "natural"), self._by_natural_key, row)
        if found is None:  # deleted in between
            return self.create(db, fields)
        return self.rows.value(found)

    def _by_natural_key(self) -> Query:
        return self.table.select(*self.columns).where(
            *[getattr(self.table, name) == slot(name) for name in self.natural]
        )

    def read(self, db: Statements, entity_id: UUID) -> V | None:
        """Return a row by id."""

        def build() -> Query:
            return self.table.select(*self.columns).where(self.table.id == slot("id"))

        row = db.row((self.label, "read"), build, {"id": str(entity_id)})
        return None if row is None else self.rows.value(row)

    def page(
        self, ask: Reader, offset: int | None, limit: int | None, sort: RunSort, given: Mapping[str, object]
    ) -> list[V]:
        """Return a page of rows."""
        sort = chosen(RunSort, sort)
        offset, limit = bounds(offset, limit)
        dialect = ask.primary.dialect
        shape, values = condition(self.filter_name, given, dialect)

        def build() -> Query:
            query = narrowed(self.table.select(*self.columns), shape, dialect)
            return query.order_by(*run_ordering(sort, self.table)).limit(slot("limit")).offset(slot("offset"))

        values |= {"limit": dialect.unlimited if limit is None else limit, "offset": offset}
        return self.rows.values(ask(lambda db: db.rows((self.label, "page", sort, shape), build, values)))

    def set_state(
        self,
        db: Statements,
        entity_id: UUID,
        state_type: str,
        name: str | None = None,
        message: str | None = None,
        *,
        unless_final: bool = False,
    ) -> bool:
        """Put a run into a state and keep its times; a final state may be left as it is."""
        given = {"state_name": str(state_type).capitalize() if name is None else name, "state_message": message}
        state = schemas.checked(schemas.State, {"state_type": state_type, **given})
        values = {"id": str(entity_id), "time": encode_time(now()), **dict(state)}
        running, final = state_type == "RUNNING", state_type in _FINAL
        table = self.table

        def build() -> Query:
            changes: dict[Any, Any] = {
                table.state_type: slot("state_type"),
                table.state_name: slot("state_name"),
                table.state_message: slot("state_message"),
                table.updated: slot("time"),
            }
            changes[table.end_time] = slot("time") if final else None
            if running:
                changes[table.start_time] = peewee.fn.COALESCE(table.start_time, slot("time"))
            query = table.update(changes).where(table.id == slot("id"))
            if unless_final:
                query = query.where(table.state_type.is_null() | table.state_type.not_in(_FINAL))
            return query

        change = partial(db.run, (self.label, "state", running, final, unless_final), build, values)
        return db.engine.retrying(change) > 0


_FLOWS = Entity("flow_filter", Flow, models.Flow, "name")
_DEPLOYMENTS = Entity("deployment_filter", Deployment, models.Deployment, "flow_id", "name")
FLOW_RUNS = Entity("flow_run_filter", FlowRun, models.FlowRun, "flow_id", "idempotency_key")
TASK_RUNS = Entity("task_run_filter", TaskRun, models.TaskRun)
_WORK_POOLS = Entity("work_pool_filter", WorkPool, models.WorkPool, "name")
_WORK_QUEUES = Entity("work_queue", WorkQueue, models.WorkQueue, "work_pool_id", "name")


def made_by(
    db: Statements, flow_run_id: UUID | None, task_run_id: UUID | None
) -> tuple[FlowRun | None, Flow | None, TaskRun | None]:
    """Return the flow run, its flow and the task run that are known by these ids; a task run may tell its flow run."""
    task_run = None if task_run_id is None else TASK_RUNS.read(db, task_run_id)
    if flow_run_id is None and task_run is not None:
        flow_run_id = task_run.flow_run_id
    flow_run = None if flow_run_id is None else FLOW_RUNS.read(db, flow_run_id)
    return flow_run, None if flow_run is None else _FLOWS.read(db, flow_run.flow_id), task_run


class RunFilters(TypedDict, total=False):
    """The filters that every listing takes, of artifacts too."""

    flow_run_filter: FlowRunFilter | None
    task_run_filter: TaskRunFilter | None
    deployment_filter: DeploymentFilter | None
    flow_filter: FlowFilter | None
    work_pool_filter: WorkPoolFilter | None


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


class RunStore:
    """The methods of a store for the runs that make artifacts.

    Every create takes an optional `id` and keeps what the caller sets. A name (or an
    idempotency key) that is taken returns what has it, unchanged. Every listing takes the
    five filters as keywords: `flow_run_filter`, `task_run_filter`, `deployment_filter`,
    `flow_filter` and `work_pool_filter`.
    """

    _db: Statements
    _ask: Reader
    _inherited: Origin | None

    # The current run

    @cached_property
    def _place(self) -> Hashable:
        return self._db.engine.place

    def _origin(self) -> Origin | None:
        """Return the runs in which this store's artifacts are made now."""
        if CURRENT.get() is None:  # the commonest case, on the hottest path
            return self._inherited
        return context.origin_at(self._place) or self._inherited

    def _known_origin(self) -> Origin | None:
        """Return the runs that are current and in this store; the environment may name a run of another system."""
        origin = self._origin()
        if origin is None or origin is not self._inherited:
            return origin
        flow_run = None if origin.flow_run_id is None else self.read_flow_run(origin.flow_run_id)
        task_run = None if origin.task_run_id is None else self.read_task_run(origin.task_run_id)
        return Origin(None, None if flow_run is None else flow_run.id, None if task_run is None else task_run.id)

    # Flows

    def create_flow(self, name: str, *, tags: Sequence[str] = (), id: UUID | str | None = None) -> Flow:
        """Create a flow, or return the existing one of that name.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.create_flow("etl", tags=["prod"]) == store.create_flow("etl")
            True
        """
        return _FLOWS.create(self._db, _given(name=name, tags=tags, id=id))

    def read_flow(self, flow_id: UUID | str) -> Flow | None:
        """Return a flow by id, `None` when there is none."""
        return _FLOWS.read(self._db, schemas.as_uuid(flow_id))

    def read_flows(
        self,
        offset: int | None = None,
        limit: int | None = None,
        sort: RunSort = RunSort.ID_DESC,
        **filters: Unpack[RunFilters],
    ) -> list[Flow]:
        """Return the flows that match, and that have a run and a deployment that match."""
        return _FLOWS.page(self._ask, offset, limit, sort, filters)

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
    ) -> Deployment:
        """Create a deployment of a flow, or return the flow's existing one of that name.

        Raises:
            IntegrityViolation: there is no such flow or work queue.
        """
        given = _given(name=name, flow_id=flow_id, paused=paused, tags=tags, work_queue_id=work_queue_id, id=id)
        return _DEPLOYMENTS.create(self._db, given)

    def read_deployment(self, deployment_id: UUID | str) -> Deployment | None:
        """Return a deployment by id, `None` when there is none."""
        return _DEPLOYMENTS.read(self._db, schemas.as_uuid(deployment_id))

    def read_deployments(
        self,
        offset: int | None = None,
        limit: int | None = None,
        sort: RunSort = RunSort.ID_DESC,
        **filters: Unpack[RunFilters],
    ) -> list[Deployment]:
        """Return the deployments that match, whose flow and work pool match and that have a run that matches."""
        return _DEPLOYMENTS.page(self._ask, offset, limit, sort, filters)

    # Flow runs

    def create_flow_run(self, flow_id: UUID | str, **fields: Unpack[FlowRunFields]) -> FlowRun:
        """Create a run of a flow, or return the one that has the same `idempotency_key`.

        Args:
            flow_id: the flow.
            fields: any other field of `FlowRun`; the name is the id's text unless it is given.

        Raises:
            IntegrityViolation: there is no such flow, deployment or work queue.
        """
        return FLOW_RUNS.create(self._db, _named({**fields, "flow_id": flow_id}))

    def read_flow_run(self, flow_run_id: UUID | str) -> FlowRun | None:
        """Return a flow run by id, `None` when there is none."""
        return FLOW_RUNS.read(self._db, schemas.as_uuid(flow_run_id))

    def read_flow_runs(
        self,
        offset: int | None = None,
        limit: int | None = None,
        sort: RunSort = RunSort.ID_DESC,
        **filters: Unpack[RunFilters],
    ) -> list[FlowRun]:
        """Return the flow runs that match, whose flow, deployment and work pool match, with a task run that matches."""
        return FLOW_RUNS.page(self._ask, offset, limit, sort, filters)

    def set_flow_run_state(
        self,
        flow_run_id: UUID | str,
        state_type: StateType,
        state_name: str | None = None,
        *,
        message: str | None = None,
    ) -> bool:
        """Put a flow run into a state; tell whether there is such a run.

        `RUNNING` sets the start time unless it is set; `COMPLETED`, `FAILED`, `CANCELLED` and
        `CRASHED` set the end time; every other state clears the end time.

        Args:
            flow_run_id: the flow run.
            state_type: one of the nine types of states.
            state_name: what people read; the type in lower case, capitalised, unless it is given.
            message: why; the run's `state_message`, which belongs to its state: without one it is empty.

        Raises:
            InvalidQuery: there is no such state type.
        """
        return FLOW_RUNS.set_state(self._db, schemas.as_uuid(flow_run_id), state_type, state_name, message)

    # Task runs

    def create_task_run(self, flow_run_id: UUID | str | None = None, **fields: Unpack[TaskRunFields]) -> TaskRun:
        """Create a run of a task.

        Args:
            flow_run_id: the flow run that it belongs to.
            fields: any other field of `TaskRun`; the name is the id's text and the task key is the
                name unless they are given.

        Raises:
            IntegrityViolation: there is no such flow run.
        """
        given = _named({**fields, **_given(flow_run_id=flow_run_id)})
        return TASK_RUNS.create(self._db, {"task_key": given["name"], **given})

    def read_task_run(self, task_run_id: UUID | str) -> TaskRun | None:
        """Return a task run by id, `None` when there is none."""
        return TASK_RUNS.read(self._db, schemas.as_uuid(task_run_id))

    def read_task_runs(
        self,
        offset: int | None = None,
        limit: int | None = None,
        sort: RunSort = RunSort.ID_DESC,
        **filters: Unpack[RunFilters],
    ) -> list[TaskRun]:
        """Return the task runs that match and whose flow run, flow, deployment and work pool match."""
        return TASK_RUNS.page(self._ask, offset, limit, sort, filters)

    def set_task_run_state(
        self,
        task_run_id: UUID | str,
        state_type: StateType,
        state_name: str | None = None,
        *,
        message: str | None = None,
    ) -> bool:
        """Put a task run into a state, as `set_flow_run_state` does; tell whether there is such a run."""
        return TASK_RUNS.set_state(self._db, schemas.as_uuid(task_run_id), state_type, state_name, message)

    # Work pools and queues

    def create_work_pool(self, name: str, *, type: str = "process", id: UUID | str | None = None) -> WorkPool:
        """Create a work pool, or return the existing one of that name."""
        return _WORK_POOLS.create(self._db, _given(name=name, type=type, id=id))

    def read_work_pool(self, work_pool_id: UUID | str) -> WorkPool | None:
        """Return a work pool by id, `None` when there is none."""
        return _WORK_POOLS.read(self._db, schemas.as_uuid(work_pool_id))

    def read_work_pools(
        self,
        offset: int | None = None,
        limit: int | None = None,
        sort: RunSort = RunSort.ID_DESC,
        **filters: Unpack[RunFilters],
    ) -> list[WorkPool]:
        """Return the work pools that match and have a queue with a deployment and a run that match."""
        return _WORK_POOLS.page(self._ask, offset, limit, sort, filters)

    def create_work_queue(self, name: str, work_pool_id: UUID | str, *, id: UUID | str | None = None) -> WorkQueue:
        """Create a queue of a work pool, or return the pool's existing one of that name.

        Raises:
            IntegrityViolation: there is no such work pool.
        """
        return _WORK_QUEUES.create(self._db, _given(name=name, work_pool_id=work_pool_id, id=id))

    def read_work_queue(self, work_queue_id: UUID | str) -> WorkQueue | None:
        """Return a work queue by id, `None` when there is none."""
        return _WORK_QUEUES.read(self._db, schemas.as_uuid(work_queue_id))

    def read_work_queues(
        self,
        offset: int | None = None,
        limit: int | None = None,
        sort: RunSort = RunSort.ID_DESC,
        **filters: Unpack[RunFilters],
    ) -> list[WorkQueue]:
        """Return the work queues whose pool matches and that have a deployment and a run that match."""
        return _WORK_QUEUES.page(self._ask, offset, limit, sort, filters)


def _named(fields: dict[str, Any]) -> dict[str, Any]:
    """Give a run without a name the text of its id as its name."""
    if "name" in fields:
        return fields
    run_id = fields.get("id") or new_id()
    return {**fields, "id": run_id, "name": str(run_id)}
