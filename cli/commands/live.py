"""The full-screen view of what runs now; lines on a pipe."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Unpack

import click

from ..app import command, open_store
from ..options import (
    Duration,
    FilterOptions,
    Filters,
    common_options,
    parse_filter_options,
    where_options,
)
from ..output.full_screen import FullScreen
from ..output.live import Changes, picture_document, screen_lines
from ..output.screen import console, has_cursor
from ..output.text import is_terminal, json_text, print_line
from ..reading import until_available
from ..running import read_picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

    from artifact_store import ArtifactStore, FlowRun

    from ..running import Picture

__all__ = ["live"]

_SHARE = 20  # between two readings passes at least this many times the duration of a reading


@command(
    examples=[
        "artifact-store live",
        "artifact-store live --flow nightly-etl --interval 5s",
        "artifact-store live --once",
        "artifact-store live >> runs.log",
    ],
)
@where_options
@click.option(
    "--interval",
    type=Duration("interval", 0.2, 3600, "0.2s to 60m, such as 2s"),
    default="2s",
    show_default=True,
    metavar="TIME",
    help="How often the store is read.",
)
@click.option("--once", is_flag=True, help="Print what runs now, and exit.")
@common_options
def live(interval: float, once: bool, as_json: bool, **options: Unpack[FilterOptions]) -> None:
    """Watch what runs now.

    Shows the open flow runs with their progress, rate and expected end, and the newest artifacts.
    A run that was killed stays open: it says for how long there was no update. q or Ctrl-C leaves.
    When the output is not a terminal, there is one line per change, and with --json one document
    per reading.
    """
    filters = parse_filter_options(options, latest=False)
    with open_store() as store:
        picture = read_picture(store, filters)
        if once:
            print_once(picture, as_json)
        elif as_json:
            for each in pictures(store, filters, interval, picture):
                print_line(json_text(picture_document(each), indent=None))
        elif is_terminal() and has_cursor() and sys.stdin.isatty():
            show(store, filters, interval, picture)
        else:
            changes = Changes()
            for each in pictures(store, filters, interval, picture):
                for line in changes.lines(each, read_ended(store, changes.gone(each))):
                    print_line(line)


def print_once(picture: Picture, as_json: bool) -> None:
    """Print one picture."""
    if as_json:
        print_line(json_text(picture_document(picture)))
        return
    screen = console()
    for line in screen_lines(picture):
        if is_terminal():
            screen.print(line)
        else:
            print_line(line.plain)


def pictures(
    store: ArtifactStore, filters: Filters, interval: float, picture: Picture
) -> Iterator[Picture]:
    """Yield pictures for ever; while the store is not available there are none."""
    took = 0.0
    while True:
        yield picture
        time.sleep(max(interval, _SHARE * took))
        picture, took = until_available(lambda: timed_picture(store, filters), pause=interval)


def timed_picture(store: ArtifactStore, filters: Filters) -> tuple[Picture, float]:
    """Return a picture, and how many seconds it took to read it."""
    began = time.monotonic()
    return read_picture(store, filters), time.monotonic() - began


def read_ended(store: ArtifactStore, ids: list[UUID]) -> Mapping[UUID, FlowRun]:
    """Return runs that are not open any more."""
    from artifact_store import FlowRunFilter

    if not ids:
        return {}
    runs = store.read_flow_runs(flow_run_filter=FlowRunFilter(id={"any_": ids}))
    return {run.id: run for run in runs}


def show(store: ArtifactStore, filters: Filters, interval: float, picture: Picture) -> None:
    """Show pictures on the whole screen until a key ends it."""
    from artifact_store import StoreUnavailable

    problem = ""
    took = 0.0
    with FullScreen() as screen:
        while True:
            # A key, a new size or a continued process draws at once; the store is read on time.
            next_reading = time.monotonic() + max(interval, _SHARE * took)
            while (left := next_reading - time.monotonic()) > 0:
                screen.draw(screen_lines(picture, screen.height, problem))
                if screen.wait(left) == "q":
                    return
            began = time.monotonic()
            try:
                picture = read_picture(store, filters)
                took = time.monotonic() - began
                problem = ""
            except StoreUnavailable as error:
                problem = f"The store is not available: {error}"
