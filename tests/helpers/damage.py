"""Damages the file of a store, reproducibly for each seed, and uses every part of a store."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

from artifact_store import (
    ArtifactCollectionSort,
    ArtifactFilter,
    ArtifactSort,
    ArtifactStore,
    FlowFilter,
    FlowRunFilter,
    TaskRunFilter,
)

PAGE = 4096
TEXTS = (b'{"', b"-7", b"2026", b"+00:00", b'"loss', b"table", b"COMPLETED")


def make_store(path: Path) -> list[UUID]:
    """Fill a store with 300 artifacts of several types, from runs; return their ids."""
    with ArtifactStore(f"sqlite:///{path}?synchronous=normal") as store:
        for number in range(12):
            with store.flow_run(f"flow-{number % 3}", tags=["prod"], parameters={"n": number}):
                publish(store, number)
        ids = [artifact.id for artifact in store.iter_artifacts()]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA page_size").fetchone()[0] == PAGE
    return ids


def publish(store: ArtifactStore, number: int) -> None:
    """Publish artifacts of five types in five task runs."""
    for kind in range(5):
        with store.task_run(f"task-{kind}"):
            store.create_table_artifact(
                [{"a": row, "b": str(row)} for row in range(20)], key=f"table-{kind}"
            )
            store.create_markdown_artifact("# Hello\n" * 50, key=f"text-{kind}")
            metadata = {"loss": 1 / (number + 1), "team": "sales"}
            store.create_artifact(
                key=f"progress-{kind}", type="progress", data=number / 2, metadata=metadata
            )
            store.create_link_artifact("https://example.org", key="link")
            store.create_artifact(type="result", data={"x": [1, 2, {"y": None}]})


def damage(path: Path, seed: int) -> None:
    """Change, swap or cut off some bytes of a file, in one of seven ways."""
    rng = random.Random(seed)
    raw = bytearray(path.read_bytes())
    rng.choice(WAYS)(raw, rng)
    path.write_bytes(raw)


def some_bytes(raw: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 40)):
        raw[rng.randrange(len(raw))] = rng.randrange(256)


def one_stretch(raw: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(raw) - 200)
    raw[at : at + 200] = rng.randbytes(200)


def one_page(raw: bytearray, rng: random.Random) -> None:
    at = rng.randrange(1, len(raw) // PAGE) * PAGE
    raw[at : at + PAGE] = rng.randbytes(PAGE)


def one_page_of_nothing(raw: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(raw) // PAGE) * PAGE
    raw[at : at + PAGE] = bytes(PAGE)


def the_end(raw: bytearray, rng: random.Random) -> None:
    del raw[rng.randrange(100, len(raw)) :]


def two_pages(raw: bytearray, rng: random.Random) -> None:
    first = rng.randrange(1, len(raw) // PAGE) * PAGE
    second = rng.randrange(1, len(raw) // PAGE) * PAGE
    content = raw[first : first + PAGE]
    raw[first : first + PAGE] = raw[second : second + PAGE]
    raw[second : second + PAGE] = content


def texts(raw: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 30)):
        at = raw.find(rng.choice(TEXTS), rng.randrange(len(raw)))
        if at > 0:
            raw[at + rng.randrange(3)] = rng.randrange(256)


WAYS = (some_bytes, one_stretch, one_page, one_page_of_nothing, the_end, two_pages, texts)


def uses(
    store: ArtifactStore, ids: list[UUID], report: Path
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield every operation on a store with a name: first what reads, then what writes."""
    prod = FlowRunFilter(tags={"all_": ["prod"]})
    tasks = TaskRunFilter(name={"like_": "task"})
    keys = [f"{name}-{kind}" for name in ("table", "text", "progress") for kind in range(5)]
    yield "verify", store.verify
    yield "verify quickly", lambda: store.verify(quick=True)
    yield "list", store.read_artifacts
    yield "list latest", store.read_latest_artifacts
    yield "iterate", lambda: list(store.iter_artifacts())
    yield "iterate latest", lambda: list(store.iter_latest_artifacts())
    yield "iterate by updated", lambda: list(store.iter_artifacts(sort=ArtifactSort.UPDATED_DESC))
    yield (
        "iterate by name",
        lambda: list(store.iter_latest_artifacts(sort=ArtifactCollectionSort.KEY_ASC)),
    )
    yield (
        "go on",
        lambda: store.read_artifacts(limit=10, after=store.read_artifacts(limit=10).cursor),
    )
    yield "read", lambda: [store.read_artifact(artifact_id) for artifact_id in ids]
    yield "read latest", lambda: [store.read_latest_artifact(key) for key in keys]
    yield "read a version", lambda: [store.read_artifact_ref(f"{key}@3") for key in keys]
    yield "count", lambda: (store.count_artifacts(), store.count_latest_artifacts())
    yield (
        "count by metadata",
        lambda: store.count_artifacts(ArtifactFilter(metadata={"eq_": {"team": "sales"}})),
    )
    yield (
        "list by flow run",
        lambda: store.read_artifacts(flow_run_filter=prod, limit=20),
    )
    yield (
        "list by flow",
        lambda: store.read_latest_artifacts(flow_filter=FlowFilter(name={"any_": ["flow-1"]})),
    )
    yield (
        "list by task run",
        lambda: store.read_artifacts(task_run_filter=tasks, limit=9),
    )
    yield "series", lambda: [store.read_series(key) for key in keys]
    yield (
        "series of a number",
        lambda: [store.read_series(f"progress-{kind}", "loss") for kind in range(5)],
    )
    yield "trends", lambda: store.read_trends(keys)
    yield "fields", lambda: [store.series_fields(key) for key in keys]
    yield (
        "surroundings",
        lambda: [store.read_surroundings(each) for each in store.read_latest_artifacts()],
    )
    yield "frames", lambda: [each.rows() for each in store.read_artifacts() if each.type == "table"]
    yield "flows", lambda: (store.read_flows(), store.read_flow_runs(), store.read_task_runs())
    yield "info", store.info
    yield "report", lambda: store.report(report)
    yield "create", lambda: [store.create_artifact(key=key, data=1) for key in keys]
    yield "create many", lambda: store.create_artifacts([{"key": key} for key in keys])
    yield "create in a run", lambda: in_a_run(store)
    yield "update", lambda: [store.update_artifact(artifact_id, data=2) for artifact_id in ids[:20]]
    yield "delete", lambda: [store.delete_artifact(artifact_id) for artifact_id in ids[20:30]]
    yield (
        "delete many",
        lambda: store.delete_artifacts(ArtifactFilter(key={"any_": ["text-1", "progress-2"]})),
    )
    yield "repair", store.repair


def in_a_run(store: ArtifactStore) -> None:
    with store.flow_run("flow-1"), store.task_run("task-1"):
        store.create_artifact(key="new")
