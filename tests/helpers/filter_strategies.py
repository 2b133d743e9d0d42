"""Strategies for filters: operands that match some rows of a world and not others, in any combination."""

import os
import random
from datetime import timedelta, timezone
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.helpers.filter_model import STATE, TABLE, World
from tests.helpers.filter_world import (
    ALIASES,
    KEYS,
    MOMENTS,
    NAMES,
    SCALARS,
    START,
    TEXTS,
    TICK,
    has_order,
    kinds,
    table_of,
)
from tests.helpers.filters import HOME

SOME = settings(
    max_examples=120,
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def operands(world: World) -> dict[tuple[Any, str], list[Any]]:
    """The values to compare each field with: those of the rows, and the ones next to them."""
    rng = random.Random(1)
    lost = UUID("00000000-0000-4000-8000-000000000000")
    tables = {kind: getattr(world, table_of(home)) for kind, (home, _) in HOME.items()}
    moments = [moment + TICK * step for moment in MOMENTS for step in (-1, 0, 1)]
    moments.append(START.astimezone(timezone(timedelta(hours=5, minutes=30))))
    named: dict[str, list[Any]] = {
        "key": [*KEYS, "sale", "SALES", "etl"],
        "type": ["table", "Table", "markdown", "process", "nothing", *TEXTS],
        "alias": [*ALIASES, "latest", "none", ""],
        "version": [0, 1, 2, 3, 5, -1, 2**63 - 1, -(2**63)],
        "tags": ["prod", "production", "pro", "", "1", "ключ", "🙂", "a,b", '"', "\\", "none"],
        "work_queue_name": ["default", "high%", "İstanbul", "\u212a", "", "none"],
        "idempotency_key": [run.idempotency_key for run in world.flow_runs if run.idempotency_key]
        + ["none"],
        "flow_run_id": [row.id for row in world.flow_runs] + [lost],
        "task_run_id": [row.id for row in world.task_runs] + [lost],
        "deployment_id": [row.id for row in world.deployments] + [lost],
    }
    named["parent_flow_run_id"] = named["flow_run_id"]
    named["parent_task_run_id"] = named["task_run_id"]
    found: dict[tuple[Any, str], list[Any]] = {}
    for kind, fields in TABLE.items():
        rows = tables[kind]
        for name in fields:
            if name in ("id", "latest_id"):
                values: list[Any] = [row.id for row in rows] + [lost]
            elif name in ("created", "updated"):
                values = [
                    getattr(row, name) + TICK * step
                    for row in rng.sample(rows, min(9, len(rows)))
                    for step in (-1, 0, 1)
                ]
            elif name.endswith("_time"):
                values = moments
            else:
                values = named.get(name, TEXTS)
            found[kind, name] = values
    return found


STATE_WORDS = {
    "type": ["COMPLETED", "FAILED", "RUNNING", "CRASHED"],
    "name": ["Completed", "Cached", "Failed", "x"],
}


@st.composite
def patterns(draw: Any, texts: list[str]) -> str:
    """A part of a text, with some characters turned into wildcards or into the other case."""
    text = draw(st.sampled_from(texts))
    start, stop = draw(st.integers(0, 2)), draw(st.integers(1, 9))
    change = st.sampled_from(
        [str, str, str.swapcase, lambda _: "%", lambda _: "_", lambda each: each + "%"]
    )
    return "".join(draw(change)(each) for each in text[start : start + stop])


def listed(values: list[Any]) -> Any:
    """Lists of operands: often one, sometimes none, sometimes one twice."""
    return st.lists(st.sampled_from(values), max_size=4)


def entries(scalars: list[Any]) -> Any:
    """Metadata to compare with."""
    return st.dictionaries(st.sampled_from(NAMES), st.sampled_from(scalars), max_size=2)


def operand(field: str, word: str, values: list[Any]) -> Any:
    """Operands of one operator."""
    if word in ("is_null_", "exists_") or field == "paused":
        return st.booleans()
    if field == "created_by":
        values = [UUID(int=1)] if word == "id_" and not values else values
        return listed(values)
    if field == "metadata":
        if word == "has_key_":
            return listed([*NAMES, "none"])
        return entries(SCALARS if word == "eq_" else [each for each in SCALARS if has_order(each)])
    if word == "like_":
        return patterns(values)
    if word == "startswith_":
        return st.tuples(st.sampled_from(values), st.integers(0, 6)).map(
            lambda pair: pair[0][: pair[1]]
        )
    return listed(values) if word in ("any_", "not_any_", "all_") else st.sampled_from(values)


JOIN = st.sampled_from([{}, {}, {"operator": "or_"}, {"operator": "and_"}])
NUMBER = st.integers(0, 2**16)
COUNT = st.sampled_from([0, 1, 1, 1, 2])
BRANCH = st.sampled_from(["and_", "or_", "not_"])


@st.composite
def some_of(draw: Any, parts: dict[str, Any], more: Any) -> dict[str, Any]:
    """Objects of at most two of some parts."""
    indexes = {draw(NUMBER) % len(parts) for _ in range(draw(COUNT))}
    names = [name for index, name in enumerate(parts) if index in indexes]
    fields = {name: draw(parts[name]) for name in names}
    return fields | draw(more)


@st.composite
def node(draw: Any, leaf: Any, inner: Any) -> dict[str, Any]:
    """Filters over other filters, with or without fields of their own."""
    fields = draw(leaf) if draw(st.booleans()) else {}
    children = draw(inner)
    branch = draw(BRANCH)
    if branch != "not_":
        return fields | {branch: children}
    if children:
        return fields | {"not_": children[0]}
    return fields | {"or_": children}


class FilterStrategies:
    """Strategies for the filters of a world."""

    def __init__(self, world: World) -> None:
        creators = [
            UUID(run.created_by["id"])
            for run in world.flow_runs
            if (run.created_by or {}).get("id")
        ]
        values = operands(world)
        self.fields: dict[Any, dict[str, Any]] = {}
        for kind, fields in TABLE.items():
            self.fields[kind] = {}
            for name, words in fields.items():
                if name == "state":
                    parts = {
                        part: self.operators({word: listed(STATE_WORDS[part]) for word in inner})
                        for part, inner in STATE.items()
                    }
                    self.fields[kind][name] = self.operators(parts)
                    continue
                pools = dict.fromkeys(words, values[kind, name])
                if name == "created_by":
                    pools = {
                        "id_": creators,
                        "type_": ["SCHEDULE", "ключ", "5", "1", "true"],
                        "is_null_": [],
                    }
                self.fields[kind][name] = self.operators(
                    {word: operand(name, word, pools[word]) for word in words}
                )

    @staticmethod
    def operators(words: dict[str, Any]) -> Any:
        """Objects of one or two operators, sometimes of none."""
        return some_of(words, JOIN)

    def plain(self, kind: Any, depth: int) -> Any:
        """JSON-like filters of a kind, nested up to a depth."""
        leaf = some_of(self.fields[kind], JOIN)
        filters = leaf
        for _ in range(depth - 1):
            inner = st.lists(filters, max_size=3)
            filters = st.one_of(leaf, node(leaf, inner), node(leaf, inner), node(leaf, inner))
        return filters

    def of(self, kind: Any, depth: int = 5) -> Any:
        """Filters of a kind."""
        return self.plain(kind, depth).map(kind.model_validate)

    def for_method(self, method: str, depth: int = 3) -> Any:
        """Filters of one to three kinds for one listing."""
        filters = {name: self.of(kind, depth) for name, kind in kinds(method).items()}
        some = some_of(filters, st.just({}))
        return st.tuples(some, some).map(lambda pair: pair[0] | pair[1])
