"""The API raises nothing but an `ArtifactStoreError` or a `TypeError`, whatever is passed to it.

Each argument of each public method and function is each odd value in turn; the others are valid.
"""

import datetime as dt
import inspect
import itertools
import math
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial, reduce
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

import artifact_store
from artifact_store import (
    ArtifactCollectionFilter,
    ArtifactCollectionSort,
    ArtifactCreate,
    ArtifactFilter,
    ArtifactSort,
    ArtifactStore,
    ArtifactStoreError,
    ArtifactUpdate,
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    RunSort,
    TaskRunFilter,
    WorkPoolFilter,
    set_default_store,
)
from artifact_store.artifacts.waiting import NewVersions
from artifact_store.rendering import renderers

EXPECTED_ERRORS = (ArtifactStoreError, TypeError)
FILTERS: dict[str, Any] = {
    "artifact_filter": ArtifactFilter,
    "flow_run_filter": FlowRunFilter,
    "task_run_filter": TaskRunFilter,
    "deployment_filter": DeploymentFilter,
    "flow_filter": FlowFilter,
    "work_pool_filter": WorkPoolFilter,
}
# The names that `**fields`, `**filters` and `**origin` in a signature stand for.
ORIGIN = ["flow_run_id", "task_run_id", "id"]
CONTENT = ["type", "description", "data", "metadata", "profile"]
RUN = """id name state_type state_name expected_start_time start_time end_time tags state_message parameters""".split()
FIELDS: dict[str, list[str]] = {
    "create_artifact": ["key", *CONTENT, *ORIGIN],
    "update_artifact": CONTENT,
    "create_flow_run": [
        *RUN, "deployment_id", "work_queue_id", "parent_task_run_id", "flow_version", "idempotency_key",
        "next_scheduled_start_time", "created_by",
    ],
    "create_task_run": [*RUN, "task_key"],
}  # fmt: skip


EARLY = dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=9)))  # the year 0 in UTC


class Unshowable:
    """A value whose `repr` raises."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


class Word(str):
    """A subclass of `str`."""


def nested(depth: int) -> list[Any]:
    return reduce(lambda inner, _: [inner], range(depth), [])


def circle() -> list[Any]:
    """Return a list that contains itself."""
    circle: list[Any] = []
    circle.append(circle)
    return circle


# Functions, since each call needs a new value: a generator can be used once.
ODD: dict[str, Callable[[], Any]] = {
    **{repr(value): partial(lambda value: value, value) for value in (
        None, True, 0, -1, 7, 2**31, 2**63, 2**64, 1.5, math.nan, math.inf, 1j, Decimal("NaN"), Decimal("1e999"),
        "", " ", "x", "a\0b", "\ud800", "\n", "sales@1", "\U0010ffff", "%", "..", Word("x"),
        b"", b"\xff", (), [], {}, set(), frozenset({1}), range(3), [None], ["x", 1], {"x": 1}, {1: 2}, {None: None},
        dt.date(2026, 3, 1), dt.datetime(2026, 3, 1), EARLY,
        dt.timedelta(1), UUID(int=7), RunSort.NAME_ASC, ArtifactSort.KEY_ASC, ArtifactCollectionSort.ID_DESC,
        dict, ValueError, ValueError("x"), Path("a\0b"), ..., NotImplemented, len, SimpleNamespace(id=1),
    )},
    "10**5000": lambda: 10**5000,
    "long text": lambda: "x" * 100_000,
    "long path": lambda: "x/" * 5000,
    "deep list": partial(lambda value: value, nested(100_000)),  # to make it takes longer than most calls
    "circle": circle,
    "generator": lambda: (each for each in ("a", 1)),
    "iterator": lambda: iter([{"key": "x"}, 3]),
    "bytearray": lambda: bytearray(b"x"),
    "memoryview": lambda: memoryview(b"x"),
    "object": object,
    "unshowable": Unshowable,
    "lambda": lambda: lambda: None,
    "module": lambda: math,
    "filters": lambda: [kind() for kind in FILTERS.values()],
    "deep filter": lambda: reduce(lambda inner, _: ~inner, range(99), FlowFilter()),
    **{kind.__name__: kind for kind in (*FILTERS.values(), ArtifactCollectionFilter, ArtifactCreate, ArtifactUpdate)},
}  # fmt: skip


def fill(store: ArtifactStore) -> dict[str, Any]:
    """Fill a store and return a valid value for each required argument, by its name."""
    flow = store.create_flow("etl")
    pool = store.create_work_pool("pool")
    queue = store.create_work_queue("queue", pool.id)
    deployment = store.create_deployment("prod", flow.id, work_queue_id=queue.id)
    run = store.create_flow_run(flow.id, deployment_id=deployment.id)
    task = store.create_task_run(run.id)
    made = store.create_table_artifact(
        [{"a": 1}, {"a": 2}], key="sales", flow_run_id=run.id, task_run_id=task.id
    )
    load = store.create_progress_artifact(1, key="load")
    return {
        "artifact": made, "artifact_id": load.id, "deployment_id": deployment.id, "field": "rows", "flow_id": flow.id,
        "flow_run_id": run.id, "function": lambda *_, **__: None, "image": "https://example.org/x.png", "items": [1, 2],
        "key": "sales", "keys": ["sales"], "link": "https://example.org", "many": [{"key": "x"}], "markdown": "# Hi",
        "name": "other", "path": "r.html", "progress": 5, "ref": "sales", "state_type": "RUNNING", "table": [{"a": 1}],
        "task_run_id": task.id, "work_pool_id": pool.id, "work_queue_id": queue.id, "text": "x", "values": [1, 2],
        "moment": made.created, "store": store,
    }  # fmt: skip


def arguments(function: Any, name: str) -> Iterator[tuple[str, bool]]:
    """Yield the names of a function's arguments, and whether each is required."""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            names = FIELDS.get(name) or (ORIGIN if parameter.name == "origin" else [*FILTERS])
            for each in names:
                if (each, name) != ("artifact_filter", "delete_artifacts"):
                    yield each, False

        elif parameter.kind is not inspect.Parameter.VAR_POSITIONAL:
            yield parameter.name, parameter.default is inspect.Parameter.empty


