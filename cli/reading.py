"""What several commands read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import click

if TYPE_CHECKING:
    from artifact_store import Artifact, ArtifactStore

__all__ = ["batches", "resolved", "run_names"]

T = TypeVar("T")

_BATCH = 200


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Yield items in lists, for questions that are asked about many at once."""
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def resolved(store: ArtifactStore, ref: str) -> Artifact:
    """Return the artifact that a reference names, or say that there is none."""
    artifact = store.read_artifact_ref(ref)
    if artifact is None:
        raise click.ClickException(f"There is no artifact {ref!r}.")
    return artifact


def run_names(store: ArtifactStore, artifacts: Iterable[Artifact]) -> dict[UUID, str]:
    """Return the names of the flow runs that made some artifacts, by id, as far as the store knows them."""
    from artifact_store import FlowRunFilter

    ids = [each.flow_run_id for each in artifacts if each.flow_run_id is not None]
    of_these = FlowRunFilter(id={"any_": ids})
    runs = store.read_flow_runs(flow_run_filter=of_these) if ids else []
    return {run.id: run.name for run in runs}
