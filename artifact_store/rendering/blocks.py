"""What a renderer returns for an artifact: blocks, which know nothing of HTML or terminals.

Every writer (notebook, terminal, report) shows every block. Blocks hold stored text unchanged; the writer
escapes it and cuts what is too long. A block that no writer could show raises `InvalidArtifact`, with the
name of the field, when it is created.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from ..errors import InvalidArtifact
from ..tables.profile import TableProfile
from ..wording import shown
from .context import Compared, Point

__all__ = [
    "Block",
    "Changes",
    "Facts",
    "Image",
    "Json",
    "Line",
    "LineHunk",
    "LinePair",
    "Lines",
    "Link",
    "Markdown",
    "Note",
    "Plot",
    "Profile",
    "Progress",
    "Reference",
    "RunState",
    "Table",
    "Text",
    "Title",
]


def check(block: object, name: str, is_valid: bool, expected: str) -> None:
    """Raise `InvalidArtifact` for a field of a block that is not valid."""
    if not is_valid:
        field = f"{type(block).__name__}.{name}"
        raise InvalidArtifact(f"{field} is {shown(getattr(block, name))}: pass {expected}.")


def check_text(block: object, name: str) -> None:
    """Check a field that must be text."""
    check(block, name, isinstance(getattr(block, name), str), "text")


def check_optional_text(block: object, name: str) -> None:
    """Check a field that may be text."""
    check(block, name, isinstance(getattr(block, name), str | None), "text, or None")


@dataclass(frozen=True)
class Markdown:
    """Text in Markdown (CommonMark with tables and strikethrough); HTML inside it is shown as text."""

    text: str

    def __post_init__(self) -> None:
        check_text(self, "text")


@dataclass(frozen=True)
class Text:
    """Plain text, with its line ends."""

    text: str

    def __post_init__(self) -> None:
        check_text(self, "text")


@dataclass(frozen=True)
class Json:
    """A JSON value."""

    value: object


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        columns: the names of its columns, in order.
        rows: its rows, objects by column; what a row does not have is an empty cell.
    """

    columns: tuple[str, ...]
    rows: Sequence[Mapping[str, object]]

    def __post_init__(self) -> None:
        has_names = isinstance(self.columns, list | tuple) and all(
            isinstance(name, str) for name in self.columns
        )
        check(self, "columns", has_names, "the names of the columns")
        # Each type once, and not each row: there may be a million.
        has_rows = isinstance(self.rows, list | tuple) and all(
            issubclass(row_type, Mapping) for row_type in set(map(type, self.rows))
        )
        check(self, "rows", has_rows, "a list of objects by column")


class Line(NamedTuple):
    """A line of text that was added or removed.

    Attributes:
        number: its number, from 1.
        parts: the parts of its text, and which of them changed, where a line that is alike took its place.
    """

    number: int
    parts: tuple[tuple[str, bool], ...]


class LinePair(NamedTuple):
    """A line before and the line after that took its place; `None` where there is none."""

    before: Line | None
    after: Line | None


class LineHunk(NamedTuple):
    """Changed lines that stand beside each other.

    Attributes:
        heading: where they begin on both sides, and how many there are, as in a unified diff: `@@ -2,2 +2,1 @@`.
        pairs: the lines.
    """

    heading: str
    pairs: tuple[LinePair, ...]


@dataclass(frozen=True)
class Lines:
    """Lines of text that changed; a wide place shows them side by side, a narrow one as a unified diff."""

    hunks: tuple[LineHunk, ...]


@dataclass(frozen=True)
class Link:
    """A link; a `url` with an unsafe scheme is shown as text.

    Attributes:
        url: the address.
        text: what to show for it; `None` is the address itself.
    """

    url: str
    text: str | None = None

    def __post_init__(self) -> None:
        check_text(self, "url")
        check_optional_text(self, "text")


@dataclass(frozen=True)
class Image:
    """An image.

    Attributes:
        source: `https://…`, or `data:image/png;base64,…` (also jpeg, gif and webp); anything else is only named.
        alt: what the image shows, in words.
    """

    source: str
    alt: str | None = None

    def __post_init__(self) -> None:
        check_text(self, "source")
        check_optional_text(self, "alt")


