"""What the tests of commands share: an empty store, because a command that reads does not create one."""

import pytest

from tests.helpers.templates import Templates


@pytest.fixture
def url(engine: str, url: str, templates: Templates) -> str:
    """The address of an empty store; pytest before 8.4 finds the engine only if it is asked for here."""
    templates.create_store(url)
    return url


@pytest.fixture
def store_url(url: str) -> str:
    """The address of the same store."""
    return url


@pytest.fixture
def sales(store):
    """Three keys, one of them with two versions, and an artifact without a key; two come from a run."""
    pool = store.create_work_pool("pool")
    queue = store.create_work_queue("queue", pool.id)
    flow = store.create_flow("nightly")
    deployment = store.create_deployment("prod", flow.id, work_queue_id=queue.id)
    flow_run = store.create_flow_run(
        flow.id,
        name="night-1",
        tags=["a", "b"],
        deployment_id=deployment.id,
        work_queue_id=queue.id,
    )
    task_run = store.create_task_run(flow_run.id, name="load")
    ids = {"flow_run_id": flow_run.id, "task_run_id": task_run.id}
    return store.create_artifacts(
        [
            {"key": "sales/north", "type": "table", "data": [{"a": 1}], "metadata": {"rows": 1}},
            {
                "key": "sales/north",
                "type": "table",
                "data": [{"a": 2}],
                "metadata": {"rows": 2},
                **ids,
            },
            {"key": "report", "type": "markdown", "data": "# Hi", "description": "a\tb\nc", **ids},
            {
                "key": "load",
                "type": "progress",
                "data": 40,
                "flow_run_id": "01890000-0000-7000-8000-000000000000",
            },
            {"type": "link", "data": {"link": "https://a.b"}},
        ]
    )
