"""Write docs/cli.md from the commands; with --check, only tell whether it is current."""

from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from artifact_store_cli import main

PAGE = Path(__file__).with_name("cli.md")
INTRODUCTION = """\
# Command line

This page is written by `python -m docs.cli_reference` from the commands themselves.
"""


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of a command and of each command below it that is not hidden, in the order of the help."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child and not child.hidden:
                yield from commands(child, (*path, name))


def reference() -> str:
    """Render the help of every command, 100 columns wide whatever the terminal."""
    page = INTRODUCTION
    for path in commands(main):
        result = CliRunner().invoke(
            main, [*path, "--help"], prog_name="artifact-store", terminal_width=100
        )
        if result.exit_code:
            raise click.ClickException(
                f"{' '.join(path)} --help failed: {result.output or result.exception!r}"
            )
        title = " ".join(("artifact-store", *path))
        page += f"\n## {title}\n\n```text\n{result.output.rstrip()}\n```\n"
    return page


@click.command()
@click.option("--check", is_flag=True, help="Do not write; fail if the page is not current.")
def write(check: bool) -> None:
    """Write docs/cli.md from the commands."""
    page = reference()
    if not check:
        PAGE.write_text(page, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
        raise click.ClickException(
            "docs/cli.md is not current: run `.venv/bin/python -m docs.cli_reference`"
        )


if __name__ == "__main__":
    write()
