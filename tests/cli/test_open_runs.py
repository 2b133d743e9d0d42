"""The open runs, and the picture of what runs, on each engine."""

from artifact_store import parse_filters
from artifact_store_cli.running import read_picture
from tests.helpers.artifacts import statements


def start(store, name, **fields):
    """Create a flow run that runs."""
    flow = store.create_flow("nightly")
    opened = store.create_flow_run(flow.id, name=name, **fields)
    store.set_flow_run_state(opened.id, "RUNNING")
    return opened


def test_open_runs_have_started_and_not_ended(store):
    first = start(store, "first", tags=["prod"])
    second = start(store, "second")
    ended = start(store, "ended")
    store.set_flow_run_state(ended.id, "FAILED", message="no rows")
    store.create_flow_run(first.flow_id, name="never started")

    assert [each.name for each in store.read_open_flow_runs()] == ["second", "first"]
    assert [each.id for each in store.read_open_flow_runs(limit=1)] == [second.id]
    filters = parse_filters({"flow_runs": {"tags": {"all_": ["prod"]}}}, latest=False)
    assert [each.id for each in store.read_open_flow_runs(**filters)] == [first.id]


def test_a_picture_has_tasks_progress_and_what_is_outside_of_runs(store):
    opened = start(store, "night-1")
    task = store.create_task_run(opened.id, name="load")
    store.set_task_run_state(task.id, "RUNNING")
    made_by = {"flow_run_id": opened.id, "task_run_id": task.id}
    counts = {"done": 5, "total": 20, "rate": 2.5}
    load = store.create_artifact(key="load", type="progress", data=25, metadata=counts, **made_by)
    store.create_artifact(key="done", type="progress", data=100, flow_run_id=opened.id)
    alone = store.create_artifact(key="alone", type="progress", data=10)

    picture = read_picture(store, {})
    [run] = picture.runs
    assert (run.flow, run.run.id, [each.name for each in run.tasks]) == (
        "nightly",
        opened.id,
        ["load"],
    )
    [progress] = run.progress
    assert (progress.artifact.id, progress.pace.percent, progress.pace.rate) == (load.id, 25, 2.5)
    assert (progress.pace.end - load.updated).total_seconds() == 6
    [outside] = picture.outside
    assert (outside.artifact.id, outside.pace.rate, outside.pace.end) == (alone.id, None, None)
    assert run.updated == max(each.updated for each in picture.newest if each.flow_run_id)


def test_the_rate_is_computed_where_it_is_not_known(store):
    opened = start(store, "night-1")
    made = store.create_artifact(key="load", type="progress", data=0, flow_run_id=opened.id)
    store.update_artifact(made.id, data=50, metadata={"done": 10})

    [run] = read_picture(store, {}).runs
    [progress] = run.progress
    written = progress.artifact
    elapsed = written.updated - written.created
    assert progress.pace.rate == 10 / elapsed.total_seconds()
    assert progress.pace.end == written.updated + elapsed


def test_a_picture_takes_as_many_statements_for_many_runs(store):
    def fill(number):
        opened = start(store, f"run-{number}")
        store.create_artifact(type="progress", data=10, flow_run_id=opened.id)

    fill(0)
    few = statements(store, lambda: read_picture(store, {}))
    for number in range(1, 30):
        fill(number)
    many = statements(store, lambda: read_picture(store, {}))
    assert len(read_picture(store, {}).runs) == 30
    assert len(many) == len(few) <= 12
