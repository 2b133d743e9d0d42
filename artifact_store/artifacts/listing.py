"""The methods of a store that find artifacts: lists, streams and counts, of all or of the latest of each key."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from .. import artifacts, db, filters
from ..errors import InvalidQuery
from ..schemas.artifacts import Artifact, ArtifactList
from ..schemas.sorting import ArtifactCollectionSort, ArtifactSort, bounds, chosen
from ..wording import FILTER_PARAMETERS, misplaced, shown, with_article

if TYPE_CHECKING:
    from ..filters.definitions import AllFilters, Filter, LatestFilters

__all__ = ["ListingStore", "asked_of", "check_constrained"]

_PAGE = 200  # with more, the garbage collector has more to look at than there is to win
_LARGEST_PAGE = 100_000


_NAMES = tuple(dict.fromkeys(FILTER_PARAMETERS.values()))  # in the order of the parameters below
_NOTHING = (None,) * len(_NAMES)
# Counting everything takes no longer than a few calls in Python, so the counts below skip those that nothing needs.


def asked_of(
    ask: "db.replica.Reader",
    sort: ArtifactSort | ArtifactCollectionSort,
    given: "Sequence[Filter | None] | AllFilters | LatestFilters",
    include_data: bool = True,
) -> "artifacts.pagination.Asked":
    """Return what the filters of a listing ask, given by name or in the order of their parameters."""
    if isinstance(given, tuple) and given == _NOTHING:
        return artifacts.pagination.Asked(None, {}, sort, include_data)
    named: dict[str, Any] = dict(given) if isinstance(given, dict) else dict(zip(_NAMES, given, strict=True))
    kind = (
        filters.definitions.ArtifactFilter
        if isinstance(sort, ArtifactSort)
        else filters.definitions.ArtifactCollectionFilter
    )
    own = named.get("artifact_filter")
    if own is not None and not isinstance(own, kind):
        raise InvalidQuery(
            f"artifact_filter takes {with_article(kind.__name__)} here, "
            f"not {with_article(type(own).__name__)}{_remedy(kind, own)}."
        )
    shape, values = filters.compiler.compile_filters("artifact_filter", named, ask.primary.dialect)
    return artifacts.pagination.Asked(shape, values, sort, include_data)


def _remedy(kind: type, given: object) -> str:
    """Return what to write for what was given as a filter."""
    if isinstance(given, dict):
        return f": write {kind.__name__}.model_validate(...)"
    hint = misplaced(given)
    return "" if hint.startswith(": write artifact_filter=") else hint


def check_constrained(asked: "artifacts.pagination.Asked", everything: bool) -> None:
    """Refuse to delete what no filter constrains, unless the caller says that everything is meant.

    Raises:
        InvalidQuery: the filters leave out no artifact, and `everything` is off.
    """
    if not isinstance(everything, bool):
        raise InvalidQuery(f"Invalid everything={shown(everything)}: expected True or False.")
    if asked.shape is None and not everything:
        raise InvalidQuery(
            "These filters match every artifact of the store: set a field of a filter, "
            "or pass everything=True to delete all of them."
        )


class ListingStore:
    """The methods of a store that find artifacts."""

    _ask: "db.replica.Reader"

    def read_artifacts(
        self,
        offset: int | None = None,
        limit: int | None = None,
        artifact_filter: "filters.definitions.ArtifactFilter | None" = None,
        flow_run_filter: "filters.definitions.FlowRunFilter | None" = None,
        task_run_filter: "filters.definitions.TaskRunFilter | None" = None,
        deployment_filter: "filters.definitions.DeploymentFilter | None" = None,
        flow_filter: "filters.definitions.FlowFilter | None" = None,
        work_pool_filter: "filters.definitions.WorkPoolFilter | None" = None,
        sort: ArtifactSort = ArtifactSort.ID_DESC,
        *,
        after: str | None = None,
        include_data: bool = True,
    ) -> ArtifactList:
        """Return artifacts, every version of them.

        Args:
            offset: how many to skip; a deep page costs as much as all pages before it, unlike one by `after`.
            limit: how many to return at the most; `None` is all.
            artifact_filter: what must hold of the artifact.
            flow_run_filter: what must hold of the flow run that made it.
            task_run_filter: what must hold of the task run that made it.
            deployment_filter: what must hold of the deployment of the flow run.
            flow_filter: what must hold of the flow of the flow run.
            work_pool_filter: what must hold of the work pool of the flow run.
            sort: the order.
            after: the `cursor` of a list that was read with the same sort: what comes after it.
            include_data: without it data and profiles are not read, and are `None` in what is returned.

        Returns:
            A list, with the cursor that continues it as its attribute `cursor`.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong kind.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> made = store.create_artifacts({"key": "log", "data": n} for n in range(5))
            >>> first = store.read_artifacts(limit=3)
            >>> [artifact.version for artifact in first]
            [5, 4, 3]
            >>> [artifact.version for artifact in store.read_artifacts(limit=3, after=first.cursor)]
            [2, 1]
        """
        given = (artifact_filter, flow_run_filter, task_run_filter, deployment_filter, flow_filter, work_pool_filter)
        asked = asked_of(self._ask, chosen(ArtifactSort, sort), given, include_data)
        return self._listed(asked, offset, limit, after)

    def read_latest_artifacts(
        self,
        offset: int | None = None,
        limit: int | None = None,
        artifact_filter: "filters.definitions.ArtifactCollectionFilter | None" = None,
        flow_run_filter: "filters.definitions.FlowRunFilter | None" = None,
        task_run_filter: "filters.definitions.TaskRunFilter | None" = None,
        deployment_filter: "filters.definitions.DeploymentFilter | None" = None,
        flow_filter: "filters.definitions.FlowFilter | None" = None,
        work_pool_filter: "filters.definitions.WorkPoolFilter | None" = None,
        sort: ArtifactCollectionSort = ArtifactCollectionSort.ID_DESC,
        *,
        after: str | None = None,
        include_data: bool = True,
    ) -> ArtifactList:
        """Return the latest artifact of each key; takes and returns what `read_artifacts` does."""
        given = (artifact_filter, flow_run_filter, task_run_filter, deployment_filter, flow_filter, work_pool_filter)
        asked = asked_of(self._ask, chosen(ArtifactCollectionSort, sort), given, include_data)
        return self._listed(asked, offset, limit, after)

    def _listed(
        self, asked: "artifacts.pagination.Asked", offset: int | None, limit: int | None, after: str | None
    ) -> ArtifactList:
        position = None if after is None else filters.orders.from_cursor(asked.sort, after)
        if position is not None and offset is not None:
            raise InvalidQuery("offset and after exclude each other: a cursor says where the list goes on.")
        start, most = bounds(offset, limit)
        found = ArtifactList(self._ask(artifacts.pagination.page, asked, start, most, position))
        if found and len(found) == most:
            found.cursor = filters.orders.cursor_of(asked.sort, found[-1])
        return found

    def iter_artifacts(
        self,
        *,
        sort: ArtifactSort = ArtifactSort.ID_DESC,
        page_size: int = _PAGE,
        include_data: bool = True,
        **filters: "Unpack[filters.definitions.AllFilters]",
    ) -> Iterator[Artifact]:
        """Yield artifacts, every version of them, with one page in memory at a time.

        Whatever others write meanwhile, an artifact that is there from the start to the end is
        yielded once, as it is when its page is read. Other threads and the loop itself may write.

        Args:
            sort: the order. By `UPDATED_DESC` it is that of the start, and the ids of all artifacts
                are held in memory.
            page_size: how many are read at a time, 1 to 100,000.
            include_data: without it data and profiles are not read, and are `None` in what is yielded.
            filters: the six filters of `read_artifacts`, as keywords.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong kind.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> made = store.create_artifacts({"key": "log", "data": n} for n in range(5))
            >>> sum(artifact.data for artifact in store.iter_artifacts(page_size=2))
            10
        """
        asked = asked_of(self._ask, chosen(ArtifactSort, sort), filters, include_data)
        return artifacts.pagination.each(self._ask, asked, _page_size(page_size))

    def iter_latest_artifacts(
        self,
        *,
        sort: ArtifactCollectionSort = ArtifactCollectionSort.ID_DESC,
        page_size: int = _PAGE,
        include_data: bool = True,
        **filters: "Unpack[filters.definitions.LatestFilters]",
    ) -> Iterator[Artifact]:
        """Yield the latest artifact of each key, with one page in memory at a time.

        A key that has artifacts from the start to the end is yielded once, with the artifact that
        is its latest when its page is read; it takes the arguments of `iter_artifacts`. By any
        order but that of keys it is the order of the start, and all keys are held in memory.
        """
        asked = asked_of(self._ask, chosen(ArtifactCollectionSort, sort), filters, include_data)
        return artifacts.pagination.each(self._ask, asked, _page_size(page_size))

    def count_artifacts(
        self,
        artifact_filter: "filters.definitions.ArtifactFilter | None" = None,
        flow_run_filter: "filters.definitions.FlowRunFilter | None" = None,
        task_run_filter: "filters.definitions.TaskRunFilter | None" = None,
        deployment_filter: "filters.definitions.DeploymentFilter | None" = None,
        flow_filter: "filters.definitions.FlowFilter | None" = None,
        work_pool_filter: "filters.definitions.WorkPoolFilter | None" = None,
    ) -> int:
        """Return how many artifacts match, every version counted; takes the filters of `read_artifacts`."""
        given = (artifact_filter, flow_run_filter, task_run_filter, deployment_filter, flow_filter, work_pool_filter)
        ask = self._ask
        asked = artifacts.pagination.ALL if given == _NOTHING else asked_of(ask, ArtifactSort.ID_DESC, given)
        return (
            artifacts.pagination.count(ask.primary, asked)
            if ask.replica is None
            else ask(artifacts.pagination.count, asked)
        )

    def count_latest_artifacts(
        self,
        artifact_filter: "filters.definitions.ArtifactCollectionFilter | None" = None,
        flow_run_filter: "filters.definitions.FlowRunFilter | None" = None,
        task_run_filter: "filters.definitions.TaskRunFilter | None" = None,
        deployment_filter: "filters.definitions.DeploymentFilter | None" = None,
        flow_filter: "filters.definitions.FlowFilter | None" = None,
        work_pool_filter: "filters.definitions.WorkPoolFilter | None" = None,
    ) -> int:
        """Return how many keys have a latest artifact that matches; takes the filters of `read_latest_artifacts`."""
        given = (artifact_filter, flow_run_filter, task_run_filter, deployment_filter, flow_filter, work_pool_filter)
        ask = self._ask
        asked = (
            artifacts.pagination.LATEST if given == _NOTHING else asked_of(ask, ArtifactCollectionSort.ID_DESC, given)
        )
        return (
            artifacts.pagination.count(ask.primary, asked)
            if ask.replica is None
            else ask(artifacts.pagination.count, asked)
        )


def _page_size(size: int) -> int:
    if not isinstance(size, int) or not 1 <= size <= _LARGEST_PAGE:
        raise InvalidQuery(f"page_size={shown(size)} is no whole number from 1 to {_LARGEST_PAGE:,}.")
    return size
