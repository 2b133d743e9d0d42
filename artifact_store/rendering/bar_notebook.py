"""The bars of loops in the output of a cell, which is replaced as they go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import blocks
from .bar import Display
from .ipython import register_cell_hook, unregister_cell_hook
from .notebook import output_html

if TYPE_CHECKING:
    from collections.abc import Iterator

    from IPython.display import DisplayHandle

    from .bar import Bar

__all__ = ["NotebookDisplay"]


class NotebookDisplay(Display):
    """Draws bars as HTML; the notebook needs no widgets."""

    interval = 0.25

    def __init__(self) -> None:
        """Start without a bar."""
        super().__init__()
        self._output: DisplayHandle | None = None

    @property
    def is_drawn(self) -> bool:
        """Whether it is in the notebook."""
        return self._output is not None

    def paint(self) -> None:
        """Draw the bars as they are now."""
        from IPython.display import display

        shown = {
            "text/html": output_html(part for bar in self.bars for part in bar_blocks(bar)),
            "text/plain": "\n".join(bar.line() for bar in self.bars),
        }
        register_cell_hook(self.pause)
        if self._output is None:
            self._output = display(shown, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._output.update(shown, raw=True)  # type: ignore[no-untyped-call]

    def finish(self) -> None:
        """Draw the bars for the last time, without an expected end."""
        for bar in self.bars:
            bar.pace = bar.pace._replace(end=None)
        if self.bars:
            self.paint()
        unregister_cell_hook(self.pause)


def bar_blocks(bar: Bar) -> Iterator[blocks.Block]:
    """Yield the name of a bar, and the bar."""
    if bar.name:
        yield blocks.Note(bar.name)
    yield blocks.Progress(bar.pace.percent, bar.words())
