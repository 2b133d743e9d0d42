"""The operators, once: what each binds, and the Peewee expression it becomes.

`OPERATORS` maps a family of criteria and an operator to a pair of functions. `encode` turns
the operand into a *variant* (what the text of the statement depends on) and the values it
binds. `build` turns a column, a variant and the slots of those values into an expression.
Every expression is true or not true: a NULL column never satisfies an operator, except that
NULL is not in a list. What engines say differently stands in a `Dialect`, one for each.
"""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from peewee import SQL, NodeList
from pydantic_core import to_json

__all__ = ["DIALECTS", "OPERATORS", "Dialect", "Operator", "encode_time"]

_GROUP = 100

Encoded = tuple[Hashable, tuple[Any, ...]] | None
Slots = Sequence[Any]


def encode_time(value: datetime) -> str:
    """Return the text of a time in UTC as SQLite stores it and PostgreSQL reads it.

    Examples:
        >>> from datetime import UTC
        >>> encode_time(datetime(2026, 1, 2, tzinfo=UTC))
        '2026-01-02T00:00:00.000000+00:00'
    """
    return value.isoformat(timespec="microseconds")


def _sql(*parts: Any) -> NodeList:
    """Join nodes and literal SQL (text) into one node."""
    return NodeList([SQL(part) if isinstance(part, str) else part for part in parts])


# What engines say differently


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
    return _sql("EXISTS (SELECT 1 FROM json_each(", *test, ")")


_SQLITE = Dialect(
    name="sqlite",
    many=_json_list,
    among=lambda column, slot: _sql(column, "IN (SELECT value FROM json_each(", slot, "))"),
    not_among=lambda column, slot: _sql(column, "NOT IN (SELECT value FROM json_each(", slot, "))"),
    # Peewee's own .like() becomes the case-sensitive GLOB on SQLite.
    like=lambda column, slot: _sql(column, "LIKE", slot),
    any_tag=lambda column, slot: _sql(
        "EXISTS (SELECT 1 FROM json_each(", column, ") AS tag",
        "WHERE tag.value IN (SELECT value FROM json_each(", slot, ")))",
    ),
    all_tags=lambda column, slot: _sql(
        "NOT EXISTS (SELECT 1 FROM json_each(", slot, ") AS tag",
        "WHERE tag.value NOT IN (SELECT value FROM json_each(", column, ")))",
    ),
    has_key=lambda column, slot: _sql(
        "EXISTS (SELECT 1 FROM json_each(", column, ") AS entry WHERE entry.key =", slot, ")"
    ),
    entry=_sqlite_entry,
    member=lambda column, name: _sql("json_extract(", column, f", '$.{name}')"),
    # length() would read the text and count its characters.
    at_most=lambda column, size: _sql("substr(", column, f", {size + 1}, 1) = ''"),
    position="instr",
    unlimited=-1,
    table=lambda keys, ids, counts: {"many": _json_list(list(zip(keys, ids, counts, strict=True)))},
    rows=lambda slot: _sql(
        "(SELECT json_extract(value, '$[0]') AS key, json_extract(value, '$[1]') AS id,",
        "json_extract(value, '$[2]') AS count FROM json_each(", slot("many"), ")) AS \"given\"",
    ),
)  # fmt: skip


_POSTGRES_TYPES = {"text": "string", "number": "number", "True": "boolean", "False": "boolean", "None": "null"}


def _postgres_entry(column: Any, kind: str, comparison: str, slots: Slots) -> Any:
    value = _sql("(CAST(", column, "AS jsonb) ->", slots[0], ")")
    test: list[Any] = ["COALESCE(jsonb_typeof(", value, f") = '{_POSTGRES_TYPES[kind]}'"]
    if kind == "text":
        test += ["AND (", value, f"#>> '{{}}') COLLATE \"C\" {comparison}", slots[1]]
    elif kind == "number":
        # jsonb compares numbers exactly, and only with numbers.
        test += ["AND", value, f"{comparison} CAST(", slots[1], "AS jsonb)"]
    elif kind in ("True", "False"):
        test += ["AND", value, f"= '{kind.lower()}'"]
    return _sql(*test, ", FALSE)")


