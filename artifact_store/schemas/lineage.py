"""The lineage of an artifact: what it was made from, or what was made from it, over any number of steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Literal, NamedTuple
from uuid import UUID

from ..rendering import blocks
from ..wording import count_text

__all__ = ["Direction", "Lineage", "LineageEdge", "LineageNode", "TreeLine"]

_MOST_LEVELS = 20  # of a tree: deeper ones have no room for names
_MOST_LINES = 1_000  # of a tree
_FEW = 3  # artifacts that may well be repeated in a tree
_SPACE = "    "
_DEEPER = "…"

Direction = Literal["up", "down"]
"""`"up"` to what an artifact was made from, `"down"` to what was made from it."""


class LineageNode(NamedTuple):
    """An artifact of a lineage.

    Attributes:
        ref: its reference, which names this version for ever: `raw@2`; its id if it has no key.
        gone: whether it was deleted since.
        depth: how many steps it is from the artifact that was asked for, on the shortest way.
        id: its id.
        key: its key; `None` without one.
        version: its version; `None` without a key.
        created: when it was created.
        run_id: the flow run that created it, or the task run that belongs to none; `None` if it was
            created outside of runs.
        run: the name of that run; `None` if the store does not have it.
        flow: the name of its flow; `None` for a task run.
    """

    ref: str
    gone: bool
    depth: int
    id: UUID
    key: str | None
    version: int | None
    created: datetime
    run_id: UUID | None = None
    run: str | None = None
    flow: str | None = None


class LineageEdge(NamedTuple):
    """A step of a lineage: a run used one artifact, and created another afterwards.

    Attributes:
        source: the reference of the artifact that was used.
        target: the reference of the artifact that was created.
        run_id: the run.
        asked: the references by which the run asked for the source, such as `raw@latest`.
        used: when the run first used the source.
    """

    source: str
    target: str
    run_id: UUID
    asked: tuple[str, ...]
    used: datetime


class TreeLine(NamedTuple):
    """A line of a lineage that is shown as a tree.

    Attributes:
        guide: the lines that lead to it: `│   └── `.
        node: the artifact.
        remarks: what else is said of it: the run that made it, `gone`; `(above)` if what follows it stands
            further up, `(as raw@2)` if it stands there below another artifact, and `…` if it is too
            deep to be shown.
    """

    guide: str
    node: LineageNode
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Lineage:
    """What an artifact was made from, or what was made from it, as `ArtifactStore.lineage` returns it.

    Attributes:
        ref: the artifact that was asked for, which is the first of `nodes`.
        direction: `"up"` or `"down"`.
        nodes: the artifacts, the nearest first.
        edges: the steps between them, each from what was used to what was created.
        complete: whether that is all; otherwise there are more artifacts than are read at once. What
            `depth` leaves out does not count.
    """

    ref: str
    direction: Direction
    nodes: tuple[LineageNode, ...]
    edges: tuple[LineageEdge, ...]
    complete: bool = True

    def __repr__(self) -> str:
        """Say how much there is of it; a lineage may be large."""
        artifacts = count_text(len(self.nodes) - 1, "artifact")
        more = "" if self.complete else ", and more"
        return f"<Lineage {self.direction} from {self.ref}: {artifacts}, {count_text(len(self.edges), 'edge')}{more}>"

    def _repr_html_(self) -> str:
        """Show it in a notebook, as a tree."""
        from ..rendering.notebook import output_html

        return output_html(self.blocks())

    def to_markdown(self) -> str:
        """Return it as GitHub-flavoured Markdown, as a tree.

        Returns:
            Markdown that fits into a comment on GitHub.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> raw = store.create_artifact(key="raw", data=[3, 4])
            >>> with store.flow_run("nightly", run_name="monday") as run:
            ...     total = store.create_artifact(key="total", data=sum(run.use("raw").data))
            >>> print(store.lineage("total").to_markdown())
            ```
            total@1  nightly/monday
            └── raw@1
            ```
            <BLANKLINE>
        """
        from ..rendering import blocks_to_markdown

        return blocks_to_markdown(self.blocks())

    def blocks(self) -> list[blocks.Block]:
        """Return it as blocks: the tree as text, and whether there is more.

        Returns:
            The blocks, for the writers of `artifact_store.rendering`.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> raw = store.create_artifact(key="raw")
            >>> [block.text for block in store.lineage(raw).blocks()]
            ['raw@1', 'Nothing that raw@1 was made from is known.']
        """
        lines = ["  ".join([f"{line.guide}{line.node.ref}", *line.remarks]) for line in self.tree()]
        return [blocks.Text("\n".join(lines)), *map(blocks.Note, self.notes())]

    def notes(self) -> list[str]:
        """Return what must be said beside the tree, in sentences.

        Returns:
            No sentence if the tree says it all.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> raw = store.create_artifact(key="raw")
            >>> store.lineage(raw, direction="down").notes()
            ['Nothing that was made from raw@1 is known.']
        """
        if not self.complete:
            return [f"There is more: only {count_text(len(self.nodes), 'artifact')} were read."]
        if len(list(islice(self._lines(), _MOST_LINES + 1))) > _MOST_LINES:
            steps = count_text(len(self.edges), "edge")
            return [
                f"… and more: the tree ends after {_MOST_LINES:,} lines, and there are {steps}."
            ]
        if any(_DEEPER in line.remarks for line in self.tree()):
            return [f"What is marked with {_DEEPER} goes on: ask for the lineage of that artifact."]
        if len(self.nodes) > 1:
            return []
        if self.direction == "up":
            return [f"Nothing that {self.ref} was made from is known."]
        return [f"Nothing that was made from {self.ref} is known."]

    def tree(self) -> Iterator[TreeLine]:
        """Yield the artifacts as the lines of a tree, which repeats nothing.

        An artifact that is reached in several ways is shown at each, and what follows it at the first.
        Many that follow several artifacts, as what a run has used follows all that it made, are shown
        at the first of these.

        Yields:
            A line for the artifact that was asked for, and those that lead to the others; 1,000 at most.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> raw = store.create_artifact(key="raw")
            >>> [line.node.ref for line in store.lineage(raw).tree()]
            ['raw@1']
        """
        return islice(self._lines(), _MOST_LINES)

    def _lines(self) -> Iterator[TreeLine]:
        """Yield all lines of the tree."""
        nodes = {node.ref: node for node in self.nodes}
        following = self._following()
        shown: set[str] = set()
        shown_below: dict[tuple[str, ...], str] = {}
        # The guide of the line, that of the lines below it, and the artifact.
        waiting = [("", "", self.ref)]
        while waiting:
            guide, below, ref = waiting.pop()
            next_refs = following.get(ref, [])
            hidden = None
            if ref in shown:
                hidden = "(above)"
            elif len(next_refs) > _FEW and tuple(next_refs) in shown_below:
                hidden = f"(as {shown_below[tuple(next_refs)]})"
            elif len(below) >= _MOST_LEVELS * len(_SPACE):
                hidden = _DEEPER
            remarks = list(remarks_of(nodes[ref], self.ref))
            if next_refs and hidden is not None:
                remarks.append(hidden)
                next_refs = []
            if hidden != _DEEPER:
                shown.add(ref)
            if next_refs:
                shown_below.setdefault(tuple(next_refs), ref)
            yield TreeLine(guide, nodes[ref], tuple(remarks))

            for number, next_ref in enumerate(reversed(next_refs)):
                fork, line = ("├── ", "│   ") if number else ("└── ", _SPACE)
                waiting.append((f"{below}{fork}", f"{below}{line}", next_ref))

    def _following(self) -> dict[str, list[str]]:
        """Return what stands below each artifact in the tree."""
        following: dict[str, list[str]] = {}
        for edge in self.edges:
            near, far = edge.target, edge.source
            if self.direction == "down":
                near, far = far, near
            following.setdefault(near, []).append(far)
        return following


def remarks_of(node: LineageNode, root: str) -> Iterator[str]:
    """Yield what is said of an artifact: the run that made it, and whether it was deleted."""
    if node.run is not None:
        yield node.run if node.flow is None else f"{node.flow}/{node.run}"
    elif node.run_id is not None and node.ref != root:
        yield f"run {node.run_id}"
    if node.gone:
        yield "gone"
