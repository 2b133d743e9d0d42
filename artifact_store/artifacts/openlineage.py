"""Runs with what they used and published, as events of the OpenLineage standard.

The events have the form of https://openlineage.io/spec/2-0-2/OpenLineage.json: a run is a run of a job,
which is its flow, and an artifact is a version of a dataset, which is its key. A catalog that reads
OpenLineage (Marquez, DataHub, OpenMetadata) shows the lineage of a store beside that of other programs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple, TypeAlias, TypeVar
from uuid import UUID

from ..db.statements import Statements
from ..runs.queries import FLOW_RUNS, FLOWS, TASK_RUNS
from ..schemas.lineage import Lineage, LineageNode
from ..schemas.runs import Flow, FlowRun, RunValue, TaskRun

__all__ = ["Dataset", "Event", "RunDatasets", "events_of_lineage", "events_of_runs", "namespace_of"]

Event: TypeAlias = dict[str, object]
"""One event, as JSON."""

V = TypeVar("V", bound=RunValue)

_SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
_FACETS = "https://openlineage.io/spec/facets/"
_EVENT_TYPES = {
    "COMPLETED": "COMPLETE",
    "FAILED": "FAIL",
    "CRASHED": "FAIL",
    "CANCELLED": "ABORT",
    "RUNNING": "RUNNING",
    "PAUSED": "RUNNING",
    "CANCELLING": "RUNNING",
}
_LANGUAGE = "Python"  # the facet of an error message needs one
_PLACE_PARAMETERS = ("schema=", "host=", "port=", "dbname=")  # of a URL of PostgreSQL


class Dataset(NamedTuple):
    """An artifact, as a version of a dataset.

    Attributes:
        name: its key; its id if it has none.
        version: its version; `None` without a key.
        created: when it was created.
    """

    name: str
    version: int | None
    created: datetime


class RunDatasets(NamedTuple):
    """What one run used and published.

    Attributes:
        run_id: the flow run, or the task run that belongs to none; `None` for artifacts that were published
            outside of runs.
        inputs: the artifacts that it used.
        outputs: the artifacts that it published.
        last: when the last of them was used or published.
    """

    run_id: UUID | None
    inputs: Sequence[Dataset]
    outputs: Sequence[Dataset]
    last: datetime


class Job(NamedTuple):
    """A run and the name of its job.

    Attributes:
        run: the run.
        name: the name of its flow; the key of a task that belongs to no flow run.
        parent: the run that started it, and the name of its job.
    """

    run: FlowRun | TaskRun
    name: str
    parent: tuple[FlowRun, str] | None = None


def events_of_runs(db: Statements, url: str, parts: Iterable[RunDatasets]) -> list[Event]:
    """Return the events of some runs in the order of their times.

    Args:
        db: the statements of a store.
        url: the URL of the store.
        parts: the runs with their datasets, each run once.

    Returns:
        For each run that has ended its start and its end; for one that has not, its start and how far it is.
        Only the second event has the datasets, because they are not known before. An artifact that was
        published outside of a run is an event of its dataset.
    """
    parts = list(parts)
    jobs = read_jobs(db, {part.run_id for part in parts if part.run_id is not None})
    namespace = namespace_of(url)

    events: list[tuple[datetime, Event]] = []
    for part in parts:
        if part.run_id is None:
            events += dataset_events(part, namespace)
        elif part.run_id in jobs:
            events += run_events(part, jobs[part.run_id], namespace)
        else:
            events.append(unknown_run_event(part, part.run_id, namespace))
    events.sort(key=lambda timed: timed[0])
    return [event for _, event in events]


def namespace_of(url: str) -> str:
    """Return the namespace of the datasets and jobs of a store: its URL without user, password and options.

    Examples:
        >>> namespace_of("postgresql://me:***@db:5432/jobs?schema=team&timeout=3")
        'postgresql://db:5432/jobs?schema=team'
    """
    head, _, query = url.partition("?")
    scheme, _, rest = head.partition("://")
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2]
    kept = [part for part in query.split("&") if part.startswith(_PLACE_PARAMETERS)]
    options = f"?{'&'.join(kept)}" if kept else ""
    return f"{scheme}://{host}{slash}{path}{options}"


def events_of_lineage(db: Statements, url: str, lineage: Lineage) -> list[Event]:
    """Return the events of the runs of a lineage; see `events_of_runs`."""
    inputs: dict[UUID, dict[str, datetime]] = {}
    for edge in lineage.edges:
        inputs.setdefault(edge.run_id, {})[edge.source] = edge.used
    outputs: dict[UUID | None, list[LineageNode]] = {}
    for node in lineage.nodes:
        outputs.setdefault(node.run_id, []).append(node)

    nodes = {node.ref: node for node in lineage.nodes}
    parts = []
    for run_id, made in outputs.items():
        used = inputs.get(run_id, {}) if run_id is not None else {}
        last = max([*used.values(), *(node.created for node in made)])
        sources = [dataset_of(nodes[ref]) for ref in used]
        parts.append(RunDatasets(run_id, sources, [dataset_of(node) for node in made], last))
    return events_of_runs(db, url, parts)


def dataset_of(node: LineageNode) -> Dataset:
    """Return an artifact of a lineage as a version of a dataset."""
    return Dataset(node.key or str(node.id), node.version, node.created)


# Jobs


def read_jobs(db: Statements, run_ids: set[UUID]) -> dict[UUID, Job]:
    """Return the jobs of the runs that the store has, in at most four statements."""
    flow_runs = by_id(FLOW_RUNS.read_many(db, sorted(run_ids)))
    parent_ids = {run.parent_task_run_id for run in flow_runs.values() if run.parent_task_run_id}
    other_ids = run_ids - flow_runs.keys()
    task_runs = by_id(TASK_RUNS.read_many(db, sorted(other_ids | parent_ids)))

    above = {task_run.flow_run_id for task_run in task_runs.values() if task_run.flow_run_id}
    known = flow_runs | by_id(FLOW_RUNS.read_many(db, sorted(above - flow_runs.keys())))
    flow_ids = {run.flow_id for run in known.values()}
    flows = by_id(FLOWS.read_many(db, sorted(flow_ids)))

    jobs: dict[UUID, Job] = {}
    for run_id in run_ids:
        if run_id in flow_runs:
            run = flow_runs[run_id]
            parent = find_parent(run, task_runs, known, flows)
            jobs[run_id] = Job(run, job_name(run, flows), parent)
        elif run_id in task_runs:
            task_run = task_runs[run_id]
            jobs[run_id] = Job(task_run, task_run.task_key)
    return jobs


def by_id(values: Iterable[V]) -> dict[UUID, V]:
    """Return runs or flows by their ids."""
    return {value.id: value for value in values}


def job_name(run: FlowRun, flows: Mapping[UUID, Flow]) -> str:
    """Return the name of the job of a flow run; its id if the flow was deleted since the run was read."""
    flow = flows.get(run.flow_id)
    return str(run.flow_id) if flow is None else flow.name


def find_parent(
    run: FlowRun,
    task_runs: Mapping[UUID, TaskRun],
    flow_runs: Mapping[UUID, FlowRun],
    flows: Mapping[UUID, Flow],
) -> tuple[FlowRun, str] | None:
    """Return the flow run that started a subflow run, and the name of its job."""
    if run.parent_task_run_id is None:
        return None
    task_run = task_runs.get(run.parent_task_run_id)
    if task_run is None or task_run.flow_run_id is None:
        return None
    parent = flow_runs.get(task_run.flow_run_id)
    return None if parent is None else (parent, job_name(parent, flows))


# Events


def run_events(part: RunDatasets, job: Job, namespace: str) -> Iterator[tuple[datetime, Event]]:
    """Yield the start of a run, and its end or how far it is, each with its time."""
    run = job.run
    event_type = _EVENT_TYPES.get(run.state_type or "", "OTHER")
    started = run.start_time or run.created
    if event_type != "OTHER":
        start = run_event("START", started, run.id, job.name, namespace)
        yield started, with_run_facets(start, job, namespace)

    time = run.end_time or max(run.updated, part.last)
    last = run_event(event_type, time, run.id, job.name, namespace)
    last = with_run_facets(last, job, namespace)
    yield time, with_datasets(last, part, namespace)


def unknown_run_event(part: RunDatasets, run_id: UUID, namespace: str) -> tuple[datetime, Event]:
    """Return the event of a run that the store does not have: only its id is known, so its job is called that."""
    event = run_event("OTHER", part.last, run_id, str(run_id), namespace)
    return part.last, with_datasets(event, part, namespace)


def run_event(event_type: str, time: datetime, run_id: UUID, job: str, namespace: str) -> Event:
    """Return an event of a run, without facets and datasets."""
    return {
        "eventType": event_type,
        "eventTime": time.isoformat(),
        "producer": producer(),
        "schemaURL": f"{_SPEC}RunEvent",
        "run": {"runId": str(run_id), "facets": {}},
        "job": {"namespace": namespace, "name": job, "facets": {}},
        "inputs": [],
        "outputs": [],
    }


def dataset_events(part: RunDatasets, namespace: str) -> Iterator[tuple[datetime, Event]]:
    """Yield an event for each artifact that was published outside of runs."""
    for dataset in part.outputs:
        event: Event = {
            "eventTime": dataset.created.isoformat(),
            "producer": producer(),
            "schemaURL": f"{_SPEC}DatasetEvent",
            "dataset": dataset_json(dataset, namespace),
        }
        yield dataset.created, event


def with_datasets(event: Event, part: RunDatasets, namespace: str) -> Event:
    """Return an event of a run with what the run used and published."""
    return {
        **event,
        "inputs": [dataset_json(dataset, namespace) for dataset in part.inputs],
        "outputs": [dataset_json(dataset, namespace) for dataset in part.outputs],
    }


def dataset_json(dataset: Dataset, namespace: str) -> dict[str, object]:
    """Return a dataset with its version."""
    facets = {}
    if dataset.version is not None:
        fields = {"datasetVersion": str(dataset.version)}
        facets["version"] = facet("1-0-1", "DatasetVersionDatasetFacet", fields)
    return {"namespace": namespace, "name": dataset.name, "facets": facets}


def with_run_facets(event: Event, job: Job, namespace: str) -> Event:
    """Return an event of a run with its facets."""
    facets = dict(run_facets(job, namespace))
    if event["eventType"] == "FAIL" and job.run.state_message:
        fields = {"message": job.run.state_message, "programmingLanguage": _LANGUAGE}
        facets["errorMessage"] = facet("1-0-1", "ErrorMessageRunFacet", fields)
    return {**event, "run": {"runId": str(job.run.id), "facets": facets}}


def run_facets(job: Job, namespace: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield the facets that a run has from its start, by name."""
    run = job.run
    if run.expected_start_time is not None:
        time = {"nominalStartTime": run.expected_start_time.isoformat()}
        yield "nominalTime", facet("1-0-1", "NominalTimeRunFacet", time)
    if run.tags:
        # A tag of OpenLineage has a value; "true" is what its clients write for one without.
        tags = [{"key": tag, "value": "true", "source": "USER"} for tag in run.tags]
        yield "tags", facet("1-0-0", "TagsRunFacet", {"tags": tags})
    if job.parent is not None:
        parent, name = job.parent
        above = {
            "run": {"runId": str(parent.id)},
            "job": {"namespace": namespace, "name": name},
        }
        yield "parent", facet("1-2-0", "ParentRunFacet", above)


def facet(number: str, name: str, fields: Mapping[str, object]) -> dict[str, object]:
    """Return a facet: what it says, who says it, and the version of its schema."""
    schema = f"{_FACETS}{number}/{name}.json#/$defs/{name}"
    return {"_producer": producer(), "_schemaURL": schema, **fields}


@cache
def producer() -> str:
    """Return the URI that names this program and its version, a package URL."""
    try:
        number = version("artifact-store")
    except PackageNotFoundError:  # in a packed program
        return "pkg:generic/artifact-store"
    return f"pkg:generic/artifact-store@{number}"
