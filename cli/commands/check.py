"""The command that checks artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .. import complete
from ..app import command, open_store
from ..options import form_options
from ..output.documents import print_json
from ..output.screen import console
from ..output.tables import print_rows
from ..output.text import is_terminal, safe
from ..payload import parse_json

if TYPE_CHECKING:
    from artifact_store import Check

__all__ = ["check"]


@command(
    examples=[
        'artifact-store check sales --within 24h --where \'{"rows": {"ge_": 1}}\'',
        'artifact-store check model --change \'{"data.acc": {"max_drop": 0.05}}\' --against prod',
        "artifact-store check sales orders --within 7d --quiet",
    ],
)
@click.argument("refs", metavar="KEY...", nargs=-1, required=True, shell_complete=complete.refs)
@click.option(
    "--within",
    metavar="TIME",
    help="How long ago it may have been updated: 90m, 24h, 7d or 2w.",
)
@click.option(
    "--where",
    metavar="JSON",
    help="Range of each number, by the names of history --field, with eq_, ne_, ge_, gt_, le_, lt_, between_, "
    "any_ or not_any_; or @FILE; - for standard input.",
)
@click.option(
    "--change",
    metavar="JSON",
    help="How far each number may have moved, with max_drop, max_rise or max_change: a number, or a percentage "
    'of what it was, such as "5%"; or @FILE; - for standard input.',
)
@click.option(
    "--against",
    metavar="REF",
    shell_complete=complete.other_sides,
    help="What --change compares with: an alias, a version, or a reference. [default: the previous version]",
)
@click.option("-q", "--quiet", is_flag=True, help="Print only what failed.")
@form_options("json", "markdown")
def check(
    refs: tuple[str, ...],
    within: str | None,
    where: str | None,
    change: str | None,
    against: str | None,
    quiet: bool,
    form: str | None,
) -> None:
    """Check the latest version of each KEY, and exit with 1 if one is not what you expect.

    What cannot be evaluated fails: a key or a number that is missing, or a first version that has
    nothing to compare with. Without conditions the key must exist.
    """
    conditions: dict[str, Any] = {
        "within": within,
        "where": None if where is None else parse_json(where, "--where"),
        "change": None if change is None else parse_json(change, "--change"),
        "against": against,
    }
    # What belongs together is checked together, whatever is published meanwhile.
    with open_store() as store, store.snapshot():
        checks = [store.check(ref, **conditions) for ref in refs]

    ok = all(checks)
    is_shown = is_terminal() and not quiet and form is None
    if form == "json":
        print_json({"ok": ok, "checks": [each.to_dict() for each in checks]})
    elif form == "markdown":
        click.echo("\n".join(each.to_markdown() for each in checks), nl=False)
    elif is_shown:
        show_checks(checks)
    elif not quiet:
        print_results(checks)

    if not is_shown:
        report_failures(checks)
    if not ok:
        raise click.exceptions.Exit(1)


def show_checks(checks: list[Check]) -> None:
    """Show checks on a terminal, with the sentences of what failed."""
    from artifact_store.rendering import print_blocks

    for number, each in enumerate(checks):
        if number:
            click.echo()
        print_blocks(console(), each.blocks(), height=len(each.results))


def print_results(checks: list[Check]) -> None:
    """Print a line for each condition of all checks, below a line of names."""
    rows: list[dict[str, object]] = []
    for each in checks:
        name = each.ref if each.artifact is None else each.artifact.ref
        for row in each.to_rows():
            rows.append({"artifact": name, **row})
    print_rows([*rows[0]], rows)


def report_failures(checks: list[Check]) -> None:
    """Print the sentence of each failure on standard error, where a log shows it whatever standard output is."""
    for each in checks:
        for failure in each.failures:
            click.echo(f"Error: {safe(failure.sentence)}", err=True)
