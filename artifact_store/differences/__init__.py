"""Differences of artifacts: what changed between two of them, in values and in sentences."""

from typing import TYPE_CHECKING

from ..lazy import lazy_submodules

if TYPE_CHECKING:
    from . import (
        changes,
        diff,
        display,
        equality,
        markdown,
        matching,
        sequences,
        summary,
        tables,
        texts,
        values,
        versions,
    )
else:
    __getattr__ = lazy_submodules(__name__)

__all__ = [
    "changes",
    "diff",
    "display",
    "equality",
    "markdown",
    "matching",
    "sequences",
    "summary",
    "tables",
    "texts",
    "values",
    "versions",
]
