"""Tables, images, links, texts and progress, as the plain data that is stored."""

from typing import TYPE_CHECKING

from ..lazy import lazy_submodules

if TYPE_CHECKING:
    from . import builders
else:
    __getattr__ = lazy_submodules(__name__)

__all__ = ["builders"]
