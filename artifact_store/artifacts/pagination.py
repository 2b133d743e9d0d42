"""Listings: pages, streams and counts of the artifacts that satisfy a condition.

A page starts at an offset or after a position. A stream reads page after page, each from where the
last one ended, if artifacts keep their positions in its order. In any other order an artifact that
moves in the meantime would be skipped, so the ids (or keys) of the whole listing are read first,
packed, and the pages are read by them.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Literal, NamedTuple, TypeAlias
from uuid import UUID

import peewee
from peewee import SQL, NodeList, fn

from ..db.artifact_tables import Artifact, ArtifactCollection
from ..db.damage import Parsing
from ..db.dialects import encode_time
from ..db.peewee_internals import ctes_of
from ..db.replica import Reader, Stream
from ..db.statements import Expression, Query, Row, Statements, Values, slot
from ..filters.compiler import apply_condition, on_artifacts, select_related
from ..filters.conditions import Condition, Form, Related, related_conditions, replace_forms
from ..filters.orders import Order, Position, beyond, order_of, position_of
from ..schemas import artifacts as schemas
from ..schemas.sorting import ArtifactCollectionSort, ArtifactSort
from .queries import COLUMNS, COLUMNS_WITHOUT_DATA, ROWS

__all__ = [
    "ALL",
    "LATEST",
    "ListingQuery",
    "count",
    "list_as_of",
    "page",
    "select_keys",
    "stream",
]

FEW_RELATED = 200
"""Up to so many related rows are looked up first."""

MANY_RELATED = 20_000
"""Up to so many are looked up if the page was not found near the start of the order."""

WINDOW = 3000
"""The number of rows at the start of an order that are checked one by one."""


class ListingQuery(NamedTuple):
    """The query of a listing: of all artifacts, or of the latest of each key.

    Attributes:
        condition: the condition that they satisfy.
        values: the values in the condition.
        sort: their order; its type says whether all are listed, or the latest of each key.
        include_data: whether data and profiles are read; otherwise they are `None`.
        as_of: whether what was the latest at another time is listed, which is the value `"as_of"`.
    """

    condition: Condition | None
    values: Values
    sort: ArtifactSort | ArtifactCollectionSort = ArtifactSort.ID_DESC
    include_data: bool = True
    as_of: bool = False

    @property
    def latest(self) -> bool:
        """Whether the latest artifact of each key is listed."""
        return isinstance(self.sort, ArtifactCollectionSort)

    @property
    def order(self) -> Order:
        """The order that the sort stands for."""
        return order_of(self.sort, self.as_of)

    @property
    def name_column(self) -> Expression:
        """The column that names each artifact: its id, or its key if it is a latest one."""
        if not self.latest:
            return Artifact.id
        return Artifact.key if self.as_of else ArtifactCollection.key

    def select(self, db: Statements, *columns: Query) -> "peewee.ModelSelect[Artifact]":
        """Return the statement that selects what is listed, in no order."""
        own_columns = COLUMNS if self.include_data else COLUMNS_WITHOUT_DATA
        query = Artifact.select(*(columns or own_columns))
        if self.as_of:
            query = query.where(*were_latest())
        elif self.latest:
            is_latest = ArtifactCollection.latest_id == Artifact.id
            query = query.join(ArtifactCollection, on=is_latest)
        return apply_condition(query, self.condition, db.dialect)


# A count of everything takes 6 µs, and 1.2 more when its query is created each time.
ALL = ListingQuery(None, {})
LATEST = ListingQuery(None, {}, ArtifactCollectionSort.ID_DESC)


def list_as_of(listing: ListingQuery, moment: datetime) -> ListingQuery:
    """Return the query of what was the latest at a time, for that of what is the latest now."""
    condition = on_artifacts(listing.condition)
    values = {**listing.values, "as_of": encode_time(moment)}
    return listing._replace(condition=condition, values=values, as_of=True)


def were_latest() -> tuple[Expression, ...]:
    """Return the conditions that an artifact was the latest of its key at the time `"as_of"`."""
    newer = Artifact.alias("newer")
    is_newer = (newer.key == Artifact.key) & (newer.version > Artifact.version)
    was_there = newer.created <= slot("as_of")
    replaced = fn.EXISTS(newer.select(SQL("1")).where(is_newer, was_there))
    return Artifact.key.is_null(False), Artifact.created <= slot("as_of"), ~replaced


class PageRange(NamedTuple):
    """Where a page is: up to `limit` artifacts, from an offset or after a position."""

    offset: int
    limit: int | None
    after: Position | None


Part: TypeAlias = Literal["all", "after", "nulls", "nulls_after"]
"""A part of an order: all of it, keys after a position, NULL keys, NULL keys after a position."""

PageQuery: TypeAlias = Callable[[Statements, ListingQuery, Expression | None], Query]
"""Builds the statement for a part of a listing; the third argument is the condition of the part."""


# --- Pages ---


def page(
    db: Statements,
    listing: ListingQuery,
    offset: int,
    limit: int | None,
    after: Position | None = None,
) -> list[schemas.Artifact]:
    """Return a page of a listing, from an offset or after a position."""
    if limit is not None and related_conditions(listing.condition, "in"):
        return related_page(db, listing, offset, limit, after)
    return read_page(db, listing, by_rows, PageRange(offset, limit, after))


def related_page(
    db: Statements,
    listing: ListingQuery,
    offset: int,
    limit: int,
    after: Position | None,
) -> list[schemas.Artifact]:
    """Return a page of a listing with conditions on related rows, however many rows match.

    Few related rows are looked up first, and their artifacts are found by index. If there are many,
    the page is probably among the first rows of the order. If it is not, matches are rare, and are
    all found first.
    """
    few = look_up_related(db, listing, FEW_RELATED)
    if few is None:
        return []

    where = PageRange(offset, limit, after)
    remaining = related_conditions(few.condition, "in")
    if remaining:
        condition = replace_forms(few.condition, dict.fromkeys(remaining, "exists"))
        found = read_page(db, few._replace(condition=condition), in_window, where)
        if len(found) == limit:
            return found

    many = look_up_related(db, few, MANY_RELATED)
    if many is None:
        return []
    return read_page(db, many, by_ids, where)


def look_up_related(db: Statements, listing: ListingQuery, limit: int) -> ListingQuery | None:
    """Replace each condition on related rows by their ids, if there are at most `limit` of them.

    Returns:
        The listing; `None` when no related row satisfies a condition, so that the listing is empty.
    """
    forms: dict[Related, Form] = {}
    values = dict(listing.values)
    for link in related_conditions(listing.condition, "in"):
        if link.condition is None:
            continue
        ids = read_related(db, listing, link, limit + 1)
        if not ids:
            return None
        if len(ids) <= limit:
            forms[link] = "keys"
            values["keys", link.relation] = db.dialect.bind_list(ids)
    condition = replace_forms(listing.condition, forms)
    return listing._replace(condition=condition, values=values)


def read_related(db: Statements, listing: ListingQuery, link: Related, limit: int) -> list[str]:
    """Return the ids of some of the related rows that satisfy the condition of a link."""

    def build() -> Query:
        return select_related(link, db.dialect).limit(slot("limit"))

    values = {**listing.values, "limit": limit}
    rows = db.fetch_all(("pages.related", link), build, values)
    return [str(row[0]) for row in rows]


def read_page(
    db: Statements,
    listing: ListingQuery,
    query: PageQuery,
    where: PageRange,
) -> list[schemas.Artifact]:
    """Return a page of a listing; NULL keys, which come last, are read by another statement."""
    if where.after is None:
        return read_part(db, listing, query, "all", where)
    if not listing.order.nulls_last:
        return read_part(db, listing, query, "after", where)
    if where.after[0] is None:
        return read_part(db, listing, query, "nulls_after", where)

    # One statement for both parts would read the index from its start.
    found = read_part(db, listing, query, "after", where)
    if where.limit is None:
        missing = None
    elif len(found) < where.limit:
        missing = where.limit - len(found)
    else:
        return found
    nulls = PageRange(where.offset, missing, after=None)
    return found + read_part(db, listing, query, "nulls", nulls)


def read_part(
    db: Statements,
    listing: ListingQuery,
    query: PageQuery,
    part: Part,
    where: PageRange,
) -> list[schemas.Artifact]:
    """Return a page of one part of a listing."""

    def build() -> Query:
        return query(db, listing, condition_of(part, listing.order))

    values = {
        **listing.values,
        "limit": db.dialect.unlimited if where.limit is None else where.limit,
        "offset": where.offset,
    }
    for number, value in enumerate(where.after or ()):
        values["after", number] = value
    key = (
        "pages.page",
        query.__name__,
        part,
        type(listing.sort),
        listing.sort,
        listing.include_data,
        listing.as_of,
        listing.condition,
    )
    # The best plan of `by_ids` depends on the number of related rows.
    rows = db.fetch_all(key, build, values, custom_plan=query is by_ids)
    return ROWS.values(rows)


def condition_of(part: Part, order: Order) -> Expression | None:
    """Return the condition of a part of an order; `None` for all of it."""
    if part == "all":
        return None
    slots = [slot(("after", number)) for number in range(len(order.columns))]
    if part == "after":
        return beyond(order, slots)

    is_null = order.columns[0].is_null(True)
    if part == "nulls":
        return is_null
    last = order.columns[-1]
    return is_null & (last < slots[-1] if order.descending else last > slots[-1])


# --- The statements of a page ---


def by_rows(db: Statements, listing: ListingQuery, part: Expression | None) -> peewee.Select:
    """Build the plain statement of a page."""
    query = listing.select(db)
    if part is not None:
        query = query.where(part)
    query = query.order_by(*listing.order.terms)
    return query.limit(slot("limit")).offset(slot("offset"))


def in_window(db: Statements, listing: ListingQuery, part: Expression | None) -> Query:
    """Build a statement that looks at the first rows of the order only, the window."""
    columns = listing.order.columns[:2]
    if listing.latest and not listing.as_of:
        is_not_empty = ArtifactCollection.latest_id.is_null(False)
        last: peewee.Select = ArtifactCollection.select(*columns).where(is_not_empty)
    else:
        last = Artifact.select(*columns)
    if part is not None:
        last = last.where(part)
    last = last.order_by(*listing.order.terms)
    last = last.limit(1).offset(WINDOW - 1)

    position = NodeList(columns, glue=", ", parens=len(columns) > 1)
    comparison = SQL(">=" if listing.order.descending else "<=")
    is_inside = NodeList((position, comparison, last))
    if part is not None:
        is_inside = NodeList((part, SQL("AND"), is_inside))
    return by_rows(db, listing, is_inside)


def by_ids(db: Statements, listing: ListingQuery, part: Expression | None) -> Query:
    """Build a statement that finds all matches, sorts their positions, and reads those of the page.

    A planner would rather look for matches along the order, which is slow where they are rare.
    `matched_first` prevents it: PostgreSQL materializes the matches, and SQLite sorts them in
    another order.
    """
    order = listing.order
    names = [f"position_{number}" for number in range(len(order.columns))]
    positions = [column.alias(name) for column, name in zip(order.columns, names, strict=True)]
    matching = listing.select(db, Artifact.id, *positions)
    related = ctes_of(matching)
    if part is not None:
        matching = matching.where(part)

    # SQLite then finds the newest runs first, and has little left to sort.
    link = related_conditions(listing.condition, "in", "keys")[0]
    # Peewee drops the CTEs of a CTE, so they are put in front of the whole statement.
    matches = db.dialect.matched_first(matching.with_cte(), "matches", link.relation.column.desc())
    columns = tuple(getattr(matches.c, name) for name in names)
    ids = (
        matches.select(matches.c.id)
        .order_by(*order._replace(columns=columns).terms)
        .limit(slot("limit"))
        .offset(slot("offset"))
    )
    rows = listing._replace(condition=None)
    return (
        rows.select(db).where(Artifact.id << ids).order_by(*order.terms).with_cte(*related, matches)
    )


# --- Streams ---


def stream(read: Reader, listing: ListingQuery, page_size: int) -> Iterator[schemas.Artifact]:
    """Yield a whole listing; one page is in memory at a time."""
    pages = read.stream()
    by_position = listing.order.lasting
    found = (stream_by_position if by_position else stream_by_name)(pages, listing, page_size)
    return found if pages.snapshot is None else inside_snapshot(pages, found)


def inside_snapshot(read: Stream, found: Iterator[schemas.Artifact]) -> Iterator[schemas.Artifact]:
    """Yield what a stream yields for as long as its snapshot is open."""
    read.check_snapshot()
    for artifact in found:
        yield artifact
        read.check_snapshot()


def stream_by_position(
    read: Stream,
    listing: ListingQuery,
    page_size: int,
) -> Iterator[schemas.Artifact]:
    """Yield a listing whose artifacts keep their positions."""
    after: Position | None = None
    while True:
        found = read(page, listing, 0, page_size, after)
        yield from found
        if len(found) < page_size:
            return
        after = position_of(listing.order, found[-1])


def stream_by_name(
    read: Stream,
    listing: ListingQuery,
    page_size: int,
) -> Iterator[schemas.Artifact]:
    """Yield a listing in the order that it has at the start, by its ids (or keys)."""
    for packed in read(read_names, listing, page_size):
        names = packed.decode().split("\n")
        yield from read(read_named, listing, names)


def read_names(db: Statements, listing: ListingQuery, page_size: int) -> list[bytes]:
    """Return the ids (or keys) of a whole listing, those of a page joined by line breaks."""

    def build() -> Query:
        query = listing.select(db, listing.name_column)
        return query.order_by(*listing.order.terms)

    def pack(rows: list[Row]) -> bytes:
        return "\n".join(str(row[0]) for row in rows).encode()

    key = ("pages.names", type(listing.sort), listing.sort, listing.as_of, listing.condition)
    return db.fetch_packed(key, build, listing.values, page_size, pack)


def read_named(db: Statements, listing: ListingQuery, names: list[str]) -> list[schemas.Artifact]:
    """Return the artifacts with these ids (or keys) that are still listed, in their order."""

    def build() -> Query:
        is_wanted = db.dialect.is_in(listing.name_column, slot("names"))
        return listing.select(db).where(is_wanted)

    key = ("pages.named", listing.latest, listing.include_data, listing.as_of, listing.condition)
    values = {**listing.values, "names": db.dialect.bind_list(names)}
    rows = db.fetch_all(key, build, values)
    found = ROWS.values(rows)
    by_name = {}
    for each in found:
        name = each.key if listing.latest else str(each.id)
        by_name[name] = each
    return [by_name[name] for name in names if name in by_name]


# --- Counts and keys ---


def count(db: Statements, listing: ListingQuery) -> int:
    """Return the number of artifacts that are listed."""
    key = ("pages.count", type(listing.sort), listing.as_of, listing.condition)
    row = db.fetch_one(key, partial(count_query, listing, db), listing.values)
    assert row is not None
    number: int = row[0]
    return number


def count_query(listing: ListingQuery, db: Statements) -> Query:
    """Build the statement of `count`."""
    number = fn.COUNT(SQL("*"))
    if not listing.latest or listing.as_of or listing.condition is not None:
        return listing.select(db, number)
    # Counting a whole table is fastest, and a small index has the keys that are empty.
    keys = ArtifactCollection.select(number)
    empty_keys = keys.where(ArtifactCollection.latest_id.is_null())
    return peewee.Select(columns=[NodeList((keys, SQL("-"), empty_keys))])


class ListedKey(NamedTuple):
    """An artifact that is listed.

    Attributes:
        id: its id.
        key: its key.
        holds: how many aliases and held inputs the key has; `None` without a key.
    """

    id: UUID
    key: str | None
    holds: int | None


def select_keys(db: Statements, listing: ListingQuery) -> list[ListedKey]:
    """Return the id, the key and what holds versions of the key, of every artifact that is listed."""

    def build() -> Query:
        row = ArtifactCollection.alias("row_of_key")
        holds = row.select(row.holds).where(row.key == Artifact.key)
        return listing.select(db, Artifact.id, Artifact.key, holds)

    rows = db.fetch_all(("pages.keys", listing.condition), build, listing.values)
    with Parsing("The id of an artifact"):
        return [
            ListedKey(schemas.as_uuid(artifact_id), key, holds) for artifact_id, key, holds in rows
        ]
