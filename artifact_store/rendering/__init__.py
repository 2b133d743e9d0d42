"""How artifacts are shown: a renderer turns one into blocks, and a writer for each place shows the blocks.

A renderer of yours (`artifact_store.register_renderer`) returns `blocks`; `print_blocks` writes them to a
terminal, `blocks_to_markdown` for GitHub.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from . import blocks
    from . import context as context
    from .aliases import alias_names, aliases_text
    from .changes import changes_text
    from .gfm import blocks_to_markdown, markdown_table
    from .gfm_text import escape_markdown
    from .pace import Pace, pace_facts, read_pace
    from .plot import sparkline
    from .provenance import provenance_facts
    from .runs import parameters_text, run_state
    from .terminal import aligned_table, column_width, print_blocks
    from .terminal_text import progress_bar, state_colour
    from .text import age, count_text, escape_controls, plain_number, size_text
else:
    __getattr__, __dir__ = lazy_names(
        globals(),
        {
            "blocks context": "",
            "alias_names aliases_text": "aliases",
            "blocks_to_markdown markdown_table": "gfm",
            "escape_markdown": "gfm_text",
            "changes_text": "changes",
            "Pace pace_facts read_pace": "pace",
            "sparkline": "plot",
            "parameters_text run_state": "runs",
            "provenance_facts": "provenance",
            "aligned_table column_width print_blocks": "terminal",
            "progress_bar state_colour": "terminal_text",
            "age count_text escape_controls plain_number size_text": "text",
        },
    )

__all__ = [
    "Pace",
    "age",
    "alias_names",
    "aliases_text",
    "aligned_table",
    "blocks",
    "blocks_to_markdown",
    "changes_text",
    "column_width",
    "count_text",
    "escape_controls",
    "escape_markdown",
    "markdown_table",
    "pace_facts",
    "parameters_text",
    "plain_number",
    "print_blocks",
    "progress_bar",
    "provenance_facts",
    "read_pace",
    "run_state",
    "size_text",
    "sparkline",
    "state_colour",
]
