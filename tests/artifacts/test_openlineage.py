"""Events of OpenLineage: valid by the published schemas, and true of the runs."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from referencing import Registry, Resource

from artifact_store import ArtifactStore
from artifact_store.artifacts.openlineage import Dataset, RunDatasets, events_of_runs, namespace_of
from artifact_store.clock import new_id

SCHEMAS = [
    json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(Path(__file__).with_name("openlineage").glob("*.json"))
]
REGISTRY: Registry = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS
)
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
RAW = Dataset("raw", 3, NOON)
CLEAN = Dataset("clean", 1, NOON + timedelta(minutes=1))

formats = FormatChecker(formats=["uuid"])


@formats.checks("date-time", ValueError)
def is_time(text: object) -> bool:
    return datetime.fromisoformat(str(text)).tzinfo is not None


@formats.checks("uri")
def is_uri(text: object) -> bool:
    return bool(urlsplit(str(text)).scheme) and str(text).isascii() and " " not in str(text)


def validate(instance: object, schema_url: str) -> None:
    """Validate JSON against a schema, which is found by its URL."""
    validator = Draft202012Validator(
        {"$ref": schema_url}, registry=REGISTRY, format_checker=formats
    )
    validator.validate(instance)


def facets_in(value: object) -> Iterable[dict[str, Any]]:
    """Yield the facets anywhere in an event."""
    if isinstance(value, list):
        for each in value:
            yield from facets_in(each)
    elif isinstance(value, dict):
        if "_schemaURL" in value:
            yield value
        for each in value.values():
            yield from facets_in(each)


def check(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return events after each is validated as a whole, and each of its facets by its own schema."""
    for event in events:
        assert json.loads(json.dumps(event)) == event
        validate(event, "https://openlineage.io/spec/2-0-2/OpenLineage.json")
        validate(event, event["schemaURL"])
        for facet in facets_in(event):
            validate(facet, facet["_schemaURL"])
    return events


def events_of(store: ArtifactStore, *parts: RunDatasets) -> list[dict[str, Any]]:
    return check(events_of_runs(store._db, store.url, parts))


def used_and_published(run_id: UUID | None, *inputs: Dataset, out: Dataset = CLEAN) -> RunDatasets:
    return RunDatasets(run_id, inputs, (out,), out.created)


def names(datasets: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [
        (each["name"], each["facets"].get("version", {}).get("datasetVersion")) for each in datasets
    ]


def test_a_run_that_has_ended_is_two_events(store: ArtifactStore) -> None:
    with store.flow_run("nightly", tags=["prod", "eu"]) as run:
        pass
    stored = store.read_flow_run(run.id)
    assert stored is not None

    start, end = events_of(store, used_and_published(run.id, RAW))
    assert (start["eventType"], end["eventType"]) == ("START", "COMPLETE")
    assert datetime.fromisoformat(start["eventTime"]) == stored.start_time
    assert datetime.fromisoformat(end["eventTime"]) == stored.end_time
    assert start["inputs"] == start["outputs"] == []
    assert names(end["inputs"]) == [("raw", "3")]
    assert names(end["outputs"]) == [("clean", "1")]
    for event in (start, end):
        assert event["run"]["runId"] == str(run.id)
        assert event["job"]["name"] == "nightly"
        assert event["job"]["namespace"] == namespace_of(store.url)
        tags = event["run"]["facets"]["tags"]["tags"]
        assert [tag["key"] for tag in tags] == ["prod", "eu"]
    assert end["producer"].startswith("pkg:generic/artifact-store@")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("COMPLETED", ["START", "COMPLETE"]),
        ("FAILED", ["START", "FAIL"]),
        ("CRASHED", ["START", "FAIL"]),
        ("CANCELLED", ["START", "ABORT"]),
        ("RUNNING", ["START", "RUNNING"]),
        ("PAUSED", ["START", "RUNNING"]),
        ("CANCELLING", ["START", "RUNNING"]),
        ("SCHEDULED", ["OTHER"]),
        ("PENDING", ["OTHER"]),
        (None, ["OTHER"]),
    ],
)
def test_each_state_is_a_type_of_event(
    store: ArtifactStore, state: str | None, expected: list[str]
) -> None:
    run = store.create_flow_run(store.create_flow("nightly").id)
    if state is not None:
        store.set_flow_run_state(run.id, state)
    events = events_of(store, used_and_published(run.id, RAW))
    assert [event["eventType"] for event in events] == expected
    assert names(events[-1]["outputs"]) == [("clean", "1")]


