"""The history of a key: its versions, each with its run and with the value of one number."""

from typing import NamedTuple

from ..rendering.context import Compared, Point
from .artifacts import Artifact
from .runs import FlowRun

__all__ = ["ArtifactHistory", "ArtifactVersion", "Series"]


class Series(list[Point]):
    """The values of a number of a key, oldest first.

    Attributes:
        key: the key; `None` for values that no key has.
        field: the number, as `read_series` names it.
    """

    key: str | None = None
    field: str | None = None

    def __repr__(self) -> str:
        """Name the key and the number, the newest value and the range; there may be many."""
        from ..rendering.plot import plot_words

        if not self:
            return "<Series of no points>"
        return f"<Series {self.key} {plot_words(self, self.field or 'data')}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        """Show it in a notebook, as a plot."""
        from ..rendering.notebook import output_html
        from ..rendering.values import series_blocks

        return output_html(series_blocks(self, self.field or "data"))

    def to_markdown(self) -> str:
        """Return it as GitHub-flavoured Markdown: a line of bars, the newest value and the range.

        Returns:
            One line.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> made = store.create_artifacts({"key": "model", "data": n} for n in (1, 2, 4))
            >>> print(store.read_series("model").to_markdown())
            `▁▃█` data: 4 in version 3; from 1 to 4 over versions 1 to 3
            <BLANKLINE>
        """
        from ..rendering import blocks_to_markdown
        from ..rendering.values import series_blocks

        return blocks_to_markdown(series_blocks(self, self.field or "data"))


class ArtifactVersion(NamedTuple):
    """One version in the history of a key.

    Attributes:
        artifact: the artifact, without data and profile.
        flow_run: the flow run that created it; `None` when the store does not have that run.
        value: its value of the number that the history shows; `None` when it has none.
        previous: the reference of the version before; `None` for the first.
        changes: what is different from that version, as in `ArtifactContext`.
        compared: how that was found, as in `ArtifactContext`; `None` when it was not looked for.
    """

    artifact: Artifact
    flow_run: FlowRun | None
    value: float | None
    previous: str | None = None
    changes: tuple[str, ...] = ()
    compared: Compared | None = None


class ArtifactHistory(NamedTuple):
    """The versions of a key, with the values of one number.

    Attributes:
        versions: the versions, newest first.
        field: the number, as `read_series` names it; `None` when the key has no numbers.
        series: the values of the number, oldest first.
        complete: whether all versions are here; otherwise there are older ones.
    """

    versions: tuple[ArtifactVersion, ...] = ()
    field: str | None = None
    series: tuple[Point, ...] = ()
    complete: bool = True

    def _repr_html_(self) -> str:
        """Show it in a notebook: the trend of the number, and a table of the versions."""
        from ..rendering.notebook import output_html
        from ..rendering.values import history_blocks

        shown = history_blocks(self.versions, self.field, self.series, self.complete)
        return output_html(shown)

    def to_markdown(self) -> str:
        """Return it as GitHub-flavoured Markdown: the trend of the number, and a table of the versions.

        Returns:
            Markdown that fits into a comment on GitHub.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> made = store.create_artifacts({"key": "model", "metadata": {"loss": 1 / n}} for n in (1, 2, 4))
            >>> print(store.read_history("model").to_markdown())  # doctest: +ELLIPSIS
            `█▃▁` metadata.loss: 0.25 in version 3; from 0.25 to 1 over versions 1 to 3
            <BLANKLINE>
            | key | version | type | description | updated | run | metadata.loss | changes |
            | --- | ---: | --- | --- | --- | --- | ---: | --- |
            | model | 3 |  |  | ... |  | 0.25 | metadata.loss 0.5 → 0.25 (-0.25) |
            ...
        """
        from ..rendering import blocks_to_markdown
        from ..rendering.values import history_blocks

        shown = history_blocks(self.versions, self.field, self.series, self.complete)
        return blocks_to_markdown(shown)
