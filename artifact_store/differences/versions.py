"""What changed from one version of a key to the next: the summary of their difference, or of their profiles."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..errors import InvalidArtifact
from ..rendering.context import Compared
from ..tables.profile import TableProfile, changes, known_profile, profile_table
from .diff import Diff, compare

__all__ = ["LARGEST_COMPARED", "Since", "Version", "compare_versions"]

LARGEST_COMPARED = 1_048_576
"""Characters of JSON (bytes on PostgreSQL) up to which data is compared where only its summary is shown.

Most payloads of this size are compared in 0.05 to 0.3 s; a list of 150,000 changed numbers takes one second.
"""


@dataclass
class Version:
    """What is compared of one version.

    Attributes:
        type: its type.
        description: its description.
        data: its data.
        metadata: its metadata.
        profile: the profile that is stored with it.
        is_small: whether its data is small enough to be compared.
    """

    type: str | None
    description: str | None
    data: Any
    metadata: dict[str, str | int | float | bool | None] | None
    profile: Mapping[str, object] | None
    is_small: bool


class Since(NamedTuple):
    """What changed since the version before.

    Attributes:
        changes: what is different, in sentences.
        compared: by what the data were compared.
        diff: the difference; without that of the data where these are too large.
    """

    changes: tuple[str, ...]
    compared: Compared
    diff: Diff


def compare_versions(before: Version, after: Version, names: tuple[str, str]) -> Since:
    """Return what changed from one version to the next.

    Args:
        before: the older one.
        after: the newer one.
        names: the references of both.
    """
    if before.is_small and after.is_small:
        diff = compare(before, after, names)
        return Since(diff.summary, "data", diff)

    rest = compare(replace(before, data=None), replace(after, data=None), names)
    old = find_profile(before)
    new = find_profile(after)
    if old is None or new is None:
        return Since(rest.summary, "metadata", rest)
    return Since((*changes(old, new), *rest.summary), "profile", rest)


def find_profile(version: Version) -> TableProfile | None:
    """Return the profile of a table, which is computed if none is stored with it."""
    if version.type != "table":
        return None
    # Nothing checks what is stored under a type, so it may hold no table.
    with suppress(InvalidArtifact):
        return known_profile(version.profile) or profile_table(version.data)
    return None
