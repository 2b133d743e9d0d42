"""What the report shows, as HTML: a row of the overview, one version of an artifact, the history of a key.

The script of the page (`report.js`) finds elements by the classes, ids and `data-` attributes written here.
"""

import math
import re
from collections.abc import Sequence

from ..differences.versions import Since
from ..rendering import blocks
from ..rendering.context import Point, ref_of
from ..rendering.markup import Html, element, join
from ..rendering.plot import line_plot, share
from ..rendering.renderers import render
from ..rendering.runs import run_state, state_tone
from ..rendering.text import (
    number_text,
    short_number,
)
from ..schemas.artifacts import Artifact
from .details import detail_cards
from .elements import (
    MAX_LINE,
    blocks_html,
    card,
    key_chips,
    muted,
    short_line,
    time_html,
    type_html,
    version_chips,
)
from .history import History, Origin

__all__ = ["file_name", "history_html", "row_html", "version_html"]

_SPARK_WIDTH = 88
_SPARK_HEIGHT = 24
_SPARK_MARGIN = 3
_MAX_DESCRIPTION = 160  # characters, in the overview
_MAX_REASON = 80  # characters, in the overview
_MOST_LISTED = 100  # changes of a version; if there are more, none is listed

# Overview


def row_html(number: int, history: History) -> Html:
    """Return the row of a key: what it holds, its trend, its age, and the run that made it.

    Args:
        number: the number of the key in this report.
        history: the key.
    """
    latest = history.latest
    origin = history.origins[latest.id]
    flow = origin.flow.name if origin.flow else ""
    row = element(
        "tr",
        key_cell(latest, history),
        element("td", type_html(latest.type), role="cell", class_="c-type"),
        element("td", trend_html(history), role="cell", class_="c-trend"),
        element("td", f"@{latest.version}", role="cell", class_="c-version number"),
        element("td", time_html(latest.updated, ages=True), role="cell", class_="c-age"),
        element("td", *origin_html(origin), role="cell", class_="run"),
        role="row",
        data_key=short_line(latest.key),
        data_type=short_line(latest.type or ""),
        data_flow=short_line(flow),
        data_run=short_line(run_name(origin)),
        data_version=latest.version,
        data_updated=f"{latest.updated.timestamp():.6f}",
        data_n=number,
    )
    return join([row, Html("\n")])


def key_cell(latest: Artifact, history: History) -> Html:
    """Return the key as a link, with its aliases, above the beginning of the description."""
    description = (latest.description or "")[:MAX_LINE]
    words = description.replace("**", "").replace("`", "").split()
    about = short_line(" ".join(words)[:_MAX_DESCRIPTION])
    return element(
        "th",
        element("a", short_line(latest.key), href=f"#{latest.key or ''}"),
        *key_chips(history),
        element("span", about, class_="about") if about else None,
        scope="row",
        role="rowheader",
        class_="key",
    )


def run_name(origin: Origin) -> str:
    """Return the name of a flow run, or its id; nothing outside of runs."""
    if origin.flow_run is not None:
        return origin.flow_run.name
    return str(origin.flow_run_id or "")


def origin_html(origin: Origin) -> list[Html]:
    """Return the flow above its run, or the run alone; below them why the run failed."""
    run = short_line(run_name(origin))
    lines = []
    if origin.flow is not None:
        lines = [element("span", short_line(origin.flow.name)), muted(run)]
    elif run:
        lines = [element("span", run)]
    if origin.flow_run is not None and state_tone(origin.flow_run.state_type) == "bad":
        # The column is narrow: the duration is left to the details.
        state = run_state(origin.flow_run, _MAX_REASON)._replace(name="", took="")
        text = short_line(state.text)
        lines.append(element("span", text, class_="bad", title=text))
    return lines


def trend_html(history: History) -> Html | None:
    """Return the first number of a key: a sparkline, and its newest value."""
    if not history.series:
        return None
    field, points = next(iter(history.series.items()))
    values = [point.value for point in points if math.isfinite(point.value)]
    if not values:
        return None
    if len(values) == 1 and field != "data":
        return None

    name = field.removeprefix("metadata.").removeprefix("data.")
    label = muted(short_line(name)) if name != "data" else None
    newest = element("span", short_number(values[-1]), label, class_="number")
    drawing = sparkline_html(values) if len(values) > 1 else None
    return element("span", drawing, newest, class_="trend")


