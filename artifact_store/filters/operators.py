"""The operators, once: what each binds, and the Peewee expression it becomes.

`OPERATORS` maps a family of criteria and an operator to a pair of functions. `encode` turns
the operand into a *variant* (what the text of the statement depends on) and the values it
binds. `build` turns a column, a variant and the slots of those values into an expression.
Every expression is true or not true: a NULL column never satisfies an operator, except that
NULL is not in a list. What engines say differently stands in a `Dialect`.
"""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from peewee import NodeList
from pydantic_core import to_json

from ..db.dialects import Dialect, Slots, encode_time, sql

__all__ = ["EMPTY", "OPERATORS", "Operator"]

_GROUP = 100

EMPTY = "none"
"""The variant of an operator that no row satisfies, because nothing is in its list."""

Encoded = tuple[Hashable, tuple[Any, ...]] | None

# What operators bind


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return encode_time(value) if isinstance(value, datetime) else value


def _encode_any(values: Sequence[Any], dialect: Dialect) -> Encoded:
    if not values:
        return EMPTY, ()
    return ("one", (_plain(values[0]),)) if len(values) == 1 else ("many", (dialect.bind_list(values),))


def _encode_not_any(values: Sequence[Any], dialect: Dialect) -> Encoded:
    return _encode_any(values, dialect) if values else None


def _encode_any_tag(values: Sequence[Any], dialect: Dialect) -> Encoded:
    if len(values) == 1:
        return _encode_all(values, dialect)
    return ("many", (dialect.bind_list(values),)) if values else (EMPTY, ())


def _encode_all(values: Sequence[Any], dialect: Dialect) -> Encoded:
    """Bind the tags, and the text of one of them, where every writer of JSON would write it so."""
    if not values:
        return None
    if re.fullmatch(r"[ !#-.0-\[\]-~]*", values[0]) is None:
        return "all", (dialect.bind_list(values),)
    return "all, one as text", (dialect.bind_list(values), f'"{values[0]}"')


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
    return sql(column, "=", slots[0]) if variant == "one" else dialect.is_in(column, slots[0])


def _not_any(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
    listed = sql(column, "<>", slots[0]) if variant == "one" else dialect.is_not_in(column, slots[0])
    return sql("(", column, "IS NULL OR", listed, ")")


def _compare(comparison: str) -> Build:
    return lambda column, variant, slots, dialect: sql(column, comparison, slots[0])


def _starts(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
    low = sql(column, ">=", slots[0])
    return sql(low, "AND", column, "<", slots[1]) if variant == "bounded" else low


def _null(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
    return sql(column, "IS NULL" if variant else "IS NOT NULL")


def _flag(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
    return sql(column, "IS TRUE" if variant else "IS FALSE")


def _no_tags(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
    return sql(column, "=" if variant else "<>", "'[]'")


def _any_tag(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
    return dialect.has_any_tag(column, slots[0]) if variant == "many" else _all_tags(column, variant, slots, dialect)


def _all_tags(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
    """Look for the text of a tag first, which costs a tenth of reading the JSON."""
    exact = dialect.has_all_tags(column, slots[0])
    if variant == "all":
        return exact
    return sql("(", f"{dialect.find_function}(", column, ",", slots[1], ") > 0 AND", exact, ")")


def _entries(comparison: str) -> Build:
    """Return the builder of one comparison of metadata entries: name and type must agree, then the value."""

    def build(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
        tests, first = [], 0
        for kind in variant:
            size = 2 if kind in ("text", "number") else 1
            tests.append(dialect.compares_member(column, kind, comparison, slots[first : first + size]))
            first += size
        return _together(tests)

    return build


def _has_keys(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
    return _together([dialect.has_name(column, slot) for slot in slots])


def _together(tests: list[Any]) -> Any:
    """Join tests by AND in groups, because SQLite allows expressions to be 1,000 high."""
    while len(tests) > _GROUP:
        tests = [NodeList(tests[i : i + _GROUP], glue=" AND ", parens=True) for i in range(0, len(tests), _GROUP)]
    return NodeList(tests, glue=" AND ", parens=True)


def _member_of(name: str, lower: bool = False) -> Build:
    def build(column: Any, variant: Any, slots: Slots, dialect: Dialect) -> Any:
        member = dialect.text_member(column, name)
        return _any(sql("lower(", member, ")") if lower else member, variant, slots, dialect)

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
