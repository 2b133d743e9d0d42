"""Nothing but an `ArtifactStoreError` or a `TypeError` leaves the API, whatever is handed to it.

Each argument of each public method and function is given each odd value in turn, the others being right.
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
from artifact_store.rendering import renderers

RIGHT = (ArtifactStoreError, TypeError)
FILTERS: dict[str, Any] = {
    "artifact_filter": ArtifactFilter,
    "flow_run_filter": FlowRunFilter,
    "task_run_filter": TaskRunFilter,
    "deployment_filter": DeploymentFilter,
    "flow_filter": FlowFilter,
    "work_pool_filter": WorkPoolFilter,
}
# What stands behind `**fields`, `**filters` and `**origin` in a signature.
ORIGIN = ["flow_run_id", "task_run_id", "id"]
CONTENT = ["type", "description", "data", "metadata", "profile"]
RUN = """id name state_type state_name expected_start_time start_time end_time tags state_message parameters""".split()
NAMED: dict[str, list[str]] = {
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
    """A value whose text cannot be had."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


class Word(str):
    """A text of a class of its own."""


def nested(depth: int) -> list[Any]:
    return reduce(lambda inner, _: [inner], range(depth), [])


def circle() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


# Made anew for each call, since some can be used up.
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
    "deep list": lambda: nested(100_000),
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


def shop(store: ArtifactStore) -> dict[str, Any]:
    """Fill a store and return a right value for each argument that must be given, by its name."""
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
    """Yield what a function takes, and whether it must be given."""
    for each in inspect.signature(function).parameters.values():
        if each.kind is inspect.Parameter.VAR_KEYWORD:
            names = NAMED.get(name) or (ORIGIN if each.name == "origin" else [*FILTERS])
            yield from (
                (one, False)
                for one in names
                if (one, name) != ("artifact_filter", "delete_artifacts")
            )
        elif each.kind is not inspect.Parameter.VAR_POSITIONAL:
            yield each.name, each.default is inspect.Parameter.empty


def used(result: Any) -> None:
    """Use what a call returns as its caller would: a block is entered, and what yields is asked."""
    if hasattr(result, "__enter__") and not isinstance(result, ArtifactStore):
        with result:
            pass
    elif isinstance(result, Iterator):
        list(itertools.islice(result, 5))


def escaped(call: Callable[..., Any], given: dict[str, Any], label: str) -> str | None:
    """Return what is said of a call that raised anything else, `None` of one that did not."""
    try:
        used(call(**given))
    except RIGHT as error:
        text = str(error)
        if isinstance(error, ArtifactStoreError) and (
            not text or len(text) > 3000 or "pydantic.dev" in text
        ):
            return f"{label}: says {text[:200]!r}"
    except Exception as error:
        return f"{label}: {type(error).__module__}.{type(error).__name__}: {str(error)[:200]!r}"
    return None


def attacked(
    function: Any, name: str, right: dict[str, Any], skip: set[str] = frozenset()
) -> list[str]:  # type: ignore[assignment]
    """Return what escaped from a function, given each odd value as each of its arguments."""
    taken = dict(arguments(function, name))
    needed = {
        each: right[each]
        for each, must in taken.items()
        if must and each != "self" and each in right
    }
    if name in ("create_flow_run", "create_task_run", "set_flow_run_state", "set_task_run_state"):
        needed |= {each: right[each] for each in ("flow_run_id",) if each in taken}
    found = []
    for argument, (label, make) in itertools.product(
        [each for each in taken if each != "self"], ODD.items()
    ):
        if f"{argument}={label}" in skip or argument in skip:
            continue
        said = escaped(function, {**needed, argument: make()}, f"{name}({argument}={label})")
        found += [said] if said else []
    return found


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
    right = shop(store)
    assert attacked(getattr(store, name), name, right) == []
    assert store.create_artifact(key="after").version == 1


FUNCTIONS = [
    name
    for name in artifact_store.__all__
    if inspect.isroutine(getattr(artifact_store, name)) and name != "default_store"
]


