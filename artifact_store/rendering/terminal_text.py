"""Text for rich, made safe: lines, names with their values, and the colours of states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..rendering import blocks
from .runs import state_tone
from .text import cell_text, escape_controls

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["fact_lines", "plain", "progress_bar", "safe", "short_line", "state_colour"]

_GAP = 2  # blanks between names and values
_LONGEST_VALUE = 2_000
_LONGEST_MESSAGE = 4_000
# Blue is hard to read on most dark themes, cyan and yellow on most light ones.
_BAR_COLOUR = "magenta"
_STATE_COLOURS = {"good": "green", "bad": "red", "busy": "magenta", "held": "yellow"}


def safe(text: str, keep: str = "") -> str:
    r"""Return text that the terminal does not obey; where line ends are kept, `\r\n` is one."""
    if keep:
        text = text.replace("\r\n", "\n")
    return escape_controls(text, keep)


def plain(text: str, style: str = "", keep: str = "") -> Text:
    """Return text for rich in one style, made safe."""
    from rich.text import Text

    return Text(safe(text, keep), style=style)


def short_line(text: str) -> str:
    """Return a text that should be short, cut before it is measured and escaped."""
    return cell_text(text, _LONGEST_VALUE)


def progress_bar(percent: float, width: int, is_unicode: bool = True) -> Text:
    """Return a bar of a number of columns.

    Args:
        percent: how much is done, from 0 to 100.
        width: how many columns it takes.
        is_unicode: whether the terminal shows more than ASCII.

    Returns:
        Text for rich. The part that is done is thicker as well as coloured, for any theme.

    Examples:
        >>> progress_bar(50, 10).plain, progress_bar(50, 10, is_unicode=False).plain
        ('━━━━━─────', '#####-----')
    """
    done, rest = ("━", "─") if is_unicode else ("#", "-")
    length = round(width * percent / 100)
    bar = plain("")
    bar.append(done * length, _BAR_COLOUR)
    return bar.append(rest * (width - length), "dim")


def fact_lines(items: Sequence[tuple[str, object]]) -> Text:
    """Return names and values, one to a line, the values below each other."""
    from rich.cells import cell_len
    from rich.text import Text

    pairs = [(safe(cell_text(name)), value) for name, value in items]
    width = max((cell_len(name) for name, _ in pairs), default=0) + _GAP

    lines = []
    for name, value in pairs:
        blanks = " " * (width - cell_len(name))
        lines.append(Text.assemble((name + blanks, "dim"), fact_value(value, width)))
    return Text("\n").join(lines)


def fact_value(value: object, indent: int) -> Text:
    """Return the value of a fact: a run with its state in its colour, anything else as a cell.

    Args:
        value: the value.
        indent: how many blanks the further lines of a message begin with.
    """
    if not isinstance(value, blocks.RunState):
        return plain(cell_text(value, _LONGEST_VALUE))

    colour = state_colour(value.state_type)
    text = plain(short_line(value.name))
    if value.state:
        text.append(", " if value.name else "")
        text.append(safe(short_line(value.state)), colour)
    if value.took:
        text.append(f" {value.took}")
    if value.message:
        message = safe(cell_text(value.message, _LONGEST_MESSAGE), "\n")
        text.append(": ")
        text.append(message.replace("\n", f"\n{' ' * indent}"), colour)
    return text


def state_colour(state_type: str | None) -> str:
    """Return the colour of a state on a terminal; empty for one without.

    Args:
        state_type: the type of the state, or `None`.

    Returns:
        A style of rich: one of the eight colours of a terminal, which its theme makes readable.

    Examples:
        >>> state_colour("FAILED"), state_colour("SCHEDULED")
        ('red', '')
    """
    tone = state_tone(state_type)
    return "" if tone is None else _STATE_COLOURS[tone]
