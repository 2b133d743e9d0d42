"""What several commands read of a store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeVar
from uuid import UUID

if TYPE_CHECKING:
    from artifact_store import Alias, ArtifactStore

__all__ = ["batches", "read_aliases", "read_run_names"]

T = TypeVar("T")

_BATCH_SIZE = 200


class MadeByRun(Protocol):
    """What a flow run may have made."""

    @property
    def flow_run_id(self) -> UUID | None: ...


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Yield items in lists, for queries about many at once."""
    rest = iter(items)
    while batch := list(islice(rest, _BATCH_SIZE)):
        yield batch


def read_aliases(store: ArtifactStore) -> dict[str, list[Alias]]:
    """Return the aliases of every key that has any, by key."""
    aliases: dict[str, list[Alias]] = {}
    for alias in store.read_aliases():
        aliases.setdefault(alias.key, []).append(alias)
    return aliases


def read_run_names(store: ArtifactStore, made: Iterable[MadeByRun]) -> dict[UUID, str]:
    """Return the names of the flow runs that made something, by id, as far as the store has them."""
    from artifact_store import FlowRunFilter

    ids = {each.flow_run_id for each in made if each.flow_run_id is not None}
    if not ids:
        return {}
    runs = store.read_flow_runs(flow_run_filter=FlowRunFilter(id={"any_": ids}))
    return {run.id: run.name for run in runs}
