"""How single values are written: cells, times and numbers."""

import json
from datetime import datetime

__all__ = ["cell_text", "count_text", "plain_number", "size_text", "time_text"]


def cell_text(value: object) -> str:
    """Return a value as the text of a cell, all of it: lists and objects as JSON, `None` as nothing."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, bool | float | list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def time_text(moment: datetime) -> str:
    """Return a time in ISO 8601, to the second."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


# Imported when they are called, so that help and wrong usage are quick.


def plain_number(value: float) -> int | float:
    """Return a number as an int where it has no fraction.

    Examples:
        >>> plain_number(12.0), plain_number(0.5)
        (12, 0.5)
    """
    from artifact_store.rendering import plain_number

    return plain_number(value)


def count_text(number: int, noun: str) -> str:
    """Return a number of things in words.

    Examples:
        >>> count_text(1, "artifact"), count_text(1461, "row")
        ('1 artifact', '1,461 rows')
    """
    from artifact_store.rendering import count_text

    return count_text(number, noun)


def size_text(size: int) -> str:
    """Return a number of bytes in the unit that says enough.

    Examples:
        >>> size_text(20 * 1024), size_text(20 * 1024**2)
        ('20 KiB', '20 MiB')
    """
    from artifact_store.rendering import size_text

    return size_text(size)
