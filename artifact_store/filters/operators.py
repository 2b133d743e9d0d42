"""The operators: what each binds, and the Peewee expression that it becomes.

`OPERATORS` maps the family of a field and an operator to a pair of functions. `encode` turns the operand into a
*variant* (what the text of the statement depends on) and the values that it binds. `build` turns a column, a variant
and the slots of those values into an expression. Every expression is true or not true: a NULL column never satisfies an
operator, except that NULL is not in a list. What differs between engines is in `Dialect`.
"""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from peewee import NodeList
from pydantic_core import to_json

from ..db.dialects import Dialect, Slots, encode_value, sql
from ..db.statements import Expression

__all__ = ["EMPTY", "OPERATORS", "Encoded", "Operator"]

_LONGEST = 100  # tests joined without parentheses; SQLite allows expressions to be 1,000 high

EMPTY = "none"
"""The variant of an operator that no row satisfies, because its list is empty."""


class Encoded(NamedTuple):
    """An operand, encoded.

    Attributes:
        variant: What the text of the statement depends on, beside the operator.
        values: The values that the statement binds.
    """

    variant: Hashable
    values: tuple[object, ...] = ()


# Of an operand that does not constrain, such as an empty text, nothing is encoded.
Encode: TypeAlias = Callable[[Any, Dialect], Encoded | None]
Build: TypeAlias = Callable[[Expression, Any, Slots, Dialect], Expression]


class Operator(NamedTuple):
    """How an operator is encoded and built."""

    encode: Encode
    build: Build


# --- Encoding: what operators bind ---


def _encode_any(values: Sequence[object], dialect: Dialect) -> Encoded:
    if not values:
        return Encoded(EMPTY)
    if len(values) == 1:
        return Encoded("one", (encode_value(values[0]),))
    return Encoded("many", (dialect.bind_list(values),))


def _encode_not_any(values: Sequence[object], dialect: Dialect) -> Encoded | None:
    return _encode_any(values, dialect) if values else None


def _encode_any_tag(values: Sequence[str], dialect: Dialect) -> Encoded | None:
    if not values:
        return Encoded(EMPTY)
    if len(values) == 1:
        return _encode_all_tags(values, dialect)
    return Encoded("many", (dialect.bind_list(values),))


def _encode_all_tags(values: Sequence[str], dialect: Dialect) -> Encoded | None:
    """Bind the tags, and the text of one of them where every writer of JSON would write it in the same way."""
    if not values:
        return None
    if re.fullmatch(r"[ !#-.0-\[\]-~]*", values[0]) is None:
        return Encoded("all", (dialect.bind_list(values),))
    return Encoded("all, one as text", (dialect.bind_list(values), f'"{values[0]}"'))


def _encode_member(values: Sequence[object], dialect: Dialect) -> Encoded:
    return _encode_any([str(value) for value in values], dialect)


def _encode_value(value: object, dialect: Dialect) -> Encoded:
    return Encoded("", (encode_value(value),))


def _encode_flag(value: bool, dialect: Dialect) -> Encoded:
    return Encoded(value)


def _encode_like(pattern: str, dialect: Dialect) -> Encoded | None:
    return Encoded("", (f"%{pattern}%",)) if pattern else None


def _encode_prefix(prefix: str, dialect: Dialect) -> Encoded | None:
    """Bind the prefix and the least text above everything that starts with it."""
    if not prefix:
        return None
    head = prefix.rstrip(chr(0x10FFFF))
    if not head:
        return Encoded("open", (prefix,))
    following = ord(head[-1]) + 1
    if 0xD800 <= following <= 0xDFFF:  # surrogates are not characters
        following = 0xE000
    return Encoded("bounded", (prefix, head[:-1] + chr(following)))


def _json_kind(value: object) -> str:
    if isinstance(value, str):
        return "text"
    if value is None or isinstance(value, bool):
        return str(value)
    return "number"


def _encode_entries(entries: Mapping[str, object], dialect: Dialect) -> Encoded | None:
    """Bind each name and, unless the JSON type says it all, each value."""
    if not entries:
        return None
    kinds = tuple(map(_json_kind, entries.values()))
    bound: list[object] = []
    for kind, (name, value) in zip(kinds, entries.items(), strict=True):
        bound.append(name)
        if kind == "text":
            bound.append(value)
        elif kind == "number":
            bound.append(to_json(value).decode())
    return Encoded(kinds, tuple(bound))


def _encode_names(names: Sequence[str], dialect: Dialect) -> Encoded | None:
    return Encoded(len(names), tuple(names)) if names else None


# --- Building: what operators become ---


def _any(column: Expression, variant: str, slots: Slots, dialect: Dialect) -> Expression:
    return sql(column, "=", slots[0]) if variant == "one" else dialect.is_in(column, slots[0])


