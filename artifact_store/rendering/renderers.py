"""The table of renderers by artifact type, which notebooks, the terminal and reports share."""

from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar, get_args, overload

from ..errors import InvalidArtifact
from ..rendering import blocks
from ..tables.profile import known_profile, profile_table
from ..tables.rows import Row, column_names, rows_of
from ..wording import shown
from .aliases import alias_names, aliases_text
from .blocks import Block
from .context import ArtifactContext, Shown, ref_of
from .pace import pace_facts, read_pace
from .provenance import provenance_facts
from .runs import Fact, made_by
from .text import moment_text

__all__ = ["Renderer", "reference_facts", "register_renderer", "render", "render_artifact"]

# It takes an `Artifact`: a class of the layer above, so the parameter is not declared here.
Renderer = Callable[..., "Block | str | Iterable[Block | str]"]
R = TypeVar("R", bound=Renderer)

_GROUP = "artifact_store.renderers"
_BLOCKS = get_args(Block)
_NO_DATA = "No data: it has none, or was read without."
_REFUSED = "{name} is not a renderer: pass a function that takes an Artifact and returns blocks or Markdown text."


@overload
def register_renderer(type: str, function: R) -> R: ...
@overload
def register_renderer(type: str) -> Callable[[R], R]: ...
def register_renderer(type: str, function: R | None = None) -> R | Callable[[R], R]:
    """Register how artifacts of a type are shown in notebooks, on the terminal and in reports; also a decorator.

    A renderer of a known type, or one that was registered before, is replaced. When a renderer raises, the
    data is shown as JSON below a note that names the error. An installed package brings renderers for all
    programs, the command line included, as entry points of the group `artifact_store.renderers`, whose names
    are types.

    Args:
        type: the artifact type.
        function: takes an `Artifact` and returns a block, text in Markdown, or several of them.

    Returns:
        The function; without one, a decorator for it.

    Raises:
        InvalidArtifact: the function cannot be called.

    Examples:
        >>> @register_renderer("score")
        ... def show_score(artifact):
        ...     return [f"**{artifact.data['team']}**", blocks.Progress(artifact.data["share"])]
    """
    if function is None:

        def decorate(decorated: R) -> R:
            return register_renderer(type, decorated)

        return decorate
    if not callable(function):
        raise InvalidArtifact(_REFUSED.format(name=shown(function)))
    _RENDERERS[type] = function
    return function


def render(artifact: Shown) -> tuple[Block, ...]:
    """Return the blocks that show what an artifact holds, by the renderer of its type.

    A type without renderer is shown by the shape of its data: rows as a table, text as text, anything else
    as JSON.
    """
    try:
        renderer = find_renderer(artifact.type or "")
        return as_blocks(renderer(artifact))
    except Exception as error:
        # The function is not ours: whatever it raises, the artifact is still shown.
        problem = f"The renderer of {artifact.type!r} failed: {type(error).__name__}: {error}"
        return (blocks.Note(problem[:500], problem=True), blocks.Json(artifact.data))


def find_renderer(type: str) -> Renderer:
    """Return the renderer of a type: a registered one, an installed one, or one that goes by the data."""
    if type in _RENDERERS:
        return _RENDERERS[type]
    entry = _entry_points().get(type)
    if entry is None:
        return blocks_by_shape
    renderer: Renderer = entry.load()
    return renderer


@cache
def _entry_points() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=_GROUP)}


def render_artifact(
    artifact: Shown, surroundings: ArtifactContext | None = None
) -> tuple[Block, ...]:
    """Return all blocks of an artifact: what it is, what changed and its trend, what it holds, how to read it back.

    Args:
        artifact: an `Artifact`.
        surroundings: what `ArtifactStore.read_surroundings` says of it; without them neighbours, changes and
            trend are missing.

    Returns:
        The blocks, which `print_blocks` and the writers of HTML show.

    Examples:
        >>> from artifact_store import ArtifactStore
        >>> store = ArtifactStore("sqlite:///:memory:")
        >>> load = store.create_artifact(key="load", type="progress", data=40)
        >>> [type(block).__name__ for block in render_artifact(load)]
        ['Title', 'Progress', 'Reference']
    """
    is_artifact = hasattr(artifact, "updated") and hasattr(artifact, "description")
    if not is_artifact or not isinstance(surroundings, ArtifactContext | None):
        types = f"{type(artifact).__name__} and {type(surroundings).__name__}"
        raise TypeError(
            f"render_artifact takes an Artifact and ArtifactContext or None, not {types}."
        )

    context = surroundings or ArtifactContext(ref_of(artifact))
    names = alias_names(context.aliases, artifact.version)
    result: list[Block] = [blocks.Title(context.ref, artifact.type, artifact.updated, names)]
    if artifact.description:
        result.append(blocks.Markdown(artifact.description))
    if artifact.metadata:
        result.append(blocks.Facts(tuple(artifact.metadata.items())))
    if context.changes or context.compared:
        changes = blocks.Changes(context.changes, context.previous, context.ref, context.compared)
        result.append(changes)
    if len(context.series) > 1:
        result.append(blocks.Plot(context.series, context.field or "data"))
    result += render(artifact)
    result.append(reference_block(artifact, context))
    return tuple(result)


