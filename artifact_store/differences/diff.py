"""The difference of two artifacts, as a value."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol, TypeGuard

from .. import rendering
from ..errors import InvalidArtifact, InvalidQuery
from ..wording import shown
from .changes import MISSING, Change, LineChange, Mismatch, ValueChange, path_text
from .summary import summarize
from .tables import TableChange, apply_table, compare_tables
from .texts import apply_lines, compare_lines
from .values import apply_values, compare_values, same

__all__ = ["Content", "Diff", "compare", "key_columns"]

_DATA = ("data",)


class Content(Protocol):
    """What is compared of an artifact."""

    type: str | None
    description: str | None
    data: Any
    metadata: dict[str, str | int | float | bool | None] | None


@dataclass(frozen=True, repr=False)
class Diff:
    """What is different between two artifacts: their type, data, metadata and description.

    Attributes:
        before: the reference of the older artifact.
        after: the reference of the newer artifact.
        changes: every change, in the order of what is compared. What is inside of it is described by its class:
            `ValueChange` (JSON, metadata, type and description), `LineChange` (text), `ColumnChange`, `ColumnOrder`,
            `RowChange` and `RowOrder` (tables).
        key: the columns by which rows were matched; empty when they were matched by position.
        summary: what changed in at most 12 short sentences, the most telling first; empty when nothing did.
    """

    before: str
    after: str
    changes: tuple[Change, ...] = ()
    key: tuple[str, ...] = ()
    summary: tuple[str, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Write the summary."""
        object.__setattr__(self, "summary", summarize(self.changes, self.key))

    @property
    def equal(self) -> bool:
        """Whether nothing is different."""
        return not self.changes

    def __repr__(self) -> str:
        """Name both sides and what changed first."""
        return f"<Diff {self.before} → {self.after}: {self._first_sentence()}>"

    def _first_sentence(self) -> str:
        if not self.summary:
            return "equal"
        first, *others = self.summary
        if not others:
            return first
        return f"{first}, and {len(others)} more"

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        from ..rendering.notebook import output_html

        return output_html(self.blocks())

    def blocks(self, limit: int = 100) -> "list[rendering.blocks.Block]":
        """Return the blocks that show the difference, for `artifact_store.rendering.print_blocks`.

        Args:
            limit: how many changes are listed at most; the summary tells of all of them.

        Returns:
            The sentences of the summary, and a table of the changes.

        Examples:
            >>> change = ValueChange("changed", ("data", "acc"), 0.93, 0.71)
            >>> [type(block).__name__ for block in Diff("model@1", "model@2", (change,)).blocks()]
            ['Changes', 'Table']
        """
        from .display import change_blocks

        names = (self.before, self.after)
        return change_blocks(names, self.summary, self.changes, self.key, limit)

    def to_unified(self, limit: int | None = None) -> list[str]:
        r"""Return the lines of text that changed as a unified diff without context, which `patch` applies.

        Args:
            limit: how many lines to return at most; `None` is all.

        Returns:
            Lines without line ends; none when no line of text changed.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> made = [store.create_artifact(key="note", data=text) for text in ("one\ntwo\n", "one\n2\n")]
            >>> store.diff("note").to_unified()
            ['--- note@1', '+++ note@2', '@@ -2,1 +2,1 @@', '-two', '+2']
        """
        from .display import unified_lines

        return [*unified_lines((self.before, self.after), self.changes, limit)]

    def to_rows(self, limit: int | None = None, *, lines: bool = True) -> list[dict[str, str]]:
        """Return the changes as rows for people, as terminals and notebooks list them.

        Args:
            limit: how many rows to return at most; `None` is all.
            lines: whether changed lines of text are rows too.

        Returns:
            Rows with `change` (`+` added, `-` removed, `~` changed), `where`, `before` and `after`.

        Examples:
            >>> change = ValueChange("changed", ("data", "acc"), 0.93, 0.71)
            >>> Diff("model@1", "model@2", (change,)).to_rows()
            [{'change': '~', 'where': 'data.acc', 'before': '0.93', 'after': '0.71'}]
        """
        from .display import change_rows, split_lines

        changes: Sequence[Change] = self.changes
        if not lines:
            _, changes = split_lines(changes)
        rows = islice(change_rows(changes, self.key), limit)
        return [row._asdict() for row in rows]

    def to_markdown(self, limit: int = 100, *, remedy: str = "") -> str:
        """Return the difference as GitHub-flavoured Markdown, as for a pull request or the summary of a CI job.

        Args:
            limit: how many cells, values and lines of text are listed at most, of each.
            remedy: a sentence that follows every note of what was left out and says where it can be found.

        Returns:
            A heading, the sentences of the summary, and below them tables of cells and values, and lines of text as a
            diff.

        Examples:
            >>> change = ValueChange("changed", ("data", "acc"), 0.93, 0.71)
            >>> print(Diff("model@1", "model@2", (change,)).to_markdown())
            ### model@1 → model@2
            <BLANKLINE>
            - `acc` 0.93 → 0.71 (-0.22)
            <BLANKLINE>
            | change | path | before | after |
            | --- | --- | --- | --- |
            | changed | data.acc | 0.93 | 0.71 |
            <BLANKLINE>
        """
        from .markdown import diff_to_markdown

        names = (self.before, self.after)
        return diff_to_markdown(
            names, self.summary, self.changes, self.key, limit=limit, remedy=remedy
        )

    def apply(self, data: object) -> Any:
        """Return the data of the newer artifact.

        Args:
            data: the data of the older artifact; it stays as it is.

        Returns:
            The newer data, exactly: with the order of its keys, columns and rows.

        Raises:
            InvalidArtifact: the data is not that of the older artifact.

        Examples:
            >>> change = ValueChange("changed", ("data", "acc"), 0.93, 0.71)
            >>> Diff("model@1", "model@2", (change,)).apply({"acc": 0.93})
            {'acc': 0.71}
        """
        changes = [change for change in self.changes if not is_outside_of_data(change)]
        try:
            return applied(data, changes)
        except (Mismatch, LookupError, StopIteration):
            raise InvalidArtifact(
                f"This difference does not fit the data: pass the data of {self.before}."
            ) from None

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as JSON.

        Returns:
            An object with `before` and `after` (the references), `equal`, `key`, `summary` and `changes`. Each change
            has the name of its class as `change`, and its attributes; what one side does not have is left out.

        Examples:
            >>> change = ValueChange("changed", ("data", "acc"), 0.93, 0.71)
            >>> Diff("model@1", "model@2", (change,)).to_dict()["changes"]
            [{'change': 'ValueChange', 'kind': 'changed', 'path': '/data/acc', 'name': 'data.acc', 'before': 0.93, \
'after': 0.71}]
        """
        return {
            "before": self.before,
            "after": self.after,
            "equal": self.equal,
            "key": list(self.key),
            "summary": list(self.summary),
            "changes": [*map(change_as_json, self.changes)],
        }


def key_columns(key: object) -> tuple[str, ...]:
    """Return the columns of a key, which may be one name; none for `None`.

    Raises:
        InvalidQuery: it is not names of columns.
    """
    if key is None:
        return ()
    if isinstance(key, Iterable):
        columns = (key,) if isinstance(key, str) else tuple(key)
        if all(isinstance(column, str) for column in columns):
            return columns
    raise InvalidQuery(f"Invalid key {shown(key)}: expected the names of columns.")


def compare(
    before: Content, after: Content, names: tuple[str, str], key: Sequence[str] = ()
) -> Diff:
    """Return the difference of two artifacts.

    Args:
        before: the older one.
        after: the newer one.
        names: the references of both.
        key: the columns that tell the rows of a table apart.

    Raises:
        InvalidQuery: a key was passed and one of them is not a table, or the key does not fit the rows.
    """
    changes: list[Change] = []
    changes += compare_values(before.type, after.type, ("type",))
    changes += compare_data(before, after, names, key)
    changes += compare_values(before.metadata, after.metadata, ("metadata",))
    changes += compare_values(before.description, after.description, ("description",))
    return Diff(*names, tuple(changes), tuple(key))


def compare_data(
    before: Content, after: Content, names: tuple[str, str], key: Sequence[str]
) -> Iterator[Change]:
    are_tables = [is_table(before), is_table(after)]
    if key and not all(are_tables):
        first = are_tables.index(False)
        raise InvalidQuery(f"{names[first]} is not a table of rows: compare without a key.")

    if before.type != after.type:
        if not same(before.data, after.data):
            yield ValueChange("changed", _DATA, before.data, after.data)
    elif all(are_tables):
        yield from compare_tables(before.data, after.data, key)
    elif are_lines(before.data, after.data):
        yield from compare_lines(before.data, after.data)
    else:
        yield from compare_values(before.data, after.data, _DATA)


def is_table(artifact: Content) -> bool:
    return artifact.type == "table" and are_rows(artifact.data)


def are_rows(data: object) -> TypeGuard[list[dict[str, object]]]:
    return isinstance(data, list) and set(map(type, data)) <= {dict}


def are_lines(before: object, after: object) -> bool:
    """Tell whether both sides are text, of which one has several lines."""
    if not is_text(before) or not is_text(after):
        return False
    return "\n" in before or "\n" in after


def is_text(data: object) -> TypeGuard[str]:
    return isinstance(data, str) and not data.startswith("data:")


def is_outside_of_data(change: Change) -> bool:
    return isinstance(change, ValueChange) and change.path[0] != "data"


def applied(data: object, changes: list[Change]) -> object:
    """Apply the changes of data, which are all of one kind."""
    if not changes:
        return data

    lines: list[LineChange] = []
    values: list[ValueChange] = []
    table: list[TableChange] = []
    for change in changes:
        if isinstance(change, LineChange):
            lines.append(change)
        elif isinstance(change, ValueChange):
            values.append(change)
        else:
            table.append(change)

    if values:
        return apply_values(data, values)
    if lines and isinstance(data, str):
        return apply_lines(data, lines)
    if table and are_rows(data):
        return apply_table(data, table)
    raise Mismatch


def change_as_json(change: Change) -> dict[str, Any]:
    """Return a change as JSON; what one side does not have is left out, and paths are JSON Pointers."""
    fields: dict[str, Any] = {"change": type(change).__name__}
    if isinstance(change, ValueChange):
        fields["kind"] = change.kind
        fields["path"] = pointer(change.path)
        fields["name"] = path_text(change.path)
        sides = {"before": change.before, "after": change.after}
        return fields | without_missing(sides)

    for name, value in change._asdict().items():
        # The values of a new column stand in the newer artifact.
        if value is None or name == "values":
            continue
        if name == "cells":
            fields[name] = [without_missing(cell._asdict()) for cell in value]
        elif isinstance(value, tuple):
            fields[name] = list(value)
        else:
            fields[name] = value
    return fields


def without_missing(sides: dict[str, Any]) -> dict[str, Any]:
    """Return fields without those of a side that has nothing."""
    return {name: value for name, value in sides.items() if value is not MISSING}


def pointer(path: Sequence[str | int]) -> str:
    """Return a path as a JSON Pointer (RFC 6901)."""
    text = ""
    for part in path:
        escaped = str(part).replace("~", "~0").replace("/", "~1")
        text += f"/{escaped}"
    return text
