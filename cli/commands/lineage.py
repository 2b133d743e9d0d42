"""The command that shows what an artifact was made from, or what was made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .. import complete
from ..app import command, open_store
from ..options import form_options
from ..output.documents import print_json
from ..output.pager import note
from ..output.screen import console
from ..output.tables import print_rows
from ..output.text import is_terminal, safe

if TYPE_CHECKING:
    from artifact_store import Lineage

__all__ = ["lineage"]

COLUMNS = ("ref", "depth", "gone", "flow", "run", "run_id", "created")


@command(
    examples=[
        "artifact-store lineage report@4",
        "artifact-store lineage raw --down --depth 2",
        "artifact-store lineage report --openlineage > events.json",
    ],
    pages=True,
)
@click.argument("ref", shell_complete=complete.refs)
@click.option("--down", is_flag=True, help="Show what was made from it.")
@click.option(
    "--depth",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many steps to walk. [default: all]",
)
@form_options("json", "markdown", "openlineage")
def lineage(ref: str, down: bool, depth: int | None, form: str | None) -> None:
    """Show what an artifact was made from, through the runs that used it.

    A step leads from what a run has used (run.use, show --run) to what it has published afterwards.
    Deleted versions are part of it, and REF may name one. When the output is not a terminal, there is
    one line per artifact; --json has the steps too.
    """
    with open_store() as store:
        found = store.lineage(ref, direction="down" if down else "up", depth=depth)
        events = store.read_openlineage(found) if form == "openlineage" else []
    if form == "openlineage":
        print_json(events)
    elif form == "json":
        print_json(document(found))
    elif form == "markdown":
        click.echo(found.to_markdown(), nl=False)
    elif is_terminal():
        print_tree(found)
    else:
        print_rows(COLUMNS, (node._asdict() for node in found.nodes))
        if not found.complete:
            note(found.notes()[0])


def document(lineage: Lineage) -> dict[str, object]:
    """Return a lineage as plain JSON."""
    return {
        "ref": lineage.ref,
        "direction": lineage.direction,
        "complete": lineage.complete,
        "nodes": [plain(node._asdict()) for node in lineage.nodes],
        "edges": [plain(edge._asdict()) for edge in lineage.edges],
    }


def plain(fields: dict[str, object]) -> dict[str, object]:
    """Return the fields of a node or an edge as plain JSON."""
    from datetime import datetime
    from uuid import UUID

    result: dict[str, object] = {}
    for name, value in fields.items():
        if isinstance(value, datetime):
            result[name] = value.isoformat().replace("+00:00", "Z")
        else:
            result[name] = str(value) if isinstance(value, UUID) else value
    return result


def print_tree(lineage: Lineage) -> None:
    """Print a lineage as a tree on the terminal."""
    from rich.text import Text

    screen = console()
    for line in lineage.tree():
        text = Text(overflow="fold")
        text.append(line.guide, "dim")
        text.append(safe(line.node.ref), "dim" if line.node.gone else "cyan")
        for remark in line.remarks:
            text.append(safe(f"  {remark}"), "yellow" if remark == "gone" else "")
        screen.print(text)
    for sentence in lineage.notes():
        screen.print(sentence, style="dim")