def use(result: Any) -> None:
    """Use what a call returns as its caller would: enter a context manager, iterate over an iterator."""
    if hasattr(result, "__enter__") and not isinstance(result, ArtifactStore):
        with result:
            pass
    elif isinstance(result, Iterator) and not isinstance(result, NewVersions):  # which waits
        list(itertools.islice(result, 5))


def problem_of(call: Callable[..., Any], arguments: dict[str, Any], label: str) -> str | None:
    """Return a description if a call raises an unexpected error, or one with a bad message."""
    try:
        use(call(**arguments))
    except EXPECTED_ERRORS as error:
        text = str(error)
        bad_message = not text or len(text) > 3000 or "pydantic.dev" in text
        if isinstance(error, ArtifactStoreError) and bad_message:
            return f"{label}: says {text[:200]!r}"
    except Exception as error:
        return f"{label}: {type(error).__module__}.{type(error).__name__}: {str(error)[:200]!r}"
    return None


def problems_of(function: Any, name: str, valid: dict[str, Any]) -> list[str]:
    """Return the problems of a function with each odd value as each of its arguments."""
    names = {each: needed for each, needed in arguments(function, name) if each != "self"}
    required = {each: valid[each] for each, needed in names.items() if needed and each in valid}
    needs_run = ("create_flow_run", "create_task_run", "set_flow_run_state", "set_task_run_state")
    if name in needs_run and "flow_run_id" in names:
        required["flow_run_id"] = valid["flow_run_id"]
    if name == "wait_for_artifact":
        required["timeout"] = 0

    problems = []
    for argument, (label, make) in itertools.product(names, ODD.items()):
        values = {**required, argument: make()}
        problems.append(problem_of(function, values, f"{name}({argument}={label})"))
    return [each for each in problems if each is not None]


