"""Find flows, deployments, runs, work pools and work queues by id or by name."""

from functools import partial
from typing import TypeVar
from uuid import UUID

from ..db.statements import Query, Statements, slot
from ..errors import InvalidQuery
from ..schemas.runs import RunValue
from ..wording import shown
from .queries import Entity

__all__ = ["find", "find_child"]

V = TypeVar("V", bound=RunValue)
P = TypeVar("P", bound=RunValue)


def find(db: Statements, entity: Entity[V], ref: object) -> V | None:
    """Return the row that an id or a name stands for; of several with one name the newest.

    Raises:
        InvalidQuery: it is neither.
    """
    entity_id = as_id(ref, entity, "an id or a name")
    if entity_id is not None:
        return entity.read(db, entity_id)
    return find_named(db, entity, str(ref))


def find_named(db: Statements, entity: Entity[V], name: str) -> V | None:
    """Return the newest row with a name."""
    if not is_storable(name):
        return None
    build = partial(by_name_query, entity)
    row = db.fetch_one((entity.label, "by name"), build, {"name": name})
    return None if row is None else entity.rows.value(row)


def find_child(db: Statements, entity: Entity[V], parent: Entity[P], ref: object) -> V | None:
    """Return the row that an id or two names stand for: that of its parent and its own, with a `/` between.

    Both names may have a `/` too, so every place where they may part is tried.

    Raises:
        InvalidQuery: it is neither.
    """
    expected = f"an id or the name of the {parent.label} and its own, as in nightly/prod"
    entity_id = as_id(ref, entity, expected)
    if entity_id is not None:
        return entity.read(db, entity_id)

    parts = str(ref).split("/")
    if not is_storable(str(ref)):
        return None
    if len(parts) == 1:
        raise InvalidQuery(f"Invalid {entity.label} {shown(ref)}: expected {expected}.")
    for end in range(1, len(parts)):
        of = find_named(db, parent, "/".join(parts[:end]))
        if of is None:
            continue
        values = {entity.natural_key[0]: str(of.id), "name": "/".join(parts[end:])}
        key = (entity.label, "natural key")
        row = db.fetch_one(key, entity.select_by_natural_key, values)
        if row is not None:
            return entity.rows.value(row)
    return None


def as_id(ref: object, entity: Entity[V], expected: str) -> UUID | None:
    """Return a UUID, or the one that a text is; `None` for any other text."""
    if isinstance(ref, UUID):
        return ref
    if not isinstance(ref, str):
        raise InvalidQuery(f"Invalid {entity.label} {shown(ref)}: expected {expected}.")
    try:
        return UUID(ref)
    except ValueError:
        return None


def is_storable(text: str) -> bool:
    """Tell whether a text may be stored at all: NUL and halves of surrogate pairs are in no name."""
    return "\0" not in text and text.encode("utf-8", "replace").decode() == text


def by_name_query(entity: Entity[V]) -> Query:
    """Build the SELECT of the newest row with a name."""
    is_named = entity.column("name") == slot("name")
    return entity.select().where(is_named).order_by(entity.column("id").desc()).limit(1)
