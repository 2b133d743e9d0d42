"""The commands that read or write artifacts by name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypedDict, Unpack
from uuid import UUID

import click

from .. import complete
from ..app import command, open_store
from ..options import (
    ExpectedVersion,
    as_of_option,
    common_options,
    content_fields,
    content_options,
    form_options,
)
from ..output.artifacts import print_artifact, print_markdown, print_raw, with_context
from ..output.documents import print_json
from ..output.tables import columns_of, is_sparse, print_csv
from ..payload import ContentOptions

if TYPE_CHECKING:
    from datetime import datetime

    from artifact_store import Artifact, ArtifactStore

__all__ = ["create", "show", "update"]


_RUN_VARIABLES = ("ARTIFACT_STORE_FLOW_RUN_ID", "ARTIFACT_STORE_TASK_RUN_ID")


class Conditions(TypedDict, total=False):
    """The keywords of `create_artifact` that --expect-version and --skip-unchanged stand for."""

    expect_version: int | None
    skip_unchanged: bool


@command(
    examples=[
        "artifact-store show weather/summary",
        "artifact-store show sales@3",
        "artifact-store show sales --as-of 7d",
        'artifact-store show sales --run "$ID" --raw',
        "artifact-store show sales@3 --raw > sales.json",
        "artifact-store show sales --csv > sales.csv",
        'artifact-store show sales --markdown >> "$GITHUB_STEP_SUMMARY"',
    ],
    pages=True,
)
@click.argument("ref", shell_complete=complete.refs)
@as_of_option
@click.option(
    "--run",
    "run_id",
    type=click.UUID,
    metavar="ID",
    help="Show the version that this flow run uses, and record that it has used it. "
    "[default: $ARTIFACT_STORE_FLOW_RUN_ID]",
)
@form_options("raw", "json", "csv", "markdown")
def show(ref: str, as_of: datetime | None, run_id: UUID | None, form: str | None) -> None:
    """Show one artifact.

    REF is a key (its latest version), KEY@3 (that version), KEY@NAME (an alias) or an id. Shows
    the payload, the metadata, what changed since the previous version, the run that created it,
    what that run had used, and what was made from it. A terminal shows tables, Markdown, progress
    and links formatted, and says what was left out.

    Inside a run, REF stays the same version until the run ends, whatever is published in between,
    and is recorded as its input; not with --as-of.

    --csv needs a table. A spreadsheet may execute cells that begin with =, +, - or @: import such
    a table as text.
    """
    if run_id is not None and as_of is not None:
        raise click.UsageError("Use --run or --as-of, not both.")
    with open_store() as store:
        artifact = get_in_run(store, ref, run_id) if as_of is None else get_as_of(store, ref, as_of)
        if form is None:
            print_artifact(artifact, store.read_surroundings(artifact))
        elif form == "markdown":
            print_markdown(artifact, store.read_surroundings(artifact))
        elif form == "json":
            print_json(with_context(artifact, store.read_surroundings(artifact)))
    if form == "raw":
        print_raw(artifact)
    elif form == "csv":
        rows = artifact.rows()
        columns = columns_of(rows)
        if is_sparse(rows):
            size = f"{len(columns):,} columns for {len(rows):,} rows, nearly all of them empty"
            raise click.ClickException(f"As CSV {artifact.ref} has {size}: take it as --raw.")
        print_csv(columns, rows)


def get_in_run(store: ArtifactStore, ref: str, run_id: UUID | None) -> Artifact:
    """Return what a reference names for a flow run, or for the run of the environment if there is one."""
    from artifact_store import StoreReadOnly

    if run_id is not None:
        return store.use(ref, flow_run_id=run_id)
    if not any(os.environ.get(variable) for variable in _RUN_VARIABLES):
        return store.get(ref)
    try:
        return store.use(ref)
    except StoreReadOnly:  # nothing can be recorded
        return store.get(ref)


def get_as_of(store: ArtifactStore, ref: str, as_of: datetime) -> Artifact:
    """Return what was the latest of a key at a time; say what is there instead."""
    from artifact_store import ArtifactFilter, ArtifactSort

    key, _, version = ref.partition("@")
    if version not in ("", "latest"):
        raise click.UsageError(
            f"{ref!r} names one version, and --as-of chooses it by its time: give only the key, {key!r}."
        )
    found = store.read_latest_artifact(ref, as_of=as_of)
    if found is not None:
        return found

    store.get(ref)  # raises if there is no such key at all
    of_key = ArtifactFilter(key={"any_": [key]})
    versions = store.read_artifacts(limit=1, artifact_filter=of_key, sort=ArtifactSort.KEY_ASC)
    if not versions:
        raise click.UsageError(f"{ref!r} is an id, and --as-of needs a key: leave out --as-of.")
    oldest = versions[0]
    created = oldest.created.astimezone(as_of.tzinfo)
    raise click.ClickException(
        f"{key} had no version at {as_of.isoformat(' ', 'seconds')}: the oldest that is there, {oldest.ref}, was "
        f"created at {created.isoformat(' ', 'seconds')}."
    )


@command(
    examples=[
        "artifact-store create sales --table sales.csv",
        "artifact-store create report --markdown report.md --metadata quarter=Q3 --metadata pages=12",
        "artifact-store create dashboard --link https://example.com/d/7 --link-text 'Sales today'",
        "artifact-store create plot --image plot.png --alt 'Sales by region'",
        "artifact-store create load --progress 0 --json",
        """echo '{"accuracy": 0.93}' | artifact-store create model --data - --type result""",
        "artifact-store create sales --table sales.csv --expect-version 3",
        "artifact-store create sales --table sales.csv --skip-unchanged",
    ],
)
@click.argument("key", required=False, shell_complete=complete.keys)
@content_options
@click.option(
    "--flow-run",
    "flow_run_id",
    type=click.UUID,
    metavar="ID",
    help="Id of the flow run that created it. [default: $ARTIFACT_STORE_FLOW_RUN_ID]",
)
@click.option(
    "--task-run",
    "task_run_id",
    type=click.UUID,
    metavar="ID",
    help="Id of the task run that created it. [default: $ARTIFACT_STORE_TASK_RUN_ID]",
)
@click.option(
    "--id",
    type=click.UUID,
    metavar="UUID",
    help="Id of the artifact; creating it again with the same content changes nothing. [default: a new id]",
)
@click.option(
    "--expect-version",
    type=ExpectedVersion(),
    metavar="N|none",
    help="Create only if this is the latest version of KEY now, or none if it has none; "
    "else fail and change nothing.",
)
@click.option(
    "--skip-unchanged",
    is_flag=True,
    help="Create no version if type, description, payload and metadata are those of the latest.",
)
@common_options
def create(
    key: str | None,
    id: UUID | None,
    flow_run_id: UUID | None,
    task_run_id: UUID | None,
    expect_version: int | str | None,
    skip_unchanged: bool,
    as_json: bool,
    **options: Unpack[ContentOptions],
) -> None:
    """Create an artifact: the next version of its key.

    Requires exactly one of --table, --markdown, --link, --image, --progress and --data. An
    artifact without KEY has no versions and is found by its id. A column of a CSV table becomes
    numbers when every cell is a number; codes such as 00123 stay text, empty cells are null.
    """
    from artifact_store import ArtifactCreate

    if key is None and (expect_version is not None or skip_unchanged):
        option = "--skip-unchanged" if expect_version is None else "--expect-version"
        raise click.UsageError(f"{option} needs KEY.")
    fields = content_fields(options)
    if "data" not in fields:
        raise click.UsageError(
            "Give one payload: --table, --markdown, --link, --image, --progress or --data."
        )
    # What is not set must not be given: the store then takes the ids from the environment.
    if flow_run_id is not None:
        fields["flow_run_id"] = flow_run_id
    if task_run_id is not None:
        fields["task_run_id"] = task_run_id
    value = ArtifactCreate(key=key, id=id, **fields)
    conditions: Conditions = {}
    if skip_unchanged:
        conditions["skip_unchanged"] = True
    if expect_version is not None:
        conditions["expect_version"] = None if expect_version == "none" else int(expect_version)
    with open_store(create=True) as store:
        artifact = store.create_artifact(value, **conditions)
    # A new artifact has not been updated.
    is_new = not skip_unchanged or artifact.updated == artifact.created
    print_result("Created" if is_new else "Unchanged:", artifact, as_json)


@command(
    examples=[
        "artifact-store update load --progress 40",
        "artifact-store update sales@3 --description 'checked by hand' --metadata checked=true",
        "artifact-store update report --markdown - < report.md",
    ],
)
@click.argument("ref", shell_complete=complete.refs)
@content_options
@click.option("--force", is_flag=True, help="Change it even if an alias names it.")
@common_options
def update(ref: str, force: bool, as_json: bool, **options: Unpack[ContentOptions]) -> None:
    """Update an artifact in place.

    REF is a key (its latest version), KEY@3 (that version), KEY@NAME (an alias) or an id. The
    version does not change, and fields without an option keep their values. --metadata replaces
    all of the metadata. Data and type of a version that an alias names change only with --force.
    """
    from artifact_store import ArtifactUpdate

    fields = content_fields(options)
    if not fields:
        raise click.UsageError(
            "Nothing to change: give a payload, --type, --description or --metadata."
        )
    with open_store() as store:
        artifact = store.get(ref)
        if not store.update_artifact(artifact.id, ArtifactUpdate(**fields), force=force):
            raise click.ClickException(f"There is no artifact {ref!r} any more.")
        if as_json:
            artifact = store.get(artifact.id)
    print_result("Updated", artifact, as_json)


def print_result(verb: str, artifact: Artifact, as_json: bool) -> None:
    """Print which artifact was written."""
    if as_json:
        print_json(artifact)
    elif artifact.key is None:
        click.echo(f"{verb} {artifact.ref}")
    else:
        click.echo(f"{verb} {artifact.ref} (id {artifact.id})")
