"""The command that compares two artifacts."""

from __future__ import annotations

from contextlib import nullcontext

import click

from .. import complete
from ..app import command, errors_exit_with_2, open_store
from ..options import form_options
from ..output.artifacts import print_facts
from ..output.documents import print_json
from ..output.screen import console
from ..output.tables import print_rows
from ..output.text import is_terminal, safe

__all__ = ["diff"]

_REMEDY = "--json prints all of it."


@command(
    examples=[
        "artifact-store diff sales",
        "artifact-store diff sales@3 sales@5 --key region",
        "artifact-store diff model --exit-code --json",
        'artifact-store diff sales --markdown >> "$GITHUB_STEP_SUMMARY"',
    ],
    pages=True,
)
@click.argument("ref", shell_complete=complete.refs)
@click.argument("other", metavar="[REF]", required=False, shell_complete=complete.refs)
@click.option(
    "--key",
    "columns",
    metavar="COLUMN",
    multiple=True,
    help="Column that tells the rows of a table apart; repeatable. Without it, equal rows are matched, "
    "then those between them by position.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    metavar="N",
    help="Changes to list; the sentences above them tell of all.",
)
@click.option(
    "--exit-code",
    is_flag=True,
    help="Exit with 1 when the artifacts differ, and with 2 when they cannot be compared, as diff(1) does.",
)
@form_options("json", "markdown")
def diff(
    ref: str,
    other: str | None,
    columns: tuple[str, ...],
    limit: int,
    exit_code: bool,
    form: str | None,
) -> None:
    """Show what is different between two artifacts.

    The first REF is the older one. With one REF, that artifact is compared with the version before
    it. Compares type, data, metadata and description: tables cell by cell, text line by line,
    anything else value by value.
    """
    with errors_exit_with_2() if exit_code else nullcontext(), open_store() as store:
        difference = store.diff(ref, other, key=columns)

    if form == "json":
        print_json(difference.to_dict())
    elif form == "markdown":
        click.echo(difference.to_markdown(limit, remedy=_REMEDY), nl=False)
    elif is_terminal():
        from artifact_store.rendering import print_blocks

        print_blocks(console(), difference.blocks(limit), remedy=_REMEDY)
    else:
        summary = "; ".join(difference.summary)
        print_facts(
            {"before": difference.before, "after": difference.after, "changes": summary or "none"}
        )
        lines = difference.to_unified(limit)
        if lines:
            click.echo()
            click.echo("\n".join(safe(line, keep="\t") for line in lines))
        rows = difference.to_rows(limit, lines=False)
        if rows:
            click.echo()
            print_rows([*rows[0]], rows)
    if exit_code and not difference.equal:
        raise click.exceptions.Exit(1)
