"""A flow run with its flow, its task runs and the artifacts that they published."""

from typing import NamedTuple
from uuid import UUID

from .artifacts import Artifact
from .runs import Flow, FlowRun, TaskRun

__all__ = ["FlowRunTree", "TaskRunTree"]


class TaskRunTree(NamedTuple):
    """A task run with the artifacts that it published.

    Attributes:
        task_run_id: its id.
        task_run: the task run; `None` when the artifacts name one that this store does not hold.
        artifacts: what it published, oldest first, without data and profile.
    """

    task_run_id: UUID
    task_run: TaskRun | None
    artifacts: tuple[Artifact, ...]


class FlowRunTree(NamedTuple):
    """A flow run with its flow, its task runs and the artifacts that they published.

    Attributes:
        flow: the flow.
        flow_run: the flow run.
        artifacts: what the flow run published outside of task runs, oldest first, without data and profile.
        task_runs: its task runs with what they published, oldest first.
        complete: whether all of its task runs and artifacts are here; otherwise these are the newest.
    """

    flow: Flow
    flow_run: FlowRun
    artifacts: tuple[Artifact, ...]
    task_runs: tuple[TaskRunTree, ...]
    complete: bool
