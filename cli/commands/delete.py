"""The command that deletes artifacts: what references name, what filters find, or everything."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .. import complete
from ..app import command, open_store
from ..options import common_options, filters, where_options
from ..output.artifacts import named
from ..output.documents import print_json
from ..output.pager import note
from ..output.progress import working
from ..output.text import safe
from ..output.values import counted
from ..reading import resolved

if TYPE_CHECKING:
    from artifact_store import Artifact, ArtifactStore

__all__ = ["delete"]

_NAMED = 3  # artifacts that a question about many names


class Going(NamedTuple):
    """What a command is about to delete.

    Attributes:
        asked: the arguments of `delete_artifacts`.
        words: what goes, for the question.
        keys: the keys of which one version or another goes, with the greatest version that does.
        total: whether nothing is left in the store.
        named: whether `words` name all that goes.
    """

    asked: dict[str, Any]
    words: str
    keys: Mapping[str, int]
    total: bool = False
    named: bool = False


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
@common_options
def delete(
    refs: tuple[str, ...],
    all_versions: bool,
    everything: bool,
    yes: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Delete artifacts.

    REF is a key (its latest version: the one before it becomes the latest), KEY@3 (that version)
    or an id. Filters match every version, as in ls --all. Asks for confirmation, and says what
    will be deleted and which version becomes the latest. Either everything is deleted or nothing.
    """
    asked = filters(options, latest=False)
    _check_use(refs, all_versions, everything, bool(asked))
    with open_store() as store:
        if not refs:
            going = _found(store, asked, everything)
        elif all_versions:
            going = _all_versions(store, refs)
        else:
            going = _single(store, refs)
        if not _agreed(store, going, everything, yes):
            note("Nothing was deleted.")
            return 1
        with working("Deleting"):
            deleted = store.delete_artifacts(**going.asked)
        latest = _latest(store, going.keys)
    if not deleted:
        raise click.ClickException("There is nothing left to delete.")
    _print_deleted(deleted, going, latest, as_json)
    return 0


def _check_use(refs: tuple[str, ...], all_versions: bool, everything: bool, filtered: bool) -> None:
    """Refuse a command line that names what to delete in two ways, or in none."""
    ways = [bool(refs), filtered, everything]
    if sum(ways) > 1:
        raise click.UsageError("Give references, filters or --everything: one of the three.")
    if not any(ways):
        raise click.UsageError("Nothing to delete: give references, filters or --everything.")
    if all_versions and not refs:
        raise click.UsageError("--all-versions belongs to keys: filters find every version.")


# What goes


def _single(store: ArtifactStore, refs: tuple[str, ...]) -> Going:
    """Return what references name."""
    from artifact_store import ArtifactFilter

    found = {artifact.id: artifact for artifact in (resolved(store, ref) for ref in refs)}
    keys: dict[str, int] = {}
    for each in found.values():
        if each.key is not None and each.version is not None:
            keys[each.key] = max(each.version, keys.get(each.key, 0))
    words = ", ".join(map(named, found.values()))
    return Going(
        {"artifact_filter": ArtifactFilter(id={"any_": list(found)})}, words, keys, named=True
    )


def _all_versions(store: ArtifactStore, refs: tuple[str, ...]) -> Going:
    """Return all versions of keys."""
    from artifact_store import ArtifactFilter

    parts = []
    for key in dict.fromkeys(refs):
        if "@" in key:
            raise click.UsageError(f"--all-versions takes keys, and {key!r} names one version.")
        count = store.count_artifacts(ArtifactFilter(key={"any_": [key]}))
        if not count:
            raise click.ClickException(f"There is no key {key!r}.")
        parts.append(
            f"all {count} versions of {key}" if count > 1 else f"the only version of {key}"
        )
    return Going({"artifact_filter": ArtifactFilter(key={"any_": refs})}, ", ".join(parts), {})


def _found(store: ArtifactStore, asked: dict[str, Any], everything: bool) -> Going:
    """Return what filters find, or everything."""
    count = store.count_artifacts(**asked)
    if not count:
        raise click.ClickException(
            "There is no artifact." if everything else "There is no such artifact."
        )
    if count == store.count_artifacts():
        return Going(
            {**asked, "everything": True},
            f"all {counted(count, 'artifact')} of {store.url}",
            {},
            total=True,
        )
    some = store.read_artifacts(limit=_NAMED, include_data=False, **asked)
    words = ", ".join(map(named, some)) + ", …" * (count > len(some))
    return Going(asked, f"{counted(count, 'artifact')} ({words})", {})


# Asking and telling


def _agreed(store: ArtifactStore, going: Going, everything: bool, yes: bool) -> bool:
    """Tell whether what goes may go: it was said on the command line, or is asked now."""
    if yes and going.total and not everything:
        raise click.UsageError(
            f"These filters match {going.words}: give --everything in their place to delete them."
        )
    if yes:
        return True
    if not sys.stdin.isatty():
        raise click.UsageError("Standard input is no terminal to ask on: add --yes.")
    for key, artifact in _next(store, going).items():
        note(
            f"{key}: {'nothing is left' if artifact is None else f'version {artifact.version} becomes the latest'}."
        )
    return click.confirm(safe(f"Delete {going.words}?"), err=True)


def _next(store: ArtifactStore, going: Going) -> dict[str, Artifact | None]:
    """Return what becomes the latest of each key whose latest version goes."""
    from artifact_store import ArtifactFilter, ArtifactSort

    changed: dict[str, Artifact | None] = {}
    for key, version in going.keys.items():
        latest = store.read_latest_artifact(key)
        if latest is None or latest.version != version:
            continue
        others = ArtifactFilter(key={"any_": [key]}) & ~going.asked["artifact_filter"]
        left = store.read_artifacts(
            limit=1, artifact_filter=others, sort=ArtifactSort.KEY_DESC, include_data=False
        )
        changed[key] = left[0] if left else None
    return changed


def _latest(store: ArtifactStore, keys: Iterable[str]) -> dict[str, int | None]:
    """Return the latest version of keys, `None` where there is none."""
    found = {key: store.read_latest_artifact(key) for key in keys}
    return {key: None if artifact is None else artifact.version for key, artifact in found.items()}


def _print_deleted(
    deleted: int, going: Going, latest: Mapping[str, int | None], as_json: bool
) -> None:
    if as_json:
        print_json({"deleted": deleted, **({"latest": latest} if going.named else {})})
        return
    click.echo(
        f"Deleted {going.words}." if going.named else f"Deleted {counted(deleted, 'artifact')}."
    )
    for key, version in latest.items():
        if version is None:
            click.echo(f"{key} has no version left.")
        elif version < going.keys[key]:
            click.echo(f"The latest version of {key} is {version} now.")
        else:
            click.echo(f"The latest version of {key} is still {version}.")
