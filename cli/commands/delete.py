"""The command that deletes artifacts: what references name, what filters find, or everything."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Unpack

import click

from .. import complete
from ..app import command, open_store
from ..options import (
    FilterOptions,
    Filters,
    common_options,
    parse_filter_options,
    where_options,
)
from ..output.documents import print_json
from ..output.pager import note
from ..output.progress import working
from ..output.text import safe
from ..output.values import count_text

if TYPE_CHECKING:
    from uuid import UUID

    from artifact_store import Alias, Artifact, ArtifactStore

__all__ = ["delete"]

_MOST_NAMED = 3  # artifacts that the question names
_MOST_ALIASES = 10  # that are named above the question


class Deletion(NamedTuple):
    """What a command is about to delete.

    Attributes:
        filters: the arguments of `delete_artifacts`.
        words: what is deleted, for the question.
        keys: the keys of artifacts that references name, each with the greatest version that is deleted.
        is_everything: whether nothing is left in the store.
        by_reference: whether references name the artifacts; then `words` names all of them.
    """

    filters: Filters
    words: str
    keys: Mapping[str, int]
    is_everything: bool = False
    by_reference: bool = False


@command(
    examples=[
        "artifact-store delete sales@3",
        "artifact-store delete sales --all-versions",
        "artifact-store delete draft/a draft/b --all-versions --yes",
        "artifact-store delete --type progress --flow nightly-etl",
        "artifact-store delete --everything",
    ],
)
@click.argument("refs", nargs=-1, metavar="[REF...]", shell_complete=complete.refs)
@click.option(
    "--all-versions", is_flag=True, help="Delete every version of each key; REF must be a key."
)
@where_options
@click.option("--everything", is_flag=True, help="Delete every artifact in the store.")
@click.option(
    "--yes",
    is_flag=True,
    help="Do not ask for confirmation; emptying the store also needs --everything.",
)
@click.option(
    "--force", is_flag=True, help="Delete what an alias names too, and the alias with it."
)
@common_options
def delete(
    refs: tuple[str, ...],
    all_versions: bool,
    everything: bool,
    yes: bool,
    force: bool,
    as_json: bool,
    **options: Unpack[FilterOptions],
) -> int:
    """Delete artifacts.

    REF is a key (its latest version: the one before it becomes the latest), KEY@3 (that version),
    KEY@NAME (an alias) or an id. Filters match every version, as in ls --all. Asks for
    confirmation, and says what will be deleted and which version becomes the latest. Either
    everything is deleted or nothing: nothing if an alias names one of the artifacts, unless --force
    is given.
    """
    filters = parse_filter_options(options, latest=False)
    check_usage(refs, all_versions, everything, bool(filters))
    with open_store() as store:
        if not refs:
            deletion = delete_by_filters(store, filters, everything)
        elif all_versions:
            deletion = delete_keys(store, refs)
        else:
            deletion = delete_references(store, refs)
        if not is_confirmed(store, deletion, everything, yes, force):
            note("Nothing was deleted.")
            return 1
        with working("Deleting"):
            count = store.delete_artifacts(**deletion.filters, force=force)
        latest = latest_versions(store, deletion.keys)
    if not count:
        raise click.ClickException("There is nothing left to delete.")
    print_deleted(count, deletion, latest, as_json)
    return 0


def check_usage(
    refs: tuple[str, ...], all_versions: bool, everything: bool, has_filters: bool
) -> None:
    """Refuse a command line that says in two ways, or in none, what to delete."""
    ways = [bool(refs), has_filters, everything]
    if sum(ways) > 1:
        raise click.UsageError("Give references, filters or --everything: one of the three.")
    if not any(ways):
        raise click.UsageError("Nothing to delete: give references, filters or --everything.")
    if all_versions and not refs:
        raise click.UsageError("--all-versions belongs to keys: filters find every version.")


# What is deleted


def delete_references(store: ArtifactStore, refs: tuple[str, ...]) -> Deletion:
    """Return the deletion of the artifacts that references name."""
    from artifact_store import ArtifactFilter

    artifacts: dict[UUID, Artifact] = {}
    keys: dict[str, int] = {}
    for ref in refs:
        artifact = store.get(ref)
        artifacts[artifact.id] = artifact
        if artifact.key is not None and artifact.version is not None:
            keys[artifact.key] = max(artifact.version, keys.get(artifact.key, 0))
    return Deletion(
        {"artifact_filter": ArtifactFilter(id={"any_": list(artifacts)})},
        ", ".join(artifact.ref for artifact in artifacts.values()),
        keys,
        by_reference=True,
    )


def delete_keys(store: ArtifactStore, refs: tuple[str, ...]) -> Deletion:
    """Return the deletion of all versions of keys."""
    from artifact_store import ArtifactFilter

    parts = []
    for key in dict.fromkeys(refs):
        if "@" in key:
            raise click.UsageError(f"--all-versions takes keys, and {key!r} names one version.")
        count = store.count_artifacts(ArtifactFilter(key={"any_": [key]}))
        if not count:
            raise click.ClickException(f"There is no key {key!r}.")
        if count == 1:
            parts.append(f"the only version of {key}")
        else:
            parts.append(f"all {count} versions of {key}")
    filters = {"artifact_filter": ArtifactFilter(key={"any_": refs})}
    return Deletion(filters, ", ".join(parts), {})


def delete_by_filters(store: ArtifactStore, filters: Filters, everything: bool) -> Deletion:
    """Return the deletion of the artifacts that filters find, or of all."""
    count = store.count_artifacts(**filters)
    if not count:
        problem = "There is no artifact." if everything else "There is no such artifact."
        raise click.ClickException(problem)

    size = count_text(count, "artifact")
    if count == store.count_artifacts():
        words = f"all {size} of {store.url}"
        return Deletion({**filters, "everything": True}, words, {}, is_everything=True)

    first = store.read_artifacts(limit=_MOST_NAMED, include_data=False, **filters)
    names = [artifact.ref for artifact in first]
    if count > len(names):
        names.append("…")
    return Deletion(filters, f"{size} ({', '.join(names)})", {})


# Confirmation and result


def is_confirmed(
    store: ArtifactStore, deletion: Deletion, everything: bool, yes: bool, force: bool
) -> bool:
    """Tell whether the deletion is confirmed: by an option, or by the answer to a question.

    The question is not asked when the store would refuse the deletion, because of an alias.
    """
    if yes and deletion.is_everything and not everything:
        raise click.UsageError(
            f"These filters match {deletion.words}: give --everything in their place to delete them."
        )
    if yes:
        return True
    if not sys.stdin.isatty():
        raise click.UsageError("Standard input is no terminal to ask on: add --yes.")

    aliases = read_aliases_of(store, deletion)
    note_aliases(aliases, force)
    if aliases and not force:
        return False
    for key, artifact in next_latest(store, deletion).items():
        if artifact is None:
            note(f"{key}: nothing is left.")
        else:
            note(f"{key}: version {artifact.version} becomes the latest.")
    return click.confirm(safe(f"Delete {deletion.words}?"), err=True)


def read_aliases_of(store: ArtifactStore, deletion: Deletion) -> list[Alias]:
    """Return the aliases that name what is about to be deleted."""
    from artifact_store import ArtifactFilter

    aliases = store.read_aliases()
    if not aliases:
        return []
    filters = dict(deletion.filters)
    filters.pop("everything", None)
    may_be_named = ArtifactFilter(
        key={"any_": {alias.key for alias in aliases}},
        version={"any_": {alias.version for alias in aliases}},
    )
    if "artifact_filter" in filters:
        may_be_named &= filters["artifact_filter"]
    filters["artifact_filter"] = may_be_named
    found = store.iter_artifacts(**filters, include_data=False)
    deleted = {(artifact.key, artifact.version) for artifact in found}
    return [alias for alias in aliases if (alias.key, alias.version) in deleted]


def note_aliases(aliases: Sequence[Alias], force: bool) -> None:
    """Say which aliases name what is about to be deleted, and what becomes of them."""
    for alias in aliases[:_MOST_ALIASES]:
        if force:
            note(f"{alias.ref} is version {alias.version}: the alias is deleted too.")
        else:
            note(f"{alias.ref} is version {alias.version}, which is protected: add --force.")
    left_out = len(aliases) - _MOST_ALIASES
    if left_out > 0:
        note(f"And {left_out:,} more.")


def next_latest(store: ArtifactStore, deletion: Deletion) -> dict[str, Artifact | None]:
    """Return what becomes the latest of each key whose latest version is deleted."""
    from artifact_store import ArtifactFilter, ArtifactSort

    result: dict[str, Artifact | None] = {}
    for key, version in deletion.keys.items():
        latest = store.read_latest_artifact(key)
        if latest is None or latest.version != version:
            continue
        of_key = ArtifactFilter(key={"any_": [key]})
        left = store.read_artifacts(
            limit=1,
            artifact_filter=of_key & ~deletion.filters["artifact_filter"],
            sort=ArtifactSort.KEY_DESC,
            include_data=False,
        )
        result[key] = left[0] if left else None
    return result


def latest_versions(store: ArtifactStore, keys: Iterable[str]) -> dict[str, int | None]:
    """Return the latest version of keys, `None` where there is none."""
    versions: dict[str, int | None] = {}
    for key in keys:
        artifact = store.read_latest_artifact(key)
        versions[key] = None if artifact is None else artifact.version
    return versions


def print_deleted(
    count: int, deletion: Deletion, latest: Mapping[str, int | None], as_json: bool
) -> None:
    """Print what was deleted, and what is the latest version now."""
    if as_json:
        document: dict[str, object] = {"deleted": count}
        if deletion.by_reference:
            document["latest"] = latest
        print_json(document)
        return

    words = deletion.words if deletion.by_reference else count_text(count, "artifact")
    click.echo(f"Deleted {words}.")
    for key, version in latest.items():
        if version is None:
            click.echo(f"{key} has no version left.")
        elif version < deletion.keys[key]:
            click.echo(f"The latest version of {key} is {version} now.")
        else:
            click.echo(f"The latest version of {key} is still {version}.")
