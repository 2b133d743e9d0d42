"""What several tests of runs use."""

from collections.abc import Iterator
from typing import Any


def runs_of(artifact: Any) -> tuple[Any, Any]:
    """The ids of the flow run and the task run that made an artifact."""
    return artifact.flow_run_id, artifact.task_run_id


def held(block: Any) -> Iterator[Any]:
    """A generator that is inside of a block until it is closed."""
    with block as run:
        yield run
