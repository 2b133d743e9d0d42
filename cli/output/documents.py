"""JSON output."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from .text import json_text
from .values import figure, time_text

if TYPE_CHECKING:
    from artifact_store import Point

__all__ = ["dump", "point_documents", "print_json", "print_ndjson"]


def print_json(value: Any) -> None:
    """Print one JSON document."""
    click.echo(json_text(dump(value)))


def print_ndjson(values: Iterable[Any]) -> None:
    """Print a JSON document a line, each as soon as it is there."""
    for value in values:
        sys.stdout.write(json_text(dump(value), indent=None) + "\n")


def dump(value: Any, *without: str) -> Any:
    """Return a value, or several values, of the SDK as plain JSON; some fields may be left out."""
    if isinstance(value, list | Iterator):
        return [dump(each) for each in value]
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude=set(without))
    return value._asdict() if hasattr(value, "_asdict") else value


def point_documents(points: Iterable[Point]) -> list[dict[str, Any]]:
    """Return the history of a number as plain JSON."""
    return [
        {
            "version": point.version,
            "created": time_text(point.created),
            "value": figure(point.value),
        }
        for point in points
    ]
