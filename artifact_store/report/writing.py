"""Writes a report, one key after the other, so that no more than a few payloads are in memory."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, pairwise
from typing import IO, NamedTuple

from ..clock import now
from ..differences.versions import LARGEST_COMPARED, Version, compare_versions
from ..jsonable.normalize import dump_json
from ..schemas.artifacts import Artifact
from ..schemas.sorting import ArtifactSort
from .history import History, read_history, versions_filter
from .page import Page, open_target
from .source import Source
from .views import history_html, row_html, version_html

__all__ = ["ReportInfo", "write_report"]

_PAGE_SIZE = 4  # payloads that are in memory at a time


class ReportInfo(NamedTuple):
    """What a report holds.

    Attributes:
        artifacts: how many keys it shows.
        versions: how many versions of them can be opened.
        size: its size in bytes.
    """

    artifacts: int
    versions: int
    size: int


class Read(NamedTuple):
    """One version with its data, and what is compared of it."""

    artifact: Artifact
    compared: Version


def write_report(
    store: Source,
    path: str | os.PathLike[str] | IO[bytes],
    title: str,
    versions: int,
    latest: Iterable[Artifact],
) -> ReportInfo:
    """Write a report.

    Args:
        store: the store.
        path: the file, or a binary stream.
        title: the title of the page.
        versions: how many versions of each key can be opened.
        latest: the latest version of each key that is shown, in order.
    """
    with open_target(path) as file, Page(title, now()) as page:
        for number, artifact in enumerate(latest):
            history = read_history(store, artifact, versions)
            if history is not None:
                add_key(store, page, number, history)
        size = page.write_to(file)
    return ReportInfo(page.artifacts, page.versions, size)


def add_key(store: Source, page: Page, number: int, history: History) -> None:
    """Add one key to a report, one payload after the other.

    Versions that are deleted meanwhile are left out: the row and the list of versions come last, and name
    only what was read.
    """
    by_id = {version.id: version for version in history.versions}
    read: list[Artifact] = []
    for current, older in pairwise(chain(read_versions(store, history), [None])):
        if current is None or current.artifact.version not in history.kept:
            continue
        artifact = current.artifact
        neighbours = [*read[:1], *read[-1:], by_id[artifact.id]]
        since = None
        if older is not None:
            neighbours.append(by_id[older.artifact.id])
            names = (older.artifact.ref, artifact.ref)
            since = compare_versions(older.compared, current.compared, names)

        html = version_html(
            number,
            artifact,
            replace(history, versions=without_repeats(neighbours)),
            since,
        )
        page.add_version(number, artifact.version or 0, html, artifact.data)
        read.append(by_id[artifact.id])

    if not read:
        return
    unread = [each for each in history.versions if each.version not in history.kept]
    complete = replace(
        history,
        versions=(*read, *unread),
        kept=frozenset(each.version for each in read if each.version is not None),
    )
    page.add_row(row_html(number, complete))
    page.add_history(number, history_html(complete))


def read_versions(store: Source, history: History) -> Iterator[Read]:
    """Yield the versions that can be opened, newest first, and the one that the oldest is compared with."""
    oldest = history.versions[len(history.kept) - 1]
    before = history.previous(oldest)
    first = (before or oldest).version
    found = store.iter_artifacts(
        artifact_filter=versions_filter(history.latest, first),
        sort=ArtifactSort.KEY_DESC,
        page_size=_PAGE_SIZE,
    )
    # A key may be deleted and published anew: another id is not a version of this history.
    ids = {version.id for version in history.versions}
    for artifact in found:
        if artifact.id in ids:
            yield Read(artifact, as_compared(artifact))


def without_repeats(artifacts: Sequence[Artifact]) -> tuple[Artifact, ...]:
    """Return artifacts in order, each once."""
    return tuple({each.id: each for each in artifacts}.values())


def as_compared(artifact: Artifact) -> Version:
    """Return what is compared of an artifact."""
    return Version(
        artifact.type,
        artifact.description,
        artifact.data,
        artifact.metadata,
        artifact.profile,
        is_small=len(dump_json(artifact.data)) <= LARGEST_COMPARED,
    )
