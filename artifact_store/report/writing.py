"""How a report is written, a key at a time."""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain, pairwise
from typing import IO, NamedTuple

from ..clock import now
from ..errors import InvalidArtifact
from ..schemas.artifacts import Artifact
from ..schemas.sorting import ArtifactSort
from ..tables.profile import TableProfile, changes, known_profile, profile_table
from .history import History, read_history, up_to
from .page import Page, opened
from .source import Source
from .views import history_html, row_html, version_html

__all__ = ["ReportInfo", "written"]

_PAGE = 4  # payloads that are in memory at a time


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


def written(
    store: Source,
    path: str | os.PathLike[str] | IO[bytes],
    title: str,
    versions: int,
    latest: Iterable[Artifact],
) -> ReportInfo:
    """Write a report of the latest artifacts of some keys, each with so many versions."""
    with opened(path) as file, Page(title, now()) as page:
        for number, each in enumerate(latest):
            history = read_history(store, each, versions)
            if history is not None:  # otherwise it was deleted just now
                _add(store, page, number, history)
        return ReportInfo(page.artifacts, page.versions, page.write_to(file))


def _add(store: Source, page: Page, number: int, history: History) -> None:
    """Add one key to a report, a payload at a time.

    What is deleted meanwhile is left out: the row and the list of versions come last, and name only what was read.
    """
    listed = {each.id: each for each in history.versions}
    oldest = history.versions[len(history.kept) - 1]
    before = history.previous(oldest)  # what the oldest is compared with
    least = (before or oldest).version
    found = store.iter_artifacts(
        sort=ArtifactSort.KEY_DESC, page_size=_PAGE, artifact_filter=up_to(history.latest, least)
    )
    # A key may be deleted and published anew: what has another id is no version of this history.
    profiled = (_Profiled(each, _profile(each)) for each in found if each.id in listed)

    read: list[Artifact] = []
    for current, older in pairwise(chain(profiled, [None])):
        if current is None or current.artifact.version not in history.kept:
            continue
        artifact = current.artifact
        told = changes(older and older.profile, current.profile)
        near = _near(read, listed[artifact.id], older and listed[older.artifact.id])
        html = version_html(number, artifact, replace(history, versions=near), told)
        page.add_version(number, artifact.version or 0, html, artifact.data)
        read.append(listed[artifact.id])

    if read:
        unread = [each for each in history.versions if each.version not in history.kept]
        there = replace(
            history, versions=(*read, *unread), kept=frozenset(each.version or 0 for each in read)
        )
        page.add_row(row_html(number, there))
        page.add_history(number, history_html(there))


def _near(
    read: Sequence[Artifact], artifact: Artifact, older: Artifact | None
) -> tuple[Artifact, ...]:
    """Return the versions that are named beside one: the latest, the next newer one, itself, and the next older one."""
    near = [*read[:1], *read[-1:], artifact, *([older] if older else [])]
    return tuple({each.id: each for each in near}.values())


class _Profiled(NamedTuple):
    artifact: Artifact
    profile: TableProfile | None


def _profile(artifact: Artifact) -> TableProfile | None:
    """Return the profile that is stored with a table, or is made now; `None` for what is none."""
    if artifact.type != "table":
        return None
    with suppress(InvalidArtifact):  # what calls itself a table may hold anything
        return known_profile(artifact.profile) or profile_table(artifact.data)
    return None
