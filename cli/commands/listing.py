"""The commands that list and count artifacts."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Unpack

import click

from .. import complete
from ..app import command, open_store
from ..options import (
    FilterOptions,
    Filters,
    as_of_option,
    common_options,
    filter_options,
    form_options,
    limit_option,
    parse_filter_options,
    past_filters,
    sort_option,
)
from ..output.documents import dump_fields, dump_points, print_documents, print_json
from ..output.pager import note
from ..output.progress import with_progress
from ..output.tables import Row, print_listing
from ..output.text import is_terminal
from ..output.trends import print_markdown_trend, print_trend, trend_text
from ..output.values import plain_number
from ..reading import batches, note_missing_run, read_aliases, read_run_names

if TYPE_CHECKING:
    from datetime import datetime

    from artifact_store import (
        Alias,
        Artifact,
        ArtifactHistory,
        ArtifactStore,
        ArtifactVersion,
        Point,
    )

__all__ = ["count", "history", "ls"]

LARGEST = 2**63 - 1

_MOST_CHANGES = 200  # characters of what changed in a version, in Markdown
_AT_ONCE = 1000  # artifacts that are read in one statement; more are read page after page


@command(
    examples=[
        "artifact-store ls --type table --since 7d",
        "artifact-store ls --flow nightly-etl --tag prod --limit 0",
        "artifact-store ls --all --key sales --json",
        "artifact-store ls --alias prod",
        "artifact-store ls --aliases",
        "artifact-store ls --as-of 2026-11-01",
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
@as_of_option
@click.option(
    "--trend",
    "trends",
    is_flag=True,
    help="Show how the main number of each key changed over its versions.",
)
@click.option(
    "--aliases",
    "with_aliases",
    is_flag=True,
    help="Show the aliases of each key and where they are; with --all, those of each version.",
)
@form_options("json", "ndjson", "csv", "markdown")
def ls(
    all_versions: bool,
    limit: int,
    offset: int,
    sort: str,
    as_of: datetime | None,
    trends: bool,
    with_aliases: bool,
    form: str | None,
    **options: Unpack[FilterOptions],
) -> None:
    """List artifacts: the latest version of each key.

    Columns: key, version, type, description, age (since the last update), run (name or id) and,
    with --all, the id. When the output is not a terminal, columns are separated by tabs below a
    line of names and nothing is shortened; the time of the update replaces the age, and numbers
    replace the sparkline. --markdown shows times and the sparkline. --aliases says where the
    aliases of each key are, such as "canary, prod is @2": canary names the version in this line.
    --alias finds what the alias names even if it is not the latest version, as with --all.
    """
    all_versions = all_versions or bool(options["alias"])
    if as_of is not None and trends:
        raise click.UsageError("--trend shows what came later too: leave out --as-of or --trend.")
    filters = parse_filter_options(options, latest=not all_versions)
    listing = Listing(
        filters={**filters, **past_filters(as_of, all_versions)},
        all_versions=all_versions,
        sort=sort,
        offset=offset,
        limit=limit,
        include_data=form in ("json", "ndjson"),
    )
    with open_store() as store:
        note_missing_run(store, options["flow_run"])
        found = iter_found(store, listing)
        artifacts = islice(found, limit) if limit else found
        aliases = read_aliases(store) if with_aliases else None
        if form in ("json", "ndjson"):
            documents = iter_documents(store, artifacts, trends, aliases)
            print_documents(documents, form)
        else:
            columns = columns_of(trends, with_aliases, all_versions)
            rows = iter_rows(store, artifacts, trends, form)
            if aliases is not None:
                rows = iter_named(rows, aliases, all_versions)
            print_listing(columns, rows, form)
        # One more than the limit is looked for.
        has_more = limit > 0 and next(found, None) is not None
    if has_more:
        note(f"There are more: --offset {offset + limit} continues, --limit 0 lists all.")


def columns_of(trends: bool, with_aliases: bool, all_versions: bool) -> list[str]:
    """Return the names of the columns of `ls`."""
    columns = ["key", "version", "type", "description", "updated", "run"]
    if trends:
        columns.insert(columns.index("updated"), "trend")
    if with_aliases:
        columns.insert(columns.index("type"), "aliases")
    if all_versions:
        columns.append("id")
    return columns


class Listing(NamedTuple):
    """What `ls` lists; see its options."""

    filters: Filters
    all_versions: bool
    sort: str
    offset: int
    limit: int
    include_data: bool


def iter_found(store: ArtifactStore, listing: Listing) -> Iterator[Artifact]:
    """Yield what is listed, and one more if there is one; a long list is read page by page."""
    from artifact_store import ArtifactCollectionSort, ArtifactSort

    # The store says what is wrong with a number that is too large, so it is passed on.
    in_one_page = 0 < listing.limit <= _AT_ONCE or max(listing.offset, listing.limit) > LARGEST
    page = {"offset": listing.offset, "limit": listing.limit + 1} if in_one_page else {}
    arguments: Filters = {**listing.filters, **page, "include_data": listing.include_data}
    if listing.all_versions:
        arguments["sort"] = ArtifactSort(listing.sort)
        if in_one_page:
            return iter(store.read_artifacts(**arguments))
        found = store.iter_artifacts(**arguments)
    else:
        arguments["sort"] = ArtifactCollectionSort(listing.sort)
        if in_one_page:
            return iter(store.read_latest_artifacts(**arguments))
        found = store.iter_latest_artifacts(**arguments)

    if listing.limit:
        return islice(found, listing.offset, min(listing.offset + listing.limit + 1, LARGEST))
    rest = islice(found, listing.offset, None)
    if is_terminal() or not sys.stderr.isatty():
        return rest
    return with_progress(rest, max(count_found(store, listing) - listing.offset, 0), "Listing")


def count_found(store: ArtifactStore, listing: Listing) -> int:
    """Return how many artifacts match the filters."""
    if listing.all_versions:
        return store.count_artifacts(**listing.filters)
    return store.count_latest_artifacts(**listing.filters)


def iter_rows(
    store: ArtifactStore, artifacts: Iterable[Artifact], trends: bool, form: str | None
) -> Iterator[dict[str, object]]:
    """Yield the cells of each artifact in a listing."""
    for batch in batches(artifacts):
        run_names = read_run_names(store, batch)
        series = read_trends(store, batch) if trends else {}
        for artifact in batch:
            run_id = artifact.flow_run_id
            points = series.get(artifact.key or "", [])
            yield {
                "key": artifact.key,
                "version": artifact.version,
                "type": artifact.type,
                "description": artifact.description,
                "trend": trend_text(points, drawn=form == "markdown") if points else "",
                "updated": artifact.updated,
                "run": None if run_id is None else run_names.get(run_id, str(run_id)),
                "id": artifact.id,
            }


def iter_named(
    rows: Iterable[dict[str, object]], aliases: Mapping[str, Sequence[Alias]], all_versions: bool
) -> Iterator[dict[str, object]]:
    """Yield rows with the aliases of the version, and in a list of keys with the others too."""
    from artifact_store.rendering import aliases_text

    for row in rows:
        shown = aliases.get(str(row["key"] or ""), ())
        version: int | None = row["version"]  # type: ignore[assignment] # of `iter_rows`
        if all_versions:
            shown = [alias for alias in shown if alias.version == version]
        yield {**row, "aliases": aliases_text(shown, version)}


def iter_documents(
    store: ArtifactStore,
    artifacts: Iterable[Artifact],
    trends: bool,
    aliases: Mapping[str, Sequence[Alias]] | None,
) -> Iterator[dict[str, object]]:
    """Yield artifacts as plain JSON, with what else is to be shown: trends, the aliases of their keys."""
    if not trends and aliases is None:
        yield from map(dump_fields, artifacts)
        return
    for batch in batches(artifacts):
        series = read_trends(store, batch) if trends else {}
        for artifact in batch:
            document = dump_fields(artifact)
            key = artifact.key or ""
            if trends:
                document["trend"] = dump_points(series.get(key, []))
            if aliases is not None:
                of_key = aliases.get(key, ())
                document["aliases"] = {alias.name: alias.version for alias in of_key}
            yield document


def read_trends(store: ArtifactStore, artifacts: Iterable[Artifact]) -> dict[str, list[Point]]:
    """Return the history of the first number of each key."""
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
@form_options("json", "ndjson", "csv", "markdown")
def history(key: str, field: str | None, limit: int, form: str | None) -> None:
    """List the versions of a key, newest first.

    Columns: version, aliases (if the key has any), type, description, age (since the last update),
    run, the value of one number and what changed since the version before. When the output is not a
    terminal, the time replaces the age, nothing is shortened, and the id comes last. The newest 50
    versions are compared, as far as their data fits into 2 MB; larger tables by their profiles.
    diff compares the others.
    """
    with open_store() as store:
        found = store.read_history(key, field or None, limit=limit or None)
        if not found.versions:
            raise click.ClickException(f"There is no key {key!r}.")
        aliases = store.read_aliases(found.versions[0].artifact)

    name = field or found.field
    rows = [history_row(version, aliases) for version in found.versions]
    if form in ("json", "ndjson"):
        print_documents(iter_history_documents(found, name, rows, aliases), form)
    else:
        for_terminal = form is None and is_terminal()
        if for_terminal and name and found.series:
            print_trend(name, found.series)
        if form == "markdown":
            rows = [{**row, "changes": cut_changes(row, _MOST_CHANGES)} for row in rows]
            if name and found.series:
                print_markdown_trend(name, found.series)
        columns = ["version", "type", "description", "updated", "run", "value", "changes"]
        if aliases:
            columns.insert(1, "aliases")
        if not for_terminal and form != "markdown":
            columns.append("id")
        print_listing(columns, rows, form, {"changes": cut_changes})
    if not found.complete:
        note("There are more: --limit 0 lists all.")


def history_row(version: ArtifactVersion, aliases: Sequence[Alias]) -> dict[str, object]:
    """Return the cells of one version in a history."""
    from artifact_store.rendering import alias_names, changes_text

    artifact = version.artifact
    run = artifact.flow_run_id and str(artifact.flow_run_id)
    if version.flow_run is not None:
        run = version.flow_run.name
    return {
        "version": artifact.version,
        "aliases": ", ".join(alias_names(aliases, artifact.version)),
        "type": artifact.type,
        "description": artifact.description,
        "updated": artifact.updated,
        "run": run,
        "value": None if version.value is None else plain_number(version.value),
        "changes": changes_text(version),
        "id": artifact.id,
        "whole": version,
    }


def cut_changes(row: Row, room: int) -> str:
    """Return the cell of a row that says what changed, for a number of characters."""
    from artifact_store.rendering import changes_text

    version: ArtifactVersion = row["whole"]  # type: ignore[assignment] # of `history_row`
    return changes_text(version, room)


def iter_history_documents(
    history: ArtifactHistory, field: str | None, rows: Iterable[Row], aliases: Sequence[Alias]
) -> Iterator[dict[str, object]]:
    """Yield the versions of a history as plain JSON."""
    from artifact_store.rendering import alias_names

    for version, row in zip(history.versions, rows, strict=True):
        fields = dump_fields(version.artifact, "data", "profile")
        yield {
            **fields,
            "aliases": list(alias_names(aliases, version.artifact.version)),
            "run": row["run"],
            "field": field,
            "value": row["value"],
            "changes": version.changes,
            "compared": version.compared,
        }


@command(
    examples=[
        "artifact-store count --flow nightly-etl",
        "artifact-store count --all --key sales",
        "artifact-store count --type table --since 24h --json",
    ],
)
@filter_options
@as_of_option
@common_options
def count(
    all_versions: bool,
    as_of: datetime | None,
    as_json: bool,
    **options: Unpack[FilterOptions],
) -> None:
    """Count keys, or with --all every version; --alias counts the versions that the alias names."""
    all_versions = all_versions or bool(options["alias"])
    filters = parse_filter_options(options, latest=not all_versions)
    filters.update(past_filters(as_of, all_versions))
    with open_store() as store:
        count_matches = store.count_artifacts if all_versions else store.count_latest_artifacts
        number = count_matches(**filters)
        if not number:
            note_missing_run(store, options["flow_run"])
    if as_json:
        print_json({"count": number})
    else:
        click.echo(number)
