"""How the numbers of a key went, version by version."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from .screen import width
from .text import is_terminal, safe
from .values import cell_text, figure

if TYPE_CHECKING:
    from artifact_store import Point

__all__ = ["print_trend", "trend"]


def trend(some: Iterable[Point], room: int = 20) -> str:
    """Return how a number went: as a sparkline on a terminal that can show one, otherwise as the numbers."""
    values = [point.value for point in some][-room:]
    if is_terminal() and (sys.stdout.encoding or "").lower().startswith("utf"):
        from artifact_store.rendering import sparkline

        return sparkline(values)
    return " ".join(map(cell_text, map(figure, values)))


def print_trend(field: str, some: Sequence[Point]) -> None:
    """Print on a terminal how a number went."""
    values = [point.value for point in some]
    lowest, highest, last = (
        cell_text(figure(value)) for value in (min(values), max(values), values[-1])
    )
    room = max(width() - len(field) - 40, 8)
    click.echo(f"{safe(field)}  {trend(some, room)}  {lowest} to {highest}, now {last}")
    click.echo()