METHODS = [
    name
    for name in dir(ArtifactStore)
    if not name.startswith("_")
    and callable(getattr(ArtifactStore, name))
    and name not in ("close", "atomic")
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", METHODS)
def test_odd_arguments_of_a_method(
    store: ArtifactStore, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    valid = fill(store)
    assert problems_of(getattr(store, name), name, valid) == []
    assert store.create_artifact(key="after").version == 1


FUNCTIONS = [
    name
    for name in artifact_store.__all__
    if inspect.isroutine(getattr(artifact_store, name)) and name != "default_store"
]


@pytest.fixture
def valid(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Any]]:
    """Valid arguments; the store is the default one, and the current directory is empty."""
    monkeypatch.chdir(tmp_path)
    before = set_default_store(store)
    yield fill(store)
    set_default_store(before)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_odd_arguments_of_a_function(
    valid: dict[str, Any], store: ArtifactStore, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renderers, "_RENDERERS", {**renderers._RENDERERS})
    assert problems_of(getattr(artifact_store, name), name, valid) == []
    set_default_store(store)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "kind", [ArtifactCreate, ArtifactUpdate, *FILTERS.values(), ArtifactCollectionFilter]
)
def test_odd_fields_of_a_value(kind: Any) -> None:
    problems = []
    for field, (label, make) in itertools.product(kind.model_fields, ODD.items()):
        name = f"{kind.__name__}({field}={label})"
        problems.append(problem_of(kind, {field: make()}, name))
        for validate in (kind.model_validate, kind.model_validate_strings):
            call = partial(validate, {field: make()})
            problems.append(problem_of(call, {}, f"{validate.__name__} {name}"))

    ways = (kind.model_validate, kind.model_validate_json, kind.model_validate_strings)
    for (label, make), validate in itertools.product(ODD.items(), ways):
        name = f"{kind.__name__}.{validate.__name__}({label})"
        problems.append(problem_of(partial(validate, make()), {}, name))
    assert [each for each in problems if each] == []


def operators(kind: Any) -> Iterator[tuple[str, Callable[[Any], dict[str, Any]]]]:
    """Yield each operator of each field of a filter, and a function from an operand to the fields."""
    for field, info in kind.model_fields.items():
        if field in ("operator", "and_", "or_", "not_"):
            continue
        criterion = next(each for each in info.annotation.__args__ if each is not type(None))
        for word in criterion.model_fields:
            yield f"{field}.{word}", partial(nest, field, word)
            if field == "state" and word != "operator":
                for inner in ("any_", "not_any_"):
                    yield f"{field}.{word}.{inner}", partial(nest, field, word, inner)


def nest(*names_and_operand: Any) -> dict[str, Any]:
    """Return `{"a": {"b": operand}}` for `nest("a", "b", operand)`."""
    *names, operand = names_and_operand
    for name in reversed(names):
        operand = {name: operand}
    return operand


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [*FILTERS.values(), ArtifactCollectionFilter])
def test_odd_operands_of_a_filter(valid: dict[str, Any], store: ArtifactStore, kind: Any) -> None:
    parameters = {each: name for name, each in FILTERS.items()}
    parameter = parameters.get(kind, "artifact_filter")
    latest = kind is ArtifactCollectionFilter
    count = store.count_latest_artifacts if latest else store.count_artifacts

    problems = []
    wraps = (lambda value: value, lambda value: [value], lambda value: {"x": value})
    cases = itertools.product(operators(kind), ODD.items(), wraps)
    # A fifth of the cases, starting at random: all of them take a minute.
    sample = itertools.islice(cases, random.randrange(5), None, 5)
    for (operator, fields), (value, make), wrap in sample:
        name = f"{kind.__name__} {operator}={value}"
        try:
            filters = kind(**fields(wrap(make())))
        except ArtifactStoreError:
            continue
        except Exception as error:
            problems.append(f"{name}: {type(error).__name__}: {str(error)[:200]}")
            continue
        problems.append(problem_of(count, {parameter: filters}, name))
    assert [each for each in problems if each] == []


@pytest.mark.parametrize("word", ["&", "|"])
def test_a_filter_combined_with_odd_values(word: str) -> None:
    for make in ODD.values():
        other = make()
        if isinstance(other, FlowFilter):
            continue
        for pair in ((FlowFilter(), other), (other, FlowFilter())):
            with pytest.raises(TypeError):
                pair[0] & pair[1] if word == "&" else pair[0] | pair[1]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("argument", ["url", "replica_url", "create"])
def test_odd_arguments_of_a_store(
    argument: str, store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARTIFACT_STORE_URL", f"sqlite:///{tmp_path}/default.db")

    def open_and_close(**arguments: Any) -> None:
        ArtifactStore(**arguments).close()

    problems = []
    for label, make in ODD.items():
        arguments = {argument: make()}
        if argument == "replica_url":
            arguments["url"] = store.url
        name = f"ArtifactStore({argument}={label})"
        problems.append(problem_of(open_and_close, arguments, name))
    assert [each for each in problems if each] == []
