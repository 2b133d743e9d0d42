"""Aliases: set, moved and deleted under the lock of their key, and every change recorded.

A version that an alias names is protected, see `protection`. A delete finds the aliases after it
has locked the key, which a change of an alias locks too. So an alias always names a version that
exists.
"""

from datetime import datetime
from functools import partial
from uuid import UUID

import peewee
from peewee import SQL, fn

from ..base import Writer
from ..clock import new_id, now
from ..db.artifact_tables import Artifact, ArtifactAlias, ArtifactAliasMove
from ..db.dialects import encode_value
from ..db.rows import Rows
from ..db.statements import Query, Statements, slot
from ..errors import ArtifactNotFound, VersionConflict
from ..schemas import aliases as schemas
from ..unset import UNSET, Unset
from . import key_locks, lookup
from .references import Reference

__all__ = [
    "delete_alias",
    "new_move",
    "read_aliases",
    "read_moves",
    "remove_alias",
    "set_alias",
    "undo_alias",
    "write_move",
]

ALIASES = Rows(schemas.Alias)
MOVES = Rows(schemas.AliasMove)


# --- Set and delete ---


def set_alias(
    writer: Writer, target: Reference, name: str, expect: int | Unset | None
) -> schemas.Alias:
    """Let an alias name a version; see `ArtifactStore.set_alias`."""
    change = AliasChange(writer, str(target.key), name, expect)
    return writer.db.engine.run_idempotent(partial(change.set, target))


def delete_alias(writer: Writer, key: str, name: str, expect: int | Unset | None) -> bool:
    """Delete an alias; see `ArtifactStore.delete_alias`."""
    change = AliasChange(writer, key, name, expect)
    return writer.db.engine.run_idempotent(change.delete)


def undo_alias(writer: Writer, key: str, name: str) -> schemas.AliasMove:
    """Move an alias back; see `ArtifactStore.undo_alias`."""
    change = AliasChange(writer, key, name, UNSET)
    return writer.db.engine.run_idempotent(change.undo)


