"""Why a run failed stands wherever the run is named: on a terminal, in HTML and in Markdown."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from artifact_store import render_artifact
from artifact_store.rendering import (
    blocks_to_markdown,
    parameters_text,
    print_blocks,
    run_state,
    state_colour,
)
from artifact_store.schemas.states import STATE_TYPES

START = datetime(2026, 11, 27, 8, tzinfo=UTC)
MESSAGE = "ValueError: no <rows>\n\x1b[31mfor today\u202e"


@pytest.fixture
def failed(store):
    """An artifact of a task run that failed in a flow run that crashed."""
    flow = store.create_flow("nightly")
    deployment = store.create_deployment("prod", flow.id)
    run = store.create_flow_run(
        flow.id,
        name="night-1",
        deployment_id=deployment.id,
        tags=["eu", "<b>"],
        parameters={"day": "2026-11-27", "regions": ["eu", "us"], "api_key": "\x07"},
        state_type="CRASHED",
        state_name="Crashed",
        state_message=MESSAGE,
        start_time=START,
        end_time=START + timedelta(minutes=12, seconds=5),
    )
    task = store.create_task_run(
        run.id,
        name="load",
        parameters={"rows": 3},
        state_type="FAILED",
        state_name="Failed",
        state_message="KeyError: 'total'",
        start_time=START,
        end_time=START + timedelta(seconds=2.5),
    )
    return store.create_artifact(key="sales", flow_run_id=run.id, task_run_id=task.id)


def on_terminal(blocks, **options):
    screen = io.StringIO()
    console = Console(file=screen, width=100, force_terminal=True, **options)
    print_blocks(console, blocks)
    return screen.getvalue()


def test_on_a_terminal_with_the_colour_of_the_state(store, failed):
    blocks = render_artifact(failed, store.read_surroundings(failed))
    told = on_terminal(blocks, color_system=None)
    assert "deployment       prod\n" in told
    assert "flow run         night-1, Crashed after 12 min 5 s: ValueError: no <rows>\n" in told
    assert f"\n{' ' * 17}\\x1b[31mfor today\\u202e\n" in told
    assert "tags             eu, <b>\n" in told
    assert 'parameters       day=2026-11-27, regions=["eu", "us"], api_key=\\x07\n' in told
    assert "task run         load, Failed after 2.5 s: KeyError: 'total'\n" in told
    assert "task parameters  rows=3\n" in told
    assert "\x1b[31mCrashed" in on_terminal(blocks, color_system="standard")


def test_in_a_notebook_escaped_and_with_the_class_of_the_state(failed):
    html = failed._repr_html_().partition("</style>")[2]
    assert (
        '<span class="artifact-store-state artifact-store-bad">Crashed</span> after 12 min' in html
    )
    assert "ValueError: no &lt;rows&gt;\n\\x1b[31mfor today\\u202e</span>" in html
    assert "<dt>tags</dt><dd>eu, &lt;b&gt;</dd>" in html
    assert "<dt>deployment</dt><dd>prod</dd>" in html
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_in_markdown_in_one_line(store, failed):
    told = blocks_to_markdown(render_artifact(failed, store.read_surroundings(failed)))
    [line] = [line for line in told.splitlines() if line.startswith("- flow run")]
    assert "Crashed after 12 min 5 s: ValueError: no" in line
    assert "<rows>" not in line


def test_an_artifact_that_names_its_task_run_alone_has_the_flow_run_too(store, failed):
    alone = store.create_artifact(key="alone", flow_run_id=None, task_run_id=failed.task_run_id)
    facts = dict(render_artifact(alone, store.read_surroundings(alone))[-1].made_by)
    assert facts["flow run"].name == "night-1"
    assert facts["task run"].state_type == "FAILED"


def test_lists_have_the_first_line_of_the_message_of_what_failed(store, failed):
    run = store.read_flow_run(failed.flow_run_id)
    assert run_state(run).message == MESSAGE
    assert run_state(run, 100).message == "ValueError: no <rows>…"
    assert run_state(run, 5).message == "Value…"

    store.set_flow_run_state(run.id, "COMPLETED", message="all 12 regions")
    run = store.read_flow_run(run.id)
    assert run_state(run).message == "all 12 regions"
    assert run_state(run, 100).message == ""


def test_a_running_run_says_for_how_long(store):
    run = store.create_flow_run(store.create_flow("nightly").id, name="night-2")
    assert run_state(run).text == "night-2"
    store.set_flow_run_state(run.id, "RUNNING")
    assert run_state(store.read_flow_run(run.id)).took.startswith("for ")


def test_parameters_are_bounded():
    many = {f"name{number}": "x" * 1000 for number in range(1000)}
    told = parameters_text(many)
    assert len(told) <= 501
    assert told.endswith("…")
    assert parameters_text({str(number): number for number in range(25)}).endswith("and 5 more")


def test_every_state_has_its_colour():
    colours = {state: state_colour(state) for state in STATE_TYPES}
    assert {state for state, colour in colours.items() if colour == "red"} == {"FAILED", "CRASHED"}
    assert colours["SCHEDULED"] == state_colour(None) == ""
