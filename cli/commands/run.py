"""The command that runs another program inside a flow run."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

import click

from .. import complete
from ..app import command, environment_for_programs, explain, open_store, url_option
from ..child import Ended, can_run, run_program
from ..options import Entry, entries_by_name, repeatable_option, text_option
from ..output.text import safe

if TYPE_CHECKING:
    from artifact_store import ArtifactStoreError, OpenFlowRun

    from ..payload import JsonScalar

__all__ = ["run"]

NOT_STARTED, NOT_EXECUTABLE, NOT_FOUND = 125, 126, 127


class NotStarted(click.ClickException):
    """The command was not started, because its run cannot be recorded."""

    exit_code = NOT_STARTED


@command(
    examples=[
        "artifact-store run --flow nightly-etl -- python etl.py --day 2026-11-24",
        "artifact-store run --flow nightly-etl --deployment prod --tag eu --param day=2026-11-24 -- make load",
        "artifact-store run --flow backup -- sh -c 'pg_dump shop | gzip > shop.sql.gz'",
    ],
    # What follows the first word that is not an option belongs to the command.
    context_settings={"allow_interspersed_args": False},
)
@click.argument(
    "words",
    metavar="COMMAND [ARGUMENT]...",
    nargs=-1,
    required=True,
    type=click.UNPROCESSED,
    shell_complete=complete.files,
)
@click.option(
    "--flow",
    required=True,
    metavar="NAME",
    help="Flow that the run belongs to; it is created if there is none.",
    shell_complete=complete.flows,
)
@text_option("--name", "NAME", "Name of the run. [default: the flow and the time]")
@text_option(
    "--deployment",
    "NAME",
    "Deployment of the flow; it is created if there is none.",
    complete.deployments,
)
@repeatable_option("--tag", "TAG", "Tag of the run; repeat for several.", complete.tags)
@click.option(
    "--param",
    "parameters",
    type=Entry(),
    multiple=True,
    metavar="NAME=VALUE",
    help="Parameter of the run, which is shown with it; repeatable. 3, 0.5, true and null are JSON, anything else "
    "is text.",
)
@url_option
def run(
    words: tuple[str, ...],
    flow: str,
    name: str | None,
    deployment: str | None,
    tag: tuple[str, ...],
    parameters: tuple[tuple[str, JsonScalar], ...],
) -> int:
    """Record a flow run while another command runs.

    The run ends as COMPLETED if COMMAND exits with 0, as FAILED with any other code, and as
    CRASHED if a signal ends it. COMMAND has the terminal, standard input and output to itself, and
    signals are passed on to it. It finds the run in $ARTIFACT_STORE_FLOW_RUN_ID and the store in
    $ARTIFACT_STORE_URL, so whatever it publishes belongs to the run, in any language. Inside
    another run, it is a run nested in that one.

    The exit code is that of COMMAND; 128 plus the number of the signal that ended it, 127 if there
    is no such command, 126 if it cannot be executed. If the run cannot be recorded, COMMAND is not
    started, and the exit code is 125. If only its end cannot be recorded, a message says so.
    """
    if not can_run():
        raise click.UsageError("run needs a system with POSIX signals, such as Linux or macOS.")
    from artifact_store import ArtifactStoreError

    if not flow:
        raise click.UsageError("--flow is empty: give the name of the flow.")
    ended: Ended | None = None
    try:
        with open_store(create=True) as store:
            environment = environment_for_programs(store)
            block = store.flow_run(
                flow,
                deployment=deployment,
                tags=tag,
                parameters=entries_by_name("--param", parameters),
                run_name=name,
            )
            with block as opened:
                # The command may take hours. The end of the run opens a connection again.
                store.close()
                ended = run_in(opened, words, {**environment, **opened.environment()})
    except ArtifactStoreError as error:
        if ended is None:
            refuse(error)
        report_end(error)
    except KeyboardInterrupt:
        if ended is None:
            raise
        report_end(click.ClickException("it was interrupted."))

    if ended.by_ctrl_c:
        # A shell ends its loop only if Ctrl-C has ended the program in it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
    return ended.code


def run_in(opened: OpenFlowRun, words: Sequence[str], environment: Mapping[str, str]) -> Ended:
    """Run a command inside an open flow run, and choose the state that the run ends in."""
    try:
        ended = run_program(words, environment)
    except OSError as error:
        is_missing = isinstance(error, FileNotFoundError)
        is_unknown = is_missing and "/" not in words[0]
        reason = "there is no such command" if is_unknown else error.strerror
        name = safe(words[0]) or "''"
        sentence = f"{name}: {reason}."
        click.echo(f"Error: {sentence}", err=True)
        opened.end_as("FAILED", message=sentence)
        return Ended(NOT_FOUND if is_missing else NOT_EXECUTABLE)

    if ended.signal is not None:
        opened.end_as("CRASHED", message=ended.sentence)
    elif ended.code:
        opened.end_as("FAILED", message=ended.sentence)
    return ended


def refuse(error: ArtifactStoreError) -> NoReturn:
    """Say why the command was not started."""
    code, sentence = explain(error)
    if code == click.UsageError.exit_code:
        raise error
    raise NotStarted(f"The run cannot be recorded, so the command is not started: {sentence}")


def report_end(error: Exception) -> None:
    """Say that the end of the run is not recorded; the exit code stays that of the command."""
    sentence = explain(error)[1]
    click.echo(f"Error: The end of the run is not recorded: {safe(sentence)}", err=True)
