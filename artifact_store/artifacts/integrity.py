"""Reads the whole store, to find what is damaged or inconsistent before a program reads it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import peewee
from pydantic import BaseModel

from ..db.artifact_tables import Artifact, ArtifactAlias, ArtifactAliasMove
from ..db.statements import Query, Row, Statements, slot
from ..errors import StoreDamaged
from ..runs.queries import DEPLOYMENTS, FLOW_RUNS, FLOWS, TASK_RUNS, WORK_POOLS, WORK_QUEUES
from ..schemas import artifacts as schemas
from ..schemas.store import Inconsistency
from . import alias_check, latest_check, profile_check
from .aliases import ALIASES, MOVES
from .queries import ROWS

__all__ = ["verify"]


class CheckedTable(NamedTuple):
    """A table whose rows are checked.

    Attributes:
        model: the table.
        names: its columns.
        parse: returns the values of rows that have these columns.
        key: what tells its rows apart.
        page_size: how many rows are read by one statement.
    """

    model: type[peewee.Model]
    names: Sequence[str]
    parse: Callable[[Iterable[Row]], Sequence[BaseModel]]
    key: peewee.ColumnBase
    page_size: int = 200

    def position(self, db: Statements) -> Query:
        """Return the column that orders the rows."""
        return db.dialect.row_position(self.key)

    def select(self, db: Statements) -> peewee.Select:
        """Return the query of all rows, each with its position as the last column."""
        columns = [getattr(self.model, name) for name in self.names]
        return self.model.select(*columns, self.position(db))


_TABLES = (
    CheckedTable(Artifact, ROWS.names, ROWS.values, Artifact.id),
    # No key has an `@`. PostgreSQL has no index in this order, so its pages are larger.
    CheckedTable(
        ArtifactAlias,
        ALIASES.names,
        ALIASES.values,
        ArtifactAlias.key.concat("@").concat(ArtifactAlias.name),
        page_size=10_000,
    ),
    CheckedTable(ArtifactAliasMove, MOVES.names, MOVES.values, ArtifactAliasMove.id),
    *(
        CheckedTable(entity.table, entity.rows.names, entity.rows.values, entity.table.id)
        for entity in (FLOWS, DEPLOYMENTS, FLOW_RUNS, TASK_RUNS, WORK_POOLS, WORK_QUEUES)
    ),
)


def verify(db: Statements) -> list[Inconsistency]:
    """Return what is wrong with the file, the latest versions, the aliases, the rows and the profiles."""
    found = []
    for text in db.engine.damaged_pages():
        message = f"The file is damaged: {text.rstrip('.')}."
        found.append(Inconsistency("damaged", "", message))
    for check in (latest_check.verify, alias_check.verify, alias_check.verify_chains):
        try:
            found += check(db)
        except StoreDamaged as error:
            found.append(inconsistency_of(error))

    for table in _TABLES:
        try:
            found += verify_rows(db, table)
        except StoreDamaged as error:
            # A page of the file is damaged, so the rows after it cannot be reached.
            found.append(inconsistency_of(error))
    return sorted(set(found))


def inconsistency_of(error: StoreDamaged) -> Inconsistency:
    """Return the inconsistency that an error is about."""
    kind = "unreadable" if error.name else "damaged"
    return Inconsistency(kind, error.name, str(error))


def verify_rows(db: Statements, table: CheckedTable) -> Iterator[Inconsistency]:
    """Yield what is wrong with each row: it cannot be read, or its profile is wrong."""
    last: Row | None = None
    while True:
        try:
            page = read_page(db, table, last)
            yield from wrong_profiles(table, page)
        except StoreDamaged:
            page = read_positions(db, table, last)
            for row in page:
                yield from verify_row(db, table, row)

        if not page:
            return
        # A damaged file may lead around in a circle.
        if last is not None and page[-1][-1] <= last[-1]:
            return
        last = page[-1]


def verify_row(db: Statements, table: CheckedTable, at: Row) -> Iterator[Inconsistency]:
    """Yield what is wrong with the row at a position."""
    try:
        yield from wrong_profiles(table, read_row(db, table, at))
    except StoreDamaged as error:
        yield inconsistency_of(error)


def wrong_profiles(table: CheckedTable, rows: list[Row]) -> list[Inconsistency]:
    """Parse rows, whose last column is their position, and return which profiles are wrong.

    Raises:
        StoreDamaged: a row cannot be parsed.
    """
    found = []
    for value in table.parse(row[:-1] for row in rows):
        if not isinstance(value, schemas.Artifact):
            continue
        inconsistency = profile_check.check(value)
        if inconsistency is not None:
            found.append(inconsistency)
    return found


def read_page(db: Statements, table: CheckedTable, last: Row | None) -> list[Row]:
    """Read the next rows of a table, each with its position as the last column.

    Args:
        db: the statements of a store.
        table: the table.
        last: the row before them; `None` reads the first ones.
    """

    def build() -> Query:
        return next_page(table, table.select(db), table.position(db), last)

    key = ("integrity.page", table.model, last is None)
    return db.fetch_all(key, build, position_of(last))


def read_positions(db: Statements, table: CheckedTable, last: Row | None) -> list[Row]:
    """Read the positions of the rows that `read_page` reads."""

    def build() -> Query:
        position = table.position(db)
        return next_page(table, table.model.select(position), position, last)

    key = ("integrity.positions", table.model, last is None)
    return db.fetch_all(key, build, position_of(last))


def read_row(db: Statements, table: CheckedTable, at: Row) -> list[Row]:
    """Read the row at a position, with its position as the last column."""

    def build() -> Query:
        is_there = table.position(db) == slot("position")
        return table.select(db).where(is_there)

    return db.fetch_all(("integrity.row", table.model), build, position_of(at))


def position_of(row: Row | None) -> dict[str, object]:
    """Return the values of a statement that reads at or after a row."""
    return {} if row is None else {"position": row[-1]}


def next_page(
    table: CheckedTable, query: peewee.Select, position: Query, last: Row | None
) -> Query:
    """Return a query of the next rows, in the order of their positions."""
    if last is not None:
        query = query.where(position > slot("position"))
    return query.order_by(position).limit(table.page_size)
