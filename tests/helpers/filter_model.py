"""What filters mean, in plain Python: the contract's table and its edges, evaluated over lists of values.

Nothing here is taken from the compiler. A test of a field is `True`, `False` or, when it does not
constrain, `None`; what does not constrain is left out of every conjunction, disjunction and negation.
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from artifact_store import (
    Artifact,
    ArtifactCollectionFilter,
    ArtifactFilter,
    Deployment,
    DeploymentFilter,
    Flow,
    FlowFilter,
    FlowRun,
    FlowRunFilter,
    TaskRun,
    TaskRunFilter,
    WorkPool,
    WorkPoolFilter,
    WorkQueue,
)

# The table of the contract, to the letter.
_ARTIFACT = """
    key: any_ like_ startswith_ exists_ · type: any_ not_any_ is_null_ · flow_run_id: any_ is_null_
    · task_run_id: any_ is_null_ · version: any_ ge_ le_ · metadata: eq_ has_key_ ge_ le_
    · alias: any_ exists_ · created: before_ after_ · updated: before_ after_
"""
_TABLE = {
    ArtifactFilter: f"id: any_ not_any_ · {_ARTIFACT}",
    ArtifactCollectionFilter: f"latest_id: any_ not_any_ · {_ARTIFACT}",
    FlowFilter: "id: any_ not_any_ · name: any_ like_ · tags: all_ any_ is_null_ · deployment: is_null_",
    DeploymentFilter: """
        id: any_ not_any_ · name: any_ like_ · flow_or_deployment_name: like_ · paused: eq_
        · tags: all_ any_ is_null_ · work_queue_name: any_
    """,
    FlowRunFilter: """
        id: any_ not_any_ · name: any_ like_ · tags: all_ any_ is_null_ · deployment_id: any_ is_null_
        · work_queue_name: any_ is_null_ · state: type name · flow_version: any_
        · start_time: before_ after_ is_null_ · end_time: before_ after_ is_null_
        · expected_start_time: before_ after_ · next_scheduled_start_time: before_ after_
        · parent_flow_run_id: any_ · parent_task_run_id: any_ is_null_ · idempotency_key: any_ not_any_
        · created_by: id_ type_ is_null_
    """,
    TaskRunFilter: """
        id: any_ · name: any_ like_ · tags: all_ is_null_ · state: type name · subflow_runs: exists_
        · start_time: before_ after_ is_null_ · end_time: before_ after_ is_null_
        · expected_start_time: before_ after_ · flow_run_id: any_ is_null_
    """,
    WorkPoolFilter: "id: any_ · name: any_ · type: any_",
}
TABLE: dict[Any, dict[str, list[str]]] = {
    kind: {
        field.strip(): words.split()
        for field, words in (part.split(":") for part in text.split("·"))
    }
    for kind, text in _TABLE.items()
}
STATE = {"type": ["any_", "not_any_"], "name": ["any_", "not_any_"]}


@dataclass
class World:
    """Plain rows of every table, and the names of each version that has aliases."""

    artifacts: list[Artifact]
    flows: list[Flow]
    deployments: list[Deployment]
    flow_runs: list[FlowRun]
    task_runs: list[TaskRun]
    work_pools: list[WorkPool]
    work_queues: list[WorkQueue]
    aliases: dict[str, set[str]] = field(default_factory=dict)  # by reference

    def __post_init__(self) -> None:
        tables = [rows for rows in vars(self).values() if isinstance(rows, list)]
        self._by_id = {row.id: row for rows in tables for row in rows}

    def get(self, row_id: Any, kind: type) -> Any:
        """Return the row of a kind that a reference leads to, `None` when it leads nowhere."""
        found = self._by_id.get(row_id)
        return found if isinstance(found, kind) else None

    def latest(self) -> list[Artifact]:
        """Return the artifact with the greatest version of each key."""
        keys = {row.key for row in self.artifacts if row.key is not None}
        return [
            max((row for row in self.artifacts if row.key == key), key=lambda row: row.version)
            for key in keys
        ]


# One filter


def holds(world: World, question: Any, row: Any) -> bool | None:
    """Tell whether a filter holds of a row, `None` when it does not constrain."""
    terms = [
        _field(world, type(question), name, getattr(question, name), row)
        for name in TABLE[type(question)]
    ]
    if question.and_ is not None:
        terms.append(_joined("and_", (holds(world, each, row) for each in question.and_)))
    if question.or_ is not None:
        terms.append(_joined("or_", (holds(world, each, row) for each in question.or_)))
    if question.not_ is not None:
        inner = holds(world, question.not_, row)
        terms.append(None if inner is None else not inner)
    return _joined(question.operator, terms)


def fixed(question: Any) -> Any:
    """Tell what a filter of artifacts says of every row there could be, `...` when it depends on the row.

    `None` means that it does not constrain, `False` that it matches nothing, and `True` everything: "not in no list".
    """
    terms = [_fixed_field(getattr(question, name)) for name in TABLE[type(question)]]
    for word, members in (("and_", question.and_), ("or_", question.or_)):
        if members is not None:
            terms.append(_fixed_join(word, [fixed(each) for each in members]))
    if question.not_ is not None:
        inner = fixed(question.not_)
        terms.append(not inner if isinstance(inner, bool) else inner)
    return _fixed_join(question.operator, terms)


def _fixed_field(criterion: Any) -> Any:
    if criterion is None:
        return None
    terms: list[Any] = []
    for word in type(criterion).model_fields:
        operand = getattr(criterion, word)
        if word == "operator" or operand is None:
            continue
        if word == "any_" and not operand:
            terms.append(False)
        elif operand in ("", (), {}):
            terms.append(None)
        else:
            terms.append(...)
    return _fixed_join(criterion.operator, terms)


def _fixed_join(word: str, terms: list[Any]) -> Any:
    known = [term for term in terms if term is not None]
    decides = word == "or_"
    if not known:
        return None
    if decides in known:
        return decides
    return ... if ... in known else not decides


def _joined(word: str, terms: Iterable[bool | None]) -> bool | None:
    known = [term for term in terms if term is not None]
    if not known:
        return None
    return all(known) if word == "and_" else any(known)


def _field(world: World, kind: Any, name: str, criterion: Any, row: Any) -> bool | None:
    if criterion is None:
        return None
    if name == "state":
        inner = []
        for part, operators in STATE.items():
            if (given := getattr(criterion, part)) is not None:
                value = getattr(row, f"state_{part}")
                inner.append(
                    _joined(
                        given.operator,
                        [_scalar(word, getattr(given, word), value) for word in operators],
                    )
                )
        return _joined(criterion.operator, inner)
    terms = [
        _operator(world, kind, name, word, getattr(criterion, word), row)
        for word in TABLE[kind][name]
        if getattr(criterion, word) is not None
    ]
    return _joined(criterion.operator, terms)


def _operator(world: World, kind: Any, name: str, word: str, operand: Any, row: Any) -> bool | None:
    if name == "tags":
        return _tags(word, operand, row.tags)
    if name == "metadata":
        return _metadata(word, operand, row.metadata)
    if name == "created_by":
        return _creator(word, operand, row.created_by)
    if name == "alias":
        names = world.aliases.get(row.ref, set())
        return bool(names) is operand if word == "exists_" else bool(names & {*operand})
    if name == "flow_or_deployment_name":
        names = [row.name, world.get(row.flow_id, Flow).name]
        return _joined("or_", [_scalar(word, operand, each) for each in names])
    return _scalar(word, operand, _value(world, kind, name, word, row))


def _value(world: World, kind: Any, name: str, word: str, row: Any) -> Any:
    """Return what the operators of a field look at."""
    if name == "latest_id":
        return row.id
    if name == "deployment":
        return next((each.id for each in world.deployments if each.flow_id == row.id), None)
    if name == "work_queue_name":
        queue = world.get(row.work_queue_id, WorkQueue)
        return queue and queue.name
    if name == "parent_flow_run_id":
        parent = world.get(row.parent_task_run_id, TaskRun)
        return parent and parent.flow_run_id
    if name == "subflow_runs":
        return next(
            (each.id for each in world.flow_runs if each.parent_task_run_id == row.id), None
        )
    if name == "start_time" and kind is FlowRunFilter and word != "is_null_":
        return row.start_time or row.expected_start_time
    return getattr(row, name)


def _scalar(word: str, operand: Any, value: Any) -> bool | None:
    if operand is None or (word in ("not_any_", "like_", "startswith_") and not operand):
        return None
    if word == "is_null_":
        return (value is None) is operand
    if word == "exists_":
        return (value is not None) is operand
    if word == "not_any_":
        return value not in operand
    return value is not None and _COMPARE[word](value, operand)


_ASCII = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def like(text: str, pattern: str) -> bool:
    """Tell whether a pattern is found anywhere in a text: `%` and `_` are wildcards, ASCII letters are folded."""
    wild = {"%": ".*", "_": "."}
    expression = "".join(wild.get(each) or re.escape(each) for each in pattern.translate(_ASCII))
    return re.search(expression, text.translate(_ASCII), re.DOTALL) is not None


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "any_": lambda value, operand: value in operand,
    "like_": like,
    "startswith_": str.startswith,
    "eq_": operator.is_,
    "ge_": operator.ge,
    "le_": operator.le,
    "before_": operator.le,
    "after_": operator.ge,
}


def _tags(word: str, operand: Any, tags: tuple[str, ...]) -> bool | None:
    if word == "is_null_":
        return (not tags) is operand
    if word == "all_":
        return set(operand) <= set(tags) if operand else None
    return bool(set(operand) & set(tags))


def _json_type(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return repr(value)
    return "text" if isinstance(value, str) else "number"


def _metadata(word: str, operand: Any, metadata: Mapping[str, Any] | None) -> bool | None:
    if not operand:
        return None
    if metadata is None:
        return False
    if word == "has_key_":
        return set(operand) <= set(metadata)
    compare = {"eq_": operator.eq, "ge_": operator.ge, "le_": operator.le}[word]
    return all(
        name in metadata
        and _json_type(metadata[name]) == _json_type(value)
        and compare(metadata[name], value)
        for name, value in operand.items()
    )


def _creator(word: str, operand: Any, creator: Mapping[str, Any] | None) -> bool:
    if word == "is_null_":
        return (creator is None) is operand
    value = (creator or {}).get(word.rstrip("_"))
    # Only text is compared: 5 is not "5".
    return isinstance(value, str) and value in [str(each) for each in operand]


# Filters of what is related


class Asked:
    """The filters that were given, by the name of their parameter."""

    def __init__(self, world: World, given: Mapping[str, Any]) -> None:
        self.world = world
        self.given = {name: question for name, question in given.items() if question is not None}

    def any(self, *names: str) -> bool:
        """Tell whether one of these is given."""
        return any(f"{name}_filter" in self.given for name in names)

    def own(self, name: str, row: Any) -> bool:
        """Tell whether a row, if there is one, satisfies the filter of its own kind."""
        question = self.given.get(f"{name}_filter")
        return question is None or (
            row is not None and holds(self.world, question, row) is not False
        )

    # One row that must exist, because something that depends on it is asked

    def flow(self, flow_id: Any) -> bool:
        return self.own("flow", self.world.get(flow_id, Flow))

    def pool(self, queue_id: Any) -> bool:
        queue = self.world.get(queue_id, WorkQueue)
        return self.own("work_pool", queue and self.world.get(queue.work_pool_id, WorkPool))

    def run(self, run: FlowRun) -> bool:
        """A flow run with its flow, its deployment and its work pool."""
        deployment = self.world.get(run.deployment_id, Deployment)
        return (
            self.own("flow_run", run)
            and self.flow(run.flow_id)
            and self.own("deployment", deployment)
            and self.pool(run.work_queue_id)
        )

    def run_of(self, run_id: Any) -> bool:
        if not self.any("flow_run", "flow", "deployment", "work_pool"):
            return True
        run = self.world.get(run_id, FlowRun)
        return run is not None and self.run(run)

    # One row of many

    def task_of(self, run: FlowRun) -> bool:
        tasks = [each for each in self.world.task_runs if each.flow_run_id == run.id]
        return not self.any("task_run") or any(self.own("task_run", each) for each in tasks)

    def runs(self, found: Iterable[FlowRun]) -> bool:
        """One of some flow runs, with a task run of it."""
        if not self.any("flow_run", "task_run"):
            return True
        return any(self.own("flow_run", each) and self.task_of(each) for each in found)

    def queue(self, queue: WorkQueue) -> bool:
        """A work queue with a deployment of a flow, and with a flow run."""
        deployments = [each for each in self.world.deployments if each.work_queue_id == queue.id]
        deployed = any(
            self.own("deployment", each) and self.flow(each.flow_id) for each in deployments
        )
        return (deployed or not self.any("deployment", "flow")) and self.runs(
            each for each in self.world.flow_runs if each.work_queue_id == queue.id
        )

    # What is listed

    def of_artifact(self, row: Artifact) -> bool:
        return (
            self.own("artifact", row)
            and self.run_of(row.flow_run_id)
            and self.own("task_run", self.world.get(row.task_run_id, TaskRun))
        )

    def of_flow(self, row: Flow) -> bool:
        runs = [each for each in self.world.flow_runs if each.flow_id == row.id]
        deployments = [each for each in self.world.deployments if each.flow_id == row.id]
        deployed = any(
            self.own("deployment", each) and self.pool(each.work_queue_id) for each in deployments
        )
        return (
            self.own("flow", row)
            and self.runs(runs)
            and (deployed or not self.any("deployment", "work_pool"))
        )

    def of_deployment(self, row: Deployment) -> bool:
        return (
            self.own("deployment", row)
            and self.flow(row.flow_id)
            and self.pool(row.work_queue_id)
            and self.runs(each for each in self.world.flow_runs if each.deployment_id == row.id)
        )

    def of_flow_run(self, row: FlowRun) -> bool:
        return self.run(row) and self.task_of(row)

    def of_task_run(self, row: TaskRun) -> bool:
        return self.own("task_run", row) and self.run_of(row.flow_run_id)

    def of_work_pool(self, row: WorkPool) -> bool:
        queues = [each for each in self.world.work_queues if each.work_pool_id == row.id]
        return self.own("work_pool", row) and (
            not self.any("deployment", "flow", "flow_run", "task_run")
            or any(self.queue(each) for each in queues)
        )

    def of_work_queue(self, row: WorkQueue) -> bool:
        return self.own("work_pool", self.world.get(row.work_pool_id, WorkPool)) and self.queue(row)


def matching(world: World, method: str, given: Mapping[str, Any]) -> list[Any]:
    """Return the rows that a listing method of the store must return, in no order."""
    name = method.removeprefix("read_")
    rows = world.latest() if name == "latest_artifacts" else getattr(world, name)
    asked = Asked(world, given)
    test = getattr(asked, f"of_{name.removeprefix('latest_').removesuffix('s')}")
    return [row for row in rows if test(row)]


# Orders


def ordered(method: str, sort: str, rows: Iterable[Any]) -> list[Any]:
    """Return rows in an order: NULL keys last in both directions, and a unique tiebreak."""
    name, direction = sort.split("_")
    down = direction == "DESC"
    if name == "KEY":
        keyed = sorted(
            rows, key=lambda row: (row.key or "", row.version or 0, row.id.bytes), reverse=down
        )
        return sorted(keyed, key=lambda row: row.key is None)
    first = {"ID": "id"}.get(name, name.lower())
    tie = (lambda row: row.key) if method == "read_latest_artifacts" else (lambda row: row.id.bytes)
    return sorted(rows, key=lambda row: (getattr(row, first), tie(row)), reverse=down)
