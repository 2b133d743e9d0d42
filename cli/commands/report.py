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
    help="Where to write it; what is there is replaced when all is written. - is standard output.",
)
@where_options
@click.option("--title", default="Artifacts", show_default=True, metavar="TEXT", help="Its heading.")
@click.option(
    "--versions",
    type=click.IntRange(min=1),
    default=10,
    show_default="10",
    metavar="N",
    help="How many versions of a key can be opened in it; older ones are listed.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="How many keys at the most; 0 is all. [default: 0]",
)
@sort_option("UPDATED_DESC", "The order of the keys.")
@click.option("--open", "opens", is_flag=True, help="Open it in the browser.")
@common_options
def report(
    output: str, title: str, versions: int, limit: int, sort: str, opens: bool, as_json: bool, **options: Any
) -> None:
    """Write one HTML file to look around in.

    It holds the latest artifact of each key with its history, and is opened by any browser without
    a network and without this program: to send it, send the file.
    """
    from artifact_store import ArtifactCollectionSort

    piped = output == "-"
    if piped and (opens or as_json):
        raise click.UsageError(f"{'--open' if opens else '--json'} needs a file: name one with --output.")
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
        held = f"{_counted(made.artifacts, 'artifact')}, {_counted(made.versions, 'version')}, {_size(made.size)}"
        click.echo(safe(f"Wrote {output}: {held}."))
    if opens:
        click.launch(os.path.abspath(output))  # noqa: PTH100


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _size(size: int) -> str:
    return f"{size / 1024:,.0f} KiB" if size < 10 * 1024**2 else f"{size / 1024**2:,.0f} MiB"
