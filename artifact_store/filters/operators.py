"""The operators of filters: the values that each binds, and the SQL that it becomes.

`OPERATORS` has two functions for each operator of a family of fields. `encode` turns the operand
into a *variant* (what the text of the statement depends on) and the values that it binds. `build`
turns a column, a variant and the slots of the values into an expression. If a value influenced the
text without being part of the variant, a cached statement would be used for the wrong operand.

An expression is true or not true: a NULL column satisfies no operator, except that NULL is not in a
list. What differs between engines is in `Dialect`.
"""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from peewee import NodeList
from pydantic_core import to_json

from ..db.dialects import Dialect, Slots, encode_value, sql
from ..db.statements import Expression

__all__ = ["EMPTY", "OPERATORS", "ColumnTest", "Encoded", "Operator", "join_nodes"]

# Expressions that are joined without parentheses; SQLite allows expressions to be 1,000 high.
_MAX_JOINED = 100

# Text that every JSON encoder writes in the same way: printable ASCII without `"`, `\` and `/`.
_PLAIN_JSON_TEXT = re.compile(r"[ !#-.0-\[\]-~]*")

EMPTY = "none"
"""The variant of an operator that no row satisfies, because its list is empty."""


class Encoded(NamedTuple):
    """An operand, encoded.

    Attributes:
        variant: What the text of the statement depends on, besides the operator.
        values: The values that the statement binds.
    """

    variant: Hashable
    values: tuple[object, ...] = ()


class ColumnTest(NamedTuple):
    """One operator of one column.

    Attributes:
        column: The column, or the expression that stands for it.
        variant: The variant of the operand.
        slots: The slots of its values.
        dialect: The dialect of the engine.
    """

    column: Expression
    variant: Hashable
    slots: Slots
    dialect: Dialect


# The operand has the type that the field declares for the operator. `None` is returned for an
# operand that is no constraint, such as an empty text.
Encode: TypeAlias = Callable[[Any, Dialect], Encoded | None]
Build: TypeAlias = Callable[[ColumnTest], Expression]


class Operator(NamedTuple):
    """How an operator is encoded and built."""

    encode: Encode
    build: Build


# --- Encoding ---


def encode_list(values: Sequence[object], dialect: Dialect) -> Encoded:
    """Bind a list that a column may be in; a list of one value as that value."""
    if not values:
        return Encoded(EMPTY)
    if len(values) == 1:
        return Encoded("one", (encode_value(values[0]),))
    return Encoded("many", (dialect.bind_list(values),))


def encode_excluded(values: Sequence[object], dialect: Dialect) -> Encoded | None:
    """Bind a list that a column must not be in."""
    if not values:
        return None
    return encode_list(values, dialect)


def encode_any_tag(values: Sequence[str], dialect: Dialect) -> Encoded | None:
    """Bind tags of which one must be there."""
    if not values:
        return Encoded(EMPTY)
    if len(values) == 1:
        return encode_all_tags(values, dialect)
    return Encoded("many", (dialect.bind_list(values),))


def encode_all_tags(values: Sequence[str], dialect: Dialect) -> Encoded | None:
    """Bind tags that must all be there, and the JSON text of the first one if it has only one."""
    if not values:
        return None
    tags = dialect.bind_list(values)
    first = values[0]
    if _PLAIN_JSON_TEXT.fullmatch(first) is None:
        return Encoded("all", (tags,))
    return Encoded("all, one as text", (tags, f'"{first}"'))


def encode_texts(values: Sequence[object], dialect: Dialect) -> Encoded:
    """Bind a list that a text may be in."""
    texts = [str(value) for value in values]
    return encode_list(texts, dialect)


def encode_operand(value: object, dialect: Dialect) -> Encoded:
    """Bind a value that a column is compared with."""
    return Encoded("", (encode_value(value),))


def encode_flag(value: bool, dialect: Dialect) -> Encoded:
    """Bind nothing: both values have a statement of their own."""
    return Encoded(value)


