"""Artifacts: how they are created, versioned, listed, counted, changed and deleted."""

from typing import TYPE_CHECKING

from ..lazy import lazy_submodules

if TYPE_CHECKING:
    from . import (
        alias_check,
        aliases,
        conditions,
        context,
        create,
        create_if,
        delete,
        inputs,
        integrity,
        key_locks,
        latest_check,
        latest_update,
        lineage,
        lookup,
        metrics,
        openlineage,
        overview,
        pagination,
        profile_check,
        progress,
        protection,
        queries,
        references,
        run_trees,
        shortcuts,
        since,
        update,
        waiting,
    )
else:
    __getattr__ = lazy_submodules(__name__)

__all__ = [
    "alias_check",
    "aliases",
    "conditions",
    "context",
    "create",
    "create_if",
    "delete",
    "inputs",
    "integrity",
    "key_locks",
    "latest",
    "latest_check",
    "latest_update",
    "lineage",
    "lookup",
    "metrics",
    "openlineage",
    "overview",
    "pagination",
    "profile_check",
    "progress",
    "protection",
    "queries",
    "references",
    "run_trees",
    "shortcuts",
    "since",
    "update",
    "waiting",
]
