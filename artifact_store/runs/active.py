"""Blocks and decorated calls that are runs: created at the start, ended at the end.

The state of a run is written however its block ends, even if an interrupt comes during a write or
the process is told to stop (`sigterm`). If the garbage collector closes a generator that is inside
the block, no statement may run, and the next call of the store writes it (`pending_writes`).
"""

import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import copy
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import ClassVar, Generic, Literal, NamedTuple, ParamSpec, TypeVar, overload
from uuid import UUID

from ..base import Writer
from ..clock import new_id, now
from ..context import CURRENT, Origin, current
from ..db.gc_guard import collecting, interrupting
from ..db.statements import Statements
from ..errors import InvalidQuery
from ..schemas.artifacts import as_uuid
from ..schemas.runs import Deployment, Flow, FlowRun, TaskRun
from .current import EndState, OpenFlowRun, OpenRun, OpenTaskRun, Use, known_origin
from .decorators import Method, decorate
from .queries import (
    DEPLOYMENTS,
    FLOW_RUNS,
    FLOWS,
    TASK_RUNS,
    Fields,
    RunEntity,
    create_flow_run,
    create_task_run,
)
from .sigterm import WATCH, Terminated, WatchedRun

__all__ = ["FlowRunBlock", "TaskRunBlock"]

P = ParamSpec("P")
R = TypeVar("R")
Opened = TypeVar("Opened", bound=OpenRun)

_MAX_MESSAGE = 4_000  # characters; some errors quote all of their input


class ActiveRun(NamedTuple):
    """What is known about a run while its block is open.

    Attributes:
        run_id: the id of the run.
        stand_in_id: the id of the task run that represents the run in its parent, if it needs one.
        start_time: when it began.
        process_id: the process that ends the run. A child that is forked in the block does not.
        in_block: whether it began in a block of the caller's, whose rollback removes it.
        watched: makes signals end the run; `None` if they do not.
    """

    run_id: UUID
    stand_in_id: UUID
    start_time: datetime
    process_id: int
    in_block: bool
    watched: WatchedRun | None


class RunRow(NamedTuple):
    """A row that has the state of a run."""

    entity: RunEntity[FlowRun] | RunEntity[TaskRun]
    run_id: UUID


