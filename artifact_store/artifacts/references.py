"""References: a key (its latest version), one version of a key, or an id."""

import re
from typing import NamedTuple
from uuid import UUID

from ..db.statements import Statements
from ..errors import InvalidQuery
from ..schemas.artifacts import Artifact, as_uuid, is_key
from ..wording import shown
from . import queries

__all__ = ["Reference", "key_of", "parse", "read"]

_VERSION = re.compile("0|[1-9][0-9]*")
_MOST_DIGITS = 18  # of a version that fits into its column


class Reference(NamedTuple):
    """The parts of a reference.

    Attributes:
        id: the id, if the whole text is a UUID.
        key: the key, if the text before `@` is a valid one.
        version: the version; `None` is the latest.
    """

    id: UUID | None
    key: str | None
    version: int | None = None


def parse(ref: object) -> Reference:
    """Return the parts of a reference.

    Raises:
        InvalidQuery: it is not a reference.

    Examples:
        >>> parse("sales@3"), parse("sales@latest")
        (Reference(id=None, key='sales', version=3), Reference(id=None, key='sales', version=None))
    """
    if isinstance(ref, Artifact):
        return Reference(ref.id, None)
    if isinstance(ref, UUID):
        return Reference(ref, None)
    if not isinstance(ref, str):
        raise malformed(ref)

    key, at, version = ref.partition("@")
    if not at:
        reference = Reference(parse_id(ref), key if is_key(key) else None)
        if reference.id is None and reference.key is None:
            raise malformed(ref)
        return reference
    if not is_key(key):
        raise malformed(ref)
    if version == "latest":
        return Reference(None, key)
    if _VERSION.fullmatch(version) is None:
        raise malformed(ref)
    # No version has more digits, and Python refuses to parse more than 4,300; no artifact has the
    # version 0.
    number = int(version) if len(version) <= _MOST_DIGITS else 0
    return Reference(None, key, number)


def parse_id(text: str) -> UUID | None:
    """Return the id that a text represents; `None` if it is not a UUID."""
    try:
        return as_uuid(text)
    except InvalidQuery:
        return None


def malformed(ref: object) -> InvalidQuery:
    """Return the error for something that is not a reference."""
    return InvalidQuery(
        f"Invalid reference {shown(ref)}: expected a key, key@3, key@latest, or an id."
    )


def read(db: Statements, ref: object) -> Artifact | None:
    """Return the artifact that a reference names, or `None`; an id is tried before a key."""
    reference = parse(ref)
    if reference.id is not None:
        found = queries.read(db, reference.id)
        if found is not None:
            return found
    if reference.key is None:
        return None
    if reference.version is None:
        return queries.read_latest(db, reference.key)
    return queries.read_version(db, reference.key, reference.version)


def key_of(value: object) -> str:
    """Return the key of an artifact or of a reference to a latest version.

    Raises:
        InvalidQuery: it is not a key, or names one version.
    """
    if isinstance(value, Artifact):
        if value.key is None:
            raise InvalidQuery(
                f"The artifact {value.id} has no key: read it by its id, with read_artifact."
            )
        return value.key
    if not isinstance(value, str):
        raise InvalidQuery(f"Invalid key {shown(value)}: expected text.")
    reference = parse(value)
    if reference.key is None:
        raise InvalidQuery(f"{shown(value)} is an id, not a key: use read_artifact.")
    if reference.version is not None:
        raise InvalidQuery(
            f"{shown(value)} names one version, and this reads the latest: "
            f"use read_artifact_ref({shown(value)}), or only the key, {shown(reference.key)}."
        )
    return reference.key
