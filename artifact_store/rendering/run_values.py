"""The blocks of flows, deployments, runs and work pools that users hold in a variable, and of lists of them.

Their parents are named if an open store knows them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias, TypeGuard
from uuid import UUID

from ..wording import count_text
from . import blocks
from .blocks import Block
from .context import Named, Run
from .runs import parameters_text, run_state
from .text import age, cell_text, moment_text
from .values import OpenStore, list_stores

__all__ = ["RunLike", "kind_of", "list_of_runs_blocks", "run_blocks"]

_MOST_OF_MESSAGE = 100  # characters, in a list
_MOST_OF_TEXT = 500  # characters of one fact

Reader: TypeAlias = Callable[[OpenStore], Callable[[UUID], Named | None]]

_PARENTS: Mapping[str, tuple[str, Reader]] = {
    "flow_id": ("flow", lambda store: store.read_flow),
    "deployment_id": ("deployment", lambda store: store.read_deployment),
    "flow_run_id": ("flow run", lambda store: store.read_flow_run),
    "parent_task_run_id": ("parent task run", lambda store: store.read_task_run),
    "work_pool_id": ("work pool", lambda store: store.read_work_pool),
    "work_queue_id": ("work queue", lambda store: store.read_work_queue),
}
# What a list shows beside name, state and parents, as far as one of its rows has it.
_IN_LISTS = ("type", "paused", "tags")
# What is shown in a place of its own.
_APART = frozenset(
    {"id", "name", "created", "updated", "state_type", "state_name", "state_message", "parameters"}
)


class RunLike(Named, Protocol):
    """The fields that flows, deployments, runs, work pools and work queues have in common."""

    created: datetime
    updated: datetime


def kind_of(value: object) -> str:
    """Return what a value is called: `flow run`."""
    letters = [f" {each.lower()}" if each.isupper() else each for each in type(value).__name__]
    return "".join(letters).strip()


def run_blocks(value: RunLike) -> list[Block]:
    """Return the blocks of a flow, a run or another value of its kind: what it is, and what is known of it."""
    facts: list[tuple[str, object]] = []
    if is_run(value):
        facts.append(("state", run_state(value)._replace(name="")))
    fields = vars(value)
    for name, (label, read) in _PARENTS.items():
        parent = fields.get(name)
        if isinstance(parent, UUID):
            facts.append((label, parent_name(parent, read)))
    for name, content in fields.items():
        if name not in _APART and name not in _PARENTS and content not in (None, ()):
            facts.append((name.replace("_", " "), fact_text(content)))
    if is_run(value) and value.parameters:
        facts.append(("parameters", parameters_text(value.parameters)))
    facts += [("created", moment_text(value.created)), ("id", str(value.id))]
    return [blocks.Title(value.name, kind_of(value), value.updated), blocks.Facts(tuple(facts))]


def is_run(value: object) -> TypeGuard[Run]:
    """Tell whether a value is a flow run or a task run."""
    return hasattr(value, "state_type")


def fact_text(value: object) -> str:
    """Return a field of a run as text."""
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, tuple):
        return cell_text(", ".join(map(str, value)), _MOST_OF_TEXT)
    return cell_text(value, _MOST_OF_TEXT)


def list_of_runs_blocks(values: Sequence[RunLike], most: int, *, ages: bool) -> list[Block]:
    """Return the blocks of a list of runs, flows or other values of one kind: how many, and a table of the first.

    Args:
        values: the list.
        most: how many of them are shown at most.
        ages: show how long ago each was created, instead of when, and states in their colours.
    """
    if not values:
        return [blocks.Note("Nothing found.")]

    first = values[:most]
    parents = {name: parent_names(first, name) for name in _PARENTS}
    rows = [list_row(value, parents, ages=ages) for value in first]
    # A column that is empty in all rows says nothing.
    columns = [name for name in rows[0] if any(row[name] not in ("", None) for row in rows)]
    result: list[Block] = [
        blocks.Note(count_text(len(values), kind_of(values[0]))),
        blocks.Table(tuple(columns), rows),
    ]
    left_out = len(values) - len(first)
    if left_out:
        result.append(blocks.Note(f"Left out: {left_out:,} of {len(values):,}."))
    return result


def list_row(
    value: RunLike, parents: Mapping[str, Mapping[UUID, str]], *, ages: bool
) -> dict[str, object]:
    """Return what a list shows of a run, a flow or another value of its kind, by column."""
    row: dict[str, object] = {"name": value.name}
    message = ""
    if is_run(value):
        state = run_state(value, _MOST_OF_MESSAGE)
        message = state.message
        shown = state._replace(name="", message="")
        row["state"] = shown if ages else shown.text
    fields = vars(value)
    for name, (label, _) in _PARENTS.items():
        parent = fields.get(name)
        if isinstance(parent, UUID):
            row[label] = parents[name].get(parent, str(parent))
        else:
            row[label] = ""
    for name in _IN_LISTS:
        row[name] = fact_text(fields[name]) if name in fields else ""
    row["created"] = f"{age(value.created)} ago" if ages else moment_text(value.created)
    row["message"] = message
    return row


def parent_names(values: Iterable[RunLike], field: str) -> Mapping[UUID, str]:
    """Return the names of the parents that a field of some values refers to, by id."""
    ids = {vars(value).get(field) for value in values}
    _, read = _PARENTS[field]
    return {each: parent_name(each, read) for each in ids if isinstance(each, UUID)}


def parent_name(parent_id: UUID, read: Reader) -> str:
    """Return the name of a parent; its id if no open store knows it."""
    for store in list_stores():
        try:
            found = read(store)(parent_id)
        except Exception:
            continue  # a store that fails must not keep the run from being shown
        if found is not None:
            return found.name
    return str(parent_id)
