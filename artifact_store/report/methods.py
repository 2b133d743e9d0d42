"""The method of a store that writes a report."""

import os
from itertools import islice
from typing import IO, Unpack

from .. import filters, report
from ..artifacts.history import Source
from ..errors import InvalidQuery
from ..schemas.sorting import ArtifactCollectionSort, bounds
from ..wording import shown

__all__ = ["ReportStore"]


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
        **filters: "Unpack[filters.definitions.LatestFilters]",
    ) -> "report.writing.ReportInfo":
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
            raise InvalidQuery(f"versions={shown(versions)} is no whole number from 1.")
        _, most = bounds(None, limit)
        latest = self.iter_latest_artifacts(sort=sort, include_data=False, **filters)
        return report.writing.written(self, path, title, versions, islice(latest, most))
