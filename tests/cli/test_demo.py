"""The demo: the main job on real input, quickly, and again and again."""

import os
import subprocess
import time

import pytest

from artifact_store import ArtifactStore, FlowFilter
from tests.helpers.commandline import SCRIPT, loaded, run


@pytest.fixture
def url(tmp_path):
    """The address of a database where there is none yet."""
    return f"sqlite:///{tmp_path}/store.db"


def test_it_tells_what_it_did(url):
    told = run(url, "demo")
    assert len(told.splitlines()) in range(12, 18)
    assert f"The store is {url}" in told
    assert f"artifact-store --url {url} ls" in told
    for part in (
        "48 tables",
        "1,461 days",
        "weather/2015-12@2",
        "50 keys, 51 artifacts",
        "at 100 %",
    ):
        assert part in told


def test_it_publishes_what_it_tells(url, store):
    report = loaded(url, "demo")
    assert report["published"]["second_version"] == report["read"]["latest"] == "weather/2015-12@2"
    assert report["read"]["wet_months"] == ["2012-11", "2014-03", "2015-11", "2015-12"]
    first, latest = (
        store.read_artifact_ref("weather/2015-12@1"),
        store.read_latest_artifact("weather/2015-12"),
    )
    assert (len(first.data), len(latest.data)) == (15, 31)
    assert store.read_latest_artifact("weather/2012-01").data[0] == {
        "date": "2012-01-01",
        "precipitation": 0.0,
        "temp_max": 12.8,
        "temp_min": 5.0,
        "wind": 4.7,
        "weather": "drizzle",
    }
    assert store.read_artifact_ref("weather/2012-01").metadata == {
        "days": 31,
        "mean_temp_c": 4.3,
        "precipitation_mm": 173.3,
    }
    assert store.read_latest_artifact("weather/progress").data == 100
    assert (
        "| 2012 | 366 | 11.3 | 1226.0 | 189 |" in store.read_latest_artifact("weather/summary").data
    )
    (run_,), (task,) = store.read_flow_runs(), store.read_task_runs()
    assert (run_.state_type, task.state_type) == ("COMPLETED", "COMPLETED")
    assert latest.flow_run_id == run_.id
    assert latest.task_run_id == task.id
    assert store.count_artifacts(flow_filter=FlowFilter(name={"any_": ["seattle-weather"]})) == 51


def test_it_runs_twice(url, store):
    run(url, "demo")
    assert "weather/2015-12@4" in run(url, "demo")
    assert (store.count_artifacts(), store.count_latest_artifacts()) == (102, 50)


def test_the_demo_works_and_the_next_command_too(tmp_path):
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    environment.pop("ARTIFACT_STORE_URL", None)
    start = time.perf_counter()
    told = subprocess.run(
        [*SCRIPT, "demo"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    print(f"the demo took {time.perf_counter() - start:.1f} s")
    assert "\n  artifact-store ls\n" in told
    listed = subprocess.run(
        [*SCRIPT, "ls"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert len(listed.splitlines()) == 51
    (file,) = tmp_path.rglob("*.db")
    with ArtifactStore(f"sqlite:///{file}") as store:
        assert store.verify() == []
