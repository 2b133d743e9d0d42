"""The types of the states that a run may be in."""

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
    """Return the state type that a text names in any case.

    Raises:
        ValueError: there is no such type; the sentence names the nearest.

    Examples:
        >>> as_state_type("failed")
        'FAILED'
    """
    name = text.upper()
    if name in STATE_TYPES:
        return name
    near = get_close_matches(name[:100], STATE_TYPES, 1, 0)[0]
    raise ValueError(
        f"{shown(text)} is not a state type: use one of {', '.join(STATE_TYPES)}; did you mean {near!r}?"
    )
