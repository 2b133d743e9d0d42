"""The one public door: it owns the database and every transaction."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack
from uuid import UUID

import peewee

from . import artifacts, latest, publishing, schema
from .address import PostgresAddress, parse_address
from .clock import new_id, now
from .conditions import Condition, condition
from .database import Block, Engine
from .errors import IntegrityViolation, InvalidArtifact, InvalidQuery, InvalidURL
from .filters import (
    ArtifactCollectionFilter,
    ArtifactFilter,
    DeploymentFilter,
    Filter,
    FlowFilter,
    FlowRunFilter,
    TaskRunFilter,
    WorkPoolFilter,
)
from .operators import encode_time
from .runs import RunStore, bounds, chosen
from .schemas import (
    Artifact,
    ArtifactChanges,
    ArtifactCreate,
    ArtifactFields,
    ArtifactUpdate,
    Breach,
    StoreInfo,
    as_uuid,
    bound,
    is_key,
)
from .sorting import ArtifactCollectionSort, ArtifactSort
from .sqlite import SqliteEngine
from .statements import Statements

__all__ = ["ArtifactStore"]

T = TypeVar("T")

_VERSION = re.compile("[1-9][0-9]{0,17}")


class ArtifactStore(RunStore):
    """Artifacts, their versions and the runs that made them, in one SQL database.

    A store may be shared between threads and used after `fork`. As a context manager it
    closes its connections at the end.

    Examples:
        >>> store = ArtifactStore("sqlite:///:memory:")
        >>> store.create_artifact(key="sales", type="table", data=[{"region": "north", "total": 12}])
        <Artifact sales@1 table ...>
        >>> store.create_artifact(key="sales", type="table", data=[{"region": "north", "total": 15}]).version
        2
        >>> store.read_latest_artifact("sales").data
        [{'region': 'north', 'total': 15}]
    """

    def __init__(self, url: str | os.PathLike[str] | peewee.Database | None = None) -> None:
        """Open a store, and create or upgrade its tables when they are not current.

        Args:
            url: `sqlite:///artifacts.db`, `sqlite:////absolute/path.db`, `sqlite:///:memory:`, a path
                object, or a Peewee database of yours. Without it, `$ARTIFACT_STORE_URL`, else a SQLite
                file in the user's data directory. A SQLite URL takes `?timeout=` (seconds to wait for
                a lock, 30) and `?synchronous=` (`full`, or `normal`: quicker, may lose the last
                commits at a power cut).

        Raises:
            InvalidURL: the address is not understood.
            StoreUnavailable: the database cannot be opened.
            SchemaOutdated: a newer artifact-store has written the database.
        """
        self._engine = _engine(url)
        self._db = Statements(self._engine)
        try:
            schema.ensure_current(self._db)
        except BaseException:
            if not self._engine.in_block():
                self._engine.close()
            raise

    # Artifacts

    def create_artifact(self, artifact: ArtifactCreate | None = None, **fields: Unpack[ArtifactFields]) -> Artifact:
        """Create an artifact; under a key it becomes the next version and the latest.

        Args:
            artifact: the artifact; or give its fields as keywords.
            fields: `key`, `type`, `description`, `data`, `metadata`, `flow_run_id`, `task_run_id`, `id`.

        Returns:
            The artifact as it is stored. When an artifact with the given id and the same content
            is there already, that one.

        Raises:
            InvalidArtifact: a value cannot be stored; the sentence names the path to it.
            ArtifactConflict: the given id is taken by an artifact with other content.
            StoreUnavailable: the database cannot be written.
        """
        given = _given(ArtifactCreate, artifact, fields)
        artifact_id = given.id or new_id()
        engine = self._engine
        create = partial(publishing.create, self._db, artifact_id, given)
        while True:
            try:
                if engine.one_statement and not engine.in_block():
                    return create()
                return engine.retrying(create)
            except IntegrityViolation as error:
                if "artifact.id" not in str(error):
                    raise publishing.damaged(error) from error
            stored = artifacts.read(self._db, artifact_id)
            if stored is not None:  # otherwise it was deleted just now, and this create makes it anew
                # Under an id of our own it is what a first try, whose answer was lost, has created.
                return stored if given.id is None else publishing.repeated(given, stored)

    def create_artifacts(self, many: Iterable[ArtifactCreate | Mapping[str, Any]]) -> list[Artifact]:
        """Create many artifacts in one atomic block and return them in order.

        Artifacts whose ids are known, with the same content, are returned as they are stored;
        the rest is created.

        Args:
            many: `ArtifactCreate` values, or mappings of their fields.

        Raises:
            InvalidArtifact: a value cannot be stored; nothing is created.
            ArtifactConflict: an id is taken by an artifact with other content; nothing is created.
            StoreUnavailable: the database cannot be written.
        """
        given = [each if isinstance(each, ArtifactCreate) else _given(ArtifactCreate, None, each) for each in many]
        pairs = [(each.id or new_id(), each) for each in given]
        perhaps_known = [each.id for each in given if each.id is not None]

        def create() -> list[Artifact]:
            nonlocal perhaps_known
            ids, perhaps_known = perhaps_known, [artifact_id for artifact_id, _ in pairs]
            return publishing.create_many(self._db, pairs, ids)

        while pairs:
            try:
                return self._engine.retrying(create)
            except IntegrityViolation as error:
                # Somebody else has just created one of the ids; the next try finds it.
                if "artifact.id" not in str(error) or self._engine.in_block():
                    raise publishing.damaged(error) from error
        return []

    def read_artifact(self, artifact_id: UUID | str) -> Artifact | None:
        """Return an artifact by id, `None` when there is none.

        Raises:
            InvalidQuery: the id is no UUID.
        """
        return artifacts.read(self._db, as_uuid(artifact_id))

    def read_latest_artifact(self, key: str) -> Artifact | None:
        """Return the latest artifact of a key, `None` when the key has none."""
        return artifacts.read_latest(self._db, key) if is_key(key) else None

    def read_artifact_ref(self, ref: str | UUID) -> Artifact | None:
        """Return the artifact that a reference names, `None` when there is none.

        Args:
            ref: `key` (its latest version), `key@3` (that version) or an id.

        Examples:
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> first = store.create_artifact(key="weather", data=12)
            >>> second = store.create_artifact(key="weather", data=15)
            >>> store.read_artifact_ref("weather@1") == store.read_artifact_ref(first.id) == first
            True
        """
        try:
            found = artifacts.read(self._db, as_uuid(ref))
        except InvalidQuery:
            found = None
        key, at, version = str(ref).partition("@")
        if found is not None or not is_key(key) or (at and _VERSION.fullmatch(version) is None):
            return found
        return artifacts.read_version(self._db, key, int(version)) if at else artifacts.read_latest(self._db, key)

    def read_artifacts(
        self,
        offset: int | None = None,
        limit: int | None = None,
        artifact_filter: ArtifactFilter | None = None,
        flow_run_filter: FlowRunFilter | None = None,
        task_run_filter: TaskRunFilter | None = None,
        deployment_filter: DeploymentFilter | None = None,
        flow_filter: FlowFilter | None = None,
        work_pool_filter: WorkPoolFilter | None = None,
        sort: ArtifactSort = ArtifactSort.ID_DESC,
    ) -> list[Artifact]:
        """Return artifacts, every version of them.

        Args:
            offset: how many to skip.
            limit: how many to return at the most; `None` is all.
            artifact_filter: what must hold of the artifact.
            flow_run_filter: what must hold of the flow run that made it.
            task_run_filter: what must hold of the task run that made it.
            deployment_filter: what must hold of the deployment of the flow run.
            flow_filter: what must hold of the flow of the flow run.
            work_pool_filter: what must hold of the work pool of the flow run.
            sort: the order.

        Raises:
            InvalidQuery: an argument is out of range or of the wrong kind.
        """
        given = (artifact_filter, flow_run_filter, task_run_filter, deployment_filter, flow_filter, work_pool_filter)
        asked = self._asked(ArtifactFilter, given)
        return artifacts.page(self._db, chosen(ArtifactSort, sort), *asked, *bounds(offset, limit))

    def read_latest_artifacts(
        self,
        offset: int | None = None,
        limit: int | None = None,
        artifact_filter: ArtifactCollectionFilter | None = None,
        flow_run_filter: FlowRunFilter | None = None,
        task_run_filter: TaskRunFilter | None = None,
        deployment_filter: DeploymentFilter | None = None,
        flow_filter: FlowFilter | None = None,
        work_pool_filter: WorkPoolFilter | None = None,
        sort: ArtifactCollectionSort = ArtifactCollectionSort.ID_DESC,
    ) -> list[Artifact]:
        """Return the latest artifact of each key; takes what `read_artifacts` takes."""
        given = (artifact_filter, flow_run_filter, task_run_filter, deployment_filter, flow_filter, work_pool_filter)
        asked = self._asked(ArtifactCollectionFilter, given)
        return artifacts.page(self._db, chosen(ArtifactCollectionSort, sort), *asked, *bounds(offset, limit))

    def count_artifacts(
        self,
        artifact_filter: ArtifactFilter | None = None,
        flow_run_filter: FlowRunFilter | None = None,
        task_run_filter: TaskRunFilter | None = None,
        deployment_filter: DeploymentFilter | None = None,
        flow_filter: FlowFilter | None = None,
        work_pool_filter: WorkPoolFilter | None = None,
    ) -> int:
        """Return how many artifacts match, every version counted; takes the filters of `read_artifacts`."""
        given = (artifact_filter, flow_run_filter, task_run_filter, deployment_filter, flow_filter, work_pool_filter)
        asked = self._asked(ArtifactFilter, given)
        return artifacts.count(self._db, False, *asked)

    def count_latest_artifacts(
        self,
        artifact_filter: ArtifactCollectionFilter | None = None,
        flow_run_filter: FlowRunFilter | None = None,
        task_run_filter: TaskRunFilter | None = None,
        deployment_filter: DeploymentFilter | None = None,
        flow_filter: FlowFilter | None = None,
        work_pool_filter: WorkPoolFilter | None = None,
    ) -> int:
        """Return how many keys have a latest artifact that matches; takes the filters of `read_latest_artifacts`."""
        given = (artifact_filter, flow_run_filter, task_run_filter, deployment_filter, flow_filter, work_pool_filter)
        asked = self._asked(ArtifactCollectionFilter, given)
        return artifacts.count(self._db, True, *asked)

    def update_artifact(
        self,
        artifact_id: UUID | str,
        artifact: ArtifactUpdate | None = None,
        **fields: Unpack[ArtifactChanges],
    ) -> bool:
        """Change an artifact in place; it keeps its version, and what is latest stays so.

        Args:
            artifact_id: the artifact.
            artifact: what to change; fields that are not set stay. Or give them as keywords.
            fields: `type`, `description`, `data`, `metadata`.

        Returns:
            Whether there is such an artifact.

        Raises:
            InvalidArtifact: a value cannot be stored; nothing is changed.
        """
        target, given = as_uuid(artifact_id), _given(ArtifactUpdate, artifact, fields)
        changes, time = bound(given, given.model_fields_set), now()

        def update() -> bool:
            latest.touch(self._db, target, time)
            return artifacts.update(self._db, target, {**changes, "updated": encode_time(time)})

        return self._engine.retrying(update)

    def delete_artifact(self, artifact_id: UUID | str) -> bool:
        """Delete an artifact; when it was the latest of its key, the next greatest version becomes the latest.

        Returns:
            Whether there was such an artifact.
        """
        target, deleted = as_uuid(artifact_id), False

        def delete() -> bool:
            nonlocal deleted
            pointed = latest.locked(self._db, target)
            # A try whose answer was lost may have deleted it.
            deleted = artifacts.delete(self._db, target) or deleted
            if pointed is not None and pointed[1] == target:
                latest.retreat(self._db, pointed[0])
            return deleted

        return self._engine.retrying(delete)

    def delete_artifacts(
        self,
        artifact_filter: ArtifactFilter | None = None,
        flow_run_filter: FlowRunFilter | None = None,
        task_run_filter: TaskRunFilter | None = None,
        deployment_filter: DeploymentFilter | None = None,
        flow_filter: FlowFilter | None = None,
        work_pool_filter: WorkPoolFilter | None = None,
    ) -> int:
        """Delete all artifacts that match, in one atomic block; takes the filters of `read_artifacts`.

        Returns:
            How many were deleted: all of them, however many there are.

        Examples:
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> made = store.create_artifacts({"key": "log", "data": n} for n in range(300))
            >>> store.delete_artifacts(ArtifactFilter(key={"any_": ["log"]}))
            300
        """
        given = (artifact_filter, flow_run_filter, task_run_filter, deployment_filter, flow_filter, work_pool_filter)
        asked = self._asked(ArtifactFilter, given)
        gone: set[UUID] = set()

        def delete() -> int:
            found = artifacts.select_keys(self._db, *asked)
            keys = sorted({key for _, key in found if key is not None})
            latest.lock(self._db, keys)
            # A try whose answer was lost may have deleted some.
            gone.update(artifacts.delete_many(self._db, [artifact_id for artifact_id, _ in found]))
            latest.rebuild(self._db, keys)
            return len(gone)

        return self._engine.retrying(delete)

    def _asked(
        self, kind: type[ArtifactFilter] | type[ArtifactCollectionFilter], given: Sequence[Filter | None]
    ) -> tuple[Condition, dict[Any, Any]]:
        """Return the condition that the six filters of a listing make, and its values."""
        if given[0] is not None and not isinstance(given[0], kind):
            raise InvalidQuery(f"artifact_filter takes an {kind.__name__} here, not a {type(given[0]).__name__}.")
        return condition("artifact_filter", dict(zip(_FILTERS, given, strict=True)), self._db.dialect)

    # Blocks

    def atomic(self) -> Block:
        """Return a block in which several writes become visible together, or not at all when it raises.

        Blocks nest: an inner block that raises undoes its own writes alone. Keep a block short,
        since on SQLite one block at a time can write.

        Examples:
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> with store.atomic():
            ...     report = store.create_artifact(key="report", data="ready")
            ...     table = store.create_artifact(key="table", data=[1, 2])
        """
        return self._engine.atomic()

    def run(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call a function in a block and return what it returns.

        What may pass when it is tried again (a lost connection, a deadlock, a serialization failure) makes
        the whole function run again, until the deadline; so it must not do anything but use the store.

        Examples:
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.run(lambda: [store.create_artifact(key=key).version for key in ("a", "b", "a")])
            [1, 1, 2]
        """
        return self._engine.retrying(partial(function, *args, **kwargs))

    # Care

    def verify(self) -> list[Breach]:
        """Return every breach of the invariants of latest-version tracking; an empty list is a healthy store."""
        return latest.verify(self._db)

    def repair(self) -> list[Breach]:
        """Mend every breach in one atomic block, from the artifacts themselves, and return what was mended."""

        def repair() -> list[Breach]:
            latest.lock_all(self._db)
            found = latest.verify(self._db)
            latest.rebuild(self._db, sorted({breach.key for breach in found}))
            return found

        return self._engine.retrying(repair)

    def info(self) -> StoreInfo:
        """Return what the store is and holds."""
        facts = self._engine.facts()
        return StoreInfo(
            url=self.url,
            engine=facts.engine,
            schema=schema.schema_version(self._db),
            size=facts.size,
            artifacts=self.count_artifacts(),
            keys=self.count_latest_artifacts(),
        )

    @property
    def url(self) -> str:
        """Where the store is, without a password."""
        return self._engine.url

    def close(self) -> None:
        """Close the connections of every thread; a later call opens new ones."""
        self._engine.close()

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        """Close the store."""
        self.close()
        return False

    def __repr__(self) -> str:
        """Tell where the store is."""
        return f"ArtifactStore({self.url!r})"


