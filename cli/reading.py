"""What several commands read of a store."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeVar
from uuid import UUID

from .output.pager import note

if TYPE_CHECKING:
    from artifact_store import Alias, ArtifactStore

__all__ = ["batches", "note_missing_run", "read_aliases", "read_run_names", "until_available"]

T = TypeVar("T")

_AGAIN = "The store is available again."
_BATCH_SIZE = 200
_MOST_NAMES = 1_000  # of runs that are read to find one that is spelled alike


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


def note_missing_run(store: ArtifactStore, name: str | None) -> None:
    """Say that there is no flow run with the name of `--flow-run`, and which name looks like it."""
    if not name or is_id(name) or store.read_flow_run(name) is not None:
        return
    names = [run.name for run in store.read_flow_runs(limit=_MOST_NAMES)]
    similar = get_close_matches(name[:100], names, n=1, cutoff=0.75)
    remedy = f" Is it {similar[0]!r}?" if similar else ""
    note(f"There is no flow run {name!r}.{remedy}")


def is_id(text: str) -> bool:
    """Tell whether a text is a UUID, as of a run that another system has."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def until_available(
    read: Callable[[], T],
    deadline: float = math.inf,
    *,
    pause: float = 1.0,
    probe: Callable[[], object] | None = None,
) -> T:
    """Return what a function reads, and call it again as long as the store is not available.

    Args:
        read: the function.
        deadline: the time of the monotonic clock after which its error is raised.
        pause: seconds between two calls.
        probe: reads something quickly, for a `read` that waits: whether the store is there again is known before
            that has ended.
    """
    from artifact_store import StoreUnavailable

    is_away = False
    while True:
        try:
            if is_away and probe is not None:
                probe()
                is_away = False
                note(_AGAIN)
            result = read()
        except StoreUnavailable as error:
            if time.monotonic() >= deadline:
                raise
            if not is_away:
                note(f"The store is not available: {error}")
            is_away = True
            time.sleep(pause)
            continue
        if is_away:
            note(_AGAIN)
        return result
