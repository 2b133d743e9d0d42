"""Output as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeGuard

import click

from .text import json_text
from .values import plain_number, time_text

if TYPE_CHECKING:
    from artifact_store import Point

__all__ = ["dump", "dump_fields", "dump_points", "print_documents", "print_json", "print_ndjson"]


class Model(Protocol):
    """A value of the SDK that pydantic serializes."""

    def model_dump(self, *, mode: str, exclude: set[str]) -> dict[str, object]:
        """Return its fields as plain JSON."""
        ...


class NamedTupleLike(Protocol):
    """A value of the SDK that is a named tuple."""

    def _asdict(self) -> dict[str, object]: ...


def print_json(value: object) -> None:
    """Print one JSON document."""
    click.echo(json_text(dump(value)))


def print_ndjson(values: Iterable[object]) -> None:
    """Print one JSON document per line, each as soon as it is read."""
    for value in values:
        sys.stdout.write(json_text(dump(value), indent=None) + "\n")


def print_documents(values: Iterator[object], form: str) -> None:
    """Print documents in one of the forms `json` and `ndjson`."""
    if form == "json":
        print_json(values)
    else:
        print_ndjson(values)


def dump(value: object) -> object:
    """Return a value of the SDK, or a list of them, as plain JSON."""
    if isinstance(value, list | Iterator):
        return [dump(each) for each in value]
    if is_model(value):
        return dump_fields(value)
    if is_named_tuple(value):
        return value._asdict()
    return value


def is_model(value: object) -> TypeGuard[Model]:
    """Tell whether pydantic serializes a value."""
    return hasattr(value, "model_dump")


def is_named_tuple(value: object) -> TypeGuard[NamedTupleLike]:
    """Tell whether a value has named fields."""
    return hasattr(value, "_asdict")


def dump_fields(value: Model, *without: str) -> dict[str, object]:
    """Return a value of the SDK as plain JSON, without some of its fields."""
    return value.model_dump(mode="json", exclude=set(without))


def dump_points(points: Iterable[Point]) -> list[dict[str, object]]:
    """Return the history of a number as plain JSON."""
    return [
        {
            "version": point.version,
            "created": time_text(point.created),
            "value": plain_number(point.value),
        }
        for point in points
    ]
