"""The store answers every filter as the plain-Python model does: one operator at a time, then in any combination."""

import math
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artifact_store import (
    ArtifactCollectionFilter,
    ArtifactCollectionSort,
    ArtifactFilter,
    ArtifactSort,
    ArtifactStore,
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    RunSort,
    TaskRunFilter,
    WorkPoolFilter,
)
from tests.helpers.filter_model import STATE, TABLE, World, holds, matching, ordered

SOME = settings(
    max_examples=120,
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
METHODS = [
    "read_artifacts",
    "read_latest_artifacts",
    "read_flows",
    "read_deployments",
    "read_flow_runs",
    "read_task_runs",
    "read_work_pools",
    "read_work_queues",
]
KINDS: dict[str, Any] = {
    "flow_run_filter": FlowRunFilter,
    "task_run_filter": TaskRunFilter,
    "deployment_filter": DeploymentFilter,
    "flow_filter": FlowFilter,
    "work_pool_filter": WorkPoolFilter,
}
# Where rows of a kind are listed, and under which name their filter is given.
HOME: dict[Any, tuple[str, str]] = {
    ArtifactFilter: ("read_artifacts", "artifact_filter"),
    ArtifactCollectionFilter: ("read_latest_artifacts", "artifact_filter"),
    **{kind: (f"read_{name.removesuffix('_filter')}s", name) for name, kind in KINDS.items()},
}


def kinds(method: str) -> dict[str, Any]:
    """The filters that a listing takes, by the name of their parameter."""
    own = {
        kind: name for kind, (home, name) in HOME.items() if home == method and "artifact" in method
    }
    return {name: kind for kind, name in own.items()} | KINDS


def sorts(method: str) -> list[Any]:
    """The orders of a listing."""
    return list(
        {"read_artifacts": ArtifactSort, "read_latest_artifacts": ArtifactCollectionSort}.get(
            method, RunSort
        )
    )


# The rows: few enough to be quick, odd enough to tell one rule from another

KEYS = "sales sales-2026 Sales-2026 SALES-2026 sales_2026 sales.x sales/eu a a1 B b z9 salet kelvin".split()
TEXTS = [
    "etl",
    "ETL",
    "Etl%",
    "e_l",
    "e\\l",
    "et",
    "xetlx",
    "İstanbul",
    "istanbul",
    "straße",
    "STRASSE",
    "\u212aelvin",
    "kelvin",
    "KELVIN",
    "Ärger",
    "ärger",
    "e\u0301",
    "é",
    "🙂 astral",
    "_🙂_",
    "a\nb",
    " etl ",
    "",
    "'; DROP TABLE artifact; --",
    '"q"',
    "[]",
    "null",
    "true",
    "1",
    "1.0",
    "\U0010ffff",
    "\ue000",
    "\ud7ff",
    "ключ",
]
STATES = [
    ("COMPLETED", "Completed"),
    ("FAILED", "Failed"),
    ("COMPLETED", "Cached"),
    ("RUNNING", None),
    (None, None),
]
TAGS = [
    (),
    ("prod",),
    ("prod", "etl"),
    ("production",),
    ("Prod", "ключ"),
    ("a,b", '"', "\\"),
    ("", "🙂"),
    ("pro", "1"),
]
NAMES = ["n", "", "a.b", 'a"b', "a\\b", "$", "ключ", "🙂", "N", "[0]", "a'b", "\u2028"]
SCALARS: list[Any] = [
    0,
    1,
    -1,
    True,
    False,
    None,
    "1",
    "",
    "true",
    "null",
    "10",
    "9",
    "é",
    "\ue000",
    "🙂",
    1.0,
    0.1,
    0.1 + 0.2,
    0.3,
    -0.0,
    1e300,
    5e-324,
    1.5,
    2**53,
    2**53 + 1,
    float(2**53),
    2**63 - 1,
    -(2**63),
]
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
MOMENTS = [
    START,
    START + TICK,
    START + timedelta(seconds=1),
    START + timedelta(days=400),
    START - timedelta(days=30000),
]


def identity(rng: random.Random) -> UUID:
    """An id as the store makes them, or as others do."""
    return (
        UUID(int=rng.getrandbits(128), version=4)
        if rng.random() < 0.5
        else UUID(int=rng.getrandbits(128))
    )


def populate(store: ArtifactStore) -> World:
    """Fill a store with rows of every table and return them as they are read one by one."""
    rng = random.Random(20260301)
    ids: dict[str, list[UUID]] = {}

    def some(values: Any, nulls: float = 0.3) -> Any:
        return None if rng.random() < nulls else rng.choice(values)

    def make(table: str, count: int, create: Any) -> None:
        ids[table] = [create(number, identity(rng)).id for number in range(count)]

    with store.atomic():
        tasks = [identity(rng) for _ in range(10)]
        make("work_pool", 4, lambda n, id: store.create_work_pool(
            TEXTS[n], type=["process", "Process", "process", "ключ"][n], id=id))  # fmt: skip
        make("work_queue", 6, lambda n, id: store.create_work_queue(
            ["default", "default", "high%", "İstanbul", "\u212a", ""][n], ids["work_pool"][n % 3], id=id))  # fmt: skip
        make("flow", 7, lambda n, id: store.create_flow(TEXTS[n * 2 + 1], tags=TAGS[n], id=id))
        make("deployment", 9, lambda n, id: store.create_deployment(
            rng.choice(TEXTS), ids["flow"][n // 2], paused=n % 3 == 0, tags=rng.choice(TAGS),
            work_queue_id=some(ids["work_queue"][:5]), id=id))  # fmt: skip
        make("flow_run", 20, lambda n, id: store.create_flow_run(
            rng.choice(ids["flow"][:6]), id=id, name=rng.choice(TEXTS), deployment_id=some(ids["deployment"][:8]),
            work_queue_id=some(ids["work_queue"]), parent_task_run_id=some([*tasks[:6], identity(rng)]),
            flow_version=some(TEXTS), idempotency_key=some([f"{TEXTS[n]}{n}"]),
            created_by=some([
                {"id": str(tasks[0]), "type": "SCHEDULE"}, {"id": str(tasks[1]), "type": "ключ"},
                {"type": "SCHEDULE", "id": None}, {"type": 5}, {"type": True}, {},
            ]), next_scheduled_start_time=some(MOMENTS), **run_fields(rng, some)))  # fmt: skip
        make("task_run", 10, lambda n, _: store.create_task_run(
            some(ids["flow_run"][:12]), id=tasks[n], name=rng.choice(TEXTS), **run_fields(rng, some)))  # fmt: skip
        made = [
            store.create_artifact(
                id=identity(rng), key=some(KEYS, 0.2), type=some(["table", "Table", "markdown", *TEXTS]),
                metadata=some([{}] + [
                    {rng.choice(NAMES): rng.choice(SCALARS), "n": rng.choice(SCALARS)} for _ in range(9)
                ], 0.15),
                flow_run_id=some([*ids["flow_run"], identity(rng)]), task_run_id=some([*tasks, identity(rng)]),
            )
            for _ in range(70)
        ]  # fmt: skip
    # Artifacts that share a time, late updates of old versions, and deletions of latest ones.
    made += store.create_artifacts(
        [{"id": identity(rng), "key": rng.choice(KEYS)} for _ in range(6)]
    )
    for artifact in rng.sample(made, 12):
        store.update_artifact(artifact.id, description="updated")
    for key in KEYS[:3]:
        store.delete_artifact(store.read_latest_artifact(key).id)
    made = [kept for artifact in made if (kept := store.read_artifact(artifact.id))]
    return World(made, *[
        [getattr(store, f"read_{table}")(each) for each in ids[table]]
        for table in ("flow", "deployment", "flow_run", "task_run", "work_pool", "work_queue")
    ])  # fmt: skip


def run_fields(rng: random.Random, some: Any) -> dict[str, Any]:
    """The fields that flow runs and task runs share; some of them are created at the same time."""
    state_type, state_name = rng.choice(STATES)
    fields = {"state_type": state_type, "state_name": state_name, "tags": rng.choice(TAGS)}
    times = {name: some(MOMENTS) for name in ("expected_start_time", "start_time", "end_time")}
    return fields | times | {"created": rng.choice(MOMENTS), "updated": rng.choice(MOMENTS)}


@pytest.fixture
def world(store: ArtifactStore) -> World:
    """The rows of a filled store."""
    return populate(store)


# The operands: what the rows hold, and what is next to it


def operands(world: World) -> dict[tuple[Any, str], list[Any]]:
    """What is worth comparing a field with."""
    rng = random.Random(1)
    lost = UUID("00000000-0000-4000-8000-000000000000")
    tables = {
        kind: getattr(world, home.removeprefix("read_").removeprefix("latest_"))
        for kind, (home, _) in HOME.items()
    }
    moments = [moment + TICK * step for moment in MOMENTS for step in (-1, 0, 1)]
    moments.append(START.astimezone(timezone(timedelta(hours=5, minutes=30))))
    named: dict[str, list[Any]] = {
        "key": [*KEYS, "sale", "SALES", "etl"],
        "type": ["table", "Table", "markdown", "process", "nothing", *TEXTS],
        "version": [0, 1, 2, 3, 5, -1, 2**63 - 1, -(2**63)],
        "tags": ["prod", "production", "pro", "", "1", "ключ", "🙂", "a,b", '"', "\\", "none"],
        "work_queue_name": ["default", "high%", "İstanbul", "\u212a", "", "none"],
        "idempotency_key": [run.idempotency_key for run in world.flow_runs if run.idempotency_key]
        + ["none"],
        "flow_run_id": [row.id for row in world.flow_runs] + [lost],
        "task_run_id": [row.id for row in world.task_runs] + [lost],
        "deployment_id": [row.id for row in world.deployments] + [lost],
    }
    named["parent_flow_run_id"], named["parent_task_run_id"] = (
        named["flow_run_id"],
        named["task_run_id"],
    )
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
        return entries(
            SCALARS if word == "eq_" else [each for each in SCALARS if _json_order(each)]
        )
    if word == "like_":
        return patterns(values)
    if word == "startswith_":
        return st.tuples(st.sampled_from(values), st.integers(0, 6)).map(
            lambda pair: pair[0][: pair[1]]
        )
    return listed(values) if word in ("any_", "not_any_", "all_") else st.sampled_from(values)


def _json_order(value: Any) -> bool:
    return value is not None and not isinstance(value, bool)


HOW = st.sampled_from([{}, {}, {"operator": "or_"}, {"operator": "and_"}])


@st.composite
def some_of(draw: Any, parts: dict[str, Any], more: Any) -> dict[str, Any]:
    """Objects of at most two of some parts."""
    names = {draw(NUMBER) % len(parts) for _ in range(draw(COUNT))}
    return {name: draw(parts[name]) for place, name in enumerate(parts) if place in names} | draw(
        more
    )


@st.composite
def node(draw: Any, leaf: Any, inner: Any) -> dict[str, Any]:
    """Filters over other filters, with or without fields of their own."""
    found = draw(leaf) if draw(st.booleans()) else {}
    children, word = draw(inner), draw(BRANCH)
    if word == "not_" and children:
        return found | {"not_": children[0]}
    return found | {"or_" if word == "not_" else word: children}


NUMBER, COUNT, BRANCH = (
    st.integers(0, 2**16),
    st.sampled_from([0, 1, 1, 1, 2]),
    st.sampled_from(["and_", "or_", "not_"]),
)


class Questions:
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
                        part: self.criterion({word: listed(STATE_WORDS[part]) for word in inner})
                        for part, inner in STATE.items()
                    }
                    self.fields[kind][name] = self.criterion(parts)
                    continue
                pools = dict.fromkeys(words, values[kind, name])
                if name == "created_by":
                    pools = {
                        "id_": creators,
                        "type_": ["SCHEDULE", "ключ", "5", "1", "true"],
                        "is_null_": [],
                    }
                self.fields[kind][name] = self.criterion(
                    {word: operand(name, word, pools[word]) for word in words}
                )

    @staticmethod
    def criterion(words: dict[str, Any]) -> Any:
        """Criteria of one or two operators, now and then of none."""
        return some_of(words, HOW)

    def plain(self, kind: Any, depth: int) -> Any:
        """JSON-like filters of a kind, nested up to a depth."""
        found = leaf = some_of(self.fields[kind], HOW)
        for _ in range(depth - 1):
            inner = st.lists(found, max_size=3)
            found = st.one_of(leaf, node(leaf, inner), node(leaf, inner), node(leaf, inner))
        return found

    def of(self, kind: Any, depth: int = 5) -> Any:
        """Filters of a kind."""
        return self.plain(kind, depth).map(kind.model_validate)

    def given(self, method: str, depth: int = 3) -> Any:
        """Filters of one to three kinds for one listing."""
        taken = {name: self.of(kind, depth) for name, kind in kinds(method).items()}
        return st.tuples(some_of(taken, st.just({})), some_of(taken, st.just({}))).map(
            lambda pair: pair[0] | pair[1]
        )


def answer(store: ArtifactStore, method: str, **arguments: Any) -> list[Any]:
    return [row.id for row in getattr(store, method)(**arguments)]


def expected(world: World, method: str, sort: str = "ID_DESC", **filters: Any) -> list[Any]:
    return [row.id for row in ordered(method, sort, matching(world, method, filters))]


def agree(store: ArtifactStore, world: World, method: str, **filters: Any) -> list[Any]:
    """Hold the store against the model and return what both say."""
    wanted = expected(world, method, **filters)
    assert answer(store, method, **filters) == wanted
    if "artifacts" in method:
        assert getattr(store, method.replace("read", "count"))(**filters) == len(wanted)
    return wanted


# One operator at a time


def test_the_declared_fields_and_operators_are_those_of_the_contract() -> None:
    for kind, fields in TABLE.items():
        assert {*kind.model_fields} == {*fields, "operator", "and_", "or_", "not_"}
        for name, words in fields.items():
            assert {*criterion_of(kind, name).model_fields} == {*words, "operator"}
    for part, words in STATE.items():
        assert {*criterion_of(criterion_of(FlowRunFilter, "state"), part).model_fields} == {
            *words,
            "operator",
        }


def criterion_of(kind: Any, name: str) -> Any:
    return next(
        each for each in kind.model_fields[name].annotation.__args__ if each is not type(None)
    )


def one_operator(world: World, kind: Any) -> Iterator[tuple[str, Any]]:
    """Each field and operator of a kind with operands of every sort."""
    questions = operands(world)
    for name, words in TABLE[kind].items():
        if name == "state":
            for part, inner in STATE.items():
                for word in inner:
                    yield from (
                        (f"state.{part}.{word}", {name: {part: {word: each}}})
                        for each in lists(STATE_WORDS[part])
                    )
            continue
        for word in words:
            for each in samples(world, name, word, questions[kind, name]):
                yield f"{name}.{word}", {name: {word: each}}


def lists(values: list[Any]) -> list[list[Any]]:
    return [[], *([each] for each in values), values[:2], values[1:], values]


def samples(world: World, name: str, word: str, values: list[Any]) -> list[Any]:
    if word in ("is_null_", "exists_") or name == "paused":
        return [True, False]
    if name == "created_by":
        return lists(
            ["SCHEDULE", "ключ", "5", "1", "true"]
            if word == "type_"
            else [row.id for row in world.task_runs]
        )
    if name == "metadata":
        if word == "has_key_":
            return lists(NAMES)
        scalars = SCALARS if word == "eq_" else [each for each in SCALARS if _json_order(each)]
        return (
            [{}]
            + [{label: scalar} for label in NAMES for scalar in scalars]
            + [{"n": 1, "": 1}, {"n": 0, "$": 0}]
        )
    if word == "like_":
        wild = [
            "%",
            "_",
            "%%",
            "e%l",
            "E_L",
            "\\",
            "\\%",
            "l%e",
            "_" * 9,
            "%L",
            "s-2",
            "S_2",
            "[a-z]",
            "*",
            "?",
        ]
        return [
            "",
            *values,
            *(each.swapcase() for each in values),
            *(each[1:] for each in values),
            *wild,
        ]
    if word == "startswith_":
        return [
            "",
            *values,
            *(each[:3] for each in values),
            "%",
            "_ales",
            "sales-2026x",
            "\U0010ffff",
            "s\U0010ffff",
            "\ud7ff",
        ]
    return lists(values) if word in ("any_", "not_any_", "all_") else values


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.__name__)
def test_each_operator(store: ArtifactStore, world: World, kind: Any) -> None:
    """Each operator agrees with the model, negated too, and selects some rows and not others with some operand."""
    method, parameter = HOME[kind]
    everything, telling, seen = expected(world, method), set(), set()
    for label, plain in one_operator(world, kind):
        found = agree(store, world, method, **{parameter: kind(**plain)})
        agree(store, world, method, **{parameter: ~kind(**plain)})
        seen.add(label)
        if found and found != everything:
            telling.add(label)
    # What has a latest version has a key.
    assert seen - telling == ({"key.exists_"} if kind is ArtifactCollectionFilter else set())


