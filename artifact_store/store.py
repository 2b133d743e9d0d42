"""The one public door: it owns the database and every transaction."""

import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack
from uuid import UUID

import peewee

from . import artifacts, context, db, filters, schemas
from .artifacts.activities import ActivityStore
from .artifacts.listing import asked_of, check_constrained
from .artifacts.shortcuts import ShortcutStore
from .clock import new_id, now
from .errors import IntegrityViolation, InvalidArtifact
from .report.methods import ReportStore
from .schemas.artifacts import (
    Artifact,
    ArtifactChanges,
    ArtifactCreate,
    ArtifactFields,
    ArtifactList,
    ArtifactUpdate,
    as_uuid,
    is_key,
)
from .schemas.sorting import ArtifactSort

__all__ = ["ArtifactStore"]

T = TypeVar("T")


class ArtifactStore(ShortcutStore, ReportStore, ActivityStore):
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

    def __init__(
        self,
        url: str | os.PathLike[str] | peewee.Database | None = None,
        *,
        replica_url: str | None = None,
        create: bool = True,
        read_only: bool = False,
    ) -> None:
        """Open a store, and create or upgrade its tables when they are not current.

        Args:
            url: `sqlite:///artifacts.db`, `sqlite:////absolute/path.db`, `sqlite:///:memory:`, a path
                object, or a Peewee database of yours. Without it, `$ARTIFACT_STORE_URL`, else a SQLite
                file in the user's data directory. A SQLite URL takes `?timeout=` (seconds to wait for
                a lock, 30), `?synchronous=` (`full`, or `normal`: quicker, may lose the last
                commits at a power cut) and `?mode=ro` (as `read_only`).
            replica_url: a read replica of a PostgreSQL database, which answers lists, counts and series, a
                moment behind. What must see the latest (reads by key, id or reference, every write,
                and everything inside a block) asks the primary, as everything does while the replica
                does not answer, or is found to follow another server or to lead to another schema.
            create: without it, tables that are not there or not current are left so, and no file is made.
            read_only: only read: nothing is made or upgraded, and every method that writes raises
                `StoreReadOnly`. A file may lie where nothing may be written.

        Raises:
            InvalidURL: the address is not understood.
            InvalidQuery: `$ARTIFACT_STORE_FLOW_RUN_ID` or `$ARTIFACT_STORE_TASK_RUN_ID` is set and no id.
            StoreMissing: there is no store at the address, and `create` is off.
            StoreUnavailable: the database cannot be opened.
            SchemaTooOld: an older artifact-store has written the database, and `create` is off.
            SchemaTooNew: a newer artifact-store has written the database.
        """
        self._inherited = context.inherited()
        self._ask = db.connect.open_reader(url, replica_url, read_only)
        self._db = self._ask.primary
        self._engine = self._db.engine
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
        context.opened.add(self)

    # Artifacts

    def create_artifact(self, artifact: ArtifactCreate | None = None, **fields: Unpack[ArtifactFields]) -> Artifact:
        """Create an artifact; under a key it becomes the next version and the latest.

        Args:
            artifact: the artifact; or give its fields as keywords.
            fields: `key`, `type`, `description`, `data`, `metadata`, `profile`, `flow_run_id`, `task_run_id`, `id`.
                The run ids are those of the current run unless they are given; `None` leaves them empty. In `data`,
                dates, UUIDs, paths, decimals and enums become text, sets and arrays lists, frames lists of rows.
                NaN and the infinities become null and bytes become base64 text, with an `ArtifactDataWarning`; NaN
                in a pandas frame is a missing value, so it becomes null without one.

        Returns:
            The artifact as it is stored. When an artifact with the given id and the same content
            is there already, that one.

        Raises:
            InvalidArtifact: a value cannot be stored; the sentence names the path to it.
            ArtifactConflict: the given id is taken by an artifact with other content.
            StoreUnavailable: the database cannot be written.
        """
        draft = artifacts.create.drafted(None if artifact is None else _given(artifact, ArtifactCreate, fields), fields)
        origin = self._origin()
        if origin is not None:
            draft = artifacts.create.stamped(draft, origin)
        given_id = draft.fields["id"]
        artifact_id = given_id or new_id()
        engine, time = self._engine, now()
        create = partial(artifacts.create.create, self._db, artifact_id, draft, time)
        while True:
            try:
                if engine.one_statement and not engine.in_block():
                    return create()
                return engine.run_idempotent(create)
            except IntegrityViolation as error:
                if "artifact.id" not in str(error):
                    raise artifacts.create.damaged(error) from error
                stored = artifacts.queries.read(self._db, artifact_id)
                if stored is None and engine.in_block():
                    raise artifacts.create.unseen() from error
            if stored is not None:  # otherwise it was deleted just now, and this create makes it anew
                # What a first try has made, whose answer was lost, may have been changed since.
                if given_id is not None and stored.created != time:
                    artifacts.create.repeat(draft, stored.__dict__)
                return stored

    def create_artifacts(self, many: Iterable[ArtifactCreate | Mapping[str, Any]]) -> ArtifactList:
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
        drafts = [_draft_of(each) for each in many]
        origin = self._origin()
        if origin is not None:
            drafts = [artifacts.create.stamped(draft, origin) for draft in drafts]
        create = artifacts.create.Bulk(self._db, drafts, now())
        tries = 0
        while drafts:
            tries += 1
            try:
                return ArtifactList(self._engine.run_idempotent(create))
            except IntegrityViolation as error:
                if "artifact.id" not in str(error):
                    raise artifacts.create.damaged(error) from error
                # Somebody else has just created one of the ids; the next try finds it where it can see it.
                if tries > 1 and self._engine.in_block():
                    raise artifacts.create.unseen() from error
        return ArtifactList()

    def read_artifact(self, artifact_id: UUID | str) -> Artifact | None:
        """Return an artifact by id, `None` when there is none.

        Raises:
            InvalidQuery: the id is no UUID.
        """
        return artifacts.queries.read(self._db, as_uuid(artifact_id))

    def read_latest_artifact(self, key: str | Artifact) -> Artifact | None:
        """Return the latest artifact of a key, `None` when the key has none.

        Args:
            key: the key, or an artifact of it.

        Raises:
            InvalidQuery: it is no key; of a reference to one version, the sentence says how to read that.
        """
        return artifacts.queries.read_latest(self._db, key if is_key(key) else artifacts.references.key_named(key))

    def read_artifact_ref(self, ref: str | UUID | Artifact) -> Artifact | None:
        """Return the artifact that a reference names, `None` when there is none.

        Args:
            ref: `key` or `key@latest` (its latest version), `key@3` (that version), an id, or an artifact, which is
                read anew.

        Raises:
            InvalidQuery: nothing could have that name.

        Examples:
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> first = store.create_artifact(key="weather", data=12)
            >>> second = store.create_artifact(key="weather", data=15)
            >>> store.read_artifact_ref("weather@1") == store.read_artifact_ref(first.id) == first
            True
        """
        return artifacts.references.read(self._db, ref)

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
            fields: `type`, `description`, `data`, `metadata`, `profile`.

        Returns:
            Whether there is such an artifact.

        Raises:
            InvalidArtifact: a value cannot be stored; nothing is changed.
        """
        target = as_uuid(artifact_id)
        row = artifacts.create.changes(None if artifact is None else _given(artifact, ArtifactUpdate, fields), fields)
        native, time = self._db.dialect.binds_objects, now()
        row["updated"], row["id"] = (time, target) if native else (db.dialects.encode_time(time), str(target))
        self._db.pending_writes.flush()

        if self._engine.one_statement and not self._engine.in_block():
            return artifacts.latest.update_in_one_statement(self._db, row, alone=True)
        if self._engine.dialect.writes_in_with:
            return self._engine.run_idempotent(
                partial(artifacts.latest.update_in_one_statement, self._db, row, alone=False)
            )
        return self._engine.run_idempotent(partial(artifacts.latest.update_in_two_statements, self._db, row))

    def delete_artifact(self, artifact_id: UUID | str) -> bool:
        """Delete an artifact; when it was the latest of its key, the next greatest version becomes the latest.

        A version number is never given out again, even when all versions of the key are gone.

        Returns:
            Whether there was such an artifact.

        Examples:
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.delete_artifact(store.create_artifact(key="log", data="first").id)
            True
            >>> store.read_latest_artifact("log") is None
            True
            >>> store.create_artifact(key="log", data="second").version
            2
        """
        target = str(as_uuid(artifact_id))
        self._db.pending_writes.flush()
        return self._engine.run_idempotent(partial(artifacts.delete.delete, self._db, target))

    def delete_artifacts(
        self,
        artifact_filter: "filters.definitions.ArtifactFilter | None" = None,
        *,
        everything: bool = False,
        **filters: "Unpack[filters.definitions.RunFilters]",
    ) -> int:
        """Delete all artifacts that match, in one atomic block; takes the filters of `read_artifacts`.

        Args:
            artifact_filter: what must hold of the artifact.
            everything: whether filters that leave out no artifact, or none at all, may delete the whole store.
            filters: the other five filters, as keywords.

        Returns:
            How many were deleted: all of them, however many there are.

        Raises:
            InvalidQuery: the filters leave out no artifact, as `ArtifactFilter(key={"startswith_": ""})`, and
                `everything` is off. Nothing is deleted.

        Examples:
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> made = store.create_artifacts({"key": "log", "data": n} for n in range(300))
            >>> from artifact_store import ArtifactFilter
            >>> store.delete_artifacts(ArtifactFilter(key={"any_": ["log"]}))
            300
        """
        asked = asked_of(self._ask, ArtifactSort.ID_DESC, {"artifact_filter": artifact_filter, **filters})
        check_constrained(asked, everything)
        self._db.pending_writes.flush()
        return self._engine.run_idempotent(partial(artifacts.delete.delete_asked, self._db, asked))

    # Blocks

    def atomic(self) -> "db.engine.Block":
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

    def run_in_transaction(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call a function in a block and return what it returns.

        What may pass when it is tried again (a lost connection, a deadlock, a serialization failure) makes
        the whole function run again, until the deadline; so it must not do anything but use the store.

        Examples:
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.run_in_transaction(lambda: [store.create_artifact(key=key).version for key in ("a", "b", "a")])
            [1, 1, 2]
        """
        return self._engine.run_in_transaction(partial(function, *args, **kwargs))

    def run(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call `run_in_transaction`, of which this is the old name.

        Args:
            function: the function.
            args: its arguments.
            kwargs: its keyword arguments.

        Returns:
            What the function returns.
        """
        warnings.warn(
            "ArtifactStore.run is now called run_in_transaction: use the new name.", DeprecationWarning, stacklevel=2
        )
        return self.run_in_transaction(function, *args, **kwargs)

    # Care

    def verify(self, *, quick: bool = False) -> "list[schemas.store.Inconsistency]":
        """Return everything that is wrong with the store; an empty list is a healthy one.

        The latest version of every key is held against the artifacts. Then the pages of a SQLite file are checked, and
        every row is read, so that one which was damaged is found before somebody needs it. A key whose versions are
        all deleted is healthy: its counter stays, so that no version is numbered twice.

        Args:
            quick: check the latest versions alone, without reading the whole database.

        Raises:
            StoreDamaged: the file is damaged, and `quick` is on; without it, that is an inconsistency too.
        """
        return artifacts.latest.verify(self._db) if quick else artifacts.integrity.verify(self._db)

    def repair(self) -> "list[schemas.store.Inconsistency]":
        """Mend what can be mended in one atomic block, from the artifacts themselves, and return what was mended.

        These are the latest versions, and profiles of tables that do not fit their data: they are made anew.
        """
        suspects = artifacts.profile_check.suspects(self._db)  # read before everybody is kept from writing

        def repair() -> "list[schemas.store.Inconsistency]":
            artifacts.latest.lock_table(self._db)
            found = artifacts.latest.verify(self._db)
            artifacts.latest.rebuild(self._db, sorted({each.key for each in found}))
            return sorted([*found, *artifacts.profile_check.mend(self._db, suspects)])

        return self._engine.run_idempotent(repair)

    def info(self) -> "schemas.store.StoreInfo":
        """Return what the store is and holds."""
        facts = self._engine.server_info()
        replica = self._ask.replica
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
        """Where the store is, without a password."""
        return self._engine.url

    def close(self) -> None:
        """Close the connections of every thread; a later call opens new ones, but a store in memory is gone."""
        context.opened.discard(self)
        self._db.pending_writes.flush(last=True)
        self._engine.close()
        if self._ask.replica is not None:
            self._ask.replica.engine.close()

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        """Close the store."""
        self.close()
        return False

    def __reduce__(self) -> tuple[Any, ...]:
        """Be pickled as the address, which another process opens.

        A pickle holds the password of a PostgreSQL address. A store in memory, and one on a Peewee database, cannot
        be pickled.
        """
        replica = self._ask.replica
        addresses = (
            db.connect.address_for_pickle(self._engine),
            None if replica is None else db.connect.address_for_pickle(replica.engine),
        )
        return _opened_again, (*addresses, self._read_only)

    def __repr__(self) -> str:
        """Tell where the store is."""
        return f"ArtifactStore({self.url!r})"


def _opened_again(address: Any, replica: Any, read_only: bool) -> ArtifactStore:
    """Open the store that was pickled; it was there, so it is not made anew where it is not."""
    return ArtifactStore(address, replica_url=replica, create=False, read_only=read_only)


G = TypeVar("G", ArtifactCreate, ArtifactUpdate)


def _given(value: G, kind: type[G], fields: Mapping[str, Any]) -> G:
    """Return a value that the caller handed over."""
    if fields:
        raise InvalidArtifact(f"Give an {kind.__name__} or keywords, not both: {', '.join(fields)}.")
    if not isinstance(value, kind):
        raise InvalidArtifact(f"{type(value).__name__} is no {kind.__name__}: pass one, or its fields as keywords.")
    return value


def _draft_of(given: object) -> "artifacts.create.Draft":
    if isinstance(given, ArtifactCreate):
        return artifacts.create.drafted(given, {})
    if not isinstance(given, Mapping):
        raise InvalidArtifact(f"{type(given).__name__} is no ArtifactCreate: pass one, or a mapping of its fields.")
    return artifacts.create.drafted(None, {**given})
