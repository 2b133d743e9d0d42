"""Filters: their fields and operators, sort orders, and the compiler that makes SQL of them."""

from typing import TYPE_CHECKING

from ..lazy import lazy_submodules

if TYPE_CHECKING:
    from . import compiler, definitions, orders
else:
    __getattr__ = lazy_submodules(__name__)

__all__ = ["compiler", "definitions", "orders"]
