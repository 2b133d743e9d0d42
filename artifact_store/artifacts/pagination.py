"""Statements over many artifacts: pages of a listing, counts, and what a filter names.

A page begins at an offset or after a position. An order in which artifacts keep their places is
read page after page, each from where the last one ended. In any other order an artifact that moves
meanwhile would be skipped, so the names of all rows are taken once, packed, and pages are read by name.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple
from uuid import UUID

import peewee
from peewee import SQL, NodeList, fn

from ..db import artifact_tables
from ..db.artifact_tables import ArtifactCollection
from ..db.damage import Reading
from ..db.peewee_internals import ctes_of
from ..db.replica import Reader, Stream
from ..db.statements import Query, Statements, Values, slot
from ..filters.compiler import apply_condition, select_related
from ..filters.conditions import Condition, Form, Related, related_conditions, replace_forms
from ..filters.orders import Order, Position, beyond, order_of, position_of
from ..schemas import artifacts as schemas
from ..schemas.sorting import ArtifactCollectionSort, ArtifactSort
from .queries import ROWS

__all__ = ["ListingQuery", "count", "each", "page", "select_keys"]

_A, _C = artifact_tables.Artifact, ArtifactCollection
_LIVE = _C.latest_id.is_null(False)  # the key is not empty
_FEW = 200  # related rows that are looked up first
_MANY = 20_000  # related rows that are looked up when a page was not found near the start
_PAYLOAD = ("data", "profile")
_WINDOW = 3000  # rows that are looked at one by one


class ListingQuery(NamedTuple):
    """What is asked of all artifacts, or of the latest of each key.

    Attributes:
        condition: what must hold of them.
        values: the values in it.
        sort: their order; its kind tells whether all are asked for, or the latest of each key.
        include_data: whether their data and profiles are read; without them, they are `None`.
    """

    condition: Condition | None
    values: Values
    sort: ArtifactSort | ArtifactCollectionSort = ArtifactSort.ID_DESC
    include_data: bool = True

    @property
    def latest(self) -> bool:
        """Whether the latest artifact of each key is asked for."""
        return isinstance(self.sort, ArtifactCollectionSort)

    @property
    def order(self) -> Order:
        """The order that the sort stands for."""
        return order_of(self.sort)

    def select(self, db: Statements, *columns: Query) -> Query:
        """Return the query for what is asked, in no order."""
        query = _A.select(*(columns or self._columns()))
        if self.latest:
            query = query.join(_C, on=(_C.latest_id == _A.id))
        return apply_condition(query, self.condition, db.dialect)

    def _columns(self) -> list[Query]:
        return [
            getattr(_A, name) if self.include_data or name not in _PAYLOAD else SQL("NULL").alias(name)
            for name in ROWS.names
        ]


def page(
    db: Statements, asked: ListingQuery, offset: int, limit: int | None, after: Position | None = None
) -> list[schemas.Artifact]:
    """Return a page of what is asked, from an offset or after a position."""
    if limit is not None and related_conditions(asked.condition, "in"):
        return _related_page(db, asked, offset, limit, after)
    return _whole_page(db, asked, _by_rows, offset, limit, after)


def _related_page(
    db: Statements, asked: ListingQuery, offset: int, limit: int, after: Position | None
) -> list[schemas.Artifact]:
    """Return a page of what also depends on related rows, at a price that hardly depends on how many match.

    Few related rows are looked up first, and lead to their artifacts by index. Where there are many, the page
    is likely to be found among the first rows of the order; otherwise the matches are rare there.
    """
    few = _resolved(db, asked, _FEW)
    if few is None:
        return []
    links = related_conditions(few.condition, "in")
    if links:
        near = few._replace(condition=replace_forms(few.condition, dict.fromkeys(links, "exists")))
        found = _whole_page(db, near, _by_window, offset, limit, after)
        if len(found) == limit:
            return found
    far = _resolved(db, few, _MANY)
    return [] if far is None else _whole_page(db, far, _by_ids, offset, limit, after)


def _resolved(db: Statements, asked: ListingQuery, most: int) -> ListingQuery | None:
    """Replace the conditions on related rows by the rows' keys where there are not more than so many.

    Returns:
        What is asked; `None` when no related row satisfies a condition.
    """
    forms: dict[Related, Form] = {}
    values = dict(asked.values)
    for link in related_conditions(asked.condition, "in"):
        keys = _related(db, asked, link, most + 1) if link.condition is not None else None
        if keys is not None and not keys:
            return None
        if keys is not None and len(keys) <= most:
            forms[link] = "keys"
            values["keys", link.relation] = db.dialect.bind_list(keys)
    return asked._replace(condition=replace_forms(asked.condition, forms), values=values)


def _related(db: Statements, asked: ListingQuery, link: Related, limit: int) -> list[str]:
    """Return the keys of some of the related rows of a link."""

    def build() -> Query:
        return select_related(link, db.dialect).limit(slot("limit"))

    rows = db.fetch_all(("pages.related", link), build, {**asked.values, "limit": limit})
    return [str(key) for (key,) in rows]


PageQuery = Callable[[Statements, ListingQuery, Query | None], Query]
"""How the query for a part of what is asked is put: takes the condition of the part."""


def _by_rows(db: Statements, asked: ListingQuery, part: Query | None) -> Query:
    query = asked.select(db)
    return _bounded(asked, query if part is None else query.where(part))


def _by_ids(db: Statements, asked: ListingQuery, part: Query | None) -> Query:
    """Find all that match, sort no more of them than their places, and read the rows of those on the page.

    A planner would rather look for them along the order, where they are rare: PostgreSQL is kept from it by
    materializing the matches, SQLite by an order of their own.
    """
    order = asked.order
    names = [f"place_{number}" for number in range(len(order.columns))]
    matching = asked.select(db, _A.id, *(column.alias(name) for column, name in zip(order.columns, names, strict=True)))
    related = ctes_of(matching)  # Peewee drops the named queries of a named query
    matching = (matching if part is None else matching.where(part)).with_cte()
    # SQLite then finds the newest runs first, and has little left to sort.
    found_by = related_conditions(asked.condition, "in", "keys")[0].relation.column
    matches = db.dialect.matched_first(matching, "matches", found_by.desc())
    terms = order._replace(columns=tuple(getattr(matches.c, name) for name in names)).terms
    ids = matches.select(matches.c.id).order_by(*terms).limit(slot("limit")).offset(slot("offset"))
    rows = asked._replace(condition=None).select(db)
    return rows.where(_A.id << ids).order_by(*order.terms).with_cte(*related, matches)


def _by_window(db: Statements, asked: ListingQuery, part: Query | None) -> Query:
    """Look at the first rows of the order alone."""
    columns = asked.order.columns[:2]
    edge = _C.select(*columns).where(_LIVE) if asked.latest else _A.select(*columns)
    edge = edge if part is None else edge.where(part)
    edge = edge.order_by(*asked.order.terms).limit(1).offset(_WINDOW - 1)
    whole = NodeList(columns, glue=", ", parens=len(columns) > 1)
    inside = NodeList((whole, SQL(">=" if asked.order.descending else "<="), edge))
    return _by_rows(db, asked, inside if part is None else NodeList((part, SQL("AND"), inside)))


def _bounded(asked: ListingQuery, query: Query) -> Query:
    return query.order_by(*asked.order.terms).limit(slot("limit")).offset(slot("offset"))


def _whole_page(
    db: Statements, asked: ListingQuery, form: PageQuery, offset: int, limit: int | None, after: Position | None
) -> list[schemas.Artifact]:
    if after is None or not asked.order.nulls_last:
        return _page(db, asked, form, "all" if after is None else "beyond", offset, limit, after)
    if after[0] is None:
        return _page(db, asked, form, "nulls beyond", offset, limit, after)
    # One statement for both parts would walk the index from its start.
    found = _page(db, asked, form, "beyond", offset, limit, after)
    if limit is not None and len(found) >= limit:
        return found
    return found + _page(db, asked, form, "nulls", offset, None if limit is None else limit - len(found), None)


def _page(
    db: Statements,
    asked: ListingQuery,
    form: PageQuery,
    part: str,
    offset: int,
    limit: int | None,
    after: Position | None,
) -> list[schemas.Artifact]:
    def build() -> Query:
        return form(db, asked, _condition_of(part, asked.order))

    values = {**asked.values, "limit": db.dialect.unlimited if limit is None else limit, "offset": offset}
    values |= {("after", number): value for number, value in enumerate(after or ())}
    key = ("pages.page", form.__name__, part, type(asked.sort), asked.sort, asked.include_data, asked.condition)
    # How many related rows there are decides whether they are met one by one or all at once.
    return ROWS.values(db.fetch_all(key, build, values, varied=form is _by_ids))


def _condition_of(part: str, order: Order) -> Query | None:
    """Return the condition of a part of an order: `all`, `beyond` a position, the `nulls` or the `nulls beyond` one."""
    if part == "all":
        return None
    slots = [slot(("after", number)) for number in range(len(order.columns))]
    if part == "beyond":
        return beyond(order, slots)
    null, last = order.columns[0].is_null(True), order.columns[-1]
    if part == "nulls":
        return null
    return null & (last < slots[-1] if order.descending else last > slots[-1])


def each(ask: Reader, asked: ListingQuery, size: int) -> Iterator[schemas.Artifact]:
    """Yield everything that is asked, one page in memory at a time."""
    return (_lasting if asked.order.lasting else _by_name)(ask.stream(), asked, size)


def _lasting(ask: Stream, asked: ListingQuery, size: int) -> Iterator[schemas.Artifact]:
    after: Position | None = None
    while True:
        found = ask(page, asked, 0, size, after)
        yield from found
        if len(found) < size:
            return
        after = position_of(asked.order, found[-1])


def _by_name(ask: Stream, asked: ListingQuery, size: int) -> Iterator[schemas.Artifact]:
    for names in ask(_names, asked, size):
        yield from ask(_named, asked, names.decode().split("\n"))


def _names(db: Statements, asked: ListingQuery, size: int) -> list[bytes]:
    """Return the names of everything asked, in order, a page of them packed into one text."""

    def build() -> Query:
        return asked.select(db, _C.key if asked.latest else _A.id).order_by(*asked.order.terms)

    key = ("pages.names", type(asked.sort), asked.sort, asked.condition)
    return db.fetch_packed(
        key, build, asked.values, size, lambda rows: "\n".join(str(name) for (name,) in rows).encode()
    )


def _named(db: Statements, asked: ListingQuery, names: list[str]) -> list[schemas.Artifact]:
    """Return what is still asked among some names, in their order."""

    def build() -> Query:
        return asked.select(db).where(db.dialect.is_in(_C.key if asked.latest else _A.id, slot("names")))

    key = ("pages.named", asked.latest, asked.include_data, asked.condition)
    found = ROWS.values(db.fetch_all(key, build, {**asked.values, "names": db.dialect.bind_list(names)}))
    by_name = {one.key if asked.latest else str(one.id): one for one in found}
    return [by_name[name] for name in names if name in by_name]


def count(db: Statements, asked: ListingQuery) -> int:
    """Return how many artifacts, or latest artifacts, are asked for."""
    key = ("pages.count", type(asked.sort), asked.condition)
    row = db.fetch_one(key, partial(_counting, asked, db), asked.values)
    assert row is not None
    number: int = row[0]
    return number


def _counting(asked: ListingQuery, db: Statements) -> Query:
    number = fn.COUNT(SQL("*"))
    if not asked.latest or asked.condition is not None:
        return asked.select(db, number)
    # Counting all keys is quickest, and an index holds the few that are empty.
    return peewee.Select(
        columns=[NodeList((_C.select(number), SQL("-"), _C.select(number).where(_C.latest_id.is_null())))]
    )


def select_keys(db: Statements, asked: ListingQuery) -> list[tuple[UUID, str | None]]:
    """Return the id and the key of every artifact that is asked for."""
    rows = db.fetch_all(("pages.keys", asked.condition), lambda: asked.select(db, _A.id, _A.key), asked.values)
    with Reading("The id of an artifact"):
        return [(schemas.as_uuid(row[0]), row[1]) for row in rows]
