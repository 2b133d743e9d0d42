"""What a user writes: it runs here, and `mypy --strict` reads it in CI."""

from artifact_store import (
    Artifact,
    ArtifactCollectionFilter,
    ArtifactCreate,
    ArtifactFilter,
    ArtifactSort,
    ArtifactStore,
    ArtifactUpdate,
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    TaskRunFilter,
    WorkPoolFilter,
)


def test_a_script_of_a_user() -> None:
    with ArtifactStore("sqlite:///:memory:") as store:
        run = store.create_flow_run(store.create_flow("etl").id, tags=["prod"], state_type="COMPLETED")
        made: Artifact = store.create_artifact(key="sales-north", type="table", data=[{"x": 1}], flow_run_id=run.id)
        store.create_artifacts([ArtifactCreate(key="note", data="text"), {"metadata": {"team": "finance"}}])
        tables = ArtifactFilter(key={"like_": "SALES-"}, type={"any_": ["table"]}, version={"ge_": 1})
        finance = ArtifactFilter(metadata={"eq_": {"team": "finance"}}, operator="or_")
        wanted = (tables | finance) & ~ArtifactFilter(key={"exists_": False, "operator": "or_"})
        found: list[Artifact] = store.read_artifacts(artifact_filter=wanted, sort=ArtifactSort.KEY_ASC)
        assert found == [made]
        assert (
            store.count_artifacts(
                flow_run_filter=FlowRunFilter(state={"type": {"any_": ["COMPLETED"]}}, tags={"all_": ["prod"]}),
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
        assert store.read_task_runs(task_run_filter=TaskRunFilter(subflow_runs={"exists_": True})) == []
        assert store.update_artifact(made.id, ArtifactUpdate(description="checked"))
        assert [each.description for each in store.iter_artifacts(artifact_filter=tables)] == ["checked"]
