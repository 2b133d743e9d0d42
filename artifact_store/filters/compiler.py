"""The compiler of filters: from filters to a condition, and from a condition to SQL.

`compile_filters` walks filters into a `Condition`, which holds the shape of the question and none of its values; the
values go into a mapping of their own. `apply_condition` adds a condition to a query. The statement made of it is cached
under the condition, so that it is built once however often the values change.
"""

from collections.abc import Hashable, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple, TypeAlias, TypeVar

import peewee
from peewee import SQL, NodeList

from ..db.artifact_tables import TableWithId
from ..db.dialects import Dialect
from ..db.statements import Expression, slot
from ..errors import InvalidQuery
from ..wording import misplaced, shown, with_article
from .conditions import (
    EVERYTHING,
    NOTHING,
    Condition,
    Constant,
    FieldTest,
    Join,
    Related,
    combine,
    opposite,
)
from .definitions import Column, Filter, StateFilter, columns
from .fields import FieldFilter
from .operators import EMPTY, OPERATORS
from .relations import ALLOWED_FILTERS, FILTER_KINDS, RELATIONS, Relation

__all__ = ["apply_condition", "compile_filters", "select_related"]

_HIGHEST = 60  # levels of one expression; SQLite's parser has room for 100 open symbols
_LONGEST = 100  # terms joined without parentheses; SQLite allows expressions to be 1,000 high

M = TypeVar("M", bound=TableWithId)

Values: TypeAlias = dict[Hashable, object]
"""The values that a condition compares with, by the numbers of their slots."""


# --- From filters to a condition ---


def compile_filters(
    root: str, filters: Mapping[str, object], dialect: Dialect
) -> tuple[Condition | None, dict[Hashable, object]]:
    """Compile the filters of a listing.

    Args:
        root: The table that is listed, a key of `RELATIONS`.
        filters: Filters by the names of their parameters.
        dialect: The dialect of the engine, which decides how a list is bound.

    Returns:
        The condition, `None` when every row satisfies the filters; and the values that it binds, by their slots.

    Raises:
        InvalidQuery: The listing does not take such a filter, or the filter is not of the class that its parameter
            takes.
    """
    allowed = ALLOWED_FILTERS[root]
    checked: dict[str, Filter] = {}
    for name, value in filters.items():
        if name not in allowed:
            near = get_close_matches(name, allowed, 1, 0)[0]
            raise InvalidQuery(
                f"Unknown filter {shown(name)} for this listing; did you mean {near!r}?"
            )
        if value is not None:
            checked[name] = _check_kind(name, value)

    builder = _ConditionBuilder(checked, dialect)
    condition = builder.build(root)
    return (None if condition == EVERYTHING else condition), builder.values


def _check_kind(name: str, value: object) -> Filter:
    """Return a filter that is of the class that its parameter takes."""
    kinds = FILTER_KINDS[name]
    if not isinstance(value, kinds):
        kind = kinds[0].__name__
        hint = (
            f": write {kind}.model_validate(...)" if isinstance(value, dict) else misplaced(value)
        )
        raise InvalidQuery(
            f"{name} takes {with_article(kind)}, not {with_article(type(value).__name__)}{hint}."
        )
    return value


