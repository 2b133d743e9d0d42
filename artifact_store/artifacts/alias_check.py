"""Compares aliases and pins with the artifacts and the rows of their keys, aliases with their history."""

from collections.abc import Iterator
from typing import NamedTuple

import peewee
from peewee import SQL, Window, fn

from ..clock import new_id, now
from ..db.artifact_tables import (
    Artifact,
    ArtifactAlias,
    ArtifactAliasMove,
    ArtifactCollection,
    ArtifactInput,
)
from ..db.damage import Parsing
from ..db.statements import Query, Statements
from ..schemas.store import Inconsistency
from . import aliases, key_locks

__all__ = ["repair", "verify", "verify_chains"]


class LastMove(NamedTuple):
    """What an alias names, beside its last recorded move; the two differ.

    Attributes:
        key: the key.
        name: the name of the alias.
        version: the version that it names; `None` if there is no such alias.
        recorded: the version of its last move; `None` if that deleted it, or there is no move.
    """

    key: str
    name: str
    version: int | None
    recorded: int | None


def verify(db: Statements) -> list[Inconsistency]:
    """Return which aliases, pins, counts of them and last moves are wrong."""
    found: list[Inconsistency] = []
    with Parsing("An alias"):
        for key, name, version in db.fetch_all("alias_check.dangling", dangling_query, {}):
            ref = f"{key}@{name}"
            message = f"The alias {ref} names version {version}, which does not exist."
            found.append(Inconsistency("dangling-alias", ref, message))

        for run_id, key, version in db.fetch_all("alias_check.pins", dangling_pins_query, {}):
            ref = f"{key}@{version}"
            message = f"The run {run_id} has pinned {ref}, which does not exist."
            found.append(Inconsistency("dangling-pin", ref, message))

        for key, holds, number in db.fetch_all("alias_check.holds", holds_query, {}):
            message = f"The collection row of {key} says {holds} as its number of aliases and pins, it is {number}."
            found.append(Inconsistency("wrong-holds", str(key), message))

        for move in read_wrong_last_moves(db):
            found.append(Inconsistency("unrecorded-move", f"{move.key}@{move.name}", text_of(move)))
    return sorted(found)


def verify_chains(db: Statements) -> Iterator[Inconsistency]:
    """Yield the moves that do not begin where the one before them ended."""
    rows = db.fetch_all("alias_check.chains", chains_query, {})
    with Parsing("A move of an alias"):
        for key, name, number, from_version, before in rows:
            ref = f"{key}@{name}"
            message = f"Moves are missing in the history of {ref} before number {number}."
            if from_version != before:
                message = (
                    f"The history of {ref} is broken: move {number} comes from {version_text(from_version)}, "
                    f"the one before it went to {version_text(before)}."
                )
            yield Inconsistency("broken-history", ref, message)


def repair(db: Statements) -> list[Inconsistency]:
    """Correct what `verify` finds, in a transaction that has locked all keys; return what it was.

    An alias that names no version is deleted, a pin of none given up. A last move that is another
    one than the alias says is followed by one that leads from there to what the alias names.
    """
    found = verify(db)
    if found:
        db.execute("alias_check.delete_dangling", delete_dangling_query, {})
        db.execute("alias_check.give_up_pins", give_up_dangling_pins_query, {})
        for key, _, number in db.fetch_all("alias_check.holds", holds_query, {}):
            key_locks.set_holds(db, key, number)
        for move in read_wrong_last_moves(db):
            close_history(db, move)
    return found


def close_history(db: Statements, last: LastMove) -> None:
    """Add the move that leads from the last recorded one to what the alias names."""
    # A damaged SQLite file may hold anything, and `verify` has told it.
    recorded = last.recorded if isinstance(last.recorded, int) else None
    move = aliases.new_move(last.key, last.name, recorded, last.version, now())
    aliases.write_move(db, new_id(), move)


def read_wrong_last_moves(db: Statements) -> list[LastMove]:
    """Return the aliases, also those that were deleted, whose last move says something else."""
    rows = db.fetch_all("alias_check.unrecorded", unrecorded_query, {})
    rows += db.fetch_all("alias_check.undeleted", undeleted_query, {})
    return [LastMove(*row) for row in rows]


def text_of(move: LastMove) -> str:
    """Return the sentence about a last move that is wrong."""
    ref = f"{move.key}@{move.name}"
    recorded = version_text(move.recorded)
    if move.version is None:
        return f"There is no alias {ref}, and its last recorded move went to {recorded}."
    if move.recorded is None:
        return f"The alias {ref} names version {move.version}, and no move to it is recorded."
    return (
        f"The alias {ref} names version {move.version}, its last recorded move went to {recorded}."
    )


def version_text(version: int | None) -> str:
    """Return a version in words."""
    return "no version" if version is None else f"version {version}"


# --- Statements ---


def names_nothing() -> Query:
    """Return the condition that an alias names no version."""
    named = Artifact.select(SQL("1")).where(
        Artifact.key == ArtifactAlias.key, Artifact.version == ArtifactAlias.version
    )
    condition: Query = ~fn.EXISTS(named)
    return condition


