"""The orders of a listing, each ending in a unique tiebreak, so that pages never overlap.

A *position* is where one artifact stands in an order: the values of the columns that order it. A
*cursor* is a position as text; a listing that continues from it costs the same however deep it is.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import peewee
from peewee import SQL, NodeList
from pydantic_core import from_json, to_json

from ..db.artifact_tables import Artifact, ArtifactCollection, TableWithId
from ..db.dialects import encode_time, encode_value
from ..db.statements import Expression
from ..errors import InvalidQuery
from ..jsonable.encoders import MAX_INT64
from ..schemas.sorting import ArtifactCollectionSort, ArtifactSort, RunSort
from ..wording import shown

__all__ = [
    "Order",
    "Position",
    "beyond",
    "cursor_of",
    "from_cursor",
    "order_of",
    "position_of",
    "run_ordering",
]

Position: TypeAlias = tuple[object, ...]


class Order(NamedTuple):
    """An order of artifacts.

    Attributes:
        columns: what it orders by, all in one direction; the last makes the position unique.
        names: the fields of an artifact that hold the same values.
        descending: the direction.
        nulls_last: whether the first columns may be NULL, which comes last in both directions.
        lasting: whether an artifact keeps its position for as long as it exists.
        twin: a column of the other table of a join that always equals the first column.
    """

    columns: tuple[Expression, ...]
    names: tuple[str, ...]
    descending: bool
    nulls_last: bool
    lasting: bool
    twin: Expression | None = None

    @property
    def terms(self) -> tuple[peewee.Ordering, ...]:
        """The terms of ORDER BY."""
        nulls = "LAST" if self.nulls_last else None
        first, *rest = self.columns
        if self.descending:
            return first.desc(nulls=nulls), *(column.desc() for column in rest)
        return first.asc(nulls=nulls), *(column.asc() for column in rest)


@lru_cache(maxsize=None, typed=True)  # the members of two enumerations are equal as text
def order_of(sort: ArtifactSort | ArtifactCollectionSort) -> Order:
    """Return the order that a sort stands for."""
    name, _, direction = sort.partition("_")
    descending = direction == "DESC"
    if isinstance(sort, ArtifactSort):
        if name == "KEY":
            return Order(
                (Artifact.key, Artifact.version, Artifact.id),
                ("key", "version", "id"),
                descending,
                True,
                True,
            )
        columns = (Artifact.id,) if name == "ID" else (getattr(Artifact, name.lower()), Artifact.id)
        names = ("id",) if name == "ID" else (name.lower(), "id")
        return Order(columns, names, descending, False, name != "UPDATED")
    c = ArtifactCollection
    if name == "ID":
        return Order(
            (c.latest_id,), ("id",), descending, nulls_last=False, lasting=False, twin=Artifact.id
        )
    if name == "KEY":
        return Order((c.key,), ("key",), descending, nulls_last=False, lasting=True)
    # A new version, or an update of the latest, moves the row of its key.
    return Order((getattr(c, name.lower()), c.key), (name.lower(), "key"), descending, False, False)


def run_ordering(sort: RunSort, table: type[TableWithId]) -> tuple[peewee.Ordering, ...]:
    """Return the ORDER BY terms of a sort over a table of runs."""
    name, _, direction = sort.partition("_")
    columns = [table.id] if name == "ID" else [getattr(table, name.lower()), table.id]
    return tuple(column.asc() if direction == "ASC" else column.desc() for column in columns)


# Positions and cursors


def position_of(order: Order, artifact: Any) -> Position:
    """Return the position of an artifact in an order, as values that can be bound."""
    return tuple(encode_value(getattr(artifact, name)) for name in order.names)


def beyond(order: Order, slots: Sequence[Expression]) -> Expression:
    """Return the condition that a row without NULL comes after a position without NULL."""
    # The last column only breaks ties that a key and its version cannot have.
    columns = order.columns[:2]
    sides = [
        NodeList(nodes, glue=", ", parens=len(nodes) > 1)
        for nodes in (columns, list(slots)[: len(columns)])
    ]
    word = SQL("<" if order.descending else ">")
    after = NodeList((sides[0], word, sides[1]))
    # A planner carries over an equality to the other table, and no inequality.
    return (
        after if order.twin is None else NodeList((after, SQL("AND"), order.twin, word, slots[0]))
    )


def cursor_of(sort: ArtifactSort | ArtifactCollectionSort, artifact: Any) -> str:
    """Return the cursor from which a listing continues after an artifact."""
    position = position_of(order_of(sort), artifact)
    return urlsafe_b64encode(to_json([_kind(sort), sort, *position])).decode().rstrip("=")


def from_cursor(sort: ArtifactSort | ArtifactCollectionSort, cursor: object) -> Position:
    """Return the position that a cursor holds.

    Raises:
        InvalidQuery: it is not a cursor, or is that of a listing of another kind or order.
    """
    try:
        padding = "=" * (-len(cursor) % 4)  # type: ignore[arg-type]
        kind, name, *position = from_json(urlsafe_b64decode(cursor + padding))
        order = order_of({"all": ArtifactSort, "latest": ArtifactCollectionSort}[kind](name))
        checked = tuple(
            _CHECKS[field](value) for field, value in zip(order.names, position, strict=True)
        )
    except (TypeError, ValueError, KeyError, AttributeError):
        raise InvalidQuery(
            f"Invalid cursor {shown(cursor)}: pass the cursor of a list that was read before."
        ) from None
    if (kind, name) != (_kind(sort), sort):
        raise InvalidQuery(
            f"The cursor is that of a listing of {kind} by {name}: pass the same sort again."
        )
    return checked


def _kind(sort: ArtifactSort | ArtifactCollectionSort) -> str:
    return "all" if isinstance(sort, ArtifactSort) else "latest"


def _time(value: Any) -> str:
    if not value.endswith("+00:00") or encode_time(datetime.fromisoformat(value)) != value:
        raise ValueError(value)
    return str(value)


def _key(value: object) -> object:
    if value is not None and (type(value) is not str or "\0" in value):
        raise ValueError(value)
    return value


def _version(value: object) -> object:
    if value is not None and (type(value) is not int or not 0 < value <= MAX_INT64):
        raise ValueError(value)
    return value


_CHECKS: dict[str, Callable[[Any], object]] = {
    "id": lambda value: str(UUID(value)),
    "created": _time,
    "updated": _time,
    "key": _key,
    "version": _version,
}
