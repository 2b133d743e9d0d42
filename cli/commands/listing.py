"""The commands that list and count artifacts."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from .. import complete
from ..app import command, open_store
from ..options import (
    common_options,
    filter_options,
    filters,
    form_options,
    limit_option,
    sort_option,
)
from ..output.documents import dump, point_documents, print_json, print_ndjson
from ..output.pager import note
from ..output.progress import counted
from ..output.tables import print_listing
from ..output.text import is_terminal
from ..output.trends import print_trend, trend
from ..output.values import figure
from ..reading import batches, run_names

if TYPE_CHECKING:
    from artifact_store import Artifact, ArtifactStore, ArtifactVersion, Point

__all__ = ["count", "history", "ls"]

LARGEST = 2**63 - 1

_AT_ONCE = 1000  # artifacts that are read in one statement; more are read page after page


@command(
    examples=[
        "artifact-store ls --type table --since 7d",
        "artifact-store ls --flow nightly-etl --tag prod --limit 0",
        "artifact-store ls --all --key sales --json",
        "artifact-store ls --all --limit 0 --ndjson | gzip > artifacts.ndjson.gz",
        """artifact-store ls --filter '{"metadata": {"ge_": {"days": 30}}}'""",
    ],
    pages=True,
)
@filter_options
@limit_option(50, "Maximum number of artifacts; 0 for all.")
@click.option(
    "--offset",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    show_default=True,
    help="Artifacts to skip.",
)
@sort_option("ID_DESC", "Sort order; ID_DESC is newest first.")
@click.option(
    "--trend",
    "trends",
    is_flag=True,
    help="Show how the main number of each key changed over its versions.",
)
@form_options("json", "ndjson", "csv")
def ls(
    all_versions: bool,
    limit: int,
    offset: int,
    sort: str,
    trends: bool,
    form: str | None,
    **options: Any,
) -> None:
    """List artifacts: the latest version of each key.

    Columns: key, version, type, description, age (since the last update), run (name or id) and,
    with --all, the id. When the output is not a terminal, columns are separated by tabs below a
    line of names and nothing is shortened; the time of the update replaces the age, and numbers
    replace the sparkline.
    """
    asked = filters(options, latest=not all_versions)
    with open_store() as store:
        found = _found(store, all_versions, sort, offset, limit, form in ("json", "ndjson"), asked)
        shown = islice(found, limit) if limit else found
        if form in ("json", "ndjson"):
            documents = _documents(store, shown, trends)
            (print_json if form == "json" else print_ndjson)(documents)
        else:
            columns = [
                "key",
                "version",
                "type",
                "description",
                *["trend"] * trends,
                "updated",
                "run",
            ]
            rows = _rows(store, shown, trends)
            print_listing([*columns, *["id"] * all_versions], rows, form == "csv")
        more = limit and next(found, None) is not None
    if more:
        note(f"There are more: --offset {offset + limit} continues, --limit 0 lists all.")


def _found(
    store: ArtifactStore,
    all_versions: bool,
    sort: str,
    offset: int,
    limit: int,
    include_data: bool,
    asked: dict[str, Any],
) -> Iterator[Artifact]:
    """Return what a listing shows, and one more when there is one; of a long one, a page at a time is in memory."""
    from artifact_store import ArtifactCollectionSort, ArtifactSort

    asked = {**asked, "include_data": include_data}
    if all_versions:
        read: Any = store.read_artifacts
        each: Any = store.iter_artifacts
        size: Any = store.count_artifacts
        asked["sort"] = ArtifactSort(sort)
    else:
        read, each, size = (
            store.read_latest_artifacts,
            store.iter_latest_artifacts,
            store.count_latest_artifacts,
        )
        asked["sort"] = ArtifactCollectionSort(sort)
    if (
        0 < limit <= _AT_ONCE or max(offset, limit) > LARGEST
    ):  # the store says what is wrong with such a number
        return iter(read(offset, limit + 1, **asked))
    found = islice(each(**asked), offset, min(offset + limit + 1, LARGEST) if limit else None)
    if limit or is_terminal() or not sys.stderr.isatty():
        return found
    total = size(**{name: value for name, value in asked.items() if name.endswith("_filter")})
    return counted(found, max(total - offset, 0), "Listing")


def _rows(
    store: ArtifactStore, artifacts: Iterable[Artifact], trends: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield what a listing shows of artifacts."""
    for batch in batches(artifacts):
        runs = run_names(store, batch)
        points = _trends(store, batch) if trends else {}
        for each in batch:
            yield {
                "key": each.key,
                "version": each.version,
                "type": each.type,
                "description": each.description,
                "trend": trend(points.get(each.key or "", [])),
                "updated": each.updated,
                "run": each.flow_run_id and runs.get(each.flow_run_id, each.flow_run_id),
                "id": each.id,
            }


