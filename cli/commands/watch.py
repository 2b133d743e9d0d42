"""The command that follows new versions."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, NamedTuple, Unpack

import click

from .. import complete
from ..app import command, environment_for_programs, open_store
from ..child import can_run, in_foreground, run_program
from ..interrupts import ending_in_order
from ..options import (
    FilterOptions,
    Filters,
    common_options,
    parse_filter_options,
    where_options,
)
from ..output.documents import dump_fields
from ..output.text import is_terminal, json_text, print_line, safe
from ..output.values import time_text
from ..position import Position, read_position, write_position
from ..reading import note_missing_run, until_available

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from artifact_store import Artifact, ArtifactStore

    VersionOfParam = click.ParamType[tuple[str, int]]
else:
    # Before click 8.4 `ParamType` is not generic.
    VersionOfParam = click.ParamType

__all__ = ["watch"]

_REF = "ARTIFACT_STORE_REF"


class VersionOf(VersionOfParam):
    """`KEY@N`."""

    name = "key@n"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Return the key and the version."""
        found = re.fullmatch(r"([^@]+)@(\d{1,18})", str(value), re.ASCII)
        if not found:
            self.fail(
                f"Invalid position {str(value)!r}: expected KEY@N, such as sales@3.", param, ctx
            )
        return found[1], int(found[2])


class Start(NamedTuple):
    """Where to begin; see the options of `watch`."""

    after: Position
    from_start: bool
    place: Path | None


class Handling(NamedTuple):
    """What is done with each version; see the options of `watch`."""

    as_json: bool
    command_line: str | None
    keep_going: bool
    environment: Mapping[str, str]


@command(
    examples=[
        "artifact-store watch",
        "artifact-store watch sales orders --from-start --json",
        'artifact-store watch --like sales --type table | while read -r ref rest; do echo "$ref"; done',
        "artifact-store watch sales --position sales.json --exec 'python load.py \"$ARTIFACT_STORE_REF\"'",
    ],
)
@click.argument("keys", metavar="[KEY]...", nargs=-1, shell_complete=complete.keys)
@where_options
@click.option(
    "--after",
    "after",
    type=VersionOf(),
    multiple=True,
    metavar="KEY@N",
    help="Begin after this version of the key; repeat for several. Other keys begin with their first version.",
    shell_complete=complete.refs,
)
@click.option("--from-start", is_flag=True, help="Begin with the first version of each key.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="End after so many versions; 0, the default, is never.",
)
@click.option(
    "--exec",
    "command_line",
    metavar="COMMAND",
    help="Run this command of the shell for each version, with the reference in $ARTIFACT_STORE_REF and the artifact "
    "as JSON on standard input.",
)
@click.option(
    "--keep-going", is_flag=True, help="Go on with the next version after a command that failed."
)
@click.option(
    "--position",
    "place",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep in this file what was handled, and begin there; --after and --from-start count if it does not exist.",
    shell_complete=complete.files,
)
@common_options
def watch(
    keys: tuple[str, ...],
    after: tuple[tuple[str, int], ...],
    from_start: bool,
    limit: int,
    command_line: str | None,
    keep_going: bool,
    place: Path | None,
    as_json: bool,
    **options: Unpack[FilterOptions],
) -> None:
    """Print each new version as it comes, or run a command for it.

    Watches each KEY, without one all keys, from now on. The versions of a key come in their order,
    and none is skipped. A line has the reference, the type, the time and the description,
    separated by tabs unless the output is a terminal; --json prints one JSON document per line.
    Filters of runs are evaluated when the version comes.

    With --exec nothing else is printed. The first command that fails ends the watch with its exit
    code, unless --keep-going is given. SIGTERM and Ctrl-C are passed on to the command.

    With --position a version counts as handled when its line was printed, or its command has ended
    with 0 (with --keep-going, has ended). A watch that is started again goes on after it, so after
    a crash the last version may come once more, and none is missed.

    It ends by SIGTERM with 143, by Ctrl-C with 130. If the store becomes unavailable, it says so
    and tries again.
    """
    check_usage(after, from_start, command_line, keep_going, as_json)
    names = [*keys, *options["key"]]
    options["key"] = ()
    filters = parse_filter_options(options, latest=False)
    with ending_in_order(), open_store() as store:
        note_missing_run(store, options["flow_run"])
        environment = {} if command_line is None else environment_for_programs(store)
        handling = Handling(as_json, command_line, keep_going, environment)
        start = Start(dict(after), from_start, place)
        position = first_position(store, names, start)
        handled = dict(position or {})
        if place is not None:
            write_position(place, handled)

        matching = iter_matching(store, names, position, filters)
        for number, artifact in enumerate(matching, 1):
            told_to_stop = handle(artifact, handling)
            handled[artifact.key or ""] = artifact.version or 0
            if place is not None:
                write_position(place, handled)
            if told_to_stop:
                raise click.exceptions.Exit(128 + told_to_stop)
            if number == limit:
                return


