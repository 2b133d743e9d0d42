"""Shell completion: keys, versions and names from the store, and the scripts for the shells.

A completion never creates a store, never prints an error, and waits two seconds at most: if the store does not
answer, it offers nothing.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from .app import url_of

if TYPE_CHECKING:
    from artifact_store import Artifact, ArtifactStore

__all__ = [
    "SHELLS",
    "Complete",
    "alias_names",
    "aliased",
    "aliases",
    "all_aliases",
    "deployments",
    "files",
    "flow_runs",
    "flows",
    "keys",
    "other_sides",
    "past_aliases",
    "refs",
    "script",
    "tags",
    "types",
    "versions",
]

TIMEOUT = 2.0  # seconds
VARIABLE = "_ARTIFACT_STORE_COMPLETE"

_LIMIT = 200  # words that are offered
_TYPES = ("table", "markdown", "link", "image", "progress", "result")

Complete = Callable[[click.Context, click.Parameter, str], list["CompletionItem[str]"]]
FindWords = Callable[["ArtifactStore", str, click.Context], Iterable[str]]


def completion(find_words: FindWords) -> Complete:
    """Make what click calls for an option or an argument of a function that finds words in a store."""

    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        from artifact_store import ArtifactStore

        found: list[str] = []

        def query() -> None:
            with suppress(Exception), ArtifactStore(url_of(ctx), create=False) as store:
                found.extend(find_words(store, incomplete, ctx))

        # In a thread of its own: a database that does not answer would block this one.
        thread = threading.Thread(target=query, daemon=True)
        thread.start()
        thread.join(TIMEOUT)
        return [
            CompletionItem(word)
            for word in dict.fromkeys(found)
            # The scripts of the shells read a word per line.
            if word.startswith(incomplete) and word.isprintable()
        ]

    return complete


@completion
def keys(store: ArtifactStore, incomplete: str, ctx: click.Context) -> list[str]:
    """Complete a key."""
    return find_keys(store, incomplete)


def find_keys(store: ArtifactStore, incomplete: str) -> list[str]:
    """Return the keys that begin with a text."""
    from artifact_store import ArtifactCollectionFilter, ArtifactCollectionSort

    artifact_filter = None
    if incomplete:
        artifact_filter = ArtifactCollectionFilter(key={"startswith_": incomplete})
    found = store.read_latest_artifacts(
        limit=_LIMIT,
        artifact_filter=artifact_filter,
        sort=ArtifactCollectionSort.KEY_ASC,
        include_data=False,
    )
    return [str(artifact.key) for artifact in found]


@completion
def refs(store: ArtifactStore, incomplete: str, ctx: click.Context) -> list[str]:
    """Complete a key, and after `@` an alias or a version, newest first."""
    return find_refs(store, incomplete)


@completion
def other_sides(store: ArtifactStore, incomplete: str, ctx: click.Context) -> list[str]:
    """Complete an alias of the keys that were typed, or a reference of another key."""
    if "@" in incomplete:
        return find_refs(store, incomplete)
    names: list[str] = []
    # click leaves the arguments in `args` where the option at the end has no value yet.
    for ref in ctx.params.get("refs") or ctx.args:
        key = str(ref).partition("@")[0]
        names += [alias.name for alias in store.read_aliases(key)]
    return names


def find_refs(store: ArtifactStore, incomplete: str) -> list[str]:
    """Return the keys that begin with a text; where it has an `@`, the aliases and versions of its key."""
    key, at, _ = incomplete.partition("@")
    if not at:
        return find_keys(store, incomplete)
    aliases = [alias.ref for alias in store.read_aliases(key)]
    return aliases + [artifact.ref for artifact in find_versions(store, key)]


def find_versions(store: ArtifactStore, key: str) -> list[Artifact]:
    """Return the versions of a key, newest first."""
    from artifact_store import ArtifactFilter, ArtifactSort

    return store.read_artifacts(
        limit=_LIMIT,
        artifact_filter=ArtifactFilter(key={"any_": [key]}),
        sort=ArtifactSort.KEY_DESC,
        include_data=False,
    )


@completion
def versions(store: ArtifactStore, incomplete: str, ctx: click.Context) -> list[str]:
    """Complete the number of a version of the key that was typed."""
    return [str(artifact.version) for artifact in find_versions(store, typed_key(ctx))]


@completion
def aliased(store: ArtifactStore, incomplete: str, ctx: click.Context) -> list[str]:
    """Complete a key, and after `@` an alias."""
    key, at, _ = incomplete.partition("@")
    if not at:
        return find_keys(store, incomplete)
    return [alias.ref for alias in store.read_aliases(key)]


@completion
def aliases(store: ArtifactStore, incomplete: str, ctx: click.Context) -> list[str]:
    """Complete the name of an alias of the key that was typed."""
    return [alias.name for alias in store.read_aliases(typed_key(ctx))]


@completion
def all_aliases(store: ArtifactStore, incomplete: str, ctx: click.Context) -> list[str]:
    """Complete the name of an alias of any key."""
    return sorted({alias.name for alias in store.read_aliases()})


@completion
def past_aliases(store: ArtifactStore, incomplete: str, ctx: click.Context) -> list[str]:
    """Complete the name of an alias that the key that was typed has or had."""
    return [move.name for move in store.read_alias_history(typed_key(ctx))]


@completion
def alias_names(store: ArtifactStore, incomplete: str, ctx: click.Context) -> list[str]:
    """Complete the name of an alias: those of the key that was typed, then those of other keys."""
    key = typed_key(ctx)
    found = store.read_aliases()
    found.sort(key=lambda alias: (alias.key != key, alias.name))
    return [alias.name for alias in found]


def typed_key(ctx: click.Context) -> str:
    """Return the key that was typed before the word to complete, without a version."""
    return str(ctx.params["key"]).partition("@")[0]


@completion
def types(store: ArtifactStore, incomplete: str, ctx: click.Context) -> list[str]:
    """Complete an artifact type: those of this package, and those of the newest artifacts."""
    found = store.read_artifacts(limit=_LIMIT, include_data=False)
    stored = [artifact.type for artifact in found if artifact.type]
    return [*_TYPES, *stored]


@completion
def flows(store: ArtifactStore, incomplete: str, ctx: click.Context) -> list[str]:
    """Complete the name of a flow."""
    from artifact_store import FlowFilter, RunSort

    flow_filter = FlowFilter(name={"like_": incomplete}) if incomplete else None
    found = store.read_flows(limit=_LIMIT, sort=RunSort.NAME_ASC, flow_filter=flow_filter)
    return [flow.name for flow in found]


@completion
def flow_runs(store: ArtifactStore, incomplete: str, ctx: click.Context) -> list[str]:
    """Complete the name of a flow run, newest first."""
    from artifact_store import FlowRunFilter

    flow_run_filter = FlowRunFilter(name={"like_": incomplete}) if incomplete else None
    found = store.read_flow_runs(limit=_LIMIT, flow_run_filter=flow_run_filter)
    return [run.name for run in found]


@completion
def deployments(store: ArtifactStore, incomplete: str, ctx: click.Context) -> list[str]:
    """Complete the name of a deployment."""
    from artifact_store import DeploymentFilter, RunSort

    deployment_filter = DeploymentFilter(name={"like_": incomplete}) if incomplete else None
    found = store.read_deployments(
        limit=_LIMIT,
        sort=RunSort.NAME_ASC,
        deployment_filter=deployment_filter,
    )
    return [deployment.name for deployment in found]


@completion
def tags(store: ArtifactStore, incomplete: str, ctx: click.Context) -> list[str]:
    """Complete a tag of the newest flow runs."""
    found: set[str] = set()
    for run in store.read_flow_runs(limit=_LIMIT):
        found.update(run.tags)
    return sorted(found)


@completion
def fields(store: ArtifactStore, incomplete: str, ctx: click.Context) -> list[str]:
    """Complete the name of a number of the key that was typed."""
    return store.series_fields(ctx.params["key"])


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Let the shell complete the name of a file."""
    return [CompletionItem(incomplete, type="file")]


