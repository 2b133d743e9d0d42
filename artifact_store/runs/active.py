"""Runs that last as long as a block or a call: each is created, is known to what is published meanwhile, and ended.

A state is written whatever ends the block: also when an interrupt comes in the middle of a write, or when the
process is told to stop (`sigterm`). Where nothing may be written, as when the garbage collector closes a generator
that holds the block, the next call of the store does it (`pending_writes`).
"""

import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import copy
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, ClassVar, Generic, Literal, NamedTuple, ParamSpec, TypeVar, overload
from uuid import UUID

from ..base import Writer
from ..clock import new_id, now
from ..context import CURRENT, Origin, current
from ..db.gc_guard import collecting, interrupting
from ..db.statements import Statements
from ..errors import InvalidQuery
from ..schemas.artifacts import as_uuid
from ..schemas.runs import Deployment, Flow, StateType
from .current import OpenFlowRun, OpenRun, OpenTaskRun, known_origin
from .decorators import Method, decorate
from .queries import (
    DEPLOYMENTS,
    FLOW_RUNS,
    FLOWS,
    TASK_RUNS,
    Entity,
    create_flow_run,
    create_task_run,
)
from .sigterm import WATCH, Terminated, Watched

__all__ = ["FlowRunBlock", "TaskRunBlock"]

P = ParamSpec("P")
R = TypeVar("R")
Opened = TypeVar("Opened", bound=OpenRun)

_LONGEST_MESSAGE = 4_000  # characters; some errors quote all that they were given


class Begun(NamedTuple):
    """One entry of a block.

    Attributes:
        run_id: the id of the run.
        parent_id: the id of the task run that stands for the run in its parent, should it need one.
        time: when it began.
        process: the one that ends the run; a child that is forked inside the block leaves it alone.
        inside: it began inside an atomic block of the caller's.
        watched: by what signals that stop the process end this run; `None` when they do not.
    """

    run_id: UUID
    parent_id: UUID
    time: datetime
    process: int
    inside: bool
    watched: Watched | None


