"""Which elements of two sequences are matched."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from artifact_store.differences.sequences import Run, Span, match, match_rest, unmatched

letters = st.text("abcdef", max_size=20)


def assert_equal_and_ascending(runs, before, after):
    for run in runs:
        older = before[run.before : run.before + run.length]
        assert older == after[run.after : run.after + run.length] != ""
    for first, second in pairwise(runs):
        between = (
            second.before - first.before - first.length,
            second.after - first.after - first.length,
        )
        assert min(between) >= 0
        assert max(between) > 0  # otherwise it would be one run


@given(letters, letters)
def test_runs_are_equal_and_ascend_on_both_sides(before, after):
    assert_equal_and_ascending(match(before, after), before, after)


@given(letters, letters)
def test_runs_and_what_is_between_them_are_everything(before, after):
    runs = match(before, after)
    spans = [*unmatched(before, after)]
    older = [number for span in spans for number in span.before]
    newer = [number for span in spans for number in span.after]
    for run in runs:
        older += range(run.before, run.before + run.length)
        newer += range(run.after, run.after + run.length)
    assert sorted(older) == [*range(len(before))]
    assert sorted(newer) == [*range(len(after))]


@given(letters)
def test_everything_is_matched_with_itself(text):
    assert match(text, text) == ([Run(0, 0, len(text))] if text else [])


@given(st.permutations(range(9)), st.sets(st.integers(0, 8)))
def test_unique_elements_that_stay_in_order_are_all_matched(elements, removed):
    after = [element for element in elements if element not in removed]
    assert sum(run.length for run in match(elements, after)) == len(after)


def test_a_long_rest_without_unique_elements_is_left_unmatched():
    before = ["a", "b"] * 600
    after = ["b", "b", "a", "a"] * 300
    assert match(before, after) == []


def test_equal_ends_are_matched_whatever_lies_between():
    assert match("xxaaayy", "xxbbbbyy") == [Run(0, 0, 2), Run(5, 6, 2)]


@given(letters, letters)
def test_a_rest_is_matched_as_far_as_possible(before, after):
    lengths = [[0] * (len(after) + 1)]
    for element in before:
        above = lengths[-1]
        row = [0]
        for place, other in enumerate(after):
            row.append(above[place] + 1 if element == other else max(row[-1], above[place + 1]))
        lengths.append(row)
    everything = Span(range(len(before)), range(len(after)))
    runs = match_rest(before, after, everything)
    assert sum(run.length for run in runs) == lengths[-1][-1]
    assert_equal_and_ascending(runs, before, after)


def test_of_many_rests_some_are_left_unmatched():
    before: list[str] = []
    after: list[str] = []
    for number in range(12):  # of 250,000 comparisons each
        before += [f"heading {number}", *("ab" * 250)]
        after += [f"heading {number}", *("bbaa" * 125)]
    matched: set[int] = set()
    for run in match(before, after):
        matched.update(range(run.before, run.before + run.length))
    headings = range(0, len(before), 501)
    assert matched.issuperset(headings)
    counts = [len(matched & {*range(number + 1, number + 501)}) for number in headings]
    # Equal ends are matched anyway.
    assert sum(count > 10 for count in counts) == 10