class _ConditionBuilder:
    """Builds the condition of some filters, and collects the values that it binds."""

    def __init__(self, filters: Mapping[str, Filter], dialect: Dialect) -> None:
        self.values: Values = {}
        self._filters = filters
        self._dialect = dialect

    def build(self, root: str) -> Condition | None:
        """Return the condition of all filters on the rows of the table that is listed."""
        terms = [self._related(relation) for relation in RELATIONS[root]]
        if root in self._filters:
            terms.insert(0, self._filter(self._filters[root], negated=False))
        return combine("and_", terms)

    def _is_constrained(self, relation: Relation) -> bool:
        return relation.filter_name in self._filters or any(
            map(self._is_constrained, relation.relations)
        )

    def _related(self, relation: Relation) -> Condition | None:
        """Return the condition that a related row satisfies its filter, and has related rows that satisfy theirs."""
        if not self._is_constrained(relation):
            return None
        terms = [self._related(each) for each in relation.relations]
        if relation.filter_name in self._filters:
            terms.insert(0, self._filter(self._filters[relation.filter_name], negated=False))

        condition = combine("and_", terms)
        if condition == NOTHING:
            return NOTHING
        return Related(relation, None if condition == EVERYTHING else condition)

    def _filter(self, value: Filter, negated: bool) -> Condition | None:
        """Return the condition of one filter, or of its negation, which is pushed down to the tests of its fields."""
        kind = type(value)
        terms = [self._field(kind, name, getattr(value, name), negated) for name in columns(kind)]
        if value.and_ is not None:
            terms.append(self._filters_joined("and_", value.and_, negated))
        if value.or_ is not None:
            terms.append(self._filters_joined("or_", value.or_, negated))
        if value.not_ is not None:
            terms.append(self._filter(value.not_, not negated))
        return combine(opposite(value.operator) if negated else value.operator, terms)

    def _filters_joined(
        self, join: Join, filters: Sequence[Filter], negated: bool
    ) -> Condition | None:
        return combine(
            opposite(join) if negated else join, [self._filter(each, negated) for each in filters]
        )

    def _field(
        self,
        kind: type[Filter],
        field: str,
        value: FieldFilter | None,
        negated: bool,
        part: str = "",
    ) -> Condition | None:
        """Return the condition of the operators that one field, or a part of it, was given."""
        if value is None:
            return None
        terms: list[Condition | None] = []
        for operator in type(value).model_fields:
            operand = getattr(value, operator)
            if operand is None or operator == "operator":
                continue
            if isinstance(operand, FieldFilter):
                terms.append(self._field(kind, field, operand, negated, part=operator))
                continue

            encoded = OPERATORS[value.family, operator].encode(operand, self._dialect)
            if encoded is None:
                continue
            if encoded.variant == EMPTY:
                terms.append(EVERYTHING if negated else NOTHING)
                continue
            first = len(self.values)
            self.values.update(enumerate(encoded.values, first))
            slots = len(encoded.values)
            terms.append(
                FieldTest(kind, field, part, operator, encoded.variant, first, slots, negated)
            )
        return combine(opposite(value.operator) if negated else value.operator, terms)


# --- From a condition to SQL ---


def apply_condition(
    query: "peewee.ModelSelect[M]", condition: Condition | None, dialect: Dialect
) -> "peewee.ModelSelect[M]":
    """Return a query for only those rows that satisfy a condition.

    Related rows are named queries (WITH) in front of it, the farthest first: nested in each other they would
    soon fill the 100 symbols that SQLite's parser has room for. Engines plan both forms alike.
    """
    if condition is None:
        return query
    builder = _ExpressionBuilder(dialect)
    return query.where(builder.where(condition, query)).with_cte(*builder.named)


def select_related(related: Related, dialect: Dialect) -> "peewee.ModelSelect[TableWithId]":
    """Return the query for the keys of the related rows that satisfy a condition on them."""
    relation = related.relation
    return apply_condition(
        relation.model.select(relation.related_column), related.condition, dialect
    )


class _Expression(NamedTuple):
    """A Peewee expression.

    Attributes:
        height: How many levels it has.
        join: How its terms are joined, which have no parentheses around them yet; `None` for a single term.
        node: The node of Peewee.
    """

    height: int
    join: Join | None
    node: Expression

    def enclosed(self) -> Expression:
        """Return the node, in parentheses where it needs them."""
        return self.node if self.join is None else NodeList((self.node,), parens=True)


