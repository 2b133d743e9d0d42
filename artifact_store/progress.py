"""Progress of a loop, as an artifact that is kept up to date in place and costs the loop next to nothing."""

import logging
import math
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any, TypeVar, Unpack
from uuid import UUID

from .errors import ArtifactStoreError, InvalidQuery
from .schemas import Artifact, ArtifactChanges, ArtifactCreate, ArtifactFields, ArtifactUpdate

__all__ = ["ProgressStore"]

T = TypeVar("T")

_LOG = logging.getLogger("artifact_store")
_INTERVAL = 0.5  # seconds between two updates
_SHARE = 10  # where updates are slow, the loop works this many times as long as they take


class _Meter:
    """Writes how far a loop is; where that fails, it says so once and the loop goes on."""

    def __init__(self, update: Callable[..., bool], artifact_id: UUID, total: int | None) -> None:
        self._update, self._artifact_id, self._total = update, artifact_id, total
        self._process, self._failed = os.getpid(), False

    def write(self, done: int, ended: bool = False) -> float:
        """Write that so many items are done; return the time before which nothing is to be written again."""
        began = time.monotonic()
        if os.getpid() == self._process:  # a child that is forked in the loop has a copy of it
            try:
                self._update(self._artifact_id, data=self._percent(done, ended), metadata=counts(done, self._total))
            except ArtifactStoreError as error:
                if not self._failed:
                    _LOG.warning("The progress %s is not kept up to date: %s", self._artifact_id, error)
                self._failed = True
        now = time.monotonic()
        return now + max(_INTERVAL, _SHARE * (now - began))

    def _percent(self, done: int, ended: bool) -> float:
        if ended:
            return 100.0
        # Rounded down, because 100 is the end.
        return min(math.floor(1000 * done / self._total) / 10, 99.9) if self._total else 0.0


def counts(done: int, total: int | None) -> dict[str, int]:
    """Return the metadata of a progress."""
    return {"done": done} if total is None else {"done": done, "total": total}


class ProgressStore:
    """The method of a store that follows a loop."""

    if TYPE_CHECKING:  # what it calls of the store

        def create_artifact(self, artifact: ArtifactCreate | None = None, **fields: Unpack[ArtifactFields]) -> Artifact:
            """Create an artifact."""

        def update_artifact(
            self, artifact_id: UUID | str, artifact: ArtifactUpdate | None = None, **fields: Unpack[ArtifactChanges]
        ) -> bool:
            """Change an artifact."""

    def track(
        self,
        items: Iterable[T],
        key: str | None = None,
        description: str | None = None,
        total: int | None = None,
    ) -> Generator[T, None, None]:
        """Yield items, and keep a progress artifact up to date while they are worked on.

        The artifact is made when the first item is asked for, as a new version of its key. It is updated in place, at
        most twice a second and for no more than a tenth of the time. It ends at 100, or at the point where the loop was
        left; its metadata tells how many items are `done`, and of how many (`total`). An update that fails is logged
        once, as a warning of the logger `artifact_store`, and does not stop the loop.

        Args:
            items: what to work on.
            key: the key of the artifact.
            description: text for people.
            total: how many items there are; their length, where they have one. Without it the progress stays at 0 until
                the end, and `done` counts.

        Raises:
            InvalidArtifact: the key or the description cannot be stored.
            InvalidQuery: there is nothing to iterate over, or the total is no number of items.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> sum(store.track([1, 2, 3], key="load"))
            6
            >>> load = store.read_latest_artifact("load")
            >>> load.data, load.metadata
            (100.0, {'done': 3, 'total': 3})
        """
        if total is None and isinstance(items, Sized):
            total = len(items)
        if total is not None and (type(total) is not int or total < 0):
            raise InvalidQuery(
                f"total={total!r:.80} is no number of items: pass a whole number from 0, or leave it out."
            )
        given = ArtifactCreate(key=key, type="progress", description=description, data=0.0, metadata=counts(0, total))
        try:
            iterator = iter(items)
        except TypeError:
            raise InvalidQuery(
                f"{type(items).__name__} is nothing to iterate over: pass a list or a generator."
            ) from None
        return self._tracked(iterator, given, total)

    def _tracked(self, items: Iterator[T], given: ArtifactCreate, total: int | None) -> Generator[T, Any, None]:
        meter = _Meter(self.update_artifact, self.create_artifact(given).id, total)
        done, ended, due = 0, False, time.monotonic() + _INTERVAL
        try:
            for item in items:
                yield item
                done += 1
                if time.monotonic() >= due:
                    due = meter.write(done)
            ended = True
        finally:
            meter.write(done, ended)
