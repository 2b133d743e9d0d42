"""The commands about a store as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..app import command, open_store
from ..options import common_options
from ..output.artifacts import print_info
from ..output.documents import print_json
from ..output.pager import note
from ..output.progress import working
from ..output.tables import print_rows
from ..output.values import count_text

if TYPE_CHECKING:
    from artifact_store import Inconsistency

__all__ = ["info", "repair", "upgrade", "verify"]


@command(
    examples=[
        "artifact-store verify",
        "artifact-store verify --quick",
        "artifact-store verify --json",
    ]
)
@click.option(
    "--quick",
    is_flag=True,
    help="Check only the latest versions and the aliases, without reading all data.",
)
@common_options
def verify(quick: bool, as_json: bool) -> int:
    """Check the store for errors.

    Checks that the latest version of every key and the aliases are right, and that all data can be
    read. Lists every error, and exits with 1 if there are any.
    """
    with open_store() as store:
        with working("Checking every key"):
            inconsistencies = store.verify(quick=quick)
        if as_json:
            print_json(inconsistencies)
        elif inconsistencies:
            print_inconsistencies(inconsistencies, remedy(inconsistencies))
        else:
            info = store.info()
            artifacts = count_text(info.artifacts, "artifact")
            click.echo(f"healthy: {artifacts}, {count_text(info.keys, 'key')}")
    return 1 if inconsistencies else 0


def remedy(inconsistencies: list[Inconsistency]) -> str:
    """Return what to do about the errors that verify has found."""
    lost = [each for each in inconsistencies if each.kind in ("damaged", "unreadable")]
    if not lost:
        return remedy_of_mendable(inconsistencies)
    sentence = "Restore the database from a copy: 'artifact-store repair' cannot repair what is damaged or unreadable"
    if lost == inconsistencies:
        return f"{sentence}."
    return f"{sentence}, only the rest."


def remedy_of_mendable(inconsistencies: list[Inconsistency]) -> str:
    """Return what to do about errors in a store whose rows can all be read."""
    gaps = [each for each in inconsistencies if each.kind == "broken-history"]
    if not gaps:
        return "'artifact-store repair' repairs this."
    sentence = (
        "'artifact-store repair' cannot know the moves that are missing in the history of an alias"
    )
    if gaps == inconsistencies:
        return f"{sentence}."
    return f"{sentence}, it repairs the rest."


def print_inconsistencies(inconsistencies: list[Inconsistency], remark: str) -> None:
    """Print errors as a table, and a remark beside it."""
    rows = [each._asdict() for each in inconsistencies]
    print_rows(["kind", "key", "message"], rows)
    note(remark)


@command(examples=["artifact-store repair", "artifact-store repair --json"])
@common_options
def repair(as_json: bool) -> None:
    """Repair the errors that verify finds, in one transaction."""
    with open_store() as store, working("Checking and repairing every key"):
        repaired = store.repair()
    if as_json:
        print_json(repaired)
    elif repaired:
        print_inconsistencies(repaired, "Repaired.")
    else:
        click.echo("nothing to repair")


@command(
    examples=["artifact-store upgrade", "artifact-store --url sqlite:///jobs.db upgrade --json"]
)
@common_options
def upgrade(as_json: bool) -> None:
    """Upgrade the tables of a store to this release.

    Programs that write upgrade a store when they open it; commands that only read do not. After an
    upgrade, older releases refuse to open the store.
    """
    from artifact_store import StoreMissing, StoreUnavailable

    try:
        open_store().close()
    except StoreUnavailable as error:
        if isinstance(error, StoreMissing):
            raise  # otherwise the next line would create it
    with open_store(create=True) as store, working("Upgrading"):
        schema = store.info().schema
    if as_json:
        print_json({"schema": schema})
    else:
        click.echo(f"The tables are up to date ({schema}).")


@command(examples=["artifact-store info", "artifact-store --url sqlite:///jobs.db info --json"])
@common_options
def info(as_json: bool) -> None:
    """Show where the store is and what it holds.

    The size is in bytes.
    """
    with open_store() as store:
        facts = store.info()
    if as_json:
        print_json(facts)
    else:
        print_info(facts)
