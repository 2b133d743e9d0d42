"""Runs that last as long as a block or a call: they are made, known to what is published meanwhile, and ended.

A state is written whatever ends the block: also when an interrupt comes in the middle of a write, or when the
process is told to stop (`termination`). Where nothing may be written, as when the garbage collector closes a generator
that holds the block, the next call of the store does it (`pending_writes`).
"""

import inspect
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextvars import copy_context
from copy import copy
from datetime import datetime
from functools import cached_property, partial, wraps
from types import TracebackType
from typing import Any, ClassVar, Generic, Literal, NamedTuple, ParamSpec, TypeVar, overload
from uuid import UUID

from ..clock import new_id, now
from ..context import CURRENT, FLOW_RUN_VARIABLE, TASK_RUN_VARIABLE, Origin, current
from ..db.gc_guard import collecting, interrupting
from ..db.statements import Statements
from ..errors import InvalidQuery
from ..schemas.runs import Deployment, Flow, FlowRun, StateType, TaskRun
from ..wording import shown
from .methods import RunStore
from .queries import FLOW_RUNS, TASK_RUNS, Entity
from .sigterm import WATCH, Terminated, Watched

__all__ = ["FlowRunBlock", "OpenFlowRun", "OpenRun", "OpenTaskRun", "TaskRunBlock"]

P = ParamSpec("P")
R = TypeVar("R")
Opened = TypeVar("Opened", bound="OpenRun")
Method = TypeVar(
    "Method", bound="classmethod[Any, Any, Any] | staticmethod[Any, Any] | property | cached_property[Any]"
)

_LONGEST_MESSAGE = 4_000  # characters; some errors quote all that they were given


