"""Flows, runs and lists of them as users see them: `repr`, a notebook, Markdown."""

import pytest

from artifact_store import ArtifactStore
from artifact_store.rendering import escape_controls

NASTY = "<b>\x1b[31m\u202e"


@pytest.fixture
def run(store):
    flow = store.create_flow("nightly", tags=["eu"])
    deployment = store.create_deployment("prod", flow.id)
    run = store.create_flow_run(
        flow.id,
        name="night-1",
        deployment_id=deployment.id,
        tags=["eu", NASTY],
        parameters={"day": NASTY},
        created_by={"type": "SCHEDULE"},
    )
    store.set_flow_run_state(run.id, "RUNNING")
    store.set_flow_run_state(run.id, "FAILED", message=f"no rows {NASTY}\nat all")
    return store.read_flow_run(run.id)


def body(value):
    html = value._repr_html_()
    assert html.startswith('<div class="artifact-store ')
    return html.partition("</style>")[2]


def test_a_short_repr(store, run):
    assert repr(run) == str(run) == f"<FlowRun 'night-1' FAILED {run.id}>"
    flow = store.read_flow("nightly")
    assert repr(flow) == f"<Flow 'nightly' {flow.id}>"
    assert repr([store.create_task_run(run.id, name=NASTY)]).startswith(
        "[<TaskRun '<b>\\x1b[31m\\u202e' "
    )
    assert len(repr(store.create_flow("x" * 1000))) < 140


def test_a_run_in_a_notebook(run):
    html = body(run)
    assert "<strong>night-1</strong>" in html
    assert '<span class="artifact-store-type">flow run</span>' in html
    assert '<span class="artifact-store-state artifact-store-bad">Failed</span> after' in html
    assert "no rows &lt;b&gt;\\x1b[31m\\u202e\nat all</span>" in html
    for fact in ("<dt>flow</dt><dd>nightly</dd>", "<dt>deployment</dt><dd>prod</dd>"):
        assert fact in html
    assert "<dt>parameters</dt><dd>day=&lt;b&gt;\\x1b[31m\\u202e</dd>" in html
    assert escape_controls(html, "\n") == html


def test_parents_that_no_open_store_knows_are_ids(tmp_path):
    with ArtifactStore(tmp_path / "gone.db") as store:
        run = store.create_flow_run(store.create_flow("nightly").id)
    assert f"<dt>flow</dt><dd>{run.flow_id}</dd>" in body(run)


def test_every_kind_has_a_view(store, run):
    pool = store.create_work_pool("workers", type="docker")
    queue = store.create_work_queue("urgent", pool.id)
    assert "<dt>work pool</dt><dd>workers</dd>" in body(queue)
    assert "<dt>type</dt><dd>docker</dd>" in body(pool)
    assert "<dt>paused</dt><dd>false</dd>" in body(store.read_deployment("nightly/prod"))
    task = store.create_task_run(run.id, name="load", task_key="load-key")
    assert "<dt>flow run</dt><dd>night-1</dd>" in body(task)
    assert "<dt>task key</dt><dd>load-key</dd>" in body(task)
    assert run.to_markdown().startswith("### night-1\n")


def test_a_list_of_runs(store, run):
    store.create_flow_run(run.flow_id, name="night-2")
    runs = store.read_flow_runs()
    assert runs == [store.read_flow_run("night-2"), run]
    html = body(runs)
    assert "2 flow runs" in html
    assert '<span class="artifact-store-state artifact-store-bad">Failed</span>' in html
    assert "no rows &lt;b&gt;\\x1b[31m\\u202e…" in html
    assert "at all" not in html
    assert "<td>nightly</td>" in html
    assert "paused" not in html
    assert body(runs[1:]).count("<tr>") == 2

    told = runs.to_markdown().splitlines()
    assert told[0] == "2 flow runs"
    assert told[2].startswith("| name | state | flow | deployment | tags | created | message |")


def test_long_lists_are_cut(store):
    for number in range(60):
        store.create_flow(f"flow {number}")
    flows = store.read_flows()
    assert "Left out: 10 of 60." in body(flows)
    assert "Left out" not in flows.to_markdown()
    assert "Nothing found." in body(flows[:0])
