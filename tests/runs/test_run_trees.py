"""`read_run_tree`: flow runs with what belongs to them, in as many statements for many runs as for one."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from artifact_store import (
    ArtifactFilter,
    ArtifactStore,
    FlowFilter,
    FlowRunFilter,
    FlowRunTree,
    InvalidQuery,
    RunSort,
    TaskRunFilter,
)
from artifact_store.db.statements import Statements


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The keys of the statements that are run."""
    keys: list[object] = []
    for name in ("fetch_all", "fetch_one", "execute"):
        method = getattr(Statements, name)

        def counted(self, key, *args, method=method, **options):  # type: ignore[no-untyped-def]
            keys.append(key)
            return method(self, key, *args, **options)

        monkeypatch.setattr(Statements, name, counted)
    return keys


def publish(store: ArtifactStore, runs: int) -> None:
    for number in range(runs):
        with store.flow_run(f"flow-{number % 3}", tags=[f"n{number}"]):
            store.create_artifact(key="own", data=number)
            for task in ("load", "clean"):
                with store.task_run(task):
                    store.create_artifact(key=task, type="table", data=[{"number": number}])


@pytest.mark.parametrize("runs", [1, 7, 60])
def test_the_number_of_statements_does_not_grow(
    store: ArtifactStore, statements: list[object], runs: int
) -> None:
    publish(store, runs)
    statements.clear()
    trees = store.read_run_tree()
    assert len(statements) == 4
    assert len(trees) == runs


def test_nothing_is_read_of_no_run(store: ArtifactStore, statements: list[object]) -> None:
    statements.clear()
    assert store.read_run_tree() == []
    assert len(statements) == 1


def test_a_tree_holds_what_belongs_to_its_run(store: ArtifactStore) -> None:
    publish(store, 4)
    store.create_artifact(key="outside")
    trees = store.read_run_tree()
    assert [tree.flow_run for tree in trees] == store.read_flow_runs()
    for tree in trees:
        assert tree.complete
        assert tree.flow == store.read_flow(tree.flow_run.flow_id)
        assert [branch.task_run for branch in tree.task_runs] == sorted(
            store.read_task_runs(flow_run_filter=FlowRunFilter(id={"any_": [tree.flow_run.id]})),
            key=lambda run: run.id,
        )
        assert [artifact.key for artifact in tree.artifacts] == ["own"]
        assert [[artifact.key for artifact in branch.artifacts] for branch in tree.task_runs] == [
            ["load"],
            ["clean"],
        ]
        shown = [
            *tree.artifacts,
            *(artifact for branch in tree.task_runs for artifact in branch.artifacts),
        ]
        of_run = ArtifactFilter(flow_run_id={"any_": [tree.flow_run.id]})
        assert shown == store.read_artifacts(artifact_filter=of_run, include_data=False)[::-1]


def test_filters_and_pages_are_those_of_flow_runs(store: ArtifactStore) -> None:
    publish(store, 6)
    for options in (
        {"limit": 2},
        {"offset": 1, "limit": 3},
        {"limit": 0},
        {"sort": [*RunSort][-1]},
        {"flow_filter": FlowFilter(name={"any_": ["flow-1"]})},
        {"flow_run_filter": FlowRunFilter(tags={"all_": ["n4"]})},
        {"flow_filter": FlowFilter(name={"any_": ["nothing"]})},
    ):
        found = store.read_run_tree(**options)  # type: ignore[arg-type]
        assert [tree.flow_run for tree in found] == store.read_flow_runs(**options)  # type: ignore[arg-type]


def test_filters_of_artifacts_and_task_runs_say_what_is_shown(store: ArtifactStore) -> None:
    publish(store, 2)
    tables = store.read_run_tree(artifact_filter=ArtifactFilter(type={"any_": ["table"]}))
    assert [len(tree.artifacts) for tree in tables] == [0, 0]
    assert [[len(branch.artifacts) for branch in tree.task_runs] for tree in tables] == [
        [1, 1],
        [1, 1],
    ]
    cleaning = store.read_run_tree(task_run_filter=TaskRunFilter(name={"any_": ["clean"]}))
    assert [
        [branch.task_run and branch.task_run.name for branch in tree.task_runs] for tree in cleaning
    ] == [
        ["clean"],
        ["clean"],
    ]
    assert [tree.artifacts for tree in cleaning] == [(), ()]


def test_a_run_with_many_artifacts_hides_nothing_of_the_others(store: ArtifactStore) -> None:
    publish(store, 2)
    with store.flow_run("busy") as busy:
        made = store.create_artifacts({"data": number} for number in range(10))
    tree, *others = store.read_run_tree(per_run=3)
    assert tree.flow_run.id == busy.id
    assert [artifact.id for artifact in tree.artifacts] == [artifact.id for artifact in made[-3:]]
    assert not tree.complete
    assert [other.complete for other in others] == [True, True]


@pytest.mark.parametrize("per_run", [1, 2, 3, 4, 5])
def test_a_filter_that_everything_satisfies_changes_nothing(
    store: ArtifactStore, per_run: int
) -> None:
    publish(store, 2)
    with store.flow_run("busy"):
        store.create_artifacts({"data": number} for number in range(4))
        for task in "abcd":
            store.create_task_run(name=task, flow_run_id=store.read_flow_runs(limit=1)[0].id)
    store.create_flow_run(store.create_flow("empty").id)

    every = ArtifactFilter(created={"after_": datetime(2000, 1, 1, tzinfo=UTC)})
    named = TaskRunFilter(name={"any_": ["load", "clean", *"abcd"]})
    expected = store.read_run_tree(per_run=per_run)
    assert store.read_run_tree(per_run=per_run, artifact_filter=every) == expected
    of_tasks = store.read_run_tree(per_run=per_run, task_run_filter=named)
    assert task_runs(of_tasks) == task_runs(expected[1:]), "the empty run has none"


def task_runs(trees: Sequence[FlowRunTree]) -> list[list[object]]:
    return [[branch.task_run for branch in tree.task_runs if branch.task_run] for tree in trees]


def test_artifacts_of_an_unknown_task_run_have_a_branch(store: ArtifactStore) -> None:
    unknown = uuid.uuid4()
    with store.flow_run("etl"):
        artifact = store.create_artifact(key="k", task_run_id=unknown)
    (tree,) = store.read_run_tree()
    assert [(branch.task_run_id, branch.task_run) for branch in tree.task_runs] == [(unknown, None)]
    assert [each.id for each in tree.task_runs[0].artifacts] == [artifact.id]
    assert tree.task_runs[0].artifacts[0].data is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"per_run": 0}, "per_run must be an int from 1 to 100,000, got 0"),
        ({"limit": -1}, "limit"),
        ({"sort": "BY_AGE"}, "BY_AGE"),
        ({"artifact_filter": FlowFilter()}, "artifact_filter takes an ArtifactFilter here"),
    ],
)
def test_what_is_refused(store: ArtifactStore, options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidQuery, match=message):
        store.read_run_tree(**options)  # type: ignore[arg-type]
