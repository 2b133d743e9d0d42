"""The commands for aliases: set, list, delete, history and undo."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from .. import complete
from ..app import command, group, open_store
from ..options import common_options, form_options
from ..output.documents import print_json
from ..output.pager import note
from ..output.tables import Row, print_csv, print_markdown_table, print_rows
from ..output.text import is_terminal, safe
from ..reading import batches, read_run_names

if TYPE_CHECKING:
    from artifact_store import Alias, AliasMove, ArtifactStore

__all__ = ["alias"]

_LATEST = "latest"  # in the place of a version


@group(
    "alias",
    examples=[
        "artifact-store alias set model prod",
        "artifact-store alias ls",
        "artifact-store alias undo model prod",
    ],
)
@click.pass_context
def alias(ctx: click.Context) -> None:
    """Name versions: model@prod is the one in production.

    An alias names one version of a key until it is moved. The version cannot be deleted meanwhile,
    nor its data changed, without --force. KEY NAME may be written as KEY@NAME.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


# Change


@command(
    examples=[
        "artifact-store alias set model prod",
        "artifact-store alias set model prod 3",
        "artifact-store alias set model@staging prod",
        "artifact-store alias set model prod 4 --expect 3",
    ]
)
@click.argument("key", metavar="KEY", shell_complete=complete.refs)
@click.argument("name", metavar="[NAME]", required=False, shell_complete=complete.alias_names)
@click.argument("version", metavar="[VERSION]", required=False, shell_complete=complete.versions)
@click.option(
    "--expect",
    metavar="N|none",
    help="Change nothing unless the alias is version N now, or with none does not exist.",
)
@common_options
def set_(
    key: str, name: str | None, version: str | None, expect: str | None, as_json: bool
) -> None:
    """Create or move an alias.

    VERSION is a number or latest, the default. KEY may name the version: with model@3 or
    model@staging, the alias names what that names. As model@prod 3, KEY and NAME are one argument.
    """
    if name is None or is_version(name):
        if version is not None:
            raise click.UsageError(f"{name!r} is not the name of an alias: give KEY NAME VERSION.")
        version = name
        key, name = split_alias(key)
    if version == _LATEST and "@" in key:
        raise click.UsageError(f"{key!r} names a version already: leave out {_LATEST}.")

    number = None
    if version is not None and version != _LATEST:
        number = parse_version(version, "VERSION is a number, such as 3, or latest")
    expected = {} if expect is None else {"expect": parse_expected(expect)}
    with open_store() as store:
        before = [each for each in store.read_aliases(plain_key(key)) if each.name == name]
        after = store.set_alias(key, name, number, **expected)
        if before == [after]:
            print_change(after.key, name, after.version, after.version, as_json)
            return
        moves = store.read_alias_history(after.key, name)
    # The alias says when it was moved; somebody else may have moved it again.
    move = next(each for each in moves if each.moved == after.moved)
    print_move(move, as_json)


@command(
    examples=[
        "artifact-store alias rm model canary",
        "artifact-store alias rm model@canary --expect 3",
    ]
)
@click.argument("key", metavar="KEY", shell_complete=complete.aliased)
@click.argument("name", metavar="[NAME]", required=False, shell_complete=complete.aliases)
@click.option(
    "--expect",
    type=click.IntRange(min=1),
    metavar="N",
    help="Delete it only if it is version N now.",
)
@common_options
def rm(key: str, name: str | None, expect: int | None, as_json: bool) -> None:
    """Delete an alias; the version that it names stays."""
    key, name = alias_of(key, name)
    expected: dict[str, int | None] = {} if expect is None else {"expect": expect}
    with open_store() as store:
        if not store.delete_alias(key, name, **expected):
            raise click.ClickException(f"There is no alias {key}@{name}.")
        moves = store.read_alias_history(key, name)
    print_move(next(each for each in moves if each.to_version is None), as_json)


@command(
    examples=["artifact-store alias undo model prod", "artifact-store alias undo model@prod --json"]
)
@click.argument("key", metavar="KEY", shell_complete=complete.aliased)
@click.argument("name", metavar="[NAME]", required=False, shell_complete=complete.past_aliases)
@common_options
def undo(key: str, name: str | None, as_json: bool) -> None:
    """Move an alias back to what it named before.

    Undoes the last move: an alias that was created is deleted, and one that was deleted comes back.
    To undo again is to redo.
    """
    key, name = alias_of(key, name)
    with open_store() as store:
        move = store.undo_alias(key, name)
    print_move(move, as_json)


# Read


@command(
    examples=["artifact-store alias ls", "artifact-store alias ls model --json"],
    pages=True,
)
@click.argument("key", metavar="[KEY]", required=False, shell_complete=complete.keys)
@form_options("json", "csv", "markdown")
def ls(key: str | None, form: str | None) -> None:
    """List the aliases of a key, or of all keys.

    Columns: key, alias, version, age (since the last move) and the run that moved it last. When the
    output is not a terminal, columns are separated by tabs, and the time replaces the age.
    """
    if key is not None and "@" in key:
        raise click.UsageError(f"{key!r} names a version: give only the key, {plain_key(key)!r}.")
    with open_store() as store:
        found = store.read_aliases(key)
        if key is not None and not found and key not in store:
            raise click.ClickException(f"There is no key {key!r}.")
        if form == "json":
            print_json(found)
            return
        rows = iter_rows(store, found)
        print_moved(["key", "alias", "version"], rows, form)


