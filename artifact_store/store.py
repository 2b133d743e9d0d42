"""`ArtifactStore`, the class that users call; it owns the database and every transaction."""

import os
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from types import TracebackType
from typing import IO, Any, Literal, ParamSpec, Self, TypeVar, Unpack

import peewee

from . import artifacts, context, db, filters, report, schemas
from .artifacts.activities import ActivityMethods
from .artifacts.alias_methods import AliasMethods
from .artifacts.history import HistoryMethods
from .artifacts.lineage_methods import LineageMethods
from .artifacts.listing import ListingMethods
from .artifacts.lookup_methods import LookupMethods
from .artifacts.methods import ArtifactMethods
from .artifacts.shortcuts import ShortcutMethods
from .artifacts.waiting_methods import WaitingMethods
from .base import Writer
from .checks.methods import CheckMethods
from .errors import InvalidQuery
from .runs.flow_methods import FlowMethods
from .runs.methods import RunMethods
from .schemas.sorting import ArtifactCollectionSort, check_page
from .wording import shown

__all__ = ["ArtifactStore"]

P = ParamSpec("P")
T = TypeVar("T")


class ArtifactStore(
    ArtifactMethods,
    LookupMethods,
    AliasMethods,
    CheckMethods,
    ListingMethods,
    HistoryMethods,
    ShortcutMethods,
    FlowMethods,
    RunMethods,
    ActivityMethods,
    WaitingMethods,
    LineageMethods,
):
    """Artifacts, their versions and the runs that created them, in one SQL database.

    A store may be shared between threads, and used after `fork`. As a context manager it closes its
    connections at the end.

    Examples:
        >>> store = ArtifactStore("sqlite:///:memory:")
        >>> store.create_artifact(key="sales", type="table", data=[{"region": "north", "total": 12}])
        <Artifact sales@1 table ...>
        >>> store.create_artifact(key="sales", type="table", data=[{"region": "north", "total": 15}]).version
        2
        >>> store.read_latest_artifact("sales").data
        [{'region': 'north', 'total': 15}]
    """

    def __init__(
        self,
        url: str | os.PathLike[str] | peewee.Database | None = None,
        *,
        replica_url: str | None = None,
        create: bool = True,
        read_only: bool = False,
    ) -> None:
        """Open a store, and create or upgrade its tables if they are not current.

        Args:
            url: `sqlite:///artifacts.db`, `sqlite:////absolute/path.db`, `sqlite:///:memory:`,
                `postgresql://…`, a path object, or a Peewee database of yours. By default
                `$ARTIFACT_STORE_URL`; if that is not set, a SQLite file in the user's data
                directory. A SQLite URL may have `?timeout=` (seconds to wait for a lock; 30 by
                default), `?synchronous=` (`full`, or `normal`, which is faster and may lose the
                last commits at a power cut) and `?mode=ro` (as `read_only`).
            replica_url: a read replica of a PostgreSQL database. It is used for lists, counts and
                series, which may then be a moment old. Reads by key, id or reference, writes, and
                everything inside a block use the primary. So does everything while the replica does
                not answer, or follows another server or has another schema.
            create: whether the file and the tables may be created or upgraded; `True` by default.
            read_only: whether the store only reads: nothing is created or upgraded, and methods
                that write raise `StoreReadOnly`. The file may be in a place where you cannot write.
                `False` by default.

        Raises:
            InvalidURL: the address is invalid.
            InvalidQuery: `$ARTIFACT_STORE_FLOW_RUN_ID` or `$ARTIFACT_STORE_TASK_RUN_ID` is set and
                is not a UUID.
            StoreMissing: there is no store at the address, and `create` is off.
            StoreUnavailable: the database cannot be opened.
            SchemaTooOld: an older artifact-store has written the database, and `create` is off.
            SchemaTooNew: a newer artifact-store has written the database.
        """
        inherited = context.inherited()  # it may raise, so it comes before a connection is opened
        self._reader = db.connect.open_reader(url, replica_url, read_only)
        self._db = self._reader.primary
        self._engine = self._db.engine
        self._writer = Writer(self._db, inherited)
        read_only = read_only or self._engine.read_only
        try:
            db.migrate.ensure_current(self._db, create and not read_only)
        except BaseException:
            if not self._engine.in_block():
                self._engine.close()
            raise
        self._read_only = read_only
        if read_only:
            db.read_only.refuse_writes(self, self._engine.label)
        context.open_stores.add(self)

    # --- Blocks ---

    def atomic(self, *, expect: Mapping[str, int | None] | None = None) -> "db.engine.Block":
        """Return a block whose writes become visible together, or not at all if it raises.

        Blocks may be nested: an inner block that raises undoes only its own writes. Keep a block
        short, because on SQLite only one block at a time can write.

        Args:
            expect: for some keys the version that must be the latest, `None` if a key must have
                none. The keys are locked and compared when the block is entered: if one is at
                another version, `VersionConflict` is raised there, and otherwise nobody else
                publishes them until the block ends. By default no key is compared.

        Returns:
            A context manager, which yields nothing.

        Raises:
            InvalidQuery: `expect` is not a mapping of keys to versions.
            StoreReadOnly: `expect` is given, and the store was opened for reading only.

        Examples:
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> with store.atomic():
            ...     report = store.create_artifact(key="report", data="ready")
            ...     table = store.create_artifact(key="table", data=[1, 2])
            >>> with store.atomic(expect={"table": 1, "chart": None}):
            ...     chart = store.create_artifact(key="chart", data=sum(table.data))
        """
        if expect is None:
            return self._engine.atomic()
        if self._read_only:
            db.read_only.refuse("lock keys with atomic(expect=...)", self._engine.label)
        expectations = artifacts.conditions.check_expectations(expect)
        judge = partial(artifacts.conditions.judge_under_locks, self._db, expectations)
        return self._engine.atomic(judge)

    def snapshot(self) -> "db.engine.Block":
        """Return a block in which every read of this thread sees the store at one moment.

        The moment is that at which the block is entered: what is committed later, here or by others,
        is not seen inside. Writers do not wait for it. Inside it, methods that write raise
        `InvalidQuery` before they do anything. A snapshot inside a snapshot sees the same moment;
        one inside a block of `atomic` is refused. With a replica, everything inside is read from
        the primary.

        Keep it short: a SQLite file keeps all changes in its `-wal` file until the snapshot ends,
        and PostgreSQL does not clean up rows that it may still see. A store in memory has no
        writer beside it.

        Returns:
            A context manager, which yields nothing. Entering it, it raises `StoreUnavailable` if
            the database cannot be reached, and so does a read whose connection was lost: enter a
            new snapshot then. An iterator that was begun inside has to be read inside.

        Examples:
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> with store.atomic():
            ...     orders = store.create_artifact(key="orders", data=41)
            ...     totals = store.create_artifact(key="totals", data=902)
            >>> with store.snapshot():
            ...     orders, totals = store.get("orders"), store.get("totals")
            >>> orders.data, totals.data
            (41, 902)
        """
        return self._engine.snapshot()

    def run_in_transaction(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function inside a transaction and return what it returns.

        After a transient error (a lost connection, a deadlock, a serialization failure) the whole
        function runs again, until the timeout of the store. So it should do nothing but use the
        store.

        Args:
            function: the function.
            args: its arguments.
            kwargs: its keyword arguments.

        Returns:
            What the function returns.

        Raises:
            StoreUnavailable: the error lasted until the timeout. Nothing is written.

        Examples:
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.run_in_transaction(lambda: [store.create_artifact(key=key).version for key in ("a", "b", "a")])
            [1, 1, 2]
        """
        return self._engine.run_in_transaction(partial(function, *args, **kwargs))

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `run_in_transaction`. This is its old name, which warns.

        Args:
            function: the function.
            args: its arguments.
            kwargs: its keyword arguments.

        Returns:
            What the function returns.

        Examples:
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> with warnings.catch_warnings(action="ignore"):
            ...     store.run(store.create_artifact, key="a").version
            1
        """
        warnings.warn(
            "ArtifactStore.run is now called run_in_transaction: use the new name.",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.run_in_transaction(function, *args, **kwargs)

    # --- Reports ---

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
        """Write a report: one HTML file that needs no network and no other file.

        It shows the latest artifact of each key, with search and filters. Each can be opened, with
        its payload, profile, trend, changes, neighbours and the run that created it. An existing
        file is replaced when the new one is complete. Payloads are read one after another, so a
        report may be larger than memory.

        Args:
            path: the file, or a binary stream.
            title: its heading; `Artifacts` by default.
            versions: the number of versions of each key that have their payloads in it, at least 1;
                10 by default. Older ones are listed.
            limit: the maximum number of keys; `None`, the default, is all.
            sort: the order of the keys; by default the last updated first.
            filters: the six filters of `read_latest_artifacts`, as keywords.

        Returns:
            The number of keys and versions in the report, and its size in bytes.

        Raises:
            InvalidQuery: an argument is out of range, or the path cannot be written.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> artifact = store.create_artifact(key="weather", type="table", data=[{"city": "Oslo", "wind": 3}])
            >>> import io
            >>> store.report(io.BytesIO()).artifacts
            1
        """
        if type(versions) is not int or versions < 1:
            raise InvalidQuery(f"versions must be >= 1, got {shown(versions)}.")
        _, most = check_page(None, limit)
        latest = self.iter_latest_artifacts(sort=sort, include_data=False, **filters)
        return report.writing.write_report(self, path, title, versions, islice(latest, most))

    # --- Maintenance ---

    def verify(self, *, quick: bool = False) -> "list[schemas.store.Inconsistency]":
        """Check the whole store, and return everything that is wrong with it.

        The latest version of every key and the aliases are compared with the artifacts, the pages
        of a SQLite file are checked, and every row is read, so that a damaged one is found before a
        program reads it. A key whose versions are all deleted is not an error: its row keeps the version counter,
        so that no version number is used twice.

        Args:
            quick: whether only the latest versions and the aliases are checked, without reading the
                whole database; `False` by default.

        Returns:
            What is wrong; empty if the store is consistent.

        Raises:
            StoreDamaged: the file is damaged, and `quick` is on. Otherwise damage is an
                inconsistency too.

        Examples:
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.verify()
            []
        """
        if quick:
            found = artifacts.latest_check.verify(self._db) + artifacts.alias_check.verify(self._db)
            return sorted(found)
        return artifacts.integrity.verify(self._db)

    def repair(self) -> "list[schemas.store.Inconsistency]":
        """Correct what `verify` finds, where the artifacts say what is right, in one transaction.

        The latest versions are computed again, and so are profiles of tables that do not match
        their data. An alias that names no version is deleted, and the number of aliases of its key
        is counted again. If the last recorded move of an alias is not to what it names, a move is
        added that is. Moves that are missing before the last one stay missing.

        Returns:
            What was corrected; empty when there was nothing to correct.

        Examples:
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.repair()
            []
        """
        self._engine.refuse_in_snapshot("repair")
        # Reading all tables takes long, so it is done before other writers are locked out.
        wrong_profiles = artifacts.profile_check.find_wrong(self._db)

        def repair() -> "list[schemas.store.Inconsistency]":
            artifacts.key_locks.lock_table(self._db)
            found = artifacts.latest_check.verify(self._db)
            artifacts.latest.rebuild(self._db, sorted({each.key for each in found}))
            found += artifacts.alias_check.repair(self._db)
            found += artifacts.profile_check.repair(self._db, wrong_profiles)
            return sorted(found)

        return self._engine.run_idempotent(repair)

    def info(self) -> "schemas.store.StoreInfo":
        """Return facts about the store.

        Returns:
            The address, the versions of database and schema, and how much is stored.

        Examples:
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.info().artifacts
            0
        """
        facts = self._engine.server_info()
        replica = self._reader.replica
        return schemas.store.StoreInfo(
            url=self.url,
            replica=None if replica is None else replica.engine.url,
            engine=facts.engine,
            server=facts.server,
            schema=db.migrate.schema_version(self._db),
            size=facts.size,
            artifacts=self.count_artifacts(),
            keys=self.count_latest_artifacts(),
            connections=facts.connections,
            pool_size=facts.pool_size,
            journal=facts.journal,
        )

    @property
    def url(self) -> str:
        """The URL of the store, without a password."""
        return self._engine.url

    def close(self) -> None:
        """Close the connections of all threads. A later call opens new ones.

        A store in memory is lost.

        Examples:
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.close()
        """
        context.open_stores.discard(self)
        self._db.pending_writes.flush(last=True)
        self._engine.close()
        if self._reader.replica is not None:
            self._reader.replica.engine.close()

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Literal[False]:
        """Close the store."""
        self.close()
        return False

    def __reduce__(self) -> tuple[Callable[..., "ArtifactStore"], tuple[object, ...]]:
        """Pickle the address, which another process opens.

        The pickle has the password of a PostgreSQL address. A store in memory, and one on a Peewee
        database, cannot be pickled.
        """
        address = db.connect.address_for_pickle(self._engine)
        replica = self._reader.replica
        replica_address = None if replica is None else db.connect.address_for_pickle(replica.engine)
        return open_again, (address, replica_address, self._read_only)

    def _repr_html_(self) -> str:
        """Show it in a notebook: the address, how much it holds, and the newest artifacts."""
        from .rendering import blocks
        from .rendering.notebook import output_html
        from .rendering.values import store_blocks

        title = blocks.Title(self.url, "store", None)
        if self not in context.open_stores:
            return output_html([title, blocks.Note("This store is closed.")])
        try:
            found = self._reader(artifacts.overview.read_overview)
            facts = [("artifacts", found.artifacts), ("keys", found.keys), ("schema", found.schema)]
            return output_html(store_blocks(self.url, facts, found.newest))
        except Exception as error:
            # A notebook would show the traceback in the place of the value.
            problem = f"The store cannot be read: {type(error).__name__}"
            return output_html([title, blocks.Note(problem, problem=True)])

    def __repr__(self) -> str:
        """Return the class and the URL, which has no password."""
        return f"ArtifactStore({self.url!r})"


def open_again(address: Any, replica_address: Any, read_only: bool) -> ArtifactStore:
    """Open a store that was pickled; its tables exist, so nothing is created."""
    return ArtifactStore(address, replica_url=replica_address, create=False, read_only=read_only)