# Every combination


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.__name__)
def test_nested_filters(store: ArtifactStore, world: World, kind: Any) -> None:
    method, parameter = HOME[kind]

    @SOME
    @given(Questions(world).of(kind))
    def check(question: Any) -> None:
        agree(store, world, method, **{parameter: question})

    check()


@pytest.mark.parametrize("method", METHODS)
def test_related_filters(store: ArtifactStore, world: World, method: str) -> None:
    @SOME
    @given(Questions(world).given(method))
    def check(filters: dict[str, Any]) -> None:
        agree(store, world, method, **filters)

    check()


@pytest.mark.parametrize("method", METHODS)
def test_related_filters_of_one_row_each(store: ArtifactStore, world: World, method: str) -> None:
    """Filters that do not constrain, and that name one row, in every combination of kinds."""
    rng = random.Random(method)
    taken = kinds(method)
    tables = {
        name: getattr(world, f"{HOME[kind][0].removeprefix('read_').removeprefix('latest_')}")
        for name, kind in taken.items()
    }
    found: set[int] = set()
    for number in range(2 ** len(taken)):
        names = [name for place, name in enumerate(taken) if number >> place & 1]
        for _ in range(3):
            chosen = {}
            for name in names:
                field = "latest_id" if taken[name] is ArtifactCollectionFilter else "id"
                ids = [row.id for row in rng.sample(tables[name], len(tables[name]) * 2 // 3)]
                chosen[name] = rng.choice([taken[name](), taken[name](**{field: {"any_": ids}})])
            found.add(len(agree(store, world, method, **chosen)))
    assert len(found) > 2


@pytest.mark.parametrize("method", METHODS)
def test_orders_and_pages(store: ArtifactStore, world: World, method: str) -> None:
    """Each order is Python's, and pages of any size join to the whole."""
    everything = getattr(world, method.removeprefix("read_").removeprefix("latest_"))
    for sort in sorts(method):
        whole = expected(world, method, sort)
        assert answer(store, method, sort=sort) == answer(store, method, sort=sort.value) == whole
        for size in (1, 3, 7, len(everything)):
            pages = [
                answer(store, method, sort=sort, offset=start, limit=size)
                for start in range(0, len(whole), size)
            ]
            assert [each for page in pages for each in page] == whole
            assert all(len(page) <= size for page in pages)
        assert (
            answer(store, method, sort=sort, limit=0)
            == answer(store, method, sort=sort, offset=len(whole))
            == []
        )
        assert answer(store, method, sort=sort, offset=2) == whole[2:]


@pytest.mark.parametrize("method", METHODS)
def test_pages_of_filtered_rows(store: ArtifactStore, world: World, method: str) -> None:
    pages = st.tuples(
        st.sampled_from(sorts(method)), st.integers(0, 9), st.none() | st.integers(0, 9)
    )

    @settings(SOME, max_examples=40)
    @given(Questions(world).given(method, 2), pages)
    def check(filters: dict[str, Any], page: tuple[Any, int, int | None]) -> None:
        sort, offset, limit = page
        whole = expected(world, method, sort, **filters)
        stop = None if limit is None else offset + limit
        assert (
            answer(store, method, sort=sort, offset=offset, limit=limit, **filters)
            == whole[offset:stop]
        )

    check()


# Other views of the same filter


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.__name__)
def test_json_round_trip(world: World, kind: Any) -> None:
    """A filter is the same after JSON, and after plain values."""

    @settings(SOME, max_examples=60)
    @given(Questions(world).of(kind))
    def check(question: Any) -> None:
        text = question.model_dump_json()
        for copy in (kind.model_validate_json(text), kind.model_validate(question.model_dump())):
            assert copy == question
            assert copy.model_dump_json() == text

    check()


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.__name__)
def test_operators_of_python_are_those_of_the_filter(
    store: ArtifactStore, world: World, kind: Any
) -> None:
    method, parameter = HOME[kind]
    questions = Questions(world).of(kind, 2)

    @settings(SOME, max_examples=50)
    @given(questions, questions, questions)
    def check(a: Any, b: Any, c: Any) -> None:
        rows = getattr(world, method.removeprefix("read_").removeprefix("latest_"))
        for row in rows:
            x, y, z = (holds(world, each, row) for each in (a, b, c))
            known = [each for each in (x, None if y is None else not y) if each is not None]
            first = any(known) if known else None
            both = [each for each in (first, z) if each is not None]
            assert holds(world, (a | ~b) & c, row) == (all(both) if both else None)
        agree(store, world, method, **{parameter: (a | ~b) & c})

    check()