_POSTGRES = Dialect(
    name="postgresql",
    many=list,
    among=lambda column, slot: _sql(column, "= ANY(", slot, ")"),
    not_among=lambda column, slot: _sql(column, "<> ALL(", slot, ")"),
    # Only in the C collation does lower() fold the ASCII letters alone.
    like=lambda column, slot: _sql(
        "lower(", column, 'COLLATE "C") LIKE lower(CAST(', slot, "AS text) COLLATE \"C\") ESCAPE ''"
    ),
    any_tag=lambda column, slot: _sql("CAST(", column, "AS jsonb) ?| CAST(", slot, "AS text[])"),
    all_tags=lambda column, slot: _sql("CAST(", column, "AS jsonb) ?& CAST(", slot, "AS text[])"),
    has_key=lambda column, slot: _sql("COALESCE(CAST(", column, "AS jsonb) ?", slot, ", FALSE)"),
    entry=_postgres_entry,
    member=lambda column, name: _sql(
        "(CASE jsonb_typeof(CAST(", column, f"AS jsonb) -> '{name}') WHEN 'string' THEN CAST(", column,
        f"AS jsonb) ->> '{name}' END)",
    ),
    at_most=lambda column, size: _sql("octet_length(", column, f") <= {size}"),
    position="strpos",
    unlimited=None,
    table=lambda keys, ids, counts: {"keys": list(keys), "ids": list(ids), "counts": list(counts)},
    rows=lambda slot: _sql(
        "unnest(CAST(", slot("keys"), "AS text[]), CAST(", slot("ids"), "AS uuid[]), CAST(", slot("counts"),
        "AS bigint[])) AS \"given\" (key, id, count)",
    ),
)  # fmt: skip

DIALECTS = {dialect.name: dialect for dialect in (_SQLITE, _POSTGRES)}


# What operators bind


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return encode_time(value) if isinstance(value, datetime) else value


def _encode_any(values: Sequence[Any], dialect: Dialect) -> Encoded:
    if not values:
        return "none", ()
    return ("one", (_plain(values[0]),)) if len(values) == 1 else ("many", (dialect.many(values),))


def _encode_not_any(values: Sequence[Any], dialect: Dialect) -> Encoded:
    return _encode_any(values, dialect) if values else None


def _encode_any_tag(values: Sequence[Any], dialect: Dialect) -> Encoded:
    if len(values) == 1:
        return _encode_all(values, dialect)
    return ("many", (dialect.many(values),)) if values else ("none", ())


def _encode_all(values: Sequence[Any], dialect: Dialect) -> Encoded:
    """Bind the tags, and the text of one of them, where every writer of JSON would write it so."""
    if not values:
        return None
    if re.fullmatch(r"[ !#-.0-\[\]-~]*", values[0]) is None:
        return "all", (dialect.many(values),)
    return "all, one as text", (dialect.many(values), f'"{values[0]}"')


def _encode_member(values: Sequence[Any], dialect: Dialect) -> Encoded:
    return _encode_any([str(value) for value in values], dialect)


def _encode_value(value: Any, dialect: Dialect) -> Encoded:
    return "", (_plain(value),)


def _encode_flag(value: bool, dialect: Dialect) -> Encoded:
    return value, ()


def _encode_like(pattern: str, dialect: Dialect) -> Encoded:
    return ("", (f"%{pattern}%",)) if pattern else None


def _encode_prefix(prefix: str, dialect: Dialect) -> Encoded:
    """Bind the prefix and the least text above everything that starts with it."""
    if not prefix:
        return None
    head = prefix.rstrip(chr(0x10FFFF))
    if not head:
        return "open", (prefix,)
    code = ord(head[-1]) + 1
    return "bounded", (prefix, head[:-1] + chr(0xE000 if 0xD800 <= code <= 0xDFFF else code))


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    return "number" if not isinstance(value, bool | None) else f"{value}"


def _encode_entries(entries: Mapping[str, Any], dialect: Dialect) -> Encoded:
    """Bind each name and, unless the kind says it all, each value."""
    kinds = tuple(_kind(value) for value in entries.values())
    bound: list[Any] = []
    for kind, (name, value) in zip(kinds, entries.items(), strict=True):
        bound.append(name)
        if kind == "text":
            bound.append(value)
        elif kind == "number":
            bound.append(to_json(value).decode())
    return (kinds, tuple(bound)) if entries else None


def _encode_names(names: Sequence[str], dialect: Dialect) -> Encoded:
    return (len(names), tuple(names)) if names else None


# What operators become

Build = Callable[[Any, Any, Slots, Dialect], Any]


