"""The blocks of what users hold in a variable: artifacts, lists of them, the history of a key.

A value does not know its store, so the open stores are asked for the context of an artifact and for the names
of runs. Whatever a store raises is ignored: the artifact is then shown without them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from ..context import open_stores
from . import blocks
from .aliases import NamesVersion, alias_names, aliases_text
from .blocks import Block
from .changes import Changed, changes_text, plain_sentence
from .context import ArtifactContext, Named, Point, Shown
from .markdown import first_line
from .renderers import render_artifact
from .text import age, count_text, moment_text, plain_number

__all__ = [
    "OpenStore",
    "artifact_blocks",
    "history_blocks",
    "list_blocks",
    "list_stores",
    "series_blocks",
    "store_blocks",
]

_MOST_CHANGES = 200  # characters of what changed in a version


class AliasOfKey(NamesVersion, Protocol):
    """What is read of an `Alias`."""

    @property
    def key(self) -> str:
        """The key."""
        ...


class OpenStore(Protocol):
    """The methods of `ArtifactStore`, which is in a layer above, that are called here."""

    def read_artifact(self, id: UUID) -> Shown | None:
        """Return an artifact."""
        ...

    def read_surroundings(self, artifact: Shown) -> ArtifactContext:
        """Return the context of an artifact."""
        ...

    def read_flow_run(self, id: UUID) -> Named | None:
        """Return a flow run."""
        ...

    def read_flow(self, id: UUID) -> Named | None:
        """Return a flow."""
        ...

    def read_deployment(self, id: UUID) -> Named | None:
        """Return a deployment."""
        ...

    def read_task_run(self, id: UUID) -> Named | None:
        """Return a task run."""
        ...

    def read_work_pool(self, id: UUID) -> Named | None:
        """Return a work pool."""
        ...

    def read_work_queue(self, id: UUID) -> Named | None:
        """Return a work queue."""
        ...

    def read_aliases(self) -> Sequence[AliasOfKey]:
        """Return all aliases."""
        ...


class Version(Changed, Protocol):
    """The fields of an `ArtifactVersion`."""

    @property
    def artifact(self) -> Shown:
        """The artifact."""
        ...

    @property
    def flow_run(self) -> Named | None:
        """The flow run that created it."""
        ...

    @property
    def value(self) -> float | None:
        """Its value of the number that the history shows."""
        ...


def artifact_blocks(artifact: Shown) -> tuple[Block, ...]:
    """Return the blocks of an artifact, with its context if an open store has it."""
    return render_artifact(artifact, read_context(artifact))


def list_blocks(artifacts: Sequence[Shown], most: int, *, ages: bool) -> list[Block]:
    """Return the blocks of a list of artifacts: how many there are, and a table of the first.

    An artifact without a key has its id in the column of keys.

    Args:
        artifacts: the list.
        most: how many of them are shown at most.
        ages: show how long ago each was updated, instead of when.
    """
    if not artifacts:
        return [blocks.Note("No artifacts.")]

    first = artifacts[:most]
    run_ids = {each.flow_run_id for each in first if each.flow_run_id is not None}
    run_names = read_run_names(run_ids)
    rows = [table_row(each, run_names, ages=ages) for each in first]
    rows = with_aliases(rows, first)
    result: list[Block] = [
        blocks.Note(count_text(len(artifacts), "artifact")),
        blocks.Table(tuple(rows[0]), rows),
    ]

    left_out = len(artifacts) - len(first)
    if left_out:
        note = f"Left out: {left_out:,} of {len(artifacts):,} artifacts."
        result.append(blocks.Note(note))
    return result


def store_blocks(
    url: str, facts: Sequence[tuple[str, object]], newest: Sequence[Shown]
) -> list[Block]:
    """Return the blocks of a store: its address, what is known of it, and its newest artifacts.

    Args:
        url: its address, without a password.
        facts: names and values.
        newest: its newest artifacts.
    """
    result: list[Block] = [blocks.Title(url, "store", None), blocks.Facts(tuple(facts))]
    listed = list_blocks(newest, len(newest), ages=True)
    # How many there are is among the facts.
    return result + (listed[1:] if newest else listed)


def series_blocks(points: Sequence[Point], field: str) -> list[Block]:
    """Return the blocks of the values of a number: a plot, or the one value that there is."""
    if len(points) > 1:
        return [blocks.Plot(tuple(points), field)]
    if not points:
        return [blocks.Note("No points.")]
    [point] = points
    value = plain_number(point.value)
    return [blocks.Note(f"{field}: {value} in version {point.version}")]


def history_blocks(
    versions: Sequence[Version], field: str | None, series: tuple[Point, ...], complete: bool
) -> list[Block]:
    """Return the blocks of the history of a key: its trend, and a table of its versions.

    Args:
        versions: the versions, newest first.
        field: the number that the history shows; `None` when the key has none.
        series: the values of that number, oldest first.
        complete: whether these are all versions.
    """
    if not versions:
        return [blocks.Note("No versions.")]

    result: list[Block] = []
    if field and len(series) > 1:
        result.append(blocks.Plot(series, field))
    rows = []
    for version in versions:
        run_id = version.artifact.flow_run_id
        run_names = {}
        if run_id is not None and version.flow_run is not None:
            run_names[run_id] = version.flow_run.name
        row = table_row(version.artifact, run_names, ages=False)
        if field:
            row[field] = None if version.value is None else plain_number(version.value)
        row["changes"] = plain_sentence(changes_text(version, _MOST_CHANGES))
        rows.append(row)

    rows = with_aliases(rows, [version.artifact for version in versions])
    result.append(blocks.Table(tuple(rows[0]), rows))
    if not complete:
        result.append(blocks.Note("There are older versions."))
    return result


def table_row(artifact: Shown, run_names: dict[UUID, str], *, ages: bool) -> dict[str, object]:
    """Return what a list shows of an artifact, by column."""
    run_id = artifact.flow_run_id
    run = ""
    if run_id is not None:
        run = run_names.get(run_id, str(run_id))
    row: dict[str, object] = {
        "key": artifact.key or str(artifact.id),
        "version": "" if artifact.version is None else artifact.version,
        "type": artifact.type or "",
        "description": first_line(artifact.description or ""),
    }
    if ages:
        row["age"] = f"{age(artifact.updated)} ago"
    else:
        row["updated"] = moment_text(artifact.updated)
    row["run"] = run
    return row


def with_aliases(
    rows: Sequence[dict[str, object]], artifacts: Sequence[Shown]
) -> list[dict[str, object]]:
    """Return the rows of some artifacts with their aliases, if one of their keys has any.

    Where a key is in the list once, the row says where its other aliases are too.
    """
    aliases = read_aliases(artifacts)
    if not any(artifact.key in aliases for artifact in artifacts):
        return list(rows)

    counts = Counter(artifact.key for artifact in artifacts)
    result = []
    for row, artifact in zip(rows, artifacts, strict=True):
        of_key = aliases.get(artifact.key or "", [])
        text = aliases_text(of_key, artifact.version)
        if counts[artifact.key] > 1:
            text = ", ".join(alias_names(of_key, artifact.version))
        cells = dict(row)
        first = {name: cells.pop(name) for name in ("key", "version")}
        result.append({**first, "aliases": text, **cells})
    return result


def list_stores() -> list[OpenStore]:
    """Return the stores that are open in this process."""
    try:
        return list(open_stores)
    except RuntimeError:  # another thread is just opening one
        return []


def read_context(artifact: Shown) -> ArtifactContext | None:
    """Return the context of an artifact from the first open store that has it."""
    for store in list_stores():
        try:
            stored = store.read_artifact(artifact.id)
            if stored is not None and is_same(stored, artifact):
                return store.read_surroundings(artifact)
        except Exception:
            continue  # a store that fails must not keep the artifact from being shown
    return None


def read_aliases(artifacts: Sequence[Shown]) -> Mapping[str, list[NamesVersion]]:
    """Return the aliases by key, from the first open store that has the first artifact with a key."""
    known = next((each for each in artifacts if each.key is not None), None)
    if known is None:
        return {}
    for store in list_stores():
        try:
            stored = store.read_artifact(known.id)
            if stored is None or not is_same(stored, known):
                continue
            aliases: dict[str, list[NamesVersion]] = {}
            for alias in store.read_aliases():
                aliases.setdefault(alias.key, []).append(alias)
            return aliases
        except Exception:
            continue
    return {}


def is_same(stored: Shown, artifact: Shown) -> bool:
    """Tell whether two values are the same artifact; a copy of a store has the same ids."""
    return (stored.id, stored.key, stored.version, stored.created) == (
        artifact.id,
        artifact.key,
        artifact.version,
        artifact.created,
    )


def read_run_names(ids: set[UUID]) -> dict[UUID, str]:
    """Return the names of flow runs by id, as far as the open stores know them."""
    names: dict[UUID, str] = {}
    for store in list_stores():
        try:
            for run_id in ids - names.keys():
                run = store.read_flow_run(run_id)
                if run is not None:
                    names[run_id] = run.name
        except Exception:
            continue
    return names
