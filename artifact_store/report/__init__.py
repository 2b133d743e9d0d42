"""The report: one file that shows the artifacts of a store in any browser, without a network."""

import os
from contextlib import suppress
from itertools import chain, islice, pairwise
from typing import IO, NamedTuple, Unpack

from ..clock import now
from ..errors import InvalidArtifact, InvalidQuery
from ..listings import LatestFilters
from ..profile import TableProfile, changes, known_profile, profile_table
from ..runs import bounds
from ..schemas import Artifact
from ..sorting import ArtifactCollectionSort, ArtifactSort
from .history import History, Source, read_history, up_to
from .page import Page, opened
from .views import history_html, row_html, version_html

__all__ = ["ReportInfo", "ReportStore"]

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


class ReportStore(Source):
    """The method of a store that writes a report."""

    def report(
        self,
        path: str | os.PathLike[str] | IO[bytes],
        *,
        title: str = "Artifacts",
        versions: int = 10,
        limit: int | None = None,
        sort: ArtifactCollectionSort = ArtifactCollectionSort.UPDATED_DESC,
        **filters: Unpack[LatestFilters],
    ) -> ReportInfo:
        """Write a report: one HTML file that needs neither a network nor another file.

        It shows the latest artifact of each key, with search and filters; each opens with its payload, profile,
        trend, what changed, its version neighbours and the run that made it. A file that is there is replaced
        when the new one is complete. Payloads are read one after another, so a report may be larger than memory.

        Args:
            path: the file, or a binary stream.
            title: its heading.
            versions: how many versions of each key are in it with their payloads, 1 at the least; older ones
                are listed.
            limit: how many keys at the most; `None` is all.
            sort: the order of the keys.
            filters: the six filters of `read_latest_artifacts`, as keywords.

        Raises:
            InvalidQuery: an argument is out of range, or nothing can be written at the path.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> made = store.create_artifact(key="weather", type="table", data=[{"city": "Oslo", "wind": 3}])
            >>> import io
            >>> store.report(io.BytesIO()).artifacts
            1
        """
        if type(versions) is not int or versions < 1:
            raise InvalidQuery(f"versions={versions!r:.80} is no whole number from 1.")
        _, most = bounds(None, limit)
        latest = self.iter_latest_artifacts(sort=sort, include_data=False, **filters)
        with opened(path) as file, Page(title, now()) as page:
            for number, each in enumerate(islice(latest, most)):
                history = read_history(self, each, versions)
                if history is not None:  # otherwise it was deleted just now
                    self._add(page, number, history)
            return ReportInfo(page.artifacts, page.versions, page.write_to(file))

    def _add(self, page: Page, number: int, history: History) -> None:
        """Add one key to a report, a payload at a time."""
        page.add_row(row_html(number, history))
        page.add_history(number, history_html(history))
        oldest = history.versions[len(history.kept) - 1]
        before = history.previous(oldest)  # what the oldest is compared with
        least = (before or oldest).version
        found = self.iter_artifacts(
            sort=ArtifactSort.KEY_DESC, page_size=_PAGE, artifact_filter=up_to(history.latest, least)
        )
        profiled = (_Profiled(each, _profile(each)) for each in found)
        for current, older in pairwise(chain(profiled, [None])):
            if current is not None and current.artifact.id in history.made:  # a key may be deleted and published anew
                artifact, told = current.artifact, changes(older and older.profile, current.profile)
                if artifact.version in history.kept:
                    page.add_version(
                        number, artifact.version, version_html(number, artifact, history, told), artifact.data
                    )


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
