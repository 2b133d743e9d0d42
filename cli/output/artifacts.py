"""What is shown of one artifact, and of a store."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from .screen import console
from .tables import columns_of, is_sparse, print_rows
from .text import is_terminal, json_text, safe
from .values import cell_text, time_text

if TYPE_CHECKING:
    from uuid import UUID

    from artifact_store import Artifact, ArtifactContext, StoreInfo

__all__ = ["named", "print_artifact", "print_facts", "print_info", "print_raw"]


def named(artifact: Artifact) -> str:
    """Return the reference of an artifact: `key@version`, or its id when it has no key."""
    return str(artifact.id) if artifact.key is None else f"{artifact.key}@{artifact.version}"


def print_artifact(artifact: Artifact, around: ArtifactContext) -> None:
    """Print what is known of an artifact and what it holds; on a terminal as its type is shown everywhere."""
    if is_terminal():
        from artifact_store import render_artifact
        from artifact_store.rendering import print_blocks

        print_blocks(console(), render_artifact(artifact, around), remedy="--raw prints all of it.")
        return
    print_facts(_facts(artifact, around))
    click.echo()
    rows = artifact.data if artifact.type == "table" else None
    if (
        rows
        and isinstance(rows, list)
        and all(isinstance(row, dict) for row in rows)
        and not is_sparse(rows)
    ):
        print_rows(columns_of(rows), rows)
    elif isinstance(artifact.data, str):
        click.echo(safe(artifact.data.replace("\r\n", "\n"), keep="\n\t"))
    else:
        click.echo(json_text(artifact.data))


def _facts(artifact: Artifact, around: ArtifactContext) -> dict[str, Any]:
    """Return what is known of an artifact, by name."""
    flow, run, task = around.flow, around.flow_run, around.task_run
    facts = {
        "artifact": named(artifact),
        "type": artifact.type,
        "id": artifact.id,
        "description": artifact.description,
        **{f"metadata.{name}": value for name, value in (artifact.metadata or {}).items()},
        "created": time_text(artifact.created),
        "updated": time_text(artifact.updated),
        "previous": around.previous,
        "next": around.next,
        "changes": "; ".join(around.changes) or None,
        "flow": flow and flow.name,
        "flow run": _run_named(run, artifact.flow_run_id),
        "task run": _run_named(task, artifact.task_run_id),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _run_named(run: Any, run_id: UUID | None) -> str | None:
    """Return the name of a run with its id; the id alone when the name says nothing else, or nobody knows it."""
    if run_id is None:
        return None
    return str(run_id) if run is None or run.name == str(run_id) else f"{run.name} ({run_id})"


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print names and values, one to a line."""
    column = max(map(len, facts)) + 2 if is_terminal() else 0
    for name, value in facts.items():
        label = safe(name)
        click.echo(
            f"{label:<{column}}{safe(cell_text(value))}"
            if column
            else f"{label}\t{safe(cell_text(value))}"
        )


def print_raw(artifact: Artifact) -> None:
    """Print the payload alone: a text just as it is, anything else as JSON."""
    data = artifact.data
    if not isinstance(data, str):
        click.echo(json_text(data))
    elif is_terminal():
        click.echo(safe(data, keep="\n\t"), nl=not data.endswith("\n"))
    else:
        rest = memoryview(data.encode())
        while rest:  # unbuffered, a write may take a part
            rest = rest[sys.stdout.buffer.write(rest) :]


def print_info(info: StoreInfo) -> None:
    """Print what a store is and holds; a person is not shown what it does not have."""
    facts = info._asdict()
    if is_terminal():
        size = None if info.size is None else f"{info.size / 1024:,.0f} KiB"
        facts = {
            name: value for name, value in {**facts, "size": size}.items() if value is not None
        }
    print_facts(facts)
