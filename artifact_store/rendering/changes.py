"""What changed since the previous version, in one line."""

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from .context import Compared

__all__ = ["Changed", "changes_text", "in_line", "plain_sentence", "since_text", "told"]

_COUNT = re.compile("and ([0-9,]+) more changes?")
_TOO_LARGE = "data too large to compare"


class Changed(Protocol):
    """What knows its changes: an `ArtifactContext`, or an `ArtifactVersion` of a history."""

    @property
    def previous(self) -> str | None:
        """The reference of the version that it was compared with."""
        ...

    @property
    def changes(self) -> tuple[str, ...]:
        """What is different, in sentences."""
        ...

    @property
    def compared(self) -> Compared | None:
        """By what the data were compared."""
        ...


def changes_text(changed: Changed, room: int | None = None) -> str:
    """Return in one line what changed since the previous version; nothing where there is none.

    Args:
        changed: the context of an artifact, or a version of a history.
        room: the width of a column: so many characters of the first sentences, without backticks, and how many more
            there are. All of it by default.

    Returns:
        `same as sales@3`, or sentences; they begin with `by profile:` where the data are too large to compare.
        `not compared` for an old version of a long history.

    Examples:
        >>> from artifact_store import ArtifactContext
        >>> changes_text(ArtifactContext("sales@4", "sales@3", changes=("1 row added", "`total` 5 → 7 (+2) in row 0")))
        '1 row added; `total` 5 → 7 (+2) in row 0'
        >>> changes_text(ArtifactContext("sales@4", "sales@3", compared="data"))
        'same as sales@3'
        >>> changes_text(ArtifactContext("sales@4", "sales@3", changes=("rows +12",), compared="profile"))
        'by profile: rows +12'
    """
    sentences = told(changed.changes, changed.compared)
    if not sentences:
        if changed.compared is None:
            return "not compared" if changed.previous else ""
        return f"same as {changed.previous}"
    if changed.compared == "profile":
        sentences[0] = f"by profile: {sentences[0]}"
    if room is not None:
        sentences = [plain_sentence(sentence) for sentence in sentences]
    return in_line(sentences, room)


def since_text(previous: str | None, compared: Compared | None, sentences: Sequence[str]) -> str:
    """Return what stands before the sentences that say what changed.

    Examples:
        >>> since_text("sales@3", "data", ["rows +1"]), since_text("sales@3", "data", [])
        ('Since sales@3:', 'Same as sales@3.')
    """
    if not sentences:
        return f"Same as {previous}."
    since = f"Since {previous}" if previous else "Changed"
    return f"{since}, by profile:" if compared == "profile" else f"{since}:"


def told(changes: Sequence[str], compared: Compared | None) -> list[str]:
    """Return the sentences that say what changed, and what could not be compared; none where all is the same."""
    if compared == "metadata":
        return [_TOO_LARGE, *changes]
    if compared == "profile" and not changes:
        return ["no change"]
    return [*changes]


def plain_sentence(sentence: str) -> str:
    """Return a sentence without the backticks around its names.

    Examples:
        >>> plain_sentence("column `rain` is gone")
        'column rain is gone'
    """
    return re.sub("`([^`]+)`", r"\1", sentence)


def in_line(
    sentences: Sequence[str], room: int | None = None, width: Callable[[str], int] = len
) -> str:
    """Return sentences in one line: the first of them, and how many more there are.

    Args:
        sentences: at least one; the last may count those that were left out before.
        room: how wide the line is at most; all of it by default.
        width: how wide a text is.

    Examples:
        >>> in_line(["rows +1", "column `rain` is gone", "and 3 more changes"], 30)
        'rows +1; and 4 more changes'
        >>> in_line(["a long sentence that does not fit"], 16)
        'a long sentence…'
    """
    line = "; ".join(sentences)
    if room is None or width(line) <= room:
        return line

    counted = _COUNT.fullmatch(sentences[-1])
    named = sentences[:-1] if counted else sentences
    total = len(named)
    if counted:
        total += int(counted[1].replace(",", ""))
    for number in range(len(named) - 1, 0, -1):
        line = "; ".join([*named[:number], more_text(total - number)])
        if width(line) <= room:
            return line

    # Not even the first one fits, so it is cut.
    rest = f"; {more_text(total - 1)}" if total > 1 else ""
    if width(rest) > room // 2:
        rest = ""
    first = named[0]
    while first and width(first) + 1 + width(rest) > room:
        first = first[:-1]
    return f"{first.rstrip()}…{rest}"


def more_text(number: int) -> str:
    """Return how many changes are not named."""
    return "and 1 more change" if number == 1 else f"and {number:,} more changes"