def _documents(
    store: ArtifactStore, artifacts: Iterable[Artifact], trends: bool
) -> Iterator[dict[str, Any]]:
    """Yield artifacts as plain JSON, with their trends where they are asked for."""
    for batch in batches(artifacts) if trends else ():
        points = _trends(store, batch)
        for each in batch:
            yield {**dump(each), "trend": point_documents(points.get(each.key or "", []))}
    if not trends:
        yield from map(dump, artifacts)


def _trends(store: ArtifactStore, artifacts: Iterable[Artifact]) -> dict[str, list[Point]]:
    return store.read_trends(each.key for each in artifacts if each.key is not None)


@command(
    examples=[
        "artifact-store history sales",
        "artifact-store history model --field metadata.loss",
        "artifact-store history sales --limit 0 --csv > sales-history.csv",
    ],
    pages=True,
)
@click.argument("key", shell_complete=complete.keys)
@click.option(
    "--field",
    metavar="NAME",
    shell_complete=complete.fields,
    help="Number to show: data, data.accuracy, rows, metadata.loss, or loss for short. "
    "[default: the first that the key has]",
)
@limit_option(50, "Maximum number of versions; 0 for all.")
@form_options("json", "ndjson", "csv")
def history(key: str, field: str | None, limit: int, form: str | None) -> None:
    """List the versions of a key, newest first.

    Columns: version, type, description, age (since the last update), run and the value of one
    number. When the output is not a terminal, the time replaces the age, and the id comes last.
    """
    with open_store() as store:
        found = store.read_history(key, field or None, limit=limit or None)
    if not found.versions:
        raise click.ClickException(f"There is no key {key!r}.")

    name = field or found.field
    rows = [_history_row(version) for version in found.versions]
    if form in ("json", "ndjson"):
        documents = [
            {
                **dump(version.artifact, "data", "profile"),
                "run": row["run"],
                "field": name,
                "value": row["value"],
            }
            for version, row in zip(found.versions, rows, strict=True)
        ]
        (print_json if form == "json" else print_ndjson)(documents)
    else:
        for_terminal = form is None and is_terminal()
        if for_terminal and name and found.series:
            print_trend(name, found.series)
        columns = ["version", "type", "description", "updated", "run", "value"]
        if not for_terminal:
            columns.append("id")
        print_listing(columns, rows, form == "csv")
    if not found.complete:
        note("There are more: --limit 0 lists all.")


def _history_row(version: ArtifactVersion) -> dict[str, Any]:
    """Return the cells of one version in a history."""
    artifact = version.artifact
    run = version.flow_run
    return {
        "version": artifact.version,
        "type": artifact.type,
        "description": artifact.description,
        "updated": artifact.updated,
        "run": artifact.flow_run_id if run is None else run.name,
        "value": None if version.value is None else figure(version.value),
        "id": artifact.id,
    }


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
    """Count keys, or with --all every version."""
    asked = filters(options, latest=not all_versions)
    with open_store() as store:
        number = (
            store.count_artifacts(**asked)
            if all_versions
            else store.count_latest_artifacts(**asked)
        )
    if as_json:
        print_json({"count": number})
    else:
        click.echo(number)
