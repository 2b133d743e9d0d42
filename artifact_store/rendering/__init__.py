"""The one renderer family: artifacts become blocks, and blocks become HTML or lines of a terminal."""

from typing import TYPE_CHECKING

from ..lazy import lazy_submodules

if TYPE_CHECKING:
    from . import blocks, surroundings
else:
    __getattr__ = lazy_submodules(__name__)

__all__ = ["blocks", "surroundings"]
