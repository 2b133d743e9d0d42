"""Runs of each kind that belong together, and the fields that each kind takes."""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from artifact_store import (
    ArtifactStore,
)

ID = uuid.UUID("00000000-0000-7000-8000-00000000000a")
NOBODY = uuid.UUID("00000000-0000-7000-8000-00000000ffff")
WHEN = dt.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=dt.UTC)


@dataclass
class Family:
    """A store with one of each, that all belong together."""

    store: ArtifactStore

    def __post_init__(self) -> None:
        self.flow = self.store.create_flow("etl")
        self.work_pool = self.store.create_work_pool("pool")
        self.work_queue = self.store.create_work_queue("queue", self.work_pool.id)
        self.deployment = self.store.create_deployment(
            "nightly", self.flow.id, work_queue_id=self.work_queue.id
        )
        self.flow_run = self.store.create_flow_run(
            self.flow.id, deployment_id=self.deployment.id, work_queue_id=self.work_queue.id
        )
        self.task_run = self.store.create_task_run(self.flow_run.id)

    def create(self, kind: str, name: str = "new", **fields: Any) -> Any:
        """Create one of a kind in this family."""
        method = getattr(self.store, f"create_{kind}")
        if kind == "flow_run":
            return method(self.flow.id, name=name, **fields)
        if kind == "task_run":
            return method(self.flow_run.id, name=name, **fields)
        parents = {"deployment": [self.flow.id], "work_queue": [self.work_pool.id]}
        return method(name, *parents.get(kind, []), **fields)


KINDS = ["flow", "deployment", "flow_run", "task_run", "work_pool", "work_queue"]
NAMED = ["flow", "deployment", "work_pool", "work_queue"]
EXTRA: dict[str, dict[str, Any]] = {
    "flow": {"tags": ("a", "ü")},
    "deployment": {"tags": ("a",), "paused": True},
    "flow_run": {
        "tags": ("b", "a"),
        "flow_version": "1",
        "idempotency_key": "once",
        "state_type": "PENDING",
        "state_name": "Waiting",
        "expected_start_time": WHEN,
        "next_scheduled_start_time": WHEN,
        "start_time": WHEN,
        "end_time": WHEN,
        "created_by": {"id": str(ID), "type": "SCHEDULE"},
        "parent_task_run_id": NOBODY,
        "state_message": "for a slot",
        "parameters": {"day": "2026-01-02", "retries": [1, {"b": None, "a": 1e300}]},
    },
    "task_run": {
        "tags": ("a",),
        "task_key": "load",
        "state_type": "RUNNING",
        "state_name": "Running",
        "expected_start_time": WHEN,
        "start_time": WHEN,
        "end_time": WHEN,
        "state_message": "ü",
        "parameters": {},
    },
    "work_pool": {"type": "kubernetes"},
    "work_queue": {},
}


def read(store: ArtifactStore, kind: str, each: Any) -> Any:
    return getattr(store, f"read_{kind}")(each)


def listing(store: ArtifactStore, kind: str, **arguments: Any) -> list[Any]:
    return list(getattr(store, f"read_{kind}s")(**arguments))
