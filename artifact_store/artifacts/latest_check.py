"""Compares the collection table with the computed query, and lists every difference."""

from collections.abc import Iterator
from typing import NamedTuple

import peewee
from peewee import SQL, fn

from ..db.artifact_tables import Artifact, ArtifactCollection
from ..db.damage import Parsing, damaged
from ..db.statements import Query, Statements
from ..schemas.store import Inconsistency
from .latest import artifacts_of_row, greatest_versions, is_greatest

__all__ = ["verify"]


class Comparison(NamedTuple):
    """The collection row of a key, beside the greatest version of that key.

    Attributes:
        key: the key.
        greatest: its greatest version.
        row_key: the key in the collection row; `None` if there is no row.
        latest_id: the pointer of the row.
        latest_version: the version in the row.
        counter: the version counter in the row.
        is_right: whether the row points to the greatest version.
        pointed_version: the version of the artifact that the row points to; `None` if it is not one
            of the key.
        has_right_times: whether the times in the row are those of the greatest version.
    """

    key: str
    greatest: int
    row_key: str | None
    latest_id: object
    latest_version: int | None
    counter: int
    is_right: bool
    pointed_version: int | None
    has_right_times: bool


def verify(db: Statements) -> list[Inconsistency]:
    """Return every difference between the collection table and the computed query."""
    found: list[Inconsistency] = []
    rows = db.fetch_all("latest.differences", differences_query, {})
    with Parsing("The version of a key"):
        for key, *columns in rows:
            comparison = Comparison(check_key(key), *columns)
            problems = problems_of(comparison)
            found += [Inconsistency(kind, comparison.key, message) for kind, message in problems]

    for (key,) in db.fetch_all("latest.pointing", pointing_query, {}):
        message = f"The collection row of {check_key(key)} points to an artifact, and it has none."
        found.append(Inconsistency("dangling", key, message))

    # A counter that is too low may be invalid as well.
    low = {each.key for each in found if each.kind == "low-counter"}

    def invalid_counters() -> Query:
        return ArtifactCollection.select(ArtifactCollection.key).where(
            db.dialect.is_invalid_counter(ArtifactCollection.last_version)
        )

    for (key,) in db.fetch_all("latest.invalid_counters", invalid_counters, {}):
        if check_key(key) not in low:
            message = f"The counter of {key} is not a whole number from 0."
            found.append(Inconsistency("low-counter", key, message))
    return sorted(found)


def check_key(key: object) -> str:
    """Return a key of the collection table.

    Raises:
        StoreDamaged: it is not text, which is possible in a damaged SQLite file.
    """
    if isinstance(key, str):
        return key
    raise damaged("A key of the collection table", f"it is a {type(key).__name__}")


def differences_query() -> Query:
    """Build the statement that returns the fields of a `Comparison` for each wrong key."""
    greatest = greatest_versions()
    pointed = Artifact.alias("pointed")
    is_right = fn.COALESCE(ArtifactCollection.latest_id == Artifact.id, SQL("FALSE"))
    has_right_times = (ArtifactCollection.created == Artifact.created) & (
        ArtifactCollection.updated == Artifact.updated
    )
    query = Artifact.select(
        greatest.c.key,
        greatest.c.version,
        ArtifactCollection.key,
        ArtifactCollection.latest_id,
        ArtifactCollection.latest_version,
        ArtifactCollection.last_version,
        is_right,
        pointed.version,
        has_right_times,
    )

    is_pointed = (pointed.id == ArtifactCollection.latest_id) & (
        pointed.key == ArtifactCollection.key
    )
    query = query.join(greatest, on=is_greatest(greatest))
    query = query.join(
        ArtifactCollection, peewee.JOIN.LEFT_OUTER, on=(ArtifactCollection.key == greatest.c.key)
    )
    query = query.join(pointed, peewee.JOIN.LEFT_OUTER, on=is_pointed)
    return query.where(
        ArtifactCollection.key.is_null()
        | ~is_right
        | ArtifactCollection.latest_version.is_null()
        | (ArtifactCollection.latest_version != greatest.c.version)
        | (ArtifactCollection.last_version < greatest.c.version)
        | ~has_right_times
    )


def pointing_query() -> Query:
    """Build the statement that finds keys without artifacts whose rows point to one."""
    points = ArtifactCollection.latest_id.is_null(
        False
    ) | ArtifactCollection.latest_version.is_null(False)
    return ArtifactCollection.select(ArtifactCollection.key).where(
        points, ~fn.EXISTS(artifacts_of_row())
    )


def problems_of(row: Comparison) -> Iterator[tuple[str, str]]:
    """Yield the kind and the message of each problem of one key."""
    if row.row_key is None:
        yield (
            "missing",
            f"{row.key} has {row.greatest} as its greatest version and no collection row.",
        )
        return
    if row.latest_id is None and row.latest_version is None:
        yield (
            "empty",
            f"The collection row of {row.key} says that it is empty, the greatest version is {row.greatest}.",
        )
    else:
        yield from pointer_problems_of(row)
    if row.counter < row.greatest:
        yield (
            "low-counter",
            f"The counter of {row.key} is {row.counter}, below its greatest version {row.greatest}.",
        )
    if row.is_right and not row.has_right_times:
        yield (
            "wrong-times",
            f"The collection row of {row.key} has other times than its latest artifact.",
        )


def pointer_problems_of(row: Comparison) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the pointer of a row that is not empty."""
    name = f"The collection row of {row.key}"
    if not row.is_right and row.pointed_version is None:
        yield "dangling", f"{name} points to no artifact of that key."
    elif not row.is_right:
        yield (
            "stale",
            f"{name} points to version {row.pointed_version}, the greatest is {row.greatest}.",
        )
    if row.latest_version != row.greatest:
        version = "no version" if row.latest_version is None else f"version {row.latest_version}"
        yield "wrong-version", f"{name} says {version}, the greatest is {row.greatest}."