def encode_pattern(pattern: str, dialect: Dialect) -> Encoded | None:
    """Bind a LIKE pattern that may match anywhere in a text."""
    if not pattern:
        return None
    return Encoded("", (f"%{pattern}%",))


def encode_prefix(prefix: str, dialect: Dialect) -> Encoded | None:
    """Bind the prefix, and the smallest text above everything that starts with it."""
    if not prefix:
        return None
    head = prefix.rstrip(chr(0x10FFFF))
    if not head:
        return Encoded("open", (prefix,))

    following = ord(head[-1]) + 1
    # Surrogates are not characters.
    if 0xD800 <= following <= 0xDFFF:
        following = 0xE000
    upper_bound = head[:-1] + chr(following)
    return Encoded("bounded", (prefix, upper_bound))


def encode_entries(entries: Mapping[str, object], dialect: Dialect) -> Encoded | None:
    """Bind each name and each value; for booleans and null, the variant has the value."""
    if not entries:
        return None
    kinds: list[str] = []
    bound: list[object] = []
    for name, value in entries.items():
        bound.append(name)
        if isinstance(value, str):
            kinds.append("text")
            bound.append(value)
        elif value is None or isinstance(value, bool):
            kinds.append(str(value))
        else:
            kinds.append("number")
            bound.append(to_json(value).decode())
    return Encoded(tuple(kinds), tuple(bound))


def encode_names(names: Sequence[str], dialect: Dialect) -> Encoded | None:
    """Bind names that must all be there."""
    if not names:
        return None
    return Encoded(len(names), tuple(names))


# --- Building ---


def build_any(test: ColumnTest) -> Expression:
    """Build a test that a column is in a list."""
    if test.variant == "one":
        return sql(test.column, "=", test.slots[0])
    return test.dialect.is_in(test.column, test.slots[0])


def build_not_any(test: ColumnTest) -> Expression:
    """Build a test that a column is not in a list; NULL is not in it."""
    if test.variant == "one":
        differs = sql(test.column, "<>", test.slots[0])
    else:
        differs = test.dialect.is_not_in(test.column, test.slots[0])
    return sql("(", test.column, "IS NULL OR", differs, ")")


def build_like(test: ColumnTest) -> Expression:
    """Build a test that a text matches a pattern."""
    return test.dialect.like(test.column, test.slots[0])


def build_at_least(test: ColumnTest) -> Expression:
    """Build a test that a column is greater than or equal to a value."""
    return sql(test.column, ">=", test.slots[0])


def build_at_most(test: ColumnTest) -> Expression:
    """Build a test that a column is less than or equal to a value."""
    return sql(test.column, "<=", test.slots[0])


def build_prefix(test: ColumnTest) -> Expression:
    """Build a test that a text starts with a prefix, which an index can answer."""
    lower = build_at_least(test)
    if test.variant == "open":
        return lower
    return sql(lower, "AND", test.column, "<", test.slots[1])


def build_null(test: ColumnTest) -> Expression:
    """Build a test that a column is NULL, or that it is not."""
    return sql(test.column, "IS NULL" if test.variant else "IS NOT NULL")


def build_flag(test: ColumnTest) -> Expression:
    """Build a test that a boolean column is true, or that it is false."""
    return sql(test.column, "IS TRUE" if test.variant else "IS FALSE")


def build_no_tags(test: ColumnTest) -> Expression:
    """Build a test that a list of tags is empty, or that it is not."""
    return sql(test.column, "=" if test.variant else "<>", "'[]'")


def build_any_tag(test: ColumnTest) -> Expression:
    """Build a test that one of some tags is in a list."""
    if test.variant == "many":
        return test.dialect.has_any_tag(test.column, test.slots[0])
    return build_all_tags(test)


