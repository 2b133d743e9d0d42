"""The conditions of a check: what `within`, `where` and `change` are parsed into."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from fractions import Fraction
from numbers import Integral, Real
from typing import Any, NamedTuple, TypeAlias

from ..differences.summary import value_text
from ..durations import parse_duration
from ..errors import InvalidQuery
from ..wording import shown, suggestion
from .numbers import full_name

__all__ = [
    "Change",
    "Conditions",
    "Number",
    "Where",
    "Within",
    "exact",
    "parse",
    "parse_change",
    "parse_where",
]

Number: TypeAlias = int | float

_PERCENT = re.compile(r"(-?)\s*(\d{1,18}(?:\.\d{1,18})?)\s*%", re.ASCII)


class Within(NamedTuple):
    """The artifact was updated so recently."""

    duration: timedelta


class Where(NamedTuple):
    """A number is in a range.

    Attributes:
        name: its full name.
        operator: a name of `OPERATORS`.
        operand: what it is compared with; a list for `any_`, `not_any_` and `between_`.
    """

    name: str
    operator: str
    operand: Number | list[Number]

    def holds(self, value: Number) -> bool:
        """Tell whether a number is in the range."""
        return OPERATORS[self.operator].holds(value, self.operand)

    @property
    def expected(self) -> str:
        """What the number must be, in words."""
        operand = self.operand
        words = OPERATORS[self.operator].words
        if not isinstance(operand, list):
            return f"{words} {value_text(operand)}"
        glue = " and " if self.operator == "between_" else ", "
        return f"{words} {glue.join(map(value_text, operand))}"


class Change(NamedTuple):
    """A number has not moved too far.

    Attributes:
        name: its full name.
        option: `max_drop`, `max_rise` or `max_change`.
        limit: how far it may move; for a percentage a part of what it was, such as 1/20.
        text: the limit as it was written: a number, or `5%`.
    """

    name: str
    option: str
    limit: Fraction
    text: Number | str

    @property
    def is_relative(self) -> bool:
        """Whether the limit is a percentage."""
        return isinstance(self.text, str)

    @property
    def expected(self) -> str:
        """What the number may do, in words."""
        limit = self.text if isinstance(self.text, str) else value_text(self.text)
        return f"{VERBS[self.option]} by at most {limit}"


class Conditions(NamedTuple):
    """All conditions of a check."""

    within: Within | None = None
    where: tuple[Where, ...] = ()
    change: tuple[Change, ...] = ()


# --- Operators ---


class Operator(NamedTuple):
    """What an operator compares, and the words for it after "must be"."""

    holds: Callable[[Number, Any], bool]
    words: str


OPERATORS = {
    "eq_": Operator(lambda value, limit: value == limit, "equal to"),
    "ne_": Operator(lambda value, limit: value != limit, "other than"),
    "ge_": Operator(lambda value, limit: value >= limit, "at least"),
    "gt_": Operator(lambda value, limit: value > limit, "greater than"),
    "le_": Operator(lambda value, limit: value <= limit, "at most"),
    "lt_": Operator(lambda value, limit: value < limit, "less than"),
    "between_": Operator(lambda value, limits: limits[0] <= value <= limits[1], "between"),
    "any_": Operator(lambda value, limits: value in limits, "one of"),
    "not_any_": Operator(lambda value, limits: value not in limits, "none of"),
}
"""The operators of `where`, with the names that filters use; Python compares integers and floats exactly."""

VERBS = {"max_drop": "fall", "max_rise": "rise", "max_change": "change"}
"""The options of `change`, and what each limits."""


# --- Parsing ---


def parse(within: object, where: object, change: object) -> Conditions:
    """Return the conditions that the arguments of a check stand for; `None` is none.

    Raises:
        InvalidQuery: one of them is invalid.
    """
    freshness = None if within is None else Within(parse_duration(within, "within"))
    return Conditions(freshness, parse_where(where), parse_change(change))


def parse_where(value: object) -> tuple[Where, ...]:
    """Return the conditions of `where`.

    Raises:
        InvalidQuery: they are not conditions.

    Examples:
        >>> parse_where({"rows": {"ge_": 1}})
        (Where(name='rows', operator='ge_', operand=1),)
    """
    conditions: list[Where] = []
    for name, operator, operand in entries(value, "where", OPERATORS, '{"rows": {"ge_": 1}}'):
        conditions.append(Where(name, operator, parse_operand(operand, operator, name)))
    return tuple(conditions)


def parse_change(value: object) -> tuple[Change, ...]:
    """Return the conditions of `change`.

    Raises:
        InvalidQuery: they are not conditions.

    Examples:
        >>> parse_change({"data.acc": {"max_drop": "5%"}})
        (Change(name='data.acc', option='max_drop', limit=Fraction(1, 20), text='5%'),)
    """
    conditions: list[Change] = []
    example = '{"data.acc": {"max_drop": 0.05}}'
    for name, option, limit in entries(value, "change", VERBS, example):
        conditions.append(Change(name, option, *parse_limit(limit, option, name)))
    return tuple(conditions)


def entries(
    value: object, argument: str, known: Mapping[str, object], example: str
) -> Iterator[tuple[str, str, object]]:
    """Yield the name, the operator and the operand of each condition of an argument."""
    if value is None:
        return
    if not isinstance(value, Mapping) or not value:
        raise InvalidQuery(
            f"Invalid {argument} {shown(value)}: expected conditions by the name of a number, such as {example}."
        )
    for field, operators in value.items():
        name = full_name(field)
        if not isinstance(operators, Mapping) or not operators:
            raise InvalidQuery(
                f"Invalid {argument} {shown(operators)} of {shown(field)}: "
                f"expected one or more of {', '.join(known)}, as in {example}."
            )
        for operator, operand in operators.items():
            if operator not in known:
                raise unknown_operator(operator, argument, field, known)
            yield name, operator, operand


def unknown_operator(
    operator: object, argument: str, field: object, known: Mapping[str, object]
) -> InvalidQuery:
    """Return the error for an operator that does not exist, with those that do."""
    return InvalidQuery(
        f"Invalid {argument} of {shown(field)}: "
        f"there is no operator {shown(operator)}; {suggestion(operator, known)}"
    )


def invalid(operator: str, value: object, name: str, expected: str) -> InvalidQuery:
    """Return the error for an operand that does not fit its operator."""
    return InvalidQuery(f"Invalid {operator} {shown(value)} of {shown(name)}: expected {expected}.")


def parse_operand(operand: object, operator: str, name: str) -> Number | list[Number]:
    """Return what a number is compared with."""
    if operator not in ("between_", "any_", "not_any_"):
        return parse_number(operand, operator, name)
    if not isinstance(operand, list | tuple) or not operand:
        raise invalid(operator, operand, name, "a list of numbers")

    numbers = [parse_number(each, operator, name) for each in operand]
    if operator == "between_" and (len(numbers) != 2 or numbers[0] > numbers[1]):
        raise invalid(operator, operand, name, "two numbers, the smaller one first")
    return numbers


def parse_number(value: object, operator: str, name: str) -> Number:
    """Return a finite number as an int or a float, which NumPy's scalars become too."""
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            number = int(value) if isinstance(value, Integral) else float(value)
            if math.isfinite(number):
                return number
        except OverflowError:  # no float is so large
            pass
    raise invalid(operator, value, name, "a finite number")


def parse_limit(value: object, option: str, name: str) -> tuple[Fraction, Number | str]:
    """Return how far a number may move, and how it was written."""
    found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        sign, digits = found.groups()
        limit = Fraction(f"{sign}{digits}") / 100
        text: Number | str = f"{digits}%"
    elif isinstance(value, str):
        raise invalid(option, value, name, "a number, or text such as 5%")
    else:
        text = parse_number(value, option, name)
        limit = exact(text)

    if limit < 0:
        raise invalid(option, value, name, "a limit of 0 or more")
    return limit, text


def exact(number: Number) -> Fraction:
    """Return a number as it is written: from 0.93 to 0.88 it is 0.05, which it is not for floats.

    Examples:
        >>> exact(0.93) - exact(0.88) == exact(0.05), 0.93 - 0.88 == 0.05
        (True, False)
    """
    return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)