def sparkline_html(values: Sequence[float]) -> Html:
    """Return a line through numbers, with a point at its end."""
    low = min(values)
    high = max(values)
    step = (_SPARK_WIDTH - 2 * _SPARK_MARGIN) / (len(values) - 1)
    bottom = _SPARK_HEIGHT - _SPARK_MARGIN
    height = bottom - _SPARK_MARGIN

    positions = []
    for index, value in enumerate(values):
        x = _SPARK_MARGIN + step * index
        y = bottom - height * share(value, low, high)
        positions.append((f"{x:.1f}", f"{y:.1f}"))
    last_x, last_y = positions[-1]
    return element(
        "svg",
        element("polyline", points=" ".join(f"{x},{y}" for x, y in positions)),
        element("circle", cx=last_x, cy=last_y, r="2.2"),
        class_="spark",
        viewBox=f"0 0 {_SPARK_WIDTH} {_SPARK_HEIGHT}",
        aria_hidden="true",
    )


# One version


def version_html(number: int, artifact: Artifact, history: History, since: Since | None) -> Html:
    """Return what is shown when a version is opened.

    The script puts the history of the key into the empty elements, so that it is not repeated.

    Args:
        number: the number of the key in this report.
        artifact: the version, with its data.
        history: its key; of its versions at least the neighbours.
        since: what changed since the previous version.
    """
    content = element(
        "section",
        element("h2", "Content", id="_content", class_="visually-hidden"),
        blocks_html(*render(artifact)),
        class_="card content",
        aria_labelledby="_content",
    )
    trends = element("div", class_="trends")
    versions = element("div", class_="versions-of")
    rest = element("div", versions, *detail_cards(artifact, history), class_="rest")
    return join(
        [
            element("p", element("a", "All artifacts", href="#"), class_="crumbs"),
            head_html(artifact, history),
            strip_html(number, artifact, history),
            changes_html(since),
            element("div", trends, content, rest, class_="columns"),
            readback_html(ref_of(artifact)),
        ]
    )


def head_html(artifact: Artifact, history: History) -> Html:
    """Return the title of a version, above its description."""
    version = element("span", f"@{artifact.version}", class_="at")
    is_latest = artifact.version == history.latest.version
    title = element(
        "div",
        element("h1", short_line(artifact.key), version, tabindex=-1),
        type_html(artifact.type),
        element("span", "latest", class_="badge") if is_latest else None,
        *version_chips(artifact, history),
        class_="title",
    )
    if not artifact.description:
        return title
    description = blocks_html(blocks.Markdown(artifact.description))
    return join([title, element("div", description, class_="about")])


def strip_html(number: int, artifact: Artifact, history: History) -> Html:
    """Return links to the neighbours of a version, and the button that saves its payload."""
    previous = history.previous(artifact)
    following = history.following(artifact)
    latest = history.latest

    links = []
    if previous:
        links.append(neighbour_html(previous, history, "Older: "))
    if following:
        links.append(neighbour_html(following, history, "Newer: "))
    if following and following.version != latest.version:
        links.append(neighbour_html(latest, history, "Latest: "))
    save = element(
        "button",
        "Download data",
        type="button",
        class_="main",
        data_do="save",
        data_as="text" if isinstance(artifact.data, str) else "json",
        data_from=f"_d{number}.{artifact.version}",
        data_name=file_name(artifact),
    )
    return element(
        "div",
        element("nav", *links, class_="steps", aria_label="Neighbouring versions"),
        save,
        class_="strip",
    )


def neighbour_html(artifact: Artifact, history: History, label: str) -> Html:
    """Return a link to a version; text where it cannot be opened."""
    name = f"{label}@{artifact.version}"
    if artifact.version not in history.kept:
        return element("span", f"{name} (not kept here)", class_="step muted")
    return element("a", name, class_="step", href=f"#{ref_of(artifact)}")


def file_name(artifact: Artifact) -> str:
    """Return the name of the file that a payload is saved as.

    Examples:
        >>> from artifact_store import ArtifactStore
        >>> store = ArtifactStore("sqlite:///:memory:")
        >>> file_name(store.create_artifact(key="weather/summary", type="markdown", data="# Dry"))
        'weather-summary@1.md'
    """
    if not isinstance(artifact.data, str):
        extension = "json"
    elif artifact.type == "markdown":
        extension = "md"
    else:
        extension = "txt"
    stem = re.sub("[^A-Za-z0-9._@-]", "-", ref_of(artifact))
    return f"{stem}.{extension}"


