"""The statements over flows, deployments, flow runs, task runs, work pools and work queues.

The six entities are alike, so one set of statements serves them all.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar
from uuid import UUID

import peewee

from ..clock import new_id, now
from ..db import run_tables
from ..db.artifact_tables import TableWithId
from ..db.dialects import encode_time
from ..db.replica import Reader
from ..db.rows import Rows, bound
from ..db.statements import Query, Statements, slot
from ..errors import ArtifactConflict, IntegrityViolation
from ..filters.compiler import apply_condition, compile_filters
from ..filters.orders import run_ordering
from ..schemas.artifacts import as_uuid
from ..schemas.runs import (
    Deployment,
    Flow,
    FlowRun,
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
    "create_flow_run",
    "create_task_run",
    "made_by",
]

V = TypeVar("V", bound=RunValue)

_FINAL = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")


class Entity(Generic[V]):
    """The statements of one table of runs."""

    def __init__(
        self, filter_name: str, value: type[V], table: type[TableWithId], *natural: str
    ) -> None:
        self.filter_name = filter_name
        self.value, self.table, self.natural = value, table, natural
        self.rows = Rows(value)
        self.columns = tuple(getattr(table, name) for name in self.rows.names)
        self.label = table._meta.table_name.replace("_", " ")

    def create(self, db: Statements, fields: dict[str, Any], new: UUID | None = None) -> V:
        """Insert a row, or return the one that has the same id or natural key.

        Args:
            db: the statements of a store.
            fields: what the caller has set; an `id` is the caller's own.
            new: the id of the row when the caller has set none.

        Raises:
            ArtifactConflict: the id is taken by a row with other content, or the natural key by one with another id.
            IntegrityViolation: the row refers to something that does not exist.
        """
        db.pending_writes.flush()
        time = now()
        value = checked(
            self.value, {"id": new or new_id(), "created": time, "updated": time, **fields}
        )
        row = bound(value, self.rows.names)
        try:
            # In a block of its own, because inside one a refused row would spoil what came before it.
            inserted = db.engine.run_idempotent(
                partial(db.execute, (self.label, "insert"), self._insert, row)
            )
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
        found = db.fetch_one((self.label, "natural"), self._by_natural_key, row)
        if found is None:  # deleted in between
            return self.create(db, fields, value.id)
        other = self.rows.value(found)
        if "id" in fields:
            name = self.natural[-1]
            raise ArtifactConflict(
                f"The {self.label} with the {name} {getattr(other, name)!r:.200} exists under another id, {other.id}: "
                f"leave out the id to get it, or choose another {name}."
            )
        return other

    def _by_natural_key(self) -> Query:
        return self.table.select(*self.columns).where(
            *[getattr(self.table, name) == slot(name) for name in self.natural]
        )

    def read(self, db: Statements, entity_id: UUID) -> V | None:
        """Return a row by id."""

        def build() -> Query:
            return self.table.select(*self.columns).where(self.table.id == slot("id"))

        row = db.fetch_one((self.label, "read"), build, {"id": str(entity_id)})
        return None if row is None else self.rows.value(row)

    def read_many(self, db: Statements, ids: Sequence[UUID]) -> list[V]:
        """Return the rows that there are among some ids."""

        def build() -> Query:
            return self.table.select(*self.columns).where(
                db.dialect.is_in(self.table.id, slot("ids"))
            )

        return self.rows.values(
            db.fetch_all((self.label, "read_many"), build, {"ids": db.dialect.bind_list(ids)})
        )

    def page(
        self,
        reader: Reader,
        offset: int | None,
        limit: int | None,
        sort: RunSort,
        filters: Mapping[str, object],
    ) -> list[V]:
        """Return a page of rows, from the replica where there is one."""
        start, most = check_page(offset, limit)
        return reader(self.read_page, start, most, parse_sort(RunSort, sort), filters)

    def read_page(
        self,
        db: Statements,
        offset: int,
        limit: int | None,
        sort: RunSort,
        filters: Mapping[str, object],
    ) -> list[V]:
        """Return a page of rows."""
        dialect = db.dialect
        condition, values = compile_filters(self.filter_name, filters, dialect)

        def build() -> Query:
            query = apply_condition(self.table.select(*self.columns), condition, dialect)
            return (
                query.order_by(*run_ordering(sort, self.table))
                .limit(slot("limit"))
                .offset(slot("offset"))
            )

        values |= {"limit": dialect.unlimited if limit is None else limit, "offset": offset}
        return self.rows.values(db.fetch_all((self.label, "page", sort, condition), build, values))

    def set_state(
        self,
        db: Statements,
        entity_id: UUID,
        state_type: str,
        name: str | None = None,
        message: str | None = None,
        *,
        unless_final: bool = False,
        time: datetime | None = None,
    ) -> bool:
        """Put a run into a state and keep its times, at a time or now; a final state may be left as it is."""
        if name is None and isinstance(state_type, str):
            name = state_type.capitalize()
        given = {"state_name": name, "state_message": message}
        state = checked(State, {"state_type": state_type, **given})
        values = {"id": str(entity_id), "time": encode_time(time or now()), **dict(state)}
        running, final = state_type == "RUNNING", state_type in _FINAL

        def build() -> Query:
            column = self.table._meta.fields
            changes: dict[peewee.Field, object] = {
                column[name]: slot(name) for name in ("state_type", "state_name", "state_message")
            }
            changes[column["updated"]] = slot("time")
            changes[column["end_time"]] = slot("time") if final else None
            if running:
                start = column["start_time"]
                changes[start] = peewee.fn.COALESCE(start, slot("time"))
            query = self.table.update(changes).where(self.table.id == slot("id"))
            if unless_final:
                state = column["state_type"]
                query = query.where(state.is_null() | state.not_in(_FINAL))
            return query

        db.pending_writes.flush()
        change = partial(
            db.execute, (self.label, "state", running, final, unless_final), build, values
        )
        return db.engine.run_idempotent(change) > 0


FLOWS = Entity("flow_filter", Flow, run_tables.Flow, "name")
DEPLOYMENTS = Entity("deployment_filter", Deployment, run_tables.Deployment, "flow_id", "name")
FLOW_RUNS = Entity("flow_run_filter", FlowRun, run_tables.FlowRun, "flow_id", "idempotency_key")
TASK_RUNS = Entity("task_run_filter", TaskRun, run_tables.TaskRun)
WORK_POOLS = Entity("work_pool_filter", WorkPool, run_tables.WorkPool, "name")
WORK_QUEUES = Entity("work_queue", WorkQueue, run_tables.WorkQueue, "work_pool_id", "name")


def create_flow_run(db: Statements, fields: Mapping[str, Any]) -> FlowRun:
    """Create a flow run; without a name it is called by its id."""
    new = new_id()
    return FLOW_RUNS.create(db, _with_name(fields, new), new)


def create_task_run(db: Statements, fields: Mapping[str, Any]) -> TaskRun:
    """Create a task run; without a name it is called by its id, and its task key is its name unless it is given."""
    new = new_id()
    named = _with_name(fields, new)
    return TASK_RUNS.create(db, {"task_key": named["name"], **named}, new)


def _with_name(fields: Mapping[str, Any], new: UUID) -> dict[str, Any]:
    """Return the fields of a run with its name; `new` is its id unless the caller has set one."""
    named = dict(fields)
    if named.get("id") is None:
        named.pop("id", None)
    if "name" not in named:
        named["name"] = str(as_uuid(named.get("id", new)))
    return named


def made_by(
    db: Statements, flow_run_id: UUID | None, task_run_id: UUID | None
) -> tuple[FlowRun | None, Flow | None, TaskRun | None]:
    """Return the flow run, its flow and the task run that are known by these ids; a task run may tell its flow run."""
    task_run = None if task_run_id is None else TASK_RUNS.read(db, task_run_id)
    if flow_run_id is None and task_run is not None:
        flow_run_id = task_run.flow_run_id
    flow_run = None if flow_run_id is None else FLOW_RUNS.read(db, flow_run_id)
    return flow_run, None if flow_run is None else FLOWS.read(db, flow_run.flow_id), task_run
