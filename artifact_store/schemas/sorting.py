"""The sort orders of listings, and the checks of their `sort`, `offset`, `limit` and `as_of`."""

from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from ..clock import in_utc
from ..errors import InvalidQuery
from ..jsonable.encoders import MAX_INT64
from ..wording import misplaced, shown

__all__ = [
    "ArtifactCollectionSort",
    "ArtifactSort",
    "RunSort",
    "check_moment",
    "check_page",
    "parse_sort",
]

S = TypeVar("S", bound=StrEnum)


class ArtifactSort(StrEnum):
    """The orders of artifacts; `ID_DESC` is by time for ids made by the store. NULL keys come last."""

    CREATED_DESC = "CREATED_DESC"
    UPDATED_DESC = "UPDATED_DESC"
    ID_DESC = "ID_DESC"
    KEY_DESC = "KEY_DESC"
    KEY_ASC = "KEY_ASC"


class ArtifactCollectionSort(StrEnum):
    """The orders of the latest artifact of each key, by the times and the id of that artifact."""

    CREATED_DESC = "CREATED_DESC"
    UPDATED_DESC = "UPDATED_DESC"
    ID_DESC = "ID_DESC"
    KEY_DESC = "KEY_DESC"
    KEY_ASC = "KEY_ASC"


class RunSort(StrEnum):
    """The orders of flows, deployments, runs, work pools and work queues."""

    CREATED_DESC = "CREATED_DESC"
    UPDATED_DESC = "UPDATED_DESC"
    ID_DESC = "ID_DESC"
    NAME_DESC = "NAME_DESC"
    NAME_ASC = "NAME_ASC"


def check_page(offset: int | None, limit: int | None) -> tuple[int, int | None]:
    """Return the offset and the limit of a page, checked.

    Raises:
        InvalidQuery: one of them is not an integer, or not from 0 to 2**63 - 1.
    """
    for name, number in (("offset", offset), ("limit", limit)):
        hint = misplaced(number)
        if hint:
            raise InvalidQuery(f"{name} must be an integer, not a filter{hint}.")
        if number is None:
            continue
        if type(number) is not int:
            raise InvalidQuery(f"{name} must be an integer, got {shown(number)}.")
        if number < 0:
            raise InvalidQuery(f"{name} must be >= 0, got {shown(number)}.")
        if number > MAX_INT64:
            raise InvalidQuery(f"{name} must be < 2**63, got {shown(number)}.")
    return offset or 0, limit


def check_moment(as_of: datetime) -> datetime:
    """Return the time at which something was the latest, in UTC.

    Raises:
        InvalidQuery: it is not a datetime, has no time zone, or is out of range.
    """
    if not isinstance(as_of, datetime):
        raise InvalidQuery(f"Invalid as_of {shown(as_of)}: expected a datetime with a time zone.")
    try:
        return in_utc(as_of)
    except ValueError as error:
        raise InvalidQuery(f"Invalid as_of: {error}.") from None


def parse_sort(kind: type[S], sort: S) -> S:
    """Return a sort order, given as a member of its enumeration or as its name.

    Raises:
        InvalidQuery: the enumeration has no such member.
    """
    try:
        # Enum would call the repr of anything else, which may raise anything.
        if isinstance(sort, str):
            return kind(sort)
    except ValueError:
        pass
    names = ", ".join(kind)
    hint = misplaced(sort).replace(":", ", or", 1)
    raise InvalidQuery(f"Invalid sort {shown(sort)}: use one of {names}{hint}.")
