"""How artifacts are shown: a renderer turns one into blocks, and a writer for each place shows the blocks.

A renderer of yours (`artifact_store.register_renderer`) returns `blocks`; `print_blocks` writes them to a terminal.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from . import blocks
    from . import context as context
    from .plot import sparkline
    from .terminal import print_blocks
    from .text import age, escape_controls
else:
    __getattr__, __dir__ = lazy_names(
        globals(),
        {
            "blocks context": "",
            "sparkline": "plot",
            "print_blocks": "terminal",
            "age escape_controls": "text",
        },
    )

__all__ = ["age", "blocks", "escape_controls", "print_blocks", "sparkline"]
