"""What JSON can say, and how Python values become it."""

from typing import TYPE_CHECKING

from ..lazy import lazy_submodules

if TYPE_CHECKING:
    from . import normalize
else:
    __getattr__ = lazy_submodules(__name__)

__all__ = ["normalize"]
