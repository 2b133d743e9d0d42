"""Artifacts and lists of them as a notebook shows them: HTML with its style sheet."""

from collections.abc import Iterable, Sequence

from . import blocks
from .context import Shown
from .html import blocks_to_html
from .markup import Html, element
from .run_values import RunLike, list_of_runs_blocks, run_blocks
from .style import STYLE
from .values import artifact_blocks, list_blocks

__all__ = ["artifact_html", "list_html", "list_of_runs_html", "output_html", "run_html"]

_MOST_ROWS = 50


def artifact_html(artifact: Shown) -> Html:
    """Return the HTML of an artifact, with its context if an open store has it."""
    return output_html(artifact_blocks(artifact))


def list_html(artifacts: Sequence[Shown]) -> Html:
    """Return the HTML of a list of artifacts: a table of the first 50."""
    return output_html(list_blocks(artifacts, _MOST_ROWS, ages=True))


def run_html(value: RunLike) -> Html:
    """Return the HTML of a run, a flow or another value of its kind."""
    return output_html(run_blocks(value))


def list_of_runs_html(values: Sequence[RunLike]) -> Html:
    """Return the HTML of a list of runs: a table of the first 50."""
    return output_html(list_of_runs_blocks(values, _MOST_ROWS, ages=True))


def output_html(shown: Iterable[blocks.Block]) -> Html:
    """Return blocks as the output of a cell."""
    return element(
        "div",
        element("style", STYLE),
        blocks_to_html(shown),
        # JupyterLab and nbconvert would typeset `$5 to $10` in stored text as a formula.
        class_="artifact-store tex2jax_ignore mathjax_ignore",
    )
