"""The base of the groups of methods of a store: its database, and the run that its calls belong to.

`ArtifactStore` inherits groups of methods that stand side by side on `StoreBase`. What more than
one group needs is a function that takes a `Writer`, a `Reader`, or the store itself. The methods
that such a function may call are declared on the base, so that the shortcuts and `track` also call
those that a subclass of `ArtifactStore` overrides.
"""

from collections.abc import Hashable
from functools import cached_property
from typing import TYPE_CHECKING, Unpack

from . import context
from .context import CURRENT, Origin
from .unset import UNSET, Unset

if TYPE_CHECKING:
    from uuid import UUID

    from .db.engine import Engine
    from .db.replica import Reader
    from .db.statements import Statements
    from .schemas.artifacts import (
        Artifact,
        ArtifactChanges,
        ArtifactCreate,
        ArtifactFields,
        ArtifactUpdate,
    )

__all__ = ["StoreBase", "Writer"]


class Writer:
    """What a function needs to write to a store: its database, and the run that it writes for.

    Attributes:
        db: the statements of the primary database.
        inherited: the runs that the environment variables of the process name; `None` if there are
            none.
    """

    def __init__(self, db: "Statements", inherited: Origin | None) -> None:
        """Take the database, and the runs that the environment variables name."""
        self.db = db
        self.inherited = inherited

    @cached_property
    def database(self) -> Hashable:
        """The identity of the database, the same for every store on it."""
        return self.db.engine.place

    def origin(self) -> Origin | None:
        """Return the runs that a new artifact belongs to; pending writes are written first."""
        if self.db.pending_writes.writes:
            self.db.pending_writes.flush()
        # Most creates are outside of a run, so that case calls no function.
        if CURRENT.get() is None:
            return self.inherited
        return context.origin_in(self.database) or self.inherited


class StoreBase:
    """The attributes that every group of methods uses; `ArtifactStore` sets them.

    Attributes:
        _db: the statements of the primary database.
        _engine: its connections and transactions.
        _reader: reads from the replica, if there is one and an older answer will do; otherwise from
            the primary.
        _writer: the database and the current run, for functions that write.
    """

    _db: "Statements"
    _engine: "Engine"
    _reader: "Reader"
    _writer: Writer

    if TYPE_CHECKING:

        def create_artifact(
            self,
            artifact: ArtifactCreate | None = None,
            *,
            expect_version: int | Unset | None = UNSET,
            skip_unchanged: bool = False,
            **fields: Unpack[ArtifactFields],
        ) -> Artifact:
            """Create an artifact; defined by `ArtifactMethods`."""
            ...

        def read_artifact(self, artifact_id: UUID | str | Artifact) -> Artifact | None:
            """Return an artifact by id; defined by `ArtifactMethods`."""
            ...

        def update_artifact(
            self,
            artifact_id: UUID | str | Artifact,
            artifact: ArtifactUpdate | None = None,
            *,
            force: bool = False,
            **fields: Unpack[ArtifactChanges],
        ) -> bool:
            """Change an artifact in place; defined by `ArtifactMethods`."""
            ...
