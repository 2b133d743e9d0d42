"""Finds tables whose profile does not match their data, and computes their profiles again.

A release that did not know profiles leaves the old profile in place when it updates the data.
"""

from collections.abc import Hashable, Iterator
from typing import NamedTuple
from uuid import UUID

from pydantic_core import from_json

from ..db.artifact_tables import Artifact as ArtifactTable
from ..db.statements import Query, Statements, Values, slot
from ..errors import InvalidArtifact
from ..jsonable.normalize import dump_json
from ..schemas.artifacts import Artifact, as_uuid
from ..schemas.store import Inconsistency
from ..tables.profile import known_profile, profile_table
from ..tables.rows import rows_of

__all__ = ["check", "find_wrong", "repair"]

_PAGE_SIZE = 200


class ProfiledTable(NamedTuple):
    """The columns of a table that has a profile, as they are stored."""

    id: UUID | str
    key: str | None
    version: int | None
    updated: object
    profile: str
    data: str | None


def check(artifact: Artifact) -> Inconsistency | None:
    """Return what is wrong with the profile of an artifact; `None` if nothing is."""
    profile = known_profile(artifact.profile)
    if artifact.type != "table" or profile is None:
        return None

    expected = profile["rows"]
    count = f"{expected:,} row{'' if expected == 1 else 's'}"
    claim = f"The profile of {artifact.ref} counts {count}"
    try:
        found = len(rows_of(artifact.data))
    except InvalidArtifact:
        message = f"{claim}, and its data is not a table."
        return Inconsistency("wrong-profile", artifact.ref, message)
    if found == expected:
        return None
    return Inconsistency("wrong-profile", artifact.ref, f"{claim}, its data has {found:,}.")


def check_stored(table: ProfiledTable) -> Inconsistency | None:
    """Return what is wrong with a stored profile; damaged JSON is reported by `integrity`."""
    try:
        profile = from_json(table.profile)
        data = None if table.data is None else from_json(table.data)
    except ValueError:
        return None
    # It is not validated, because a stored profile may be anything.
    artifact = Artifact.model_construct(
        id=table.id,
        key=table.key,
        version=table.version,
        type="table",
        profile=profile,
        data=data,
    )
    return check(artifact)


def find_wrong(db: Statements) -> list[UUID]:
    """Return the ids of the tables whose profile does not match their data."""
    found: list[UUID] = []
    last: UUID | None = None
    while True:
        tables = read_page(db, last)
        found += [as_uuid(table.id) for table in tables if check_stored(table) is not None]
        if len(tables) < _PAGE_SIZE:
            return found
        last = as_uuid(tables[-1].id)


def repair(db: Statements, ids: list[UUID]) -> Iterator[Inconsistency]:
    """Correct the profiles that still do not match, and yield what was wrong with them.

    Where the data is not a table, the profile is removed.
    """
    for artifact_id in ids:
        for table in read_one(db, artifact_id):
            inconsistency = check_stored(table)
            if inconsistency is None:
                continue
            values = {
                "id": str(artifact_id),
                "profile": compute_profile(table.data),
                "updated": table.updated,
            }
            db.execute("profile_check.repair", repair_query, values)
            yield inconsistency


def read_page(db: Statements, last: UUID | None) -> list[ProfiledTable]:
    """Return the next tables that have a profile, in the order of their ids."""
    if last is None:
        return read_tables(db, "profile_check.first_page", None, {})
    is_after = ArtifactTable.id > slot("last")
    return read_tables(db, "profile_check.next_page", is_after, {"last": str(last)})


def read_one(db: Statements, artifact_id: UUID) -> list[ProfiledTable]:
    """Return the table with an id, if it exists and has a profile."""
    has_id = ArtifactTable.id == slot("id")
    return read_tables(db, "profile_check.one", has_id, {"id": str(artifact_id)})


def read_tables(
    db: Statements,
    key: Hashable,
    where: Query | None,
    values: Values,
) -> list[ProfiledTable]:
    """Return tables that have a profile and satisfy a condition."""

    def build() -> Query:
        columns = [getattr(ArtifactTable, name) for name in ProfiledTable._fields]
        query = ArtifactTable.select(*columns).where(
            (ArtifactTable.type == "table") & ArtifactTable.profile.is_null(False)
        )
        if where is not None:
            query = query.where(where)
        return query.order_by(ArtifactTable.id).limit(_PAGE_SIZE)

    return [ProfiledTable(*row) for row in db.fetch_all(key, build, values)]


def compute_profile(data: str | None) -> str | None:
    """Return the profile of a stored table as JSON; `None` if the data is not a table."""
    try:
        return dump_json(profile_table(None if data is None else from_json(data)))
    except InvalidArtifact:
        return None


def repair_query() -> Query:
    """Build the statement that replaces a profile, unless the artifact was updated meanwhile."""
    # An artifact without a key is not locked by the lock on the collection table.
    is_unchanged = (ArtifactTable.id == slot("id")) & (ArtifactTable.updated == slot("updated"))
    return ArtifactTable.update({ArtifactTable.profile: slot("profile")}).where(is_unchanged)
