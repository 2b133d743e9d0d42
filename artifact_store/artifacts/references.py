"""References: a key (its latest version), a version of a key by number or by alias, or an id."""

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar
from uuid import UUID

from ..db.artifact_tables import Artifact as ArtifactTable
from ..db.damage import Parsing
from ..db.statements import Statements
from ..errors import InvalidQuery
from ..schemas.aliases import is_alias_name
from ..schemas.artifacts import Artifact, as_uuid, is_key
from ..wording import shown
from . import queries

__all__ = ["Reference", "exists", "find", "key_of", "parse", "read"]

T = TypeVar("T")

_VERSION = re.compile("0|[1-9][0-9]*")
_MOST_DIGITS = 18  # of a version that fits into its column


class Reference(NamedTuple):
    """The parts of a reference.

    Attributes:
        id: the id, if the whole text is a UUID.
        key: the key, if the text before `@` is a valid one.
        version: the version; `None` is the latest.
        alias: the alias of the version; `None` if it is not named by one.
    """

    id: UUID | None
    key: str | None
    version: int | None = None
    alias: str | None = None

    @property
    def is_latest(self) -> bool:
        """Whether it names the latest version of a key."""
        return self.key is not None and self.version is None and self.alias is None

    @property
    def text(self) -> str:
        """The text of the reference."""
        if self.id is not None or self.key is None:
            return str(self.id)
        version = self.version if self.alias is None else self.alias
        return self.key if version is None else f"{self.key}@{version}"


def parse(ref: object) -> Reference:
    """Return the parts of a reference.

    Raises:
        InvalidQuery: it is not a reference.

    Examples:
        >>> parse("sales@3").version, parse("sales@prod").alias, parse("sales@latest").is_latest
        (3, 'prod', True)
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
    if is_alias_name(version):
        return Reference(None, key, alias=version)
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
        f"Invalid reference {shown(ref)}: expected a key, key@3, key@latest, key@ALIAS, or an id."
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
    if reference.alias is not None:
        return queries.read_aliased(db, reference.key, reference.alias)
    if reference.version is None:
        return queries.read_latest(db, reference.key)
    return queries.read_version(db, reference.key, reference.version)


def exists(db: Statements, ref: object) -> bool:
    """Return whether there is an artifact of this reference."""
    reference = parse(ref)
    if reference.id is not None and queries.exists(db, reference.id):
        return True
    return reference.key is not None and read_id(db, reference) is not None


def find(db: Statements, ref: object, function: Callable[[UUID], T]) -> T | None:
    """Call a function with the id of the artifact that a reference names, and return its result.

    Args:
        db: the statements of a store.
        ref: the reference, or an artifact.
        function: returns something false when there is no artifact with the id any more.

    Returns:
        What the function returns, or `None` if there is no such artifact.
    """
    if isinstance(ref, UUID):
        return function(ref)
    reference = parse(ref)
    if reference.id is not None:
        found = function(reference.id)
        if found or reference.key is None:
            return found

    last_id = None
    while True:
        artifact_id = read_id(db, reference)
        if artifact_id is None or artifact_id == last_id:
            return None
        found = function(artifact_id)
        if found:
            return found
        # It was deleted in between, so another version may be the latest now.
        last_id = artifact_id


def read_id(db: Statements, reference: Reference) -> UUID | None:
    """Return the id of the artifact that a key and its version or alias name, or `None`."""
    values = {"key": reference.key, "name": reference.alias, "version": reference.version}
    if reference.alias is not None:
        build = queries.read_aliased_query
    elif reference.version is not None:
        build = queries.read_version_query
    else:
        build = queries.read_latest_query
    columns = (ArtifactTable.id,)
    row = db.fetch_one(("references.read_id", build), partial(build, columns), values)
    if row is None:
        return None
    with Parsing(f"The id of {reference.text}"):
        return as_uuid(row[0])


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
    if not reference.is_latest:
        raise InvalidQuery(
            f"{shown(value)} names one version, and this reads the latest: "
            f"use read_artifact_ref({shown(value)}), or only the key, {shown(reference.key)}."
        )
    return reference.key
