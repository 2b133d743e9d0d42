"""What several tests of filters use: both ways to list artifacts, and a store with rows of each kind."""

from typing import Any

import pytest

from artifact_store import ArtifactStore
from tests.helpers.filter_model import World
from tests.helpers.filter_world import populate
from tests.helpers.filters import LOST, NOON, Ask


@pytest.fixture(params=["all", "latest"])
def ask(store: ArtifactStore, request: pytest.FixtureRequest) -> Ask:
    """Both ways to ask for artifacts."""
    return Ask(store, request.param == "latest")


@pytest.fixture
def full(store: ArtifactStore) -> ArtifactStore:
    """A store with one row of each kind, related to each other and with every field set, and some without."""
    pool = store.create_work_pool("pool", type="kubernetes")
    queue = store.create_work_queue("queue", pool.id)
    flow = store.create_flow("flow", tags=["prod"])
    deployment = store.create_deployment(
        "deployment", flow.id, tags=["prod"], work_queue_id=queue.id
    )
    times: Any = dict.fromkeys(("expected_start_time", "start_time", "end_time"), NOON)
    state: Any = {"state_type": "COMPLETED", "state_name": "Completed", "tags": ["prod"], **times}
    outer = store.create_flow_run(
        flow.id, name="outer", deployment_id=deployment.id, work_queue_id=queue.id, **state
    )
    task = store.create_task_run(outer.id, name="task", **state)
    run = store.create_flow_run(
        flow.id, name="run", deployment_id=deployment.id, work_queue_id=queue.id, parent_task_run_id=task.id,
        flow_version="v1", idempotency_key="once", next_scheduled_start_time=NOON,
        created_by={"id": str(LOST), "type": "SCHEDULE"}, **state,
    )  # fmt: skip
    store.create_task_run(run.id, name="inner", **state)
    for key, made_by in (("full", run.id), ("outer", outer.id)):
        store.create_artifact(
            key=key,
            type="table",
            metadata={"team": "finance"},
            flow_run_id=made_by,
            task_run_id=task.id,
        )
        store.set_alias(key, "prod")
    store.create_artifact(key="bare")
    store.create_artifact()
    return store


@pytest.fixture
def world(store: ArtifactStore) -> World:
    """The rows of a filled store."""
    return populate(store)
