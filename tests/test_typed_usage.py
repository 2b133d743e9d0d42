"""Scripts as users write them: they run here, and `mypy --strict` checks them in CI."""

from datetime import timedelta

import pytest

from artifact_store import (
    Artifact,
    ArtifactCollectionFilter,
    ArtifactCreate,
    ArtifactFilter,
    ArtifactSort,
    ArtifactStore,
    ArtifactUpdate,
    Check,
    CheckResult,
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    OpenFlowRun,
    OpenTaskRun,
    TaskRunFilter,
    VersionConflict,
    WorkPoolFilter,
    create_image_artifact,
    create_link_artifact,
    create_progress_artifact,
    create_table_artifact,
    read_artifact_ref,
    set_default_store,
    table_payload,
    update_progress_artifact,
)


def test_a_script_of_a_user() -> None:
    with ArtifactStore("sqlite:///:memory:") as store:
        run = store.create_flow_run(
            store.create_flow("etl").id, tags=["prod"], state_type="COMPLETED"
        )
        made: Artifact = store.create_artifact(
            key="sales-north", type="table", data=[{"x": 1}], flow_run_id=run.id
        )
        store.create_artifacts(
            [ArtifactCreate(key="note", data="text"), {"metadata": {"team": "finance"}}]
        )
        tables = ArtifactFilter(
            key={"like_": "SALES-"}, type={"any_": ["table"]}, version={"ge_": 1}
        )
        finance = ArtifactFilter(metadata={"eq_": {"team": "finance"}}, operator="or_")
        wanted = (tables | finance) & ~ArtifactFilter(key={"exists_": False, "operator": "or_"})
        found: list[Artifact] = store.read_artifacts(
            artifact_filter=wanted, sort=ArtifactSort.KEY_ASC
        )
        assert found == [made]
        assert (
            store.count_artifacts(
                flow_run_filter=FlowRunFilter(
                    state={"type": {"any_": ["COMPLETED"]}}, tags={"all_": ["prod"]}
                ),
                flow_filter=FlowFilter(name={"like_": "et"}),
            )
            == 1
        )
        assert (
            store.count_latest_artifacts(
                ArtifactCollectionFilter(latest_id={"any_": [made.id]}),
                task_run_filter=None,
                deployment_filter=DeploymentFilter(paused={"eq_": False}),
                work_pool_filter=WorkPoolFilter(type={"any_": ["process"]}),
            )
            == 0
        )
        assert (
            store.read_task_runs(task_run_filter=TaskRunFilter(subflow_runs={"exists_": True}))
            == []
        )
        assert store.update_artifact(made.id, ArtifactUpdate(description="checked"))
        assert [each.description for each in store.iter_artifacts(artifact_filter=tables)] == [
            "checked"
        ]


def test_a_script_that_checks() -> None:
    with ArtifactStore("sqlite:///:memory:") as store:
        store.create_artifacts({"key": "model", "data": {"acc": acc}} for acc in (0.93, 0.92))
        check: Check = store.check(
            "model",
            within=timedelta(days=1),
            where={"data.acc": {"ge_": 0.5, "between_": [0, 1]}},
            change={"data.acc": {"max_drop": "5%", "max_rise": 0.05}},
            against=1,
        )
        if check and check.artifact is not None:
            assert check.raise_if_failed().artifact == store.get("model")
        failures: tuple[CheckResult, ...] = check.failures
        assert [failure.sentence for failure in failures] == []


def test_a_script_of_one_line_functions() -> None:
    with ArtifactStore("sqlite:///:memory:") as store:
        before = set_default_store(store)
        made: Artifact = create_table_artifact(
            {"x": [1]}, "sales", metadata={"n": 1}, profile=False
        )
        create_link_artifact("https://a.b", "text", key="link", flow_run_id=None)
        create_image_artifact(image_url="https://a.b/c.png", alt="a cat")
        now: Artifact | None = update_progress_artifact(
            create_progress_artifact(progress=0.0), 50, "half"
        )
        found: Artifact | None = read_artifact_ref("sales@1")
        assert found == made
        assert now is not None
        assert now.data == 50
        assert store.create_artifact(key="sales", **table_payload([{"x": 2}])).version == 2
        set_default_store(before)


def test_decorated_functions_keep_their_types() -> None:
    with ArtifactStore("sqlite:///:memory:") as store:

        @store.task_run
        def double(n: int, *, times: int = 1) -> int:
            return 2 * n * times

        @store.flow_run("etl", tags=["prod"])
        def etl(numbers: list[int]) -> list[int]:
            return [double(n, times=2) for n in store.track(numbers, key="etl/progress")]

        found: list[int] = etl([1, 2])
        assert found == [4, 8]
        with store.flow_run("etl") as run, store.task_run("load") as task:
            wrapped: int = run.wrap(double)(1, times=3)
        assert wrapped == 6
        opened: tuple[OpenFlowRun, OpenTaskRun] = run, task
        assert [each.id for each in opened] == [run.id, task.id]
        with pytest.raises(TypeError):
            double(1, twice=True)  # type: ignore[call-arg]


def test_a_script_that_publishes_under_conditions() -> None:
    with ArtifactStore("sqlite:///:memory:") as store:
        first: Artifact = store.create_artifact(ArtifactCreate(key="sales"), expect_version=None)
        second = store.create_table_artifact(
            [{"x": 1}], key="sales", expect_version=first.version, skip_unchanged=True
        )
        with pytest.raises(VersionConflict), store.atomic(expect={"sales": first.version}):
            store.create_artifact(key="note")
        with store.atomic(expect={"sales": second.version, "note": None}):
            store.create_artifacts(
                [{"key": "note", "expect_version": None}, ArtifactCreate(key="sales")],
                skip_unchanged=True,
            )
        assert store.keys() == ["note", "sales"]
