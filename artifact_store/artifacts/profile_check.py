"""Holds the profile of a table against its data, and makes it anew where it does not fit.

A program of a release that knew no profiles leaves the old one beside the new data of an update.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from pydantic_core import from_json

from ..db import artifact_tables
from ..db.statements import Query, Statements, slot
from ..errors import InvalidArtifact
from ..jsonable.normalize import dump_json
from ..schemas.artifacts import Artifact, as_uuid
from ..schemas.store import Inconsistency
from ..tables.profile import known_profile, profile_table
from ..tables.rows import rows_of

__all__ = ["check", "mend", "suspects"]

_A = artifact_tables.Artifact
_PAGE = 200


def check(artifact: Artifact) -> Inconsistency | None:
    """Return what is wrong with the profile of an artifact; `None` when it fits, or there is none."""
    profile = known_profile(artifact.profile)
    if artifact.type != "table" or profile is None:
        return None
    counted = f"{profile['rows']:,} row{'' if profile['rows'] == 1 else 's'}"
    name = str(artifact.id) if artifact.key is None else f"{artifact.key}@{artifact.version}"
    try:
        rows = len(rows_of(artifact.data))
    except InvalidArtifact:
        return Inconsistency(
            "wrong-profile",
            name,
            f"The profile of {name} counts {counted}, and its data is not a table.",
        )
    if rows == profile["rows"]:
        return None
    return Inconsistency(
        "wrong-profile", name, f"The profile of {name} counts {counted}, its data has {rows:,}."
    )


def suspects(db: Statements) -> list[UUID]:
    """Return the ids of the tables whose profile does not fit, reading one page of them at a time."""
    found: list[UUID] = []
    after: UUID | None = None
    while True:
        rows = _page(db, after)
        found += [as_uuid(row[0]) for row in rows if _judged(row) is not None]
        if len(rows) < _PAGE:
            return found
        after = as_uuid(rows[-1][0])


def mend(db: Statements, ids: list[UUID]) -> Iterator[Inconsistency]:
    """Recompute profiles that still do not fit, or remove them where the data is no table; yield what was wrong."""
    for artifact_id in ids:
        for row in _rows(db, "profilecheck.one", _A.id == slot("id"), {"id": str(artifact_id)}):
            inconsistency = _judged(row)
            if inconsistency is not None:
                profile = _profile_of(row[-1])
                db.execute(
                    "profilecheck.mend",
                    _mended,
                    {"id": str(artifact_id), "profile": profile, "updated": row[4]},
                )
                yield inconsistency


def _page(db: Statements, after: UUID | None) -> list[Any]:
    """Return tables that have a profile, in the order of their ids."""
    beyond = _A.id > slot("after") if after is not None else None
    values = {} if after is None else {"after": str(after)}
    return _rows(db, ("profilecheck.page", after is None), beyond, values)


def _rows(db: Statements, key: Any, where: Query | None, values: dict[Any, Any]) -> list[Any]:
    def build() -> Query:
        columns = (_A.id, _A.key, _A.version, _A.type, _A.updated, _A.profile, _A.data)
        query = _A.select(*columns).where((_A.type == "table") & _A.profile.is_null(False))
        return (query if where is None else query.where(where)).order_by(_A.id).limit(_PAGE)

    return db.fetch_all(key, build, values)


def _judged(row: Any) -> Inconsistency | None:
    """Hold a row against itself; what cannot be parsed is not this module's to tell."""
    artifact_id, key, version, kind, _, profile, data = row
    try:
        told, held = from_json(profile), None if data is None else from_json(data)
    except ValueError:
        return None
    # What is stored is not validated again: a profile may be anything.
    fields = {
        "id": artifact_id,
        "key": key,
        "version": version,
        "type": kind,
        "profile": told,
        "data": held,
    }
    return check(Artifact.model_construct(**fields))


def _profile_of(data: str | None) -> str | None:
    try:
        return dump_json(profile_table(None if data is None else from_json(data)))
    except InvalidArtifact:
        return None


def _mended() -> Query:
    # What has no key is not locked: a newer update of it stays.
    unchanged = (_A.id == slot("id")) & (_A.updated == slot("updated"))
    return _A.update({_A.profile: slot("profile")}).where(unchanged)
