"""Flows, deployments, runs and work pools, and the blocks and decorators that open runs."""

from typing import TYPE_CHECKING

from ..lazy import lazy_submodules

if TYPE_CHECKING:
    from . import active, current, decorators, lookup, open_runs, queries
else:
    __getattr__ = lazy_submodules(__name__)

__all__ = ["active", "current", "decorators", "lookup", "open_runs", "queries"]
