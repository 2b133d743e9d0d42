"""The program: its first screen, and the one place that catches errors."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from .output.pager import paging
from .output.text import safe

if TYPE_CHECKING:
    from artifact_store import ArtifactStore

__all__ = [
    "Command",
    "CommandGroup",
    "Program",
    "command",
    "environment_for_programs",
    "errors_exit_with_2",
    "given_url",
    "group",
    "main",
    "open_store",
    "url_of",
    "url_option",
]

_URL = f"{__name__}.url"
INTERRUPTED, PIPE_CLOSED = 130, 141


class Command(click.Command):
    """A command that shows examples at the end of its help; what it returns is the exit code.

    Attributes:
        examples: command lines.
        pages: whether output that is longer than the terminal is shown in a pager.
    """

    def __init__(
        self,
        name: str | None,
        *,
        examples: Sequence[str] = (),
        pages: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(name, **options)
        self.examples = examples
        self.pages = pages
        if pages:
            no_pager = click.Option(["--no-pager"], is_flag=True, help="Do not use a pager.")
            self.params.append(no_pager)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        no_pager = ctx.params.pop("no_pager", False)
        # Markdown is there to be copied, from a terminal too.
        with paging(self.pages and not no_pager and not ctx.params.get("as_markdown")):
            return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, each on a line of its own."""
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"  {example}\n")


def command(
    examples: Sequence[str], *, pages: bool = False, **options: Any
) -> Callable[[Callable[..., object]], Command]:
    """Make a command of a function, with examples of its use, and options of `click.command`."""
    return click.command(cls=Command, examples=examples, pages=pages, **options)


class CommandGroup(click.Group):
    """A group of commands, in the order of their definition; without one it shows its help.

    Attributes:
        examples: command lines.
    """

    def __init__(self, name: str | None, *, examples: Sequence[str] = (), **options: Any) -> None:
        super().__init__(name, invoke_without_command=True, **options)
        self.examples = examples

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order of their definition."""
        return list(self.commands)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, then the options."""
        self.format_commands(ctx, formatter)
        click.Command.format_options(self, ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each command does and its first example."""
        with formatter.section("Commands"):
            for name, command in self.commands.items():
                formatter.write(f"  {name:<10} {command.get_short_help_str(100)}\n")
                assert isinstance(command, Command | CommandGroup)
                formatter.write(f"             $ {command.examples[0]}\n")


def group(name: str, examples: Sequence[str]) -> Callable[[Callable[..., object]], CommandGroup]:
    """Make a group of commands of a function, which is called first; its docstring is the help."""
    return click.group(name, cls=CommandGroup, examples=examples)


class Program(CommandGroup):
    """The group of all commands, in the order in which a newcomer needs them."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; Ctrl-C and a closed pipe end it quietly, with the usual exit codes."""
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except (KeyboardInterrupt, click.Abort):
            if sys.stderr.isatty():
                click.echo(err=True)  # ends the line that shows ^C
            return INTERRUPTED
        except BrokenPipeError:
            # Python flushes standard output at exit, and that must be quiet too.
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            return PIPE_CLOSED
        return code

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: object,
    ) -> Any:
        """Run the program and exit with its exit code; no error ends in a traceback."""
        run: Callable[[], int | None] = partial(
            super().main, args, prog_name, complete_var, False, **extra
        )
        if not standalone_mode:
            return run()

        open_streams()
        try:
            code = run()
        except (KeyboardInterrupt, click.Abort):  # while the command line was parsed
            code = INTERRUPTED
        except Exception as error:
            code = report_error(error)
        sys.exit(code or 0)