def test_a_run_that_failed_says_why(store: ArtifactStore) -> None:
    with pytest.raises(ZeroDivisionError), store.flow_run("nightly") as run:
        _ = 1 / 0
    silent = store.create_flow_run(store.create_flow("silent").id)
    store.set_flow_run_state(silent.id, "FAILED")

    events = events_of(store, used_and_published(run.id), used_and_published(silent.id))
    facets = {event["job"]["name"]: event["run"]["facets"] for event in events}
    assert facets["nightly"]["errorMessage"]["message"] == "ZeroDivisionError: division by zero"
    assert "errorMessage" not in facets["silent"]


def test_a_subflow_run_names_the_run_that_started_it(store: ArtifactStore) -> None:
    with store.flow_run("outer") as outer, store.flow_run("inner") as inner:
        pass
    for event in events_of(store, used_and_published(inner.id)):
        parent = event["run"]["facets"]["parent"]
        assert parent["run"]["runId"] == str(outer.id)
        assert parent["job"] == {"namespace": namespace_of(store.url), "name": "outer"}
    assert all(
        "parent" not in each["run"]["facets"]
        for each in events_of(store, used_and_published(outer.id))
    )


def test_a_task_run_of_its_own_is_a_run_of_its_task(store: ArtifactStore) -> None:
    with store.task_run("load") as task_run:
        pass
    events = events_of(store, used_and_published(task_run.id, RAW))
    assert [event["job"]["name"] for event in events] == ["load", "load"]


def test_a_scheduled_run_has_its_nominal_time(store: ArtifactStore) -> None:
    run = store.create_flow_run(
        store.create_flow("nightly").id, expected_start_time=NOON, state_type="RUNNING"
    )
    for event in events_of(store, used_and_published(run.id)):
        nominal = event["run"]["facets"]["nominalTime"]
        assert datetime.fromisoformat(nominal["nominalStartTime"]) == NOON


def test_a_run_that_the_store_does_not_have_is_named_by_its_id(store: ArtifactStore) -> None:
    run_id = new_id()
    [event] = events_of(store, used_and_published(run_id, RAW))
    assert (event["eventType"], event["job"]["name"]) == ("OTHER", str(run_id))
    assert names(event["inputs"]) == [("raw", "3")]


def test_an_artifact_outside_of_runs_is_an_event_of_its_dataset(store: ArtifactStore) -> None:
    keyless = Dataset(str(new_id()), None, NOON)
    later, first = (used_and_published(None, out=each) for each in (CLEAN, keyless))
    events = events_of(store, later, first)
    assert names([event["dataset"] for event in events]) == [(keyless.name, None), ("clean", "1")]
    assert events_of(store) == []


def test_events_are_in_the_order_of_time(store: ArtifactStore) -> None:
    run_ids = []
    for _ in range(3):
        with store.flow_run("nightly") as run:
            run_ids.append(run.id)
    parts = [used_and_published(run_id) for run_id in reversed(run_ids)]
    events = events_of(store, *parts)
    times = [datetime.fromisoformat(event["eventTime"]) for event in events]
    assert times == sorted(times)
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"] * 3


@pytest.mark.parametrize(
    "damage",
    [
        {"run": {"runId": "nightly"}},
        {"run": {}},
        {"eventType": "CRASH"},
        {"eventTime": "2026-11-27T12:00:00"},
        {"producer": "artifact store"},
        {"inputs": [{"name": "raw"}]},
    ],
)
def test_the_schemas_refuse_what_is_wrong(store: ArtifactStore, damage: dict[str, Any]) -> None:
    [event] = events_of(store, used_and_published(new_id(), RAW))
    with pytest.raises(ValidationError):
        check([event | damage])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////srv/a%20b@c.db", "sqlite:////srv/a%20b@c.db"),
        ("sqlite:////srv/a.db?mode=ro", "sqlite:////srv/a.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("postgresql://me:***@db:5432/jobs", "postgresql://db:5432/jobs"),
        ("postgresql://me@a:1,b:2/jobs?password=***", "postgresql://a:1,b:2/jobs"),
        ("postgresql:///jobs?user=me&host=/run&pool_size=3", "postgresql:///jobs?host=/run"),
        ("postgresql://db/jobs?schema=team&user=me", "postgresql://db/jobs?schema=team"),
    ],
)
def test_the_namespace_is_the_address_without_user_and_password(url: str, expected: str) -> None:
    assert namespace_of(url) == expected