def reference_block(artifact: Shown, context: ArtifactContext) -> blocks.Reference:
    """Return the block that every artifact ends with."""
    return blocks.Reference(
        ref=context.ref,
        id=artifact.id,
        previous=context.previous,
        next=context.next,
        latest=context.latest,
        made_by=tuple(made_by(artifact, context)),
        created=artifact.created,
        aliases=aliases_text(context.aliases, artifact.version),
        provenance=tuple(provenance_facts(context.provenance, context.ref)),
    )


def reference_facts(block: blocks.Reference) -> list[Fact]:
    """Return the names and values that every writer shows at the end of an artifact."""
    facts: list[Fact] = []
    if block.previous:
        facts.append(("previous", block.previous))
    if block.next:
        facts.append(("next", block.next))
    if block.latest is not None and not block.ref.endswith(f"@{block.latest}"):
        facts.append(("latest", f"version {block.latest}"))
    if block.aliases:
        facts.append(("aliases", block.aliases))
    facts += block.provenance
    facts += block.made_by
    facts.append(("created", moment_text(block.created)))
    if block.ref != str(block.id):
        facts.append(("id", str(block.id)))
    return facts


def as_blocks(returned: "Block | str | Iterable[Block | str]") -> tuple[Block, ...]:
    """Return what a renderer has returned as blocks; text is Markdown."""
    parts = [returned] if isinstance(returned, str | Block) else returned
    result: list[Block] = []
    for part in parts:
        if isinstance(part, str):
            result.append(blocks.Markdown(part))
        elif isinstance(part, _BLOCKS):
            result.append(part)
        else:
            raise TypeError(f"it returned {type(part).__name__}, not blocks or text")
    return tuple(result)


# The renderers


def blocks_by_shape(artifact: Shown) -> Iterable[Block]:
    """Show data of a type that nobody has registered: rows as a table, text as text, the rest as JSON."""
    data = artifact.data
    if data is None:
        return [blocks.Note(_NO_DATA)]
    if isinstance(data, str):
        return [blocks.Text(data)]
    if isinstance(data, list) and data and all(isinstance(row, dict) for row in data):
        return row_blocks(artifact, data)
    return [blocks.Json(data)]


def unexpected(artifact: Shown, expected: str, reason: str = "") -> Iterable[Block]:
    """Show data that is not of the form that its type promises."""
    if artifact.data is None:
        return [blocks.Note(_NO_DATA)]
    problem = f"This {artifact.type} does not hold {expected}. {reason}"
    return [blocks.Note(problem.rstrip(), problem=True), *blocks_by_shape(artifact)]


def table_blocks(artifact: Shown) -> Iterable[Block]:
    """Show a table."""
    try:
        rows = rows_of(artifact.data)
    except InvalidArtifact as error:
        return unexpected(artifact, "rows", str(error))
    return row_blocks(artifact, rows)


def row_blocks(artifact: Shown, rows: list[Row]) -> Iterable[Block]:
    """Show rows below their profile: the one that was stored with them, or one that is made now."""
    profile = known_profile(artifact.profile) or profile_table(rows)
    names = column_names(rows)
    if not rows:  # it may have columns all the same
        names = [column["name"] for column in profile["columns"]]
    return [blocks.Profile(profile), blocks.Table(tuple(names), rows)]


def member(data: object, name: str) -> object:
    """Return a member of an object; anything else as it is, which is how Prefect stores some types."""
    return data.get(name) if isinstance(data, dict) else data


def markdown_blocks(artifact: Shown) -> Iterable[Block]:
    """Show Markdown."""
    text = member(artifact.data, "markdown")
    if not isinstance(text, str):
        return unexpected(artifact, "text")
    return [blocks.Markdown(text)]


def link_blocks(artifact: Shown) -> Iterable[Block]:
    """Show a link."""
    url = member(artifact.data, "link")
    if not isinstance(url, str):
        return unexpected(artifact, "a link")
    if url.startswith("["):  # Prefect stores a link as Markdown
        return [blocks.Markdown(url)]
    return [blocks.Link(url, optional_text(artifact.data, "link_text"))]


def image_blocks(artifact: Shown) -> Iterable[Block]:
    """Show an image."""
    source = member(artifact.data, "image")
    if not isinstance(source, str):
        return unexpected(artifact, "an image")
    return [blocks.Image(source, optional_text(artifact.data, "alt"))]


def optional_text(data: object, name: str) -> str | None:
    """Return a member of an object if it is text."""
    text = data.get(name) if isinstance(data, dict) else None
    return text if isinstance(text, str) else None


def progress_blocks(artifact: Shown) -> Iterable[Block]:
    """Show a progress."""
    percent = member(artifact.data, "progress")
    if isinstance(percent, bool) or not isinstance(percent, int | float):
        return unexpected(artifact, "a number")
    pace = read_pace(artifact)
    facts = [] if pace is None else pace_facts(pace, artifact.updated)
    return [blocks.Progress(percent, ", ".join(facts))]


def json_blocks(artifact: Shown) -> Iterable[Block]:
    """Show JSON."""
    return [blocks.Json(artifact.data)]


_RENDERERS: dict[str, Renderer] = {
    "table": table_blocks,
    "markdown": markdown_blocks,
    "link": link_blocks,
    "image": image_blocks,
    "progress": progress_blocks,
    "result": json_blocks,
    "json": json_blocks,
}
