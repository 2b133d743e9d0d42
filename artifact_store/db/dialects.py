"""What engines say differently: a `Dialect`, one for each, of values and of Peewee expressions."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from peewee import SQL, NodeList
from pydantic_core import to_json

__all__ = ["DIALECTS", "Dialect", "Slots", "encode_time", "sql"]

Slots = Sequence[Any]


def encode_time(value: datetime) -> str:
    """Return the text of a time in UTC as SQLite stores it and PostgreSQL reads it.

    Examples:
        >>> from datetime import UTC
        >>> encode_time(datetime(2026, 1, 2, tzinfo=UTC))
        '2026-01-02T00:00:00.000000+00:00'
    """
    return value.isoformat(timespec="microseconds")


def sql(*parts: Any) -> NodeList:
    """Join nodes and literal SQL (text) into one node."""
    return NodeList([SQL(part) if isinstance(part, str) else part for part in parts])


class Dialect(NamedTuple):
    """The expressions that differ between engines.

    Attributes:
        name: the engine's name.
        many: binds a list of values as one parameter.
        among: a column is in a bound list.
        not_among: a column is not in a bound list.
        like: a column matches a bound pattern, ASCII case ignored.
        any_tag: a JSON list shares a member with a bound list.
        all_tags: a JSON list holds all of a bound list.
        has_key: a JSON object has a bound name.
        entry: a JSON object has a bound name with a value of a kind that compares so with a bound one.
        member: a text member of a JSON object.
        at_most: a text has at most so many characters (bytes, on PostgreSQL), told without reading a long one.
        position: the function that finds one text in another.
        unlimited: the value of LIMIT that means no limit.
        table: binds keys, ids and counts, by the names of their slots.
        rows: the bound table called `given`, with the columns `key`, `id` and `count`.
        native: whether the driver binds ids and times as they are sooner than as text.
    """

    name: str
    many: Callable[[Sequence[Any]], Any]
    among: Callable[[Any, Any], Any]
    not_among: Callable[[Any, Any], Any]
    like: Callable[[Any, Any], Any]
    any_tag: Callable[[Any, Any], Any]
    all_tags: Callable[[Any, Any], Any]
    has_key: Callable[[Any, Any], Any]
    entry: Callable[[Any, str, str, Slots], Any]
    member: Callable[[Any, str], Any]
    at_most: Callable[[Any, int], Any]
    position: str
    unlimited: int | None
    table: Callable[[Sequence[str], Sequence[str], Sequence[int]], dict[Any, Any]]
    rows: Callable[[Callable[[Any], Any]], Any]
    native: bool


def _json_list(values: Sequence[Any]) -> str:
    return to_json(values).decode()


_SQLITE_TYPES = {
    "text": "'text'",
    "number": "'integer', 'real'",
    "True": "'true'",
    "False": "'false'",
    "None": "'null'",
}


def _sqlite_entry(column: Any, kind: str, comparison: str, slots: Slots) -> Any:
    test = [column, ") AS entry WHERE entry.key =", slots[0], f"AND entry.type IN ({_SQLITE_TYPES[kind]})"]
    if kind == "text":
        test += [f"AND entry.value {comparison}", slots[1]]
    elif kind == "number":
        # SQLite reads both numbers from JSON, because its own rounding differs from Python's in the last bit.
        test += [f"AND entry.value {comparison} json_extract(", slots[1], ", '$')"]
    return sql("EXISTS (SELECT 1 FROM json_each(", *test, ")")


_SQLITE = Dialect(
    name="sqlite",
    native=False,
    many=_json_list,
    among=lambda column, slot: sql(column, "IN (SELECT value FROM json_each(", slot, "))"),
    not_among=lambda column, slot: sql(column, "NOT IN (SELECT value FROM json_each(", slot, "))"),
    # Peewee's own .like() becomes the case-sensitive GLOB on SQLite.
    like=lambda column, slot: sql(column, "LIKE", slot),
    any_tag=lambda column, slot: sql(
        "EXISTS (SELECT 1 FROM json_each(", column, ") AS tag",
        "WHERE tag.value IN (SELECT value FROM json_each(", slot, ")))",
    ),
    # Each list is read once: to look for every bound tag in the list of the row would read that as many times.
    all_tags=lambda column, slot: sql(
        "(SELECT COUNT(DISTINCT tag.value) FROM json_each(", column, ") AS tag",
        "WHERE tag.value IN (SELECT value FROM json_each(", slot, ")))",
        "= (SELECT COUNT(DISTINCT value) FROM json_each(", slot, "))",
    ),
    has_key=lambda column, slot: sql(
        "EXISTS (SELECT 1 FROM json_each(", column, ") AS entry WHERE entry.key =", slot, ")"
    ),
    entry=_sqlite_entry,
    member=lambda column, name: sql("json_extract(", column, f", '$.{name}')"),
    # length() would read the text and count its characters.
    at_most=lambda column, size: sql("substr(", column, f", {size + 1}, 1) = ''"),
    position="instr",
    unlimited=-1,
    table=lambda keys, ids, counts: {"many": _json_list(list(zip(keys, ids, counts, strict=True)))},
    rows=lambda slot: sql(
        "(SELECT json_extract(value, '$[0]') AS key, json_extract(value, '$[1]') AS id,",
        "json_extract(value, '$[2]') AS count FROM json_each(", slot("many"), ")) AS \"given\"",
    ),
)  # fmt: skip


_POSTGRES_TYPES = {"text": "string", "number": "number", "True": "boolean", "False": "boolean", "None": "null"}


def _postgres_entry(column: Any, kind: str, comparison: str, slots: Slots) -> Any:
    value = sql("(CAST(", column, "AS jsonb) ->", slots[0], ")")
    test: list[Any] = ["COALESCE(jsonb_typeof(", value, f") = '{_POSTGRES_TYPES[kind]}'"]
    if kind == "text":
        test += ["AND (", value, f"#>> '{{}}') COLLATE \"C\" {comparison}", slots[1]]
    elif kind == "number":
        # jsonb compares numbers exactly, and only with numbers.
        test += ["AND", value, f"{comparison} CAST(", slots[1], "AS jsonb)"]
    elif kind in ("True", "False"):
        test += ["AND", value, f"= '{kind.lower()}'"]
    return sql(*test, ", FALSE)")


_POSTGRES = Dialect(
    name="postgresql",
    native=True,
    many=list,
    among=lambda column, slot: sql(column, "= ANY(", slot, ")"),
    not_among=lambda column, slot: sql(column, "<> ALL(", slot, ")"),
    # Only in the C collation does lower() fold the ASCII letters alone.
    like=lambda column, slot: sql(
        "lower(", column, 'COLLATE "C") LIKE lower(CAST(', slot, "AS text) COLLATE \"C\") ESCAPE ''"
    ),
    any_tag=lambda column, slot: sql("CAST(", column, "AS jsonb) ?| CAST(", slot, "AS text[])"),
    all_tags=lambda column, slot: sql("CAST(", column, "AS jsonb) ?& CAST(", slot, "AS text[])"),
    has_key=lambda column, slot: sql("COALESCE(CAST(", column, "AS jsonb) ?", slot, ", FALSE)"),
    entry=_postgres_entry,
    member=lambda column, name: sql(
        "(CASE jsonb_typeof(CAST(", column, f"AS jsonb) -> '{name}') WHEN 'string' THEN CAST(", column,
        f"AS jsonb) ->> '{name}' END)",
    ),
    at_most=lambda column, size: sql("octet_length(", column, f") <= {size}"),
    position="strpos",
    unlimited=None,
    table=lambda keys, ids, counts: {"keys": list(keys), "ids": list(ids), "counts": list(counts)},
    rows=lambda slot: sql(
        "unnest(CAST(", slot("keys"), "AS text[]), CAST(", slot("ids"), "AS uuid[]), CAST(", slot("counts"),
        "AS bigint[])) AS \"given\" (key, id, count)",
    ),
)  # fmt: skip

DIALECTS = {dialect.name: dialect for dialect in (_SQLITE, _POSTGRES)}
