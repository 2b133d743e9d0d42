"""Which elements of two sequences are matched."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from artifact_store.differences.sequences import Pair, match

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