class AliasChange:
    """A change of an alias in one transaction, which may be tried several times.

    A try whose answer was lost is recognized by the id of its move.
    """

    def __init__(self, writer: Writer, key: str, name: str, expect: int | Unset | None) -> None:
        """Take the alias, and what it must name now."""
        origin = writer.origin()
        self._db = writer.db
        self._key = key
        self._name = name
        self._expect = expect
        self._flow_run_id = None if origin is None else origin.flow_run_id
        self._move_id = new_id()
        self._moved = now()
        self._last_try: schemas.Alias | None = None
        self._last_undo: schemas.AliasMove | None = None
        self._tries = 0

    def set(self, target: Reference) -> schemas.Alias:
        """Let the alias name a version, and return it.

        Raises:
            VersionConflict: it does not name the expected version.
            ArtifactNotFound: there is no such version.
        """
        latest = key_locks.lock_key(self._db, self._key)
        if self.was_committed() and self._last_try is not None:
            return self._last_try

        before = read_alias(self._db, self._key, self._name)
        self.check_expectation(before)
        version = self.find_version(target, latest)
        if before is not None and before.version == version:
            return before

        self._last_try = self.write(before, version)
        self.record(before, version)
        return self._last_try

    def delete(self) -> bool:
        """Delete the alias, and return whether it existed.

        Raises:
            VersionConflict: it does not name the expected version.
        """
        key_locks.lock_key(self._db, self._key)
        if self.was_committed():
            return True

        before = read_alias(self._db, self._key, self._name)
        self.check_expectation(before)
        if before is None:
            return False
        remove_alias(self._db, self._key, self._name)
        self.record(before, None)
        return True

    def undo(self) -> schemas.AliasMove:
        """Move the alias to what it named before its last move, and return the new move.

        Raises:
            ArtifactNotFound: it was never set, or that version is gone.
        """
        key_locks.lock_key(self._db, self._key)
        if self.was_committed() and self._last_undo is not None:
            return self._last_undo

        ref = f"{self._key}@{self._name}"
        last = read_last_move(self._db, self._key, self._name)
        if last is None:
            raise ArtifactNotFound(f"There is nothing to undo: the alias {ref} was never set.")
        version = last.from_version
        if version is not None and not has_version(self._db, self._key, version):
            reason = lookup.explain_missing(self._db, f"{self._key}@{version}")
            raise ArtifactNotFound(f"The alias {ref} cannot be moved back. {reason}")

        before = read_alias(self._db, self._key, self._name)
        if version is not None:
            self.write(before, version)
        elif before is not None:
            remove_alias(self._db, self._key, self._name)
        move = self.record(before, version)
        self._last_undo = move.model_copy(update={"number": last.number + 1})
        return self._last_undo

    def was_committed(self) -> bool:
        """Return whether an earlier try was committed."""
        self._tries += 1
        return self._tries > 1 and has_move(self._db, self._move_id)

    def check_expectation(self, alias: schemas.Alias | None) -> None:
        """Check that the alias names the expected version.

        Raises:
            VersionConflict: it does not.
        """
        expected = self._expect
        version = None if alias is None else alias.version
        if expected is UNSET or version == expected:
            return
        ref = f"{self._key}@{self._name}"
        if version is None:
            raise VersionConflict(f"There is no alias {ref}; expected it to be version {expected}.")
        if expected is None:
            raise VersionConflict(
                f"The alias {ref} exists already, as version {version}; expected none."
            )
        raise VersionConflict(f"The alias {ref} is version {version}, expected {expected}.")

    def find_version(self, target: Reference, latest: int | None) -> int:
        """Return the version of a reference, read under the lock.

        Raises:
            ArtifactNotFound: there is no such version.
        """
        version = target.version
        if target.alias is not None:
            alias = read_alias(self._db, self._key, target.alias)
            version = None if alias is None else alias.version
        elif version is None:
            version = latest
        elif not has_version(self._db, self._key, version):
            version = None
        if version is None:
            raise ArtifactNotFound(lookup.explain_missing(self._db, target.text))
        return version

    def write(self, before: schemas.Alias | None, version: int) -> schemas.Alias:
        """Insert the alias, or change the version that it names."""
        alias = schemas.Alias(
            key=self._key,
            name=self._name,
            version=version,
            created=self._moved if before is None else before.created,
            moved=self._moved,
            flow_run_id=self._flow_run_id,
        )
        write_alias(self._db, alias)
        if before is None:
            key_locks.add_holds(self._db, self._key, 1)
        return alias

    def record(self, before: schemas.Alias | None, version: int | None) -> schemas.AliasMove:
        """Add the change to the history."""
        move = new_move(
            self._key,
            self._name,
            None if before is None else before.version,
            version,
            self._moved,
            self._flow_run_id,
        )
        write_move(self._db, self._move_id, move)
        return move


# --- Read ---


def read_aliases(db: Statements, key: str | None) -> list[schemas.Alias]:
    """Return the aliases of a key, or of all keys, sorted by key and name."""

    def build() -> Query:
        query = ArtifactAlias.select(*columns_of(ArtifactAlias, ALIASES))
        if key is not None:
            query = query.where(ArtifactAlias.key == slot("key"))
        return query.order_by(ArtifactAlias.key, ArtifactAlias.name)

    rows = db.fetch_all(("aliases.read", key is None), build, {"key": key})
    return ALIASES.values(rows)


def read_moves(db: Statements, key: str, name: str | None) -> list[schemas.AliasMove]:
    """Return the moves of one alias of a key, or of all of them, newest first."""

    def build() -> Query:
        moves = ArtifactAliasMove
        query = moves.select(*columns_of(moves, MOVES)).where(moves.key == slot("key"))
        if name is None:
            # The numbers of two aliases cannot be compared, and clocks may differ.
            return query.order_by(moves.moved.desc(), moves.name, moves.number.desc())
        return query.where(moves.name == slot("name")).order_by(moves.number.desc())

    values = {"key": key, "name": name}
    rows = db.fetch_all(("aliases.moves", name is None), build, values)
    return MOVES.values(rows)


