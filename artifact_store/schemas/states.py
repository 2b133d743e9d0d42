"""The state types of runs."""

from difflib import get_close_matches
from typing import Literal, get_args

from ..wording import shown

__all__ = ["STATE_TYPES", "StateType", "as_state_type"]

StateType = Literal[
    "SCHEDULED",
    "PENDING",
    "RUNNING",
    "COMPLETED",
    "FAILED",
    "CANCELLED",
    "CRASHED",
    "PAUSED",
    "CANCELLING",
]
STATE_TYPES: tuple[str, ...] = get_args(StateType)


def as_state_type(text: str) -> str:
    """Return a state type from its name in upper or lower case.

    Raises:
        ValueError: there is no such type; the message names the nearest.

    Examples:
        >>> as_state_type("failed")
        'FAILED'
    """
    name = text.upper()
    if name in STATE_TYPES:
        return name
    near = get_close_matches(name[:100], STATE_TYPES, 1, 0)[0]
    remedy = f"use one of {', '.join(STATE_TYPES)}; did you mean {near!r}?"
    raise ValueError(f"{shown(text)} is not a state type: {remedy}")
