"""The current time and new ids, which are made here only."""

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

__all__ = ["in_utc", "new_id", "now"]


def now() -> datetime:
    """Return the current time in UTC, with microseconds."""
    return datetime.now(UTC)


def in_utc(value: datetime) -> datetime:
    """Return a time in UTC.

    Raises:
        ValueError: it has no time zone, or is outside of the years 1 to 9999. Pydantic reports it.
    """
    if value.tzinfo is None:
        raise ValueError(
            f"{value.isoformat()} has no time zone: add one, for example with .astimezone()"
        )
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{value.isoformat()} is outside of the years 1 to 9999 in UTC") from None


def new_id() -> UUID:
    """Return a new UUIDv7 (RFC 9562); the ids of one process sort in the order of their creation."""
    return uuid7()
