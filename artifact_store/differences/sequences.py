"""Which elements of two sequences are the same: lines of text, rows of a table, elements of a list.

This is the patience algorithm: elements that occur once on both sides are matched first, as far as they stand in
the same order, and what lies between two of them is matched in turn. Of the small rest the longest common subsequence
is matched.

Matched elements are returned in runs, as those of difflib: of two sequences that are alike there are few.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import compress, count
from operator import ne
from typing import NamedTuple, TypeAlias, TypeVar

__all__ = ["Run", "Span", "equal_length", "gaps", "match", "merged", "unmatched"]

Elements: TypeAlias = Sequence[Hashable]
T = TypeVar("T")

_MOST_COMPARISONS = 250_000  # of a rest without unique elements; a larger one is left unmatched
_MOST_OF_ALL_RESTS = 2_500_000  # comparisons; what is left then stays unmatched
_MOST_ROUNDS = 64  # through all elements; a few are enough for what people write


class Run(NamedTuple):
    """Equal elements that follow each other on both sides.

    Attributes:
        before: the number of the first in the older sequence.
        after: the number of the first in the newer sequence.
        length: how many there are.
    """

    before: int
    after: int
    length: int


class Span(NamedTuple):
    """A part of both sequences, by the numbers of its elements."""

    before: range
    after: range

    @classmethod
    def of(cls, before: Elements, after: Elements) -> "Span":
        """Return the span of all elements."""
        return cls(range(len(before)), range(len(after)))

    def parts(self, before: Elements, after: Elements) -> tuple[Elements, Elements]:
        """Return its elements on both sides."""
        old = before[self.before.start : self.before.stop]
        new = after[self.after.start : self.after.stop]
        return old, new


def match(before: Elements, after: Elements) -> list[Run]:
    """Return runs of equal elements, in ascending order on both sides.

    Args:
        before: the older sequence.
        after: the newer sequence.

    Examples:
        >>> match("abcde", "xbcye")
        [Run(before=1, after=1, length=2), Run(before=4, after=4, length=1)]
    """
    runs: list[Run] = []
    comparisons = _MOST_OF_ALL_RESTS
    elements = _MOST_ROUNDS * (len(before) + len(after))
    spans = [Span.of(before, after)]
    while spans:
        span = match_ends(before, after, spans.pop(), runs)
        older = len(span.before)
        newer = len(span.after)
        # The time is bounded, whatever somebody has stored: the others of these elements are not matched.
        if not older or not newer or elements < older + newer:
            continue

        elements -= older + newer
        anchors = find_anchors(before, after, span)
        if anchors:
            # What lies between two anchors can only be matched with what lies between them on the other side.
            runs += anchors
            spans += gaps(anchors, span)
        elif older * newer <= min(_MOST_COMPARISONS, comparisons):
            comparisons -= older * newer
            runs += match_rest(before, after, span)
    return joined(sorted(runs))


def unmatched(before: Elements, after: Elements) -> Iterator[Span]:
    """Yield the parts of two sequences that are not matched, in ascending order.

    Examples:
        >>> list(unmatched("abcde", "xbcye"))
        [Span(before=range(0, 1), after=range(0, 1)), Span(before=range(3, 4), after=range(3, 4))]
    """
    runs = match(before, after)
    return gaps(runs, Span.of(before, after))


def merged(kept: Sequence[T], added: Mapping[int, T]) -> list[T]:
    """Return elements that were added where they say, and those that were kept in the places that are left.

    Raises:
        StopIteration: an added element would stand behind the end.

    Examples:
        >>> merged(["a", "b"], {1: "x", 3: "y"})
        ['a', 'x', 'b', 'y']
    """
    remaining = iter(kept)
    elements: list[T] = []
    for number in range(len(kept) + len(added)):
        if number in added:
            elements.append(added[number])
        else:
            elements.append(next(remaining))
    return elements


def gaps(runs: Iterable[Run], span: Span) -> Iterator[Span]:
    """Yield what lies in front of the runs of a span, between them and behind them."""
    old_start = span.before.start
    new_start = span.after.start
    end = Run(span.before.stop, span.after.stop, 0)
    for run in [*runs, end]:
        gap = Span(range(old_start, run.before), range(new_start, run.after))
        if gap.before or gap.after:
            yield gap
        old_start = run.before + run.length
        new_start = run.after + run.length


def joined(runs: Iterable[Run]) -> list[Run]:
    """Return ascending runs, of which those without a gap between them became one."""
    whole: list[Run] = []
    old_end = new_end = -1
    for run in runs:
        before, after, length = run
        if before == old_end and after == new_end:
            last = whole.pop()
            run = last._replace(length=last.length + length)
        whole.append(run)
        old_end = before + length
        new_end = after + length
    return whole


def match_ends(before: Elements, after: Elements, span: Span, runs: list[Run]) -> Span:
    """Match what is equal at the beginning and at the end of a span; return what lies between."""
    old, new = span.parts(before, after)
    head = equal_length(old, new)
    if head:
        runs.append(Run(span.before.start, span.after.start, head))

    # An element is matched once, though it may be equal to one at either end.
    most = min(len(old), len(new)) - head
    tail = min(equal_length(old[::-1], new[::-1]), most)
    old_end = span.before.stop - tail
    new_end = span.after.stop - tail
    if tail:
        runs.append(Run(old_end, new_end, tail))
    return Span(
        range(span.before.start + head, old_end),
        range(span.after.start + head, new_end),
    )


def equal_length(before: Elements, after: Elements) -> int:
    """Return how many elements are equal at the beginning of two sequences."""
    differing = compress(count(), map(ne, before, after))
    return next(differing, min(len(before), len(after)))


def find_anchors(before: Elements, after: Elements, span: Span) -> list[Run]:
    """Match elements that are unique on both sides of a span, as many as stand in the same order."""
    old, new = span.parts(before, after)
    unique = elements_once(old) & elements_once(new)
    number_after = dict(zip(new, span.after, strict=True))

    old_numbers = [number for number in span.before if before[number] in unique]
    new_numbers = [number_after[before[number]] for number in old_numbers]
    return joined(
        Run(old_numbers[place], new_numbers[place], 1) for place in longest_ascending(new_numbers)
    )


def elements_once(elements: Iterable[Hashable]) -> set[Hashable]:
    """Return the elements that occur once."""
    counts = Counter(elements)
    return {element for element, number in counts.items() if number == 1}


def longest_ascending(numbers: list[int]) -> Sequence[int]:
    """Return the places of the longest part of some different numbers that ascends."""
    if numbers == sorted(numbers):
        return range(len(numbers))

    ends: list[int] = []  # the smallest last number of an ascending part of each length
    chosen: list[int] = []  # the place of that number
    previous: list[int] = []  # the place of the number in front of each in its part, or -1
    for place, number in enumerate(numbers):
        length = bisect_left(ends, number)
        previous.append(chosen[length - 1] if length else -1)
        if length == len(ends):
            ends.append(number)
            chosen.append(place)
        else:
            ends[length] = number
            chosen[length] = place

    longest: list[int] = []
    place = chosen[-1]
    while place >= 0:
        longest.append(place)
        place = previous[place]
    longest.reverse()
    return longest


def match_rest(before: Elements, after: Elements, span: Span) -> list[Run]:
    """Match a span in which no element is unique on both sides: a longest common subsequence.

    The lengths of the subsequences of all beginnings are computed with the bits of one large int for each older
    element (Hyyrö 2004), in a hundredth of the time that difflib takes where few different elements repeat.
    """
    older, newer = span.parts(before, after)
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

    # The way back through the rows meets the elements of the subsequence, the last one first.
    runs: list[Run] = []
    first = len(older) - 1
    second = len(newer) - 1
    while first >= 0 and second >= 0:
        bit = 1 << second
        if rows[first] & bit:
            second -= 1
        elif first and not rows[first - 1] & bit:
            first -= 1
        else:
            runs.append(Run(span.before[first], span.after[second], 1))
            first -= 1
            second -= 1
    return joined(reversed(runs))
