"""Which elements of two sequences are the same: lines of text, rows of a table, elements of a list.

This is the patience algorithm: elements that occur once on both sides are matched first, as far as they stand in
the same order, and what lies between two of them is matched in turn. Of the small rest the longest common subsequence
is matched.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import NamedTuple

__all__ = ["Pair", "match"]

_MOST_COMPARISONS = 250_000  # of a rest without unique elements; a larger one is left unmatched
_MOST_OF_ALL_RESTS = 2_500_000  # comparisons; what is left then stays unmatched
_MOST_ROUNDS = (
    64  # in which all elements are looked through; a few are enough for what people write
)


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
    comparisons = _MOST_OF_ALL_RESTS
    elements = _MOST_ROUNDS * (len(before) + len(after))
    spans = [Span(0, len(before), 0, len(after))]
    while spans:
        span = match_ends(before, after, spans.pop(), pairs)
        older = span.before_end - span.before
        newer = span.after_end - span.after
        # The time is bounded, whatever somebody has stored: the others of these elements are not matched.
        if not older or not newer or elements < older + newer:
            continue

        elements -= older + newer
        anchors = find_anchors(before, after, span)
        if not anchors:
            if older * newer <= min(_MOST_COMPARISONS, comparisons):
                comparisons -= older * newer
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
    """Match a span in which no element is unique on both sides: a longest common subsequence.

    The lengths of the subsequences of all beginnings are computed with the bits of one large int for each older
    element (Hyyrö 2004), in a hundredth of the time that difflib takes where few different elements repeat.
    """
    older = before[span.before : span.before_end]
    newer = after[span.after : span.after_end]
    places: defaultdict[Hashable, int] = defaultdict(int)  # a bit for each place in the newer part
    for place, element in enumerate(newer):
        places[element] |= 1 << place

    # A bit is 0 where the subsequence gets longer by one.
    full = (1 << len(newer)) - 1
    row = full
    rows: list[int] = []
    for element in older:
        found = row & places.get(element, 0)
        row = ((row + found) | (row - found)) & full
        rows.append(row)

    pairs: list[Pair] = []
    first = len(older) - 1
    second = len(newer) - 1
    while first >= 0 and second >= 0:
        bit = 1 << second
        if rows[first] & bit:
            second -= 1
        elif first and not rows[first - 1] & bit:
            first -= 1
        else:
            pairs.append(Pair(span.before + first, span.after + second))
            first -= 1
            second -= 1
    return pairs