class RunBlock(ABC, Generic[Opened]):
    """A `with` block that is a run; as a decorator, every call of a function is one."""

    label: ClassVar[str]

    def __init__(self, writer: Writer, name: str | None, fields: Mapping[str, Any]) -> None:
        """Take a store to write to, the name of what is run, and fields of the run."""
        self._writer = writer
        self._name = name
        self._fields = fields
        self._begun: Begun | None = None
        self._origin: Origin | None = None
        self._rows: list[tuple[Entity[Any], UUID]] = []

    @abstractmethod
    def _begin(self, begun: Begun, name: str) -> Opened:
        """Make the run, and note the rows that have its state."""

    def _state(self, begun: Begun) -> dict[str, Any]:
        return {"state_type": "RUNNING", "state_name": "Running", "start_time": begun.time}

    def __enter__(self) -> Opened:
        """Make the run, in the state RUNNING."""
        if self._begun is not None:
            raise InvalidQuery(f"This {self.label} is open already: ask the store for another one.")
        if self._name is None:
            raise InvalidQuery(
                f'A {self.label} needs a name: give one, as in {self.label.replace(" ", "_")}("load").'
            )
        db = self._writer.db
        engine = db.engine
        db.pending_writes.flush()
        begun = Begun(new_id(), new_id(), now(), os.getpid(), engine.in_block(), WATCH.opening())
        self._begun = begun
        try:
            run = engine.run_idempotent(partial(self._begin, begun, self._name))
            self._origin = run._origin
            CURRENT.set(self._origin)
            if begun.watched is not None:
                WATCH.released()
        except BaseException as error:
            self._leave(begun, error)
            raise
        return run

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Literal[False]:
        """Put the run into the state that tells how the block was left."""
        if self._begun is not None:
            self._leave(self._begun, error)
        return False

    def _leave(self, begun: Begun, error: BaseException | None) -> None:
        origin, self._begun, self._origin = self._origin, None, None
        if origin is not None:
            origin.ended = True
            if CURRENT.get() is origin:
                CURRENT.set(current())
        if begun.process != os.getpid():
            return
        if begun.watched is not None:
            WATCH.hold()
        try:
            # What the store refuses was not begun; an interrupt may have come when it was, just before it was known.
            if origin is not None or not isinstance(error, Exception):
                self._end(begun, error)
        finally:
            if begun.watched is not None:
                WATCH.closed(begun.watched)

    def _end(self, begun: Begun, error: BaseException | None) -> None:
        db = self._writer.db
        state, message = _outcome(error, WATCH.told if begun.watched is not None else 0)
        end = partial(_put, db, self._rows, state, message, now())
        if self._later(begun, error):
            db.pending_writes.writes.append(end)
            return
        if not begun.inside and not isinstance(error, Exception | GeneratorExit | None):
            db.engine.reset_after_interrupt()
        try:
            end()
        except Exception as failure:
            if error is None:
                raise
            error.add_note(
                f"The {self.label} {begun.run_id} could not be put into the state {state}: {failure}"
            )

    def _later(self, begun: Begun, error: BaseException | None) -> bool:
        """Tell whether the state cannot be written here, where a generator that holds the block is closed.

        The garbage collector may close it in the middle of a statement. Inside a block that is open meanwhile the
        state would be undone with it.
        """
        if not isinstance(error, GeneratorExit):
            return collecting()
        return interrupting() or (not begun.inside and self._writer.db.engine.in_block())

    @overload
    def __call__(self, function: Method) -> Method: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, function: Callable[P, R]) -> Callable[P, R]: ...

    def __call__(self, function: Any) -> Any:
        """Return a function of which each call is a run of its own; of a method or a property, the same kind."""
        return decorate(function, self.label, self._block_of)

    def _block_of(self, function_name: str | None) -> Callable[[], "RunBlock[Opened]"]:
        """Return what makes the block of one call of a function."""
        block = copy(self)
        if block._name is None:
            block._name = self._run_name_of(function_name)
        return partial(copy, block)

    def _run_name_of(self, function_name: str | None) -> str | None:
        """Return what runs are called that are calls of a function."""
        return function_name


WATCH.keep_out_of(RunBlock.__enter__, RunBlock.__exit__, RunBlock._leave)


class FlowRunBlock(RunBlock[OpenFlowRun]):
    """A `with` block, or the calls of a decorated function, that are runs of a flow."""

    label = "flow run"

    def __init__(
        self,
        writer: Writer,
        name: str | None,
        deployment: Deployment | UUID | str | None,
        fields: Mapping[str, Any],
    ) -> None:
        """Take a store to write to, the flow's name, its deployment and fields of the run."""
        super().__init__(writer, name, fields)
        self._deployment = deployment

    def _begin(self, begun: Begun, name: str) -> OpenFlowRun:
        db = self._writer.db
        flow = FLOWS.create(db, {"name": name})
        self._rows = [(FLOW_RUNS, begun.run_id)]
        fields = {
            "name": f"{name}-{begun.time:%Y%m%dT%H%M%SZ}",
            **self._fields,
            **self._deployment_fields(flow),
        }
        fields["parent_task_run_id"] = self._parent(begun, name)
        run = create_flow_run(
            db, {**fields, **self._state(begun), "id": begun.run_id, "flow_id": flow.id}
        )
        return OpenFlowRun(run, Origin(self._writer.place, run.id, None, current()))

    def _deployment_fields(self, flow: Flow) -> dict[str, UUID | None]:
        """Return the fields that say which deployment runs."""
        if self._deployment is None:
            return {}
        deployment = self._deployment
        if not isinstance(deployment, Deployment):
            deployment = self._find_deployment(deployment, flow)
        return {"deployment_id": deployment.id, "work_queue_id": deployment.work_queue_id}

    def _find_deployment(self, id_or_name: UUID | str, flow: Flow) -> Deployment:
        """Return the deployment with an id, or the one with a name, which is created when there is none."""
        db = self._writer.db
        try:
            deployment_id = as_uuid(id_or_name)
        except InvalidQuery:  # so it is a name
            return DEPLOYMENTS.create(db, {"name": id_or_name, "flow_id": flow.id})
        found = DEPLOYMENTS.read(db, deployment_id)
        if found is None:
            raise InvalidQuery(
                f"There is no deployment with the id {id_or_name}: give its name, to find or create it."
            )
        return found

    def _parent(self, begun: Begun, name: str) -> UUID | None:
        """Return the task run that the run is nested in: the current one, else one that stands for the run."""
        outer = known_origin(self._writer)
        if outer is None:
            return None
        if outer.task_run_id is not None or outer.flow_run_id is None:
            return outer.task_run_id
        self._rows.append((TASK_RUNS, begun.parent_id))
        fields = {
            "id": begun.parent_id,
            "name": name,
            "flow_run_id": outer.flow_run_id,
            **self._state(begun),
        }
        return create_task_run(self._writer.db, fields).id

    def _run_name_of(self, function_name: str | None) -> str | None:
        return function_name and function_name.replace("_", "-")


