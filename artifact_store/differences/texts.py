"""Differences of text, line by line, and of two lines, word by word."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, groupby, zip_longest
from typing import NamedTuple, TypeAlias

from ..rendering.blocks import Line, LineHunk, LinePair
from .changes import LineChange, Mismatch
from .sequences import merged, unmatched

__all__ = ["apply_lines", "compare_lines", "hunks", "paired"]

_MOST_PAIRED = 100  # pairs of lines of a hunk that are compared, to find those that are alike
_LONGEST_MARKED = 1_000  # characters of a line in which words are marked
_ALIKE = 0.5  # of their words are the same

Parts: TypeAlias = tuple[tuple[str, bool], ...]


def compare_lines(before: str, after: str) -> list[LineChange]:
    r"""Return the lines that were removed and added, in the order of the text.

    Examples:
        >>> for change in compare_lines("one\ntwo\n", "one\n2\n"):
        ...     print(change.kind, change.line)
        removed two
        added 2
    """
    old = before.split("\n")
    new = after.split("\n")
    changes: list[LineChange] = []
    for span in unmatched(old, new):
        for number in span.before:
            changes.append(LineChange("removed", number, None, old[number]))
        for number in span.after:
            changes.append(LineChange("added", None, number, new[number]))
    return changes


def apply_lines(text: str, changes: Iterable[LineChange]) -> str:
    """Return the newer text that some changes make of the older one.

    Raises:
        Mismatch, IndexError, StopIteration: the changes are those of another text.
    """
    lines = text.split("\n")
    removed: set[int] = set()
    added: dict[int, str] = {}
    for change in changes:
        if change.before is not None:
            if lines[change.before] != change.line:
                raise Mismatch
            removed.add(change.before)
        elif change.after is not None:
            added[change.after] = change.line

    kept = [line for number, line in enumerate(lines) if number not in removed]
    return "\n".join(merged(kept, added))


# --- How changes of text are shown ---


class Hunk(NamedTuple):
    """Changes that stand beside each other.

    Attributes:
        before: the number of the first line in the older text, from 0.
        after: the number of the first line in the newer text, from 0.
        changes: the lines.
    """

    before: int
    after: int
    changes: list[LineChange]

    @property
    def heading(self) -> str:
        """The line above it: where it begins on both sides, and how many lines it has there."""
        removed = sum(change.kind == "removed" for change in self.changes)
        older = range_text(self.before, removed)
        newer = range_text(self.after, len(self.changes) - removed)
        return f"@@ -{older} +{newer} @@"


def range_text(first: int, length: int) -> str:
    """Return lines as diff(1) names them: from 1, and an empty range by the line in front of it."""
    return f"{first + (length > 0)},{length}"


def hunks(changes: Iterable[LineChange]) -> Iterator[Hunk]:
    """Yield changes that stand beside each other together."""
    hunk = Hunk(0, 0, [])
    old = 0  # the next line of each side
    new = 0
    for change in changes:
        # What lies between was kept, so it has as many lines on both sides.
        kept = (change.after or 0) - new if change.before is None else change.before - old
        old += kept
        new += kept
        if kept or not hunk.changes:
            if hunk.changes:
                yield hunk
            hunk = Hunk(old, new, [])

        hunk.changes.append(change)
        if change.kind == "removed":
            old += 1
        else:
            new += 1
    if hunk.changes:
        yield hunk


def paired(hunk: Hunk) -> LineHunk:
    """Return a hunk with the lines that replace each other side by side, and the words that changed in them.

    Examples:
        >>> (hunk,) = hunks(compare_lines("North leads.", "South leads."))
        >>> (pair,) = paired(hunk).pairs
        >>> pair.before, pair.after.parts
        (Line(number=1, parts=(('North', True), (' leads.', False))), (('South', True), (' leads.', False)))
    """
    removed = [change for change in hunk.changes if change.kind == "removed"]
    added = [change for change in hunk.changes if change.kind == "added"]
    pairs: list[LinePair] = []
    for old, new in pair_alike(removed, added):
        before = unmarked(old)
        after = unmarked(new)
        if old is not None and new is not None:
            before, after = mark_words(old.line, new.line)
        older = numbered(old, before)
        newer = numbered(new, after)
        pairs.append(LinePair(older, newer))
    return LineHunk(hunk.heading, tuple(pairs))


def unmarked(change: LineChange | None) -> Parts:
    if change is None:
        return ()
    return ((change.line, False),)


def numbered(change: LineChange | None, parts: Parts) -> Line | None:
    """Return a line with its number on its side, from 1."""
    if change is None:
        return None
    number = change.before if change.after is None else change.after
    return Line((number or 0) + 1, parts)


def pair_alike(
    removed: Sequence[LineChange], added: Sequence[LineChange]
) -> list[tuple[LineChange | None, LineChange | None]]:
    """Return the lines that are most alike as pairs, and in turn those above and below; the rest one by one."""
    best = _ALIKE
    at = None
    if len(removed) * len(added) <= _MOST_PAIRED:
        for first, old in enumerate(removed):
            for second, new in enumerate(added):
                score = likeness(old.line, new.line)
                if score > best:
                    best = score
                    at = (first, second)
    if at is None:
        return [*zip_longest(removed, added)]
    first, second = at
    return [
        *pair_alike(removed[:first], added[:second]),
        (removed[first], added[second]),
        *pair_alike(removed[first + 1 :], added[second + 1 :]),
    ]


def words_of(line: str) -> list[str]:
    return re.findall(r"\w+|\s+|[^\w\s]", line)


def likeness(before: str, after: str) -> float:
    """Return how much of two lines is the same, from 0 to 1, in whatever order their words stand.

    So the time does not grow with the square of their words, of which a line may have 1,000.
    """
    if max(len(before), len(after)) > _LONGEST_MARKED:
        return 0.0
    old = words_of(before)
    new = words_of(after)
    shared = (Counter(old) & Counter(new)).total()
    return 2 * shared / max(len(old) + len(new), 1)


def mark_words(before: str, after: str) -> tuple[Parts, Parts]:
    """Return the parts of two lines, and which of them changed; none of lines that have little in common."""
    as_they_are: tuple[Parts, Parts] = ((before, False),), ((after, False),)
    if likeness(before, after) <= _ALIKE:
        return as_they_are
    old = words_of(before)
    new = words_of(after)
    spans = [*unmatched(old, new)]
    old_changed = set(chain.from_iterable(span.before for span in spans))
    new_changed = set(chain.from_iterable(span.after for span in spans))

    words = len(old) + len(new)
    changed = len(old_changed) + len(new_changed)
    if words - changed <= _ALIKE * words:
        return as_they_are
    return marked_parts(old, old_changed), marked_parts(new, new_changed)


def marked_parts(words: Sequence[str], changed: Collection[int]) -> Parts:
    """Return the parts of a line, given the numbers of the words that changed."""
    parts: list[tuple[str, bool]] = []
    by_mark = groupby(enumerate(words), key=lambda word: word[0] in changed)
    for mark, numbered_words in by_mark:
        text = "".join(word for _, word in numbered_words)
        parts.append((text, mark))
    return tuple(parts)
