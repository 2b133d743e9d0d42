"""The command that writes a report."""

from __future__ import annotations

import os
import sys
from typing import Unpack

import click

from .. import complete
from ..app import command, open_store
from ..options import (
    FilterOptions,
    common_options,
    parse_filter_options,
    sort_option,
    where_options,
)
from ..output.documents import print_json
from ..output.progress import working
from ..output.text import safe
from ..output.values import count_text, size_text

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
    **options: Unpack[FilterOptions],
) -> None:
    """Write an HTML report.

    The report is one file with the latest artifact of each key and its history. Any browser opens
    it, without a network and without this program.
    """
    from artifact_store import ArtifactCollectionSort

    to_stdout = output == "-"
    if to_stdout and (opens or as_json):
        option = "--open" if opens else "--json"
        raise click.UsageError(f"{option} needs a file: name one with --output.")

    filters = parse_filter_options(options, latest=True)
    with open_store() as store, working("Writing the report"):
        info = store.report(
            sys.stdout.buffer if to_stdout else output,
            title=title,
            versions=versions,
            limit=limit or None,
            sort=ArtifactCollectionSort(sort),
            **filters,
        )
    path = os.path.abspath(output)  # noqa: PTH100 - it keeps links
    if as_json:
        print_json({"file": path, **info._asdict()})
    elif not to_stdout:
        artifacts = count_text(info.artifacts, "artifact")
        versions_text = count_text(info.versions, "version")
        size = size_text(info.size)
        click.echo(safe(f"Wrote {output}: {artifacts}, {versions_text}, {size}."))
    if opens:
        click.launch(path)
