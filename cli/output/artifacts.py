"""What is shown of one artifact, and of a store."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Protocol, TypeGuard

import click

from .documents import dump, dump_fields
from .screen import console
from .tables import columns_of, is_sparse, print_rows
from .text import is_terminal, json_text, safe
from .values import cell_text, size_text, time_text

if TYPE_CHECKING:
    from uuid import UUID

    from artifact_store import Artifact, ArtifactContext, StoreInfo

__all__ = [
    "print_artifact",
    "print_facts",
    "print_info",
    "print_markdown",
    "print_raw",
    "with_context",
]


_REMEDY = "--raw prints all of it."


def print_artifact(artifact: Artifact, context: ArtifactContext) -> None:
    """Print an artifact with its context; on a terminal as its type is shown everywhere."""
    if is_terminal():
        from artifact_store import render_artifact
        from artifact_store.rendering import print_blocks

        blocks = render_artifact(artifact, context)
        print_blocks(console(), blocks, remedy=_REMEDY)
        return

    print_facts(artifact_facts(artifact, context))
    click.echo()
    data = artifact.data
    if artifact.type == "table" and is_table(data):
        print_rows(columns_of(data), data)
    elif isinstance(data, str):
        click.echo(safe(data.replace("\r\n", "\n"), keep="\n\t"))
    else:
        click.echo(json_text(data))


def print_markdown(artifact: Artifact, context: ArtifactContext) -> None:
    """Print an artifact with its context in Markdown."""
    from artifact_store import render_artifact
    from artifact_store.rendering import blocks_to_markdown

    blocks = render_artifact(artifact, context)
    click.echo(blocks_to_markdown(blocks, remedy=_REMEDY), nl=False)


def with_context(artifact: Artifact, context: ArtifactContext) -> dict[str, object]:
    """Return an artifact as JSON, with its runs, its aliases, and what it was made from and used by."""
    from artifact_store.rendering import alias_names

    provenance = context.provenance
    return {
        **dump_fields(artifact),
        "flow": dump(context.flow),
        "deployment": dump(context.deployment),
        "flow_run": dump(context.flow_run),
        "task_run": dump(context.task_run),
        "aliases": [*alias_names(context.aliases, artifact.version)],
        "made_from": [source._asdict() for source in provenance.made_from],
        "used_by": [use._asdict() | {"run_id": str(use.run_id)} for use in provenance.used_by],
    }


def is_table(data: object) -> TypeGuard[list[dict[str, object]]]:
    """Tell whether data are rows that can be printed as a table."""
    if not isinstance(data, list) or not data:
        return False
    return all(isinstance(row, dict) for row in data) and not is_sparse(data)


def artifact_facts(artifact: Artifact, context: ArtifactContext) -> dict[str, object]:
    """Return what is known of an artifact, by name."""
    from artifact_store.rendering import aliases_text, changes_text, provenance_facts

    metadata = artifact.metadata or {}
    facts = {
        "artifact": artifact.ref,
        "type": artifact.type,
        "id": artifact.id,
        "description": artifact.description,
        **{f"metadata.{name}": value for name, value in metadata.items()},
        "created": time_text(artifact.created),
        "updated": time_text(artifact.updated),
        "previous": context.previous,
        "next": context.next,
        "aliases": aliases_text(context.aliases, artifact.version) or None,
        "changes": changes_text(context) or None,
        **dict(provenance_facts(context.provenance, artifact.ref)),
        "flow": context.flow.name if context.flow else None,
        "deployment": context.deployment.name if context.deployment else None,
        **run_facts("flow run", artifact, context),
        **run_facts("task run", artifact, context),
    }
    return {name: value for name, value in facts.items() if value is not None}


class NamedRun(Protocol):
    """A flow run or a task run."""

    name: str


def run_facts(
    label: Literal["flow run", "task run"], artifact: Artifact, context: ArtifactContext
) -> dict[str, object]:
    """Return what is known of a run that made an artifact, by name."""
    from artifact_store.rendering import parameters_text, run_state

    run, run_id = context.flow_run, artifact.flow_run_id
    if label == "task run":
        run, run_id = context.task_run, artifact.task_run_id
    if run is None:
        return {label: run_text(None, run_id)}
    shown = run_state(run)
    state = " ".join(part for part in (shown.state, shown.took) if part)
    return {
        label: run_text(run, run_id or run.id),
        f"{label} state": state or None,
        f"{label} message": shown.message or None,
        f"{label} tags": ", ".join(run.tags) or None,
        f"{label} parameters": parameters_text(run.parameters) if run.parameters else None,
    }


def run_text(run: NamedRun | None, run_id: UUID | None) -> str | None:
    """Return the name of a run with its id; the id alone where it has no other name."""
    if run_id is None:
        return None
    if run is None or run.name == str(run_id):
        return str(run_id)
    return f"{run.name} ({run_id})"


def print_facts(facts: Mapping[str, object]) -> None:
    """Print names and values, one to a line: aligned on a terminal, otherwise separated by a tab."""
    labels = {name: safe(name) for name in facts}
    column = max(map(len, facts)) + 2
    for name, value in facts.items():
        text = safe(cell_text(value))
        if is_terminal():
            click.echo(f"{labels[name]:<{column}}{text}")
        else:
            click.echo(f"{labels[name]}\t{text}")


def print_raw(artifact: Artifact) -> None:
    """Print the payload alone: a text unchanged, anything else as JSON."""
    data = artifact.data
    if not isinstance(data, str):
        click.echo(json_text(data))
    elif is_terminal():
        click.echo(safe(data, keep="\n\t"), nl=not data.endswith("\n"))
    else:
        rest = memoryview(data.encode())
        while rest:  # an unbuffered stream may write only a part
            written = sys.stdout.buffer.write(rest)
            rest = rest[written:]


def print_info(info: StoreInfo) -> None:
    """Print where a store is and what it holds; on a terminal without what is not known."""
    facts: dict[str, object] = info._asdict()
    if is_terminal():
        if info.size is not None:
            facts["size"] = size_text(info.size)
        facts = {name: value for name, value in facts.items() if value is not None}
    print_facts(facts)