def changes_html(since: Since | None) -> Html:
    """Return what changed since the previous version, which unfolds the list of all changes if they are few."""
    if since is None:
        return Html("")
    diff = since.diff
    listed = diff.blocks(_MOST_LISTED)[1:]
    is_whole = since.compared == "data" and len(diff.to_rows(_MOST_LISTED + 1)) <= _MOST_LISTED
    if not listed or not is_whole:
        # The line of Python that returns the difference is shown instead.
        block = blocks.Changes(since.changes, diff.before, diff.after, since.compared)
        return element("div", blocks_html(block), class_="changed")

    details = element("details", element("summary", "All changes"), blocks_html(*listed))
    block = blocks.Changes(since.changes, diff.before, compared=since.compared)
    return element("div", blocks_html(block), details, class_="changed")


def readback_html(ref: str) -> Html:
    """Return the line of Python that reads an artifact back, and a button that copies it."""
    return element(
        "section",
        element("code", f'store.read_artifact_ref("{short_line(ref)}")'),
        element("button", "Copy", type="button", data_do="copy"),
        class_="card readback",
        aria_label="Read it back in Python",
    )


# The history of a key


def history_html(history: History) -> tuple[Html, Html]:
    """Return the trends of a key, of which one is shown at a time, and its versions."""
    return trends_html(history), versions_html(history)


def plotted_series(history: History) -> dict[str, Sequence[Point]]:
    """Return the numbers that are worth a plot: those of two versions and more."""
    return {field: points for field, points in history.series.items() if len(points) > 1}


def trends_html(history: History) -> Html:
    """Return the plots of a key; nothing where there is none."""
    series = plotted_series(history)
    if not series:
        return Html("")

    first = next(iter(series))
    plots = []
    for field, points in series.items():
        plot = line_plot(points, field)
        figure = element("figure", plot, data_field=short_line(field), hidden=field != first)
        plots.append(figure)
    heading = element("h2", "Trend", id="_trend")
    return element(
        "section",
        element("div", heading, field_choice(list(series)), class_="head"),
        *plots,
        class_="card",
        aria_labelledby="_trend",
    )


def field_choice(fields: Sequence[str]) -> Html:
    """Return the choice of the number that is plotted, or its name if there is one."""
    names = [short_line(field) for field in fields]
    if len(names) == 1:
        return element("code", names[0])
    return element(
        "select",
        *[element("option", name, value=name) for name in names],
        class_="field",
        aria_label="The number that is plotted",
    )


def versions_html(history: History) -> Html:
    """Return the list of versions."""
    values = {
        field: {point.version: point.value for point in points}
        for field, points in plotted_series(history).items()
    }
    items = [element("li", version_item(each, history, values)) for each in history.versions]
    parts = [element("ol", *items, reversed=True, class_="versions")]

    notes = []
    if history.older or any(each.version not in history.kept for each in history.versions):
        kept = len(history.kept)
        notes.append(f"The newest {kept} are kept in this file, the store has them all.")
    if history.older:
        notes.append(f"{history.older:,} older ones are not listed.")
    if notes:
        parts.append(element("p", " ".join(notes), class_="small"))

    total = len(history.versions) + history.older
    return card("_versions", f"Versions ({total:,})", *parts)


def version_item(artifact: Artifact, history: History, values: dict[str, dict[int, float]]) -> Html:
    """Return one version of the list, with the number that is plotted; the script chooses which."""
    version = artifact.version
    content = [
        element("span", f"@{version}", class_="v"),
        *version_chips(artifact, history),
        time_html(artifact.created, ages=True),
    ]
    for index, (field, by_version) in enumerate(values.items()):
        if version in by_version:
            value = element(
                "span",
                number_text(by_version[version]),
                class_="value",
                data_field=short_line(field),
                hidden=index > 0,
            )
            content.append(value)

    if version not in history.kept:
        return element("span", *content, class_="gone")
    return element("a", *content, href=f"#{ref_of(artifact)}", data_version=version)