@command(
    examples=[
        "artifact-store alias history model prod",
        "artifact-store alias history model --json",
    ],
    pages=True,
)
@click.argument("key", metavar="KEY", shell_complete=complete.aliased)
@click.argument("name", metavar="[NAME]", required=False, shell_complete=complete.past_aliases)
@form_options("json", "csv", "markdown")
def history(key: str, name: str | None, form: str | None) -> None:
    """List the moves of an alias or of a key, newest first.

    Columns: alias, the versions from and to, age and the run that moved it. The history of a
    deleted alias stays. When the output is not a terminal, the time replaces the age.
    """
    if name is not None or "@" in key:
        key, name = alias_of(key, name)
    with open_store() as store:
        moves = store.read_alias_history(key, name)
        if not moves and name is not None:
            raise click.ClickException(f"The alias {key}@{name} was never set.")
        if not moves:
            raise click.ClickException(f"No alias of {key!r} was ever set.")
        if form == "json":
            print_json(moves)
            return
        rows = iter_rows(store, moves)
        print_moved(["alias", "from", "to"], rows, form)


for each in (set_, ls, rm, history, undo):
    alias.add_command(each, str(each.name).rstrip("-"))


# Arguments


def is_version(text: str) -> bool:
    """Tell whether an argument is a version, and so cannot be the name of an alias."""
    return text == _LATEST or (text.isascii() and text.isdigit())


def parse_version(text: str, expected: str) -> int:
    """Return the version that an argument stands for.

    Raises:
        UsageError: it is not a number from 1.
    """
    is_number = text.isascii() and text.isdigit() and len(text) < 20
    if not is_number or int(text) == 0:
        raise click.UsageError(f"{expected}, not {text!r}.")
    return int(text)


def parse_expected(text: str) -> int | None:
    """Return the version that an alias is expected to name; `None` if it must not exist.

    Raises:
        UsageError: it is neither a number nor `none`.
    """
    if text == "none":
        return None
    return parse_version(text, "--expect takes a version, such as 3, or none")


def plain_key(text: str) -> str:
    """Return the key of a reference."""
    return text.partition("@")[0]


def split_alias(text: str) -> tuple[str, str]:
    """Return the key and the name of `KEY@NAME`.

    Raises:
        UsageError: there is no name.
    """
    key, _, name = text.partition("@")
    if not name or is_version(name):
        raise click.UsageError(f"Which alias of {key!r}? Give its name too, such as {key} prod.")
    return key, name


def alias_of(key: str, name: str | None) -> tuple[str, str]:
    """Return the key and the name of an alias that is given as `KEY NAME` or `KEY@NAME`.

    Raises:
        UsageError: there is no name, or there are two.
    """
    if name is None:
        return split_alias(key)
    if "@" in key:
        raise click.UsageError(f"Give one alias: {key!r} and {name!r} are two names.")
    return key, name


# Output


def iter_rows(
    store: ArtifactStore, moved: Iterable[Alias | AliasMove]
) -> Iterator[dict[str, object]]:
    """Yield the cells of aliases, or of their moves."""
    from artifact_store import AliasMove
    from artifact_store.rendering import age

    for batch in batches(moved):
        run_names = read_run_names(store, batch)
        for each in batch:
            run_id = each.flow_run_id
            cells: dict[str, object] = {
                "key": each.key,
                "alias": each.name,
                "moved": each.moved,
                "age": age(each.moved),
                "run": None if run_id is None else run_names.get(run_id, str(run_id)),
            }
            if isinstance(each, AliasMove):
                cells["from"] = version_text(each.from_version)
                cells["to"] = version_text(each.to_version)
            else:
                cells["version"] = each.version
            yield cells


def print_move(move: AliasMove, as_json: bool) -> None:
    """Print a change that was made."""
    print_change(move.key, move.name, move.from_version, move.to_version, as_json)


def print_change(key: str, name: str, before: int | None, after: int | None, as_json: bool) -> None:
    """Print what an alias named before, and what it names now."""
    if as_json:
        document = {"key": key, "name": name, "from_version": before, "to_version": after}
        print_json(document)
    elif before == after:
        click.echo(safe(f"{key}@{name} is {after} already"))
    else:
        click.echo(safe(f"{key}@{name}: {version_text(before)} -> {version_text(after)}"))


def version_text(version: int | None) -> str:
    """Return a version, or that there is none."""
    return "none" if version is None else str(version)


def print_moved(columns: list[str], rows: Iterable[Row], form: str | None) -> None:
    """Print rows with when and by what run an alias was moved."""
    listed = list(rows)
    if form == "csv":
        print_csv([*columns, "moved", "run"], listed)
    elif form == "markdown":
        print_markdown_table([*columns, "moved", "run"], listed)
    elif not is_terminal():
        print_rows([*columns, "moved", "run"], listed)
    elif listed:
        print_rows([*columns, "age", "run"], listed)
    else:
        note("Nothing found.")
