"""The methods of a store that list, stream and count artifacts, or the latest of each key."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Unpack

from .. import artifacts, filters, schemas
from ..base import StoreBase
from ..errors import InvalidQuery
from ..schemas.artifacts import Artifact, ArtifactList
from ..schemas.sorting import (
    ArtifactCollectionSort,
    ArtifactSort,
    RunSort,
    check_moment,
    check_page,
    parse_sort,
)
from ..wording import FILTER_PARAMETERS, misplaced, shown, with_article

if TYPE_CHECKING:
    from ..db.statements import Statements
    from ..filters.base import Filter
    from ..filters.definitions import AllFilters, LatestFilters

__all__ = ["ListingMethods", "check_constrained", "listing_query"]

_PAGE_SIZE = 200  # larger pages save no time, and cost memory
_LARGEST_PAGE = 100_000

# In the order of the parameters of `read_artifacts`.
_FILTER_NAMES = tuple(dict.fromkeys(FILTER_PARAMETERS.values()))
_NO_FILTERS = (None,) * len(_FILTER_NAMES)


def listing_query(
    db: "Statements",
    sort: ArtifactSort | ArtifactCollectionSort,
    all_filters: "tuple[Filter | None, ...] | AllFilters | LatestFilters",
    include_data: bool = True,
    as_of: datetime | None = None,
) -> "artifacts.pagination.ListingQuery":
    """Return the query of a listing.

    Args:
        db: the statements of the store.
        sort: the order; its type says whether all artifacts are listed or the latest of each key.
        all_filters: the filters, by name or in the order of the parameters of `read_artifacts`.
        include_data: whether data and profiles are read.
        as_of: the time at which the artifacts were the latest; `None` is now.

    Raises:
        InvalidQuery: a filter is of the wrong type, or the time has no time zone.
    """
    if as_of is not None:
        moment = check_moment(as_of)
        past = listing_query(db, sort, all_filters, include_data)
        return artifacts.pagination.list_as_of(past, moment)
    if isinstance(all_filters, tuple):
        if all_filters == _NO_FILTERS:
            return artifacts.pagination.ListingQuery(None, {}, sort, include_data)
        by_name: Mapping[str, object] = dict(zip(_FILTER_NAMES, all_filters, strict=True))
    else:
        by_name = all_filters

    if isinstance(sort, ArtifactSort):
        check_artifact_filter(by_name, filters.definitions.ArtifactFilter)
    else:
        check_artifact_filter(by_name, filters.definitions.ArtifactCollectionFilter)
    condition, values = filters.compiler.compile_filters("artifact_filter", by_name, db.dialect)
    return artifacts.pagination.ListingQuery(condition, values, sort, include_data)


def check_artifact_filter(by_name: Mapping[str, object], kind: type) -> None:
    """Check that the artifact filter is of the class that the listing takes.

    Raises:
        InvalidQuery: it is not; the message says what to write.
    """
    value = by_name.get("artifact_filter")
    if value is None or isinstance(value, kind):
        return
    if isinstance(value, dict):
        hint = f": write {kind.__name__}.model_validate(...)"
    else:
        hint = misplaced(value)
        if hint.startswith(": write artifact_filter="):  # a filter of the other kind of listing
            hint = ""
    raise InvalidQuery(
        f"artifact_filter takes {with_article(kind.__name__)} here, "
        f"not {with_article(type(value).__name__)}{hint}."
    )


def check_constrained(query: "artifacts.pagination.ListingQuery", everything: bool) -> None:
    """Check that filters constrain what is deleted, unless the caller asks to delete everything.

    Raises:
        InvalidQuery: the filters match every artifact, and `everything` is `False`.
    """
    if not isinstance(everything, bool):
        raise InvalidQuery(f"Invalid everything={shown(everything)}: expected True or False.")
    if query.condition is None and not everything:
        raise InvalidQuery(
            "These filters match every artifact of the store: set a field of a filter, "
            "or pass everything=True to delete all of them."
        )


class ListingMethods(StoreBase):
    """The methods of a store that list, stream and count artifacts."""

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
        """Return artifacts, all versions of each key.

        Args:
            offset: the number of artifacts to skip; 0 by default. A deep offset costs as much as
                all pages before it, a page by `after` does not.
            limit: the maximum number of artifacts; `None`, the default, is all.
            artifact_filter: a filter of the artifact; `None`, the default of each filter, does not
                constrain.
            flow_run_filter: a filter of the flow run that created it.
            task_run_filter: a filter of the task run that created it.
            deployment_filter: a filter of the deployment of the flow run.
            flow_filter: a filter of the flow of the flow run.
            work_pool_filter: a filter of the work pool of the flow run.
            sort: the order; the newest id first by default.
            after: the `cursor` of a list that was read with the same sort, to continue it; `None`
                by default.
            include_data: whether data and profiles are read; otherwise they are `None`. `True` by
                default.

        Returns:
            A list, with the cursor that continues it as its attribute `cursor`.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong type.

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
        all_filters = (
            artifact_filter,
            flow_run_filter,
            task_run_filter,
            deployment_filter,
            flow_filter,
            work_pool_filter,
        )
        order = parse_sort(ArtifactSort, sort)
        query = listing_query(self._db, order, all_filters, include_data)
        return self._read_list(query, offset, limit, after)

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
        as_of: datetime | None = None,
    ) -> ArtifactList:
        """Return the latest artifact of each key. Artifacts without a key are left out.

        Args:
            offset: the number of keys to skip; 0 by default.
            limit: the maximum number of keys; `None`, the default, is all.
            artifact_filter: a filter of the artifact; `None`, the default of each filter, does not
                constrain.
            flow_run_filter: a filter of the flow run that created it.
            task_run_filter: a filter of the task run that created it.
            deployment_filter: a filter of the deployment of the flow run.
            flow_filter: a filter of the flow of the flow run.
            work_pool_filter: a filter of the work pool of the flow run.
            sort: the order; the newest id first by default.
            after: the `cursor` of a list that was read with the same sort, to continue it; `None`
                by default.
            include_data: whether data and profiles are read; otherwise they are `None`. `True` by
                default.
            as_of: a time, with a time zone: returns what was the latest then, of the artifacts that are
                still there, each as it is now. Filters apply to that. `None`, the default, is now.

        Returns:
            A list, with the cursor that continues it as its attribute `cursor`.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong type.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> created = store.create_artifacts([{"key": "sales"}, {"key": "costs"}, {"key": "sales"}])
            >>> [(artifact.key, artifact.version) for artifact in store.read_latest_artifacts()]
            [('sales', 2), ('costs', 1)]
        """
        all_filters = (
            artifact_filter,
            flow_run_filter,
            task_run_filter,
            deployment_filter,
            flow_filter,
            work_pool_filter,
        )
        order = parse_sort(ArtifactCollectionSort, sort)
        query = listing_query(self._db, order, all_filters, include_data, as_of)
        return self._read_list(query, offset, limit, after)

    def _read_list(
        self,
        query: "artifacts.pagination.ListingQuery",
        offset: int | None,
        limit: int | None,
        after: str | None,
    ) -> ArtifactList:
        """Return a page of a listing, with the cursor that continues it."""
        position = None if after is None else filters.orders.from_cursor(query.sort, after)
        if position is not None and offset is not None:
            raise InvalidQuery(
                "offset and after cannot be combined: the cursor says where the list continues."
            )
        start, most = check_page(offset, limit)
        page = artifacts.pagination.page
        found = ArtifactList(self._reader(page, query, start, most, position))
        if found and len(found) == most:
            found.cursor = filters.orders.cursor_of(query.sort, found[-1])
        return found

    def iter_artifacts(
        self,
        *,
        sort: ArtifactSort = ArtifactSort.ID_DESC,
        page_size: int = _PAGE_SIZE,
        include_data: bool = True,
        **filters: "Unpack[filters.definitions.AllFilters]",
    ) -> Iterator[Artifact]:
        """Yield artifacts, all versions of each key, with one page in memory at a time.

        An artifact that exists from the start to the end of the iteration is yielded once, as it is
        when its page is read. Other threads, and the loop itself, may write in the meantime.

        Args:
            sort: the order; the newest id first by default. `UPDATED_DESC` is the order at the
                start, and the ids of all artifacts are kept in memory.
            page_size: the number of artifacts to read at a time, 1 to 100,000; 200 by default.
            include_data: whether data and profiles are read; otherwise they are `None`. `True` by
                default.
            filters: the six filters of `read_artifacts`, as keywords.

        Yields:
            Each artifact that matches, in the order of `sort`.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong type.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> created = store.create_artifacts({"key": "log", "data": n} for n in range(5))
            >>> sum(artifact.data for artifact in store.iter_artifacts(page_size=2))
            10
        """
        query = listing_query(self._db, parse_sort(ArtifactSort, sort), filters, include_data)
        check_page_size("page_size", page_size)
        return artifacts.pagination.stream(self._reader, query, page_size)

    def iter_latest_artifacts(
        self,
        *,
        sort: ArtifactCollectionSort = ArtifactCollectionSort.ID_DESC,
        page_size: int = _PAGE_SIZE,
        include_data: bool = True,
        as_of: datetime | None = None,
        **filters: "Unpack[filters.definitions.LatestFilters]",
    ) -> Iterator[Artifact]:
        """Yield the latest artifact of each key, with one page in memory at a time.

        A key that has artifacts from the start to the end of the iteration is yielded once, with
        the artifact that is its latest when its page is read. Any order but that of keys is the
        order at the start, and all keys are kept in memory.

        Args:
            sort: the order; the newest id first by default.
            page_size: the number of keys to read at a time, 1 to 100,000; 200 by default.
            include_data: whether data and profiles are read; otherwise they are `None`. `True` by
                default.
            as_of: a time, with a time zone: yields what was the latest then, of the artifacts that are
                still there, each as it is now. Filters apply to that. `None`, the default, is now.
            filters: the six filters of `read_latest_artifacts`, as keywords.

        Yields:
            The latest artifact of each key, in the order of `sort`.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong type.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> created = store.create_artifacts({"key": key, "data": n} for n, key in enumerate("aba"))
            >>> [artifact.data for artifact in store.iter_latest_artifacts()]
            [2, 1]
        """
        order = parse_sort(ArtifactCollectionSort, sort)
        query = listing_query(self._db, order, filters, include_data, as_of)
        check_page_size("page_size", page_size)
        return artifacts.pagination.stream(self._reader, query, page_size)

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
            offset: the number of flow runs to skip; 0 by default.
            limit: the maximum number of flow runs; `None`, the default, is all.
            sort: the order of the flow runs; the newest first by default.
            per_run: the maximum number of task runs, and of artifacts, of each flow run, the newest
                of them; 1 to 100,000, and 100 by default.
            artifact_filter: which artifacts are shown; runs that published none of them are
                returned too.
            filters: the five filters of `read_flow_runs`, as keywords. A `task_run_filter` also
                says which task runs, and whose artifacts, are shown.

        Returns:
            A tree for each flow run. Artifacts are without data and profile.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong type.

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
        check_page_size("per_run", per_run)
        order = parse_sort(RunSort, sort)
        of_artifacts = (artifact_filter, None, filters.get("task_run_filter"), None, None, None)
        query = listing_query(self._db, ArtifactSort.ID_DESC, of_artifacts, include_data=False)
        trees = artifacts.run_trees.read_run_trees
        return self._reader(trees, start, most, order, filters, query, per_run)

    def count_artifacts(
        self,
        artifact_filter: "filters.definitions.ArtifactFilter | None" = None,
        flow_run_filter: "filters.definitions.FlowRunFilter | None" = None,
        task_run_filter: "filters.definitions.TaskRunFilter | None" = None,
        deployment_filter: "filters.definitions.DeploymentFilter | None" = None,
        flow_filter: "filters.definitions.FlowFilter | None" = None,
        work_pool_filter: "filters.definitions.WorkPoolFilter | None" = None,
    ) -> int:
        """Count the artifacts that match, all versions of each key.

        Args:
            artifact_filter: a filter of the artifact; `None`, the default of each filter, does not
                constrain.
            flow_run_filter: a filter of the flow run that created it.
            task_run_filter: a filter of the task run that created it.
            deployment_filter: a filter of the deployment of the flow run.
            flow_filter: a filter of the flow of the flow run.
            work_pool_filter: a filter of the work pool of the flow run.

        Returns:
            The number of artifacts.

        Raises:
            InvalidQuery: an argument is of the wrong type.

        Examples:
            >>> from artifact_store import ArtifactFilter, ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> created = store.create_artifacts([{"key": "sales"}, {"key": "sales"}, {}])
            >>> store.count_artifacts(), store.count_artifacts(ArtifactFilter(key={"any_": ["sales"]}))
            (3, 2)
        """
        all_filters = (
            artifact_filter,
            flow_run_filter,
            task_run_filter,
            deployment_filter,
            flow_filter,
            work_pool_filter,
        )
        if all_filters == _NO_FILTERS:
            query = artifacts.pagination.ALL
        else:
            query = listing_query(self._db, ArtifactSort.ID_DESC, all_filters)
        return self._reader(artifacts.pagination.count, query)

    def count_latest_artifacts(
        self,
        artifact_filter: "filters.definitions.ArtifactCollectionFilter | None" = None,
        flow_run_filter: "filters.definitions.FlowRunFilter | None" = None,
        task_run_filter: "filters.definitions.TaskRunFilter | None" = None,
        deployment_filter: "filters.definitions.DeploymentFilter | None" = None,
        flow_filter: "filters.definitions.FlowFilter | None" = None,
        work_pool_filter: "filters.definitions.WorkPoolFilter | None" = None,
        *,
        as_of: datetime | None = None,
    ) -> int:
        """Count the keys whose latest artifact matches.

        Args:
            artifact_filter: a filter of the artifact; `None`, the default of each filter, does not
                constrain.
            flow_run_filter: a filter of the flow run that created it.
            task_run_filter: a filter of the task run that created it.
            deployment_filter: a filter of the deployment of the flow run.
            flow_filter: a filter of the flow of the flow run.
            work_pool_filter: a filter of the work pool of the flow run.
            as_of: a time, with a time zone: counts what was the latest then, of the artifacts that are
                still there, each as it is now. Filters apply to that. `None`, the default, is now.

        Returns:
            The number of keys.

        Raises:
            InvalidQuery: an argument is of the wrong type.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> created = store.create_artifacts([{"key": "sales"}, {"key": "sales"}, {}])
            >>> store.count_latest_artifacts()
            1
        """
        all_filters = (
            artifact_filter,
            flow_run_filter,
            task_run_filter,
            deployment_filter,
            flow_filter,
            work_pool_filter,
        )
        if all_filters == _NO_FILTERS and as_of is None:
            query = artifacts.pagination.LATEST
        else:
            sort = ArtifactCollectionSort.ID_DESC
            query = listing_query(self._db, sort, all_filters, as_of=as_of)
        return self._reader(artifacts.pagination.count, query)


def check_page_size(name: str, size: int) -> None:
    """Check the number of rows to read at a time.

    Raises:
        InvalidQuery: it is out of range; the message has the name of the argument.
    """
    if type(size) is not int or not 1 <= size <= _LARGEST_PAGE:
        raise InvalidQuery(f"{name} must be an int from 1 to {_LARGEST_PAGE:,}, got {shown(size)}.")
