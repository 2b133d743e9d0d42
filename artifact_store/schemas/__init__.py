"""The values that go in and come out of a store: frozen pydantic models, and their validation."""

from typing import TYPE_CHECKING

from ..lazy import lazy_submodules

if TYPE_CHECKING:
    from . import history, lineage, run_trees, runs, store
else:
    __getattr__ = lazy_submodules(__name__)

__all__ = ["history", "lineage", "run_trees", "runs", "store"]
