"""Artifacts and lists of them as a notebook shows them: HTML with its style sheet.

A value does not know its store, so the open stores are asked for the context of an artifact and for the names
of runs. Whatever a store raises is ignored: the artifact is then shown without them.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol
from uuid import UUID

from ..context import open_stores
from ..rendering import blocks
from .context import ArtifactContext, Named, Shown
from .html import blocks_to_html
from .markdown import first_line
from .markup import Html, element
from .renderers import render_artifact
from .style import STYLE
from .text import age, count_text

__all__ = ["artifact_html", "list_html", "output_html"]

_MOST_ROWS = 50


class OpenStore(Protocol):
    """The methods of `ArtifactStore`, which is in a layer above, that are called here."""

    def read_artifact(self, id: UUID) -> Shown | None:
        """Return an artifact."""
        ...

    def read_surroundings(self, artifact: Shown) -> ArtifactContext:
        """Return the context of an artifact."""
        ...

    def read_flow_run(self, id: UUID) -> Named | None:
        """Return a flow run."""
        ...


def artifact_html(artifact: Shown) -> Html:
    """Return the HTML of an artifact, with its context if an open store has it."""
    return output_html(render_artifact(artifact, read_context(artifact)))


def list_html(artifacts: Sequence[Shown]) -> Html:
    """Return the HTML of a list of artifacts: a table of the first 50.

    An artifact without a key has its id in the column of keys.
    """
    if not artifacts:
        return output_html([blocks.Note("No artifacts.")])

    first = artifacts[:_MOST_ROWS]
    run_ids = {each.flow_run_id for each in first if each.flow_run_id is not None}
    run_names = read_run_names(run_ids)
    rows = [table_row(each, run_names) for each in first]
    result: list[blocks.Block] = [
        blocks.Note(count_text(len(artifacts), "artifact")),
        blocks.Table(tuple(rows[0]), rows),
    ]

    left_out = len(artifacts) - len(first)
    if left_out:
        note = f"Left out: {left_out:,} of {len(artifacts):,} artifacts."
        result.append(blocks.Note(note))
    return output_html(result)


def output_html(shown: Iterable[blocks.Block]) -> Html:
    """Return blocks as the output of a cell."""
    return element(
        "div",
        element("style", STYLE),
        blocks_to_html(shown),
        # JupyterLab and nbconvert would typeset `$5 to $10` in stored text as a formula.
        class_="artifact-store tex2jax_ignore mathjax_ignore",
    )


def table_row(artifact: Shown, run_names: dict[UUID, str]) -> dict[str, str | int]:
    """Return what a list shows of an artifact, by column."""
    run_id = artifact.flow_run_id
    run = ""
    if run_id is not None:
        run = run_names.get(run_id, str(run_id))
    return {
        "key": artifact.key or str(artifact.id),
        "version": "" if artifact.version is None else artifact.version,
        "type": artifact.type or "",
        "description": first_line(artifact.description or ""),
        "age": f"{age(artifact.updated)} ago",
        "run": run,
    }


def list_stores() -> list[OpenStore]:
    """Return the stores that are open in this process."""
    try:
        return list(open_stores)
    except RuntimeError:  # another thread is just opening one
        return []


def read_context(artifact: Shown) -> ArtifactContext | None:
    """Return the context of an artifact from the first open store that has it."""
    for store in list_stores():
        try:
            stored = store.read_artifact(artifact.id)
            if stored is not None and is_same(stored, artifact):
                return store.read_surroundings(artifact)
        except Exception:
            continue  # a store that fails must not keep the artifact from being shown
    return None


def is_same(stored: Shown, artifact: Shown) -> bool:
    """Tell whether two values are the same artifact; a copy of a store has the same ids."""
    return (stored.id, stored.key, stored.version, stored.created) == (
        artifact.id,
        artifact.key,
        artifact.version,
        artifact.created,
    )


def read_run_names(ids: set[UUID]) -> dict[UUID, str]:
    """Return the names of flow runs by id, as far as the open stores know them."""
    names: dict[UUID, str] = {}
    for store in list_stores():
        try:
            for run_id in ids - names.keys():
                run = store.read_flow_run(run_id)
                if run is not None:
                    names[run_id] = run.name
        except Exception:
            continue
    return names