class RunBlock(ABC, Generic[Opened]):
    """A `with` block that is a run. As a decorator, it makes each call of a function a run."""

    label: ClassVar[str]

    def __init__(self, writer: Writer, use: Use, name: str | None, fields: Fields) -> None:
        """Take a store to write to, what reads for its runs, the name, and other fields of the run."""
        self._writer = writer
        self._use = use
        self._name = name
        self._fields = fields
        self._active: ActiveRun | None = None
        self._origin: Origin | None = None
        self._opened: Opened | None = None
        self._rows: list[RunRow] = []

    @abstractmethod
    def create_run(self, active: ActiveRun, name: str) -> Opened:
        """Create the run, and set `_rows` to the rows that have its state."""

    def __enter__(self) -> Opened:
        """Create the run, in the state RUNNING."""
        if self._active is not None:
            raise InvalidQuery(f"This {self.label} is open already: ask the store for another one.")
        method = self.label.replace(" ", "_")
        if self._name is None:
            raise InvalidQuery(f'A {self.label} needs a name: give one, as in {method}("load").')

        db = self._writer.db
        db.engine.refuse_in_snapshot(method)
        db.pending_writes.flush()
        active = ActiveRun(
            run_id=new_id(),
            stand_in_id=new_id(),
            start_time=now(),
            process_id=os.getpid(),
            in_block=db.engine.in_block(),
            watched=WATCH.open(),  # last, since signals are held from here on
        )
        self._active = active
        try:
            create = partial(self.create_run, active, self._name)
            run = db.engine.run_idempotent(create)
            self._opened = run
            self._origin = run._origin
            CURRENT.set(self._origin)
            if active.watched is not None:
                WATCH.release()
        except BaseException as error:
            self._close(active, error)
            raise
        return run

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Literal[False]:
        """End the run, in the state that says how the block ended."""
        if self._active is not None:
            self._close(self._active, error)
        return False

    def _close(self, active: ActiveRun, error: BaseException | None) -> None:
        origin = self._origin
        self._origin = None
        self._active = None
        if origin is not None:
            origin.ended = True
            if CURRENT.get() is origin:
                CURRENT.set(current())
        if active.process_id != os.getpid():
            return

        if active.watched is not None:
            WATCH.hold()
        try:
            # Without an origin and after an ordinary error, the run was not created. An interrupt
            # may have come just after it was.
            if origin is not None or not isinstance(error, Exception):
                self._end_run(active, error)
        finally:
            if active.watched is not None:
                WATCH.close(active.watched)

    def _end_run(self, active: ActiveRun, error: BaseException | None) -> None:
        db = self._writer.db
        received = WATCH.received if active.watched is not None else 0
        chosen = None if self._opened is None else self._opened._chosen_end
        state = end_state(error, received, chosen)
        write = partial(write_end_state, db, self._rows, state, now())
        if self._must_defer(active, error):
            db.pending_writes.writes.append(write)
            return

        is_interrupt = not isinstance(error, Exception | GeneratorExit | None)
        if is_interrupt and not active.in_block:
            db.engine.reset_after_interrupt()
        try:
            write()
        except Exception as failure:
            if error is None:
                raise
            error.add_note(
                f"The {self.label} {active.run_id} could not be put into the state "
                f"{state.type}: {failure}"
            )

    def _must_defer(self, active: ActiveRun, error: BaseException | None) -> bool:
        """Return whether the state cannot be written now.

        The garbage collector may close a generator that is inside the block during a statement. In
        a block of the caller's that was opened later, a rollback would undo the write.
        """
        if not isinstance(error, GeneratorExit):
            return collecting()
        if interrupting():
            return True
        return not active.in_block and self._writer.db.engine.in_block()

    @overload
    def __call__(self, function: Method) -> Method: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, function: Callable[P, R]) -> Callable[P, R]: ...

    def __call__(self, function: object) -> object:
        """Make each call of a function a run; a method or a property stays one."""
        return decorate(function, self.label, self._block_factory)

    def _block_factory(self, function_name: str | None) -> Callable[[], "RunBlock[Opened]"]:
        """Return a function that makes the block of one call of a function."""
        block = copy(self)
        if block._name is None:
            block._name = self.default_name(function_name)
        return partial(copy, block)

    def default_name(self, function_name: str | None) -> str | None:
        """Return the name of the flow or task that a function is."""
        return function_name


WATCH.never_raise_in(
    RunBlock.__enter__.__code__,
    RunBlock.__exit__.__code__,
    RunBlock._close.__code__,
)


class FlowRunBlock(RunBlock[OpenFlowRun]):
    """A `with` block, or the calls of a decorated function, that are runs of a flow."""

    label = "flow run"

    def __init__(
        self,
        writer: Writer,
        use: Use,
        name: str | None,
        deployment: Deployment | UUID | str | None,
        fields: Fields,
    ) -> None:
        """Take the deployment besides what every run takes."""
        super().__init__(writer, use, name, fields)
        self._deployment = deployment

    def create_run(self, active: ActiveRun, name: str) -> OpenFlowRun:
        """Create the run, its flow and its deployment, and a task run in the parent if needed."""
        db = self._writer.db
        flow = FLOWS.create(db, {"name": name})
        self._rows = [RunRow(FLOW_RUNS, active.run_id)]
        fields = {"name": f"{name}-{active.start_time:%Y%m%dT%H%M%SZ}", **self._fields}
        if self._deployment is not None:
            deployment = self.find_deployment(self._deployment, flow)
            fields["deployment_id"] = deployment.id
            fields["work_queue_id"] = deployment.work_queue_id
        fields["parent_task_run_id"] = self.find_parent(active, name)

        identity = {"id": active.run_id, "flow_id": flow.id}
        run = create_flow_run(db, {**fields, **running_state(active), **identity})
        origin = Origin(self._writer.database, run.id, None, current())
        return OpenFlowRun(run, origin, self._use)

    def find_deployment(self, deployment: Deployment | UUID | str, flow: Flow) -> Deployment:
        """Return the deployment with an id or a name; a name that does not exist is created.

        Raises:
            InvalidQuery: there is no deployment with the id.
        """
        if isinstance(deployment, Deployment):
            return deployment
        db = self._writer.db
        try:
            deployment_id = as_uuid(deployment)
        except InvalidQuery:  # it is a name
            return DEPLOYMENTS.create(db, {"name": deployment, "flow_id": flow.id})
        stored = DEPLOYMENTS.read(db, deployment_id)
        if stored is None:
            raise InvalidQuery(
                f"There is no deployment with the id {deployment}: "
                "give its name, to find or create it."
            )
        return stored

    def find_parent(self, active: ActiveRun, name: str) -> UUID | None:
        """Return the id of the task run that the run is nested in.

        It is the current task run. If only a flow run is open, a task run is created that
        represents the new run in it, and has its state.
        """
        outer = known_origin(self._writer)
        if outer is None:
            return None
        if outer.task_run_id is not None or outer.flow_run_id is None:
            return outer.task_run_id

        self._rows.append(RunRow(TASK_RUNS, active.stand_in_id))
        identity = {"id": active.stand_in_id, "name": name, "flow_run_id": outer.flow_run_id}
        stand_in = create_task_run(self._writer.db, {**identity, **running_state(active)})
        return stand_in.id

    def default_name(self, function_name: str | None) -> str | None:
        """Return the name of the flow that a function is, with `-` for `_`."""
        if function_name is None:
            return None
        return function_name.replace("_", "-")