def _any(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
    if variant == "none":
        return SQL("1 = 0")
    return _sql(column, "=", slots[0]) if variant == "one" else dialect.among(column, slots[0])


def _not_any(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
    listed = _sql(column, "<>", slots[0]) if variant == "one" else dialect.not_among(column, slots[0])
    return _sql("(", column, "IS NULL OR", listed, ")")


def _compare(comparison: str) -> Build:
    return lambda column, variant, slots, dialect: _sql(column, comparison, slots[0])


def _starts(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
    low = _sql(column, ">=", slots[0])
    return _sql(low, "AND", column, "<", slots[1]) if variant == "bounded" else low


def _null(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
    return _sql(column, "IS NULL" if variant else "IS NOT NULL")


def _flag(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
    return _sql(column, "IS TRUE" if variant else "IS FALSE")


def _no_tags(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
    return _sql(column, "=" if variant else "<>", "'[]'")


def _any_tag(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
    if variant == "none":
        return SQL("1 = 0")
    return dialect.any_tag(column, slots[0]) if variant == "many" else _all_tags(column, variant, slots, dialect)


def _all_tags(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
    """Look for the text of a tag first, which costs a tenth of reading the JSON."""
    exact = dialect.all_tags(column, slots[0])
    if variant == "all":
        return exact
    return _sql("(", f"{dialect.position}(", column, ",", slots[1], ") > 0 AND", exact, ")")


def _entries(comparison: str) -> Build:
    """Return the builder of one comparison of metadata entries: name and type must agree, then the value."""

    def build(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
        tests, first = [], 0
        for kind in variant:
            size = 2 if kind in ("text", "number") else 1
            tests.append(dialect.entry(column, kind, comparison, slots[first : first + size]))
            first += size
        return _together(tests)

    return build


def _has_keys(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
    return _together([dialect.has_key(column, slot) for slot in slots])


def _together(tests: list[Any]) -> Any:
    """Join tests by AND in groups, because SQLite allows expressions to be 1,000 high."""
    while len(tests) > _GROUP:
        tests = [NodeList(tests[i : i + _GROUP], glue=" AND ", parens=True) for i in range(0, len(tests), _GROUP)]
    return NodeList(tests, glue=" AND ", parens=True)


def _member_of(name: str, lower: bool = False) -> Build:
    def build(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
        member = dialect.member(column, name)
        return _any(_sql("lower(", member, ")") if lower else member, variant, slots, dialect)

    return build


class Operator(NamedTuple):
    """How an operator is bound and built."""

    encode: Callable[[Any, Dialect], Encoded]
    build: Build


OPERATORS: dict[tuple[str, str], Operator] = {
    ("column", "any_"): Operator(_encode_any, _any),
    ("column", "not_any_"): Operator(_encode_not_any, _not_any),
    ("column", "like_"): Operator(_encode_like, lambda column, variant, slots, dialect: dialect.like(column, slots[0])),
    ("column", "startswith_"): Operator(_encode_prefix, _starts),
    ("column", "eq_"): Operator(_encode_flag, _flag),
    ("column", "ge_"): Operator(_encode_value, _compare(">=")),
    ("column", "le_"): Operator(_encode_value, _compare("<=")),
    ("column", "after_"): Operator(_encode_value, _compare(">=")),
    ("column", "before_"): Operator(_encode_value, _compare("<=")),
    # Whether there is one may be asked of another table, so `conditions` builds it.
    ("column", "is_null_"): Operator(_encode_flag, _null),
    ("column", "exists_"): Operator(_encode_flag, _null),
    ("tags", "all_"): Operator(_encode_all, _all_tags),
    ("tags", "any_"): Operator(_encode_any_tag, _any_tag),
    ("tags", "is_null_"): Operator(_encode_flag, _no_tags),
    ("metadata", "eq_"): Operator(_encode_entries, _entries("=")),
    ("metadata", "ge_"): Operator(_encode_entries, _entries(">=")),
    ("metadata", "le_"): Operator(_encode_entries, _entries("<=")),
    ("metadata", "has_key_"): Operator(_encode_names, _has_keys),
    ("creator", "id_"): Operator(_encode_member, _member_of("id", lower=True)),
    ("creator", "type_"): Operator(_encode_member, _member_of("type")),
    ("creator", "is_null_"): Operator(_encode_flag, _null),
}