class TaskRunBlock(RunBlock[OpenTaskRun]):
    """A `with` block, or the calls of a decorated function, that are runs of a task."""

    label = "task run"

    def _begin(self, begun: Begun, name: str) -> OpenTaskRun:
        writer = self._writer
        outer = writer.origin()
        known = known_origin(writer)
        self._rows = [(TASK_RUNS, begun.run_id)]
        fields = {
            "name": name,
            **self._fields,
            "id": begun.run_id,
            "task_key": name,
            **self._state(begun),
        }
        if known is not None and known.flow_run_id is not None:
            fields["flow_run_id"] = known.flow_run_id
        run = create_task_run(writer.db, fields)
        if outer is None:
            return OpenTaskRun(run, Origin(writer.place, None, run.id, current()))
        return OpenTaskRun(
            run, Origin(writer.place, outer.flow_run_id, run.id, current(), outer.flow or outer)
        )


def _put(
    db: Statements,
    rows: list[tuple[Entity[Any], UUID]],
    state: StateType,
    message: str | None,
    time: datetime,
) -> None:
    """Put a run, and what stands for it in its parent, into the state in which it has ended."""

    def put() -> None:
        for entity, run_id in rows:
            entity.set_state(
                db, run_id, state, message=message, unless_final=state == "COMPLETED", time=time
            )

    db.engine.run_idempotent(put)


def _outcome(error: BaseException | None, told: int) -> tuple[StateType, str | None]:
    """Return the state, and the message, of a run whose block was left by an error or without one.

    Args:
        error: the error.
        told: the signal that has told the process to stop; 0 for none.
    """
    if isinstance(error, Terminated) or (told and isinstance(error, SystemExit)):
        return "CRASHED", f"{signal.Signals(told or signal.SIGTERM).name} told the process to stop."
    if (
        error is None
        or isinstance(error, GeneratorExit)
        or (isinstance(error, SystemExit) and not error.code)
    ):
        return "COMPLETED", None
    return ("FAILED" if isinstance(error, Exception | SystemExit) else "CRASHED"), _told_by(error)


def _told_by(error: BaseException) -> str:
    """Return the type and the text of an error, so that it can be stored."""
    try:
        text = str(error)
    except Exception:  # it is code of the user's
        text = ""
    kind = type(error).__name__
    text = (
        (f"{kind}: {text}" if text else kind)
        .encode("utf-8", "replace")
        .decode()
        .replace("\0", "\ufffd")
    )
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[: _LONGEST_MESSAGE - 1]}…"
