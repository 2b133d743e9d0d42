"""The table of renderers by artifact type, which notebooks, the terminal and reports share."""

from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar, get_args, overload
from uuid import UUID

from ..errors import InvalidArtifact
from ..rendering import blocks
from ..tables.profile import known_profile, profile_table
from ..tables.rows import column_names, rows_of
from ..wording import shown
from .blocks import Block
from .context import ArtifactContext, Run, Shown, ref_of
from .text import moment_text

__all__ = ["Renderer", "reference_facts", "register_renderer", "render", "render_artifact"]

Renderer = Callable[[Any], "Block | str | Iterable[Block | str]"]
R = TypeVar("R", bound=Renderer)

_GROUP = "artifact_store.renderers"
_RETURNED: tuple[type[Any], ...] = (str, *get_args(Block))
_NO_DATA = "No data: it has none, or was read without."
_REFUSED = "{name} is not a renderer: pass a function that takes an Artifact and returns blocks or Markdown text."


@overload
def register_renderer(type: str, function: R) -> R: ...
@overload
def register_renderer(type: str) -> Callable[[R], R]: ...
def register_renderer(type: str, function: R | None = None) -> Any:
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
        return lambda given: register_renderer(type, given)
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
        renderer = _RENDERERS.get(artifact.type or "") or _installed(artifact.type) or _by_shape
        return _checked(renderer(artifact))
    except Exception as error:
        # The function is not ours: whatever it raises, the artifact is still shown.
        problem = f"The renderer of {artifact.type!r} failed: {type(error).__name__}: {error}"
        return (blocks.Note(problem[:500], problem=True), blocks.Json(artifact.data))


def _installed(type: str | None) -> Renderer | None:
    """Return the renderer that an installed package brings for a type, `None` when there is none."""
    entry = _entry_points().get(type or "")
    if entry is None:
        return None
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
    complete = hasattr(artifact, "updated") and hasattr(artifact, "description")
    if not complete or not isinstance(surroundings, ArtifactContext | None):
        given = f"{type(artifact).__name__} and {type(surroundings).__name__}"
        raise TypeError(
            f"render_artifact takes an Artifact and ArtifactContext or None, not {given}."
        )
    around = surroundings or ArtifactContext(ref_of(artifact))
    shown: list[Block] = [blocks.Title(around.ref, artifact.type, artifact.updated)]
    if artifact.description:
        shown.append(blocks.Markdown(artifact.description))
    if artifact.metadata:
        shown.append(blocks.Facts(tuple(artifact.metadata.items())))
    if around.changes:
        shown.append(blocks.Changes(around.changes, around.previous))
    if len(around.series) > 1:
        shown.append(blocks.Plot(around.series, around.field or "data"))
    return (*shown, *render(artifact), _reference(artifact, around))


def _reference(artifact: Shown, around: ArtifactContext) -> blocks.Reference:
    """Return the block that every artifact ends with; a run that the store does not know is named by its id."""
    run, task = around.flow_run, around.task_run
    made_by = [
        ("flow", around.flow and around.flow.name),
        ("flow run", _told(run, artifact.flow_run_id)),
        ("task run", _told(task, artifact.task_run_id)),
    ]
    return blocks.Reference(
        around.ref,
        artifact.id,
        around.previous,
        around.next,
        around.latest,
        tuple((kind, name) for kind, name in made_by if name),
        artifact.created,
    )


def reference_facts(block: blocks.Reference) -> list[tuple[str, str]]:
    """Return what every writer tells at the end of an artifact, below the line that reads it back."""
    facts = [
        (name, ref) for name, ref in (("previous", block.previous), ("next", block.next)) if ref
    ]
    if block.latest is not None and not block.ref.endswith(f"@{block.latest}"):
        facts.append(("latest", f"version {block.latest}"))
    facts += [*block.made_by, ("created", moment_text(block.created))]
    return facts if block.ref == str(block.id) else [*facts, ("id", str(block.id))]


