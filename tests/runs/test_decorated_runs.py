"""Functions of which each call is a run: what may be decorated, what is refused, and what the runs are called."""

import abc
import functools
import inspect
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from artifact_store import ArtifactStore, InvalidQuery


def test_each_call_is_a_run(store: ArtifactStore) -> None:
    @store.task_run
    def load(n: int, *, twice: bool = False) -> int:
        """Load."""
        store.create_artifact(key="n", data=n)
        return 2 * n if twice else n

    @store.flow_run("etl", tags=["prod"])
    def etl(*numbers: int) -> list[int]:
        return [load(n, twice=True) for n in numbers]

    assert (load.__name__, load.__doc__) == ("load", "Load.")
    assert str(inspect.signature(load)) == "(n: int, *, twice: bool = False) -> int"
    assert etl(1, 2) == [2, 4]
    assert etl(3) == [6]
    assert {(run.state_type, run.tags) for run in store.read_flow_runs()} == {
        ("COMPLETED", ("prod",))
    }
    assert [flow.name for flow in store.read_flows()] == ["etl"]
    assert (
        len({each.task_run_id for each in store.read_artifacts()})
        == len(store.read_task_runs())
        == 3
    )
    assert (
        len({each.flow_run_id for each in store.read_artifacts()})
        == len(store.read_flow_runs())
        == 2
    )


def test_names_of_decorated_functions(store: ArtifactStore) -> None:
    @store.flow_run
    def nightly_etl() -> None:
        load_rows()
        tagged()

    @store.task_run()
    def load_rows() -> None: ...

    @store.task_run(tags=["t"])
    def tagged() -> None: ...

    nightly_etl()
    assert [each.name for each in store.read_flows()] == ["nightly-etl"]
    assert {each.name for each in store.read_task_runs()} == {"load_rows", "tagged"}


def test_a_decorated_function_may_call_itself_and_be_called_in_threads(
    store: ArtifactStore,
) -> None:
    @store.flow_run
    def down(n: int) -> int:
        return n and down(n - 1)

    assert down(2) == 0
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(down, [0] * 8)) == [0] * 8
    assert {run.state_type for run in store.read_flow_runs()} == {"COMPLETED"}
    assert len(store.read_flow_runs()) == 11
    assert len(store.read_task_runs()) == 2


def test_decorated_methods(store: ArtifactStore) -> None:
    class Job:
        @store.task_run
        def load(self, n: int) -> int:
            return n

        @staticmethod
        @store.task_run("still")
        def still(n: int) -> int:
            return n

    assert (Job().load(1), Job.still(2)) == (1, 2)
    assert {each.name for each in store.read_task_runs()} == {"load", "still"}


@pytest.mark.parametrize("named", [False, True])
def test_methods_of_each_kind_are_decorated_from_outside_too(
    store: ArtifactStore, named: bool
) -> None:
    decorate: Any = store.task_run("mine") if named else store.task_run
    made: list[Any] = []

    class Job:
        @decorate
        @classmethod
        def of_class(cls, n: int) -> Any:
            """Load."""
            made.append(store.create_artifact(data=n))
            return cls, n

        @decorate
        @staticmethod
        def of_nobody(n: int) -> int:
            made.append(store.create_artifact(data=n))
            return n

        @decorate
        @property
        def value(self) -> int:
            """A value."""
            made.append(store.create_artifact(data=3))
            return 3

        @value.setter
        def value(self, value: int) -> None:
            self.given = value

        @decorate
        @functools.cached_property
        def once(self) -> int:
            made.append(store.create_artifact(data=4))
            return 4

    job = Job()
    job.value = 5
    assert (job.given, Job.of_class(1), job.of_class(1)) == (5, (Job, 1), (Job, 1))
    assert (Job.of_nobody(2), job.of_nobody(2), job.value, job.once, job.once) == (2, 2, 3, 4, 4)
    assert (Job.of_class.__doc__, Job.value.__doc__) == ("Load.", "A value.")  # type: ignore[attr-defined]
    runs = {run.id: run for run in store.read_task_runs()}
    assert {run.state_type for run in runs.values()} == {"COMPLETED"}
    assert len(runs) == len(made) == 6
    names = [runs[each.task_run_id].name for each in made]
    assert names == (
        ["mine"] * 6
        if named
        else ["of_class", "of_class", "of_nobody", "of_nobody", "value", "once"]
    )


