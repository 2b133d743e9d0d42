"""Flows, deployments, runs, work pools and work queues are found by name too."""

import pytest

from artifact_store import InvalidQuery


def test_a_flow_and_a_work_pool_have_one_name(store):
    flow = store.create_flow("nightly/etl")
    pool = store.create_work_pool("workers")
    assert store.read_flow("nightly/etl") == store.read_flow(str(flow.id)) == flow
    assert store.read_work_pool("workers") == pool
    assert store.read_flow("nightly") is None
    assert store.read_work_pool("") is None


def test_of_runs_with_one_name_the_newest_is_found(store):
    flow = store.create_flow("nightly")
    store.create_flow_run(flow.id, name="night-1")
    again = store.create_flow_run(flow.id, name="night-1")
    assert store.read_flow_run("night-1") == again
    assert store.read_flow_run("night") is None

    store.create_task_run(again.id, name="load")
    task = store.create_task_run(again.id, name="load")
    assert store.read_task_run("load") == task


def test_a_text_that_is_a_uuid_is_an_id(store):
    first = store.create_flow("nightly")
    named_like_it = store.create_flow(str(first.id))
    assert store.read_flow(str(first.id)) == first
    assert store.read_flow(named_like_it.id) == named_like_it


def test_a_deployment_is_named_with_its_flow(store):
    plain, nested = store.create_flow("nightly"), store.create_flow("nightly/eu")
    prod = store.create_deployment("prod", plain.id)
    eu_prod = store.create_deployment("eu/prod", plain.id)
    assert store.read_deployment("nightly/prod") == prod
    assert store.read_deployment("nightly/eu/prod") == eu_prod
    other = store.create_deployment("test", nested.id)
    assert store.read_deployment("nightly/eu/test") == other
    assert store.read_deployment("nightly/test") is None
    assert store.read_deployment("none/prod") is None


def test_a_work_queue_is_named_with_its_pool(store):
    queue = store.create_work_queue("urgent", store.create_work_pool("workers").id)
    assert store.read_work_queue("workers/urgent") == store.read_work_queue(queue.id) == queue


@pytest.mark.parametrize("kind", ["deployment", "work_queue"])
def test_a_name_without_that_of_its_parent_is_refused(store, kind):
    with pytest.raises(InvalidQuery, match="'prod': expected an id or the name of the "):
        getattr(store, f"read_{kind}")("prod")


@pytest.mark.parametrize("kind", ["flow", "flow_run", "task_run", "work_pool", "deployment"])
@pytest.mark.parametrize("name", ["a\0/b", "\ud800/b", "'; drop table flow; --/b", "%/%"])
def test_names_that_no_row_can_have(store, kind, name):
    flow = store.create_flow("a")
    store.create_deployment("b", flow.id)
    assert getattr(store, f"read_{kind}")(name) is None
