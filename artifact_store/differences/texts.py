"""Differences of text, line by line."""

from collections.abc import Iterable

from .changes import LineChange, Mismatch
from .sequences import match

__all__ = ["apply_lines", "compare_lines"]


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
    first = 0
    second = 0
    for pair in [*match(old, new), (len(old), len(new))]:
        for number in range(first, pair[0]):
            changes.append(LineChange("removed", number, None, old[number]))
        for number in range(second, pair[1]):
            changes.append(LineChange("added", None, number, new[number]))
        first = pair[0] + 1
        second = pair[1] + 1
    return changes


def apply_lines(text: str, changes: Iterable[LineChange]) -> str:
    """Return the newer text that some changes make of the older one.

    Raises:
        Mismatch, IndexError: the changes are those of another text.
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

    # Added lines stand where they say, and those that were kept fill the rest in order.
    kept = [line for number, line in enumerate(lines) if number not in removed]
    kept.reverse()
    applied = []
    for number in range(len(kept) + len(added)):
        applied.append(added[number] if number in added else kept.pop())
    return "\n".join(applied)
