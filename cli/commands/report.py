"""The command that writes a report."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from .. import complete
from ..app import command, open_store
from ..options import common_options, filters, sort_option, where_options
from ..output.documents import print_json
from ..output.progress import working
from ..output.text import safe
from ..output.values import counted, size_text

__all__ = ["report"]


@command(
    examples=[
        "artifact-store report",
        "artifact-store report -o sales.html --like sales --title 'Sales'",
        "artifact-store report --flow nightly-etl --since 7d --open",
        "artifact-store report -o - | gzip > report.html.gz",
    ],
)
@click.option(
    "-o",
    "--output",
    default="report.html",
    show_default=True,
    metavar="FILE",
    shell_complete=complete.files,
    help="File to write; an existing file is replaced once the report is complete. - for standard output.",
)
@where_options
@click.option(
    "--title", default="Artifacts", show_default=True, metavar="TEXT", help="Title of the report."
)
@click.option(
    "--versions",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="N",
    help="Number of versions per key that can be opened; older ones are only listed.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Maximum number of keys; 0 for all.",
    show_default=True,
)
@sort_option("UPDATED_DESC", "Sort order of the keys.")
@click.option("--open", "opens", is_flag=True, help="Open the report in the browser.")
@common_options
def report(
    output: str,
    title: str,
    versions: int,
    limit: int,
    sort: str,
    opens: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Write an HTML report.

    The report is one file with the latest artifact of each key and its history. Any browser opens
    it, without a network and without this program.
    """
    from artifact_store import ArtifactCollectionSort

    piped = output == "-"
    if piped and (opens or as_json):
        raise click.UsageError(
            f"{'--open' if opens else '--json'} needs a file: name one with --output."
        )
    asked = filters(options, latest=True)
    with open_store() as store, working("Writing the report"):
        made = store.report(
            sys.stdout.buffer if piped else output,
            title=title,
            versions=versions,
            limit=limit or None,
            sort=ArtifactCollectionSort(sort),
            **asked,
        )
    if as_json:
        print_json({"file": os.path.abspath(output), **made._asdict()})  # noqa: PTH100, it keeps links
    elif not piped:
        held = f"{counted(made.artifacts, 'artifact')}, {counted(made.versions, 'version')}, {size_text(made.size)}"
        click.echo(safe(f"Wrote {output}: {held}."))
    if opens:
        click.launch(os.path.abspath(output))  # noqa: PTH100