class _ExpressionBuilder:
    """Builds the expression of a condition.

    Attributes:
        named: The named queries that must stand in front of the query, in order.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.named: list[peewee.CTE] = []
        self._dialect = dialect

    def where(self, condition: Condition, query: "peewee.ModelSelect[M]") -> Expression:
        """Build a condition on the rows of a query."""
        expression = self._expression(condition, query.select(query.model.id))
        return expression.enclosed() if expression.join == "or_" else expression.node

    def _expression(self, condition: Condition, rows: "peewee.ModelSelect[M]") -> _Expression:
        if isinstance(condition, Constant):
            return _Expression(1, None, SQL("1 = 1" if condition.value else "1 = 0"))
        if isinstance(condition, FieldTest):
            return _Expression(1, None, _test(condition, self._dialect))
        if isinstance(condition, Related):
            return _Expression(1, None, self._related(condition))
        terms = [self._lowered(self._expression(term, rows), rows) for term in condition.terms]
        highest, *others = sorted(terms, key=lambda term: -term.height)
        return _Expression(
            highest.height + 1, condition.join, _join(condition.join, highest, others)
        )

    def _related(self, related: Related) -> Expression:
        relation = related.relation
        if related.form == "keys":
            return self._dialect.is_in(relation.column, slot(("keys", relation)))

        rows = relation.model.select(relation.related_column)
        if related.condition is not None:
            rows = rows.where(self.where(related.condition, relation.model.select()))
        if related.form == "exists":
            # As a value and not as EXISTS, which a planner may turn into a join that reads every related row.
            found = rows.where(relation.related_column == relation.column).columns(SQL("TRUE"))
            return peewee.fn.COALESCE(found, SQL("FALSE"))
        named = self._name(rows, "related", "key")
        return relation.column << named.select(named.c.key)

    def _lowered(self, expression: _Expression, rows: "peewee.ModelSelect[M]") -> _Expression:
        """Turn an expression that is too high into a named query for the ids of the rows that satisfy it."""
        if expression.height < _HIGHEST:
            return expression
        named = self._name(rows.where(expression.enclosed()), "part", "id")
        return _Expression(1, None, rows.model.id << named.select(named.c.id))

    def _name(self, query: "peewee.ModelSelect[M]", prefix: str, column: str) -> peewee.CTE:
        named = query.cte(f"{prefix}_{len(self.named)}", columns=(column,))
        self.named.append(named)
        return named


def _join(join: Join, highest: _Expression, others: Sequence[_Expression]) -> Expression:
    """Join terms, the highest first and the others in a group of their own.

    SQLite's parser has room for 100 open symbols: a chain of 100 nested filters fits only when
    its levels open nothing but a parenthesis where OR stands under AND, and 1,000 terms only
    when they are grouped.
    """
    glue = " AND " if join == "and_" else " OR "
    first = highest.enclosed() if (join, highest.join) == ("and_", "or_") else highest.node
    nodes = [each.enclosed() for each in others]
    while len(nodes) > _LONGEST:
        nodes = [
            NodeList(nodes[i : i + _LONGEST], glue=glue, parens=True)
            for i in range(0, len(nodes), _LONGEST)
        ]
    rest = nodes[0] if len(nodes) == 1 else NodeList(nodes, glue=glue, parens=True)
    return NodeList((first, rest), glue=glue)


def _test(test: FieldTest, dialect: Dialect) -> Expression:
    """Build the expression of one operator of a field."""
    column = columns(test.kind)[test.field]
    slots = [slot(number) for number in range(test.first_slot, test.first_slot + test.slots)]
    family = "column" if test.part else column.family
    build = OPERATORS[family, test.operator].build

    if test.part:
        # The parts of a composite field are columns of one table, named in the annotations of the parts.
        part_column = getattr(column.table, StateFilter.model_fields[test.part].metadata[0])
        node = build(part_column, test.variant, slots, dialect)
    elif family == "column" and test.operator in ("is_null_", "exists_"):
        node = _presence(column, absent=test.variant == (test.operator == "is_null_"))
    else:
        node = build(column.field, test.variant, slots, dialect)
        if column.parent is not None and column.key is not None:
            node = column.parent << column.key.model.select(column.key).where(node)
        if column.or_field is not None:
            either = (node, build(column.or_field, test.variant, slots, dialect))
            node = NodeList(either, glue=" OR ", parens=True)

    if not test.negated:
        return node
    # Not NOT, of which NULL makes NULL.
    return NodeList((NodeList((node,), parens=True), SQL("IS NOT TRUE")))


def _presence(column: Column, absent: bool) -> Expression:
    """Build `is_null_` and `exists_`: of a column, or of rows in another table."""
    if column.present is not None:
        return column.present.is_null(absent)
    if column.key is None:
        return column.field.is_null(absent)
    rows = column.key.model.select(SQL("1")).where(column.key == column.parent)
    exists = peewee.fn.EXISTS(rows)
    return ~exists if absent else exists
