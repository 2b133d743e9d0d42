"""Reads the artifact that is checked, and the one that it is compared with."""

from typing import NamedTuple
from uuid import UUID

from ..artifacts import lookup, references
from ..db.statements import Statements
from ..errors import ArtifactNotFound, InvalidQuery
from ..schemas.artifacts import Artifact
from ..wording import shown

__all__ = ["Sides", "other_reference", "read_sides"]


class Sides(NamedTuple):
    """What a check reads.

    Attributes:
        artifact: the artifact that is checked.
        against: the artifact that it is compared with.
        missing: why one of them is not there, as a sentence; empty if nothing is missing.
    """

    artifact: Artifact | None = None
    against: Artifact | None = None
    missing: str = ""


def read_sides(db: Statements, ref: object, against: object, is_compared: bool) -> Sides:
    """Return the artifact that is checked and, if it is compared, the other side.

    Args:
        db: the database; the caller makes its reads see one moment.
        ref: the reference to check.
        against: what `other_reference` takes; `None` is the previous version.
        is_compared: whether the other side is read.
    """
    if against is not None:
        check_against(against, ref)
    try:
        artifact = lookup.get(db, ref)
    except ArtifactNotFound as error:
        return Sides(missing=str(error))
    if not is_compared:
        return Sides(artifact)

    if against is None:
        return read_previous(db, artifact)
    other = other_reference(against, artifact.key)
    if other is None:
        sentence = f"{artifact.ref} has no key, so it has no {shown(against)} to compare with."
        return Sides(artifact, missing=sentence)
    try:
        return Sides(artifact, lookup.get(db, other))
    except ArtifactNotFound as error:
        return Sides(artifact, missing=str(error))


def check_against(against: object, ref: object) -> None:
    """Check what an artifact is compared with, as far as it can be told before it is read.

    Raises:
        InvalidQuery: it is not a reference, or it is the same one.
    """
    reference = references.parse(ref)
    other = other_reference(against, reference.key)
    if other is not None and references.parse(other) == reference:
        raise InvalidQuery(
            f"against={shown(against)} is what is checked: pass an alias, a version, or another key."
        )


def read_previous(db: Statements, artifact: Artifact) -> Sides:
    """Return an artifact and the version before it that exists."""
    try:
        return Sides(artifact, lookup.read_previous(db, artifact))
    except ArtifactNotFound:
        pass
    if artifact.key is None:
        reason = "has no key, so it has no versions"
    elif artifact.version == 1:
        reason = "is the first version"
    else:
        reason = "is the oldest version that is left"
    return Sides(artifact, missing=f"{artifact.ref} {reason}: there is nothing to compare with.")


def other_reference(against: object, key: str | None) -> str | UUID | Artifact | None:
    """Return the reference that `against` is, for an artifact of a key.

    Args:
        against: an alias, a version number, or a whole reference.
        key: the key that an alias or a version is one of; without it they are `None`.

    Raises:
        InvalidQuery: it is none of these.

    Examples:
        >>> other_reference("prod", "sales"), other_reference(3, "sales"), other_reference("costs@3", "sales")
        ('sales@prod', 'sales@3', 'costs@3')
    """
    if isinstance(against, Artifact | UUID):
        return against
    if isinstance(against, str) and ("@" in against or references.parse_id(against)):
        return against
    is_version = isinstance(against, int) and not isinstance(against, bool)
    if not is_version and not (isinstance(against, str) and against):
        raise InvalidQuery(
            f"Invalid against {shown(against)}: expected an alias, a version, or a reference such as sales@prod."
        )
    return None if key is None else f"{key}@{against}"