def _told(run: Run | None, run_id: UUID | None) -> str | None:
    if run is None:
        return None if run_id is None else str(run_id)
    return f"{run.name}, {run.state_name}" if run.state_name else run.name


def _checked(made: "Block | str | Iterable[Block | str]") -> tuple[Block, ...]:
    """Return what a renderer has made as blocks; text is Markdown."""
    many: list[Any] = [made] if isinstance(made, _RETURNED) else list(made)  # type: ignore[arg-type]
    for each in many:
        if not isinstance(each, _RETURNED):
            raise TypeError(f"it returned {type(each).__name__}, not blocks or text")
    return tuple(blocks.Markdown(each) if isinstance(each, str) else each for each in many)


# The renderers


def _by_shape(artifact: Shown) -> Iterable[Block]:
    """Show data of a type that nobody has registered."""
    data = artifact.data
    if data is None:
        return [blocks.Note(_NO_DATA)]
    if isinstance(data, str):
        return [blocks.Text(data)]
    rows = isinstance(data, list) and data and all(isinstance(row, dict) for row in data)
    return _rows(artifact, data) if rows else [blocks.Json(data)]


def _unlike(artifact: Shown, wanted: str, reason: str = "") -> Iterable[Block]:
    """Show data that is not of the form that its type promises."""
    if artifact.data is None:
        return [blocks.Note(_NO_DATA)]
    problem = f"This {artifact.type} does not hold {wanted}. {reason}".rstrip()
    return [blocks.Note(problem, problem=True), *_by_shape(artifact)]


def _table(artifact: Shown) -> Iterable[Block]:
    try:
        rows = rows_of(artifact.data)
    except InvalidArtifact as error:
        return _unlike(artifact, "rows", str(error))
    return _rows(artifact, rows)


def _rows(artifact: Shown, rows: list[dict[str, Any]]) -> Iterable[Block]:
    """Show rows below their profile: the one that was stored with them, or one that is made now."""
    profile = known_profile(artifact.profile) or profile_table(rows)
    # A table without rows may have columns all the same.
    names = column_names(rows) if rows else [column["name"] for column in profile["columns"]]
    return [blocks.Profile(profile), blocks.Table(tuple(names), rows)]


def _markdown(artifact: Shown) -> Iterable[Block]:
    data = artifact.data
    text = data.get("markdown") if isinstance(data, dict) else data
    return [blocks.Markdown(text)] if isinstance(text, str) else _unlike(artifact, "text")


def _link(artifact: Shown) -> Iterable[Block]:
    data = artifact.data
    url, text = (
        (data.get("link"), data.get("link_text")) if isinstance(data, dict) else (data, None)
    )
    if not isinstance(url, str):
        return _unlike(artifact, "a link")
    # Prefect stores a link as Markdown.
    return (
        [blocks.Markdown(url)]
        if url.startswith("[")
        else [blocks.Link(url, text if isinstance(text, str) else None)]
    )


def _image(artifact: Shown) -> Iterable[Block]:
    data = artifact.data
    source, alt = (data.get("image"), data.get("alt")) if isinstance(data, dict) else (data, None)
    if not isinstance(source, str):
        return _unlike(artifact, "an image")
    return [blocks.Image(source, alt if isinstance(alt, str) else None)]


def _progress(artifact: Shown) -> Iterable[Block]:
    data = artifact.data
    percent = data.get("progress") if isinstance(data, dict) else data
    if isinstance(percent, bool) or not isinstance(percent, int | float):
        return _unlike(artifact, "a number")
    return [blocks.Progress(percent)]


def _json(artifact: Shown) -> Iterable[Block]:
    return [blocks.Json(artifact.data)]


_RENDERERS: dict[str, Renderer] = {
    "table": _table,
    "markdown": _markdown,
    "link": _link,
    "image": _image,
    "progress": _progress,
    "result": _json,
    "json": _json,
}