@dataclass(frozen=True)
class Progress:
    """A progress in percent; values outside of 0 to 100 are clamped.

    Attributes:
        percent: how much is done.
        text: what else is known, such as `1,200 / 5,000, 35/s`; nothing by default.
    """

    percent: float
    text: str = ""

    def __post_init__(self) -> None:
        is_number = isinstance(self.percent, int | float) and math.isfinite(self.percent)
        check(self, "percent", is_number, "a number from 0 to 100")
        check_text(self, "text")
        clamped = min(max(float(self.percent), 0.0), 100.0)
        object.__setattr__(self, "percent", clamped)  # the class is frozen


@dataclass(frozen=True)
class Facts:
    """Names and values, in order."""

    items: tuple[tuple[str, object], ...]

    def __post_init__(self) -> None:
        has_pairs = all(
            isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)
            for item in self.items
        )
        check(self, "items", has_pairs, "pairs of a name and a value")


class RunState(NamedTuple):
    """A run as the value of a fact: its name, and its state, whose colour tells success from failure.

    Attributes:
        name: the name of the run; empty where only the state is meant.
        state_type: the type of the state, such as `FAILED`.
        state: what people call the state; `None` where it is not known.
        took: how long the run has taken, in words: `after 12 min`; empty where it is not known.
        message: why the run is in this state.
    """

    name: str
    state_type: str | None = None
    state: str | None = None
    took: str = ""
    message: str = ""

    @property
    def text(self) -> str:
        """All of it in words.

        Examples:
            >>> RunState("night-1", "FAILED", "Failed", "after 3 s", "no rows").text
            'night-1, Failed after 3 s: no rows'
        """
        state = " ".join(part for part in (self.state, self.took) if part)
        named = ", ".join(part for part in (self.name, state) if part)
        return ": ".join(part for part in (named, self.message) if part)


@dataclass(frozen=True)
class Plot:
    """The history of a number.

    Attributes:
        points: version, time and value, oldest first.
        field: what the number is (`rows`, `metadata.loss`).
    """

    points: tuple[Point, ...]
    field: str

    def __post_init__(self) -> None:
        has_points = all(isinstance(point, Point) for point in self.points)
        check(self, "points", has_points, "Points, oldest first")
        check_text(self, "field")


@dataclass(frozen=True)
class Note:
    """A sentence beside what is shown; `problem` says that something is wrong."""

    text: str
    problem: bool = False

    def __post_init__(self) -> None:
        check_text(self, "text")


@dataclass(frozen=True)
class Title:
    """Which artifact this is, or which run or store.

    Attributes:
        ref: its reference.
        type: its type.
        updated: the time of its last change; `None` where that says nothing.
        aliases: the aliases that name this version.
    """

    ref: str
    type: str | None
    updated: datetime | None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Changes:
    """What is different from another version.

    Attributes:
        lines: what is different, in sentences; empty when nothing is.
        previous: the reference of that version.
        ref: the reference of the newer version, where the whole difference is to be had elsewhere; how to get it is
            then shown too.
        compared: how the two were compared; see `ArtifactContext`.
    """

    lines: tuple[str, ...]
    previous: str | None
    ref: str | None = None
    compared: Compared | None = "data"


@dataclass(frozen=True)
class Profile:
    """The profile of a table: `{"rows": …, "columns": [{"name": …, "type": …, "nulls": …, …}]}`."""

    profile: TableProfile


@dataclass(frozen=True)
class Reference:
    """How an artifact is read back, its version neighbours, and what made it: the end of every artifact.

    Attributes:
        ref: the reference that reads it back.
        id: its id.
        previous: the reference of the next older version.
        next: the reference of the next newer version.
        latest: the latest version of its key.
        made_by: what made it, outermost first: pairs such as `("flow", "nightly")`.
        created: when it was created, in UTC.
        aliases: the aliases of its key, in words.
        provenance: what it was made from and what used it, in words: pairs such as `("made from", "raw@2")`.
    """

    ref: str
    id: UUID
    previous: str | None
    next: str | None
    latest: int | None
    made_by: tuple[tuple[str, str | RunState], ...]
    created: datetime
    aliases: str = ""
    provenance: tuple[tuple[str, str], ...] = ()


Block = (
    Markdown
    | Text
    | Json
    | Table
    | Lines
    | Link
    | Image
    | Progress
    | Facts
    | Plot
    | Note
    | Title
    | Changes
    | Profile
    | Reference
)
