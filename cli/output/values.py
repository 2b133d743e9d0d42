"""How single values are written: cells, times and numbers."""

import json
from datetime import datetime
from typing import Any

__all__ = ["cell_text", "figure", "time_text"]


def cell_text(value: Any) -> str:
    """Return a value as the text of a cell: numbers, lists and objects as JSON, `None` as nothing."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return time_text(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | float | list | dict) else str(value)


def time_text(moment: datetime) -> str:
    """Return a time in ISO 8601, to the second."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def figure(value: float) -> int | float:
    """Return a number without the fraction that it does not have."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
