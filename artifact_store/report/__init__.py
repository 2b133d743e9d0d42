"""The report: one file that shows the artifacts of a store in any browser, without a network."""

from typing import TYPE_CHECKING

from ..lazy import lazy_submodules

if TYPE_CHECKING:
    from . import writing
else:
    __getattr__ = lazy_submodules(__name__)

__all__ = ["writing"]
