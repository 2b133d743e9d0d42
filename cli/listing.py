"""The commands that list and count artifacts."""

from __future__ import annotations

from typing import Any

import click

from . import render
from .app import command, open_store
from .options import common_options, filter_options, filters
from .reading import run_names

__all__ = ["count", "ls"]

LARGEST = 2**63 - 1
SORTS = ("CREATED_DESC", "UPDATED_DESC", "ID_DESC", "KEY_DESC", "KEY_ASC")


@command(
    examples=[
        "artifact-store ls --type table --since 7d",
        "artifact-store ls --flow nightly-etl --tag prod --limit 0",
        "artifact-store ls --all --key sales --json",
        """artifact-store ls --filter '{"metadata": {"ge_": {"days": 30}}}'""",
    ],
)
@filter_options
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=50,
    show_default="50",
    metavar="N",
    help="How many at the most; 0 is all.",
)
@click.option("--offset", type=click.IntRange(min=0), default=0, metavar="N", help="How many to skip. [default: 0]")
@click.option(
    "--sort",
    type=click.Choice(SORTS, case_sensitive=False),
    default="ID_DESC",
    show_default=True,
    help="The order; by id is by the time of creation.",
)
@common_options
def ls(all_versions: bool, limit: int, offset: int, sort: str, as_json: bool, **options: Any) -> None:
    """List the latest artifact of each key.

    Columns: key, version, type, description, updated, run (its name, else its id), and with --all
    the id. Not on a terminal they are separated by tabs, complete, below a line of their names.
    """
    from artifact_store import ArtifactCollectionSort, ArtifactSort

    asked = filters(options, latest=not all_versions)
    most = None if not limit else limit if limit == LARGEST else limit + 1  # one more tells whether there are more
    with open_store() as store:
        if all_versions:
            found = store.read_artifacts(offset, most, sort=ArtifactSort(sort), include_data=as_json, **asked)
        else:
            latest = ArtifactCollectionSort(sort)
            found = store.read_latest_artifacts(offset, most, sort=latest, include_data=as_json, **asked)
        shown = found[:limit] if limit else found
        if as_json:
            render.print_json(shown)
        else:
            render.print_listing(shown, run_names(store, shown), all_versions)
    if len(found) > len(shown):
        render.note(f"There are more: --offset {offset + limit} continues, --limit 0 lists all.")


@command(
    examples=[
        "artifact-store count --flow nightly-etl",
        "artifact-store count --all --key sales",
        "artifact-store count --type table --since 24h --json",
    ],
)
@filter_options
@common_options
def count(all_versions: bool, as_json: bool, **options: Any) -> None:
    """Count the keys, or with --all every version."""
    asked = filters(options, latest=not all_versions)
    with open_store() as store:
        number = store.count_artifacts(**asked) if all_versions else store.count_latest_artifacts(**asked)
    if as_json:
        render.print_json({"count": number})
    else:
        click.echo(number)