def open_streams() -> None:
    """Make the standard streams accept any text, and replace those that are closed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def report_error(error: Exception) -> int:
    """Print an error as one sentence on standard error, and return the exit code."""
    code, sentence = explain(error)
    click.echo(f"Error: {safe(sentence)}", err=True)
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(f"Try '{error.ctx.command_path} --help'.", err=True)
    return code


def explain(error: Exception) -> tuple[int, str]:
    """Return the exit code and the sentence of an error: 2 for wrong usage, 1 for not found or refused."""
    if isinstance(error, click.ClickException):
        return error.exit_code, error.format_message()
    from pydantic import ValidationError

    from artifact_store import ArtifactProtected, ArtifactStoreError, InvalidQuery, InvalidURL

    if isinstance(error, InvalidQuery) and isinstance(error, ValidationError):
        return 2, f"The filter is not valid: {error}"
    if isinstance(error, InvalidQuery | InvalidURL):
        return 2, str(error)
    if isinstance(error, ArtifactProtected):
        return 1, str(error).replace("pass force=True", "add --force")
    if isinstance(error, ArtifactStoreError):
        return 1, str(error)
    if isinstance(error, OSError):
        return 1, f"{error.filename or 'The system'}: {error.strerror or error}."
    return 1, f"Unexpected error, please report it: {type(error).__name__}: {error}"


class Trouble(click.ClickException):
    """What a command whose exit code 1 is an answer fails with."""

    exit_code = 2


@contextmanager
def errors_exit_with_2() -> Iterator[None]:
    """Let every error of a block exit with 2, for commands whose exit code 1 is an answer."""
    try:
        yield
    except (click.UsageError, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except Exception as error:
        raise Trouble(explain(error)[1]) from error


def remember_url(ctx: click.Context, parameter: click.Parameter, url: str | None) -> None:
    """Keep the value of --url in the context, where `url_of` finds it."""
    if url is not None:
        ctx.meta[_URL] = url


url_option = click.option(
    "--url",
    metavar="URL",
    expose_value=False,
    callback=remember_url,
    help="Store to use: sqlite:///jobs.db (relative path), sqlite:////srv/jobs.db (absolute path) or postgresql://... "
    "[default: $ARTIFACT_STORE_URL, else a file in your data directory]",
)


def given_url() -> str | None:
    """Return the URL of the store that the command line names."""
    return url_of(click.get_current_context())


def url_of(ctx: click.Context) -> str | None:
    """Return the URL of the store that the command line of a context names."""
    url: str | None = ctx.meta.get(_URL)
    return url


def environment_for_programs(store: ArtifactStore) -> dict[str, str]:
    """Return this environment with the address of the store, for a program that may change its directory."""
    url = given_url() or os.environ.get("ARTIFACT_STORE_URL", "")
    if store.url.startswith("sqlite:"):
        if store.url.endswith(":memory:"):
            raise click.UsageError(
                "A store in memory ends with this program: name a file with --url."
            )
        # The path is absolute there.
        _, mark, parameters = url.partition("?")
        url = f"{store.url}{mark}{parameters}"
    return {**os.environ, "ARTIFACT_STORE_URL": url}


def open_store(create: bool = False) -> ArtifactStore:
    """Open the store that the command line or the environment names, else the default one.

    Args:
        create: whether a store that does not exist is created. Only commands that publish do so: a mistyped
            URL must not become an empty store.
    """
    from artifact_store import ArtifactStore, StoreMissing

    url = given_url()
    try:
        return ArtifactStore(url, create=create)
    except StoreMissing as error:
        if url is not None or os.environ.get("ARTIFACT_STORE_URL"):
            raise
        message = f"{error} 'artifact-store demo' publishes an example."
    raise click.ClickException(message)


@click.group(
    "artifact-store",
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="'artifact-store COMMAND --help' shows the options of a command and more examples. "
    "Exit codes: 0 success, 1 not found or refused, 2 wrong usage.",
)
@url_option
@click.version_option(package_name="artifact-store", prog_name="artifact-store")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Versioned artifacts of jobs in one SQL database.

    Creating an artifact under a key adds the next version of that key. Commands that take an
    artifact accept KEY (its latest version), KEY@3 (that version), KEY@NAME (the version that the
    alias names) or an id.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
