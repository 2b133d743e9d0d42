"""The command that prints the completion script of a shell."""

import click

from ..app import command
from ..complete import SHELLS, script
from ..options import common_options
from ..output.documents import print_json

__all__ = ["completion"]


@command(
    examples=[
        "artifact-store completion bash",
        "artifact-store completion zsh",
        "artifact-store completion fish",
    ]
)
@click.argument("shell", type=click.Choice(list(SHELLS)))
@common_options
@click.pass_context
def completion(ctx: click.Context, shell: str, as_json: bool) -> None:
    """Print the completion script for a shell.

    Completes commands, options, keys, versions after KEY@, types, and the names of flows, runs,
    deployments and tags. The end of the script says where to install it.
    """
    text = script(ctx.find_root().command, shell)
    if as_json:
        print_json({"shell": shell, "script": text})
    else:
        click.echo(text)