# Shells


class _Bash(BashComplete):
    """Bash, which breaks words at @ too, and inserts words as they are: so they are quoted."""

    source_template = r"""
%(complete_func)s() {
    local kind value typed=${COMP_LINE:0:COMP_POINT} done=
    COMPREPLY=()
    # Where Bash breaks words at @, it replaces only what begins with the last one.
    typed=${typed##*[[:space:]]}
    [[ $COMP_WORDBREAKS == *@* && $typed == *@* ]] && done=${typed%%@*}
    while IFS=, read -r kind value; do
        case $kind in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                value=${value#"$done"}
                printf -v value %%q "$value"
                COMPREPLY+=("$value")
                ;;
        esac
    done < <(COMP_LINE=${COMP_LINE:0:COMP_POINT} %(complete_var)s=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
""".lstrip()

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the incomplete one, and that one."""
        line = os.environ["COMP_LINE"]
        words = split_arg_string(line)[1:]
        incomplete = "" if not words or line[-1:].isspace() else words.pop()
        return words, incomplete


class _Whole(ShellComplete):
    """A shell that replaces `--option=value` as a whole, and not the value alone."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Return the completions, each with the option that it belongs to."""
        found = super().get_completions(args, incomplete)
        option, equals, _ = incomplete.partition("=")
        if equals and option.startswith("-"):
            for item in found:
                item.value = f"{option}={item.value}"
        return found


class _Zsh(_Whole, ZshComplete):
    source_template = ZshComplete.source_template.replace(
        "%(prog_name)s)}", "%(prog_name)s 2>/dev/null)}"
    )


class _Fish(_Whole, FishComplete):
    """Fish; unlike with click's script, a name may have a comma."""

    source_template = r"""
function %(complete_func)s
    set -l response (env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp | string collect) \
        COMP_CWORD=(commandline -ct) %(prog_name)s 2>/dev/null)
    for line in $response
        set -l parts (string split -m 1 , -- $line)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain
                printf '%%s\n' $parts[2]
        end
    end
end
complete --no-files --keep-order --command %(prog_name)s --arguments "(%(complete_func)s)"
""".lstrip()


SHELLS = {
    "bash": "Put this into ~/.bashrc:\n"
    '    eval "$(artifact-store completion bash)"\n'
    "or, where bash-completion is installed, this script into\n"
    "    ~/.local/share/bash-completion/completions/artifact-store",
    "zsh": "Put this into ~/.zshrc, below compinit:\n"
    '    eval "$(artifact-store completion zsh)"\n'
    "or this script, under the name _artifact-store, into a directory of $fpath.",
    "fish": "Put this script into\n    ~/.config/fish/completions/artifact-store.fish",
}
"""The shells, and where each of them looks for the script."""

for _shell in (_Bash, _Zsh, _Fish):
    add_completion_class(_shell)


def script(program: click.Command, shell: str) -> str:
    """Return the script that completes the program in a shell; comments at its end say where to put it."""
    completion_class = get_completion_class(shell)
    assert completion_class is not None
    source = completion_class(program, {}, "artifact-store", VARIABLE).source()
    comments = [f"# {line}" for line in SHELLS[shell].splitlines()]
    return "\n".join([source.rstrip(), "", *comments])
