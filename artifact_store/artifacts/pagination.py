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
from ..db.damage import Parsing
from ..db.peewee_internals import ctes_of
from ..db.replica import Reader, Stream
from ..db.statements import Query, Statements, Values, slot
from ..filters.compiler import apply_condition, select_related
from ..filters.conditions import Condition, Form, Related, related_conditions, replace_forms
from ..filters.orders import Order, Position, beyond, order_of, position_of
from ..schemas import artifacts as schemas
from ..schemas.sorting import ArtifactCollectionSort, ArtifactSort
from . import queries
from .queries import ROWS

__all__ = ["ListingQuery", "count", "each", "page", "select_keys"]

_A, _C = artifact_tables.Artifact, ArtifactCollection
_LIVE = _C.latest_id.is_null(False)  # the key is not empty
_FEW = 200  # related rows that are looked up first
_MANY = 20_000  # related rows that are looked up when a page was not found near the start
_WINDOW = 3000  # rows that are looked at one by one


class ListingQuery(NamedTuple):
    """The query of a listing: of all artifacts, or of the latest of each key.

    Attributes:
        condition: what must hold of them.
        values: the values in it.
        sort: their order; its kind says whether all are listed, or the latest of each key.
        include_data: whether their data and profiles are read; without them, they are `None`.
    """

    condition: Condition | None
    values: Values
    sort: ArtifactSort | ArtifactCollectionSort = ArtifactSort.ID_DESC
    include_data: bool = True

    @property
    def latest(self) -> bool:
        """Whether the latest artifact of each key is listed."""
        return isinstance(self.sort, ArtifactCollectionSort)

    @property
    def order(self) -> Order:
        """The order that the sort stands for."""
        return order_of(self.sort)

    def select(
        self, db: Statements, *columns: Query
    ) -> "peewee.ModelSelect[artifact_tables.Artifact]":
        """Return the statement that selects what is listed, in no order."""
        own = queries.COLUMNS if self.include_data else queries.COLUMNS_WITHOUT_DATA
        query = _A.select(*(columns or own))
        if self.latest:
            query = query.join(_C, on=(_C.latest_id == _A.id))
        return apply_condition(query, self.condition, db.dialect)


# A count of everything takes 6 µs, and 1.2 more when its query is made anew.
ALL = ListingQuery(None, {})
LATEST = ListingQuery(None, {}, ArtifactCollectionSort.ID_DESC)


def page(
    db: Statements,
    listing: ListingQuery,
    offset: int,
    limit: int | None,
    after: Position | None = None,
) -> list[schemas.Artifact]:
    """Return a page of a listing, from an offset or after a position."""
    if limit is not None and related_conditions(listing.condition, "in"):
        return _related_page(db, listing, offset, limit, after)
    return _whole_page(db, listing, _by_rows, offset, limit, after)


def _related_page(
    db: Statements, listing: ListingQuery, offset: int, limit: int, after: Position | None
) -> list[schemas.Artifact]:
    """Return a page of what also depends on related rows, at a price that hardly depends on how many match.

    Few related rows are looked up first, and lead to their artifacts by index. Where there are many, the page
    is likely to be found among the first rows of the order; otherwise the matches are rare there.
    """
    few = _resolved(db, listing, _FEW)
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


def _resolved(db: Statements, listing: ListingQuery, most: int) -> ListingQuery | None:
    """Replace the conditions on related rows by the rows' keys where there are not more than so many.

    Returns:
        The listing; `None` when no related row satisfies a condition.
    """
    forms: dict[Related, Form] = {}
    values = dict(listing.values)
    for link in related_conditions(listing.condition, "in"):
        keys = _related(db, listing, link, most + 1) if link.condition is not None else None
        if keys is not None and not keys:
            return None
        if keys is not None and len(keys) <= most:
            forms[link] = "keys"
            values["keys", link.relation] = db.dialect.bind_list(keys)
    return listing._replace(condition=replace_forms(listing.condition, forms), values=values)


def _related(db: Statements, listing: ListingQuery, link: Related, limit: int) -> list[str]:
    """Return the keys of some of the related rows of a link."""

    def build() -> Query:
        return select_related(link, db.dialect).limit(slot("limit"))

    rows = db.fetch_all(("pages.related", link), build, {**listing.values, "limit": limit})
    return [str(key) for (key,) in rows]


PageQuery = Callable[[Statements, ListingQuery, Query | None], Query]
"""Builds the statement for a part of a listing, given the condition of the part."""


def _by_rows(db: Statements, listing: ListingQuery, part: Query | None) -> peewee.Select:
    query = listing.select(db)
    return _bounded(listing, query if part is None else query.where(part))


def _by_ids(db: Statements, listing: ListingQuery, part: Query | None) -> Query:
    """Find all that match, sort no more of them than their places, and read the rows of those on the page.

    A planner would rather look for them along the order, where they are rare: PostgreSQL is kept from it by
    materializing the matches, SQLite by an order of their own.
    """
    order = listing.order
    names = [f"place_{number}" for number in range(len(order.columns))]
    matching = listing.select(
        db, _A.id, *(column.alias(name) for column, name in zip(order.columns, names, strict=True))
    )
    related = ctes_of(matching)  # Peewee drops the named queries of a named query
    matching = (matching if part is None else matching.where(part)).with_cte()
    # SQLite then finds the newest runs first, and has little left to sort.
    found_by = related_conditions(listing.condition, "in", "keys")[0].relation.column
    matches = db.dialect.matched_first(matching, "matches", found_by.desc())
    terms = order._replace(columns=tuple(getattr(matches.c, name) for name in names)).terms
    ids = matches.select(matches.c.id).order_by(*terms).limit(slot("limit")).offset(slot("offset"))
    rows = listing._replace(condition=None).select(db)
    return rows.where(_A.id << ids).order_by(*order.terms).with_cte(*related, matches)


