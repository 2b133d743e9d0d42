"""Tables as rows: CSV, frames, and the profile of their columns."""

from typing import TYPE_CHECKING

from ..lazy import lazy_submodules

if TYPE_CHECKING:
    from . import frames, rows
else:
    __getattr__ = lazy_submodules(__name__)

__all__ = ["frames", "rows"]
