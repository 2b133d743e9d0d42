"""What was public on 2026-11-26 still is; a renamed name still works, and its warning gives the new name."""

import inspect
import subprocess
import sys
import warnings

import pytest

import artifact_store
from artifact_store import ArtifactStore, rendering

# The public names as they were before the renames.
NAMES = """
    Artifact ArtifactCollectionFilter ArtifactCollectionSort ArtifactConflict ArtifactCreate ArtifactDataWarning
    ArtifactFilter ArtifactList ArtifactSort ArtifactStore ArtifactStoreError ArtifactUpdate Breach Deployment
    DeploymentFilter Flow FlowFilter FlowRun FlowRunFilter IntegrityViolation InvalidArtifact InvalidQuery InvalidURL
    OpenFlowRun OpenTaskRun Payload Point ReportInfo RunSort SchemaOutdated StoreDamaged StoreInfo StoreMissing
    StoreReadOnly StoreUnavailable Surroundings TaskRun TaskRunFilter UnsupportedCharacter WorkPool WorkPoolFilter
    WorkQueue age as_key blocks create_image_artifact create_link_artifact create_markdown_artifact
    create_progress_artifact create_table_artifact default_store escape_controls image_payload print_blocks
    read_artifact_ref read_latest_artifact register_renderer render_artifact set_default_store sparkline table_payload
    update_progress_artifact
""".split()
METHODS = """
    atomic close count_artifacts count_latest_artifacts create_artifact create_artifacts create_deployment create_flow
    create_flow_run create_image_artifact create_link_artifact create_markdown_artifact create_progress_artifact
    create_table_artifact create_task_run create_work_pool create_work_queue delete_artifact delete_artifacts flow_run
    info iter_artifacts iter_latest_artifacts read_artifact read_artifact_ref read_artifacts read_deployment
    read_deployments read_flow read_flow_run read_flow_runs read_flows read_latest_artifact read_latest_artifacts
    read_series read_surroundings read_task_run read_task_runs read_trends read_work_pool read_work_pools
    read_work_queue read_work_queues repair report run series_fields set_flow_run_state set_task_run_state task_run
    track update_artifact update_progress_artifact url verify
""".split()
RENAMED = {
    "Breach": (artifact_store.Inconsistency, "artifact_store.Inconsistency"),
    "SchemaOutdated": (artifact_store.SchemaTooNew, "artifact_store.SchemaTooNew"),
    "Surroundings": (artifact_store.ArtifactContext, "artifact_store.ArtifactContext"),
    "age": (rendering.age, "artifact_store.rendering.age"),
    "blocks": (rendering.blocks, "artifact_store.rendering.blocks"),
    "escape_controls": (rendering.escape_controls, "artifact_store.rendering.escape_controls"),
    "print_blocks": (rendering.print_blocks, "artifact_store.rendering.print_blocks"),
    "sparkline": (rendering.sparkline, "artifact_store.rendering.sparkline"),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_still_there(name):
    assert name in dir(artifact_store)
    if name in RENAMED:
        assert name not in artifact_store.__all__
    else:
        assert name in artifact_store.__all__
        assert getattr(artifact_store, name) is not None


@pytest.mark.parametrize("name", RENAMED)
def test_an_old_name_warns_at_the_line_that_uses_it(name):
    value, new_name = RENAMED[name]
    message = f"^artifact_store.{name} is now {new_name}: use the"
    for _ in range(2):  # each use warns, not only the first
        with pytest.warns(DeprecationWarning, match=message) as caught:
            assert getattr(artifact_store, name) is value
        assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("name", RENAMED)
def test_an_old_name_warns_when_it_is_imported(name):
    code = f"from artifact_store import {name}"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(compile(code, "program.py", "exec"), {})
    assert {(warning.filename, warning.lineno) for warning in caught} == {("program.py", 1)}


def test_a_star_import_does_not_warn():
    code = "from artifact_store import *; print(ArtifactStore, rendering.age)"
    command = [sys.executable, "-W", "error", "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", METHODS)
def test_a_public_method_is_still_there(name):
    assert inspect.getattr_static(ArtifactStore, name) is not None


def test_the_old_name_of_run_in_transaction_warns():
    message = r"^ArtifactStore.run is now called run_in_transaction"
    with ArtifactStore("sqlite:///:memory:") as store:
        with pytest.warns(DeprecationWarning, match=message) as caught:
            created = store.run(store.create_artifact, key="k", data=1)
        assert [warning.filename for warning in caught] == [__file__]
        assert store.read_artifact_ref("k@1") == created


@pytest.mark.parametrize("name", rendering.__all__)
def test_rendering_loads_its_names_when_they_are_used(name):
    assert name in dir(rendering)
    assert getattr(rendering, name).__doc__
