"""The command that waits for artifacts."""

from __future__ import annotations

import math
import time
from functools import partial
from typing import TYPE_CHECKING

import click

from .. import complete
from ..app import command, errors_exit_with_2, open_store
from ..interrupts import ending_in_order
from ..options import Duration, common_options
from ..output.artifacts import with_context
from ..output.documents import print_json
from ..output.text import print_line, safe
from ..reading import until_available

if TYPE_CHECKING:
    from artifact_store import Artifact, ArtifactStore

__all__ = ["wait"]

_LARGEST = 2**63 - 1


@command(
    examples=[
        "artifact-store wait sales",
        "artifact-store wait sales --after 3 --timeout 30s",
        'artifact-store wait sales orders --timeout 2h && echo "both are there"',
    ],
)
@click.argument("keys", metavar="KEY...", nargs=-1, required=True, shell_complete=complete.keys)
@click.option(
    "--after",
    type=click.IntRange(min=0, max=_LARGEST),
    metavar="N",
    help="Wait for a version after this one. [default: any version will do]",
)
@click.option(
    "--timeout",
    type=Duration("timeout", 0, math.inf, "30s, 5m or 2h"),
    metavar="TIME",
    help="How long to wait: 30s, 5m or 2h; 0 only looks. [default: as long as it takes]",
)
@common_options
def wait(keys: tuple[str, ...], after: int | None, timeout: float | None, as_json: bool) -> None:
    """Wait until each KEY has an artifact, and print the reference of the latest.

    Prints KEY@VERSION, a line for each KEY. With --json it prints what 'show --json' prints, of
    several keys a list.

    Exit codes: 0 they are there, 1 the time has passed, 2 anything else. SIGTERM ends it with 143,
    Ctrl-C with 130.
    """
    with errors_exit_with_2(), ending_in_order(), open_store() as store:
        for key in keys:
            # What is not a key is refused before the others are waited for.
            store.wait_for_artifact(key, after_version=_LARGEST, timeout=0)

        deadline = math.inf if timeout is None else time.monotonic() + timeout
        found = []
        for key in keys:
            artifact = wait_until(store, key, after or 0, deadline)
            if artifact is None:
                report_missing(key, after)
                continue
            found.append(artifact)
            if not as_json:
                print_line(artifact.ref)
        if as_json and found:
            documents = [with_context(each, store.read_surroundings(each)) for each in found]
            print_json(documents if len(keys) > 1 else documents[0])
        if len(found) < len(keys):
            raise click.exceptions.Exit(1)


def wait_until(store: ArtifactStore, key: str, after: int, deadline: float) -> Artifact | None:
    """Wait for a version of a key until a time of the monotonic clock, also while the store is away."""

    def wait_for_rest() -> Artifact | None:
        rest = max(deadline - time.monotonic(), 0)
        timeout = None if math.isinf(rest) else rest
        return store.wait_for_artifact(key, after_version=after, timeout=timeout)

    return until_available(wait_for_rest, deadline, probe=partial(store.read_flows, limit=1))


def report_missing(key: str, after: int | None) -> None:
    """Say on standard error that the time has passed."""
    which = "no artifact" if not after else f"no version after {after}"
    click.echo(f"Error: {safe(key)} has {which} yet, and the time has passed.", err=True)
