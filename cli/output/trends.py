"""The history of a number of a key, version by version."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from .screen import width
from .text import is_terminal, safe
from .values import cell_text, plain_number

if TYPE_CHECKING:
    from artifact_store import Point

__all__ = ["print_markdown_trend", "print_trend", "trend_text"]

_NUMBERS = 20  # of a key in a listing


def trend_text(points: Iterable[Point], limit: int = _NUMBERS, *, drawn: bool = False) -> str:
    """Return the newest numbers: as a sparkline on a terminal that can show one, otherwise as numbers.

    Args:
        points: the numbers, oldest first.
        limit: how many of them there are at most.
        drawn: return a sparkline wherever it goes.
    """
    values = [point.value for point in points][-limit:]
    encoding = sys.stdout.encoding or ""
    if drawn or (is_terminal() and encoding.lower().startswith("utf")):
        from artifact_store.rendering import sparkline

        return sparkline(values)
    return " ".join(number_cell(value) for value in values)


def number_cell(value: float) -> str:
    """Return a number as the text of a cell."""
    return cell_text(plain_number(value))


def print_trend(field: str, points: Sequence[Point]) -> None:
    """Print the history of a number on a terminal: its line, and its range."""
    values = [point.value for point in points]
    lowest = number_cell(min(values))
    highest = number_cell(max(values))
    last = number_cell(values[-1])

    room = max(width() - len(field) - 40, 8)  # what the range takes
    trend = trend_text(points, room)
    click.echo(f"{safe(field)}  {trend}  {lowest} to {highest}, now {last}")
    click.echo()


def print_markdown_trend(field: str, points: Sequence[Point]) -> None:
    """Print the history of a number in Markdown, and an empty line."""
    from artifact_store.rendering import blocks, blocks_to_markdown

    click.echo(blocks_to_markdown([blocks.Plot(tuple(points), field)]))
