"""Conditions: the structure of filters, without the values that they compare with.

A condition is a nested tuple, and a part of the key under which its statement is cached: filters of
the same structure share a statement, whatever their values. So a condition must contain everything
that the text of the statement depends on. No two kinds of condition may be equal as tuples, so each
has another number of fields.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import Literal, NamedTuple, TypeAlias

from .base import Filter
from .relations import Relation

__all__ = [
    "EVERYTHING",
    "NOTHING",
    "Condition",
    "Constant",
    "FieldTest",
    "Form",
    "Group",
    "Join",
    "Related",
    "combine",
    "push_negation",
    "related_conditions",
    "replace_forms",
]

Join: TypeAlias = Literal["and_", "or_"]
"""How the terms of a group are joined."""

Form: TypeAlias = Literal["in", "exists", "keys"]
"""How a condition on related rows is written."""


class Constant(NamedTuple):
    """A condition that every row satisfies, or none."""

    value: bool


class Group(NamedTuple):
    """Two or more conditions, joined by AND or by OR."""

    join: Join
    terms: tuple["Condition", ...]


class Related(NamedTuple):
    """A related row exists that satisfies a condition.

    Attributes:
        relation: How the related rows are found.
        condition: The condition on a related row; `None` if any row will do.
        form: `"in"`: the column is in a subquery for the related rows; `"exists"`: each row looks
            for its related row; `"keys"`: the column is in a list of values, which is bound under
            `("keys", relation)`.
    """

    relation: Relation
    condition: "Condition | None"
    form: Form = "in"


class FieldTest(NamedTuple):
    """One operator of one filter field.

    Attributes:
        kind: The class of the filter.
        field: The field.
        part: The part of a composite field, such as `name` of `state`; empty for any other field.
        operator: The operator.
        variant: What the text of the statement depends on besides the operator.
        first_slot: The number of the first of the values that it binds.
        slots: How many values it binds.
        negated: Whether the test must not hold.
    """

    kind: type[Filter]
    field: str
    part: str
    operator: str
    variant: Hashable
    first_slot: int
    slots: int
    negated: bool


Condition: TypeAlias = Constant | Group | Related | FieldTest
"""A condition on a row. `None` stands for no condition."""

EVERYTHING = Constant(True)
"""Every row satisfies it: the negation of `NOTHING`. `None` is no condition; an `or_` ignores it."""

NOTHING = Constant(False)
"""No row satisfies it: `any_` of an empty list."""


def push_negation(join: Join, negated: bool) -> Join:
    """Return how terms are joined if a negation is pushed down to them: NOT (a AND b) is an OR."""
    if not negated:
        return join
    return "or_" if join == "and_" else "and_"


def combine(join: Join, terms: Iterable[Condition | None]) -> Condition | None:
    """Join conditions by AND or OR, and leave out what changes nothing.

    A group of the same kind is merged, so that groups stay flat.

    Returns:
        A condition; `None` when all terms are `None`.
    """
    deciding = NOTHING if join == "and_" else EVERYTHING
    neutral = EVERYTHING if join == "and_" else NOTHING
    flat: list[Condition] = []
    met_neutral = False

    for term in terms:
        if term is None:
            continue
        if term == deciding:
            return deciding
        if term == neutral:
            met_neutral = True
        elif isinstance(term, Group) and term.join == join:
            flat += term.terms
        else:
            flat.append(term)

    if len(flat) > 1:
        return Group(join, tuple(flat))
    if flat:
        return flat[0]
    return neutral if met_neutral else None


def required_terms(condition: Condition | None) -> tuple[Condition, ...]:
    """Return the conditions that every row must satisfy."""
    if condition is None:
        return ()
    if isinstance(condition, Group) and condition.join == "and_":
        return condition.terms
    return (condition,)


def related_conditions(condition: Condition | None, *forms: Form) -> list[Related]:
    """Return the conditions on related rows, of some forms, that every row must satisfy."""
    related: list[Related] = []
    for term in required_terms(condition):
        if isinstance(term, Related) and term.form in forms:
            related.append(term)
    return related


def replace_forms(condition: Condition | None, forms: Mapping[Related, Form]) -> Condition | None:
    """Return a condition in which some conditions on related rows have another form."""
    if condition is None or not forms:
        return condition

    def replace(term: Condition) -> Condition:
        if isinstance(term, Related) and term in forms:
            return term._replace(form=forms[term])
        return term

    if isinstance(condition, Group):
        terms = tuple(map(replace, condition.terms))
        return Group(condition.join, terms)
    return replace(condition)