def _engine(url: str | os.PathLike[str] | peewee.Database | None) -> Engine:
    """Return the engine of an address; the driver of PostgreSQL is imported when it is asked for."""
    if isinstance(url, peewee.SqliteDatabase):
        return SqliteEngine(url)
    if isinstance(url, peewee.Database):
        raise InvalidURL(f"{type(url).__name__} is not supported: pass its URL, or a Peewee SqliteDatabase.")
    address = parse_address(url)
    if isinstance(address, PostgresAddress):
        from .postgresql import PostgresEngine

        return PostgresEngine(address)
    return SqliteEngine(address)


G = TypeVar("G", bound=ArtifactUpdate)


def _given(kind: type[G], value: G | None, fields: Mapping[str, Any]) -> G:
    """Return what the caller handed over, as a value or as keywords."""
    if value is None:
        return kind(**fields)
    if fields:
        raise InvalidArtifact(f"Give an {kind.__name__} or keywords, not both: {', '.join(fields)}.")
    if not isinstance(value, kind):
        raise InvalidArtifact(f"{type(value).__name__} is no {kind.__name__}: pass one, or its fields as keywords.")
    return value


_FILTERS = (
    "artifact_filter",
    "flow_run_filter",
    "task_run_filter",
    "deployment_filter",
    "flow_filter",
    "work_pool_filter",
)
