"""A default for arguments where `None` has a meaning of its own."""

from enum import Enum
from typing import Final, Literal, TypeAlias

__all__ = ["UNSET", "Unset"]


class Default(Enum):
    """The class of `UNSET`; an enum, so that a type checker can tell it from every other value."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        """Return its name."""
        return "UNSET"


UNSET: Final = Default.UNSET
"""The argument was not given."""

Unset: TypeAlias = Literal[Default.UNSET]
"""The type of `UNSET`."""