def read_last_move(db: Statements, key: str, name: str) -> schemas.AliasMove | None:
    """Return the last move of one alias."""

    def build() -> Query:
        moves = ArtifactAliasMove
        query = moves.select(*columns_of(moves, MOVES))
        query = query.where(moves.key == slot("key"), moves.name == slot("name"))
        return query.order_by(moves.number.desc()).limit(1)

    row = db.fetch_one("aliases.last_move", build, {"key": key, "name": name})
    return None if row is None else MOVES.value(row)


def read_alias(db: Statements, key: str, name: str) -> schemas.Alias | None:
    """Return one alias."""

    def build() -> Query:
        query = ArtifactAlias.select(*columns_of(ArtifactAlias, ALIASES))
        return query.where(is_alias())

    row = db.fetch_one("aliases.read_one", build, {"key": key, "name": name})
    return None if row is None else ALIASES.value(row)


def columns_of(
    table: type[peewee.Model], rows: "Rows[schemas.Alias] | Rows[schemas.AliasMove]"
) -> list[peewee.Field]:
    """Return the columns of a table, in the order in which rows must hold them."""
    return [getattr(table, name) for name in rows.names]


def is_alias() -> Query:
    """Return the condition that a row is the alias of a key with a name."""
    has_key = ArtifactAlias.key == slot("key")
    has_name = ArtifactAlias.name == slot("name")
    condition: Query = has_key & has_name
    return condition


def has_version(db: Statements, key: str, version: int) -> bool:
    """Return whether a key has a version."""

    def build() -> Query:
        has_key = Artifact.key == slot("key")
        return Artifact.select(SQL("1")).where(has_key, Artifact.version == slot("version"))

    values = {"key": key, "version": version}
    return db.fetch_one("aliases.has_version", build, values) is not None


def has_move(db: Statements, move_id: UUID) -> bool:
    """Return whether a move is recorded."""

    def build() -> Query:
        return ArtifactAliasMove.select(SQL("1")).where(ArtifactAliasMove.id == slot("id"))

    return db.fetch_one("aliases.has_move", build, {"id": str(move_id)}) is not None


# --- Write ---


def write_alias(db: Statements, alias: schemas.Alias) -> None:
    """Insert an alias, or change the version that it names."""

    def build() -> Query:
        row = {getattr(ArtifactAlias, name): slot(name) for name in ALIASES.names}
        return ArtifactAlias.insert(row).on_conflict(
            conflict_target=[ArtifactAlias.key, ArtifactAlias.name],
            preserve=[ArtifactAlias.version, ArtifactAlias.moved, ArtifactAlias.flow_run_id],
        )

    values = {name: encode_value(value) for name, value in alias}
    db.execute("aliases.write", build, values)


def remove_alias(db: Statements, key: str, name: str) -> None:
    """Delete an alias that exists."""

    def build() -> Query:
        return ArtifactAlias.delete().where(is_alias())

    db.execute("aliases.remove", build, {"key": key, "name": name})
    key_locks.add_holds(db, key, -1)


def new_move(
    key: str,
    name: str,
    before: int | None,
    after: int | None,
    moved: datetime,
    flow_run_id: UUID | None = None,
) -> schemas.AliasMove:
    """Return a move whose number is not known yet: the statement that writes it finds it."""
    return schemas.AliasMove(
        key=key,
        name=name,
        number=0,
        from_version=before,
        to_version=after,
        moved=moved,
        flow_run_id=flow_run_id,
    )


def write_move(db: Statements, move_id: UUID, move: schemas.AliasMove) -> None:
    """Add a move to the history of an alias, with the next number."""

    def build() -> Query:
        moves = ArtifactAliasMove
        of_alias = (moves.key == slot("key")) & (moves.name == slot("name"))
        last = moves.select(fn.COALESCE(fn.MAX(moves.number), 0) + 1).where(of_alias)
        row = {getattr(moves, name): slot(name) for name in MOVES.names}
        return moves.insert({**row, moves.number: last, moves.id: slot("id")})

    values = {name: encode_value(value) for name, value in move}
    db.execute("aliases.write_move", build, {**values, "id": str(move_id)})