# Metadata, whatever it says

JSON_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
JSON_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-3, 3).map(float),
    st.integers(-3, 3),
    JSON_TEXT,
)


def test_metadata_of_any_kind_finds_itself(store: ArtifactStore) -> None:
    """Whatever a name and a value are, `eq_` and `has_key_` find them, and `ge_` with `le_` what has an order."""

    @settings(SOME, max_examples=150)
    @given(st.dictionaries(JSON_TEXT, JSON_SCALARS, min_size=1, max_size=4))
    def check(metadata: dict[str, Any]) -> None:
        made = store.create_artifact(metadata=metadata)
        ordered_part = {name: value for name, value in metadata.items() if _json_order(value)}
        for found in (
            {"eq_": metadata},
            {"has_key_": [*metadata]},
            {"ge_": ordered_part, "le_": ordered_part},
        ):
            question = ArtifactFilter(id={"any_": [made.id]}, metadata=found)
            assert answer(store, "read_artifacts", artifact_filter=question) == [made.id]

    check()


def test_metadata_values_compare_as_in_python(store: ArtifactStore) -> None:
    """Two values compare as Python compares them when they are of one JSON type, and not at all otherwise."""
    near = st.floats(allow_nan=False, allow_infinity=False).flatmap(
        lambda each: st.sampled_from(
            [(each, each), (each, next_after(each)), (next_after(each), each)]
        )
    )
    pairs = st.one_of(st.tuples(JSON_SCALARS, JSON_SCALARS), st.tuples(JSON_TEXT, JSON_TEXT), near)

    @settings(SOME, max_examples=200)
    @given(pairs)
    def check(pair: tuple[Any, Any]) -> None:
        stored, asked = pair
        made = store.create_artifact(metadata={"n": stored})
        world = World([made], [], [], [], [], [], [])
        for word in ("eq_", "ge_", "le_") if _json_order(asked) else ("eq_",):
            question = ArtifactFilter(id={"any_": [made.id]}, metadata={word: {"n": asked}})
            wanted = expected(world, "read_artifacts", artifact_filter=question)
            assert answer(store, "read_artifacts", artifact_filter=question) == wanted, (
                word,
                stored,
                asked,
            )

    check()