def _by_window(db: Statements, listing: ListingQuery, part: Query | None) -> Query:
    """Look at the first rows of the order alone."""
    columns = listing.order.columns[:2]
    edge = _C.select(*columns).where(_LIVE) if listing.latest else _A.select(*columns)
    edge = edge if part is None else edge.where(part)
    edge = edge.order_by(*listing.order.terms).limit(1).offset(_WINDOW - 1)
    whole = NodeList(columns, glue=", ", parens=len(columns) > 1)
    inside = NodeList((whole, SQL(">=" if listing.order.descending else "<="), edge))
    return _by_rows(db, listing, inside if part is None else NodeList((part, SQL("AND"), inside)))


def _bounded(listing: ListingQuery, query: peewee.Select) -> peewee.Select:
    return query.order_by(*listing.order.terms).limit(slot("limit")).offset(slot("offset"))


def _whole_page(
    db: Statements,
    listing: ListingQuery,
    form: PageQuery,
    offset: int,
    limit: int | None,
    after: Position | None,
) -> list[schemas.Artifact]:
    if after is None or not listing.order.nulls_last:
        return _page(db, listing, form, "all" if after is None else "beyond", offset, limit, after)
    if after[0] is None:
        return _page(db, listing, form, "nulls beyond", offset, limit, after)
    # One statement for both parts would walk the index from its start.
    found = _page(db, listing, form, "beyond", offset, limit, after)
    if limit is not None and len(found) >= limit:
        return found
    return found + _page(
        db, listing, form, "nulls", offset, None if limit is None else limit - len(found), None
    )


def _page(
    db: Statements,
    listing: ListingQuery,
    form: PageQuery,
    part: str,
    offset: int,
    limit: int | None,
    after: Position | None,
) -> list[schemas.Artifact]:
    def build() -> Query:
        return form(db, listing, _condition_of(part, listing.order))

    values = {
        **listing.values,
        "limit": db.dialect.unlimited if limit is None else limit,
        "offset": offset,
    }
    values |= {("after", number): value for number, value in enumerate(after or ())}
    key = (
        "pages.page",
        form.__name__,
        part,
        type(listing.sort),
        listing.sort,
        listing.include_data,
        listing.condition,
    )
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


def each(ask: Reader, listing: ListingQuery, size: int) -> Iterator[schemas.Artifact]:
    """Yield a whole listing, one page in memory at a time."""
    return (_lasting if listing.order.lasting else _by_name)(ask.stream(), listing, size)


def _lasting(ask: Stream, listing: ListingQuery, size: int) -> Iterator[schemas.Artifact]:
    after: Position | None = None
    while True:
        found = ask(page, listing, 0, size, after)
        yield from found
        if len(found) < size:
            return
        after = position_of(listing.order, found[-1])


def _by_name(ask: Stream, listing: ListingQuery, size: int) -> Iterator[schemas.Artifact]:
    for names in ask(_names, listing, size):
        yield from ask(_named, listing, names.decode().split("\n"))


def _names(db: Statements, listing: ListingQuery, size: int) -> list[bytes]:
    """Return the ids (or keys) of a whole listing in order, a page of them packed into one text."""

    def build() -> Query:
        return listing.select(db, _C.key if listing.latest else _A.id).order_by(
            *listing.order.terms
        )

    key = ("pages.names", type(listing.sort), listing.sort, listing.condition)
    return db.fetch_packed(
        key,
        build,
        listing.values,
        size,
        lambda rows: "\n".join(str(name) for (name,) in rows).encode(),
    )


def _named(db: Statements, listing: ListingQuery, names: list[str]) -> list[schemas.Artifact]:
    """Return what is still listed of some ids (or keys), in their order."""

    def build() -> Query:
        return listing.select(db).where(
            db.dialect.is_in(_C.key if listing.latest else _A.id, slot("names"))
        )

    key = ("pages.named", listing.latest, listing.include_data, listing.condition)
    found = ROWS.values(
        db.fetch_all(key, build, {**listing.values, "names": db.dialect.bind_list(names)})
    )
    by_name = {one.key if listing.latest else str(one.id): one for one in found}
    return [by_name[name] for name in names if name in by_name]


def count(db: Statements, listing: ListingQuery) -> int:
    """Return how many artifacts, or latest artifacts, are listed."""
    key = ("pages.count", type(listing.sort), listing.condition)
    row = db.fetch_one(key, partial(_counting, listing, db), listing.values)
    assert row is not None
    number: int = row[0]
    return number


def _counting(listing: ListingQuery, db: Statements) -> Query:
    number = fn.COUNT(SQL("*"))
    if not listing.latest or listing.condition is not None:
        return listing.select(db, number)
    # Counting all keys is quickest, and an index holds the few that are empty.
    return peewee.Select(
        columns=[
            NodeList((_C.select(number), SQL("-"), _C.select(number).where(_C.latest_id.is_null())))
        ]
    )


def select_keys(db: Statements, listing: ListingQuery) -> list[tuple[UUID, str | None]]:
    """Return the id and the key of every artifact that is listed."""
    rows = db.fetch_all(
        ("pages.keys", listing.condition), lambda: listing.select(db, _A.id, _A.key), listing.values
    )
    with Parsing("The id of an artifact"):
        return [(schemas.as_uuid(row[0]), row[1]) for row in rows]
