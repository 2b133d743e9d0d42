"""Artifacts and lists of them as a notebook shows them: HTML that stands for itself."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from ..context import open_stores
from ..rendering import blocks
from .context import ArtifactContext, Shown
from .html import blocks_to_html
from .markdown import first_line
from .markup import Html, element
from .renderers import render_artifact
from .style import STYLE
from .text import age, counted

__all__ = ["artifact_html", "list_html"]

_MOST_LISTED = 50


def artifact_html(artifact: Shown) -> Html:
    """Return the HTML of an artifact, with what an open store knows of its surroundings."""
    return _output(render_artifact(artifact, _surroundings(artifact)))


def list_html(artifacts: Sequence[Shown]) -> Html:
    """Return the HTML of a list of artifacts: a table of the first 50, whose key is the id where there is none."""
    if not artifacts:
        return _output([blocks.Note("No artifacts.")])
    listed = artifacts[:_MOST_LISTED]
    names = _run_names({each.flow_run_id for each in listed if each.flow_run_id is not None})
    rows = [_listed(each, names) for each in listed]
    shown: list[blocks.Block] = [
        blocks.Note(counted(len(artifacts), "artifact")),
        blocks.Table(tuple(rows[0]), rows),
    ]
    if len(listed) < len(artifacts):
        shown.append(
            blocks.Note(
                f"Left out: {len(artifacts) - len(listed):,} of {len(artifacts):,} artifacts."
            )
        )
    return _output(shown)


def _output(shown: Sequence[blocks.Block]) -> Html:
    # JupyterLab and nbconvert would typeset `$5 to $10` in stored text as a formula.
    names = "artifact-store tex2jax_ignore mathjax_ignore"
    return element("div", element("style", STYLE), blocks_to_html(shown), class_=names)


def _listed(artifact: Shown, names: dict[UUID, str]) -> dict[str, Any]:
    run = artifact.flow_run_id
    return {
        "key": artifact.key or str(artifact.id),
        "version": "" if artifact.version is None else artifact.version,
        "type": artifact.type or "",
        "description": first_line(artifact.description or ""),
        "age": f"{age(artifact.updated)} ago",
        "run": "" if run is None else names.get(run, str(run)),
    }


def _open_stores() -> list[Any]:
    try:
        return list(open_stores)
    except RuntimeError:  # another thread is just opening one
        return []


def _surroundings(artifact: Shown) -> ArtifactContext | None:
    """Ask the open stores in turn; one that cannot answer must not keep the artifact from being seen."""
    for store in _open_stores():
        try:
            known = store.read_artifact(artifact.id)
            if known is not None and _identity(known) == _identity(artifact):
                around: ArtifactContext = store.read_surroundings(artifact)
                return around
        except Exception:
            continue
    return None


def _identity(artifact: Shown) -> tuple[object, ...]:
    return artifact.id, artifact.key, artifact.version, artifact.created


def _run_names(ids: set[UUID]) -> dict[UUID, str]:
    names: dict[UUID, str] = {}
    for store in _open_stores():
        try:
            names |= {
                run.id: run.name
                for run in map(store.read_flow_run, ids - names.keys())
                if run is not None
            }
        except Exception:
            continue
    return names
