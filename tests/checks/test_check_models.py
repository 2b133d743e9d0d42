"""Conditions of checks, compared with a model in decimal arithmetic, and durations."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from artifact_store import Artifact, InvalidQuery
from artifact_store.checks import conditions, evaluation
from artifact_store.checks.reading import Sides
from artifact_store.durations import duration_text, elapsed_text, parse_duration

NOW = datetime(2026, 11, 27, 8, tzinfo=UTC)
NUMBERS = (
    st.integers(-1000, 1000)
    | st.integers(-(2**63), 2**63 - 1)
    | st.decimals(-10, 10, places=2).map(float)
    | st.floats(allow_nan=False, allow_infinity=False)
)
LIMITS = st.integers(0, 100) | st.decimals(0, 2, places=2).map(float)
OPTIONS = ["max_drop", "max_rise", "max_change"]
PERCENTAGES = st.decimals(0, 200, places=1)
VALUES = (
    st.integers(-1000, 1000)
    | st.none()
    | st.booleans()
    | st.text(max_size=5)
    | st.just([])
    | st.just({})
)


def version(number: int, data: object) -> Artifact:
    return Artifact(
        id=f"00000000-0000-7000-8000-{number:012}",
        key="k",
        version=number,
        data=data,
        created=NOW,
        updated=NOW,
    )


def results(before: object, after: object, **arguments: object):
    """Check the data of one version against that of another."""
    given_conditions = conditions.parse(
        arguments.get("within"), arguments.get("where"), arguments.get("change")
    )
    sides = Sides(version(2, after), version(1, before))
    return evaluation.evaluate("k", given_conditions, sides).results


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def decimal(value: float) -> Decimal:
    return Decimal(repr(value))


def distance(option: str, before: float, after: float) -> Decimal:
    moved = decimal(after) - decimal(before)
    return {"max_drop": -moved, "max_rise": moved, "max_change": abs(moved)}[option]


@given(NUMBERS, NUMBERS, st.sampled_from(OPTIONS), LIMITS)
@example(0.93, 0.88, "max_drop", 0.05)
@example(0.1, 0.4, "max_rise", 0.3)
def test_absolute_changes(before, after, option, limit):
    with localcontext(prec=2000):
        expected = distance(option, before, after) <= decimal(limit)
    (result,) = results(before, after, change={"data": {option: limit}})
    assert result.ok == expected
    assert result.sentence.endswith(".")
    assert result.sentence.count("\n") == 0
    assert (result.value, result.before, result.limit) == (after, before, limit)


@given(NUMBERS, NUMBERS, st.sampled_from(OPTIONS), PERCENTAGES)
@example(1000, 950, "max_drop", Decimal("5"))
@example(0.0, -0.0, "max_change", Decimal("5"))
@example(0, 5, "max_drop", Decimal("5"))
def test_relative_changes(before, after, option, percentage):
    with localcontext(prec=2000):
        if decimal(after) == decimal(before):
            expected = True
        elif before == 0:
            expected = False
        else:
            allowed = abs(decimal(before)) * percentage / 100
            expected = distance(option, before, after) <= allowed
    (result,) = results(before, after, change={"data": {option: f"{percentage}%"}})
    assert result.ok == expected


OPERATORS = {
    "eq_": lambda value, limit: value == limit,
    "ne_": lambda value, limit: value != limit,
    "ge_": lambda value, limit: value >= limit,
    "gt_": lambda value, limit: value > limit,
    "le_": lambda value, limit: value <= limit,
    "lt_": lambda value, limit: value < limit,
}


@given(NUMBERS, st.sampled_from(sorted(OPERATORS)), NUMBERS)
def test_ranges(value, operator, limit):
    (result,) = results(None, value, where={"data": {operator: limit}})
    assert result.ok == OPERATORS[operator](value, limit)


@given(NUMBERS, st.lists(NUMBERS, min_size=1, max_size=4))
def test_lists(value, limits):
    low, high = min(limits), max(limits)
    where = {"any_": limits, "not_any_": limits, "between_": [low, high]}
    outcomes = [each.ok for each in results(None, value, where={"data": where})]
    assert outcomes == [value in limits, value not in limits, low <= value <= high]


@given(VALUES, VALUES)
def test_what_is_not_a_number_never_passes_and_never_raises(before, after):
    arguments = {
        "where": {"data": {"ne_": 1e-300}, "data.x": {"ge_": 0}, "rows": {"ge_": 0}},
        "change": {"data": {"max_change": 1.7e308}, "loss": {"max_drop": "5%"}},
    }
    passed = {each.condition for each in results(before, after, **arguments) if each.ok}
    expected = set()
    if is_number(after):
        expected.add("ne_")
        if is_number(before):
            expected.add("max_change")
    assert passed == expected


@given(st.floats(), st.floats())
def test_nan_and_infinities_are_not_numbers(before, after):
    (result,) = results(before, after, change={"data": {"max_change": 1.7e308}})
    if not math.isfinite(before) or not math.isfinite(after):
        assert not result.ok
        assert "not a number that can be compared" in result.sentence


@given(st.timedeltas(timedelta(0), timedelta(days=30)), st.integers(1, 2_000_000))
def test_freshness(passed, seconds):
    condition = conditions.Within(timedelta(seconds=seconds))
    artifact = version(1, None).model_copy(update={"updated": NOW - passed})
    assert evaluation.evaluate_freshness(artifact, condition, NOW).ok == (
        passed <= condition.duration
    )


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90s", timedelta(seconds=90)),
        ("90m", timedelta(minutes=90)),
        ("24h", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(days=14)),
        (timedelta(microseconds=1), timedelta(microseconds=1)),
    ],
)
def test_durations(text, duration):
    assert parse_duration(text, "within") == duration


@pytest.mark.parametrize(
    "text", ["", "24", "h", "-1h", "1.5h", "1h30m", "24 h", "24H", None, 3, True]
)
def test_what_is_not_a_duration(text):
    with pytest.raises(InvalidQuery, match=r"^Invalid within .*: expected a timedelta"):
        parse_duration(text, "within")


@given(st.timedeltas(timedelta(microseconds=1), timedelta(days=1000)))
def test_a_duration_in_words_is_exact(duration):
    text = duration_text(duration)
    number, unit = text.replace(",", "").split()
    size = {"days": 86_400, "h": 3600, "min": 60, "s": 1}[unit]
    assert math.isclose(float(number) * size, duration.total_seconds(), rel_tol=1e-14)


@given(st.timedeltas(timedelta(0), timedelta(days=30)), st.integers(1, 3_000_000))
@example(timedelta(minutes=105), 5400)
@example(timedelta(hours=24, microseconds=1), 86_400)
def test_an_age_in_words_is_on_the_right_side_of_its_limit(passed, seconds):
    limit = timedelta(seconds=seconds)
    number, unit = elapsed_text(passed, limit).replace(",", "").split()
    told = Decimal(number) * {"days": 86_400, "h": 3600, "min": 60, "s": 1}[unit]
    assert (told > seconds) == (passed > limit)
    assert told <= Decimal(repr(passed.total_seconds()))
