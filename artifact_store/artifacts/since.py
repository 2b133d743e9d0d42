"""What changed since the previous version: of one artifact, and of the newest versions of a key."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from peewee import Case
from pydantic_core import from_json

from ..db.artifact_tables import Artifact as ArtifactTable
from ..db.damage import Parsing
from ..db.statements import Expression, Query, Statements, slot
from ..differences.versions import LARGEST_COMPARED, Since, Version, compare_versions
from ..schemas.artifacts import Artifact
from ..wording import name_of_artifact

__all__ = ["read_since", "read_since_of_key"]

_MOST_COMPARED = 50  # versions of a history
_BUDGET = 2_097_152  # characters of data that a history reads at most


def read_since(db: Statements, artifact: Artifact, previous: int) -> Since | None:
    """Return what changed in an artifact since an older version of its key; `None` if that was deleted meanwhile.

    The data of the older version is read if it is small enough to be compared, and that of the artifact if it was read
    without.
    """

    def build() -> Query:
        is_wanted = ArtifactTable.version <= slot("last")
        columns = compared_columns(db, LARGEST_COMPARED, is_wanted)
        has_version = ArtifactTable.version.in_((slot("previous"), slot("version")))
        query = ArtifactTable.select(*columns)
        return query.where(ArtifactTable.key == slot("key"), has_version)

    last = artifact.version if artifact.data is None else previous
    values = {
        "key": artifact.key,
        "previous": previous,
        "version": artifact.version,
        "last": last,
    }
    rows = db.fetch_all("since.two_versions", build, values)
    found = {row[0]: row for row in rows}
    if previous not in found:
        return None

    own = found.get(artifact.version)
    after = Version(
        artifact.type,
        artifact.description,
        artifact.data,
        artifact.metadata,
        artifact.profile,
        is_small=True,
    )
    if own is not None:
        stored = parse_version(artifact.key, own)
        after.is_small = stored.is_small
        if artifact.data is None:
            after.data = stored.data
            after.profile = stored.profile

    before = parse_version(artifact.key, found[previous])
    names = (name_of_artifact(None, artifact.key, previous), artifact.ref)
    return compare_versions(before, after, names)


def read_since_of_key(db: Statements, key: str, newest: int, versions: int) -> list[Since]:
    """Return what changed in the newest versions of a key, each since the version before it.

    One statement reads at most 50 versions and the one before them, and of each the data that fits into its share of
    2 MB. So a history takes little memory and time, however many and large its versions are.

    Args:
        db: where they are read.
        key: the key.
        newest: the version to begin with.
        versions: how many versions are shown.

    Returns:
        What changed in each version, newest first; in those beyond 50 nothing is looked for.
    """
    limit = min(versions, _MOST_COMPARED) + 1
    share = min(_BUDGET // limit, LARGEST_COMPARED)
    size = 1 << (
        share.bit_length() - 1
    )  # a power of two, so that there are few different statements

    def build() -> Query:
        query = ArtifactTable.select(*compared_columns(db, size))
        shown = (ArtifactTable.key == slot("key")) & (ArtifactTable.version <= slot("newest"))
        return query.where(shown).order_by(ArtifactTable.version.desc()).limit(slot("limit"))

    values = {"key": key, "newest": newest, "limit": limit}
    rows = db.fetch_all(f"since.of_key.{size}", build, values)

    refs = [name_of_artifact(None, key, row[0]) for row in rows]
    parsed = [parse_version(key, row) for row in rows]
    pairs = pairwise(zip(refs, parsed, strict=True))
    return [compare_versions(older[1], newer[1], (older[0], newer[0])) for newer, older in pairs]


def compared_columns(
    db: Statements, size: int, is_wanted: Expression | None = None
) -> tuple[Expression, ...]:
    """Return the columns that `parse_version` takes.

    Args:
        db: where they are read.
        size: the size up to which data is read; of larger data, the profile is.
        is_wanted: a condition; the data of other versions is not read.
    """
    data = ArtifactTable.data
    fits = data.is_null() | db.dialect.is_at_most(data, size)
    is_read = fits if is_wanted is None else fits & is_wanted
    return (
        ArtifactTable.version,
        ArtifactTable.type,
        ArtifactTable.description,
        ArtifactTable.metadata,
        Case(None, ((is_read, data),)),
        Case(None, ((fits, None),), ArtifactTable.profile),
        Case(None, ((fits, 1),), 0),
    )


def parse_version(key: str | None, row: Sequence[Any]) -> Version:
    """Return what is compared of a version from its row."""
    version, type, description, metadata, data, profile, fits = row
    with Parsing(f"The artifact {name_of_artifact(None, key, version)}"):
        return Version(
            type,
            description,
            parse_json(data),
            parse_json(metadata),
            parse_json(profile),
            bool(fits),
        )


def parse_json(text: str | None) -> Any:
    """Return the value of a JSON text; null for no text."""
    return None if text is None else from_json(text)
