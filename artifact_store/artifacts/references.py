"""What a reference names: a key (its latest version), one version of a key, or an id."""

import re
from typing import NamedTuple
from uuid import UUID

from ..artifacts import queries
from ..db.statements import Statements
from ..errors import InvalidQuery
from ..schemas.artifacts import Artifact, as_uuid, is_key
from ..wording import shown

__all__ = ["Reference", "key_of", "parsed", "read"]

_VERSION = re.compile("0|[1-9][0-9]*")
_DIGITS = 18  # of a version that the column could hold


class Reference(NamedTuple):
    """The parts of a reference.

    Attributes:
        id: the id, where the whole text could be one.
        key: the key, where the text before `@` could be one.
        version: the version; `None` is the latest.
    """

    id: UUID | None
    key: str | None
    version: int | None = None


def parsed(ref: object) -> Reference:
    """Return the parts of a reference.

    Raises:
        InvalidQuery: nothing could have that name.

    Examples:
        >>> parsed("sales@3"), parsed("sales@latest")
        (Reference(id=None, key='sales', version=3), Reference(id=None, key='sales', version=None))
    """
    if isinstance(ref, Artifact):
        return Reference(ref.id, None)
    if isinstance(ref, UUID):
        return Reference(ref, None)
    if not isinstance(ref, str):
        raise _malformed(ref)
    key, at, version = ref.partition("@")
    if not at:
        named = Reference(_id(ref), key if is_key(key) else None)
        if named == (None, None, None):
            raise _malformed(ref)
        return named
    if not is_key(key):
        raise _malformed(ref)
    if version == "latest":
        return Reference(None, key)
    if _VERSION.fullmatch(version) is None:
        raise _malformed(ref)
    # No version has so many digits, and Python itself refuses to read more than 4,300.
    return Reference(None, key, int(version) if len(version) <= _DIGITS else 0)


def _id(text: str) -> UUID | None:
    try:
        return as_uuid(text)
    except InvalidQuery:
        return None


def _malformed(ref: object) -> InvalidQuery:
    return InvalidQuery(
        f"Invalid reference {shown(ref)}: expected a key, key@3, key@latest, or an id."
    )


def read(db: Statements, ref: object) -> Artifact | None:
    """Return the artifact that a reference names, `None` when there is none; an id goes before a key."""
    named = parsed(ref)
    found = None if named.id is None else queries.read(db, named.id)
    if found is not None or named.key is None:
        return found
    if named.version is None:
        return queries.read_latest(db, named.key)
    return queries.read_version(db, named.key, named.version)


def key_of(given: object) -> str:
    """Return the key of an artifact or of a reference to a latest version.

    Raises:
        InvalidQuery: it is not a key, or names one version.
    """
    if isinstance(given, Artifact):
        if given.key is None:
            raise InvalidQuery(
                f"The artifact {given.id} has no key: read it by its id, with read_artifact."
            )
        return given.key
    if not isinstance(given, str):
        raise InvalidQuery(f"Invalid key {shown(given)}: expected text.")
    named = parsed(given)
    if named.key is None:
        raise InvalidQuery(f"{shown(given)} is an id, not a key: use read_artifact.")
    if named.version is not None:
        raise InvalidQuery(
            f"{shown(given)} names one version, and the latest is asked for: "
            f"use read_artifact_ref({shown(given)}), or the key alone, {shown(named.key)}."
        )
    return named.key