def next_after(value: float) -> float:
    found = math.nextafter(value, math.inf)
    return found if math.isfinite(found) else value


# Patterns over any text


def test_like_over_any_text(store: ArtifactStore) -> None:
    """Patterns of any characters over names of any characters."""
    alphabet = st.sampled_from("aAeE%_\\KkİıßſÄä🙂*?[]^$.\n'\"\u212a")
    text = st.text(alphabet, max_size=6)

    @settings(SOME, max_examples=200)
    @given(text, text)
    def check(name: str, pattern: str) -> None:
        run = store.create_task_run(name=name)
        world = World([], [], [], [], [run], [], [])
        question = TaskRunFilter(id={"any_": [run.id]}, name={"like_": pattern})
        wanted = expected(world, "read_task_runs", task_run_filter=question)
        assert answer(store, "read_task_runs", task_run_filter=question) == wanted

    check()


def test_prefixes_of_keys(store: ArtifactStore) -> None:
    """A prefix finds exactly the keys that start with it, in Python's sense."""
    keys = [*KEYS, "sales-", "saler", "sale"]
    keys = [key for key in keys if key[-1].isalnum()]
    for key in keys:
        store.create_artifact(key=key)
    alphabet = st.sampled_from("sSalet-_.2%/\ud7ff\ue000\U0010ffff~")
    prefixes = st.one_of(
        st.text(alphabet, max_size=5), st.sampled_from(keys).map(lambda key: key[:4])
    )

    @settings(SOME, max_examples=150)
    @given(prefixes)
    def check(prefix: str) -> None:
        found = store.read_artifacts(artifact_filter=ArtifactFilter(key={"startswith_": prefix}))
        assert sorted(each.key for each in found) == sorted(
            key for key in keys if key.startswith(prefix)
        )
        latest = store.read_latest_artifacts(
            artifact_filter=ArtifactCollectionFilter(key={"startswith_": prefix})
        )
        assert latest == found

    check()