def build_all_tags(test: ColumnTest) -> Expression:
    """Build a test that all of some tags are in a list."""
    exact = test.dialect.has_all_tags(test.column, test.slots[0])
    if test.variant == "all":
        return exact
    # Searching the text costs a tenth of parsing the JSON, and rules out most rows.
    find = f"{test.dialect.find_function}("
    return sql("(", find, test.column, ",", test.slots[1], ") > 0 AND", exact, ")")


def build_equal_entries(test: ColumnTest) -> Expression:
    """Build a test that metadata has these entries."""
    return compare_entries(test, "=")


def build_entries_at_least(test: ColumnTest) -> Expression:
    """Build a test that entries of metadata are greater than or equal to values."""
    return compare_entries(test, ">=")


def build_entries_at_most(test: ColumnTest) -> Expression:
    """Build a test that entries of metadata are less than or equal to values."""
    return compare_entries(test, "<=")


def compare_entries(test: ColumnTest, comparison: str) -> Expression:
    """Build a comparison of entries of metadata: the name, the JSON type and the value."""
    assert isinstance(test.variant, tuple)
    terms: list[Expression] = []
    first = 0
    for kind in test.variant:
        last = first + (2 if kind in ("text", "number") else 1)
        slots = test.slots[first:last]
        terms.append(test.dialect.compares_member(test.column, kind, comparison, slots))
        first = last
    return join_nodes(terms, " AND ")


def build_has_names(test: ColumnTest) -> Expression:
    """Build a test that metadata has entries with all of some names."""
    has_name = test.dialect.has_name
    terms = [has_name(test.column, slot) for slot in test.slots]
    return join_nodes(terms, " AND ")


def join_nodes(nodes: Sequence[Expression], glue: str) -> Expression:
    """Join expressions by AND or OR, many of them in groups of groups."""
    while len(nodes) > _MAX_JOINED:
        groups: list[Expression] = []
        for start in range(0, len(nodes), _MAX_JOINED):
            members = nodes[start : start + _MAX_JOINED]
            groups.append(NodeList(members, glue=glue, parens=True))
        nodes = groups
    return NodeList(nodes, glue=glue, parens=True)


def build_creator_id(test: ColumnTest) -> Expression:
    """Build a test that the id of a creator is in a list, in lower case."""
    text = test.dialect.text_member(test.column, "id")
    lower = sql("lower(", text, ")")
    return build_any(test._replace(column=lower))


def build_creator_type(test: ColumnTest) -> Expression:
    """Build a test that the type of a creator is in a list."""
    text = test.dialect.text_member(test.column, "type")
    return build_any(test._replace(column=text))


OPERATORS: dict[str, dict[str, Operator]] = {
    "column": {
        "any_": Operator(encode_list, build_any),
        "not_any_": Operator(encode_excluded, build_not_any),
        "like_": Operator(encode_pattern, build_like),
        "startswith_": Operator(encode_prefix, build_prefix),
        "eq_": Operator(encode_flag, build_flag),
        "ge_": Operator(encode_operand, build_at_least),
        "le_": Operator(encode_operand, build_at_most),
        "after_": Operator(encode_operand, build_at_least),
        "before_": Operator(encode_operand, build_at_most),
        # `compiler` builds these two, because a value may be absent in another table.
        "is_null_": Operator(encode_flag, build_null),
        "exists_": Operator(encode_flag, build_null),
    },
    "tags": {
        "all_": Operator(encode_all_tags, build_all_tags),
        "any_": Operator(encode_any_tag, build_any_tag),
        "is_null_": Operator(encode_flag, build_no_tags),
    },
    "metadata": {
        "eq_": Operator(encode_entries, build_equal_entries),
        "ge_": Operator(encode_entries, build_entries_at_least),
        "le_": Operator(encode_entries, build_entries_at_most),
        "has_key_": Operator(encode_names, build_has_names),
    },
    "creator": {
        "id_": Operator(encode_texts, build_creator_id),
        "type_": Operator(encode_texts, build_creator_type),
        "is_null_": Operator(encode_flag, build_null),
    },
}
"""The operators of each family of fields, by name."""
