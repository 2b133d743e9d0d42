"""Where times and ids come from, so that both are decided in one place."""

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

__all__ = ["new_id", "now"]


def now() -> datetime:
    """Return the current time in UTC, with microseconds."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """Return a new UUIDv7 (RFC 9562): ids made by one process sort in the order in which they were made."""
    return uuid7()
