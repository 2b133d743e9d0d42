"""Evaluates the conditions of a check. What cannot be evaluated does not hold, and nothing here raises for data."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction

from ..artifacts.metrics import as_number
from ..clock import now
from ..differences.summary import value_text
from ..durations import duration_text, elapsed_text
from ..rendering.text import age, moment_text
from ..schemas.artifacts import Artifact
from .check import Check, CheckResult
from .conditions import Change, Conditions, Number, Where, Within, exact
from .numbers import explain_no_number, name_text, value_called
from .reading import Sides

__all__ = ["SKEW", "evaluate"]

SKEW = timedelta(minutes=5)
"""How far the clock that wrote an artifact may be ahead of this one."""


def evaluate(ref: object, conditions: Conditions, sides: Sides) -> Check:
    """Return whether the conditions hold for what was read."""
    name = str(ref.ref if isinstance(ref, Artifact) else ref)
    if sides.artifact is None:
        missing = CheckResult("key", "exists", False, sides.missing, "must exist")
        return Check(name, None, None, (missing,))

    results: dict[str, CheckResult] = {}
    for result in evaluate_all(conditions, sides.artifact, sides):
        # Several conditions of a number that is missing are one failure.
        results.setdefault(result.sentence, result)
    return Check(name, sides.artifact, sides.against, tuple(results.values()))


def evaluate_all(conditions: Conditions, artifact: Artifact, sides: Sides) -> Iterator[CheckResult]:
    """Yield the result of each condition; without any, that the artifact exists."""
    if conditions == Conditions():
        yield CheckResult("key", "exists", True, f"{artifact.ref} exists.", "must exist")
    if conditions.within is not None:
        yield evaluate_freshness(artifact, conditions.within, now())
    for range_ in conditions.where:
        yield evaluate_range(artifact, range_)
    if conditions.change and sides.against is None:
        yield CheckResult("against", "exists", False, sides.missing, "must exist")
        return
    for change in conditions.change:
        assert sides.against is not None
        yield evaluate_change(artifact, sides.against, change)


# --- Freshness ---


def evaluate_freshness(artifact: Artifact, condition: Within, moment: datetime) -> CheckResult:
    """Return whether an artifact was updated recently, at a moment."""
    updated = artifact.updated
    limit = condition.duration
    allowed = f"at most {duration_text(limit)}"
    if updated - moment > SKEW:
        # The age is unknown: the artifact may have been written long ago by a clock that was wrong.
        ahead = age(moment, updated)
        ok = False
        sentence = (
            f"{artifact.ref} was updated {ahead} in the future, at {moment_text(updated)}: "
            "set the clocks of both machines; until then it cannot be told whether it is "
            f"{allowed} old."
        )
    else:
        passed = max(moment - updated, timedelta(0))
        ok = passed <= limit
        sentence = f"{artifact.ref} was updated {elapsed_text(passed, limit)} ago, at {moment_text(updated)}; "
        sentence += f"it may be {allowed} old."
    return CheckResult("updated", "within", ok, sentence, f"{allowed} ago", updated, limit)


# --- Numbers ---


def evaluate_range(artifact: Artifact, condition: Where) -> CheckResult:
    """Return whether a number is in its range."""
    raw = value_called(artifact, condition.name)
    value = number_or_none(raw)
    expected = f"must be {condition.expected}"
    if value is None:
        ok = False
        sentence = explain_no_number(artifact, condition.name, raw)
    else:
        ok = condition.holds(value)
        name = name_text(condition.name)
        sentence = f"{name} is {value_text(value)} in {artifact.ref}; it {expected}."
    return CheckResult(
        condition.name, condition.operator, ok, sentence, expected, value, condition.operand
    )


def number_or_none(value: object) -> Number | None:
    """Return a finite number as it is; `None` for anything else, and where it is too large for a float."""
    number = as_number(value)
    if number is None or not math.isfinite(number):
        return None
    assert isinstance(value, int | float)
    return value


# --- Changes ---


def evaluate_change(artifact: Artifact, other: Artifact, condition: Change) -> CheckResult:
    """Return whether a number has moved no further than it may since the other side."""
    raw = value_called(artifact, condition.name)
    raw_before = value_called(other, condition.name)
    value = number_or_none(raw)
    before = number_or_none(raw_before)
    expected = f"may {condition.expected}"
    ok = False
    if value is None:
        sentence = explain_no_number(artifact, condition.name, raw)
    elif before is None:
        sentence = explain_no_number(other, condition.name, raw_before)
    else:
        ok, movement = judge(condition, before, value, (other.ref, artifact.ref))
        sentence = f"{movement}; it {expected}."
    return CheckResult(
        condition.name, condition.option, ok, sentence, expected, value, condition.text, before
    )


def judge(
    condition: Change, before: Number, value: Number, refs: tuple[str, str]
) -> tuple[bool, str]:
    """Return whether a number has moved no further than it may, and what it did."""
    name = name_text(condition.name)
    moved = exact(value) - exact(before)
    if not moved:
        return True, f"{name} is {value_text(value)} in {refs[1]}, as in {refs[0]}"
    path = f"from {value_text(before)} in {refs[0]} to {value_text(value)} in {refs[1]}"
    verb = "rose" if moved > 0 else "fell"
    if condition.is_relative and not before:
        return False, f"{name} {verb} {path}, and there is no percentage of 0"

    distance = {"max_drop": -moved, "max_rise": moved, "max_change": abs(moved)}[condition.option]
    shown = abs(moved)
    if condition.is_relative:
        distance /= abs(exact(before))
        shown /= abs(exact(before))
    by = amount_text(shown, condition)
    return distance <= condition.limit, f"{name} {verb} by {by}, {path}"


def amount_text(amount: Fraction, condition: Change) -> str:
    """Return how far a number moved, with as many digits as tell it from the limit."""
    text = ""
    for digits in (4, 6, 9, 12, 15, 17):
        text = in_unit(amount, condition, digits)
        if amount == condition.limit or text != in_unit(condition.limit, condition, digits):
            break
    return text


def in_unit(amount: Fraction, condition: Change, digits: int) -> str:
    """Return an amount, as a percentage if that is how the limit is written."""
    unit = "%" if condition.is_relative else ""
    if condition.is_relative:
        amount *= 100
    try:
        number = float(amount)
    except OverflowError:  # a percentage of a number close to 0
        return f"more than 1e+308{unit}"
    # Below 10**15 no digit in front of the point is lost to an exponent.
    whole = len(str(int(number))) if number < 1e15 else 0
    return f"{number:.{max(digits, whole)}g}{unit}"