class TaskRunBlock(RunBlock[OpenTaskRun]):
    """A `with` block, or the calls of a decorated function, that are runs of a task."""

    label = "task run"

    def create_run(self, active: ActiveRun, name: str) -> OpenTaskRun:
        """Create the run, in the current flow run if the store has it."""
        writer = self._writer
        outer = writer.origin()
        known = known_origin(writer)
        self._rows = [RunRow(TASK_RUNS, active.run_id)]
        identity = {"id": active.run_id, "task_key": name}
        fields = {"name": name, **self._fields, **identity, **running_state(active)}
        if known is not None and known.flow_run_id is not None:
            fields["flow_run_id"] = known.flow_run_id
        run = create_task_run(writer.db, fields)

        if outer is None:
            origin = Origin(writer.database, None, run.id, current())
        else:
            flow = outer.flow or outer
            origin = Origin(writer.database, outer.flow_run_id, run.id, current(), flow)
        return OpenTaskRun(run, origin, self._use)


def running_state(active: ActiveRun) -> dict[str, object]:
    """Return the fields of a run that begins."""
    return {
        "state_type": "RUNNING",
        "state_name": "Running",
        "start_time": active.start_time,
    }


def write_end_state(db: Statements, rows: list[RunRow], state: EndState, time: datetime) -> None:
    """Put a run, and the task run that represents it in its parent, into the state it ends in."""
    # The block may have put the run into a final state of its choice.
    unless_final = state.type == "COMPLETED"

    def write() -> None:
        for entity, run_id in rows:
            entity.set_state(
                db,
                run_id,
                state.type,
                message=state.message,
                unless_final=unless_final,
                time=time,
            )

    db.engine.run_idempotent(write)


def end_state(error: BaseException | None, received: int, chosen: EndState | None) -> EndState:
    """Return the state of a run whose block has ended.

    Args:
        error: the error that ended the block; `None` if there was none.
        received: the signal that told the process to stop; 0 if there was none.
        chosen: the state that the block has chosen with `end_as`, if it has.
    """
    is_exit = isinstance(error, SystemExit)
    if is_from_signal(error) or (is_exit and received):
        name = signal.Signals(received or signal.SIGTERM).name
        return EndState("CRASHED", f"{name} told the process to stop.")
    exit_code = error.code if isinstance(error, SystemExit) else None
    has_left = isinstance(error, GeneratorExit) or (is_exit and not exit_code)
    if error is None or has_left:
        return chosen or EndState("COMPLETED", None)
    if is_exit or isinstance(error, Exception):
        return EndState("FAILED", error_message(error))
    return EndState("CRASHED", error_message(error))


def is_from_signal(error: BaseException | None) -> bool:
    """Return whether an error is `Terminated`, or was raised while that was handled.

    A driver that is interrupted in the middle of a statement may fail to end it, and raise that.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, Terminated):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def error_message(error: BaseException) -> str:
    """Return the type and the text of an error, as text that can be stored."""
    message = type(error).__name__
    try:
        text = str(error)
    except Exception:  # raised by the user's class
        text = ""
    if text:
        message = f"{message}: {text}"

    # Lone surrogates and NUL cannot be stored.
    message = message.encode("utf-8", "replace").decode()
    message = message.replace("\0", "\ufffd")
    if len(message) > _MAX_MESSAGE:
        return f"{message[: _MAX_MESSAGE - 1]}…"
    return message
