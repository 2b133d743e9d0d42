"""Which elements of two sequences are matched."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from artifact_store.differences.sequences import Pair, Span, match, match_rest

letters = st.text("abcdef", max_size=20)


@given(letters, letters)
def test_pairs_are_equal_and_ascend_on_both_sides(before, after):
    pairs = match(before, after)
    assert all(before[pair.before] == after[pair.after] for pair in pairs)
    for first, second in pairwise(pairs):
        assert first.before < second.before
        assert first.after < second.after


@given(letters)
def test_everything_is_matched_with_itself(text):
    assert match(text, text) == [Pair(number, number) for number in range(len(text))]


@given(st.permutations(range(9)), st.sets(st.integers(0, 8)))
def test_unique_elements_that_stay_in_order_are_all_matched(elements, removed):
    after = [element for element in elements if element not in removed]
    assert len(match(elements, after)) == len(after)


def test_a_long_rest_without_unique_elements_is_left_unmatched():
    before = ["a", "b"] * 600
    after = ["b", "b", "a", "a"] * 300
    assert match(before, after) == []


def test_equal_ends_are_matched_whatever_lies_between():
    assert match("xxaaayy", "xxbbbbyy") == [Pair(0, 0), Pair(1, 1), Pair(5, 6), Pair(6, 7)]


@given(letters, letters)
def test_a_rest_is_matched_as_far_as_possible(before, after):
    lengths = [[0] * (len(after) + 1)]
    for element in before:
        above = lengths[-1]
        row = [0]
        for place, other in enumerate(after):
            row.append(above[place] + 1 if element == other else max(row[-1], above[place + 1]))
        lengths.append(row)
    pairs = match_rest(before, after, Span(0, len(before), 0, len(after)))
    assert len(pairs) == lengths[-1][-1]
    assert all(before[pair.before] == after[pair.after] for pair in pairs)
    ascending = sorted(pairs)
    assert all(one.after < other.after for one, other in pairwise(ascending))


def test_of_many_rests_some_are_left_unmatched():
    before: list[str] = []
    after: list[str] = []
    for number in range(12):  # of 250,000 comparisons each
        before += [f"heading {number}", *("ab" * 250)]
        after += [f"heading {number}", *("bbaa" * 125)]
    pairs = match(before, after)
    headings = [pair.before for pair in pairs if before[pair.before].startswith("heading")]
    assert len(headings) == 12
    matched = [sum(number < pair.before < number + 501 for pair in pairs) for number in headings]
    # Equal ends are matched anyway.
    assert sum(count > 10 for count in matched) == 10