def check_usage(
    after: tuple[tuple[str, int], ...],
    from_start: bool,
    command_line: str | None,
    keep_going: bool,
    as_json: bool,
) -> None:
    """Refuse options that contradict each other."""
    if after and from_start:
        raise click.UsageError("Use --after or --from-start, not both.")
    if command_line is None:
        if keep_going:
            raise click.UsageError("--keep-going needs --exec.")
        return
    if not command_line.strip():
        raise click.UsageError("--exec is empty: give a command of the shell.")
    if as_json:
        raise click.UsageError("Use --exec or --json, not both: the command gets the JSON.")
    if not can_run():
        raise click.UsageError("--exec needs a system with POSIX signals, such as Linux or macOS.")


def first_position(store: ArtifactStore, names: Sequence[str], start: Start) -> Position | None:
    """Return the position to begin at; `None` is from now on."""
    from artifact_store import ArtifactCollectionFilter

    stored = None if start.place is None else read_position(start.place)
    if stored is not None:
        return stored
    if start.after or start.from_start:
        return start.after
    if start.place is None:
        return None
    # It is stored before the first version comes, so that a watch which ends before then misses none.
    artifact_filter = ArtifactCollectionFilter(key={"any_": names}) if names else None
    found = store.iter_latest_artifacts(artifact_filter=artifact_filter, include_data=False)
    return {each.key or "": each.version or 0 for each in found}


def iter_matching(
    store: ArtifactStore, names: Sequence[str], position: Position | None, filters: Filters
) -> Iterator[Artifact]:
    """Yield new versions that match for ever, also while the store is away now and then."""
    of_artifacts = {"artifact_filter": filters.get("artifact_filter")}
    of_runs = {name: each for name, each in filters.items() if name != "artifact_filter"}
    versions = until_available(partial(store.watch, names or None, after=position, **of_artifacts))
    probe = partial(store.read_flows, limit=1)
    while True:
        artifact = until_available(partial(next, versions), probe=probe)
        if not of_runs or until_available(partial(comes_from, store, artifact, of_runs)):
            yield artifact


def comes_from(store: ArtifactStore, artifact: Artifact, filters: Filters) -> bool:
    """Tell whether the run of an artifact matches filters."""
    from artifact_store import ArtifactFilter

    itself = ArtifactFilter(id={"any_": [artifact.id]})
    return store.count_artifacts(artifact_filter=itself, **filters) > 0


def handle(artifact: Artifact, handling: Handling) -> int:
    """Print a version, or run the command for it; return the signal that told this program to stop, or 0."""
    if handling.command_line is not None:
        return run_for(artifact, handling.command_line, handling)
    if handling.as_json:
        print_line(json_text(dump_fields(artifact), indent=None))
    else:
        print_line(line_of(artifact))
    return 0


def line_of(artifact: Artifact) -> str:
    """Return the line of a version."""
    created = time_text(artifact.created)
    cells = [artifact.ref, artifact.type or "", created, artifact.description or ""]
    if is_terminal():
        return "  ".join(safe(cell) for cell in cells if cell)
    return "\t".join(map(safe, cells))


def run_for(artifact: Artifact, command_line: str, handling: Handling) -> int:
    """Run a command of the shell for a version; return the signal that told this program to stop, or 0."""
    # A file, because the command need not read it, and may read only its beginning.
    with TemporaryFile() as stdin:
        document = json_text(dump_fields(artifact), indent=None)
        stdin.write(document.encode() + b"\n")
        stdin.seek(0)
        environment = {**handling.environment, _REF: artifact.ref}
        ended = run_program(
            ["/bin/sh", "-c", command_line],
            environment,
            stdin.fileno(),
            # At a terminal Ctrl-C reaches all that the shell has started, which may ask there too.
            own_group=not in_foreground(),
        )

    if not ended.code:
        return ended.told_to_stop
    if ended.told_to_stop:
        raise click.exceptions.Exit(128 + ended.told_to_stop)
    sentence = f"{artifact.ref}: {ended.sentence}"
    click.echo(f"Error: {safe(sentence)}", err=True)
    if not handling.keep_going:
        raise click.exceptions.Exit(ended.code)
    return 0
