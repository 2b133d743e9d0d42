"""The compiler of filters: from filters to a condition, and from a condition to SQL.

`compile_filters` turns filters into a `Condition`, which has their structure without the values,
and a mapping with the values. `apply_condition` adds a condition to a query. The statement is
cached under the condition, so it is built once however often the values change. If a condition
depended on a value, every value would be a new entry of that cache.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

import peewee
from peewee import SQL, NodeList

from ..db.artifact_tables import TableWithId
from ..db.dialects import Dialect
from ..db.statements import Expression, slot
from ..errors import InvalidQuery
from ..wording import misplaced, shown, suggestion, with_article
from .base import Column, Filter, columns
from .conditions import (
    EVERYTHING,
    NOTHING,
    Condition,
    Constant,
    FieldTest,
    Group,
    Join,
    Related,
    combine,
    push_negation,
)
from .definitions import ArtifactCollectionFilter, ArtifactFilter, StateFilter
from .fields import FieldFilter
from .operators import EMPTY, OPERATORS, ColumnTest, join_nodes
from .relations import ALLOWED_FILTERS, FILTER_KINDS, RELATIONS, Relation

__all__ = ["apply_condition", "compile_filters", "on_artifacts", "select_related"]

# Levels of one expression; the parser of SQLite has a stack of 100 symbols.
_MAX_HEIGHT = 60

M = TypeVar("M", bound=TableWithId)

Values: TypeAlias = dict[Hashable, object]
"""The values that a condition compares with, by the numbers of their slots."""

FiltersByName: TypeAlias = Mapping[str, Filter]
"""Filters by the names of their parameters."""


# --- From filters to a condition ---


def compile_filters(
    root: str, filters: Mapping[str, object], dialect: Dialect
) -> tuple[Condition | None, Values]:
    """Compile the filters of a list.

    Args:
        root: The table that is listed, a key of `RELATIONS`.
        filters: Filters by the names of their parameters.
        dialect: The dialect of the engine, which decides how a list is bound.

    Returns:
        The condition, `None` if every row satisfies the filters, and the values that it binds.

    Raises:
        InvalidQuery: The list does not take such a filter, or a filter has the wrong class.
    """
    allowed = ALLOWED_FILTERS[root]
    checked: dict[str, Filter] = {}
    for name, value in filters.items():
        if name not in allowed:
            raise InvalidQuery(
                f"Unknown filter {shown(name)} for this listing; {suggestion(name, allowed)}"
            )
        if value is not None:
            checked[name] = check_class(name, value)

    builder = ConditionBuilder(checked, dialect)
    condition = builder.build(root)
    if condition == EVERYTHING:
        condition = None
    return condition, builder.values


def check_class(name: str, value: object) -> Filter:
    """Return a filter if it has the class that its parameter takes.

    Raises:
        InvalidQuery: It has another class.
    """
    kinds = FILTER_KINDS[name]
    if isinstance(value, kinds):
        return value
    expected = kinds[0].__name__
    hint = misplaced(value)
    if isinstance(value, dict):
        hint = f": write {expected}.model_validate(...)"
    actual = with_article(type(value).__name__)
    raise InvalidQuery(f"{name} takes {with_article(expected)}, not {actual}{hint}.")


class ConditionBuilder:
    """Builds the condition of filters, and collects the values that it binds.

    Attributes:
        values: The values, by the numbers of their slots.
    """

    def __init__(self, filters: FiltersByName, dialect: Dialect) -> None:
        """Take the filters of a list, and the dialect of its engine."""
        self.values: Values = {}
        self._filters = filters
        self._dialect = dialect

    def build(self, root: str) -> Condition | None:
        """Return the condition of all filters on the rows of the table that is listed."""
        return self._combined(root, RELATIONS[root])

    def _combined(self, filter_name: str, relations: Sequence[Relation]) -> Condition | None:
        """Return the condition of the filter of a table, and of those of related tables."""
        # The filter of the table is the first term, but its values come after those of the others.
        terms = [self._related(relation) for relation in relations]
        if filter_name in self._filters:
            own = self._filter(self._filters[filter_name], negated=False)
            terms.insert(0, own)
        return combine("and_", terms)

    def _is_constrained(self, relation: Relation) -> bool:
        if relation.filter_name in self._filters:
            return True
        return any(self._is_constrained(each) for each in relation.relations)

    def _related(self, relation: Relation) -> Condition | None:
        """Return the condition that a related row exists which satisfies the filters."""
        if not self._is_constrained(relation):
            return None
        condition = self._combined(relation.filter_name, relation.relations)
        if condition == NOTHING:
            return NOTHING
        if condition == EVERYTHING:
            condition = None
        return Related(relation, condition)

    def _filter(self, value: Filter, negated: bool) -> Condition | None:
        """Return the condition of one filter; a negation is pushed down to single tests."""
        kind = type(value)
        terms: list[Condition | None] = []
        for field in columns(kind):
            operators: FieldFilter | None = getattr(value, field)
            if operators is not None:
                terms.append(self._field(kind, field, "", operators, negated))
        if value.and_ is not None:
            terms.append(self._joined("and_", value.and_, negated))
        if value.or_ is not None:
            terms.append(self._joined("or_", value.or_, negated))
        if value.not_ is not None:
            terms.append(self._filter(value.not_, not negated))
        return combine(push_negation(value.operator, negated), terms)

    def _joined(self, join: Join, filters: Sequence[Filter], negated: bool) -> Condition | None:
        terms = [self._filter(each, negated) for each in filters]
        return combine(push_negation(join, negated), terms)

    def _field(
        self,
        kind: type[Filter],
        field: str,
        part: str,
        operators: FieldFilter,
        negated: bool,
    ) -> Condition | None:
        """Return the condition of the operators of a field, or of a part of a composite field."""
        family = OPERATORS[operators.family]
        terms: list[Condition | None] = []
        for name in type(operators).model_fields:
            operand = getattr(operators, name)
            if operand is None or name == "operator":
                continue
            if isinstance(operand, FieldFilter):
                terms.append(self._field(kind, field, name, operand, negated))
                continue

            encoded = family[name].encode(operand, self._dialect)
            if encoded is None:
                continue
            if encoded.variant == EMPTY:
                terms.append(EVERYTHING if negated else NOTHING)
                continue
            first_slot = len(self.values)
            self.values.update(enumerate(encoded.values, first_slot))
            test = FieldTest(
                kind=kind,
                field=field,
                part=part,
                operator=name,
                variant=encoded.variant,
                first_slot=first_slot,
                slots=len(encoded.values),
                negated=negated,
            )
            terms.append(test)
        return combine(push_negation(operators.operator, negated), terms)


def on_artifacts(condition: Condition | None) -> Condition | None:
    """Return a condition on latest artifacts as one on all artifacts, with the same values."""
    if isinstance(condition, Group):
        terms = [on_artifacts(term) for term in condition.terms]
        return Group(condition.join, tuple(term for term in terms if term is not None))
    if isinstance(condition, FieldTest) and condition.kind is ArtifactCollectionFilter:
        field = "id" if condition.field == "latest_id" else condition.field
        return condition._replace(kind=ArtifactFilter, field=field)
    return condition


# --- From a condition to SQL ---


def apply_condition(
    query: "peewee.ModelSelect[M]", condition: Condition | None, dialect: Dialect
) -> "peewee.ModelSelect[M]":
    """Return a query for only those rows that satisfy a condition.

    Related rows are common table expressions in front of the query, the farthest ones first. Nested
    in each other they would soon fill the stack of SQLite's parser. Engines plan both alike.
    """
    if condition is None:
        return query
    builder = ExpressionBuilder(dialect)
    expression = builder.where(condition, query)
    return query.where(expression).with_cte(*builder.ctes)


def select_related(related: Related, dialect: Dialect) -> "peewee.ModelSelect[TableWithId]":
    """Return the query for the keys of the related rows that satisfy a condition on them."""
    relation = related.relation
    keys = relation.model.select(relation.related_column)
    return apply_condition(keys, related.condition, dialect)


class Term(NamedTuple):
    """An expression, and what decides whether it needs parentheses.

    Attributes:
        node: The expression.
        height: How many levels it has.
        join: How its own terms are joined, without parentheses around them; `None` for one term.
    """

    node: Expression
    height: int = 1
    join: Join | None = None

    def enclosed(self) -> Expression:
        """Return the expression, in parentheses if it has several terms."""
        if self.join is None:
            return self.node
        return NodeList((self.node,), parens=True)


class ExpressionBuilder:
    """Builds the expression of a condition.

    Attributes:
        ctes: The common table expressions that the query needs, in order.
    """

    def __init__(self, dialect: Dialect) -> None:
        """Start without common table expressions."""
        self.ctes: list[peewee.CTE] = []
        self._dialect = dialect

    def where(self, condition: Condition, query: "peewee.ModelSelect[M]") -> Expression:
        """Build the expression of a condition on the rows of a query."""
        term = self._term(condition, query.select(query.model.id))
        # Other conditions of the query are added with AND.
        return term.enclosed() if term.join == "or_" else term.node

    def _term(self, condition: Condition, rows: "peewee.ModelSelect[M]") -> Term:
        if isinstance(condition, Constant):
            return Term(SQL("1 = 1" if condition.value else "1 = 0"))
        if isinstance(condition, FieldTest):
            return Term(build_test(condition, self._dialect))
        if isinstance(condition, Related):
            return Term(self._related(condition))
        return self._group(condition, rows)

    def _group(self, group: Group, rows: "peewee.ModelSelect[M]") -> Term:
        terms: list[Term] = []
        for condition in group.terms:
            term = self._term(condition, rows)
            if term.height >= _MAX_HEIGHT:
                # Too high for the parser of SQLite: find the ids of its rows in a query of its own.
                matches = rows.where(term.enclosed())
                cte = self._add_cte("part", "id", matches)
                term = Term(rows.model.id << cte.select(cte.c.id))
            terms.append(term)

        highest, *others = sorted(terms, key=lambda term: -term.height)
        node = join_terms(group.join, highest, others)
        return Term(node, highest.height + 1, group.join)

    def _related(self, related: Related) -> Expression:
        """Build the expression that a related row exists."""
        relation = related.relation
        if related.form == "keys":
            return self._dialect.is_in(relation.column, slot(("keys", relation)))

        rows = relation.model.select(relation.related_column)
        if related.condition is not None:
            condition = self.where(related.condition, relation.model.select())
            rows = rows.where(condition)
        if related.form == "exists":
            # A value and not EXISTS, which a planner may turn into a join that reads every row.
            own = rows.where(relation.related_column == relation.column)
            exists = own.columns(SQL("TRUE"))
            return peewee.fn.COALESCE(exists, SQL("FALSE"))
        cte = self._add_cte("related", "key", rows)
        return relation.column << cte.select(cte.c.key)

    def _add_cte(self, prefix: str, column: str, query: "peewee.ModelSelect[M]") -> peewee.CTE:
        cte = query.cte(f"{prefix}_{len(self.ctes)}", columns=(column,))
        self.ctes.append(cte)
        return cte


def join_terms(join: Join, highest: Term, others: Sequence[Term]) -> Expression:
    """Join terms, the highest first and the others in a group.

    The parser of SQLite has a stack of 100 symbols. 100 nested filters fit because each level opens
    only a parenthesis where OR is inside AND; 1,000 terms fit because they are grouped.
    """
    glue = " AND " if join == "and_" else " OR "
    first = highest.node
    if join == "and_" and highest.join == "or_":
        first = highest.enclosed()
    nodes = [term.enclosed() for term in others]
    rest = nodes[0]
    if len(nodes) > 1:
        rest = join_nodes(nodes, glue)
    return NodeList((first, rest), glue=glue)


def build_test(test: FieldTest, dialect: Dialect) -> Expression:
    """Build the expression of one operator of a field."""
    expression = build_positive_test(test, dialect)
    if not test.negated:
        return expression
    # NOT of NULL would be NULL.
    enclosed = NodeList((expression,), parens=True)
    return NodeList((enclosed, SQL("IS NOT TRUE")))


def build_positive_test(test: FieldTest, dialect: Dialect) -> Expression:
    """Build the expression of one operator of a field without its negation."""
    column = columns(test.kind)[test.field]
    last_slot = test.first_slot + test.slots
    slots = [slot(number) for number in range(test.first_slot, last_slot)]
    column_test = ColumnTest(column.field, test.variant, slots, dialect)

    if test.part:
        # A part of a composite field is a column of the same table.
        name = StateFilter.model_fields[test.part].metadata[0]
        part_test = column_test._replace(column=getattr(column.table, name))
        return OPERATORS["column"][test.operator].build(part_test)
    if column.family == "column" and test.operator in ("is_null_", "exists_"):
        is_absent = test.variant == (test.operator == "is_null_")
        return build_presence(column, is_absent)

    build = OPERATORS[column.family][test.operator].build
    expression = build(column_test)
    if column.key is not None:
        expression = build_reference(column, expression)
    if column.or_field is not None:
        alternative = build(column_test._replace(column=column.or_field))
        expression = NodeList((expression, alternative), glue=" OR ", parens=True)
    return expression


def build_presence(column: Column, is_absent: bool) -> Expression:
    """Build a test that a column is NULL or not, or that rows in another table exist or not."""
    if column.present is not None:
        return column.present.is_null(is_absent)
    if column.key is None:
        return column.field.is_null(is_absent)
    if column.second is not None:
        reference = build_reference(column, None)
        # A NULL refers to no row, and NOT of NULL would be NULL.
        return NodeList((reference, SQL("IS NOT TRUE"))) if is_absent else reference
    table = column.key.model
    rows = table.select(SQL("1")).where(column.key == column.parent)
    exists = peewee.fn.EXISTS(rows)
    return ~exists if is_absent else exists


def build_reference(column: Column, condition: Expression | None) -> Expression:
    """Build a test that a row refers to one of the rows of another table that satisfy a condition."""
    assert column.parent is not None
    assert column.key is not None
    if column.second is None:
        own: Expression = column.parent
        keys = column.key.model.select(column.key)
    else:
        second, second_key = column.second
        own = NodeList((column.parent, second), glue=", ", parens=True)
        keys = column.key.model.select(column.key, second_key)
    if condition is not None:
        keys = keys.where(condition)
    test: Expression = own << keys
    return test