def _not_any(column: Expression, variant: str, slots: Slots, dialect: Dialect) -> Expression:
    listed = (
        sql(column, "<>", slots[0]) if variant == "one" else dialect.is_not_in(column, slots[0])
    )
    return sql("(", column, "IS NULL OR", listed, ")")


def _like(column: Expression, variant: str, slots: Slots, dialect: Dialect) -> Expression:
    return dialect.like(column, slots[0])


def _compare(comparison: str) -> Build:
    return lambda column, variant, slots, dialect: sql(column, comparison, slots[0])


def _starts(column: Expression, variant: str, slots: Slots, dialect: Dialect) -> Expression:
    low = sql(column, ">=", slots[0])
    return sql(low, "AND", column, "<", slots[1]) if variant == "bounded" else low


def _null(column: Expression, variant: bool, slots: Slots, dialect: Dialect) -> Expression:
    return sql(column, "IS NULL" if variant else "IS NOT NULL")


def _flag(column: Expression, variant: bool, slots: Slots, dialect: Dialect) -> Expression:
    return sql(column, "IS TRUE" if variant else "IS FALSE")


def _no_tags(column: Expression, variant: bool, slots: Slots, dialect: Dialect) -> Expression:
    return sql(column, "=" if variant else "<>", "'[]'")


def _any_tag(column: Expression, variant: str, slots: Slots, dialect: Dialect) -> Expression:
    return (
        dialect.has_any_tag(column, slots[0])
        if variant == "many"
        else _all_tags(column, variant, slots, dialect)
    )


def _all_tags(column: Expression, variant: str, slots: Slots, dialect: Dialect) -> Expression:
    """Look for the text of a tag first, which costs a tenth of reading the JSON."""
    exact = dialect.has_all_tags(column, slots[0])
    if variant == "all":
        return exact
    return sql("(", f"{dialect.find_function}(", column, ",", slots[1], ") > 0 AND", exact, ")")


def _entries(comparison: str) -> Build:
    """Return the builder of one comparison of metadata entries: name and type must agree, then the value."""

    def build(
        column: Expression, variant: Sequence[str], slots: Slots, dialect: Dialect
    ) -> Expression:
        tests: list[Expression] = []
        first = 0
        for kind in variant:
            size = 2 if kind in ("text", "number") else 1
            tests.append(
                dialect.compares_member(column, kind, comparison, slots[first : first + size])
            )
            first += size
        return _all_of(tests)

    return build


def _has_keys(column: Expression, variant: int, slots: Slots, dialect: Dialect) -> Expression:
    return _all_of([dialect.has_name(column, slot) for slot in slots])


def _all_of(tests: list[Expression]) -> Expression:
    """Join tests by AND, many of them in groups of groups."""
    while len(tests) > _LONGEST:
        groups = [tests[i : i + _LONGEST] for i in range(0, len(tests), _LONGEST)]
        tests = [NodeList(group, glue=" AND ", parens=True) for group in groups]
    return NodeList(tests, glue=" AND ", parens=True)


def _creator_id(column: Expression, variant: str, slots: Slots, dialect: Dialect) -> Expression:
    return _any(sql("lower(", dialect.text_member(column, "id"), ")"), variant, slots, dialect)


def _creator_type(column: Expression, variant: str, slots: Slots, dialect: Dialect) -> Expression:
    return _any(dialect.text_member(column, "type"), variant, slots, dialect)


OPERATORS: dict[tuple[str, str], Operator] = {
    ("column", "any_"): Operator(_encode_any, _any),
    ("column", "not_any_"): Operator(_encode_not_any, _not_any),
    ("column", "like_"): Operator(_encode_like, _like),
    ("column", "startswith_"): Operator(_encode_prefix, _starts),
    ("column", "eq_"): Operator(_encode_flag, _flag),
    ("column", "ge_"): Operator(_encode_value, _compare(">=")),
    ("column", "le_"): Operator(_encode_value, _compare("<=")),
    ("column", "after_"): Operator(_encode_value, _compare(">=")),
    ("column", "before_"): Operator(_encode_value, _compare("<=")),
    # `compiler` builds these two for columns: whether there is one may depend on another table.
    ("column", "is_null_"): Operator(_encode_flag, _null),
    ("column", "exists_"): Operator(_encode_flag, _null),
    ("tags", "all_"): Operator(_encode_all_tags, _all_tags),
    ("tags", "any_"): Operator(_encode_any_tag, _any_tag),
    ("tags", "is_null_"): Operator(_encode_flag, _no_tags),
    ("metadata", "eq_"): Operator(_encode_entries, _entries("=")),
    ("metadata", "ge_"): Operator(_encode_entries, _entries(">=")),
    ("metadata", "le_"): Operator(_encode_entries, _entries("<=")),
    ("metadata", "has_key_"): Operator(_encode_names, _has_keys),
    ("creator", "id_"): Operator(_encode_member, _creator_id),
    ("creator", "type_"): Operator(_encode_member, _creator_type),
    ("creator", "is_null_"): Operator(_encode_flag, _null),
}