class OpenRun:
    """A run that a block has opened.

    Attributes:
        id: the run's id.
        name: the run's name.
    """

    def __init__(self, run: FlowRun | TaskRun, origin: Origin) -> None:
        """Take the run, and what is stamped on the artifacts that are made in it."""
        self.id: UUID = run.id
        self.name: str = run.name
        self._origin = origin

    def wrap(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return the function, to be called in another thread as if it were called here.

        A thread knows nothing of the runs that are open in the thread that has started it. What a wrapped function
        publishes belongs to this run, and to the task run inside it in which `wrap` was called; also what it publishes
        when the run has ended.

        Args:
            function: a function that is not async.

        Examples:
            >>> from concurrent.futures import ThreadPoolExecutor
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> with store.flow_run("nightly") as run, ThreadPoolExecutor() as threads:
            ...     made = threads.submit(run.wrap(store.create_artifact), key="sales").result()
            >>> made.flow_run_id == run.id
            True
        """
        _refuse(function, "no thread can be given")
        context = copy_context()
        context.run(CURRENT.set, self._kept(current()) or self._kept(self._origin))

        @wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            return context.copy().run(function, *args, **kwargs)  # one context cannot be in two threads at a time

        return wrapper

    def _kept(self, origin: Origin | None) -> Origin | None:
        """Return the runs inside this one, and itself, as what never ends; `None` when this one is not among them."""
        if origin is None:
            return None
        outer = origin.outer
        if origin is not self._origin:
            outer = self._kept(outer)
            if outer is None:
                return None
        return Origin(origin.place, origin.flow_run_id, origin.task_run_id, outer)

    def environment(self) -> dict[str, str]:
        """Return the environment variables that make what a child process publishes belong to this run.

        Examples:
            >>> import os, subprocess
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> with store.flow_run("nightly") as run:
            ...     done = subprocess.run(["true"], env={**os.environ, **run.environment()})
        """
        ids = (self._origin.flow_run_id, self._origin.task_run_id)
        # An empty variable counts as none, and hides the task run that this process itself may have been started from.
        return {
            name: str(run_id or "") for name, run_id in zip((FLOW_RUN_VARIABLE, TASK_RUN_VARIABLE), ids, strict=True)
        }

    def __repr__(self) -> str:
        """Tell the name and the id."""
        return f"<{type(self).__name__} {self.name} {self.id}>"


class OpenFlowRun(OpenRun):
    """A flow run that `store.flow_run` has opened.

    Attributes:
        flow_run: the run as it was made.
    """

    def __init__(self, run: FlowRun, origin: Origin) -> None:
        """Take the run, and what is stamped on the artifacts that are made in it."""
        super().__init__(run, origin)
        self.flow_run = run


class OpenTaskRun(OpenRun):
    """A task run that `store.task_run` has opened.

    Attributes:
        task_run: the run as it was made.
    """

    def __init__(self, run: TaskRun, origin: Origin) -> None:
        """Take the run, and what is stamped on the artifacts that are made in it."""
        super().__init__(run, origin)
        self.task_run = run


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

    def __init__(self, store: RunStore, name: str | None, fields: Mapping[str, Any]) -> None:
        """Take a store, the name of what is run, and fields of the run."""
        self._store, self._name, self._fields = store, name, fields
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
            raise InvalidQuery(f'A {self.label} needs a name: give one, as in {self.label.replace(" ", "_")}("load").')
        engine = self._store._db.engine
        self._store._db.pending_writes.flush()
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
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
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
        db = self._store._db
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
            error.add_note(f"The {self.label} {begun.run_id} could not be put into the state {state}: {failure}")

    def _later(self, begun: Begun, error: BaseException | None) -> bool:
        """Tell whether the state cannot be written here, where a generator that holds the block is closed.

        The garbage collector may close it in the middle of a statement. Inside a block that is open meanwhile the
        state would be undone with it.
        """
        if not isinstance(error, GeneratorExit):
            return collecting()
        return interrupting() or (not begun.inside and self._store._db.engine.in_block())

    @overload
    def __call__(self, function: Method) -> Method: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, function: Callable[P, R]) -> Callable[P, R]: ...

    def __call__(self, function: Any) -> Any:
        """Return a function of which each call is a run of its own; of a method or a property, the same kind."""
        if isinstance(function, classmethod | staticmethod):
            return type(function)(self(function.__func__))
        if isinstance(function, property):
            return self._property(function)
        if isinstance(function, cached_property):
            return cached_property(self(function.func))
        if not callable(function):
            raise InvalidQuery(
                f"{shown(function)} is neither a name nor a function: "
                f"give the {self.label} a name, or decorate a function."
            )
        return self._called(function)

    def _property(self, given: property) -> property:
        made = given
        if given.fget is not None:
            made = made.getter(self(given.fget))
        if given.fset is not None:
            made = made.setter(self(given.fset))
        if given.fdel is not None:
            made = made.deleter(self(given.fdel))
        return made

    def _called(self, function: Callable[P, R]) -> Callable[P, R]:
        _refuse(function, f"is no {self.label}")
        block = copy(self)
        if block._name is None:
            block._name = self._named_after(getattr(function, "__name__", None))

        @wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            with copy(block):
                return function(*args, **kwargs)

        return wrapper

    def _named_after(self, function: str | None) -> str | None:
        return function


WATCH.keep_out_of(RunBlock.__enter__, RunBlock.__exit__, RunBlock._leave)


class FlowRunBlock(RunBlock[OpenFlowRun]):
    """A `with` block, or the calls of a decorated function, that are runs of a flow."""

    label = "flow run"

    def __init__(
        self, store: RunStore, name: str | None, deployment: Deployment | UUID | str | None, fields: Mapping[str, Any]
    ) -> None:
        """Take a store, the flow's name, its deployment and fields of the run."""
        super().__init__(store, name, fields)
        self._deployment = deployment

    def _begin(self, begun: Begun, name: str) -> OpenFlowRun:
        store = self._store
        flow = store.create_flow(name)
        self._rows = [(FLOW_RUNS, begun.run_id)]
        fields = {"name": f"{name}-{begun.time:%Y%m%dT%H%M%SZ}", **self._fields, **self._deployed(flow)}
        fields["parent_task_run_id"] = self._parent(begun, name)
        run = store.create_flow_run(flow.id, id=begun.run_id, **self._state(begun), **fields)
        return OpenFlowRun(run, Origin(store._place, run.id, None, current()))

    def _deployed(self, flow: Flow) -> dict[str, Any]:
        given = self._deployment
        if given is None:
            return {}
        if not isinstance(given, Deployment):
            try:
                found = self._store.read_deployment(given)
            except InvalidQuery:  # it is no id
                found = self._store.create_deployment(given, flow.id)  # type: ignore[arg-type]
            if found is None:
                raise InvalidQuery(f"There is no deployment with the id {given}: give its name, to find or make it.")
            given = found
        return {"deployment_id": given.id, "work_queue_id": given.work_queue_id}

    def _parent(self, begun: Begun, name: str) -> UUID | None:
        """Return the task run that the run is nested in: the current one, else one that stands for the run."""
        outer = self._store._known_origin()
        if outer is None:
            return None
        if outer.task_run_id is not None or outer.flow_run_id is None:
            return outer.task_run_id
        self._rows.append((TASK_RUNS, begun.parent_id))
        fields = {"id": begun.parent_id, "name": name, **self._state(begun)}
        return self._store.create_task_run(outer.flow_run_id, **fields).id

    def _named_after(self, function: str | None) -> str | None:
        return function and function.replace("_", "-")


class TaskRunBlock(RunBlock[OpenTaskRun]):
    """A `with` block, or the calls of a decorated function, that are runs of a task."""

    label = "task run"

    def _begin(self, begun: Begun, name: str) -> OpenTaskRun:
        store, outer, known = self._store, self._store._origin(), self._store._known_origin()
        self._rows = [(TASK_RUNS, begun.run_id)]
        fields = {"name": name, **self._fields, "id": begun.run_id, "task_key": name, **self._state(begun)}
        run = store.create_task_run(None if known is None else known.flow_run_id, **fields)
        if outer is None:
            return OpenTaskRun(run, Origin(store._place, None, run.id, current()))
        return OpenTaskRun(run, Origin(store._place, outer.flow_run_id, run.id, current(), outer.flow or outer))


def _refuse(function: Callable[..., Any], problem: str) -> None:
    """Refuse what returns before its work is done."""
    name = getattr(function, "__name__", repr(function))
    for kind, test in _LATER.items():
        if test(function) or test(getattr(function, "__call__", None)):  # noqa: B004
            raise InvalidQuery(
                f"{name} is {kind}, which {problem}: its work begins when the call has returned. {_REMEDY}"
            )


_LATER: dict[str, Callable[[object], bool]] = {
    "an async function": inspect.iscoroutinefunction,
    "an async generator": inspect.isasyncgenfunction,
    "a generator": inspect.isgeneratorfunction,
}
_REMEDY = "Use a with block inside it."


def _put(
    db: Statements, rows: list[tuple[Entity[Any], UUID]], state: StateType, message: str | None, time: datetime
) -> None:
    """Put a run, and what stands for it in its parent, into the state in which it has ended."""

    def put() -> None:
        for entity, run_id in rows:
            entity.set_state(db, run_id, state, message=message, unless_final=state == "COMPLETED", time=time)

    db.engine.run_idempotent(put)


def _outcome(error: BaseException | None, told: int) -> tuple[StateType, str | None]:
    """Return the state, and the message, of a run whose block was left by an error or without one.

    Args:
        error: the error.
        told: the signal that has told the process to stop; 0 for none.
    """
    if isinstance(error, Terminated) or (told and isinstance(error, SystemExit)):
        return "CRASHED", f"{signal.Signals(told or signal.SIGTERM).name} told the process to stop."
    if error is None or isinstance(error, GeneratorExit) or (isinstance(error, SystemExit) and not error.code):
        return "COMPLETED", None
    return ("FAILED" if isinstance(error, Exception | SystemExit) else "CRASHED"), _told_by(error)


def _told_by(error: BaseException) -> str:
    """Return the type and the text of an error, so that it can be stored."""
    try:
        text = str(error)
    except Exception:  # it is somebody's own code
        text = ""
    kind = type(error).__name__
    text = (f"{kind}: {text}" if text else kind).encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[: _LONGEST_MESSAGE - 1]}…"
