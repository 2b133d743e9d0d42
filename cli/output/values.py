"""How single values are written: cells, times and numbers."""

import json
from datetime import datetime
from typing import Any

__all__ = ["cell_text", "counted", "figure", "size_text", "time_text"]


def cell_text(value: Any) -> str:
    """Return a value as the text of a cell: numbers, lists and objects as JSON, `None` as nothing."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return time_text(value)
    return (
        json.dumps(value, ensure_ascii=False)
        if isinstance(value, bool | float | list | dict)
        else str(value)
    )


def time_text(moment: datetime) -> str:
    """Return a time in ISO 8601, to the second."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def figure(value: float) -> int | float:
    """Return a number without the fraction that it does not have."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def counted(number: int, noun: str) -> str:
    """Return a number of things in words.

    Examples:
        >>> counted(1, "artifact"), counted(1461, "row")
        ('1 artifact', '1,461 rows')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size_text(size: int) -> str:
    """Return a size in bytes in the unit that says enough.

    Examples:
        >>> size_text(2048), size_text(20 * 1024**2)
        ('2 KiB', '20 MiB')
    """
    return f"{size / 1024:,.0f} KiB" if size < 10 * 1024**2 else f"{size / 1024**2:,.0f} MiB"
