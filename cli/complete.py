"""What the Tab key offers: keys, versions and names from the store, and the scripts that ask for them in a shell.

Nothing is made, nothing is said and nothing waits long: where the store does not answer, nothing is offered.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

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
    from artifact_store import ArtifactStore

__all__ = [
    "SHELLS",
    "Complete",
    "deployments",
    "files",
    "flow_runs",
    "flows",
    "keys",
    "refs",
    "script",
    "tags",
    "types",
]

PATIENCE = 2.0  # seconds
VARIABLE = "_ARTIFACT_STORE_COMPLETE"

_MOST = 200  # words that are offered
_TYPES = ("table", "markdown", "link", "image", "progress", "result")

Complete = Callable[[click.Context, click.Parameter, str], list["CompletionItem[str]"]]
Find = Callable[["ArtifactStore", str, click.Context], Iterable[str]]


def _completion(find: Find) -> Complete:
    """Make of a question to the store what click calls for the words that begin with what was typed."""

    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        from artifact_store import ArtifactStore

        found: list[str] = []

        def look() -> None:
            with suppress(Exception), ArtifactStore(url_of(ctx), create=False) as store:
                found.extend(find(store, incomplete, ctx))

        # A thread of its own, since a database that does not answer may keep it for as long as it likes.
        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        looking.join(PATIENCE)
        # A line is a word for the shells' scripts.
        words = (
            word
            for word in dict.fromkeys(found)
            if word.startswith(incomplete) and word.isprintable()
        )
        return [CompletionItem(word) for word in words]

    return complete


def _keys(store: ArtifactStore, typed: str, ctx: click.Context) -> Iterable[str]:
    from artifact_store import ArtifactCollectionFilter, ArtifactCollectionSort

    begun = ArtifactCollectionFilter(key={"startswith_": typed}) if typed else None
    by_key = ArtifactCollectionSort.KEY_ASC
    found = store.read_latest_artifacts(
        limit=_MOST, artifact_filter=begun, sort=by_key, include_data=False
    )
    return [str(artifact.key) for artifact in found]


def _refs(store: ArtifactStore, typed: str, ctx: click.Context) -> Iterable[str]:
    from artifact_store import ArtifactFilter, ArtifactSort

    key, at, _ = typed.partition("@")
    if not at:
        return _keys(store, typed, ctx)
    of_key = ArtifactFilter(key={"any_": [key]})
    found = store.read_artifacts(
        limit=_MOST, artifact_filter=of_key, sort=ArtifactSort.KEY_DESC, include_data=False
    )  # the newest first
    return [f"{key}@{artifact.version}" for artifact in found]


def _types(store: ArtifactStore, typed: str, ctx: click.Context) -> Iterable[str]:
    found = store.read_artifacts(limit=_MOST, include_data=False)
    return [*_TYPES, *(artifact.type for artifact in found if artifact.type)]


def _flows(store: ArtifactStore, typed: str, ctx: click.Context) -> Iterable[str]:
    from artifact_store import FlowFilter, RunSort

    like = FlowFilter(name={"like_": typed}) if typed else None
    return [
        flow.name for flow in store.read_flows(limit=_MOST, sort=RunSort.NAME_ASC, flow_filter=like)
    ]


def _flow_runs(store: ArtifactStore, typed: str, ctx: click.Context) -> Iterable[str]:
    from artifact_store import FlowRunFilter

    like = FlowRunFilter(name={"like_": typed}) if typed else None
    return [
        run.name for run in store.read_flow_runs(limit=_MOST, flow_run_filter=like)
    ]  # the newest first


def _deployments(store: ArtifactStore, typed: str, ctx: click.Context) -> Iterable[str]:
    from artifact_store import DeploymentFilter, RunSort

    like = DeploymentFilter(name={"like_": typed}) if typed else None
    found = store.read_deployments(limit=_MOST, sort=RunSort.NAME_ASC, deployment_filter=like)
    return [deployment.name for deployment in found]


def _tags(store: ArtifactStore, typed: str, ctx: click.Context) -> Iterable[str]:
    return sorted({tag for run in store.read_flow_runs(limit=_MOST) for tag in run.tags})


def _fields(store: ArtifactStore, typed: str, ctx: click.Context) -> Iterable[str]:
    return store.series_fields(ctx.params["key"])


fields = _completion(_fields)
keys, refs, types = _completion(_keys), _completion(_refs), _completion(_types)
flows, flow_runs = _completion(_flows), _completion(_flow_runs)
deployments, tags = _completion(_deployments), _completion(_tags)


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Let the shell complete the name of a file."""
    return [CompletionItem(incomplete, type="file")]


# Shells


class _Bash(BashComplete):
    """Bash breaks words at @ too, and puts what it gets into the line as it is, so names are quoted."""

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
        """Return the words before the one that is typed, and what is typed of it."""
        line = os.environ["COMP_LINE"]
        words = split_arg_string(line)[1:]
        incomplete = "" if not words or line[-1:].isspace() else words.pop()
        return words, incomplete


class _Whole(ShellComplete):
    """A shell that replaces the whole of `--option=value`, not the value alone."""

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
    """A comma may be a part of a name."""

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
    """Return the script that teaches a shell to complete the program; it ends with where to put it."""
    kind: Any = get_completion_class(shell)
    source = kind(program, {}, "artifact-store", VARIABLE).source().rstrip()
    return "\n".join([source, "", *(f"# {line}" for line in SHELLS[shell].splitlines())])