def dangling_query() -> Query:
    """Build the statement that finds the aliases that name no version."""
    columns = (ArtifactAlias.key, ArtifactAlias.name, ArtifactAlias.version)
    return ArtifactAlias.select(*columns).where(names_nothing())


def delete_dangling_query() -> Query:
    """Build the statement that deletes the aliases that name no version."""
    return ArtifactAlias.delete().where(names_nothing())


def is_dangling_pin() -> Query:
    """Return the condition that an input is held, and its version does not exist."""
    pinned = Artifact.select(SQL("1")).where(
        Artifact.id == ArtifactInput.artifact_id, Artifact.key == ArtifactInput.key
    )
    condition: Query = ArtifactInput.held & ~fn.EXISTS(pinned)
    return condition


def dangling_pins_query() -> Query:
    """Build the statement that finds the pins of versions that do not exist."""
    columns = (ArtifactInput.run_id, ArtifactInput.key, ArtifactInput.version)
    return ArtifactInput.select(*columns).where(is_dangling_pin())


def give_up_dangling_pins_query() -> Query:
    """Build the statement that gives up the pins of versions that do not exist."""
    return ArtifactInput.update({ArtifactInput.held: False}).where(is_dangling_pin())


def holds_query() -> Query:
    """Build the statement that finds the keys whose number of aliases and pins is wrong."""
    of_aliases = ArtifactAlias.select(ArtifactAlias.key)
    of_pins = ArtifactInput.select(ArtifactInput.key).where(ArtifactInput.held)
    held = of_aliases.union_all(of_pins).alias("held_keys")
    counted = peewee.Select([held], [held.c.key, fn.COUNT(SQL("*")).alias("number")])
    number = counted.group_by(held.c.key).alias("counted")
    query = ArtifactCollection.select(
        ArtifactCollection.key, ArtifactCollection.holds, fn.COALESCE(number.c.number, 0)
    )
    has_key = number.c.key == ArtifactCollection.key
    query = query.join(number, peewee.JOIN.LEFT_OUTER, on=has_key)
    return query.where(ArtifactCollection.holds != fn.COALESCE(number.c.number, 0))


def last_moves() -> peewee.Select:
    """Return a query for the number of the last move of each alias."""
    moves = ArtifactAliasMove.alias("of_alias")
    last = moves.select(moves.key, moves.name, fn.MAX(moves.number).alias("number"))
    return last.group_by(moves.key, moves.name).alias("last")


def is_last_of(last: peewee.Select) -> Query:
    """Return the condition that joins the last move of each alias to its number."""
    moves = ArtifactAliasMove
    condition: Query = (
        (moves.key == last.c.key) & (moves.name == last.c.name) & (moves.number == last.c.number)
    )
    return condition


def unrecorded_query() -> Query:
    """Build the statement that returns the aliases whose last move went elsewhere."""
    moves = ArtifactAliasMove
    last = last_moves()
    recorded = moves.select(moves.key, moves.name, moves.to_version)
    recorded = recorded.join(last, on=is_last_of(last)).alias("recorded")
    of_alias = (recorded.c.key == ArtifactAlias.key) & (recorded.c.name == ArtifactAlias.name)
    query = ArtifactAlias.select(
        ArtifactAlias.key, ArtifactAlias.name, ArtifactAlias.version, recorded.c.to_version
    )
    query = query.join(recorded, peewee.JOIN.LEFT_OUTER, on=of_alias)
    # No version is 0, so it stands for none.
    return query.where(ArtifactAlias.version != fn.COALESCE(recorded.c.to_version, 0))


def undeleted_query() -> Query:
    """Build the statement that returns the aliases that are gone, and whose last move went to a version."""
    moves = ArtifactAliasMove
    last = last_moves()
    alias = ArtifactAlias.select(SQL("1")).where(
        ArtifactAlias.key == moves.key, ArtifactAlias.name == moves.name
    )
    query = moves.select(moves.key, moves.name, SQL("NULL"), moves.to_version)
    query = query.join(last, on=is_last_of(last))
    return query.where(moves.to_version.is_null(False), ~fn.EXISTS(alias))


def chains_query() -> Query:
    """Build the statement that finds the moves that do not follow on the one before them."""
    moves = ArtifactAliasMove
    of_alias = Window(partition_by=[moves.key, moves.name], order_by=[moves.number])
    before = fn.LAG(moves.to_version).over(of_alias).alias("before")
    number_before = fn.LAG(moves.number).over(of_alias).alias("number_before")
    columns = (moves.key, moves.name, moves.number, moves.from_version)
    chain = moves.select(*columns, before, number_before).window(of_alias).alias("chain")

    # No version and no move is 0, so it stands for none.
    leaps = fn.COALESCE(chain.c.from_version, 0) != fn.COALESCE(chain.c.before, 0)
    skips = chain.c.number != fn.COALESCE(chain.c.number_before, 0) + 1
    query = peewee.Select(
        [chain],
        [chain.c.key, chain.c.name, chain.c.number, chain.c.from_version, chain.c.before],
    )
    return query.where(leaps | skips).order_by(chain.c.key, chain.c.name, chain.c.number)
