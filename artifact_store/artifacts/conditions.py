"""Conditions of publishing: the version that must be the latest, and whether equal content is skipped.

They are judged where no other writer can change the answer: in the statement that raises the
counter of the key, or under the lock of the key.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..clock import now
from ..db.statements import Statements
from ..errors import InvalidArtifact, InvalidQuery, VersionConflict
from ..schemas.artifacts import ArtifactCreate, is_key
from ..schemas.keys import is_version
from ..unset import UNSET, Unset
from ..wording import shown
from . import key_locks

__all__ = [
    "Condition",
    "check_expectations",
    "condition_of",
    "conflict_of",
    "judge",
    "judge_under_locks",
    "split",
]


class Condition(NamedTuple):
    """The conditions of one create.

    Attributes:
        expected: the version that must be the latest; `None` if the key must have none.
        skip_unchanged: whether no version is made of what the latest one already holds.
    """

    expected: int | Unset | None = UNSET
    skip_unchanged: bool = False


# --- Check arguments ---


def condition_of(expected: object, skip_unchanged: object) -> Condition | None:
    """Return the conditions that the arguments of a create state; `None` if there are none.

    Raises:
        InvalidArtifact: one is invalid.
    """
    if not isinstance(skip_unchanged, bool):
        raise InvalidArtifact(
            f"skip_unchanged: {shown(skip_unchanged)} is not true or false: pass a bool."
        )
    if expected is not UNSET and not can_be_expected(expected):
        raise InvalidArtifact(f"expect_version: {explain_version(expected)}.")
    if expected is UNSET and not skip_unchanged:
        return None
    return Condition(expected, skip_unchanged)  # type: ignore[arg-type]  # it was checked


def can_be_expected(value: object) -> bool:
    """Tell whether a value is a version that can be expected, or `None`."""
    return value is None or is_version(value)


def explain_version(value: object) -> str:
    """Return why a value cannot be expected as a version."""
    return (
        f"{shown(value)} is not a version: pass a whole number from 1, "
        "or None for a key without versions"
    )


def check_key(key: str | None) -> str:
    """Return the key of an artifact that is created under a condition.

    Raises:
        InvalidArtifact: it has none.
    """
    if key is None:
        raise InvalidArtifact(
            "expect_version and skip_unchanged need a key: give one, or leave them out."
        )
    return key


def split(
    items: Iterable[object], skip_unchanged: object
) -> tuple[list[object], list[Condition | None]]:
    """Return the items of a bulk without their conditions, and the conditions of each.

    Args:
        items: mappings, which may have conditions, and values of any other type.
        skip_unchanged: the condition of the items that do not have it.

    Raises:
        InvalidArtifact: a condition is invalid.
    """
    without: list[object] = []
    conditions: list[Condition | None] = []
    for item in items:
        expected: object = UNSET
        skips = skip_unchanged
        if isinstance(item, Mapping) and not isinstance(item, ArtifactCreate):
            fields = {**item}
            expected = fields.pop("expect_version", UNSET)
            skips = fields.pop("skip_unchanged", skip_unchanged)
            item = fields
        without.append(item)
        conditions.append(condition_of(expected, skips))
    return without, conditions


def check_expectations(expect: object) -> dict[str, int | None]:
    """Return the expectations of a block, by key in sorted order.

    Raises:
        InvalidQuery: they are not a mapping of keys to versions.
    """
    if not isinstance(expect, Mapping):
        raise InvalidQuery(
            f"expect: {shown(expect)} is not a mapping: pass the latest version of each key, "
            "as in {'sales': 3, 'new': None}."
        )
    for key, version in expect.items():
        if not is_key(key):
            raise InvalidQuery(f"expect: {shown(key)} is not a key.")
        if not can_be_expected(version):
            raise InvalidQuery(f"expect[{key!r}]: {explain_version(version)}.")
    return dict(sorted(expect.items()))


# --- Judge ---


def judge(key: str, latest_version: int | None, expected: int | Unset | None) -> None:
    """Compare the latest version of a key with the expected one.

    Raises:
        VersionConflict: they differ.
    """
    if expected is not UNSET and latest_version != expected:
        raise conflict_of(key, latest_version, expected)


def conflict_of(
    key: str, latest_version: int | None, expected: int | Unset | None
) -> VersionConflict:
    """Return the error for a key that is at another version than the expected one."""
    if latest_version is None:
        problem = f"{key} has no versions, expected version {expected}"
    elif expected is None:
        problem = f"{key} is at version {latest_version}, expected none"
    else:
        problem = f"{key} is at version {latest_version}, not {expected}"
    return VersionConflict(f"{problem}: read it again and decide.")


def judge_under_locks(db: Statements, expectations: Mapping[str, int | None]) -> None:
    """Lock some keys until the transaction ends, and compare their latest versions.

    Args:
        db: the statements of a store.
        expectations: the expected version of each key, as `check_expectations` returns them.

    Raises:
        VersionConflict: one differs.
    """
    states = key_locks.lock_and_read(db, list(expectations), now())
    for key, expected in expectations.items():
        judge(key, states[key].latest_version, expected)
