"""Checks of an artifact: is it fresh enough, are its numbers in range, has one moved too far."""

from typing import TYPE_CHECKING

from ..lazy import lazy_submodules

if TYPE_CHECKING:
    from . import check, conditions, evaluation, numbers, reading
else:
    __getattr__ = lazy_submodules(__name__)

__all__ = ["check", "conditions", "evaluation", "numbers", "reading"]
