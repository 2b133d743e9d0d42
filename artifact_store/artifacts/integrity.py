"""Reads everything that a store holds, to find what is damaged or does not fit before a program reads it."""

from collections.abc import Iterator
from typing import Any

import peewee

from ..artifacts import latest, profile_check
from ..db import artifact_tables
from ..db.artifact_tables import TableWithId
from ..db.rows import Rows
from ..db.statements import Query, Statements, slot
from ..errors import StoreDamaged
from ..runs.queries import DEPLOYMENTS, FLOW_RUNS, FLOWS, TASK_RUNS, WORK_POOLS, WORK_QUEUES
from ..schemas.artifacts import Artifact
from ..schemas.store import Inconsistency
from .queries import ROWS

__all__ = ["verify"]

_ENTITIES = (FLOWS, DEPLOYMENTS, FLOW_RUNS, TASK_RUNS, WORK_POOLS, WORK_QUEUES)
_TABLES: tuple[tuple[type[TableWithId], Rows[Any]], ...] = (
    (artifact_tables.Artifact, ROWS),
    *((entity.table, entity.rows) for entity in _ENTITIES),
)
_PAGE = 200


def verify(db: Statements) -> list[Inconsistency]:
    """Return what is wrong with the latest versions, the file, the rows that cannot be read, and the profiles."""
    found = [
        Inconsistency("damaged", "", f"The file is damaged: {text.rstrip('.')}.")
        for text in db.engine.damaged_pages()
    ]
    try:
        found += latest.verify(db)
    except StoreDamaged as error:
        found.append(_unreadable(error))
    for table, rows in _TABLES:
        try:
            found += _wrong(db, table, rows)
        except (
            StoreDamaged
        ) as error:  # a page of the table, so that no row beyond it can be reached
            found.append(_unreadable(error))
    return sorted(dict.fromkeys(found))


def _unreadable(error: StoreDamaged) -> Inconsistency:
    return Inconsistency("unreadable" if error.name else "damaged", error.name, str(error))


def _wrong(db: Statements, table: type[TableWithId], rows: Rows[Any]) -> Iterator[Inconsistency]:
    """Yield what is wrong with each row of a table: it cannot be read, or has a profile that does not fit."""
    last: Any = None
    while True:
        try:
            places, values = _read(db, table, rows, last)
            yield from _unfit(values)
        except StoreDamaged:
            places = _places(db, table, last)
            for place in places:
                try:
                    yield from _unfit(_read(db, table, rows, place, alone=True)[1])
                except StoreDamaged as error:
                    yield _unreadable(error)
        if not places or (
            last is not None and places[-1] <= last
        ):  # a damaged file may lead round in a circle
            return
        last = places[-1]


def _unfit(values: list[Any]) -> Iterator[Inconsistency]:
    for value in values:
        if isinstance(value, Artifact) and (found := profile_check.check(value)) is not None:
            yield found


def _read(
    db: Statements, table: type[TableWithId], rows: Rows[Any], place: Any, alone: bool = False
) -> tuple[list[Any], list[Any]]:
    """Read the rows after a place, or the one at it; return their places and values."""
    columns = [getattr(table, name) for name in rows.names]

    def build() -> Query:
        return _beyond(
            db, table.select(*columns, db.dialect.row_position(table.id)), table, place, alone
        )

    found = db.fetch_all(("integrity.read", table, place is None, alone), build, {"place": place})
    values = rows.values(row[:-1] for row in found)
    return [row[-1] for row in found], values


def _places(db: Statements, table: type[TableWithId], place: Any) -> list[Any]:
    """Return the places of some rows after a place, without what the rows hold."""

    def build() -> Query:
        return _beyond(db, table.select(db.dialect.row_position(table.id)), table, place)

    return [
        row[0]
        for row in db.fetch_all(("integrity.places", table, place is None), build, {"place": place})
    ]


def _beyond(
    db: Statements, query: peewee.Select, table: type[TableWithId], place: Any, alone: bool = False
) -> Query:
    column = db.dialect.row_position(table.id)
    if alone:
        return query.where(column == slot("place"))
    if place is not None:
        query = query.where(column > slot("place"))
    return query.order_by(column).limit(_PAGE)
