"""The orders of lists; each ends in a unique column, so that pages never overlap.

A *position* is where an artifact stands in an order: the values of the columns that order it. A
*cursor* is a position as text. A list that continues from a cursor costs the same on every page.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from uuid import UUID

import peewee
from peewee import SQL, NodeList
from pydantic_core import from_json, to_json

from ..db.artifact_tables import Artifact, ArtifactCollection, TableWithId
from ..db.dialects import encode_time, encode_value
from ..db.statements import Expression
from ..errors import InvalidQuery
from ..jsonable.encoders import NotSerializableError, searchable
from ..schemas.keys import is_version
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

Sort: TypeAlias = ArtifactSort | ArtifactCollectionSort
Position: TypeAlias = tuple[object, ...]


class Order(NamedTuple):
    """An order of artifacts.

    Attributes:
        columns: The columns that it orders by, in one direction; the last one breaks all ties.
        names: The fields of an artifact that hold the same values.
        descending: Whether the direction is descending.
        lasting: Whether an artifact keeps its position for as long as it exists.
        nulls_last: Whether the first columns may be NULL, which is last in both directions.
        twin: A column of the other table of a join that always equals the first column.
    """

    columns: tuple[Expression, ...]
    names: tuple[str, ...]
    descending: bool
    lasting: bool
    nulls_last: bool = False
    twin: Expression | None = None

    @property
    def terms(self) -> tuple[peewee.Ordering, ...]:
        """The terms of ORDER BY."""
        nulls = "LAST" if self.nulls_last else None
        first, *rest = self.columns
        if self.descending:
            return first.desc(nulls=nulls), *(column.desc() for column in rest)
        return first.asc(nulls=nulls), *(column.asc() for column in rest)


# Members of two enumerations are equal if their texts are, so the cache must look at the type.
@lru_cache(maxsize=None, typed=True)
def order_of(sort: Sort, as_of: bool = False) -> Order:
    """Return the order of a sort.

    Args:
        sort: the sort.
        as_of: whether it is one of artifacts that were the latest at another time.
    """
    name, _, direction = sort.partition("_")
    descending = direction == "DESC"
    if isinstance(sort, ArtifactSort):
        return artifact_order(name, descending)
    if as_of:
        return as_of_order(name, descending)
    return collection_order(name, descending)


def artifact_order(name: str, descending: bool) -> Order:
    """Return the order of all artifacts by what a sort names."""
    if name == "ID":
        return Order((Artifact.id,), ("id",), descending, lasting=True)
    if name == "KEY":
        return Order(
            columns=(Artifact.key, Artifact.version, Artifact.id),
            names=("key", "version", "id"),
            descending=descending,
            lasting=True,
            nulls_last=True,
        )
    field = name.lower()
    return Order(
        columns=(getattr(Artifact, field), Artifact.id),
        names=(field, "id"),
        descending=descending,
        lasting=name != "UPDATED",
    )


def collection_order(name: str, descending: bool) -> Order:
    """Return the order of the latest artifacts by what a sort names."""
    if name == "ID":
        return Order(
            columns=(ArtifactCollection.latest_id,),
            names=("id",),
            descending=descending,
            lasting=False,
            twin=Artifact.id,
        )
    if name == "KEY":
        return Order((ArtifactCollection.key,), ("key",), descending, lasting=True)
    field = name.lower()
    # A new version, or an update of the latest one, moves the row of its key.
    return Order(
        columns=(getattr(ArtifactCollection, field), ArtifactCollection.key),
        names=(field, "key"),
        descending=descending,
        lasting=False,
    )


def as_of_order(name: str, descending: bool) -> Order:
    """Return the order of the artifacts that were the latest at another time.

    It orders by the same values as `collection_order`, so that both have the same cursors.
    """
    if name == "ID":
        return Order((Artifact.id,), ("id",), descending, lasting=False)
    if name == "KEY":
        return Order((Artifact.key,), ("key",), descending, lasting=True)
    field = name.lower()
    columns = (getattr(Artifact, field), Artifact.key)
    # When an artifact is deleted, one before it moves into its place.
    return Order(columns, (field, "key"), descending, lasting=False)


def run_ordering(sort: RunSort, table: type[TableWithId]) -> tuple[peewee.Ordering, ...]:
    """Return the terms of ORDER BY for a sort of a table of runs."""
    name, _, direction = sort.partition("_")
    columns = [table.id]
    if name != "ID":
        columns.insert(0, getattr(table, name.lower()))
    if direction == "ASC":
        return tuple(column.asc() for column in columns)
    return tuple(column.desc() for column in columns)


# --- Positions and cursors ---


def position_of(order: Order, artifact: object) -> Position:
    """Return the position of an artifact in an order, as values that can be bound."""
    return tuple(encode_value(getattr(artifact, name)) for name in order.names)


def beyond(order: Order, slots: Sequence[Expression]) -> Expression:
    """Return the condition that a row comes after a position; neither contains NULL."""
    # A third column would only break ties of a key and its version, and there are none.
    columns = order.columns[:2]
    values = slots[: len(columns)]
    comparison = SQL("<" if order.descending else ">")
    after = NodeList((row_value(columns), comparison, row_value(values)))
    if order.twin is None:
        return after
    # A planner infers an equality for the other table of a join, but no inequality.
    return NodeList((after, SQL("AND"), order.twin, comparison, slots[0]))


def row_value(nodes: Sequence[Expression]) -> Expression:
    """Return several nodes as a row that can be compared; a single one as it is."""
    return NodeList(nodes, glue=", ", parens=len(nodes) > 1)


def cursor_of(sort: Sort, artifact: object) -> str:
    """Return the cursor from which a list continues after an artifact."""
    position = position_of(order_of(sort), artifact)
    content = to_json([list_kind(sort), sort, *position])
    return urlsafe_b64encode(content).decode().rstrip("=")


def from_cursor(sort: Sort, cursor: object) -> Position:
    """Return the position of a cursor.

    Raises:
        InvalidQuery: It is not a cursor, or it belongs to a list of another kind or order.
    """
    try:
        kind, name, position = parse_cursor(cursor)
    except (TypeError, ValueError, KeyError, AttributeError, NotSerializableError):
        raise InvalidQuery(
            f"Invalid cursor {shown(cursor)}: pass the cursor of a list that was read before."
        ) from None
    if kind != list_kind(sort) or name != sort:
        raise InvalidQuery(
            f"The cursor is that of a listing of {kind} by {name}: pass the same sort again."
        )
    return position


def list_kind(sort: Sort) -> str:
    """Return which artifacts a list with this sort has: `all`, or the `latest` of each key."""
    return "all" if isinstance(sort, ArtifactSort) else "latest"


def parse_cursor(cursor: object) -> tuple[str, str, Position]:
    """Return the kind of list that a cursor belongs to, the name of its sort, and the position.

    What is not a cursor raises any of the errors that `from_cursor` catches.
    """
    if not isinstance(cursor, str):
        raise TypeError(cursor)
    padding = "=" * (-len(cursor) % 4)
    kind, name, *values = from_json(urlsafe_b64decode(cursor + padding))
    sorts = {"all": ArtifactSort, "latest": ArtifactCollectionSort}
    order = order_of(sorts[kind](name))
    position = [
        _PARSERS[field](value)
        for field, value in zip(order.names, values, strict=True)
    ]  # fmt: skip
    return kind, name, tuple(position)


def parse_id(value: object) -> str:
    """Return an id as it is bound."""
    if not isinstance(value, str):
        raise TypeError(value)
    return str(UUID(value))


def parse_time(value: object) -> str:
    """Return a time if it is written as it is stored."""
    if not isinstance(value, str) or not value.endswith("+00:00"):
        raise ValueError(value)
    if encode_time(datetime.fromisoformat(value)) != value:
        raise ValueError(value)
    return value


def parse_key(value: object) -> str | None:
    """Return a key; `None` for an artifact without one."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(value)
    return searchable(value)


def parse_version(value: object) -> int | None:
    """Return a version; `None` for an artifact without a key."""
    if value is None:
        return None
    if not is_version(value):
        raise ValueError(value)
    return value


_PARSERS: dict[str, Callable[[object], object]] = {
    "id": parse_id,
    "created": parse_time,
    "updated": parse_time,
    "key": parse_key,
    "version": parse_version,
}
