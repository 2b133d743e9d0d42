"""The methods of a store that find artifacts: lists, streams and counts, of all or of the latest of each key."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Unpack

from .. import artifacts, filters, schemas
from ..base import StoreBase
from ..errors import InvalidQuery
from ..schemas.artifacts import Artifact, ArtifactList
from ..schemas.sorting import ArtifactCollectionSort, ArtifactSort, RunSort, check_page, parse_sort
from ..wording import FILTER_PARAMETERS, misplaced, shown, with_article

if TYPE_CHECKING:
    from ..db.statements import Statements
    from ..filters.definitions import AllFilters, Filter, LatestFilters

__all__ = ["ListingMethods", "check_constrained", "listing_query"]

_PAGE = 200  # with more, the garbage collector has more to look at than there is to win
_LARGEST_PAGE = 100_000


_FILTER_NAMES = tuple(
    dict.fromkeys(FILTER_PARAMETERS.values())
)  # in the order of the parameters below
_NO_FILTERS = (None,) * len(_FILTER_NAMES)


def listing_query(
    db: "Statements",
    sort: ArtifactSort | ArtifactCollectionSort,
    given: "tuple[Filter | None, ...] | AllFilters | LatestFilters",
    include_data: bool = True,
) -> "artifacts.pagination.ListingQuery":
    """Return the query of a listing.

    Args:
        db: the statements of the store.
        sort: the order; its kind says whether all artifacts are listed or the latest of each key.
        given: the filters, by name or in the order of the parameters of a listing.
        include_data: whether data and profiles are read.

    Raises:
        InvalidQuery: a filter is of the wrong kind.
    """
    if isinstance(given, tuple) and given == _NO_FILTERS:
        return artifacts.pagination.ListingQuery(None, {}, sort, include_data)

    by_name: Mapping[str, object] = (
        given if isinstance(given, dict) else dict(zip(_FILTER_NAMES, given, strict=True))
    )
    kind = (
        filters.definitions.ArtifactFilter
        if isinstance(sort, ArtifactSort)
        else filters.definitions.ArtifactCollectionFilter
    )
    own = by_name.get("artifact_filter")
    if own is not None and not isinstance(own, kind):
        raise InvalidQuery(
            f"artifact_filter takes {with_article(kind.__name__)} here, "
            f"not {with_article(type(own).__name__)}{_remedy(kind, own)}."
        )
    condition, values = filters.compiler.compile_filters("artifact_filter", by_name, db.dialect)
    return artifacts.pagination.ListingQuery(condition, values, sort, include_data)


def _remedy(kind: type, given: object) -> str:
    """Return what to write for what was given as a filter."""
    if isinstance(given, dict):
        return f": write {kind.__name__}.model_validate(...)"
    hint = misplaced(given)
    return "" if hint.startswith(": write artifact_filter=") else hint


def check_constrained(query: "artifacts.pagination.ListingQuery", everything: bool) -> None:
    """Refuse to delete what no filter constrains, unless the caller says that everything is meant.

    Raises:
        InvalidQuery: the filters leave out no artifact, and `everything` is off.
    """
    if not isinstance(everything, bool):
        raise InvalidQuery(f"Invalid everything={shown(everything)}: expected True or False.")
    if query.condition is None and not everything:
        raise InvalidQuery(
            "These filters match every artifact of the store: set a field of a filter, "
            "or pass everything=True to delete all of them."
        )


class ListingMethods(StoreBase):
    """The methods of a store that find artifacts."""

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
            >>> created = store.create_artifacts({"key": "log", "data": n} for n in range(5))
            >>> first = store.read_artifacts(limit=3)
            >>> [artifact.version for artifact in first]
            [5, 4, 3]
            >>> [artifact.version for artifact in store.read_artifacts(limit=3, after=first.cursor)]
            [2, 1]
        """
        given = (
            artifact_filter,
            flow_run_filter,
            task_run_filter,
            deployment_filter,
            flow_filter,
            work_pool_filter,
        )
        query = listing_query(self._db, parse_sort(ArtifactSort, sort), given, include_data)
        return self._listed(query, offset, limit, after)

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
        """Return the latest artifact of each key; artifacts without a key are not among them.

        Args:
            offset: how many to skip; 0 by default.
            limit: how many to return at most; `None`, the default, is all.
            artifact_filter: what must hold of the artifact; `None`, the default of each filter, does not constrain.
            flow_run_filter: what must hold of the flow run that made it.
            task_run_filter: what must hold of the task run that made it.
            deployment_filter: what must hold of the deployment of the flow run.
            flow_filter: what must hold of the flow of the flow run.
            work_pool_filter: what must hold of the work pool of the flow run.
            sort: the order; the newest id first by default.
            after: the `cursor` of a list that was read with the same sort, to continue it; `None` by default.
            include_data: whether data and profiles are read; otherwise they are `None`. `True` by default.

        Returns:
            A list, with the cursor that continues it as its attribute `cursor`.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong kind.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> made = store.create_artifacts([{"key": "sales"}, {"key": "costs"}, {"key": "sales"}])
            >>> [(artifact.key, artifact.version) for artifact in store.read_latest_artifacts()]
            [('sales', 2), ('costs', 1)]
        """
        given = (
            artifact_filter,
            flow_run_filter,
            task_run_filter,
            deployment_filter,
            flow_filter,
            work_pool_filter,
        )
        query = listing_query(
            self._db, parse_sort(ArtifactCollectionSort, sort), given, include_data
        )
        return self._listed(query, offset, limit, after)

    def _listed(
        self,
        query: "artifacts.pagination.ListingQuery",
        offset: int | None,
        limit: int | None,
        after: str | None,
    ) -> ArtifactList:
        position = None if after is None else filters.orders.from_cursor(query.sort, after)
        if position is not None and offset is not None:
            raise InvalidQuery(
                "offset and after exclude each other: a cursor says where the list goes on."
            )
        start, most = check_page(offset, limit)
        found = ArtifactList(self._reader(artifacts.pagination.page, query, start, most, position))
        if found and len(found) == most:
            found.cursor = filters.orders.cursor_of(query.sort, found[-1])
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

        Yields:
            Each artifact that matches, in the order of `sort`.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong kind.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> created = store.create_artifacts({"key": "log", "data": n} for n in range(5))
            >>> sum(artifact.data for artifact in store.iter_artifacts(page_size=2))
            10
        """
        query = listing_query(self._db, parse_sort(ArtifactSort, sort), filters, include_data)
        return artifacts.pagination.each(self._reader, query, _page_size(page_size))

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

        Args:
            sort: the order; the newest id first by default.
            page_size: how many are read at a time, 1 to 100,000.
            include_data: whether data and profiles are read; otherwise they are `None`. `True` by default.
            filters: the six filters of `read_latest_artifacts`, as keywords.

        Yields:
            The latest artifact of each key, in the order of `sort`.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong kind.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> created = store.create_artifacts({"key": key, "data": n} for n, key in enumerate("aba"))
            >>> [artifact.data for artifact in store.iter_latest_artifacts()]
            [2, 1]
        """
        query = listing_query(
            self._db, parse_sort(ArtifactCollectionSort, sort), filters, include_data
        )
        return artifacts.pagination.each(self._reader, query, _page_size(page_size))

    def read_run_tree(
        self,
        offset: int | None = None,
        limit: int | None = None,
        sort: RunSort = RunSort.ID_DESC,
        *,
        per_run: int = 100,
        artifact_filter: "filters.definitions.ArtifactFilter | None" = None,
        **filters: "Unpack[filters.definitions.RunFilters]",
    ) -> "list[schemas.run_trees.FlowRunTree]":
        """Return flow runs with their flows, their task runs and the artifacts that they published.

        It runs four statements, however many runs there are.

        Args:
            offset: how many flow runs to skip; none unless it is given.
            limit: the most flow runs to return; `None` is all.
            sort: the order of the flow runs; the newest first unless it is given.
            per_run: the most task runs, and the most artifacts, to return of each flow run, the newest of them; 1 to
                100,000, and 100 unless it is given.
            artifact_filter: which artifacts are shown; runs that published none of them are returned too.
            filters: the five filters of `read_flow_runs`, as keywords. A `task_run_filter` also says which task
                runs, and whose artifacts, are shown.

        Returns:
            A tree for each flow run. Artifacts are without data and profile.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong kind.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> with store.flow_run("nightly-etl"), store.task_run("load"):
            ...     artifact = store.create_artifact(key="sales", data=[12])
            >>> for tree in store.read_run_tree(limit=20):
            ...     print(tree.flow.name, tree.flow_run.state_name)
            ...     for branch in tree.task_runs:
            ...         print("-", branch.task_run.name, [artifact.key for artifact in branch.artifacts])
            nightly-etl Completed
            - load ['sales']
        """
        start, most = check_page(offset, limit)
        if type(per_run) is not int or not 1 <= per_run <= _LARGEST_PAGE:
            raise InvalidQuery(
                f"per_run must be an int from 1 to {_LARGEST_PAGE:,}, got {shown(per_run)}."
            )
        of_artifacts = (artifact_filter, None, filters.get("task_run_filter"), None, None, None)
        query = listing_query(self._db, ArtifactSort.ID_DESC, of_artifacts, include_data=False)
        trees = artifacts.run_trees.read_run_trees
        return self._reader(trees, start, most, parse_sort(RunSort, sort), filters, query, per_run)

    def count_artifacts(
        self,
        artifact_filter: "filters.definitions.ArtifactFilter | None" = None,
        flow_run_filter: "filters.definitions.FlowRunFilter | None" = None,
        task_run_filter: "filters.definitions.TaskRunFilter | None" = None,
        deployment_filter: "filters.definitions.DeploymentFilter | None" = None,
        flow_filter: "filters.definitions.FlowFilter | None" = None,
        work_pool_filter: "filters.definitions.WorkPoolFilter | None" = None,
    ) -> int:
        """Count the artifacts that match, every version of them.

        Args:
            artifact_filter: what must hold of the artifact; `None`, the default of each filter, does not constrain.
            flow_run_filter: what must hold of the flow run that made it.
            task_run_filter: what must hold of the task run that made it.
            deployment_filter: what must hold of the deployment of the flow run.
            flow_filter: what must hold of the flow of the flow run.
            work_pool_filter: what must hold of the work pool of the flow run.

        Returns:
            How many there are.

        Raises:
            InvalidQuery: an argument is of the wrong kind.

        Examples:
            >>> from artifact_store import ArtifactFilter, ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> made = store.create_artifacts([{"key": "sales"}, {"key": "sales"}, {}])
            >>> store.count_artifacts(), store.count_artifacts(ArtifactFilter(key={"any_": ["sales"]}))
            (3, 2)
        """
        given = (
            artifact_filter,
            flow_run_filter,
            task_run_filter,
            deployment_filter,
            flow_filter,
            work_pool_filter,
        )
        query = (
            artifacts.pagination.ALL
            if given == _NO_FILTERS
            else listing_query(self._db, ArtifactSort.ID_DESC, given)
        )
        return self._reader(artifacts.pagination.count, query)

    def count_latest_artifacts(
        self,
        artifact_filter: "filters.definitions.ArtifactCollectionFilter | None" = None,
        flow_run_filter: "filters.definitions.FlowRunFilter | None" = None,
        task_run_filter: "filters.definitions.TaskRunFilter | None" = None,
        deployment_filter: "filters.definitions.DeploymentFilter | None" = None,
        flow_filter: "filters.definitions.FlowFilter | None" = None,
        work_pool_filter: "filters.definitions.WorkPoolFilter | None" = None,
    ) -> int:
        """Count the keys whose latest artifact matches.

        Args:
            artifact_filter: what must hold of the artifact; `None`, the default of each filter, does not constrain.
            flow_run_filter: what must hold of the flow run that made it.
            task_run_filter: what must hold of the task run that made it.
            deployment_filter: what must hold of the deployment of the flow run.
            flow_filter: what must hold of the flow of the flow run.
            work_pool_filter: what must hold of the work pool of the flow run.

        Returns:
            How many there are.

        Raises:
            InvalidQuery: an argument is of the wrong kind.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> made = store.create_artifacts([{"key": "sales"}, {"key": "sales"}, {}])
            >>> store.count_latest_artifacts()
            1
        """
        given = (
            artifact_filter,
            flow_run_filter,
            task_run_filter,
            deployment_filter,
            flow_filter,
            work_pool_filter,
        )
        query = (
            artifacts.pagination.LATEST
            if given == _NO_FILTERS
            else listing_query(self._db, ArtifactCollectionSort.ID_DESC, given)
        )
        return self._reader(artifacts.pagination.count, query)


def _page_size(size: int) -> int:
    if not isinstance(size, int) or not 1 <= size <= _LARGEST_PAGE:
        raise InvalidQuery(
            f"page_size must be an int from 1 to {_LARGEST_PAGE:,}, got {shown(size)}."
        )
    return size
