"""Databases: addresses, connections, transactions, statements, tables and migrations."""

from typing import TYPE_CHECKING

from ..lazy import lazy_submodules

if TYPE_CHECKING:
    from . import (
        connect,
        dialects,
        engine,
        migrate,
        read_only,
        replica,
        rows,
        statements,
    )
else:
    __getattr__ = lazy_submodules(__name__)

__all__ = [
    "connect",
    "dialects",
    "engine",
    "migrate",
    "read_only",
    "replica",
    "rows",
    "statements",
]
