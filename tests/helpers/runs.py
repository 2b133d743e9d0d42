"""Functions that several tests of runs use."""

from collections.abc import Iterator
from typing import Any


def runs_of(artifact: Any) -> tuple[Any, Any]:
    """Return the ids of the flow run and the task run of an artifact."""
    return artifact.flow_run_id, artifact.task_run_id


def held(block: Any) -> Iterator[Any]:
    """Yield inside of a block, which ends when the generator is closed."""
    with block as run:
        yield run