def test_the_setter_and_the_deleter_of_a_property_are_runs_too(store: ArtifactStore) -> None:
    def read(self: Any) -> int:
        return 1

    def write(self: Any, value: int) -> None: ...

    def delete(self: Any) -> None: ...

    class Job:
        value: Any = store.flow_run(property(read, write, delete))
        unreadable: Any = store.flow_run(property(None, write))

    job = Job()
    assert job.value == 1
    job.value = 2
    job.unreadable = 3
    del job.value
    flows = {flow.id: flow.name for flow in store.read_flows()}
    assert sorted(flows[run.flow_id] for run in store.read_flow_runs()) == [
        "delete",
        "read",
        "write",
        "write",
    ]
    with pytest.raises(AttributeError):
        print(job.unreadable)


def test_an_abstract_method_stays_abstract(store: ArtifactStore) -> None:
    class Job(abc.ABC):
        @store.task_run
        @classmethod
        @abc.abstractmethod
        def load(cls) -> None: ...

    with pytest.raises(TypeError, match="abstract"):
        Job()  # type: ignore[abstract]


async def of_async() -> None: ...
def of_generator() -> Iterator[int]:
    yield 1


async def of_async_generator() -> Any:
    yield 1


class AsyncCall:
    async def __call__(self) -> None: ...


async def of_class(cls: Any) -> None: ...


@pytest.mark.parametrize(
    "later", [of_async, of_generator, of_async_generator, functools.partial(of_async), AsyncCall()]
)
def test_what_works_later_is_refused(store: ArtifactStore, later: Any) -> None:
    with store.flow_run("etl") as run:
        for decorate in (
            store.flow_run,
            store.flow_run("etl"),
            store.task_run,
            store.task_run("load"),
            run.wrap,
        ):
            with pytest.raises(
                InvalidQuery,
                match=r"is an? (async function|async generator|generator), which .*with block",
            ):
                decorate(later)


def test_what_needs_a_name(store: ArtifactStore) -> None:
    for block, label in ((store.flow_run(), "flow run"), (store.task_run(tags=["x"]), "task run")):
        with pytest.raises(InvalidQuery, match=f"A {label} needs a name"), block:
            pytest.fail("it cannot begin")
    with pytest.raises(InvalidQuery, match="needs a name"):
        store.task_run(functools.partial(print))()
    store.task_run("load")(functools.partial(print))()
    assert [each.name for each in store.read_task_runs()] == ["load"]


@pytest.mark.parametrize(
    "later", [classmethod(of_class), staticmethod(of_async), property(of_class)]
)
def test_methods_that_work_later_are_refused(store: ArtifactStore, later: Any) -> None:
    for decorate in (store.flow_run, store.flow_run("etl"), store.task_run, store.task_run("load")):
        with pytest.raises(
            InvalidQuery, match=r"is an async function, which cannot be a (flow|task) run"
        ):
            decorate(later)


@pytest.mark.parametrize(
    "other", [7, b"etl", functools.partialmethod(print), functools.singledispatchmethod(print)]
)
def test_what_is_no_function_is_refused_at_once(store: ArtifactStore, other: Any) -> None:
    for decorate in (store.flow_run, store.flow_run("etl"), store.task_run, store.task_run("load")):
        with pytest.raises(
            InvalidQuery, match=r"is neither a name nor a function: give the (flow|task) run"
        ):
            decorate(other)
    assert [store.read_flows(), store.read_flow_runs(), store.read_task_runs()] == [[], [], []]
