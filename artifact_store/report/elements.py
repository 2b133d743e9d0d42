"""Small elements that the views of a report share: lines, times, cards and chips."""

from datetime import UTC, datetime

from ..rendering import blocks
from ..rendering.aliases import alias_names
from ..rendering.html import blocks_to_html
from ..rendering.markup import Html, element
from ..rendering.text import cell_text, escape_controls, moment_text
from ..schemas.artifacts import Artifact
from .history import History

__all__ = [
    "MAX_LINE",
    "blocks_html",
    "card",
    "key_chips",
    "muted",
    "short_line",
    "time_html",
    "type_html",
    "version_chips",
]

MAX_LINE = 1_000  # characters


def short_line(value: object) -> str:
    """Return a value as one short line of text."""
    return escape_controls(cell_text(str(value), MAX_LINE))


def time_html(moment: datetime, *, ages: bool = False) -> Html:
    """Return a time; with `ages` the script shows how long ago it is, and the time as a tooltip."""
    utc = moment.astimezone(UTC)
    return element(
        "time",
        moment_text(moment),
        datetime=f"{utc:%Y-%m-%dT%H:%M:%SZ}",
        data_age=ages,
    )


def muted(text: str) -> Html:
    """Return text of less importance."""
    return element("span", text, class_="muted")


def blocks_html(*shown: blocks.Block) -> Html:
    """Return blocks, without images of other servers: the page may load nothing."""
    html = blocks_to_html(shown, external_images=False)
    return element("div", html, class_="artifact-store")


def card(name: str, heading: str, *content: Html) -> Html:
    """Return a part of the page below a heading."""
    return element(
        "section",
        element("h2", heading, id=name),
        *content,
        class_="card",
        aria_labelledby=name,
    )


def type_html(type: str | None) -> Html | None:
    """Return the type of an artifact; nothing where it has none."""
    if not type:
        return None
    return element("span", short_line(type), class_="type")


def key_chips(history: History) -> list[Html]:
    """Return the aliases of a key; those of versions before the latest with that version."""
    chips = []
    for alias in history.aliases:
        is_latest = alias.version == history.latest.version
        text = alias.name if is_latest else f"{alias.name} @{alias.version}"
        chips.append(element("span", short_line(text), class_="alias"))
    return chips


def version_chips(artifact: Artifact, history: History) -> list[Html]:
    """Return the aliases that name a version."""
    names = alias_names(history.aliases, artifact.version)
    return [element("span", short_line(name), class_="alias") for name in names]
