"""Which elements of two sequences are the same: lines of text, rows of a table, elements of a list.

This is the patience algorithm: elements that occur once on both sides are matched first, as far as they stand in
the same order, and what lies between two of them is matched in turn. Python's difflib matches the small rest, for
which its time, that grows with the square, does not matter.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

__all__ = ["Pair", "match"]

_MOST_COMPARISONS = 250_000  # of a rest without unique elements; a larger one is left unmatched


class Pair(NamedTuple):
    """The numbers of two equal elements."""

    before: int
    after: int


class Span(NamedTuple):
    """A part of both sequences."""

    before: int
    before_end: int
    after: int
    after_end: int


def match(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[Pair]:
    """Return pairs of equal elements, in ascending order on both sides.

    Args:
        before: the older sequence.
        after: the newer sequence.

    Examples:
        >>> match("abcd", "xbdd")
        [Pair(before=1, after=1), Pair(before=3, after=3)]
    """
    pairs: list[Pair] = []
    spans = [Span(0, len(before), 0, len(after))]
    while spans:
        span = match_ends(before, after, spans.pop(), pairs)
        if span.before == span.before_end or span.after == span.after_end:
            continue

        anchors = find_anchors(before, after, span)
        if not anchors:
            pairs += match_rest(before, after, span)
            continue

        # What lies between two anchors can only be matched with what lies between them on the other side.
        pairs += anchors
        start = Pair(span.before - 1, span.after - 1)
        for anchor in [*anchors, Pair(span.before_end, span.after_end)]:
            spans.append(Span(start.before + 1, anchor.before, start.after + 1, anchor.after))
            start = anchor
    pairs.sort()
    return pairs


def match_ends(
    before: Sequence[Hashable], after: Sequence[Hashable], span: Span, pairs: list[Pair]
) -> Span:
    """Match what is equal at the beginning and at the end of a span; return what lies between."""
    first, before_end, second, after_end = span
    while first < before_end and second < after_end and before[first] == after[second]:
        pairs.append(Pair(first, second))
        first += 1
        second += 1
    while (
        first < before_end and second < after_end and before[before_end - 1] == after[after_end - 1]
    ):
        before_end -= 1
        after_end -= 1
        pairs.append(Pair(before_end, after_end))
    return Span(first, before_end, second, after_end)


def find_anchors(before: Sequence[Hashable], after: Sequence[Hashable], span: Span) -> list[Pair]:
    """Return the longest ascending list of pairs of elements that are unique on both sides of a span."""
    before_part = before[span.before : span.before_end]
    after_part = after[span.after : span.after_end]
    before_counts = Counter(before_part)
    after_counts = Counter(after_part)
    position = {element: number for number, element in enumerate(after_part, span.after)}
    unique = [
        Pair(number, position[element])
        for number, element in enumerate(before_part, span.before)
        if before_counts[element] == 1 and after_counts[element] == 1
    ]
    return longest_ascending(unique)


def longest_ascending(pairs: list[Pair]) -> list[Pair]:
    """Return the longest part of some pairs, in ascending order before, that also ascends after."""
    ends: list[int] = []  # the smallest last number of an ascending list of each length
    chosen: list[int] = []  # which pair that number belongs to
    previous: list[int] = []  # the pair that stands before each pair in its list, or -1
    for number, pair in enumerate(pairs):
        length = bisect_left(ends, pair.after)
        previous.append(chosen[length - 1] if length else -1)
        ends[length : length + 1] = [pair.after]
        chosen[length : length + 1] = [number]

    longest: list[Pair] = []
    number = chosen[-1] if chosen else -1
    while number >= 0:
        longest.append(pairs[number])
        number = previous[number]
    longest.reverse()
    return longest


def match_rest(before: Sequence[Hashable], after: Sequence[Hashable], span: Span) -> list[Pair]:
    """Match a span in which no element is unique on both sides."""
    sizes = (span.before_end - span.before, span.after_end - span.after)
    if sizes[0] * sizes[1] > _MOST_COMPARISONS:
        return []

    matcher = SequenceMatcher(
        None,
        before[span.before : span.before_end],
        after[span.after : span.after_end],
        autojunk=False,
    )
    return [
        Pair(span.before + block.a + offset, span.after + block.b + offset)
        for block in matcher.get_matching_blocks()
        for offset in range(block.size)
    ]