@pytest.fixture
def at_home(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Any]]:
    """The store is the default one, and the current directory is empty."""
    monkeypatch.chdir(tmp_path)
    before = set_default_store(store)
    yield shop(store)
    set_default_store(before)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_odd_arguments_of_a_function(
    at_home: dict[str, Any], store: ArtifactStore, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renderers, "_RENDERERS", {**renderers._RENDERERS})
    assert attacked(getattr(artifact_store, name), name, at_home) == []
    set_default_store(store)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "kind", [ArtifactCreate, ArtifactUpdate, *FILTERS.values(), ArtifactCollectionFilter]
)
def test_odd_fields_of_a_value(at_home: dict[str, Any], store: ArtifactStore, kind: Any) -> None:
    """A field of a filter is given each odd value, and so is each operator of it; what is taken is asked."""
    found = []
    every = itertools.product(kind.model_fields, ODD.items())
    # Every second one, from the first or the second on: with coverage, all together take minutes.
    for field, (label, make) in itertools.islice(every, random.randrange(2), None, 2):
        found.append(escaped(kind, {field: make()}, f"{kind.__name__}({field}={label})"))
        for way in (kind.model_validate, kind.model_validate_strings):
            found.append(
                escaped(partial(way, {field: make()}), {}, f"{way.__name__}({field}={label})")
            )
    for label, make in ODD.items():
        for way in (kind.model_validate, kind.model_validate_json, kind.model_validate_strings):
            found.append(
                escaped(partial(way, make()), {}, f"{kind.__name__}.{way.__name__}({label})")
            )
    assert [each for each in found if each] == []


def operators(kind: Any) -> Iterator[tuple[str, Callable[[Any], dict[str, Any]]]]:
    """Yield each operator of each field of a filter, and what makes the fields of its operand."""
    for name, field in kind.model_fields.items():
        if name in ("operator", "and_", "or_", "not_"):
            continue
        criterion = next(each for each in field.annotation.__args__ if each is not type(None))
        for word in criterion.model_fields:
            if name == "state" and word != "operator":
                for inner in ("any_", "not_any_"):
                    yield (
                        f"{name}.{word}.{inner}",
                        partial(lambda n, w, i, x: {n: {w: {i: x}}}, name, word, inner),
                    )
            yield f"{name}.{word}", partial(lambda n, w, x: {n: {w: x}}, name, word)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [*FILTERS.values(), ArtifactCollectionFilter])
def test_odd_operands_of_a_filter(at_home: dict[str, Any], store: ArtifactStore, kind: Any) -> None:
    parameter = {
        **{each: name for name, each in FILTERS.items()},
        ArtifactCollectionFilter: "artifact_filter",
    }[kind]
    count = (
        store.count_latest_artifacts if kind is ArtifactCollectionFilter else store.count_artifacts
    )
    found = []
    every = itertools.product(
        operators(kind), ODD.items(), (lambda x: x, lambda x: [x], lambda x: {"x": x})
    )
    # A thirteenth of them, another one in each run: all together take minutes.
    for (label, fields), (value, make), wrap in itertools.islice(
        every, random.randrange(13), None, 13
    ):
        name = f"{kind.__name__} {label}={value}"
        try:
            question = kind(**fields(wrap(make())))
        except ArtifactStoreError:
            continue
        except Exception as error:
            found.append(f"{name}: {type(error).__name__}: {str(error)[:200]}")
            continue
        found.append(escaped(count, {parameter: question}, name))
    assert [each for each in found if each] == []


@pytest.mark.parametrize("word", ["&", "|"])
def test_odd_partners_of_a_filter(word: str) -> None:
    for make in ODD.values():
        other = make()
        if isinstance(other, FlowFilter):
            continue
        for pair in ((FlowFilter(), other), (other, FlowFilter())):
            with pytest.raises(TypeError):
                pair[0] & pair[1] if word == "&" else pair[0] | pair[1]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("argument", ["url", "replica_url", "create"])
def test_odd_arguments_of_opening(
    argument: str, store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARTIFACT_STORE_URL", f"sqlite:///{tmp_path}/default.db")
    found = []
    for label, make in ODD.items():
        given = {argument: make()}
        if argument == "replica_url":
            given["url"] = store.url
        found.append(
            escaped(
                lambda **given: ArtifactStore(**given).close(),
                given,
                f"ArtifactStore({argument}={label})",
            )
        )
    assert [each for each in found if each] == []
