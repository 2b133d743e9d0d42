"""Statements on the tables of flows, deployments, runs, work pools and work queues.

The six tables are alike, so one class has the statements of all of them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Generic, NamedTuple, TypeAlias, TypeVar
from uuid import UUID

import peewee

from ..clock import new_id, now
from ..db import run_tables
from ..db.artifact_tables import TableWithId
from ..db.dialects import encode_time
from ..db.replica import Reader
from ..db.rows import Rows, encode_fields
from ..db.statements import Query, Statements, slot
from ..errors import ArtifactConflict, IntegrityViolation
from ..filters.compiler import apply_condition, compile_filters
from ..filters.orders import run_ordering
from ..schemas.artifacts import as_uuid
from ..schemas.runs import (
    Deployment,
    Flow,
    FlowRun,
    RunList,
    RunValue,
    State,
    TaskRun,
    WorkPool,
    WorkQueue,
    checked,
)
from ..schemas.sorting import RunSort, check_page, parse_sort

__all__ = [
    "DEPLOYMENTS",
    "FLOWS",
    "FLOW_RUNS",
    "TASK_RUNS",
    "WORK_POOLS",
    "WORK_QUEUES",
    "Entity",
    "Fields",
    "ParentRuns",
    "RunEntity",
    "create_flow_run",
    "create_task_run",
    "read_parent_runs",
]

V = TypeVar("V", bound=RunValue)

Fields: TypeAlias = Mapping[str, object]
"""The fields of a row by name, as a caller has set them."""

FINAL_STATES = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")


class Entity(Generic[V]):
    """The statements of one table.

    Attributes:
        filter_name: the parameter that takes filters of this table.
        model: the class of its values.
        table: the table.
        natural_key: the columns that are unique together, beside the id.
        rows: makes values of its rows.
        columns: the columns that a value is made of.
        label: what messages call a row.
    """

    def __init__(
        self,
        filter_name: str,
        model: type[V],
        table: type[TableWithId],
        natural_key: tuple[str, ...] = (),
    ) -> None:
        """Prepare the statements of a table."""
        self.filter_name = filter_name
        self.model = model
        self.table = table
        self.natural_key = natural_key
        self.rows = Rows(model)
        self.columns = tuple(self.column(name) for name in self.rows.names)
        self.label = table._meta.table_name.replace("_", " ")

    def column(self, name: str) -> peewee.Field:
        """Return a column by name."""
        field: peewee.Field = self.table._meta.fields[name]
        return field

    def create(
        self,
        db: Statements,
        fields: Fields,
        default_id: UUID | None = None,
    ) -> V:
        """Insert a row, or return the one that has the same id or natural key.

        Args:
            db: the statements of a store.
            fields: what the caller has set; an `id` among them is the caller's.
            default_id: the id of the row if the caller has set none; a new one by default.

        Raises:
            ArtifactConflict: the id belongs to a row with other content, or the natural key to a
                row with another id.
            IntegrityViolation: the row refers to something that does not exist.
        """
        db.pending_writes.flush()
        time = now()
        defaults = {"id": default_id or new_id(), "created": time, "updated": time}
        value = checked(self.model, {**defaults, **fields})
        row = encode_fields(value, self.rows.names)
        key = (self.label, "insert")
        insert = partial(db.execute, key, self.insert_query, row)

        try:
            # A savepoint if the caller is in a block: PostgreSQL would refuse the rest of the block
            # after a row that it has refused.
            inserted = db.engine.run_idempotent(insert)
        except IntegrityViolation as error:
            parents = ", ".join(name for name in self.rows.names if name.endswith("_id"))
            raise IntegrityViolation(
                f"The {self.label} refers to something that does not exist: check {parents}."
            ) from error
        if inserted:
            return value
        return self.find_existing(db, value, fields)

    def insert_query(self) -> Query:
        """Build the INSERT of a row, which does nothing if the row is in conflict with another."""
        values = {self.column(name): slot(name) for name in self.rows.names}
        return self.table.insert(values).on_conflict(action="nothing")

    def find_existing(self, db: Statements, value: V, fields: Fields) -> V:
        """Return the row because of which a value was not inserted.

        Raises:
            ArtifactConflict: it differs in a field that the caller has set.
        """
        stored = self.read(db, value.id)
        if stored is not None:
            for name in fields:
                if getattr(stored, name) != getattr(value, name):
                    raise ArtifactConflict(
                        f"The {self.label} {value.id} already exists with different content ({name}): "
                        "leave out the id, or pass what is stored."
                    )
            return stored

        values = encode_fields(value, self.natural_key)
        key = (self.label, "natural key")
        row = db.fetch_one(key, self.select_by_natural_key, values)
        if row is None:  # deleted since the insert
            return self.create(db, fields, value.id)
        existing = self.rows.value(row)
        if "id" in fields:
            name = self.natural_key[-1]
            raise ArtifactConflict(
                f"The {self.label} with the {name} {getattr(existing, name)!r:.200} exists under "
                f"another id, {existing.id}: leave out the id to get it, or choose another {name}."
            )
        return existing

    def select(self) -> "peewee.ModelSelect[TableWithId]":
        """Build the SELECT of all columns."""
        return self.table.select(*self.columns)

    def select_by_natural_key(self) -> Query:
        """Build the SELECT of the row with a natural key."""
        conditions = [self.column(name) == slot(name) for name in self.natural_key]
        return self.select().where(*conditions)

    def read(self, db: Statements, entity_id: UUID) -> V | None:
        """Return a row by id."""

        def build() -> Query:
            return self.select().where(self.table.id == slot("id"))

        key = (self.label, "read")
        row = db.fetch_one(key, build, {"id": str(entity_id)})
        return None if row is None else self.rows.value(row)

    def read_many(self, db: Statements, ids: Sequence[UUID]) -> list[V]:
        """Return the rows that exist of some ids, in any order."""

        def build() -> Query:
            is_wanted = db.dialect.is_in(self.table.id, slot("ids"))
            return self.select().where(is_wanted)

        values = {"ids": db.dialect.bind_list(ids)}
        rows = db.fetch_all((self.label, "read_many"), build, values)
        return self.rows.values(rows)

    def page(
        self,
        reader: Reader,
        offset: int | None,
        limit: int | None,
        sort: RunSort,
        filters: Mapping[str, object],
    ) -> RunList[V]:
        """Return a page of rows, from the replica if there is one.

        Raises:
            InvalidQuery: an argument is not valid.
        """
        first, most = check_page(offset, limit)
        order = parse_sort(RunSort, sort)
        return RunList(reader(self.read_page, first, most, order, filters))

    def read_page(
        self,
        db: Statements,
        offset: int,
        limit: int | None,
        sort: RunSort,
        filters: Mapping[str, object],
    ) -> list[V]:
        """Return a page of rows; the offset, the limit and the sort are valid."""
        dialect = db.dialect
        condition, values = compile_filters(self.filter_name, filters, dialect)

        def build() -> Query:
            query = apply_condition(self.select(), condition, dialect)
            ordered = query.order_by(*run_ordering(sort, self.table))
            return ordered.limit(slot("limit")).offset(slot("offset"))

        values["limit"] = dialect.unlimited if limit is None else limit
        values["offset"] = offset
        key = (self.label, "page", sort, condition)
        rows = db.fetch_all(key, build, values)
        return self.rows.values(rows)


class RunEntity(Entity[V]):
    """The statements of a table whose rows have a state."""

    def set_state(
        self,
        db: Statements,
        run_id: UUID,
        state_type: str,
        name: str | None = None,
        message: str | None = None,
        *,
        unless_final: bool = False,
        time: datetime | None = None,
    ) -> bool:
        """Put a run into a state, and set or clear its start and end time.

        Args:
            db: the statements of a store.
            run_id: the id of the run.
            state_type: the type of the state.
            name: the name of the state; the capitalised type by default.
            message: why the run is in this state.
            unless_final: whether a run that is in a final state stays in it.
            time: when the run entered the state; now by default.

        Returns:
            Whether the run exists and its state was set.

        Raises:
            InvalidQuery: there is no such state type, or the name or the message is not text.
        """
        # What is not text is refused by State.
        if name is None and isinstance(state_type, str):
            name = state_type.capitalize()
        fields = {"state_type": state_type, "state_name": name, "state_message": message}
        state = checked(State, fields)
        values = {
            "id": str(run_id),
            "time": encode_time(time or now()),
            **dict(state),
        }

        is_running = state_type == "RUNNING"
        is_final = state_type in FINAL_STATES
        build = partial(self.state_query, is_running, is_final, unless_final)
        key = (self.label, "state", is_running, is_final, unless_final)
        update = partial(db.execute, key, build, values)
        db.pending_writes.flush()
        return db.engine.run_idempotent(update) > 0

    def state_query(self, is_running: bool, is_final: bool, unless_final: bool) -> Query:
        """Build the UPDATE that puts a run into a state."""
        start_time = self.column("start_time")
        state_type = self.column("state_type")
        changes: dict[peewee.Field, object] = {
            state_type: slot("state_type"),
            self.column("state_name"): slot("state_name"),
            self.column("state_message"): slot("state_message"),
            self.column("updated"): slot("time"),
            self.column("end_time"): slot("time") if is_final else None,
        }
        if is_running:
            changes[start_time] = peewee.fn.COALESCE(start_time, slot("time"))

        query = self.table.update(changes).where(self.table.id == slot("id"))
        if unless_final:
            query = query.where(state_type.is_null() | state_type.not_in(FINAL_STATES))
        return query


FLOWS = Entity("flow_filter", Flow, run_tables.Flow, ("name",))
DEPLOYMENTS = Entity("deployment_filter", Deployment, run_tables.Deployment, ("flow_id", "name"))
FLOW_RUNS = RunEntity(
    "flow_run_filter", FlowRun, run_tables.FlowRun, ("flow_id", "idempotency_key")
)
TASK_RUNS = RunEntity("task_run_filter", TaskRun, run_tables.TaskRun)
WORK_POOLS = Entity("work_pool_filter", WorkPool, run_tables.WorkPool, ("name",))
WORK_QUEUES = Entity("work_queue", WorkQueue, run_tables.WorkQueue, ("work_pool_id", "name"))


def create_flow_run(db: Statements, fields: Fields) -> FlowRun:
    """Create a flow run, or return the one with the same id or idempotency key.

    The name is the id as text by default.
    """
    run_id = new_id()
    return FLOW_RUNS.create(db, with_default_name(fields, run_id), run_id)


def create_task_run(db: Statements, fields: Fields) -> TaskRun:
    """Create a task run, or return the one with the same id.

    The name is the id as text by default, and the task key is the name.
    """
    run_id = new_id()
    named = with_default_name(fields, run_id)
    return TASK_RUNS.create(db, {"task_key": named["name"], **named}, run_id)


def with_default_name(fields: Fields, default_id: UUID) -> dict[str, object]:
    """Return the fields of a run with a name; without an `id` if that is `None`."""
    named = dict(fields)
    if named.get("id") is None:
        named.pop("id", None)
    if "name" not in named:
        run_id = as_uuid(named.get("id", default_id))
        named["name"] = str(run_id)
    return named


class ParentRuns(NamedTuple):
    """The runs that an artifact was created in; `None` for what is unknown or does not exist."""

    flow_run: FlowRun | None
    flow: Flow | None
    task_run: TaskRun | None
    deployment: Deployment | None


def read_parent_runs(
    db: Statements, flow_run_id: UUID | None, task_run_id: UUID | None
) -> ParentRuns:
    """Return the runs with these ids, the flow and the deployment.

    Without a flow run id, the flow run is that of the task run.
    """
    flow_run: FlowRun | None = None
    flow: Flow | None = None
    task_run: TaskRun | None = None
    deployment: Deployment | None = None
    if task_run_id is not None:
        task_run = TASK_RUNS.read(db, task_run_id)
    if flow_run_id is None and task_run is not None:
        flow_run_id = task_run.flow_run_id
    if flow_run_id is not None:
        flow_run = FLOW_RUNS.read(db, flow_run_id)
    if flow_run is not None:
        flow = FLOWS.read(db, flow_run.flow_id)
        if flow_run.deployment_id is not None:
            deployment = DEPLOYMENTS.read(db, flow_run.deployment_id)
    return ParentRuns(flow_run, flow, task_run, deployment)
